"""Starting a server on a port that is already ours, and staying with it until it ends."""

"""The configuration: what may be in the file, reading it, and saying what is wrong with it."""

"""What `devports init` finds in a project, and what servers are known by their words. Pure."""

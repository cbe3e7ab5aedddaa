"""The services that `devports init` detects in a project, and the table of known servers. Pure."""

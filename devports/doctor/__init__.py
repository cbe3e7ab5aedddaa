"""The rules of `devports doctor`: facts in, problems out. Pure."""

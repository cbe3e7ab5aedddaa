"""The completion scripts, shipped as data: each asks `devports __complete` at every TAB."""

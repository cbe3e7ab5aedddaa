"""The configuration: its keys, reading the file, and what is wrong with it."""

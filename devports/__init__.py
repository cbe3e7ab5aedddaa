"""devports: the port is yours before the server starts."""

__version__ = "0.1.0"

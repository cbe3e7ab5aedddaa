"""devports: start development servers on their ports, every time."""

__version__ = "0.1.0"

"""``python -m devports``."""

from devports.cli import start

if __name__ == "__main__":
    start()

"""``python -m devports``."""

import sys

from devports.cli import main

if __name__ == "__main__":
    sys.exit(main())

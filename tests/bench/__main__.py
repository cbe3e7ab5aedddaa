"""Every measurement, as markdown: `python -m tests.bench [ROUNDS]`. Nothing passes or fails."""

from __future__ import annotations

import platform
import sys

from tests.bench import check, freeing, hooks, race


def main() -> None:
    rounds = [int(word) for word in sys.argv[1:2]]
    print(f"## {platform.system()} {platform.release()}, Python {platform.python_version()}\n")
    for part in (check, freeing, race, hooks):
        print(part.report(*rounds), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

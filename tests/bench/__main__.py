"""Every measurement, as markdown. Nothing passes or fails.

    python -m tests.bench                  all parts, in about a quarter of an hour
    python -m tests.bench --quick          few rounds: whether all of it works
    python -m tests.bench --docs           write docs/speed.md and its pictures as well
    python -m tests.bench check relay      these parts only; with --docs the others stay
    python -m tests.bench matrix contest   these two take longer, and run only if they are named

DEVPORTS_BENCH_PEERS names a folder with peers to compare with, see `peers.py`.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import (
    begin,
    check,
    contest,
    freeing,
    hooks,
    matrix,
    page,
    race,
    relay,
    scale,
    screens,
    who,
)
from tests.bench.pairs import Section, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    Part = Callable[[], Section | list[Section]]

PARTS: dict[str, tuple[Part, Part]] = {
    "check": (check.report, partial(check.report, 3)),
    "freeing": (freeing.report, partial(freeing.report, 3)),
    "begin": (begin.report, partial(begin.report, 3)),
    "relay": (relay.report, partial(relay.report, 1, 0.02)),
    "screens": (screens.report, partial(screens.report, 3)),
    "hooks": (hooks.report, partial(hooks.report, 3)),
    "race": (partial(race.report, 3), partial(race.report, 1)),
    "scale": (scale.report, partial(scale.report, 1)),
    "who": (who.report, partial(who.report, 1)),
    "matrix": (matrix.report, partial(matrix.report, 1)),
    "contest": (contest.report, partial(contest.report, 1)),
}
"""Each part, with its own number of rounds, and quickly."""
LONG = ("matrix", "contest")
SPEED = ("check", "who", "screens", "scale", "freeing", "begin", "relay", "hooks")
"""What the page in the docs is made of, in its order."""


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.bench", None, __doc__, formatter_class=form)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="by default all short ones")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--docs", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("CI", "1")  # more patience: the machine is busy
    print(f"## {page.machine()}\n")
    found: dict[str, list[Section]] = {}
    for name in args.part or [name for name in PARTS if name not in LONG]:
        progress(f"== {name}")
        sections = PARTS[name][args.quick]()
        found[name] = [sections] if isinstance(sections, Section) else sections
        print(*found[name], sep="\n\n", end="\n\n", flush=True)
    if args.docs:
        shown = [section for name in SPEED for section in found.get(name, [])]
        page.write(shown, whole=set(SPEED) <= set(found))
    progress("done")


if __name__ == "__main__":
    main()

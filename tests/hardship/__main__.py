"""Disturb devports at its system calls, or run it very often, and count what went wrong.

    python -m tests.hardship errors [COMMAND ...]    each call fails once, and from then on
    python -m tests.hardship kills [COMMAND ...]     SIGKILL at each call
    python -m tests.hardship soak --cycles 300       start, ready, stop, free, up, down

In a PID namespace of its own (unshare --pid --fork --mount-proc) it takes a fraction of the time on
a machine with many processes. Ends with 1 if something failed, or if no disturbance was reached.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tests.hardship import soak
from tests.hardship.calls import ERRORS, LASTING, different
from tests.hardship.stage import SUBJECTS
from tests.hardship.sweep import HEADING, Trial, after_error, after_kill, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.hardship.calls import Moment
    from tests.hardship.sweep import Tally


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hardship",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["errors", "kills", "soak"])
    parser.add_argument("commands", nargs="*", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--every", type=int, default=1, help="try each N-th call only")
    parser.add_argument("--sample", type=int, default=0, help="try only N calls of each command")
    parser.add_argument("--error", action="append", help="only this error, EMFILE for example")
    parser.add_argument("--all", action="store_true", help="also calls that repeat or only read")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cycles", type=int, default=300)
    args = parser.parse_args()
    if args.what == "soak":
        return soak.report(args.cycles)
    trials, judge = (errors, after_error) if args.what == "errors" else (kills, after_kill)

    def chosen(moments: Sequence[Moment]) -> Sequence[Trial]:
        every = [*trials(moments if args.all else tuple(different(moments)), args)]
        step = max(1, len(every) // args.sample) if args.sample else args.every
        return every[step // 2 :: step][: args.sample or None]

    names = args.commands or SUBJECTS
    tallies: list[Tally] = []
    print(HEADING)
    for name in names:
        made = sweep(name, chosen, judge, args.jobs)
        print("\n".join(tally.row() for tally in made), flush=True)
        tallies += made
    return report(tallies)


def errors(moments: Sequence[Moment], args: argparse.Namespace) -> Iterator[Trial]:
    kinds = [*ERRORS, *(f"{error}+" for error in LASTING)]
    for kind in kinds:
        if not args.error or kind.removesuffix("+") in args.error:
            yield from (Trial(m, f"error={kind}") for m in moments if m.fails)


def kills(moments: Sequence[Moment], args: argparse.Namespace) -> Iterator[Trial]:
    yield from (Trial(m, "signal=KILL") for m in moments if args.all or m.changes)


def report(tallies: Sequence[Tally]) -> int:
    trials, reached = sum(t.trials for t in tallies), sum(t.reached for t in tallies)
    failures = [failure for tally in tallies for failure in tally.failures]
    print(f"\n{trials} trials, {reached} reached, {len(failures)} failures\n")
    for tally in tallies:
        for said, count in tally.said.most_common(4):
            print(f"{tally.command}, {tally.how}: {count} times {said}")
    print("\n" + "\n".join(failures))
    return int(bool(failures) or not reached)


if __name__ == "__main__":
    raise SystemExit(main())

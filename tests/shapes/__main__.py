"""`python -m tests.shapes`: the table of holder shapes, in Markdown, for people."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
from typing import TYPE_CHECKING

import psutil

from tests.harness import node
from tests.shapes.catalogue import SHAPES
from tests.shapes.stage import USERS
from tests.shapes.trial import attempts, devports, rival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.shapes.catalogue import Shape
    from tests.shapes.trial import Trial

RIVALS = {
    "lsof -ti :PORT \\| xargs kill -9": "lsof -ti :{port} | xargs -r kill -9",
    "fuser -k PORT/tcp": "fuser -k {port}/tcp",
    "kill-port": "node {modules}/kill-port/cli.js {port}",
}
MOMENTS = (0.0, 1.0, 5.0)
LONGEST = 78


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.shapes")
    parser.add_argument("names", nargs="*", help="parts of the shapes' names; all by default")
    parser.add_argument("--rivals", action="store_true", help="the same for other tools")
    parser.add_argument("--at-once", type=int, default=6)
    args = parser.parse_args()
    shapes = [s for s in SHAPES if not args.names or any(name in s.name for name in args.names)]
    print(heading())
    for user in USERS:
        print(f"\n### As {user}, whose own servers they are\n")
        pairs = [(shape, user) for shape in shapes]
        records = attempts(pairs, at_once=args.at_once, free=devports, always=True)
        print(table([records[shape.name, user] for shape in shapes]))
    if args.rivals:
        print(f"\n### Other tools, as {next(iter(USERS))}\n")
        print(compared(shapes, args.at_once))
    return 0


def heading() -> str:
    """Return when and where this was measured."""
    import platform

    today = dt.datetime.now(tz=dt.timezone.utc).date()
    packages = ", ".join(f"{name} {version}" for name, version in versions())
    kernel = f"Linux {platform.release().partition('-')[0]}"
    cores = psutil.cpu_count()
    return f"{today}, {kernel}, {cores} cores, Python {platform.python_version()}; {packages}."


def versions() -> list[tuple[str, str]]:
    """Return the servers' versions, as far as they are installed."""
    from importlib import metadata

    found = [(n, metadata.version(n)) for n in "uvicorn gunicorn flask django supervisor".split()]
    try:
        modules = node.modules()
    except node.MissingError:
        return found
    import json

    for name in ("vite", "nodemon", "pm2", "kill-port"):
        with open(os.path.join(modules, name, "package.json"), encoding="utf-8") as file:
            found.append((name, json.load(file)["version"]))
    return found


def table(records: Sequence[Trial]) -> str:
    """Return what devports said and what is true, a line for each shape."""
    rows = [
        "| holder | what devports said | exit | free at once | after 1 s | after 5 s | others |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*rows, *map(row, records)])


def row(trial: Trial) -> str:
    if trial.done is None:
        return f"| {trial.shape.name} | *{trial.missing or trial.failed}* | | | | | |"
    told = said(trial)
    free = [yes(trial.free_at(moment)) for moment in MOMENTS]
    others = "alive" if not trial.dead else "**killed: " + ", ".join(trial.dead) + "**"
    return "| " + " | ".join([trial.shape.name, told, str(trial.code), *free, others]) + " |"


def yes(answer: bool) -> str:
    return "yes" if answer else "no"


def said(trial: Trial) -> str:
    """Return the line that tells what came of it, without numbers that change."""
    assert trial.done is not None
    lines = [line.removeprefix("devports: ") for line in trial.done.text.splitlines()]
    starts = ("note: ",) if trial.code else ("port ",)
    told = next((line for line in lines if line.startswith(starts)), lines[-1] if lines else "")
    notes = [line for line in lines if " after SIG" in line or "let go of" in line]
    words = "; ".join([*notes[:1], told.removeprefix("note: ")] if not trial.code else [told])
    words = words.removeprefix("note: ").replace("|", "\\|")
    return words if len(words) <= 2 * LONGEST else words[: 2 * LONGEST] + "..."


def compared(shapes: Sequence[Shape], at_once: int) -> str:
    """Return for each tool and shape: freed for good, busy, and who was killed with it."""
    user = next(iter(USERS))
    tools = [name for name, line in RIVALS.items() if usable(line)]
    results = {
        tool: attempts(
            [(shape, user) for shape in shapes],
            at_once=at_once,
            free=rival(RIVALS[tool]),
            always=True,
        )
        for tool in tools
    }
    rows = ["| holder | " + " | ".join(f"`{tool}`" for tool in tools) + " |"]
    rows.append("|---" * (len(tools) + 1) + "|")
    for shape in shapes:
        cells = [outcome(results[tool][shape.name, user]) for tool in tools]
        rows.append(f"| {shape.name} | " + " | ".join(cells) + " |")
    return "\n".join([*rows, "", *(total(tool, list(results[tool].values())) for tool in tools)])


def usable(line: str) -> bool:
    if "modules" not in line:
        return shutil.which(line.split(maxsplit=1)[0]) is not None
    try:
        node.modules()
    except node.MissingError:
        return False
    return True


def outcome(trial: Trial) -> str:
    if trial.done is None:
        return "-"
    state = "free" if trial.free_at(5.0) else "**busy**"
    harm = f", killed: {', '.join(trial.dead)}" if trial.dead else ""
    return f"{state}, exit {trial.code}{harm}"


def total(tool: str, records: Sequence[Trial]) -> str:
    """Return one sentence about a tool."""
    done = [trial for trial in records if trial.done is not None]
    busy = [trial for trial in done if not trial.free_at(5.0)]
    silent = sum(trial.code == 0 for trial in busy)
    hurt = sum(bool(trial.dead) for trial in done)
    return (
        f"- `{tool}` leaves {len(busy)} of {len(done)} busy, exits with 0 in {silent} of those,"
        f" and kills innocents in {hurt}."
    )


if __name__ == "__main__":
    sys.exit(main())

"""What a look at one port costs: `devports check` beside lsof, fuser, ss and a bare Python.

`python -m tests.bench.check [ROUNDS]`
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from tests.bench.pairs import Job, measure, table
from tests.harness.actors import argv_of, start
from tests.harness.command import installed
from tests.harness.ports import reserved_block

if TYPE_CHECKING:
    from collections.abc import Iterator


def jobs(port: int) -> Iterator[Job]:
    """Yield the commands: the bare interpreter first, then those that this machine has."""
    yield Job("`python -c pass`", [sys.executable, "-c", "pass"])
    yield Job("**`devports check`**", [*installed(), "check", str(port)])
    yield Job("`devports status --json`", [*installed(), "status", str(port), "--json"])
    peers = {
        "`lsof -nP -iTCP:PORT`": ["lsof", "-nP", f"-iTCP:{port}"],
        "`fuser PORT/tcp`": ["fuser", f"{port}/tcp"],
        "`ss -ltn`": ["ss", "-Hltn", f"sport = :{port}"],
        "`ss -ltnp`": ["ss", "-Hltnp", f"sport = :{port}"],
    }
    for name, argv in peers.items():
        if shutil.which(argv[0]):
            yield Job(name, argv)


def report(rounds: int = 21) -> str:
    parts = []
    with reserved_block() as port:
        for title, animal in (
            ("a free port", ""),
            ("a listener", "listener"),
            ("bound, not listening", "bound_only"),
        ):
            actor = start(animal, argv_of(animal, port)) if animal else None
            measured = list(jobs(port))
            measure(measured, rounds)
            if actor:
                actor.end()
            parts.append(f"### A look at {title}\n\n{table(measured)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))

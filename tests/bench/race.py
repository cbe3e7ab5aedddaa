"""How often is a start lost to a rival that wants the same port all the time?

Each round starts `devports run` with a rival that binds and listens in a loop, and says how many
starts served, how often the rival hit (a rival that never hits proves nothing), and how often
"ready" was said while the port was not ours: that number has to be 0.
`python -m tests.bench.race [ROUNDS]`
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections import Counter

import psutil

from tests.harness import tables
from tests.harness.actors import argv_of, start
from tests.harness.command import Command, Running, clean_environment
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.servers import COMMANDS
from tests.harness.waiting import NeverHappenedError, eventually

RIVALS = {
    "none": None,
    "without SO_REUSEADDR": ("--no-reuse", "--hold", 20),
    "with SO_REUSEADDR": ("--reuse", "--hold", 20),
    "with SO_REUSEADDR, keeps it": ("--reuse", "--hold", -1),
}
KINDS = ("uvicorn", "http.server")


def owned(running: Running, port: int) -> bool:
    try:
        tree = {p.pid for p in psutil.Process(running.pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return False
    return bool(tables.listening_pids(port) & tree)


def one_start(kind: str, rival_words: tuple[object, ...] | None) -> Counter[str]:
    """Start once; return what happened, counted by name."""
    with tempfile.TemporaryDirectory() as folder, reserved_block() as port:
        project = Project(folder)
        project.apps()
        project.service("web", port, COMMANDS[kind])
        rival = start("rival", argv_of("rival", port, *rival_words)) if rival_words else None
        command = Command(folder, clean_environment(folder), folder)
        running = command.start("run", "web", "--yes")
        found = Counter({"starts": 1})
        try:
            eventually(lambda: running.said_ready or running.ended, 40)
            said = running.said_ready
            found["served"] = int(bool(said) and owned(running, port))
            found["said ready, not owned"] = int(bool(said) and not owned(running, port))
        except NeverHappenedError:
            found["undecided"] = 1
        running.send(signal.SIGTERM)
        running.ends()
        if rival:
            words = rival.rest().split()
            found["rival tries"], found["rival hits"] = int(words[-3]), int(words[-1])
            rival.end()
        return found


def report(rounds: int = 10) -> str:
    columns = (
        "starts",
        "served",
        "said ready, not owned",
        "undecided",
        "rival tries",
        "rival hits",
    )
    lines = [
        "| server | rival | " + " | ".join(columns) + " |",
        "|---|---|" + "---:|" * len(columns),
    ]
    for kind in KINDS:
        for name, words in RIVALS.items():
            total: Counter[str] = Counter()
            for _ in range(rounds):
                total.update(one_start(kind, words))
            counts = " | ".join(str(total[column]) for column in columns)
            lines.append(f"| {kind} | {name} | {counts} |")
    return "### Starts with a rival on the port\n\n" + "\n".join(lines)


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))

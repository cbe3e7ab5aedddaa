"""How often is a start lost to a rival that wants the same port all the time?

Each round starts `devports run` and, once it says that it starts the server, a rival that binds and
listens in a loop. Counted: starts that served, how often the rival tried and hit (a rival that does
not try proves nothing), and "ready" said while the port was not ours: that number has to be 0.
`python -m tests.bench.race [ROUNDS]`
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections import Counter

import psutil

from tests.bench.pairs import Section, markdown, progress
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
    "with SO_REUSEADDR, at random moments": (
        *("--reuse", "--hold", 20),
        *("--random", "--pause", 100),
    ),
    "with SO_REUSEADDR": ("--reuse", "--hold", 20),
    "with SO_REUSEADDR, keeps it": ("--reuse", "--hold", -1),
}
STARTING = "devports: starting"
KINDS = {
    "uvicorn": ("uvicorn", "auto"),
    "http.server": ("http.server", "auto"),
    "node http": ("node http", "auto"),
    'uvicorn, `handoff = "plain"`': ("uvicorn", "plain"),
}
"""Inherits the socket, is answered at its bind (twice), binds beside our hold."""


def owned(running: Running, port: int) -> bool:
    try:
        tree = {p.pid for p in psutil.Process(running.pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return False
    return bool(tables.listening_pids(port) & tree)


def one_start(kind: str, handoff: str, rival_words: tuple[object, ...] | None) -> Counter[str]:
    """Start once; return what happened, counted by name."""
    found = Counter({"starts": 1})
    with tempfile.TemporaryDirectory() as folder, reserved_block() as port:
        project = Project(folder)
        project.apps()
        project.service("web", port, COMMANDS[kind], handoff=handoff)
        rival = start("rival", argv_of("rival", port, "--wait", *rival_words or ()))
        running = Command(folder, clean_environment(folder), folder).start("run", "web")
        try:
            # From here on devports has said that the port is the server's.
            eventually(lambda: STARTING in running.err or running.ended, 20)
            if rival_words:
                rival.tell()
            eventually(lambda: running.said_ready or running.ended, 40)
            found[verdict(running, port)] += 1
        except NeverHappenedError:
            found["undecided"] = 1
        tries, hits = rival.rest().split()[-3::2]
        found["rival tries"], found["rival hits"] = int(tries), int(hits)
        rival.end()
        running.send(signal.SIGTERM)
        running.ends()
    return found


def verdict(running: Running, port: int) -> str:
    if not running.said_ready:
        return "gave up and said so"
    return "served" if owned(running, port) else "said ready, not owned"


def report(rounds: int = 10) -> Section:
    outcomes = ["served", "gave up and said so", "said ready, not owned", "undecided"]
    columns = ["starts", *outcomes, "rival tries", "rival hits"]
    rows = []
    for title, (kind, handoff) in KINDS.items():
        progress(f"race: {title}")
        for name, words in RIVALS.items():
            total: Counter[str] = Counter()
            for _ in range(rounds):
                total.update(one_start(kind, handoff, words))
            rows.append((title, name, *(total[column] for column in columns)))
    table = markdown(" | ".join(("server", "rival", *columns)), rows, words=2)
    return Section("Starts with a rival on the port", table)


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))

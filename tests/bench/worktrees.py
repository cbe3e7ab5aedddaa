"""Do 50 worktrees that ask for their ports at once get distinct ones, and keep them?

Each round has a new state folder, and calls `devports env --json` in the main checkout and 49
linked worktrees at the same time. 15 of the calls are killed by SIGKILL while they have the lock,
by /proc/locks: they read, bind, write or rename. Then each is called again. Counted: calls, kills,
answers, and what must be 0: a port of two checkouts, an answer that changed, a main checkout
without the ports of the file, other files than the record and its lock.
`python -m tests.bench.worktrees [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.harness.checkouts import linked, repository
from tests.harness.command import clean_environment, installed
from tests.harness.project import Project

CHECKOUTS, KILLED = 50, 15
CHANCE = 0.03
"""Of a call to be killed each time that it is seen with the lock, so that some are killed late."""
PORTS = (21000, 21001, 26000)
"""Two neighbours, so that offsets are even, and one far from them."""
FILES = {"assigned.json", "assigned.json.new", "assigned.lock"}


def checkouts(folder: Path) -> list[str]:
    main = folder / "shop"
    main.mkdir()
    project = Project(str(main))
    for number, port in enumerate(PORTS):
        project.service(f"s{number}", port, "serve", port_per="worktree")
    repository(main)
    others = [folder / f"w{number}" for number in range(1, CHECKOUTS)]
    for number, other in enumerate(others):
        linked(main, other, f"b{number}")
    return list(map(str, (main, *others)))


def asking(folder: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    argv = [*installed(), "env", "--json"]
    return subprocess.Popen(
        argv, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def ports_in(output: bytes) -> tuple[int, ...]:
    document = json.loads(output)
    services = document["data"].get("services")
    assert services, document["errors"]
    return tuple(services[f"s{number}"]["port"] for number in range(len(PORTS)))


def holder_of(path: str) -> int:
    """Return the pid that holds the lock of a file, 0 if none does (proc_locks(5))."""
    with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii") as file:
        inode = os.stat(path).st_ino
        for _, kind, _, _, pid, place, *_ in (line.split() for line in file if "->" not in line):
            if kind == "FLOCK" and place.endswith(f":{inode}"):
                return int(pid)
    return 0


def one_round(folders: list[str], home: str) -> Counter[str]:
    """Return the counts of a round."""
    env = clean_environment(home)
    state = os.path.join(env["XDG_STATE_HOME"], "devports")
    calls = [asking(folder, env) for folder in folders]
    alive = {call.pid: call for call in calls}
    while alive and len(calls) - len(alive) < KILLED and any(c.poll() is None for c in calls):
        pid = holder_of(os.path.join(state, "assigned.lock"))
        if pid in alive and random.random() < CHANCE:
            alive.pop(pid).kill()
    outputs = [call.communicate()[0] for call in calls]
    with open(os.path.join(state, "assigned.json"), encoding="utf-8") as file:
        recorded = json.load(file)["checkouts"]
    killed = [call.returncode == -signal.SIGKILL for call in calls]
    first = {n: ports_in(text) for n, text in enumerate(outputs) if not killed[n]}
    again = [ports_in(asking(folder, env).communicate()[0]) for folder in folders]
    every = [port for ports in again for port in ports]
    left = set(os.listdir(state))
    return Counter(
        {
            "rounds": 1,
            "calls": len(calls) + len(again),
            "killed": sum(killed),
            "killed after they were recorded": sum(
                folder in recorded for folder, gone in zip(folders, killed, strict=True) if gone
            ),
            "answered": len(first),
            "ports of two checkouts": len(every) - len(set(every)),
            "answers that changed": sum(again[n] != ports for n, ports in first.items()),
            "main checkouts without the ports of the file": int(again[0] != PORTS),
            "other files": len(left - FILES),
        }
    )


def main(rounds: int) -> None:
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        folders = checkouts(Path(folder))
        for number in range(rounds):
            home = os.path.join(folder, f"home{number}")
            os.mkdir(home)
            total.update(one_round(folders, home))
            print(f"{number + 1} of {rounds}", file=sys.stderr)
    for name, count in total.items():
        print(f"{name}: {count}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)

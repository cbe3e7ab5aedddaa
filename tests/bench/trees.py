"""What the light commands cost in two trees, in turn: OLD, OLD again, NEW, OLD, OLD again, NEW ...

    python -m tests.bench.trees OLD NEW [-n ROUNDS]

OLD and NEW are installed commands, such as `.venv/bin/devports`. Old against old says how much of a
ratio is noise. CPU of the command and of what it has waited for; until the server's exec, of the
command alone, as the kernel's scheduler says (proc(5), schedstat).
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from tests.bench.pairs import ENVIRONMENT, in_turn, markdown, once, progress, ratio
from tests.harness.actors import argv_of, start
from tests.harness.ports import reserved_block

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = """\
[services.web]
port = {port}
command = ["true"]

[services.beside]
port = {ports[0]}
command = ["./server"]

[services.hook]
port = {ports[1]}
command = ["./server.py"]

[services.fd]
port = {ports[2]}
command = ["./server", "{{fd}}"]
"""
SERVER = "#!/bin/sh\nexec cat /proc/$PPID/schedstat\n"
"""Says what the process that has started it has cost, in nanoseconds. By the name of its file it is
taken for a program of Python's, or for one of which nothing is known."""
WAYS = ("fd", "hook", "beside")


def costs(port: int, config: str) -> dict[str, Callable[[str], float]]:
    """Return what is measured: each takes the command and returns CPU milliseconds."""

    def light(*words: str) -> Callable[[str], float]:
        return lambda command: once([command, *words], ENVIRONMENT)[1]

    def held(command: str) -> float:
        with socket.create_server(("127.0.0.1", port)):
            return once([command, "check", str(port)], ENVIRONMENT)[1]

    def freed(command: str) -> float:
        holder = start("listener", argv_of("listener", port))
        try:
            return once([command, "free", str(port), "--yes", "--settle", "0"], ENVIRONMENT)[1]
        finally:
            holder.end()

    def begun(name: str) -> Callable[[str], float]:
        def cost(command: str) -> float:
            argv = [command, "run", name, "--config", config]
            done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, check=True)
            return int(done.stdout.split()[0]) / 1e6

        return cost

    at = ("--config", config)
    return {
        "`check PORT`, free": light("check", str(port)),
        "`check PORT`, held": held,
        "`check SERVICE`": light("check", "web", *at),
        "`status --json`": light("status", "--json", *at),
        "`free PORT --yes`, held": freed,
        "`run`, of a server that ends at once": light("run", "web", *at),
        **{f"`run` until the server's exec, `{way}`": begun(way) for way in WAYS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("-n", "--rounds", type=int, default=41)
    parser.add_argument("-k", "--only", default="", help="words of what is measured")
    args = parser.parse_args()
    os.environ.setdefault("CI", "1")  # more patience: the machine is busy
    rows = []
    with ExitStack() as stack:
        port = stack.enter_context(reserved_block())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = os.path.join(folder, "devports.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=port, ports=range(port + 1, port + 4)))
        for name in ("server", "server.py"):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(SERVER)
                os.fchmod(file.fileno(), 0o755)
        for name, cost in costs(port, config).items():
            if args.only not in name:
                continue
            progress(name)
            commands = {"old": args.old, "old again": args.old, "new": args.new}
            ways = {way: partial(cost, command) for way, command in commands.items()}
            found = in_turn(ways, args.rounds)
            middle = [f"{statistics.median(found[way]):.1f}" for way in ("old", "new")]
            both = [f"{ratio(found[way], found['old']):.3f}" for way in ("old again", "new")]
            rows.append((name, *middle, *both))
    sys.stdout.write(markdown("CPU of | old, ms | new, ms | old : old | new : old", rows) + "\n")


if __name__ == "__main__":
    main()

"""What do the hooks cost a program that never needs them?

Programs of Python and Node that do nothing, that load the module with sockets, and that serve, each
with and without the hook, in turn. The first of each pair is the measure.
`python -m tests.bench.hooks [ROUNDS]`
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from devports.run.hook_server import HookServer
from tests.bench import pairs

PROGRAMS = {
    "python, nothing": [sys.executable, "-c", "pass"],
    "python, sockets": [sys.executable, "-c", "import socket"],
    "python, asyncio": [sys.executable, "-c", "import asyncio"],
    "node, nothing": ["node", "-e", "0"],
    "node, http": ["node", "-e", "require('http')"],
}


def report(rounds: int = 21) -> pairs.Section:
    with tempfile.TemporaryDirectory() as folder:
        asks = HookServer({8000}, lambda _: (b"", None))
        hooked = asks.environment(os.environ, folder)
        words = [f"{name}={hooked[name]}" for name in ("DEVPORTS_HOOK", "PYTHONPATH")]
        words += [f"NODE_OPTIONS={hooked['NODE_OPTIONS']}"]
        tables = []
        for name, argv in PROGRAMS.items():
            if shutil.which(argv[0]) is None:
                continue
            pairs.progress(f"hooks: {name}")
            jobs = [
                pairs.Job(name, ["env", *argv]),
                pairs.Job(f"{name}, hooked", ["env", *words, *argv]),
            ]
            pairs.measure(jobs, rounds)
            tables.append(pairs.table(jobs).splitlines())
        asks.close()
    rows = [line for table in tables for line in table[2:]]
    return pairs.Section("Cost of an unused hook", "\n".join([*tables[0][:2], *rows]))


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))

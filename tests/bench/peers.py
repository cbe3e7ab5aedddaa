"""What others use to see who has a port: tools of the system, libraries, and peers of devports.

Peers are installed by hand, into a folder that DEVPORTS_BENCH_PEERS names:

    python -m venv FOLDER && FOLDER/bin/pip install portcheck-tool kport porttree
    npm install --prefix FOLDER fkill-cli kill-port

Those of npm end whom they find, so of them only the look is run, as their own code does it.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.bench import wheel
from tests.bench.pairs import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = os.environ.get("DEVPORTS_BENCH_PEERS", "")
PSUTIL = "import psutil; [c for c in psutil.net_connections('tcp') if c.laddr.port == {port}]"
FKILL = """
import("{modules}/pid-port/index.js").then(found => found.portToPid({port})).catch(() => {{}})
"""
KILL_PORT = """
const found = require("{modules}/shell-exec"), sh = found.default || found
sh("lsof -i -P").then(() => sh("lsof -i tcp:{port} | grep LISTEN | awk '{{print $2}}'"))
"""


def of_the_system(port: int) -> Iterator[Job]:
    """Yield the looks of tools that this machine has."""
    words = {
        "`lsof -nP -iTCP:PORT`": ["lsof", "-nP", f"-iTCP:{port}"],
        "`fuser PORT/tcp`": ["fuser", f"{port}/tcp"],
        "`ss -ltnp`": ["ss", "-Hltnp", f"sport = :{port}"],
        "psutil.net_connections": [wheel.python(), "-c", PSUTIL.format(port=port)],
    }
    for name, argv in words.items():
        if shutil.which(argv[0]):
            yield Job(name, argv)


def installed(port: int, *, node: bool = True) -> Iterator[Job]:
    """Yield the looks of peers that are in the folder; with `node` those of npm too."""
    programs, modules = f"{FOLDER}/bin", f"{FOLDER}/node_modules"
    words = {
        "portcheck-tool (PyPI)": [f"{programs}/portcheck", "check", f"{port}"],
        "kport (PyPI)": [f"{programs}/kport", "inspect", f"{port}"],
        "porttree (PyPI)": [f"{programs}/porttree", f"{port}"],
    }
    for name, argv in words.items():
        if shutil.which(argv[0]):
            yield Job(name, argv)
    scripts = {"fkill-cli (npm), its check": FKILL, "kill-port (npm), its look": KILL_PORT}
    for (name, script), module in zip(scripts.items(), ("pid-port", "shell-exec"), strict=True):
        if node and os.path.isdir(f"{modules}/{module}") and shutil.which("node"):
            yield Job(name, ["node", "-e", script.format(modules=modules, port=port)])


NAMES = ("portcheck-tool", "kport", "porttree")
NODE_NAMES = ("fkill-cli", "kill-port")


def missing(*, node: bool = True) -> str:
    """Return a sentence about those that are not installed; empty if all of them are."""
    there = [job.name for job in installed(0, node=node)]
    names = (*NAMES, *NODE_NAMES) if node else NAMES
    left_out = [name for name in names if not any(one.startswith(name) for one in there)]
    return f"Not installed, so left out: {', '.join(left_out)}." if left_out else ""

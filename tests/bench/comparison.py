"""What devports and its peers do with the same holders: the measured rows of docs/comparison.md.

    unshare --fork --pid --net --mount-proc sh -c \
        'ip link set lo up; .venv/bin/python -m tests.bench.comparison BIN NODE_BIN; :'

BIN has `portcheck`, `kport` and `porttree` (pip install portcheck-tool kport porttree), NODE_BIN
`fkill` and `kill-port` (npm install fkill-cli kill-port). Only in namespaces of its own: some of
them end more than the holder.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tests.harness import tables
from tests.harness.actors import argv_of, start
from tests.harness.command import clean_environment, installed
from tests.harness.ports import reserved_block
from tests.harness.servers import COMMANDS, write_apps
from tests.harness.waiting import NeverHappenedError, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ORPHAN = '"$@" </dev/null >/dev/null 2>&1 &'
"""One of the peers ends the Python parent of a holder too."""
ALONE = 30
"""A pid namespace with more processes is not ours alone."""
SETTLED = 2.0
"""Seconds in which a supervisor has started a worker again."""


@dataclass(frozen=True)
class Peer:
    """`frees` without asking, `asks`: the same without its yes, `checks`: says who has a port."""

    name: str
    frees: str
    asks: str
    checks: str


def peers(python_bin: str, node_bin: str) -> list[Peer]:
    ours, py, node = " ".join(installed()), f"{python_bin}/", f"{node_bin}/"
    lsof = "lsof -ti:{port}"
    return [
        Peer("devports", f"{ours} free {{port}} --yes", f"{ours} free {{port}}",
             f"{ours} check {{port}}"),
        Peer("portcheck", f"{py}portcheck kill {{port}} -y", f"{py}portcheck kill {{port}}",
             f"{py}portcheck check {{port}}"),
        Peer("kport", f"{py}kport kill {{port}} --yes", f"{py}kport kill {{port}}",
             f"{py}kport explain {{port}}"),
        Peer("porttree", f"{py}porttree free {{port}} -y", f"{py}porttree free {{port}}",
             f"{py}porttree {{port}}"),
        Peer("fkill", f"{node}fkill -f :{{port}}", f"{node}fkill :{{port}}", ""),
        Peer("kill-port", f"{node}kill-port {{port}}", f"{node}kill-port {{port}}", ""),
        Peer("kill $(lsof -ti)", f"kill $({lsof})", f"kill $({lsof})", lsof),
    ]  # fmt: skip


def said(command: str, port: int) -> tuple[int, str]:
    """Run a command without a terminal; return exit code and output."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            ["sh", "-c", command.format(port=port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(home),
            check=False,
            timeout=60,
        )
    return done.returncode, done.stdout.decode(errors="replace")


def freed(command: str, port: int) -> str:
    """Say what became of the port, `SETTLED` seconds after the command, and its exit code."""
    code, _ = said(command, port)
    end = time.monotonic() + SETTLED
    free = True
    while time.monotonic() < end:
        free = tables.bindable(port)
    return f"{'freed' if free else '**still held**'} ({code})"


def on_zoo(name: str, *words: object) -> Callable[[str], str]:
    return lambda command: on(lambda port, _: argv_of(name, port, "--stay", *words), command)


def on_server(kind: str) -> Callable[[str], str]:
    def argv(port: int, folder: str) -> list[str]:
        write_apps(folder)
        return shlex.split(COMMANDS[kind].format(host="127.0.0.1", port=port))

    return lambda command: on(argv, command)


def on(argv: Callable[[int, str], list[str]], command: str) -> str:
    """Start a holder that is nobody's child, and say what a command makes of it."""
    with reserved_block() as port, tempfile.TemporaryDirectory() as folder:
        subprocess.run(["sh", "-c", ORPHAN, "sh", *argv(port, folder)], cwd=folder, check=True)
        eventually(lambda: tables.connectable(port), 30)
        try:
            return freed(command, port)
        finally:
            clear()


def clear() -> None:
    """End everybody else: this namespace has nobody but us and what was started here."""
    us = {1, os.getpid(), *(each.pid for each in psutil.Process().parents())}
    assert len(psutil.pids()) < ALONE, "only in a pid namespace of its own"
    for pid in set(psutil.pids()) - us:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # noqa: TID251  # see above


def listener(port: int) -> psutil.Process:
    """Start a plain listener that is nobody's child."""
    subprocess.run(["sh", "-c", ORPHAN, "sh", *argv_of("listener", port, "--stay")], check=True)
    (pid,) = eventually(lambda: tables.holding_pids(port))
    return psutil.Process(pid)


def ended(process: psutil.Process) -> bool:
    """Say whether it ends in time."""
    try:
        return eventually(lambda: not process.is_running(), SETTLED)
    except NeverHappenedError:
        return False


def client_lives(command: str) -> str:
    with reserved_block() as port:
        listener(port)
        client = start("client", argv_of("client", port))
        said(command, port)
        found = ended(psutil.Process(client.pid)) or client.process.poll() is not None
        client.end()
        clear()
    return "**ended too**" if found else "lives"


def without_consent(peer: Peer) -> str:
    with reserved_block() as port:
        holder = listener(port)
        code, _ = said(peer.asks, port)
        found = ended(holder)
        clear()
    return f"**ended** ({code})" if found else f"lives ({code})"


def bound_only(peer: Peer, *words: str) -> str:
    if not peer.checks:
        return "no such command"
    with reserved_block() as port:
        actor = start("bound_only", argv_of("bound_only", port, *words))
        code, text = said(peer.checks, port)
        actor.end()
    named = "names it" if str(actor.pid) in text else "does not name it"
    first = " ".join(text.split())[:60].replace("|", "/")
    return f"{named} ({code}): {first}"


def rows(peer: Peer) -> dict[str, str]:
    """Return what is seen of one peer."""
    frees = {
        "a plain listener": on_zoo("listener"),
        "SIGTERM ignored": on_zoo("stubborn"),
        "two processes, one socket": on_zoo("forked_listener", "--orphans"),
        "uvicorn --reload": on_server("uvicorn --reload"),
        "uvicorn --workers 2": on_server("uvicorn --workers 2"),
        "gunicorn -w 2": on_server("gunicorn -w 2"),
    }
    found = {f"frees {name}": play(peer.frees) for name, play in frees.items()}
    return found | {
        "a client of the port": client_lives(peer.frees),
        "no terminal, no yes": without_consent(peer),
        "bound, not listening": bound_only(peer),
        "the same, without SO_REUSEADDR": bound_only(peer, "--no-reuse"),
    }


def report(folders: Sequence[str]) -> str:
    python_bin, node_bin = (os.path.abspath(folder) for folder in folders)
    found = {peer.name: rows(peer) for peer in peers(python_bin, node_bin)}
    titles = list(found["devports"])
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    lines += [f"| {t} | " + " | ".join(seen[t] for seen in found.values()) + " |" for t in titles]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(sys.argv[1:3]))

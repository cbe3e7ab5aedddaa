"""Every server of `tests/harness/handoffs.py`: how it gets its port, and what becomes of it.

For each: the way that is named, whether it is ready after a holder was freed, how many of some
starts are served against a rival in a tight loop, with which code and after how long Ctrl-C on a
terminal ends it, and what is left when devports is killed. `... [STARTS [SERVER...]]`
"""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import psutil

from tests.bench.pairs import Section, markdown, progress
from tests.harness import handoffs, node, tables
from tests.harness.actors import Identity, argv_of, start
from tests.harness.command import Command, Running, clean_environment, installed
from tests.harness.handoffs import WAYS
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.terminal import Terminal
from tests.harness.waiting import NeverHappenedError, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

RIVAL = ("--reuse", "--hold", 20)


class Stage:
    """A project with one service, on a port of its own."""

    def __init__(self, folder: str, port: int) -> None:
        self.port = port
        self.env = clean_environment(folder)
        self.command = Command(folder, self.env, folder)

    def run(self, *words: str) -> Running:
        return self.command.start("run", "web", *words)


@contextlib.contextmanager
def stage(kind: str) -> Iterator[Stage]:
    way = WAYS[kind]
    with tempfile.TemporaryDirectory() as folder, reserved_block() as port:
        project = Project(folder)
        handoffs.write(project, port)
        handoffs.link_modules(project, way.needs)
        project.service("web", port, way.command)
        yield Stage(folder, port)


def is_ready(running: Running) -> bool:
    with contextlib.suppress(NeverHappenedError):
        eventually(lambda: running.said_ready or running.ended, 60)
    return bool(running.said_ready)


def end(running: Running) -> None:
    running.send(signal.SIGTERM)
    running.ends()


def way_named(running: Running) -> str:
    running.says("devports: starting")
    line = next(line for line in running.lines if line.startswith("devports: starting"))
    rung = next(rung for rung, words in handoffs.WORDS.items() if words in line)
    return f"{rung}: {line.partition('(')[2].rstrip(')')}" if rung == "fd" else rung


def held(kind: str) -> str:
    with stage(kind) as on:
        holder = start("listener", argv_of("listener", on.port))
        running = on.run("--yes")
        found = is_ready(running) and not holder.alive
        end(running)
    return "yes" if found else "no"


def against_a_rival(kind: str, starts: int) -> str:
    served = tries = hits = 0
    for _ in range(starts):
        with stage(kind) as on:
            rival = start("rival", argv_of("rival", on.port, "--wait", *RIVAL))
            running = on.run()
            running.says("devports: starting")
            rival.tell()
            served += is_ready(running)
            counts = rival.rest().split()[-3::2]
            tries, hits = tries + int(counts[0]), hits + int(counts[1])
            rival.end()
            end(running)
    return f"{served} of {starts} served ({hits} hits in {tries} tries)"


def answers(port: int) -> int:
    """Return the status of an answer, 0 while there is none: nodemon may just start it again."""
    with contextlib.suppress(OSError):
        return handoffs.answer(port)
    return 0


def by_ctrl_c(kind: str) -> str:
    with stage(kind) as on:
        argv = [*installed(), "run", "web"]
        terminal = Terminal(argv, cwd=on.command.cwd, env=on.env)
        terminal.expect("is ready on", 60)
        eventually(lambda: answers(on.port), 60)  # it may not hear signals before it serves
        begun = time.monotonic()
        terminal.ctrl_c()
        code = terminal.exit_code()
        seconds = time.monotonic() - begun
        terminal.close()
        free = tables.bindable(on.port)
    return f"{code} after {seconds:.1f} s" + ("" if free else ", port held")


def after_a_kill(kind: str) -> str:
    with stage(kind) as on:
        running = on.run()
        is_ready(running)
        tree = [
            Identity.of(child.pid) for child in psutil.Process(running.pid).children(recursive=True)
        ]
        running.send(signal.SIGKILL)
        running.ends()
        with contextlib.suppress(NeverHappenedError):
            eventually(lambda: not any(one.alive for one in tree), 15)
            eventually(lambda: tables.bindable(on.port))
        left = sum(one.alive for one in tree)
        free = tables.bindable(on.port)
    return "none" if free and not left else f"{left} left, port {'free' if free else 'held'}"


def row(kind: str, starts: int) -> tuple[str, ...]:
    with stage(kind) as on:
        running = on.run()
        is_ready(running)
        named = way_named(running)
        end(running)
    return (
        named,
        held(kind),
        against_a_rival(kind, starts),
        by_ctrl_c(kind),
        after_a_kill(kind),
    )


COLUMNS = (
    "server | way | held port freed, ready | rival in a tight loop | Ctrl-C"
    " | left after SIGKILL of devports"
)


def report(starts: int = 3, *kinds: str) -> Section:
    rows: list[tuple[str, ...]] = []
    for kind, way in WAYS.items():
        if kinds and kind not in kinds:
            continue
        try:
            facts = (f"*{way.missing}*", *[""] * 4) if way.missing else row(kind, starts)
        except node.MissingError as reason:
            facts = (f"*{reason}*", *[""] * 4)
        except AssertionError as reason:
            facts = (f"*{str(reason)[:80]!r}*", *[""] * 4)
        rows.append((kind, *facts))
        progress("matrix: " + " | ".join(rows[-1]))
    return Section("Servers", markdown(COLUMNS, rows, words=6))


if __name__ == "__main__":
    print(report(int(sys.argv[1]) if sys.argv[1:] else 3, *sys.argv[2:]))

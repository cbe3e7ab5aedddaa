"""Programs on the stage: started with a deadline, known by pid and start time, ended by pid."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from tests.harness.waiting import deadline_after, eventually, remaining

if TYPE_CHECKING:
    from collections.abc import Sequence

ZOO = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "zoo")
NOBODY = 65534
READY_WITHIN = 15.0
SHELL_PARENT = '"$@"; cat >/dev/null'
"""A shell that runs its words as a child and lives on until stdin closes."""


@dataclass(frozen=True)
class Identity:
    """A process that is not mistaken for a later one with the same pid."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            return process if process.create_time() == self.started else None
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        """Say whether it runs; a zombie does not."""
        try:
            process = self.process
            return process is not None and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def send(self, number: int) -> None:
        """Signal it if it is still the same process."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)  # noqa: TID251  # ours: started and verified


def alive(pid: int) -> bool:
    """Say whether the pid is a running process, zombies not counted."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass
class Actor:
    """A started program. `pids` are those of its ready line, its own first."""

    name: str
    process: subprocess.Popen[bytes]
    cast: list[Identity] = field(default_factory=list)
    _unread: bytes = b""

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(identity.pid for identity in self.cast)

    @property
    def pid(self) -> int:
        return self.cast[0].pid

    @property
    def alive(self) -> bool:
        return self.cast[0].alive

    def line(self, within: float = READY_WITHIN) -> str:
        """Return its next line of output, waiting for it up to a deadline."""
        assert self.process.stdout is not None
        deadline = deadline_after(within)
        while b"\n" not in self._unread:
            readable, _, _ = select.select([self.process.stdout], [], [], remaining(deadline))
            chunk = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not chunk:
                raise AssertionError(f"{self.name} said {self._unread!r} and no whole line")
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode()

    def tell(self, word: bytes = b"x") -> None:
        """Write to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(word)
        self.process.stdin.flush()

    def rest(self, within: float = READY_WITHIN) -> str:
        """Close its stdin and return what it still says until it ends."""
        self.let_go()
        self.process.wait(remaining(deadline_after(within)))
        assert self.process.stdout is not None
        return (self._unread + self.process.stdout.read()).decode()

    def send(self, number: int) -> None:
        self.cast[0].send(number)

    def let_go(self) -> None:
        """Close its stdin: every zoo program takes that as the end of the play."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def gone(self, within: float = 5.0) -> None:
        """Wait until the process itself has ended."""
        eventually(lambda: not self.alive, within, what=f"end of {self.name}")

    def end(self) -> None:
        """End it: by its stdin, and where that does not help by SIGKILL to its own pids."""
        self.let_go()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        for identity in self.cast:
            if identity.alive:
                identity.send(signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        if self.process.stdout is not None:
            self.process.stdout.close()


def become(uid: int | None) -> list[str]:
    """Return the words that run a command as another user, no group and no privilege left.

    setpriv(1) keeps its privileges until the exec itself, so an interpreter in a private folder of
    ours can still be started.
    """
    if uid is None:
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]


def argv_of(name: str, *words: object) -> list[str]:
    """Return the command line that runs a zoo program."""
    return [sys.executable, os.path.join(ZOO, f"{name}.py"), *map(str, words)]


def start(
    name: str,
    argv: Sequence[str],
    *,
    uid: int | None = None,
    shell_parent: bool = False,
    new_session: bool = True,
    cwd: str = "/",
) -> Actor:
    """Start a program and wait for its ready line.

    Args:
        name: for messages.
        argv: its command line.
        uid: the user to run it as, ourselves by default.
        shell_parent: give it a living shell as its parent.
        new_session: start it away from our terminal and group.
        cwd: its working directory.
    """
    words = ["/bin/sh", "-c", SHELL_PARENT, "sh", *argv] if shell_parent else list(argv)
    process = subprocess.Popen(
        [*become(uid), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=new_session,
    )
    actor = Actor(name, process)
    try:
        said = actor.line().split()
        assert said[:1] == ["ready"], f"{name} said {said}"
        actor.cast = [Identity.of(int(pid)) for pid in said[1:]]
    except BaseException:
        actor.end()
        raise
    return actor

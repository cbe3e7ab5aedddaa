"""A test that signals a process it did not start has failed, whatever else it proves.

Installed once for the whole session and armed for each test. `os.kill` and `os.killpg` announce
themselves to audit hooks; `signal.pidfd_send_signal` does not, so it is wrapped, before devports
can import it. Signal 0 only asks, and a pid that does not exist is nobody.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MARK = "DEVPORTS_TEST_SESSION"
"""An environment variable that every descendant inherits, also one that has lost its parent."""


class WouldHaveSignalledAStranger(BaseException):
    """Raised in the caller's place; no `except Exception` of a program under test swallows it."""


class _Guard:
    def __init__(self) -> None:
        self.session = os.getpid()
        self.armed = False
        self.strangers: list[str] = []
        self.own: set[tuple[int, float]] = set()

    def judge(self, pid: int, number: int, how: str) -> None:
        if not self.armed or number == 0 or self.knows(pid):
            return
        verdict = f"{how}: signal {number} for pid {pid}, which this test did not start"
        self.strangers.append(verdict)
        raise WouldHaveSignalledAStranger(verdict)

    def knows(self, pid: int) -> bool:
        """Say whether `pid` is this session, a descendant of it, or nobody any more."""
        if pid == self.session:
            return True
        if pid <= 0:
            return False
        try:
            process = psutil.Process(pid)
            if (pid, process.create_time()) in self.own:
                return True
            if any(parent.pid == self.session for parent in process.parents()):
                return True
            marks = process.environ()
            # In the middle of its exit it has lost its parent and its memory: nobody is left there.
            return marks.get(MARK) == str(self.session) or not (marks or process.cmdline())
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.kill":
            self.judge(arguments[0], int(arguments[1]), event)
        elif event == "os.killpg":
            group = arguments[0] or os.getpgrp()
            # A group of ours is led by a process of ours; pytest's own group has strangers in it.
            self.judge(group if group != os.getpgrp() else 0, int(arguments[1]), event)


_GUARD = _Guard()


def pid_behind(descriptor: int) -> int:
    """Return the pid a pidfd stands for, -1 when its process has been reaped."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as info:
        fields = dict(line.split(":", 1) for line in info if ":" in line)
    return int(fields.get("Pid", "-1"))


def _watched(send: Callable[..., None]) -> Callable[..., None]:
    def pidfd_send_signal(descriptor: int, number: int, *rest: Any) -> None:
        pid = pid_behind(descriptor)
        if pid != -1:
            _GUARD.judge(pid, int(number), "pidfd_send_signal")
        send(descriptor, number, *rest)

    return pidfd_send_signal


def install() -> None:
    """Watch every way this process could signal another, from now on; armed by `armed`."""
    os.environ[MARK] = str(_GUARD.session)
    sys.addaudithook(_GUARD.audit)
    if hasattr(signal, "pidfd_send_signal"):
        _signal = importlib.import_module("_signal")

        watched = _watched(_signal.pidfd_send_signal)
        for module in (signal, _signal):
            setattr(module, "pidfd_send_signal", watched)  # noqa: B010  # mypy: read-only name


@contextlib.contextmanager
def armed() -> Iterator[None]:
    """Refuse signals to strangers inside the block, and fail at its end if one was tried."""
    _GUARD.armed, before = True, len(_GUARD.strangers)
    try:
        yield
    finally:
        _GUARD.armed = False
    tried = _GUARD.strangers[before:]
    del _GUARD.strangers[before:]
    if tried:
        raise WouldHaveSignalledAStranger("; ".join(tried))


def know(pid: int, started: float) -> None:
    """Count a process as ours for good: one that may lose its parent and wipe its environment."""
    _GUARD.own.add((pid, started))


def forgive(verdict: str) -> None:
    """Take back a verdict: for the guard's own test, which has to provoke one."""
    _GUARD.strangers.remove(verdict)


def descendants_everywhere() -> list[psutil.Process]:
    """Return every living process that carries this session's mark, orphans included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            marked = process.environ().get(MARK) == str(_GUARD.session)
            if marked and process.pid != _GUARD.session and process.status() != "zombie":
                found.append(process)
    return found

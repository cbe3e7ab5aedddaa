"""One started server: its processes, its output, its end."""

from __future__ import annotations

import os
import select
import signal

from devports import exitcodes
from devports.run.child import spawn
from devports.run.relay import Relay
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devports.core.model import ProcessKey
    from devports.run.interrupts import Interrupts
    from devports.system import Machine

KILL_WAIT = 2.0
STEP = 0.05
"""Seconds between looks at whether the tree has ended; an end of the server itself wakes us."""


class Server:
    """A running server and everything below us, since orphans come to us."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        *,
        machine: Machine,
        interrupts: Interrupts,
        suspicious: Callable[[str], None],
    ) -> None:
        self._machine = machine
        self._interrupts = interrupts
        self.relay = Relay(suspicious)
        self.process = spawn(argv, cwd, env, self.relay)
        self.started = clock.Deadline(0)
        self.hurried = 0
        """The signal that cut the stopping short, 0 if none did."""

    @property
    def code(self) -> int | None:
        """The exit code as a shell would give it, None while the server runs."""
        status = self.process.poll()
        return None if status is None else exitcodes.of_returncode(status)

    def turn(self, seconds: float | None) -> list[int]:
        """Pass output on until a signal or `seconds` have come; return the signals."""
        poll = select.poll()
        poll.register(self._interrupts, select.POLLIN)
        for stream in self.relay.streams:
            poll.register(stream.source, select.POLLIN)
        ready = [number for number, _ in poll.poll(None if seconds is None else seconds * 1000)]
        self.relay.pump(ready)
        numbers = self._interrupts.collect()
        if signal.SIGCHLD in numbers:
            self._reap()
        if signal.SIGWINCH in numbers:
            self.relay.resize()
            self.signal_tree(signal.SIGWINCH)  # the kernel's own may have come before the new size
        return [n for n in numbers if n not in (signal.SIGCHLD, signal.SIGWINCH)]

    def _reap(self) -> None:
        """Collect orphans that became our children, never the server: Popen does that itself."""
        for pid in self._machine.children(os.getpid()):
            if pid != self.process.pid:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    continue

    def tree(self) -> list[ProcessKey]:
        """Return what belongs to the server: everything below us in our own process group.

        A browser that the server opened has a session of its own and is left alone.
        """
        group = os.getpgrp()
        keys = (self._machine.key(pid) for pid in self._machine.descendants(os.getpid()))
        return [key for key in keys if key is not None and group_of(key.pid) == group]

    def signal_tree(self, number: int, more: Sequence[ProcessKey] = ()) -> None:
        """Signal the tree and `more`, parents first, each through a pin."""
        for key in dict.fromkeys((*self.tree(), *more)):
            pin = self._machine.pin(key)
            if pin is not None:
                pin.send(number)
                pin.close()

    def stop(
        self, number: int, seconds: float, holders: Callable[[], Sequence[ProcessKey]]
    ) -> bool:
        """End the server: `number` to its tree, wait, kill. Return whether it had to be killed.

        Args:
            number: the signal that asks.
            seconds: how long it may take; a signal to us in the meantime cuts that short.
            holders: says who of ours still has the port, wherever it has gone.
        """
        self.signal_tree(number, holders())
        if self._ended(seconds, holders):
            return False
        self.signal_tree(signal.SIGKILL, holders())
        self._ended(KILL_WAIT, holders)
        return True

    def _ended(self, seconds: float, holders: Callable[[], Sequence[ProcessKey]]) -> bool:
        deadline = clock.Deadline(seconds)
        while not deadline.passed:
            if self.code is not None and not self.tree() and not holders():
                return True
            if numbers := self.turn(min(STEP, deadline.left)):
                self.hurried = numbers[0]
                return False
        return False

    def close(self) -> None:
        """Pass on the last output and let go of the streams."""
        self.relay.drain()
        self.relay.close()


def group_of(pid: int) -> int:
    """Return the process group of a process, 0 if it is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0

"""One started server: its processes, its output, its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal

from devports import exitcodes
from devports.errors import DevportsError
from devports.run.child import spawn
from devports.run.relay import Relay
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from devports.core.model import ProcessKey
    from devports.run.asks import Asks
    from devports.run.family import Family
    from devports.run.interrupts import Interrupts
    from devports.run.terminal import Terminal
    from devports.system import Machine

    Holders = Callable[[], Sequence[ProcessKey]]

KILL_WAIT = 2.0
INTERNAL = (signal.SIGCHLD, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
"""Signals that are answered here, and tell nobody to end."""
STEP = 0.05
"""Seconds between looks at whether the tree has ended; an end of the server itself wakes us."""


class Server:
    """A running server and everything below us that belongs to it."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        *,
        machine: Machine,
        family: Family,
        interrupts: Interrupts,
        suspicious: Callable[[str], None],
        awaited: str = "",
        asks: Asks | None = None,
        terminal: Terminal | None = None,
    ) -> None:
        self._machine, self._family, self._interrupts = machine, family, interrupts
        self._asks, self._terminal = asks, terminal
        self.relay = Relay(suspicious, terminal, awaited)
        self.process = spawn(argv, cwd, env, self.relay)
        family.sessions.add(self.process.pid)
        if terminal is not None:
            interrupts.suspend(by_us=True)
            terminal.lend()
        self.keys: list[int] = []
        """Signals that a person has asked for by a key in the last turn."""
        self.started = clock.monotonic()
        self.answering = 0.0
        """Seconds that went into answering the server, a person's time to think among them."""
        self.hurried = 0
        """A signal that came while the server was being stopped, 0 if none did."""

    @property
    def elapsed(self) -> float:
        """Seconds since the start, less what it had to wait for us."""
        return clock.monotonic() - self.started - self.answering

    @property
    def code(self) -> int | None:
        """The exit code as a shell would give it, None while the server runs."""
        status = self.process.poll()
        return None if status is None else exitcodes.of_returncode(status)

    def turn(self, seconds: float | None) -> list[int]:
        """Pass everything on until a signal, a key or a question, or `seconds` have come.

        Returns the signals. A flood of output takes its time from nobody: it is passed on in here.
        """
        end = None if seconds is None else clock.Deadline(seconds)
        while True:
            told = self._pass_on(None if end is None else end.left * 1000)
            if told or (end is not None and end.passed):
                break
        numbers, self.keys = self._interrupts.collect(), self.relay.pressed()
        if self._terminal is not None and signal.SIGINT in numbers:
            # Sent to us, or pressed just when the terminal was ours to print: it is the server's.
            self.relay.interrupt()
            numbers.remove(signal.SIGINT)
            self.keys.append(signal.SIGINT)
        if signal.SIGCHLD in numbers:
            self._reap()
        if signal.SIGWINCH in numbers:
            self.relay.resize()
            if self._terminal is None:  # else the kernel does it, after the size has changed
                self.signal_tree(signal.SIGWINCH)
        if signal.SIGTSTP in (*numbers, *self.keys):
            self._suspend()
        elif signal.SIGCONT in numbers:
            self._go_on()
        return [number for number in numbers if number not in INTERNAL]

    def _pass_on(self, milliseconds: float | None) -> bool:
        """Wait for one thing and pass it on; say whether it was more than bytes."""
        poll = select.poll()
        poll.register(self._interrupts, select.POLLIN)
        self.relay.register(poll)
        if self._asks is not None:
            self._asks.register(poll)
        ready = {number for number, _ in poll.poll(milliseconds)}
        self.relay.pump(ready)
        answered = self._asks is not None and self._answer(self._asks, ready)
        return answered or self._interrupts.fileno() in ready or self.relay.has_keys

    def _answer(self, asks: Asks, ready: Collection[int]) -> bool:
        begun = clock.monotonic()
        answered = asks.pump(ready)
        if answered:
            self.answering += clock.monotonic() - begun
        return answered

    def _suspend(self) -> None:
        """Stop the server and ourselves, as the suspend key does, until a shell says `fg`.

        Where no shell could (an editor's task), the kernel does not stop us, and all goes on.
        """
        self.signal_tree(signal.SIGSTOP)
        if self._terminal is not None:
            self._terminal.take_back()
        self._interrupts.stop_ourselves()
        self._go_on()

    def _go_on(self) -> None:
        if self._terminal is not None:
            self._terminal.lend()
            self.relay.resize()
        self.signal_tree(signal.SIGCONT)

    def _reap(self) -> None:
        """Collect orphans that became our children, never the server: Popen does that itself."""
        for pid in self._machine.children(os.getpid()):
            if pid != self.process.pid and self._family.has_child(pid):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def signal_tree(self, number: int, more: Sequence[ProcessKey] = ()) -> None:
        """Signal the tree and `more`, parents first, each through a pin."""
        for key in dict.fromkeys((*self._family.group(), *more)):
            self._signal(key, number)

    def _signal(self, key: ProcessKey, number: int) -> None:
        try:
            pin = self._machine.pin(key)
        except DevportsError:
            if key.pid == self.process.pid:
                # Our own child keeps its number until we have waited for it, and Popen knows.
                self.process.send_signal(number)
            return
        if pin is not None:
            pin.send(number)
            pin.close()

    def ask_to_end(self, number: int, seconds: float, holders: Holders) -> bool:
        """Send `number` to the tree; return whether all of it has ended within `seconds`.

        Args:
            number: the signal that asks.
            seconds: how long it may take; Ctrl-C cuts that short, other signals are only kept:
                an editor and a closing shell may send SIGHUP each.
            holders: says who of ours still has the port, wherever it has gone.
        """
        self.signal_tree(number, holders())
        self.signal_tree(signal.SIGCONT)  # what is stopped could not even begin to end
        return self._ended(seconds, holders)

    def kill(self, holders: Holders) -> None:
        """Kill what is left of the tree."""
        self.signal_tree(signal.SIGKILL, holders())
        self._ended(KILL_WAIT, holders)

    def _ended(self, seconds: float, holders: Holders) -> bool:
        deadline = clock.Deadline(seconds)
        while not deadline.passed:
            if self.code is not None and not self._family.group() and not holders():
                return True
            numbers = self.turn(min(STEP, deadline.left))
            self.hurried = self.hurried or next(iter(numbers), 0)
            if signal.SIGINT in (*numbers, *self.keys):
                return False
        return False

    def close(self) -> None:
        """Pass on the last output and let go of the streams."""
        self.relay.drain()
        self.relay.close()
        if self._terminal is not None:
            self._terminal.take_back()
            self._interrupts.suspend(by_us=False)

"""The terminal of devports, the inner one that the server gets instead, and signals.

The inner one does all that a terminal does: echo, lines, Ctrl-C. While the real one is raw, it
only carries bytes, and its modes are restored whenever devports prints, asks, stops or
exits. Input is not inspected except for two keys: interrupt and suspend.

While a server runs, signals to devports are only queued. Before that, a signal ends the current
action (an inspection, a prompt, a wait) at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import termios

from devports.system.terminal_events import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

    from typing_extensions import Self

    Modes = list[Any]


IFLAG, OFLAG, CFLAG, LFLAG, CC = 0, 1, 2, 3, 6
"""Indices in the list of tcgetattr(3)."""
LINE_ENDS = termios.INLCR | termios.IGNCR | termios.ICRNL
DISABLED = (b"\0", b"\xff")
"""_POSIX_VDISABLE on Linux and on macOS; no key of a keyboard sends either."""
OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WATCHED = (*STOPPING, signal.SIGINT, signal.SIGCHLD, signal.SIGWINCH)
SUSPENDING = (signal.SIGTSTP, signal.SIGCONT)
"""Watched as well if the server has its own terminal: else Ctrl-Z stops both processes."""
HARMLESS = (signal.SIGCHLD, signal.SIGWINCH, *SUSPENDING)
"""Signals that stop nothing."""


def raw_modes(modes: Modes) -> Modes:
    """Return modes in which every byte passes unchanged, both ways (termios(3), cfmakeraw)."""
    breaks = termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
    made = _by_byte(modes, breaks | LINE_ENDS | termios.IXON, termios.ECHONL)
    made[OFLAG] &= ~termios.OPOST
    made[CFLAG] = (made[CFLAG] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
    return made


def prompt_modes(modes: Modes) -> Modes:
    """Return the modes of a prompt of prompt_toolkit (its input/vt100.py, `raw_mode`)."""
    return _by_byte(modes, termios.IXON | termios.IXOFF | LINE_ENDS)


def _by_byte(modes: Modes, without_input: int, without_local: int = 0) -> Modes:
    """Return modes in which each byte arrives at once, unechoed, and no key is a signal."""
    made = [*modes[:CC], list(modes[CC])]
    made[IFLAG] &= ~without_input
    made[LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN | without_local)
    made[CC][termios.VMIN], made[CC][termios.VTIME] = 1, 0
    return made


class Terminal:
    """The real terminal. `modes`: as found, to be restored."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.modes: Modes = termios.tcgetattr(descriptor)
        self.is_raw = False

    def make_raw(self) -> None:
        """Make it raw, so that the inner terminal does the work."""
        if is_foreground(self.descriptor):
            self.modes = self.modes if self.is_raw else termios.tcgetattr(self.descriptor)
            self._set(raw_modes(self.modes))
            self.is_raw = True

    def restore(self) -> None:
        """Restore the modes. An error means that the terminal is closed."""
        if self.is_raw:
            self.is_raw = False
            self._set(self.modes)

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Take it back for a block, to print or to ask."""
        lent = self.is_raw
        self.restore()
        try:
            yield
        finally:
            if lent:
                self.make_raw()

    def _set(self, modes: Modes) -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self.descriptor, termios.TCSANOW, modes)

    def key(self, name: int) -> bytes:
        """Return the byte that a key sends (termios.VINTR, VSUSP); empty if it is switched off."""
        byte = bytes(self.modes[CC][name])
        return b"" if byte in DISABLED else byte


def terminal_of_process() -> Terminal | None:
    """Return the terminal that stdin, stdout and stderr are, if devports is in its foreground."""
    try:
        names = {os.ttyname(descriptor) for descriptor in (0, 1, 2)}
        terminal = Terminal(0)
    except (OSError, termios.error):
        return None
    return terminal if len(names) == 1 and is_foreground(0) else None


class ServerTerminal:
    """A pseudo-terminal (pty(7)): `relay_end` is its screen and keyboard."""

    def __init__(self, like: Terminal) -> None:
        self.relay_end, self.server_end = os.openpty()
        termios.tcsetattr(self.server_end, termios.TCSANOW, like.modes)
        copy_size(like.descriptor, self.relay_end)

    @property
    def signals(self) -> bool:
        """Whether its keys cause signals: a program that reads single keys switches that off."""
        return bool(termios.tcgetattr(self.relay_end)[LFLAG] & termios.ISIG)


def copy_size(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)


def make_controlling() -> None:
    """Make stdin the controlling terminal of a new session (TIOCSCTTY).

    Its signals get their default actions: the parent of devports may ignore them, as a shell does
    for background jobs, and a server with its own terminal would inherit that (execve(2)).
    """
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in OF_TERMINALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_TERMINALS)


class SignalReceived(KeyboardInterrupt):
    """A signal came while no server was running.

    Like Ctrl-C it leaves an event loop in any state: asyncio catches every other exception of a
    callback, and a prompt is drawn by one.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SignalQueue(Wakeup):
    """Queues signals, or lets them end the current action. A context manager like its base."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self._suspending = False

    def __enter__(self) -> Self:
        super().__enter__()
        self.install(deferred=True)
        return self

    def install(self, *, deferred: bool) -> None:
        """Install the handlers, again after each prompt: its event loop replaces them.

        Args:
            deferred: whether signals are only queued, since a server runs.
        """
        self.deferred = deferred
        self.take((*WATCHED, *(SUSPENDING if self._suspending else ())))

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if not self.deferred and number not in HARMLESS:
            self.deferred = (
                True  # the first one ends the action; a second must not end the clean-up
            )
            raise SignalReceived(number)

    def resume(self) -> None:
        """Let signals end the current action, including those that are queued.

        Raises:
            SignalReceived: one was queued.
        """
        self.install(deferred=False)
        waiting = [number for number in self.collect() if number not in HARMLESS]
        if waiting:
            self.deferred = True
            raise SignalReceived(waiting[0])

    def suspend(self, *, by_us: bool) -> None:
        """Set whether devports handles a suspend, or the default action applies."""
        self._suspending = by_us
        if by_us:
            self.take(SUSPENDING)
        else:
            self.restore(SUSPENDING)


def terminal_interrupts_the_server() -> bool:
    """Return whether Ctrl-C reaches the server directly: devports is in the foreground."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return is_foreground(terminal)
    finally:
        os.close(terminal)


def is_foreground(terminal: int) -> bool:
    """Return whether devports may change a terminal: in the background it would be stopped."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False

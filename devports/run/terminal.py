"""The terminal we were started on, the inner one that the server gets in its place, and signals.

The inner one does all that a terminal does: echo, lines, Ctrl-C. So while it is lent the real one
is raw and only carries bytes, and is put back whenever we speak, ask, stop or end. What was typed
is never looked at but for two keys: interrupt and suspend.

While a server runs, signals to devports itself are only collected. Before there is one to take care
of, a signal ends what we are doing (a look, a question, a wait) at once.
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
"""Places in the list of tcgetattr(3)."""
LINE_ENDS = termios.INLCR | termios.IGNCR | termios.ICRNL
DISABLED = (b"\0", b"\xff")
"""_POSIX_VDISABLE on Linux and on macOS; no key of a keyboard sends either."""
OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WATCHED = (*STOPPING, signal.SIGINT, signal.SIGCHLD, signal.SIGWINCH)
SUSPENDING = (signal.SIGTSTP, signal.SIGCONT)
"""Watched beside those where the server has a terminal of its own: else Ctrl-Z stops both of us."""
QUIET = (signal.SIGCHLD, signal.SIGWINCH, *SUSPENDING)
"""Signals that end nothing."""


def raw(modes: Modes) -> Modes:
    """Return modes in which every byte passes unchanged, both ways (termios(3), cfmakeraw)."""
    breaks = termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
    made = _by_byte(modes, breaks | LINE_ENDS | termios.IXON, termios.ECHONL)
    made[OFLAG] &= ~termios.OPOST
    made[CFLAG] = (made[CFLAG] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
    return made


def asking(modes: Modes) -> Modes:
    """Return modes as a question of prompt_toolkit sets them (its input/vt100.py, `raw_mode`)."""
    return _by_byte(modes, termios.IXON | termios.IXOFF | LINE_ENDS)


def _by_byte(modes: Modes, without_input: int, without_local: int = 0) -> Modes:
    """Return modes in which each byte comes by itself, unechoed, and no key is a signal."""
    made = [*modes[:CC], list(modes[CC])]
    made[IFLAG] &= ~without_input
    made[LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN | without_local)
    made[CC][termios.VMIN], made[CC][termios.VTIME] = 1, 0
    return made


class Terminal:
    """The real one. `modes`: as they were found, and are left."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.modes: Modes = termios.tcgetattr(descriptor)
        self.lent = False

    def lend(self) -> None:
        """Let the inner terminal do the work of this one."""
        if is_foreground(self.descriptor):
            self.modes = self.modes if self.lent else termios.tcgetattr(self.descriptor)
            self._set(raw(self.modes))
            self.lent = True

    def take_back(self) -> None:
        """Put the modes back. A terminal that has gone needs none."""
        if self.lent:
            self.lent = False
            self._set(self.modes)

    @contextlib.contextmanager
    def ours(self) -> Iterator[None]:
        """Have it to ourselves for a moment, to print or to ask."""
        lent = self.lent
        self.take_back()
        try:
            yield
        finally:
            if lent:
                self.lend()

    def _set(self, modes: Modes) -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self.descriptor, termios.TCSANOW, modes)

    def key(self, name: int) -> bytes:
        """Return the byte that a key sends (termios.VINTR, VSUSP); empty if it is switched off."""
        byte = bytes(self.modes[CC][name])
        return b"" if byte in DISABLED else byte


def of_process() -> Terminal | None:
    """Return the terminal that all three of our streams are, if we are in its foreground."""
    try:
        names = {os.ttyname(descriptor) for descriptor in (0, 1, 2)}
        terminal = Terminal(0)
    except (OSError, termios.error):
        return None
    return terminal if len(names) == 1 and is_foreground(0) else None


class ServerTerminal:
    """A pseudo-terminal (pty(7)): `ours` is its keyboard and screen, `theirs` the server's."""

    def __init__(self, like: Terminal) -> None:
        self.ours, self.theirs = os.openpty()
        termios.tcsetattr(self.theirs, termios.TCSANOW, like.modes)
        copy_size(like.descriptor, self.ours)

    @property
    def signals(self) -> bool:
        """Whether its keys make signals: a program that reads single keys switches that off."""
        return bool(termios.tcgetattr(self.ours)[LFLAG] & termios.ISIG)


def copy_size(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)


def make_controlling() -> None:
    """Make stdin the terminal of a new session, whose leader we are (TIOCSCTTY).

    Its signals do what they do by themselves: who started us may ignore them, as a shell lets its
    background jobs do, and that would be handed on (execve(2)) to a server with its own terminal.
    """
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in OF_TERMINALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_TERMINALS)


class SignalReceived(KeyboardInterrupt):
    """A signal came while no server was running.

    As Ctrl-C it leaves an event loop whatever that is doing: asyncio catches every other exception
    of a callback, and what a question is drawn by is one.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SignalQueue(Wakeup):
    """Collects signals, or lets them end what we do. A context manager like its base."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self._suspending = False

    def __enter__(self) -> Self:
        super().__enter__()
        self.install(calm=True)
        return self

    def install(self, *, calm: bool) -> None:
        """Make the signals ours, again after a question: an event loop takes them for itself.

        Args:
            calm: a server runs, so signals are only collected.
        """
        self.calm = calm
        self.take((*WATCHED, *(SUSPENDING if self._suspending else ())))

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if not self.calm and number not in QUIET:
            self.calm = True  # the first one ends what we do; a second must not end the cleaning
            raise SignalReceived(number)

    def resume(self) -> None:
        """Let signals end what we do, those too that came while they were only collected.

        Raises:
            SignalReceived: there was one.
        """
        self.install(calm=False)
        waiting = [number for number in self.collect() if number not in QUIET]
        if waiting:
            self.calm = True
            raise SignalReceived(waiting[0])

    def suspend(self, *, by_us: bool) -> None:
        """Say whether a suspend is carried out by us, or does what it does by itself."""
        self._suspending = by_us
        if by_us:
            self.take(SUSPENDING)
        else:
            self.give_back(SUSPENDING)


def terminal_interrupts_the_server() -> bool:
    """Say whether Ctrl-C reaches the server by itself: we are in the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return is_foreground(terminal)
    finally:
        os.close(terminal)


def is_foreground(terminal: int) -> bool:
    """Say whether a terminal is ours to change: a background job that tried would be stopped."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False

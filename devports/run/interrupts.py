"""Signals to devports itself, as things to wait for beside the server's output.

Handlers do nothing but wake the loop, so no code of ours runs at a random moment. Before there is
a server to take care of, a signal ends what we are doing (a look, a question, a wait) at once.
"""

from __future__ import annotations

import contextlib
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from typing_extensions import Self

STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WATCHED = (*STOPPING, signal.SIGINT, signal.SIGCHLD, signal.SIGWINCH)
SUSPENDING = (signal.SIGTSTP, signal.SIGCONT)
"""Watched beside those where the server has a terminal of its own: else Ctrl-Z stops both of us."""
QUIET = (signal.SIGCHLD, signal.SIGWINCH, *SUSPENDING)
"""Signals that end nothing."""


class Signalled(Exception):  # noqa: N818  # an event, not an error
    """A signal came while no server was running."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Collects signals. A context manager that puts the handlers back."""

    def __init__(self) -> None:
        self._suspending = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in (*WATCHED, *SUSPENDING)}
        self._wakeup = signal.set_wakeup_fd(-1)
        self.install(calm=True)
        return self

    def install(self, *, calm: bool) -> None:
        """Make the signals ours, again after a question: an event loop takes them for itself.

        Args:
            calm: a server runs, so signals are only collected.
        """
        self.calm = calm
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (*WATCHED, *(SUSPENDING if self._suspending else ())):
            # nohup(1) and shells ignore on purpose: what was ignored stays so.
            if self._before[number] is not signal.SIG_IGN or number == signal.SIGCHLD:
                signal.signal(number, self._handle)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if not self.calm and number not in QUIET:
            self.calm = True  # the first one ends what we do; a second must not end the cleaning
            raise Signalled(number)

    def resume(self) -> None:
        """Let signals end what we do, those too that came while they were only collected.

        Raises:
            Signalled: there was one.
        """
        self.install(calm=False)
        waiting = [number for number in self.collect() if number not in QUIET]
        if waiting:
            self.calm = True
            raise Signalled(waiting[0])

    def remember(self, number: int) -> None:
        """Let a signal be collected that came while its exception could not be let through."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, bytes([number]))

    def suspend(self, *, by_us: bool) -> None:
        """Say whether a suspend is carried out by us, or does what it does by itself."""
        self._suspending = by_us
        for number in SUSPENDING:
            before = self._before[number]
            signal.signal(number, self._handle if by_us and before != signal.SIG_IGN else before)

    def stop_ourselves(self) -> None:
        """Stop as SIGTSTP does by itself, and return when somebody has let us go on."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._handle)

    def fileno(self) -> int:
        return self._read

    def collect(self) -> list[int]:
        """Return the numbers of the signals that have come, each once, in order."""
        with contextlib.suppress(BlockingIOError):
            return list(dict.fromkeys(os.read(self._read, 4096)))
        return []


def terminal_interrupts_the_server() -> bool:
    """Say whether Ctrl-C reaches the server by itself: we are in the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)

"""Signals to devports itself, as things to wait for beside the server's output.

While a server runs they are only collected. Before there is one to take care of, a signal ends what
we are doing (a look, a question, a wait) at once.
"""

from __future__ import annotations

import os
import signal

from devports.system.wakeup import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

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


class Interrupts(Wakeup):
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
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)

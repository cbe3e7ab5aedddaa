"""What a person or the system wants of a program that goes on: a key, a signal, a gone reader.

Signals only wake the wait, so the program is never interrupted at a random moment, and whatever
ends it, the modes of the terminal are put back on the way out.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios

from devports.core.value import Frozen
from devports.system.signal_events import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WATCHED = (*ENDING, signal.SIGWINCH, signal.SIGTSTP)
QUIT_KEYS = b"qQ"
LOCAL_MODES, CONTROL_KEYS = 3, 6  # indexes in tcgetattr(3)'s list


class Resized(Frozen):
    """The terminal has another size."""


class Suspended(Frozen):
    """Ctrl-Z: the terminal is wanted by its shell."""


class Ended(Frozen):
    """It is to end. `number`: the signal that says so, 0 for a key or a reader that has gone."""

    number: int = 0


class TerminalEvents(Wakeup):
    """Waits for what is wanted. A context manager that puts handlers and modes back.

    Args:
        output: descriptor whose reader may go away.
        keyboard: descriptor of a terminal whose keys are ours for the time; None for no keys.
    """

    def __init__(self, output: int, keyboard: int | None = None) -> None:
        super().__init__()
        self._output, self._keyboard = output, keyboard
        self._modes: list[object] | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self.take(WATCHED)
        self.take_keys()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_keys_back()
        super().__exit__(kind, error, trace)

    def take_keys(self) -> None:
        """Get keys one by one and unseen (termios(3)); Ctrl-C and Ctrl-Z stay signals."""
        if self._keyboard is None:
            return
        with contextlib.suppress(termios.error):
            modes = termios.tcgetattr(self._keyboard)
            self._modes = list(modes)
            modes[LOCAL_MODES] &= ~(termios.ICANON | termios.ECHO)
            keys = list(modes[CONTROL_KEYS])
            keys[termios.VMIN], keys[termios.VTIME] = 1, 0
            modes[CONTROL_KEYS] = keys
            termios.tcsetattr(self._keyboard, termios.TCSANOW, modes)

    def give_keys_back(self) -> None:
        """Put the modes back as they were."""
        if self._modes is None or self._keyboard is None:
            return
        with contextlib.suppress(termios.error):  # EIO: the terminal has gone
            termios.tcsetattr(self._keyboard, termios.TCSANOW, self._modes)  # type: ignore[arg-type]
        self._modes = None

    def wait(self, seconds: float) -> Resized | Suspended | Ended | None:
        """Return the first thing that is wanted; None if nothing was for `seconds`."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        poll.register(self._output, 0)  # an error or the end of its reader is told unasked
        if self._keyboard is not None:
            poll.register(self._keyboard, select.POLLIN)
        ready = dict(poll.poll(max(0, round(seconds * 1000))))
        if self.fileno() in ready and (event := self._signal()) is not None:
            return event
        if self._keyboard in ready and self._key():
            return Ended()
        return Ended() if ready.get(self._output, 0) & (select.POLLERR | select.POLLHUP) else None

    def _signal(self) -> Resized | Suspended | Ended | None:
        numbers = self.collect()
        for number in ENDING:
            if number in numbers:
                return Ended(number)
        if signal.SIGTSTP in numbers:
            return Suspended()
        return Resized() if signal.SIGWINCH in numbers else None

    def _key(self) -> bool:
        """Say whether a key that ends was pressed. A keyboard that has ended is left alone."""
        try:
            keys = os.read(self._keyboard, 1024) if self._keyboard is not None else b""
        except OSError:  # EIO: the terminal has gone, and SIGHUP says so too
            keys = b""
        if not keys:
            self._keyboard = None
        return any(key in QUIT_KEYS for key in keys)

    def suspend(self) -> None:
        """Stop as Ctrl-Z would have done; return when we are continued."""
        self.give_keys_back()
        self.stop_ourselves()
        self.take_keys()

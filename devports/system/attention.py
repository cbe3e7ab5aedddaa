"""What a person or the system wants of a program that goes on: a key, a signal, a gone reader.

Signals are only collected and wake the wait, so the program is never interrupted at a random
moment, and whatever ends it, the modes of the terminal are put back on the way out.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal

from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    Signals = dict[int, object]

ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
WATCHED = (*ENDING, "SIGWINCH", "SIGTSTP")
"""By name: no system has all of them."""
QUIT_KEYS = b"qQ"
LOCAL_MODES, CONTROL_KEYS = 3, 6  # indexes in tcgetattr(3)'s list


class Resized(Value):
    """The terminal has another size."""


class Suspended(Value):
    """Ctrl-Z: the terminal is wanted by its shell."""


class Ended(Value):
    """It is to end. `number`: the signal that says so, 0 for a key or a reader that has gone."""

    number: int = 0


class Attention:
    """Waits for what is wanted. A context manager that puts handlers and modes back.

    Args:
        output: descriptor whose reader may go away.
        keyboard: descriptor of a terminal whose keys are ours for the time; None for no keys.
    """

    def __init__(self, output: int, keyboard: int | None = None) -> None:
        self._output, self._keyboard = output, keyboard
        self._modes: list[object] | None = None

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        numbers = [getattr(signal, name) for name in WATCHED if hasattr(signal, name)]
        self._before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:  # nohup(1) and shells ignore on purpose
                signal.signal(number, _collect)
        self.take_keys()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_keys_back()
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def take_keys(self) -> None:
        """Get keys one by one and unseen (termios(3)); Ctrl-C and Ctrl-Z stay signals."""
        if self._keyboard is None:
            return
        import termios  # noqa: PLC0415  # not on Windows

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
        import termios  # noqa: PLC0415

        with contextlib.suppress(termios.error):  # EIO: the terminal has gone
            termios.tcsetattr(self._keyboard, termios.TCSANOW, self._modes)  # type: ignore[arg-type]
        self._modes = None

    def wait(self, seconds: float) -> Resized | Suspended | Ended | None:
        """Return the first thing that is wanted; None if nothing was for `seconds`."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._output, 0)  # an error or the end of its reader is told unasked
        if self._keyboard is not None:
            poll.register(self._keyboard, select.POLLIN)
        ready = dict(poll.poll(max(0, round(seconds * 1000))))
        if self._read in ready and (event := self._signal()) is not None:
            return event
        if self._keyboard in ready and self._key():
            return Ended()
        return Ended() if ready.get(self._output, 0) & (select.POLLERR | select.POLLHUP) else None

    def _signal(self) -> Resized | Suspended | Ended | None:
        with contextlib.suppress(BlockingIOError):
            numbers = os.read(self._read, 4096)
            names = {signal.Signals(number).name: number for number in numbers}
            for name in ENDING:
                if name in names:
                    return Ended(names[name])
            if "SIGTSTP" in names:
                return Suspended()
            return Resized() if "SIGWINCH" in names else None
        return None

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
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, _collect)
        self.take_keys()


def _collect(_number: int, _frame: object) -> None:
    """Do nothing: the wakeup descriptor has noted it."""

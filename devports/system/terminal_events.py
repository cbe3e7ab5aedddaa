"""What a program that goes on has to wait for: signals, keys, a terminal or reader that has gone.

A signal wakes a descriptor beside whatever else is awaited. By itself its handler does nothing, so
no code of ours runs at a random moment, and whatever ends the program, handlers and the modes of
the terminal are put back on the way out. POSIX only: on Windows the descriptor would have to be a
socket, and most of these signals do not exist.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from typing_extensions import Self

    Handler = Callable[[int, FrameType | None], None]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WATCHED = (*ENDING, signal.SIGWINCH, signal.SIGTSTP)
QUIT_KEYS = b"qQ"
LOCAL_MODES, CONTROL_KEYS = 3, 6  # indexes in tcgetattr(3)'s list


def _collect(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the wakeup descriptor has noted it."""


class Wakeup:
    """Collects signals. A context manager that puts the handlers back.

    Args:
        handler: what is done beside that.
    """

    def __init__(self, handler: Handler = _collect) -> None:
        self._handler = handler
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(-1)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        self.give_back(self._before)
        os.close(self._read)
        os.close(self._write)

    def take(self, numbers: Iterable[int]) -> None:
        """Collect these signals from now on, again after an event loop took them for itself.

        Whoever started us may have blocked them; they stay unblocked, for those we start too.
        """
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        wanted = tuple(numbers)
        for number in wanted:
            before = self._before.setdefault(number, signal.getsignal(number))
            # nohup(1) and shells ignore on purpose: what was ignored stays so.
            if before is not signal.SIG_IGN or number == signal.SIGCHLD:
                signal.signal(number, self._handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)

    def give_back(self, numbers: Iterable[int]) -> None:
        """Let these signals do again what they did before."""
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before[number])  # type: ignore[arg-type]

    def fileno(self) -> int:
        return self._read

    def collect(self) -> list[int]:
        """Return the numbers of the signals that have come, each once, in order."""
        with contextlib.suppress(BlockingIOError):
            return list(dict.fromkeys(os.read(self._read, 4096)))
        return []

    def remember(self, number: int) -> None:
        """Let a signal be collected that came while its exception could not be let through."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, bytes([number]))

    def stop_ourselves(self) -> None:
        """Stop as SIGTSTP does by itself, and return when somebody has let us go on."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._handler)


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

    def __exit__(self, *error: object) -> None:
        self.give_keys_back()
        super().__exit__(*error)

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

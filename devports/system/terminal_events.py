"""What an interactive command waits for: signals, keys, a closed terminal, a closed output.

A signal makes a descriptor readable that is polled together with the others. The handler itself
does nothing, so no code of devports runs at a random moment; handlers and terminal modes are
restored on every exit. POSIX only: on Windows the descriptor would have to be a socket, and most of
these signals do not exist.
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
    """Do nothing: the wakeup descriptor has the signal."""


class Wakeup:
    """Collects signals. A context manager that restores the handlers.

    Args:
        handler: called for each signal in addition.
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
        self.restore(self._before)
        os.close(self._read)
        os.close(self._write)

    def take(self, numbers: Iterable[int]) -> None:
        """Collect these signals from now on, again after an event loop replaced the handlers.

        The parent process may have blocked them; they stay unblocked, also for child processes.
        """
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        wanted = tuple(numbers)
        for number in wanted:
            before = self._before.setdefault(number, signal.getsignal(number))
            # nohup(1) and shells ignore signals on purpose: those stay ignored.
            if before is not signal.SIG_IGN or number == signal.SIGCHLD:
                signal.signal(number, self._handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)

    def restore(self, numbers: Iterable[int]) -> None:
        """Restore the handlers of these signals."""
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before[number])  # type: ignore[arg-type]

    def fileno(self) -> int:
        return self._read

    def collect(self) -> list[int]:
        """Return the numbers of the signals that have arrived, each once, in order."""
        with contextlib.suppress(BlockingIOError):
            return list(dict.fromkeys(os.read(self._read, 4096)))
        return []

    def remember(self, number: int) -> None:
        """Collect a signal again, one that was turned into an exception at the wrong time."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, bytes([number]))

    def stop_process(self) -> None:
        """Stop this process as SIGTSTP does by default; return when it is continued."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._handler)


class Resized(Frozen):
    """The terminal has a new size."""


class Suspended(Frozen):
    """Ctrl-Z was pressed."""


class Ended(Frozen):
    """The command must exit. `number`: the signal, 0 for a key or a closed output."""

    number: int = 0


class TerminalEvents(Wakeup):
    """Waits for events of a terminal. A context manager that restores handlers and modes.

    Args:
        output: descriptor whose reader may close it.
        keyboard: descriptor of a terminal whose keys are read; None for no keys.
    """

    def __init__(self, output: int, keyboard: int | None = None) -> None:
        super().__init__()
        self._output, self._keyboard = output, keyboard
        self._modes: list[object] | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self.take(WATCHED)
        self.start_keys()
        return self

    def __exit__(self, *error: object) -> None:
        self.restore_modes()
        super().__exit__(*error)

    def start_keys(self) -> None:
        """Read keys one by one without echo (termios(3)); Ctrl-C and Ctrl-Z stay signals."""
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

    def restore_modes(self) -> None:
        """Restore the terminal modes."""
        if self._modes is None or self._keyboard is None:
            return
        with contextlib.suppress(termios.error):  # EIO: the terminal is closed
            termios.tcsetattr(self._keyboard, termios.TCSANOW, self._modes)  # type: ignore[arg-type]
        self._modes = None

    def wait(self, seconds: float) -> Resized | Suspended | Ended | None:
        """Return the first event; None if there was none within `seconds`."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        poll.register(self._output, 0)  # poll(2) always reports errors and a closed reader
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
        """Return whether a key that quits was pressed. A closed keyboard is not read again."""
        try:
            keys = os.read(self._keyboard, 1024) if self._keyboard is not None else b""
        except OSError:  # EIO: the terminal is closed; SIGHUP comes too
            keys = b""
        if not keys:
            self._keyboard = None
        return any(key in QUIT_KEYS for key in keys)

    def suspend(self) -> None:
        """Stop as Ctrl-Z does by default; return when the process is continued."""
        self.restore_modes()
        self.stop_process()
        self.start_keys()

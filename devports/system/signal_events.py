"""Signals as things to wait for: each one wakes a descriptor, beside whatever else is awaited.

By itself a handler does nothing, so no code of ours runs at a random moment. POSIX only: on Windows
the descriptor would have to be a socket, and most of these signals do not exist.

signum: The signals that end a process, by number, also where the `signal` module does not have
them.

Windows has none of them: its pins take TERM and KILL for the one way there is, TerminateProcess.
"""

from __future__ import annotations

import contextlib
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType, TracebackType

    from typing_extensions import Self

    Handler = Callable[[int, FrameType | None], None]


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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


TERM = int(signal.SIGTERM)
KILL = int(getattr(signal, "SIGKILL", 9))
CONT = int(getattr(signal, "SIGCONT", 18))

NAMES = {TERM: "SIGTERM", KILL: "SIGKILL", CONT: "SIGCONT"}

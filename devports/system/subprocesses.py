"""Programs of the system, asked within a bound of time."""

from __future__ import annotations

import os

from devports.core.value import Frozen
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

SECONDS = 2.0
"""How long a program of the system may take to answer."""
MOST = 1 << 20
"""Bytes that are read of a stream."""
LONGEST_ANSWER = 1 << 24
"""Bytes of an answer: more than a row for each port there is."""


class CommandResult(Frozen):
    """How a program ended: its exit status, and what it wrote to each stream, up to a bound."""

    status: int
    output: bytes
    errors: bytes = b""


def ask(argv: Sequence[str], seconds: float = SECONDS) -> bytes | None:
    """Return what a program wrote, in no user's language; None if it did not answer in time.

    The exit status is not asked: lsof says 1 where it found nothing. A program that is not there,
    or that takes too long and is killed, has not answered; nor has one that goes on and on, for a
    row that is cut off might be the one that counts.
    """
    ran = run(argv, seconds, LONGEST_ANSWER)
    return None if ran is None or len(ran.output) == LONGEST_ANSWER else ran.output


def run(argv: Sequence[str], seconds: float, most: int = MOST) -> CommandResult | None:
    """Run a program and wait for its end; None if it is not there or did not end in time.

    Args:
        argv: its full path and its words; no shell reads them.
        seconds: after which it is killed.
        most: bytes that are read of each stream.
    """
    import subprocess  # one and a half Python starts, where there is no /proc

    end = clock.Deadline(seconds)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # no console flashes up
        )
    except (OSError, ValueError):
        return None
    readers = [_Reader(process.stdout, most), _Reader(process.stderr, most)]
    try:
        written = [reader.within(end.left) for reader in readers]
        status = process.wait(end.left)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:  # its time is up, or a signal has ended our wait
            process.kill()
            process.wait()
    output, errors = written
    return None if output is None or errors is None else CommandResult(status, output, errors)


class _Reader:
    """Reads one stream beside everything else, up to the bound.

    A child of the program may keep the stream open, so the read is left alone when time is up;
    whoever writes more than the bound is not listened to any further.
    """

    def __init__(self, pipe: IO[bytes] | None, most: int) -> None:
        import threading

        self._pipe, self._most, self._read = pipe, most, b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if self._pipe is not None:
            with self._pipe:
                self._read = self._pipe.read(self._most)

    def within(self, seconds: float) -> bytes | None:
        """Return what was read; None if the stream has not come to its end in time."""
        self._thread.join(seconds)
        return None if self._thread.is_alive() else self._read

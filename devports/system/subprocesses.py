"""Running programs: those of the system within a time limit, and one in place of devports."""

from __future__ import annotations

import os

from devports.core.value import Frozen
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

SECONDS = 2.0
"""The default time limit."""
MOST = 1 << 20
"""Bytes read of a stream."""
LONGEST_ANSWER = 1 << 24
"""Bytes of an answer: more than a row for every port."""


class CommandResult(Frozen):
    """The exit status of a program, and the beginning of each output stream."""

    status: int
    output: bytes
    errors: bytes = b""


def ask(argv: Sequence[str], seconds: float = SECONDS) -> bytes | None:
    """Return the output of a program in the C locale; None if it did not answer in time.

    The exit status is ignored: lsof exits with 1 where it finds nothing. A program that does not
    exist, is killed at the time limit, or writes more than `LONGEST_ANSWER` has not answered: a
    truncated row might be the one that counts.
    """
    ran = run(argv, seconds, LONGEST_ANSWER)
    return None if ran is None or len(ran.output) == LONGEST_ANSWER else ran.output


def run(argv: Sequence[str], seconds: float, most: int = MOST) -> CommandResult | None:
    """Run a program until it exits; None if it does not exist or did not exit in time.

    Args:
        argv: its full path and its arguments; no shell reads them.
        seconds: after which it is killed.
        most: bytes read of each stream.
    """
    import subprocess  # one and a half Python starts, on systems without /proc

    end = clock.Deadline(seconds)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # opens no console window
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
        if process.poll() is None:  # the time limit has passed, or a signal interrupted the wait
            process.kill()
            process.wait()
    output, errors = written
    return None if output is None or errors is None else CommandResult(status, output, errors)


def become(argv: tuple[str, ...], environ: Mapping[str, str]) -> int:
    """Replace this process by a program; on Windows, which cannot, return its exit code.

    Python ignores SIGPIPE and SIGXFSZ, which a program would inherit.

    Raises:
        OSError: it cannot be executed.
    """
    import signal

    if not hasattr(os, "fork"):
        import subprocess

        return subprocess.run(argv, env=dict(environ), check=False).returncode
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execvpe(argv[0], argv, environ)


class _Reader:
    """Reads the beginning of one stream in a thread.

    A child of the program may keep the stream open, so the thread is abandoned at the time limit; a
    stream is not read beyond the limit of bytes.
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
        """Return what was read; None if the stream did not end in time."""
        self._thread.join(seconds)
        return None if self._thread.is_alive() else self._read

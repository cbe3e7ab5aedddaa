"""Programs of the system, asked within a bound of time."""

from __future__ import annotations

import os

from devports.core.value import Value
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

SECONDS = 2.0
"""How long a program of the system may take to answer."""
MOST = 1 << 20
"""Bytes that are read of what `run` started."""


def ask(argv: Sequence[str], seconds: float = SECONDS) -> bytes | None:
    """Return what a program wrote, in no user's language; None if it did not answer in time.

    The exit status is not asked: lsof says 1 where it found nothing. A program that is not there,
    or that takes too long and is killed, has not answered.
    """
    import subprocess  # noqa: PLC0415  # one and a half Python starts, where there is no /proc

    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            timeout=seconds,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # no console flashes up
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout


class Ran(Value):
    """How a program ended: its exit status, and what it wrote, up to a bound."""

    status: int
    output: bytes


def run(argv: Sequence[str], seconds: float, *, errors: bool = False) -> Ran | None:
    """Run a program and wait for its end; None if it is not there or did not end in time.

    Args:
        argv: its full path and its words; no shell reads them.
        seconds: after which it is killed.
        errors: read what it writes to stderr too, and not only its output.
    """
    import subprocess  # noqa: PLC0415  # one and a half Python starts, only with containers
    import threading  # noqa: PLC0415

    written: list[bytes] = []
    end = clock.Deadline(seconds)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError):
        return None
    pipe = process.stdout
    # A child of its own may keep the pipe open, so the read is left alone when time is up.
    reader = threading.Thread(target=lambda: written.append(_read(pipe)), daemon=True)
    reader.start()
    reader.join(seconds)
    try:
        status = process.wait(max(end.left, 0.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    return Ran(status, written[0]) if written else None


def _read(pipe: IO[bytes] | None) -> bytes:
    """Return up to the bound; whoever writes more is not listened to any further."""
    if pipe is None:
        return b""
    with pipe:
        return pipe.read(MOST)

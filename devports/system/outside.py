"""Programs of the system, asked within a bound of time."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 2.0
"""How long a program of the system may take to answer."""


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

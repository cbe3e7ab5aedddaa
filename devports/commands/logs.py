"""`devports logs`: the output of the last run of a service in the background."""

from __future__ import annotations

import contextlib
import os
import sys

from devports import exitcodes
from devports.commands.context import service_of
from devports.core.hint import hint, own_command
from devports.errors import DevportsError
from devports.records import CONTINUED
from devports.system import clock
from devports.system.files import NOFOLLOW, open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from devports.commands.context import Context
    from devports.core.service import Config
    from devports.records import RunRecords

BLOCK = 1 << 16
LOOK_EVERY = 0.1
"""Seconds between two looks for new output: a file has no event that every system has."""


def logs(context: Context, name: str, *, follow: bool = False, tail: int | None = 100) -> int:
    """Print the last lines of the log, all for None; follow it until its run ends.

    Raises:
        DevportsError: there is no log.
    """
    config, records = context.config(), context.records()
    with open_log(config, records, name) as file, contextlib.suppress(BrokenPipeError):  # `| head`
        path = records.log_path(name, config.root)
        write(beginning(file, path, tail))
        if follow:
            follow_log(file, path, records, name, config.root)
    return exitcodes.OK


def open_log(config: Config, records: RunRecords, name: str) -> BinaryIO:
    """Open the log of the last run in the background.

    Raises:
        DevportsError: there is none, or the service runs in a terminal.
    """
    path, run = records.log_path(name, config.root), records.live_run(name, config.root)
    try:
        if run is None or run.log:
            return open_regular(path, NOFOLLOW)
        why = f"it runs in a terminal (pid {run.key.pid}), which shows its output"
    except FileNotFoundError:
        why = f"`{path}` is missing"
        if run is None:
            service_of(config, name)
            why = "it has not been started by `devports up`"
    except OSError as error:
        why = f"cannot read `{path}`: {error.strerror}"
    start = hint("to start it in the background, run ", own_command("up", name))
    raise DevportsError(
        "no-log",
        f"`{name}` has no log: {why}",
        hints=(start,) if run is None else (),
        service=name,
        exit_code=exitcodes.NO,
    )


def beginning(file: BinaryIO, path: str, tail: int | None) -> bytes:
    """Return the last lines of a log, and of the one before if that is of the same run."""
    if tail is not None:
        text = last_lines(file, tail)
        missing = tail - text.count(b"\n")
    else:
        text, missing = file.read(), None
    if not text.startswith(CONTINUED) or missing == 0:
        return text
    try:
        with open_regular(f"{path}.1", NOFOLLOW) as before:
            first = before.read() if missing is None else last_lines(before, missing + 1)
    except OSError:
        return text
    return first + text.partition(b"\n")[2]


def last_lines(file: BinaryIO, count: int) -> bytes:
    """Return the last `count` lines, and leave the file at its end."""
    at = end = file.seek(0, os.SEEK_END)
    text = b""
    while at and text.count(b"\n") <= count:
        at = max(at - BLOCK, 0)
        file.seek(at)
        text = file.read(min(BLOCK, end - at)) + text
        end = at
    file.seek(0, os.SEEK_END)
    lines = text.split(b"\n")  # not at `\r`, with which progress is drawn
    return b"\n".join(lines[max(0, len(lines) - count - text.endswith(b"\n")) :])


def follow_log(file: BinaryIO, path: str, records: RunRecords, name: str, project: str) -> None:
    """Write what is appended until the run has ended, in the next file too."""
    while True:
        live = records.live_run(name, project) is not None
        write(file.read())
        if (fresh := replacement(file, path)) is not None:
            write(file.read())
            file.close()
            file = fresh
        elif not live:
            return
        else:
            clock.pause(LOOK_EVERY)


def replacement(file: BinaryIO, path: str) -> BinaryIO | None:
    """Return the log that has been begun instead of this one; None if there is none."""
    with contextlib.suppress(OSError):
        if not os.path.samestat(os.lstat(path), os.fstat(file.fileno())):
            return open_regular(path, NOFOLLOW)
    return None


def write(data: bytes) -> None:
    """Write bytes as they are.

    Raises:
        BrokenPipeError: the reader is closed.
    """
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

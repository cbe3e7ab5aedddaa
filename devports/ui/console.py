"""The console: the only place that writes to stdout and stderr.

Whether there is a terminal, colour and a way to ask is decided here and only here; rich and
prompt_toolkit are told, since they interpret FORCE_COLOR and similar variables differently.
"""

from __future__ import annotations

import os
import sys
import time

from devports.core.text import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from io import RawIOBase
    from typing import Literal, TextIO

    from devports.errors import DevportsError
    from devports.ui.json_types import Status
    from devports.ui.processes import DisplayContext
    from devports.ui.text import OutputStyle

    Stream = Literal["stdin", "stdout", "stderr"]
    Output = Literal["stdout", "stderr"]

DEFAULT_WIDTH, NARROWEST = 80, 20
DEFAULT_HEIGHT, LOWEST = 24, 3
LARGEST = 99999
"""More lines or columns than this are not the size of a terminal."""
PATIENCE = 5.0
"""Seconds to wait for a reader, if another program made the descriptor non-blocking."""

ASCII_TWINS = {"…": "...", "←": "<-", "→": "->", "·": "-", "✗": "x", "✓": "ok"}
NO = ("", "0", "false", "no")
NAMELESS = ("", "dumb", "unknown")
"""Values of TERM of a terminal that cannot be drawn on."""

SHOW_AFTER, LOG_AFTER = 0.5, 0.7
"""Seconds of a wait before a transient line shows it, or a permanent line reports it."""


class Console:
    """Three streams and what each is: a terminal, a pipe, or closed.

    Args:
        stdin: None, like the others, if the process was started without it.
        stdout: for data.
        stderr: for everything else.
        env: the environment; read for NO_COLOR, FORCE_COLOR, TERM, COLUMNS, CI, HOME.
        may_ask: False for ``--no-input`` and ``--json``.
    """

    def __init__(
        self,
        stdin: TextIO | None,
        stdout: TextIO | None,
        stderr: TextIO | None,
        env: Mapping[str, str],
        *,
        may_ask: bool = True,
    ) -> None:
        self.streams: dict[Stream, TextIO | None] = {
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
        }
        self.env, self.may_ask = env, may_ask
        self.lost: dict[Stream, int] = {}
        """Streams that failed, with the errno; nothing more is written to them."""
        self.config = ""
        """The value of `--config`; hints add it to the commands of devports."""

    @classmethod
    def of_process(cls, *, may_ask: bool = True) -> Console:
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ, may_ask=may_ask)

    def is_terminal(self, name: Stream) -> bool:
        stream = self.streams[name]
        try:
            return stream is not None and stream.isatty()
        except ValueError:  # closed
            return False

    @property
    def interactive(self) -> bool:
        """Whether devports can ask. Settings for colour have no influence."""
        return (
            self.may_ask
            and self.is_terminal("stdin")
            and self.is_terminal("stderr")
            and self.env.get("TERM") != "dumb"
            and self.env.get("CI", "").lower() in NO
        )

    def has_colour(self, name: Output) -> bool:
        if self.env.get("NO_COLOR"):
            return False
        if force := self.env.get("FORCE_COLOR"):
            return force.lower() not in NO
        return self.is_terminal(name) and self.env.get("TERM") != "dumb"

    def width(self, name: Output) -> int | None:
        """Return the cells of a line, read at each call; None on a pipe."""
        if not self.is_terminal(name):
            return None
        typed = decimal(self.env.get("COLUMNS", ""), LARGEST)
        return max(typed or _terminal_size(self.streams[name])[0], NARROWEST)

    def height(self, name: Output) -> int:
        """Return the lines of a terminal, read at each call."""
        typed = decimal(self.env.get("LINES", ""), LARGEST)
        return max(typed or _terminal_size(self.streams[name])[1], LOWEST)

    def can_draw(self, name: Output) -> bool:
        """Whether lines can be redrawn: on a terminal with a known cursor."""
        return self.is_terminal(name) and self.env.get("TERM", "") not in NAMELESS

    @property
    def patience(self) -> float:
        """Seconds of a wait before it is shown; see `ui.waiting`."""
        return SHOW_AFTER if self.can_draw("stderr") else LOG_AFTER

    def output_style(self, name: Output) -> OutputStyle:
        from devports.ui.text import OutputStyle  # not for `port 8000 is free`

        return OutputStyle(colour=self.has_colour(name), width=self.width(name), config=self.config)

    def out(self, text: str = "") -> None:
        """Write data, and a newline."""
        self.write("stdout", text + "\n")

    def err(self, text: str = "") -> None:
        """Write what is not data, and a newline."""
        self.write("stderr", text + "\n")

    def answer(
        self,
        command: Sequence[str],
        data: Mapping[str, object],
        *,
        exit_code: int,
        errors: Iterable[DevportsError] = (),
        status: Status | None = None,
    ) -> None:
        """Write the JSON document of a command; see `json_output.document`."""
        from devports.ui.json_output import document  # json: half a start

        text = document(
            command, data, exit_code=exit_code, errors=errors, status=status, config=self.config
        )
        self.write("stdout", text)

    def progress(self, line: str) -> None:
        """Write a progress line: unbroken where an editor reads it, else wrapped."""
        from devports.ui.text import in_vscode, wrap  # not for a free port

        width = None if in_vscode(self.env) else self.width("stderr")
        self.err("\n".join(wrap(line, width, hang=2)))

    def write(self, name: Output, text: str) -> None:
        """Write `text` unchanged. Never raises: a closed reader must not stop a clean-up."""
        stream = self.streams[name]
        if stream is None or name in self.lost:
            return
        try:
            _write(stream, text)
        except OSError as problem:  # EPIPE from `| head`, EIO from a closed terminal, ENOSPC
            self.lost[name] = problem.errno or 0
        except ValueError:  # closed
            self.lost[name] = 0

    def reader(self, uid: int | None = None, now: float | None = None) -> DisplayContext:
        """Return the display context, by default of the user who called sudo or this process."""
        from devports.system.user import uids  # only to describe a process
        from devports.ui.processes import DisplayContext

        moment = time.time() if now is None else now
        home = self.env.get("HOME") or self.env.get("USERPROFILE", "")
        offset = time.localtime(moment).tm_gmtoff
        return DisplayContext(uids()[1] if uid is None else uid, home, moment, offset)


def _terminal_size(stream: TextIO | None) -> tuple[int, int]:
    """Return columns and lines. A fresh pseudo terminal reports 0, which counts as unknown."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno()) if stream else (0, 0)
    except (OSError, ValueError):
        columns, lines = 0, 0
    return columns or DEFAULT_WIDTH, lines or DEFAULT_HEIGHT


def _write(stream: TextIO, text: str) -> None:
    """Write past Python's buffers: what they keep after EPIPE would end the process with 120."""
    stream.flush()
    encoding = stream.encoding or "utf-8"
    data = fitted(text, encoding)
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if raw is None:
        stream.write(data.decode(encoding))
        stream.flush()
        return
    while data:
        if (count := raw.write(data)) is None:
            _wait_for_reader(raw)
        else:
            data = data[count:]


def fitted(text: str, encoding: str) -> bytes:
    """Return `text` in `encoding`, with ASCII in place of missing characters."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        for char, twin in ASCII_TWINS.items():
            text = text.replace(char, twin)
        return text.encode(encoding, "backslashreplace")


def _wait_for_reader(raw: RawIOBase) -> None:
    import select  # only if another program (node does) set O_NONBLOCK

    if not select.select([], [raw], [], PATIENCE)[1]:
        raise TimeoutError


def reopen_closed_streams(
    fds: Sequence[int] = (0, 1, 2), names: object = sys, *, null: str = os.devnull
) -> None:
    """Open /dev/null in place of a missing stdin, stdout or stderr.

    Else the next file or socket opened would become descriptor 0, 1 or 2, and be used as that
    stream.
    """
    for fd, name in zip(fds, ("stdin", "stdout", "stderr"), strict=True):
        try:
            os.fstat(fd)
        except OSError:
            _open_as(fd, null)
        if getattr(names, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(names, name, open(fd, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _open_as(fd: int, path: str) -> None:
    opened = os.open(path, os.O_RDWR)
    if opened == fd:
        os.set_inheritable(fd, True)  # children expect to have all three
    else:
        os.dup2(opened, fd)
        os.close(opened)

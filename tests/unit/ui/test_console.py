from __future__ import annotations

import contextlib
import errno
import io
import os
import struct
import types
from typing import TYPE_CHECKING, Any

import pytest

from devports.core.model import CURRENT_USER
from devports.ui import console
from devports.ui.console import Console, fitted, reopen_closed_streams
from devports.ui.text import OutputStyle
from tests.harness.capabilities import NEEDS_PTY
from tests.unit.ui.samples import Stage, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failing(Stream):
    """A stream whose reader has gone."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem, self.tries = problem, 0

    def write(self, _text: str) -> int:
        self.tries += 1
        raise self.problem


class Descriptor(io.RawIOBase):
    """A descriptor that takes a little at a time, and sometimes nothing (O_NONBLOCK)."""

    def __init__(self, fd: int, answers: list[int | None]) -> None:
        self.fd, self.answers, self.got = fd, answers, b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.fd

    def write(self, data: bytes) -> int | None:  # type: ignore[override]
        count = self.answers.pop(0)
        if count is not None:
            self.got += bytes(data)[:count]
        return count


class Buffered(Stream):
    """A stream of the standard library's make: text over a buffer over a descriptor."""

    def __init__(self, raw: Descriptor) -> None:
        super().__init__()
        self._raw = raw

    @property
    def buffer(self) -> Any:
        return types.SimpleNamespace(raw=self._raw)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


@pytest.mark.parametrize(
    ("lines", "height"),
    [
        pytest.param("10", 10, id="LINES counts"),
        pytest.param("1", 3, id="a height nobody has"),
        pytest.param("", 24, id="not known"),
        pytest.param("low", 24, id="a LINES that is no number says nothing"),
    ],
)
def test_height(lines: str, height: int) -> None:
    assert Stage(LINES=lines).screen.height("stdout") == height


@pytest.mark.parametrize(
    ("terminal", "term", "answer"),
    [
        pytest.param(True, "xterm", True, id="a terminal"),
        pytest.param(True, "dumb", False, id="a dumb one"),
        pytest.param(False, "xterm", False, id="a pipe"),
    ],
)
def test_whether_lines_can_be_drawn_over(terminal: bool, term: str, answer: bool) -> None:
    assert Stage(terminal=terminal, TERM=term).screen.can_draw("stdout") is answer


@pytest.mark.parametrize(
    ("terminal", "env", "colour"),
    [
        pytest.param(True, {}, True, id="a terminal has colours"),
        pytest.param(False, {}, False, id="a pipe has none"),
        pytest.param(True, {"NO_COLOR": "1"}, False, id="NO_COLOR turns them off"),
        pytest.param(True, {"NO_COLOR": ""}, True, id="an empty NO_COLOR says nothing"),
        pytest.param(True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="NO_COLOR is stronger"),
        pytest.param(False, {"FORCE_COLOR": "1"}, True, id="FORCE_COLOR reaches a pipe"),
        pytest.param(True, {"FORCE_COLOR": "0"}, False, id="FORCE_COLOR=0 turns them off"),
        pytest.param(True, {"FORCE_COLOR": ""}, True, id="an empty FORCE_COLOR says nothing"),
        pytest.param(True, {"TERM": "dumb"}, False, id="a dumb terminal has none"),
    ],
)
def test_colour(terminal: bool, env: dict[str, str], colour: bool) -> None:
    assert Stage(env, terminal=terminal).screen.has_colour("stderr") is colour


@pytest.mark.parametrize(
    ("env", "may_ask", "interactive"),
    [
        pytest.param({}, True, True, id="a person at a terminal"),
        pytest.param({}, False, False, id="not with --no-input or --json"),
        pytest.param({"TERM": "dumb"}, True, False, id="not on a dumb terminal"),
        pytest.param({"CI": "true"}, True, False, id="not in CI"),
        pytest.param({"CI": "false"}, True, True, id="CI=false is not CI"),
        pytest.param({"NO_COLOR": "1"}, True, True, id="colour has no say"),
    ],
)
def test_interactive(env: dict[str, str], may_ask: bool, interactive: bool) -> None:
    assert Stage(env, may_ask=may_ask).screen.interactive is interactive


@pytest.mark.parametrize(
    ("stdin", "stderr"),
    [
        pytest.param(False, True, id="answers come from a pipe"),
        pytest.param(True, False, id="the question would go into a file"),
    ],
)
def test_nobody_is_asked_over_a_pipe_whatever_forces_colour(stdin: bool, stderr: bool) -> None:
    streams = Stream(terminal=stdin), Stream(), Stream(terminal=stderr)
    assert not Console(*streams, {"FORCE_COLOR": "1"}).interactive


@pytest.mark.parametrize(
    ("terminal", "columns", "width"),
    [
        pytest.param(False, "60", None, id="a pipe is never broken"),
        pytest.param(True, "60", 60, id="COLUMNS counts"),
        pytest.param(True, "3", 20, id="there is a least width"),
        pytest.param(True, "0", 80, id="a COLUMNS of 0 says nothing"),
        pytest.param(True, "9" * 5000, 80, id="a COLUMNS beyond every terminal says nothing"),
        pytest.param(True, "wide", 80, id="a COLUMNS that is no number says nothing"),
    ],
)
def test_width(terminal: bool, columns: str, width: int | None) -> None:
    stage = Stage(terminal=terminal, COLUMNS=columns, NO_COLOR="1")
    assert stage.screen.output_style("stdout") == OutputStyle(colour=False, width=width)


@NEEDS_PTY
@pytest.mark.parametrize(
    ("columns", "width"),
    [
        pytest.param(0, 80, id="a fresh one has none"),
        pytest.param(66, 66, id="its own"),
        pytest.param(5, 20, id="there is a least width"),
    ],
)
def test_the_width_of_a_terminal(columns: int, width: int) -> None:
    import fcntl
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(slave, "w", encoding="utf-8") as terminal:
        assert Console(None, terminal, terminal, {}).width("stderr") == width
    os.close(master)


def test_data_and_the_rest_go_separate_ways() -> None:
    stage = Stage()
    stage.screen.out("data")
    stage.screen.err("words")
    stage.screen.err()
    assert (stage.stdout.getvalue(), stage.stderr.getvalue()) == ("data\n", "words\n\n")


@pytest.mark.parametrize(
    ("problem", "number"),
    [
        pytest.param(BrokenPipeError(errno.EPIPE, ""), errno.EPIPE, id="head has read enough"),
        pytest.param(OSError(errno.EIO, ""), errno.EIO, id="the terminal has gone"),
        pytest.param(OSError(), 0, id="an error without a number"),
        pytest.param(ValueError("closed"), 0, id="the stream is closed"),
    ],
)
def test_a_gone_reader_is_noticed_once_and_stops_nothing(problem: Exception, number: int) -> None:
    stream = Failing(problem)
    screen = Console(None, stream, Stream(), {})
    screen.out("a")
    screen.out("b")
    assert (screen.lost, stream.tries) == ({"stdout": number}, 1)


def test_missing_and_closed_streams() -> None:
    closed = Stream()
    closed.close()
    screen = Console(None, None, closed, {})
    screen.out("nowhere")
    screen.err("nowhere")
    assert not screen.is_terminal("stdin")
    assert not screen.is_terminal("stderr")


NEWS = "devports: `web` is ready on 127.0.0.1:8000 after 0.1 s: `python3` (pid 4250)"
BROKEN = "devports: `web` is ready on 127.0.0.1:8000 after\n  0.1 s: `python3` (pid 4250)"
READERS = [
    pytest.param(True, "", BROKEN, id="a person's terminal: between words"),
    pytest.param(True, "vscode", NEWS, id="VS Code, whose matcher reads lines: whole"),
    pytest.param(False, "", NEWS, id="a pipe: whole"),
]


@pytest.mark.parametrize(("terminal", "program", "shown"), READERS)
def test_news_is_broken_for_people_only(terminal: bool, program: str, shown: str) -> None:
    stage = Stage(terminal=terminal, COLUMNS="50", TERM_PROGRAM=program)
    stage.screen.progress(NEWS)
    assert stage.stderr.getvalue() == shown + "\n"


def test_a_slow_descriptor_gets_every_byte(pipe: tuple[int, int]) -> None:
    raw = Descriptor(pipe[1], [2, None, 100])
    Console(None, Buffered(raw), None, {}).out("hello")
    assert raw.got == b"hello\n"[: len(raw.got)] == b"hello\n"


def test_a_descriptor_that_takes_nothing_is_given_up(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PATIENCE", 0.01)
    os.set_blocking(pipe[1], False)
    with contextlib.suppress(BlockingIOError):
        while os.write(pipe[1], bytes(65536)):
            """Fill it."""
    screen = Console(None, Buffered(Descriptor(pipe[1], [None])), None, {})
    screen.out("hello")
    assert list(screen.lost) == ["stdout"]


@pytest.mark.parametrize(
    ("text", "encoding", "data"),
    [
        pytest.param("a…", "utf-8", "a…".encode(), id="all of Unicode"),
        pytest.param("a… ← ·", "ascii", b"a... <- -", id="twins in ASCII"),
        pytest.param("é", "latin-1", b"\xe9", id="what the encoding can say"),
        pytest.param("語", "latin-1", rb"\u8a9e", id="what it cannot"),
        pytest.param("\udcff", "utf-8", rb"\udcff", id="bytes that are no text"),
    ],
)
def test_encodings(text: str, encoding: str, data: bytes) -> None:
    assert fitted(text, encoding) == data


def test_an_ascii_terminal_gets_ascii() -> None:
    stage = Stage(encoding="ascii")
    stage.screen.err("a…")
    assert stage.stderr.getvalue() == "a...\n"


ME = getattr(os, "geteuid", lambda: CURRENT_USER)()


@pytest.mark.parametrize(
    ("called", "uid"),
    [
        pytest.param("", ME, id="of this process"),
        pytest.param("1234", ME or 1234, id="of who called sudo, as root"),
    ],
)
def test_the_reader_is_the_user(called: str, uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", called)
    reader = Stage().screen.reader()
    assert (reader.uid, reader.home) == (uid, "/home/ann")
    assert reader.now > 0


def test_the_reader_can_be_given() -> None:
    reader = Stage().screen.reader(uid=7, now=86400.0)
    assert (reader.uid, reader.now) == (7, 86400.0)


def test_the_screen_of_this_process() -> None:
    assert Console.of_process(may_ask=False).interactive is False


def test_closed_descriptors_lead_nowhere() -> None:
    ends = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
    gap, *rest = ends
    os.close(rest[1])  # the lowest free descriptor is now the wanted one
    names = types.SimpleNamespace(stdin=Stream(), stdout=None, stderr=None)
    reopen_closed_streams((rest[0], rest[1], rest[2]), names)
    names.stdout.write("nowhere")
    assert os.path.sameopenfile(gap, rest[1])
    assert os.get_inheritable(rest[1])
    assert isinstance(names.stdin, Stream)
    names.stdout.close()
    for fd in (gap, rest[0], rest[2]):
        os.close(fd)


def test_a_closed_descriptor_that_is_not_the_lowest() -> None:
    ends = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
    lower, stdin, stdout, stderr = ends
    os.close(stdin)
    os.close(lower)
    names = types.SimpleNamespace(stdin=None, stdout=Stream(), stderr=Stream())
    reopen_closed_streams((stdin, stdout, stderr), names)
    assert os.path.sameopenfile(stdin, stdout)
    assert os.get_inheritable(stdin)
    assert names.stdin.read() == ""
    names.stdin.close()
    for fd in (stdout, stderr):
        os.close(fd)

"""No person, no end: without a whole terminal nobody is asked and nobody is signalled.

The kernel's protocol of every signal is the proof, not that the holder is still there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import strace, tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY, NEEDS_STRACE
from tests.harness.command import Done
from tests.harness.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import RawIOBase
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.actors import Actor
    from tests.harness.command import Command
    from tests.harness.project import Project
    from tests.harness.strace import Sent

pytestmark = [NEEDS_FORK, NEEDS_PTY, NEEDS_STRACE]

COMMANDS = [
    pytest.param(("free", "web"), id="free"),
    pytest.param(("run", "web"), id="run"),
]
TTY = "a terminal"


@dataclass(frozen=True)
class Streams:
    """What the three streams lead to: TTY, bytes to be read, None for /dev/null; outputs: pipes."""

    stdin: str | bytes | None = b"y\n"
    stdout: str = ""
    stderr: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


WAYS = [
    pytest.param(Streams(b"y\n" * 9), id="nine yeses from a pipe"),
    pytest.param(Streams(None), id="/dev/null"),
    pytest.param(Streams(b""), id="the end of a pipe"),
    pytest.param(Streams(stdout=TTY), id="a terminal to write on, and a pipe to read from"),
    pytest.param(Streams(stdout=TTY, stderr=TTY), id="terminals to write on"),
    pytest.param(Streams(stdin=TTY), id="a terminal to read from, and pipes to write to"),
    pytest.param(Streams(stdin=TTY, stdout=TTY), id="a terminal, and errors into a pipe"),
    pytest.param(Streams(TTY, TTY, TTY, {"CI": "1"}), id="a terminal under CI"),
    pytest.param(Streams(TTY, TTY, TTY, {"TERM": "dumb"}), id="a terminal that can do nothing"),
    pytest.param(Streams(env={"FORCE_COLOR": "1"}), id="colours forced on pipes"),
    pytest.param(
        Streams(env={"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}),
        id="everything claims a terminal",
    ),
]


@pytest.fixture
def holder(port: int, zoo: Zoo, project: Project) -> Actor:
    project.zoo("web", "listener", port)
    return zoo("listener", port)


def traced(command: Command, log: Path) -> list[str]:
    """Return the words that run the command under strace, which writes down every signal."""
    calls = f"trace={strace.CALLS}"
    return ["strace", "-f", "-qq", "-e", calls, "-o", str(log), "--", *command.argv]


def signals_in(log: Path) -> list[Sent]:
    return strace.parse(log.read_text(encoding="utf-8", errors="replace"))


def run_on(streams: Streams, argv: list[str], command: Command) -> Done:
    """Run `argv` with these streams to its end; what went to the terminal counts as stderr."""
    master, slave = os.openpty()
    if streams.stdin == TTY:
        os.write(master, b"y\ny\n")
    try:
        process = subprocess.Popen(
            argv,
            stdin=_source(streams.stdin, slave),
            stdout=slave if streams.stdout == TTY else subprocess.PIPE,
            stderr=slave if streams.stderr == TTY else subprocess.PIPE,
            cwd=command.cwd,
            env=command.env | dict(streams.env),
            start_new_session=True,
        )
        told = streams.stdin if isinstance(streams.stdin, bytes) else None
        out, err = process.communicate(told, timeout=60)
    finally:
        os.close(slave)
    with open(master, "rb", buffering=0) as screen_end:
        screen = b"".join(_all_of(screen_end))
    return Done(tuple(argv), process.returncode, out or b"", (err or b"") + screen, 0.0)


def _all_of(terminal: RawIOBase) -> Iterator[bytes]:
    """Yield what is on a terminal whose other end is closed: the kernel hands it on in pieces."""
    with contextlib.suppress(OSError):  # EIO is its end
        while part := terminal.read(1 << 16):
            yield part


def _source(what: str | bytes | None, slave: int) -> int:
    if what is None:
        return subprocess.DEVNULL
    return slave if what == TTY else subprocess.PIPE


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("streams", WAYS)
def test_nobody_is_asked_and_nobody_signalled(
    streams: Streams, words: tuple[str, ...], holder: Actor, devports: Command, tmp_path: Path
) -> None:
    log = tmp_path / "signals"
    done = run_on(streams, [*traced(devports, log), *words], devports)
    assert done.code == exitcodes.HELD, done
    assert "? " not in done.text
    assert signals_in(log) == []
    assert holder.alive
    assert "devports free web --yes" in done.err, done


CLOSED = [
    pytest.param("<&-", id="stdin"),
    pytest.param(">&-", id="stdout"),
    pytest.param("2>&-", id="stderr"),
    pytest.param("<&- >&- 2>&-", id="all three"),
]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("closed", CLOSED)
def test_closed_descriptors_are_no_person(
    closed: str, words: tuple[str, ...], holder: Actor, devports: Command, tmp_path: Path
) -> None:
    """On a terminal otherwise: what is missing is missed."""
    log = tmp_path / "signals"
    argv = ["sh", "-c", f'"$@" {closed}', "sh", *traced(devports, log), *words]
    terminal = Terminal(argv, cwd=devports.cwd, env=devports.env)
    try:
        if closed == ">&-":  # a person can be asked: on stdin and stderr
            terminal.answer("n")
        assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    finally:
        terminal.close()
    assert signals_in(log) == []
    assert holder.alive


def test_no_input_is_no_person_on_a_terminal(
    holder: Actor, devports: Command, tmp_path: Path
) -> None:
    log = tmp_path / "signals"
    argv = [*traced(devports, log), "run", "web", "--no-input"]
    terminal = Terminal(argv, cwd=devports.cwd, env=devports.env)
    try:
        assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
        assert not terminal.asks
    finally:
        terminal.close()
    assert signals_in(log) == []
    assert holder.alive


SCRIPT = """
set -e -o pipefail
"$@" free {port} --yes | cat
echo done
"""


@pytest.mark.parametrize("held", [False, True], ids=["free already", "freed"])
def test_a_script_goes_on_when_the_port_is_free(
    held: bool, port: int, zoo: Zoo, devports: Command
) -> None:
    if held:
        zoo("listener", port)
    done = devports.under("bash", "-c", SCRIPT.format(port=port), "bash")()
    assert done.code == exitcodes.OK, done
    assert done.out == f"port {port} is free\ndone\n"
    assert tables.bindable(port)


def test_a_script_stops_when_the_port_is_not_free(port: int, zoo: Zoo, devports: Command) -> None:
    client = zoo("source_port_client", port)
    done = devports.under("bash", "-c", SCRIPT.format(port=port), "bash")()
    assert done.code == exitcodes.STILL_HELD, done
    assert done.out == ""
    assert "error: " in done.err
    assert client.alive

"""The private socket on which hooks ask: who is answered, and who is not."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

import pytest

from devports.core.asking import LONGEST, NO, VARIABLE
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.waiting import eventually
from tests.integration.desk import Desk

if hasattr(os, "fork"):
    from devports.run.asks import MOST_CALLERS

pytestmark = [NEEDS_FORK]


def path_of(desk: Desk) -> str:
    return desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)[2]


def say(path: str, data: bytes) -> bytes:
    """Say something and return the answer; empty when the line is cut."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(10)
        caller.connect(path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            caller.sendall(data)
            return caller.recv(100)
    return b""


def test_the_folder_is_ours_alone_and_goes_with_us(port: int) -> None:
    desk = Desk(port)
    folder = os.path.dirname(path_of(desk))
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    desk.leave()
    assert not os.path.exists(folder)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"guess adopt 127.0.0.1 {port}\n", id="a token that is guessed"),
        pytest.param(b"\x00\xff" * 9 + b"\n", id="garbage"),
        pytest.param(b"x" * 100_000, id="more than a question"),
        pytest.param(b"", id="nothing at all"),
    ],
)
def test_strangers_are_not_answered(data: bytes, port: int, desk: Desk) -> None:
    assert say(path_of(desk), data.replace(b"{port}", b"%d" % port)) == b""
    assert not desk.questions


def test_callers_that_say_nothing_are_bounded_and_keep_nobody_waiting(desk: Desk) -> None:
    token, ports, path = desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(MOST_CALLERS)]
    try:
        for caller in silent[1:]:
            caller.connect(path)
        question = f"{token} adopt 127.0.0.1 {ports}\n".encode()
        assert len(question) < LONGEST
        assert eventually(lambda: say(path, question)) == NO
        silent[0].connect(path)
        for caller in silent:
            caller.settimeout(10)
            assert caller.recv(1) == b"", "let go"
    finally:
        for caller in silent:
            caller.close()


def test_while_a_server_is_stopped_the_answer_is_no(port: int, desk: Desk) -> None:
    token, _, path = desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)
    desk.hold()
    desk.asks.deaf = True
    assert say(path, f"{token} adopt 127.0.0.1 {port}\n".encode()) == NO
    assert not desk.questions

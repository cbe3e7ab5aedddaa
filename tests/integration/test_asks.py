"""The private socket on which hooks ask: who is answered, and who is not."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from devports.core.handoff import LONGEST, LONGEST_FACT, NO, VARIABLE
from devports.core.model import Endpoint
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.limits import no_descriptor_left
from tests.harness.waiting import eventually
from tests.integration.desk import Desk

if hasattr(os, "fork"):
    from devports.run.hook_server import MAX_CONNECTIONS, MAX_REPORTS, HookServer
    from devports.run.launch import HandoffRunner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [NEEDS_FORK]


def folder_of(desk: Desk) -> str:
    return desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)[2]


def path_of(desk: Desk) -> str:
    return f"{folder_of(desk)}/ask"


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
    folder = folder_of(desk)
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


def test_without_a_descriptor_a_caller_is_refused_and_wakes_nobody(port: int) -> None:
    asks = HookServer({port}, lambda _: (NO, None))
    with contextlib.closing(asks), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)[2] + "/ask")
        waiting = woken_by(asks)
        with no_descriptor_left():
            asks.pump(waiting)
        assert waiting
        assert not woken_by(asks)
        with contextlib.suppress(ConnectionResetError):
            assert not caller.recv(1)


def woken_by(asks: HookServer) -> list[int]:
    poll = select.poll()
    asks.register(poll)
    return [number for number, _ in poll.poll(0)]


def test_callers_that_say_nothing_are_bounded_and_keep_nobody_waiting(desk: Desk) -> None:
    token, ports, folder = desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(MAX_CONNECTIONS)]
    try:
        for caller in silent[1:]:
            caller.connect(f"{folder}/ask")
        question = f"{token} adopt 127.0.0.1 {ports}\n".encode()
        assert len(question) < LONGEST
        assert eventually(lambda: say(f"{folder}/ask", question)) == NO
        silent[0].connect(f"{folder}/ask")
        for caller in silent:
            caller.settimeout(10)
            assert caller.recv(1) == b"", "let go"
    finally:
        for caller in silent:
            caller.close()


def test_what_is_told_is_bounded_and_garbage_passed_over(port: int) -> None:
    asks = HookServer({port}, lambda _: (NO, None))
    try:
        folder = asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)[2]
        writer = os.open(f"{folder}/tell", os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, b"\xff\x00" * 999 + b"\nhello 7 python x\nfail 7 tcp 127.0")
        asks.collect()
        os.write(writer, b".0.1 9100 98\n" + b"x" * LONGEST_FACT * 3)
        asks.collect()
        assert list(asks.hellos) == [7]
        assert [bind.endpoint for bind in asks.failed_binds] == [Endpoint("127.0.0.1", 9100)]
        os.write(writer, b"\n")
        for pid in range(1, 2 * MAX_REPORTS):
            os.write(writer, b"hello %d node x\nfail 7 tcp :: 9100 98\n" % pid)
        asks.collect()
        assert (len(asks.hellos), len(asks.failed_binds)) == (MAX_REPORTS, MAX_REPORTS)
        asks.clear_reports()
        assert (asks.hellos, asks.failed_binds) == ({}, [])
        os.close(writer)
        asks.collect()
    finally:
        asks.close()


def test_what_is_told_wakes_nobody_once_the_server_serves(port: int) -> None:
    asks = HookServer({port}, lambda _: (NO, None))

    def wakes() -> bool:
        poll = select.poll()
        asks.register(poll)
        return bool(poll.poll(0))

    try:
        folder = asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)[2]
        assert not wakes()
        writer = os.open(f"{folder}/tell", os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, b"hello 7 python x\n")
        os.close(writer)
        assert wakes()
        asks.quiet = True
        assert not wakes()
        asks.collect()
        assert asks.hellos, "and can be read all the same"
    finally:
        asks.close()


def test_while_a_server_is_stopped_the_answer_is_no(port: int, desk: Desk) -> None:
    token, _, folder = desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)
    desk.hold()
    desk.asks.refusing = True
    assert say(f"{folder}/ask", f"{token} adopt 127.0.0.1 {port}\n".encode()) == NO
    assert not desk.questions


def test_a_long_path_for_temporary_files_does_not_keep_hooks_from_asking(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    desk = Desk(port)
    try:
        token, ports, own = desk.asks.environment({}, os.devnull)[VARIABLE].split(" ", 2)
        assert say(f"{own}/ask", f"{token} adopt 127.0.0.1 {ports}\n".encode()) == NO
    finally:
        desk.leave()
    assert not os.path.exists(own)


def test_where_hooks_cannot_ask_the_port_is_shared_and_that_is_told(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    shared: list[int] = []
    started: list[Mapping[str, str]] = []
    ends = (Endpoint("127.0.0.1", port),)
    service = SimpleNamespace(handoff="auto")
    launch: Any = SimpleNamespace(
        argv=("x",), env={"A": "1"}, endpoints=ends, ports={port}, service=service
    )
    hold: Any = SimpleNamespace(allow_reuse=lambda behind=0: shared.append(behind))
    unused: Any = None
    ways = HandoffRunner(launch, hold, "", machine=unused, family=unused, interrupts=unused)
    assert ways.start("hook", lambda _argv, env: started.append(env)) == ("beside", "")
    assert started == [{"A": "1"}]
    assert shared == [1, 0], "all of it at last"

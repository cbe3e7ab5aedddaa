"""What is written to: it never makes us wait, and stays as it was for whom we share it with."""

from __future__ import annotations

import contextlib
import os
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.harness.capabilities import NEEDS_PTY
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devports.run.output import OutputFile

pytestmark = NEEDS_PTY
MORE_THAN_FITS = bytes(range(256)) * (1 << 14)
CHUNK = 1 << 16


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ours, theirs = os.pipe()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    import pty
    import termios
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@contextlib.contextmanager
def connection() -> Iterator[tuple[int, int]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours.fileno(), theirs.fileno()


PLACES = {"a pipe": pipe, "a terminal": terminal, "a socket": connection}
CASES = [("a pipe", True), ("a pipe", False), ("a terminal", True), ("a socket", True)]
IDS = [f"{place}, {'opened again' if again else 'as it is'}" for place, again in CASES]


def outlet_to(writer: int, *, again: bool = True) -> OutputFile:
    from devports.run.output import OutputFile

    return OutputFile(writer, again=again)


def what_has_come(reader: int) -> bytes:
    found = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            found += os.read(reader, CHUNK)
    return found


@pytest.mark.parametrize(("place", "again"), CASES, ids=IDS)
def test_what_is_not_taken_is_left_and_comes_later(place: str, again: bool):
    with PLACES[place]() as (reader, writer):
        os.set_blocking(reader, False)
        outlet = outlet_to(writer, again=again)
        left, read, rounds = memoryview(MORE_THAN_FITS), b"", 0
        while left:
            left = outlet.write(left)
            assert os.get_blocking(writer), "changed for everybody who shares it"
            read += eventually(partial(what_has_come, reader))
            rounds += 1
        outlet.close()
        assert read == MORE_THAN_FITS
        assert rounds > 1, "it all fitted, so nothing was proved"


@pytest.mark.parametrize("place", ["a pipe", "a terminal"])
def test_the_shared_one_is_open_when_ours_is_closed(place: str):
    with PLACES[place]() as (reader, writer):
        outlet = outlet_to(writer)
        outlet.close()
        outlet.close()
        os.write(writer, b"still here")
        assert os.read(reader, CHUNK) == b"still here"


def test_a_file_keeps_the_position_that_its_writers_share(tmp_path: Path):
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as file:
        file.write(b"one ")
        outlet = outlet_to(file.fileno())
        assert not outlet.write(memoryview(b"two "))
        outlet.close()
        file.write(b"three")
    assert path.read_bytes() == b"one two three"


def test_a_reader_that_has_gone_is_said():
    reader, writer = os.pipe()
    outlet = outlet_to(writer)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        outlet.write(memoryview(b"anybody?"))
    outlet.close()
    os.close(writer)


def test_what_has_no_name_is_not_opened_again():
    from devports.run.output import reopened

    with connection() as (_, theirs):
        assert reopened(theirs) is None
    assert reopened(theirs) is None

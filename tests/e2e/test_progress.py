"""What is said while freeing takes its time: once, and what is true."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.servers import RealServer

pytestmark = [NEEDS_FORK, NEEDS_PTY]

WAITING = "until the port can be bound"


@contextlib.contextmanager
def streaming(port: int, clients: int) -> Iterator[None]:
    """Be clients that wait for an answer which never ends."""
    with contextlib.ExitStack() as stack:
        for _ in range(clients):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(1)
        yield


def waited(text: str) -> int:
    """Count how often it was said that we wait; how long we still do depends on when that was."""
    return len(re.findall(r"waitingupto\d+suntiltheportcanbebound", "".join(text.split())))


@pytest.mark.parametrize(
    ("clients", "words"), [(1, "1 client still connected"), (2, "2 clients still connected")]
)
def test_a_reloader_that_waits_for_its_clients_is_waited_for_in_so_many_words(
    clients: int,
    words: str,
    port: int,
    real_server: Callable[[str, int], RealServer],
    on_terminal: OnTerminal,
) -> None:
    real_server("uvicorn --reload", port)
    with streaming(port, clients):
        terminal = on_terminal("free", port, "--yes", "--timeout", "3")
        terminal.expect(f"{WAITING}, {words}")
        assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert waited(terminal.screen()) == 1, terminal.screen()
    assert tables.bindable(port)


def test_a_server_that_gives_its_port_up_at_once_is_not_waited_for(
    port: int, real_server: Callable[[str, int], RealServer], on_terminal: OnTerminal
) -> None:
    """Without --reload uvicorn closes its listener first, and lives on for its client."""
    server = real_server("uvicorn", port)
    with streaming(port, 1):
        terminal = on_terminal("free", port, "--yes")
        assert terminal.exit_code() == exitcodes.OK, terminal.screen()
        terminal.expect("let go of the port and still runs, the port can be bound")
        assert server.process.poll() is None


def test_a_slow_server_without_clients_is_waited_for_once(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    zoo("slow_stop", port, "--seconds", 3)
    terminal = on_terminal("free", port, "--yes")
    terminal.expect(WAITING)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert waited(terminal.screen()) == 1, terminal.screen()
    assert "still connected" not in terminal.screen()


def test_a_pipe_is_told_the_same(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("stubborn", port)
    done = devports("free", port, "--yes", "--timeout", "5")
    assert done.code == exitcodes.OK, done
    assert waited(done.err) == 1

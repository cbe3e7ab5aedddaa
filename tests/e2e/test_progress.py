"""What is said while freeing takes its time: once, and what is true."""

from __future__ import annotations

import contextlib
import re
import signal
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
    from tests.harness.project import Project
    from tests.harness.servers import RealServer

pytestmark = [NEEDS_FORK, NEEDS_PTY]

WAITING = "waiting for the port to become free"


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
    return len(re.findall(r"waitingupto\d+sfortheporttobecomefree", "".join(text.split())))


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
        terminal.expect(f"{WAITING} ({words})  1 s of 3")
        assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert "waiting" not in terminal.screen(), "it goes when the wait ends"
    assert tables.bindable(port)


def test_a_server_that_gives_its_port_up_at_once_is_not_waited_for(
    port: int, real_server: Callable[[str, int], RealServer], on_terminal: OnTerminal
) -> None:
    """Without --reload uvicorn closes its listener first, and lives on for its client."""
    server = real_server("uvicorn", port)
    with streaming(port, 1):
        terminal = on_terminal("free", port, "--yes")
        assert terminal.exit_code() == exitcodes.OK, terminal.screen()
        terminal.expect("closed the port after SIGTERM and is still running; the port is free")
        assert server.process.poll() is None


@pytest.mark.parametrize("size", [(40, 120), (11, 60)], ids=["large", "an editor's panel"])
def test_a_slow_server_is_waited_for_on_a_line_that_goes(
    size: tuple[int, int], port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    zoo("slow_stop", port, "--seconds", 3)
    terminal = on_terminal("free", port, "--yes", size=size)
    for seconds in (1, 2):
        terminal.expect(f"{WAITING}  {seconds} s of 5")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    first, *_, last = terminal.screen().splitlines()
    assert re.fullmatch(r"devports: stopping `python\d*` \(pid \d+\) with SIGTERM", first)
    assert last == f"port {port} is free"
    assert "waiting" not in terminal.screen()


def test_a_server_that_ends_at_once_shows_no_wait(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    zoo("listener", port)
    terminal = on_terminal("free", port, "--yes", "--settle", "0")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert b"waiting" not in terminal.bytes
    assert b"\x1b[?25l" not in terminal.bytes


def test_ctrl_c_in_a_wait_leaves_the_terminal_as_it_was(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    zoo("slow_stop", port, "--seconds", 30)
    terminal = on_terminal("free", port, "--yes", "--timeout", "20")
    terminal.expect(f"{WAITING}  1 s of 20")
    terminal.ctrl_c()
    assert terminal.exit_code() == exitcodes.of_signal(signal.SIGINT), terminal.screen()
    assert "waiting" not in terminal.screen()
    assert terminal.bytes.rindex(b"\x1b[?25h") > terminal.bytes.rindex(b"\x1b[?25l")


def test_a_run_waits_on_the_same_line_and_its_server_has_the_screen_then(
    port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    zoo("slow_stop", port, "--seconds", 3)
    project.zoo("web", "listener", port)
    terminal = on_terminal("run", "web", "--yes")
    terminal.expect(f"{WAITING}  1 s of 5")
    terminal.expect("devports: `web` is ready on")
    assert "waiting" not in terminal.screen()
    terminal.ctrl_c()
    terminal.exit_code()


def test_what_is_depended_on_is_waited_for_on_the_same_line(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.service("db", port + 1, ready={"timeout": 3})
    project.zoo("web", "listener", port, depends_on=["db"])
    terminal = on_terminal("run", "web", size=(11, 80))
    waits = f"waiting for `db` on 127.0.0.1:{port + 1} (press Ctrl-C to stop)"
    terminal.expect(f"{waits}  1 s of 3")
    assert terminal.exit_code() == exitcodes.NOT_READY, terminal.screen()
    assert terminal.screen().startswith(f"error: `db` is not ready on 127.0.0.1:{port + 1}"), (
        terminal.screen()
    )


def test_a_wait_that_is_asked_for_is_shown_on_the_same_line(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("wait", port, "--timeout", "20")
    terminal.expect(f"waiting for `{port}` to be ready  1 s of 20")
    zoo("listener", port)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert terminal.screen().startswith(f"`{port}` is ready after"), terminal.screen()


def test_a_pipe_is_told_the_same(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("stubborn", port)
    done = devports("free", port, "--yes", "--timeout", "5")
    assert done.code == exitcodes.OK, done
    assert waited(done.err) == 1

"""The modules inside a server: real interpreters, and a devports that answers or does not."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devports.core.handoff import HookRequest
from devports.core.model import Endpoint
from devports.run.hook_server import node_module
from devports.system.bind import Reservation, reserve
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_IPV6, NEEDS_NODE
from tests.integration.desk import Desk

if hasattr(os, "fork"):
    pass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = [NEEDS_FORK]

BIND = """
import socket, sys
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.settimeout(7)
sock.bind(("127.0.0.1", int(sys.argv[1])))
sock.listen()
print(sock.getsockname()[1], sock.gettimeout(), sock.get_inheritable(), flush=True)
sys.stdin.read()
"""
REUSEPORT = BIND.replace("SO_REUSEADDR", "SO_REUSEPORT")
SIX = (
    BIND.replace("socket.socket()", "socket.socket(socket.AF_INET6)")
    .replace("127.0.0.1", "::")
    .replace("SOL_SOCKET, socket.SO_REUSEADDR", "IPPROTO_IPV6, socket.IPV6_V6ONLY")
)
ASYNC = """
import asyncio, sys
{policy}
async def main():
    server = await asyncio.get_running_loop().create_server(
        asyncio.Protocol, "127.0.0.1", int(sys.argv[1]))
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
asyncio.run(main())
"""
UVLOOP = ASYNC.format(
    policy="import uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())"
)
NODE = """
const server = require('net').createServer();
server.on('error', (error) => { console.log(error.code); process.exit(3); });
server.listen({ port: Number(process.argv[1]), host: '127.0.0.1' }, () => {
  console.log(server.address().port);
  process.stdin.on('end', () => process.exit(0)).resume();
});
"""
ONE_FAMILY = NODE.replace("host: '127.0.0.1'", "host: '::', ipv6Only: true")
CLOSES_AT_ONCE = NODE + "server.close(); process.stdin.on('end', () => process.exit(4)).resume();"


class Program:
    """A started interpreter, its stdin a pipe that ends it."""

    def __init__(self, argv: list[str], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def ends(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out.decode(), err.decode()


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        with contextlib.suppress(OSError, ValueError):
            program.process.kill()
        program.process.wait(5)
        for stream in (program.process.stdin, program.process.stdout, program.process.stderr):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]


ADOPTERS = [
    pytest.param([sys.executable, "-c", BIND], "{port} 7.0 False", id="a Python socket"),
    pytest.param([sys.executable, "-c", ASYNC.format(policy="")], "{port}", id="asyncio"),
    pytest.param([sys.executable, "-c", UVLOOP], "{port}", id="uvloop, which binds in C"),
    pytest.param(["node", "-e", NODE], "{port}", id="node", marks=NEEDS_NODE),
]


@pytest.mark.parametrize(("argv", "line"), ADOPTERS)
def test_a_bind_that_failed_goes_on_with_our_socket(
    *,
    argv: list[str],
    line: str,
    port: int,
    desk: Desk,
    tmp_path: Path,
    programs: list[Program],
) -> None:
    if "uvloop" in argv[-1]:
        pytest.importorskip("uvloop")
    desk.hold()
    assert desk.held is not None
    inode = desk.held.inode
    env = desk.asks.environment(os.environ, str(tmp_path))
    programs.append(Program([*argv, str(port)], env))
    assert programs[0].line() == line.format(port=port), programs[0].ends()
    assert desk.questions == [HookRequest(Endpoint("127.0.0.1", port), adopts=True)]
    assert tables.states(port) == {"LISTEN"}, "the very socket that was reserved"
    assert os.fstat(desk.held.fileno()).st_ino == inode
    assert tables.connectable(port)
    assert programs[0].ends()[0] == 0


@pytest.mark.parametrize(("argv", "line"), ADOPTERS)
def test_without_a_failing_bind_nothing_is_asked(
    *,
    argv: list[str],
    line: str,
    port: int,
    desk: Desk,
    tmp_path: Path,
    programs: list[Program],
) -> None:
    if "uvloop" in argv[-1]:
        pytest.importorskip("uvloop")
    env = desk.asks.environment(os.environ, str(tmp_path))
    programs.append(Program([*argv, str(port)], env))
    assert programs[0].line() == line.format(port=port)
    assert not desk.questions
    assert programs[0].ends()[0] == 0


REFUSED = [
    pytest.param([sys.executable, "-c", BIND], 1, "[Errno ", id="Python raises as it did"),
    pytest.param([sys.executable, "-c", UVLOOP], 1, "in use", id="so does uvloop"),
    pytest.param(["node", "-e", NODE], 3, "EADDRINUSE", id="node too", marks=NEEDS_NODE),
]


@pytest.mark.parametrize("alive", [pytest.param(True, id="no"), pytest.param(False, id="nobody")])
@pytest.mark.parametrize(("argv", "code", "words"), REFUSED)
def test_a_bind_that_is_not_helped_fails_as_it_did(
    *,
    argv: list[str],
    code: int,
    words: str,
    alive: bool,
    port: int,
    tmp_path: Path,
    programs: list[Program],
) -> None:
    """The answer is no, or devports is gone and its socket with it."""
    if "uvloop" in argv[-1]:
        pytest.importorskip("uvloop")
    desk = Desk(port)
    env = desk.asks.environment(os.environ, str(tmp_path))
    if not alive:
        desk.leave()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        programs.append(Program([*argv, str(port)], env))
        status, out, err = programs[0].ends()
    assert (status, len(desk.questions)) == (code, int(alive))
    assert words in out + err
    if alive:
        desk.leave()


OUTLIVE = [
    pytest.param([sys.executable, "-c", "import socket; print('as ever')"], id="python"),
    pytest.param(
        ["node", "-e", "require('net'); console.log('as ever')"], id="node", marks=NEEDS_NODE
    ),
]


@pytest.mark.parametrize("argv", OUTLIVE)
def test_a_program_that_outlives_devports_starts_others_as_ever(
    argv: list[str], port: int, tmp_path: Path
) -> None:
    desk = Desk(port)
    env = desk.asks.environment(os.environ, str(tmp_path))
    desk.leave()
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("as ever\n", "")
    gone = env | {"PYTHONPATH": env["PYTHONPATH"].replace("hooks", "uninstalled")}
    done = subprocess.run(argv, env=gone, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("as ever\n", "")


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(
            ["node", "-e", ONE_FAMILY], id="node, one family", marks=[NEEDS_NODE, NEEDS_IPV6]
        ),
        pytest.param([sys.executable, "-c", REUSEPORT], id="a socket that is to be shared"),
        pytest.param(
            [sys.executable, "-c", SIX],
            id="a wildcard of one family",
            marks=NEEDS_IPV6,
        ),
    ],
)
def test_where_our_socket_would_not_do_the_server_binds_its_own(
    *,
    argv: list[str],
    port: int,
    desk: Desk,
    tmp_path: Path,
    programs: list[Program],
) -> None:
    address = "::" if "::" in argv[-1] else "127.0.0.1"
    held = reserve(Endpoint(address, port))
    assert isinstance(held, Reservation)
    desk.held = held
    programs.append(
        Program(
            [*argv, str(port)],
            desk.asks.environment(os.environ, str(tmp_path)),
        )
    )
    assert programs[0].line().startswith(str(port))
    assert desk.questions == [HookRequest(Endpoint(address, port), adopts=False)]


@NEEDS_NODE
def test_a_node_without_private_pipes_is_given_room_instead(
    port: int, desk: Desk, tmp_path: Path, programs: list[Program]
) -> None:
    before = tmp_path / "before.cjs"
    before.write_text("process.binding = () => { throw new Error('not permitted'); };")
    desk.hold()
    env = desk.asks.environment(os.environ | {"NODE_OPTIONS": f"-r {before}"}, str(tmp_path))
    programs.append(Program(["node", "-e", NODE, str(port)], env))
    assert programs[0].line() == str(port)
    assert desk.questions == [HookRequest(Endpoint("127.0.0.1", port), adopts=False)]


@NEEDS_NODE
def test_a_node_server_that_is_closed_while_it_asks_stays_closed(
    port: int, desk: Desk, tmp_path: Path, programs: list[Program]
) -> None:
    desk.hold()
    env = desk.asks.environment(os.environ, str(tmp_path))
    programs.append(Program(["node", "-e", CLOSES_AT_ONCE, str(port)], env))
    assert programs[0].ends()[:2] == (4, "")
    assert tables.states(port) <= {"BOUND"}


def test_the_sitecustomize_that_was_there_runs_as_if_it_were_the_first(
    desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('theirs')")
    code = "import sys, sitecustomize; print(sitecustomize.__file__, 'hooks' in str(sys.path))"
    env = desk.asks.environment(os.environ | {"PYTHONPATH": str(tmp_path)}, str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"theirs\n{tmp_path / 'sitecustomize.py'} False\n"


def test_a_sitecustomize_that_fails_is_reported_as_ever(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import nothing_of_that_name")
    argv = [sys.executable, "-c", "print('on')"]
    plain = os.environ | {"PYTHONPATH": str(tmp_path)}
    hooked = desk.asks.environment(plain, str(tmp_path))
    runs = [
        subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
        for env in (plain, hooked)
    ]
    assert runs[0].stdout == runs[1].stdout == "on\n"
    assert "nothing_of_that_name" in runs[0].stderr
    assert runs[0].stderr == runs[1].stderr


@NEEDS_NODE
def test_what_node_was_to_load_already_is_loaded_first(desk: Desk, tmp_path: Path) -> None:
    theirs = tmp_path / "their own.cjs"
    theirs.write_text("console.log('theirs')")
    env = desk.asks.environment(
        os.environ | {"NODE_OPTIONS": f'--require "{theirs}"'}, str(tmp_path / 'a "state"')
    )
    done = subprocess.run(
        ["node", "-p", "1"], env=env, capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("theirs\n1\n", "")


def test_the_module_for_node_stays_and_is_mended(tmp_path: Path) -> None:
    path = node_module(str(tmp_path))
    before = os.stat(path)
    assert node_module(str(tmp_path)) == path
    assert os.stat(path).st_mtime_ns == before.st_mtime_ns, "it is written once"
    with open(path, "w", encoding="ascii") as file:
        file.write("half of it")
    assert node_module(str(tmp_path)) == path
    assert os.path.getsize(path) == before.st_size
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_where_nothing_can_be_written_node_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = desk.asks.environment({"NODE_OPTIONS": "--x"}, str(tmp_path / "file"))
    assert env["NODE_OPTIONS"] == "--x"
    assert env["PYTHONPATH"]

"""The modules inside a server: real interpreters, and a devports that answers or does not."""

from __future__ import annotations

import ast
import contextlib
import errno
import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devports.core.handoff import HookRequest
from devports.core.model import Endpoint
from devports.run.hook_server import PYTHON_FOLDER, node_module, private_folder
from devports.system.bind import Reservation, reserve
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_IPV6, NEEDS_NODE
from tests.harness.waiting import eventually
from tests.integration.desk import Desk

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


def test_the_folder_of_a_killed_run_is_removed_and_that_of_a_living_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    dead = tmp_path / "devports-0123456789abcdef"
    dead.mkdir()
    (dead / "ask").touch()
    (tmp_path / "devports-report-1.md").touch()
    first, lock = private_folder()
    second, other = private_folder()
    assert {p.name for p in tmp_path.iterdir()} == {
        *map(os.path.basename, (first, second)),
        "devports-report-1.md",
    }
    os.close(lock)
    os.close(other)


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


# What they tell.

ESM = """
import { createServer } from 'node:http';
createServer().listen(Number(process.argv[1]), '127.0.0.1').on('error', () => process.exit(3));
"""
FORKS = """
import os, socket, sys
if os.fork():
    os.wait()
else:
    sock = socket.socket()
    print(os.getpid(), flush=True)
    sock.bind(("localhost", int(sys.argv[1])))
"""
OTHERS = """
import contextlib, os, socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unix = socket.socket(socket.AF_UNIX)
tcp = socket.socket()
for sock, where in ((udp, ("127.0.0.1", 1 << 20)), (unix, "/"), (tcp, ("no.such.name.", 1))):
    with contextlib.suppress(OSError, OverflowError):
        sock.bind(where)
"""


def run(argv: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("argv", "language", "script"),
    [
        pytest.param([sys.executable, "-c", "pass"], "python", "-c", id="a Python text"),
        pytest.param([sys.executable, "{file}.py"], "python", "{file}.py", id="a Python file"),
        pytest.param(["node", "{file}.cjs"], "node", "{file}.cjs", id="node", marks=NEEDS_NODE),
        pytest.param(["node", "{file}.mjs"], "node", "{file}.mjs", id="ESM", marks=NEEDS_NODE),
        pytest.param(["npm", "--version"], "node", "npm", id="npm", marks=NEEDS_NODE),
    ],
)
def test_a_program_says_hello_first_of_all(
    argv: list[str], language: str, script: str, desk: Desk, tmp_path: Path
) -> None:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"this machine has no {argv[0]}")
    file = str(tmp_path / "empty")
    for ending in ("py", "cjs", "mjs"):
        (tmp_path / f"empty.{ending}").touch()
    env = desk.asks.environment(os.environ, str(tmp_path), asks=False)
    run([word.replace("{file}", file) for word in argv], env)
    hello = eventually(lambda: next(iter(desk.asks.hellos.values()), None))
    assert hello is not None
    assert hello.language == language
    assert hello.script.endswith(script.replace("{file}", file)[-100:])
    assert hello.is_launcher is (argv[0] == "npm")
    assert not desk.asks.failed_binds


FAILS = [
    pytest.param([sys.executable, "-c", BIND], id="a Python socket"),
    pytest.param([sys.executable, "-c", ASYNC.format(policy="")], id="asyncio"),
    pytest.param([sys.executable, "-c", FORKS], id="a child that was forked"),
    pytest.param(["node", "-e", NODE], id="node", marks=NEEDS_NODE),
    pytest.param(["node", "--input-type=module", "-e", ESM], id="ESM", marks=NEEDS_NODE),
]


@pytest.mark.parametrize("asks", [pytest.param(True, id="asks"), pytest.param(False, id="tells")])
@pytest.mark.parametrize("argv", FAILS)
def test_a_bind_of_another_port_that_fails_is_told_and_not_asked_about(
    argv: list[str], port: int, desk: Desk, tmp_path: Path, *, asks: bool
) -> None:
    with socket.create_server(("127.0.0.1", port + 1)):
        done = run(
            [*argv, str(port + 1)], desk.asks.environment(os.environ, str(tmp_path), asks=asks)
        )
    (told,) = eventually(lambda: list(desk.asks.failed_binds))
    assert told.endpoint == Endpoint("127.0.0.1", port + 1)
    assert told.errno == errno.EADDRINUSE
    assert told.pid in desk.asks.hellos
    if "fork" in argv[-1]:
        assert told.pid == int(done.stdout), "the child's own"
        assert len(desk.asks.hellos) == 2, "its parent's and its own"
    assert not desk.questions


@pytest.mark.parametrize("argv", [FAILS[0], FAILS[3]])
def test_a_bind_of_ours_is_told_once_it_has_failed_for_good(
    argv: list[str], port: int, desk: Desk, tmp_path: Path
) -> None:
    desk.refuses = True
    with socket.create_server(("127.0.0.1", port)):
        run([*argv, str(port)], desk.asks.environment(os.environ, str(tmp_path)))
        (told,) = eventually(lambda: list(desk.asks.failed_binds))
        assert told.endpoint == Endpoint("127.0.0.1", port)
        assert len(desk.questions) == 1
        run([*argv, str(port)], desk.asks.environment(os.environ, str(tmp_path), asks=False))
        assert len(eventually(lambda: desk.asks.failed_binds[1:])) == 1
    assert len(desk.questions) == 1, "without the list of ports it does not ask"


def test_a_bind_that_is_answered_has_not_failed(
    port: int, desk: Desk, tmp_path: Path, programs: list[Program]
) -> None:
    desk.hold()
    env = desk.asks.environment(os.environ, str(tmp_path))
    programs.append(Program([sys.executable, "-c", BIND, str(port)], env))
    assert programs[0].line()
    assert desk.asks.hellos
    assert not desk.asks.failed_binds


def test_other_sockets_and_names_are_not_told(desk: Desk, tmp_path: Path) -> None:
    env = desk.asks.environment(os.environ, str(tmp_path))
    done = run([sys.executable, "-c", OTHERS], env)
    assert done.returncode == 0, done.stderr
    assert eventually(lambda: desk.asks.hellos)
    assert not desk.asks.failed_binds


@pytest.mark.parametrize("broken", ["gone", "a file", "nobody reads", "full"])
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param([sys.executable, "-c", BIND], id="python"),
        pytest.param(["node", "-e", NODE], id="node", marks=NEEDS_NODE),
    ],
)
def test_where_nothing_can_be_told_a_program_runs_as_ever(
    argv: list[str], broken: str, port: int, tmp_path: Path
) -> None:
    desk = Desk(port)
    env = desk.asks.environment(os.environ, str(tmp_path))
    folder = env["DEVPORTS_HOOK"].split(" ", 2)[2]
    desk.leave()
    reader = None
    if broken != "gone":
        os.mkdir(folder)
    fifo = os.path.join(folder, "tell")
    if broken == "a file":
        open(fifo, "wb").close()
    elif broken in ("nobody reads", "full"):
        os.mkfifo(fifo)
    if broken == "full":
        reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while os.write(reader, b"x" * 4096):
                pass
    try:
        with socket.create_server(("127.0.0.1", port)):
            hooked = run([*argv, str(port)], env)
            plain = run([*argv, str(port)], os.environ)
    finally:
        if reader is not None:
            os.close(reader)
        shutil.rmtree(folder, ignore_errors=True)
    assert (hooked.returncode, hooked.stdout) == (plain.returncode, plain.stdout)
    assert hooked.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]


def test_the_module_for_python_is_read_by_python_3_7() -> None:
    with open(os.path.join(PYTHON_FOLDER, "sitecustomize.py"), encoding="utf-8") as file:
        ast.parse(file.read(), feature_version=(3, 7))

"""`devports run`: real servers, proof of readiness, and the exit code of the server."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_IPV6, NEEDS_NODE, NEEDS_PROC
from tests.harness.command import READY
from tests.harness.servers import BOUND_ONLY, COMMANDS
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Zoo
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command, Running
    from tests.harness.project import Project
    from tests.harness.servers import RealServer

pytestmark = [NEEDS_FORK, NEEDS_PROC]

SERVERS = [
    pytest.param(kind, id=f"serves: {kind}", marks=NEEDS_NODE if "node" in kind else ())
    for kind in COMMANDS
    if kind not in BOUND_ONLY
]


def tree_of(running: Running) -> set[int]:
    return {child.pid for child in psutil.Process(running.pid).children(recursive=True)}


def serving(running: Running, port: int) -> set[int]:
    """Wait until a process of the run's own tree listens; return those that do."""

    def owners() -> set[int]:
        assert running.process.poll() is None, running.out + running.err
        listeners = tables.listening_pids(port)
        return listeners if listeners and listeners <= tree_of(running) else set()

    return eventually(owners, 30, what="our own tree listens")


@pytest.mark.parametrize("kind", SERVERS)
def test_a_real_server_serves_and_gives_the_port_back(
    kind: str, port: int, project: Project, devports: Command
) -> None:
    project.apps()
    project.service("web", port, COMMANDS[kind])
    running = devports.start("run", "web")
    eventually(lambda: running.said_ready or running.ended, 40)
    assert running.process.poll() is None, running.out + running.err
    assert tables.listening_pids(port) & tree_of(running), "said ready without owning the port"
    assert tables.connectable(port)
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: not tables.holding_pids(port), what="nobody holds the port")
    assert tables.bindable(port)


@pytest.mark.parametrize(
    ("server", "holder"),
    [
        pytest.param("uvicorn", "uvicorn --workers 2", id="uvicorn over two workers"),
        pytest.param("gunicorn -w 2", "uvicorn --reload, broken", id="gunicorn over a bound one"),
        pytest.param("flask --debug", "uvicorn --reload", id="flask over a reloader"),
        pytest.param("node http", "gunicorn -w 2", id="node over gunicorn", marks=NEEDS_NODE),
    ],
)
def test_with_yes_the_holder_is_ended_and_the_server_starts(
    *,
    server: str,
    holder: str,
    port: int,
    project: Project,
    devports: Command,
    real_server: Callable[[str, int], RealServer],
    bystanders: Callable[[int], Bystanders],
) -> None:
    held = real_server(holder, port)
    bystanders(port)
    project.apps()
    project.service("web", port, COMMANDS[server])
    running = devports.start("run", "web", "--yes")
    assert not serving(running, port) & {identity.pid for identity in held.family}
    eventually(lambda: not any(identity.alive for identity in held.family))


def test_ready_is_said_only_when_our_tree_listens(
    port: int, project: Project, devports: Command
) -> None:
    go = f"{project.folder}/go"
    waits = f'while [ ! -e {go!r} ]; do sleep 0.05; done; exec "$@"'
    project.service("web", port, ["sh", "-c", waits, "sh", *argv_of("listener", port, "--stay")])
    running = devports.start("run", "web")
    eventually(lambda: tree_of(running))
    never(lambda: running.said_ready, 0.7, what="ready before anybody listens")
    with open(go, "w", encoding="ascii"):
        pass
    serving(running, port)
    eventually(lambda: running.said_ready)


def test_a_server_on_another_port_is_not_ready(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "hopper", port, "--from-next", ready={"timeout": 5}, attempts=1)
    done = devports("run", "web")
    assert READY not in done.err
    assert done.code not in {0, 1, 2}, done
    assert str(port + 1) in done.err
    assert not tables.listening_pids(port + 1)


@pytest.mark.parametrize("code", [0, 1, 3, 90, 96, 255])
def test_the_servers_own_code_is_passed_on_after_serving(
    code: int, port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, argv_of("exit_code", code, "--serve", port))
    running = devports.start("run", "web")
    serving(running, port)
    eventually(lambda: running.said_ready)
    assert tables.connectable(port)
    assert running.ends() == code


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_servers_own_code_is_passed_on_when_it_ends_at_once(
    code: int, port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, argv_of("exit_code", code))
    assert devports("run", "web").code == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGABRT])
def test_death_by_a_signal_is_passed_on_as_a_number(
    number: signal.Signals, port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, argv_of("exit_code", "--signal", int(number)))
    running = devports.start("run", "web")
    assert running.ends() == 128 + number
    assert running.process.returncode == 128 + number, "a number, not a death of its own"


def test_the_last_words_say_whose_code_it_is(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, argv_of("exit_code", 96))
    done = devports("run", "web")
    assert done.code == 96
    assert done.err.splitlines()[-1] == "devports: `web` exited with code 96, before it was ready"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(["no-such-command-anywhere"], 127, id="a missing command is 127"),
        pytest.param(["./plain.txt"], 126, id="a file that is no program is 126"),
        pytest.param(["/"], 126, id="a folder is 126"),
    ],
)
def test_what_cannot_be_started_has_the_shells_code(
    command: list[str], code: int, port: int, project: Project, devports: Command
) -> None:
    with open(os.path.join(project.folder, "plain.txt"), "w", encoding="ascii") as file:
        file.write("not a program")
    project.service("web", port, command)
    done = devports("run", "web")
    assert done.code == code, done
    assert "error:" in done.err
    assert tables.bindable(port)


def test_a_missing_folder_is_an_error_of_the_configuration(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, ["true"], cwd="nowhere")
    done = devports("run", "web")
    assert done.code == exitcodes.USAGE, done
    assert "nowhere" in done.err


def test_a_server_without_reuse_starts_beside_our_reservation(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "no_reuse_server", port)
    serving(devports.start("run", "web"), port)


def test_a_bind_error_for_another_port_is_no_failure_of_ours(
    port: int, project: Project, devports: Command
) -> None:
    text = f"OSError: [Errno 98] Address already in use: 127.0.0.1:{port + 3}"
    project.zoo("web", "noisy_server", port, "--text", text)
    running = devports.start("run", "web")
    serving(running, port)
    eventually(lambda: running.said_ready)
    never(lambda: running.ended, 0.5, what="its end")
    assert running.said_ready == 1


def test_time_wait_on_the_port_does_not_stop_a_start(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    zoo("time_wait_maker", port).gone()
    project.apps()
    project.service("web", port, COMMANDS["uvicorn"])
    serving(devports.start("run", "web"), port)


def test_words_after_two_dashes_go_to_the_server(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, argv_of("exit_code"))
    assert devports("run", "web", "--", "42").code == 42


def test_the_environment_and_the_placeholders_are_filled_in(
    port: int, project: Project, devports: Command
) -> None:
    script = f'echo "$URL {{host}} {{port}}" > seen; exec {shlex.join(argv_of("exit_code", 0))}'
    env = {"URL": "http://x:{services.db.port}/"}
    project.service("web", port, ["sh", "-c", script], env=env, host="127.0.0.1")
    project.service("db", port + 1)
    devports("run", "web")
    with open(os.path.join(project.folder, "seen"), encoding="ascii") as file:
        assert file.read().split() == [f"http://x:{port + 1}/", "127.0.0.1", str(port)]


def test_a_pipe_gets_every_byte_and_nothing_else(
    port: int, project: Project, devports: Command
) -> None:
    size = 1 << 20
    project.service("web", port, argv_of("writer", port, "--bytes", size))
    done = devports("run", "web")
    pattern = bytes(value for value in range(256) if value != ord("\n"))
    assert done.code == 7, done.err
    assert done.stdout == (pattern * (size // len(pattern) + 1))[:size]


def test_two_streams_stay_two(port: int, project: Project, devports: Command) -> None:
    project.service("web", port, ["sh", "-c", "echo to out; echo to err >&2"])
    done = devports("run", "web")
    assert done.out == "to out\n"
    assert "to err" in done.err
    assert "to out" not in done.err


@pytest.mark.parametrize("kind", ["uvicorn", "http.server"])
def test_a_rival_without_reuse_finds_no_gap(
    kind: str, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """Its window is open from "starting" to LISTEN, and it says how often it tried."""
    rival = zoo("rival", port, "--no-reuse", "--wait")
    project.apps()
    project.service("web", port, COMMANDS[kind])
    running = devports.start("run", "web")
    running.says("devports: starting")
    rival.tell()
    serving(running, port)
    word, tries, _, hits = rival.rest().split()[-4:]
    assert word == "tries"
    assert int(tries) > 0, "the rival did try"
    assert int(hits) == 0


def test_a_rival_with_reuse_is_survived_or_named(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """Its counts are in tests/bench/race.py; here nothing may be claimed that is not so."""
    rival = zoo("rival", port, "--reuse", "--hold", 20, "--wait")
    project.apps()
    project.service("web", port, COMMANDS["uvicorn"])
    running = devports.start("run", "web")
    running.says("devports: starting")
    rival.tell()
    eventually(lambda: running.said_ready or running.ended, 60)
    if running.ended:
        assert running.ends() in {exitcodes.TAKEN_AGAIN, exitcodes.HELD}, running.err
        assert not running.said_ready
    else:
        assert tables.listening_pids(port) <= tree_of(running)


@NEEDS_IPV6
def test_a_server_on_an_ipv4_address_written_as_ipv6_is_ready(
    port: int, project: Project, devports: Command
) -> None:
    host = "::ffff:127.0.0.1"
    project.zoo("web", "listener", port, "--host", host, host=host)
    running = devports.start("run", "web")
    running.says("is ready on")
    running.send(signal.SIGTERM)
    running.ends()


SHOW = "import os, sys; print(*(os.environ.get(name) for name in sys.argv[1:]), sep=chr(10))"


@pytest.mark.parametrize(
    ("settings", "port_of_the_server"),
    [
        pytest.param({}, "{port}", id="the port that it has, not that of the terminal"),
        pytest.param({"env": {"PORT": "1"}}, "1", id="its own"),
        pytest.param({"env_file": ".env"}, "2", id="that of its file"),
        pytest.param({"env": {"PORT": "1"}, "env_file": ".env"}, "1", id="its own over its file"),
    ],
)
def test_which_variables_a_server_gets(
    settings: dict[str, object],
    port_of_the_server: str,
    port: int,
    project: Project,
    devports: Command,
) -> None:
    with open(os.path.join(project.folder, ".env"), "w", encoding="ascii") as file:
        file.write("PORT=2\n")
    names = ("PORT", "MINE", "DEVPORTS_RUN", "PYTHONPATH", "NODE_OPTIONS")
    command = [sys.executable, "-c", SHOW, *names]
    project.service("web", port, command, handoff="hook", **settings)
    theirs = {"PORT": "3", "MINE": "4", "DEVPORTS_RUN": "5"}
    paths = {"PYTHONPATH": "/mine", "NODE_OPTIONS": "--no-warnings"}
    done = devports("run", "web", env={**theirs, **paths})
    assert done.code == exitcodes.OK, done
    got, mine, run, python, node, *_ = done.out.splitlines()
    assert (got, mine) == (port_of_the_server.format(port=port), "4")
    assert run != "5"
    assert python.endswith(":/mine")
    assert node.split()[0] == "--no-warnings"

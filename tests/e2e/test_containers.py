"""A container behind a port: named and stopped by its engine; its forwarder is left alone."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY, argv_of
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_IPV6,
    NEEDS_PTY,
    NEEDS_SECOND_USER,
    NEEDS_STRACE,
)
from tests.harness.engine import IDS, Engine
from tests.harness.strace import strace_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.actors import Actor
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = NEEDS_FORK

NAMED = "the docker container `shop-db-1` (postgres:16)"
FORWARDERS = {"docker": "docker-proxy", "podman": "rootlessport"}


@pytest.fixture
def engine_of() -> Iterator[Callable[[str], Engine]]:
    folder = tempfile.mkdtemp(prefix="devports-engine-")
    os.chmod(folder, 0o755)
    yield lambda name: Engine(folder, name)
    shutil.rmtree(folder)


@pytest.fixture
def docker(engine_of: Callable[[str], Engine]) -> Engine:
    return engine_of("docker")


@pytest.fixture
def proxy(port: int, zoo: Zoo, bystanders: Callable[[int], Bystanders]) -> Actor:
    actor = zoo("called", port, "--as", "docker-proxy", "--stay", "-host-port", port)
    bystanders(port)
    return actor


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_yes_has_it_stopped_by_the_command_that_is_shown(
    name: str, port: int, zoo: Zoo, devports: Command, engine_of: Callable[[str], Engine]
) -> None:
    engine = engine_of(name)
    forwarder = zoo("called", port, "--as", FORWARDERS[name], "--stay", "-host-port", port)
    engine.runs(port, forwarder)
    done = devports("free", port, "--yes", env=engine.env)
    assert done.code == exitcodes.OK, done
    assert engine.heard == ["ps", "inspect", "ps", "stop shop-db-1"]
    assert f"shop-db-1` (postgres:16) with `{name} stop shop-db-1`\n" in done.err
    stopped = f"stopped the {name} container `shop-db-1` (postgres:16); the port is free after"
    assert stopped in done.err
    assert tables.bindable(port)


@NEEDS_STRACE
def test_its_forwarder_is_not_signalled_by_us(
    port: int, proxy: Actor, devports: Command, docker: Engine, tmp_path: Path
) -> None:
    docker.answers(ps=_ps(port), stop=":")  # it says that it has, and has not
    command = devports.under("env", f"PATH={docker.env['PATH']}")
    words = ("free", port, "--yes", "--timeout", "0.3")
    done, sent = strace_signals(command, *words, log=str(tmp_path / "signals"))
    assert done.code == exitcodes.STILL_HELD, done
    assert f"stopped {NAMED}; the port is still in use" in done.err
    assert proxy.alive
    assert [one for one in sent if one.target == proxy.pid] == []


def _ps(port: int) -> str:
    return f"printf '{IDS[0]}\\tshop-db-1\\tpostgres:16\\t0.0.0.0:{port}->5432/tcp\\n'"


@NEEDS_PTY
def test_on_a_terminal_it_has_a_question_of_its_own(
    port: int, proxy: Actor, on_terminal: OnTerminal, docker: Engine
) -> None:
    docker.runs(port, proxy)
    terminal = on_terminal("free", port, env=docker.env)
    terminal.expect(f"forwards the port for {NAMED}")
    terminal.expect(f"in use by {NAMED}: stop it?")
    terminal.answer("d")
    terminal.expect("devports itself sends no signal")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert docker.stopped == ["shop-db-1"]
    assert tables.bindable(port)


SLOW = [("docker", "60"), ("podman", "15")]


@pytest.mark.parametrize(("name", "seconds"), SLOW)
def test_a_container_has_the_time_to_end_that_it_was_made_with(
    *,
    name: str,
    seconds: str,
    port: int,
    zoo: Zoo,
    devports: Command,
    engine_of: Callable[[str], Engine],
) -> None:
    engine = engine_of(name)
    forwarder = zoo("called", port, "--as", FORWARDERS[name], "--stay", "-host-port", port)
    engine.runs(port, forwarder, stop_timeout=seconds)
    done = devports("free", port, "--yes", env=engine.env)
    assert done.code == exitcodes.OK, done
    assert engine.heard[-1] == "stop shop-db-1"
    assert f"with `{name} stop shop-db-1`; it may take up to {seconds} s\n" in done.err


@NEEDS_PTY
def test_the_question_says_that_a_container_may_take_its_time(
    port: int, proxy: Actor, on_terminal: OnTerminal, docker: Engine
) -> None:
    docker.runs(port, proxy, stop_timeout="60")
    terminal = on_terminal("free", port, env=docker.env)
    terminal.expect(f"in use by {NAMED}: stop it, though it may take up to 60 s?")
    terminal.answer("d")
    terminal.expect("`docker stop shop-db-1` stops the container; after 60 s the engine kills it")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert docker.heard[-1] == "stop shop-db-1"


@NEEDS_PTY
@pytest.mark.parametrize("keys", ["n", "\r", "\x04"], ids=["n", "Enter", "Ctrl-D"])
def test_no_leaves_it_running(
    keys: str, port: int, proxy: Actor, on_terminal: OnTerminal, docker: Engine
) -> None:
    docker.runs(port, proxy)
    terminal = on_terminal("free", port, env=docker.env)
    terminal.answer(keys)
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    terminal.expect(f"left {NAMED} running: ")
    assert docker.stopped == []
    assert proxy.alive


@NEEDS_PTY
def test_a_service_starts_where_its_container_was(
    port: int, proxy: Actor, project: Project, on_terminal: OnTerminal, docker: Engine
) -> None:
    docker.runs(port, proxy)
    project.zoo("web", "listener", port)
    terminal = on_terminal("run", "web", env=docker.env)
    terminal.expect(f"in use by {NAMED}: stop it and start `web`?")
    terminal.answer("y")
    terminal.expect("is ready on")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()


def test_without_a_terminal_it_is_named_and_not_stopped(
    port: int, proxy: Actor, devports: Command, docker: Engine
) -> None:
    docker.runs(port, proxy)
    done = devports("free", port, stdin=b"y\n", env=docker.env)
    assert done.code == exitcodes.HELD, done
    assert f"{NAMED} was not stopped: devports cannot ask for confirmation here" in done.err
    assert "    docker stop shop-db-1\n" in done.err
    assert f"`devports free {port} --yes`" in done.err
    assert docker.stopped == []
    assert proxy.alive


def test_a_rehearsal_names_it_and_stops_nothing(
    port: int, proxy: Actor, devports: Command, docker: Engine
) -> None:
    docker.runs(port, proxy)
    done = devports("free", port, "--dry-run", "--yes", env=docker.env)
    assert done.code == exitcodes.OK, done
    assert f"would stop {NAMED} with `docker stop shop-db-1`" in done.text
    assert docker.stopped == []
    assert proxy.alive


def test_programs_read_what_the_engine_said_and_did(
    port: int, proxy: Actor, devports: Command, docker: Engine
) -> None:
    docker.runs(port, proxy)
    done = devports("free", port, "--yes", "--json", env=docker.env)
    (outcome,) = done.json()["data"]["targets"][0]["outcomes"]
    assert (outcome["kind"], outcome["bindable"]) == ("container-stopped", True)
    assert outcome["signals"] == []
    assert outcome["process"]["standing"] == {
        "kind": "container",
        "detail": "docker",
        "stop": "docker stop shop-db-1",
        "container": "shop-db-1",
        "image": "postgres:16",
        "engine_said": "one",
        "folder": None,
        "branch": None,
        "relation": None,
    }


def test_a_stop_that_fails_is_told_in_the_engines_own_words(
    port: int, proxy: Actor, devports: Command, docker: Engine
) -> None:
    docker.runs(port, proxy)
    docker.answers(ps=_ps(port), stop="echo Error: it is paused >&2; exit 1")
    done = devports("free", port, "--yes", env=docker.env)
    assert done.code == exitcodes.PROTECTED, done
    assert (
        "`docker stop shop-db-1` failed: Error: it is paused; the port is still in use" in done.err
    )
    assert "    docker stop shop-db-1\n" in done.err
    assert proxy.alive
    document = devports("free", port, "--yes", "--json", env=docker.env).json()
    (outcome,) = document["data"]["targets"][0]["outcomes"]
    assert (outcome["kind"], outcome["complaint"]) == ("stop-failed", "Error: it is paused")


REFUSED = [
    pytest.param(
        "exec sleep 60",
        "forwards the port for a docker container; `docker ps` failed: no answer within 2 s",
        ["docker ps --filter publish={port}", "docker stop NAME"],
        id="it hangs",
    ),
    pytest.param(
        "echo Cannot connect to the Docker daemon >&2; exit 1",
        "a docker container; `docker ps` failed: Cannot connect to the Docker daemon",
        ["docker ps --filter publish={port}", "docker stop NAME"],
        id="it complains",
    ),
    pytest.param(
        ":",
        "forwards the port for docker, but no running container publishes it",
        ["docker ps --filter publish={port}", "systemctl restart docker"],
        id="the forwarder was orphaned",
    ),
]


@pytest.mark.parametrize(("ps", "words", "commands"), REFUSED)
def test_an_engine_that_names_no_container_stops_none(
    *,
    ps: str,
    words: str,
    commands: list[str],
    port: int,
    proxy: Actor,
    devports: Command,
    docker: Engine,
) -> None:
    docker.answers(ps=ps, stop="echo stopped")
    done = devports("free", port, "--yes", env=docker.env)
    assert done.code == exitcodes.PROTECTED, done
    assert words in done.err
    for command in commands:
        assert f"    {command.format(port=port)}\n" in done.err + "\n"
    assert docker.stopped == []
    assert proxy.alive


def test_of_two_containers_none_is_chosen_for_the_person(
    port: int, proxy: Actor, devports: Command, docker: Engine
) -> None:
    docker.runs(port, proxy, names=("shop-db-1", "old-db"))
    done = devports("free", port, "--yes", env=docker.env)
    assert done.code == exitcodes.PROTECTED, done
    assert "one of these docker containers: `shop-db-1`, `old-db`" in done.err
    assert "    docker stop shop-db-1\n" in done.err
    assert "    docker stop old-db" in done.err
    assert docker.stopped == []
    assert proxy.alive


def test_an_engine_without_its_command_is_not_asked(
    port: int, proxy: Actor, devports: Command, docker: Engine
) -> None:
    done = devports("free", port, "--yes", env={"PATH": docker.folder})
    assert done.code == exitcodes.PROTECTED, done
    assert "`docker` is not on PATH, so its name is unknown" in done.err
    assert proxy.alive


@NEEDS_IPV6
def test_two_forwarders_of_one_container_are_one_question(
    port: int, zoo: Zoo, devports: Command, docker: Engine
) -> None:
    words = ("--as", "docker-proxy", "--stay", "-host-port", port)
    both = zoo("called", port, *words), zoo("called", port, *words, "--host", "::1")
    docker.runs(port, *both)
    done = devports("free", f"localhost:{port}", "--yes", env=docker.env)
    assert done.code == exitcodes.OK, done
    assert docker.stopped == ["shop-db-1"]
    assert done.err.count(f"stopped {NAMED}; the port is free after") == 1


def test_another_container_on_the_port_by_then_is_asked_about_anew(
    port: int, proxy: Actor, on_terminal: OnTerminal, docker: Engine
) -> None:
    """A desktop edition has one forwarder for all: the process stays, the container does not."""
    docker.runs(port, proxy)
    terminal = on_terminal("free", port, env=docker.env)
    terminal.expect(f"in use by {NAMED}: stop it?")
    docker.runs(port, proxy, names=("other-db",))
    terminal.answer("y")
    terminal.expect("in use by the docker container `other-db` (postgres:16): stop it?")
    terminal.send("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert docker.stopped == []


@NEEDS_SECOND_USER
def test_a_forwarder_of_roots_is_known_by_its_words_to_everybody(
    port: int, proxy: Actor, as_nobody: Command, docker: Engine
) -> None:
    """Its descriptors cannot be read; whoever may ask docker may stop its container."""
    docker.answers(ps=_ps(port))
    freeing = as_nobody.start("free", port, "--yes", env=docker.env)
    docker.hears_a_stop()
    proxy.send(15)  # what the engine does, as root
    assert freeing.ends() == exitcodes.OK, freeing.err
    assert f"stopped {NAMED}; the port is free after" in freeing.err
    assert docker.stopped == ["shop-db-1"]


@NEEDS_SECOND_USER
def test_who_may_not_ask_the_engine_is_told_how_root_does(
    port: int, proxy: Actor, as_nobody: Command, docker: Engine
) -> None:
    docker.answers(ps="echo permission denied while trying to connect >&2; exit 1")
    done = as_nobody("free", port, "--yes", env=docker.env)
    assert done.code == exitcodes.PROTECTED, done
    assert "`docker ps` failed: permission denied while trying to connect" in done.err
    assert f"    sudo docker ps --filter publish={port}\n" in done.err
    assert "    sudo docker stop NAME" in done.err
    assert proxy.alive


@NEEDS_SECOND_USER
def test_an_engine_of_another_user_is_not_taken_for_ours(
    port: int, zoo: Zoo, as_nobody: Command, engine_of: Callable[[str], Engine]
) -> None:
    """podman knows the containers of its caller: that it knows none of root's says nothing."""
    podman = engine_of("podman")
    podman.answers(ps="echo []")
    actor = zoo("called", port, "--as", "rootlessport", "--stay")
    done = as_nobody("free", port, "--yes", env=podman.env)
    assert done.code in {exitcodes.PROTECTED, exitcodes.PERMISSION}, done
    assert "no running container publishes it" not in done.err
    assert podman.heard == []
    assert actor.alive


@NEEDS_SECOND_USER
def test_root_does_not_ask_its_own_podman_about_a_users_container(
    port: int, zoo: Zoo, devports: Command, engine_of: Callable[[str], Engine]
) -> None:
    podman = engine_of("podman")
    podman.answers(ps="echo []")
    actor = zoo("called", port, "--as", "rootlessport", "--stay", "--uid", NOBODY)
    done = devports("free", port, "--yes", env=podman.env)
    assert done.code == exitcodes.PROTECTED, done
    assert "    sudo -iu nobody podman ps\n" in done.err
    assert podman.heard == []
    assert actor.alive


def test_the_doctor_names_the_container_and_touches_nothing(
    port: int, proxy: Actor, project: Project, devports: Command, docker: Engine
) -> None:
    project.zoo("web", "listener", port)
    docker.runs(port, proxy)
    done = devports("doctor", env=docker.env)
    assert done.code == exitcodes.NO, done
    assert NAMED in done.out
    assert docker.stopped == []
    assert proxy.alive


CONMON = ("--as", "conmon", "-c", IDS[0], "-n", "shop-db-1")
SHIM = ("--as", "containerd-shim-runc-v2", "-namespace", "moby", "-id", IDS[0])
MONITORS = [
    pytest.param(CONMON, "podman", "shop-db-1", id="conmon"),
    pytest.param(SHIM, "docker", IDS[0][:12], id="a shim of containerd"),
]


@NEEDS_STRACE
@pytest.mark.parametrize(("words", "name", "container"), MONITORS)
def test_who_runs_inside_without_a_control_group_is_never_signalled(
    *,
    words: tuple[str, ...],
    name: str,
    container: str,
    port: int,
    zoo: Zoo,
    devports: Command,
    engine_of: Callable[[str], Engine],
    tmp_path: Path,
) -> None:
    """As with ``--cgroups=disabled --network host``: only the parents tell."""
    engine = engine_of(name)
    engine.answers()
    monitor = zoo("monitor", port, *words)
    command = devports.under("env", f"PATH={engine.env['PATH']}")
    done, sent = strace_signals(command, "free", port, "--yes", log=str(tmp_path / "signals"))
    assert done.code == exitcodes.PROTECTED, done
    assert f"it runs inside the {name} container `{container}`" in done.err
    assert f"    {name} stop {container}\n" in done.err + "\n"
    assert "kill -" not in done.err
    assert sent == []
    assert all(identity.alive for identity in monitor.cast)
    assert tables.listening_pids(port) == {monitor.pids[1]}


def test_inside_that_container_it_is_a_process_like_any_other(port: int, devports: Command) -> None:
    """In a development container whose parents are visible, the monitor is devports' own."""
    inside = devports.under(*argv_of("monitor", port, *CONMON, "--"))
    done = inside("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert re.search(r"stopping `.+` \(pid \d+\) with SIGTERM", done.err)
    assert tables.bindable(port)

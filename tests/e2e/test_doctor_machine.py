"""The doctor and this machine: who shares a port, who was left behind. Every condition is real."""

from __future__ import annotations

import os
import shlex
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import Identity, argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_IPV6, NEEDS_PROC
from tests.harness.project import Project, pids_in
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.command import Command

pytestmark = [NEEDS_FORK, NEEDS_PROC]
OF_THIS_MACHINE = ("foreign-devports", "other-installation")


def problems(devports: Command, *, healthy: bool = False) -> list[dict[str, Any]]:
    done = devports("doctor", "--json")
    assert done.code == (exitcodes.OK if healthy else exitcodes.NO), done
    return [p for p in done.json()["data"]["problems"] if p["code"] not in OF_THIS_MACHINE]


def codes(devports: Command, *, healthy: bool = False) -> list[str]:
    return [problem["code"] for problem in problems(devports, healthy=healthy)]


def test_two_servers_on_one_address(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    first, second = zoo("reuseport_twin", port), zoo("reuseport_twin", port)
    (problem,) = problems(devports)
    assert problem["code"] == "port-split"
    assert {first.pid, second.pid} <= pids_in(problem["holders"])
    second.end()
    assert codes(devports) == ["port-held"]


@NEEDS_IPV6
def test_another_server_on_the_other_family_beside_the_own_one(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    running.says("is ready on")
    assert codes(devports, healthy=True) == []
    other = zoo("listener", port, "--host", "::1")
    (problem,) = problems(devports)
    assert (problem["code"], pids_in(problem["holders"])) == ("port-split", {other.pid})
    assert problem["remedies"][1]["command"] == f"devports free '[::1]:{port}'"
    other.end()
    assert codes(devports, healthy=True) == []


def test_the_own_server_on_every_address(port: int, project: Project, devports: Command) -> None:
    project.zoo("web", "listener", port, "--host", "0.0.0.0", handoff="plain")
    running = devports.start("run", "web")
    running.says("is ready on")
    (problem,) = problems(devports)
    assert problem["code"] == "server-wider"
    assert (
        problem["message"] == f"`web` listens on 0.0.0.0:{port}, but 127.0.0.1:{port} is declared"
    )


def test_the_own_server_has_moved(port: int, project: Project, devports: Command) -> None:
    """It gives its port up and goes on listening on another one."""
    stays = shlex.join(argv_of("listener", port + 1, "--stay"))
    leaves = shlex.join(argv_of("rebinder", port, "--stay"))
    project.service("web", port, f"{stays} & exec {leaves}", shell=True, handoff="plain")
    running = devports.start("run", "web")
    running.says("is ready on")
    assert codes(devports, healthy=True) == []
    (server,) = tables.listening_pids(port)
    Identity.of(server).send(signal.SIGUSR1)
    eventually(lambda: not tables.listening_pids(port))
    (problem,) = problems(devports)
    assert problem["code"] == "server-moved"
    assert f"127.0.0.1:{port + 1}" in problem["evidence"][0]


def test_a_crashed_run_has_left_its_server_on_a_port_that_is_declared_no_more(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    running.says("is ready on")
    running.crashes()
    assert codes(devports) == ["port-held"]
    project.zoo("web", "listener", port + 1)
    (problem,) = problems(devports)
    assert problem["code"] == "server-left-behind"
    command = problem["remedies"][0]["command"]
    assert command == f"devports free 127.0.0.1:{port}"
    elsewhere = replace(devports, cwd=os.path.dirname(project.folder), running=[])
    assert codes(elsewhere) == ["config-missing", "server-left-behind"]  # of every project below
    assert devports(*command.split()[1:], "--yes").code == exitcodes.OK
    assert codes(devports, healthy=True) == []


def test_another_project_on_the_same_number(
    port: int, project: Project, devports: Command, tmp_path: Path
) -> None:
    project.zoo("web", "listener", port)
    other = tmp_path / "another"
    other.mkdir()
    elsewhere = Project(str(other))
    elsewhere.zoo("site", "listener", port, "--host", "127.0.0.2", host="127.0.0.2")
    running = devports.start("run", "site", "--config", elsewhere.config)
    running.says("is ready on")
    (problem,) = problems(devports)
    assert problem["code"] == "port-of-two-projects"
    assert problem["evidence"][0] == f"project: {other}"


def test_a_port_that_a_connection_has_now(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    client = zoo("source_port_client", 0, "--server", port, "--reuse")
    (taken,) = {row.remote_port for row in tables.rows(port) if row.state == "ESTABLISHED"}
    project.service("web", taken, host="127.0.0.2")
    (problem,) = problems(devports)
    assert (problem["code"], problem["port"]) == ("port-ephemeral", taken)
    assert f"(pid {client.pid})" in devports("doctor").out
    client.end()
    assert codes(devports) == ["port-ephemeral"]
    assert f"(pid {client.pid})" not in devports("doctor").out

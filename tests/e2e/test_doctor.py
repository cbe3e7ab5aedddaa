"""The doctor finds what is really wrong, and says nothing of what is not."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_IPV6,
    NEEDS_NAMESPACES,
    NEEDS_NETLINK_BOUND,
    NEEDS_PTY,
    NEEDS_SECOND_USER,
)
from tests.harness.project import pids_in
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = NEEDS_FORK


def problems(devports: Command, *words: object, code: int = exitcodes.NO) -> list[dict[str, Any]]:
    """Return what the doctor finds, beside what depends on this machine's PATH."""
    done = devports("doctor", "--json", *words)
    assert done.code == code, done
    found = [p for p in done.json()["data"]["problems"] if p["code"] not in OF_THIS_MACHINE]
    assert all(isinstance(problem, dict) for problem in found)
    return found


OF_THIS_MACHINE = ("foreign-devports", "other-installation")


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [problem["code"] for problem in found]


@pytest.fixture
def clean(devports: Command) -> Command:
    """The command with a PATH on which no other devports is."""
    folder = os.path.join(devports.cwd, "..", "bin")
    os.makedirs(folder, exist_ok=True)
    os.symlink(sys.executable, f"{folder}/python3")
    devports.env["PATH"] = os.path.abspath(folder)
    return devports


@pytest.fixture
def web(port: int, project: Project) -> None:
    project.zoo("web", "listener", port)


@pytest.mark.usefixtures("web")
def test_a_healthy_project_gets_three_lines(project: Project, clean: Command) -> None:
    done = clean("doctor")
    assert done.code == exitcodes.OK, done
    assert len(done.out.splitlines()) == 3, done
    assert done.out.splitlines()[0] == f"checked {project.config}: 1 service on 1 address"
    assert done.out.splitlines()[2] == "no problems found"
    assert done.err == ""


@NEEDS_PTY
@pytest.mark.usefixtures("clean")
def test_on_a_terminal_ports_with_the_same_trouble_are_one_block(
    port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    names = ("web", "api", "docs")
    for number, name in enumerate(names):
        zoo("listener", port + number)
        project.zoo(name, "listener", port + number)
    terminal = on_terminal("doctor", size=(30, 60))
    assert terminal.exit_code() == exitcodes.NO
    lines = terminal.screen().splitlines()
    start = lines.index("✗ 3 ports are in use by other processes")
    assert [line.split()[:2] for line in lines[start + 1 : start + 4]] == [
        [name, f"127.0.0.1:{port + number}"] for number, name in enumerate(names)
    ]
    assert "    `devports free web api docs`" in lines
    assert "3 errors" in lines


@pytest.mark.usefixtures("web")
def test_the_doctor_touches_nobody(
    port: int, zoo: Zoo, clean: Command, bystanders: Callable[[int], Bystanders]
) -> None:
    holder = zoo("listener", port)
    bystanders(port)
    done = clean("doctor")
    assert done.code == exitcodes.NO, done
    assert f"(pid {holder.pid})" in done.out
    assert "`devports free web`" in done.out
    assert holder.alive


@dataclass(frozen=True)
class Found:
    """Who is put on the port, under which code it is found, and whether it is in the way."""

    animal: str
    code: str
    words: tuple[str, ...] = ()
    harmless: bool = False
    named: bool = False


HOLDERS = [
    pytest.param(Found("listener", "port-held", named=True), id="a listener"),
    pytest.param(
        Found("bound_only", "port-bound", named=True),
        id="a bound socket",
        marks=NEEDS_NETLINK_BOUND,
    ),
    pytest.param(Found("source_port_client", "held-by-client"), id="an outgoing connection"),
    pytest.param(
        Found("time_wait_maker", "port-lingering", ("--reuse",), harmless=True),
        id="leftovers beside which a server can start",
    ),
    pytest.param(
        Found("time_wait_maker", "port-lingering", ("--no-reuse",)), id="leftovers in the way"
    ),
]


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("expected", HOLDERS)
def test_what_is_on_a_port_is_found_and_gone_with_it(
    expected: Found, port: int, zoo: Zoo, devports: Command
) -> None:
    assert problems(devports, code=exitcodes.OK) == []
    holder = zoo(expected.animal, port, *expected.words)
    code = exitcodes.OK if expected.harmless else exitcodes.NO
    (problem,) = problems(devports, code=code)
    assert (problem["code"], problem["port"], problem["service"]) == (expected.code, port, "web")
    if expected.named:
        assert holder.pid in pids_in(problem["holders"])
        assert problem["remedies"][0]["command"] == "devports free web"
        holder.end()
        eventually(lambda: tables.bindable(port))
        assert problems(devports, code=exitcodes.OK) == []


@pytest.mark.usefixtures("web")
def test_the_seconds_of_leftovers_are_told(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("time_wait_maker", port, "--no-reuse").gone()
    (problem,) = problems(devports)
    assert "TIME_WAIT" in problem["message"]
    assert re.search(
        r"lingering for another \d+ (s|min) \(.+\); no server can bind it until then",
        problem["message"],
    )


@NEEDS_IPV6
@pytest.mark.usefixtures("web")
def test_a_server_on_the_other_family_is_a_shadow(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("listener", port, "--host", "::1")
    assert codes(problems(devports)) == ["port-shadowed"]


@NEEDS_IPV6
def test_two_services_on_one_number(port: int, project: Project, devports: Command) -> None:
    project.service("one", port, host="127.0.0.1")
    project.service("two", port, host="::1")
    (problem,) = problems(devports)
    assert problem["code"] == "port-shared"
    project.service("two", port + 1, host="::1")
    assert problems(devports, code=exitcodes.OK) == []


def test_two_services_on_one_address_are_an_error_of_the_file(
    port: int, project: Project, devports: Command
) -> None:
    project.service("one", port)
    project.service("two", port)
    (problem,) = problems(devports)
    assert problem["code"] == "config-invalid"
    assert any("already declared by `one`" in line for line in problem["evidence"])


def test_a_port_for_outgoing_connections(project: Project, devports: Command) -> None:
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low = int(file.read().split()[0])
    project.service("web", low + 7)
    found = problems(devports)
    assert "port-ephemeral" in codes(found)
    assert f"{low} to " in found[-1]["evidence"][0]


@NEEDS_NAMESPACES
def test_a_reserved_port_is_not_for_outgoing_connections(
    project: Project, devports: Command
) -> None:
    project.service("web", 40_123)
    setting = "/proc/sys/net/ipv4/ip_local_reserved_ports"
    reserving = f"ip link set lo up; echo 40123 > {setting}; "
    within = devports.under("unshare", "--net", "sh", "-c", reserving + 'exec "$@"', "sh")
    outside = devports.under("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    assert codes(problems(within, code=exitcodes.OK)) == []
    assert codes(problems(outside)) == ["port-ephemeral"]


@NEEDS_SECOND_USER
def test_a_privileged_port_and_what_is_not_visible(as_nobody: Command) -> None:
    config = os.path.join(as_nobody.env["HOME"], "devports.toml")
    with open(config, "w", encoding="ascii") as file:
        file.write("[services.web]\nport = 81\n")
    os.chown(config, NOBODY, NOBODY)
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 81:
            pytest.skip("everybody may bind port 81 here")
    done = as_nobody("doctor", "--json", "--config", config)
    data = done.json()["data"]
    assert "privileged-port" in codes(data["problems"]), done
    assert [gap["code"] for gap in data["gaps"]] == ["other-users"]
    assert (
        "not visible to this user: which process of another user"
        in as_nobody("doctor", "--config", config).out
    )


def test_an_address_of_elsewhere(port: int, project: Project, devports: Command) -> None:
    project.service("web", port, host="203.0.113.1")
    assert codes(problems(devports)) == ["address-not-local"]


def test_a_host_without_an_address_hides_no_other_service(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.service("lost", port + 1, host="nowhere.invalid")
    project.zoo("web", "listener", port)
    zoo("listener", port)
    assert sorted(codes(problems(devports))) == ["host-unknown", "port-held"]


def test_what_a_service_starts(port: int, project: Project, devports: Command) -> None:
    project.service("lost", port, "a-command-that-nobody-has", cwd="nowhere")
    project.service("none", port + 1, "a-command-that-nobody-has")
    project.service("near", port + 2, "serve-it")
    project.service("text", port + 3, "./text.sh")
    project.service("good", port + 4, "./good.sh")
    for name, mode in ((".venv/bin/serve-it", 0o755), ("text.sh", 0o644), ("good.sh", 0o755)):
        path = os.path.join(project.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n")
        os.chmod(path, mode)
    found = problems(devports)
    assert [(p["service"], p["code"]) for p in found] == [
        ("lost", "folder-missing"),
        ("none", "command-not-found"),
        ("near", "command-not-found"),
        ("text", "command-not-executable"),
    ]
    assert "`.venv/bin/serve-it`" in found[2]["remedies"][0]["title"]


@pytest.mark.usefixtures("web")
def test_a_foreign_devports_on_path(tmp_path: Path, devports: Command) -> None:
    place = tmp_path / "foreign" / "bin"
    place.mkdir(parents=True)
    (place / "devports").write_text("#!/usr/bin/python3\n")
    (place / "devports").chmod(stat.S_IRWXU)
    (tmp_path / "foreign/lib/python3.11/site-packages/devports-0.1.0.dist-info").mkdir(parents=True)
    own = os.path.dirname(devports.argv[0])
    for path, expected in ((f"{own}:{place}", []), (f"{place}:{own}", ["foreign-devports"])):
        done = devports("doctor", "--json", env={"PATH": path})
        found = codes(done.json()["data"]["problems"])
        assert [code for code in found if code in OF_THIS_MACHINE] == expected
    assert f"{place}/devports: devports 0.1.0" in devports("doctor", env={"PATH": path}).out


@pytest.mark.usefixtures("web")
def test_the_own_server_is_healthy_and_one_that_a_killed_run_left_is_not(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "forked_listener", port, "--orphans")
    running = devports.start("run", "web")
    running.says("is ready on")
    assert problems(devports, code=exitcodes.OK) == []
    running.crashes()
    (problem,) = problems(devports)
    assert problem["code"] == "port-held"
    assert "the orphaned server of a `devports run`" in problem["why"]
    assert devports("free", "web", "--yes").code == exitcodes.OK


def test_a_watched_port_is_only_good_to_know(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.service("db", port)
    project.zoo("web", "listener", port + 1, depends_on=["db"])
    assert codes(problems(devports, code=exitcodes.OK)) == ["dependency-down"]
    zoo("listener", port)
    assert codes(problems(devports, code=exitcodes.OK)) == []


def test_without_a_configuration_the_machine_is_examined(devports: Command) -> None:
    done = devports("doctor")
    assert done.code == exitcodes.OK, done
    assert done.out.startswith("no `devports.toml` found; checked this machine only")


def test_a_named_configuration_that_is_not_there_is_a_problem(devports: Command) -> None:
    assert codes(problems(devports, "--config", "nowhere.toml")) == ["config-missing"]


def test_a_broken_configuration_is_shown_with_its_line(project: Project, devports: Command) -> None:
    project.write("[services.web]\nprot = 8000\n")
    done = devports("doctor")
    assert done.code == exitcodes.NO, done
    assert "2 | prot = 8000" in done.out
    assert "did you mean `port`" in done.out


def test_without_a_configuration_it_reads_what_init_reads(
    port: int, project: Project, devports: Command, zoo: Zoo
) -> None:
    entry = {"name": "API", "module": "uvicorn", "args": ["main:app", "--port", str(port)]}
    kill = {"label": "Stop", "command": f"lsof -ti:{port} | xargs kill -9"}
    write = Path(project.folder, ".vscode")
    write.mkdir()
    (write / "launch.json").write_text(json.dumps({"configurations": [entry]}), encoding="utf-8")
    (write / "tasks.json").write_text(json.dumps({"tasks": [kill]}), encoding="utf-8")
    orphan = zoo("daemon", port)
    done = devports("doctor")
    assert done.code == exitcodes.NO, done
    assert done.out.startswith("no `devports.toml` found (`devports init` finds 1 server here); ")
    assert f"warning: port {port} of `backend` is in use\n" in done.out
    assert f"(pid {orphan.pids[0]})" in done.out
    assert "hint: declare `backend`: `devports init`" in done.out
    assert "warning: `Stop` kills every process that `lsof` lists for a port" in done.out

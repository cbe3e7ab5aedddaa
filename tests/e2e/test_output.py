"""What a server prints about ports: it stops no server that lives, and restarts none."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command, Running
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

LATER = 8
"""Seconds from its line to its bind: more than any server is known to try again for."""


def words_of(project: Project, name: str) -> list[str]:
    """Return the words of one file of the project, none if it is not there."""
    path = os.path.join(project.folder, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as file:
        return file.read().split()


def events(project: Project, service: str = "web") -> list[dict[str, Any]]:
    with open(os.path.join(project.folder, f"{service}.jsonl"), encoding="ascii") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def kinds(project: Project, service: str = "web") -> list[str]:
    return [event["event"] for event in events(project, service)]


def decided(project: Project, devports: Command) -> Running:
    """Start the service; return when it is decided what became of it."""
    running = devports.start("run", "web", "--events", "web.jsonl")
    running.says("starting `web`")
    eventually(lambda: "ready" in kinds(project) or running.ended, 60)
    return running


def stop(running: Running, port: int) -> None:
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: not tables.holding_pids(port), what="nobody holds the port")


LINES = {
    "another socket of it moved": ("HMR: using available port 24679", "auto"),
    "it makes room itself": ("Port {port} is already in use, killing old process", "auto"),
    "it makes room itself, beside our reservation": (
        "Port {port} is already in use, killing old process",
        "plain",
    ),
    "a port of another machine": ("connect EADDRINUSE 10.0.0.5:{port}", "auto"),
    "a port of another protocol": ("bind EADDRINUSE 0.0.0.0:{port} (udp)", "auto"),
    "a line of its own help": ("if port {port} is already in use, pass --port", "auto"),
    "a port that it does not name": ("metrics: [Errno 98] Address already in use", "auto"),
}


def test_a_line_of_output_stops_no_server_that_binds_later(
    port: int, project: Project, devports: Command
) -> None:
    """Each line is printed by a server of its own; all of them wait at the same time."""
    ports = {f"web{number}": port + number for number in range(len(LINES))}
    for (service, its_port), (line, handoff) in zip(ports.items(), LINES.values(), strict=True):
        text = line.format(port=its_port)
        words = ("--text", text, "--after", LATER, "--starts", f"starts of {service}")
        project.zoo(service, "noisy_server", its_port, *words, handoff=handoff)
    started = {each: devports.start("run", each, "--events", f"{each}.jsonl") for each in ports}
    for (service, running), why in zip(started.items(), LINES, strict=True):
        running.says(f"starting `{service}`")
        eventually(lambda it=service, run=running: "ready" in kinds(project, it) or run.ended, 60)  # type: ignore[misc]
        assert running.said_ready == 1, f"{why}\n{running.err}"
        pids = set(map(int, words_of(project, f"starts of {service}")))
        assert tables.listening_pids(ports[service]) == pids, why
        told = kinds(project, service)
        assert told == ["started", "ready"], f"{why}: its hook would have told of a failed bind"
    for service, running in started.items():
        stop(running, ports[service])


@pytest.mark.parametrize("refused", ["--lives-on", "--moves"])
def test_who_may_have_met_our_reservation_is_started_once_without_it_when_time_is_up(
    refused: str, port: int, project: Project, devports: Command
) -> None:
    """It tries its bind once. That it lives proves nothing, so it gets its time first."""
    project.zoo("web", "no_reuse_server", port, refused, handoff="plain", ready={"timeout": 2})
    running = decided(project, devports)
    assert running.said_ready == 1, running.err
    begun = ["started", "released", "handoff-failed", "stopping", "started", "ready"]
    assert kinds(project) == begun
    assert [e["handoff"] for e in events(project) if e["event"] == "started"] == ["beside", "bare"]
    assert "did not listen on its port within 2 s" in running.err
    stop(running, port)


def test_a_server_that_was_told_another_port_has_moved_when_time_is_up(
    port: int, project: Project, devports: Command
) -> None:
    text = f"Port {port} is in use, trying {port + 1} instead"
    words = argv_of("noisy_server", port + 1, "--stay", "--text", text, "--starts", "starts")
    project.service("web", port, words, ready={"timeout": 5})
    running = devports.start("run", "web")
    running.says(f"`web` listens on 127.0.0.1:{port + 1}; still waiting for 127.0.0.1:{port}")
    assert running.ends() == exitcodes.NOT_READY, running.err
    assert f"`web` listens on 127.0.0.1:{port + 1} instead of 127.0.0.1:{port}" in running.err
    assert len(words_of(project, "starts")) == 1


def test_who_has_the_port_and_stays_ends_the_start_of_a_server_that_lost_it(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    loses = f"echo 'Port {port} is already in use'; exec sleep 60"
    project.service("web", port, ["sh", "-c", loses], handoff="plain", attempts=1)
    running = devports.start("run", "web")
    running.says(f"released the reservation of 127.0.0.1:{port}, which may have blocked it")
    stranger = zoo("listener", port)
    assert running.ends(40) == exitcodes.TAKEN_AGAIN, running.err
    assert f"`web` lost 127.0.0.1:{port} to another process" in running.err
    assert stranger.alive


def test_a_silent_server_has_its_time_if_what_it_started_elsewhere_is_on_its_port(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """`docker run` is silent while its engine's proxy listens for it: nobody is ended for that."""
    project.service("web", port, ["sleep", "60"], handoff="plain", ready={"timeout": 8})
    running = devports.start("run", "web", "--yes", "--events", "web.jsonl")
    running.says("starting `web`")
    proxy = zoo("called", port, "--as", "docker-proxy", "--stay", "-host-port", port)
    assert running.ends(40) == exitcodes.NOT_READY, running.err
    assert kinds(project).count("started") == 1
    assert proxy.alive
    assert f"(pid {proxy.pid}) has LISTEN 127.0.0.1:{port}" in running.err
    assert 'set `ready = { owner = "any" }`' in running.err

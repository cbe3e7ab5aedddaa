"""`run --events FILE`: a program can follow a run; stdout stays the server's."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

LINGER = 0.5
"""Seconds that an end is waited for once the port is free, before it is told without it."""


def events(project: Project) -> list[dict[str, Any]]:
    path = os.path.join(project.folder, "events.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as file:
        found = [json.loads(line) for line in file if line.endswith("\n")]
    assert all(event["service"] == "web" for event in found)
    assert all(moment_of(event) for event in found)
    return found


def moment_of(event: dict[str, Any]) -> float:
    """Return when it happened, in seconds since 1970."""
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def kinds(project: Project) -> list[str]:
    return [event["event"] for event in events(project)]


def test_a_run_on_a_free_port_is_told_from_start_to_end(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web", "--events", "events.jsonl")
    eventually(lambda: "ready" in kinds(project))
    (server,) = tables.listening_pids(port)
    running.says(f"ready {server}")
    running.send(signal.SIGTERM)
    code = running.ends()
    assert kinds(project) == ["started", "ready", "stopping", "ended"]
    started, ready, _, ended = events(project)
    assert started["endpoint"] == ready["endpoint"] == f"127.0.0.1:{port}"
    assert ready["process"]["pid"] == server
    assert (ended["exit_code"], ended["source"]) == (code, "child")
    assert running.out == f"ready {server}\n"  # the server's own words, and nothing else


def test_a_freed_holder_is_told_with_three_facts(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    holder = zoo("listener", port)
    project.zoo("web", "listener", port)
    running = devports.start("run", "web", "--yes", "--events", "events.jsonl")
    eventually(lambda: "ready" in kinds(project))
    signalling, freed = events(project)[:2]
    assert (signalling["event"], signalling["process"]["pid"]) == ("signalling", holder.pid)
    assert freed["event"] == "freed"
    assert (freed["signals"], freed["bindable"]) == (["SIGTERM"], True)
    # On a slow machine its end may be waited for in vain, and that is then what has to be told.
    assert freed["exited"] or moment_of(freed) - moment_of(signalling) >= LINGER
    running.send(signal.SIGTERM)
    running.ends()


def test_a_question_and_its_answer_are_told(
    port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    holder = zoo("listener", port)
    project.zoo("web", "listener", port)
    terminal = on_terminal("run", "web", "--events", "events.jsonl")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD
    asked = events(project)[0]
    assert (asked["event"], asked["kind"], asked["answer"]) == ("asked", "stop", "no")
    assert asked["process"]["pid"] == holder.pid
    assert events(project)[-1]["source"] == "devports"


def test_what_is_in_the_file_already_stays(port: int, project: Project, devports: Command) -> None:
    project.service("web", port, ["true"])
    for _ in range(2):
        devports("run", "web", "--events", "events.jsonl")
    assert kinds(project).count("ended") == 2


def test_a_run_that_is_not_in_charge_ends_in_words_and_in_the_file(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    running.says("is ready on")
    done = devports("run", "web", "--events", "events.jsonl")
    assert done.code == exitcodes.ALREADY_RUNNING, done
    assert done.err.splitlines()[-1].startswith(
        "devports: `web` was not started (devports exit code 96)"
    )
    (ended,) = events(project)
    assert (ended["event"], ended["exit_code"], ended["reason"]) == ("ended", 96, "run-in-charge")
    running.send(signal.SIGTERM)
    running.ends()


@pytest.mark.parametrize("path", ["nowhere/events", "."])
def test_a_file_that_cannot_be_written_is_said_before_anything_starts(
    path: str, port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, ["touch", "started"])
    done = devports("run", "web", "--events", path)
    assert done.code == exitcodes.USAGE, done
    assert f"cannot write events to `{path}`: " in done.err
    assert not os.path.exists(os.path.join(project.folder, "started"))


def test_what_is_depended_on_is_waited_for(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.service("db", port + 1)
    project.zoo("web", "listener", port, depends_on=["db"])
    running = devports.start("run", "web", "--events", "events.jsonl")
    running.says("for `db` to be ready")
    eventually(lambda: kinds(project) == ["waiting"])
    assert "in another terminal" not in running.err, "devports starts no `db`"
    assert not tables.listening_pids(port)
    zoo("listener", port + 1)
    eventually(lambda: "ready" in kinds(project))
    running.send(signal.SIGTERM)
    running.ends()


def test_a_service_is_waited_for_until_its_run_is_ready(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("api", "listener", port + 1)
    project.zoo("web", "listener", port, depends_on=["api"])
    web = devports.start("run", "web")
    web.says("for `api` to be ready")
    assert "; run `devports run api` in another terminal\n" in web.err
    api = devports.start("run", "api")
    web.says("is ready on")
    for running in (web, api):
        running.send(signal.SIGTERM)
        running.ends()


def test_what_never_becomes_ready_is_given_up(
    port: int, project: Project, devports: Command
) -> None:
    project.service("db", port + 1, ready={"timeout": 0.3})
    project.zoo("web", "listener", port, depends_on=["db"])
    done = devports("run", "web")
    assert done.code == exitcodes.NOT_READY, done
    missing = f"`db` is not ready on 127.0.0.1:{port + 1} after 0.3 s (required by `web`)"
    assert missing in done.err
    assert not tables.listening_pids(port)

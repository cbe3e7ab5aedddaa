"""`on_conflict = "next"` takes a port: nobody is asked or signalled, and no two get the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.actors import argv_of
from tests.harness.command import READY
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.command import Command, Running

MANY = 10
CHANGED = "warning: `web` uses port "
LISTENER = argv_of("listener", "{port}", "--stay")


def ready_on(running: Running) -> int:
    """Return the port on which a run says that its server is ready, 0 before that."""
    lines = [line for line in running.lines if READY in line]
    return int(lines[0].partition(READY)[2].split()[0].rpartition(":")[2]) if lines else 0


HTTP = "python3 -m http.server {port} --bind {host}"
WITHOUT_REUSE = argv_of("no_reuse_server", "{port}", "--stay")
NOWHERE = {"XDG_STATE_HOME": os.path.join(os.devnull, "state")}
SERVERS = [
    pytest.param(HTTP, {}, {}, id="the server asks for its port"),
    pytest.param(HTTP, {}, {}, id="once more"),
    pytest.param(WITHOUT_REUSE, {"handoff": "plain"}, {}, id="the port is let go for the server"),
    pytest.param(HTTP, {"handoff": "plain"}, NOWHERE, id="no record of a run can be kept"),
]


@pytest.mark.parametrize(("command", "settings", "env"), SERVERS)
def test_of_ten_folders_at_once_all_are_ready_each_on_a_port_of_its_own(
    command: str | list[str],
    settings: dict[str, object],
    env: dict[str, str],
    devports: Command,
    tmp_path: Path,
) -> None:
    with reserved_block(blocks=2) as port:
        folders = [Project(str(tmp_path / f"checkout {number}")) for number in range(MANY)]
        for each in folders:
            os.mkdir(each.folder)
            each.service("web", port, command, on_conflict="next", **settings)
        starts = [replace(devports, cwd=each.folder) for each in folders]
        runs = [each.start("run", "web", env=env) for each in starts]
        eventually(lambda: all(ready_on(run) or run.ended for run in runs), 60)
        assert not any(run.ended for run in runs), said_by(runs)
        assert len(set(map(ready_on, runs))) == MANY, said_by(runs)
        for run in runs:
            moved = ready_on(run) != port
            assert run.err.count(CHANGED) == moved, run.err
            assert (
                not moved or f"`web` uses port {ready_on(run)}; port {port} is in use\n" in run.err
            )
            run.send(signal.SIGTERM)
        for run in runs:
            run.ends()


def said_by(runs: list[Running]) -> str:
    return "\n--\n".join(run.err for run in runs)


def changes(project: Project) -> list[tuple[int, int]]:
    """Return the events of a changed port, as the declared and the used one."""
    with open(os.path.join(project.folder, "events"), encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    return [(e["declared"], e["used"]) for e in events if e["event"] == "port-changed"]


def test_where_a_further_port_is_held_none_is_taken_and_its_holder_is_named(
    port: int, project: Project, devports: Command, zoo: Zoo
) -> None:
    holders = [zoo("listener", number) for number in (port, port + 4)]
    project.service("web", port, LISTENER, ports={"metrics": port + 4}, on_conflict="next")
    done = devports("run", "web", "--events", "events")
    assert done.code == exitcodes.HELD, done
    assert f"127.0.0.1:{port + 4} is in use" in done.err
    assert f"`devports free 127.0.0.1:{port + 4} --yes`" in done.err
    assert CHANGED not in done.err
    assert changes(project) == []
    assert all(holder.alive for holder in holders)


def test_where_every_port_is_declared_for_another_service_none_is_left(
    port: int, project: Project, devports: Command, zoo: Zoo
) -> None:
    holder = zoo("listener", port)
    for number in range(1, 50):
        project.service(f"other{number}", port + number)
    project.service("web", port, LISTENER, on_conflict="next")
    done = devports("run", "web", "--yes")
    assert done.code == exitcodes.HELD, done
    assert f"no free port found among the 50 from {port}" in done.err
    assert CHANGED not in done.err
    assert holder.alive


AT_THE_GATE = """
echo "texts $1 $PORT $URL"; shift
echo start >>"$0"; read _ <"$0.$(wc -l <"$0" | tr -d " ")"; exec "$@"
"""


def texts_for(used: int, further: int) -> str:
    """Return what a start says of its words and variables."""
    return f"texts {used}+{further}+{used} {used} http://127.0.0.1:{used}/{further}"


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_port_that_is_lost_before_the_server_binds_it_leads_to_the_next_one(
    attempts: int, port: int, project: Project, devports: Command, zoo: Zoo
) -> None:
    """The server cannot bind beside our hold, so the port is let go: there somebody is quicker."""
    gate = os.path.join(project.folder, "gate")
    texts = "{port}+{ports.metrics}+{services.web.port}"
    server = argv_of("no_reuse_server", "{port}", "--stay")
    project.service(
        "web",
        port,
        ["sh", "-c", AT_THE_GATE, gate, texts, *server],
        ports={"metrics": port + 4},
        env={"URL": "http://{host}:{port}/{ports.metrics}"},
        handoff="plain",
        attempts=attempts,
        on_conflict="next",
    )
    for start in (1, 3, 4):
        shutil.copy(project.config, f"{gate}.{start}")  # so that there is a line to read
    os.mkfifo(f"{gate}.2")
    second = os.open(f"{gate}.2", os.O_RDWR)  # so that nobody's open waits
    running = devports.start("run", "web", "--events", "events")
    running.says("releasing the port just before the start")
    quicker = zoo("listener", port)
    os.write(second, b"open\n")
    os.close(second)
    running.says(f"is ready on 127.0.0.1:{port + 1}")
    told = [line for line in running.out.splitlines() if line.startswith("texts")]
    assert told[:2] == [texts_for(port, port + 4)] * 2
    assert set(told[2:]) == {texts_for(port + 1, port + 4)}
    assert changes(project) == [(port, port + 1)]
    assert running.err.count(CHANGED) == 1
    assert quicker.alive


def test_a_restart_keeps_its_port_while_the_last_run_is_ending(
    port: int, project: Project, devports: Command
) -> None:
    slow = argv_of("slow_stop", "{port}", "--stay", "--seconds", 1)
    project.service("web", port, slow, on_conflict="next")
    first = devports.start("run", "web")
    first.says("is ready on")
    first.send(signal.SIGHUP)
    second = devports.start("run", "web")
    second.says(f"is ready on 127.0.0.1:{port}")
    assert CHANGED not in second.err
    assert first.ends() is not None

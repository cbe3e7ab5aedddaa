"""`devports status`: what is ours and how far it is, what is not, and everybody on this machine."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import Identity
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_NETLINK_BOUND,
    NEEDS_PROC,
    NEEDS_PTY,
    NEEDS_SECOND_USER,
    NEEDS_STRACE,
)
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command, Running
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

HEAD = ["service", "endpoint", "verdict", "holder", "pid", "user", "uptime", "folder", "url"]


def cells(line: str) -> list[str]:
    """Return the cells of a row on a pipe: they are two spaces apart, and hold single ones."""
    return re.split(r" {2,}", line)


def row_of(devports: Command, port: int, *words: object) -> dict[str, str]:
    """Return the one row about a port, by the names of its columns."""
    done = devports("status", *words)
    rows = [cells(line) for line in done.out.splitlines()]
    (row,) = (row for row in rows if row[1].endswith(f":{port}"))
    return dict(zip(rows[0], row, strict=True))


def test_how_a_run_ended_is_told_until_the_next_start(
    devports: Command, project: Project, port: int
) -> None:
    project.service("web", port, ["sh", "-c", "exit 3"])
    assert devports("run", "web").code == 3
    assert row_of(devports, port)["verdict"].startswith("ended (exit 3), ")
    (web,) = devports("status", "--json").json()["data"]["services"]
    assert web["run"] is None
    assert (web["ended"]["code"], web["ended"]["reason"]) == (3, "crashed")
    project.service("web", port, ["a-command-nobody-has"])
    assert devports("run", "web").code == 127
    (web,) = devports("status", "--json").json()["data"]["services"]
    assert web["ended"]["reason"] == "not-found"
    assert devports("doctor").text.count("orphaned") == 0


def listeners(devports: Command) -> dict[int, dict[str, Any]]:
    """Return every listener of `--all` by its port, each with its group."""
    document = devports("status", "--all", "--json").json()
    return {
        listener["endpoint"]["port"]: {**listener, "group": group}
        for group in document["data"]["groups"]
        for listener in group["listeners"]
    }


def served(running: Running) -> None:
    eventually(lambda: running.said_ready or running.ended, 30)
    assert not running.ended, running.err


def test_what_our_run_serves_is_told_from_what_a_stranger_holds(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    project.zoo("api", "listener", port + 1)
    project.service("db", port + 2)
    served(devports.start("run", "web"))
    stranger, db = zoo("listener", port + 1), zoo("listener", port + 2)
    done = devports("status")
    assert done.code == exitcodes.OK, done
    assert done.err == ""
    head, web, api, database = map(cells, done.out.splitlines())
    url = f"http://127.0.0.1:{port}/"
    assert head == HEAD
    assert (web[0], web[2], web[7], web[8]) == ("web", "serving", project.folder, url)
    assert api[:5] == ["api", f"127.0.0.1:{port + 1}", "in use", "python", str(stranger.pid)]
    assert database[:5] == ["db", f"127.0.0.1:{port + 2}", "listening", "python", str(db.pid)]
    assert [api[8], database[8]] == ["-", "-"]


def test_programs_get_the_run_the_stage_and_the_address(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    served(running)
    (web,) = devports("status", "--json").json()["data"]["services"]
    assert web["run"] == {
        "pid": running.pid,
        "service": "web",
        "project": project.folder,
        "state": "serving",
        "stalled": False,
        "live": True,
    }
    assert web["url"] == web["endpoints"][0]["url"] == f"http://127.0.0.1:{port}/"
    assert web["endpoints"][0]["state"] == "serving"


def test_a_bare_port_that_a_run_serves_is_recognised(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    served(devports.start("run", "web"))
    row = row_of(devports, port, port)
    assert (row["verdict"], row["url"]) == ("serving", f"http://127.0.0.1:{port}/")


def test_a_run_that_is_suspended_serves_nobody(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    served(running)
    stopped = [Identity.of(pid) for pid in (running.pid, *tables.listening_pids(port))]
    for each in stopped:
        each.send(signal.SIGSTOP)
    eventually(lambda: row_of(devports, port)["verdict"] == "suspended")
    assert "`devports run web`" in devports("doctor").out
    assert "is suspended" in devports("doctor").out
    for each in stopped:
        each.send(signal.SIGCONT)
    eventually(lambda: row_of(devports, port)["verdict"] == "serving")


def test_a_run_on_another_port_is_shown_where_it_is(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port + 1)
    project.service("web", port, project.services["web"]["command"])  # type: ignore[arg-type]
    stranger = zoo("listener", port)
    served(devports.start("run", "web", "--port", port + 1))
    declared, moved = row_of(devports, port), row_of(devports, port + 1)
    assert (declared["verdict"], declared["pid"]) == ("in use", str(stranger.pid))
    assert (moved["verdict"], moved["url"]) == ("serving", f"http://127.0.0.1:{port + 1}/")
    assert declared["service"] == moved["service"] == "web"
    stranger.end()
    assert row_of(devports, port)["verdict"] == "free", "this run has no part in it"


def test_a_run_that_starts_and_one_that_stops_say_so(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "bound_only", port)
    starting = devports.start("run", "web")
    starting.says("and is not listening yet")
    assert row_of(devports, port)["verdict"] == "starting"
    project.zoo("slow", "slow_stop", port + 1, "--seconds", 60, stop_timeout=60)
    stopping = devports.start("run", "slow")
    served(stopping)
    stopping.send(signal.SIGTERM)
    stopping.says("stopping `slow`")
    row = row_of(devports, port + 1)
    assert row["verdict"] == "stopping"
    Identity.of(int(row["pid"])).send(signal.SIGKILL)
    stopping.ends()


@pytest.fixture
def left(port: int, project: Project, devports: Command) -> Iterator[int]:
    """A server whose run was killed, its guard too."""
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    served(running)
    web = devports("status", "--json").json()["data"]["services"][0]
    server = Identity.of(web["endpoints"][0]["holders"][0]["pid"])
    running.crashes()
    assert server.alive
    yield server.pid
    server.send(signal.SIGKILL)


def test_a_server_whose_run_was_killed_is_left_behind(
    left: int, port: int, devports: Command
) -> None:
    row = row_of(devports, port)
    assert (row["verdict"], row["pid"], row["url"]) == ("orphaned", str(left), "-")


def test_a_service_that_cannot_be_looked_at_hides_no_other(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port, host="nowhere.invalid")
    project.service("db", port + 1)
    holder = zoo("listener", port + 1)
    done = devports("status")
    assert done.code == exitcodes.USAGE, done
    web, db = (cells(line) for line in done.out.splitlines()[1:])
    assert web == ["web", f"nowhere.invalid:{port}", "host unknown", *"------"]
    assert db[2:5] == ["listening", "python", str(holder.pid)]
    assert "error: cannot resolve host `nowhere.invalid`" in done.err
    document = devports("status", "--json").json()
    assert document["status"] == "partial"
    assert [service["service"] for service in document["data"]["services"]] == ["db"]
    assert [(e["code"], e["service"]) for e in document["errors"]] == [("host-unknown", "web")]


def test_a_target_that_cannot_be_looked_at_leaves_the_others_their_answer(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    done = devports("check", f"nowhere.invalid:{port}", port)
    assert done.code == exitcodes.USAGE, done
    assert f"(pid {holder.pid})" in done.out
    assert "error: cannot resolve host `nowhere.invalid`" in done.err
    document = devports("check", f"nowhere.invalid:{port}", port, "--json").json()
    assert [target["target"] for target in document["data"]["targets"]] == [str(port)]
    assert [error["code"] for error in document["errors"]] == ["host-unknown"]


def test_everybody_who_listens_is_shown_by_project(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    os.makedirs(f"{project.folder}/.git")
    with open(f"{project.folder}/.git/HEAD", "w", encoding="ascii") as file:
        file.write("ref: refs/heads/trunk\n")
    project.zoo("web", "listener", port)
    project.zoo("api", "listener", port + 1)
    served(devports.start("run", "web"))
    stranger, other = zoo("listener", port + 1), zoo("listener", port + 3)
    found = listeners(devports)
    web, api, nobodys = found[port], found[port + 1], found[port + 3]
    assert (web["group"]["folder"], web["group"]["branch"]) == (project.folder, "trunk")
    assert (web["service"], web["endpoint"]["state"]) == ("web", "serving")
    assert web["endpoint"]["url"] == f"http://127.0.0.1:{port}/"
    assert (api["service"], api["run"], api["endpoint"]["state"]) == ("api", None, None)
    assert api["endpoint"]["holders"][0]["pid"] == stranger.pid
    assert (nobodys["service"], nobodys["group"]["kind"]) == (None, "system")
    lines = devports("status", "--all").out.splitlines()
    told = {row[1]: row for row in map(cells, lines)}
    assert told["endpoint"] == [*HEAD, "project"]
    assert told[f"127.0.0.1:{port}"][2] == "serving"
    assert told[f"127.0.0.1:{port}"][-1] == f"{project.folder} (trunk)"
    assert told[f"127.0.0.1:{port + 1}"][:3] == ["api", f"127.0.0.1:{port + 1}", "in use"]
    assert told[f"127.0.0.1:{port + 3}"][2:5] == ["listening", "python", str(other.pid)]


@NEEDS_PTY
@pytest.mark.parametrize(
    ("columns", "head"),
    [
        pytest.param(40, "", id="40 cells: stacked lines"),
        pytest.param(56, "service endpoint state holder up", id="56 cells: the essential ones"),
        pytest.param(150, "service endpoint state holder up folder", id="150 cells: all"),
    ],
)
def test_a_terminal_gets_what_fits_and_how_many_there_are_of_a_kind(
    columns: int, head: str, *, port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port)
    for number in range(1, 5):
        project.zoo(f"s{number}", "listener", port + number)
    holder = zoo("listener", port)
    terminal = on_terminal("status", size=(40, columns), env={"NO_COLOR": "1"})
    assert terminal.exit_code() == exitcodes.OK
    assert b"\x1b" not in terminal.bytes
    words = " ".join(terminal.screen().split())
    assert words.startswith(f"{head} web 127.0.0.1:{port} in use python {holder.pid}".lstrip())
    assert words.endswith(" 1 in use · 4 free")


@NEEDS_NETLINK_BOUND
def test_what_is_bound_and_does_not_listen_is_among_everybody(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("bound_only", port)
    row = row_of(devports, port, "--all")
    assert (row["verdict"], row["pid"]) == ("bound, not listening", str(holder.pid))


@NEEDS_SECOND_USER
def test_what_a_user_may_not_see_is_said_once(port: int, zoo: Zoo, as_nobody: Command) -> None:
    zoo("listener", port)
    zoo("listener", port + 1)
    done = as_nobody("status", "--all")
    assert done.code == exitcodes.OK, done
    rows = [cells(line) for line in done.out.splitlines()]
    users = {row[1]: row[5] for row in rows}
    assert users[f"127.0.0.1:{port}"] == users[f"127.0.0.1:{port + 1}"] == "root"
    assert done.err.count("not readable: the descriptors of") == 1


def test_a_configuration_that_is_wrong_hides_no_listener(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    holder = zoo("listener", port)
    project.write("[services.web]\nprot = 1\n")
    done = devports("status", "--all")
    assert done.code == exitcodes.USAGE, done
    assert f" {holder.pid} " in done.out
    assert "did you mean `port`?" in done.err


def test_without_a_configuration_everybody_is_shown_all_the_same(
    port: int, zoo: Zoo, devports: Command
) -> None:
    zoo("listener", port)
    assert row_of(devports, port, "--all")["verdict"] == "listening"


@NEEDS_STRACE
def test_to_show_everybody_nothing_is_bound(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.service("db", port)
    zoo("listener", port)
    log = os.path.join(devports.scratch, "binds")
    traced = devports.under("strace", "-f", "-qq", "-e", "trace=bind", "-o", log, "--")
    done = traced("status", "--all")
    assert f"127.0.0.1:{port}" in done.out
    with open(log, encoding="utf-8") as protocol:
        assert "AF_INET" not in protocol.read()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(
            ("--all", "8000"),
            "`--all` cannot be combined with a target",
            id="everybody, and a target",
        ),
        pytest.param(
            ("--watch", "--json"),
            "`--watch` cannot be combined with `--json`",
            id="going on, and one document",
        ),
        pytest.param(
            ("--interval", "2"), "`--interval` needs `--watch`", id="a pace without a watch"
        ),
        pytest.param(("--watch", "--interval", "0"), "is less than 0.1", id="no pause at all"),
        pytest.param(("--watch", "--interval", "x"), "is not a number", id="a pace in words"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: tuple[str, ...], says: str, devports: Command
) -> None:
    done = devports("status", *words)
    assert done.code == exitcodes.USAGE, done
    assert says in done.text
    assert "Traceback" not in done.text

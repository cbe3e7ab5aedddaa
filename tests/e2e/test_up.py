"""`devports up`, `down` and `logs`: services in the background, without a daemon."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from devports import exitcodes
from tests.harness import guard, tables
from tests.harness.actors import Identity, argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY
from tests.harness.checkouts import linked, repository
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]


@pytest.fixture(autouse=True)
def _all_is_taken_down(devports: Command, project: Project) -> Iterator[None]:
    yield
    if os.path.exists(project.config):
        devports("down")


def services(devports: Command, *words: object) -> dict[str, dict[str, Any]]:
    """Bring services up; return what the document says of each."""
    done = devports("up", *words, "--json")
    return {one["service"]: one for one in done.json()["data"]["services"]}


def state(devports: Command) -> str:
    return os.path.join(devports.env["XDG_STATE_HOME"], "devports")


def waiting_for(path: Path, port: int) -> list[str]:
    """Return a server that listens when there is a file, and meanwhile says that it waits."""
    text = (
        "import os, sys, time, http.server as h\n"
        "print('is waiting', flush=True)\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.02)\n"
        "h.HTTPServer(('127.0.0.1', int(sys.argv[2])), h.BaseHTTPRequestHandler).serve_forever()"
    )
    return [sys.executable, "-c", text, str(path), str(port)]


def logged(devports: Command, name: str, text: str) -> str:
    def said() -> str:
        out = devports("logs", name, "--tail", "all").out
        return out if text in out else ""

    return eventually(said, 30, what=f"{name} says {text}")


def test_up_returns_when_all_is_ready_and_again_changes_nothing(
    devports: Command, project: Project, port: int
) -> None:
    project.zoo("api", "listener", port)
    project.zoo("web", "listener", port + 1, depends_on=["api"])
    done = devports("up")  # its pipes are read to their end: nothing keeps them open
    assert (done.code, tables.listening_pids(port) == set()) == (0, False), done
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["service", "url", "pid", "state", "started"]
    assert [line[0] for line in lines[1:]] == ["api", "web"]
    assert lines[1][1] == f"http://127.0.0.1:{port}/"
    assert {int(lines[1][2])} == tables.listening_pids(port)
    again = services(devports)
    assert [one["pid"] for one in again.values()] == [int(line[2]) for line in lines[1:]]
    assert not any(one["started"] for one in again.values())
    assert all(one["background"] for one in again.values())
    down = devports("down")
    assert [line.split()[0] for line in down.out.splitlines()] == ["`web`", "`api`"]
    assert tables.bindable(port)
    assert devports("down").out == "nothing is running\n"


def test_two_at_once_start_one_run_of_each_service(
    devports: Command, project: Project, port: int
) -> None:
    project.zoo("web", "listener", port)
    both = [devports.start("up", "--json", "--yes") for _ in range(2)]
    assert [each.ends() for each in both] == [0, 0]
    texts = [each.out for each in both]
    assert texts[0].count(f'"pid": {min(tables.listening_pids(port))}') == 1
    assert texts[1].count(f'"pid": {min(tables.listening_pids(port))}') == 1
    assert sorted(text.count('"started": true') for text in texts) == [0, 1]


def test_a_server_that_exits_fails_what_needs_it_and_the_next_up_goes_on_from_there(
    devports: Command, project: Project, port: int
) -> None:
    project.service("api", port, ["sh", "-c", "echo no database; exit 3"])
    project.zoo("web", "listener", port + 1, depends_on=["api"])
    project.zoo("docs", "listener", port + 2)
    done = devports("up")
    assert done.code == exitcodes.NOT_READY
    assert "error: `api` exited with code 3 before it was ready\n" in done.err
    assert "no database" in done.err
    assert "hint: to see its output, run `devports logs api`" in done.err
    assert [line.split()[3] for line in done.out.splitlines()[1:]] == [
        "failed",
        "not-started",
        "ready",
    ]
    with open(services(devports, "api")["api"]["log"], encoding="utf-8") as file:
        assert file.read() == devports("logs", "api").out
    assert "no database\n" in devports("logs", "api").out
    (docs,) = tables.listening_pids(port + 2)
    project.zoo("api", "listener", port)
    after = services(devports)
    assert [one["started"] for one in after.values()] == [True, True, False]
    assert after["docs"]["pid"] == docs


def test_for_a_command_that_does_not_exist_nothing_is_stopped_and_no_log_left(
    devports: Command, project: Project, zoo: Zoo, port: int
) -> None:
    project.service("web", port, ["a-command-nobody-has"])
    holder = zoo("listener", port)
    done = devports("up", "--yes", "--json")
    assert tables.listening_pids(port) == {holder.cast[0].pid}
    assert done.code == exitcodes.NOT_FOUND
    (error,) = done.json()["errors"]
    assert "command not found" in str(error)
    assert devports("logs", "web").code == exitcodes.NO


def test_a_server_that_ends_with_its_input_lives_in_the_background(
    devports: Command, project: Project, port: int
) -> None:
    project.service("web", port, argv_of("listener", port))  # without --stay
    assert services(devports)["web"]["state"] == "ready"
    never(lambda: not tables.listening_pids(port), 0.5)


def test_its_log_is_bounded_and_its_output_goes_on(
    devports: Command, project: Project, port: int
) -> None:
    flood = (
        "import sys, http.server as h\n"
        "for n in range(25): print('x' * 1048576)\n"
        "print('the end', flush=True)\n"
        "h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.BaseHTTPRequestHandler).serve_forever()"
    )
    project.service("web", port, [sys.executable, "-c", flood, str(port)])
    assert services(devports)["web"]["state"] == "ready"
    logged(devports, "web", "the end")
    logs = os.path.join(state(devports), "logs")
    sizes = {name: os.stat(os.path.join(logs, name)) for name in os.listdir(logs)}
    assert len(sizes) == 2
    assert sum(each.st_size for each in sizes.values()) <= 21 << 20
    assert {stat.S_IMODE(each.st_mode) for each in sizes.values()} == {0o600}
    assert devports("logs", "web", "--tail", "2").out.startswith("the end\n")


def test_a_log_is_followed_until_its_run_ends(
    devports: Command, project: Project, port: int
) -> None:
    project.zoo("web", "listener", port)
    assert devports("up").code == 0
    following = devports.start("logs", "web", "-f")
    following.says("is ready on")
    assert devports("down").code == 0
    assert following.ends() == 0
    assert "`devports down` (pid" in following.out
    assert following.out.endswith("exited with code 143\n")


def test_sigterm_stops_what_is_not_ready_and_no_more(
    devports: Command, project: Project, port: int, tmp_path: Path
) -> None:
    project.zoo("fast", "listener", port)
    project.service("slow", port + 1, waiting_for(tmp_path / "go", port + 1))
    up = devports.start("up")
    logged(devports, "slow", "is waiting")
    logged(devports, "fast", "is ready on")
    up.send(signal.SIGTERM)
    assert up.ends() == 143
    rows = [line.split() for line in up.out.splitlines()]
    assert {row[0]: row[3] for row in rows[1:]} == {"fast": "ready", "slow": "stopped"}
    assert tables.listening_pids(port)
    assert tables.bindable(port + 1)


@NEEDS_PTY
def test_ctrl_c_stops_what_is_not_ready(
    devports: Command, project: Project, port: int, tmp_path: Path, on_terminal: OnTerminal
) -> None:
    project.service("slow", port, waiting_for(tmp_path / "go", port))
    terminal = on_terminal("up")
    logged(devports, "slow", "is waiting")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130
    assert "devports: stopping `slow`\nservice " in terminal.screen()
    assert tables.bindable(port)


def test_what_up_has_started_outlives_its_sigkill(
    devports: Command, project: Project, port: int, tmp_path: Path
) -> None:
    project.service("slow", port, waiting_for(tmp_path / "go", port))
    up = devports.start("up")
    logged(devports, "slow", "is waiting")
    up.send(signal.SIGKILL)
    up.ends()
    (tmp_path / "go").touch()
    found = services(devports)["slow"]
    assert (found["state"], found["started"]) == ("ready", False)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder with a path that leaves room for that of a socket (108 bytes on Linux)."""
    with tempfile.TemporaryDirectory(prefix="devports-") as folder:
        yield Path(folder)


def test_a_killed_run_gives_its_port_back_and_is_started_again(
    devports: Command, project: Project, port: int, short_folder: Path
) -> None:
    devports.env["TMPDIR"] = str(short_folder)
    project.zoo("web", "listener", port)
    first = services(devports)["web"]
    assert os.listdir(short_folder)
    own = [p for p in psutil.process_iter() if p.pid in (first["run"], first["pid"])]
    guard.know(first["run"], own[0].create_time())
    Identity.of(first["run"]).send(signal.SIGKILL)
    eventually(lambda: tables.bindable(port), what="its watchdog stops the server")
    eventually(lambda: not os.listdir(short_folder), what="its folder for hooks is removed")
    second = services(devports)["web"]
    assert (second["state"], second["started"]) == ("ready", True)


@NEEDS_PTY
def test_a_run_in_a_terminal_counts_and_is_left_unless_it_is_named(
    devports: Command, project: Project, port: int, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port)
    terminal = on_terminal("run", "web")
    terminal.expect("is ready on")
    found = services(devports)["web"]
    assert (found["state"], found["started"], found["background"]) == ("ready", False, False)
    assert "runs in a terminal" in devports("logs", "web").err
    left = devports("down")
    assert left.code == 0
    assert "`web` was left running: it runs in a terminal" in left.out
    assert "run `devports down web`" in left.err
    assert devports("down", "web").code == 0
    assert terminal.exit_code() == 143


def test_a_run_of_a_service_that_is_up_names_its_log_and_may_take_over(
    devports: Command, project: Project, port: int
) -> None:
    project.zoo("web", "listener", port)
    log = services(devports)["web"]["log"]
    refused = devports("run", "web")
    assert refused.code == exitcodes.ALREADY_RUNNING
    assert f"log: {log}" in refused.err
    assert "run `devports logs web`\n" in refused.err  # which ends, for a script that follows hints
    run = devports.start("run", "web", "--take-over")
    run.says("is ready on")
    with open(log, encoding="utf-8") as file:
        assert "`devports run web --take-over`" in file.read()


def test_down_reaches_this_checkout_only(
    devports: Command, project: Project, port: int, tmp_path: Path
) -> None:
    project.zoo("web", "listener", port)
    repository(project.folder)
    other = tmp_path / "other"
    linked(project.folder, other, "feature")
    assert services(devports)["web"]["state"] == "ready"
    there = devports.under()
    there.cwd = str(other)
    assert there("down").out == "nothing is running\n"
    assert there("down", "web").code == 0
    assert tables.listening_pids(port)


def test_up_inside_a_running_service_outlives_that_service(
    devports: Command, project: Project, port: int
) -> None:
    project.zoo("inner", "listener", port)
    starts = shlex.join([*devports.argv, "up", "inner"])
    server = shlex.join(argv_of("listener", port + 1, "--stay"))
    project.service("outer", port + 1, f"{starts}; exec {server}", shell=True)
    outer = devports.start("run", "outer")
    outer.says("is ready on")
    found = services(devports, "inner")["inner"]
    environment = psutil.Process(found["pid"]).environ()
    run = f"{found['run']}."
    assert environment["DEVPORTS_RUN"].startswith(run)
    outer.send(signal.SIGTERM)
    outer.ends()
    assert tables.listening_pids(port) == {found["pid"]}


def test_what_was_stopped_is_in_one_private_log(
    devports: Command, project: Project, port: int, zoo: Zoo
) -> None:
    holder = zoo("listener", port, "--stay")
    project.zoo("web", "listener", port)
    refused = devports("up")
    assert refused.code == exitcodes.HELD
    assert holder.alive
    assert devports("up", "--yes").code == 0
    path = os.path.join(state(devports), "stops.log")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, encoding="utf-8") as file:
        (line,) = file
    assert f"(pid {holder.pid})" in line
    assert "to start `web`" in line
    assert "by `devports up --yes` (pid " in line
    assert path in devports("doctor").text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param("down nothing", (2, "has no service `nothing`"), id="down of no service"),
        pytest.param("up nothing", (2, "has no service `nothing`"), id="up of no service"),
        pytest.param("logs web", (1, "`web` has no log"), id="logs of what never ran"),
        pytest.param("logs nothing", (2, "has no service"), id="logs of no service"),
        pytest.param("logs web --tail few", (2, "neither a number"), id="no number of lines"),
    ],
)
def test_a_wrong_word_is_one_clear_error(
    devports: Command, project: Project, port: int, words: str, told: tuple[int, str]
) -> None:
    project.zoo("web", "listener", port)
    done = devports(*words.split())
    assert (done.code, done.out, done.err.count("error:")) == (told[0], "", 1)
    assert told[1] in done.err


def test_where_nothing_can_be_recorded_nothing_is_started(
    devports: Command, project: Project, port: int, tmp_path: Path
) -> None:
    project.zoo("web", "listener", port)
    (tmp_path / "file").touch()
    done = devports("up", env={"XDG_STATE_HOME": str(tmp_path / "file")})
    assert (done.code, done.out) == (2, "")
    assert "error: cannot write to " in done.err
    assert tables.bindable(port)

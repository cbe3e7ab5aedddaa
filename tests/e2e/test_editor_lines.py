"""What VS Code waits for is really said, in order, by a run in one of its terminals."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import jsonc
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command, Done
    from tests.harness.project import Project

pytestmark = NEEDS_FORK
TEMPLATE = Path(__file__).parents[2] / ".vscode-template" / "tasks.json"
MATCHER = jsonc.read(TEMPLATE.read_text("utf-8"))["tasks"][0]["problemMatcher"]
BEGIN, READY = (re.compile(MATCHER["background"][f"{key}Pattern"]) for key in ("begins", "ends"))
ERROR = re.compile(MATCHER["pattern"]["regexp"])


@pytest.fixture
def in_vscode(devports: Command) -> Command:
    devports.env["TERM_PROGRAM"] = "vscode"
    return devports


@pytest.fixture
def held(project: Project, port: int, zoo: Zoo) -> None:
    """A service whose port somebody has."""
    zoo("listener", port)
    project.zoo("web", "listener", port)


def failure(done: Done) -> str:
    """Return what VS Code shows; the begin came first, the failure last but one."""
    lines = done.err.splitlines()
    assert BEGIN.search(lines[0]), done
    assert lines[-1] == "devports: not running"
    found = ERROR.search(lines[-2])
    assert found, done
    assert found[1] == "devports.toml"
    return f"{found[2]}: {found[3]}"


@pytest.mark.usefixtures("held")
def test_a_held_port_that_is_not_freed(in_vscode: Command) -> None:
    done = in_vscode("run", "web", "--no-input")
    assert done.code == exitcodes.HELD
    held = r"1: port \d+ of `web` is in use by `python3?[\d.]*` \(pid \d+\), not freed"
    assert re.fullmatch(held, failure(done)), done


def test_a_wrong_configuration(project: Project, in_vscode: Command) -> None:
    project.write("[services.web]\nprot = 1\n")
    said = failure(in_vscode("run", "web"))
    assert said.startswith("2: `devports.toml` has 1 error: unknown key in `services.web`"), said
    project.write("[services.web]\nport = 1\nprot = 1\n")
    said = failure(in_vscode("run", "web"))
    assert (
        said
        == "3: `devports.toml` has 1 error: unknown key in `services.web`; did you mean `port`?"
    )
    project.write("[services.web]\nport = 1\n = 3\n")
    assert failure(in_vscode("run", "web")).startswith("3: `devports.toml` is not valid TOML")


def test_the_line_is_that_of_the_service(project: Project, in_vscode: Command, port: int) -> None:
    project.service("db", port + 1)
    project.service("web", port, ["python3", "-c", "raise SystemExit(3)"])
    assert failure(in_vscode("run", "web")) == "3: `web` exited with code 3"


def test_a_server_that_fails_by_itself(project: Project, in_vscode: Command, port: int) -> None:
    project.service("web", port, ["python3", "-c", "raise SystemExit(3)"])
    done = in_vscode("run", "web")
    assert done.code == 3
    assert failure(done) == "1: `web` exited with code 3"


def test_a_command_that_is_not_there(project: Project, in_vscode: Command, port: int) -> None:
    project.service("web", port, "no-such-program-here")
    done = in_vscode("run", "web")
    assert done.code == exitcodes.NOT_FOUND
    assert failure(done) == "1: command not found: `no-such-program-here`"


def test_a_service_that_is_not_there(project: Project, in_vscode: Command, port: int) -> None:
    project.zoo("web", "listener", port)
    assert "`wbe`" in failure(in_vscode("run", "wbe"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("pass", "`web` exited with code 0, before it was ready", id="a good end"),
        pytest.param(
            "import os; os.kill(os.getpid(), 9)",
            "`web` exited with code 137, before it was ready",
            id="an end by a signal",
        ),
    ],
)
def test_a_server_that_ends_before_it_is_ready(
    project: Project, in_vscode: Command, port: int, code: str, words: str
) -> None:
    project.service("web", port, ["python3", "-c", code])
    assert failure(in_vscode("run", "web")) == f"1: {words}"


@NEEDS_PTY
@pytest.mark.usefixtures("in_vscode", "held")
@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        pytest.param("n", exitcodes.HELD, "of `web` is in use by `", id="no"),
        pytest.param("\x1b", exitcodes.HELD, "of `web` is in use by `", id="Esc"),
        pytest.param("\x03", 130, "`web` was not started: exit code 130", id="Ctrl+C"),
    ],
)
def test_a_question_that_is_declined(
    on_terminal: OnTerminal, key: str, code: int, words: str
) -> None:
    terminal = on_terminal("run", "web")
    terminal.answer(key)
    assert terminal.exit_code() == code, terminal.screen()
    *_, error, end = terminal.screen().splitlines()
    found = ERROR.search(error)
    assert found, terminal.screen()
    assert words in found[3]
    assert READY.search(end)


def test_a_signal_before_there_is_a_server(project: Project, in_vscode: Command, port: int) -> None:
    project.service("db", port + 1)
    project.zoo("web", "listener", port, depends_on=["db"])
    running = in_vscode.start("run", "web")
    running.says("to be ready on")
    running.send(signal.SIGTERM)
    assert running.ends() == exitcodes.of_signal(signal.SIGTERM)
    *_, error, end = running.err.splitlines()
    assert ERROR.search(error)
    assert end == "devports: not running"


def test_a_server_that_was_ready_and_is_stopped_has_not_failed(
    project: Project, in_vscode: Command, port: int
) -> None:
    project.zoo("web", "listener", port)
    running = in_vscode.start("run", "web")
    running.says("` is ready on ")
    running.send(signal.SIGTERM)
    running.ends()
    assert "not running" not in running.err


def test_elsewhere_nothing_of_it_is_said(project: Project, devports: Command) -> None:
    project.write("[services.web]\nprot = 1\n")
    done = devports("run", "web")
    assert "devports: " not in done.err


def test_one_more_line_of_ours_follows_the_ready_line(
    project: Project, in_vscode: Command, port: int
) -> None:
    """Without one VS Code does not find the ready line again after a reload of its window."""
    project.zoo("web", "listener", port)
    running = in_vscode.start("run", "web")
    running.says("` is ready on ")
    ready = next(i for i, line in enumerate(running.lines) if READY.search(line))
    eventually(lambda: any(line.startswith("devports: ") for line in running.lines[ready + 1 :]))

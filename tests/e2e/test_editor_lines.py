"""What VS Code waits for is really said, in order, by a run in one of its terminals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import jsonc
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
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


def failure(done: Done) -> str:
    """Return what VS Code shows; the begin came first, the failure last but one."""
    lines = done.err.splitlines()
    assert BEGIN.search(lines[0]), done
    assert lines[-1] == "devports: not running"
    found = ERROR.search(lines[-2])
    assert found, done
    assert found[1] == "devports.toml"
    return found[2]


def test_a_held_port_that_is_not_freed(
    project: Project, in_vscode: Command, port: int, zoo: Zoo
) -> None:
    zoo("listener", port)
    project.zoo("web", "listener", port)
    done = in_vscode("run", "web", "--no-input")
    assert done.code == exitcodes.HELD
    assert failure(done) == "`web` did not run: its port is held and was not freed"


def test_a_wrong_configuration(project: Project, in_vscode: Command) -> None:
    project.write("[services.web]\nprot = 1\n")
    assert "did you mean `port`?" in failure(in_vscode("run", "web"))


def test_a_server_that_fails_by_itself(project: Project, in_vscode: Command, port: int) -> None:
    project.service("web", port, ["python3", "-c", "raise SystemExit(3)"])
    done = in_vscode("run", "web")
    assert done.code == 3
    assert failure(done) == "`web` ended with exit code 3"


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

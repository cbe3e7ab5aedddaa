"""TAB in the real shells: bash, zsh and fish, each on a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.harness.capabilities import NEEDS_PTY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.command import Command
    from tests.harness.project import Project
    from tests.harness.terminal import Terminal

pytestmark = NEEDS_PTY

SHELLS = {
    "bash": ("bash --norc --noprofile -i", 'eval "$(devports completion bash)"'),
    "zsh": (
        "zsh -f -i",
        'autoload -Uz compinit; compinit -u -D; eval "$(devports completion zsh)"',
    ),
    "fish": ("fish --no-config", "devports completion fish | source"),
}
TAB, TWICE, CLEAR = "\t", "\t\t", "\x15"


def _needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"this machine has no {shell}")


@pytest.fixture
def on_shell(devports: Command) -> Iterator[Callable[[str], Terminal]]:
    """Start a shell in the project, with devports on its PATH."""
    from tests.harness.terminal import Terminal

    opened: list[Terminal] = []

    def start(command: str) -> Terminal:
        path = f"{os.path.dirname(devports.argv[0])}{os.pathsep}{devports.env['PATH']}"
        env = devports.env | {"PATH": path, "PS1": "ready$ ", "TERM": "xterm"}
        opened.append(Terminal(shlex.split(command), cwd=devports.cwd, env=env))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.signal(signal.SIGHUP)  # a shell that asks for commands ignores SIGTERM
        terminal.close()


@pytest.fixture(params=[pytest.param(shell, id=shell, marks=_needs(shell)) for shell in SHELLS])
def shell(
    request: pytest.FixtureRequest, project: Project, on_shell: Callable[[str], Terminal]
) -> Terminal:
    """A shell with the completion of devports."""
    project.service("backend", 8000, "true")
    project.service("database", 5432)
    command, load = SHELLS[request.param]
    terminal = on_shell(command)
    terminal.send(f"{load}; echo lo''aded\r")
    terminal.expect("loaded")
    return terminal


ONE = [
    pytest.param("devports doc", "devports doctor", id="a command"),
    pytest.param("devports run bac", "devports run backend", id="a service"),
    pytest.param("devports free backend dat", "devports free backend database", id="a second one"),
    pytest.param("devports status --js", "devports status --json", id="an option"),
    pytest.param("devports run --on-conflict rec", "--on-conflict reclaim", id="a choice"),
    pytest.param("devports run --on-conflict=rec", "--on-conflict=reclaim", id="a choice behind ="),
    pytest.param("devports validate --config my", "--config my-services.toml", id="a file"),
    pytest.param(
        "devports validate --config=my", "--config=my-services.toml", id="a file behind ="
    ),
    pytest.param("devports run --events my", "--events my-services.toml", id="a file to write"),
    pytest.param("devports run --config my-services.toml ot", "other", id="its services"),
]


@pytest.mark.parametrize(("typed", "completed"), ONE)
def test_one_tab_completes_what_can_be_only_one(
    typed: str, completed: str, shell: Terminal, project: Project
) -> None:
    with open(f"{project.folder}/my-services.toml", "w", encoding="utf-8") as file:
        file.write("[services.other]\nport = 1\ncommand = 'true'\n")
    shell.send(typed + TAB)
    shell.expect(completed)


def test_two_tabs_show_what_there_is(shell: Terminal) -> None:
    shell.send("devports free " + TWICE)
    screen = shell.expect("database")
    assert "backend" in screen


def test_a_broken_configuration_says_nothing(shell: Terminal, project: Project) -> None:
    project.write("[services")
    shell.send("devports run bac" + TWICE)
    shell.send(f"{CLEAR}echo se''en\r")
    screen = shell.expect("seen")
    assert "error" not in screen
    assert "backend" not in screen


def test_the_question_of_a_shell_has_no_effect(devports: Command, project: Project) -> None:
    project.write("[services.web]\nport = 8000\n")
    before = everything(project.folder) | everything(devports.env["HOME"])
    done = devports("__complete", "free", "")
    assert (done.code, done.out, done.err) == (0, "web\tport 8000\n", "")
    assert everything(project.folder) | everything(devports.env["HOME"]) == before


def everything(folder: str) -> set[str]:
    return {os.path.join(path, name) for path, _, names in os.walk(folder) for name in names}


@pytest.mark.parametrize("broken", ["[services", "[services.web]\nprot = 1\n"])
def test_an_unreadable_configuration_completes_nothing(
    broken: str, devports: Command, project: Project
) -> None:
    project.write(broken)
    done = devports("__complete", "free", "")
    assert (done.code, done.text) == (0, "")


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_is_printed(name: str, devports: Command) -> None:
    done = devports("completion", name)
    assert done.code == 0
    assert "__complete" in done.out
    assert done.err == ""


@_needs("zsh")
def test_zsh_finds_the_script_in_its_folder(
    devports: Command, project: Project, tmp_path: Path, on_shell: Callable[[str], Terminal]
) -> None:
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "_devports").write_text(devports("completion", "zsh").out, encoding="utf-8")
    project.service("backend", 8000)
    terminal = on_shell("zsh -f -i")
    words = f"fpath=({shlex.quote(str(folder))} $fpath); autoload -Uz compinit; compinit -u -D"
    terminal.send(f"{words}; echo lo''aded\r")
    terminal.expect("loaded")
    terminal.send("devports free bac" + TAB)
    terminal.expect("devports free backend")

"""What is advised under `--config FILE` is about that file, and can be typed as it stands."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.project import Project
from tests.harness.tables import listening_pids

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.command import Command

pytestmark = NEEDS_FORK


@pytest.fixture
def other(devports: Command, tmp_path: Path) -> Project:
    """A project beside the one where the command is run, which has the same service."""
    folder = tmp_path / "an other"
    folder.mkdir()
    with open(os.path.join(devports.cwd, "devports.toml"), "w", encoding="utf-8") as file:
        file.write("[services.web]\nport = 1\n")
    return Project(str(folder))


NAMED = "../an other/devports.toml"


def advised(text: str, command: str) -> list[str]:
    """Return the words of the advised command of ours that begins so, without our name."""
    (found,) = {line for line in re.findall(r"devports [^`\n\"]*", text) if f" {command}" in line}
    return shlex.split(found)[1:]


def test_a_held_port_is_freed_by_the_command_that_the_doctor_tells(
    devports: Command, other: Project, port: int, zoo: Zoo
) -> None:
    holder = zoo("listener", port)
    other.service("web", port, "python3 -m http.server {port}")
    report = devports("doctor", "--config", NAMED).text
    assert "`devports doctor --fix --config '../an other/devports.toml'`" in report
    (problem,) = [
        p
        for p in devports("doctor", "--json", "--config", NAMED).json()["data"]["problems"]
        if p["code"] == "port-held"
    ]
    assert problem["remedies"][0]["command"] == f"devports free web --config '{NAMED}'"
    assert devports(*advised(report, "free web"), "--yes").code == exitcodes.OK
    assert not holder.alive


@pytest.mark.parametrize("words", [("free", "web"), ("check", "web"), ("run", "web")])
def test_a_refused_command_tells_what_works(
    devports: Command, other: Project, port: int, zoo: Zoo, words: tuple[str, str]
) -> None:
    holder = zoo("listener", port)
    other.service("web", port, "python3 -m http.server {port}")
    done = devports(*words, "--config", NAMED)
    assert done.code != exitcodes.OK
    assert f"devports free web --config '{NAMED}'" in done.text.replace(" --yes", "")
    assert f"free {port}" not in done.text, "one target in one message"
    assert holder.alive


def test_a_program_is_told_the_same(devports: Command, other: Project, port: int, zoo: Zoo) -> None:
    zoo("listener", port)
    other.service("web", port, "python3 -m http.server {port}")
    (error,) = devports("free", "web", "--json", "--config", NAMED).json()["errors"]
    assert f"`devports free web --yes --config '{NAMED}'`" in error["hints"][0]


def test_what_the_run_in_charge_is_stopped_by(devports: Command, other: Project, port: int) -> None:
    other.service("web", port, "python3 -m http.server {port} --bind {host}")
    running = devports.start("run", "web", "--config", NAMED, "--port", port + 1)
    running.says("is ready on")
    done = devports("run", "web", "--config", NAMED)
    assert done.code == exitcodes.ALREADY_RUNNING
    assert f"`devports run web --take-over --config '{NAMED}'`" in done.err
    freed = devports(*advised(done.err, "free web"), "--yes")
    assert freed.code == exitcodes.OK, freed
    assert f"127.0.0.1:{port} and 127.0.0.1:{port + 1} are free" in freed.out
    running.ends()
    assert not listening_pids(port + 1)


def test_what_to_do_after_init_is_about_the_new_file(devports: Command, other: Project) -> None:
    done = devports("init", "--yes", "--config", NAMED)
    assert f"  devports run backend --config '{NAMED}'   start it on its port" in done.out
    assert os.path.exists(other.config)


def test_the_paths_of_vs_code_s_files_are_those_from_here(
    devports: Command, other: Project, port: int
) -> None:
    other.service("web", port, "python3 -m http.server {port}", vscode={"task": "Run Web"})
    done = devports("vscode", "--check", "--config", NAMED)
    assert done.err.endswith(
        "out of date: ../an other/.vscode/tasks.json;"
        f" to update, run `devports vscode --config '{NAMED}'`\n"
    )
    above = os.path.dirname(devports.cwd)
    below = devports("vscode", "--diff", "--config", f"{above}/an other/devports.toml")
    assert "+++ b/.vscode/tasks.json" in below.out

"""Names and texts beyond ASCII, in a locale that has no characters for them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.command import Command

pytestmark = NEEDS_FORK

WITHOUT_UTF8 = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Python keeps to ASCII only if it is told so three times (PEP 538, PEP 540)."""


@pytest.fixture
def abroad(tmp_path: Path, devports: Command) -> Project:
    """A project in a folder with a name beyond ASCII, and the command in it, without UTF-8."""
    folder = tmp_path / "prüf"
    (folder / "bäck").mkdir(parents=True)
    devports.cwd = str(folder)
    devports.env.update(WITHOUT_UTF8)
    return Project(str(folder))


def tasks(project: Project) -> str:
    with open(os.path.join(project.folder, ".vscode", "tasks.json"), encoding="utf-8") as file:
        return file.read()


def test_a_service_gets_its_folder_its_words_and_its_variables(
    port: int, abroad: Project, devports: Command
) -> None:
    tell = (
        "import os, sys;"
        " say = [os.getcwdb(), os.environb[b'GREETING'], os.environb[b'MEAL'], *sys.argv[-1:]];"
        " print(*(os.fsencode(word).decode() for word in say), sep='|', file=open(1, 'w',"
        " encoding='utf-8', closefd=False), flush=True);"
        " os.execv(sys.argv[1], sys.argv[1:-1])"
    )
    with open(os.path.join(abroad.folder, "ü.env"), "w", encoding="utf-8") as file:
        file.write("MEAL=smørrebrød\n")
    command = ["python3", "-c", tell, *argv_of("listener", port, "--stay"), "grüß"]
    settings = {"cwd": "bäck", "env": {"GREETING": "naïve"}, "env_file": "ü.env"}
    abroad.service("web", port, command, **settings)
    running = devports.start("run", "web")
    running.says("is ready on")
    running.send(signal.SIGTERM)
    running.ends()
    assert running.out.startswith(f"{abroad.folder}/bäck|naïve|smørrebrød|grüß\n"), running.out


def test_what_is_written_for_the_editor_is_utf8_and_the_same_in_every_locale(
    port: int, abroad: Project, devports: Command
) -> None:
    abroad.service("web", port, "serve", vscode={"task": "Prüf Web"})
    assert devports("vscode").code == exitcodes.OK
    assert '"label": "Prüf Web"' in tasks(abroad)
    for env in ({}, {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}):
        assert devports("vscode", "--check", env=env).code == exitcodes.OK


def test_init_writes_the_folder_that_it_found(abroad: Project, devports: Command) -> None:
    with open(os.path.join(abroad.folder, "bäck", "package.json"), "w", encoding="utf-8") as file:
        file.write('{"scripts": {"dev": "vite"}, "dependencies": {"vite": "5"}}')
    made = devports("init", "--yes")
    assert made.code == exitcodes.OK, made
    with open(abroad.config, encoding="utf-8") as file:
        assert 'cwd = "bäck"' in file.read()
    assert devports("validate").code == exitcodes.OK


@pytest.mark.parametrize("words", [("free", "web", "--dry-run"), ("status",), ("check", "web")])
def test_looking_at_a_port_in_such_a_folder_is_no_error(
    words: tuple[str, ...], port: int, abroad: Project, devports: Command
) -> None:
    abroad.service("web", port, ["größe"], cwd="bäck", env={"A": "ü"})
    done = devports(*words)
    assert done.code == exitcodes.OK, done

"""The installed command in the projects that frameworks make, from the first look to a server."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devports import exitcodes
from tests.harness import node
from tests.harness.capabilities import NEEDS_FORK, NEEDS_LINKS, NEEDS_UIDS

if TYPE_CHECKING:
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = NEEDS_FORK

SKELETONS = Path(__file__).parents[1] / "recorded" / "skeletons"
ALL = sorted(path.name for path in SKELETONS.iterdir() if path.is_dir())
STARTED = {
    "django-app": "backend",
    "flask-app": "backend",
    "procfile-app": "web",
    "nodemon-app": "backend",
    "vite-app": "web",
}
"""Those whose packages the tests install."""


def copy(name: str, project: Project) -> None:
    shutil.copytree(SKELETONS / name, project.folder, dirs_exist_ok=True)


def text_of(project: Project) -> str:
    return Path(project.config).read_text(encoding="utf-8")


def at(project: Project, port: int) -> None:
    """Give the one service of a project another port than its own, which may be taken here."""
    project.write(re.sub("^port = .*", f"port = {port}", text_of(project), flags=re.MULTILINE))


@pytest.mark.parametrize("name", ALL)
def test_a_skeleton_gets_a_valid_file(name: str, project: Project, devports: Command) -> None:
    copy(name, project)
    done = devports("init", "--yes")
    assert done.code == exitcodes.OK, done
    assert "wrote devports.toml with 1 service" in done.out
    assert devports("validate").code == exitcodes.OK
    assert sorted(os.listdir(project.folder)) == sorted(
        [*os.listdir(SKELETONS / name), "devports.toml"]
    )


@pytest.mark.parametrize("name", STARTED)
def test_what_it_writes_starts_a_server(
    name: str, port: int, project: Project, devports: Command
) -> None:
    copy(name, project)
    if name in ("nodemon-app", "vite-app"):
        try:
            os.symlink(node.modules(), f"{project.folder}/node_modules")
        except node.MissingError as missing:
            pytest.skip(str(missing))
    devports.env["PATH"] = f"{os.path.dirname(sys.executable)}{os.pathsep}{devports.env['PATH']}"
    assert devports("init", "--yes").code == exitcodes.OK
    at(project, port)
    running = devports.start("run", STARTED[name])
    running.says(f"is ready on 127.0.0.1:{port}", 60)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
        assert answer.status == 200


def test_without_a_person_it_shows_and_writes_nothing(project: Project, devports: Command) -> None:
    copy("vite-app", project)
    done = devports("init", stdin=b"y\ny\n")
    assert done.code == exitcodes.NO, done
    assert "[services.web]" in done.out
    assert 'package.json, line 7: "dev": "vite"' in done.err
    assert "hint: to write it as shown, run `devports init --yes`" in done.err
    assert not os.path.exists(project.config)


def test_a_dry_run_prints_the_file_that_would_be_written(
    project: Project, devports: Command
) -> None:
    copy("vite-app", project)
    dry = devports("init", "--dry-run", "--yes")
    assert dry.code == exitcodes.OK, dry
    assert not os.path.exists(project.config)
    devports("init", "--yes")
    assert text_of(project) == dry.out


def test_once_is_enough(project: Project, devports: Command) -> None:
    copy("vite-app", project)
    devports("init", "--yes")
    first = text_of(project)
    again = devports("init", "--yes")
    assert again.code == exitcodes.NO, again
    assert f"`{project.config}` already exists" in again.err
    assert text_of(project) == first


def test_the_end_names_the_next_command(project: Project, devports: Command) -> None:
    copy("vite-app", project)
    lines = devports("init", "--yes").out.splitlines()
    assert lines[2:4] == ["next:", "  devports run web    start it on its port"]


def data(devports: Command, *words: object, code: int) -> dict[str, Any]:
    done = devports("init", "--json", *words)
    assert done.code == code, done
    assert done.err == ""
    found = done.json()["data"]
    assert isinstance(found, dict)
    return found


def test_for_a_program(project: Project, devports: Command) -> None:
    copy("django-app", project)
    shown = data(devports, code=exitcodes.NO)
    assert (shown["written"], shown["next"]) == (False, None)
    assert not os.path.exists(project.config)
    assert data(devports, "--dry-run", "--yes", code=exitcodes.OK)["written"] is False
    done = data(devports, "--yes", code=exitcodes.OK)
    assert (done["written"], done["next"]) == (True, "devports run backend")
    assert (done["path"], done["text"]) == (project.config, text_of(project))
    (service,) = done["services"]
    assert service["sources"][0]["file"] == "manage.py"
    refused = devports("init", "--json", "--yes").json()
    assert refused["errors"][0]["code"] == "config-exists"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        pytest.param("", (), id="an empty folder"),
        pytest.param(".gitignore", (), id="a folder with dot-files only"),
        pytest.param("notes.txt", ("--example",), id="it is asked for"),
    ],
)
def test_an_example_that_runs(
    file: str, words: tuple[str, ...], project: Project, devports: Command
) -> None:
    if file:
        Path(project.folder, file).write_text("x", encoding="utf-8")
    done = devports("init", "--yes", *words)
    assert done.code == exitcodes.OK, done
    assert "found no servers in " in done.err
    assert "wrote devports.toml with an example service" in done.out
    assert devports("validate").code == exitcodes.OK


@pytest.mark.parametrize("json", [False, True], ids=["in words", "for a program"])
def test_a_server_that_is_not_there_is_not_invented(
    project: Project, devports: Command, *, json: bool
) -> None:
    Path(project.folder, "go.mod").write_text("module shop\n", encoding="utf-8")
    done = devports("init", "--yes", *(["--json"] if json else []))
    assert done.code == exitcodes.NO, done
    assert "no known server in this Go project" in done.text
    assert "no server was found; `devports.toml` was written with a commented example" in done.text
    assert "scripts of package.json" in done.text
    assert all(line[:1] in ("", "#") for line in text_of(project).splitlines())
    if json:
        answer = done.json()
        assert answer["errors"][0]["code"] == "no-service"
        assert (answer["data"]["written"], answer["data"]["next"]) == (True, None)


def test_services_without_a_port_are_comments(project: Project, devports: Command) -> None:
    Path(project.folder, "Procfile").write_text("web: ./serve $PORT\n", encoding="utf-8")
    done = devports("init", "--yes")
    assert done.code == exitcodes.NO, done
    assert "error: `devports.toml` was written without a service: no port was found" in done.err
    assert "# [services.web]" in text_of(project)


def test_with_watched_services_only_the_next_command_starts_nothing(
    project: Project, devports: Command
) -> None:
    text = "services:\n  db:\n    ports: ['5432:5432']\n"
    Path(project.folder, "compose.yaml").write_text(text, encoding="utf-8")
    done = devports("init", "--yes")
    assert done.code == exitcodes.OK, done
    assert "devports status     show the process that serves `db`" in done.out
    assert "start it on its port" not in done.out


THERE = [
    pytest.param("devports.toml", "[services", id="a broken one"),
    pytest.param("../devports.toml", "[services.a]\nport = 1\n", id="one above"),
    pytest.param("pyproject.toml", "[tool.devports.services.a]\nport = 1\n", id="in pyproject"),
]


@pytest.mark.parametrize(("path", "text"), THERE)
def test_a_configuration_that_is_there_is_never_overwritten(
    path: str, text: str, project: Project, devports: Command
) -> None:
    there = Path(project.folder, path)
    there.write_text(text, encoding="utf-8")
    for words in (("--yes",), ("--dry-run",), ("--json", "--yes"), ()):
        done = devports("init", *words)
        assert done.code == exitcodes.NO, done
        assert f"`{there.resolve()}` already exists" in done.text
    assert there.read_text(encoding="utf-8") == text


def test_a_pyproject_of_others_is_no_configuration(project: Project, devports: Command) -> None:
    Path(project.folder, "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    assert devports("init", "--yes", "--example").code == exitcodes.OK


def test_another_file_may_be_named(project: Project, devports: Command) -> None:
    copy("vite-app", project)
    devports("init", "--yes")
    done = devports("init", "--yes", "--config", "other.toml")
    assert done.code == exitcodes.OK, done
    assert devports("validate", "--config", "other.toml").code == exitcodes.OK
    assert devports("init", "--yes", "--config", "other.toml").code == exitcodes.NO


@NEEDS_LINKS
def test_a_link_that_leads_nowhere_is_not_written_through(
    project: Project, devports: Command
) -> None:
    os.symlink("elsewhere.toml", project.config)
    assert devports("init", "--yes").code == exitcodes.NO
    assert os.listdir(project.folder) == ["devports.toml"]


@NEEDS_UIDS
def test_others_cannot_write_the_file(project: Project, devports: Command) -> None:
    before = os.umask(0)
    try:
        devports("init", "--yes")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(project.config).st_mode) == 0o644


def test_a_folder_that_cannot_be_written(project: Project, devports: Command) -> None:
    done = devports("init", "--yes", "--config", "gone/devports.toml")
    assert done.code == exitcodes.NO, done
    assert "error: cannot write `gone/devports.toml`: no such file or directory\n" in done.err


def test_a_person_leaves_one_out_and_names_a_port(
    project: Project, devports: Command, on_terminal: OnTerminal
) -> None:
    copy("django-app", project)
    write = Path(project.folder).joinpath
    write("package.json").write_text(
        '{"scripts": {"dev": "node s.js"}, "dependencies": {"koa": "1"}}', encoding="utf-8"
    )
    write("Procfile.dev").write_text("docs: mkdocs serve -a :$PORT\n", encoding="utf-8")
    terminal = on_terminal("init")
    terminal.expect("which services?")
    terminal.send("\x1b[B\x1b[B \r")
    terminal.expect("port of `backend-2`?")
    terminal.send("3000\r")
    terminal.expect("write devports.toml with 2 services?")
    terminal.send("y")
    screen = terminal.expect("✓ wrote devports.toml with 2 services")
    assert terminal.exit_code() == exitcodes.OK
    assert "devports run backend" in screen
    text = text_of(project)
    assert "[services.docs]" not in text
    assert "port = 3000" in text
    assert devports("validate").code == exitcodes.OK


@pytest.mark.parametrize(
    ("keys", "code"),
    [pytest.param("n", exitcodes.NO, id="no"), pytest.param("\x03", 130, id="Ctrl-C")],
)
def test_a_person_who_does_not_want_it(
    keys: str, code: int, project: Project, on_terminal: OnTerminal
) -> None:
    copy("vite-app", project)
    terminal = on_terminal("init")
    terminal.expect("write devports.toml with 1 service?")
    terminal.send(keys)
    assert terminal.exit_code() == code
    assert not os.path.exists(project.config)


def test_a_person_in_an_empty_folder(project: Project, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("init")
    terminal.expect("write an example to devports.toml?")
    terminal.send("\r")
    terminal.expect("wrote devports.toml")
    assert terminal.exit_code() == exitcodes.OK
    assert "http.server" in text_of(project)


def test_a_person_in_a_folder_without_a_server(project: Project, on_terminal: OnTerminal) -> None:
    Path(project.folder, "Cargo.toml").write_text("[package]\n", encoding="utf-8")
    terminal = on_terminal("init")
    terminal.expect("write a commented example to devports.toml?")
    terminal.send("\r")
    terminal.expect("no server was found; `devports.toml` was written with a commented example")
    assert terminal.exit_code() == exitcodes.NO

"""The doctor and what a project declares: commands, files, names. Every condition is a real one."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from devports import exitcodes
from tests.harness.capabilities import NEEDS_FORK, NEEDS_IPV6, NEEDS_NAMESPACES, NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = NEEDS_FORK


@pytest.fixture
def clean(devports: Command, tmp_path: Path) -> Command:
    """The command with a PATH on which there is no other devports; vite and others are there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    for name in ("vite", "npm", "jupyter"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (folder / "sh").symlink_to("/bin/sh")
    devports.env["PATH"] = str(folder)
    return devports


def problems(devports: Command, *, healthy: bool = False) -> list[dict[str, Any]]:
    done = devports("doctor", "--json")
    assert done.code == (exitcodes.OK if healthy else exitcodes.NO), done
    found = done.json()["data"]["problems"]
    assert isinstance(found, list)
    return found


def codes(devports: Command, *, healthy: bool = False) -> list[str]:
    return [problem["code"] for problem in problems(devports, healthy=healthy)]


def put(project: Project, name: str, text: str) -> None:
    path = os.path.join(project.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def test_a_server_that_moves_silently(port: int, project: Project, clean: Command) -> None:
    project.service("web", port, "vite --port {port}")
    assert codes(clean, healthy=True) == ["server-moves"]
    project.service("web", port, "vite --port {port}", handoff="plain")
    assert codes(clean) == ["server-moves"]
    put(project, "vite.config.ts", "export default { server: { strictPort: true } }")
    assert codes(clean, healthy=True) == []


def test_a_server_that_is_never_told_its_port(port: int, project: Project, clean: Command) -> None:
    project.service("web", port, "vite")
    (problem,) = problems(clean)
    assert (problem["code"], problem["severity"]) == ("command-without-port", "warning")
    naming = "vite --host {host} --port {port} --strictPort"
    assert problem["remedies"][0]["title"] == f"write `{naming}`"
    said = clean("validate")
    assert said.code == exitcodes.OK, said
    assert said.err.startswith(f"warning: `web` declares port {port}, and its command never names")
    assert said.err.rstrip().endswith(f"hint: write `{naming}`")
    put(project, "vite.config.js", f"export default {{ server: {{ port: {port} }} }}")
    assert not clean("validate").err
    assert codes(clean, healthy=True) == ["server-moves"]


def test_a_script_that_never_tells_its_server_the_port(
    port: int, project: Project, clean: Command
) -> None:
    put(project, "package.json", json.dumps({"scripts": {"dev": "vite"}}))
    project.service("web", port, "npm run dev")
    advice = "write `npm run dev -- --host {host} --port {port} --strictPort`"
    assert f"hint: {advice}\n" in clean("validate").err
    put(project, "package.json", json.dumps({"scripts": {"dev": "next dev"}}))
    assert not clean("validate").err  # it reads PORT


def test_a_variable_of_the_server_tells_it_its_port(
    port: int, project: Project, clean: Command
) -> None:
    project.service("api", port, "uvicorn main:app")
    assert "uvicorn does not read PORT: it listens on port 8000" in clean("validate").err
    put(project, ".env", f"UVICORN_PORT={port}")
    project.service("api", port, "uvicorn main:app", env_file=".env")
    assert not clean("validate").err


def test_a_server_behind_a_script(port: int, project: Project, clean: Command) -> None:
    put(project, "package.json", json.dumps({"scripts": {"dev": "vite --host"}}))
    project.service("web", port, "npm run dev -- --port 3000")
    found = problems(clean)
    assert [problem["code"] for problem in found] == [
        "command-other-port",
        "command-other-address",
        "server-moves",
    ]
    assert "`-- --strictPort`" in found[2]["remedies"][0]["title"]
    project.service("web", port, "npm run dev -- --port {port} --host {host} --strictPort")
    assert codes(clean, healthy=True) == []  # vite takes the last of each


def test_a_shell_that_hides_the_end_of_a_server(
    port: int, project: Project, clean: Command
) -> None:
    project.service("web", port, "vite --port {port} --strictPort | tee log", shell=True)
    assert codes(clean) == ["exit-code-hidden"]
    project.service("web", port, ["sh", "-c", "vite --port {port} --strictPort || true"])
    assert codes(clean) == ["exit-code-hidden"]
    project.service("web", port, "vite --port {port} --strictPort", shell=True)
    assert codes(clean, healthy=True) == []


def test_a_command_that_wants_a_shell(port: int, project: Project, clean: Command) -> None:
    project.service("web", port, "cd . && vite --port {port} --strictPort")
    (problem,) = problems(clean)
    assert (problem["code"], problem["severity"]) == ("command-not-found", "error")
    assert 'write `cwd = "."`' in problem["remedies"][0]["title"]
    started = clean("run", "web")
    assert started.code == exitcodes.NOT_FOUND, started
    assert (
        'hint: the command runs without a shell; write `cwd = "."`, or set `shell = true`'
        in started.err
    )
    project.service("web", port, "vite --port {port} --strictPort | cat")
    assert codes(clean) == ["shell-missing"]
    said = clean("validate")
    assert said.code == exitcodes.OK, said
    assert "warning: the command of `web` contains `|`, but runs without a shell" in said.err
    assert said.out.endswith("is valid (1 service)\n")


def test_a_virtual_environment_that_is_not_there(
    port: int, project: Project, clean: Command
) -> None:
    project.service("web", port, ".venv/bin/uvicorn main:app --port {port}")
    (problem,) = problems(clean)
    assert problem["code"] == "environment-missing"
    assert problem["remedies"][0]["command"].startswith("python3 -m venv ")
    put(project, ".venv/pyvenv.cfg", "")
    assert codes(clean) == ["environment-broken"]


def test_a_socket_that_cannot_be_handed_over(port: int, project: Project, clean: Command) -> None:
    project.service("web", port, "vite --port {port} --strictPort", handoff="fd")
    (problem,) = problems(clean)
    assert (problem["code"], problem["service"]) == ("handoff-unavailable", "web")
    refused = clean("run", "web")
    assert refused.code == exitcodes.USAGE, refused
    assert problem["message"] in refused.err
    project.service("web", port, "python3 -m uvicorn main:app --port {port}", handoff="fd")
    assert codes(clean, healthy=True) == []


def test_a_debugger_that_cannot_be(port: int, project: Project, clean: Command) -> None:
    more: dict[str, Any] = {"ports": {"debug": port + 1}, "vscode": {"debug": "debugpy"}}
    here = project.folder
    put(project, ".venv/pyvenv.cfg", "include-system-site-packages = false\n")
    os.mkdir(os.path.join(here, ".venv/bin"))
    os.symlink(sys.executable, os.path.join(here, ".venv/bin/python"))
    put(project, ".venv/lib/python3.11/site-packages/six.py", "")
    project.service("web", port, ".venv/bin/python -m http.server {port}", **more)
    (problem,) = [each for each in problems(clean) if not each["code"].startswith("editor-")]
    assert problem["code"] == "debugger-missing"
    assert problem["remedies"][0]["command"].endswith(" -m pip install debugpy")
    put(project, ".venv/lib/python3.11/site-packages/debugpy/__init__.py", "")
    assert "debugger-missing" not in codes(clean)
    project.service("web", port, "vite --port {port} --strictPort", **more)
    assert "not-debuggable" in codes(clean)


def test_packages_that_are_not_installed(port: int, project: Project, clean: Command) -> None:
    put(project, "package.json", json.dumps({"dependencies": {"vite": "8"}, "scripts": {}}))
    project.service("web", port, "npm run dev")
    assert codes(clean) == ["environment-missing"]
    os.mkdir(os.path.join(project.folder, "node_modules"))
    assert codes(clean, healthy=True) == []


@NEEDS_UIDS
def test_files_that_everybody_can_write(port: int, project: Project, clean: Command) -> None:
    put(project, ".env", "A=1\n")
    project.service("web", port, "vite --port {port} --strictPort", env_file=".env")
    assert codes(clean, healthy=True) == []
    os.chmod(os.path.join(project.folder, ".env"), 0o666)
    os.chmod(project.folder, 0o777)
    found = problems(clean)
    assert [(p["code"], p["service"]) for p in found] == [
        ("config-unsafe", "web"),
        ("folder-open-to-all", None),
    ]
    assert [p["remedies"][0]["command"].split()[:2] for p in found] == [["chmod", "o-w"]] * 2
    os.chmod(project.config, 0o666)
    (problem,) = problems(clean)
    assert (problem["code"], problem["service"]) == ("config-unsafe", None)


def test_variables_that_cannot_be_read(port: int, project: Project, clean: Command) -> None:
    project.service("web", port, "vite --port {port} --strictPort", env_file=".env.{port}")
    assert codes(clean) == ["env-file-missing"]
    put(project, f".env.{port}", "A=1\n")
    assert codes(clean, healthy=True) == []


@NEEDS_UIDS
def test_a_doubt_about_the_file_is_a_note_and_said_once(
    port: int, project: Project, clean: Command
) -> None:
    project.service("web", port, "vite --port {port} --strictPort")
    os.chmod(project.config, 0o664)
    if os.stat(project.config).st_gid == os.stat(project.config).st_uid:
        if os.geteuid() != 0:
            pytest.skip("the group of this file has nobody else in it")
        os.chown(project.config, -1, 12345)
    done = clean("doctor")
    assert (done.code, done.err) == (exitcodes.OK, ""), done
    assert "can be written by the group" in done.out
    assert done.out.endswith("no problems found (1 note)\n")


def test_a_port_to_which_no_browser_connects(project: Project, clean: Command) -> None:
    project.service("web", 6667, "vite --port {port} --strictPort")
    assert codes(clean) == ["port-blocked-by-browsers"]


@NEEDS_IPV6
@NEEDS_NAMESPACES
def test_a_localhost_that_is_not_both(
    port: int, project: Project, clean: Command, tmp_path: Path
) -> None:
    project.service("web", port, "vite --port {port} --strictPort", host="localhost")
    for text, expected, healthy in (
        ("127.0.0.1 localhost\n::1 localhost\n", [], True),
        ("127.0.0.1 localhost\n", ["localhost-one-family"], True),
        ("203.0.113.1 localhost\n", ["address-not-local", "localhost-elsewhere"], False),
    ):
        hosts = tmp_path / "hosts"
        hosts.write_text(text)
        script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
        within = clean.under("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh")
        within.env["PATH"] += ":/usr/bin:/bin"
        assert codes(within, healthy=healthy) == expected


SKELETONS = os.path.join(os.path.dirname(__file__), "../recorded/skeletons")


@pytest.mark.parametrize("name", ["vite-app", "next-app", "django-app", "nodemon-app"])
def test_what_init_writes_is_healthy(
    name: str, port: int, project: Project, clean: Command
) -> None:
    shutil.copytree(os.path.join(SKELETONS, name), project.folder, dirs_exist_ok=True)
    os.makedirs(os.path.join(project.folder, "node_modules"), exist_ok=True)
    assert clean("init", "--yes").code == exitcodes.OK
    with open(project.config, encoding="utf-8") as file:
        project.write(re.sub(r"(?m)^port = \d+", f"port = {port}", file.read()))
    assert codes(clean, healthy=True) == []

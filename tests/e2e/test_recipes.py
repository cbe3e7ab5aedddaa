"""The recipes of docs/agents.md are run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness import pages, tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE, NEEDS_PROC
from tests.harness.servers import COMMANDS
from tests.harness.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]
RECIPES = {
    block.language: block.text
    for block in pages.read("docs/agents.md").blocks
    if block.language in ("python", "yaml", "js")
}
ANSWERS = """
import urllib.request

def test_the_server_of_this_checkout_answers(backend_url):
    assert urllib.request.urlopen(backend_url).status == 200
"""
PLAYWRIGHT = """
import { pathToFileURL } from 'node:url';
const { default: config } = await import(pathToFileURL(process.argv[2]));
console.log(JSON.stringify(config));
"""


@pytest.fixture(autouse=True)
def _backend(devports: Command, project: Project, port: int) -> Iterator[None]:
    project.service("backend", port, COMMANDS["http.server"])
    yield
    devports("down")


@pytest.fixture
def env(devports: Command) -> dict[str, str]:
    """The environment of a program that finds `devports` on PATH."""
    return {**devports.env, "PATH": f"{os.path.dirname(sys.executable)}:{devports.env['PATH']}"}


def run(line: str | list[str], project: Project, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        line,
        shell=isinstance(line, str),
        cwd=project.folder,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


def write(project: Project, name: str, text: str) -> str:
    path = os.path.join(project.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def test_of_pytest(project: Project, env: dict[str, str]) -> None:
    write(project, "conftest.py", RECIPES["python"])
    write(project, "test_api.py", ANSWERS)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    assert "1 passed" in run(words, project, env)


def test_of_github_actions(
    project: Project, env: dict[str, str], port: int, tmp_path: Path
) -> None:
    steps = re.findall(r"\brun: (.+)", RECIPES["yaml"])
    assert steps.pop(2) == "npm test"  # whatever a project has for it
    env["GITHUB_ENV"] = str(tmp_path / "env")
    said = [run(step, project, env) for step in steps]
    variables = (tmp_path / "env").read_text(encoding="utf-8").splitlines()
    assert f"BACKEND_URL=http://127.0.0.1:{port}/" in variables
    assert said[-1].startswith("devports: output from ")


@NEEDS_NODE
def test_of_playwright(devports: Command, project: Project, env: dict[str, str], port: int) -> None:
    package = "node_modules/@playwright/test"
    write(project, f"{package}/package.json", '{"type": "module", "main": "index.js"}')
    write(project, f"{package}/index.js", "export const defineConfig = (config) => config;")
    config = write(project, "playwright.config.mjs", RECIPES["js"])
    said = run(["node", write(project, "read.mjs", PLAYWRIGHT), config], project, env)
    server: dict[str, Any] = json.loads(said)["webServer"]
    assert server["url"] == f"http://127.0.0.1:{port}/"
    assert server["gracefulShutdown"]["signal"] == "SIGTERM"
    program, *words = server["command"].split()
    assert program == "devports"
    running = devports.start(*words)
    running.says("is ready on")
    running.close()
    eventually(lambda: tables.bindable(port), what="SIGTERM has stopped it")

"""The hooks, run by a real pre-commit out of this repository, on a good and on a broken project."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.project import Project

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WITHIN = 300


PRE_COMMIT = os.path.join(os.path.dirname(sys.executable), "pre-commit")


def git(folder: str, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A commit of this project's files as they are now: pre-commit installs a hook from one."""
    folder = str(tmp_path_factory.mktemp("hooks"))
    git(folder, "init", "-q")
    here = (f"--git-dir={folder}/.git", f"--work-tree={ROOT}")
    git(folder, *here, "add", "-A")
    git(folder, *here, "commit", "-q", "-m", "as it is now")
    git(folder, "reset", "-q", "--hard")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where pre-commit keeps its environments: made once, for all tests here."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "a project"
    folder.mkdir()
    git(str(folder), "init", "-q")
    made = Project(str(folder))
    made.service("web", 8123, "serve")
    return made


def configure(project: Project, hooks: str, *arguments: str) -> None:
    rev = subprocess.run(
        ["git", "-C", hooks, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    args = f"\n        args: [{', '.join(arguments)}]" if arguments != ("as it is",) else ""
    with open(
        os.path.join(project.folder, ".pre-commit-config.yaml"), "w", encoding="utf-8"
    ) as file:
        file.write(
            f"repos:\n  - repo: {hooks}\n    rev: {rev}\n    hooks:\n"
            f"      - id: devports-validate\n      - id: devports-vscode{args}\n"
        )


def run(project: Project, cache: str) -> tuple[int, str]:
    git(project.folder, "add", "-A")
    env = {**os.environ, "PRE_COMMIT_HOME": cache}
    done = subprocess.run(
        [PRE_COMMIT, "run", "--all-files", "--verbose", "--color=never"],
        cwd=project.folder, env=env, capture_output=True, text=True, timeout=WITHIN, check=False,
    )  # fmt: skip
    if "Could not find a version" in done.stdout + done.stderr:
        pytest.skip("pip cannot install here")
    return done.returncode, done.stdout + done.stderr


def result(output: str, hook: str) -> str:
    line = next(line for line in output.splitlines() if line.startswith(hook))
    return line.rpartition(".")[2]


def test_the_hooks_say_no_mend_and_say_yes(project: Project, hooks: str, cache: str) -> None:
    configure(project, hooks, "as it is")
    code, output = run(project, cache)
    assert (code, result(output, "devports validate"), result(output, "devports vscode")) == (
        1, "Passed", "Failed",
    ), output  # fmt: skip
    assert "+++ b/.vscode/tasks.json" in output
    assert not os.path.exists(os.path.join(project.folder, ".vscode"))
    configure(project, hooks)
    code, output = run(project, cache)
    assert result(output, "devports vscode") in ("Failed", "Passed"), output
    assert os.path.exists(os.path.join(project.folder, ".vscode", "tasks.json"))
    configure(project, hooks, "as it is")
    code, output = run(project, cache)
    assert code == 0, output


BROKEN = [
    pytest.param("[services.web]\nprot = 1\n", "did you mean `port`", id="a typo"),
    pytest.param(
        "[services.a]\nport = 8123\n[services.b]\nport = 8123\n",
        "port 8123 of `b` is already declared by `a`",
        id="one port for two services",
    ),
]


@pytest.mark.parametrize(("text", "words"), BROKEN)
def test_a_broken_configuration_stops_the_commit(
    project: Project, hooks: str, cache: str, text: str, words: str
) -> None:
    project.write(text)
    configure(project, hooks, "as it is")
    code, output = run(project, cache)
    assert (code, result(output, "devports validate")) == (1, "Failed"), output
    assert words in output


def test_try_repo_runs_the_hooks(project: Project, hooks: str, cache: str) -> None:
    git(project.folder, "add", "-A")
    words = [
        PRE_COMMIT,
        "try-repo",
        hooks,
        "devports-validate",
        "--all-files",
        "--color=never",
    ]
    env = {**os.environ, "PRE_COMMIT_HOME": cache}
    done = subprocess.run(
        words,
        cwd=project.folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert result(done.stdout, "devports validate") == "Passed"

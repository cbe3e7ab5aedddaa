"""The installed command, a project to use it in, and the proof that it leaves nobody behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING, Protocol

import psutil
import pytest

from tests.harness import guard
from tests.harness.actors import NOBODY, Identity
from tests.harness.capabilities import NEEDS_PTY
from tests.harness.command import Command, clean_environment
from tests.harness.project import Project
from tests.harness.waiting import NeverHappenedError, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.harness.terminal import Terminal


# The others are made of forks, signals and terminals: elsewhere there is nothing to import of them.
PORTABLE = ("test_config.py", "test_closed_state.py")
HERE = os.path.dirname(__file__)
collect_ignore = [
    name
    for name in sorted(os.listdir(HERE))
    if name.startswith("test_") and name not in PORTABLE and not hasattr(os, "fork")
]


class OnTerminal(Protocol):
    """Starts `devports WORDS...` on a terminal, in the project."""

    def __call__(
        self,
        *words: object,
        size: tuple[int, int] = (40, 120),
        env: Mapping[str, str] | None = None,
    ) -> Terminal: ...


@pytest.fixture(autouse=True)
def _nobody_is_left_behind() -> Iterator[None]:
    """Fail if a process of this test outlives it: an orphan of devports, and end it by pid."""
    before = {process.pid for process in guard.descendants_everywhere()}

    def left() -> list[str]:
        now = [p for p in guard.descendants_everywhere() if p.pid not in before]
        names: list[str] = []
        for process in now:
            with contextlib.suppress(psutil.Error):  # a zombie is ended, and says no more
                names.append(f"{process.pid} {process.cmdline()}")
        return names

    yield
    try:
        eventually(lambda: not left())
    except NeverHappenedError:
        names = left()
        for process in guard.descendants_everywhere():
            if process.pid not in before:
                Identity(process.pid, process.create_time()).send(signal.SIGKILL)
        pytest.fail("left behind: " + "; ".join(names))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "a project"
    folder.mkdir()
    return Project(str(folder))


@pytest.fixture
def devports(tmp_path: Path, project: Project) -> Iterator[Command]:
    """The installed command, in the project's folder and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    command = Command(project.folder, clean_environment(str(home)), str(home))
    yield command
    command.close()


@pytest.fixture
def as_nobody(devports: Command) -> Iterator[Command]:
    """The same command run by a user without privileges, who cannot read our processes."""
    home = tempfile.mkdtemp(prefix="devports-nobody-")
    os.chown(home, NOBODY, NOBODY)
    yield devports.as_user(NOBODY, home)
    shutil.rmtree(home)


@pytest.fixture
def on_terminal(devports: Command) -> Iterator[OnTerminal]:
    from tests.harness.terminal import Terminal

    opened: list[Terminal] = []

    def open_one(
        *words: object,
        size: tuple[int, int] = (40, 120),
        env: Mapping[str, str] | None = None,
    ) -> Terminal:
        argv = [*devports.argv, *map(str, words)]
        all_env = devports.env | dict(env or {})
        opened.append(Terminal(argv, cwd=devports.cwd, env=all_env, size=size))
        return opened[-1]

    if NEEDS_PTY.args[0]:
        pytest.skip("this machine has no pseudo terminals")
    yield open_one
    for terminal in opened:
        terminal.close()

"""The stage of a trial: a home, a project, a temporary folder, a port, and what must survive."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.harness import tables
from tests.harness.actors import Actor, argv_of, start
from tests.harness.command import Command, clean_environment
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.waiting import LONGEST_POLL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MARKER = "/devports-starts"
LAUNCH = f"import os; from devports.cli import start; os.access({MARKER!r}, 0); start()"
"""devports with a system call that shows where the start of Python ends, which is not its own."""
SERVER = (
    "import select, socket, sys; s = socket.socket(); "
    "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
    "s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); "
    "select.select([], [], [], float(sys.argv[2]))"
)
"""Serves for so many seconds, and exits with 0."""
OWN_TASKS = """{
  // mine
  "version": "2.0.0",
  "tasks": [{"label": "lint", "command": "true"}]
}
"""
LOOKS = 100
"""How often is looked for what must have ended: a number of looks, whatever the machine runs."""


@dataclass
class Stage:
    """Everything of one trial after the other; `folder` is in the words of each process."""

    folder: str
    port: int
    actors: list[Actor] = field(default_factory=list)

    @property
    def project(self) -> Project:
        return Project(os.path.join(self.folder, "p"))

    @property
    def state(self) -> str:
        return os.path.join(self.folder, "h", "state", "devports")

    @property
    def command(self) -> Command:
        home = os.path.join(self.folder, "h")
        env = clean_environment(home) | {"TMPDIR": os.path.join(self.folder, "t")}
        # The folder is the last word but for the options: each process of a trial is known by it.
        argv = [sys.executable, "-c", LAUNCH]
        return Command(self.project.folder, env, self.folder, argv)

    def reset(self) -> None:
        """Empty all folders."""
        for name in "hpt":
            shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)
            os.mkdir(os.path.join(self.folder, name))

    def put(self, name: str, text: str) -> None:
        path = os.path.join(self.project.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def play(self, name: str, *words: object) -> Actor:
        self.actors.append(start(name, argv_of(name, *words)))
        return self.actors[-1]

    def hold(self) -> None:
        """Let a process hold the port, with a client that must survive."""
        self.play("listener", self.port)
        self.play("client", self.port)

    def serve(self, seconds: float = 0.3) -> None:
        words = [sys.executable, "-S", "-E", "-c", SERVER, str(self.port), str(seconds)]
        words.append(self.folder)
        self.project.service("web", self.port, words, handoff="plain", stop_timeout=1)

    def clear(self) -> None:
        for actor in reversed(self.actors):
            actor.end()
        self.actors.clear()

    def files(self) -> dict[str, bytes]:
        """Return the content of every file, by its path in the stage."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            paths = (os.path.join(folder, name) for name in names)
            for path in filter(os.path.isfile, paths):  # not a FIFO, which would block
                with contextlib.suppress(OSError), open(path, "rb") as file:
                    found[os.path.relpath(path, self.folder)] = file.read()
        return found

    def log(self) -> str:
        """Return what the last run in the background has written."""
        logs = (text for path, text in self.files().items() if ".log" in path)
        return b"".join(logs).decode(errors="replace")

    def left(self) -> list[int]:
        """Return the living processes of devports and its servers on this stage."""
        own = {actor.process.pid for actor in self.actors}
        return [pid for pid in with_word(self.folder) if pid not in own]


def with_word(text: str) -> list[int]:
    """Return the processes whose words or folder contain a text."""
    pids = map(int, filter(str.isdecimal, os.listdir("/proc")))
    others = (pid for pid in pids if pid != os.getpid())
    return [pid for pid in others if any(text in word for word in words_of(pid))]


@dataclass(frozen=True)
class Subject:
    """A command, what it finds, and the files that it may leave: whole, or not at all.

    `holder`: who holds the port: nobody, one for all trials, or one for each, which it may stop.
    `start`: the next start, which clears up what a kill has left; itself if empty.
    `log`: of a run in the background, as `up` starts it.
    `watchdog`: not the run is disturbed but its watchdog, while it cleans up after the run.
    """

    words: tuple[str, ...]
    prepare: Callable[[Stage], None] = lambda _: None
    holder: str = ""
    start: tuple[str, ...] = ()
    log: str = ""
    watchdog: bool = False

    def typed(self, stage: Stage) -> list[str]:
        return typed(stage, self.words)

    def environment(self, stage: Stage) -> dict[str, str]:
        return {"DEVPORTS_LOG": stage.folder + self.log} if self.log else {}


def typed(stage: Stage, words: Iterable[str]) -> list[str]:
    values = {"port": str(stage.port), "folder": stage.folder}
    return [word.format_map(values) for word in words]


def _init(stage: Stage) -> None:
    stage.put("package.json", json.dumps({"scripts": {"dev": "vite"}}))
    stage.put("Procfile", "web: python3 -m http.server $PORT\n")


def _vscode(stage: Stage) -> None:
    stage.serve()
    stage.put(".vscode/tasks.json", OWN_TASKS)


def _up(stage: Stage) -> None:
    stage.serve(2)  # less than the looks for what must have ended
    started = stage.command(*typed(stage, UP))
    assert started.code == 0, started


FREE = ("free", "{port}", "--yes", "--timeout", "1")
RUN = ("run", "web", "--config", "{folder}/p/devports.toml")
UP = ("up", "--config", "{folder}/p/devports.toml")
SUBJECTS = {
    "check": Subject(("check", "{port}"), holder="one"),
    "free": Subject(FREE, holder="each"),
    "run": Subject(RUN, Stage.serve),
    "background": Subject(RUN, Stage.serve, log="/h/web.log"),
    "init": Subject(("init", "--yes", "--config", "{folder}/p/devports.toml"), _init),
    "vscode": Subject(("vscode", "--config", "{folder}/p/devports.toml"), _vscode),
    "up": Subject(UP, partial(Stage.serve, seconds=1)),
    "down": Subject(("down", "--config", "{folder}/p/devports.toml"), _up, start=UP),
    "watchdog": Subject(RUN, partial(Stage.serve, seconds=60), start=FREE, watchdog=True),
}
"""The commands that are tried: a new one is one line."""


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Give an empty stage; everything on it ends with the block."""
    folder = tempfile.mkdtemp(prefix="hs-", dir="/tmp")
    try:
        with reserved_block() as port:
            stage = Stage(folder, port)
            try:
                yield stage
            finally:
                stage.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def given_back(stage: Stage) -> str:
    """Return what is still there after so many looks: a process, or the port; empty if nothing."""
    left: list[int] = []
    for _ in range(LOOKS):
        left = stage.left()
        if not left and tables.bindable(stage.port):
            return ""
        time.sleep(LONGEST_POLL)  # noqa: TID251  # bounded by the number of looks
    named = [f"{pid} ({' '.join(words_of(pid))[-60:]})" for pid in left]
    return f"still there: {named}, port bindable: {tables.bindable(stage.port)}"


def words_of(pid: int) -> list[str]:
    """Return the words of a process, none if it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode(errors="replace").split("\0")
    return []

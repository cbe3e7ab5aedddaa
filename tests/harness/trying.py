"""A stage on which the commands of a page are run, as a reader would who follows it.

Each page has one: a home with a project whose `devports.toml` is `devports.toml.example` until the
page shows another one. Blocks are run in their order. What is noted above a block:

    given WHAT          something is there for this block: a name of `GIVEN`
    exit 0 90           the exit codes of its commands; without it each has to be 0
    terminal            it is run on a terminal
    at TEXT type KEYS   on a terminal, at the question that shows TEXT
    until TEXT          on a terminal; it goes on, and is ended by Ctrl-C once TEXT is shown
    stays               with `until`: it is ended when the page is over

The ports that a page names are those of a reserved block here, and named again in what is shown.
`pip install` is played: what it would install is the devports that is tested.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.harness import tables
from tests.harness.command import clean_environment, installed
from tests.harness.pages import ROOT
from tests.harness.servers import ASGI, BROKEN
from tests.harness.terminal import Terminal
from tests.harness.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.pages import Block

PORTS = (8000, 5432, 5678, 5173, 3000, 8080, 5000, 9000)
WITHIN, SIZE = 60.0, (60, 150)
ETX = "\x03"
MAKES_ENVIRONMENT = "python3 -m venv .venv"
VARYING = (
    (re.compile(r"\bpid \d+"), "pid N"),
    (re.compile(r"started by .*"), "started by X"),
    (re.compile(r"\bfor (?:less than )?[\d.]+ (?:s|min)\b"), "for T"),
    (re.compile(r"(?:\bless than |<)?\b[\d.]+ s\b"), "T s"),
    (re.compile(r"\b\d+(?= +T s +http| +ready +)"), "N"),
    (re.compile(r"\b\d\d:\d\d\b"), "HH:MM"),
    (re.compile(r" +"), " "),
)


@dataclass
class Stage:
    """`first`: the first of the ports that stand for those of the page."""

    home: str
    first: int
    folder: str = ""
    env: dict[str, str] = field(default_factory=dict)
    staying: list[Terminal] = field(default_factory=list)
    given_now: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What is there for one block only."""

    def __post_init__(self) -> None:
        scripts = os.path.dirname(sys.executable)
        self.env = {
            **clean_environment(self.home),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        self.begin()

    def begin(self) -> None:
        """Make the project that a page begins with."""
        self.enter("shop")
        self.write("devports.toml", (ROOT / "devports.toml.example").read_text(encoding="utf-8"))

    def enter(self, name: str) -> None:
        """Go to a folder of that name in the home, new and empty."""
        self.folder = os.path.join(self.home, name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def back(self) -> None:
        """Go to the project again."""
        self.folder = os.path.join(self.home, "shop")

    def write(self, name: str, text: str) -> None:
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.here(text))

    def here(self, text: str) -> str:
        """Return a text of a page with the ports of this stage."""
        for number, port in enumerate(PORTS):
            text = re.sub(rf"\b{port}\b", str(self.first + number), text)
        return text

    def there(self, text: str) -> str:
        """Return what was shown here as the page would show it."""
        for number, port in enumerate(PORTS):
            text = re.sub(rf"\b{self.first + number}\b", str(port), text)
        return text.replace(self.home, "/home/ann")

    def with_environment(self, command: str) -> str:
        """Play `python3 -m venv .venv` and what pip installs; return what is left to be run."""
        if MAKES_ENVIRONMENT not in command:
            return command
        programs = {"python": [sys.executable], "pip": ["true"], "devports": installed()}
        for name, words in programs.items():
            self.write(f".venv/bin/{name}", f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            os.chmod(os.path.join(self.folder, ".venv", "bin", name), 0o755)
        return command.replace(MAKES_ENVIRONMENT, "true")

    def given(self, what: str) -> None:
        GIVEN[what](self)

    def quietly(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell without a terminal; both streams are in `stdout`."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=WITHIN * PATIENCE,
            check=False,
            text=True,
        )

    def run(self, block: Block) -> None:
        """Run the commands of a block, and compare what they show where it says so.

        Raises:
            AssertionError: one did not end, or show, as the page says.
        """
        for what in block.noted("given"):
            self.given(what)
        commands = commands_of(block)
        codes = [int(c) for c in " ".join(block.noted("exit")).split()] or [0] * len(commands)
        assert len(codes) == len(commands), f"{block}: {len(commands)} commands, exit {codes}"
        on_terminal = any(key in ("terminal", "at", "until") for key, _ in block.tries)
        for (command, shown), code in zip(commands, codes, strict=True):
            line = self.here(self.with_environment(command))
            play = self._on_terminal if on_terminal else self._in_pipe
            said, ended = play(line, block)
            assert ended in (None, code), f"{block}: {command}: exit {ended}\n{said}"
            if shown:
                compare(shown, self.there(said), f"{block}: {command}")

    def _in_pipe(self, line: str, block: Block) -> tuple[str, int | None]:
        done = self.quietly(line)
        return done.stdout, done.returncode

    def _on_terminal(self, line: str, block: Block) -> tuple[str, int | None]:
        terminal = Terminal(["/bin/sh", "-c", line], cwd=self.folder, env=self.env, size=SIZE)
        self.staying.append(terminal)
        for where in block.noted("at"):
            text, _, keys = where.partition(" type ")
            terminal.expect(self.here(text))
            terminal.answer(keys)
        for text in block.noted("until"):
            terminal.expect(self.here(text))
        said = up_to(block.noted("until"), terminal.screen())
        if block.noted("stays"):
            return said, None
        if block.noted("until"):
            terminal.send(ETX)
        code = terminal.exit_code()
        return terminal.screen() if not block.noted("until") else said, (
            code if block.noted("exit") or not block.noted("until") else None
        )

    def close(self) -> None:
        for terminal in self.staying:
            terminal.close()
        if os.path.isdir(os.path.join(self.env["XDG_STATE_HOME"], "devports", "logs")):
            self.quietly("devports down")
        self.given_now.close()


def up_to(texts: tuple[str, ...], said: str) -> str:
    """Return what is said up to the line with the text that was waited for: more may come."""
    lines = said.splitlines(keepends=True)
    last = max((n for n, line in enumerate(lines, 1) if texts and texts[-1] in line), default=None)
    return "".join(lines[:last])


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block, each with what the page shows of its output."""
    if block.language != "console":
        lines = block.text.replace("\\\n", " ").splitlines()
        return [(line, "") for line in lines if line.strip() and not line.startswith("#")]
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def compare(expected: str, actual: str, where: str) -> None:
    """Check that `actual` is what is expected: `...` stands for any text, alone for any lines.

    Pids, times and lengths of time differ, and nothing else may.
    """
    wanted, got = tidy(expected), tidy(actual)
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in wanted
    )
    found = re.fullmatch(pattern, "".join(f"{line}\n" for line in got))
    assert found, f"{where} shows\n{chr(10).join(got)}\n\nand not\n{chr(10).join(wanted)}"


def tidy(text: str) -> list[str]:
    """Return the lines that are not empty, without what differs from run to run."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def other_server(stage: Stage) -> None:
    """Another server has the first port, on every address."""
    folder = os.path.join(stage.home, "elsewhere")
    os.makedirs(folder, exist_ok=True)
    words = ["python3", "-m", "http.server", str(stage.first)]
    quiet = subprocess.DEVNULL
    holder = subprocess.Popen(
        words,
        cwd=folder,
        env=stage.env,
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
    )
    stage.given_now.callback(holder.wait, 5)
    stage.given_now.callback(holder.kill)
    eventually(lambda: "LISTEN" in tables.states(stage.first), what="another server")


def broken_uvicorn(stage: Stage) -> None:
    """A reloader whose app cannot be imported: it is bound, and nobody listens."""
    stage.enter("elsewhere")
    stage.write("main.py", BROKEN)
    line = "exec python3 -m uvicorn main:app --reload --port 8000"
    terminal = Terminal(
        ["/bin/sh", "-c", stage.here(line)], cwd=stage.folder, env=stage.env, size=SIZE
    )
    stage.given_now.callback(terminal.close)
    terminal.expect("No module named")
    stage.back()


def copy_of_this_folder(stage: Stage) -> None:
    """What the README's commands want of a copy of the repository."""
    stage.enter("devports")
    name = "devports.toml.example"
    stage.write(name, (ROOT / name).read_text(encoding="utf-8"))


def shop(stage: Stage) -> None:
    """The project that docs/init.md shows."""
    stage.enter("shop")
    stage.write("backend/main.py", "from fastapi import FastAPI\n\napp = FastAPI()\n")
    stage.write(
        "web/package.json",
        '{\n  "name": "web",\n  "private": true,\n  "version": "0.0.0",\n  "type": "module",\n'
        '  "scripts": {\n    "dev": "vite"\n  },\n  "devDependencies": { "vite": "^8" }\n}\n',
    )
    stage.write(
        "compose.yaml",
        'services:\n  db:\n    image: postgres\n    ports:\n      - "5432:5432"\n',
    )


GIVEN: dict[str, Callable[[Stage], None]] = {
    "a server on 8000": other_server,
    "uvicorn whose app is broken on 8000": broken_uvicorn,
    "a copy of this folder": copy_of_this_folder,
    "the example": lambda stage: stage.begin(),
    "an empty folder": lambda stage: stage.enter("shop"),
    "an ASGI app in main.py": lambda stage: stage.write("main.py", ASGI),
    "the shop": shop,
}

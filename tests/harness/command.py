"""The installed command, run as a user runs it: by its script, in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psutil

from tests.harness.actors import Identity, become
from tests.harness.guard import descendants_everywhere
from tests.harness.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

PATIENT = 60.0
READY = "` is ready on "
"""How a run says that one of its processess own tree listens on the declared port."""
DROPPED = ("CI", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "PYTHONPATH", "COLUMNS", "LINES")
"""What a caller's environment would change: each test that wants one sets it."""


def installed() -> list[str]:
    """Return the command: the script beside this interpreter, or the module where there is none."""
    script = os.path.join(os.path.dirname(sys.executable), "devports")
    for path in (script, f"{script}.exe"):
        if os.path.exists(path):
            return [path]
    return [sys.executable, "-m", "devports"]


def clean_environment(home: str) -> dict[str, str]:
    """Return an environment in which devports finds no traces of other runs and no colours."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    folders = {
        f"XDG_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("STATE", "CACHE", "CONFIG")
    }
    own = {
        "HOME": home,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return kept | folders | own | {"XDG_RUNTIME_DIR": f"{home}/run"}


@dataclass(frozen=True)
class Done:
    """What an ended command left: its exit code and its two streams."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> dict[str, Any]:
        """Return the one JSON document on stdout."""
        document = json.loads(self.out)
        assert isinstance(document, dict), f"not an object: {self.out!r}"
        return document

    def __str__(self) -> str:
        words = " ".join(self.argv)
        return f"$ {words}\nexit {self.code} after {self.seconds:.1f} s\n{self.out}\n--\n{self.err}"


@dataclass
class Running:
    """A command that goes on. Its streams are files, so nobody has to read them in time."""

    process: subprocess.Popen[bytes]
    identity: Identity
    paths: tuple[str, str]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def out(self) -> str:
        return _read(self.paths[0])

    @property
    def err(self) -> str:
        return _read(self.paths[1])

    @property
    def said_ready(self) -> int:
        """How often the run has said that its server is ready."""
        return sum(line.startswith("devports: ") and READY in line for line in self.lines)

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def says(self, text: str, within: float = 20.0) -> str:
        """Wait until it has said `text` on either stream; return all it said."""

        def said() -> str:
            both = self.out + self.err
            return both if text in both else ""

        try:
            return eventually(said, within)
        except AssertionError as error:
            raise AssertionError(f"it never said {text!r}, but:\n{self.out}\n{self.err}") from error

    def send(self, number: int) -> None:
        self.identity.send(number)

    def guard(self) -> Identity:
        """Return who would clean up after its death: a copy of it that is not below it."""
        command = psutil.Process(self.pid).cmdline()
        others = [p for p in descendants_everywhere() if p.pid != self.pid]
        (found,) = [p for p in others if p.cmdline() == command and p.ppid() != self.pid]
        return Identity.of(found.pid)

    def crashes(self) -> None:
        """End it and its guard at once, so that its server is left."""
        self.guard().send(signal.SIGKILL)
        self.send(signal.SIGKILL)
        self.ends()

    def ends(self, within: float = 30.0) -> int:
        """Wait for its end and return its exit code as a shell gives it."""
        try:
            code = self.process.wait(within * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it lives on and said:\n{self.out}\n{self.err}") from None
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.process.wait(5)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


@dataclass
class Command:
    """The command in one folder and one environment.

    Attributes:
        cwd: where it is run.
        env: its whole environment.
        scratch: a folder for the streams of commands that go on.
        argv: what comes before the arguments; a test may put strace there.
    """

    cwd: str
    env: dict[str, str]
    scratch: str
    argv: list[str] = field(default_factory=installed)
    running: list[Running] = field(default_factory=list)

    def __call__(
        self,
        *words: object,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        within: float = PATIENT,
    ) -> Done:
        """Run it to its end. Without `stdin` it reads /dev/null."""
        argv = [*self.argv, *map(str, words)]
        source: dict[str, Any] = (
            {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        )
        begin = time.monotonic()
        done = subprocess.run(
            argv,
            capture_output=True,
            cwd=self.cwd,
            env=self.env | dict(env or {}),
            timeout=within * PATIENCE,
            check=False,
            **source,
        )
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Done(tuple(argv), code, done.stdout, done.stderr, time.monotonic() - begin)

    def start(self, *words: object, env: Mapping[str, str] | None = None) -> Running:
        """Start it in a session of its own and let it go on."""
        number = len(self.running)
        paths = (f"{self.scratch}/{number}.out", f"{self.scratch}/{number}.err")
        with open(paths[0], "wb") as out, open(paths[1], "wb") as err:
            process = self._spawn([*self.argv, *map(str, words)], out, err, env)
        running = Running(process, Identity.of(process.pid), paths)
        self.running.append(running)
        return running

    def _spawn(
        self,
        argv: Sequence[str],
        out: IO[bytes],
        err: IO[bytes],
        env: Mapping[str, str] | None,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=self.cwd,
            env=self.env | dict(env or {}),
            start_new_session=True,
        )

    def under(self, *tool: str) -> Command:
        """Return the same command run by another program, strace for one."""
        return replace(self, argv=[*tool, *self.argv], running=[])

    def as_user(self, uid: int, home: str) -> Command:
        """Return the same command run by another user, from `/` and with a home of its own."""
        home_of_its_own = self.env | clean_environment(home)
        # A script in a path with a space starts through sh, which is that user already and may
        # not reach an interpreter in a private folder: name the interpreter.
        by = [] if self.argv[0] == sys.executable else [sys.executable]
        return replace(self.under(*become(uid), *by), cwd="/", env=home_of_its_own)

    def close(self) -> None:
        for running in self.running:
            running.close()

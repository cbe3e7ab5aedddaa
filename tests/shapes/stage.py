"""Puts a holder on its port as a person does: typed into a shell, which must outlive it."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from tests.harness import node, tables
from tests.harness.actors import NOBODY, ZOO, Identity, become
from tests.harness.capabilities import HAS_SECOND_USER
from tests.harness.command import clean_environment
from tests.harness.node import MissingError
from tests.harness.servers import write_apps
from tests.harness.waiting import eventually
from tests.shapes import systemd
from tests.shapes.catalogue import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.shapes.catalogue import Shape

REPOSITORY = os.path.dirname(os.path.dirname(ZOO))
MARK = "DEVPORTS_TEST_SHAPE"
"""Names the play in the environment of everybody who takes part, orphans included."""
WITHIN = 30.0
WITH_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Makes what is its stdin the terminal of its session, and becomes the program of its words."""


@dataclass
class Play:
    """A shape on a port. `home` is the holder's home, and that of the devports which frees it."""

    shape: Shape
    port: int
    folder: str
    uid: int | None = None
    shell: subprocess.Popen[bytes] | None = None
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    known: set[Identity] = field(default_factory=set)
    terminal: int = -1

    @property
    def home(self) -> str:
        return os.path.join(self.folder, "home")

    @property
    def modules(self) -> str:
        return node.modules() if self.shape.needs == "npm" else ""

    @property
    def unit(self) -> str:
        return f"devports-test-{self.port}"

    @property
    def log(self) -> str:
        path = os.path.join(self.folder, "log")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def family(self) -> set[Identity]:
        """Return everybody who takes part and has been seen; the person's shell does not."""
        for process in psutil.process_iter():
            if self._takes_part(process):
                with contextlib.suppress(psutil.Error):
                    self.known.add(Identity.of(process.pid))
        return {one for one in self.known if self.shell is None or one.pid != self.shell.pid}

    def _takes_part(self, process: psutil.Process) -> bool:
        assert self.shell is not None
        with contextlib.suppress(OSError):
            if os.getsid(process.pid) == self.shell.pid:
                return True
        with contextlib.suppress(psutil.Error):
            return process.environ().get(MARK) == self.mark
        return False

    def begin(self) -> None:
        """Start the holder and wait until it has come to rest.

        Raises:
            MissingError: this machine cannot do this one.
        """
        python, environment = interpreter(self.uid)
        names = {
            "python": python,
            "zoo": ZOO,
            "port": str(self.port),
            "folder": self.folder,
            "modules": self.modules,
            "unit": self.unit,
            "systemd": systemd.script(self.unit) if self.shape.needs == "systemd" else "",
        }
        self._furnish({name: shlex.quote(value) for name, value in names.items()})
        self._type(self._line(names), environment)
        eventually(self._at_rest, WITHIN, what=f"{self.shape.name} at rest")

    def _line(self, names: Mapping[str, str]) -> str:
        if self.shape.typed:
            quoted = {name: shlex.quote(value) for name, value in names.items()}
            return self.shape.words[0].format_map(quoted)
        return shlex.join(word.format_map(names) for word in self.shape.words)

    def _furnish(self, names: Mapping[str, str]) -> None:
        user = pwd.getpwuid(os.getuid() if self.uid is None else self.uid).pw_name
        write_apps(self.folder)
        texts = files(
            port=self.port, python=names["python"], zoo=names["zoo"], unit=self.unit, user=user
        )
        for name, text in texts.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        os.makedirs(self.home)
        if self.modules:
            programs = os.path.join(self.folder, "node_modules", ".bin")
            os.makedirs(programs)
            os.symlink(f"{self.modules}/vite/bin/vite.js", f"{programs}/vite")
        if self.uid is not None:
            for path, _, inside in os.walk(self.folder):
                for each in (path, *(os.path.join(path, name) for name in inside)):
                    os.chown(each, self.uid, self.uid, follow_symlinks=False)

    def _type(self, line: str, environment: Mapping[str, str]) -> None:
        # A unit is started by its own systemd, whoever the user of the unit is.
        as_user = [] if self.shape.needs in ("systemd", "fuse") else become(self.uid)
        clean = clean_environment(self.home)
        own = {
            "PYTHONUNBUFFERED": "1",
            MARK: self.mark,
            "PM2_HOME": f"{self.home}/pm2",
            "TMPDIR": self.folder,
        }
        unit = {"SYSTEMD_UNIT_PATH": self.folder, "container": "lab"}
        whole = {**clean, **environment, **own, **(unit if self.shape.needs == "systemd" else {})}
        # A line that ends in & is complete as it is.
        body = line if line.endswith("&") else f"{line};"
        keys = f"{{ {body} }} </dev/null >log 2>&1\n".encode()
        if self.shape.typed:
            self._at_a_terminal(as_user, whole, keys)
            return
        self.shell = subprocess.Popen(
            [*as_user, "sh"],
            stdin=subprocess.PIPE,
            cwd=self.folder,
            env=whole,
            start_new_session=True,
        )
        assert self.shell.stdin is not None
        self.shell.stdin.write(keys)
        self.shell.stdin.flush()

    def _at_a_terminal(
        self, as_user: Sequence[str], environment: Mapping[str, str], keys: bytes
    ) -> None:
        """Type into an interactive shell, which does its job control on a terminal of its own."""
        self.terminal, inside = os.openpty()
        if self.uid is not None:
            os.chown(os.ttyname(inside), self.uid, -1)
        self.shell = subprocess.Popen(
            [*as_user, sys.executable, "-c", WITH_TERMINAL, *interactive()],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            cwd=self.folder,
            env={**environment, "HISTFILE": "", "TERM": "dumb"},
            start_new_session=True,
        )
        os.close(inside)
        os.write(self.terminal, keys)

    def _at_rest(self) -> bool:
        return (
            self.shape.state in tables.states(self.port)
            and len(tables.holding_pids(self.port)) >= self.shape.holders
            and self.shape.logged in self.log
            and (not self.shape.clients or tables.connectable(self.port))
        )

    def end(self) -> None:
        """Kill what is left, the shell last: those who would start others go first."""
        if self.shell is None:
            return
        if self.shell.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.shell.stdin.close()
        shell = Identity.of(self.shell.pid) if self.shell.poll() is None else None
        if shell is not None:
            shell.send(signal.SIGKILL)  # a loop that was typed in would go on
        eventually(self._nobody_left, 10, what=f"the end of {self.shape.name}")
        self.shell.wait(5)
        if self.terminal >= 0:
            os.close(self.terminal)

    def _nobody_left(self) -> bool:
        left = [one for one in self.family() if one.alive]
        for one in left:
            one.send(signal.SIGKILL)
        return not left


def interactive() -> list[str]:
    """Return the words that start a person's shell."""
    return ["bash", "--norc", "-i"] if shutil.which("bash") else ["sh", "-i"]


@functools.cache
def interpreter(uid: int | None) -> tuple[str, dict[str, str]]:
    """Return a Python that this user can start, and the environment in which it finds ours.

    Raises:
        MissingError: there is none.
    """
    if uid is None:
        return sys.executable, {}
    path = os.pathsep.join((sysconfig.get_paths()["purelib"], REPOSITORY))
    again = (
        "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', %r]).returncode)"
    )
    needed = "import django, flask, gunicorn, psutil, supervisor, uvicorn"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        probe = [*become(uid), python, "-c", again % needed]
        environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"]}
        if os.path.exists(python):
            done = subprocess.run(probe, env=environment, cwd="/", capture_output=True, check=False)
            if done.returncode == 0:
                return python, {"PYTHONPATH": path}
    raise MissingError(f"user {uid} can start no Python that has our packages")


@contextlib.contextmanager
def played(shape: Shape, port: int, folder: str, uid: int | None) -> Iterator[Play]:
    """Begin a shape, and end it whatever comes."""
    require(shape, uid)
    play = Play(shape, port, folder, uid)
    with contextlib.ExitStack() as stack:
        if shape.needs == "systemd":
            stack.enter_context(systemd.groups(play.unit))
        stack.callback(play.end)
        try:
            play.begin()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{play.log[-2000:]}") from None
        play.family()
        yield play


def require(shape: Shape, uid: int | None) -> None:
    """Raise MissingError where this machine cannot do this one."""
    root = os.geteuid() == 0
    if uid is not None and not HAS_SECOND_USER:
        raise MissingError("this machine has no second user to run as")
    if shape.needs == "node" and shutil.which("node") is None:
        raise MissingError("this machine has no node")
    if shape.needs == "fuse" and not (root and uid is None and os.path.exists("/dev/fuse")):
        raise MissingError("only root can make such a file system, with /dev/fuse")
    if shape.needs == "systemd":
        systemd.require()


USERS = {"root": None, "nobody": NOBODY} if os.geteuid() == 0 else {"you": None}

"""The devports end of the hooks: a private folder with a unix socket and a FIFO.

A hook requests the port over the socket: each connection has to send the token in one line and in
time. It reports over the FIFO, which costs it three system calls and never waits. Nothing here
blocks: a silent connection is closed, and the server's output is passed on while a request is
served. The hooks are modules that Python and Node load into a program. They report that they are
loaded, and do nothing until a bind fails.
"""

from __future__ import annotations

import _socket as net
import contextlib
import os
import re
import select
from binascii import crc32
from struct import pack

from devports.core.handoff import (
    LONGEST,
    LONGEST_FACT,
    NO,
    VARIABLE,
    FailedBind,
    HookHello,
    node_options,
    parse_report,
    parse_request,
    python_path,
    variable,
)
from devports.errors import LIMITS
from devports.system import clock
from devports.system.files import Place, claimed, read_regular, replace_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from devports.core.handoff import HookRequest

    Reply = tuple[bytes, int | None]


HOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hooks")
PYTHON_FOLDER = os.path.join(HOOKS, "python")
"""For PYTHONPATH, with `sitecustomize` in it and nothing else.

If it vanishes (devports is uninstalled while a server runs), Python ignores it.
"""
MAX_REPORTS = 256
"""Maximum number of hellos, and of failed binds, that are kept of a run; the first ones count."""
MAX_CONNECTIONS = 16
"""Maximum number of open connections; a server has few sockets to bind."""
FIFO_SIZE = 65536
"""Capacity of a FIFO in bytes (pipe(7)): one read returns everything reported."""
REQUEST_TIMEOUT = 2.0
TOKEN_BYTES = 16
TMP = "/tmp"  # noqa: S108  # each folder there has a random name
FOLDER, NAMES = re.compile("devports-[0-9a-f]{16}"), ("ask", "tell")
"""The name of such a folder, and of the socket and the FIFO in it."""
MAX_FOLDER = 80
"""In bytes: with the names below it, a path of unix(7) is limited to 108 bytes, on macOS to 104."""


class HookConnection:
    """A connection of a hook, and what it has sent so far."""

    def __init__(self, sock: net.socket) -> None:
        self.sock = sock
        self.said = b""
        self.deadline = clock.Deadline(REQUEST_TIMEOUT)

    def listen(self) -> bool:
        """Read what has arrived; return whether more is expected."""
        try:
            part = self.sock.recv(LONGEST)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.said += part
        return bool(part) and b"\n" not in self.said and len(self.said) < LONGEST

    def reply(self, words: bytes, descriptor: int | None) -> None:
        """Send the reply, with a descriptor if there is one (unix(7), SCM_RIGHTS)."""
        rights = () if descriptor is None else (pack("i", descriptor),)
        messages = [(net.SOL_SOCKET, net.SCM_RIGHTS, right) for right in rights]
        with contextlib.suppress(OSError):  # closed by the hook: the descriptor is dropped
            self.sock.sendmsg([words], messages)


class HookServer:
    """The socket and its connections. `answer` decides; it may wait for a confirmation.

    Attributes:
        hellos: programs that have loaded a hook, by pid, and the forks of Python programs.
        failed_binds: binds that failed finally, on any port, in order.
    """

    def __init__(self, ports: Collection[int], answer: Callable[[HookRequest], Reply]) -> None:
        self.hellos: dict[int, HookHello] = {}
        self.failed_binds: list[FailedBind] = []
        self._ports, self._answer = ports, answer
        self._token = os.urandom(TOKEN_BYTES).hex()
        self._connections: dict[int, HookConnection] = {}
        self._socket = net.socket(net.AF_UNIX, net.SOCK_STREAM, 0)
        try:
            self._folder, self._lock = private_folder()
        except OSError:
            self._socket.close()
            raise
        self._path, self._fifo = (os.path.join(self._folder, name) for name in NAMES)
        self._told, self._part = -1, b""
        self._socket.setblocking(False)
        self.quiet = False
        """Whether reports do not wake the loop, as each fork of a ready server would."""
        self.refusing = False
        """Whether every request is answered no: the server is being stopped."""
        try:
            self._socket.bind(self._path)
            self._socket.listen(MAX_CONNECTIONS)
            os.mkfifo(self._fifo, 0o600)
            # Open for writing as well: without a writer, poll reports the end of a FIFO.
            self._told = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            self.close()
            raise

    def environment(
        self, env: Mapping[str, str], state: str, *, asks: bool = True
    ) -> dict[str, str]:
        """Return `env` with the variables that load the hooks; existing values stay in force.

        Args:
            env: the server's environment.
            state: folder of devports for the Node module; if it cannot be written, Node gets no
                hook.
            asks: whether hooks request the port after a failed bind, instead of only reporting it.
        """
        own = {
            VARIABLE: variable(self._token, self._ports if asks else (), self._folder),
            "PYTHONPATH": python_path(env.get("PYTHONPATH", ""), PYTHON_FOLDER),
        }
        with contextlib.suppress(OSError):
            own["NODE_OPTIONS"] = node_options(env.get("NODE_OPTIONS", ""), node_module(state))
        return {**env, **own}

    def register(self, poll: select.poll) -> None:
        if self._socket.fileno() >= 0:
            poll.register(self._socket, select.POLLIN)
        if not self.quiet:
            poll.register(self._told, select.POLLIN)
        for descriptor in self._connections:
            poll.register(descriptor, select.POLLIN)

    def pump(self, ready: Iterable[int]) -> bool:
        """Serve the ready descriptors; return whether a request was answered."""
        answered = False
        for descriptor in set(ready):
            if descriptor == self._socket.fileno():
                self._accept()
            elif descriptor == self._told:
                self.collect()
            elif descriptor in self._connections:
                answered = self._hear(descriptor) or answered
        for descriptor in [d for d, caller in self._connections.items() if caller.deadline.passed]:
            self._connections.pop(descriptor).sock.close()
        return answered

    def collect(self) -> None:
        """Read the reports that are waiting, after the server has exited its last ones."""
        with contextlib.suppress(BlockingIOError):
            *lines, part = (self._part + os.read(self._told, FIFO_SIZE)).split(b"\n")
            self._part = part[:LONGEST_FACT]
            for line in lines:
                self._note(parse_report(line[:LONGEST_FACT]))

    def _note(self, fact: HookHello | FailedBind | None) -> None:
        match fact:
            case HookHello(pid=pid) if len(self.hellos) < MAX_REPORTS:
                self.hellos.setdefault(pid, fact)
            case FailedBind() if len(self.failed_binds) < MAX_REPORTS:
                self.failed_binds.append(fact)

    def clear_reports(self) -> None:
        self.quiet = False
        self.collect()
        self.hellos.clear()
        self.failed_binds.clear()

    def _accept(self) -> None:
        """Accept a connection; at a limit refuse all, since poll would report them without end."""
        try:
            descriptor, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # `_socket`'s
        except OSError as error:
            if error.errno in LIMITS:
                self._socket.close()
            return
        sock = net.socket(net.AF_UNIX, net.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        if len(self._connections) < MAX_CONNECTIONS:
            self._connections[descriptor] = HookConnection(sock)
        else:
            sock.close()

    def _hear(self, descriptor: int) -> bool:
        caller = self._connections[descriptor]
        if caller.listen():
            return False
        del self._connections[descriptor]
        try:
            ask = parse_request(caller.said, self._token, self._ports)
            if ask is not None:
                caller.reply(*((NO, None) if self.refusing else self._answer(ask)))
            return ask is not None
        finally:
            caller.sock.close()

    def close(self) -> None:
        """Remove socket, FIFO and folder: later a hook cannot connect; its bind fails as before."""
        for caller in self._connections.values():
            caller.sock.close()
        self._connections.clear()
        self._socket.close()
        if self._told >= 0:
            os.close(self._told)
            self._told = -1
        _remove(self._folder)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def private_folder() -> tuple[str, int]:
    """Create a folder with an unguessable name, for this user only, below $TMPDIR or /tmp.

    Returns its path and a descriptor that keeps it locked; those of killed runs are removed.
    `tempfile` would load random and hashlib before each start.

    Raises:
        OSError: it cannot be created.
    """
    place = remove_abandoned()
    while True:
        path = place.at(f"devports-{os.urandom(8).hex()}")
        os.mkdir(path, 0o700)
        try:
            opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            _remove(path)
            raise
        if claimed(opened):
            return path, opened
        os.close(opened)


def remove_abandoned() -> Place:
    """Remove the private folders of killed runs; return the folder that they are in."""
    parent = os.path.abspath(os.environ.get("TMPDIR") or TMP)
    place = Place(TMP if len(os.fsencode(parent)) > MAX_FOLDER else parent)
    place.clear(FOLDER, lambda name: _remove(place.at(name)))
    return place


def _remove(folder: str) -> None:
    """Remove a private folder with what may be in it."""
    for name in NAMES:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, name))
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def node_module(state: str) -> str:
    """Return the path of the Node module, written to `state` once and never removed.

    A server may start further programs for hours, and Node refuses to start if a module that
    NODE_OPTIONS names is missing: it must survive an uninstallation. Its name is a checksum of its
    text.

    Raises:
        OSError: it cannot be written.
    """
    with open(os.path.join(HOOKS, "node.cjs"), "rb") as file:
        text = file.read()
    folder = os.path.join(state, "hooks")
    path = os.path.join(folder, f"node-{crc32(text):08x}.cjs")
    if not _holds(path, text):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        replace_whole(Place(folder), os.path.basename(path), text, synced=False)
    return path


def _holds(path: str, text: bytes) -> bool:
    try:
        return read_regular(path, len(text) + 1) == text
    except OSError:
        return False

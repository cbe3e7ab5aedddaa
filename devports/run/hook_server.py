"""Where the hooks inside a server ask for the port, and tell what they see: a folder of our own.

They ask over a unix socket: whoever connects has to say the token, in one line and in time. They
tell over a FIFO, which costs them three system calls and never waits. The folder is ours alone.
Nothing of it blocks: a caller that says nothing is let go, and the server's output is passed on
meanwhile. The hooks are modules that Python and Node load into a program. They say that they are
there, and do nothing until a bind fails.
"""

from __future__ import annotations

import _socket as net
import contextlib
import os
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
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from devports.core.handoff import HookRequest

    Reply = tuple[bytes, int | None]


HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hooks")
PYTHON_FOLDER = os.path.join(HERE, "python")
"""For PYTHONPATH, with `sitecustomize` in it and nothing else. Should it vanish (devports is
uninstalled under a running server), Python passes it over."""
MOST_TOLD = 256
"""Hellos, and failed binds, that are kept of a run: what was told first counts."""
MOST_CALLERS = 16
"""Callers that are listened to at a time; a server has a few sockets to bind."""
PIPE = 65536
"""Bytes that a FIFO holds (pipe(7)): one read takes all that was told."""
SPEAK_WITHIN = 2.0
TOKEN_BYTES = 16
SHARED = "/tmp"  # noqa: S108  # what is made there has a name of its own
LONGEST_FOLDER = 80
"""Bytes; with our own names below it a path of unix(7) has 108 at most, 104 on macOS."""


class HookConnection:
    """Somebody who has connected, and what they have said so far."""

    def __init__(self, sock: net.socket) -> None:
        self.sock = sock
        self.said = b""
        self.deadline = clock.Deadline(SPEAK_WITHIN)

    def listen(self) -> bool:
        """Take what has come; say whether there is more to come."""
        try:
            part = self.sock.recv(LONGEST)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.said += part
        return bool(part) and b"\n" not in self.said and len(self.said) < LONGEST

    def reply(self, words: bytes, descriptor: int | None) -> None:
        """Answer, with a descriptor if there is one (unix(7), SCM_RIGHTS)."""
        rights = () if descriptor is None else (pack("i", descriptor),)
        messages = [(net.SOL_SOCKET, net.SCM_RIGHTS, right) for right in rights]
        with contextlib.suppress(OSError):  # it has gone: then nobody has the descriptor either
            self.sock.sendmsg([words], messages)


class HookServer:
    """The socket, and those who ask. `answer` decides; it may take a person's time.

    Attributes:
        hellos: programs that have loaded a hook, by their pid, and what Python's have forked.
        failed_binds: binds that failed for good, of whichever port, in order.
    """

    def __init__(self, ports: Collection[int], answer: Callable[[HookRequest], Reply]) -> None:
        self.hellos: dict[int, HookHello] = {}
        self.failed_binds: list[FailedBind] = []
        self._ports, self._answer = ports, answer
        self._token = os.urandom(TOKEN_BYTES).hex()
        self._callers: dict[int, HookConnection] = {}
        self._folder = private_folder()
        self._path = os.path.join(self._folder, "ask")
        self._fifo = os.path.join(self._folder, "tell")
        self._told, self._part = -1, b""
        self._socket = net.socket(net.AF_UNIX, net.SOCK_STREAM, 0)
        self._socket.setblocking(False)
        self.quiet = False
        """Whether what is told wakes nobody, as each fork of a server that serves would."""
        self.refusing = False
        """Whether the answer is no, whatever is asked: the server is being stopped."""
        try:
            self._socket.bind(self._path)
            self._socket.listen(MOST_CALLERS)
            os.mkfifo(self._fifo, 0o600)
            # Open for writing as well: without a writer a FIFO is at its end, and poll says so.
            self._told = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            self.close()
            raise

    def environment(
        self, env: Mapping[str, str], state: str, *, asks: bool = True
    ) -> dict[str, str]:
        """Return `env` with what loads the hooks; what it had for that already stays in force.

        Args:
            env: the server's.
            state: our folder, in which the module for Node is put; without one it is left out.
            asks: whether a bind of our ports that fails is asked about, and not only told.
        """
        own = {
            VARIABLE: variable(self._token, self._ports if asks else (), self._folder),
            "PYTHONPATH": python_path(env.get("PYTHONPATH", ""), PYTHON_FOLDER),
        }
        with contextlib.suppress(OSError):
            own["NODE_OPTIONS"] = node_options(env.get("NODE_OPTIONS", ""), node_module(state))
        return {**env, **own}

    def register(self, poll: select.poll) -> None:
        poll.register(self._socket, select.POLLIN)
        if not self.quiet:
            poll.register(self._told, select.POLLIN)
        for descriptor in self._callers:
            poll.register(descriptor, select.POLLIN)

    def pump(self, ready: Iterable[int]) -> bool:
        """Hear those who speak; say whether a question was answered."""
        answered = False
        for descriptor in set(ready):
            if descriptor == self._socket.fileno():
                self._accept()
            elif descriptor == self._told:
                self.collect()
            elif descriptor in self._callers:
                answered = self._hear(descriptor) or answered
        for descriptor in [d for d, caller in self._callers.items() if caller.deadline.passed]:
            self._callers.pop(descriptor).sock.close()
        return answered

    def collect(self) -> None:
        """Take what was told until now: by a server that has ended, what it told last."""
        with contextlib.suppress(BlockingIOError):
            *lines, part = (self._part + os.read(self._told, PIPE)).split(b"\n")
            self._part = part[:LONGEST_FACT]
            for line in lines:
                self._note(parse_report(line[:LONGEST_FACT]))

    def _note(self, fact: HookHello | FailedBind | None) -> None:
        match fact:
            case HookHello(pid=pid) if len(self.hellos) < MOST_TOLD:
                self.hellos.setdefault(pid, fact)
            case FailedBind() if len(self.failed_binds) < MOST_TOLD:
                self.failed_binds.append(fact)

    def forget(self) -> None:
        """Forget what was told, before another start."""
        self.quiet = False
        self.collect()
        self.hellos.clear()
        self.failed_binds.clear()

    def _accept(self) -> None:
        try:
            descriptor, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # `_socket`'s
        except OSError:
            return
        sock = net.socket(net.AF_UNIX, net.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        if len(self._callers) < MOST_CALLERS:
            self._callers[descriptor] = HookConnection(sock)
        else:
            sock.close()

    def _hear(self, descriptor: int) -> bool:
        caller = self._callers[descriptor]
        if caller.listen():
            return False
        del self._callers[descriptor]
        try:
            ask = parse_request(caller.said, self._token, self._ports)
            if ask is not None:
                caller.reply(*((NO, None) if self.refusing else self._answer(ask)))
            return ask is not None
        finally:
            caller.sock.close()

    def close(self) -> None:
        """Go away. Hooks that ask from now on find nobody, and let the bind fail as it did."""
        for caller in self._callers.values():
            caller.sock.close()
        self._callers.clear()
        self._socket.close()
        if self._told >= 0:
            os.close(self._told)
            self._told = -1
        for path in (self._path, self._fifo):
            with contextlib.suppress(OSError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(self._folder)


def private_folder() -> str:
    """Make a folder that is ours alone, its name nobody's to guess, below $TMPDIR or /tmp.

    `tempfile` would load random and hashlib before each start.

    Raises:
        OSError: it cannot be made.
    """
    parent = os.path.abspath(os.environ.get("TMPDIR") or SHARED)
    if len(os.fsencode(parent)) > LONGEST_FOLDER:
        parent = SHARED
    path = os.path.join(parent, f"devports-{os.urandom(8).hex()}")
    os.mkdir(path, 0o700)
    return path


def node_module(state: str) -> str:
    """Return the path of the module for Node, put into `state` once and never removed.

    A server may start further programs for hours, and Node refuses to start when a module that
    NODE_OPTIONS names is missing: it must not go with this installation. The name is the text's.

    Raises:
        OSError: it cannot be written.
    """
    with open(os.path.join(HERE, "node.cjs"), "rb") as file:
        text = file.read()
    folder = os.path.join(state, "hooks")
    path = os.path.join(folder, f"node-{crc32(text):08x}.cjs")
    if not _holds(path, text):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fresh = f"{path}.{os.getpid()}"
        with open(fresh, "wb") as file:
            file.write(text)
        os.replace(fresh, path)
    return path


def _holds(path: str, text: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(text) + 1) == text
    except OSError:
        return False

"""Loaded by each Python program below a `devports run` that hands its port over.

It reports itself, and waits for the import of `socket`, whose bind it wraps (asyncio, uvloop and
Twisted bind with it too). Only if a bind on a declared port fails with EADDRINUSE does it request
the port from devports, over the socket in the folder that $DEVPORTS_HOOK names; devports passes a
socket bound to the same address, which replaces the server's own. Without a reply the bind fails as
before, and that is reported, as for every other TCP port: over a FIFO, which needs no reader.

It runs in programs of any kind and Python 3.7 or later: it imports nothing that they would not.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from importlib.abc import Loader as Real
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

PATIENCE = 600.0
"""Seconds to wait for a reply: devports may have to ask. When devports exits, it ends at once."""


class Watch:
    """A finder (sys.meta_path) that finds nothing; it waits for `socket`, then removes itself."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "socket":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)  # an old one has none
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None and spec.loader is not None:
                spec.loader = Loader(spec.loader)  # type: ignore[assignment]  # it quacks
                return spec
        return None


class Loader:
    """The real loader, and one more step after the module is loaded."""

    def __init__(self, real: Real) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self.real
        self.real.exec_module(module)
        wrap_socket(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def wrap_socket(module: Any) -> None:
    """Make `socket.socket.bind` request the port when it fails, and report the failure."""
    real = module.socket.bind

    def bind(self: socket.socket, address: Any) -> None:
        try:
            real(self, address)
        except OSError as error:
            if not is_tcp(self, address):
                raise
            declared = error.errno == IN_USE and address[1] in PORTS
            if not declared or not adopted(self, address, real):
                tell(f"fail {os.getpid()} tcp {numeric(self, address)} {address[1]} {error.errno}")
                raise

    bind.__doc__ = real.__doc__
    module.socket.bind = bind


def hello() -> None:
    """Report this process; a fork reports itself too, since its parent may exit at once."""
    script = getattr(sys, "argv", None) or ("",)  # Python 3.7 has none yet
    tell(f"hello {os.getpid()} python {script[0][-100:]}")


def tell(words: str) -> None:
    """Send a report to devports, if it is there."""
    try:
        fifo = os.open(f"{FOLDER}/tell", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fifo, f"{words}\n".encode("utf-8", "replace"))
        finally:
            os.close(fifo)
    except OSError:
        pass


def is_tcp(sock: socket.socket, address: Any) -> bool:
    import _socket

    return (
        sock.family in (_socket.AF_INET, _socket.AF_INET6)
        and sock.type == _socket.SOCK_STREAM
        and isinstance(address, tuple)
    )


def adopted(sock: socket.socket, address: Any, real: Callable[..., None]) -> bool:
    """Replace `sock` with a socket of devports, or bind it after all; return whether it worked."""
    host = numeric(sock, address)
    answer, given = ask("adopt" if is_ordinary(sock, host) else "bind", host, address[1])
    if answer == b"retry\n":
        return not fails(real, sock, address)
    if given is None:
        return False
    timeout = sock.gettimeout()
    try:
        os.dup2(given, sock.fileno(), os.get_inheritable(sock.fileno()))
    finally:
        os.close(given)
    sock.settimeout(timeout)
    return True


def fails(real: Callable[..., None], sock: socket.socket, address: Any) -> bool:
    try:
        real(sock, address)
    except OSError:
        return True
    return False


def numeric(sock: socket.socket, address: Any) -> str:
    """Return the address that the kernel was asked to bind; the empty one is a wildcard."""
    import _socket

    try:
        where = _socket.getaddrinfo(
            address[0] or None, address[1], sock.family, sock.type, 0, _socket.AI_PASSIVE
        )
    except OSError:
        return "?"
    return str(where[0][4][0])


def is_ordinary(sock: socket.socket, host: str) -> bool:
    """Return whether a socket of devports would do: same reach, and not shared."""
    import _socket

    shared = getattr(_socket, "SO_REUSEPORT", None)
    if shared is not None and sock.getsockopt(_socket.SOL_SOCKET, shared):
        return False
    if host != "::":
        return True
    return not sock.getsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY)


def ask(word: str, host: str, port: int) -> tuple[bytes, int | None]:
    """Return the reply of devports, and the descriptor that came with it or None."""
    import _socket
    from struct import calcsize, unpack

    given = None
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    answer = b""
    try:
        channel.settimeout(PATIENCE)
        channel.connect(f"{FOLDER}/ask")
        channel.sendall(f"{TOKEN} {word} {host} {port}\n".encode("ascii"))
        answer, more, _, _ = channel.recvmsg(16, _socket.CMSG_SPACE(calcsize("i")))
        for level, kind, data in more:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                (given,) = unpack("i", data[: calcsize("i")])
    except OSError:
        pass
    finally:
        channel.close()
    return answer, given


def chain() -> None:
    """Run the `sitecustomize` that this one hides, as if this one did not exist."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if own is not None:
            sys.modules.setdefault("sitecustomize", own)


def install() -> None:
    """Wrap `socket.socket.bind` now, or when the module is first imported: that costs 5 ms."""
    if "socket" in sys.modules:
        wrap_socket(sys.modules["socket"])
    else:
        sys.meta_path.insert(0, Watch())


TOKEN, _, rest = os.environ.get("DEVPORTS_HOOK", "").partition(" ")
numbers, _, FOLDER = rest.partition(" ")
PORTS = frozenset(int(word) for word in numbers.split(",") if word.isdigit())
if FOLDER:
    from errno import EADDRINUSE as IN_USE

    hello()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=hello)
    install()
chain()

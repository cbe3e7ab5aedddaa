"""Loaded by each Python program below a `devports run` that answers binds.

It does nothing but to watch for the import of `socket` and `uvloop`, whose bind it wraps. Only
when a bind on a declared port fails with EADDRINUSE does it ask devports for the port, over the
socket that $DEVPORTS_HOOK names; devports gives a socket bound to the same address, which takes
the place of the server's own. Without an answer the bind fails as it did.

It runs in programs of any kind and Python 3.7 or later: no import that they would not make.
"""

import os
import sys

PATIENCE = 600.0
"""Seconds for an answer: a person may have to be asked. When devports ends, it ends at once."""


class Watch:
    """A finder (sys.meta_path) that finds nothing, but sees `socket` and `uvloop` come."""

    def __init__(self, wrap):
        self.wrap = wrap

    def find_spec(self, name, path=None, target=None):
        if name not in self.wrap:
            return None
        wrap = self.wrap.pop(name)
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = Loader(spec.loader, wrap)
                return spec
        return None


class Loader:
    """The real loader, and one more step once the module is there."""

    def __init__(self, real, wrap):
        self.real, self.wrap = real, wrap

    def create_module(self, spec):
        return self.real.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.real
        self.real.exec_module(module)
        self.wrap(module)

    def __getattr__(self, name):
        return getattr(self.real, name)


def wrap_socket(module):
    """Let `socket.socket.bind` ask when it fails."""
    real = module.socket.bind

    def bind(self, address):
        try:
            return real(self, address)
        except OSError as error:
            if error.errno != IN_USE or not is_declared(self, address):
                raise
            if not adopted(self, address, real):
                raise

    bind.__doc__ = real.__doc__
    module.socket.bind = bind


def is_declared(sock, address):
    import _socket

    return (
        sock.family in (_socket.AF_INET, _socket.AF_INET6)
        and sock.type == _socket.SOCK_STREAM
        and isinstance(address, tuple)
        and address[1] in PORTS
    )


def adopted(sock, address, real):
    """Put a socket of devports' into the place of `sock`, or let it bind at last; say whether."""
    import _socket

    where = _socket.getaddrinfo(
        address[0] or None, address[1], sock.family, sock.type, 0, _socket.AI_PASSIVE
    )
    host = where[0][4][0]
    answer, given = ask("adopt" if is_ordinary(sock, host) else "bind", host, address[1])
    if answer == b"retry\n":
        real(sock, address)
        return True
    if given is None:
        return False
    timeout = sock.gettimeout()
    try:
        os.dup2(given, sock.fileno(), os.get_inheritable(sock.fileno()))
    finally:
        os.close(given)
    sock.settimeout(timeout)
    return True


def is_ordinary(sock, host):
    """Say whether a socket of devports' would do: same reach, and shared with nobody else."""
    import _socket

    shared = getattr(_socket, "SO_REUSEPORT", None)
    if shared is not None and sock.getsockopt(_socket.SOL_SOCKET, shared):
        return False
    if host != "::":
        return True
    return not sock.getsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY)


def ask(word, host, port):
    """Return what devports says, and the descriptor that came with it or None."""
    import _socket
    from struct import calcsize, unpack

    given = None
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        channel.settimeout(PATIENCE)
        channel.connect(PATH)
        channel.sendall(("%s %s %s %d\n" % (TOKEN, word, host, port)).encode("ascii"))
        answer, more, _, _ = channel.recvmsg(16, _socket.CMSG_SPACE(calcsize("i")))
        for level, kind, data in more:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                (given,) = unpack("i", data[: calcsize("i")])
        return answer, given
    except OSError:
        return b"", given
    finally:
        channel.close()


def wrap_uvloop(module):
    """Let `create_server` of uvloop ask: its bind is libuv's own."""
    real = module.Loop.create_server

    async def create_server(self, protocol_factory, host=None, port=None, **named):
        try:
            return await real(self, protocol_factory, host, port, **named)
        except OSError as error:
            if error.errno != IN_USE or port not in PORTS or not isinstance(host, str):
                raise
            sock = await self.run_in_executor(None, bound, host, port)
            if sock is None:
                raise
        for name in ("family", "flags", "reuse_address", "reuse_port"):
            named.pop(name, None)
        return await real(self, protocol_factory, sock=sock, **named)

    module.Loop.create_server = create_server


def bound(host, port):
    """Return a socket bound to `host`, with the help of devports; None if it cannot be had."""
    import socket

    where = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    if len({entry[4] for entry in where}) != 1:
        return None  # it would have to be two
    sock = socket.socket(where[0][0], socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where[0][4])
    except OSError:
        sock.close()
        return None
    return sock


def chain():
    """Run the `sitecustomize` that this one stands before, as if this one were not there."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if own is not None:
            sys.modules.setdefault("sitecustomize", own)


def install(wrap):
    for name in [name for name in wrap if name in sys.modules]:
        wrap.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, Watch(wrap))


TOKEN, _, rest = os.environ.get("DEVPORTS_HOOK", "").partition(" ")
_, _, PATH = rest.partition(" ")
PORTS = frozenset(int(word) for word in rest.partition(" ")[0].split(",") if word.isdigit())
if PATH and PORTS:
    from errno import EADDRINUSE as IN_USE

    install({"socket": wrap_socket, "uvloop": wrap_uvloop})
chain()

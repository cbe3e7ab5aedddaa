"""Servers that take a socket they inherit, and how each of them is told.

What is here was measured (listening, bound or reserved socket; reload; end), see the row's words.
A server takes the socket only where its own words name the address that was declared: one that is
told to listen on 0.0.0.0 must not find itself on 127.0.0.1.
"""

from __future__ import annotations

from devports.core.options import values_of, without
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from devports.core.launching import Launching
    from devports.core.model import Endpoint

    Taker: TypeAlias = "Callable[[Request], Intake | str]"

LOCALHOST = "127.0.0.1"


class Request(Value):
    """What is to be handed over: a command, its variables, the declared endpoints.

    `host` is the declared one as it was written; a name that stands for one of two addresses only
    is never taken for both.
    """

    launching: Launching
    env: Mapping[str, str]
    host: str
    endpoints: tuple[Endpoint, ...]

    @property
    def args(self) -> tuple[str, ...]:
        return self.launching.args

    def misses(self, *named: str) -> str:
        """Return why these addresses, `host:port` each, are not the declared ones; else empty."""
        wanted = {str(end) for end in self.endpoints}
        if len(self.endpoints) == 1:
            wanted |= {f"{self.host}:{self.endpoints[0].port}"} if self.host else set()
            if len(named) == 1 and named[0] in wanted:
                return ""
        elif set(named) == wanted:
            return ""
        return f"its own words bind {', '.join(named)}, not {', '.join(map(str, self.endpoints))}"


class Intake(Value):
    """How a server is told to take the socket.

    Attributes:
        args: its words; `mark(0)` stands for the first descriptor's number.
        env: variables to set, marks in them likewise.
        how: the words or the variable, for the screen.
        listening: whether it never calls listen(2) itself, so that the socket has to listen.
        asked: whether this is done only where the configuration asks for it: it costs something.
        scheme: that of its address, `http` or `https`, if with a socket it no longer says it.
    """

    args: tuple[str, ...]
    how: str
    env: tuple[tuple[str, str], ...] = ()
    listening: bool = False
    asked: bool = False
    scheme: str = ""


def mark(index: int) -> str:
    """Return what stands for a descriptor's number until there is one; no word can hold a NUL."""
    return f"\0fd{index}\0"


def _joined(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _uvicorn(request: Request) -> Intake | str:
    """`--fd N`, with --reload and --workers too (uvicorn 0.54); UVICORN_FD would be inherited.

    It then runs on "socket ('127.0.0.1', 8000)", which nobody can click.
    """
    args, env = request.args, request.env
    names = ("--fd", "--uds")
    if values_of(args, *names) or env.get("UVICORN_FD") or env.get("UVICORN_UDS"):
        return "its own words name a socket"
    host = (values_of(args, "--host") or (env.get("UVICORN_HOST", LOCALHOST),))[-1]
    port = (values_of(args, "--port") or (env.get("UVICORN_PORT", "8000"),))[-1]
    if reason := request.misses(_joined(host, port)):
        return reason
    keys = values_of(args, "--ssl-keyfile", "--ssl-certfile")
    secure = keys or env.get("UVICORN_SSL_KEYFILE") or env.get("UVICORN_SSL_CERTFILE")
    scheme = "https" if secure else "http"
    return Intake((*args, "--fd", mark(0)), f"--fd {mark(0)}", scheme=scheme)


def _binds(request: Request, default: str) -> Intake | str:
    """`--bind fd://N` in place of each address (gunicorn 27, hypercorn 0.18).

    Listening, though both call listen(2) themselves: they set SO_REUSEADDR on it right before, and
    in between another server can bind beside a socket that only is bound (seen in 1 of 3 starts).
    """
    named = values_of(request.args, "--bind", "-b") or ((default,) if default else ())
    if not named:
        return "its command does not say where it binds"
    if reason := request.misses(*named):
        return reason
    added = [word for at in range(len(named)) for word in ("--bind", f"fd://{mark(at)}")]
    return Intake((*without(request.args, "--bind", "-b"), *added), " ".join(added), listening=True)


def _gunicorn(request: Request) -> Intake | str:
    """A default of its own would be $PORT on every address, or what a configuration file says."""
    return _binds(request, "")


def _hypercorn(request: Request) -> Intake | str:
    file = values_of(request.args, "--config", "-c")
    return _binds(request, "" if file else f"{LOCALHOST}:8000")


def _daphne(request: Request) -> Intake | str:
    """`--fd N`, listening only (daphne 4.2); an address beside it would be bound as well."""
    args = request.args
    if values_of(args, "--fd", "-e", "--endpoint", "-u"):
        return "its own words name a socket"
    host = (values_of(args, "--bind", "-b") or (LOCALHOST,))[-1]
    port = (values_of(args, "--port", "-p") or ("8000",))[-1]
    if reason := request.misses(_joined(host, port)):
        return reason
    rest = without(args, "--bind", "-b", "--port", "-p")
    return Intake(("--fd", mark(0), *rest), f"--fd {mark(0)}", listening=True)


def _flask(request: Request) -> Intake | str:
    """Werkzeug's own way to its reloader's child: listening only, and it says no address then.

    With the reloader the child ends with code 3 on a change, for a parent that is not there.
    """
    args, env = request.args, request.env
    if "run" not in args:
        return "it serves by `run` only"
    debug = {"--debug", "--reload"} & set(args) or env.get("FLASK_DEBUG", "0") not in ("", "0")
    if debug:
        return "with its reloader it binds by itself"
    host = (values_of(args, "--host", "-h") or (env.get("FLASK_RUN_HOST", LOCALHOST),))[-1]
    port = (values_of(args, "--port", "-p") or (env.get("FLASK_RUN_PORT", "5000"),))[-1]
    if reason := request.misses(_joined(host, port)):
        return reason
    told = (("WERKZEUG_SERVER_FD", mark(0)), ("WERKZEUG_RUN_MAIN", "true"))
    how = f"WERKZEUG_SERVER_FD={mark(0)}"
    scheme = "https" if values_of(args, "--cert") or env.get("FLASK_RUN_CERT") else "http"
    return Intake(args, how, told, listening=True, asked=True, scheme=scheme)


def _puma(request: Request) -> Intake | str:
    """PUMA_INHERIT_0, listening only, for the very address of `-b` (puma 5.6)."""
    named = values_of(request.args, "--bind", "-b")
    if len(named) != 1 or not named[0].startswith("tcp://"):
        return "its command does not say where it binds"
    if reason := request.misses(named[0].removeprefix("tcp://")):
        return reason
    value = f"{mark(0)}:{named[0]}"
    return Intake(request.args, f"PUMA_INHERIT_0={value}", (("PUMA_INHERIT_0", value),), True)


def _nginx(request: Request) -> Intake | str:
    """NGINX, listening only (nginx 1.22); whether its file names the same address, nobody sees."""
    if len(request.endpoints) != 1:
        return "it would have to take two sockets"
    value = f"{mark(0)};"
    return Intake(request.args, f"NGINX={value}", (("NGINX", value),), True, asked=True)


TAKERS: dict[str, Taker] = {
    "uvicorn": _uvicorn,
    "gunicorn": _gunicorn,
    "hypercorn": _hypercorn,
    "daphne": _daphne,
    "flask": _flask,
    "puma": _puma,
    "nginx": _nginx,
}

LISTEN_THEMSELVES = frozenset("uvicorn node".split())
"""Those that call listen(2) on a socket they were handed and leave it exclusive until then."""

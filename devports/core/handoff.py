"""How the port gets from us to the server: a ladder of ways, best first, and why.

`fd`: it inherits the socket. `hook`: its own bind is answered by us. `beside`: our reservation
stays beside its own bind until it listens. `bare`: released, then started at once.

asking: What a hook says to us and we to it: one line each way over a private socket. Pure.

A hook is injected into the server (`run/hooks`); it asks when a bind of the server's has failed.

takers: Servers that take a socket they inherit, and how each of them is told.

What is here was measured (listening, bound or reserved socket; reload; end), see the row's words.
A server takes the socket only where its own words name the address that was declared: one that is
told to listen on 0.0.0.0 must not find itself on 127.0.0.1.
"""

from __future__ import annotations

from devports.core.command_line import base_name, is_python, launching_of, values_of, without
from devports.core.model import Endpoint
from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from devports.core.command_line import ParsedCommand
    from devports.core.recovery import HandoffMode
    from devports.core.service import Service

    SocketAdapter: TypeAlias = "Callable[[AdapterRequest], SocketHandoff | str]"


PYTHON = frozenset(
    "uvicorn gunicorn hypercorn daphne flask django-admin manage.py fastapi streamlit jupyter"
    " waitress-serve celery mkdocs sphinx-autobuild uv poetry pipenv pdm hatch honcho"
    " http.server aiohttp.web django debugpy".split()
)
NODE = frozenset(
    "node nodejs npm npx pnpm yarn nodemon tsx ts-node vite next nuxt nuxi astro webpack"
    " webpack-dev-server react-scripts parcel http-server serve json-server concurrently"
    " cross-env ng vue-cli-service svelte-kit remix gatsby storybook".split()
)
BIND_BY_THEMSELVES = frozenset("granian robyn bun bunx deno".split())
"""Written for Python or Node, and binding where no module of either language is asked."""


class HandedCommand(Frozen):
    """The command and the variables with which a server takes the socket.

    `mark(0)` in any of the texts stands for the descriptor's number.
    `scheme` is that of an address which it does not say itself, see `Intake`.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    how: str
    listening: bool
    scheme: str = ""


class HandoffPlan(Frozen):
    """The ways to try, best first; `handed` is there where the first one is `fd`."""

    ways: tuple[HandoffMode, ...]
    handed: HandedCommand | None = None


def ladder(
    service: Service,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    endpoints: tuple[Endpoint, ...],
    interpreter: str = "",
) -> HandoffPlan:
    """Decide how the port gets to the server.

    Args:
        service: what it asks for.
        argv: its command, filled, with `mark(0)` for `{fd}`.
        env: its variables, likewise.
        endpoints: those of its first port.
        interpreter: the program that the command's first line names, empty if none.

    Raises:
        DevportsError: it asks for a way that is not possible.
    """
    launching = launching_of(argv)
    taking = taken(AdapterRequest(launching, env, service.spec.host, endpoints))
    wants_number = any(mark(0) in text for text in (*argv, *env.values()))
    if isinstance(taking, str) and (wants_number or service.handoff == "fd"):
        raise refusal(service, taking)
    match service.handoff:
        case "plain":
            return HandoffPlan(("beside", "bare"))
        case "hook":
            return HandoffPlan(("hook",))
        case "fd":
            return _only(taking, launching)
        case _:
            if wants_number:
                return _only(taking, launching)
            ways: tuple[HandoffMode, ...] = ("beside", "bare")
            if is_hookable(launching, interpreter):
                ways = ("hook", *ways)
            if isinstance(taking, str) or taking.asked:
                return HandoffPlan(ways)
            return _only(taking, launching).but(ways=("fd", *ways))


def _only(taking: SocketHandoff | str, launching: ParsedCommand) -> HandoffPlan:
    assert isinstance(taking, SocketHandoff)  # noqa: S101  # the caller has refused the other
    argv = launching.argv(taking.args)
    handed = HandedCommand(argv, taking.env, taking.how, taking.listening, scheme=taking.scheme)
    return HandoffPlan(("fd",), handed)


def taken(request: AdapterRequest) -> SocketHandoff | str:
    """Return how the server takes the socket, or why it does not."""
    launching = request.launching
    if launching.loser:
        return f"`{launching.loser}` does not hand descriptors on"
    if any(mark(0) in text for text in (*_all_words(launching), *request.env.values())):
        if len(request.endpoints) > 1:
            both = " and ".join(map(str, request.endpoints))
            return f"`{{fd}}` is one socket, and the host means two: {both}"
        listening = launching.name not in LISTEN_THEMSELVES
        return SocketHandoff(request.args, f"descriptor {mark(0)}", listening=listening)
    if launching.opaque:
        return "its shell text does more than to start one program"
    taker = SOCKET_ADAPTERS.get(launching.name)
    if taker is None:
        return f"`{launching.name}` is not known to take a socket"
    return taker(request)


def _all_words(launching: ParsedCommand) -> tuple[str, ...]:
    return (*launching.before, *launching.inner, *launching.lead, *launching.args)


def refusal(service: Service, why: str) -> DevportsError:
    """Return the error for a socket that is wanted and cannot be handed over."""
    return DevportsError(
        "handoff-unavailable",
        f"`{service.name}` cannot be handed a socket: {why}",
        hints=('use `handoff = "auto"`: devports takes the best way that is possible',),
        service=service.name,
    )


def is_hookable(launching: ParsedCommand, interpreter: str) -> bool:
    """Say whether the program is known to be Python or Node, so that a module of ours gets in.

    What is not known binds beside our reservation: to hold the port against a server that cannot
    ask for it would cost it a start.
    """
    names = {launching.name, base_name(interpreter), *map(base_name, launching.lead[:1])}
    if launching.isolated or names & BIND_BY_THEMSELVES:
        return False
    if launching.opaque:
        words = launching.opaque.replace(";", " ").replace("&", " ").split()
        names |= {base_name(word) for word in words}
    return any(is_python(name) or name in PYTHON or name in NODE for name in names if name) or (
        launching.name.endswith((".py", ".js", ".cjs", ".mjs", ".ts"))
    )


def numbered(text: str, numbers: Sequence[int]) -> str:
    """Return a text with the numbers of the descriptors in it."""
    for index, number in enumerate(numbers):
        text = text.replace(mark(index), str(number))
    return text


VARIABLE = "DEVPORTS_HOOK"
"""How a hook learns of us: `TOKEN PORT,PORT... PATH`; without it a hook does nothing."""
LONGEST = 256
"""Bytes of a question at most."""
YES, RETRY, NO = b"yes\n", b"retry\n", b"no\n"
"""A socket comes with the answer; bind again, nothing of ours is in the way; leave it failed."""


class HookRequest(Frozen):
    """A bind that failed.

    `adopts`: a socket of ours, bound to the same address, will do instead; otherwise our hold has
    to go, so that the server's own bind succeeds.
    """

    endpoint: Endpoint
    adopts: bool


def ask_of(line: bytes, token: str, ports: Collection[int]) -> HookRequest | None:
    """Read a question, `TOKEN adopt|bind ADDRESS PORT`; None for whatever else may come."""
    words = line.decode("ascii", "replace").split()
    if len(words) != 4 or words[0] != token or words[1] not in ("adopt", "bind"):  # noqa: PLR2004
        return None
    port = decimal(words[3], LAST_PORT)
    if port is None or port not in ports or not is_address(words[2]):
        return None
    return HookRequest(Endpoint(words[2], port), adopts=words[1] == "adopt")


def is_address(word: str) -> bool:
    """Say whether a word may be a numeric address; the kernel has the last word."""
    return all(char in "0123456789abcdefABCDEF.:" for char in word) and bool({".", ":"} & set(word))


def variable(token: str, ports: Iterable[int], path: str) -> str:
    """Return the value of `VARIABLE`."""
    return f"{token} {','.join(map(str, sorted(set(ports))))} {path}"


def node_options(before: str, path: str) -> str:
    """Return NODE_OPTIONS with one more module to load first (nodejs.org/api/cli.html).

    What stands there already stays; a path may hold spaces in quotes, with backslashes escaped.
    """
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'{before} --require "{escaped}"'.lstrip()


def python_path(before: str, folder: str) -> str:
    """Return PYTHONPATH with a folder before everything else."""
    return f"{folder}:{before}" if before else folder


LOCALHOST = "127.0.0.1"


class AdapterRequest(Frozen):
    """What is to be handed over: a command, its variables, the declared endpoints.

    `host` is the declared one as it was written; a name that stands for one of two addresses only
    is never taken for both.
    """

    launching: ParsedCommand
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


class SocketHandoff(Frozen):
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


def _uvicorn(request: AdapterRequest) -> SocketHandoff | str:
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
    return SocketHandoff((*args, "--fd", mark(0)), f"--fd {mark(0)}", scheme=scheme)


def _binds(request: AdapterRequest, default: str) -> SocketHandoff | str:
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
    return SocketHandoff(
        (*without(request.args, "--bind", "-b"), *added), " ".join(added), listening=True
    )


def _gunicorn(request: AdapterRequest) -> SocketHandoff | str:
    """A default of its own would be $PORT on every address, or what a configuration file says."""
    return _binds(request, "")


def _hypercorn(request: AdapterRequest) -> SocketHandoff | str:
    file = values_of(request.args, "--config", "-c")
    return _binds(request, "" if file else f"{LOCALHOST}:8000")


def _daphne(request: AdapterRequest) -> SocketHandoff | str:
    """`--fd N`, listening only (daphne 4.2); an address beside it would be bound as well."""
    args = request.args
    if values_of(args, "--fd", "-e", "--endpoint", "-u"):
        return "its own words name a socket"
    host = (values_of(args, "--bind", "-b") or (LOCALHOST,))[-1]
    port = (values_of(args, "--port", "-p") or ("8000",))[-1]
    if reason := request.misses(_joined(host, port)):
        return reason
    rest = without(args, "--bind", "-b", "--port", "-p")
    return SocketHandoff(("--fd", mark(0), *rest), f"--fd {mark(0)}", listening=True)


def _flask(request: AdapterRequest) -> SocketHandoff | str:
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
    return SocketHandoff(args, how, told, listening=True, asked=True, scheme=scheme)


def _puma(request: AdapterRequest) -> SocketHandoff | str:
    """PUMA_INHERIT_0, listening only, for the very address of `-b` (puma 5.6)."""
    named = values_of(request.args, "--bind", "-b")
    if len(named) != 1 or not named[0].startswith("tcp://"):
        return "its command does not say where it binds"
    if reason := request.misses(named[0].removeprefix("tcp://")):
        return reason
    value = f"{mark(0)}:{named[0]}"
    return SocketHandoff(
        request.args, f"PUMA_INHERIT_0={value}", (("PUMA_INHERIT_0", value),), True
    )


def _nginx(request: AdapterRequest) -> SocketHandoff | str:
    """NGINX, listening only (nginx 1.22); whether its file names the same address, nobody sees."""
    if len(request.endpoints) != 1:
        return "it would have to take two sockets"
    value = f"{mark(0)};"
    return SocketHandoff(request.args, f"NGINX={value}", (("NGINX", value),), True, asked=True)


SOCKET_ADAPTERS: dict[str, SocketAdapter] = {
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

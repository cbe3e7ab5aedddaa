"""How the port gets from devports to the server.

`fd`: the server inherits the socket. `hook`: a hook in the server asks devports over a private
socket when a bind fails. `beside`: the reservation stays beside the server's bind until it listens.
`bare`: released, then started at once. The servers that accept a socket were measured; each
function names the version. A server gets a socket only where its command names the declared
address: a server told to listen on 0.0.0.0 must not listen on 127.0.0.1.
"""

from __future__ import annotations

from devports.core.command_line import (
    EXECS,
    LOSES,
    SHELLS,
    base_name,
    is_python,
    launching_of,
    values_of,
    without,
)
from devports.core.model import Endpoint
from devports.core.recovery import MARK
from devports.core.text import LAST_PORT, decimal, is_address
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
NOT_HOOKABLE = frozenset("granian robyn bun bunx deno".split())
"""Programs for Python or Node that bind without a module of either language."""


class SocketHandoff(Frozen):
    """How to make a server use an inherited socket.

    Attributes:
        argv: its arguments, and in a plan the whole command; `mark(0)` stands for the number of the
            first descriptor.
        env: variables to set, with marks likewise.
        how: the arguments or the variable, for messages.
        listening: whether the socket has to listen, because the server never calls listen(2).
        asked: whether only the configuration enables it, because it has a drawback.
        scheme: `http` or `https`, where the server prints no address with a socket.
    """

    argv: tuple[str, ...]
    how: str
    env: tuple[tuple[str, str], ...] = ()
    listening: bool = False
    asked: bool = False
    scheme: str = ""


class HandoffPlan(Frozen):
    """The handoff mode, and `bare` if it may follow; `handed` is set where the mode is `fd`."""

    ways: tuple[HandoffMode, ...]
    handed: SocketHandoff | None = None


def plan_handoff(
    service: Service,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    endpoints: tuple[Endpoint, ...],
    interpreter: str = "",
) -> HandoffPlan:
    """Choose the handoff mode.

    Args:
        service: the service, with the mode that it asks for.
        argv: its command, filled, with `mark(0)` for `{fd}`.
        env: its variables, likewise.
        endpoints: those of its first port.
        interpreter: the interpreter in the script's first line, empty if none.

    Raises:
        DevportsError: the mode that it asks for is not possible.
    """
    launching = launching_of(argv)
    taking = socket_arguments(AdapterRequest(launching, env, service.spec.host, endpoints))
    wants_number = any(mark(0) in text for text in (*argv, *env.values()))
    if isinstance(taking, str):
        if wants_number or service.handoff == "fd":
            raise DevportsError(
                "handoff-unavailable",
                f"cannot pass a socket to `{service.name}`: {taking}",
                hints=('set `handoff = "auto"` to let devports choose',),
                service=service.name,
            )
        handed = None
    else:
        handed = taking.replace(argv=launching.argv(taking.argv))
    if service.handoff == "none":
        return HandoffPlan(("bare",))
    if service.handoff == "plain":
        return HandoffPlan(("beside", "bare"))
    if service.handoff == "hook":
        return HandoffPlan(("hook",))
    if service.handoff == "fd" or wants_number:
        return HandoffPlan(("fd",), handed)
    if handed is not None and not handed.asked:
        return HandoffPlan(("fd", "bare"), handed)
    return HandoffPlan(("hook" if is_hookable(launching, interpreter) else "beside", "bare"))


def socket_arguments(request: AdapterRequest) -> SocketHandoff | str:
    """Return how the server uses the socket, or why it cannot."""
    launching = request.launching
    if launching.loser:
        return f"`{launching.loser}` does not pass file descriptors to its children"
    words = (*launching.before, *launching.inner, *launching.lead, *launching.args)
    if any(mark(0) in text for text in (*words, *request.env.values())):
        if len(request.endpoints) > 1:
            both = " and ".join(map(str, request.endpoints))
            return f"`{{fd}}` is a single socket, but the host resolves to two addresses: {both}"
        listening = launching.name not in CALLS_LISTEN
        return SocketHandoff(request.args, f"descriptor {mark(0)}", listening=listening)
    if launching.opaque:
        return "its shell command starts more than one program"
    adapter = SOCKET_ADAPTERS.get(launching.name)
    return (
        adapter(request)
        if adapter
        else f"`{launching.name}` is not known to accept an inherited socket"
    )


def is_hookable(launching: ParsedCommand, interpreter: str) -> bool:
    """Return whether the program is known to be Python or Node, so that it loads a hook.

    Any other program binds beside the reservation: a reservation that excludes a server without a
    hook would cost it a start.
    """
    names = {launching.name, base_name(interpreter), *map(base_name, launching.lead[:1])}
    if launching.isolated or names & NOT_HOOKABLE:
        return False
    if launching.opaque:
        words = launching.opaque.replace(";", " ").replace("&", " ").split()
        names |= {base_name(word) for word in words}
    return any(is_python(name) or name in PYTHON or name in NODE for name in names if name) or (
        launching.name.endswith((".py", ".js", ".cjs", ".mjs", ".ts"))
    )


def fill_descriptors(text: str, numbers: Sequence[int]) -> str:
    """Return a text with marks replaced by the numbers of descriptors."""
    for index, number in enumerate(numbers):
        text = text.replace(mark(index), str(number))
    return text


VARIABLE = "DEVPORTS_HOOK"
PYTHON_HOOK = "/devports/run/hooks/python"
NODE_HOOK = r' ?--require "[^"]*/devports/hooks/node-[0-9a-f]{8}\.cjs"'
"""How the paths of the hooks end, and the option that loads one, as `node_options` writes it."""
"""The hook reads `TOKEN PORT,PORT... FOLDER` from it; without it a hook does nothing. The hook asks
about these ports through the socket `ask` in the folder, and reports through the FIFO `tell`."""
LONGEST = 256
"""Bytes of a request at most."""
YES, RETRY, NO = b"yes\n", b"retry\n", b"no\n"
"""Replies: a socket is attached; bind again, no reservation is in the way; leave it failed."""


class HookRequest(Frozen):
    """A bind that failed.

    `adopts`: the hook accepts a reserved socket, bound to the same address, instead; otherwise
    devports has to release the reservation before the server's bind succeeds.
    """

    endpoint: Endpoint
    adopts: bool


def parse_request(line: bytes, token: str, ports: Collection[int]) -> HookRequest | None:
    """Parse a request, `TOKEN adopt|bind ADDRESS PORT`; return None for anything else."""
    words = line.decode("ascii", "replace").split()
    if len(words) != 4 or words[0] != token or words[1] not in ("adopt", "bind"):  # noqa: PLR2004
        return None
    port = decimal(words[3], LAST_PORT)
    if port is None or port not in ports or not is_address(words[2]):
        return None
    return HookRequest(Endpoint(words[2], port), adopts=words[1] == "adopt")


LONGEST_FACT = 512
"""Bytes of a line on the FIFO at most; PIPE_BUF allows as many in one write on every system."""
LANGUAGES = ("python", "node")
HIGHEST_PID, HIGHEST_ERRNO = 2**22, 4095
"""Linux's limits (proc(5), pid_max; include/linux/err.h); those of macOS are lower."""
BIND_NOTHING = SHELLS | EXECS | LOSES | frozenset("uv uvx make just timeout nice".split())
"""Programs that start others and wait for them."""
LAUNCHERS = LOSES | frozenset("pnpm pnpx yarnpkg corepack nodemon".split())


class HookHello(Frozen):
    """The first report of a program that has loaded a hook. `script`: the end of its path."""

    pid: int
    language: str
    script: str

    @property
    def is_launcher(self) -> bool:
        """Whether it starts the program, and is not the program itself."""
        stem = base_name(self.script).partition(".")[0]
        return stem.removesuffix("-cli") in LAUNCHERS or stem.startswith("yarn-")


class FailedBind(Frozen):
    """A bind, or Node's `listen`, of any TCP port that finally failed in a hooked program."""

    pid: int
    endpoint: Endpoint
    errno: int


def loads_hook(name: str) -> bool:
    """Return whether a program of this name loads the hook at once, however late its report."""
    return is_python(name) or name in ("node", "nodejs")


def parse_report(line: bytes) -> HookHello | FailedBind | None:
    """Parse a report of a hook; return None for anything else.

    `hello PID LANGUAGE SCRIPT` | `fail PID tcp ADDRESS PORT ERRNO`
    """
    match line.decode("utf-8", "replace").split(" ", 5):
        case ["hello", pid, language, *script] if language in LANGUAGES:
            number = decimal(pid, HIGHEST_PID)
            return HookHello(number, language, " ".join(script)) if number else None
        case ["fail", pid, "tcp", address, port, error] if is_address(address):
            number, where = decimal(pid, HIGHEST_PID), decimal(port, LAST_PORT)
            why = decimal(error, HIGHEST_ERRNO)
            if number and where and why:
                return FailedBind(number, Endpoint(address, where), why)
            return None
        case _:
            return None


def refused_elsewhere(failed: Sequence[FailedBind], ports: Collection[int]) -> FailedBind | None:
    """Return the last failed bind of a port outside `ports`, if no bind of `ports` failed."""
    if any(bind.endpoint.port in ports for bind in failed):
        return None
    return failed[-1] if failed else None


def variable(token: str, ports: Iterable[int], folder: str) -> str:
    """Return the value of `VARIABLE`; without ports a hook only reports."""
    return f"{token} {','.join(map(str, sorted(set(ports))))} {folder}"


def node_options(before: str, path: str) -> str:
    """Return NODE_OPTIONS with one more module to load first (nodejs.org/api/cli.html).

    Its present value stays; a path may hold spaces in quotes, with backslashes escaped.
    """
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'{before} --require "{escaped}"'.lstrip()


def python_path(before: str, folder: str) -> str:
    """Return PYTHONPATH with a folder in front."""
    return f"{folder}:{before}" if before else folder


def without_outer_run(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what a `devports run` around this process has added to it.

    A run that is started from inside another one's server answers neither to its hooks nor to its
    mark.
    """
    import re  # for a start in the background

    kept = {name: text for name, text in env.items() if name not in (MARK, VARIABLE)}
    folders = kept.get("PYTHONPATH", "").split(":")
    kept["PYTHONPATH"] = ":".join(f for f in folders if not f.endswith(PYTHON_HOOK))
    kept["NODE_OPTIONS"] = re.sub(NODE_HOOK, "", kept.get("NODE_OPTIONS", ""))
    return {name: text for name, text in kept.items() if text or text == env.get(name)}


LOCALHOST = "127.0.0.1"


class AdapterRequest(Frozen):
    """What is to be handed over: a command, its variables, the declared endpoints.

    `host` is the declared one as it was written; a name that stands for one of two addresses only
    does not match both.
    """

    launching: ParsedCommand
    env: Mapping[str, str]
    host: str
    endpoints: tuple[Endpoint, ...]

    @property
    def args(self) -> tuple[str, ...]:
        return self.launching.args

    def address_mismatch(self, *named: str) -> str:
        """Return why these addresses, `host:port` each, are not the declared ones; else empty."""
        wanted = {str(end) for end in self.endpoints}
        if len(self.endpoints) == 1:
            wanted |= {f"{self.host}:{self.endpoints[0].port}"} if self.host else set()
            if len(named) == 1 and named[0] in wanted:
                return ""
        elif set(named) == wanted:
            return ""
        return f"its command binds {', '.join(named)}, not {', '.join(map(str, self.endpoints))}"

    def option_mismatch(
        self, host: tuple[str, ...], port: tuple[str, ...], default: str, variables: str = ""
    ) -> str:
        """Return the same for the address in these two options, or in variables, or the default.

        `variables`: the prefix of their names; empty if there are none. The default host is
        127.0.0.1, the default port `default`.
        """
        env = self.env if variables else {}
        hosts = values_of(self.args, *host) or (env.get(f"{variables}HOST", LOCALHOST),)
        ports = values_of(self.args, *port) or (env.get(f"{variables}PORT", default),)
        shown = f"[{hosts[-1]}]" if ":" in hosts[-1] else hosts[-1]
        return self.address_mismatch(f"{shown}:{ports[-1]}")


def mark(index: int) -> str:
    """Return the placeholder of a descriptor's number; no argument can contain a NUL."""
    return f"\0fd{index}\0"


def _uvicorn(request: AdapterRequest) -> SocketHandoff | str:
    """`--fd N`, with --reload and --workers too (uvicorn 0.54); UVICORN_FD would be inherited.

    uvicorn then prints "socket ('127.0.0.1', 8000)", which is no link.
    """
    args, env = request.args, request.env
    names = ("--fd", "--uds")
    if values_of(args, *names) or env.get("UVICORN_FD") or env.get("UVICORN_UDS"):
        return "its command already names a socket"
    if reason := request.option_mismatch(("--host",), ("--port",), "8000", "UVICORN_"):
        return reason
    keys = values_of(args, "--ssl-keyfile", "--ssl-certfile")
    secure = keys or env.get("UVICORN_SSL_KEYFILE") or env.get("UVICORN_SSL_CERTFILE")
    scheme = "https" if secure else "http"
    return SocketHandoff((*args, "--fd", mark(0)), f"--fd {mark(0)}", scheme=scheme)


def _binds(request: AdapterRequest) -> SocketHandoff | str:
    """`--bind fd://N` in place of each address (gunicorn 27, hypercorn 0.18).

    Without an address, hypercorn has a default unless a file names another; gunicorn's would be
    $PORT on every address, or that of a file.

    The socket listens, though both call listen(2) themselves: they set SO_REUSEADDR on it right
    before, and in between another server can bind beside a socket that is only bound (seen in 1 of
    3 starts).
    """
    named = values_of(request.args, "--bind", "-b")
    if request.launching.name == "hypercorn" and not values_of(request.args, "--config", "-c"):
        named = named or (f"{LOCALHOST}:8000",)
    if not named:
        return "its command has no bind address"
    if reason := request.address_mismatch(*named):
        return reason
    added = [word for at in range(len(named)) for word in ("--bind", f"fd://{mark(at)}")]
    argv = (*without(request.args, "--bind", "-b"), *added)
    return SocketHandoff(argv, " ".join(added), listening=True)


def _daphne(request: AdapterRequest) -> SocketHandoff | str:
    """`--fd N`, listening only (daphne 4.2); an address in the command would be bound as well."""
    args = request.args
    if values_of(args, "--fd", "-e", "--endpoint", "-u"):
        return "its command already names a socket"
    if reason := request.option_mismatch(("--bind", "-b"), ("--port", "-p"), "8000"):
        return reason
    rest = without(args, "--bind", "-b", "--port", "-p")
    return SocketHandoff(("--fd", mark(0), *rest), f"--fd {mark(0)}", listening=True)


def _flask(request: AdapterRequest) -> SocketHandoff | str:
    """Werkzeug's protocol for its reloader's child: listening only, and it prints no address then.

    With the reloader the child exits with code 3 on a change, for a parent that does not exist.
    """
    args, env = request.args, request.env
    if "run" not in args:
        return "only `flask run` accepts a socket"
    if {"--debug", "--reload"} & set(args) or env.get("FLASK_DEBUG", "0") not in ("", "0"):
        return "with its reloader, flask opens its own socket"
    if reason := request.option_mismatch(("--host", "-h"), ("--port", "-p"), "5000", "FLASK_RUN_"):
        return reason
    told = (("WERKZEUG_SERVER_FD", mark(0)), ("WERKZEUG_RUN_MAIN", "true"))
    how = f"WERKZEUG_SERVER_FD={mark(0)}"
    scheme = "https" if values_of(args, "--cert") or env.get("FLASK_RUN_CERT") else "http"
    return SocketHandoff(args, how, told, listening=True, asked=True, scheme=scheme)


def _puma(request: AdapterRequest) -> SocketHandoff | str:
    """PUMA_INHERIT_0, listening only, for exactly the address of `-b` (puma 5.6)."""
    named = values_of(request.args, "--bind", "-b")
    if len(named) != 1 or not named[0].startswith("tcp://"):
        return "its command has no bind address"
    if reason := request.address_mismatch(named[0].removeprefix("tcp://")):
        return reason
    value = f"{mark(0)}:{named[0]}"
    told = (("PUMA_INHERIT_0", value),)
    return SocketHandoff(request.args, f"PUMA_INHERIT_0={value}", told, listening=True)


def _nginx(request: AdapterRequest) -> SocketHandoff | str:
    """NGINX, listening only (nginx 1.22); the address in its file is not compared."""
    if len(request.endpoints) != 1:
        return "it would need two sockets"
    value = f"{mark(0)};"
    told = (("NGINX", value),)
    return SocketHandoff(request.args, f"NGINX={value}", told, listening=True, asked=True)


SOCKET_ADAPTERS: dict[str, SocketAdapter] = {
    "uvicorn": _uvicorn,
    "gunicorn": _binds,
    "hypercorn": _binds,
    "daphne": _daphne,
    "flask": _flask,
    "puma": _puma,
    "nginx": _nginx,
}

CALLS_LISTEN = frozenset("uvicorn node".split())
"""Servers that call listen(2) on an inherited socket and leave it exclusive until then."""

"""How the port gets from us to the server: a ladder of ways, best first, and why.

`fd`: it inherits the socket. `hook`: its own bind is answered by us. `beside`: our reservation
stays beside its own bind until it listens. `bare`: released, then started at once.
"""

from __future__ import annotations

from devports.core.launching import is_python, launching_of
from devports.core.takers import LISTEN_THEMSELVES, TAKERS, Intake, Request, mark
from devports.core.value import Value
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devports.core.launching import Launching
    from devports.core.model import Endpoint
    from devports.core.recovery import Way
    from devports.core.service import Service

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


class Handed(Value):
    """The command and the variables with which a server takes the socket.

    `mark(0)` in any of the texts stands for the descriptor's number.
    `scheme` is that of an address which it does not say itself, see `Intake`.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    how: str
    listening: bool
    scheme: str = ""


class Ladder(Value):
    """The ways to try, best first; `handed` is there where the first one is `fd`."""

    ways: tuple[Way, ...]
    handed: Handed | None = None


def ladder(
    service: Service,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    endpoints: tuple[Endpoint, ...],
    interpreter: str = "",
) -> Ladder:
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
    taking = taken(Request(launching, env, service.spec.host, endpoints))
    wants_number = any(mark(0) in text for text in (*argv, *env.values()))
    if isinstance(taking, str) and (wants_number or service.handoff == "fd"):
        raise refusal(service, taking)
    match service.handoff:
        case "plain":
            return Ladder(("beside", "bare"))
        case "hook":
            return Ladder(("hook",))
        case "fd":
            return _only(taking, launching)
        case _:
            if wants_number:
                return _only(taking, launching)
            ways: tuple[Way, ...] = ("beside", "bare")
            if is_hookable(launching, interpreter):
                ways = ("hook", *ways)
            if isinstance(taking, str) or taking.asked:
                return Ladder(ways)
            return _only(taking, launching).but(ways=("fd", *ways))


def _only(taking: Intake | str, launching: Launching) -> Ladder:
    assert isinstance(taking, Intake)  # noqa: S101  # the caller has refused the other
    argv = launching.argv(taking.args)
    handed = Handed(argv, taking.env, taking.how, taking.listening, scheme=taking.scheme)
    return Ladder(("fd",), handed)


def taken(request: Request) -> Intake | str:
    """Return how the server takes the socket, or why it does not."""
    launching = request.launching
    if launching.loser:
        return f"`{launching.loser}` does not hand descriptors on"
    if any(mark(0) in text for text in (*_all_words(launching), *request.env.values())):
        if len(request.endpoints) > 1:
            both = " and ".join(map(str, request.endpoints))
            return f"`{{fd}}` is one socket, and the host means two: {both}"
        listening = launching.name not in LISTEN_THEMSELVES
        return Intake(request.args, f"descriptor {mark(0)}", listening=listening)
    if launching.opaque:
        return "its shell text does more than to start one program"
    taker = TAKERS.get(launching.name)
    if taker is None:
        return f"`{launching.name}` is not known to take a socket"
    return taker(request)


def _all_words(launching: Launching) -> tuple[str, ...]:
    return (*launching.before, *launching.inner, *launching.lead, *launching.args)


def refusal(service: Service, why: str) -> DevportsError:
    """Return the error for a socket that is wanted and cannot be handed over."""
    return DevportsError(
        "handoff-unavailable",
        f"`{service.name}` cannot be handed a socket: {why}",
        hints=('use `handoff = "auto"`: devports takes the best way that is possible',),
        service=service.name,
    )


def is_hookable(launching: Launching, interpreter: str) -> bool:
    """Say whether the program is known to be Python or Node, so that a module of ours gets in.

    What is not known binds beside our reservation: to hold the port against a server that cannot
    ask for it would cost it a start.
    """
    names = {launching.name, base_word(interpreter), *map(base_word, launching.lead[:1])}
    if launching.isolated or names & BIND_BY_THEMSELVES:
        return False
    if launching.opaque:
        words = launching.opaque.replace(";", " ").replace("&", " ").split()
        names |= {base_word(word) for word in words}
    return any(is_python(name) or name in PYTHON or name in NODE for name in names if name) or (
        launching.name.endswith((".py", ".js", ".cjs", ".mjs", ".ts"))
    )


def base_word(path: str) -> str:
    return path.rpartition("/")[2]


def numbered(text: str, numbers: Sequence[int]) -> str:
    """Return a text with the numbers of the descriptors in it."""
    for index, number in enumerate(numbers):
        text = text.replace(mark(index), str(number))
    return text

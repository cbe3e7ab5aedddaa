"""The servers that are known by name: how each is told its port. One table, no code of their own.

What a server does where its port is taken, and which flag keeps it from taking another one
silently, was measured with the versions named beside it.
"""

from __future__ import annotations

from functools import partial

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Side = Literal["web", "backend"]

PORT = "{port}"
HOST = "{host}"
BOTH = "{host}:{port}"


class Server(Frozen):
    """One server, and how it is told where to listen.

    Attributes:
        kind: what people call it.
        calls: the words that name it in a command; each one is a program and its sub-command.
        port: what it takes by default; 0: it has no default.
        adds: what to append to its command, with placeholders.
        port_flags, host_flags: options of its own that `adds` replaces.
        bind_flags: likewise, of options that take `host:port`.
        positional: the address may stand there without an option.
        env: variables that tell it, where it has no options.
        last_wins: an option that is given twice has its last value, so that what is appended
            to a script of package.json replaces what the script says.
        not_with: a word after its name that makes it no server.
        only_with: a word that has to be there.
        aim: which of its words says what it serves: `first` (uvicorn main:app) or an option.
        side: what the service is called where nothing better is known.
        production: seldom meant for a developer's machine.
    """

    kind: str
    calls: tuple[str, ...]
    port: int = 0
    adds: tuple[str, ...] = ("--host", HOST, "--port", PORT)
    port_flags: tuple[str, ...] = ("--port",)
    host_flags: tuple[str, ...] = ("--host",)
    bind_flags: tuple[str, ...] = ()
    positional: bool = False
    env: tuple[tuple[str, str], ...] = ()
    last_wins: bool = False
    not_with: tuple[str, ...] = ()
    only_with: str = ""
    aim: str = ""
    side: Side = "web"
    production: bool = False


_STRICT = ("--host", HOST, "--port", PORT, "--strictPort")
_P = ("--port", "-p")
_BIND = ("--bind", "-b")
_ENV = (("PORT", PORT),)
_backend = partial(Server, side="backend")


def _application(
    kind: str, *calls: str, port: int = 8000, production: bool = False, **more: Any
) -> Server:
    """Return a server whose first word says which application it serves."""
    calls = calls or (kind,)
    return _backend(kind, calls, port, aim="first", production=production, **more)


NODE = (
    # 6.4 and 8.3: moves to the next port without --strictPort
    Server(
        "vite",
        ("vite dev", "vite serve", "vite preview", "vite"),
        5173,
        _STRICT,
        last_wins=True,
        not_with=("build", "optimize"),
    ),
    Server("vitepress", ("vitepress dev",), 5173, _STRICT),
    Server("react-router", ("react-router dev", "remix vite:dev"), 5173, _STRICT),
    # 16.4: moves only where no port is given
    Server(
        "next",
        ("next dev", "next start"),
        3000,
        ("--hostname", HOST, "--port", PORT),
        _P,
        ("--hostname", "-H"),
        last_wins=True,
    ),
    # 4.4: takes 3000 or another one where its port is taken, and has no flag against that
    Server(
        "nuxt",
        ("nuxt dev", "nuxi dev"),
        3000,
        port_flags=_P,
        host_flags=("--host", "-h"),
        last_wins=True,
    ),
    # 5.18: moves; an option that is given twice is as good as none
    Server("astro", ("astro dev", "astro preview"), 4321),
    Server("angular", ("ng serve", "ng s"), 4200, last_wins=True),
    Server("gatsby", ("gatsby develop",), 8000, port_flags=_P, host_flags=("--host", "-H")),
    Server("vue-cli", ("vue-cli-service serve",), 8080),
    Server("webpack", ("webpack serve", "webpack-dev-server", "webpack dev-server"), 8080),
    Server("docusaurus", ("docusaurus start",), 3000),
    Server(
        "storybook",
        ("storybook dev", "start-storybook"),
        6006,
        ("--host", HOST, "--port", PORT, "--exact-port", "--ci"),
        _P,
        ("--host", "-h"),
    ),
    Server("parcel", ("parcel serve", "parcel"), 1234, port_flags=_P, not_with=("build", "watch")),
    Server("json-server", ("json-server",), 3000, port_flags=_P, host_flags=("--host", "-H")),
    Server(
        "http-server", ("http-server",), 8080, ("-a", HOST, "-p", PORT), ("-p", "--port"), ("-a",)
    ),
    # 14.2: takes a port by chance without --no-port-switching
    Server(
        "serve",
        ("serve",),
        3000,
        ("--listen", "tcp://" + BOTH, "--no-port-switching"),
        ("-p",),
        (),
        ("-l", "--listen"),
    ),
    Server("wrangler", ("wrangler dev",), 8787, ("--ip", HOST, "--port", PORT), _P, ("--ip",)),
    # 5.0: asks on a terminal, and ends with 0 without one
    Server(
        "react-scripts",
        ("react-scripts start", "craco start", "react-app-rewired start"),
        3000,
        (),
        env=(("HOST", HOST), ("PORT", PORT), ("BROWSER", "none")),
    ),
)
"""Started by a script of package.json, or with npx."""

PYTHON = (
    _application("uvicorn"),
    _application("fastapi", "fastapi dev", "fastapi run"),
    *(
        _application(
            name,
            adds=("--bind", BOTH),
            port_flags=(),
            host_flags=(),
            bind_flags=_BIND,
            production=True,
        )
        for name in ("gunicorn", "hypercorn")
    ),
    _application(
        "daphne",
        adds=("--bind", HOST, "--port", PORT),
        port_flags=_P,
        host_flags=_BIND,
        production=True,
    ),
    _application("granian", production=True),
    _application(
        "waitress",
        "waitress-serve",
        port=8080,
        adds=("--listen", BOTH),
        bind_flags=("--listen",),
        production=True,
    ),
    *(
        _backend(
            name,
            (name,),
            5000,
            port_flags=_P,
            host_flags=("--host", "-h"),
            only_with="run",
            aim="--app",
        )
        for name in ("flask", "quart")
    ),
    Server("litestar", ("litestar run",), 8000, port_flags=_P, aim="--app", side="backend"),
    Server(
        "django",
        ("manage.py runserver", "django-admin runserver"),
        8000,
        (BOTH,),
        (),
        (),
        positional=True,
        side="backend",
    ),
    Server(
        "streamlit",
        ("streamlit run",),
        8501,
        (*("--server.address", HOST, "--server.port", PORT), *("--server.headless", "true")),
        ("--server.port",),
        ("--server.address",),
        aim="first",
    ),
    # 2.21: moves, even with a port, unless it may not retry
    Server(
        "jupyter",
        ("jupyter lab", "jupyter notebook", "jupyter-lab", "jupyter-notebook"),
        8888,
        ("--ip", HOST, "--port", PORT, "--ServerApp.port_retries=0", "--no-browser"),
        host_flags=("--ip",),
    ),
    Server("mkdocs", ("mkdocs serve",), 8000, ("-a", BOTH), (), (), ("-a", "--dev-addr")),
    Server(
        "http.server",
        ("http.server",),
        8000,
        ("--bind", HOST, PORT),
        (),
        ("--bind", "-b"),
        positional=True,
    ),
)
"""Started by their name, or with `python -m`."""

OTHER = (
    Server(
        "rails",
        ("rails server", "rails s"),
        3000,
        ("-b", HOST, "-p", PORT),
        ("-p", "--port"),
        ("-b", "--binding"),
        side="backend",
    ),
    Server(
        "puma",
        ("puma",),
        9292,
        ("-b", "tcp://" + BOTH),
        ("-p", "--port"),
        (),
        ("-b", "--bind"),
        side="backend",
    ),
    Server("laravel", ("artisan serve",), 8000, side="backend"),
    Server("hugo", ("hugo server",), 1313, ("--bind", HOST, "--port", PORT), _P, ("--bind",)),
    Server("jekyll", ("jekyll serve",), 4000, port_flags=("--port", "-P")),
    Server("phoenix", ("mix phx.server",), 4000, (), (), (), env=_ENV, side="backend"),
)

PROGRAM = Server("program", (), 0, (), (), (), env=_ENV, side="backend")
"""A program of the user's own, which is told its port by the variable PORT, or not at all."""

SERVERS = (*NODE, *PYTHON, *OTHER)

CONFIG_FILES = {
    "vite": "vite.config",
    "vitepress": "vite.config",
    "react-router": "vite.config",
    "nuxt": "nuxt.config",
    "astro": "astro.config",
    "webpack": "webpack.config",
    "vue-cli": "vue.config",
    "angular": "angular",
    "streamlit": ".streamlit/config",
}
"""Files in which a server may be told its port, or to stay on it, without the ending."""

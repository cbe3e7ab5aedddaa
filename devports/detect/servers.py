"""The table of servers known by name: how each is told its port.

What a server does when its port is in use, and which flag stops it from silently using another one,
was measured with the versions named beside it.
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
        kind: its usual name.
        calls: the words that name it in a command; each one is a program and its sub-command.
        port: its default port; 0: it has none.
        adds: what to append to its command, with placeholders.
        port_flags, host_flags: options of its own that `adds` replaces.
        bind_flags: likewise, options that take `host:port`.
        positional: the address may be a word without an option.
        env: variables for the address, if it has no options.
        variable: for the port, if no option sets it; empty: none. `PORT` also stands for unknown.
        last_wins: of an option that is given twice the last value counts, so that what is appended
            to a script of package.json replaces what the script contains.
        not_with: words after its name with which it is no server.
        leading: the address comes before the other words.
        only_with: a word that is required.
        aim: which of its words is what it serves: `first` (uvicorn main:app) or an option.
        side: the default name of the service.
        production: rarely meant for a developer's machine.
        built: the calls that serve what was built before, so that changes of the code do not show.
    """

    kind: str
    calls: tuple[str, ...]
    port: int
    adds: tuple[str, ...]
    port_flags: tuple[str, ...]
    host_flags: tuple[str, ...]
    bind_flags: tuple[str, ...]
    positional: bool = False
    leading: bool = False
    env: tuple[tuple[str, str], ...] = ()
    variable: str = "PORT"
    last_wins: bool = False
    not_with: tuple[str, ...] = ()
    only_with: str = ""
    aim: str = ""
    side: Side = "web"
    production: bool = False
    built: tuple[str, ...] = ()


_ADDS = "--host {host} --port {port}"
_HOSTNAME = "--hostname {host} --port {port}"
_ENV = (("PORT", PORT),)
_BOTH = (("HOST", HOST), ("PORT", PORT))


def _server(  # noqa: PLR0917  # the columns of a table
    kind: str,
    calls: str,
    port: int,
    adds: str = _ADDS,
    port_flags: str = "--port",
    host_flags: str = "--host",
    bind_flags: str = "",
    **more: Any,
) -> Server:
    """Return a server; its calls, separated by commas, and its options as they are typed."""
    options = (adds, port_flags, host_flags, bind_flags)
    words: list[Any] = [tuple(text.split()) for text in options]
    return Server(kind, tuple(calls.split(", ")), port, *words, **more)


_backend = partial(_server, side="backend")
_application = partial(_backend, aim="first")
_deployed = partial(_application, production=True)
_told = partial(_server, adds="", port_flags="", host_flags="")
"""By variables alone."""

NODE = (
    # 6.4 and 8.3: uses the next port without --strictPort; 6.4 does not read PORT
    _server(
        "vite",
        "vite dev, vite serve, vite preview, vp dev, vite",
        5173,
        f"{_ADDS} --strictPort",
        variable="",
        last_wins=True,
        not_with=("build", "optimize"),
        built=("vite preview",),
    ),
    _server("vitepress", "vitepress dev", 5173, f"{_ADDS} --strictPort"),
    _server("react-router", "react-router dev, remix vite:dev", 5173, f"{_ADDS} --strictPort"),
    # 2.16: `--port` is that of its reload socket; the server that it starts reads PORT
    _told("remix", "remix dev", 3000, env=_ENV),
    _told("remix-serve", "remix-serve, react-router-serve", 3000, env=_ENV, production=True),
    # 16.4: uses another port only if none is given
    _server(
        "next",
        *("next dev, next start", 3000, _HOSTNAME, "--port -p", "--hostname -H"),
        last_wins=True,
        built=("next start",),
    ),
    # 4.4: uses 3000 or another port if its port is in use, and has no flag against that
    _server(
        "nuxt",
        "nuxt dev, nuxi dev, nuxt preview, nuxt start, nuxt, nuxi",
        3000,
        _ADDS,
        "--port -p",
        "--host -h --hostname -H",
        last_wins=True,
        not_with=tuple("build generate prepare typecheck analyze cleanup info init".split()),
        built=("nuxt preview", "nuxt start"),
    ),
    # 5.18: uses another port; an option that is given twice is ignored
    _server("astro", "astro dev, astro preview", 4321, built=("astro preview",)),
    _server("rsbuild", "rsbuild dev, rsbuild preview", 3000, built=("rsbuild preview",)),
    _server("rspack", "rspack serve, rspack dev", 8080),
    _server("vinxi", "vinxi dev, solid-start dev", 3000),
    _server("nitro", "nitro dev, nitropack dev", 3000),
    _server("expo", "expo start", 8081, "--port {port}", "--port -p", ""),
    _server("metro", "react-native start", 8081),
    _server("ember", "ember serve, ember server, ember s", 4200, _ADDS, "--port -p"),
    _server("eleventy", "eleventy", 8080, "--port {port}", "--port", "", only_with="--serve"),
    _server("vuepress", "vuepress dev", 8080, _ADDS, "--port -p"),
    _server(
        "slidev", "slidev", 3030, "--port {port}", "--port -p", "", not_with=("build", "export")
    ),
    _server("quasar", "quasar dev", 9000, _HOSTNAME, "--port -p", "--hostname -H"),
    _server("live-server", "live-server", 8080),
    _server("sanity", "sanity dev, sanity start", 3333),
    _server("react-email", "email dev", 3000, "--port {port}", "--port -p", "", last_wins=True),
    _server("netlify", "netlify dev, ntl dev", 8888, "--port {port}", "--port -p", ""),
    _server("vercel", "vercel dev", 3000, "--listen {host}:{port}", "", "", "--listen -l"),
    _server("hydrogen", "shopify hydrogen dev", 3000, "--port {port}", "--port", ""),
    _backend(
        *("medusa", "medusa develop, medusa start", 9000, _ADDS, "--port -p", "--host -H"),
        built=("medusa start",),
    ),
    _told(
        *("strapi", "strapi develop, strapi dev, strapi start", 1337),
        env=_BOTH,
        side="backend",
        built=("strapi start",),
    ),
    _told("adonis", "ace serve", 3333, env=_BOTH, side="backend"),
    _server("angular", "ng serve, ng s", 4200, last_wins=True),
    _server("gatsby", "gatsby develop", 8000, _ADDS, "--port -p", "--host -H"),
    _server("vue-cli", "vue-cli-service serve", 8080),
    _server("webpack", "webpack serve, webpack-dev-server, webpack dev-server", 8080),
    _server("docusaurus", "docusaurus start", 3000),
    _server(
        "storybook",
        *("storybook dev, start-storybook", 6006, f"{_ADDS} --exact-port --ci"),
        *("--port -p", "--host -h"),
    ),
    _server(
        "parcel", "parcel serve, parcel", 1234, _ADDS, "--port -p", not_with=("build", "watch")
    ),
    _server("json-server", "json-server", 3000, _ADDS, "--port -p", "--host -H"),
    _server("http-server", "http-server", 8080, "-a {host} -p {port}", "-p --port", "-a"),
    # 14.2: uses a random port without --no-port-switching
    _server(
        *("serve", "serve", 3000, "--listen tcp://{host}:{port} --no-port-switching"),
        *("-p", "", "-l --listen"),
    ),
    _server("wrangler", "wrangler dev", 8787, "--ip {host} --port {port}", "--port -p", "--ip"),
    # 5.0: asks on a terminal, and exits with 0 without one
    _server(
        "react-scripts",
        "react-scripts start, craco start, react-app-rewired start",
        3000,
        "",
        env=(*_BOTH, ("BROWSER", "none")),
    ),
)
"""Started by a script of package.json, or with npx."""

PYTHON = (
    # uvicorn 0.54, flask 3.1, Django 5.2 and http.server of Python 3.13 do not read PORT
    _application("uvicorn", "uvicorn", 8000, variable="UVICORN_PORT"),
    _application("fastapi", "fastapi dev, fastapi run", 8000),
    _deployed("gunicorn", "gunicorn", 8000, "--bind {host}:{port}", "", "", "--bind -b"),
    _deployed("hypercorn", "hypercorn", 8000, "--bind {host}:{port}", "", "", "--bind -b"),
    _deployed("daphne", "daphne", 8000, "--bind {host} --port {port}", "--port -p", "--bind -b"),
    _deployed("granian", "granian", 8000),
    _deployed("waitress", "waitress-serve", 8080, "--listen {host}:{port}", bind_flags="--listen"),
    *(
        _backend(
            name,
            name,
            5000,
            _ADDS,
            "--port -p",
            "--host -h",
            variable=variable,
            only_with="run",
            aim="--app",
        )
        for name, variable in (("flask", "FLASK_RUN_PORT"), ("quart", "PORT"))
    ),
    _backend("litestar", "litestar run", 8000, _ADDS, "--port -p", aim="--app"),
    _backend(
        "django",
        "manage.py runserver, django-admin runserver",
        8000,
        BOTH,
        "",
        "",
        positional=True,
        variable="",
    ),
    _server(
        "streamlit",
        "streamlit run",
        8501,
        "--server.address {host} --server.port {port} --server.headless true",
        "--server.port",
        "--server.address",
        aim="first",
    ),
    # 2.21: uses another port even with `--port`, unless retries are disabled
    _server(
        "jupyter",
        "jupyter lab, jupyter notebook, jupyter-lab, jupyter-notebook",
        8888,
        "--ip {host} --port {port} --ServerApp.port_retries=0 --no-browser",
        host_flags="--ip",
    ),
    _backend("sanic", "sanic", 8000, aim="first"),
    _server("chainlit", "chainlit run", 8000, f"{_ADDS} --headless", aim="first"),
    _server("mkdocs", "mkdocs serve", 8000, "-a {host}:{port}", "", "", "-a --dev-addr"),
    _server(
        "http.server",
        "http.server",
        8000,
        "--bind {host} {port}",
        "",
        "--bind -b",
        positional=True,
        variable="",
    ),
)
"""Started by their name, or with `python -m`."""

OTHER = (
    _backend(
        "rails", "rails server, rails s", 3000, "-b {host} -p {port}", "-p --port", "-b --binding"
    ),
    _backend("puma", "puma", 9292, "-b tcp://{host}:{port}", "-p --port", "", "-b --bind"),
    _backend("rackup", "rackup", 9292, "-o {host} -p {port}", "-p --port", "-o --host"),
    _backend("laravel", "artisan serve", 8000),
    _backend("codeigniter", "spark serve", 8080),
    _backend("php", "php -S", 8000, BOTH, "", "", positional=True, leading=True, variable=""),
    _backend(
        "dotnet",
        "dotnet run, dotnet watch",
        5000,
        "--urls http://{host}:{port}",
        "",
        "",
        "--urls",
        variable="ASPNETCORE_HTTP_PORTS",
    ),
    *(
        _told(
            kind,
            f"mvn {goal}, mvnw {goal}, gradle {task}, gradlew {task}",
            8080,
            env=((host, HOST), (port, PORT)),
            variable=port,
            side="backend",
        )
        for kind, goal, task, host, port in (
            ("spring", "spring-boot:run", "bootRun", "SERVER_ADDRESS", "SERVER_PORT"),
            ("quarkus", "quarkus:dev", "quarkusDev", "QUARKUS_HTTP_HOST", "QUARKUS_HTTP_PORT"),
        )
    ),
    _server("hugo", "hugo server", 1313, "--bind {host} --port {port}", "--port -p", "--bind"),
    _server("jekyll", "jekyll serve", 4000, _ADDS, "--port -P"),
    _told("phoenix", "mix phx.server", 4000, env=_ENV, side="backend"),
)

PROGRAM = Server("program", (), 0, (), (), (), (), env=_ENV, side="backend")
"""The user's own program, which gets its port from the variable PORT, or not at all."""

SERVERS = (*NODE, *PYTHON, *OTHER)

CONFIG_FILES = {
    "vite": "vite.config",
    "vitepress": "vite.config",
    "react-router": "vite.config",
    "vinxi": "app.config",
    "nuxt": "nuxt.config",
    "astro": "astro.config",
    "webpack": "webpack.config",
    "rsbuild": "rsbuild.config",
    "rspack": "rspack.config",
    "puma": "config/puma.rb",
    "rails": "config/puma.rb",
    "vue-cli": "vue.config",
    "angular": "angular",
    "streamlit": ".streamlit/config",
    "flask": ".flaskenv .env",
}
"""Files, without the ending, that may set the port of a server, or that it must keep it. flask
reads its own if python-dotenv is installed."""

"""Scripts of package.json."""

from __future__ import annotations

import json

import pytest

from devports.core.value import Frozen
from tests.unit.detect.making import left_out, only, services


def package(scripts: dict[str, str] | None = None, **more: object) -> dict[str, str]:
    return {"package.json": json.dumps({"scripts": scripts or {}, **more}, indent=1)}


class Case(Frozen):
    """A script and what comes of it."""

    scripts: dict[str, str]
    command: str
    port: int


STRICT = "-- --host {host} --port {port} --strictPort"
FIRST = [
    pytest.param(Case({"dev": "vite"}, f"npm run dev {STRICT}", 5173), id="vite"),
    pytest.param(
        Case({"start": "node x.js", "dev": "vite"}, f"npm run dev {STRICT}", 5173),
        id="dev before start",
    ),
    pytest.param(
        Case({"build": "vite build", "start": "vite"}, f"npm run start {STRICT}", 5173),
        id="start where there is no dev",
    ),
    pytest.param(
        Case({"dev": "tsc -b && cross-env A=1 vite --open"}, f"npm run dev {STRICT}", 5173),
        id="a step before it",
    ),
    pytest.param(
        Case(
            {"dev": "vite --port 3001 --strictPort"},
            "npm run dev -- --host {host} --port {port}",
            3001,
        ),
        id="a port that can be given again",
    ),
    pytest.param(Case({"dev": "astro dev --port 3001"}, "npm run dev", 3001), id="one that cannot"),
    pytest.param(
        Case({"dev": "astro dev --host"}, "npm run dev -- --port {port}", 4321),
        id="a host that cannot be given again",
    ),
    pytest.param(Case({"start": "react-scripts start"}, "npm run start", 3000), id="no options"),
    pytest.param(
        Case({"start": "PORT=3001 react-scripts start"}, "npm run start", 3001),
        id="a variable in the script",
    ),
    pytest.param(
        Case({"start": "PORT=99999 react-scripts start"}, "npm run start", 3000),
        id="a variable that is no port",
    ),
    pytest.param(
        Case({"dev": "PORT=3001 vite"}, f"npm run dev {STRICT}", 5173),
        id="a variable that the server does not know",
    ),
    pytest.param(
        Case({"dev": "npm run serve", "serve": "vite"}, f"npm run serve {STRICT}", 5173),
        id="a script that calls another",
    ),
    pytest.param(
        Case({"dev": "npm-run-all build:*", "start": "vite"}, f"npm run start {STRICT}", 5173),
        id="several programs, none of them a server",
    ),
]


@pytest.mark.parametrize("case", FIRST)
def test_the_script_that_starts_a_server(case: Case) -> None:
    found = only(package(case.scripts))
    assert (found.command, found.port) == (case.command, case.port)


@pytest.mark.parametrize(
    ("lock", "more", "command"),
    [
        pytest.param("package-lock.json", {}, f"npm run dev {STRICT}", id="npm"),
        pytest.param("yarn.lock", {}, f"yarn run dev {STRICT[3:]}", id="yarn"),
        pytest.param("pnpm-lock.yaml", {}, f"pnpm run dev {STRICT[3:]}", id="pnpm"),
        pytest.param("bun.lockb", {}, f"bun run dev {STRICT[3:]}", id="bun"),
        pytest.param("", {}, f"npm run dev {STRICT}", id="no lock file"),
        pytest.param(
            *("yarn.lock", {"packageManager": "pnpm@9.1.0"}, f"pnpm run dev {STRICT[3:]}"),
            id="the package's own word counts more",
        ),
    ],
)
def test_the_package_manager(lock: str, more: dict[str, str], command: str) -> None:
    assert only(package({"dev": "vite"}, **more), lock).command == command


def test_the_lock_file_of_a_workspace_is_above() -> None:
    files = {"apps/web/package.json": package({"dev": "vite"})["package.json"]}
    found = only(files, "pnpm-lock.yaml")
    assert found.command.startswith("pnpm run dev")
    assert (found.name, found.folder) == ("web", "apps/web")


def test_several_programs_are_services_of_their_own() -> None:
    scripts = {
        "dev": "concurrently npm:dev:*",
        "dev:api": "nodemon api.js",
        "dev:ui": "next dev",
        "dev:css": "tailwind --watch",
    }
    api, ui = services(package(scripts) | {"api.js": "x.listen(process.env.PORT || 3000)"})
    assert (api.name, api.port, api.command) == ("api", 3000, "npm run dev:api")
    assert (ui.name, ui.port) == ("ui", 3001)
    assert ui.notes == ("Port 3000 is already used by `api`.",)


def test_one_server_twice_is_two_services() -> None:
    scripts = {"dev": "run-p dev:*", "dev:shop": "vite", "dev:admin": "vite -c admin.ts"}
    found = services(package(scripts))
    assert [(each.name, each.port) for each in found] == [("shop", 5173), ("admin", 5174)]


def test_several_programs_that_are_not_named_are_left_out() -> None:
    files = package({"dev": "vite & node x.js"})
    assert only(files).command == "npx vite --host {host} --port {port} --strictPort"
    (left,) = left_out(files)
    assert (left.source.text, left.why) == (
        '"dev": "vite & node x.js"',
        "not recognized as a server",
    )


PROGRAMS = [
    pytest.param("s.js", "p = process.env.PORT || 3001", (3001, True), id="a variable, a default"),
    pytest.param("s.js", "p = process.env['PORT']", (3000, True), id="a variable alone"),
    pytest.param(
        *("s.js", "p = process.env.PORT || process.env.X_PORT || 3001", (3001, True)),
        id="another variable before the default",
    ),
    pytest.param("s.js", "p = env.PORT ?? '3001'", (3001, True), id="of a framework"),
    pytest.param("s.js", "app.listen(3001)", (3001, False), id="a number"),
    pytest.param("s.js", "const port = 3001\nlisten(port)", (3001, False), id="a constant"),
    pytest.param("lib/a.js", "process.env.PORT || 3001", (3001, True), id="in another file"),
    pytest.param("s.js", "process.env.PORT || 99999", (3000, True), id="a default that is none"),
]


@pytest.mark.parametrize(("path", "text", "expected"), PROGRAMS)
def test_the_port_of_a_program(path: str, text: str, expected: tuple[int, bool]) -> None:
    found = only(package({"start": "node --inspect s.js"}) | {path: text})
    assert (found.port, found.takes_port) == expected
    assert bool(found.env) is expected[1]
    assert found.sources[1].path == path


CONFIGURED = [
    pytest.param("vite", "vite.config.ts", "{ server: { port: 3001 } }", 3001, id="vite"),
    pytest.param(
        *("vite", "vite.config.js", "server: {\n proxy: { '/x': 'y' },\n port: 3001 }", 3001),
        id="behind a table",
    ),
    pytest.param(
        *("vitepress dev", "vite.config.ts", "{ server: { port: 3001 } }", 3001), id="vitepress"
    ),
    pytest.param("vite", "vite.config.ts", "preview: { port: 3001 }", 5173, id="of another server"),
    pytest.param("vite", "vite.config.ts", "server: { port: 99999 }", 5173, id="no port"),
    pytest.param(
        "vite", "web/vite.config.ts", "server: {port: 3009}", 5173, id="of another folder"
    ),
    pytest.param(
        "vite --port 3002", "vite.config.ts", "server: {port: 3009}", 3002, id="the script"
    ),
    pytest.param("next dev", "next.config.js", "server: {port: 3009}", 3000, id="a server without"),
    pytest.param(
        *("webpack serve", "webpack.config.js", "devServer: { port: 3001 }", 3001), id="webpack"
    ),
    pytest.param(
        "ng serve",
        "angular.json",
        '{"serve": {"options": {"host": "x", "port": 3001}}}',
        3001,
        id="angular",
    ),
]


@pytest.mark.parametrize(("script", "path", "text", "port"), CONFIGURED)
def test_the_port_in_the_configuration_of_a_server(
    script: str, path: str, text: str, port: int
) -> None:
    found = only(package({"dev": script}) | {path: text})
    assert found.port == port
    assert found.stated is (port in (3001, 3002))
    assert (found.sources[-1].path == path) is (port == 3001)


def test_the_variable_counts_more_than_a_number_elsewhere() -> None:
    files = {"s.js": "mail.connect({port: 25})", "a.js": "process.env.PORT || 3001"}
    assert only(package({"start": "node s.js"}) | files).port == 3001


@pytest.mark.parametrize(
    ("main", "path"),
    [
        pytest.param("lib/x.js", "lib/x.js", id="main"),
        pytest.param(None, "index.js", id="no main"),
        pytest.param(7, "index.js", id="a main that is no text"),
    ],
)
def test_the_program_that_is_not_named(main: object, path: str) -> None:
    found = only(package({"dev": "nodemon"}, main=main) | {path: "app.listen(3001)"})
    assert found.sources[1].path == path


def test_a_framework_without_a_visible_port_is_asked_for() -> None:
    found = only(package({"start": "node s.js"}, dependencies={"express": "5"}) | {"s.js": ""})
    assert (found.port, found.env) == (0, (("PORT", "{port}"),))


STUB = {"test": 'echo "Error: no test specified" && exit 1'}
LISTENING = "const app = express()\n\napp.listen(3001)\n"
UNSCRIPTED = [
    pytest.param("index.js", {"server.js": LISTENING}, "server.js", id="a main that is not there"),
    pytest.param("lib", {"lib/index.js": LISTENING}, "lib/index.js", id="a main that is a folder"),
    pytest.param("./x.mjs", {"x.mjs": LISTENING}, "x.mjs", id="main itself"),
    pytest.param("x.js", {"x.js": LISTENING, "server.js": LISTENING}, "x.js", id="main first"),
    pytest.param(None, {"app.js": LISTENING, "index.js": LISTENING}, "app.js", id="no main"),
    pytest.param("a.js", {"a.js": "", "index.js": LISTENING}, "index.js", id="a main of no server"),
    pytest.param("my app.js", {"my app.js": LISTENING}, "'my app.js'", id="a name with a blank"),
]


@pytest.mark.parametrize(("main", "files", "word"), UNSCRIPTED)
def test_a_program_that_no_script_starts(main: object, files: dict[str, str], word: str) -> None:
    found = only(package(STUB, main=main) | files)
    assert (found.command, found.port, found.takes_port) == (f"node {word}", 3001, False)
    assert str(found.sources[0]) == f"{word.strip(chr(39))}, line 3: app.listen(3001)"


def test_a_program_that_no_script_starts_is_told_its_port_where_it_asks() -> None:
    text = "const port = process.env.PORT || 3001\napp.listen(port)"
    found = only({"api/server.js": text, "api/package.json": "{}"})
    assert (found.command, found.folder, found.port) == ("node server.js", "api", 3001)
    assert found.env == (("PORT", "{port}"),)
    assert [source.line for source in found.sources] == [2, 1]


@pytest.mark.parametrize("scripts", [STUB, {"start": "node server.js"}], ids=["none", "a script"])
def test_a_program_that_listens_on_a_port_it_does_not_show_is_asked_for(
    scripts: dict[str, str],
) -> None:
    found = only(package(scripts) | {"server.js": "app.listen(config.at)"})
    assert (found.port, found.env) == (0, (("PORT", "{port}"),))


def test_a_script_that_starts_a_server_counts_more_than_a_program_beside_it() -> None:
    assert only(package({"dev": "vite"}) | {"server.js": LISTENING}).command.startswith("npm run")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("server.js", "// app.listen(3000)", id="in a comment"),
        pytest.param("server.js", "module.exports = { port: 3000 }", id="nothing listens"),
        pytest.param("server.ts", LISTENING, id="not for node as it is"),
        pytest.param("lib/server.js", LISTENING, id="in a folder that nothing names"),
    ],
)
def test_a_program_that_is_no_server_for_node_is_not_found(path: str, text: str) -> None:
    assert services(package(STUB, main="server") | {path: text}) == ()


def test_the_number_it_listens_on_counts_more_than_a_constant() -> None:
    text = "db.connect({ port: 3306 })\napp.listen(3001)"
    assert only(package({"start": "node s.js"}) | {"s.js": text}).port == 3001


def test_a_program_that_may_be_no_server_is_left_out() -> None:
    files = package({"start": "node build.js"}, dependencies=["x"]) | {"build.js": ""}
    assert services(files) == ()
    (left,) = left_out(files)
    assert left.why == "not recognized as a server"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"scripts": {"dev": 1}}', id="a script that is no text"),
        pytest.param('{"scripts": ["vite"]}', id="scripts that are a list"),
        pytest.param("{}", id="nothing"),
    ],
)
def test_nothing_to_start(text: str) -> None:
    assert services({"package.json": text}) == left_out({"package.json": text}) == ()


def test_no_script_for_development_is_passed_over_without_a_word() -> None:
    (left,) = left_out(package({"dev": "jest --watch", "test": "jest"}))
    assert (left.source.line, left.why) == (3, "`jest` is not a known server")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000], ids=["cut off", "a list", "deep"])
def test_what_is_no_package_is_said(text: str) -> None:
    (left,) = left_out({"package.json": text})
    assert left.why == "it is not valid JSON"


def test_the_line_of_the_script_is_the_reason() -> None:
    (source,) = only(package({"build": "x", "dev": "vite"})).sources
    assert str(source) == 'package.json, line 4: "dev": "vite"'

"""The text of a devports.toml."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from devports.config.load import read_text
from devports.detect.command_line import Line, of_line
from devports.detect.model import DetectedService, File, Source, one_line
from devports.detect.toml_writer import document, text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOML = re.compile(r"# (\[services\.\w+\]|\w+ = )")
SHIPPED = Path(__file__).parents[3] / "devports.toml.example"
PATH = "/srv/shop/devports.toml"
WHY = (Source("main.py", 3, "app = FastAPI()"),)
BACKEND = DetectedService(
    ("backend",),
    "fastapi",
    WHY,
    command="uvicorn main:app --port {port}",
    folder="a {port}",
    port=8000,
    host="0.0.0.0",
    env=(("A.b", 'x "y"'), ("C", "d")),
    shell=True,
    notes=("Mind this.",),
)
DB = DetectedService(("db",), "container", WHY, port=5432, ports=(("more", 5433),))


def test_a_service_in_full() -> None:
    assert document([BACKEND]).split("\n\n")[1] == (
        "# main.py, line 3: app = FastAPI()\n"
        "# Mind this.\n"
        "[services.backend]\n"
        'command = "uvicorn main:app --port {port}"\n'
        "shell = true\n"
        'cwd = "a {{port}}"\n'
        "port = 8000\n"
        'host = "0.0.0.0"\n'
        'env = { "A.b" = "x \\"y\\"", C = "d" }'
    )


def test_a_watched_service() -> None:
    assert document([DB]).split("\n\n")[1] == (
        "# main.py, line 3: app = FastAPI()\n"
        "[services.db]    # no command: devports never starts it\n"
        "port = 5432\n"
        "ports = { more = 5433 }"
    )


def test_what_is_written_is_what_is_read() -> None:
    config = read_text(document([BACKEND, DB]), PATH, "devports.toml")
    backend, db = config.services
    assert backend.command == BACKEND.command
    assert backend.env == BACKEND.env
    assert (db.port, db.ports) == (5432, (("more", 5433),))


def test_a_service_without_a_port_is_a_comment() -> None:
    whole = document([BACKEND.replace(names=("web",), port=0), DB])
    assert "\n# [services.web]\n# command = " in whole
    assert whole.index("[services.db]") < whole.index("[services.web]")
    assert [each.name for each in read_text(whole, PATH, "devports.toml").services] == ["db"]


def test_an_example_that_runs_where_it_is_wanted() -> None:
    (service,) = read_text(document((), example=True), PATH, "devports.toml").services
    assert (service.name, service.port) == ("backend", 8000)


def test_no_service_that_is_not_there() -> None:
    for found in ((), (BACKEND.replace(port=0),)):
        assert tomllib.loads(document(found)) == {}
    assert "# devports searched for:\n#   scripts of package.json" in document(())
    assert "# `backend`: no port found." in document((BACKEND.replace(port=0),), example=True)


@pytest.mark.parametrize(
    ("whole", "names"),
    [
        pytest.param(document(()), ["backend", "api", "web", "db"], id="nothing was found"),
        pytest.param(
            document((), example=True), ["backend", "api", "web", "db"], id="an example that runs"
        ),
        pytest.param(document([BACKEND, DB]), ["backend", "db"], id="two services"),
        pytest.param(
            SHIPPED.read_text("utf-8"),
            ["backend", "api", "db", "web"],
            id="what is shipped",
        ),
    ],
)
def test_what_is_a_comment_can_be_uncommented(whole: str, names: list[str]) -> None:
    lines = [line.removeprefix("# ") if TOML.match(line) else line for line in whole.splitlines()]
    assert sum(map(str.__ne__, lines, whole.splitlines())) > 2
    assert list(tomllib.loads("\n".join(lines))["services"]) == names


def test_no_text_breaks_out_of_its_place() -> None:
    evil = 'a"\n[services.x]\x7f\udc80'
    assert text(evil) == '"a\\"\\n[services.x]\\u007f?"'
    service = BACKEND.replace(sources=(Source(evil, 1, evil),), notes=(evil,), command=evil, env=())
    (read,) = read_text(document([service]), PATH, "devports.toml").services
    assert read.name == "backend"


def test_a_line_of_a_file_is_made_fit_to_be_shown() -> None:
    assert one_line("  a\t\x1b[31m b\n") == "a [31m b"
    assert one_line("x" * 500) == "x" * 97 + "..."


def test_sources() -> None:
    file = File("a/b.py", "one\ntwo\n")
    assert (file.folder, file.name) == ("a", "b.py")
    assert str(file.source("two")) == "a/b.py, line 2: two"
    assert str(file.source("two", "2")) == "a/b.py, line 2: 2"
    assert str(file.source("three")) == str(file.source()) == str(file.line(9))[:6] == "a/b.py"


def test_a_line_that_starts_no_server() -> None:
    assert of_line(Line(("echo", "x")), WHY[0], names=()) is None

"""Procfiles."""

from __future__ import annotations

import pytest

from tests.unit.detect.making import left_out, only, services

UVICORN = "uvicorn a:b --host {host} --port {port}"
LINES = [
    pytest.param("web: uvicorn a:b --port $PORT", UVICORN, id="a known server"),
    pytest.param("web : uvicorn a:b", UVICORN, id="a blank before the colon"),
    pytest.param("web: ./serve --listen :$PORT", "./serve --listen :{port}", id="$PORT"),
    pytest.param("api: ./serve -p ${PORT:-81}", "./serve -p {port}", id="$PORT of another process"),
    pytest.param("web: ./serve", "./serve", id="a program that is told by the variable"),
]


@pytest.mark.parametrize(("text", "command"), LINES)
def test_a_process_with_a_port(text: str, command: str) -> None:
    found = only({"Procfile": text})
    assert (found.command, found.shell) == (command, False)
    assert found.name == text[:3]


def test_the_variable_is_given_where_it_is_not_written() -> None:
    assert only({"Procfile": "web: ./serve"}).env == (("PORT", "{port}"),)
    assert only({"Procfile": "web: ./serve $PORT"}).env == ()


def test_a_port_of_its_own_is_the_port() -> None:
    found = only({"Procfile": "web: PORT=81 ./serve -p $PORT"})
    assert (found.port, found.stated) == (81, True)


def test_variables_and_steps_before_it_stay() -> None:
    found = only({"Procfile": "web: A={port} $X/setup && B=$C bin/rails s -p $PORT"})
    assert found.shell
    assert found.command == "A={{port}} $X/setup && B=$C bin/rails s -b {host} -p {port}"
    assert found.env == ()


def test_a_variable_of_a_simple_command_is_in_the_table() -> None:
    found = only({"Procfile": "web: RACK_ENV=dev bin/rails s"})
    assert (found.env, found.shell) == ((("RACK_ENV", "dev"),), False)


def test_other_processes_are_left_out() -> None:
    lines = "# notes\nworker: celery -A x worker\nlog: tail -f x | grep y\nnot a process\n"
    assert [(left.source.line, left.why) for left in left_out({"Procfile": lines})] == [
        (2, "no known server and no $PORT"),
        (3, "not a single simple command"),
    ]


def test_the_file_for_development_counts_first() -> None:
    files = {"Procfile": "web: uvicorn a:b", "Procfile.dev": "site: uvicorn a:b --reload"}
    found = only(files)
    assert (found.name, found.command) == (
        "site",
        "uvicorn a:b --reload --host {host} --port {port}",
    )
    assert [source.path for source in found.sources] == ["Procfile.dev"]
    (left,) = left_out(files)
    assert left.why == "another way to start `site`, as a production server"


PRODUCTION = "web: gunicorn shop.wsgi"
OTHERS = [
    pytest.param({"manage.py": "DJANGO_SETTINGS_MODULE"}, True, id="Django beside it"),
    pytest.param({"main.py": "app = FastAPI()"}, True, id="another Python server beside it"),
    pytest.param({"x/main.py": "app = FastAPI()"}, False, id="one in another folder"),
    pytest.param({"package.json": '{"scripts": {"dev": "vite"}}'}, False, id="a front end"),
]


@pytest.mark.parametrize(("files", "same"), OTHERS)
def test_a_production_server_of_what_is_there_is_left_out(
    files: dict[str, str], same: bool
) -> None:
    found = services({"Procfile": PRODUCTION} | files)
    assert len(found) == (1 if same else 2)
    assert found[0].kind != "gunicorn"


def test_node_in_production_is_the_program_of_package_json() -> None:
    package = '{"scripts": {"dev": "nodemon x.js"}}'
    files = {"Procfile": "web: node x.js", "package.json": package, "x.js": "app.listen(3001)"}
    assert only(files).kind == "node"
    (left,) = left_out(files)
    assert left.why == "another way to start `backend`, as a production server"

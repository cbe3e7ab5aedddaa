from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.service import (
    Config,
    Service,
    argv_of,
    env_file_of,
    fill,
    foreign_names_in,
    has_port,
    names_in,
    program_name,
    says_port,
    typed_command,
    values_for,
    with_dependencies,
)

DB = Service("db", 5432, host="localhost")
WEB = Service("my-web_1", 8000, ports=(("debug", 5678),))
CONFIG = Config("", "", (DB, WEB))
VALUES = values_for(WEB, CONFIG)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        pytest.param("--port {port}", "--port 8000", id="the port"),
        pytest.param("{host}:{port}", "127.0.0.1:8000", id="two in one word"),
        pytest.param("{ports.debug}", "5678", id="a further port"),
        pytest.param("{services.db.port}", "5432", id="another service's port"),
        pytest.param("{services.db.host}", "localhost", id="another service's host"),
        pytest.param("{services.my-web_1.ports.debug}", "5678", id="a name with a dash"),
        pytest.param("{{port}}", "{port}", id="doubled braces are the text itself"),
        pytest.param("{{{port}}}", "{{port}}", id="one more pair of braces stays"),
        pytest.param('{"a":{"b":1}}', '{"a":{"b":1}}', id="nested JSON survives"),
        pytest.param('{"a":{"p":{port}}}', '{"a":{"p":8000}}', id="a port inside JSON"),
        pytest.param("{} { port } {1} {a,b}", "{} { port } {1} {a,b}", id="other braces stay"),
        pytest.param("${port} ${HOME}", "${port} ${HOME}", id="the shell's braces stay"),
        pytest.param("${{port}}", "${{port}}", id="a workflow's braces stay"),
        pytest.param("$ {port}", "$ 8000", id="a dollar elsewhere changes nothing"),
        pytest.param("{port", "{port", id="an open brace stays"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_fill(text: str, filled: str):
    assert fill(text, VALUES) == filled


@pytest.mark.parametrize(("written", "path"), [("", ""), ("{port}.env", "8000.env")])
def test_the_file_of_variables(written: str, path: str):
    assert env_file_of(WEB.replace(env_file=written), CONFIG) == path


def test_a_value_is_not_filled_again():
    assert fill("{host}{port}", {"host": "{port}", "port": "1"}) == "{port}1"


@pytest.mark.parametrize(
    "name",
    ["fd", "services.web.port", "services.db.ports.debug", "a.services.db.port"],
    ids=["a descriptor", "an unknown service's port", "an unknown port", "no service at all"],
)
def test_a_placeholder_without_a_value_is_an_error(name: str):
    with pytest.raises(KeyError, match=name):
        fill(f"--option {{{name}}}", VALUES)


def test_names_are_told_from_the_shells():
    text = "{port} {{host}} ${fd} ${{x}} {services.db.port}"
    assert names_in(text) == ("port", "services.db.port")
    assert foreign_names_in(text) == ("fd", "x")


@given(st.text(alphabet="{}$.ab \n", max_size=40))
def test_filling_with_the_same_names_changes_only_doubled_braces(text: str):
    filled = fill(text, {name: f"{{{name}}}" for name in names_in(text)})
    assert len(filled) <= len(text)
    assert names_in(text) or "{{" in text or filled == text


def test_a_port_that_is_not_the_declared_one_counts_under_both_its_names():
    values = values_for(WEB.replace(port=8001), CONFIG)
    assert values["port"] == values["services.my-web_1.port"] == "8001"
    assert values["services.db.port"] == "5432"
    assert "fd" not in values


def test_values_of_other_services_are_made_only_where_they_are_named():
    many = Config("", "", tuple(Service(f"s{n}", n + 1) for n in range(200)))
    values = values_for(many.services[0], many)
    assert set(values) == {"offset", "host", "port", "services.s0.host", "services.s0.port"}
    assert values["services.s199.port"] == "200"


@pytest.mark.parametrize(
    ("service", "argv"),
    [
        pytest.param(Service("s", 1), (), id="no command"),
        pytest.param(
            Service("s", 1, command=("a b", "{host}", "'")),
            ("a b", "x y", "'"),
            id="a list is taken as it is",
        ),
        pytest.param(
            Service("s", 1, command="a 'b c' --on={host}"),
            ("a", "b c", "--on=x y"),
            id="a text is split before it is filled",
        ),
        pytest.param(
            Service("s", 1, command="a {host} | b", shell=True),
            ("/bin/sh", "-c", "a x y | b"),
            id="a shell gets the text",
        ),
    ],
)
def test_argv(service: Service, argv: tuple[str, ...]):
    assert argv_of(service, {"host": "x y"}) == argv


def test_the_file_of_variables_may_name_a_port():
    assert env_file_of(WEB.replace(env_file="/srv/{port}.env"), CONFIG) == "/srv/8000.env"
    assert env_file_of(WEB, CONFIG) == ""


NAMED = [
    pytest.param("vite --port {port}", {}, id="the placeholder"),
    pytest.param(("vite", "--port", "{services.my-web_1.port}"), {}, id="the longer placeholder"),
    pytest.param("uvicorn main:app --fd {fd}", {}, id="the socket"),
    pytest.param("vite --port $PORT", {}, id="the variable"),
    pytest.param("vite --port ${PORT:-3000}", {}, id="the variable in braces"),
    pytest.param("python3 -m http.server 8000", {}, id="the number"),
    pytest.param("uvicorn main:app", {"UVICORN_PORT": "{port}"}, id="a variable that it sets"),
]
UNNAMED = [
    pytest.param("vite", {}, id="nothing"),
    pytest.param("vite --port 3000", {}, id="another number"),
    pytest.param("vite --inspect 18000 --max 80001", {}, id="the digits inside other numbers"),
    pytest.param("vite --api {services.db.port}", {}, id="another service's port"),
    pytest.param("vite --debug {ports.debug}", {}, id="a further port"),
    pytest.param("vite $PORTAL", {"HOST": "{host}"}, id="another variable"),
]


@pytest.mark.parametrize(("command", "env"), NAMED)
def test_a_command_that_names_its_port(command: str | tuple[str, ...], env: dict[str, str]):
    assert says_port(WEB.replace(command=command, env=tuple(env.items())))


@pytest.mark.parametrize(("command", "env"), UNNAMED)
def test_a_command_that_never_names_its_port(command: str, env: dict[str, str]):
    assert not says_port(WEB.replace(command=command, env=tuple(env.items())))


def test_what_is_appended_to_a_command_may_name_its_port():
    assert says_port(WEB.replace(command="vite"), ("--port", "8000"))


def test_a_longer_number_is_another_port():
    assert has_port(("serve", "--bind=127.0.0.1:8080"), 8080)
    assert not has_port(("serve", "--bind=127.0.0.1:18080"), 8080)


TYPED = [
    pytest.param(("uvicorn", "a:b", "--port", "{port}"), "uvicorn a:b --port 8000", id="the port"),
    pytest.param(("x", "{host}:{port}"), "x 127.0.0.1:8000", id="the address"),
    pytest.param(("awk", "{print}", "{a.b}{port}"), "awk {print} {a.b}8000", id="foreign braces"),
    pytest.param(("x", "{{port}}", "${port}", "{}"), "x {port} ${port} {}", id="the text itself"),
]


@pytest.mark.parametrize(("words", "filled"), TYPED)
def test_a_command_of_the_command_line(words: tuple[str, ...], filled: str):
    service = typed_command(words, 8000, "127.0.0.1", "/srv")
    assert " ".join(argv_of(service, values_for(service, Config("", "/srv", ())))) == filled
    assert (service.spec.port, service.cwd) == (8000, "/srv")


PROGRAMS = [
    pytest.param(("/usr/bin/uvicorn", "a:b"), "uvicorn", id="by its path"),
    pytest.param(("uv", "run", "uvicorn", "a:b"), "uvicorn", id="behind a launcher"),
    pytest.param(("python3", "-m", "http.server"), "http.server", id="a module of Python"),
    pytest.param(("./my server\x1b[1m",), "my-server--1m", id="what no file and no line may hold"),
    pytest.param(("x" * 100,), "x" * 64, id="a long one"),
    pytest.param(("env", "A=b"), "command", id="none at all"),
]


@pytest.mark.parametrize(("words", "name"), PROGRAMS)
def test_it_is_called_by_its_program(words: tuple[str, ...], name: str):
    assert program_name(words) == name


def test_a_run_of_it_is_called_by_its_port_too():
    assert typed_command(("uvicorn",), 8000, "127.0.0.1", "/").run_name == "uvicorn:8000"
    assert WEB.run_name == WEB.name


def test_services_come_behind_what_they_depend_on_each_once() -> None:
    api = Service("api", 1, depends_on=("db",))
    web = Service("web", 2, depends_on=("api", "db"))
    config = Config("", "", (web, api, DB))
    assert with_dependencies(config, [web]) == (DB, api, web)
    assert with_dependencies(config, [api]) == (DB, api)
    assert with_dependencies(config, config.services) == (DB, api, web)

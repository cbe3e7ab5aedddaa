"""Which way a port gets to a server, by its command line alone."""

from __future__ import annotations

import shlex

import pytest

from devports.core.command_line import values_of, without
from devports.core.handoff import (
    HandoffPlan,
    fill_descriptors,
    loads_hook,
    mark,
    node_options,
    plan_handoff,
    python_path,
    without_outer_run,
)
from devports.core.model import Endpoint
from devports.core.service import Service
from devports.errors import DevportsError

FD = mark(0)
FOUR, SIX = Endpoint("127.0.0.1", 8000), Endpoint("::1", 8000)
PLAIN, HOOK = ("beside", "bare"), ("hook", "bare")


def decided(command: str, interpreter: str = "", **settings: object) -> HandoffPlan:
    env = settings.pop("env", {})
    both = settings.get("host") == "localhost"
    service = Service("web", 8000).replace(**settings)
    ends = (FOUR, SIX) if both else (FOUR,)
    argv = tuple(shlex.split(command.replace("{fd}", FD)))
    return plan_handoff(service, argv, env, ends, interpreter)  # type: ignore[arg-type]


TAKERS = [
    pytest.param("uvicorn app:app", "--fd {fd}", False, id="uvicorn, at its default address"),
    pytest.param("uvicorn a --host 127.0.0.1 --port=8000", "--fd {fd}", False, id="uvicorn, named"),
    pytest.param("python -m uvicorn a --reload", "--fd {fd}", False, id="uvicorn as a module"),
    pytest.param("uv run uvicorn a", "--fd {fd}", False, id="uvicorn behind uv"),
    pytest.param("sh -c 'uvicorn a'", "--fd {fd}", False, id="uvicorn in a shell"),
    pytest.param("gunicorn a -b 127.0.0.1:8000", "--bind fd://{fd}", True, id="gunicorn"),
    pytest.param("gunicorn a --bind=127.0.0.1:8000", "--bind fd://{fd}", True, id="gunicorn, ="),
    pytest.param("hypercorn a", "--bind fd://{fd}", True, id="hypercorn, at its default address"),
    pytest.param("daphne a -p 8000", "--fd {fd}", True, id="daphne has to find it listening"),
    pytest.param(
        "puma -b tcp://127.0.0.1:8000",
        "PUMA_INHERIT_0={fd}:tcp://127.0.0.1:8000",
        True,
        id="puma is told by a variable",
    ),
    pytest.param("uvicorn a --fd {fd}", "descriptor {fd}", False, id="the number, asked for"),
    pytest.param("./my-server {fd}", "descriptor {fd}", True, id="the number, for an unknown one"),
]


@pytest.mark.parametrize(("command", "how", "listening"), TAKERS)
def test_a_server_that_takes_a_socket_is_handed_it(
    command: str, how: str, *, listening: bool
) -> None:
    found = decided(command)
    assert found.ways[0] == "fd"
    assert found.handed is not None
    assert found.handed.how == how.replace("{fd}", FD)
    assert found.handed.listening is listening
    told = (*found.handed.argv, *dict(found.handed.env).values())
    assert any(FD in word for word in told)


@pytest.mark.parametrize(
    ("command", "env", "scheme"),
    [
        pytest.param("uvicorn a", {}, "http", id="uvicorn names the socket"),
        pytest.param("uvicorn a --ssl-keyfile k", {}, "https", id="uvicorn with a key"),
        pytest.param("uvicorn a", {"UVICORN_SSL_CERTFILE": "c"}, "https", id="by a variable"),
        pytest.param("flask run -p 8000", {}, "http", id="flask says nothing"),
        pytest.param("flask run -p 8000 --cert adhoc", {}, "https", id="flask with a key"),
        pytest.param("hypercorn a", {}, "", id="hypercorn says its address"),
        pytest.param("./my-server {fd}", {}, "", id="one of which nothing is known"),
    ],
)
def test_the_address_that_a_server_with_a_socket_no_longer_says(
    command: str, env: dict[str, str], scheme: str
) -> None:
    found = decided(command, env=env, handoff="fd").handed
    assert found is not None
    assert found.scheme == scheme


def test_its_words_are_changed_only_where_it_must_be_told() -> None:
    found = decided("sh -c 'exec gunicorn -w 2 -b 127.0.0.1:8000 app'").handed
    assert found is not None
    argv = [fill_descriptors(word, [9]) for word in found.argv]
    assert argv == ["sh", "-c", "exec gunicorn -w 2 app --bind 'fd://9'"]
    found = decided("daphne -b 127.0.0.1 -p 8000 app").handed
    assert found is not None
    assert [fill_descriptors(word, [9]) for word in found.argv] == ["daphne", "--fd", "9", "app"]


def test_a_server_that_takes_several_sockets_gets_one_for_each_address() -> None:
    found = decided("hypercorn -b 127.0.0.1:8000 -b [::1]:8000 app", host="localhost").handed
    assert found is not None
    assert found.argv[2:] == ("--bind", f"fd://{mark(0)}", "--bind", f"fd://{mark(1)}")


ASKED = [
    pytest.param("flask run -p 8000", "WERKZEUG_SERVER_FD={fd}", id="flask, which goes quiet"),
    pytest.param("nginx -g 'daemon off;'", "NGINX={fd};", id="nginx, whose file nobody reads"),
]


@pytest.mark.parametrize(("command", "how"), ASKED)
def test_what_costs_something_is_done_only_where_it_is_asked_for(command: str, how: str) -> None:
    assert decided(command).handed is None
    found = decided(command, handoff="fd")
    assert found.ways == ("fd",)
    assert found.handed is not None
    assert found.handed.how == how.replace("{fd}", FD)


REFUSED = [
    pytest.param("uvicorn a --host 0.0.0.0", "binds 0.0.0.0:8000, not 127.0.0.1:8000", id="wider"),
    pytest.param("uvicorn a --host ::", "binds [::]:8000", id="wider, the other family"),
    pytest.param("uvicorn a --port 9", "binds 127.0.0.1:9", id="another port"),
    pytest.param("uvicorn a --uds x", "names a socket", id="a unix socket"),
    pytest.param("gunicorn a", "has no bind address", id="gunicorn's default is not its own"),
    pytest.param("gunicorn a -b 0.0.0.0:8000", "binds 0.0.0.0:8000", id="gunicorn, wider"),
    pytest.param("hypercorn a -c x.toml", "has no bind address", id="a file may say it"),
    pytest.param("daphne a -u x", "names a socket", id="daphne on a unix socket"),
    pytest.param("daphne a -p 9", "binds 127.0.0.1:9", id="daphne on another port"),
    pytest.param("flask --debug run -p 8000", "reloader", id="flask with its reloader"),
    pytest.param("flask --app x routes", "only `flask run`", id="flask with another command"),
    pytest.param("flask run", "binds 127.0.0.1:5000", id="flask's own port"),
    pytest.param("puma", "has no bind address", id="puma without an address"),
    pytest.param("puma -b tcp://0.0.0.0:8000", "binds 0.0.0.0:8000", id="puma, wider"),
    pytest.param("npm run dev", "`npm` does not pass file descriptors to its children", id="npm"),
    pytest.param("vite", "`vite` is not known to accept an inherited socket", id="an unknown one"),
    pytest.param("sh -c 'cd x && uvicorn a'", "starts more than one program", id="a shell text"),
]


@pytest.mark.parametrize(("command", "why"), REFUSED)
def test_a_socket_that_cannot_be_handed_over_is_refused_with_the_reason(
    command: str, why: str
) -> None:
    with pytest.raises(DevportsError) as caught:
        decided(command, handoff="fd")
    assert caught.value.code == "handoff-unavailable"
    assert why in caught.value.message
    assert decided(command).handed is None, "and `auto` goes on to the next way"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param("npm run dev -- {fd}", "`npm`", id="through a launcher that loses it"),
        pytest.param(
            "my-server {fd}",
            "is a single socket, but the host resolves to two addresses",
            id="two addresses",
        ),
    ],
)
def test_a_number_that_would_mean_nothing_is_refused_whatever_the_way(
    command: str, why: str
) -> None:
    with pytest.raises(DevportsError) as caught:
        decided(command, host="localhost")
    assert why in caught.value.message


def test_two_addresses_are_too_many_for_a_server_that_takes_one_socket() -> None:
    assert decided("uvicorn a --host localhost", host="localhost").handed is None
    with pytest.raises(DevportsError):
        decided("nginx", host="localhost", handoff="fd")


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"UVICORN_HOST": "0.0.0.0"}, id="another address"),
        pytest.param({"UVICORN_FD": "3"}, id="a socket of its own"),
    ],
)
def test_what_variables_say_counts(env: dict[str, str]) -> None:
    assert decided("uvicorn a", env=env).handed is None


def test_a_number_in_a_variable_is_a_wish_for_the_socket() -> None:
    assert decided("./server", env={"LISTEN_ON": FD}).ways == ("fd",)


def test_a_name_that_means_one_address_may_be_named() -> None:
    argv = ("uvicorn", "a", "--host", "dev.local")
    found = plan_handoff(Service("web", 8000, "dev.local"), argv, {}, (FOUR,))
    assert found.handed is not None


HOOKED = [
    pytest.param("python app.py", "", id="python"),
    pytest.param("node app.js", "", id="node"),
    pytest.param("npm run dev", "", id="npm"),
    pytest.param("python -m anything", "", id="any module"),
    pytest.param("my-cli serve", "/venv/bin/python3", id="a script of Python's"),
    pytest.param("bin/cli", "node", id="a script of Node's"),
    pytest.param("./app.py", "", id="a file by its ending"),
    pytest.param("sh -c 'cd web && npm run dev'", "", id="named in a shell text"),
    pytest.param("flask run", "", id="flask"),
]


@pytest.mark.parametrize(("command", "interpreter"), HOOKED)
def test_python_and_node_are_hooked(command: str, interpreter: str) -> None:
    assert decided(command, interpreter).ways == HOOK


UNKNOWN = [
    pytest.param("php -S 127.0.0.1:8000", "", id="php"),
    pytest.param("./run.sh", "/bin/sh", id="a shell script"),
    pytest.param("granian app", "/venv/bin/python", id="granian binds in Rust"),
    pytest.param("bun run dev", "", id="bun"),
    pytest.param("python -I app.py", "", id="isolated Python"),
    pytest.param("sh -c 'make; ./start'", "", id="a shell text without a known name"),
]


@pytest.mark.parametrize(("command", "interpreter"), UNKNOWN)
def test_what_could_not_ask_is_not_made_to(command: str, interpreter: str) -> None:
    assert decided(command, interpreter).ways == PLAIN


def test_a_way_that_is_asked_for_is_the_only_one() -> None:
    assert decided("uvicorn a", handoff="plain").ways == PLAIN
    assert decided("uvicorn a", handoff="none").ways == ("bare",)
    assert decided("./unknown", handoff="hook").ways == ("hook",)
    assert decided("uvicorn a", handoff="fd").ways == ("fd",)


def test_behind_every_way_that_was_not_asked_for_is_a_start_without_a_hold() -> None:
    assert decided("uvicorn a").ways == ("fd", "bare")
    assert decided("puma -b tcp://127.0.0.1:8000").ways == ("fd", "bare")


@pytest.mark.parametrize(
    ("words", "values", "rest"),
    [
        pytest.param("a -p 1 b", ("1",), "a b", id="apart"),
        pytest.param("a -p1 b", ("1",), "a b", id="together"),
        pytest.param("--port=1 --port 2", ("1", "2"), "", id="the long name, twice"),
        pytest.param("a -p", (), "a -p", id="without a value"),
        pytest.param("--porter=1", (), "--porter=1", id="a longer name"),
    ],
)
def test_options_are_found_and_taken_out(words: str, values: tuple[str, ...], rest: str) -> None:
    args = words.split()
    assert values_of(args, "--port", "-p") == values
    assert without(args, "--port", "-p") == tuple(rest.split())


@pytest.mark.parametrize(
    ("name", "late"),
    [
        pytest.param("python3.13", True, id="Python"),
        pytest.param("node", True, id="Node"),
        pytest.param("perl", False, id="a program that has no hook"),
    ],
)
def test_who_loads_a_hook_may_be_late_on_a_busy_machine(name: str, *, late: bool) -> None:
    assert loads_hook(name) is late


FOLDER = "/opt/site-packages/devports/run/hooks/python"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"PATH": "/bin", "PORT": "1"}, {"PATH": "/bin", "PORT": "1"}, id="outside"),
        pytest.param({"DEVPORTS_RUN": "1.2", "DEVPORTS_HOOK": "t 1 /f"}, {}, id="its own"),
        pytest.param({"PYTHONPATH": python_path("", FOLDER)}, {}, id="PYTHONPATH alone"),
        pytest.param(
            {"PYTHONPATH": python_path("/mine:/x", FOLDER)},
            {"PYTHONPATH": "/mine:/x"},
            id="before another PYTHONPATH",
        ),
        pytest.param(
            {"NODE_OPTIONS": node_options("--inspect", "/s t/devports/hooks/node-0123abcd.cjs")},
            {"NODE_OPTIONS": "--inspect"},
            id="behind another option of Node",
        ),
        pytest.param(
            {"NODE_OPTIONS": '--require "/mine.cjs"'},
            {"NODE_OPTIONS": '--require "/mine.cjs"'},
            id="another module of Node",
        ),
        pytest.param({"PYTHONPATH": ""}, {"PYTHONPATH": ""}, id="empty stays empty"),
    ],
)
def test_the_environment_without_an_outer_run(
    before: dict[str, str], after: dict[str, str]
) -> None:
    assert without_outer_run(before) == after

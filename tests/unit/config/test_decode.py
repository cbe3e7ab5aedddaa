from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devports.config import keys
from devports.config.decode import parse
from devports.core.service import Config, EditorTasks, Ready, Service

if TYPE_CHECKING:
    from devports.config.keys import Key
    from devports.config.report import Problem


def problems(data: dict[str, Any]) -> list[Problem]:
    match parse(data):
        case Config() as config:
            pytest.fail(f"accepted: {config}")
        case found:
            return list(found)


def service(**keys: Any) -> dict[str, Any]:
    return {"services": {"web": {"port": 8000, **keys}}}


def accepted(data: dict[str, Any]) -> tuple[Service, ...]:
    result = parse(data, path="/p/devports.toml", root="/p")
    assert isinstance(result, Config), result
    assert (result.path, result.root) == ("/p/devports.toml", "/p")
    return result.services


def test_a_port_alone_makes_a_service_with_the_defaults():
    assert accepted(service()) == (Service("web", 8000),)


def test_everything_is_read():
    data = {
        "defaults": {"attempts": 5, "stop_timeout": 2, "host": "localhost"},
        "services": {
            "backend": {
                "command": ["uvicorn", "main:app", "--port", "{port}"],
                "cwd": "backend",
                "port": 8000,
                "env": {"URL": "postgresql://{services.db.host}:{services.db.port}"},
                "env_file": ".env",
                "ports": {"debug": 5678},
                "depends_on": ["db"],
                "ready": {"http": "/", "timeout": 60, "owner": "any", "log": "up"},
                "stop_signal": "SIGINT",
                "attempts": 2,
                "on_conflict": "reclaim",
                "handoff": "fd",
                "vscode": {"task": "Run", "prelaunch": ["Python: FastAPI"], "debug": "debugpy"},
            },
            "db": {"port": 5432, "command": "a | b", "shell": True},
        },
    }
    assert accepted(data) == (
        Service(
            "backend",
            8000,
            host="localhost",
            command=("uvicorn", "main:app", "--port", "{port}"),
            cwd="backend",
            env=(("URL", "postgresql://{services.db.host}:{services.db.port}"),),
            env_file=".env",
            ports=(("debug", 5678),),
            depends_on=("db",),
            ready=Ready("/", 60.0, "any", "up"),
            stop_signal="SIGINT",
            stop_timeout=2.0,
            attempts=2,
            on_conflict="reclaim",
            handoff="fd",
            vscode=EditorTasks("Run", ("Python: FastAPI",), "debugpy"),
        ),
        Service(
            "db", 5432, host="localhost", command="a | b", shell=True, stop_timeout=2.0, attempts=5
        ),
    )


INT = "must be an integer from 1 to 65535, not"
WRONG_VALUES = [
    pytest.param("port", 0, f"{INT} 0", id="port 0"),
    pytest.param("port", -1, f"{INT} -1", id="a negative port"),
    pytest.param("port", 70000, f"{INT} 70000", id="a port beyond 16 bits"),
    pytest.param("port", "8000a", f"{INT} a string", id="a port that is text"),
    pytest.param("port", "8000", f"{INT} a string (remove the quotes)", id="a quoted port"),
    pytest.param("port", True, f"{INT} a boolean", id="a boolean is not a port"),
    pytest.param("port", 8000.0, f"{INT} 8000.0", id="a fraction is not a port"),
    pytest.param("port", float("inf"), f"{INT} inf", id="an infinite port"),
    pytest.param("port", float("nan"), f"{INT} nan", id="a port that is not a number"),
    pytest.param("port", 1 << 9999, f"{INT} a number out of range", id="a port too long to print"),
    pytest.param("port", [8000], f"{INT} a list", id="a list of ports"),
    pytest.param("port", {"base": 1}, f"{INT} a table", id="a table for a port"),
    pytest.param("port", object(), f"{INT} a date or time", id="a date for a port"),
    pytest.param("host", "", "is empty: write", id="an empty host"),
    pytest.param("host", 1, "must be a string, not 1", id="a number for a host"),
    pytest.param("host", "a b", "must be a host name or a numeric", id="a host with a blank"),
    pytest.param("host", "localhost:80", "must not contain a port", id="a host with a port"),
    pytest.param("host", "[::1]", "must be an address without br", id="an address in brackets"),
    pytest.param("host", "http://x", "must be a name or an address, not a URL", id="a URL"),
    pytest.param("host", "127.1", "is not a numeric IPv4 address", id="a short IPv4 address"),
    pytest.param("host", "127.0.0.256", "is not a numeric IPv4", id="an octet too large"),
    pytest.param("host", "127.0.0.01", "is not a numeric IPv4", id="an octet with a zero"),
    pytest.param("host", "1:2:3", "is not a numeric IPv6 address", id="half an IPv6 address"),
    pytest.param("host", "fe80::1", "is link-local, one interf", id="a link-local address"),
    pytest.param("host", "FEBF::1%eth0", "is link-local, one interf", id="one with its interface"),
    pytest.param("host", "::1%", "is link-local, one interf", id="an empty zone"),
    pytest.param("host", "a" * 300, "must be a host name", id="a name that is too long"),
    pytest.param("host", "-x", "must be a host name", id="a name that looks like an option"),
    pytest.param("command", "", "is empty; remove the key", id="an empty command"),
    pytest.param("command", " ", "is empty; remove the key", id="a blank command"),
    pytest.param("command", [], "has no program", id="an empty list"),
    pytest.param("command", ["", "x"], "has no program", id="a list without a program"),
    pytest.param("command", 1, "must be a string or a list of strings, not 1", id="a number"),
    pytest.param("command", "it's", "into arguments: no closing quot", id="an open quote"),
    pytest.param("command", "'' x", "arguments: its first word is empty", id="an empty first word"),
    pytest.param("command", "a\0", "must not contain a NUL character", id="a NUL"),
    pytest.param("shell", "yes", "must be true or false, not a string", id="shell is text"),
    pytest.param("cwd", "", "is empty; remove the key", id="an empty folder"),
    pytest.param("cwd", 1, "must be a string, not 1", id="a number for a folder"),
    pytest.param("cwd", "~/shop", "are not expanded in a path", id="a tilde"),
    pytest.param("env_file", "${HOME}/x", "are not expanded in a path", id="a shell variable"),
    pytest.param("env", [], "must be a table, not a list", id="variables in a list"),
    pytest.param("ports", 1, "must be a table, not 1", id="ports are a number"),
    pytest.param("depends_on", "db", "must be a list of strings, not a string", id="not a list"),
    pytest.param("ready", "/", "must be a table, not a string", id="ready is text"),
    pytest.param("stop_signal", 15, "must be a string, not 15", id="a signal number"),
    pytest.param("stop_timeout", 0, "must be a number from 0.1 to 600, not 0", id="no time"),
    pytest.param("stop_timeout", -1.5, "from 0.1 to 600, not -1.5", id="negative time"),
    pytest.param("stop_timeout", float("inf"), "from 0.1 to 600, not inf", id="endless time"),
    pytest.param("stop_timeout", float("nan"), "from 0.1 to 600, not nan", id="time is nan"),
    pytest.param("stop_timeout", "5", "a string (remove the quotes)", id="quoted time"),
    pytest.param("stop_timeout", True, "to 600, not a boolean", id="a boolean is no time"),
    pytest.param("attempts", 21, "must be an integer from 1 to 20, not 21", id="many attempts"),
]


@pytest.mark.parametrize(("key", "value", "reason"), WRONG_VALUES)
def test_a_wrong_value_is_one_problem_with_its_path_and_reason(
    key: str, value: object, reason: str
):
    (problem,) = problems(service(**{key: value}))
    assert problem.path == ("services", "web", key)
    assert problem.at == "value"
    assert f"`services.web.{key}`" in problem.text
    assert reason in problem.text


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        pytest.param(
            service(prot=1), "web.prot", "unknown key in `services.web`; did you mean `port`?",
            id="a misspelt key",
        ),
        pytest.param(service(cmd="x"), "web.cmd", "did you mean `command`?", id="compose's word"),
        pytest.param(
            service(ready={"url": "/"}), "web.ready.url",
            "unknown key in `services.web.ready`; did you mean `http`?", id="a key in a table",
        ),
        pytest.param(
            service(qqqqq=1), "web.qqqqq", "unknown key in `services.web`", id="nothing like it"
        ),
        pytest.param(
            service(**{"k" * 5000: 1}), "web." + "k" * 5000, "unknown key in `services.web`",
            id="a key too long to guess at",
        ),
        pytest.param(
            service(stop_signal="TERM"), "web.stop_signal", "did you mean `SIGTERM`?",
            id="a signal without SIG",
        ),
        pytest.param(
            service(on_conflict="kill"), "web.on_conflict",
            '`services.web.on_conflict` must be one of "ask", "reclaim", "next", "fail"',
            id="a choice that does not exist",
        ),
        pytest.param(
            service(vscode={"debug": "gdb"}), "web.vscode.debug",
            '`services.web.vscode.debug` must be one of "debugpy", "node"', id="a choice of few",
        ),
        pytest.param(
            service(ready={"http": "healthz"}), "web.ready.http", 'starts with "/"', id="no slash"
        ),
        pytest.param(
            service(vscode={"task": "Run ${x}"}), "web.vscode.task", "VS Code would expand",
            id="a label that VS Code would expand",
        ),
        pytest.param(
            service(vscode={"prelaunch": ["a", "b\nc"]}), "web.vscode.prelaunch.1",
            "must be names of launch", id="a launch configuration of two lines",
        ),
        pytest.param(
            service(vscode={"prelaunch": ["a", 1]}), "web.vscode.prelaunch.1",
            "must be a string, not 1", id="a number in a list",
        ),
        pytest.param(
            service(depends_on=["a\0"]), "web.depends_on.0", "NUL", id="a NUL in a list"
        ),
        pytest.param(
            service(depends_on=["a b"]), "web.depends_on.0", "must be names of services",
            id="not a name of a service",
        ),
        pytest.param(
            service(command=["a", 1]), "web.command.1", "must be a string, not 1",
            id="a number in a command",
        ),
        pytest.param(
            service(env={"A B": "x"}), "web.env.A B", "`A B` is not a valid variable name",
            id="a blank in a variable's name",
        ),
        pytest.param(
            service(env={"A": 3}), "web.env.A", "`services.web.env.A` must be a string, not 3",
            id="a number for a variable",
        ),
        pytest.param(
            service(ports={"a.b": 1}), "web.ports.a.b", "`a.b` is not a valid port name",
            id="a dot in a port's name",
        ),
        pytest.param(
            service(ports={"debug": 0}), "web.ports.debug", "from 1 to 65535, not 0",
            id="a further port that is none",
        ),
        pytest.param(
            service(ports={f"p{i}": i + 1 for i in range(65)}), "web.ports",
            "65 ports; the maximum is 64", id="too many further ports",
        ),
        pytest.param(
            service(command=["a"], shell=True), "web.command",
            "must be a string if `shell` is true", id="a list for a shell",
        ),
        pytest.param(
            {"services": {"web": {}}}, "web", "`services.web` needs a `port`", id="no port"
        ),
        pytest.param(
            {"services": {"web": {"prot": 1}}}, "web.prot", "did you mean `port`?",
            id="a misspelt port is not also missing",
        ),
        pytest.param(
            {"services": {"web": 5}}, "web", "`services.web` must be a table, not 5",
            id="a service that is a number",
        ),
        pytest.param(
            {"services": {"a b\x1b": {"port": 1}}}, "a b\x1b",
            r"`a b\x1b` is not a valid service name", id="a service name with control characters",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_service(data: dict[str, Any], path: str, reason: str):
    (problem,) = problems(data)
    assert ".".join(map(str, problem.path)) == f"services.{path}"
    assert reason in problem.text


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        pytest.param({}, (), "no services defined; add `[services.NAME]`", id="an empty file"),
        pytest.param({"services": []}, ("services",), "table of services", id="services as a list"),
        pytest.param(
            {**service(), "service": {}}, ("service",), "unknown key; did you mean `services`?",
            id="a misspelt table",
        ),
        pytest.param(
            {**service(), "port_per": "worktree"}, ("port_per",),
            "`port_per` is not allowed here; set it in `[defaults]`", id="a default at the top",
        ),
        pytest.param(
            {**service(), "port": 8000}, ("port",),
            "`port` is not allowed here; set it in `[services.NAME]`", id="a key without a service",
        ),
        pytest.param(
            {**service(), "defaults": 1}, ("defaults",), "`defaults` must be a table, not 1",
            id="defaults that are no table",
        ),
        pytest.param(
            {**service(), "defaults": {"port": 1}}, ("defaults", "port"),
            "`port` is not allowed in `[defaults]`; set it per service", id="a default port",
        ),
        pytest.param(
            {**service(), "defaults": {"atempts": 1}}, ("defaults", "atempts"),
            "unknown key in `defaults`; did you mean `attempts`?", id="a misspelt default",
        ),
        pytest.param(
            {**service(), "defaults": {"attempts": 0}}, ("defaults", "attempts"),
            "`defaults.attempts` must be", id="a wrong default is said once",
        ),
        pytest.param(
            {"services": {f"s{i}": {"port": 1} for i in range(257)}}, ("services",),
            "257 services; the maximum is 256", id="too many services",
        ),
    ],
)  # fmt: skip
def test_a_mistake_outside_services(data: dict[str, Any], path: tuple[str, ...], reason: str):
    (problem,) = problems(data)
    assert problem.path == path
    assert reason in problem.text


def test_all_problems_are_reported_at_once():
    data = {"x": 1, "services": {"a": {"port": 0, "host": "["}, "b": {"prot": 1, "cwd": 1}}}
    assert len(problems(data)) == 5


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"command": "x {fd}"}, id="fd with handoff auto"),
        pytest.param({"command": "x {fd}", "handoff": "fd"}, id="fd with handoff fd"),
        pytest.param({"command": "echo ${port}", "shell": True}, id="a shell's own variable"),
        pytest.param({"command": "it's", "shell": True}, id="a shell splits for itself"),
        pytest.param({"command": "x ${HOME} '{\"a\": 1}'"}, id="braces of others"),
        pytest.param({"env": {"A": '{"a":{"b":1}}'}}, id="JSON"),
        pytest.param({"host": "app.internal."}, id="a name with a final dot"),
        pytest.param({"host": "::ffff:127.0.0.1"}, id="an IPv4 address written as IPv6"),
        pytest.param({"host": "fe8::1"}, id="an address that only looks link-local"),
        pytest.param({"host": "10.1.2.3"}, id="an address of the network"),
        pytest.param({"port": 65535, "stop_timeout": 0.1, "attempts": 20}, id="the bounds"),
    ],
)
def test_what_is_fine(keys: dict[str, Any]):
    accepted(service(**keys))


def test_the_specification_and_the_services_have_the_same_keys():
    assert set(keys.SERVICE) == set(Service.__match_args__) - {"name", "base"}
    inner = {name: set(key.keys) for name, key in keys.SERVICE.items() if key.keys}
    expected = {"ready": set(Ready.__match_args__), "vscode": set(EditorTasks.__match_args__)}
    assert inner == expected


@pytest.mark.parametrize(("name", "key"), keys.SERVICE.items(), ids=keys.SERVICE)
def test_what_is_said_to_be_the_default_is_what_a_file_without_the_key_means(name: str, key: Key):
    if key.default is not None:
        assert accepted(service(**{name: key.default})) == accepted(service())

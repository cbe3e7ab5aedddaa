from __future__ import annotations

from typing import Any

import pytest

from devports.config.decode import parse
from devports.config.report import Problem
from devports.core.service import Config


def problems(data: dict[str, Any]) -> list[Problem]:
    match parse(data):
        case Config() as config:
            pytest.fail(f"accepted: {config}")
        case found:
            return list(found)


def service(**keys: Any) -> dict[str, Any]:
    return {"services": {"web": {"port": 8000, **keys}}}


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", True, id="the same address"),
        pytest.param("127.0.0.1", "127.0.0.2", False, id="two loopback addresses"),
        pytest.param("127.0.0.1", "0.0.0.0", True, id="an address and every IPv4 address"),
        pytest.param("0.0.0.0", "127.0.0.1", True, id="every IPv4 address and one of them"),
        pytest.param("0.0.0.0", "::1", False, id="every IPv4 address and an IPv6 one"),
        pytest.param("::1", "0.0.0.0", False, id="an IPv6 address and every IPv4 one"),
        pytest.param("127.0.0.1", "::1", False, id="the two loopbacks"),
        pytest.param("localhost", "::1", True, id="localhost is IPv6 too"),
        pytest.param("LOCALHOST.", "127.0.0.1", True, id="localhost is IPv4 too"),
        pytest.param("::", "127.0.0.1", True, id="a dual-stack wildcard covers IPv4"),
        pytest.param("0.0.0.0", "::", True, id="the two wildcards"),
        pytest.param("::", "0.0.0.0", True, id="the two wildcards the other way round"),
        pytest.param("0:0::1", "::1", True, id="one address written in two ways"),
        pytest.param("::ffff:127.0.0.1", "127.0.0.1", True, id="an IPv4 address written as IPv6"),
        pytest.param("::ffff:7f00:1", "0.0.0.0", True, id="the same and every IPv4 address"),
        pytest.param("2001:db8::1", "2001:db8::2", False, id="two IPv6 addresses"),
        pytest.param("app.test", "APP.test", True, id="the same name"),
        pytest.param("app.test", "127.0.0.1", False, id="a name that may be elsewhere"),
        pytest.param("app.test", "0.0.0.0", True, id="a name and every address"),
    ],
)
def test_two_services_on_one_port(one: str, other: str, clash: bool):
    data = {"services": {"a": {"port": 80, "host": one}, "b": {"port": 80, "host": other}}}
    result = parse(data)
    expected = Problem(("services", "b", "port"), "port 80 of `b` is already declared by `a`")
    assert (result == (expected,)) is clash
    assert isinstance(result, Config) is not clash


def test_a_further_port_counts_like_the_first():
    data = {
        "services": {
            "a": {"port": 80, "ports": {"debug": 80, "x": 81}},
            "b": {"port": 81, "ports": {"y": 81}},
        }
    }
    assert [problem.reason for problem in problems(data)] == [
        "port 80 of `a.ports.debug` is already declared by `a`",
        "port 81 of `b` is already declared by `a.ports.x`",
        "port 81 of `b.ports.y` is already declared by `a.ports.x`",
    ]


NO_ROOM = "port 65001 leaves no room for the ports of other worktrees; "
NO_ROOM += "with `port_per` the maximum is 65000"
WORKTREE = {"port_per": "worktree", "command": "x {offset}"}


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        pytest.param(service(**WORKTREE, port=65000), [], id="the last port with room"),
        pytest.param(
            service(**WORKTREE, port=65001),
            [NO_ROOM], id="a port without room",
        ),
        pytest.param(
            service(**WORKTREE, ports={"debug": 65001}, vscode={"debug": "debugpy"}), [],
            id="the debugger's port is not shifted",
        ),
        pytest.param(
            service(command="x {offset}"),
            ['`{offset}` has a value only with `port_per = "worktree"`'],
            id="an offset without meaning",
        ),
        pytest.param(
            {"defaults": {"port_per": "worktree"}, "services": {
                "web": {"port": 8000, "command": "x {offset}"}, "db": {"port": 65432}}},
            [], id="a default is for services with a command",
        ),
        pytest.param(
            {"services": {"web": {"port": 8000, "command": "x {offset}"},
                          "db": {"port": 5432, "port_per": "worktree"}}},
            [], id="a service without a command may say it itself",
        ),
    ],
)  # fmt: skip
def test_ports_for_each_worktree(data: dict[str, Any], reasons: list[str]):
    assert [problem.reason for problem in (problems(data) if reasons else ())] == reasons
    assert isinstance(parse(data), Config) is not bool(reasons)


def test_two_wrong_ports_are_not_the_same_port():
    found = problems({"services": {"a": {"port": 0}, "b": {"ports": {"x": 0}, "port": 1}}})
    assert [problem.path[1:] for problem in found] == [("a", "port"), ("b", "ports", "x")]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        pytest.param(
            {"command": "x"},
            "the debugger needs a port; add `ports = { debug = 9229 }` to the service",
            id="no port for it",
        ),
        pytest.param({"ports": {"debug": 2}}, "`a` has no command to debug", id="no command"),
        pytest.param({"command": "x", "ports": {"debug": 2}}, None, id="all that it needs"),
    ],
)
def test_a_debugger(keys: dict[str, object], reason: str | None):
    data = {"services": {"a": {"port": 1, "vscode": {"debug": "node"}, **keys}}}
    result = parse(data)
    found = result if isinstance(result, tuple) else ()
    assert [problem.reason for problem in found] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("needs", "reasons"),
    [
        pytest.param({"a": ["b"], "b": ["c"], "c": []}, [], id="a chain"),
        pytest.param({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, [], id="a diamond"),
        pytest.param({"a": ["a"]}, ["circular `depends_on`: a -> a"], id="itself"),
        pytest.param(
            {"z": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]},
            ["circular `depends_on`: a -> b -> c -> a"],
            id="a circle",
        ),
        pytest.param(
            {"backend": ["bakend"]},
            ["no service `bakend`; did you mean `backend`?"],
            id="a service that does not exist",
        ),
    ],
)
def test_dependencies(needs: dict[str, list[str]], reasons: list[str]):
    services = {name: {"port": i + 1, "depends_on": n} for i, (name, n) in enumerate(needs.items())}
    result = parse({"services": services})
    found = result if isinstance(result, tuple) else ()
    assert [problem.text for problem in found] == reasons


@pytest.mark.parametrize(
    ("keys", "path", "reason"),
    [
        pytest.param(
            {"command": "x {prot}"}, ("command",),
            "unknown placeholder `{prot}` (for literal text write `{{prot}}`); "
            "did you mean `port`?",
            id="in a command",
        ),
        pytest.param({"command": ["x", "{prot}"]}, ("command", 1), "`{prot}`", id="in a list"),
        pytest.param({"env": {"A": "{a.b}"}}, ("env", "A"), "`{a.b}`", id="in a variable"),
        pytest.param({"cwd": "{x}"}, ("cwd",), "placeholder `{x}`", id="in a folder"),
        pytest.param({"env_file": "{x}"}, ("env_file",), "placeholder `{x}`", id="in a file"),
        pytest.param({"ready": {"http": "/{x}"}}, ("ready", "http"), "`{x}`", id="in a path"),
        pytest.param(
            {"command": "x {services.wbe.port}"}, ("command",),
            "did you mean `services.web.port`?", id="of a service that does not exist",
        ),
        pytest.param({"command": "{ports.x}"}, ("command",), "`{ports.x}`", id="a further port"),
        pytest.param({"cwd": "{fd}"}, ("cwd",), "only in `command` and `env`", id="fd in a folder"),
        pytest.param(
            {"command": "x {fd}", "handoff": "plain"}, ("command",),
            '`{fd}` needs `handoff = "fd"` or `"auto"`, not "plain"', id="fd without a handoff",
        ),
        pytest.param(
            {"command": "x ${port}"}, ("command",),
            "`${port}` is not a placeholder; write `{port}`", id="the shell's way of writing",
        ),
        pytest.param(
            {"env": {"A": "${fd}"}}, ("env", "A"), "write `{fd}`",
            id="the shell's way in a variable"
        ),
    ],
)  # fmt: skip
def test_a_wrong_placeholder(keys: dict[str, Any], path: tuple[str | int, ...], reason: str):
    (problem,) = problems(service(**keys))
    assert problem.path == ("services", "web", *path)
    assert reason in problem.text

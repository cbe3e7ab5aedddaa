"""What a hook may say, and what an environment becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.handoff import (
    FailedBind,
    HookHello,
    HookRequest,
    node_options,
    parse_report,
    parse_request,
    python_path,
    refused_elsewhere,
    variable,
)
from devports.core.model import Endpoint

TOKEN, PORTS = "0f", {8000}


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        pytest.param(
            b"0f adopt 127.0.0.1 8000\n",
            HookRequest(Endpoint("127.0.0.1", 8000), True),
            id="a socket",
        ),
        pytest.param(
            b"0f bind :: 8000\n", HookRequest(Endpoint("::", 8000), False), id="room to bind"
        ),
        pytest.param(b"00 adopt 127.0.0.1 8000\n", None, id="another token"),
        pytest.param(b"0f eat 127.0.0.1 8000\n", None, id="another word"),
        pytest.param(b"0f adopt 127.0.0.1 8001\n", None, id="a port that is not declared"),
        pytest.param(b"0f adopt 127.0.0.1 port\n", None, id="no port"),
        pytest.param(b"0f bind :: " + b"9" * 5000, None, id="no number that Python reads"),
        pytest.param(b"0f adopt localhost 8000\n", None, id="a name"),
        pytest.param(b"0f adopt ff 8000\n", None, id="digits alone"),
        pytest.param(b"0f adopt 127.0.0.1 8000 more\n", None, id="more words"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"\xff\n", None, id="no text"),
    ],
)
def test_a_question_is_understood_or_not_answered(line: bytes, ask: HookRequest | None) -> None:
    assert parse_request(line, TOKEN, PORTS) == ask


@given(st.binary(max_size=300))
def test_whatever_is_said_without_the_token_is_no_question(line: bytes) -> None:
    assert parse_request(line, "a token that nobody guesses", PORTS) is None


def test_the_variable_names_token_ports_and_folder() -> None:
    assert variable("0f", [8001, 8000, 8000], "/a b") == "0f 8000,8001 /a b"
    assert variable("0f", (), "/a b") == "0f  /a b", "about no port is asked"


METRICS = FailedBind(7, Endpoint("127.0.0.1", 9100), 98)
FACTS: dict[str, tuple[bytes, HookHello | FailedBind | None]] = {
    "a Python program": (b"hello 7 python /x/my app.py", HookHello(7, "python", "/x/my app.py")),
    "a Node program without a script": (b"hello 7 node ", HookHello(7, "node", "")),
    "a bind that failed": (b"fail 7 tcp 127.0.0.1 9100 98", METRICS),
    "one on IPv6": (b"fail 7 tcp :: 9100 13", FailedBind(7, Endpoint("::", 9100), 13)),
    "a language that has no hook": (b"hello 7 cobol x", None),
    "a hello of nobody": (b"hello 0 python x", None),
    "a pid that no system gives": (b"hello 99999999 python x", None),
    "a failure of nobody": (b"fail x tcp 127.0.0.1 9100 98", None),
    "UDP": (b"fail 7 udp 127.0.0.1 9100 98", None),
    "a name": (b"fail 7 tcp localhost 9100 98", None),
    "a port that does not exist": (b"fail 7 tcp 127.0.0.1 65536 98", None),
    "any port": (b"fail 7 tcp 127.0.0.1 0 98", None),
    "an error that is none": (b"fail 7 tcp 127.0.0.1 9100 -2", None),
    "more words": (b"fail 7 tcp 127.0.0.1 9100 98 99", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("line", "fact"), FACTS.values(), ids=FACTS)
def test_what_a_hook_tells_is_read_or_passed_over(
    line: bytes, fact: HookHello | FailedBind | None
) -> None:
    assert parse_report(line) == fact


@given(st.binary(max_size=300))
def test_whatever_bytes_are_told_nothing_is_raised(line: bytes) -> None:
    parse_report(line)


@pytest.mark.parametrize(
    ("script", "launches"),
    [
        pytest.param("/usr/lib/node_modules/npm/bin/npm-cli.js", True, id="npm"),
        pytest.param("/usr/bin/npx", True, id="npx"),
        pytest.param("/opt/pnpm.cjs", True, id="pnpm"),
        pytest.param("/app/.yarn/releases/yarn-3.6.1.cjs", True, id="a project's own yarn"),
        pytest.param("/app/.venv/bin/honcho", True, id="honcho"),
        pytest.param("/app/server.js", False, id="a server"),
        pytest.param("/app/npm/server.js", False, id="a server in a folder of that name"),
        pytest.param("", False, id="a program without a script"),
    ],
)
def test_a_launcher_is_not_the_program(script: str, launches: bool) -> None:
    assert HookHello(7, "node", script).is_launcher is launches


OURS = METRICS.replace(endpoint=Endpoint("127.0.0.1", 8000))


@pytest.mark.parametrize(
    ("failed", "found"),
    [
        pytest.param([], None, id="none failed"),
        pytest.param([METRICS], METRICS, id="one of another port"),
        pytest.param(
            [METRICS.replace(pid=6), METRICS], METRICS, id="the last one is what it ended by"
        ),
        pytest.param([METRICS, OURS], None, id="one of ours failed as well"),
    ],
)
def test_the_bind_of_another_port_is_no_cause_where_ours_failed(
    failed: list[FailedBind], found: FailedBind | None
) -> None:
    assert refused_elsewhere(failed, PORTS) == found


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        pytest.param("", "/a/n.cjs", '--require "/a/n.cjs"', id="alone"),
        pytest.param("--max=1", "/n.cjs", '--max=1 --require "/n.cjs"', id="behind the user's"),
        pytest.param("", '/a "b\\c', '--require "/a \\"b\\\\c"', id="quotes and backslashes"),
    ],
)
def test_what_node_loads_first(before: str, path: str, after: str) -> None:
    assert node_options(before, path) == after


@pytest.mark.parametrize(("before", "after"), [("", "/h"), ("/x:/y", "/h:/x:/y")])
def test_where_python_looks_first(before: str, after: str) -> None:
    assert python_path(before, "/h") == after

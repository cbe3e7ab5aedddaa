"""What VS Code reads is what the shipped matcher waits for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from devports import exitcodes
from devports.core.model import Endpoint
from devports.core.recovery import Ended, ServerReady, ServerStarted
from devports.errors import DevportsError
from devports.ui.run_progress import (
    NOT_RUNNING,
    event_line,
    failure,
    meaning,
    one_line,
    ready_line,
    start_line,
)
from devports.ui.text import in_vscode
from tests.harness import jsonc

TEMPLATE = Path(__file__).parents[3] / ".vscode-template" / "tasks.json"
HERE = Endpoint("127.0.0.1", 8000)


def matcher() -> dict[str, Any]:
    (run, *_) = jsonc.read(TEMPLATE.read_text("utf-8"))["tasks"]
    assert isinstance(run["problemMatcher"], dict)
    return run["problemMatcher"]


BEGIN, END = (matcher()["background"][key] for key in ("beginsPattern", "endsPattern"))
ERROR = matcher()["pattern"]["regexp"]
FAILED = failure("it is held: really", "devports.toml").splitlines()[0]


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        pytest.param(start_line("web"), BEGIN, id="the begin"),
        pytest.param(event_line(ServerStarted("web", HERE, 1, "fd")), BEGIN, id="a start"),
        pytest.param(event_line(ServerStarted("web", HERE, 2, "bare")), BEGIN, id="another start"),
        pytest.param(event_line(ServerReady("web", HERE, None, 0.1)), END, id="ready"),
        pytest.param(
            failure("it is held: really", "devports.toml").splitlines()[0], ERROR, id="a failure"
        ),
    ],
)
def test_the_matcher_knows_the_line(line: str, pattern: str) -> None:
    assert "\n" not in line
    assert [re.search(each, line) is not None for each in (BEGIN, END, ERROR)] == [
        each == pattern for each in (BEGIN, END, ERROR)
    ]


def test_whoever_waits_stops_at_either_end() -> None:
    tasks = jsonc.read(TEMPLATE.read_text("utf-8"))["tasks"]
    runs = [task for task in tasks if str(task.get("command")).startswith("devports run ")]
    ends = [task["problemMatcher"]["background"]["endsPattern"] for task in runs]
    assert ends == [END, END]
    assert re.search(END, NOT_RUNNING)
    assert re.search(END, event_line(ServerReady("web", HERE, None, 0.1)))


def test_all_of_a_failure_is_one_text_with_the_end_behind_the_error() -> None:
    error, end = failure("it is held", "devports.toml").splitlines()
    assert error == "devports: error: devports.toml: it is held"
    assert (end, bool(re.search(ERROR, error))) == ("devports: not running", True)
    assert not re.search(END, error)


def test_a_failure_names_the_file_and_what_happened() -> None:
    line, _ = failure("port 1: held\x1b", "devports.toml").splitlines()
    found = re.search(ERROR, line)
    assert found is not None
    assert found.groups() == ("devports.toml", None, r"port 1: held\x1b")


FORMER_ERROR = "^devports: error: ([^:]+): (.*)$"
"""The pattern of tasks that were written before lines had a number: no launch may start by it."""


@pytest.mark.parametrize(
    ("message", "line", "groups"),
    [
        pytest.param("`web` is held", 2, ("devports.toml", "2", "`web` is held"), id="a line"),
        pytest.param("`web` is held", 0, ("devports.toml", None, "`web` is held"), id="none"),
        pytest.param(
            "127.0.0.1:8000 is held", 12, ("devports.toml", "12", "address 127.0.0.1:8000 is held"),
            id="no number at the begin, which VS Code would read as the column",
        ),
    ],
)  # fmt: skip
def test_a_failure_names_the_line(message: str, line: int, groups: tuple[str | None, ...]) -> None:
    text, _ = failure(message, "devports.toml", line).splitlines()
    found = re.search(ERROR, text)
    assert found is not None
    assert found.groups() == groups
    assert re.search(FORMER_ERROR, text)


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        pytest.param((), "it is wrong", id="the message"),
        pytest.param(
            ("3 | prot = 1", "  | ^^^^ unknown key", "4 | x = 1", "  | ^ another"),
            "it is wrong: unknown key",
            id="the first problem of a configuration",
        ),
    ],
)
def test_an_error_in_short(facts: tuple[str, ...], line: str) -> None:
    assert one_line(DevportsError("config-invalid", "it is wrong", facts=facts)) == line


def test_an_error_of_ours_says_more_than_its_code() -> None:
    ended = Ended(127, "devports", "command-not-found", "command not found: `x`")
    assert meaning("web", ended) == "command not found: `x`"


@pytest.mark.parametrize(
    ("code", "source", "words"),
    [
        pytest.param(
            exitcodes.HELD,
            "devports",
            "`web` was not started: its port is in use",
            id="held",
        ),
        pytest.param(98, "devports", "`web` was not started: exit code 98", id="no code of a run"),
        pytest.param(3, "child", "`web` exited with code 3", id="the server's own code"),
        pytest.param(90, "child", "`web` exited with code 90", id="a code that is like ours"),
    ],
)
def test_how_a_run_failed(code: int, source: Any, words: str) -> None:
    assert meaning("web", Ended(code, source, "any")) == words


def test_a_server_that_was_started_and_not_ready_was_stopped() -> None:
    ended = Ended(exitcodes.NOT_READY, "devports", "not-ready")
    assert meaning("web", ended, started=True) == "`web` was stopped: it did not become ready"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("child", "exited with code {}, before it was ready", id="of a server"),
        pytest.param("devports", "was not started: exit code {}", id="where none was started"),
    ],
)
@pytest.mark.parametrize("code", [0, 130, 139, 143])
def test_a_good_end_and_one_by_a_signal_are_failures_before_it_was_ready(
    code: int, source: Any, words: str
) -> None:
    assert meaning("web", Ended(code, source, "any")) == f"`web` {words.format(code)}"
    assert meaning("web", Ended(code, source, "any", ready=True)) == ""


VS_CODE = {"TERM_PROGRAM": "vscode"}
EVERYWHERE = Endpoint("0.0.0.0", 8000)


@pytest.mark.parametrize(
    ("owned", "env", "line"),
    [
        pytest.param(ServerReady("web", HERE, None, 0.1), {}, "", id="the server says its address"),
        pytest.param(
            ServerReady("web", HERE, None, 0.1),
            VS_CODE,
            "devports: running (press Ctrl-C to stop)",
            id="VS Code needs a line",
        ),
        pytest.param(
            ServerReady("web", HERE, None, 0.1, scheme="http"),
            {},
            "devports: serving http://127.0.0.1:8000/ (press Ctrl-C to stop)",
            id="the server says no address",
        ),
        pytest.param(
            ServerReady("web", EVERYWHERE, None, 0.1, scheme="https"),
            VS_CODE,
            "devports: serving https://localhost:8000/ (press Ctrl-C to stop)",
            id="with a certificate, on every address",
        ),
    ],
)
def test_behind_the_ready_line(owned: ServerReady, env: dict[str, str], line: str) -> None:
    assert ready_line(owned, env) == line
    assert not any(re.search(each, line) for each in (BEGIN, END, ERROR))


def test_only_vs_code_reads_it() -> None:
    assert in_vscode({"TERM_PROGRAM": "vscode"})
    assert not in_vscode({"TERM_PROGRAM": "Apple_Terminal"})
    assert not in_vscode({})

"""What VS Code stumbles over is found, and what it takes is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from devports.vscode.lint import (
    LintFinding,
    labels_of,
    lint_launch,
    lint_tasks,
    needed_runs,
    waited_for,
)
from tests.harness import jsonc

MATCHER = {
    "owner": "x",
    "pattern": {"regexp": "^(.*)$", "message": 1},
    "background": {"beginsPattern": "^a", "endsPattern": "^b"},
}
WATCH = {"label": "w", "command": "x", "isBackground": True, "problemMatcher": MATCHER}


def found(*tasks: object) -> list[tuple[str, str]]:
    text = json.dumps({"tasks": tasks})
    return [(flaw.code, flaw.what) for flaw in lint_tasks("tasks.json", text)]


def but(**changes: object) -> dict[str, object]:
    """Return the background task with a matcher that is changed; None takes a key away."""
    matcher = {k: v for k, v in {**MATCHER, **changes}.items() if v is not None}
    return WATCH | {"problemMatcher": matcher}


FINE = [
    pytest.param([WATCH], id="a background task as it should be"),
    pytest.param([WATCH | {"problemMatcher": ["$tsc-watch"]}], id="a matcher by name"),
    pytest.param([WATCH | {"problemMatcher": {"base": "$x"}}], id="a matcher on top of another"),
    pytest.param([but(pattern=[{"regexp": "a"}, {"regexp": "b"}])], id="a pattern of two lines"),
    pytest.param([but(background=None, watching=MATCHER["background"])], id="as it was called"),
    pytest.param([but(background={"beginsPattern": {"regexp": "a"}, "endsPattern": "b"})],
                 id="a pattern that is an object"),
    pytest.param([{"label": "a", "dependsOn": ["npm: dev", "${defaultBuildTask}", {"type": "x"}]}],
                 id="tasks of extensions"),
    pytest.param([{"type": "npm", "script": "dev"}], id="a task of an extension needs no label"),
    pytest.param([{"taskName": "a", "command": "x"}, {"label": "b", "dependsOn": "a"}],
                 id="the old word for a label"),
    pytest.param([{"label": "a", "type": "process", "args": ["a;b"]}], id="no shell, no quoting"),
    pytest.param([{"label": "a", "args": ["a b", 1, {"value": ";", "quoting": "escape"}]}],
                 id="arguments that are quoted"),
    pytest.param([{"label": "a", "isBackground": False}], id="in the foreground"),
    pytest.param([1, None, "x"], id="no tasks at all"),
]  # fmt: skip


@pytest.mark.parametrize("tasks", FINE)
def test_nothing_is_wrong(tasks: list[object]) -> None:
    assert found(*tasks) == []


WRONG = [
    pytest.param([{"command": "x"}], "label-missing", "no `label`", id="no label"),
    pytest.param([{"label": "a"}, {"label": "a"}], "label-twice", "name `a`", id="two of a name"),
    pytest.param([{"label": "a", "dependsOn": "b"}], "depends-unknown", "`b`", id="no such task"),
    pytest.param([{"label": "a", "dependsOn": ["a", "b"]}], "depends-unknown", "`b`", id="listed"),
    pytest.param([WATCH | {"problemMatcher": []}], "matcher-missing", "`w`", id="no matcher"),
    pytest.param([{"label": "w", "isBackground": True}], "matcher-missing", "`w`", id="none"),
    pytest.param([but(pattern=None)], "matcher-unusable", "no `pattern`", id="no pattern"),
    pytest.param([but(background=None)], "matcher-unusable", "when the task is ready", id="no end"),
    pytest.param([but(background={"endsPattern": "a"})], "matcher-unusable", "no `beginsPattern`",
                 id="an end without a begin"),
    pytest.param([but(background={"beginsPattern": "a"})], "matcher-unusable", "no `endsPattern`",
                 id="a begin that is not closed"),
    pytest.param([{"label": "a", "runOptions": {"instancePolicy": "terminateNewest"}}],
                 "opens-a-race", "`a`", id="ends itself"),
    pytest.param([{"label": "a", "presentation": {"close": True}}], "close-hangs", "`a`", id="no"),
    pytest.param([{"label": "a", "args": ["it's"]}], "arguments-unquoted", "`a`", id="a quote"),
    pytest.param([{"label": "a", "command": "lsof -ti:8000 | xargs kill -9"}], "kills-clients",
                 "`a` kills every process", id="lsof lists the browser too"),
    pytest.param([{"label": "a", "type": "process", "command": "sh",
                   "args": ["-c", "kill $(lsof -t -i :8000)"]}], "kills-clients",
                 "`a`", id="lsof in the arguments"),
]  # fmt: skip


@pytest.mark.parametrize(("tasks", "code", "words"), WRONG)
def test_what_is_wrong(tasks: list[object], code: str, words: str) -> None:
    ((its_code, what),) = found(*tasks)
    assert its_code == code
    assert words in what


BLIND = {"label": "w", "command": "x", "isBackground": True}
SEVERITIES = [
    pytest.param([BLIND], frozenset(), "note", id="nothing waits for it"),
    pytest.param([BLIND], frozenset({"w"}), "error", id="a debugger waits for it"),
    pytest.param([BLIND, {"label": "all", "dependsOn": ["w"], "dependsOrder": "sequence"}],
                 frozenset(), "error", id="the next one of a sequence waits for it"),
    pytest.param([BLIND, {"label": "all", "dependsOn": ["w"]}], frozenset(), "note",
                 id="others start at the same time"),
    pytest.param([BLIND | {"detail": "(devports vscode)"}], frozenset(), "error", id="generated"),
    pytest.param([but(pattern=None)], frozenset(), "note", id="an unusable one"),
    pytest.param([but(pattern=None)], frozenset({"w"}), "error", id="an unusable one, waited for"),
    pytest.param([{"label": "w"}, {"label": "w"}], frozenset({"w"}), "warning", id="another flaw"),
]  # fmt: skip


@pytest.mark.parametrize(("tasks", "waited", "severity"), SEVERITIES)
def test_a_matcher_matters_where_something_waits_for_the_task(
    tasks: list[object], waited: frozenset[str], severity: str
) -> None:
    flaws = lint_tasks("t", json.dumps({"tasks": tasks}), waited)
    assert [flaw.severity for flaw in flaws] == [severity]


def test_a_task_that_kills_listeners_only_is_not_wrong() -> None:
    assert found({"label": "a", "command": "lsof -ti tcp:8000 -sTCP:LISTEN | xargs kill"}) == []
    assert found({"label": "a", "command": "lsof -ti:8000"}) == []


PIPED = WATCH | {"command": "npm run dev | tee log"}
PIPEFAIL = {"shell": {"executable": "bash", "args": ["-o", "pipefail", "-c"]}}
ENDS = [
    pytest.param(PIPED, True, id="a background task behind a pipe"),
    pytest.param({"label": "b", "command": "devports free web || true"}, True, id="one of ours"),
    pytest.param({"label": "first", "command": "make | cat"}, True, id="one that F5 waits for"),
    pytest.param({"label": "b", "command": "wc -l * | sort"}, False, id="nobody waits for it"),
    pytest.param(PIPED | {"type": "process"}, False, id="no shell"),
    pytest.param(PIPED | {"options": PIPEFAIL}, False, id="a shell that was told to mind"),
    pytest.param(
        WATCH | {"command": "serve || true", "options": PIPEFAIL}, True, id="and yet: no failure"
    ),
    pytest.param(PIPED | {"command": 1}, False, id="no text"),
    pytest.param(WATCH, False, id="a command by itself"),
]


@pytest.mark.parametrize(("task", "hides"), ENDS)
def test_a_task_that_hides_how_its_server_ended(task: dict[str, object], *, hides: bool) -> None:
    flaws = lint_tasks("t", json.dumps({"tasks": [task]}), frozenset({"first"}))
    assert [flaw.code for flaw in flaws] == (["exit-code-hidden"] if hides else [])


def test_tasks_that_a_debugger_waits_for() -> None:
    configurations = [{"preLaunchTask": "a"}, {"preLaunchTask": 1}, 2]
    launch = {"configurations": configurations, "compounds": [{"preLaunchTask": "b"}]}
    assert waited_for(json.dumps(launch)) == {"a", "b"}
    assert waited_for("{") == waited_for('{"compounds": 1}') == frozenset()


def test_a_flaw_has_its_place_and_says_what_follows() -> None:
    text = '{\n  "tasks": [\n    { "label": "a" },\n    { "label": "a" }\n  ]\n}\n'
    assert lint_tasks(".vscode/tasks.json", text) == (
        LintFinding(
            "label-twice",
            ".vscode/tasks.json",
            4,
            16,
            "duplicate name `a`",
            "VS Code runs one of them without warning",
        ),
    )


def test_a_file_that_cannot_be_read_is_a_flaw() -> None:
    for flaws in (lint_tasks("t", "{ 'a' }"), lint_launch("t", "{ 'a' }", frozenset())):
        (flaw,) = flaws
        assert (flaw.code, flaw.line, flaw.column) == ("file-broken", 1, 3)


def test_what_devports_wrote_is_marked() -> None:
    text = '{"tasks": [{"detail": "x (devports vscode)"}]}'
    assert [flaw.generated for flaw in lint_tasks("t", text)] == [True]


def run(command: object = "devports run web", end: object = "ready|not running", **more: object):
    """Return a background task that runs a service."""
    watch = {"beginsPattern": "^a", "endsPattern": end}
    matcher = MATCHER | {"background": watch}
    return {
        "label": "r",
        "command": command,
        "isBackground": True,
        "problemMatcher": matcher,
    } | more


READY = "^devports: `[^`]+` is ready on "
UNSEEN = [
    pytest.param(run(), False, id="as it should be"),
    pytest.param(run(end=READY), True, id="as it was before"),
    pytest.param(run("uv run devports run web", READY), True, id="behind another program"),
    pytest.param(run("devports", READY, args=["run", "web"]), True, id="words in a list"),
    pytest.param(run(end={"regexp": READY}), True, id="a pattern that is an object"),
    pytest.param(run(end=READY, detail="x (devports vscode)"), True, id="what devports wrote"),
    pytest.param(run(end=READY, isBackground=False), False, id="a task in the foreground"),
    pytest.param(run("devports free web", READY), False, id="no run"),
    pytest.param(run("./serve run web", READY), False, id="another program"),
    pytest.param(run(problemMatcher="$x"), False, id="a matcher by name"),
    pytest.param(run(end=1, args=[1]), False, id="nonsense"),
]


@pytest.mark.parametrize(("task", "unseen"), UNSEEN)
def test_a_run_whose_failure_is_not_seen(task: dict[str, object], *, unseen: bool) -> None:
    text = json.dumps({"tasks": [task]})
    flaws = [flaw for flaw in lint_tasks("t", text) if flaw.code == "failure-unseen"]
    assert [flaw.what for flaw in flaws] == ["`r` does not notice a failed start"] * unseen
    assert all(text[flaw.column - 1 :].startswith(('"^dev', '{"regexp"')) for flaw in flaws)


NEEDS = [
    pytest.param(["w", "r", "s"], "all", "r", id="the first one is named"),
    pytest.param("r", "all", "r", id="not in a list"),
    pytest.param(["w"], "all", None, id="no run of devports"),
    pytest.param(["f"], "all", None, id="in the foreground: VS Code reads its exit code"),
    pytest.param(["r"], "r", None, id="the debugger waits for the task itself"),
]


@pytest.mark.parametrize(("needs", "waits", "run_"), NEEDS)
def test_a_debugger_that_waits_for_several_tasks(
    needs: object, waits: str, run_: str | None
) -> None:
    free = {"label": "f", "command": "devports free web"}
    runs = [run(), run(label="s")]
    tasks = [WATCH, *runs, free, {"label": "all", "dependsOn": needs}]
    text = json.dumps({"tasks": tasks})
    launch = json.dumps({"configurations": [{"name": "F", "preLaunchTask": waits}]})
    flaws = lint_launch("l", launch, labels_of(text), needed_runs(text))
    what = f"`preLaunchTask` names `all`, which does not notice that `{run_}` failed"
    assert [(flaw.code, flaw.what) for flaw in flaws] == [("need-unseen", what)] * bool(run_)


LAUNCHES = [
    pytest.param({"name": "F", "preLaunchTask": "a"}, [], id="a task that is there"),
    pytest.param({"name": "F", "preLaunchTask": "npm: x"}, [], id="a task of an extension"),
    pytest.param({"name": "F", "preLaunchTask": "b"}, ["prelaunch-unknown"], id="no such task"),
    pytest.param({"name": "F", "postDebugTask": "b"}, ["prelaunch-unknown"], id="none behind"),
    pytest.param({"type": "node"}, ["label-missing"], id="no name"),
]


@pytest.mark.parametrize("key", ["configurations", "compounds"])
@pytest.mark.parametrize(("entry", "codes"), LAUNCHES)
def test_launch_configurations(entry: dict[str, object], codes: list[str], key: str) -> None:
    flaws = lint_launch("launch.json", json.dumps({key: [entry]}), frozenset({"a"}))
    assert [flaw.code for flaw in flaws] == codes


def test_labels_of_whatever_there_is() -> None:
    assert labels_of('{"tasks": [{"label": "a"}, {"label": 1}, 2]}') == {"a"}
    assert labels_of('{"tasks": 1}') == labels_of("{") == labels_of("") == frozenset()


KEYS = (
    "label isBackground problemMatcher pattern background regexp args runOptions dependsOn".split()
)


@settings(max_examples=25)
@given(jsonc.untidy())
def test_whatever_is_in_a_file_nothing_breaks(untidy: tuple[Any, str]) -> None:
    data, text = untidy
    names = json.dumps(data)
    for number, letter in enumerate("abc"):
        names = names.replace(f'"{letter}":', f'"{KEYS[number]}":')
    for each in (text, names):
        lint_tasks("t", each)
        lint_launch("t", each, frozenset())


@settings(max_examples=40)
@given(jsonc.VALUES, jsonc.VALUES)
def test_whatever_is_in_a_matcher_nothing_breaks(one: Any, other: Any) -> None:
    tasks = [dict.fromkeys(KEYS, one), {key: dict.fromkeys(KEYS, other) for key in KEYS}]
    tasks.append({"isBackground": True, "problemMatcher": [one, {"pattern": other}]})
    tasks.append({"isBackground": True, "command": one, "options": other})
    lint_tasks("t", json.dumps({"tasks": tasks}))

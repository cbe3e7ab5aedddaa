"""What `devports vscode` says."""

from __future__ import annotations

import pytest

from devports.ui.reports import changes, next_in_vscode, summary
from devports.ui.text import OutputStyle
from devports.vscode.merge import FileChange, Plan

NEW = FileChange(".vscode/tasks.json", None, "{\n}\n")
STALE = FileChange(".vscode/launch.json", "{\r\n  1\r\n}", "{\r\n  2\x1b[2J\r\n}")
SAME = FileChange(".vscode/launch.json", "{}", "{}")
ABSENT = FileChange(".vscode/launch.json", None, None)

LINES = [
    pytest.param(Plan((NEW, ABSENT)), "write", "wrote .vscode/tasks.json", id="written"),
    pytest.param(Plan((NEW, STALE)), "write", "wrote .vscode/tasks.json and .vscode/launch.json",
                 id="both written"),
    pytest.param(Plan((SAME, ABSENT)), "write", ".vscode/launch.json: up to date", id="current"),
    pytest.param(Plan((STALE,)), "check",
                 "out of date: .vscode/launch.json; to update, run `devports vscode`", id="stale"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "mode", "line"), LINES)
def test_the_last_line(plan: Plan, mode: str, line: str) -> None:
    assert summary(plan, mode, OutputStyle()) == line


def test_paths_are_those_from_where_the_person_is() -> None:
    assert summary(Plan((NEW,)), "write", OutputStyle(), "shop") == "wrote shop/.vscode/tasks.json"
    assert summary(Plan((NEW,)), "write", OutputStyle(), "..") == "wrote ../.vscode/tasks.json"
    assert "+++ b/shop/.vscode/tasks.json" in changes(Plan((NEW,)), OutputStyle(), "shop")


def test_a_difference_names_nothing_above_since_git_would_not_apply_it() -> None:
    assert "+++ b/.vscode/tasks.json" in changes(Plan((NEW,)), OutputStyle(), "..")


def test_what_writes_it_names_the_configuration() -> None:
    assert summary(Plan((STALE,)), "check", OutputStyle(config="a.toml")) == (
        "out of date: .vscode/launch.json; to update, run `devports vscode --config a.toml`"
    )


def test_the_difference_shows_foreign_text_as_text() -> None:
    assert changes(Plan((NEW, STALE, SAME)), OutputStyle()).split("\n") == [
        "--- /dev/null",
        "+++ b/.vscode/tasks.json",
        "@@ -0,0 +1,2 @@",
        "+{",
        "+}",
        "--- a/.vscode/launch.json",
        "+++ b/.vscode/launch.json",
        "@@ -1,3 +1,3 @@",
        " {",
        "-  1",
        r"+  2\x1b[2J",
        " }",
    ]


def test_the_difference_has_colours() -> None:
    assert "\x1b[32m+{\x1b[0m" in changes(Plan((NEW,)), OutputStyle(colour=True))


RUN, DEBUG = (
    "next in VS Code: Terminal > Run Task... > `Run Web`",
    "Run and Debug (F5) > `Debug Web`",
)
KEY = (
    'to start it by a key, add to keybindings.json: { "key": "ctrl+alt+r", "command": '
    '"workbench.action.tasks.runTask", "args": "Run Web" }'
)
WHY = "note: no launch.json: no service has `debug` or `prelaunch` in its `vscode` table"
NEXT = [
    pytest.param(
        Plan((NEW, ABSENT), runs=("Run Web", "Run Api")), [RUN, KEY, WHY], id="only tasks"
    ),
    pytest.param(
        Plan((NEW, STALE), runs=("Run Web",), debugs=("Debug Web",)),
        [RUN, f"next in VS Code: {DEBUG}", KEY],
        id="a debugger too",
    ),
    pytest.param(Plan((NEW, STALE)), [], id="nothing that starts a service"),
    pytest.param(Plan((SAME, ABSENT), runs=("Run Web",)), [], id="known from before"),
]


@pytest.mark.parametrize(("plan", "lines"), NEXT)
def test_what_to_press_where_all_of_this_is_new(plan: Plan, lines: list[str]) -> None:
    assert next_in_vscode(plan, OutputStyle()) == lines

"""The rules about the files of VS Code."""

from __future__ import annotations

import pytest

from devports.core.hint import text_of
from devports.doctor.facts import Editor, Facts, MissingTaskCommand
from devports.doctor.setup_rules import examine
from devports.vscode.lint import LintFinding

TASKS, LAUNCH = ".vscode/tasks.json", ".vscode/launch.json"
LOST = MissingTaskCommand("Run Web", "devports", "/bin")

RULES = [
    pytest.param(Editor(), [], id="no VS Code here"),
    pytest.param(Editor(missing=(TASKS,)), [], id="nobody has asked for it"),
    pytest.param(Editor(stale=(TASKS,)), [], id="a file that is all a person's"),
    pytest.param(Editor(wanted=True), [], id="all is up to date"),
    pytest.param(Editor(wanted=True, missing=(TASKS,)), ["editor-files-missing"], id="not yet"),
    pytest.param(Editor(generated=True, stale=(TASKS,)), ["editor-files-stale"], id="stale"),
    pytest.param(
        Editor(wanted=True, missing=(LAUNCH,), stale=(TASKS,)),
        ["editor-files-missing", "editor-files-stale"],
        id="both",
    ),
    pytest.param(Editor(trouble=("x", "y", ("z",))), ["x"], id="what should be is not known"),
    pytest.param(
        Editor(generated=True, unresolved=(LOST, LOST)), ["editor-command-missing"], id="lost"
    ),
    pytest.param(
        Editor(flaws=(LintFinding("label-twice", TASKS, 4, 2, "two", "why"),)),
        ["editor-label-twice"],
        id="a task that a person wrote",
    ),
]


@pytest.mark.parametrize(("editor", "codes"), RULES)
def test_rules(editor: Editor, codes: list[str]) -> None:
    found = examine(Facts("linux", "/srv/shop", editor=editor))
    assert [problem.code for problem in found] == codes


def test_files_are_named_and_one_command_mends_them() -> None:
    looked = Facts("linux", "/srv", editor=Editor(wanted=True, stale=(TASKS, LAUNCH)))
    (problem,) = examine(looked)
    assert problem.what.startswith(f"`{TASKS}` and `{LAUNCH}` are out of date")
    assert text_of(problem.remedies[0].command) == "devports vscode"


def test_a_command_that_is_not_found_says_where_it_was_looked_for() -> None:
    (problem,) = examine(Facts("linux", "/srv", editor=Editor(unresolved=(LOST,))))
    assert problem.severity == "error"
    assert problem.what == "command `devports` of task `Run Web` not found"
    assert problem.evidence == ("tasks: `Run Web`", "PATH: /bin")


def unseen(label: str, line: int, path: str = TASKS) -> LintFinding:
    return LintFinding(
        "failure-unseen", path, line, 2, f"`{label}` does not notice a failed start", "why"
    )


def test_a_file_is_named_once_for_all_runs_whose_failure_is_not_seen() -> None:
    flaws = (unseen("Run Web", 4), LintFinding("x", TASKS, 1, 1, "x", ""), unseen("Run Api", 9))
    stale, current = (
        examine(Facts("linux", "/srv", editor=Editor(wanted=True, stale=stale, flaws=flaws)))
        for stale in ((TASKS,), ())
    )
    assert [p.code for p in stale] == ["editor-files-stale", "editor-failure-unseen", "editor-x"]
    assert [p.code for p in current] == ["editor-failure-unseen", "editor-x"]
    assert stale[1].evidence == (
        f"{TASKS}:4:2: `Run Web` does not notice a failed start",
        f"{TASKS}:9:2: `Run Api` does not notice a failed start",
    )
    assert [text_of(r.command) for r in stale[1].remedies] == ["devports vscode"]
    assert [r.command for r in current[0].remedies] == [""]


def test_a_flaw_can_be_clicked_on() -> None:
    flaw = LintFinding("label-twice", TASKS, 4, 2, "two", "why")
    (problem,) = examine(Facts("linux", "/srv", editor=Editor(flaws=(flaw,))))
    assert (problem.evidence, problem.why) == ((f"{TASKS}:4:2",), "why")

"""Rules about the files of VS Code: are they what the configuration means, and would they work."""

from __future__ import annotations

from devports.checks.problem import Problem, WriteEditorFiles
from devports.core.remedy import Remedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Facts

MENDS = Remedy("writes what is missing and leaves the rest as it is", "devports vscode")

UNSEEN = "failure-unseen"


def files(facts: Facts) -> Iterator[Problem]:
    """What `devports vscode` makes is not there, or not what it would make now."""
    editor = facts.editor
    concerned = editor.wanted or editor.ours
    writes = WriteEditorFiles((*editor.missing, *editor.stale))
    if editor.missing and concerned:
        yield Problem(
            "editor-files-missing",
            "warning",
            f"{_listed(editor.missing)} {_be(editor.missing)} missing",
            why="the configuration says what VS Code is to get, and it has not got it",
            remedies=(MENDS,),
            mend=writes,
        )
    if editor.stale and concerned:
        yield Problem(
            "editor-files-stale",
            "warning",
            f"{_listed(editor.stale)} {_be(editor.stale)} not what the configuration means now",
            why="a task may start another service, or none",
            remedies=(MENDS, Remedy("shows what would be changed", "devports vscode --diff")),
            mend=writes,
        )


def _listed(paths: tuple[str, ...]) -> str:
    return " and ".join(f"`{path}`" for path in paths)


def _be(paths: tuple[str, ...]) -> str:
    return "is" if len(paths) == 1 else "are"


def unknowable(facts: Facts) -> Iterator[Problem]:
    """Something keeps devports from saying what the files should be."""
    if facts.editor.trouble is not None:
        code, message, evidence = facts.editor.trouble
        yield Problem(code, "warning", message, evidence=evidence)


def command_unresolved(facts: Facts) -> Iterator[Problem]:
    """The program that a task starts is not found: the button does nothing but fail with 127."""
    first = next(iter(facts.editor.unresolved), None)
    if first is not None:
        labels = tuple(f"`{each.label}`" for each in facts.editor.unresolved)
        yield Problem(
            "editor-command-missing",
            "error",
            f"the command `{first.word}` of the task `{first.label}` was not found",
            evidence=(f"tasks: {', '.join(labels)}", f"PATH: {first.searched}"),
            why="VS Code shows exit code 127; it may have another PATH than this terminal",
            remedies=(
                Remedy("install devports into `.venv` of the project, where tasks look first"),
                Remedy("or for the user, by `pipx install .` in the folder of devports"),
            ),
        )


def failures_unseen(facts: Facts) -> Iterator[Problem]:
    """Runs of devports, written by it or by hand, whose failure VS Code does not see each time."""
    found = [flaw for flaw in facts.editor.flaws if flaw.code == UNSEEN]
    for path in dict.fromkeys(flaw.path for flaw in found):
        here = tuple(flaw for flaw in found if flaw.path == path)
        by_hand = Remedy(
            'let `endsPattern` match "devports: not running" too: there, or in your template'
        )
        yield Problem(
            "editor-failure-unseen",
            "warning",
            f"`{path}` has tasks that let the debugger start when the server did not",
            evidence=tuple(f"{path}:{flaw.line}:{flaw.column}: {flaw.what}" for flaw in here),
            why="VS Code does so at every second failure, if a configuration waits for one",
            remedies=(MENDS,) if path in facts.editor.stale else (by_hand,),
        )


def flaws(facts: Facts) -> Iterator[Problem]:
    """Tasks and configurations, written by hand, that VS Code stumbles over."""
    for flaw in (each for each in facts.editor.flaws if each.code != UNSEEN):
        yield Problem(
            f"editor-{flaw.code}",
            "warning",
            flaw.what,
            evidence=(f"{flaw.path}:{flaw.line}:{flaw.column}",),
            why=flaw.why,
        )


RULES = (files, unknowable, command_unresolved, failures_unseen, flaws)

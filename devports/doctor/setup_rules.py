"""The rules of `devports doctor`: one small pure function a rule, facts in, problems out.

To add a rule: write the function in the module of its subject, and name it in `RULES`. Here are
those about the files of VS Code (are they up to date, and would they work) and about the `devports`
that a script or an editor finds on PATH.
"""

from __future__ import annotations

from functools import partial

from devports.core.hint import own_command
from devports.core.remedies import Remedy
from devports.core.self_test import ABOUT
from devports.doctor import port_rules, project_rules
from devports.doctor.facts import Command, Facts, Problem, WriteEditorFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from devports.core.self_test import About, SelfTest
    from devports.system.programs import Program

    Rule: TypeAlias = Callable[[Facts], Iterable[Problem]]


UPDATE = Remedy("update the generated entries; yours stay unchanged", own_command("vscode"))

UNSEEN = "failure-unseen"
SEVERITIES = ("error", "warning", "note")


def files(facts: Facts) -> Iterator[Problem]:
    """A file that `devports vscode` writes is missing or out of date."""
    editor = facts.editor
    if not editor.wanted and not editor.generated:
        return
    writes = WriteEditorFiles((*editor.missing, *editor.stale))
    if editor.missing:
        yield Problem(
            "editor-files-missing",
            "warning",
            f"{_listed(editor.missing)} {_be(editor.missing)} missing",
            why="VS Code has no tasks for these services",
            remedies=(UPDATE,),
            fix=writes,
        )
    if editor.stale:
        yield Problem(
            "editor-files-stale",
            "warning",
            f"{_listed(editor.stale)} {_be(editor.stale)} out of date",
            why="tasks may start the wrong service",
            remedies=(UPDATE, Remedy("show the changes", own_command("vscode", "--diff"))),
            fix=writes,
        )


def _listed(paths: tuple[str, ...]) -> str:
    return " and ".join(f"`{path}`" for path in paths)


def _be(paths: tuple[str, ...]) -> str:
    return "is" if len(paths) == 1 else "are"


def unknowable(facts: Facts) -> Iterator[Problem]:
    """The files cannot be compared with the configuration."""
    if facts.editor.trouble is not None:
        code, message, evidence = facts.editor.trouble
        yield Problem(code, "warning", message, evidence=evidence)


def command_unresolved(facts: Facts) -> Iterator[Problem]:
    """The program that a task starts is not found: the task only fails with 127."""
    first = next(iter(facts.editor.unresolved), None)
    if first is not None:
        labels = tuple(f"`{each.label}`" for each in facts.editor.unresolved)
        yield Problem(
            "editor-command-missing",
            "error",
            f"command `{first.word}` of task `{first.label}` not found",
            evidence=(f"tasks: {', '.join(labels)}", f"PATH: {first.searched}"),
            why="VS Code may use another PATH than this terminal (exit code 127)",
            remedies=(
                Remedy("install devports into `.venv` of the project, where tasks search first"),
                Remedy("or for the user, by `pipx install .` in the folder of devports"),
            ),
        )


def failures_unseen(facts: Facts) -> Iterator[Problem]:
    """Devports runs in tasks, generated or not, whose failure VS Code does not always see."""
    found = [flaw for flaw in facts.editor.flaws if flaw.code == UNSEEN]
    for path in dict.fromkeys(flaw.path for flaw in found):
        here = tuple(flaw for flaw in found if flaw.path == path)
        by_hand = Remedy(
            'let `endsPattern` match "devports: not running" too: there, or in your template'
        )
        yield Problem(
            "editor-failure-unseen",
            "warning",
            f"`{path}` has tasks that let the debugger start without the server",
            evidence=tuple(f"{path}:{flaw.line}:{flaw.column}: {flaw.what}" for flaw in here),
            why="VS Code does so after every second failure, if a configuration waits for the task",
            remedies=(UPDATE,) if path in facts.editor.stale else (by_hand,),
        )


def flaws(facts: Facts) -> Iterator[Problem]:
    """Mistakes in tasks and configurations that a person wrote."""
    for flaw in (each for each in facts.editor.flaws if each.code != UNSEEN):
        yield Problem(
            f"editor-{flaw.code}",
            flaw.severity,
            flaw.what,
            evidence=(f"{flaw.path}:{flaw.line}:{flaw.column}",),
            why=flaw.why,
        )


def foreign_devports(facts: Facts) -> Iterator[Problem]:
    """The first `devports` on PATH is not this program."""
    first = next(iter(facts.programs), None)
    if first is None or first.origin == "ours":
        return
    mine = next((p.path for p in facts.programs if p.origin in ("ours", "ours-elsewhere")), "")
    if first.origin == "ours-elsewhere":
        yield Problem(
            "other-installation",
            "note",
            "`devports` on PATH is another installation of this program",
            evidence=(_found(first),),
            why="scripts and editor tasks run that one instead",
        )
        return
    strange = "another program" if first.origin == "foreign" else "probably not this program"
    yield Problem(
        "foreign-devports",
        "warning",
        f"`devports` on PATH is {strange}",
        evidence=tuple(_found(program) for program in facts.programs[:4]),
        why="scripts and editor tasks run that one instead",
        remedies=tuple(_first_again(first, mine)),
    )


def _found(program: Program) -> str:
    return f"{program.path}: {program.what}" if program.what else program.path


def _first_again(first: Program, mine: str) -> Iterator[Remedy]:
    if mine:
        yield Remedy(f"put the folder of {mine} before that of {first.path} on PATH")
    else:
        yield Remedy("put the folder of this devports on PATH, before that one")
    if first.what.startswith("devports "):
        yield Remedy("or remove the other package from its environment", "pip uninstall devports")


def conflicting_package(facts: Facts) -> Iterator[Problem]:
    """An unrelated package named `devports` has written into the folder of devports."""
    if facts.neighbour is not None:
        yield Problem(
            "foreign-package",
            "error",
            "the unrelated package `devports` is installed in the same environment",
            evidence=(_found(facts.neighbour),),
            why="both install a folder `devports` and overwrite each other's files",
            remedies=(
                Remedy("remove it", "pip uninstall devports"),
                Remedy(
                    "and install this one again from its folder,"
                    " by `pip install --force-reinstall PATH/TO/ITS/FOLDER`"
                ),
            ),
        )


def each_command(*rules: Callable[[Command], Problem | None]) -> Iterator[Rule]:
    """Yield rules about one command as rules about all of them, which add the service."""
    return (partial(_of_commands, rule) for rule in rules)


def _of_commands(rule: Callable[[Command], Problem | None], facts: Facts) -> Iterator[Problem]:
    for command in facts.commands:
        if problem := rule(command):
            yield problem.replace(service=command.service.name)


def faults(facts: Facts) -> tuple[Problem, ...]:
    """A file that cannot be used, or that others can change."""
    return facts.faults


WRONG: dict[About, tuple[str, str]] = {
    "sockets": ("shows other sockets than there are", "devports calls no port free"),
    "holders": ("shows wrong facts about processes", "devports stops no process"),
    "binds": ("predicts binds wrongly", "a port may be called in use or free by mistake"),
}
"""What is wrong with a source, and what follows, by the kind of fact."""


def untrue_source(name: str, about: About, evidence: tuple[str, ...] = ()) -> Problem:
    """Return the problem of a source that has failed the self-test."""
    what, why = WRONG[about]
    return Problem(
        "source-untrue",
        "error",
        f"a source of this machine is not reliable: `{name}` {what}",
        evidence=evidence,
        why=f"{why} until the self-test passes",
        remedies=(Remedy("test it again", own_command("doctor", "--self-test")),),
    )


def untrue_sources(facts: Facts) -> Iterator[Problem]:
    """The last self-test of this machine has found a source wrong."""
    return (untrue_source(name, about) for name, about in facts.untrue)


MOST_EVIDENCE = 4


def self_test_problems(result: SelfTest) -> Iterator[Problem]:
    """Yield the problems of a self-test: sources that are wrong or do not answer."""
    for about in ABOUT:
        for source in result.failing(about):
            wrong = source.wrong(about)[:MOST_EVIDENCE]
            told = tuple(f"{w.case}: expected {w.expected}; seen {w.seen}" for w in wrong)
            yield untrue_source(source.name, about, told).replace(remedies=())
    for source in result.sources:
        if source.missing and source.decides:
            yield Problem(
                "source-missing",
                "error",
                f"`{source.name}` does not answer on this machine",
                evidence=(source.missing,),
                why="devports shows less without it",
            )


RULES: tuple[Rule, ...] = (
    untrue_sources,
    faults,
    *each_command(
        project_rules.folder_missing,
        project_rules.command_unusable,
        project_rules.shell_missing,
        project_rules.environment_unusable,
        project_rules.debugger_missing,
    ),
    project_rules.same_port,
    project_rules.shared_by_worktrees,
    project_rules.assigned_to_two,
    project_rules.base_in_env_file,
    project_rules.ephemeral_port,
    *each_command(
        project_rules.other_port,
        project_rules.port_unnamed,
        project_rules.other_address,
        project_rules.exit_code_hidden,
        project_rules.moves,
    ),
    port_rules.verdicts,
    port_rules.undeclared,
    port_rules.localhost_conflict,
    port_rules.host_unknown,
    port_rules.dependency_not_listening,
    port_rules.orphaned_server,
    port_rules.serving_elsewhere,
    port_rules.folder_gone,
    port_rules.suspended,
    port_rules.other_project,
    port_rules.redirected,
    port_rules.browser_blocked,
    port_rules.airplay,
    port_rules.localhost,
    foreign_devports,
    conflicting_package,
    files,
    unknowable,
    command_unresolved,
    failures_unseen,
    flaws,
)


def examine(facts: Facts) -> tuple[Problem, ...]:
    """Return the problems, the most severe first and otherwise in the order of the file."""
    found = [problem for rule in RULES for problem in rule(facts)]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))

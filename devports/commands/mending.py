"""`devports doctor --fix`: what can be mended is mended, each after a question of its own.

Nothing here ends a process or writes a file by a way of its own: a port is freed as
`devports free` does, with its questions and its laws, and VS Code's files are written as
`devports vscode` does.
"""

from __future__ import annotations

from devports.checks.problem import FreePort, TakeWriting, WriteEditorFiles
from devports.commands.freeing import tools_for
from devports.core.outcome import Declined, Refused
from devports.core.plan import Policy
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.freeing import Job, Limits, free
from devports.system.survey import endpoints_of
from devports.ui.deeds import freed_words, outcome_words
from devports.ui.diagnostic import error_block, labelled
from devports.ui.health import problem_block
from devports.ui.prompt import on_terminal
from devports.ui.who import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.checks.problem import Mend, Problem
    from devports.commands.doctor import Seen
    from devports.commands.setting import Setting

MAX_ROUNDS = 5
"""A configuration that can be read at last shows more; so often it is looked again for that."""


def mend(setting: Setting, seen: Seen, look: Callable[[Setting], Seen]) -> Seen:
    """Walk through what can be mended; return how things are afterwards.

    Args:
        setting: screen, machine and configuration.
        seen: the look before.
        look: looks again.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed at a question; what was mended stays so.
    """
    if seen.problems and (why := _nothing_to_ask(setting, seen)):
        setting.screen.err("\n".join(labelled("note", why, setting.screen.look("stderr"))))
        return seen
    asked: set[Mend] = set()
    for _ in range(MAX_ROUNDS):
        todo: dict[Mend, Problem] = {}
        for problem in seen.problems:
            if problem.mend is not None and problem.mend not in asked:
                todo.setdefault(problem.mend, problem)
        if not todo:
            break
        asked |= set(todo)
        changed = [_walk(setting, *each) for each in todo.items()]
        if not any(changed):
            break
        setting.engines.forget()
        seen = look(setting)
    if asked:
        setting.screen.err()
    return seen


def _nothing_to_ask(setting: Setting, seen: Seen) -> str:
    """Return why nobody is asked anything; empty if somebody is."""
    if not any(problem.mend for problem in seen.problems):
        return "nothing of this can be mended by devports itself"
    if not setting.screen.interactive:
        return "nothing was mended: there is no terminal to ask on"
    return ""


def _walk(setting: Setting, todo: Mend, problem: Problem) -> bool:
    """Show one problem, ask, and mend it; say whether anything may have changed."""
    screen = setting.screen
    screen.err()
    if problem.what:  # else it is about a port, and shown with the question
        shown = problem.but(remedies=())
        screen.err(problem_block(shown, screen.reader(), screen.look("stderr")))
    try:
        return _carry_out(setting, todo)
    except DevportsError as error:
        screen.err(error_block(error, screen.look("stderr")))
        return True


def _carry_out(setting: Setting, todo: Mend) -> bool:
    match todo:
        case FreePort():
            return _freed(setting, todo)
        case TakeWriting(path=path):
            from devports.system.modes import take_writing  # noqa: PLC0415

            if not _agreed(setting, "take the right to write it from everybody else?"):
                return False
            take_writing(path)
            return True
        case WriteEditorFiles(paths=paths):
            from devports.commands.vscode import vscode  # noqa: PLC0415

            if not _agreed(setting, f"write {listed([f'`{path}`' for path in paths])}?"):
                return False
            vscode(setting)
            return True
        case _:
            unreachable(todo)


def _freed(setting: Setting, todo: FreePort) -> bool:
    """Free ports as `devports free` does; what is still in the way is told in the next report."""
    machine = setting.machine
    endpoints = tuple(end for spec in todo.specs for end in endpoints_of(machine, spec))
    job = Job(endpoints, Policy(interactive=True), Limits(stop=todo.stop_timeout))
    done = free(tools_for(setting), job)
    untold = [outcome for outcome in done.outcomes if isinstance(outcome, Declined | Refused)]
    for outcome in untold:
        setting.screen.progress(f"devports: {outcome_words(outcome)}")
    if not done.outcomes:
        ports = listed(list(map(str, todo.specs)))
        setting.screen.progress(f"devports: {freed_words(done, ports)[-1]}")
    return len(untold) < len(done.outcomes) or not done.outcomes


def _agreed(setting: Setting, question: str) -> bool:
    """Ask as everything else is asked: only a person on a terminal can say yes."""
    return setting.screen.interactive and on_terminal(question, "", setting.screen) == "yes"

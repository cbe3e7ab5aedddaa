"""`devports doctor`: check ports, configuration and editor files for problems.

With `--fix` it fixes problems, with a confirmation for each. It has no own way to stop a process or
write a file: a port is freed as by `devports free`, with its questions and refusals, and VS Code's
files are written as by `devports vscode`.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from devports import exitcodes
from devports.commands.context import Context, current_folder
from devports.commands.doctor_facts import file_problem, gather
from devports.commands.vscode import vscode
from devports.config.load import OWN, find, find_below, load_with_warnings
from devports.config.report import no_config
from devports.core.hint import hint, own_command
from devports.core.stop_plan import ConfirmPolicy, Declined, Refused
from devports.core.value import Frozen, unreachable
from devports.doctor.facts import Facts, FreePort, Problem, RemoveWritePermission, WriteEditorFiles
from devports.doctor.setup_rules import examine, self_test_problems
from devports.errors import DevportsError
from devports.records import write_private
from devports.system import FAILED, PASSED, state_folder
from devports.system.files import remove_write_permission
from devports.system.inspect import endpoints_of
from devports.ui import reports
from devports.ui.text import join_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.commands.init import Plan
    from devports.core.self_test import SelfTest
    from devports.core.service import Config
    from devports.doctor.facts import Fix
    from devports.ui.console import Console

MAX_ROUNDS = 5
"""A configuration that has become readable may show more problems: so often it is checked again."""


class DoctorResult(Frozen):
    """One check: the path of the configuration if it is usable, the facts, and the problems."""

    path: str
    facts: Facts
    problems: tuple[Problem, ...]

    @property
    def healthy(self) -> bool:
        return all(problem.severity == "note" for problem in self.problems)


def doctor(
    context: Context, *, fix: bool = False, self_test: bool = False, as_json: bool = False
) -> int:
    """Check the project and this machine; the exit code is 1 if problems are left.

    An invalid configuration is a problem like the others: all checks that do not depend on it are
    made. With `self_test`, only the sources of this machine are checked.

    Raises:
        DevportsError: `fix` excludes `self_test` and `as_json`.
    """
    if fix and self_test:
        raise DevportsError("usage", "`--fix` cannot be combined with `--self-test`")
    if self_test:
        return test_machine(context, as_json=as_json)
    if fix and as_json:
        raise DevportsError(
            "usage",
            "`--fix` cannot be combined with `--json` (it asks for confirmation)",
            hints=(hint("to be asked, run ", own_command("doctor", "--fix"), " on a terminal"),),
        )
    seen = apply_fix(context, inspect_project(context)) if fix else inspect_project(context)
    code = exitcodes.OK if seen.healthy else exitcodes.NO
    screen = context.screen
    if as_json:
        from devports.ui.json_output import doctor_data

        data = doctor_data(
            seen.path,
            seen.facts,
            seen.problems,
            healthy=seen.healthy,
            now=time.time(),
            config=screen.config,
        )
        screen.answer(("doctor",), data, exit_code=code)
        return code
    show(seen, screen, offer=not fix)
    return code


def show(seen: DoctorResult, screen: Console, *, offer: bool) -> None:
    about = (seen.path, seen.facts, seen.problems, screen.reader())
    if screen.is_terminal("stdout"):
        from devports.ui.rich_console import draw_report  # six bare Python starts

        draw_report(screen, "stdout", reports.screen(*about, screen.config, offer=offer))
    else:
        screen.out(reports.report(*about, screen.output_style("stdout"), offer=offer))


def test_machine(context: Context, *, as_json: bool) -> int:
    """Run the self-test and keep its result; the exit code is 1 if a source has failed it."""
    from devports.system.self_test import self_test

    result = self_test(context.machine)
    problems = tuple(self_test_problems(result))
    code = exitcodes.OK if result.passed else exitcodes.NO
    screen = context.screen
    if as_json:
        from devports.ui.json_output import self_test_data

        screen.answer(("doctor",), self_test_data(result, problems), exit_code=code)
    else:
        style = screen.output_style("stdout")
        screen.out(reports.self_test_text(result, problems, screen.reader(), style))
    if not keep(result):
        context.print_warning("the result of the self-test cannot be stored; no command uses it")
    return code


def keep(result: SelfTest) -> bool:
    """Store the result for the other commands, as the only one; return whether that worked."""
    from devports.system.self_test import dumped

    folder = state_folder(os.environ)
    mine, other = (PASSED, FAILED) if result.passed else (FAILED, PASSED)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        write_private(os.path.join(folder, mine), dumped(result))
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, other))
    except OSError:
        return False
    return True


def inspect_project(context: Context) -> DoctorResult:
    """Check everything once, with the configuration read again."""
    here = current_folder()
    if context.named is None and find(here) is None:
        plan, notes = _without_config(here)
        facts = gather(context, None, plan=plan)
        return DoctorResult("", facts, (*notes, *examine(facts)))
    config, warnings, wrong = _config(context)
    facts = gather(context, config, warnings)
    return DoctorResult(config.path if config else "", facts, (*wrong, *examine(facts)))


def _without_config(here: str) -> tuple[Plan | None, tuple[Problem, ...]]:
    """Return what `devports init` finds in a folder, or a note of the configurations below it."""
    from devports.commands.init import plan_of
    from devports.detect.services import wanted
    from devports.system.project import scan

    looked = scan(here, wanted)
    if below := find_below(here, looked.names):
        return None, (file_problem(no_config(here, below), "").replace(severity="note"),)
    return plan_of(os.path.join(here, OWN), OWN, looked), ()


def _config(context: Context) -> tuple[Config | None, tuple[str, ...], tuple[Problem, ...]]:
    try:
        loaded = load_with_warnings(context.named, current_folder())
    except DevportsError as error:
        path = context.named or find(current_folder()) or ""
        return None, (), (file_problem(error, os.path.abspath(path)),)
    context.replace(loaded.config)
    try:
        return context.assigned(record=False), loaded.warnings, ()
    except DevportsError as error:
        problem = file_problem(error, loaded.config.path)
        return loaded.config, loaded.warnings, (problem,)


def apply_fix(context: Context, seen: DoctorResult) -> DoctorResult:
    """Offer each fix; return the state afterwards.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed at a question; applied fixes stay.
    """
    if seen.problems and (why := _nothing_to_ask(context, seen)):
        context.print_labelled("note", why)
        return seen
    asked: set[Fix] = set()
    for _ in range(MAX_ROUNDS):
        todo: dict[Fix, Problem] = {}
        for problem in seen.problems:
            if problem.fix is not None and problem.fix not in asked:
                todo.setdefault(problem.fix, problem)
        asked |= set(todo)
        changed = [_offer(context, *each) for each in todo.items()]
        if not any(changed):
            break
        context.engines.forget()
        seen = inspect_project(context)
    if asked:
        context.screen.err()
    return seen


def _nothing_to_ask(context: Context, seen: DoctorResult) -> str:
    """Return why no question is asked; empty if one is."""
    if not any(problem.fix for problem in seen.problems):
        return "devports cannot fix any of these problems itself"
    if not context.screen.interactive:
        return "nothing was fixed: no terminal to ask for confirmation"
    return ""


def _offer(context: Context, todo: Fix, problem: Problem) -> bool:
    """Show one problem, ask, and fix it; return whether anything may have changed."""
    screen = context.screen
    screen.err()
    if problem.what:  # else it is about a port, and shown with the question
        from devports.ui.rich_console import draw_report

        shown = reports.problem_lines(problem.replace(remedies=()), screen.reader())
        draw_report(screen, "stderr", shown)
    try:
        return _carry_out(context, todo)
    except DevportsError as error:
        context.print_error(error)
        return True


def _carry_out(context: Context, todo: Fix) -> bool:
    match todo:
        case FreePort():
            return _freed(context, todo)
        case RemoveWritePermission(path=path):
            if agreed := _confirmed(context, "remove write permission for other users?"):
                remove_write_permission(path)
            return agreed
        case WriteEditorFiles(paths=paths):
            if agreed := _confirmed(
                context, f"write {join_words([f'`{path}`' for path in paths])}?"
            ):
                vscode(context)
            return agreed
        case _:
            unreachable(todo)


def _freed(context: Context, todo: FreePort) -> bool:
    """Free ports as `devports free` does; the next report has what is still in use."""
    from devports.commands.free import tools_for
    from devports.freeing import FreeRequest, StopTimeouts, free
    from devports.ui.progress import freed_text, result_text

    endpoints = tuple(end for spec in todo.specs for end in endpoints_of(context.machine, spec))
    limits = StopTimeouts(stop=todo.stop_timeout)
    done = free(tools_for(context), FreeRequest(endpoints, ConfirmPolicy(interactive=True), limits))
    untold = [outcome for outcome in done.outcomes if isinstance(outcome, Declined | Refused)]
    for outcome in untold:
        context.screen.progress(f"devports: {result_text(outcome)}")
    if not done.outcomes:
        ports = join_words(list(map(str, todo.specs)))
        context.screen.progress(f"devports: {freed_text(done, ports)[-1]}")
    return len(untold) < len(done.outcomes) or not done.outcomes


def _confirmed(context: Context, question: str) -> bool:
    """Ask as for every stop: only a key on a terminal can mean yes."""
    from devports.ui.prompts import answer_on_terminal, yes_or_no

    return (
        context.screen.interactive
        and answer_on_terminal(yes_or_no(question), context.screen) == "yes"
    )

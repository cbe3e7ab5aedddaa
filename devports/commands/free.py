"""`devports free`: stop the holders of a port, if rules and confirmation allow it.

`run` and `doctor` free with the same services, connected to the console here, and report a port
that was not freed in the same way.
"""

from __future__ import annotations

import time

from devports import exitcodes
from devports.core.hint import hint, own_command
from devports.core.holder_kind import OtherCheckout, OtherUser, run_behind
from devports.core.stop_plan import (
    ConfirmPolicy,
    Declined,
    FreeResult,
    Killing,
    Question,
    Refused,
    Respawned,
    StoppingContainer,
    StopTarget,
    Terminating,
    TimedOut,
    WaitingForPort,
    WatchingForRestart,
)
from devports.core.verdict import (
    LocalhostConflict,
    Unconfirmed,
    code_of,
    deciding_finding,
    is_bindable,
)
from devports.errors import DevportsError
from devports.freeing import FreeRequest, FreeServices, StopTimeouts, free, preview
from devports.system.project import worktree_of
from devports.ui.escape import port_name
from devports.ui.holders import kind_facts, problem, project_text, spared_text
from devports.ui.messages import remedy_lines
from devports.ui.processes import fact_lines, note_lines, summary
from devports.ui.progress import (
    freed_text,
    progress_text,
    remaining_text,
    restart_text,
    result_text,
    wait_text,
)
from devports.ui.text import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devports.commands.context import Context, Target
    from devports.core.hint import Advice
    from devports.core.holder_kind import HolderKind
    from devports.core.remedies import Remedy
    from devports.core.stop_plan import Answer, Outcome, Progress, WaitProgress
    from devports.freeing import Wait
    from devports.ui.console import Console


def free_targets(
    context: Context,
    words: Sequence[str],
    *,
    yes: bool = False,
    other_users: bool = False,
    other_checkouts: bool = False,
    dry_run: bool = False,
    timeout: float | None = None,
    settle: float = StopTimeouts().settle,
    as_json: bool = False,
) -> int:
    """Free every target, or all services without one; the exit code is that of the worst.

    `timeout` is in seconds, from SIGTERM to SIGKILL; by default the service's own. So is `settle`,
    for which devports watches for a restart by a supervisor.
    """
    policy = consent(context, yes, other_users, other_checkouts)
    limits = StopTimeouts(settle=settle)
    carry_out = preview if dry_run else free
    tools = tools_for(context)
    # All of them before the first is freed: an unknown host ends the command.
    wanted = [with_live_run(context, target) for target in context.targets(words)]
    asked = [(target, context.endpoints(target)) for target in wanted]
    done = []
    for target, endpoints in asked:
        stop = target.service.stop_timeout if target.service else limits.stop
        within = limits.replace(stop=stop if timeout is None else timeout)
        done.append((target, carry_out(tools, FreeRequest(endpoints, policy, within))))
    code = max((freed.exit_code for _, freed in done), default=exitcodes.OK)
    if as_json:
        from devports.ui.json_output import free_data, overall

        data = free_data([(target.text, freed) for target, freed in done], time.time())
        errors = [free_error(t, freed, context.screen) for t, freed in done if freed.exit_code]
        status = overall(not freed.exit_code for _, freed in done)
        context.screen.answer(("free",), data, exit_code=code, errors=errors, status=status)
        return code
    for target, freed in done:
        if freed.bindable:
            show_freed(context, target, freed)
        elif dry_run:
            show_plan(context, target, freed)
        else:
            print_free_error(context, target, freed)
    return code


def consent(context: Context, yes: bool, other_users: bool, other_checkouts: bool) -> ConfirmPolicy:
    """Return what may be stopped, by the options of a command and the terminal it has."""
    return ConfirmPolicy(
        yes=yes,
        other_users=other_users,
        other_checkouts=other_checkouts,
        interactive=context.screen.interactive,
    )


def with_live_run(context: Context, asked: Target) -> Target:
    """Return a service with the port of its live run, if that has another one.

    Freeing a service stops its run, wherever it listens: else it would run on unnoticed.
    """
    service = asked.service
    if service is None:
        return asked
    run = context.records().live_run(service.name, context.config().root)
    if run is None or run.spec in asked.specs:
        return asked
    return asked.replace(specs=(*asked.specs, run.spec))


def show_freed(context: Context, target: Target, freed: FreeResult) -> None:
    """Print that a port is free, the remaining processes, and another localhost server."""
    for line in spared_text(freed.spared):
        context.screen.progress(f"devports: {line}")
    told = (LocalhostConflict, Unconfirmed)
    if not any(isinstance(finding.verdict, told) for finding in freed.findings):
        context.screen.out(freed_text(freed, target.subject)[-1])
        return
    context.screen.out(summary(freed.findings, target.subject))
    show_facts(context, fact_lines(freed.findings, context.screen.reader()))
    for note in note_lines(freed.findings):
        context.print_labelled("note", note)


def show_facts(context: Context, lines: Iterable[str]) -> None:
    for line in lines:
        context.screen.out(
            "\n".join(wrap(f"  {line}", context.screen.output_style("stdout").width))
        )


def show_plan(context: Context, target: Target, freed: FreeResult) -> None:
    """Print what would be stopped, and the commands to run manually."""
    screen, reader = context.screen, context.screen.reader()
    lines = [
        *fact_lines(freed.findings, reader, kind_facts(kinds_by_pid(freed), reader)),
        *map(result_text, freed.outcomes),
        *spared_text(freed.spared),
    ]
    screen.out(summary(freed.findings, target.subject))
    show_facts(context, lines)
    if by_hand := remedies_for(context, target, freed):
        screen.err("\n".join(remedy_lines(by_hand, screen.output_style("stderr"))))


def tools_for(context: Context, *, starting: str = "") -> FreeServices:
    """Return the services of freeing: prompt and progress on the console, runs by record."""
    screen = context.screen

    def tell(news: Progress | Outcome) -> None:
        run = run_behind(news.target.kind) if isinstance(news, Terminating) else None
        if run is not None and not run.orphaned:
            context.records().write_stop_note(run.key, run.service, run.project)
        if isinstance(news, Terminating | Killing | StoppingContainer):
            aim = f" to start `{starting}`" if starting else ""
            folder = news.target.process.cwd or "-"
            context.records().log_stop(f"{progress_text(news)}{aim}, its folder {folder}")
        if isinstance(
            news, Terminating | Killing | StoppingContainer | WaitingForPort | WatchingForRestart
        ):
            screen.progress(f"devports: {progress_text(news)}")
        else:
            for line in (result_text(news), *remaining_text(news)):
                screen.progress(f"devports: {line}")

    def asked(question: Question) -> Answer:
        from devports.ui.prompts import ask

        return ask(question, screen, starting, project=project_of(context, question.target))

    def wait(news: WaitProgress) -> Wait:
        from devports.ui.waiting import waiting  # only for a long wait

        line, text = progress_text(news), wait_text(news)
        return waiting(screen, line, text, news.seconds, waited=news.waited)

    return FreeServices(
        machine=context.machine,
        ask=asked,
        tell=tell,
        find_run=context.records().find_run(),
        engines=context.engines,
        elsewhere=context.elsewhere,
        waiting=wait,
        quiet=screen.patience,
    )


def project_of(context: Context, target: StopTarget) -> str:
    """Return the project of a target; empty if its kind includes that."""
    if isinstance(target.kind, OtherCheckout):
        return ""
    return project_text(worktree_of(target.process.cwd), worktree_of(context.home()))


def free_error(asked: Target, freed: FreeResult, screen: Console) -> DevportsError:
    """Return a port that was not freed, as an error with its holders and the reasons.

    After the answer no the holders are left out: they were just shown.
    """
    finding = deciding_finding(freed.findings)
    for outcome in freed.outcomes:
        if isinstance(outcome, Declined):
            port = port_name(finding.endpoint, asked.subject)
            gone = is_bindable(finding.verdict)
            return DevportsError(
                code_of(finding),
                f"nothing was stopped: {port} has become free since the question"
                if gone
                else f"{result_text(outcome)}: {port} is still in use",
                service=asked.name,
                exit_code=freed.exit_code,
            )
    return problem(
        freed.findings,
        screen.reader(),
        exit_code=freed.exit_code,
        subject=asked.subject,
        service=asked.name,
        more_notes=(*map(result_text, freed.outcomes), *spared_text(freed.spared)),
        hints=hints_for(asked, freed),
        standings=kinds_by_pid(freed),
    )


def hints_for(asked: Target, freed: FreeResult) -> tuple[Advice, ...]:
    """Return the command of devports that would go further, if there is one."""
    whys = {outcome.why for outcome in freed.outcomes if isinstance(outcome, Refused)}
    strangers = [o for o in freed.outcomes if isinstance(o.target.kind, OtherCheckout)]
    if "source-untrue" in whys:
        return (hint("to see what is wrong, run ", own_command("doctor", "--self-test")),)
    if whys == {"no-terminal"} and strangers:
        return (
            hint(
                "to be asked whether to stop it, run ",
                own_command("free", asked.typed),
                " on a terminal",
            ),
        )
    if whys == {"no-terminal"}:
        return (hint("to stop it without asking, run ", own_command("free", asked.typed, "--yes")),)
    if whys == {"on-conflict"} and asked.name:
        return (hint("to be asked, run ", own_command("run", asked.name, "--on-conflict", "ask")),)
    permitted = [
        outcome.target.kind.permitted
        for outcome in freed.outcomes
        if isinstance(outcome, Refused) and isinstance(outcome.target.kind, OtherUser)
    ]
    if whys == {"other-user"} and all(permitted):
        again = own_command("free", asked.typed, "--yes", "--other-users")
        return (hint("to stop it without asking, run ", again),)
    came_back = [outcome for outcome in freed.outcomes if isinstance(outcome, Respawned)]
    return tuple(filter(None, map(restart_text, came_back)))


def kinds_by_pid(freed: FreeResult) -> list[tuple[int, HolderKind]]:
    """Return the kind of every holder that was, or was not, stopped, by pid."""
    plan = [outcome.target for outcome in freed.outcomes]
    return [(m.process.pid, target.kind) for target in plan for m in target.members]


def remedies_for(context: Context, asked: Target, freed: FreeResult) -> tuple[Remedy, ...]:
    """Return the commands to run manually, for the deciding finding."""
    from devports.core.remedies import RemedyContext, remedies  # only if a port is still held

    finding = deciding_finding(freed.findings)
    if is_bindable(finding.verdict):
        return ()
    case = RemedyContext(
        finding.endpoint,
        finding.holding,
        context.machine.platform,
        service=asked.name,
        typed=asked.text,
        viewer=context.machine.viewer(),
        find_run=context.records().find_run(),
        elsewhere_of=context.elsewhere(),
        shared=asked.service is not None and not asked.service.bases,
        named=context.engines.named,
        ephemeral=context.machine.ephemeral(),
        ignored=tuple(o.target.process.pid for o in freed.outcomes if isinstance(o, TimedOut)),
    )
    return remedies(finding.verdict, case)


def print_free_error(context: Context, asked: Target, freed: FreeResult) -> None:
    error = free_error(asked, freed, context.screen)
    context.print_error(error, remedies_for(context, asked, freed))

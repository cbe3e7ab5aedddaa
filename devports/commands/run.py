"""`devports run`: reserve the port, start the server, supervise it.

The session of a run is connected to console and configuration here, and its end is reported.
"""

from __future__ import annotations

import os
from functools import partial

from devports import exitcodes
from devports.commands.context import (
    Context,
    Target,
    current_folder,
    print_vscode_failure,
    service_of,
    target_of,
)
from devports.commands.debugger import with_debugger
from devports.commands.free import consent, print_free_error, tools_for
from devports.config.load import find, find_below, read_env_file
from devports.core.hint import hint, own_command
from devports.core.recovery import (
    Ended,
    ListeningElsewhere,
    RecordFailed,
    ServerReady,
    StoppingServer,
    end_reason,
)
from devports.core.service import (
    Config,
    Service,
    TypedCommand,
    env_file_of,
    program_name,
    says_port,
    typed_command,
)
from devports.core.verdict import deciding_finding
from devports.errors import DevportsError, is_refusal
from devports.freeing import FreeRequest, FreeServices, StopTimeouts
from devports.records import RunRecord, log_head
from devports.run.background import enter_background, log_of_process
from devports.run.launch import prepare, refuse_impossible
from devports.run.readiness import wait_for_dependencies, with_real_ports
from devports.run.reservation import next_ports
from devports.run.session import Session
from devports.run.takeover import PortClaimedError, own_record, register_run
from devports.system import refusal
from devports.system.inspect import untrusted
from devports.ui import run_progress
from devports.ui.processes import missed_text, not_freed_text
from devports.ui.run_progress import end_text, event_line, one_line, start_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.recovery import RunEvent, WaitingForDependency
    from devports.core.service import OnConflict
    from devports.core.stop_plan import (
        Answer,
        ConfirmPolicy,
        Outcome,
        Progress,
        Question,
        WaitProgress,
    )
    from devports.freeing import Wait
    from devports.ui.console import Console
    from devports.ui.events import EventLog


def run(
    context: Context,
    name: str | None = None,
    arguments: Sequence[str] = (),
    *,
    yes: bool = False,
    other_users: bool = False,
    other_checkouts: bool = False,
    on_conflict: OnConflict | None = None,
    port: int | None = None,
    host: str | None = None,
    events: str | None = None,
    take_over: bool = False,
    debug: bool = False,
) -> int:
    """Run a service, or without a name the command in `arguments`, until it exits.

    The exit code is the server's own when one ran.
    """
    service, config, more = resolve_service(context, name, arguments, port=port, debug=debug)
    service = with_options(service, port, host, on_conflict)
    refuse_impossible(service)
    news = reporter(context, service, config, events, more)
    policy = consent(context, yes, other_users, other_checkouts)
    policy = on_conflict_of(service, policy, config.root)
    session: Session | None = None
    ended: Ended | None = None
    assigned = partial(ports_of_others, context, config)
    declared, others = service.port, next_ports(context.machine, service, config, assigned)
    try:
        wait_for_dependencies(context.machine, context.records(), config, service, news.wait)
        while True:
            made = create_session(
                context,
                service,
                config,
                arguments=more,
                policy=policy,
                news=news,
                take_over=take_over,
                declared=declared,
            )
            session = made or session
            if made is not None and (ended := made.run()) is not None:
                print_failure(context, made, ended, news)
                break
            service = next(others)
            policy = policy.replace(movable_port=service.port, moves=True)
    except (DevportsError, OSError) as problem:
        error = as_message(problem, service.name)
        context.print_error(error)
        ended = ended_by(context, error, service, config)
    report_end(context, news, service.name, session, ended)
    return ended.code


def with_options(
    service: Service, port: int | None, host: str | None, on_conflict: OnConflict | None
) -> Service:
    """Return a service as the command line wants it; a port that is typed is no shifted one."""
    return service.replace(
        port=port or service.port,
        base=0 if port else service.base,
        host=host or service.host,
        on_conflict=on_conflict or service.on_conflict,
    )


def ports_of_others(context: Context, config: Config) -> frozenset[int]:
    """Return the ports that are assigned to other worktrees, as far as they can be read."""
    from devports.assigned import AssignedPorts  # only if the port is in use

    try:
        return AssignedPorts(context.records().path).ports_of_others(config.root)
    except DevportsError:
        return frozenset()


def as_message(error: DevportsError | OSError, name: str) -> DevportsError:
    """Return an error of the machine as a message; any other one is raised: a bug."""
    if isinstance(error, DevportsError):
        return error
    if not is_refusal(error):
        raise error
    code = exitcodes.NOT_EXECUTABLE
    return refusal(error, f"cannot run `{name}`", service=name, exit_code=code)


def ended_by(context: Context, error: DevportsError, service: Service, config: Config) -> Ended:
    """Return the end of a run by an error, and record it."""
    ended = Ended(error.exit_code, "devports", error.code, one_line(error))
    if error.exit_code != exitcodes.ALREADY_RUNNING:  # that record is of the other run
        record = own_record(context.machine, service, config.root)
        context.records().finish(record, ended.code, end_reason(ended))
    return ended


def reporter(
    context: Context, service: Service, config: Config, events: str | None, more: Sequence[str]
) -> RunReporter:
    """Return the reporter of a run, which also learns which command of devports stops it.

    A run needs no source to be sure of its port: its bind decides. So a failed self-test is told.
    """
    if missed := untrusted("sockets"):
        context.print_warning(missed_text(missed))
    run = service.run_name, config.root
    return RunReporter(
        context.screen, service, events, more, lambda: context.records().take_stop_note(*run)
    )


def resolve_service(
    context: Context, name: str | None, words: Sequence[str], *, port: int | None, debug: bool
) -> tuple[Service, Config, Sequence[str]]:
    """Return the service to run, its configuration, and the words to append to its command.

    Raises:
        DevportsError: the words name neither a service nor a command with its port.
    """
    if name is not None or not words:
        try:
            service = service_named(context.assigned(), name)
        except DevportsError as error:
            without = own_command("run", "--port", str(port or 8000), "--", name or "COMMAND")
            missing = error.code == "config-missing" and context.named is None
            missing = missing and not find_below(current_folder())
            if missing:
                error.hints = (hint("to create one, run ", own_command("init")),)
            if missing or name is None or (port and error.code == "unknown-service"):
                error.hints += (
                    hint("to run a command without a service, give its port: ", without),
                )
            raise
        config = context.assigned()
        return with_debugger(service, config) if debug else service, config, words
    if debug or context.named:
        option = "--debug" if debug else "--config"
        raise DevportsError("usage", f"`{option}` needs a service; a command has none")
    if port is None:
        again = hint("to give its port, run ", own_command("run", "--port", "8000", "--", *words))
        raise DevportsError("usage", f"no port for `{program_name(words)}`", hints=(again,))
    folder = current_folder()
    project = find(folder)  # only its folder; its content is not read
    context.replace(Config("", os.path.dirname(project) if project else folder, ()))
    return typed_command(words, port, Service.host, folder), context.config(), ()


def service_named(config: Config, name: str | None) -> Service:
    """Return the service of this name.

    Raises:
        DevportsError: there is none; without a name all are listed.
    """
    if name is not None:
        return service_of(config, name)
    startable = [service for service in config.services if service.command]
    raise DevportsError(
        "usage",
        "no service was named",
        facts=tuple(f"`{service.name}`: {service.spec}" for service in startable),
        note="" if startable else "no service of the configuration has a command",
        hints=tuple(
            hint("to start one, run ", own_command("run", service.name))
            for service in startable[:1]
        ),
    )


def holder_text(session: Session | None, ended: Ended) -> str:
    """Return which process has the port, if that was the end; else empty."""
    last = session.reserved.last if session is not None else None
    if session is None or last is None or last.bindable or ended.reason != "port-held":
        return ""
    return not_freed_text(deciding_finding(last.findings), session.service.name)


def report_end(
    context: Context, news: RunReporter, name: str, session: Session | None, ended: Ended
) -> None:
    """Report the end of the run: on the terminal, in the event file, and to VS Code."""
    startup = session.startup if session is not None else None
    if ended.reason == "interrupted":
        news.report_stopper()  # if there was no server yet
    if startup is not None and ended.reason == "ended-early":
        ended = ended.replace(in_way=startup.facts.in_way and startup.way != "fd")
    started = startup is not None
    context.screen.progress(end_text(name, ended, started=started))
    news.note(ended)
    ready = startup is not None and startup.owned is not None
    ended = ended.replace(ready=ready, why=ended.why or holder_text(session, ended))
    if what := run_progress.meaning(name, ended, started=started):
        print_vscode_failure(what, context.screen, service=name)


def on_conflict_of(service: Service, policy: ConfirmPolicy, root: str) -> ConfirmPolicy:
    """Return a policy with the settings of the service, which only narrow what --yes confirms."""
    return policy.replace(
        reclaim_project=root if service.on_conflict == "reclaim" else "",
        movable_port=service.port if service.on_conflict in ("ask", "next") else 0,
        moves=service.on_conflict == "next",
        never_ask=service.on_conflict == "fail",
    )


GIVEN_UP = ("not-ready", "moved", "port-shared", "retries-exhausted")
LINGER_TIMEOUT = 65.0
"""Seconds to wait for lingering connections of the exited server: TIME_WAIT lasts 60."""


class RunReporter:
    """Reports the events of a run: on the console, and in a file for programs if one is named."""

    def __init__(
        self,
        screen: Console,
        service: Service,
        events: str | None,
        arguments: Sequence[str],
        told_by: Callable[[], str],
    ) -> None:
        self._screen, self._service, self._arguments = screen, service, arguments
        self._told_by, self.log = told_by, log_of_process()
        self._log: EventLog | None = None
        if events is not None:
            from devports.ui.events import EventLog  # only with --events

            self._log = EventLog(events, service.name)
        self._unrecorded = False

    def tell(self, happening: RunEvent) -> None:
        """Print an event on the console."""
        if isinstance(happening, RecordFailed):
            if self._unrecorded:
                return  # the service is claimed again with each port that is tried
            self._unrecorded = True
        if isinstance(happening, StoppingServer):
            self.report_stopper()
        if isinstance(happening, ListeningElsewhere):
            happening = happening.replace(advice=self.advice())
        self._screen.progress(event_line(happening, self._screen.config))
        env = self._screen.env
        if isinstance(happening, ServerReady) and (line := run_progress.ready_line(happening, env)):
            self._screen.progress(line)
        self.note(happening)

    def report_stopper(self) -> None:
        """Report which other command of devports stops this run, if one does."""
        if by := self._told_by():
            self._screen.progress(run_progress.stopped_by(self._service.name, by))

    def advice(self) -> str:
        """Return what to write in the command, if it never names the port; else empty."""
        if says_port(self._service, self._arguments):
            return ""
        from devports.detect.command_line import naming_port  # only in this case

        named = naming_port(self._service)
        return f"`{named}`" if named else "`{port}` where it takes its port"

    def note(self, news: RunEvent | Progress | Outcome | Ended) -> None:
        """Write an event into the file only."""
        if self._log is not None:
            self._log.write(news)

    def wait(self, news: WaitingForDependency) -> Wait:
        from devports.ui.waiting import waiting  # mostly there is none

        self.note(news)
        line = run_progress.event_line(news).removeprefix(run_progress.PREFIX)
        return waiting(self._screen, line, run_progress.wait_text(news), news.seconds)

    def tools(self, context: Context, service: str) -> FreeServices:
        """Return the services of freeing, which report to both."""
        tools = tools_for(context, starting=service)

        def tell(news: Progress | Outcome) -> None:
            tools.tell(news)
            self.note(news)

        def ask(question: Question) -> Answer:
            answer = tools.ask(question)
            if self._log is not None:
                self._log.asked(question, answer)
            return answer

        def wait(news: WaitProgress) -> Wait:
            self.note(news)
            return tools.wait(news)

        return tools.replace(tell=tell, ask=ask, waiting=wait)


def create_session(
    context: Context,
    service: Service,
    config: Config,
    *,
    arguments: Sequence[str],
    policy: ConfirmPolicy,
    news: RunReporter,
    take_over: bool = False,
    declared: int,
) -> Session | None:
    """Register the run, and return its session.

    None: by its record another run is to have the port, and the policy is to leave it.
    """
    machine, records = context.machine, context.records()
    try:
        launch = prepare(
            machine,
            service,
            with_real_ports(records, config),
            arguments=arguments,
            environ=os.environ,
            from_file=variables_of(service, config),
            claim=lambda endpoints: register_run(
                records,
                machine,
                service,
                config.root,
                news.tell,
                take_over=lambda other: (
                    take_over or confirm_take_over(context.screen, other, policy)
                ),
                at_once=take_over,
                alone=endpoints if policy.moves else (),
                log=news.log,
            ),
        )
    except PortClaimedError:
        return None
    if news.log:
        enter_background(news.log, log_head(service.name, config.root))
    launch = launch.replace(declared=declared if declared != service.port else 0)
    limits = StopTimeouts(stop=service.stop_timeout, settle=0, linger=LINGER_TIMEOUT)
    tools = news.tools(context, service.name)
    attempts = launch.retry.attempts
    job = FreeRequest(launch.all_endpoints, policy, limits, attempts=attempts)
    return Session(launch, job, tools, news.tell, records)


def confirm_take_over(screen: Console, other: RunRecord, policy: ConfirmPolicy) -> bool:
    if policy.never_ask or not policy.interactive:
        return False
    from devports.ui.prompts import answer_on_terminal, take_over_prompt

    return answer_on_terminal(take_over_prompt(other.service, other.key.pid), screen) == "yes"


def variables_of(service: Service, config: Config) -> dict[str, str]:
    """Return the variables of the service's env_file, if it has one."""
    path = env_file_of(service, config)
    if not path:
        return {}
    return dict(read_env_file(path))


def print_failure(context: Context, session: Session, ended: Ended, news: RunReporter) -> None:
    """Print, after a failed run, the facts and the commands to run manually."""
    service, last = session.service, session.reserved.last
    if ended.reason == "port-held" and last is not None and not last.bindable:
        declared = context.assigned().get(service.name)
        same = declared is not None and declared.spec == service.spec
        held = service.spec.replace(port=deciding_finding(last.findings).endpoint.port)
        text = service.name if same else str(held)
        asked = target_of(text, service)
        if isinstance(service, TypedCommand):
            asked = Target(text, asked.specs)  # no command of devports knows it by its name
        print_free_error(context, asked, last)
    elif ended.reason in GIVEN_UP and session.startup:
        start = session.startup
        error = start_error(
            service,
            ended,
            start.seen,
            start.failure,
            start.status,
            unsaid=start.unsaid,
            in_way=start.facts.in_way,
            advice=news.advice(),
        )
        if isinstance(service, TypedCommand) and ended.reason == "not-ready":
            error.hints += (
                hint("`ready` is a key of a service: to declare one, run ", own_command("init")),
            )
        context.print_error(error)

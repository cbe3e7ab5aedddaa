"""`devports run`: take the port, start the server, stay with it.

The session of a run is wired to the screen and the configuration here, and its end is told.
"""

from __future__ import annotations

import os

from devports.commands.context import Context, asked_of, print_vscode_failure, service_of
from devports.commands.debugger import debugged
from devports.commands.free import show_not_freed, tools_for
from devports.core.recovery import Ended, ListeningElsewhere, RecordFailed, ServerReady
from devports.core.service import Config, Service, env_file_of, says_port
from devports.core.stop_plan import ConfirmPolicy, Question
from devports.core.verdict import decisive
from devports.errors import DevportsError
from devports.freeing import FreeRequest, FreeServices, StopTimeouts
from devports.run.launch import prepare, refuse_impossible
from devports.run.readiness import wait_for_dependencies, with_real_ports
from devports.run.reservation import next_ports
from devports.run.session import Session
from devports.run.takeover import PortPromisedError, claim
from devports.ui import run_progress
from devports.ui.run_progress import ended_words, event_line, gave_up, in_short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.recovery import RunEvent
    from devports.core.service import OnConflict
    from devports.core.stop_plan import Answer, Outcome, Progress
    from devports.records import RunRecord
    from devports.ui.console import Console
    from devports.ui.events import EventLog


def run(
    context: Context,
    name: str,
    arguments: Sequence[str] = (),
    *,
    yes: bool = False,
    other_users: bool = False,
    other_checkouts: bool = False,
    on_conflict: OnConflict | None = None,
    port: int | None = None,
    events: str | None = None,
    take_over: bool = False,
    debug: bool = False,
) -> int:
    """Run a service to its end; the exit code is the server's own when one ran."""
    config = context.config()
    service = service_of(config, name)
    if debug:
        service = debugged(service, config)
    service = service.replace(
        port=port or service.port, on_conflict=on_conflict or service.on_conflict
    )
    refuse_impossible(service)
    news = RunReporter(context.screen, service, events, arguments)
    policy = ConfirmPolicy(
        yes=yes,
        other_users=other_users,
        other_checkouts=other_checkouts,
        interactive=context.screen.interactive,
    )
    policy = on_conflict_of(service, policy, config.root)
    session: Session | None = None
    ended: Ended | None = None
    declared, others = service.port, next_ports(context.machine, service, config)
    try:
        wait_for_dependencies(context.machine, context.records(), config, service, news.tell)
        while True:
            made = session_of(
                context,
                service,
                config,
                arguments=arguments,
                policy=policy,
                news=news,
                take_over=take_over,
                declared=declared,
            )
            session = made or session
            if made is not None and (ended := made.run()) is not None:
                explain(context, made, ended, news)
                break
            service = next(others)
            policy = policy.replace(movable=service.port, moves=True)
    except DevportsError as error:
        context.print_error(error)
        ended = Ended(error.exit_code, "devports", error.code, in_short(error))
    tell_end(context, news, name, session, ended)
    return ended.code


def tell_end(
    context: Context, news: RunReporter, name: str, session: Session | None, ended: Ended
) -> None:
    """Say how the run ended: to the person, in the file of events, and to VS Code."""
    startup = session.startup if session is not None else None
    if startup is not None and ended.reason == "ended-early":
        ended = ended.replace(in_way=startup.facts.in_way)
    context.screen.progress(ended_words(name, ended, started=startup is not None))
    news.note(ended)
    ready = startup is not None and startup.owned is not None
    if what := run_progress.meaning(name, ended.replace(ready=ready)):
        print_vscode_failure(what, context.screen)


def on_conflict_of(service: Service, policy: ConfirmPolicy, root: str) -> ConfirmPolicy:
    """Return a policy with what the service declares; that may narrow consent, --yes or not."""
    return policy.replace(
        reclaim=root if service.on_conflict == "reclaim" else "",
        movable=service.port if service.on_conflict in ("ask", "next") else 0,
        moves=service.on_conflict == "next",
        fails=service.on_conflict == "fail",
    )


GIVEN_UP = ("not-ready", "moved", "port-shared", "retries-exhausted")
LINGER = 65.0
"""Seconds that leftovers of an ended server may keep us waiting: TIME_WAIT lasts 60."""


class RunReporter:
    """Where the news of a run goes: to the screen, and into a file for programs if one is named."""

    def __init__(
        self, screen: Console, service: Service, events: str | None, arguments: Sequence[str]
    ) -> None:
        self._screen, self._service, self._arguments = screen, service, arguments
        self._log: EventLog | None = None
        if events is not None:
            from devports.ui.events import EventLog  # only where it is asked for

            self._log = EventLog(events, service.name)
        self._unrecorded = False

    def tell(self, happening: RunEvent) -> None:
        """Put a piece of news on the screen."""
        if isinstance(happening, RecordFailed):
            if self._unrecorded:
                return  # the service is claimed anew with each port that is tried
            self._unrecorded = True
        if isinstance(happening, ListeningElsewhere):
            happening = happening.replace(advice=self.advice())
        self._screen.progress(event_line(happening))
        env = self._screen.env
        if isinstance(happening, ServerReady) and (
            line := run_progress.after_ready(happening, env)
        ):
            self._screen.progress(line)
        self.note(happening)

    def advice(self) -> str:
        """Return what to write in the command, where that never says the port; else empty."""
        if says_port(self._service, self._arguments):
            return ""
        from devports.detect.command_line import naming_port  # only then

        named = naming_port(self._service)
        return f"`{named}`" if named else "`{port}` where it takes its port"

    def note(self, news: RunEvent | Progress | Outcome | Ended) -> None:
        """Put it into the file alone: the screen is told otherwise."""
        if self._log is not None:
            self._log.write(news)

    def tools(self, context: Context, service: str) -> FreeServices:
        """Return the tools of freeing, which tell both."""
        tools = tools_for(context, starting=service)

        def tell(news: Progress | Outcome) -> None:
            tools.tell(news)
            self.note(news)

        def ask(question: Question) -> Answer:
            answer = tools.ask(question)
            if self._log is not None:
                self._log.asked(question, answer)
            return answer

        return tools.replace(tell=tell, ask=ask)


def session_of(
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
    """Claim the service, and return all that one run of it needs.

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
            claim=lambda endpoints: claim(
                records,
                machine,
                service,
                config.root,
                news.tell,
                take_over=lambda other: take_over or may_take_over(context.screen, other, policy),
                alone=endpoints if policy.moves else (),
            ),
        )
    except PortPromisedError:
        return None
    launch = launch.replace(declared=declared if declared != service.port else 0)
    limits = StopTimeouts(stop=service.stop_timeout, settle=0, linger=LINGER)
    tools = news.tools(context, service.name)
    job = FreeRequest(launch.everything, policy, limits)
    return Session(launch, job, tools, news.tell, records)


def may_take_over(screen: Console, other: RunRecord, policy: ConfirmPolicy) -> bool:
    """Ask a person whether the run that is in charge is to end."""
    if policy.fails or not policy.interactive:
        return False
    from devports.ui.prompts import from_menu, menu_to_take_over

    return from_menu(menu_to_take_over(other.service, other.key.pid), screen) == "yes"


def variables_of(service: Service, config: Config) -> dict[str, str]:
    """Return the variables of the service's env_file, if it has one."""
    path = env_file_of(service, config)
    if not path:
        return {}
    from devports.config.load import read_env_file  # only where there is one

    return dict(read_env_file(path))


def explain(context: Context, session: Session, ended: Ended, news: RunReporter) -> None:
    """Say, where devports gave up, what was seen and what can be done by hand."""
    service, last = session.service, session.hold.last
    if ended.reason == "port-held" and last is not None and not last.bindable:
        declared = context.config().get(service.name)
        same = declared is not None and declared.port == service.port
        held = service.spec.replace(port=decisive(last.findings).endpoint.port)
        text = service.name if same else str(held)
        show_not_freed(context, asked_of(text, service), last)
    elif ended.reason in GIVEN_UP and session.startup:
        start = session.startup
        error = gave_up(
            service,
            ended,
            start.seen,
            start.failure,
            start.status,
            unsaid=start.unsaid,
            in_way=start.facts.in_way,
            advice=news.advice(),
        )
        context.print_error(error)

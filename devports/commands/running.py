"""What a run is made of: its session, wired to the screen and the configuration, and its report."""

from __future__ import annotations

import os

from devports.commands.freeing import show_not_freed, tools_for
from devports.commands.setting import asked_of
from devports.core.diagnosis import decisive
from devports.core.happening import Owned, Unrecorded
from devports.core.placeholder import env_file_of
from devports.freeing import Job, Limits
from devports.run.dependencies import with_real_ports
from devports.run.launch import prepare
from devports.run.predecessor import PortPromisedError, claim
from devports.run.session import Session
from devports.ui import editorline
from devports.ui.diagnostic import error_block
from devports.ui.menu import menu_to_take_over
from devports.ui.prompt import from_menu
from devports.ui.runwords import gave_up, happening_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Setting
    from devports.core.happening import Happening
    from devports.core.outcome import Answer, Outcome, Progress, Question
    from devports.core.plan import Policy
    from devports.core.recovery import Ended
    from devports.core.service import Config, Service
    from devports.freeing import Tools
    from devports.records import Record
    from devports.ui.console import Screen
    from devports.ui.events import EventLog

GIVEN_UP = ("not-ready", "moved", "port-shared", "retries-exhausted")
LINGER = 65.0
"""Seconds that leftovers of an ended server may keep us waiting: TIME_WAIT lasts 60."""


class News:
    """Where the news of a run goes: to the screen, and into a file for programs if one is named."""

    def __init__(self, screen: Screen, log: EventLog | None = None) -> None:
        self._screen, self._log = screen, log
        self._unrecorded = False

    def tell(self, happening: Happening) -> None:
        """Put a piece of news on the screen."""
        if isinstance(happening, Unrecorded):
            if self._unrecorded:
                return  # the service is claimed anew with each port that is tried
            self._unrecorded = True
        self._screen.progress(happening_words(happening))
        env = self._screen.env
        if isinstance(happening, Owned) and (line := editorline.after_ready(happening, env)):
            self._screen.progress(line)
        self.note(happening)

    def note(self, news: Happening | Progress | Outcome | Ended) -> None:
        """Put it into the file alone: the screen is told otherwise."""
        if self._log is not None:
            self._log.write(news)

    def tools(self, setting: Setting, service: str) -> Tools:
        """Return the tools of freeing, which tell both."""
        tools = tools_for(setting, starting=service)

        def tell(news: Progress | Outcome) -> None:
            tools.tell(news)
            self.note(news)

        def ask(question: Question) -> Answer:
            answer = tools.ask(question)
            if self._log is not None:
                self._log.asked(question, answer)
            return answer

        return tools.but(tell=tell, ask=ask)


def session_of(
    setting: Setting,
    service: Service,
    config: Config,
    *,
    arguments: Sequence[str],
    policy: Policy,
    news: News,
    take_over: bool = False,
    declared: int,
) -> Session | None:
    """Claim the service, and return all that one run of it needs.

    None: by its record another run is to have the port, and the policy is to leave it.
    """
    machine, records = setting.machine, setting.records()
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
                take_over=lambda other: take_over or may_take_over(setting.screen, other, policy),
                alone=endpoints if policy.moves else (),
            ),
        )
    except PortPromisedError:
        return None
    launch = launch.but(declared=declared if declared != service.port else 0)
    limits = Limits(stop=service.stop_timeout, settle=0, linger=LINGER)
    tools = news.tools(setting, service.name)
    job = Job(launch.everything, policy, limits)
    return Session(launch, job, tools, news.tell, records)


def may_take_over(screen: Screen, other: Record, policy: Policy) -> bool:
    """Ask a person whether the run that is in charge is to end."""
    if policy.fails or not policy.interactive:
        return False
    return from_menu(menu_to_take_over(other.service, other.key.pid), screen) == "yes"


def variables_of(service: Service, config: Config) -> dict[str, str]:
    """Return the variables of the service's env_file, if it has one."""
    path = env_file_of(service, config)
    if not path:
        return {}
    from devports.config.load import read_env_file  # noqa: PLC0415  # only where there is one

    return dict(read_env_file(path))


def explain(setting: Setting, session: Session, ended: Ended) -> None:
    """Say, where devports gave up, what was seen and what can be done by hand."""
    screen, service, last = setting.screen, session.service, session.hold.last
    if ended.reason == "port-held" and last is not None and not last.bindable:
        declared = setting.config().get(service.name)
        same = declared is not None and declared.port == service.port
        held = service.spec.but(port=decisive(last.findings).endpoint.port)
        text = service.name if same else str(held)
        show_not_freed(setting, asked_of(text, service), last)
    elif ended.reason in GIVEN_UP and session.startup:
        start = session.startup
        error = gave_up(
            service, ended, start.seen, start.failure, start.status, unsaid=start.unsaid
        )
        screen.err(error_block(error, screen.look("stderr")))

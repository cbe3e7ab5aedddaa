"""`devports run`: take the port, start the server, stay with it."""

from __future__ import annotations

import os

from devports import exitcodes
from devports.commands.freeing import show_not_freed, tools_for
from devports.commands.setting import asked_of, service_of
from devports.core.diagnosis import is_bindable
from devports.core.happening import DependencyDown, NextPort
from devports.core.placeholder import argv_of, fill, names_in, values_for
from devports.core.plan import Policy
from devports.core.recovery import Retry
from devports.errors import DevportsError
from devports.freeing import Job, Limits
from devports.run.hold import Hold
from devports.run.predecessor import claim
from devports.run.session import Launch, Session
from devports.system.survey import endpoints_of, survey
from devports.ui.diagnostic import error_block
from devports.ui.runwords import ended_words, gave_up, happening_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.commands.setting import Setting
    from devports.core.happening import Happening
    from devports.core.recovery import Ended
    from devports.core.service import Config, OnConflict, Service
    from devports.records import Record

    Tell = Callable[[Happening], None]

LINGER = 65.0
"""Seconds that leftovers of an ended server may keep us waiting: TIME_WAIT lasts 60."""
NEXT_PORTS = 20


def run(
    setting: Setting,
    name: str,
    arguments: Sequence[str] = (),
    *,
    yes: bool = False,
    other_users: bool = False,
    on_conflict: OnConflict | None = None,
    port: int | None = None,
) -> int:
    """Run a service to its end; the exit code is the server's own when one ran."""
    config = setting.config()
    service = chosen(service_of(config, name), on_conflict, port)
    machine, records = setting.machine, setting.records()

    def tell(happening: Happening) -> None:
        setting.screen.err(happening_words(happening))

    record = claim(records, machine, service, config.root, tell)
    if service.on_conflict == "next":
        service = on_next_port(setting, service, tell)
    for dependency in service.depends_on:
        warn_of(setting, service, service_of(config, dependency), tell)
    policy = Policy(
        yes=yes,
        other_users=other_users,
        interactive=setting.screen.interactive and service.on_conflict != "fail",
        reclaim=config.root if service.on_conflict == "reclaim" else "",
    )
    launch = launch_of(setting, service, config, arguments, record)
    job = Job(launch.everything, policy, Limits(stop=service.stop_timeout, settle=0, linger=LINGER))
    tools = tools_for(setting, starting=name)
    hold = Hold(tools, job, records)
    session = Session(launch, hold, tools, tell, records)
    ended = session.run()
    report(setting, session, ended)
    return ended.code


def chosen(service: Service, on_conflict: OnConflict | None, port: int | None) -> Service:
    """Return the service as the command line wants it.

    Raises:
        DevportsError: it has no command, or wants what we cannot do.
    """
    if not service.command:
        raise DevportsError(
            "no-command",
            f"`{service.name}` has no command to run",
            facts=(f"its port {service.port} is only watched",),
            hints=(f'add `command = "..."` to `[services.{service.name}]`',),
            service=service.name,
        )
    uses_fd = any("fd" in names_in(text) for text in texts_of(service))
    if service.handoff in ("fd", "hook") or uses_fd:
        raise DevportsError(
            "handoff-unavailable",
            f"`{service.name}` wants to be handed a socket, which devports cannot do yet",
            hints=('use `handoff = "plain"`: the port is held until the server listens',),
            service=service.name,
        )
    if port is not None:
        service = service.but(port=port)
    return service if on_conflict is None else service.but(on_conflict=on_conflict)


def texts_of(service: Service) -> tuple[str, ...]:
    """Return the texts in which a placeholder for a descriptor may stand."""
    command = service.command if isinstance(service.command, tuple) else (service.command,)
    return (*command, *(text for _, text in service.env))


def launch_of(
    setting: Setting, service: Service, config: Config, arguments: Sequence[str], record: Record
) -> Launch:
    """Fill command line and environment, and say which endpoints the service is to have."""
    values = values_for(service, config)
    asked = asked_of(service.name, service)
    first, *further = [endpoints_of(setting.machine, spec) for spec in asked.specs]
    return Launch(
        service=service.but(cwd=fill(service.cwd, values)),
        argv=(*argv_of(service, values), *arguments),
        env=environment(service, values),
        record=record,
        endpoints=first,
        extra=tuple(endpoint for endpoints in further for endpoint in endpoints),
        retry=Retry(service.attempts),
    )


def environment(service: Service, values: dict[str, str]) -> dict[str, str]:
    """Return the server's environment: ours, PORT, the file's, the service's; the last one wins."""
    from devports.config.load import read_env_file  # noqa: PLC0415  # only where there is one

    path = fill(service.env_file, values)
    from_file = dict(read_env_file(path)) if path else {}
    own = {key: fill(text, values) for key, text in service.env}
    return {**os.environ, "PORT": str(service.port), **from_file, **own}


def on_next_port(setting: Setting, service: Service, tell: Tell) -> Service:
    """Return the service with the first port from its own on that can be had, loudly.

    Raises:
        DevportsError: none of the next ports can.
    """
    for port in range(service.port, min(service.port + NEXT_PORTS, 65536)):
        moved = service.but(port=port)
        findings = survey(setting.machine, endpoints_of(setting.machine, moved.spec))
        if all(is_bindable(finding.verdict) for finding in findings):
            if port != service.port:
                tell(NextPort(service.name, service.port, port))
            return moved
    raise DevportsError(
        "no-next-port",
        f"none of the {NEXT_PORTS} ports from {service.port} on is free",
        service=service.name,
        exit_code=exitcodes.HELD,
    )


def warn_of(setting: Setting, service: Service, dependency: Service, tell: Tell) -> None:
    """Say that a dependency does not listen; the server may know how to wait for it."""
    findings = survey(setting.machine, endpoints_of(setting.machine, dependency.spec))
    if all(is_bindable(finding.verdict) for finding in findings):
        tell(DependencyDown(service.name, dependency.name, findings[0].endpoint))


def report(setting: Setting, session: Session, ended: Ended) -> None:
    """Say how it ended, and where devports gave up, what was seen and what can be done by hand."""
    screen, service = setting.screen, session.service
    asked = asked_of(service.name, service)
    last = session.hold.last
    if ended.reason == "port-held" and last is not None and not last.bindable:
        show_not_freed(setting, asked, last)
    elif ended.reason in ("not-ready", "moved", "retries-exhausted"):
        error = gave_up(service, ended, session.seen, session.failure)
        screen.err(error_block(error, screen.look("stderr")))
    screen.err(ended_words(service.name, ended))

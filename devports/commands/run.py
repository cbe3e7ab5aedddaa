"""`devports run`: take the port, start the server, stay with it."""

from __future__ import annotations

import os

from devports.commands.freeing import show_not_freed, tools_for
from devports.commands.setting import asked_of, service_of
from devports.core.placeholder import fill, values_for
from devports.core.plan import Policy
from devports.core.recovery import Ended
from devports.errors import DevportsError
from devports.freeing import Job, Limits
from devports.run.launch import on_next_port, prepare, refuse_impossible, warn_of_missing
from devports.run.predecessor import claim
from devports.run.session import Session
from devports.ui.diagnostic import error_block
from devports.ui.runwords import ended_words, gave_up, happening_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Setting
    from devports.core.happening import Happening
    from devports.core.service import Config, OnConflict, Service

LINGER = 65.0
"""Seconds that leftovers of an ended server may keep us waiting: TIME_WAIT lasts 60."""


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
    config, machine, records = setting.config(), setting.machine, setting.records()
    service = service_of(config, name)
    service = service.but(port=port or service.port, on_conflict=on_conflict or service.on_conflict)
    refuse_impossible(service)

    def tell(happening: Happening) -> None:
        setting.screen.err(happening_words(happening))

    if service.on_conflict == "next":
        service = on_next_port(machine, service, config, tell)
    warn_of_missing(machine, service, config, tell)
    launch = prepare(
        machine,
        service,
        config,
        arguments=arguments,
        environ=os.environ,
        from_file=variables_of(service, config),
        record=claim(records, machine, service, config.root, tell),
    )
    may_end = service.on_conflict != "fail"  # a configuration may narrow consent, --yes or not
    policy = Policy(
        yes=yes and may_end,
        other_users=other_users,
        interactive=setting.screen.interactive and may_end,
        reclaim=config.root if service.on_conflict == "reclaim" else "",
    )
    limits = Limits(stop=service.stop_timeout, settle=0, linger=LINGER)
    tools = tools_for(setting, starting=name)
    session = Session(launch, Job(launch.everything, policy, limits), tools, tell, records)
    try:
        ended = session.run()
    except DevportsError as error:
        setting.screen.err(error_block(error, setting.screen.look("stderr")))
        ended = Ended(error.exit_code, "devports", error.code)
    by_name = setting.declared(service).by_name and port is None
    report(setting, session, ended, by_name=by_name)
    return ended.code


def variables_of(service: Service, config: Config) -> dict[str, str]:
    """Return the variables of the service's env_file, if it has one."""
    if not service.env_file:
        return {}
    from devports.config.load import read_env_file  # noqa: PLC0415  # only where there is one

    return dict(read_env_file(fill(service.env_file, values_for(service, config))))


def report(setting: Setting, session: Session, ended: Ended, *, by_name: bool) -> None:
    """Say how it ended, and where devports gave up, what was seen and what can be done by hand."""
    screen, service, last = setting.screen, session.service, session.hold.last
    if ended.reason == "port-held" and last is not None and not last.bindable:
        show_not_freed(setting, asked_of(service.name, service).but(by_name=by_name), last)
    elif ended.reason in ("not-ready", "moved", "retries-exhausted") and session.startup:
        start = session.startup
        error = gave_up(service, ended, start.seen, start.failure, start.status)
        screen.err(error_block(error, screen.look("stderr")))
    screen.err(ended_words(service.name, ended))

"""`devports run`: take the port, start the server, stay with it."""

from __future__ import annotations

from devports.commands.running import report, session_of, teller
from devports.commands.setting import service_of
from devports.core.plan import Policy
from devports.core.recovery import Ended
from devports.errors import DevportsError
from devports.run.launch import on_next_port, refuse_impossible, warn_of_missing
from devports.ui.diagnostic import error_block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Setting
    from devports.core.service import OnConflict
    from devports.run.session import Session
    from devports.ui.console import Screen


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
    service = service_of(config, name)
    service = service.but(port=port or service.port, on_conflict=on_conflict or service.on_conflict)
    refuse_impossible(service)
    tell = teller(setting.screen)
    if service.on_conflict == "next":
        service = on_next_port(setting.machine, service, config, tell)
    warn_of_missing(setting.machine, service, config, tell)
    may_end = service.on_conflict != "fail"  # a configuration may narrow consent, --yes or not
    policy = Policy(
        yes=yes and may_end,
        other_users=other_users,
        interactive=setting.screen.interactive and may_end,
        reclaim=config.root if service.on_conflict == "reclaim" else "",
        movable=service.port if service.on_conflict in ("ask", "next") else 0,
    )
    while True:
        session = session_of(
            setting, service, config, arguments=arguments, policy=policy, tell=tell
        )
        ended = serve(session, setting.screen)
        if not session.moving:
            break
        service = on_next_port(setting.machine, service, config, tell)
    by_name = setting.declared(service).by_name and service.port == service_of(config, name).port
    report(setting, session, ended, by_name=by_name)
    return ended.code


def serve(session: Session, screen: Screen) -> Ended:
    """Run the session to its end; an error of ours is shown and becomes the end."""
    try:
        return session.run()
    except DevportsError as error:
        screen.err(error_block(error, screen.look("stderr")))
        return Ended(error.exit_code, "devports", error.code)

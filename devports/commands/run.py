"""`devports run`: take the port, start the server, stay with it."""

from __future__ import annotations

from devports.commands.running import News, explain, session_of
from devports.commands.setting import service_of
from devports.core.plan import Policy
from devports.core.recovery import Ended
from devports.errors import DevportsError
from devports.run.dependencies import wait_for_dependencies
from devports.run.launch import refuse_impossible
from devports.run.search import Search
from devports.ui.diagnostic import error_block
from devports.ui.editorline import in_short
from devports.ui.runwords import ended_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Setting
    from devports.core.service import OnConflict
    from devports.run.session import Session
    from devports.ui.events import EventLog


def run(
    setting: Setting,
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
) -> Ended:
    """Run a service to its end; the exit code is the server's own when one ran."""
    config = setting.config()
    service = service_of(config, name)
    service = service.but(port=port or service.port, on_conflict=on_conflict or service.on_conflict)
    refuse_impossible(service)
    news = News(setting.screen, log_of(events, name))
    policy = Policy(
        yes=yes,
        other_users=other_users,
        other_checkouts=other_checkouts,
        interactive=setting.screen.interactive,
        reclaim=config.root if service.on_conflict == "reclaim" else "",
        movable=service.port if service.on_conflict in ("ask", "next") else 0,
        moves=service.on_conflict == "next",
        fails=service.on_conflict == "fail",  # a configuration may narrow consent, --yes or not
    )
    session: Session | None = None
    ended: Ended | None = None
    declared, search = service.port, Search(setting.machine, service, config)
    try:
        wait_for_dependencies(setting.machine, setting.records(), config, service, news.tell)
        while True:
            made = session_of(
                setting,
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
                explain(setting, made, ended)
                break
            service = search.next()
            policy = policy.but(movable=service.port, moves=True)
    except DevportsError as error:
        setting.screen.err(error_block(error, setting.screen.look("stderr")))
        ended = Ended(error.exit_code, "devports", error.code, in_short(error))
    startup = session.startup if session is not None else None
    setting.screen.progress(ended_words(name, ended, started=startup is not None))
    news.note(ended)
    return ended.but(ready=startup is not None and startup.owned is not None)


def log_of(path: str | None, service: str) -> EventLog | None:
    """Open the file for events, if one is named."""
    if path is None:
        return None
    from devports.ui.events import EventLog  # noqa: PLC0415  # only where it is asked for

    return EventLog(path, service)

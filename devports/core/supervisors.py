"""Who would start a server again, by evidence from its line of parents. Pure.

The variables that a supervisor sets are inherited by everything below it, a terminal among it. So
they count only where the supervisor is found above, with no person's place in between.
"""

from __future__ import annotations

from devports.core.options import values_of
from devports.core.program import base_name, program
from devports.core.protection import by_name, by_place, names_of
from devports.core.quoting import quote
from devports.core.shells import is_persons_shell
from devports.core.standing import Supervised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.model import Process
    from devports.core.standing import Viewer

MARKS = (
    "SUPERVISOR_PROCESS_NAME",
    "SUPERVISOR_GROUP_NAME",
    "SUPERVISOR_SERVER_URL",
    "PM2_HOME",
    "pm_id",
    "name",
)
"""The variables that are read of a holder; pm2 calls its own `name`, beside `pm_id`."""

MODULE = "supervisor.supervisord"
"""What ``python -m`` may start instead of the script."""

STANDARD = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/opt/homebrew/bin/")
"""Folders that are on PATH everywhere, also under sudo."""


def keeper_of(process: Process, ancestors: Sequence[Process], viewer: Viewer) -> Supervised | None:
    """Return who would start `process` again, if its line of parents shows it."""
    marks = dict(process.marks)
    for at in _line(process, ancestors):
        if label := dict(at.marks).get("launchd", ""):
            return _launchd(label, at, viewer)
        if is_supervisord(at):
            return _supervisord(at, {} if at is process else marks, viewer)
        if is_pm2(at):
            return _pm2(at, {} if at is process else marks, viewer)
    return None


def _line(process: Process, ancestors: Sequence[Process]) -> Iterator[Process]:
    """Yield a process and its parents, up to where a person sits."""
    yield process
    for parent in ancestors:
        persons = is_persons_shell(parent) or by_place(parent.exe) or by_name(names_of(parent))
        if persons and not is_keeper(parent):
            return
        yield parent


def is_keeper(process: Process) -> bool:
    """Say whether this is a supervisor: it has more to it than this one server."""
    return is_supervisord(process) or is_pm2(process)


def is_supervisord(process: Process) -> bool:
    words = (program(process), *process.argv[:3])
    return any(base_name(word) in ("supervisord", MODULE) for word in words)


def is_pm2(process: Process) -> bool:
    """Say whether this is pm2's daemon (its title is all one word), or pm2 in the foreground."""
    title = process.argv[0] if process.argv else process.name
    daemon = title.startswith("PM2 v") and "God Daemon" in title
    return daemon or any(base_name(w) in ("pm2-runtime", "pm2-docker") for w in process.argv[:2])


def _supervisord(parent: Process, marks: dict[str, str], viewer: Viewer) -> Supervised:
    """Return how its own client stops a program (supervisord.org/running.html).

    As the first process of a container it adopts orphans, which have the marks of whoever started
    them: there no name is believed.
    """
    config = next(iter(values_of(parent.argv[1:], "-c", "--configuration")), "")
    url = marks.get("SUPERVISOR_SERVER_URL")
    if config.startswith("/"):
        reach = f" -c {quote(config)}"
    elif url:
        reach = f" -s {quote(url)}"
    elif config and parent.cwd:
        reach = f" -c {quote(f'{parent.cwd}/{config}')}"
    else:
        reach = ""
    client = f"{_client(parent)}{reach}"
    if "http" not in (url or "")[:4] or config.startswith("/"):
        client = _as(parent, viewer) + client
    name = marks.get("SUPERVISOR_PROCESS_NAME", "")
    if not name or parent.pid == 1:
        return Supervised("supervisord", "", f"{client} status")
    whole = f"{marks.get('SUPERVISOR_GROUP_NAME', name)}:{name}"
    return Supervised("supervisord", whole, f"{client} stop {quote(whole)}")


def _pm2(parent: Process, marks: dict[str, str], viewer: Viewer) -> Supervised:
    """Return how its own command stops an app (pm2.keymetrics.io/docs/usage/process-management)."""
    title = parent.argv[0] if parent.argv else ""
    home = title.partition("(")[2].rpartition(")")[0] or marks.get("PM2_HOME", "")
    usual = home.endswith("/.pm2") and parent.uid == viewer.uid
    place = f"PM2_HOME={quote(home)} " if home and not usual else ""
    user = _as(parent, viewer)
    client = f"{user}{'env ' if user and place else ''}{place}pm2"
    number = marks.get("pm_id", "")
    if not number:
        return Supervised("pm2", "", f"{client} list")
    # Several apps may have one name, and `pm2 stop NAME` stops them all; the number is one's own.
    return Supervised("pm2", marks.get("name") or number, f"{client} stop {quote(number)}")


def _launchd(label: str, process: Process, viewer: Viewer) -> Supervised | None:
    """Return how launchctl(1) removes a job; a window's own application is no job."""
    if label.startswith("application."):
        return None
    own = process.uid in (viewer.uid, viewer.user_uid) and process.uid != 0
    if label.startswith("homebrew.mxcl."):
        stop = f"brew services stop {quote(label.removeprefix('homebrew.mxcl.'))}"
        return Supervised("launchd", label, stop if own else f"sudo {stop}")
    domain = f"launchctl bootout gui/{process.uid}/" if own else "sudo launchctl bootout system/"
    return Supervised("launchd", label, domain + quote(label))


def _as(parent: Process, viewer: Viewer) -> str:
    """Return what makes a command run as the user of a supervisor."""
    if parent.uid in (viewer.uid, 0):
        return "" if parent.uid == viewer.uid else "sudo "
    return f"sudo -u {quote(parent.user)} "


def _client(parent: Process) -> str:
    """Return the path of the client beside a daemon, or its name where that is on PATH."""
    if MODULE in parent.argv[:3]:
        # The link in a virtual environment finds its packages, the program behind it does not.
        python = parent.argv[0] if parent.argv[0].startswith("/") else parent.exe
        return f"{quote(python)} -m supervisor.supervisorctl"
    path = next((word for word in parent.argv[:2] if base_name(word) == "supervisord"), "")
    folder = path.removesuffix("supervisord")
    usual = not folder.startswith("/") or folder in STANDARD
    return "supervisorctl" if usual else quote(f"{folder}supervisorctl")

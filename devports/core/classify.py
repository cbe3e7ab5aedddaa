"""Classify a process as a kind of holder, from facts about the process. Pure.

A process can choose its name, so a name never permits anything; it only forbids (protected,
container, supervised). Facts that cannot be faked decide the rest: uid, control group, ancestors,
the record of a run. All descendants of a supervisor inherit its variables, terminals too: the
variables count only where the supervisor is an ancestor and no shell, editor or session is between.
"""

from __future__ import annotations

from devports.core.checkout import no_checkout
from devports.core.command_line import base_name, is_persons_shell, program, values_of
from devports.core.containers import (
    container_of,
    engine_of_process,
    is_monitor,
    monitored_container,
)
from devports.core.holder_kind import (
    SHORT_ID,
    Container,
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Protected,
    SupervisedService,
    Tunnel,
)
from devports.core.protected import by_name, by_place, names_of, protection
from devports.core.text import quote
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.checkout import ElsewhereOf
    from devports.core.holder_kind import CurrentUser, HolderKind, Refusal, RunInfo
    from devports.core.model import Holder, Process


MARKS = (
    "SUPERVISOR_PROCESS_NAME",
    "SUPERVISOR_GROUP_NAME",
    "SUPERVISOR_SERVER_URL",
    "PM2_HOME",
    "pm_id",
    "name",
)
"""Environment variables that are read of a holder; pm2 sets `name` beside `pm_id`."""

MODULE = "supervisor.supervisord"
"""The module that ``python -m`` may start instead of the script."""

STANDARD = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/opt/homebrew/bin/")
"""Folders that are on PATH everywhere, also under sudo."""


def supervisor_of(
    process: Process, ancestors: Sequence[Process], viewer: CurrentUser
) -> SupervisedService | None:
    """Return the supervisor that would restart `process`, if its ancestors show one."""
    marks = dict(process.environment_marks)
    for at in _own_ancestors(process, ancestors):
        if label := dict(at.environment_marks).get("launchd", ""):
            return _launchd(label, at, viewer)
        if is_supervisord(at):
            return _supervisord(at, {} if at is process else marks, viewer)
        if is_pm2(at):
            return _pm2(at, {} if at is process else marks, viewer)
    return None


def _own_ancestors(process: Process, ancestors: Sequence[Process]) -> Iterator[Process]:
    """Yield a process and its ancestors, up to the first shell, editor or session of a person."""
    yield process
    for parent in ancestors:
        persons = is_persons_shell(parent) or by_place(parent.exe) or by_name(names_of(parent))
        if persons and not is_supervisor_program(parent):
            return
        yield parent


def is_supervisor_program(process: Process) -> bool:
    """Return whether this is a supervisor: it may have other children than this server."""
    return is_supervisord(process) or is_pm2(process)


def is_supervisord(process: Process) -> bool:
    words = (program(process), *process.argv[:3])
    return any(base_name(word) in ("supervisord", MODULE) for word in words)


def is_pm2(process: Process) -> bool:
    """Return whether this is pm2's daemon (its title is one word), or pm2 in the foreground."""
    title = process.argv[0] if process.argv else process.name
    daemon = title.startswith("PM2 v") and "God Daemon" in title
    return daemon or any(base_name(w) in ("pm2-runtime", "pm2-docker") for w in process.argv[:2])


def _supervisord(parent: Process, marks: dict[str, str], viewer: CurrentUser) -> SupervisedService:
    """Return the service with the command of supervisorctl (supervisord.org/running.html).

    As the first process of a container, supervisord adopts orphans, which have the variables of
    another program: there the name is not used.
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
        return SupervisedService("supervisord", "", f"{client} status")
    whole = f"{marks.get('SUPERVISOR_GROUP_NAME', name)}:{name}"
    return SupervisedService("supervisord", whole, f"{client} stop {quote(whole)}")


def _pm2(parent: Process, marks: dict[str, str], viewer: CurrentUser) -> SupervisedService:
    """Return the app with its stop command (pm2.keymetrics.io/docs/usage/process-management)."""
    title = parent.argv[0] if parent.argv else ""
    home = title.partition("(")[2].rpartition(")")[0] or marks.get("PM2_HOME", "")
    usual = home.endswith("/.pm2") and parent.uid == viewer.uid
    place = f"PM2_HOME={quote(home)} " if home and not usual else ""
    user = _as(parent, viewer)
    client = f"{user}{'env ' if user and place else ''}{place}pm2"
    number = marks.get("pm_id", "")
    if not number:
        return SupervisedService("pm2", "", f"{client} list")
    # Several apps may have one name, and `pm2 stop NAME` stops them all; the number is unique.
    return SupervisedService("pm2", marks.get("name") or number, f"{client} stop {quote(number)}")


def _launchd(label: str, process: Process, viewer: CurrentUser) -> SupervisedService | None:
    """Return a job with the command of launchctl(1) that removes it; an application is no job."""
    if label.startswith("application."):
        return None
    own = process.uid in (viewer.uid, viewer.user_uid) and process.uid != 0
    if label.startswith("homebrew.mxcl."):
        stop = f"brew services stop {quote(label.removeprefix('homebrew.mxcl.'))}"
        return SupervisedService("launchd", label, stop if own else f"sudo {stop}")
    domain = f"launchctl bootout gui/{process.uid}/" if own else "sudo launchctl bootout system/"
    return SupervisedService("launchd", label, domain + quote(label))


def _as(parent: Process, viewer: CurrentUser) -> str:
    """Return the prefix that runs a command as the user of a supervisor."""
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


def classify_holder(
    target: Process,
    viewer: CurrentUser,
    run: RunInfo | None,
    ancestors: Sequence[Process] = (),
    *,
    elsewhere_of: ElsewhereOf = no_checkout,
) -> HolderKind:
    """Classify one process. The first rule that applies decides; refusals come first."""
    if refusal := _refusal(target, viewer, ancestors):
        return refusal
    if run is None and is_session(target):
        return Protected("an ssh session that forwards the port")
    if target.uid not in (viewer.uid, viewer.user_uid):
        return OtherUser(target.user, permitted=viewer.uid == 0)
    other = elsewhere_of(target, run)
    if other is not None and other.is_guarded:
        return other
    if run is None and (kind := tunnel_kind(target)):
        return Tunnel(kind, exit_command(target))
    return other or (DevportsRun(run) if run is not None else OrdinaryProcess())


def _refusal(target: Process, viewer: CurrentUser, ancestors: Sequence[Process]) -> Refusal | None:
    """Return why `target` is never stopped, if it is not."""
    engine = engine_of_process(target)
    if engine and target.pid > 1 and target.key not in viewer.ancestor_keys:
        return Container(engine, identity=monitored_container(target)[1])
    if reason := protection(target, viewer):
        return Protected(reason)
    if inside := _inside(target, viewer, ancestors):
        return inside
    unit = unit_of(target.cgroup)
    if unit is not None and unit != unit_of(viewer.cgroup):
        return unit if target.uid in (viewer.uid, viewer.user_uid) else of_user(unit, target.user)
    return supervisor_of(target, ancestors, viewer)


def _inside(target: Process, viewer: CurrentUser, ancestors: Sequence[Process]) -> Container | None:
    """Return the container that a process runs in, unless devports runs in the same one.

    The control group names it, or the monitor among the ancestors: with ``--cgroups=disabled``, and
    for a user's podman on cgroup v1, a container has no group of its own.
    """
    own, found = container_of(viewer.cgroup), container_of(target.cgroup)
    ours = {own[1] if own else "", *viewer.containers} - {""}
    if found is not None and found[1] not in ours:
        return _container_around(*found)
    for parent in ancestors:
        if is_monitor(parent) and parent.key not in viewer.ancestor_keys:
            engine, identity, name = monitored_container(parent)
            if identity not in ours:
                return _container_around(engine, identity, name)
    return None


def _container_around(engine: str, identity: str, name: str = "") -> Container:
    return Container(engine, name or identity[:SHORT_ID], identity=identity, engine_answer="inside")


def unit_of(cgroup: str) -> SupervisedService | None:
    """Return the systemd service of a control group path (systemd.slice(5)), if it is one.

    Only the last ``*.service`` component counts: ``user@1000.service`` contains every program of a
    login, and ``*.scope`` is a terminal or a session. A desktop starts its applications, terminals
    and editors too, as ``app-*@*.service`` (systemd.io/DESKTOP_ENVIRONMENTS): stopping that would
    close the window.
    """
    parts = [part for part in cgroup.split("/") if part.endswith(".service")]
    if not parts or not cgroup.rstrip("/").endswith(parts[-1]) or parts[-1].startswith("user@"):
        return None
    user = any(part.startswith("user@") for part in parts)
    if user and parts[-1].startswith("app-"):
        return None
    stop = "systemctl --user stop" if user else "sudo systemctl stop"
    # The owner of a control group chooses its name, and systemd itself writes \x2d for a dash.
    dashes = "-- " if parts[-1].startswith("-") else ""
    return SupervisedService("systemd", parts[-1], f"{stop} {dashes}{quote(parts[-1])}")


def of_user(unit: SupervisedService, user: str) -> SupervisedService:
    """Return a unit with the command that reaches the manager of another user (systemctl(1))."""
    reach = f"sudo systemctl --user --machine={quote(user)}@.host "
    return unit.replace(stop=unit.stop.replace("systemctl --user ", reach, 1))


def strictest_kind(
    top: Process,
    members: Sequence[Holder],
    viewer: CurrentUser,
    run: RunInfo | None,
    *,
    elsewhere_of: ElsewhereOf = no_checkout,
) -> HolderKind:
    """Return the kind of a whole process group: the strictest one of its members."""
    lines = [(top, parents_of(top, members)), *((m.process, m.ancestors) for m in members)]
    judged = (
        classify_holder(process, viewer, run, line, elsewhere_of=elsewhere_of)
        for process, line in lines
    )
    return min(judged, key=_strictness)


def _strictness(item: HolderKind) -> tuple[int, bool]:
    order = (
        Protected,
        Container,
        SupervisedService,
        OtherUser,
        OtherCheckout,
        Tunnel,
        DevportsRun,
        OrdinaryProcess,
    )
    vaguer = isinstance(item, SupervisedService) and not item.unit
    milder = isinstance(item, OtherCheckout) and not item.is_guarded
    return order.index(type(item)), vaguer or milder


def parents_of(top: Process, members: Sequence[Holder]) -> tuple[Process, ...]:
    """Return the ancestors of the root of a process group, as its members list them."""
    for member in members:
        keys = [process.key for process in member.with_ancestors]
        if top.key in keys:
            return member.with_ancestors[keys.index(top.key) + 1 :]
    return ()


TAKES_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""Options of ssh(1) with a value, in the same word or the next."""

FORWARDERS = {
    "kubectl": ("port-forward", "proxy"),
    "oc": ("port-forward", "proxy"),
    "cloudflared": ("access", "tunnel"),
    "ngrok": ("http", "tcp", "tls", "start"),
}
"""Programs that forward a port when one of these words is an argument."""

ONLY_FORWARD = frozenset(("cloud-sql-proxy", "cloud_sql_proxy"))


class Ssh(Frozen):
    """The arguments of an ssh(1): its local forwards, and the way to its master.

    `alone`: it runs no command and no shell (-N), so it carries no session.
    """

    alone: bool
    forwards: tuple[str, ...]
    control: str
    host: str


def tunnel_kind(process: Process) -> str:
    """Return the kind of tunnel that a process is, by its arguments; empty if it is none."""
    name, words = program(process), process.argv[1:]
    if name in ("ssh", "autossh"):
        return f"{name} -N" if ssh(process.argv).alone else ""
    if name in ONLY_FORWARD:
        return name
    found = next((word for word in FORWARDERS.get(name, ()) if word in words), "")
    return f"{name} {found}" if found else ""


def is_session(process: Process) -> bool:
    """Return whether this is an ssh that carries a session, or a shared master."""
    return mux(process.argv) != "" or (program(process) == "ssh" and not ssh(process.argv).alone)


def mux(argv: Sequence[str]) -> str:
    """Return the control socket of an ssh master in the background; empty if it is none."""
    title = argv[0] if argv else ""
    return title[5:-6] if title.startswith("ssh: ") and title.endswith(" [mux]") else ""


def ssh(argv: Sequence[str]) -> Ssh:
    """Parse the arguments of an ssh, or of an autossh, which passes them on."""
    if master := mux(argv):
        return Ssh(alone=False, forwards=(), control=master, host="")
    found = list(_options(argv))
    settings = {value.partition("=")[0].strip().lower(): value.partition("=")[2].strip()
                for key, value in found if key == "o"}  # fmt: skip
    keys = {key for key, _ in found}
    return Ssh(
        alone=bool(keys & set("NW")) or settings.get("sessiontype", "").lower() == "none",
        forwards=tuple(value for key, value in found if key == "L"),
        control=next(
            (value for key, value in found if key == "S"), settings.get("controlpath", "")
        ),
        host=next((value for key, value in found if key == ""), ""),
    )


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value, and the host with an empty key; the rest is remote."""
    words = iter(argv[1:])
    hosted = False
    for word in words:
        if not word.startswith("-") or word == "-":
            if hosted:  # ssh takes options after the host too, up to the command
                return
            hosted = True
            yield "", word
            continue
        for at, letter in enumerate(word[1:], 1):
            # -M of autossh(1) is its monitoring port.
            if letter in TAKES_VALUE or (letter == "M" and base_name(argv[0]) == "autossh"):
                yield letter, word[at + 1 :] or next(words, "")
                break
            yield letter, ""


def exit_command(process: Process) -> str:
    """Return the command that stops an ssh by its control socket, ssh(1) -O; empty without one."""
    found = ssh(process.argv)
    if program(process) != "ssh" or found.control in ("", "none") or not found.host:
        return ""
    return f"ssh -S {quote(found.control)} -O exit {quote(found.host)}"


def master_exit(process: Process) -> str:
    """Return the command that stops a shared master, ssh(1) -O; empty if it is none.

    Its title has the path of its socket and no host; with -S any word is accepted as the host.
    """
    control = mux(process.argv)
    return f"ssh -S {quote(control)} -O exit master" if control else ""


def cancel(process: Process, port: int) -> str:
    """Return the command that cancels one forward of a shared ssh, ssh(1) -O; empty if unknown."""
    found = ssh(process.argv)
    spec = next((spec for spec in found.forwards if _listens(spec) == str(port)), "")
    if not (found.control and found.host and spec) or found.control == "none":
        return ""
    return f"ssh -S {quote(found.control)} -O cancel -L {quote(spec)} {quote(found.host)}"


def _listens(spec: str) -> str:
    """Return the port of ``[address:]port:host:hostport``, an address of IPv6 in brackets."""
    if spec.startswith("["):
        return spec.partition("]:")[2].partition(":")[0]
    first, _, rest = spec.partition(":")
    return first if first.isdigit() else rest.partition(":")[0]

"""The texts of a stop: kinds of holders, clients of the port, the card of a question. Pure.

Names, branches and answers of an engine come from outside and go through `printable`.
"""

from __future__ import annotations

from devports.core.classify import parents_of
from devports.core.holder_kind import (
    STOP_TIMEOUT,
    Container,
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Protected,
    RunInfo,
    SupervisedService,
    Tunnel,
    run_behind,
)
from devports.core.value import Frozen, unreachable
from devports.core.verdict import Finding, code_of, deciding_finding, sockets_of
from devports.errors import DevportsError
from devports.ui.escape import command_line, printable
from devports.ui.processes import (
    STATES,
    ancestry,
    fact_lines,
    families,
    note_lines,
    process_label,
    process_line,
    process_name,
    running,
    short_folder,
    sockets_line,
    summary,
    uptime,
    user_of,
)
from devports.ui.text import join_words, plural, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.core.checkout import Worktree
    from devports.core.hint import Advice
    from devports.core.holder_kind import HolderKind, Place
    from devports.core.model import Holder, Process, ProcessKey
    from devports.core.stop_plan import PortClients, Question, StopTarget, UntouchedProcess
    from devports.ui.processes import DisplayContext, Judgement

MAX_NAME = 60
"""Maximum length of a container's name, its image or a branch."""
MAX_DETAIL = 2000
"""Maximum length of one command line."""
MAX_ANCESTOR = 160
"""Maximum length of the command line of an ancestor, which only says what it is."""
MAX_CLIENTS = 4
ON_YES = "if you answer yes"
"""Title of what devports would do; its lines have commands, which are never broken."""
RELATION = {"sibling": "another checkout of this repository", "project": "another project"}
"""The relation of a holder's checkout to the current one."""


def kind_text(standing: HolderKind) -> str:
    """Return what the kind means for a stop; empty for an ordinary process."""
    match standing:
        case OrdinaryProcess():
            return ""
        case DevportsRun(run=run) | OtherCheckout(run=RunInfo() as run):
            return f"started by `devports run {printable(run.words)}`"
        case OtherCheckout():
            return ""
        case OtherUser(user=user, permitted=permitted):
            whose = f"belongs to user `{printable(user)}`"
            return whose if permitted else f"{whose}; only that user or root can stop it"
        case Tunnel(kind=kind):
            return f"tunnel (`{printable(kind)}`) that forwards the port"
        case SupervisedService(by=by, unit=unit):
            name = f" as `{printable(unit)}`" if unit else ""
            return f"managed by {printable(by)}{name}, which may restart it"
        case Container():
            return _container_text(standing)
        case Protected(reason=reason):
            return f"protected: devports never stops {printable(reason)}"
        case _:
            unreachable(standing)


def _container_text(container: Container) -> str:
    """Return the role of the process for a container, as far as the engine has answered."""
    engine = printable(container.engine)
    forwards = f"forwards the port for a {engine} container"
    match container.engine_answer:
        case "unasked":
            return forwards
        case "one" | "pod":
            return f"forwards the port for {_container_label(container)}"
        case "several":
            names = ", ".join(f"`{printable(name, MAX_NAME)}`" for name, _ in container.names)
            return f"forwards the port for one of these {engine} containers: {names}"
        case "none":
            return f"forwards the port for {engine}, but no running container publishes it"
        case "silent":
            why = printable(container.engine_error)
            return f"{forwards}; `{engine} ps` failed: {why}"
        case "missing":
            return f"{forwards}; `{engine}` is not on PATH, so its name is unknown"
        case "inside":
            return f"runs inside {_container_label(container)}"
        case _:
            unreachable(container.engine_answer)


def _container_label(container: Container) -> str:
    if not container.name:
        return f"a {printable(container.engine)} container"
    name = printable(container.name, MAX_NAME)
    image = f" ({printable(container.image, MAX_NAME)})" if container.image else ""
    what = "pod" if container.engine_answer == "pod" else "container"
    return f"the {printable(container.engine)} {what} `{name}`{image}"


def patience_text(standing: HolderKind, joint: str) -> str:
    """Return behind `joint` how long a stop may take, if that is longer than usual."""
    if not isinstance(standing, Container) or standing.stop_timeout <= STOP_TIMEOUT:
        return ""
    return f"{joint}it may take up to {standing.stop_timeout} s"


def origin_text(standings: Sequence[HolderKind]) -> str:
    """Return where holders were started, to follow their names; empty unless all are elsewhere."""
    found = list(dict.fromkeys(standings))
    if len(found) != 1 or not isinstance(found[0], OtherCheckout):
        return ""
    run, whose = found[0].run, RELATION[found[0].relation]
    if run is None:
        return f", which belongs to {whose}"
    return f", which `devports run {printable(run.words)}` started in {whose}"


def target_label(target: StopTarget) -> str:
    """Return a target with its group: `uvicorn` (pid 1) and 2 child processes; or a container.

    A run of devports is named by its command, whatever the system calls its process.
    """
    if isinstance(target.kind, Container):
        if target.kind.can_stop:
            return _container_label(target.kind)
        every = dict.fromkeys((target.process, *(m.process for m in target.members)))
        return join_words([process_label(process) for process in every])
    below = [m.process for m in target.members if m.process.key != target.process.key]
    top = process_label(target.process)
    run = run_behind(target.kind)
    if run is not None and not run.orphaned:
        top = f"`devports run {printable(run.words)}` (pid {target.process.pid})"
    if not below:
        return top
    if len(below) < len(target.members):
        return f"{top} and {plural(len(below), 'child process', 'child processes')}"
    return f"{top} and child {join_words([process_label(process) for process in below])}"


def project_text(theirs: Worktree | None, current: Worktree | None) -> str:
    """Return the project of a holder, and its relation to the current one."""
    if theirs is None:
        return ""
    name = theirs.root.rstrip("/").rpartition("/")[2] or theirs.root
    branch = f" on branch `{printable(theirs.branch, MAX_NAME)}`" if theirs.branch else ""
    relation = ""
    if current is not None:
        related = RELATION["sibling" if theirs.repository == current.repository else "project"]
        relation = f", {'this project' if theirs.root == current.root else related}"
    return f"`{printable(name, MAX_NAME)}`{branch}{relation}"


def kind_facts(
    standings: Iterable[tuple[int, HolderKind]], reader: DisplayContext
) -> dict[int, Judgement]:
    """Return the texts of a card by pid: the project of each classified holder, and a note."""
    return {pid: ((project_rows(kind, reader),), kind_text(kind)) for pid, kind in standings}


def project_rows(standing: HolderKind, reader: DisplayContext) -> tuple[str, str]:
    """Return the row of a card for a holder's project or checkout, and the one for the current one.

    Both are empty if it belongs to the current one, or that is unknown.
    """
    if not isinstance(standing, OtherCheckout):
        return "", ""
    folders = [short_folder(each.folder, reader) for each in (standing.there, standing.here)]
    there, here = map(place_text, folders, (standing.there, standing.here))
    key = "checkout" if standing.relation == "sibling" else "project"
    return key, there + (f"; you are in {here}" if here else "")


def place_text(folder: str, place: Place) -> str:
    """Return a folder, as given, with its branch."""
    branch = printable(place.branch, MAX_NAME)
    return folder + (f", branch `{branch}`" if branch else "")


def clients_text(around: PortClients) -> str:
    """Return the number of clients of a server, and those that are processes here."""
    known = [process_label(one.process) for one in around.spared if one.why == "client"]
    here = f" (local: {join_words(shortened(known, MAX_CLIENTS))})" if known else ""
    return f"{around.clients} connected{here}; not stopped"


def spared_text(spared: Sequence[UntouchedProcess]) -> list[str]:
    """Return the clients of the port and the reason why each is not stopped, one line each."""
    whys = {"client": "client", "outgoing": "outgoing connection from this port"}
    lines = [f"not stopped: {process_label(one.process)} ({whys[one.why]})" for one in spared]
    return shortened(lines, MAX_CLIENTS, "not stopped: {} more")


class CardRow(Frozen):
    """A fact of a card: its name, its text, and its style (`ui.text.ANSI`), if any."""

    key: str
    value: str
    style: str = ""


def holder_card(question: Question, reader: DisplayContext, *, project: str = "") -> list[CardRow]:
    """Return the facts about what would be stopped, the most important first."""
    (holder, members), *others = families(question.target.members)
    process, standing = holder.process, question.target.kind
    name, *words = process.argv or (process_name(process),)
    more = f"{len(members)} more with the same socket" if members else ""
    up = uptime(process, reader)
    who = (f"pid {process.pid}", user_of(process, reader), up and f"up {up}", more)
    folder = short_folder(process.cwd, reader)
    clients = question.around.clients
    rows = [
        CardRow("command", command_line((name.rpartition("/")[2] or name, *words), MAX_DETAIL)),
        CardRow("process", ", ".join(filter(None, who))),
        *(CardRow("and", process_line(other.process, reader)) for other, _ in others),
        CardRow(*project_rows(standing, reader)),
        CardRow("note", kind_text(standing), "note"),
        CardRow("state", STATES.get(process.state, ""), "note"),
        CardRow("clients", clients_text(question.around) if clients else ""),
        CardRow("folder", f"{folder} ({project})" if project else folder),
        CardRow("started by", ancestry(holder)),
    ]
    return [row for row in rows if row.value]


def details(question: Question, reader: DisplayContext) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return titles and rows: the tree, every command in full, all parents, and the plan."""
    target = question.target
    holders = {holder.process.key: holder for holder in target.members}
    sockets = sockets_of(question.finding.verdict)
    ends: list[tuple[str, str]] = []
    for depth, process in _tree(target):
        holder = holders.get(process.key)
        own = sockets_line(holder, sockets) if holder else "no socket (parent of the holder)"
        name = command_line(process.argv, MAX_DETAIL) or process_name(process)
        facts = (
            f"program {printable(process.exe)}" if process.exe else "",
            ", ".join(filter(None, (user_of(process, reader), running(process, reader), own))),
            f"in {short_folder(process.cwd, reader)}" if process.cwd else "",
        )
        ends.append(("  " * depth + str(process.pid), name))
        ends += [("", fact) for fact in facts if fact]
    steps = [("", step) for step in _steps(question)]
    sections = [("what will be stopped", ends), ("started by", _parents(target)), (ON_YES, steps)]
    return [(title, rows) for title, rows in sections if rows]


def _tree(target: StopTarget) -> list[tuple[int, Process]]:
    """Return the processes to stop, each with its depth below the root; with shells in between."""
    found: dict[ProcessKey, tuple[int, Process]] = {target.process.key: (0, target.process)}
    for member in target.members:
        for depth, process in enumerate(reversed(_path(member, target.process.key))):
            found.setdefault(process.key, (depth, process))
    return list(found.values())


def _path(member: Holder, top: ProcessKey) -> tuple[Process, ...]:
    """Return the processes from a holder up to the root of its group."""
    line = member.with_ancestors
    keys = [process.key for process in line]
    return line[: keys.index(top) + 1] if top in keys else line[:1]


def _parents(target: StopTarget) -> list[tuple[str, str]]:
    above = parents_of(target.process, target.members)
    return [(str(p.pid), command_line(p.argv, MAX_ANCESTOR) or printable(p.name)) for p in above]


def _steps(question: Question) -> Iterator[str]:
    pid, standing = question.target.process.pid, question.target.kind
    if question.kind == "kill":
        pids = dict.fromkeys((pid, *(m.process.pid for m in question.target.members)))
        yield (f"devports sends SIGKILL to {', '.join(map(str, pids))} if they still have the port")
    else:
        yield "devports checks the port again and asks again if the holder has changed"
    if isinstance(standing, Container):
        force = f"after {standing.stop_timeout} s the engine kills it"
        what = "pod" if standing.engine_answer == "pod" else "container"
        yield f"`{printable(standing.stop)}` stops the {what}; {force}"
        yield "devports itself sends no signal"
    elif question.kind == "stop":
        yield f"devports sends SIGTERM, like `kill -TERM {pid}`"
        yield "if the process does not stop in time, devports asks before sending SIGKILL"
    yield from spared_text(question.around.spared)


def problem(
    findings: Sequence[Finding],
    reader: DisplayContext,
    *,
    exit_code: int,
    subject: str = "",
    service: str = "",
    more_notes: tuple[str, ...] = (),
    hints: tuple[Advice, ...] = (),
    standings: Sequence[tuple[int, HolderKind]] = (),
) -> DevportsError:
    """Return the findings on one port as an error, ready to be raised or shown."""
    return DevportsError(
        code_of(deciding_finding(findings)),
        summary(findings, subject) + origin_text([each for _, each in standings]),
        facts=fact_lines(findings, reader, kind_facts(standings, reader)),
        note="\n".join((*note_lines(findings), *more_notes)),
        hints=hints,
        service=service,
        exit_code=exit_code,
    )

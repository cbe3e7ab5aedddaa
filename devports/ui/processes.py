"""Processes in words: who holds the port, since when, from where, started by whom. Pure.

Every string of a process comes from outside and goes through `printable` or `command_line` here.

details: Everything that is known of what would end, for a person who asks before they answer. Pure.

render: The card of a holder: what is known of who would be ended.

standings: What a holder's kind means for ending it, in words. Pure.

contained: Containers in words: what has the port for them, and what their engine has said. Pure.

around: What is around a holder, in words: its project, and who touches the port and is left alone.
Pure.

Names and branches come from outside and go through `printable`.
"""

from __future__ import annotations

import time

from devports.core.command_line import program
from devports.core.value import Frozen, unreachable
from devports.core.verdict import sockets_of
from devports.ui.escape import command_line, printable
from devports.ui.text import aligned, paint, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.core.checkout import Worktree
    from devports.core.holder_kind import Container, HolderKind, OtherCheckout, Place
    from devports.core.model import HiddenSocket, Holder, HolderSearch, Process, ProcessKey, Socket
    from devports.core.stop_plan import PortClients, Question, StopTarget, UntouchedProcess
    from devports.core.verdict import Finding
    from devports.ui.text import OutputStyle


MINUTE, HOUR, DAY = 60, 3600, 86400
COMM_LENGTH = 15  # the kernel cuts names there (prctl(2), PR_SET_NAME)
TTY, PTS = 4, 136  # the major numbers of consoles and of the first pseudo terminals
THREAD_NAMES = ("", "MainThread", "node-MainThread")
RUNNERS = frozenset(
    "npm npx pnpm yarn bun deno uv make just task poetry pdm hatch tox nox devports".split()
)
"""Programs that are told apart by the word after their name: `npm run dev`."""
JOINTS = str.maketrans("-_", "aa")
"""What the name of a task or service may have in it besides letters and digits."""
MOST_ANCESTORS = 4
MOST_NAMES = 3


class DisplayContext(Frozen):
    """Who reads: `now` in seconds since the epoch, `offset` of their clock to UTC in seconds."""

    uid: int
    home: str
    now: float
    offset: int = 0


STATES = {
    "T": "stopped (Ctrl-Z or SIGSTOP): it answers nobody",
    "t": "halted by a debugger",
    "Z": "its main thread has ended, other threads still run",
    "D": "waiting for a device (state D): signals reach it late",
}


def duration(seconds: float) -> str:
    """Return a length of time in its largest unit: `8 s`, `4 min`, `2 h`, `3 days`."""
    if seconds < 1:
        return "under 1 s"
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h"
    return counted(int(seconds // DAY), "day")


def whole(seconds: float) -> float:
    """Return the full seconds that are enough to wait for `seconds`, at least one."""
    return max(1.0, -(-seconds // 1))


def counted(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), "".join(words[-1:])) if part)


def since(started: float, reader: DisplayContext) -> str:
    """Return the reader's clock time of `started`: the hour today, else the day."""
    then = time.gmtime(started + reader.offset)
    today = time.gmtime(reader.now + reader.offset)
    if then[:3] == today[:3]:
        return f"{then.tm_hour:02}:{then.tm_min:02}"
    date = f"{then.tm_year}-{then.tm_mon:02}-{then.tm_mday:02}"
    return f"{date} {then.tm_hour:02}:{then.tm_min:02}"


def title(process: Process) -> str:
    """Return the name a person knows the process by, escaped."""
    name, full = process.name, program(process)
    if name in THREAD_NAMES or (len(name) == COMM_LENGTH and full.startswith(name)):
        name = full
    return printable(_console_script(process) or name, 40) or "?"


def _console_script(process: Process) -> str:
    """Return the name of a console script that the kernel calls by its Python; empty for others.

    Where its path has a blank or is long, pip writes a script of sh that executes Python, and the
    process has Python's name (distlib.scripts, `_build_shebang`).
    """
    if len(process.argv) < 2 or not process.name.startswith("python"):  # noqa: PLR2004
        return ""
    folder, _, name = process.argv[1].rpartition("/")
    return name if folder.rpartition("/")[2] == "bin" and "." not in name else ""


def label(process: Process) -> str:
    return f"`{title(process)}` (pid {process.pid})"


def terminal_name(number: int) -> str:
    """Return the name of a terminal by its device's number, as makedev(3) composes it on Linux."""
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if PTS <= major < PTS + 8:  # Documentation/admin-guide/devices.txt
        return f"pts/{minor + (major - PTS) * 256}"
    return f"tty{minor}" if major == TTY else "its terminal"


def user_of(process: Process, reader: DisplayContext) -> str:
    if process.uid == reader.uid:
        return "you"
    return printable(process.user, 40) or f"uid {process.uid}"


def uptime(process: Process, reader: DisplayContext) -> str:
    """Return how long it runs; empty where the start is not known."""
    return duration(reader.now - process.started) if process.started else ""


def folder(process: Process, reader: DisplayContext) -> str:
    """Return its working directory, the reader's home as ~."""
    return short_folder(process.cwd, reader)


def short_folder(path: str, reader: DisplayContext) -> str:
    """Return a folder as a person writes it, the reader's home as ~."""
    home = reader.home.rstrip("/")
    if home and (path == home or path.startswith(home + "/")):
        path = "~" + path[len(home) :]
    return printable(path)


def origin(holder: Holder) -> str:
    """Return how it was started: `npm run dev` <- `zsh` <- `code`."""
    line = [parent for parent in holder.ancestors if parent.pid > 1]
    words = [f"`{_short(parent)}`" for parent in line]
    # A shell in a shell in a shell says no more than one.
    told = [word for word, before in zip(words, ("", *words), strict=False) if word != before]
    return " <- ".join(told[:MOST_ANCESTORS] + ["..."] * (len(told) > MOST_ANCESTORS))


def _short(process: Process) -> str:
    """Return a program's name, and the words that tell what a runner runs. Never an option."""
    # npm writes its whole command line into argv[0]; under node its script is argv[1]. A blank in
    # any other argument is one of a path.
    alone = not any(process.argv[1:])
    words = (" ".join(process.argv).split(" ") if alone else list(process.argv))[:4]
    for place, word in enumerate(words[:2]):
        name = word.rpartition("/")[2].removesuffix("-cli.js").removesuffix(".js")
        if name in RUNNERS:
            plain = [w for w in words[place + 1 : place + 3] if w.translate(JOINTS).isalnum()]
            told = [w for w in plain if not w.startswith("-")]
            return command_line([name, *told], 60)
    return title(process)


def sockets_line(holder: Holder, sockets: Iterable[Socket]) -> str:
    """Return what `holder` has of `sockets`, in the kernel's words."""
    own = [s for s in sockets if not holder.inodes or s.inode in holder.inodes]
    parts = [
        listed([str(s.local) for s in own if s.state == "LISTEN"]),
        listed([str(s.local) for s in own if s.state == "BOUND"]),
    ]
    found = [f"{state} {at}" for state, at in zip(("LISTEN", "BOUND"), parts, strict=True) if at]
    found += [f"{s.state} {s.local} -> {s.remote}" for s in own if s.remote is not None]
    return ", ".join(found)


def card(
    holder: Holder,
    reader: DisplayContext,
    *,
    sockets: Iterable[Socket] = (),
    standing: HolderKind | None = None,
    members: Sequence[Process] = (),
) -> tuple[tuple[str, str], ...]:
    """Return all that is worth knowing about a holder, as pairs of key and value."""
    process, note, place = holder.process, "", ("", "")
    if standing is not None:
        note, place = standing_words(standing), whereabouts(standing, reader)
    pairs = (
        ("process", who_line(process, reader)),
        place,
        ("socket", sockets_line(holder, sockets)),
        ("family", family(members)),
        ("folder", folder(process, reader)),
        ("command", command_line(process.argv) if process.argv else ""),
        ("started by", origin(holder)),
        ("state", STATES.get(process.state, "")),
        ("note", note),
    )
    return tuple((key, value) for key, value in pairs if value)


def who_line(process: Process, reader: DisplayContext) -> str:
    """Return name, pid, user and how long it runs."""
    run = f"running {how_long}" if (how_long := running(process, reader)) else ""
    return ", ".join(part for part in (label(process), user_of(process, reader), run) if part)


def running(process: Process, reader: DisplayContext) -> str:
    """Return how long it runs, and since when; empty where the start is not known."""
    up = uptime(process, reader)
    return f"for {up} (since {since(process.started, reader)})" if up else ""


def hidden_card(hidden: HiddenSocket, reader: DisplayContext) -> tuple[tuple[str, str], ...]:
    """Return what is known of a holder that could not be read, as pairs of key and value."""
    user = printable(hidden.user, 40) or "an unknown user"
    return (
        ("socket", f"{hidden.socket.state} {hidden.socket.local}, made by {user}"),
        *(("likely", who_line(process, reader)) for process in hidden.likely),
    )


def family(members: Sequence[Process]) -> str:
    if not members:
        return ""
    pids = listed([str(member.pid) for member in members])
    more = counted(len(members), "more process", "more processes")
    return f"{more} with the same socket (pid {pids})"


def families(holders: Sequence[Holder]) -> list[tuple[Holder, list[Process]]]:
    """Return each holder whose ancestors hold nothing, and the holders below it."""
    keys = {holder.process.key for holder in holders}
    tops = [h for h in holders if not any(a.key in keys for a in h.ancestors)]
    return [
        (top, [h.process for h in holders if any(a.key == top.process.key for a in h.ancestors)])
        for top in tops
    ]


def names(holding: HolderSearch) -> str:
    """Return everybody behind a port in one phrase."""
    known = [title(top.process) for top, _ in families(holding.holders)]
    phrases = [_several(name, known.count(name)) for name in dict.fromkeys(known)]
    phrases += dict.fromkeys(map(hidden_words, holding.hidden))
    if not phrases:
        return "a process that cannot be seen"
    if len(phrases) > MOST_NAMES:
        phrases[MOST_NAMES:] = [f"{len(phrases) - MOST_NAMES} more"]
    return listed(phrases)


def _several(name: str, number: int) -> str:
    return f"`{name}`" if number == 1 else f"{number} processes named `{name}`"


def hidden_words(hidden: HiddenSocket) -> str:
    """Return what is known of a holder that could not be read."""
    user = f"user {printable(hidden.user, 40)}" if hidden.user else ""
    pids = [str(process.pid) for process in hidden.likely]
    likely = f"process likely {listed(pids, 'or')}" if pids else ""
    found = [part for part in (user, unit_words(hidden), likely) if part]
    return ", ".join(found) or "a process that cannot be seen"


def unit_words(hidden: HiddenSocket) -> str:
    """Return a service or a container; a session or slice says nothing about the holder."""
    # For hidden holders only.
    from devports.core.containers import container_of, is_identity
    from devports.core.holder_kind import SHORT_ID

    container = container_of(hidden.cgroup)
    identity = container[1] if container else hidden.unit
    if is_identity(identity):
        return f"container `{identity[:SHORT_ID]}`"
    return f"service `{printable(hidden.unit)}`" if hidden.unit.endswith(".service") else ""


LONGEST_DETAIL = 2000
"""Characters of one command line."""


def details(question: Question, reader: DisplayContext, look: OutputStyle) -> tuple[str, ...]:
    """Return the tree, every command in full, the whole line of parents, and the plan."""
    target = question.target
    holders = {holder.process.key: holder for holder in target.members}
    sockets = sockets_of(question.finding.verdict)
    lines: list[str] = []
    for depth, process in tree(target):
        holder = holders.get(process.key)
        own = sockets_line(holder, sockets) if holder else "none: it started what holds the port"
        facts = (
            ("user", user_of(process, reader)),
            ("running", running(process, reader)),
            ("socket", own),
            ("folder", folder(process, reader)),
            ("command", command_line(process.argv, LONGEST_DETAIL)),
            ("program", printable(process.exe)),
        )
        lines += _section("  " * depth + label(process), facts, look)
    lines += _section("started by", _parents(target), look)
    lines += _section("what happens on yes", tuple(("", step) for step in _steps(question)), look)
    return tuple(lines)


def tree(target: StopTarget) -> tuple[tuple[int, Process], ...]:
    """Return what ends, each with its depth below the top; shells in between included."""
    found: dict[ProcessKey, tuple[int, Process]] = {target.process.key: (0, target.process)}
    for member in target.members:
        for depth, process in enumerate(reversed(_path(member, target.process.key))):
            found.setdefault(process.key, (depth, process))
    return tuple(found.values())


def _path(member: Holder, top: ProcessKey) -> list[Process]:
    """Return the processes from a holder up to the top of its family."""
    path = [member.process]
    for parent in member.ancestors:
        if path[-1].key == top:
            break
        path.append(parent)
    return path if path[-1].key == top else [member.process]


def _parents(target: StopTarget) -> tuple[tuple[str, str], ...]:
    from devports.core.classify import parents_of

    above = parents_of(target.process, target.members)
    return tuple(
        (str(p.pid), command_line(p.argv, LONGEST_DETAIL) or printable(p.name)) for p in above
    )


def _steps(question: Question) -> Iterator[str]:
    from devports.core.holder_kind import Container

    pid, standing = question.target.process.pid, question.target.standing
    if question.kind == "kill":
        pids = dict.fromkeys((pid, *(m.process.pid for m in question.target.members)))
        yield f"SIGKILL to {', '.join(map(str, pids))}, if they still hold the port then"
    else:
        yield "the port is looked at again; if somebody else holds it then, you are asked again"
    if isinstance(standing, Container):
        force = f"after {standing.stop_timeout} s by force"
        yield f"`{printable(standing.stop)}`: its engine ends all of it, {force}"
        yield "no process is signalled by devports"
    elif question.kind == "stop":
        yield f"SIGTERM to {pid}, the same as `kill -TERM {pid}`"
        yield "if it does not end in time, you are asked again before SIGKILL"
    yield from spared_words(question.around.spared)


def _section(title: str, facts: Sequence[tuple[str, str]], look: OutputStyle) -> list[str]:
    lines = aligned([(key, value) for key, value in facts if value])
    indent = "  " + " " * (len(title) - len(title.lstrip(" ")))
    told = [part for line in lines for part in wrap(f"{indent}  {line.strip()}", look.width)]
    return [paint(f"  {title}", "strong", look), *told] if told else []


def holder_card(
    target: StopTarget,
    finding: Finding,
    reader: DisplayContext,
    *,
    project: str = "",
    around: PortClients | None = None,
) -> tuple[str, ...]:
    """Return who would be ended: what is known of each process that holds the port."""
    sockets = sockets_of(finding.verdict)
    pairs: list[tuple[str, str]] = []
    for place, (holder, members) in enumerate(families(target.members)):
        standing = None if place else target.standing
        pairs += card(holder, reader, sockets=sockets, standing=standing, members=members)
    pairs += [("project", project)] if project else []
    pairs += [("clients", clients_words(around))] if around and around.clients else []
    return aligned(pairs)


def standing_words(standing: HolderKind) -> str:
    """Return what its kind means for ending it; empty for a plain process."""
    from devports.core.holder_kind import (
        Container,
        DevportsRun,
        OrdinaryProcess,
        OtherCheckout,
        OtherUser,
        Protected,
        RunInfo,
        SupervisedService,
        Tunnel,
    )

    match standing:
        case OrdinaryProcess():
            return ""
        case DevportsRun(run=run) | OtherCheckout(run=RunInfo() as run):
            return f"started by `devports run {printable(run.service)}`"
        case OtherCheckout():
            return ""
        case OtherUser(user=user, permitted=permitted):
            whose = f"belongs to user {printable(user)}"
            return whose if permitted else f"{whose}: only they or root can end it"
        case Tunnel(kind=kind):
            return f"a tunnel (`{printable(kind)}`): it forwards the port to another machine"
        case SupervisedService(by=by, unit=unit):
            name = f" as `{printable(unit)}`" if unit else ""
            return f"{printable(by)} runs it{name} and may start it again"
        case Container():
            return container_words(standing)
        case Protected(reason=reason):
            return f"never ended by devports: it is {printable(reason)}"
        case _:
            unreachable(standing)


def belonging(standing: OtherCheckout) -> str:
    """Return whose it is, to follow "of"."""
    sibling = standing.relation == "sibling"
    return "another checkout of this repository" if sibling else "another project"


def origin_words(standings: Sequence[HolderKind]) -> str:
    """Return where holders come from, to follow their names; empty unless all are elsewhere."""
    from devports.core.holder_kind import OtherCheckout

    found = list(dict.fromkeys(standings))
    if len(found) != 1 or not isinstance(found[0], OtherCheckout):
        return ""
    run, whose = found[0].run, belonging(found[0])
    if run is None:
        return f", which belongs to {whose}"
    return f", which `devports run {printable(run.service)}` started in {whose}"


def target_label(target: StopTarget) -> str:
    """Return a target with its family: `uvicorn` (pid 1) and its 2 workers; or a container.

    A run of ours is called as it was typed, whatever the system calls its process.
    """
    from devports.core.holder_kind import Container, run_behind

    if isinstance(target.standing, Container):
        known = target.standing.said == "one"
        return container_label(target.standing) if known else label(target.process)
    below = [m.process for m in target.members if m.process.key != target.process.key]
    top = label(target.process)
    run = run_behind(target.standing)
    if run is not None and not run.left:
        top = f"`devports run {printable(run.service)}` (pid {target.process.pid})"
    if not below:
        return top
    if len(below) < len(target.members):
        return f"{top} and its {counted(len(below), 'worker')}"
    return f"{top} and its {listed([label(process) for process in below])}"


LONGEST = 60
"""Characters of a name or an image."""


def container_words(container: Container) -> str:
    """Return what the process does for a container, as far as its engine has said."""
    engine = printable(container.engine)
    forwards = f"forwards the port for a container of {engine}"
    match container.said:
        case "unasked":
            return forwards
        case "one":
            return f"forwards the port for {container_label(container)}"
        case "several":
            names = ", ".join(f"`{printable(name, LONGEST)}`" for name in container.names)
            return f"forwards the port for one of several containers of {engine}: {names}"
        case "none":
            return f"forwards the port for {engine}, which knows of no container that publishes it"
        case "silent":
            why = printable(container.complaint)
            return f"{forwards}, and `{engine} ps` does not say which: {why}"
        case "missing":
            return f"{forwards}, and `{engine}` is not on PATH to ask which"
        case "inside":
            return f"runs inside {container_label(container)}"
        case _:
            unreachable(container.said)


def patience_words(container: Container) -> str:
    """Return how long its end may take, where that is longer than people are used to."""
    from devports.core.holder_kind import STOP_TIMEOUT

    seconds = container.stop_timeout
    return f"it may take up to {seconds} s" if seconds > STOP_TIMEOUT else ""


def container_label(container: Container) -> str:
    """Return a container with its name and image, where they are known."""
    if not container.name:
        return f"a container of {printable(container.engine)}"
    image = printable(container.image, LONGEST)
    of = f" ({image})" if image else ""
    return f"the {printable(container.engine)} container `{printable(container.name, LONGEST)}`{of}"


MOST_NAMES_AROUND = 4


def project_words(theirs: Worktree | None, ours: Worktree | None) -> str:
    """Return which project a holder was started in, and how that is to ours."""
    if theirs is None:
        return ""
    name = theirs.root.rstrip("/").rpartition("/")[2] or theirs.root
    branch = f" on branch `{printable(theirs.branch, 60)}`" if theirs.branch else ""
    return f"`{printable(name, 60)}`{branch}{_relation(theirs, ours)}"


def _relation(theirs: Worktree, ours: Worktree | None) -> str:
    if ours is None:
        return ""
    if theirs.root == ours.root:
        return ", this project"
    if theirs.repository == ours.repository:
        return ", another checkout of this repository"
    return ", another project"


def whereabouts(standing: HolderKind, reader: DisplayContext) -> tuple[str, str]:
    """Return the row of a card that says of which checkout or project it is, and which is ours.

    Both are empty where it is of ours, or nobody knows.
    """
    from devports.core.holder_kind import OtherCheckout

    if not isinstance(standing, OtherCheckout):
        return "", ""
    key = "checkout" if standing.relation == "sibling" else "project"
    folders = [short_folder(each.folder, reader) for each in (standing.there, standing.here)]
    there, here = map(place_words, folders, (standing.there, standing.here))
    return key, there + (f"; you are in {here}" if here else "")


def place_words(folder: str, place: Place) -> str:
    """Return a folder, as it is to be written, with its branch."""
    return folder + (f", branch `{printable(place.branch, 60)}`" if place.branch else "")


def clients_words(around: PortClients) -> str:
    """Return how many clients a server has and which of them are processes here."""
    known = [label(one.process) for one in around.spared if one.why == "client"]
    more = len(known) - MOST_NAMES_AROUND
    names = [*known[:MOST_NAMES_AROUND], *([f"{more} more"] if more > 0 else [])]
    here = f", here {listed(names)}" if names else ""
    return f"{around.clients} connected{here}; not signalled"


def spared_words(spared: Sequence[UntouchedProcess]) -> tuple[str, ...]:
    """Return who touched the port and was left alone, one line each, and why."""
    lines = tuple(
        f"left alone: {label(one.process)}, "
        + ("a client of the port" if one.why == "client" else "its own connection uses the number")
        for one in spared
    )
    more = len(lines) - MOST_NAMES_AROUND
    return (
        *lines[:MOST_NAMES_AROUND],
        *([f"left alone: {more} more like these"] if more > 0 else []),
    )

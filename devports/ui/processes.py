"""A port in words: its verdict, and the name, origin and start of its holders. Pure.

Other modules get every text about a port here, so each fact has one wording. Every string of a
process comes from outside and goes through `printable` or `command_line` here.
"""

from __future__ import annotations

import time

from devports.core.command_line import base_name, program
from devports.core.model import PRIVILEGED, merged
from devports.core.value import Frozen, unreachable
from devports.core.verdict import (
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    Unconfirmed,
    deciding_finding,
    sockets_of,
)
from devports.ui.escape import LIMIT, command_line, port_name, printable
from devports.ui.text import aligned, duration, join_words, plural, round_up, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from devports.core.model import (
        HiddenSocket,
        Holder,
        HolderSearch,
        Process,
        Socket,
        VisibilityGap,
    )
    from devports.core.verdict import Finding, Verdict

    Judgement: TypeAlias = tuple[tuple[tuple[str, str], ...], str]
    """Texts for a classified holder: rows about its project, and the meaning of its kind."""

COMM_LENGTH = 15  # the kernel cuts names there (prctl(2), PR_SET_NAME)
TTY, PTS = 4, 136  # the major numbers of consoles and of the first pseudo terminals
THREAD_NAMES = ("", "MainThread", "node-MainThread")
RUNNERS = frozenset(
    "npm npx pnpm yarn bun deno uv make just task poetry pdm hatch tox nox devports".split()
)
"""Programs that are named with the word after them: `npm run dev`."""
JOINTS = str.maketrans("-_", "aa")
"""Characters besides letters and digits in the name of a task or service."""
MOST_ANCESTORS = 4
MOST_NAMES = 3
MOST_CARDS = 5
UNSEEN = "an unknown process"


class DisplayContext(Frozen):
    """The user it is shown to: `now` in seconds since the epoch, `offset` to UTC in seconds."""

    uid: int
    home: str
    now: float
    offset: int = 0


STATES = {
    "T": "suspended (Ctrl-Z or SIGSTOP); does not respond",
    "t": "paused by a debugger",
    "Z": "main thread has exited, other threads are running",
    "D": "uninterruptible sleep (state D); signals are delayed",
}


def start_time(started: float, reader: DisplayContext) -> str:
    """Return the local time of `started`: the hour today, else the day too."""
    then = time.gmtime(started + reader.offset)
    today = time.gmtime(reader.now + reader.offset)
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)


def process_name(process: Process) -> str:
    """Return the name the process is known by, escaped."""
    name, full = process.name, program(process)
    if name in THREAD_NAMES:
        name = full
    elif len(name) == COMM_LENGTH:  # truncated: the full name is the executed file, or a title
        round_up = (full, *(base_name(word).strip() for word in process.argv[:1]))
        name = next((each for each in round_up if each.startswith(name)), name)
    return printable(_console_script(process) or name, 40) or "?"


def _console_script(process: Process) -> str:
    """Return the name of a console script whose process has Python's name; empty for others.

    If its path has a blank or is long, pip writes a shell script that executes Python, and the
    process has Python's name (distlib.scripts, `_build_shebang`).
    """
    if len(process.argv) < 2 or not process.name.startswith("python"):  # noqa: PLR2004
        return ""
    folder, _, name = process.argv[1].rpartition("/")
    return name if folder.rpartition("/")[2] == "bin" and "." not in name else ""


def process_label(process: Process) -> str:
    return f"`{process_name(process)}` (pid {process.pid})"


def terminal_name(number: int) -> str:
    """Return the name of a terminal by its device number, as makedev(3) composes it on Linux."""
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if PTS <= major < PTS + 8:  # Documentation/admin-guide/devices.txt
        return f"pts/{minor + (major - PTS) * 256}"
    return f"tty{minor}" if major == TTY else "its terminal"


def user_of(process: Process, reader: DisplayContext) -> str:
    if process.uid == reader.uid:
        return "you"
    return printable(process.user, 40) or f"uid {process.uid}"


def uptime(process: Process, reader: DisplayContext) -> str:
    """Return for how long it has run; empty if the start is unknown."""
    return duration(reader.now - process.started) if process.started else ""


def running(process: Process, reader: DisplayContext) -> str:
    """Return for how long it has run, and since when; empty if the start is unknown."""
    up = uptime(process, reader)
    return f"for {up} (since {start_time(process.started, reader)})" if up else ""


def short_folder(path: str, reader: DisplayContext) -> str:
    """Return a folder as it would be typed, with the home as ~."""
    home = reader.home.rstrip("/")
    if home and (path == home or path.startswith(home + "/")):
        path = "~" + path[len(home) :]
    return printable(path)


def ancestry(holder: Holder) -> str:
    """Return its ancestors: `npm run dev` <- `zsh` <- `code`."""
    words = [f"`{_short(parent)}`" for parent in holder.ancestors if parent.pid > 1]
    # A shell in a shell in a shell says no more than one.
    told = [word for word, before in zip(words, ("", *words), strict=False) if word != before]
    return " <- ".join(shortened(told, MOST_ANCESTORS, "..."))


def _short(process: Process) -> str:
    """Return a program's name, and what a runner runs. Never an option."""
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
    return process_name(process)


def sockets_line(holder: Holder, sockets: Iterable[Socket]) -> str:
    """Return the sockets of `holder` among `sockets`, with the kernel's states."""
    own = [s for s in sockets if not holder.inodes or s.inode in holder.inodes]
    found = [
        f"{state} {join_words(at)}"
        for state in ("LISTEN", "BOUND")
        if (at := [str(s.local) for s in own if s.state == state])
    ]
    found += [f"{s.state} {s.local} -> {s.remote}" for s in own if s.remote is not None]
    return ", ".join(found)


def process_facts(
    holder: Holder,
    reader: DisplayContext,
    *,
    sockets: Iterable[Socket] = (),
    judgement: Judgement = ((), ""),
    members: Sequence[Process] = (),
) -> tuple[tuple[str, str], ...]:
    """Return the facts about a holder, as pairs of key and value."""
    process, (places, note) = holder.process, judgement
    engine = engine_text(process)
    if engine and not note:
        note = f"forwards the port for a {engine} (`{engine.split()[0]} ps` lists them)"
    pairs = (
        ("process", process_line(process, reader)),
        *places,
        ("socket", sockets_line(holder, sockets)),
        ("family", _family(members)),
        ("folder", short_folder(process.cwd, reader)),
        ("command", command_line(process.argv, 100 if engine else LIMIT) if process.argv else ""),
        ("started by", ancestry(holder)),
        ("state", STATES.get(process.state, "")),
        ("note", note),
    )
    return tuple((key, value) for key, value in pairs if value)


_ENGINE_HINTS = (
    "conmon container docker colima gvproxy host-switch lima orbstack passt pasta rootless slirp4"
    " vpnkit"
).split()
"""In lower case: without one of these in its name or arguments no process forwards for an engine,
and `core.containers` is not loaded."""


def engine_text(process: Process) -> str:
    """Return `podman container` for a process that forwards to one, by its name; else nothing."""
    words = " ".join((process.name, process.exe, *process.argv[:4])).lower()
    if not any(hint in words for hint in _ENGINE_HINTS):
        return ""
    from devports.core.containers import engine_of_process

    engine = engine_of_process(process)
    return engine and f"{engine} container"


def process_line(process: Process, reader: DisplayContext) -> str:
    run = running(process, reader)
    words = (process_label(process), user_of(process, reader), run and f"running {run}")
    return ", ".join(filter(None, words))


def hidden_facts(hidden: HiddenSocket, reader: DisplayContext) -> tuple[tuple[str, str], ...]:
    """Return what is known of a holder that is not visible, as pairs of key and value."""
    user = printable(hidden.user, 40) or "an unknown user"
    return (
        ("socket", f"{hidden.socket.state} {hidden.socket.local}, opened by {user}"),
        *(("probably", process_line(process, reader)) for process in hidden.likely),
    )


def _family(members: Sequence[Process]) -> str:
    if not members:
        return ""
    pids = join_words([str(member.pid) for member in members])
    more = plural(len(members), "more process", "more processes")
    return f"shared with {more} (pid {pids})"


def families(holders: Sequence[Holder]) -> list[tuple[Holder, list[Process]]]:
    """Return each holder without an ancestor among the holders, and the holders below it."""
    keys = {holder.process.key for holder in holders}
    tops = [h for h in holders if not any(a.key in keys for a in h.ancestors)]
    return [
        (top, [h.process for h in holders if any(a.key == top.process.key for a in h.ancestors)])
        for top in tops
    ]


def names(holding: HolderSearch) -> str:
    """Return all holders of a port in one phrase."""
    known = [process_name(top.process) for top, _ in families(holding.holders)]
    phrases = [
        f"`{name}`" if (number := known.count(name)) == 1 else f"{number} processes named `{name}`"
        for name in dict.fromkeys(known)
    ]
    phrases += dict.fromkeys(map(_hidden_text, holding.hidden))
    return join_words(shortened(phrases, MOST_NAMES)) or UNSEEN


def _hidden_text(hidden: HiddenSocket) -> str:
    """Return what is known of a holder that is not visible."""
    user = f"user {printable(hidden.user, 40)}" if hidden.user else ""
    pids = [str(process.pid) for process in hidden.likely]
    likely = f"probably {join_words(pids, 'or')}" if pids else ""
    return ", ".join(filter(None, (user, unit_text(hidden), likely))) or UNSEEN


def unit_text(hidden: HiddenSocket) -> str:
    """Return a service or a container; a session or slice does not identify the holder."""
    # For hidden holders only.
    from devports.core.containers import container_of, is_identity
    from devports.core.holder_kind import SHORT_ID

    container = container_of(hidden.cgroup)
    identity = container[1] if container else hidden.unit
    if is_identity(identity):
        return f"container `{identity[:SHORT_ID]}`"
    return f"service `{printable(hidden.unit)}`" if hidden.unit.endswith(".service") else ""


def headline(finding: Finding, subject: str = "") -> str:
    """Return the verdict in one line; `subject` is the port as typed."""
    return port_name(finding.endpoint, subject) + _matter(finding)


def not_freed_text(finding: Finding, service: str) -> str:
    """Return on one line why the port of a service was not freed, with its holder."""
    found = families(finding.holding.holders)
    if not isinstance(finding.verdict, Held):
        return f"`{service}` was not started: {headline(finding)}"
    alone = len(found) == 1 and not finding.holding.hidden
    who = process_label(found[0][0].process) if alone else names(finding.holding)
    return f"port {finding.endpoint.port} of `{service}` is in use by {who}, not freed"


def summary(findings: Sequence[Finding], subject: str = "") -> str:
    """Return the headline of the deciding finding."""
    return headline(deciding_finding(findings), subject)


def _matter(finding: Finding) -> str:
    """Return the verdict phrase behind the name of the port."""
    match verdict := finding.verdict:
        case Free():
            return " is free"
        case Unconfirmed():
            return " can be bound, but is not known to be free: no holder was found"
        case LingeringConnections():
            return _lingering(verdict, finding.holding)
        case LocalhostConflict(sockets=sockets):
            other = _people(finding.holding, "another server")
            there = join_words(list(dict.fromkeys(str(socket.local) for socket in sockets)))
            return f" is free, but `localhost` may connect to {other} on {there}"
        case Held(listens=False):
            return f" is bound by {names(finding.holding)}, which is not listening"
        case Held():
            return f" is in use by {names(finding.holding)}"
        case OutgoingConnection(sockets=sockets, blocking=blocking):
            by, to = names(finding.holding), _outgoing(sockets)
            if blocking:
                return f" is in use by {to[0]} of {by}{to[1]}"
            return f" is free for servers that set SO_REUSEADDR; {by} uses it for {to[0]}{to[1]}"
        case HolderUnknown():
            return " is in use (EADDRINUSE), but no holder was found"
        case NotPermitted() if finding.endpoint.port < PRIVILEGED:
            return " is a privileged port; this user has no permission to bind it (EACCES)"
        case NotPermitted():
            return " cannot be bound by this user (EACCES)"
        case NotLocal():
            return ": this machine does not have that address (EADDRNOTAVAIL)"
        case _:
            unreachable(verdict)


def _people(holding: HolderSearch, otherwise: str) -> str:
    return names(holding) if holding.holders or holding.hidden else otherwise


def _outgoing(sockets: Sequence[Socket]) -> tuple[str, str]:
    """Return the kind of connection, and its remote end."""
    if len(sockets) > 1:
        return f"{len(sockets)} outgoing connections", ""
    return "an outgoing connection", f" to {sockets[0].remote}"


def _lingering(verdict: LingeringConnections, holding: HolderSearch) -> str:
    number, states = plural(len(verdict.sockets), "connection"), _states(verdict.sockets)
    if any(socket.inode for socket in verdict.sockets):
        has = f"{_people(holding, 'a process')} still has {number} on it ({states})"
        effect = "; no server can bind it until then" if verdict.blocking else ""
        return f" has no listener, but {has}{effect}"
    within = "without a time limit"
    if verdict.seconds is not None:
        within = f"for another {duration(round_up(verdict.seconds))}"
    if verdict.blocking:
        return f" is lingering {within} ({number} in {states}); no server can bind it until then"
    remain = "remains" if len(verdict.sockets) == 1 else "remain"
    free = "is free for servers that set SO_REUSEADDR (nearly all do)"
    return f" {free}; {number} in {states} {remain} {within}"


def _states(sockets: Sequence[Socket]) -> str:
    found = [socket.state for socket in sockets]
    kinds = dict.fromkeys(found)
    return found[0] if len(kinds) == 1 else ", ".join(f"{found.count(k)} {k}" for k in kinds)


def verdict_label(verdict: Verdict, free: str = "free") -> str:
    """Return the verdict in a word or two, for a table.

    `free` is the label of a free port; another one if the kernel was not asked to bind.
    """
    match verdict:
        case Free():
            return free
        case Unconfirmed():
            return "unknown"
        case LingeringConnections(blocking=blocking, seconds=seconds):
            within = "" if seconds is None else duration(round_up(seconds))
            parts = ("lingering", within) if blocking else (free, f"lingering {within}".rstrip())
            return ", ".join(filter(None, parts))
        case LocalhostConflict():
            return f"{free}, localhost differs"
        case Held(listens=False):
            return "bound, not listening"
        case Held():
            return "in use"
        case OutgoingConnection(blocking=blocking):
            return "outgoing connection" if blocking else f"{free}, outgoing connection"
        case HolderUnknown():
            return "in use, holder unknown"
        case NotPermitted():
            return "no permission"
        case NotLocal():
            return "not local"
        case _:
            unreachable(verdict)


def fact_lines(
    findings: Sequence[Finding],
    reader: DisplayContext,
    judgements: Mapping[int, Judgement] | None = None,
) -> tuple[str, ...]:
    """Return the facts of `known` as aligned lines."""
    return tuple(line for pairs in known(findings, reader, judgements) for line in aligned(pairs))


def known(
    findings: Sequence[Finding],
    reader: DisplayContext,
    judgements: Mapping[int, Judgement] | None = None,
) -> tuple[list[tuple[str, str]], ...]:
    """Return pairs: every endpoint if there are several, and all holders.

    `judgements` are the texts by pid for classified holders: see `ui.holders.kind_facts`.
    """
    endpoints = [(str(finding.endpoint), verdict_label(finding.verdict)) for finding in findings]
    pairs: list[tuple[str, str]] = []
    sockets = tuple(dict.fromkeys(s for found in findings for s in sockets_of(found.verdict)))
    people = families(merged(h for found in findings for h in found.holding.holders))
    for holder, members in people[:MOST_CARDS]:
        judgement = (judgements or {}).get(holder.process.pid, ((), ""))
        pairs += process_facts(
            holder, reader, sockets=sockets, judgement=judgement, members=members
        )
    if len(people) > MOST_CARDS:
        pairs.append(("and", f"{len(people) - MOST_CARDS} more"))
    for hidden in dict.fromkeys(h for found in findings for h in found.holding.hidden):
        pairs += hidden_facts(hidden, reader)
    return (endpoints if len(findings) > 1 else [], pairs)


def note_lines(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return why it matters and what is not visible, each once.

    If `localhost` is in use on one of its addresses, the other one is no other server.
    """
    every, lines = tuple(findings), list[str]()
    held = [s for each in every if isinstance(each.verdict, Held) for s in each.verdict.sockets]
    for finding in every:
        verdict = finding.verdict
        told = isinstance(verdict, LocalhostConflict) and any(s in held for s in verdict.sockets)
        lines.append("" if told else _meaning(finding))
        gaps = verdict.gaps if isinstance(verdict, HolderUnknown) else ()
        lines += map(gap_text, (*gaps, *finding.holding.gaps))
    return tuple(dict.fromkeys(filter(None, lines)))


def gap_text(gap: VisibilityGap) -> str:
    lead = "not readable: " if gap.code.startswith("unreadable") else ""
    return lead + printable(gap.detail)


def missed_text(sources: Sequence[str]) -> str:
    """Return which sources do not show every socket, and how to see what is wrong."""
    names = join_words([f"`{source}`" for source in sources])
    return f"{names} missed sockets in the self-test; run `devports doctor --self-test` for details"


def _meaning(finding: Finding) -> str:
    port, address = finding.endpoint.port, finding.endpoint
    match finding.verdict:
        case Unconfirmed(sources=sources):
            return missed_text(sources)
        case Held(listens=False):
            return "it may start listening at any time; a second server would then fail"
        case OutgoingConnection(blocking=True):
            return "devports never stops a client; the port becomes free when the connection closes"
        case OutgoingConnection():
            return "a server without SO_REUSEADDR can bind it after the connection closes"
        case LocalhostConflict():
            return f"use {address} for your server; localhost:{port} may reach the other one"
        case HolderUnknown():
            return "checked several times; no socket list of this system shows the holder"
        case NotPermitted() if port < PRIVILEGED:
            return f"ports below {PRIVILEGED} may need root (on Linux also CAP_NET_BIND_SERVICE)"
        case LingeringConnections(blocking=True, sockets=sockets) if not any(
            s.inode for s in sockets
        ):
            return "the kernel keeps closed connections for a while; no process owns them"
        case _:
            return ""

"""Processes in words: who holds the port, since when, from where, started by whom. Pure.

Every string of a process comes from outside and goes through `printable` or `command_line` here.
"""

from __future__ import annotations

import time

from devports.core.program import program
from devports.core.value import Value
from devports.ui.printable import command_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devports.core.model import Hidden, Holder, Holding, Process, Socket
    from devports.core.standing import Standing

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


class Reader(Value):
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


def since(started: float, reader: Reader) -> str:
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


def user_of(process: Process, reader: Reader) -> str:
    if process.uid == reader.uid:
        return "you"
    return printable(process.user, 40) or f"uid {process.uid}"


def uptime(process: Process, reader: Reader) -> str:
    """Return how long it runs; empty where the start is not known."""
    return duration(reader.now - process.started) if process.started else ""


def folder(process: Process, reader: Reader) -> str:
    """Return its working directory, the reader's home as ~."""
    return short_folder(process.cwd, reader)


def short_folder(path: str, reader: Reader) -> str:
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
    reader: Reader,
    *,
    sockets: Iterable[Socket] = (),
    standing: Standing | None = None,
    members: Sequence[Process] = (),
) -> tuple[tuple[str, str], ...]:
    """Return all that is worth knowing about a holder, as pairs of key and value."""
    process, note, place = holder.process, "", ("", "")
    if standing is not None:
        from devports.ui.around import whereabouts  # noqa: PLC0415  # not for `check`
        from devports.ui.standings import standing_words  # noqa: PLC0415

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


def who_line(process: Process, reader: Reader) -> str:
    """Return name, pid, user and how long it runs."""
    run = f"running {how_long}" if (how_long := running(process, reader)) else ""
    return ", ".join(part for part in (label(process), user_of(process, reader), run) if part)


def running(process: Process, reader: Reader) -> str:
    """Return how long it runs, and since when; empty where the start is not known."""
    up = uptime(process, reader)
    return f"for {up} (since {since(process.started, reader)})" if up else ""


def hidden_card(hidden: Hidden, reader: Reader) -> tuple[tuple[str, str], ...]:
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


def names(holding: Holding) -> str:
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


def hidden_words(hidden: Hidden) -> str:
    """Return what is known of a holder that could not be read."""
    user = f"user {printable(hidden.user, 40)}" if hidden.user else ""
    pids = [str(process.pid) for process in hidden.likely]
    likely = f"process likely {listed(pids, 'or')}" if pids else ""
    found = [part for part in (user, unit_words(hidden), likely) if part]
    return ", ".join(found) or "a process that cannot be seen"


def unit_words(hidden: Hidden) -> str:
    """Return a service or a container; a session or slice says nothing about the holder."""
    # For hidden holders only.
    from devports.core.containers import container_of, is_identity  # noqa: PLC0415
    from devports.core.standing import SHORT_ID  # noqa: PLC0415

    container = container_of(hidden.cgroup)
    identity = container[1] if container else hidden.unit
    if is_identity(identity):
        return f"container `{identity[:SHORT_ID]}`"
    return f"service `{printable(hidden.unit)}`" if hidden.unit.endswith(".service") else ""

"""What has to end so that a port is free, and with whose consent.

A reloader or pre-fork server is one thing with several processes: ending only the worker brings
up the next one, so a plan names the top of the family and carries its members along.
"""

from __future__ import annotations

from devports.core.checkout import unplaced
from devports.core.judging import strictest
from devports.core.program import program
from devports.core.protection import INTERPRETERS, by_name, protection
from devports.core.shells import is_interactive, is_persons_shell, is_shell
from devports.core.standing import (
    Container,
    Elsewhere,
    Mine,
    OtherUser,
    Plain,
    Protected,
    Supervised,
    Tunnel,
)
from devports.core.supervisors import is_keeper
from devports.core.value import Value, unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Literal

    from devports.core.checkout import ElsewhereOf
    from devports.core.model import Holder, Process, ProcessKey
    from devports.core.standing import Run, Standing, Viewer

    Consent = Literal["granted", "ask", "unanswerable", "refused"]
    RunOf = Callable[[Process], Run | None]


class Target(Value):
    """What is ended as one: a process, and the holders that hang on it.

    `process` is the holder itself or, for reloaders and pre-fork servers, the top of its family:
    ending only the worker would bring up the next one.
    """

    process: Process
    standing: Standing
    members: tuple[Holder, ...]


class Policy(Value):
    """What the command line and the configuration allow.

    `other_users` and `other_checkouts` say whom `yes` covers besides; no file can. `reclaim` names
    the project whose own leftovers may be ended without a question. `movable` is the port that its
    service could exchange for another one, 0 if there is none. `moves`: that port is exchanged
    rather than freed, so whoever holds it is left alone. `fails`: the service shall fail where its
    port is held, so nobody is asked and `yes` does not count.
    """

    yes: bool = False
    other_users: bool = False
    interactive: bool = False
    reclaim: str = ""
    movable: int = 0
    moves: bool = False
    fails: bool = False
    other_checkouts: bool = False


WATCHERS = frozenset(
    "nodemon nodemon.js npm npm-cli.js npx npx-cli.js yarn yarn.js pnpm pnpm.cjs bunx tsx"
    " ts-node-dev node-dev watchexec watchmedo watchfiles uv poetry pdm pipenv cargo-watch"
    " autossh".split()
)
"""Programs that start one server as their child and would start it again or outlive it."""

SHORT_NAMES = frozenset("air cargo reflex entr".split())
"""The same with a name that a person's own script may have: only as the program itself."""

RUNTIMES = {"deno": ("task",), "bun": ("run",), "dotnet": ("run", "watch")}
"""What runs a person's program in itself, and is a runner of others only with these words."""

RELOADING = ("node", "bun")
"""Runtimes that start the program again as their child with `--watch`."""

SEVERAL = frozenset("-r --recursive --parallel --filter -F --workspaces -ws workspaces".split())
"""With these words they start the servers of several packages, and the others are not to end."""


def top_of_family(
    holder: Holder, holders: Sequence[Holder], run_of: RunOf, viewer: Viewer
) -> Process:
    """Return the process to end so that `holder` goes for good.

    A devports run above it is the one, whatever it started in between. Else climbs while the
    parent holds the same socket (pre-fork, uvicorn), runs the same command (werkzeug, django) or
    is a known watcher, and never to what serves somebody else as well.
    """
    line = _own_line(holder, viewer)
    for parent in line:
        if run_of(parent) is not None:
            return parent
    others = {other.process.key for other in holders}
    top, climbed = holder.process, holder.process
    for parent in line:
        if is_keeper(parent):
            break
        if parent.key in others or (is_family(parent, climbed) and not parent.serves):
            top = parent
        elif not is_shell(parent):
            break
        climbed = parent
    return top


def _own_line(holder: Holder, viewer: Viewer) -> list[Process]:
    """Return the ancestors, parent first, up to another user's, a protected or a person's place.

    What a person typed into the terminal of a service is no part of that service.
    """
    line: list[Process] = []
    for parent in holder.ancestors:
        if parent.uid != holder.process.uid or protection(parent, viewer):
            break
        if is_persons_shell(parent) or is_interactive(parent):
            break
        line.append(parent)
    return line


def possible_tops(holder: Holder) -> list[Process]:
    """Return the parents that may be ended for a holder: of these it matters what they serve."""
    line = holder.line
    return [p for at, p in enumerate(line) if any(is_family(p, child) for child in line[:at])]


def is_supervisor(parent: Process) -> bool:
    """Say whether a parent may start the server again: anything but init and a person's shell."""
    return parent.pid > 1 and not is_persons_shell(parent) and not by_name((parent.name,))


def is_family(parent: Process, child: Process) -> bool:
    """Say whether `parent` runs `child` as a part of itself."""
    if parent.argv and parent.argv[1:] == child.argv[1:] and len(parent.argv) > 1:
        return True
    # A person can type `python -c "import multiprocessing ..."`: then the parent is a shell.
    if any("multiprocessing" in word for word in child.argv[1:4]) and _same_program(parent, child):
        return True
    watching = any(word.startswith("--watch") for word in parent.argv[1:])
    return _watches(parent) or (program(parent) in RELOADING and watching)


def is_heir(holder: Holder, agreed: Collection[Process]) -> bool:
    """Say whether a holder of a socket belongs to those whose socket it was.

    Below one of them, or, since a parent may have ended, of the same program and words.
    """
    it, keys = holder.process, {process.key for process in agreed}
    return any(parent.key in keys for parent in holder.ancestors) or any(
        (one.uid, one.exe, one.argv) == (it.uid, it.exe, it.argv) for one in agreed
    )


def _watches(parent: Process) -> bool:
    """Say whether this is a runner of one server; runners of many outlive the one that ends."""
    # npm and others write their whole command line into argv[0].
    words = [word for arg in parent.argv for word in arg.split(" ")]
    # Of an interpreter the second word is the program; what stands there else is anything.
    scripted = program(parent).rstrip("0123456789.") in INTERPRETERS
    names = {word.split(" ")[0].rpartition("/")[2] for word in parent.argv[: 1 + scripted]}
    known = names & WATCHERS or program(parent) in SHORT_NAMES or _runs_a_task(parent)
    return bool(known) and not SEVERAL & set(words)


def _runs_a_task(parent: Process) -> bool:
    """Say whether a runtime was told a task by its name; a file it runs in itself."""
    verbs = RUNTIMES.get(program(parent), ())
    at = next((at for at, word in enumerate(parent.argv) if word in verbs), 0)
    return at > 0 and not {"/", "."} & set("".join(parent.argv[at + 1 : at + 2]))


def _same_program(parent: Process, child: Process) -> bool:
    """Say whether both run one interpreter; pythonX.Y and python3 are names of one."""
    names = {program(process).rstrip("0123456789.").lower() for process in (parent, child)}
    return len(names) == 1


def no_run(_: Process) -> None:
    """Know of no devports run."""


def targets(
    holders: Sequence[Holder], viewer: Viewer, run_of: RunOf, elsewhere_of: ElsewhereOf = unplaced
) -> tuple[Target, ...]:
    """Group the holders by what has to end, in the order in which they were found."""
    groups: dict[ProcessKey, tuple[Process, list[Holder]]] = {}
    for holder in holders:
        top = top_of_family(holder, holders, run_of, viewer)
        groups.setdefault(top.key, (top, []))[1].append(holder)
    return tuple(
        Target(
            top,
            strictest(top, members, viewer, run_of(top), elsewhere_of=elsewhere_of),
            tuple(members),
        )
        for top, members in groups.values()
    )


def consent(standing: Standing, policy: Policy) -> Consent:
    """Say whether ending it is granted, has to be asked for, cannot be asked for, or is refused."""
    match standing:
        case Protected() | Supervised() | OtherUser(permitted=False):
            return "refused"
        case Container(said=said) if said != "one":
            return "refused"
        case Elsewhere(is_guarded=True) if policy.yes and not policy.other_checkouts:
            return "refused"
        case OtherUser():
            granted = policy.yes and policy.other_users
        case Mine(run=run):
            granted = policy.yes or (run.left and run.project == policy.reclaim)
        case Plain() | Tunnel() | Container() | Elsewhere():
            granted = policy.yes
        case _:
            unreachable(standing)
    if policy.fails:
        return "unanswerable"
    if granted:
        return "granted"
    return "ask" if policy.interactive else "unanswerable"

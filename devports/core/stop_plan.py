"""What has to stop so that a port is free, the confirmation it needs, and the results.

A reloader or pre-fork server is one group of processes: if only the worker stops, it starts the
next one, so a target names the root of the group and its members. Clients of the port are counted
and named, so that a person sees before the question and after the stop that none of them is
signalled.
"""

from __future__ import annotations

from devports.core.checkout import no_checkout
from devports.core.classify import is_supervisor_program, strictest_kind
from devports.core.command_line import is_interactive, is_persons_shell, is_shell, program
from devports.core.holder_kind import (
    Container,
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Protected,
    SupervisedService,
    Tunnel,
)
from devports.core.protected import INTERPRETERS, by_name, protection
from devports.core.value import Frozen, unreachable
from devports.core.verdict import Finding, covers, plain_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Literal, TypeAlias

    from devports.core.checkout import ElsewhereOf
    from devports.core.holder_kind import CurrentUser, HolderKind, RunInfo
    from devports.core.model import Endpoint, Holder, HolderSearch, Process, ProcessKey, Socket

    Confirmation = Literal["granted", "ask", "unanswerable", "refused"]
    RunOf = Callable[[Process], RunInfo | None]

    Touch = Literal["client", "outgoing"]

    Outcome: TypeAlias = (
        "WouldStop | Stopped | ContainerStopped | StopFailed | AlreadyGone | Declined |"
        " Refused | TimedOut | Respawned"
    )
    WaitProgress: TypeAlias = "WaitingForPort | WatchingForRestart"
    Progress: TypeAlias = "Terminating | Killing | StoppingContainer | WaitProgress"
    QuestionKind = Literal["stop", "kill", "container"]
    Answer = Literal["yes", "no", "next"]
    Why = Literal[
        "protected",
        "supervised",
        "container",
        "other-user",
        "other-checkout",
        "on-conflict",
        "no-terminal",
        "denied",
        "source-untrue",
    ]


class StopTarget(Frozen):
    """A group of processes that is stopped together.

    `process` is the holder itself or, for reloaders and pre-fork servers, the root of its group: if
    only the worker stops, it starts the next one. `members` are the holders.
    """

    process: Process
    kind: HolderKind
    members: tuple[Holder, ...]


class ConfirmPolicy(Frozen):
    """What the command line and the configuration permit.

    `yes`: no question. `other_users` and `other_checkouts` extend it; no file can set them.
    `reclaim_project`: the project whose own orphaned servers are stopped without a question.
    `movable_port`: the port that its service can exchange for another one, 0 if there is none.
    `moves`: that port is exchanged rather than freed, so its holders are left running.
    `never_ask`: the service fails where its port is in use, so `yes` does not count either.
    """

    yes: bool = False
    other_users: bool = False
    interactive: bool = False
    reclaim_project: str = ""
    movable_port: int = 0
    moves: bool = False
    never_ask: bool = False
    other_checkouts: bool = False


WATCHERS = frozenset(
    "nodemon nodemon.js npm npm-cli.js npx npx-cli.js yarn yarn.js pnpm pnpm.cjs bunx tsx"
    " ts-node-dev node-dev watchexec watchmedo watchfiles uv poetry pdm pipenv cargo-watch"
    " autossh".split()
)
"""Programs that start one server as their child and restart it or outlive it."""

SHORT_NAMES = frozenset("air cargo reflex entr".split())
"""More of them, whose names a person's own script may have: only as the program itself."""

RUNTIMES = {"deno": ("task",), "bun": ("run",), "dotnet": ("run", "watch")}
"""Runtimes that execute a program themselves, and start others only with these words."""

RELOADING = ("node", "bun")
"""Runtimes that start the program again as their child with `--watch`."""

SEVERAL = frozenset("-r --recursive --parallel --filter -F --workspaces -ws workspaces".split())
"""With these words they start the servers of several packages, and the others must not stop."""


def root_of_group(
    holder: Holder, holders: Sequence[Holder], run_of: RunOf, viewer: CurrentUser
) -> Process:
    """Return the process to stop so that `holder` stops permanently.

    That is a devports run above it, whatever it started in between. Else the search climbs while
    the parent holds the same socket (pre-fork, uvicorn), runs the same command (werkzeug, django)
    or is a known watcher, and never to a process that serves another port as well.
    """
    line = _own_ancestors(holder, viewer)
    for parent in line:
        if run_of(parent) is not None:
            return parent
    others = {other.process.key for other in holders}
    top, climbed = holder.process, holder.process
    for parent in line:
        if is_supervisor_program(parent):
            break
        if parent.key in others or (
            is_wrapper_of(parent, climbed) and not parent.listens_elsewhere
        ):
            top = parent
        elif not is_shell(parent):
            break
        climbed = parent
    return top


def _own_ancestors(holder: Holder, viewer: CurrentUser) -> list[Process]:
    """Return the ancestors, parent first, up to another user's, protected or typed-into one.

    A command typed into the terminal of a service is no part of that service.
    """
    line: list[Process] = []
    for parent in holder.ancestors:
        if parent.uid != holder.process.uid or protection(parent, viewer):
            break
        if is_persons_shell(parent) or is_interactive(parent):
            break
        line.append(parent)
    return line


def possible_roots(holder: Holder) -> list[Process]:
    """Return the processes that may be stopped for a holder; their other listeners matter."""
    line = holder.with_ancestors
    return [p for at, p in enumerate(line) if any(is_wrapper_of(p, child) for child in line[:at])]


def may_restart_children(parent: Process) -> bool:
    """Return whether a parent may restart the server: any but init and an interactive shell."""
    return parent.pid > 1 and not is_persons_shell(parent) and not by_name((parent.name,))


def is_wrapper_of(parent: Process, child: Process) -> bool:
    """Return whether `parent` runs `child` as a part of itself."""
    if parent.argv and parent.argv[1:] == child.argv[1:] and len(parent.argv) > 1:
        return True
    # A typed `python -c "import multiprocessing ..."` has a shell as its parent.
    if any("multiprocessing" in word for word in child.argv[1:4]) and _same_program(parent, child):
        return True
    watching = any(word.startswith("--watch") for word in parent.argv[1:])
    return _watches(parent) or (program(parent) in RELOADING and watching)


def is_inheritor(holder: Holder, agreed: Collection[Process]) -> bool:
    """Return whether a holder inherited its socket from one of the `agreed` processes.

    It is their descendant or, since a parent may have exited, has the same program and arguments.
    """
    it, keys = holder.process, {process.key for process in agreed}
    return any(parent.key in keys for parent in holder.ancestors) or any(
        (one.uid, one.exe, one.argv) == (it.uid, it.exe, it.argv) for one in agreed
    )


def _watches(parent: Process) -> bool:
    """Return whether this is a runner of one server; runners of many outlive the one that exits."""
    # npm and others write their whole command line into argv[0].
    words = [word for arg in parent.argv for word in arg.split(" ")]
    # The second word of an interpreter is the program; the others may be any text.
    scripted = program(parent).rstrip("0123456789.") in INTERPRETERS
    names = {word.split(" ")[0].rpartition("/")[2] for word in parent.argv[: 1 + scripted]}
    known = names & WATCHERS or program(parent) in SHORT_NAMES or _runs_a_task(parent)
    return bool(known) and not SEVERAL & set(words)


def _runs_a_task(parent: Process) -> bool:
    """Return whether a runtime runs a task by its name; it executes a file itself."""
    verbs = RUNTIMES.get(program(parent), ())
    at = next((at for at, word in enumerate(parent.argv) if word in verbs), 0)
    return at > 0 and not {"/", "."} & set("".join(parent.argv[at + 1 : at + 2]))


def _same_program(parent: Process, child: Process) -> bool:
    """Return whether both run one interpreter, be it pythonX.Y or python3."""
    names = {program(process).rstrip("0123456789.").lower() for process in (parent, child)}
    return len(names) == 1


def no_run(_: Process) -> None:
    """Return None: no devports run is known."""


def targets(
    holders: Sequence[Holder],
    viewer: CurrentUser,
    run_of: RunOf,
    elsewhere_of: ElsewhereOf = no_checkout,
) -> tuple[StopTarget, ...]:
    """Group the holders by what has to stop, in the order in which they were found."""
    groups: dict[ProcessKey, tuple[Process, list[Holder]]] = {}
    for holder in holders:
        top = root_of_group(holder, holders, run_of, viewer)
        groups.setdefault(top.key, (top, []))[1].append(holder)
    return tuple(
        StopTarget(
            top,
            strictest_kind(top, members, viewer, run_of(top), elsewhere_of=elsewhere_of),
            tuple(members),
        )
        for top, members in groups.values()
    )


def confirmation(kind: HolderKind, policy: ConfirmPolicy) -> Confirmation:
    """Return whether stopping it is permitted, a question, unconfirmable, or refused."""
    match kind:
        case Protected() | SupervisedService() | OtherUser(permitted=False):
            return "refused"
        case Container() if not kind.can_stop:
            return "refused"
        case OtherCheckout(is_guarded=True) if policy.yes and not policy.other_checkouts:
            return "refused"
        case OtherUser():
            granted = policy.yes and policy.other_users
        case DevportsRun(run=run):
            granted = policy.yes or (run.orphaned and run.project == policy.reclaim_project)
        case OrdinaryProcess() | Tunnel() | Container() | OtherCheckout():
            granted = policy.yes
        case _:
            unreachable(kind)
    if policy.never_ask:
        return "unanswerable"
    if granted:
        return "granted"
    return "ask" if policy.interactive else "unanswerable"


class UntouchedProcess(Frozen):
    """A process that is left running, whatever happens to the port.

    `why`: it is a client of the server, or has an outgoing connection from the port.
    """

    process: Process
    why: Touch


def is_same_program(successor: StopTarget, target: StopTarget) -> bool:
    """Return whether the new holder runs the program of one of the previous holders."""
    before = {(it.process.exe, it.process.argv) for it in target.members}
    return any((it.process.exe, it.process.argv) in before for it in successor.members)


def starter(successor: StopTarget, above: Collection[ProcessKey]) -> Process | None:
    """Return the nearest of the processes `above` a target that is above its successor too."""
    parents = (parent for it in successor.members for parent in it.ancestors)
    return next((parent for parent in parents if parent.key in above), None)


class PortClients(Frozen):
    """`clients`: connections of the server, from anywhere. `spared`: the local client processes."""

    clients: int = 0
    spared: tuple[UntouchedProcess, ...] = ()


def connections(sockets: Iterable[Socket], endpoints: Sequence[Endpoint]) -> tuple[Socket, ...]:
    """Return the established connections whose local end is one of these endpoints."""
    return tuple(
        socket
        for socket in sockets
        if socket.state == "ESTABLISHED" and any(covers(socket, end) for end in endpoints)
    )


def local_clients(served: Iterable[Socket], peers: Iterable[Socket]) -> tuple[Socket, ...]:
    """Return those of `peers` that are the far end of a served connection: same pair, turned."""
    ends = {(plain_end(s.remote), plain_end(s.local)) for s in served if s.remote is not None}
    return tuple(
        s
        for s in peers
        if s.remote is not None and (plain_end(s.local), plain_end(s.remote)) in ends
    )


def classify_clients(
    served: Sequence[Socket],
    calling: Iterable[Socket],
    holding: HolderSearch,
    ending: Collection[ProcessKey],
) -> PortClients:
    """Split processes into clients and outgoing connections, without those that are to stop.

    Args:
        served: connections whose local end is the port.
        calling: the far ends of some of them on this machine.
        holding: the holders of these sockets.
        ending: the processes that are to stop, which count with their descendants as neither.
    """
    far = {socket.inode for socket in calling}
    left = [h for h in holding.holders if not any(p.key in ending for p in h.with_ancestors)]
    elsewhere = {inode for h in left for inode in h.inodes} - far
    return PortClients(
        sum(socket.inode not in elsewhere for socket in served),
        tuple(
            UntouchedProcess(h.process, "client" if far & set(h.inodes) else "outgoing")
            for h in left
        ),
    )


class WouldStop(Frozen):
    """It would be stopped; nothing was done. `asks`: after a question."""

    target: StopTarget
    asks: bool


class Stopped(Frozen):
    """Signalled, and it closed the port after `seconds`. `signals` in the order sent.

    `exited`: a server may close its port and stay alive to serve its clients. `bindable`: whether
    the port is free then; another process may have it. `parent`: the nearest ancestor that lives,
    is no shell and may restart it. `orphans`: its living children; they hold no port, so none was
    signalled.
    """

    target: StopTarget
    signals: tuple[str, ...]
    seconds: float
    exited: bool = True
    bindable: bool = True
    parent: Process | None = None
    orphans: tuple[Process, ...] = ()


class ContainerStopped(Frozen):
    """Its engine reports that the container stopped. `seconds` and `bindable` as in `Stopped`."""

    target: StopTarget
    seconds: float
    bindable: bool = True


class StopFailed(Frozen):
    """Its engine did not stop the container and said why; the port may be bindable anyway."""

    target: StopTarget
    engine_error: str
    bindable: bool = False


class AlreadyGone(Frozen):
    """It exited, or closed the socket, before anything was sent."""

    target: StopTarget


class Declined(Frozen):
    """The answer was no. `moving`: the answer was to use another port."""

    target: StopTarget
    moving: bool = False


class Refused(Frozen):
    """Not stopped; `why` is the reason."""

    target: StopTarget
    why: Why


class TimedOut(Frozen):
    """Signalled, and it still has the port."""

    target: StopTarget
    signals: tuple[str, ...]


class Respawned(Frozen):
    """Stopped, and another process has the port now.

    `by`: a living ancestor of both; None without one. `again`: the new holder is the same program
    and was started after the signal: the server was restarted.
    """

    target: StopTarget
    successor: StopTarget
    by: Process | None = None
    again: bool = False

    @property
    def is_chance(self) -> bool:
        """Whether the new holder has a socket of its own and no parent in common."""
        before = {inode for it in self.target.members for inode in it.inodes}
        return self.by is None and not any(before & set(it.inodes) for it in self.successor.members)


class Terminating(Frozen):
    """Progress: SIGTERM is being sent."""

    target: StopTarget


class Killing(Frozen):
    """Progress: it did not exit in time, SIGKILL is being sent."""

    target: StopTarget


class StoppingContainer(Frozen):
    """Progress: the engine is stopping the container."""

    target: StopTarget


class WaitingForPort(Frozen):
    """Progress: waiting up to `seconds` for lingering connections or a slow stop, with `clients`.

    `waited`: seconds of the wait before this report.
    """

    seconds: float
    clients: int = 0
    waited: float = 0


class WatchingForRestart(Frozen):
    """Progress: the port is free; watching for `seconds` whether `by` restarts the server."""

    seconds: float
    by: Process
    waited: float = 0


class Question(Frozen):
    """A question before anything is stopped.

    To stop a process, to kill one that did not stop, or to have a container stopped by its engine.

    `may_move`: using another port is an answer too. `abrupt`: the system has no gentle way to stop
    a process (Windows).
    """

    kind: QuestionKind
    target: StopTarget
    finding: Finding
    around: PortClients = PortClients()
    may_move: bool = False
    abrupt: bool = False


class FreeResult(Frozen):
    """The result of freeing: three facts (signalled, exited, bindable), and the exit code.

    `findings` were read last, after everything was done: they decide. `spared`: left running.
    """

    bindable: bool
    exit_code: int
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    spared: tuple[UntouchedProcess, ...] = ()

    @property
    def is_lost(self) -> bool:
        """Whether the port was free and another process was faster, so that a retry may succeed."""
        now = [outcome for outcome in self.outcomes if isinstance(outcome, Respawned)]
        return not self.bindable and bool(now) and all(outcome.is_chance for outcome in now)

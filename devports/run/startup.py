"""One start, from the spawn until `core.start_outcome` decides it from the facts collected here.

Ready means owned: a process of the server listens on its endpoints, whatever else listens.
"""

from __future__ import annotations

from errno import EADDRINUSE

from devports.core.bind_errors import match_bind_failure
from devports.core.command_line import debugger_of, is_shell
from devports.core.containers import with_forwarders
from devports.core.handoff import refused_elsewhere
from devports.core.recovery import (
    BindRefused,
    BoundNotListening,
    Exited,
    GivenUp,
    HoldInTheWay,
    ListeningElsewhere,
    PortOwnership,
    PortTaken,
    Ready,
    Released,
    ServerReady,
)
from devports.core.service import has_port
from devports.core.start_outcome import BY_SIGNAL, TAKEN_FOR, StartFacts, decide
from devports.core.value import unreachable
from devports.core.verdict import all_bindable, covers
from devports.exitcodes import TAKEN_AGAIN
from devports.freeing.bindable import sockets_on
from devports.run.readiness import http_status, is_good, open_probe
from devports.run.server import LOOK_EVERY, ProgramWatcher
from devports.system import clock
from devports.system.clock import Deadline
from devports.system.inspect import holder_at, inspect_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket as net
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from devports.core.bind_errors import BindFailure
    from devports.core.handoff import FailedBind, HookHello
    from devports.core.model import Endpoint, Holder, ProcessKey, Socket
    from devports.core.recovery import Event, HandoffMode, Tell, WhyReleased
    from devports.run.launch import HandoffRunner, Launch
    from devports.run.reservation import Reservations
    from devports.run.server import Server, ServerProcessTree
    from devports.system import Machine


REPORT_AFTER = 3.0
"""Seconds until it is reported that a server only binds its port, or listens elsewhere."""
BETWEEN = 0.5
"""Seconds that a server may be between its bind and its listen, or between two of its ports."""
REPORT_EVERY = 1.0
"""Seconds between scans for that, which read all processes of the server."""
UNFIT_FOR = 1.0
"""Seconds for which a socket has to lack an address and the options that the reservation needs."""
GONE_FOR = 0.5
"""Seconds until the exit of a process is reported, if the server itself has not exited."""
ANSWER_WITHIN = 0.5
ASK_EVERY = 0.5
LOOKUP_EVERY = 0.5
"""Seconds until a foreign socket is looked up again: a look-up walks /proc."""
LIST_EVERY = 0.25
"""Seconds between two complete tables while the listeners stay the same.

For a complete table the kernel walks all its sockets; listeners are looked up.
"""


class ServerStart:
    """The facts of one start, with handoff mode `way`.

    `proven`: its command has come up beside the reservation before.
    """

    def __init__(
        self,
        launch: Launch,
        watch: OwnershipWatcher,
        handoff: HandoffRunner,
        tell: Tell,
        *,
        way: HandoffMode,
        attempt: int = 1,
        proven: bool = False,
    ) -> None:
        self._launch, self._watch, self._handoff = launch, watch, handoff
        self._machine, self._reserved = handoff.machine, handoff.reserved
        self._service, self._tell = launch.service, tell
        self._programs = ProgramWatcher(handoff.machine, handoff.family)
        self._scheme = launch.handed.scheme if way == "fd" and launch.handed else ""
        self.way = way
        self._fixed = StartFacts(
            any_owner=launch.service.ready.owner == "any",
            timeout=launch.service.ready.timeout,
            held=way != "bare",
            another_way=way != "bare" and "bare" in launch.retry.ways,
            proven=proven,
            may_free=self._reserved.may_free,
            starts_left=attempt < launch.retry.attempts,
        )
        self._had = self._freed = False
        self._beside, self._since = (False, "none"), clock.monotonic()
        self._spared: dict[tuple[int, ...], bool] = {}
        self._below_gone = clock.SteadyCondition(GONE_FOR)
        self._only_bound = clock.SteadyCondition(BETWEEN)
        self._moved = clock.SteadyCondition(BETWEEN)
        self._unfit, self._was_unfit = clock.SteadyCondition(UNFIT_FOR), False
        self._next_unfit, self._next_question, self._next_words = (
            Deadline(0),
            Deadline(0),
            REPORT_AFTER,
        )
        self._visit: net.socket | None = None
        self._said: set[str] = set()
        self._released_at: float | None = None
        self.released: WhyReleased | None = None
        """Why the reservation was released for the running server; None if it was not."""
        self.facts = self._fixed
        """The last facts."""
        self.status: int | None = None
        """The last status for `ready.http`: 0 for no response, None if none was requested."""
        self.unsaid = False
        """Whether it has its port, but its output has not contained `ready.log` yet."""
        self.failure: BindFailure | None = None
        """The bind error in the server's output, if there was one."""
        self.owned: ServerReady | None = None
        """The event of a ready server, to be reported after the reservation is closed."""
        self.seen = PortOwnership(None, launch.endpoints, bound=False, other_sockets=())
        """The last state of the port, to explain a server that was never ready."""

    def check_output(self, text: str) -> None:
        """Note output that may be a bind error on this port: a hint, not a fact."""
        self.failure = self.failure or match_bind_failure(text, self._launch.ports)

    def wait_until_decided(
        self, server: Server, signals: Callable[[list[int]], Event | None]
    ) -> Event:
        """Poll `server` until its start is decided, or a signal decides otherwise."""
        try:
            while True:
                event = signals(server.poll_once(LOOK_EVERY)) or self._decided(server)
                if event is not None:
                    return event
        finally:
            if self._visit is not None:
                self._visit.close()

    def _decided(self, server: Server) -> Event | None:
        """Collect the facts and act on them; return the outcome, None if the start continues."""
        facts = self.facts = self._collect(server)
        outcome = decide(facts)
        match outcome:
            case "wait":
                self._report(server)
            case "release":
                self._release(server)
            case "free-beside":
                return self._free_beside(server)
            case "ready":
                server.relay.watching = False
                self.owned = self._news(server)
                return Ready()
            case "ended":
                self.report_refused(facts.code or 0)
                return Exited(facts.code or 0)
            case "without-hold":
                return HoldInTheWay(facts.elapsed if facts.code is None else 0.0)
            case "again":
                return PortTaken()
            case "taken-again":
                return GivenUp("retries-exhausted")
            case "shared":
                return self._name_holders(GivenUp("port-shared"))
            case "moved":
                return self._name_holders(GivenUp("moved"))
            case "bound-only" | "not-ready":
                return self._name_holders(GivenUp("not-ready"))
            case _:
                unreachable(outcome)
        return None

    # -- the facts

    def _collect(self, server: Server) -> StartFacts:
        code = server.code
        if code is not None:
            self._read_rest(server)
        late = code is not None or server.elapsed >= self._fixed.timeout
        now = self._watch.ownership() if late else self._watch.latest()
        self._programs.scan(self._hellos)
        serves = code is None and self._serves(now, server)
        own, foreign = now.own(serves=serves), now.foreign
        if code is not None and foreign == "none" and self.way == "bare" and self._is_refused():
            foreign = "bound"
        anybody = self._fixed.any_owner and foreign == "listen"
        self._had = self._had or anybody or own in ("bound", "some", "listen")
        facts = self._fixed.replace(
            code=code,
            own=own,
            had=self._had,
            serves=serves,
            foreign=foreign,
            foreign_for=self._foreign_for(own in ("some", "listen"), foreign),
            elapsed=server.elapsed,
            released_at=self._released_at,
            hold=bool(self._reserved) and not now.queueing,  # an inherited socket listens
            hooked=self._programs.is_hooked(self._hellos),
            hint=self.failure is not None,
            freed=self._freed,
            **self._told_by_hooks(),
        )
        self.seen = now
        return self._add_costly(facts, now)

    def _add_costly(self, facts: StartFacts, now: PortOwnership) -> StartFacts:
        """Add the expensive facts, where they matter."""
        if facts.code is not None or facts.own in ("some", "listen"):
            return facts
        if facts.foreign != "none" and (facts.foreign_for >= TAKEN_FOR or facts.out_of_time):
            facts = facts.replace(spared=self._is_spared(now))
        if facts.hold and facts.in_way and facts.own == "none":
            facts = facts.replace(unfit=self._is_unfit())
        if facts.out_of_time and facts.own != "bound":
            there = self._elsewhere()
            self.seen = now.replace(elsewhere=there)
            told = any(has_port(self._launch.argv, end.port) for end in there[:1])
            facts = facts.replace(elsewhere=bool(there), port_in_command=told)
        return facts

    def _elsewhere(self) -> tuple[Endpoint, ...]:
        """Return other ports it listens on, without its additional ports and its debugger's.

        The adapter of debugpy has a port of its own that the system chose.
        """
        debugger, known = debugger_of(self._launch.argv), self._launch.all_endpoints
        first, last = self._machine.ephemeral() if debugger else (0, 0)
        others = {end.port for end in (*known, *((debugger,) if debugger else ()))}
        there = self._watch.elsewhere()
        return tuple(e for e in there if e.port not in others and not first <= e.port <= last)

    @property
    def _hellos(self) -> Mapping[int, HookHello]:
        return self._handoff.hooks.hellos if self._handoff.hooks else {}

    @property
    def _failed_binds(self) -> Sequence[FailedBind]:
        return self._handoff.hooks.failed_binds if self._handoff.hooks else ()

    def _told_by_hooks(self) -> dict[str, bool]:
        failed = self._failed_binds
        own = [bind for bind in failed if bind.endpoint.port in self._launch.ports]
        refused = any(bind.errno == EADDRINUSE for bind in own)
        return {"refused": refused, "elsewhere_refused": len(failed) > len(own)}

    def _read_rest(self, server: Server) -> None:
        """Read the last output and reports of a server that has exited."""
        server.close()
        for text in server.relay.tails():
            self.check_output(text)
        self._handoff.collect()

    def _foreign_for(self, listens: bool, foreign: str) -> float:
        """Return for how many seconds another process has had the port, in the same situation."""
        if (listens, foreign) != self._beside:
            self._beside, self._since = (listens, foreign), clock.monotonic()
        return 0.0 if foreign == "none" else clock.monotonic() - self._since

    def _is_spared(self, now: PortOwnership) -> bool:
        inodes = tuple(socket.inode for socket in now.other_sockets)
        if inodes not in self._spared:
            self._spared[inodes] = self._reserved.is_spared(OwnSockets(self._reserved, self._watch))
        return self._spared[inodes]

    def _is_unfit(self) -> bool:
        """Return whether it has long had a socket that cannot be bound beside the reservation."""
        if self._next_unfit.passed:
            self._next_unfit = Deadline(UNFIT_FOR)
            self._was_unfit = self._machine.unfit([key.pid for key in self._programs.members])
        return self._unfit.update(self._was_unfit)

    def _is_refused(self) -> bool:
        """Return whether a bind fails now."""
        findings = inspect_ports(
            self._machine, self._launch.all_endpoints, ours=self._reserved.inodes
        )
        return not all_bindable(findings)

    def _serves(self, now: PortOwnership, server: Server) -> bool:
        """Return whether the conditions of `ready` are met, by no other listener."""
        others = now.foreign == "listen"
        if not (others if self._fixed.any_owner and others else now.owner and not others):
            return False
        self._reserved.confirm(now.unserved)
        self.unsaid = not server.relay.log_seen
        if self.unsaid:
            return False
        if self._service.ready.http:
            return self._answers(self._served(now))
        return not now.queueing or self._accepts(self._served(now), now.waiting)

    def _served(self, now: PortOwnership) -> Endpoint:
        """Return the endpoint to reach it on: any of several addresses will do."""
        there = (end for end in self._launch.endpoints if now.owner and end not in now.unserved)
        return next(there, self._launch.endpoints[0])

    def _news(self, server: Server) -> ServerReady:
        now = self.seen
        return ServerReady(
            self._service.name,
            self._served(now),
            now.owner.process if now.owner else None,
            server.elapsed,
            () if now.foreign == "listen" else now.unserved,
            scheme=self._scheme,
        )

    def _accepts(self, endpoint: Endpoint, waiting: int) -> bool:
        """Return whether a probe connection was accepted: until then it is in the queue."""
        if self._visit is None:
            if self._next_question.passed:
                self._next_question = Deadline(ASK_EVERY)
                self._visit = open_probe(endpoint)
            return False
        if not waiting:
            self._visit.close()
        return not waiting

    def _answers(self, endpoint: Endpoint) -> bool:
        """Request `ready.http`, not too often: each request is a line in the server's log."""
        if not self._next_question.passed:
            return False
        self._next_question = Deadline(ASK_EVERY)
        path = self._service.ready.http
        self.status = http_status(endpoint, path, seconds=ANSWER_WITHIN)
        return is_good(self.status)

    # -- actions while the server runs

    def _release(self, server: Server) -> None:
        """Release the reservation: it may be what blocks the server, which may retry."""
        facts = self.facts
        why: WhyReleased = next(self._reasons(facts), "silence")
        self._reserved.release()
        self.released, self._released_at = why, server.elapsed
        line = self.failure.line if self.failure else ""
        ends = self._launch.endpoints
        self._tell(Released(self._service.name, ends[0], line, why, server.elapsed))

    @staticmethod
    def _reasons(facts: StartFacts) -> Iterator[WhyReleased]:
        if facts.refused:
            yield "hook"
        if facts.unfit:
            yield "socket"
        if facts.hint:
            yield "line"

    def _free_beside(self, server: Server) -> Event | None:
        """Stop the other holder while the server runs, which may get the port at any moment."""
        self._freed, begun = True, clock.monotonic()
        keep = self.way != "bare" and self._released_at is None
        left = self._handoff.free_beside(OwnSockets(self._reserved, self._watch), keep=keep)
        server.answering += clock.monotonic() - begun
        now = self._watch.ownership()
        if now.owner is not None or now.bound or (left and left.code == TAKEN_AGAIN):
            return None  # it has its port, or another process took it and is examined next
        return left

    def _name_holders(self, event: Event) -> Event:
        """Look up the other holders, to name them."""
        if self.seen.other_sockets:
            found = self._machine.holding(self.seen.other_sockets, thorough=False)
            self.seen = self.seen.replace(others=with_forwarders(found))
        return event

    # -- reports while waiting

    def _report(self, server: Server) -> None:
        """Report, after a while, what it does instead of listening on its port."""
        if self.way == "hook" and self._reserved and self._programs.has_unhooked(self._hellos):
            self._reserved.allow_reuse()  # it has no hook: it binds beside the reservation
        now, elapsed = self.seen, server.elapsed
        if now.owner is not None:
            return
        self._report_exited_child()
        only_bound = self._only_bound.update(now.bound)
        if elapsed < self._next_words:
            return
        self._next_words = elapsed + REPORT_EVERY
        if only_bound:
            self._report_bound()
        elif "elsewhere" not in self._said and not now.bound:
            there = self._elsewhere()
            if self._moved.update(bool(there)):
                self._said.add("elsewhere")
                ends = self._launch.endpoints
                self._tell(ListeningElsewhere(self._service.name, ends[0], there[0]))

    def _refused_elsewhere(self) -> FailedBind | None:
        return refused_elsewhere(self._failed_binds, self._launch.ports)

    def _report_exited_child(self) -> None:
        """Report the other port whose failed bind ended a child of a running reloader."""
        bind = self._refused_elsewhere()
        gone = bind is not None and self._programs.has_ended(bind.pid)
        if self._below_gone.update(gone) and bind is not None:
            self._report_held(bind.endpoint, bind.errno, None)

    def report_refused(self, code: int) -> None:
        """Report the port whose failed bind ended the server, and the holder of its debugger's."""
        if not 0 < code <= BY_SIGNAL:
            return
        if (bind := self._refused_elsewhere()) is not None:
            self._report_held(bind.endpoint, bind.errno, code)
        debugger = debugger_of(self._launch.argv)
        if debugger is not None and debugger.port not in self._launch.ports:
            self._report_held(debugger, 0, code)

    def _report_held(self, endpoint: Endpoint, errno: int, code: int | None) -> None:
        """Report it once; a debugger's port without a failed bind only if it is in use."""
        holder = holder_at(self._machine, endpoint) if errno in (0, EADDRINUSE) else None
        if str(endpoint) in self._said or (holder is None and not errno):
            return
        self._said.add(str(endpoint))
        self._tell(BindRefused(self._service.name, endpoint, holder, errno, code))

    def _report_bound(self) -> None:
        """Report the process that has bound only: it is starting, or its worker has exited."""
        holders = self._watch.holders()
        holder = self._machine.process(holders[-1].pid) if holders else None
        ended = self._programs.exited_child(holders[0]) if len(holders) == 1 else None
        kind = "starting" if ended is None else "ended"
        if holder is not None and kind not in self._said:
            self._said |= {kind, "starting"}
            ends = self._launch.endpoints
            self._tell(BoundNotListening(self._service.name, ends[0], holder, ended))


class OwnSockets:
    """The inodes of the reservation's sockets and of the server's, including later ones."""

    def __init__(self, reserved: Reservations, watch: OwnershipWatcher) -> None:
        self._reserved, self._watch = reserved, watch

    def __contains__(self, inode: object) -> bool:
        return inode in self._reserved.inodes or inode in self._watch.own_inodes()

    def __iter__(self) -> Iterator[int]:
        return iter((*self._reserved.inodes, *self._watch.own_inodes()))

    def __len__(self) -> int:
        return len(self._reserved.inodes) + len(self._watch.own_inodes())


class OwnershipWatcher:
    """Reads the socket table at each call; the holder of a socket is looked up only once."""

    def __init__(
        self,
        machine: Machine,
        endpoints: Sequence[Endpoint],
        family: ServerProcessTree,
        reserved: Reservations,
    ) -> None:
        self._machine = machine
        self._endpoints = endpoints
        self._ports = {endpoint.port for endpoint in endpoints}
        self._family, self._reserved = family, reserved
        self._known: dict[int, Holder] = {}
        self._missed: dict[int, Deadline] = {}
        self._last: PortOwnership | None = None
        self._basis: tuple[object, ...] = ()
        self._due = Deadline(0)

    def latest(self) -> PortOwnership:
        """Return `ownership`, cached while the same sockets listen."""
        listeners = self._machine.listening_below(self._ports)
        basis = (listeners, self._reserved.inodes, self._reserved.given, self._reserved.queueing)
        if self._last is None or basis != self._basis or self._due.passed:
            self._last, self._basis = self.ownership(), basis
            self._due = Deadline(LIST_EVERY)
        return self._last

    def ownership(self) -> PortOwnership:
        """Return the ownership of the endpoints. A passed socket counts once the server has it."""
        for inode in self._reserved.given:  # a passed socket is the server's as soon as it has it
            self._missed.pop(inode, None)
        here, given, queueing = self._here(), self._reserved.given, self._reserved.queueing
        mine = {socket: owner for socket in here if (owner := self._owner(socket)) is not None}
        listening = [socket for socket in mine if socket.state == "LISTEN"]
        queues = [socket.queue for socket in listening if socket.inode in queueing]
        return PortOwnership(
            owner=mine[listening[0]] if listening else None,
            unserved=tuple(
                endpoint
                for endpoint in self._endpoints
                if not any(covers(socket, endpoint) is not False for socket in listening)
            ),
            bound=len(mine) > len(listening),
            inherited=all(s.inode in self._reserved.inherited for s in mine if s.state != "LISTEN"),
            other_sockets=tuple(s for s in here if s not in mine and s.inode not in given),
            queueing=bool(queues),
            waiting=sum(queues),
        )

    def _here(self) -> list[Socket]:
        reserved = set(self._reserved.inodes) - set(self._reserved.given)
        return [
            socket
            for socket in sockets_on(self._machine, self._endpoints)
            if socket.state in ("LISTEN", "BOUND") and socket.inode not in reserved
        ]

    def own_inodes(self) -> list[int]:
        """Return the sockets of the server on the endpoints, from a fresh table."""
        return [socket.inode for socket in self._here() if self._owner(socket) is not None]

    def holders(self) -> list[ProcessKey]:
        """Return the server's processes that have an endpoint open, oldest first, not devports.

        They are looked for in the server's tree, so that its stop does not wait until all processes
        of the machine are searched. Where `accepting` names none, every search is a complete one.
        """
        sockets = [s for s in self._here() if self._owner(s) is not None]
        if not sockets:
            return []
        members = {key.pid: key for key in self._family.members()}
        having = self._machine.accepting(members, {socket.inode for socket in sockets})
        found = self._machine.holding(sockets, members.keys, thorough=False)
        keys = {holder.process.key for holder in found.holders if self._is_servers(holder)}
        keys |= {members[pid] for pid in having}
        return sorted(keys, key=lambda key: key.start)

    def _is_servers(self, holder: Holder) -> bool:
        return holder.process.key != self._family.me and self._family.owns(holder)

    def elsewhere(self) -> tuple[Endpoint, ...]:
        """Return the other endpoints the server listens on: it may have moved there."""
        found = self._machine.listening([key.pid for key in self._family.members()])
        return tuple(s.local for s in found if s.local.port not in self._ports)

    def _owner(self, socket: Socket) -> Holder | None:
        """Return the holder in the server's tree, None for another process or an unreadable one.

        A hit is cached; a miss for a moment only, since a parent may exit during the look-up.
        """
        missed = self._missed.get(socket.inode)
        if socket.inode in self._known or (missed is not None and not missed.passed):
            return self._known.get(socket.inode)
        found = self._machine.holding((socket,), thorough=False)
        own = [holder for holder in found.holders if self._is_servers(holder)]
        if own:
            # A shell that has inherited the socket is not the server.
            served = [holder for holder in own if not is_shell(holder.process)]
            self._known[socket.inode] = (served or own)[0]
        else:
            self._missed[socket.inode] = Deadline(LOOKUP_EVERY)
        return self._known.get(socket.inode)

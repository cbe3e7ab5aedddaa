"""One start, from the spawn until it is decided by `core.start_outcome` from what is seen here.

Ready means owned: a process of our own tree listens on our endpoints, whoever else may.
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
from devports.core.start_outcome import BY_SIGNAL, TAKEN_FOR, StartFacts, decide
from devports.core.value import unreachable
from devports.core.verdict import all_bindable, covers
from devports.exitcodes import TAKEN_AGAIN
from devports.freeing.bindable import sockets_on
from devports.run.readiness import answer, is_good, knock
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


SAY_AFTER = 3.0
"""Seconds until it is said that a server only holds its port, or listens elsewhere."""
SAY_EVERY = 1.0
"""Seconds between looks for that, which ask for all processes of ours."""
UNFIT_FOR = 1.0
"""Seconds that a socket has to be without an address and the options that our hold asks for."""
GONE_FOR = 0.5
"""Seconds that a process of it has ended before that is said, and not the end of the whole."""
ANSWER_WITHIN = 0.5
ASK_EVERY = 0.5
ASK_AGAIN = 0.5
"""Seconds until a socket that was nobody's of ours is looked up again: a look walks /proc."""
LIST_EVERY = 0.25
"""Seconds between two whole tables, for which the kernel walks all its sockets, while who listens
stays the same: that it looks up."""


class ServerStart:
    """What is seen and heard of one start, which gets its port by `way`.

    `proven`: its command has come up beside our hold before.
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
        self._machine, self._hold = handoff.machine, handoff.hold
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
            may_free=self._hold.may_free,
            starts_left=attempt < launch.retry.attempts,
        )
        self._had = self._freed = False
        self._beside, self._since = (False, "none"), clock.monotonic()
        self._spared: dict[tuple[int, ...], bool] = {}
        self._below_gone = clock.SteadyCondition(GONE_FOR)
        self._unfit, self._was_unfit = clock.SteadyCondition(UNFIT_FOR), False
        self._next_unfit, self._next_question, self._next_words = (
            Deadline(0),
            Deadline(0),
            SAY_AFTER,
        )
        self._visit: net.socket | None = None
        self._said: set[str] = set()
        self._released_at: float | None = None
        self.released: WhyReleased | None = None
        """Why our hold was let go beside the living server; None if it was not."""
        self.facts = self._fixed
        """What was known last."""
        self.status: int | None = None
        """The last answer to `ready.http`: 0 for none, None where none was asked for."""
        self.unsaid = False
        """Whether it has its port, and its output did not show `ready.log` yet."""
        self.failure: BindFailure | None = None
        """What the server said of its port, if it complained."""
        self.owned: ServerReady | None = None
        """The news of a server that is ready. To be told when nothing of the port is ours."""
        self.seen = PortOwnership(None, launch.endpoints, bound=False, other_sockets=())
        """What was seen of the port last, to explain a server that never got ready."""

    def check_output(self, text: str) -> None:
        """Take note of output that may say that the port is taken: a hint."""
        ports = {endpoint.port for endpoint in self._launch.everything}
        found = match_bind_failure(text, ports)
        self.failure = self.failure or found

    def wait_until_decided(
        self, server: Server, signals: Callable[[list[int]], Event | None]
    ) -> Event:
        """Watch `server` until its start is decided, or a signal decides otherwise."""
        try:
            while True:
                event = signals(server.poll_once(LOOK_EVERY)) or self._decided(server)
                if event is not None:
                    return event
        finally:
            if self._visit is not None:
                self._visit.close()

    def _decided(self, server: Server) -> Event | None:
        """Look, and do what is to be done; return what became of the start, None if it goes on."""
        facts = self.facts = self._look(server)
        outcome = decide(facts)
        match outcome:
            case "wait":
                self._say(server)
            case "release":
                self._release(server)
            case "free-beside":
                return self._free_beside(server)
            case "ready":
                server.relay.watching = False
                self.owned = self._news(server)
                return Ready()
            case "ended":
                self.say_refused(facts.code or 0)
                return Exited(facts.code or 0)
            case "without-hold":
                return HoldInTheWay(facts.elapsed if facts.code is None else 0.0)
            case "again":
                return PortTaken()
            case "taken-again":
                return GivenUp("retries-exhausted")
            case "shared":
                return self._given_up(GivenUp("port-shared"))
            case "moved":
                return self._given_up(GivenUp("moved"))
            case "bound-only" | "not-ready":
                return self._given_up(GivenUp("not-ready"))
            case _:
                unreachable(outcome)
        return None

    # -- the facts

    def _look(self, server: Server) -> StartFacts:
        code = server.code
        if code is not None:
            self._hear_the_rest(server)
        late = code is not None or server.elapsed >= self._fixed.timeout
        now = self._watch.ownership() if late else self._watch.latest()
        self._programs.look(self._hellos)
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
            hold=bool(self._hold) and not now.queueing,  # what it inherited listens without us
            hooked=self._programs.is_hooked(self._hellos),
            hint=self.failure is not None,
            freed=self._freed,
            **self._told_by_hooks(),
        )
        self.seen = now
        return self._look_closer(facts, now)

    def _look_closer(self, facts: StartFacts, now: PortOwnership) -> StartFacts:
        """Add the facts that cost more, where they count."""
        if facts.code is not None or facts.own in ("some", "listen"):
            return facts
        if facts.foreign != "none" and (facts.foreign_for >= TAKEN_FOR or facts.out_of_time):
            facts = facts.replace(spared=self._is_spared(now))
        if facts.hold and facts.in_way and facts.own == "none":
            facts = facts.replace(unfit=self._is_unfit())
        if facts.out_of_time and facts.own != "bound":
            there = self._elsewhere()
            self.seen = now.replace(elsewhere=there)
            words = self._launch.argv
            told = any(word.endswith(str(end.port)) for word in words for end in there[:1])
            facts = facts.replace(elsewhere=bool(there), port_in_command=told)
        return facts

    def _elsewhere(self) -> tuple[Endpoint, ...]:
        """Return where it may have gone: not its further ports, nor what its debugger listens on.

        The adapter of debugpy has a port of its own that the system chose.
        """
        debugger, known = debugger_of(self._launch.argv), self._launch.everything
        first, last = self._machine.ephemeral() if debugger else (0, 0)
        others = {end.port for end in (*known, *((debugger,) if debugger else ()))}
        there = self._watch.elsewhere()
        return tuple(e for e in there if e.port not in others and not first <= e.port <= last)

    @property
    def _hellos(self) -> Mapping[int, HookHello]:
        return self._handoff.hooks.hellos if self._handoff.hooks else {}

    def _told_by_hooks(self) -> dict[str, bool]:
        failed = self._handoff.hooks.failed_binds if self._handoff.hooks else ()
        ports = {endpoint.port for endpoint in self._launch.everything}
        ours = [bind for bind in failed if bind.endpoint.port in ports]
        refused = any(bind.errno == EADDRINUSE for bind in ours)
        return {"refused": refused, "elsewhere_refused": len(failed) > len(ours)}

    def _hear_the_rest(self, server: Server) -> None:
        """Take what an ended server has said last."""
        server.close()
        for text in server.relay.tails():
            self.check_output(text)
        self._handoff.collect()

    def _foreign_for(self, listens: bool, foreign: str) -> float:
        """Return how long somebody else has been there, beside a server that listens or not."""
        if (listens, foreign) != self._beside:
            self._beside, self._since = (listens, foreign), clock.monotonic()
        return 0.0 if foreign == "none" else clock.monotonic() - self._since

    def _is_spared(self, now: PortOwnership) -> bool:
        inodes = tuple(socket.inode for socket in now.other_sockets)
        if inodes not in self._spared:
            self._spared[inodes] = self._hold.is_spared(OwnSockets(self._hold, self._watch))
        return self._spared[inodes]

    def _is_unfit(self) -> bool:
        """Say whether it has had a socket for a while that cannot be bound beside our hold."""
        if self._next_unfit.passed:
            self._next_unfit = Deadline(UNFIT_FOR)
            self._was_unfit = self._machine.unfit([key.pid for key in self._programs.members])
        return self._unfit.update(self._was_unfit)

    def _is_refused(self) -> bool:
        """Say whether a bind fails now."""
        findings = inspect_ports(self._machine, self._launch.everything, ours=self._hold.inodes)
        return not all_bindable(findings)

    def _serves(self, now: PortOwnership, server: Server) -> bool:
        """Say whether it does what `ready` asks for; somebody else beside it might answer."""
        others = now.foreign == "listen"
        if not (others if self._fixed.any_owner and others else now.owner and not others):
            return False
        self._hold.settle(now.unserved)
        self.unsaid = not server.relay.said
        if self.unsaid:
            return False
        if self._service.ready.http:
            return self._answers(self._served(now))
        return not now.queueing or self._accepts(self._served(now), now.waiting)

    def _served(self, now: PortOwnership) -> Endpoint:
        """Return where it is reached: on several addresses one of them will do."""
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
        """Say whether a connection of ours was accepted: it is in the queue until then."""
        if self._visit is None:
            if self._next_question.passed:
                self._next_question = Deadline(ASK_EVERY)
                self._visit = knock(endpoint)
            return False
        if not waiting:
            self._visit.close()
        return not waiting

    def _answers(self, endpoint: Endpoint) -> bool:
        """Ask over HTTP, now and then: every question is a line in the server's log."""
        if not self._next_question.passed:
            return False
        self._next_question = Deadline(ASK_EVERY)
        path = self._service.ready.http
        self.status = answer(endpoint, path, seconds=ANSWER_WITHIN)
        return is_good(self.status)

    # -- what is done beside a living server

    def _release(self, server: Server) -> None:
        """Let our hold go: it may be that which the server meets, and it may try again."""
        facts = self.facts
        why: WhyReleased = next(self._reasons(facts), "silence")
        self._hold.release()
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
        """Free the port of somebody else, while our server goes on and may get it any moment."""
        self._freed, begun = True, clock.monotonic()
        keep = self.way != "bare" and self._released_at is None
        left = self._handoff.free_beside(OwnSockets(self._hold, self._watch), keep=keep)
        server.answering += clock.monotonic() - begun
        now = self._watch.ownership()
        if now.owner is not None or now.bound or (left and left.code == TAKEN_AGAIN):
            return None  # it has its port, or somebody was quicker and is looked at anew
        return left

    def _given_up(self, event: Event) -> Event:
        """Look who else is there, to name them."""
        if self.seen.other_sockets:
            found = self._machine.holding(self.seen.other_sockets, thorough=False)
            self.seen = self.seen.replace(others=with_forwarders(found))
        return event

    # -- what is said meanwhile

    def _say(self, server: Server) -> None:
        """Say, after a while, what it does instead of listening on its port."""
        if self.way == "hook" and self._hold and self._programs.is_strange(self._hellos):
            self._hold.share()  # it cannot ask: it has to bind beside us
        now, elapsed = self.seen, server.elapsed
        if now.owner is not None:
            return
        self._say_ended_below()
        if elapsed < self._next_words:
            return
        self._next_words = elapsed + SAY_EVERY
        if now.bound:
            self._say_bound()
        elif "elsewhere" not in self._said and (there := self._elsewhere()):
            self._said.add("elsewhere")
            ends = self._launch.endpoints
            self._tell(ListeningElsewhere(self._service.name, ends[0], there[0]))

    def _refused_elsewhere(self) -> FailedBind | None:
        failed = self._handoff.hooks.failed_binds if self._handoff.hooks else ()
        return refused_elsewhere(failed, {end.port for end in self._launch.everything})

    def _say_ended_below(self) -> None:
        """Say by which other port a process of the living server has ended, a reloader's child."""
        bind = self._refused_elsewhere()
        gone = bind is not None and self._programs.has_ended(bind.pid)
        if self._below_gone.update(gone) and bind is not None:
            self._say_held(bind.endpoint, bind.errno, None)

    def say_refused(self, code: int) -> None:
        """Say by which other port the server has ended, and who has that of its debugger."""
        if not 0 < code <= BY_SIGNAL:
            return
        if (bind := self._refused_elsewhere()) is not None:
            self._say_held(bind.endpoint, bind.errno, code)
        debugger = debugger_of(self._launch.argv)
        ours = {end.port for end in self._launch.everything}
        if debugger is not None and debugger.port not in ours:
            self._say_held(debugger, 0, code)

    def _say_held(self, endpoint: Endpoint, errno: int, code: int | None) -> None:
        """Say it once; a debugger's port, of which no bind has failed, only if somebody has it."""
        holder = holder_at(self._machine, endpoint) if errno in (0, EADDRINUSE) else None
        if str(endpoint) in self._said or (holder is None and not errno):
            return
        self._said.add(str(endpoint))
        self._tell(BindRefused(self._service.name, endpoint, holder, errno, code))

    def _say_bound(self) -> None:
        """Say who has the socket without listening: it is starting, or its worker has ended."""
        holders = self._watch.holders()
        holder = self._machine.process(holders[-1].pid) if holders else None
        ended = self._programs.ended_below(holders[0]) if len(holders) == 1 else None
        kind = "starting" if ended is None else "ended"
        if holder is not None and kind not in self._said:
            self._said |= {kind, "starting"}
            ends = self._launch.endpoints
            self._tell(BoundNotListening(self._service.name, ends[0], holder, ended))


class OwnSockets:
    """The inodes of our own sockets and of our server's, also of those that it makes meanwhile."""

    def __init__(self, hold: Reservations, watch: OwnershipWatcher) -> None:
        self._hold, self._watch = hold, watch

    def __contains__(self, inode: object) -> bool:
        return inode in self._hold.inodes or inode in self._watch.own_inodes()

    def __iter__(self) -> Iterator[int]:
        return iter((*self._hold.inodes, *self._watch.own_inodes()))

    def __len__(self) -> int:
        return len(self._hold.inodes) + len(self._watch.own_inodes())


class OwnershipWatcher:
    """Looks at the table as often as it is asked; a socket's holder is looked up only once."""

    def __init__(
        self,
        machine: Machine,
        endpoints: Sequence[Endpoint],
        family: ServerProcessTree,
        hold: Reservations,
    ) -> None:
        self._machine = machine
        self._endpoints = endpoints
        self._ports = {endpoint.port for endpoint in endpoints}
        self._family, self._hold = family, hold
        self._known: dict[int, Holder] = {}
        self._missed: dict[int, Deadline] = {}
        self._last: PortOwnership | None = None
        self._basis: tuple[object, ...] = ()
        self._due = Deadline(0)

    def latest(self) -> PortOwnership:
        """Return what `ownership` does, for a loop: while the same ones listen, the last answer."""
        listeners = self._machine.listening_on(self._ports).sockets
        basis = (listeners, self._hold.inodes, self._hold.given, self._hold.queueing)
        if self._last is None or basis != self._basis or self._due.passed:
            self._last, self._basis = self.ownership(), basis
            self._due = Deadline(LIST_EVERY)
        return self._last

    def ownership(self) -> PortOwnership:
        """Return who has our endpoints. What we handed over counts once our server has it too."""
        for inode in self._hold.given:  # what we gave it is its own the moment that it takes it
            self._missed.pop(inode, None)
        here, given, queueing = self._here(), self._hold.given, self._hold.queueing
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
            inherited=all(s.inode in self._hold.inherited for s in mine if s.state != "LISTEN"),
            other_sockets=tuple(s for s in here if s not in mine and s.inode not in given),
            queueing=bool(queues),
            waiting=sum(queues),
        )

    def _here(self) -> list[Socket]:
        ours = set(self._hold.inodes) - set(self._hold.given)
        return [
            socket
            for socket in sockets_on(self._machine, self._endpoints)
            if socket.state in ("LISTEN", "BOUND") and socket.inode not in ours
        ]

    def own_inodes(self) -> list[int]:
        """Return the sockets of our tree on the endpoints, as it is now."""
        return [socket.inode for socket in self._here() if self._owner(socket) is not None]

    def holders(self) -> list[ProcessKey]:
        """Return every process of ours that has an endpoint open, eldest first, devports not."""
        sockets = [s for s in self._here() if self._owner(s) is not None]
        found = self._machine.holding(sockets, thorough=True)
        keys = [holder.process.key for holder in found.holders if self._is_servers(holder)]
        return sorted(keys, key=lambda key: key.start)

    def _is_servers(self, holder: Holder) -> bool:
        return holder.process.key != self._family.me and self._family.owns(holder)

    def elsewhere(self) -> tuple[Endpoint, ...]:
        """Return where our tree listens beside our ports: a server may have gone there."""
        found = self._machine.listening([key.pid for key in self._family.members()])
        return tuple(s.local for s in found if s.local.port not in self._ports)

    def _owner(self, socket: Socket) -> Holder | None:
        """Return the holder in our tree, None if it is a stranger's or cannot be read.

        A hit is remembered; a miss for a moment only, since a parent may end while we look.
        """
        missed = self._missed.get(socket.inode)
        if socket.inode in self._known or (missed is not None and not missed.passed):
            return self._known.get(socket.inode)
        found = self._machine.holding((socket,), thorough=False)
        own = [holder for holder in found.holders if self._is_servers(holder)]
        if own:
            # A shell that has the server's socket from us is not who serves.
            served = [holder for holder in own if not is_shell(holder.process)]
            self._known[socket.inode] = (served or own)[0]
        else:
            self._missed[socket.inode] = Deadline(ASK_AGAIN)
        return self._known.get(socket.inode)

"""One start, from the spawn until it is decided: ready, lost, moved, ended, timed out.

Ready means owned: a process of our own tree listens on our endpoints, whoever else may.
"""

from __future__ import annotations

from devports.core.bind_errors import match_bind_failure
from devports.core.command_line import is_shell
from devports.core.recovery import (
    BindFailed,
    BoundNotListening,
    Exited,
    ListeningElsewhere,
    Moved,
    PortOwnership,
    Ready,
    Released,
    ServerReady,
    Shared,
    TimedOut,
)
from devports.core.verdict import all_bindable, covers
from devports.freeing.bindable import sockets_on
from devports.run.readiness import answer, is_good, knock
from devports.run.server import LOOK_EVERY
from devports.system import clock
from devports.system.clock import Deadline
from devports.system.inspect import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket as net
    from collections.abc import Callable, Sequence

    from devports.core.bind_errors import BindFailure
    from devports.core.model import Endpoint, Holder, ProcessKey, Socket
    from devports.core.recovery import Event, HandoffMode, Tell
    from devports.run.launch import Launch
    from devports.run.reservation import Reservations
    from devports.run.server import Server, ServerProcessTree
    from devports.system import Machine


STAYS = 12.0
"""Seconds after which a stranger on our port is there to stay, if our server has nothing of it:
gunicorn tries again for 5 s and nginx for 2.5 s (measured), and some servers end the stranger."""
SAY_BOUND_AFTER = 3.0
GLANCE_EVERY = 3.0
"""Seconds between looks for a listener on another port, which ask for all processes of ours."""
SHARED_FOR = 1.0
"""Seconds that a stranger has to listen beside our server before that is no passing moment."""
ANSWER_WITHIN = 0.5
ASK_EVERY = 0.5
ASK_AGAIN = 0.5
"""Seconds until a socket that was nobody's of ours is looked up again: a look walks /proc."""
LIST_EVERY = 0.25
"""Seconds between two whole tables, for which the kernel walks all its sockets, while who listens
stays the same: that it looks up."""


class ServerStart:
    """What is seen and heard of one start, which gets its port by `way`."""

    def __init__(
        self,
        launch: Launch,
        machine: Machine,
        watch: OwnershipWatcher,
        hold: Reservations,
        tell: Tell,
        *,
        way: HandoffMode,
    ) -> None:
        self._launch, self._machine, self._watch, self._hold = launch, machine, watch, hold
        self._service, self._tell = launch.service, tell
        self._beside_hold = way != "bare"
        self._scheme = launch.handed.scheme if way == "fd" and launch.handed else ""
        self._said_bound = False
        self._next_glance = GLANCE_EVERY
        self._next_question = clock.Deadline(0)
        self._visit: net.socket | None = None
        self._sharing, self._taken = clock.Lasting(SHARED_FOR), clock.Lasting(STAYS)
        self.status: int | None = None
        """The last answer to `ready.http`: 0 for none, None where none was asked for."""
        self.unsaid = False
        """Whether it has its port, and its output did not show `ready.log` yet."""
        self.failure: BindFailure | None = None
        """What the server said of its port, if it complained."""
        self.owned: ServerReady | None = None
        """The news of a server that is ready. To be told when nothing of the port is ours."""
        self.seen: PortOwnership | None = None
        """What was seen of the port last, to explain a server that never got ready."""

    def hear(self, text: str) -> None:
        """Take note of output that may say that the port is taken.

        It explains the end of a server. While one lives it may release our reservation and no more.
        """
        ports = {endpoint.port for endpoint in self._launch.everything}
        found = match_bind_failure(text, ports)
        self.failure = self.failure or found

    def until_decided(self, server: Server, signals: Callable[[list[int]], Event | None]) -> Event:
        """Watch `server` until its start is decided, or a signal decides otherwise."""
        try:
            while server.elapsed < self._service.ready.timeout:
                if (event := signals(server.turn(LOOK_EVERY))) is not None:
                    return event
                if server.code is not None:
                    return self._ended(server, server.code)
                now = self.seen = self._watch.latest()
                if (owned := self._owned(now, server)) is not None:
                    server.relay.watching = False
                    self.owned = owned
                    return Ready()
                if self._is_shared(now):
                    return Shared()
                if self._is_taken(now):
                    return BindFailed(foreign=True)
                self._make_way(now)
                self._look_elsewhere(now, server)
                if now.bound and not self._said_bound and server.elapsed > SAY_BOUND_AFTER:
                    self._said_bound = True
                    self._tell(BoundNotListening(self._service.name, self._launch.endpoints[0]))
            return self._timed_out()
        finally:
            if self._visit is not None:
                self._visit.close()

    def _look_elsewhere(self, now: PortOwnership, server: Server) -> None:
        """Say where a server listens that does not listen where it should, once."""
        if now.owner is not None or now.bound or server.elapsed < self._next_glance:
            return
        self._next_glance = server.elapsed + GLANCE_EVERY
        if elsewhere := self._watch.elsewhere():
            self._next_glance = float("inf")
            self._tell(
                ListeningElsewhere(self._service.name, self._launch.endpoints[0], elsewhere[0])
            )

    def _owned(self, now: PortOwnership, server: Server) -> ServerReady | None:
        """Return the news that it is ready, if it is: on several addresses one of them will do."""
        ends = self._launch.endpoints
        ours = now.owner is not None and not now.strangers
        anybody = self._service.ready.owner == "any" and any(
            socket.state == "LISTEN" for socket in now.strangers
        )
        if not (ours or anybody):
            return None
        self._hold.settle(now.missing)
        self.unsaid = not server.relay.said
        if self.unsaid:
            return None
        served = next(end for end in ends if anybody or end not in now.missing)
        if self._service.ready.http:
            if not self._answers(served):
                return None
        elif now.queueing and not self._accepts(served, now.waiting):
            return None
        process = now.owner.process if now.owner else None
        unserved = () if anybody else now.missing
        return ServerReady(
            self._service.name, served, process, server.elapsed, unserved, scheme=self._scheme
        )

    def _accepts(self, endpoint: Endpoint, waiting: int) -> bool:
        """Say whether a connection of ours was accepted: it is in the queue until then."""
        if self._visit is None:
            if self._next_question.passed:
                self._next_question = clock.Deadline(ASK_EVERY)
                self._visit = knock(endpoint)
            return False
        if not waiting:
            self._visit.close()
        return not waiting

    def _answers(self, endpoint: Endpoint) -> bool:
        """Ask over HTTP, now and then: every question is a line in the server's log."""
        if not self._next_question.passed:
            return False
        self._next_question = clock.Deadline(ASK_EVERY)
        path = self._service.ready.http
        self.status = answer(endpoint, path, seconds=ANSWER_WITHIN)
        return is_good(self.status)

    def _make_way(self, now: PortOwnership) -> None:
        """Release our reservation if the server says "in use": it may be that which it met.

        Its words may be about something else, so nothing more follows from them while it lives.
        """
        if self.failure is None or not self._hold or now.owner is not None or now.strangers:
            return
        self._hold.release()
        self._tell(Released(self._service.name, self._launch.endpoints[0], self.failure.line))

    def _is_taken(self, now: PortOwnership) -> bool:
        """Say whether a server that lost its port met somebody else, who is there to stay.

        The stranger decides; silence of the server means that it may be its own proxy, of a
        container engine, and there is time left to find out.
        """
        anybody, silent = self._service.ready.owner == "any", self.failure is None
        nothing = now.owner is None and not now.bound
        return self._taken.has(nothing and bool(now.strangers) and not anybody and not silent)

    def _is_shared(self, now: PortOwnership) -> bool:
        """Say whether somebody else has been listening beside our server for a while."""
        listening = any(socket.state == "LISTEN" for socket in now.strangers)
        return self._sharing.has(now.owner is not None and listening)

    def _ended(self, server: Server, code: int) -> Event:
        """Tell a lost port from an end of the server's own making."""
        server.close()
        for text in server.relay.tails():
            self.hear(text)
        now = self.seen = self._watch.ownership()
        if self.failure is not None and (
            self.failure.port is not None or self._beside_hold or self._is_refused()
        ):
            foreign = bool(now.strangers) or (not self._beside_hold and self._is_refused())
            return BindFailed(foreign)
        if now.strangers and code:
            return BindFailed(foreign=True)
        return Exited(code)

    def _is_refused(self) -> bool:
        """Say whether a bind fails now."""
        findings = survey(self._machine, self._launch.everything, ours=self._hold.inodes)
        return not all_bindable(findings)

    def _timed_out(self) -> Event:
        """Tell a server that listens elsewhere from one that does not listen."""
        elsewhere = self._watch.elsewhere()
        self.seen = self._watch.ownership().replace(elsewhere=elsewhere)
        foreign = bool(self.seen.strangers)
        if self.seen.owner is not None or self.seen.bound:
            return TimedOut()
        if elsewhere:
            port = elsewhere[0].port
            told = any(word.endswith(str(port)) for word in self._launch.argv)
            return Moved(foreign, told=told)
        return TimedOut(refused=self.failure is not None and not foreign)


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
            missing=tuple(
                endpoint
                for endpoint in self._endpoints
                if not any(covers(socket, endpoint) is not False for socket in listening)
            ),
            bound=len(mine) > len(listening),
            strangers=tuple(s for s in here if s not in mine and s.inode not in given),
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

    def holders(self) -> list[ProcessKey]:
        """Return every process of ours that has one of the endpoints open, devports left out."""
        sockets = [s for s in self._here() if self._owner(s) is not None]
        found = self._machine.holding(sockets, thorough=True)
        return [holder.process.key for holder in found.holders if self._is_servers(holder)]

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

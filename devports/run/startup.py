"""One start, from the spawn until it is decided: ready, lost, moved, ended, timed out."""

from __future__ import annotations

from devports.core.bindfailure import NO_LOSS, match_bind_failure
from devports.core.diagnosis import all_bindable
from devports.core.happening import BoundOnly, Elsewhere, Owned, Released
from devports.core.recovery import BindFailed, Exited, Moved, Ready, Shared, TimedOut
from devports.run.reachable import answer, is_good, knock
from devports.system import clock
from devports.system.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.bindfailure import BindFailure
    from devports.core.happening import Happening
    from devports.core.model import Endpoint
    from devports.core.ownership import Ownership
    from devports.core.recovery import Event, Way
    from devports.run.hold import Hold
    from devports.run.launch import Launch
    from devports.run.ownership import Watch
    from devports.run.server import Server
    from devports.system import Machine
    from devports.system.net import net

LOOK_EVERY = 0.025
"""Seconds between looks for our listener: 40 microseconds each."""
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


class Startup:
    """What is seen and heard of one start, which gets its port by `way`."""

    def __init__(
        self, launch: Launch, machine: Machine, watch: Watch, hold: Hold, *, way: Way
    ) -> None:
        self._launch, self._machine, self._watch, self._hold = launch, machine, watch, hold
        self._service = launch.service
        self._beside_hold = way != "bare"
        self._scheme = launch.handed.scheme if way == "fd" and launch.handed else ""
        self._said_bound = False
        self._next_glance = GLANCE_EVERY
        self._next_question = clock.Deadline(0)
        self._visit: net.socket | None = None
        self._sharing: clock.Deadline | None = None
        self._taken: clock.Deadline | None = None
        self.status: int | None = None
        """The last answer to `ready.http`: 0 for none, None where none was asked for."""
        self.unsaid = False
        """Whether it has its port, and its output did not show `ready.log` yet."""
        self.failure: BindFailure | None = None
        """What the server said of its port, if it complained."""
        self.owned: Owned | None = None
        """The news of a server that is ready. To be told when nothing of the port is ours."""
        self.seen: Ownership | None = None
        """What was seen of the port last, to explain a server that never got ready."""

    def hear(self, text: str) -> None:
        """Take note of output that may say that the port is taken.

        It explains the end of a server. While one lives it may release our reservation and no more.
        """
        ports = {endpoint.port for endpoint in self._launch.everything}
        found = match_bind_failure(text, ports)
        if found is not None and found.kind not in NO_LOSS:
            self.failure = self.failure or found

    def until_decided(
        self,
        server: Server,
        signals: Callable[[list[int]], Event | None],
        tell: Callable[[Happening], None],
    ) -> Event:
        """Watch `server` until its start is decided, or a signal decides otherwise."""
        try:
            while server.elapsed < self._service.ready.timeout:
                if (event := signals(server.turn(LOOK_EVERY))) is not None:
                    return event
                if server.code is not None:
                    return self._ended(server, server.code)
                now = self.seen = self._watch.news(self._hold)
                if (owned := self._owned(now, server)) is not None:
                    server.relay.watching = False
                    self.owned = owned
                    return Ready()
                if self._is_shared(now):
                    return Shared()
                if self._is_taken(now):
                    return BindFailed(foreign=True)
                self._make_way(now, tell)
                self._look_elsewhere(now, server, tell)
                if now.bound and not self._said_bound and server.elapsed > SAY_BOUND_AFTER:
                    self._said_bound = True
                    tell(BoundOnly(self._service.name, self._launch.endpoints[0]))
            return self._timed_out()
        finally:
            if self._visit is not None:
                self._visit.close()

    def _look_elsewhere(
        self, now: Ownership, server: Server, tell: Callable[[Happening], None]
    ) -> None:
        """Say where a server listens that does not listen where it should, once."""
        if now.owner is not None or now.bound or server.elapsed < self._next_glance:
            return
        self._next_glance = server.elapsed + GLANCE_EVERY
        if elsewhere := self._watch.elsewhere():
            self._next_glance = float("inf")
            tell(Elsewhere(self._service.name, self._launch.endpoints[0], elsewhere[0]))

    def _owned(self, now: Ownership, server: Server) -> Owned | None:
        """Return the news that it is ready, if it is: on several addresses one of them will do."""
        ends = self._launch.endpoints
        ours = now.owner is not None and len(now.missing) < len(ends) and not now.strangers
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
        return Owned(
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

    def _make_way(self, now: Ownership, tell: Callable[[Happening], None]) -> None:
        """Release our reservation if the server says "in use": it may be that which it met.

        Its words may be about something else, so nothing more follows from them while it lives.
        """
        if self.failure is None or not self._hold or now.owner is not None or now.strangers:
            return
        self._hold.release()
        tell(Released(self._service.name, self._launch.endpoints[0], self.failure.line))

    def _is_taken(self, now: Ownership) -> bool:
        """Say whether a server that lost its port met somebody else, who is there to stay.

        The stranger decides; silence of the server means that it may be its own proxy, of a
        container engine, and there is time left to find out.
        """
        anybody = self._service.ready.owner == "any"
        silent = self.failure is None
        if silent or now.owner is not None or now.bound or anybody or not now.strangers:
            self._taken = None
            return False
        self._taken = self._taken or clock.Deadline(STAYS)
        return self._taken.passed

    def _is_shared(self, now: Ownership) -> bool:
        """Say whether somebody else has been listening beside our server for a while."""
        if now.owner is None or not any(s.state == "LISTEN" for s in now.strangers):
            self._sharing = None
            return False
        self._sharing = self._sharing or clock.Deadline(SHARED_FOR)
        return self._sharing.passed

    def _ended(self, server: Server, code: int) -> Event:
        """Tell a lost port from an end of the server's own making."""
        server.close()
        for text in server.relay.tails():
            self.hear(text)
        now = self.seen = self._watch.look(self._hold)
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
        self.seen = self._watch.look(self._hold).but(elsewhere=elsewhere)
        foreign = bool(self.seen.strangers)
        if self.seen.owner is not None or self.seen.bound:
            return TimedOut()
        if elsewhere:
            port = elsewhere[0].port
            told = any(word.endswith(str(port)) for word in self._launch.argv)
            return Moved(port, foreign, told=told)
        return TimedOut(refused=self.failure is not None and not foreign)

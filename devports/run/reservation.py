"""Our hold on the port: taken before the server starts, handed over or shared, given back.

And the ports above it, for a service that takes another one where its own cannot be had.
"""

from __future__ import annotations

import contextlib
import os

from devports import exitcodes
from devports.core.model import Endpoint, HolderSearch, Socket
from devports.core.recovery import PortFreed, PortStillHeld
from devports.core.text import LAST_PORT
from devports.core.verdict import all_bindable, covers, holding
from devports.errors import DevportsError
from devports.freeing import free
from devports.freeing.bindable import all_bindable_now, findings_now, table_of
from devports.freeing.consent import is_container, plan_for
from devports.records import MAX_RECORD, NOFOLLOW, sums, write_own
from devports.system.bind import Reservation, replace
from devports.system.inspect import endpoints_of, inspect_without_bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from devports.core.recovery import Event
    from devports.core.service import Config, Service
    from devports.core.stop_plan import FreeResult
    from devports.freeing import FreeRequest, FreeServices
    from devports.records import RunRecords
    from devports.system import Machine

MAX_TAKES = 3
MOST_REMEMBERED = 500
"""Commands of which it is remembered how they came up; the oldest are forgotten."""
NEXT_PORTS = 50
"""So many ports are tried at most, the declared one included."""


class PortTakenError(Exception):
    """Somebody else listens on what was to be handed over: they were quicker by a moment."""


class Reservations:
    """The reservations of one run, all or none."""

    def __init__(self, tools: FreeServices, job: FreeRequest, records: RunRecords) -> None:
        self._tools, self._job, self._records = tools, job, records
        self._held: list[Reservation] = []
        self.inherited: frozenset[int] = frozenset()
        """Those that the last server was started with, also when ours are released."""
        self.last: FreeResult | None = None
        """The last freeing, which explains why the port could not be had."""

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def inodes(self) -> tuple[int, ...]:
        return tuple(reservation.inode for reservation in self._held)

    @property
    def given(self) -> tuple[int, ...]:
        """Those that our server has as well."""
        return tuple(reservation.inode for reservation in self._held if reservation.given)

    @property
    def queueing(self) -> tuple[int, ...]:
        """Those of them on which connections wait though nobody may accept them."""
        return tuple(r.inode for r in self._held if r.given and r.listening)

    def acquire(self) -> Event:
        """Free the endpoints and reserve them; somebody may be quicker in between, so again.

        A port that is exchanged rather than freed is had at once or left, and nobody is asked.
        Always a fresh bind: a socket that an earlier start has had would hide its orphans.
        """
        self.release()  # what is left of an earlier start would stand in our own way
        job, exchanged = self._job, self._job.exchanged
        others = tuple(endpoint for endpoint in job.endpoints if endpoint not in exchanged)
        for _ in range(MAX_TAKES):
            if exchanged and not all_bindable_now(self._tools.machine, exchanged):
                continue  # somebody's probe lasts for microseconds: look again
            self.last = free(self._tools, job.replace(endpoints=others))
            if not self.last.bindable:
                return PortStillHeld(self.last.exit_code)
            if self._reserve():
                if self._is_alone_on(exchanged):
                    return PortFreed()
                self.release()
        return PortStillHeld(exitcodes.TAKEN_AGAIN, left=bool(exchanged))

    def _is_alone_on(self, endpoints: Sequence[Endpoint]) -> bool:
        """Say whether our hold is the only one: a bind works beside one that is shared already.

        Records and locks keep the runs of one user apart, and not those of another.
        """
        if not endpoints:
            return True
        machine = self._tools.machine
        table = table_of(machine, endpoints, self.inodes)
        return not any(holding(table, end, wildcards=machine.wildcards) for end in endpoints)

    def _reserve(self) -> bool:
        with self._lock():
            self.release()
            for endpoint in self._job.endpoints:
                taken = self._tools.machine.reserve(endpoint)
                if not isinstance(taken, Reservation):
                    self.release()
                    return False
                self._held.append(taken)
            return True

    def _lock(self) -> contextlib.AbstractContextManager[None]:
        return self._records.locked_ports(endpoint.port for endpoint in self._job.endpoints)

    def share(self, *, behind: int = 0) -> None:
        """Let our server bind beside us, on all endpoints or on those behind the first ones."""
        for reservation in self._held[behind:]:
            reservation.share()

    def settle(self, missing: Collection[Endpoint]) -> None:
        """Let connections to what our server listens on leave a TIME_WAIT that stops nobody.

        They inherit the lack of SO_REUSEADDR from a reserved socket that listens. `missing` are
        the endpoints on which nobody listens yet: another server could still bind beside those.
        """
        for reservation in self._held:
            if reservation.given and reservation.endpoint not in missing:
                reservation.reuse()

    def release(self) -> None:
        """Give everything back. What our server has of it stays the server's."""
        while self._held:
            reservation = self._held.pop()
            if reservation.given:
                reservation.reuse()
            reservation.close()

    def free_beside(self, ours: Collection[int], *, keep: bool) -> PortStillHeld | None:
        """End who else is on the endpoints beside a server that lives; None where that is done.

        Args:
            ours: sockets of our server, which may get its port meanwhile, beside our own.
            keep: whether to hold the port again, for a server that does not have it yet.
        """
        policy = self._job.policy.replace(
            movable_port=0
        )  # the server runs: it cannot move any more
        self.last = free(self._tools, self._job.replace(policy=policy, own_inodes=ours))
        if not self.last.bindable:
            return PortStillHeld(self.last.exit_code)
        if keep and not self._held and self._reserve():
            self.share()
        return None

    @property
    def may_free(self) -> bool:
        """Whether the port may be freed once it is lost, as `on_conflict` says."""
        return not (self._job.policy.moves or self._job.policy.never_ask)

    def is_spared(self, ours: Collection[int]) -> bool:
        """Say whether who is on the endpoints may be what our server has started outside its tree.

        That is a container's forwarder, and who cannot be read.
        """
        found = findings_now(self._tools.machine, self._job.replace(own_inodes=ours))
        hidden = any(finding.holding.hidden for finding in found)
        return hidden or any(map(is_container, plan_for(self._tools, found)))

    # -- handed over by inheritance

    @contextlib.contextmanager
    def inheritable(self, count: int, *, listening: bool) -> Iterator[tuple[int, ...]]:
        """Let what is started meanwhile inherit the first `count` sockets; give their numbers.

        Args:
            count: how many.
            listening: whether they have to listen already. They do too where a TIME_WAIT is left
                on the port: beside it a listen(2) on a reserved socket fails.

        Raises:
            PortTakenError: they could not.
        """
        sockets = self._held[:count]
        if listening or self._leftovers(sockets):
            try:
                for reservation in sockets:
                    reservation.listen()
            except OSError as error:
                raise PortTakenError from error
        self.inherited = frozenset(reservation.inode for reservation in sockets)
        for reservation in sockets:
            reservation.given = True
            os.set_inheritable(reservation.fileno(), True)
        try:
            yield tuple(reservation.fileno() for reservation in sockets)
        finally:
            for reservation in sockets:
                os.set_inheritable(reservation.fileno(), False)

    def _leftovers(self, sockets: list[Reservation]) -> bool:
        ends = [reservation.endpoint for reservation in sockets]
        return bool(table_of(self._tools.machine, ends, self.inodes).sockets)

    # -- handed over on request

    def hand_over(
        self, endpoint: Endpoint, taken: Callable[[Endpoint], bool]
    ) -> Reservation | None:
        """Return a socket bound to `endpoint` for the server's own bind that failed.

        Args:
            endpoint: what it wants; a probing server may want a wildcard first, and close it.
            taken: says whether a process of ours has the endpoint, which is then no business of
                ours.
        """
        if taken(endpoint):
            return None
        found = next((r for r in self._held if r.endpoint == endpoint and not r.given), None)
        for _ in range(MAX_TAKES):
            if found := found or self._replace(endpoint):
                break
            if not self._free(endpoint):
                return None
        if found is not None:
            found.given = True
            with contextlib.suppress(OSError):  # somebody was quicker: the server will be told
                if self._leftovers([found]):
                    found.listen()
        return found

    def _free(self, endpoint: Endpoint) -> bool:
        """Free one endpoint as the policy allows. The server runs, so it cannot move any more."""
        policy = self._job.policy.replace(movable_port=0)
        job = self._job.replace(endpoints=(endpoint,), policy=policy, own_inodes=self.inodes)
        return free(self._tools, job).bindable

    def _replace(self, endpoint: Endpoint) -> Reservation | None:
        """Put a fresh socket in the place of those of ours that are in the way of `endpoint`.

        One that was handed over before has been closed by the server, which asks again, and might
        still listen.
        """
        old = [r for r in self._held if overlap(r.endpoint, endpoint)]
        with self._lock():
            fresh = replace(old, endpoint)
        if not isinstance(fresh, Reservation):
            return None
        self._held = [*(r for r in self._held if r not in old), fresh]
        return fresh

    def release_for(self, endpoint: Endpoint, taken: Callable[[Endpoint], bool]) -> bool:
        """Get out of the way of the server's own bind; say whether it can succeed now."""
        if self.hand_over(endpoint, taken) is None:
            return False
        for reservation in [r for r in self._held if overlap(r.endpoint, endpoint)]:
            self._held.remove(reservation)
            reservation.close()
        return True


class HoldMemory:
    """What earlier starts of a command have shown of our hold, by a sum of its words and folder.

    `beside`: it came up beside the hold. `bare`: it came up only without. `alike`: it ended without
    as it did beside. The file is small and the user's alone; what cannot be read is not remembered.
    """

    def __init__(self, records: RunRecords, argv: Sequence[str], cwd: str) -> None:
        self._records = records
        self._path = os.path.join(records.path, "starts")
        self._sum = sums(os.fsencode("\0".join((*argv, cwd))))
        self.shown = dict(self._lines()).get(self._sum, "")

    @property
    def needs_bare(self) -> bool:
        """Whether the next start is to begin without a hold: that costs one start, not two."""
        return self.shown in ("bare", "alike")

    def note(self, shown: str) -> None:
        """Remember this of the command from now on; nothing where it is empty."""
        if shown == self.shown:
            return
        self.shown = shown
        with contextlib.suppress(OSError), self._records.locked("starts"):
            lines = [(key, word) for key, word in self._lines() if key != self._sum]
            lines += [(self._sum, shown)] if shown else []
            text = "".join(f"{key} {word}\n" for key, word in lines[-MOST_REMEMBERED:])
            write_own(self._path, text)

    def _lines(self) -> list[tuple[str, str]]:
        try:
            with os.fdopen(os.open(self._path, os.O_RDONLY | NOFOLLOW), "rb") as file:
                text = file.read(MAX_RECORD).decode("ascii", "replace")
        except OSError:
            return []
        pairs = (line.partition(" ")[::2] for line in text.splitlines())
        return [(key, word) for key, word in pairs if word in ("beside", "bare", "alike")]


def overlap(one: Endpoint, other: Endpoint) -> bool:
    """Say whether a socket on one of these is in the way of a bind to the other."""
    ways = ((one, other), (other, one))
    return any(covers(Socket(a, None, "BOUND"), b) is not False for a, b in ways)


def next_ports(machine: Machine, service: Service, config: Config) -> Iterator[Service]:
    """Yield the service with each port above its own on which nobody is seen, yet to be taken.

    Ports that the configuration gives to others, or to this service by another name, are left. The
    kernel is not asked, so that no bind of ours meets that of another run which takes the port.

    Raises:
        DevportsError: none is left.
    """
    declared = {n for one in config.services for n in (one.port, *dict(one.ports).values())}
    for port in range(service.port + 1, min(service.port + NEXT_PORTS, LAST_PORT + 1)):
        moved = service.replace(port=port)
        if port not in declared and all_bindable(
            inspect_without_bind(
                machine, endpoints_of(machine, moved.spec), lambda _: HolderSearch()
            )
        ):
            yield moved
    raise DevportsError(
        "no-next-port",
        f"no free port found among the {NEXT_PORTS} from {service.port}",
        service=service.name,
        exit_code=exitcodes.HELD,
    )

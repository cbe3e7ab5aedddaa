"""The reservation of the port: made before the server starts, passed on or shared, and released.

Also the ports above it, for `on_conflict = "next"`.
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
from devports.records import MAX_RECORD, NOFOLLOW, checksum, write_private
from devports.system.bind import Reservation, replace
from devports.system.files import read_regular
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

MAX_ATTEMPTS = 3
MAX_REMEMBERED = 500
"""Maximum number of remembered commands; the oldest are dropped."""
NEXT_PORTS = 50
"""Maximum number of ports that are tried, the declared one included."""


class PortTakenError(Exception):
    """Another process listened on the address of a socket before it was passed on."""


class Reservations:
    """The reservations of one run, all or none."""

    def __init__(self, tools: FreeServices, job: FreeRequest, records: RunRecords) -> None:
        self._tools, self._job, self._records = tools, job, records
        self._held: list[Reservation] = []
        self.inherited: frozenset[int] = frozenset()
        """The sockets that the last server was started with, also after their release here."""
        self.last: FreeResult | None = None
        """The last result of freeing, which explains why the port is not free."""

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def inodes(self) -> tuple[int, ...]:
        return tuple(reservation.inode for reservation in self._held)

    @property
    def given(self) -> tuple[int, ...]:
        """The sockets that the server has as well."""
        return tuple(reservation.inode for reservation in self._held if reservation.given)

    @property
    def queueing(self) -> tuple[int, ...]:
        """The sockets on which connections wait although possibly no process accepts them."""
        return tuple(r.inode for r in self._held if r.given and r.listening)

    def acquire(self) -> Event:
        """Free the endpoints and reserve them; retry if another process was faster.

        A port that may be exchanged is not freed: it is reserved at once or left, without a
        question. Each bind is a fresh one: a socket that an earlier start has had would hide its
        orphans.
        """
        self.release()  # a reservation of an earlier start would be in the way
        job, exchanged = self._job, self._job.exchanged
        others = tuple(endpoint for endpoint in job.endpoints if endpoint not in exchanged)
        for _ in range(MAX_ATTEMPTS):
            if exchanged and not all_bindable_now(self._tools.machine, exchanged):
                continue  # another probe's bind lasts microseconds: retry
            self.last = free(self._tools, job.replace(endpoints=others))
            if not self.last.bindable:
                return PortStillHeld(self.last.exit_code)
            if self._reserve():
                if self._is_alone_on(exchanged):
                    return PortFreed()
                self.release()
        return PortStillHeld(exitcodes.TAKEN_AGAIN, left=bool(exchanged))

    def _is_alone_on(self, endpoints: Sequence[Endpoint]) -> bool:
        """Return whether no other socket is bound: a bind succeeds beside a shared one.

        Records and locks separate the runs of one user, not those of several.
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

    def allow_reuse(self, *, behind: int = 0) -> None:
        """Let the server bind beside the reservations, on all endpoints but the first ones."""
        for reservation in self._held[behind:]:
            reservation.share()

    def confirm(self, missing: Collection[Endpoint]) -> None:
        """Set SO_REUSEADDR, so that accepted connections leave a TIME_WAIT that blocks no bind.

        They inherit the lack of it from a reserved socket that listens. `missing` are the endpoints
        without a listener: another server could still bind beside those.
        """
        for reservation in self._held:
            if reservation.given and reservation.endpoint not in missing:
                reservation.allow_reuse()

    def release(self) -> None:
        """Close the reservations. Sockets that the server has as well stay open there."""
        while self._held:
            reservation = self._held.pop()
            if reservation.given:
                reservation.allow_reuse()
            reservation.close()

    def free_beside(self, own: Collection[int], *, keep: bool) -> PortStillHeld | None:
        """Stop other holders of the endpoints while the server runs; None if they are free.

        Args:
            own: sockets of the server, which may get its port at any time.
            keep: whether to reserve the port again, for a server that does not have it yet.
        """
        policy = self._job.policy.replace(movable_port=0)  # the server runs: no move now
        self.last = free(self._tools, self._job.replace(policy=policy, own_inodes=own))
        if not self.last.bindable:
            return PortStillHeld(self.last.exit_code)
        if keep and not self._held and self._reserve():
            self.allow_reuse()
        return None

    @property
    def may_free(self) -> bool:
        """Whether `on_conflict` allows to free a lost port."""
        return not (self._job.policy.moves or self._job.policy.never_ask)

    def is_spared(self, own: Collection[int]) -> bool:
        """Return whether the holders may belong to the server outside its process tree.

        These are the forwarders of containers and the processes that cannot be read.
        """
        found = findings_now(self._tools.machine, self._job.replace(own_inodes=own))
        hidden = any(finding.holding.hidden for finding in found)
        return hidden or any(map(is_container, plan_for(self._tools, found)))

    # -- handoff by inheritance

    @contextlib.contextmanager
    def inheritable(self, count: int, *, listening: bool) -> Iterator[tuple[int, ...]]:
        """Make the first `count` sockets inheritable within the block; yield their descriptors.

        Args:
            count: how many.
            listening: whether they have to listen already. They do too if a TIME_WAIT is left on
                the port: beside it a listen(2) on a reserved socket fails.

        Raises:
            PortTakenError: another process listened first.
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

    # -- handoff on request

    def hand_over(
        self, endpoint: Endpoint, taken: Callable[[Endpoint], bool]
    ) -> Reservation | None:
        """Return a socket bound to `endpoint` for the server's own bind that failed.

        Args:
            endpoint: the requested address; a probing server may bind a wildcard first, and close
                it.
            taken: returns whether a process of the server has the endpoint, which needs no
                reservation.
        """
        if taken(endpoint):
            return None
        found = next((r for r in self._held if r.endpoint == endpoint and not r.given), None)
        for _ in range(MAX_ATTEMPTS):
            if found := found or self._replace(endpoint):
                break
            if not self._free(endpoint):
                return None
        if found is not None:
            found.given = True
            with contextlib.suppress(OSError):  # another process was faster
                if self._leftovers([found]):
                    found.listen()
        return found

    def _free(self, endpoint: Endpoint) -> bool:
        """Free one endpoint as the policy allows. The server runs, so its port cannot change."""
        policy = self._job.policy.replace(movable_port=0)
        job = self._job.replace(endpoints=(endpoint,), policy=policy, own_inodes=self.inodes)
        return free(self._tools, job).bindable

    def _replace(self, endpoint: Endpoint) -> Reservation | None:
        """Replace the reservations that conflict with `endpoint` by a fresh socket.

        One that was passed on before was closed by the server, which requests it again, and might
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
        """Release the reservations that block the server's bind; return whether it can bind."""
        if self.hand_over(endpoint, taken) is None:
            return False
        for reservation in [r for r in self._held if overlap(r.endpoint, endpoint)]:
            self._held.remove(reservation)
            reservation.close()
        return True


class StartMemory:
    """What earlier starts of a command have shown, by a checksum of its words and folder.

    `beside`: it came up beside the reservation. `bare`: it came up only without. `alike`: it exited
    without it as it did beside it. The file is small and private; an unreadable one counts as
    empty.
    """

    def __init__(self, records: RunRecords, argv: Sequence[str], cwd: str) -> None:
        self._records = records
        self._path = os.path.join(records.path, "starts")
        self._sum = checksum(os.fsencode("\0".join((*argv, cwd))))
        self.shown = dict(self._lines()).get(self._sum, "")

    @property
    def needs_bare(self) -> bool:
        """Whether the next start is made without a reservation: that costs one start, not two."""
        return self.shown in ("bare", "alike")

    def note(self, shown: str) -> None:
        """Store this for the command; an empty text removes it."""
        if shown == self.shown:
            return
        self.shown = shown
        with contextlib.suppress(OSError), self._records.locked("starts"):
            lines = [(key, word) for key, word in self._lines() if key != self._sum]
            lines += [(self._sum, shown)] if shown else []
            text = "".join(f"{key} {word}\n" for key, word in lines[-MAX_REMEMBERED:])
            write_private(self._path, text)

    def _lines(self) -> list[tuple[str, str]]:
        try:
            text = read_regular(self._path, MAX_RECORD, NOFOLLOW).decode("ascii", "replace")
        except OSError:
            return []
        pairs = (line.partition(" ")[::2] for line in text.splitlines())
        return [(key, word) for key, word in pairs if word in ("beside", "bare", "alike")]


def overlap(one: Endpoint, other: Endpoint) -> bool:
    """Return whether a socket on one of these conflicts with a bind to the other."""
    ways = ((one, other), (other, one))
    return any(covers(Socket(a, None, "BOUND"), b) is not False for a, b in ways)


def next_ports(
    machine: Machine,
    service: Service,
    config: Config,
    assigned: Callable[[], Collection[int]] = frozenset,
) -> Iterator[Service]:
    """Yield the service with each port above its own that is not in use, to be reserved.

    Ports that the configuration declares elsewhere are skipped, and those that are `assigned` to
    other worktrees, which are read only if another port is needed. The kernel is not asked, so that
    no probe meets the bind of another run which takes the port.

    Raises:
        DevportsError: no port is left.
    """
    declared = {*config.declared, *assigned()}
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

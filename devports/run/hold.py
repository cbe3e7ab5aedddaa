"""Our hold on the port: taken before the server starts, shared with it, given back."""

from __future__ import annotations

import contextlib

from devports import exitcodes
from devports.core.recovery import PortFreed, PortStillHeld
from devports.freeing import free
from devports.system.bind import Reservation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.outcome import Freed
    from devports.core.recovery import Event
    from devports.freeing import Job, Tools
    from devports.records import Records

MAX_TAKES = 3


class Hold:
    """The reservations of one run, all or none."""

    def __init__(self, tools: Tools, job: Job, records: Records) -> None:
        self._tools, self._job, self._records = tools, job, records
        self._held: list[Reservation] = []
        self.last: Freed | None = None
        """The last freeing, which explains why the port could not be had."""

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def inodes(self) -> tuple[int, ...]:
        return tuple(reservation.inode for reservation in self._held)

    def take(self) -> Event:
        """Free the endpoints and reserve them; somebody may be quicker in between, so again."""
        self.release()  # what is left of an earlier start would stand in our own way
        for _ in range(MAX_TAKES):
            self.last = free(self._tools, self._job)
            if not self.last.bindable:
                return PortStillHeld(self.last.exit_code)
            if self._reserve():
                return PortFreed()
        return PortStillHeld(exitcodes.TAKEN_AGAIN)

    def _reserve(self) -> bool:
        """Reserve under the lock of the port, where there can be one; the kernel decides anyway."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                port = self._job.endpoints[0].port
                stack.enter_context(self._records.locked(f"port-{port}"))
            return self._reserve_all()

    def _reserve_all(self) -> bool:
        self.release()
        for endpoint in self._job.endpoints:
            taken = self._tools.machine.reserve(endpoint)
            if not isinstance(taken, Reservation):
                self.release()
                return False
            self._held.append(taken)
        return True

    def share(self) -> None:
        """Let our server bind beside us."""
        for reservation in self._held:
            reservation.share()

    def release(self) -> None:
        while self._held:
            self._held.pop().close()

"""What the rest of the house asks of an operating system: `help("devports.system.machine")`.

Functions of a module answer (`devports.system.linux`), or an object where there is something to
remember. In a module of its own because `typing` costs a third of a Python start: no command
imports it, only the type checker does, and the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import (
        BindResult,
        Endpoint,
        HolderSearch,
        Platform,
        Process,
        ProcessKey,
        Socket,
        Table,
    )
    from devports.system.bind import Reservation

Sent = Literal["sent", "gone", "denied"]


class ProcessHandle(Protocol):
    """A process that can no longer be confused with another one."""

    @property
    def exited(self) -> bool:
        """Whether every thread of it has ended."""

    def send(self, number: int) -> Sent:
        """Send a signal; say whether it was sent, came too late, or is not permitted."""

    def fileno(self) -> int:
        """Return a descriptor that poll(2) finds readable once it has exited."""

    def close(self) -> None:
        """Let go of it."""


class Machine(Protocol):
    """One operating system. `tests/conformance` runs one suite against each, and the fake."""

    @property
    def platform(self) -> Platform: ...

    @property
    def wildcards(self) -> bool:
        """Whether a wildcard listener stops a bind to one address."""

    def table(self, ports: Collection[int]) -> Table:
        """Return all sockets on these local ports, in one look."""

    def listening_on(self, ports: Collection[int]) -> Table:
        """Return who listens on these ports; all of `table` where that costs no more."""

    def listeners(self) -> Table:
        """Return every socket that listens or is bound without a peer, in one look."""

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        """Return the sockets on which these processes listen, whatever the port."""

    def accepting(
        self, pids: Collection[int], inodes: Collection[int], /
    ) -> dict[int, bool | None]:
        """Return which of these processes have one of the sockets open, and whether each accepts.

        True: it waits for connections there; False: it does not, or not now; None: perhaps. A
        system that does not tell names no process.
        """

    def unlisted_sockets(self, port: int, known: Table) -> tuple[Socket, ...]:
        """Search for bound sockets that the table's source cannot show."""

    def unfit(self, pids: Collection[int]) -> bool:
        """Say whether one of these has a TCP socket that cannot be bound beside a shared hold.

        False where the system does not tell.
        """

    def ephemeral(self) -> tuple[int, int]:
        """Return first and last local port for outgoing connections."""

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        """Bind, never listen, close at once."""

    def reserve(self, endpoint: Endpoint) -> Reservation | BindResult:
        """Bind and keep."""

    def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> HolderSearch:
        """Return who has these sockets; `thorough` before anything is signalled."""

    def process(self, pid: int) -> Process | None:
        """Return the facts about a process, None if it is gone."""

    def pin(self, key: ProcessKey) -> ProcessHandle | None:
        """Pin a process, so that it can be signalled; None if it is gone."""

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        """Wait until one of them has exited, at most `seconds`; return those that have."""

    def key(self, pid: int) -> ProcessKey | None:
        """Return the identity of a process, None if it is gone."""

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        """Return the parents, nearest first."""

    def children(self, pid: int) -> set[int]:
        """Return the direct children of a process, zombies included."""

    def descendants(self, pid: int) -> list[int]:
        """Return the processes below `pid`, parents first."""

    def processes_with_mark(self, mark: str) -> list[int]:
        """Return the processes of this user that belong to the run with this mark."""

    def adopt_orphans(self) -> None:
        """Become the parent of descendants whose own parent ends, where the system can."""

    def boot(self) -> str:
        """Return the identity of this boot, empty where the system has none."""

    def viewer(self) -> CurrentUser:
        """Return who is asking."""

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the numeric addresses of a host; for an empty one the widest wildcard.

        Raises:
            OSError: the name does not resolve.
        """

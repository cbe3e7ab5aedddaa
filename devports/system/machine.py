"""The interface to an operating system: `help("devports.system.machine")`.

It is implemented by the functions of a module (`devports.system.linux`), or by an object where
there is state. In a module of its own because `typing` costs a third of a Python start: no command
imports it, only the type checker and the tests do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

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
    """A process that cannot be confused with another one. Close it after use."""

    @property
    def exited(self) -> bool:
        """Whether all its threads have exited."""

    def send(self, number: int) -> Sent:
        """Send a signal; return whether it was sent, came too late, or is not permitted."""

    def fileno(self) -> int:
        """Return a descriptor that poll(2) finds readable once the process has exited."""

    def close(self) -> None: ...


class Machine(Protocol):
    """One operating system. `tests/conformance` runs one suite against each, and the fake."""

    @property
    def platform(self) -> Platform: ...

    @property
    def wildcards(self) -> bool:
        """Whether a listener on a wildcard address makes a bind to one address fail."""

    def table(self, ports: Collection[int]) -> Table:
        """Return all sockets on these local ports, in one reading."""

    def listening_on(self, ports: Collection[int]) -> Table:
        """Return the listeners on these ports; all of `table` where that costs no more."""

    def listening_below(self, ports: Collection[int]) -> tuple[Socket, ...]:
        """Return the listeners on these ports of this process and its descendants.

        Those of every process where that costs less.
        """

    def listeners(self) -> Table:
        """Return every socket that listens or is bound without a peer, in one reading."""

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        """Return the sockets on which these processes listen, on any port."""

    def accepting(
        self, pids: Collection[int], inodes: Collection[int], /
    ) -> dict[int, bool | None]:
        """Return which of these processes have one of the sockets open, and whether each accepts.

        True: it waits for connections there; False: it does not, or not now; None: unknown. A
        system that does not show this names no process.
        """

    def unlisted_sockets(self, port: int, known: Table) -> tuple[Socket, ...]:
        """Return bound sockets that the table's source cannot show."""

    def unfit(self, pids: Collection[int]) -> bool:
        """Return whether one of these has a TCP socket that cannot bind beside a reservation.

        False where the system does not show it.
        """

    def ephemeral(self) -> tuple[int, int]:
        """Return first and last local port of outgoing connections."""

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        """Return whether an endpoint can be bound: bind, never listen, close at once."""

    def reserve(self, endpoint: Endpoint) -> Reservation | BindResult:
        """Bind an endpoint and keep the socket, or return why it cannot be bound."""

    def holding(
        self,
        sockets: Sequence[Socket],
        likely: Callable[[], Collection[int]] = ...,
        /,
        *,
        thorough: bool,
    ) -> HolderSearch:
        """Return the holders of these sockets; `thorough` before a process is signalled.

        `likely` names processes that may have them, for systems where a search takes long.
        """

    def process(self, pid: int) -> Process | None:
        """Return the facts about a process, None if it does not exist."""

    def pin(self, key: ProcessKey) -> ProcessHandle | None:
        """Return a handle to signal a process with, None if it does not exist."""

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        """Wait until one of them has exited, at most `seconds`; return those that have."""

    def key(self, pid: int) -> ProcessKey | None:
        """Return the identity of a process, None if it does not exist."""

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        """Return the parents, nearest first."""

    def children(self, pid: int) -> set[int]:
        """Return the direct children of a process, zombies included."""

    def descendants(self, pid: int) -> list[int]:
        """Return the processes below `pid`, parents first."""

    def processes_with_mark(self, mark: str) -> list[int]:
        """Return the processes of this user that belong to the run with this mark."""

    def adopt_orphans(self) -> None:
        """Become the parent of descendants whose own parent exits, where the system supports it."""

    def boot(self) -> str:
        """Return the identity of this boot, empty where the system has none."""

    def viewer(self) -> CurrentUser:
        """Return the user of devports, and the ancestors of this process."""

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the numeric addresses of a host; for an empty one the widest wildcard.

        Raises:
            OSError: the name does not resolve.
        """

"""The machine: what is bound, who has it, and the one question which system this is."""

from __future__ import annotations

import sys

from devports import exitcodes
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Protocol

    from devports.core.model import (
        BindResult,
        Endpoint,
        Holding,
        Platform,
        Process,
        ProcessKey,
        Socket,
        Table,
    )
    from devports.core.standing import Viewer
    from devports.system.bind import Reservation

    class Machine(Protocol):
        """What the rest of the house asks of an operating system.

        `tests/conformance` runs one suite against every implementation and the fake.
        """

        @property
        def platform(self) -> Platform: ...

        @property
        def wildcards(self) -> bool:
            """Whether a wildcard listener stops a bind to one address."""

        def table(self, ports: Collection[int]) -> Table:
            """Return all sockets on these local ports, in one look."""

        def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
            """Search for bound sockets that the table's source cannot show."""

        def ephemeral(self) -> tuple[int, int]:
            """Return first and last local port for outgoing connections."""

        def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
            """Bind, never listen, close at once."""

        def reserve(self, endpoint: Endpoint) -> Reservation | BindResult:
            """Bind and keep."""

        def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> Holding:
            """Return who has these sockets; `thorough` before anything is signalled."""

        def process(self, pid: int) -> Process | None:
            """Return the facts about a process, None if it is gone."""

        def key(self, pid: int) -> ProcessKey | None:
            """Return the identity of a process, None if it is gone."""

        def ancestors(self, of: Process) -> tuple[Process, ...]:
            """Return the parents, nearest first."""

        def children(self, pid: int) -> set[int]:
            """Return the direct children of a process, zombies included."""

        def descendants(self, pid: int) -> list[int]:
            """Return the processes below `pid`, parents first."""

        def adopt_orphans(self) -> None:
            """Become the parent of descendants whose own parent ends, where the system can."""

        def boot(self) -> str:
            """Return the identity of this boot, empty where the system has none."""

        def viewer(self) -> Viewer:
            """Return who is asking."""

        def addresses(self, host: str) -> tuple[str, ...]:
            """Return the numeric addresses of a host; for an empty one the widest wildcard.

            Raises:
                OSError: the name does not resolve.
            """


def native() -> Machine:
    """Return the machine we run on.

    Raises:
        DevportsError: its sockets cannot be read yet.
    """
    if sys.platform == "linux":  # noqa: TID251  # the one place
        from devports.system.linux import Linux  # noqa: PLC0415  # one system, one import

        return Linux()
    raise DevportsError(
        "unsupported-platform",
        "devports reads sockets on Linux only so far",
        note="the macOS and Windows sources are not written yet",
        exit_code=exitcodes.BLIND,
    )

"""The machine: what is bound, who has it, and the one question which system this is."""

from __future__ import annotations

import sys

from devports import exitcodes
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Literal, Protocol

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

        def listening_on(self, ports: Collection[int]) -> Table:
            """Return who listens on these ports; all of `table` where that costs no more."""

        def listeners(self) -> Table:
            """Return every socket that listens or is bound without a peer, in one look."""

        def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
            """Return the sockets on which these processes listen, whatever the port."""

        def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
            """Search for bound sockets that the table's source cannot show."""

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

        def carrying(self, mark: str) -> list[int]:
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


def refuse_to_run(service: str) -> None:
    """Say where `devports run` is not built yet, before its modules are imported.

    Raises:
        DevportsError: on Windows, which has no fork, no pseudo terminal and no SIGTERM.
    """
    if sys.platform == "win32":  # noqa: TID251
        from devports.core.hint import hint, ours

        raise DevportsError(
            "unsupported-platform",
            "`devports run` does not work on Windows yet",
            note="`check`, `status` and `free` do: free the port, then start the server yourself",
            hints=(hint("run ", ours("free", service)),),
            service=service,
            exit_code=exitcodes.BLIND,
        )


def refuse_to_watch() -> None:
    """Say where `devports status --watch` is not built yet, before its modules are imported.

    Raises:
        DevportsError: on Windows, whose keys and signals cannot be awaited together.
    """
    if sys.platform == "win32":  # noqa: TID251
        from devports.core.hint import hint, ours

        raise DevportsError(
            "unsupported-platform",
            "`--watch` does not work on Windows yet",
            hints=(hint("run ", ours("status"), " for one look"),),
            exit_code=exitcodes.BLIND,
        )


def native() -> Machine:
    """Return the machine we run on.

    Raises:
        DevportsError: its sockets cannot be read.
    """
    if sys.platform == "linux":  # noqa: TID251  # the one place
        return _linux()
    if sys.platform == "darwin":  # noqa: TID251
        from devports.system.macos import Darwin  # one system, one import

        return Darwin()
    if sys.platform == "win32":  # noqa: TID251
        from devports.system.windows import Windows

        return Windows()
    raise DevportsError(
        "unsupported-platform",
        f"devports reads sockets on Linux, macOS and Windows, and this is {sys.platform}",  # noqa: TID251
        exit_code=exitcodes.BLIND,
    )


def _linux() -> Machine:
    from devports.system.linux import Linux  # one system, one import

    machine = Linux()
    if machine.reads_own_processes():
        return machine
    raise DevportsError(
        "foreign-proc",
        "/proc shows the processes of another pid namespace, so none can be identified",
        hints=("mount a /proc of this namespace: `mount -t proc proc /proc`",),
        exit_code=exitcodes.BLIND,
    )

"""The end of a server: all of its tree, and what has left its session before it was ready."""

from __future__ import annotations

import signal

from devports import exitcodes
from devports.core.happening import KillingServer, StoppingServer, Strayed
from devports.errors import DevportsError
from devports.run.startup import LOOK_EVERY
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.happening import Happening
    from devports.core.service import Service
    from devports.run.family import Family
    from devports.run.server import Holders, Server
    from devports.system import Machine

STRAYS = 2.0
"""Seconds that a server which has gone into the background may take until it binds."""
LAST_WAIT = 1.0
"""Seconds that a killed server may take to be gone."""


class Ending:
    """Ends the servers of one run.

    Args:
        machine: where they are.
        service: says how it wants to be ended.
        family: who belongs to a server.
        holders: says who of those has the port, also where it has left our session.
        tell: hears what is done.
    """

    def __init__(
        self,
        machine: Machine,
        service: Service,
        family: Family,
        holders: Holders,
        tell: Callable[[Happening], None],
    ) -> None:
        self._machine, self._service, self._family = machine, service, family
        self._holders, self._tell = holders, tell
        self._searched: Server | None = None

    def end(self, server: Server, *, was_ready: bool) -> None:
        """End whatever of a server is left; nothing happens if nothing is."""
        runs = server.code is None
        if runs:
            self._tell(StoppingServer(self._service.name, self._service.stop_signal))
        if runs or self._family.group():
            self._insist(server)
        if self._searched is not server and not was_ready:
            self._searched = server
            self._look_for_strays(server)
        if self._holders():
            self._insist(server)
        server.close()

    def _insist(self, server: Server) -> None:
        begun = clock.monotonic()
        number = signal.Signals[self._service.stop_signal]
        if not server.ask_to_end(number, self._service.stop_timeout, self._holders):
            self._tell(KillingServer(self._service.name, clock.monotonic() - begun))
            server.kill(self._holders)

    def _look_for_strays(self, server: Server) -> None:
        """Name what has left the session of a server that was never ready.

        A server that goes into the background does so before it binds (daemon(3)), so it may still
        be about to take the port. A browser that a server has opened never will, and is left alone.
        """
        deadline, holders = clock.Deadline(STRAYS), self._holders()
        while self._family.members() and not holders and not deadline.passed:
            server.turn(LOOK_EVERY)
            holders = self._holders()
        for key in holders[:1] or self._family.members():
            if (process := self._machine.process(key.pid)) is not None and process.key == key:
                self._tell(Strayed(self._service.name, process, ended=bool(holders)))

    def code(self, server: Server, number: int) -> int:
        """Return the exit code of a server that was stopped, waiting for it for a moment.

        Args:
            server: the one.
            number: the signal for which it was stopped.

        Raises:
            DevportsError: it does not end at all: a device is in its way, or it is another user.
        """
        deadline = clock.Deadline(LAST_WAIT)
        while (code := server.code) is None and not deadline.passed:
            server.turn(LOOK_EVERY)
        server.close()
        if code is None:
            process = self._machine.process(server.process.pid)
            state = f"state {process.state}, user {process.user}" if process else "gone"
            raise DevportsError(
                "server-not-ended",
                f"`{self._service.name}` (pid {server.process.pid}) could not be ended",
                facts=(f"it is still there after SIGKILL: {state}",),
                hints=(f"run `sudo kill -KILL {server.process.pid}`",),
                service=self._service.name,
                exit_code=exitcodes.of_signal(number),
            )
        return code

"""Where a service goes whose port cannot be had: the ports above it, one after the other."""

from __future__ import annotations

from devports import exitcodes
from devports.core.model import HolderSearch
from devports.core.text import LAST_PORT
from devports.core.verdict import all_bindable
from devports.errors import DevportsError
from devports.system.inspect import endpoints_of, glance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.service import Config, Service
    from devports.system import Machine

NEXT_PORTS = 50
"""So many ports are tried at most, the declared one included."""


class Search:
    """The ports above the one that a service is to have, each offered once.

    Ports that the configuration gives to others, or to this service by another name, are left.
    """

    def __init__(self, machine: Machine, service: Service, config: Config) -> None:
        declared = {n for one in config.services for n in (one.port, *dict(one.ports).values())}
        above = range(service.port + 1, min(service.port + NEXT_PORTS, LAST_PORT + 1))
        self._machine, self._service = machine, service
        self._left = iter([port for port in above if port not in declared])

    def next(self) -> Service:
        """Return the service with the next port on which nobody is seen; it is yet to be taken.

        The kernel is not asked, so that no bind of ours meets that of another run which takes it.

        Raises:
            DevportsError: none is left.
        """
        for port in self._left:
            moved = self._service.but(port=port)
            ends = endpoints_of(self._machine, moved.spec)
            if all_bindable(glance(self._machine, ends, lambda _: HolderSearch())):
                return moved
        raise DevportsError(
            "no-next-port",
            f"none of the {NEXT_PORTS} ports from {self._service.port} on is free",
            service=self._service.name,
            exit_code=exitcodes.HELD,
        )

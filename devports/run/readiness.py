"""Is a service ready, seen from outside its run?

A service that devports starts is ready when its run says so: whoever else listens on its port is
not it. A port that is only watched is ready when somebody listens, and answers where that is asked.
"""

from __future__ import annotations

from devports.core.diagnosis import covers
from devports.run.reachable import answer, is_good

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import Endpoint
    from devports.core.service import Service
    from devports.records import Records
    from devports.system import Machine

ANSWER_WITHIN = 1.0


def is_ready(
    machine: Machine, records: Records, service: Service, project: str, ends: Sequence[Endpoint]
) -> bool:
    """Say whether a service is ready.

    Args:
        machine: where its port is.
        records: of the runs of this user.
        service: which one.
        project: the folder of its configuration.
        ends: its addresses.
    """
    if service.command:
        run = records.in_charge(service.name, project)
        return run is not None and run.state == "serving"
    return is_served(machine, ends, service.ready.http)


def is_served(machine: Machine, ends: Sequence[Endpoint], path: str = "") -> bool:
    """Say whether somebody listens on one of the addresses, and answers if `path` asks for it."""
    sockets = machine.table({end.port for end in ends}).sockets
    listening = [socket for socket in sockets if socket.state == "LISTEN"]
    served = [end for end in ends if any(covers(socket, end) for socket in listening)]
    if not path:
        return bool(served)
    return any(is_good(answer(end, path, seconds=ANSWER_WITHIN)) for end in served)

"""What a person can run by hand, safest first, on this operating system.

Sources of the commands: ss(8), sysctl(8), setcap(8), systemctl(1), launchctl(1), lsof(8),
netstat(1), `netsh int ipv4` and `netsh http`, ssh(1), and those of container engines. A command
never ends a process that only talks to the port, and ends nothing the hard way before it was asked
to end.
"""

from __future__ import annotations

from devports.core.checkout import unplaced
from devports.core.contained import unasked
from devports.core.diagnosis import (
    DEFAULT_EPHEMERAL,
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
)
from devports.core.plan import no_run
from devports.core.remedy import others
from devports.core.remedy.case import Case, Remedy
from devports.core.remedy.held import held
from devports.core.value import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.checkout import ElsewhereOf
    from devports.core.contained import Named
    from devports.core.diagnosis import Verdict
    from devports.core.model import Endpoint, Holding, Platform
    from devports.core.plan import RunOf
    from devports.core.standing import Viewer

__all__ = ["Remedy", "remedies"]


def remedies(
    verdict: Verdict,
    endpoint: Endpoint,
    holding: Holding,
    platform: Platform,
    service: str = "",
    *,
    typed: str = "",
    viewer: Viewer | None = None,
    run_of: RunOf = no_run,
    elsewhere_of: ElsewhereOf = unplaced,
    named: Named = unasked,
    ephemeral: tuple[int, int] = DEFAULT_EPHEMERAL,
    ignored: Sequence[int] = (),
) -> tuple[Remedy, ...]:
    """Return what can be done by hand about `endpoint`, the safest first.

    Args:
        verdict: what is the matter; `Free` has no remedy, every other has one.
        endpoint: what the server wants to bind.
        holding: who holds it.
        platform: as in sys.platform.
        service: whose port it is; empty: nobody's.
        typed: what a person calls it in a command; by default the service, or else the number.
        viewer: who asks. Without one nobody can say who is protected: no command ends anything.
        run_of: tells the processes of live `devports run`.
        elsewhere_of: tells the processes of other checkouts and projects.
        named: tells the container behind a forwarder.
        ephemeral: first and last port of the range for outgoing connections.
        ignored: pids of those who were asked to end, and did not.
    """
    target = typed or service or str(endpoint.port)
    case = Case(
        endpoint,
        holding,
        platform,
        service,
        target,
        viewer,
        run_of,
        elsewhere_of,
        named,
        ephemeral,
        tuple(ignored),
    )
    match verdict:
        case Free():
            return ()
        case Held(sockets=sockets):
            found = held(case, sockets)
        case HeldByClient():
            found = others.client(case)
        case Lingering():
            found = others.lingering(case, verdict)
        case Shadowed(sockets=sockets):
            found = others.shadowed(case, sockets)
        case Unexplained():
            found = others.unexplained(case)
        case Forbidden():
            found = others.forbidden(case)
        case NotLocal():
            found = others.not_local(case)
        case _:
            unreachable(verdict)
    return tuple(dict.fromkeys(found))

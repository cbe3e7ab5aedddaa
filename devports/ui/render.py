"""The card of a holder: what is known of who would be ended."""

from __future__ import annotations

from devports.core.diagnosis import sockets_of
from devports.ui.around import clients_words
from devports.ui.layout import aligned
from devports.ui.who import card, families

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.bystanders import Bystanders
    from devports.core.diagnosis import Finding
    from devports.core.plan import Target
    from devports.ui.who import Reader


def holder_card(
    target: Target,
    finding: Finding,
    reader: Reader,
    *,
    project: str = "",
    around: Bystanders | None = None,
) -> tuple[str, ...]:
    """Return who would be ended: what is known of each process that holds the port."""
    sockets = sockets_of(finding.verdict)
    pairs: list[tuple[str, str]] = []
    for place, (holder, members) in enumerate(families(target.members)):
        standing = None if place else target.standing
        pairs += card(holder, reader, sockets=sockets, standing=standing, members=members)
    pairs += [("project", project)] if project else []
    pairs += [("clients", clients_words(around))] if around and around.clients else []
    return aligned(pairs)

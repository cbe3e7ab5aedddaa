"""The name of each verdict: kebab-case, one table for text, JSON, docs and tests."""

from __future__ import annotations

from devports.core.diagnosis import (
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
)
from devports.core.model import PRIVILEGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.diagnosis import Finding, Verdict

CODES: dict[type[Verdict], str] = {
    Free: "free",
    Lingering: "port-lingering",
    Shadowed: "port-shadowed",
    HeldByClient: "held-by-client",
    Unexplained: "bind-unexplained",
    Held: "port-held",
    Forbidden: "privileged-port",
    NotLocal: "address-not-local",
}


EXCLUDED = "port-excluded"
"""Forbidden as well, but no right helps: the system keeps the port for itself."""
EVERY = (*CODES.values(), EXCLUDED)


def code_of(finding: Finding) -> str:
    """Return the code of a verdict on a port."""
    if isinstance(finding.verdict, Forbidden) and finding.endpoint.port >= PRIVILEGED:
        return EXCLUDED
    return CODES[type(finding.verdict)]

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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.diagnosis import Verdict

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


def code_of(verdict: Verdict) -> str:
    """Return the code of `verdict`."""
    return CODES[type(verdict)]

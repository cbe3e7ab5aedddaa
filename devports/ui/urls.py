"""Where a person reaches what is served, as an address for a browser. Pure."""

from __future__ import annotations

from devports.core.model import WILDCARDS, Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import PortSpec
    from devports.ui.rows import Place


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """Return the address of a server; what is bound to a wildcard is reached as localhost."""
    return f"{scheme}://{Endpoint('localhost' if host in WILDCARDS else host, port)}/"


def with_urls(places: Sequence[Place], spec: PortSpec) -> tuple[Place, ...]:
    """Give an address to what is served on the port of `spec`.

    The host as it was written, once, if everything it stands for is served; else each served
    address its own: by the name a browser might reach somebody else.
    """
    here = [place for place in places if place.finding.endpoint.port == spec.port]
    served = [place for place in here if place.stage == "serving"]
    if served and served == here:
        return tuple(
            p.but(url=url_of(spec.host, spec.port)) if p is served[0] else p for p in places
        )
    own = {id(place): place.finding.endpoint for place in served}
    return tuple(
        p.but(url=url_of(own[id(p)].address, spec.port)) if id(p) in own else p for p in places
    )

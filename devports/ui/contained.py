"""Containers in words: what has the port for them, and what their engine has said. Pure."""

from __future__ import annotations

from devports.core.standing import STOP_TIMEOUT
from devports.core.value import unreachable
from devports.ui.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.standing import Container

LONGEST = 60
"""Characters of a name or an image."""


def container_words(container: Container) -> str:
    """Return what the process does for a container, as far as its engine has said."""
    engine = printable(container.engine)
    forwards = f"forwards the port for a container of {engine}"
    match container.said:
        case "unasked":
            return forwards
        case "one":
            return f"forwards the port for {container_label(container)}"
        case "several":
            names = ", ".join(f"`{printable(name, LONGEST)}`" for name in container.names)
            return f"forwards the port for one of several containers of {engine}: {names}"
        case "none":
            return f"forwards the port for {engine}, which knows of no container that publishes it"
        case "silent":
            why = printable(container.complaint)
            return f"{forwards}, and `{engine} ps` does not say which: {why}"
        case "missing":
            return f"{forwards}, and `{engine}` is not on PATH to ask which"
        case "inside":
            return f"runs inside {container_label(container)}"
        case _:
            unreachable(container.said)


def patience_words(container: Container) -> str:
    """Return how long its end may take, where that is longer than people are used to."""
    seconds = container.stop_timeout
    return f"it may take up to {seconds} s" if seconds > STOP_TIMEOUT else ""


def container_label(container: Container) -> str:
    """Return a container with its name and image, where they are known."""
    if not container.name:
        return f"a container of {printable(container.engine)}"
    image = printable(container.image, LONGEST)
    of = f" ({image})" if image else ""
    return f"the {printable(container.engine)} container `{printable(container.name, LONGEST)}`{of}"

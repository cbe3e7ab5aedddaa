"""`devports schema`: the JSON Schema of the configuration or of results."""

from __future__ import annotations

import os

from devports import exitcodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.ui.console import Screen


def schema(screen: Screen, kind: str) -> int:
    """Print one of the schemas that are shipped with devports."""
    from devports import schemas  # noqa: PLC0415  # data of the package

    path = os.path.join(os.path.dirname(schemas.__file__), f"{kind}.schema.json")
    with open(path, encoding="utf-8") as file:
        screen.out(file.read().rstrip("\n"))
    return exitcodes.OK

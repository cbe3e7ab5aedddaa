"""`devports completion`: the script that lets a shell complete the command line."""

from __future__ import annotations

import os

from devports import exitcodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.ui.console import Screen


def completion(screen: Screen, shell: str) -> int:
    """Print the script for a shell; it is shipped with devports."""
    from devports import completions  # noqa: PLC0415  # data of the package

    path = os.path.join(os.path.dirname(completions.__file__), f"devports.{shell}")
    with open(path, encoding="utf-8") as file:
        screen.out(file.read().rstrip("\n"))
    return exitcodes.OK

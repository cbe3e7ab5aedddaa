"""Starting a server on a reserved port, and supervising it until it exits."""

from __future__ import annotations

from devports import exitcodes
from devports.errors import DevportsError
from devports.system import WINDOWS


def refuse_on_windows(service: str) -> None:
    """Check the platform before the modules of this package are imported.

    Raises:
        DevportsError: on Windows, where `devports run` is not implemented.
    """
    if WINDOWS:
        from devports.core.hint import hint, own_command

        raise DevportsError(
            "unsupported-platform",
            "`devports run` does not support Windows yet",
            note="devports can free the port; start the server yourself",
            hints=(hint("to free the port, run ", own_command("free", service)),),
            service=service,
            exit_code=exitcodes.CANNOT_INSPECT,
        )

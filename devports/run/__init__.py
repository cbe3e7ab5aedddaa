"""Starting a server on a port that is already ours, and staying with it until it ends."""

from __future__ import annotations

from devports import exitcodes
from devports.errors import DevportsError
from devports.system import WINDOWS


def refuse_on_windows(service: str) -> None:
    """Say that this room is not built there yet, before its modules are imported.

    Raises:
        DevportsError: on Windows.
    """
    if WINDOWS:
        from devports.core.hint import hint, ours

        raise DevportsError(
            "unsupported-platform",
            "`devports run` does not support Windows yet",
            hints=(
                hint("to free the port, run ", ours("free", service), "; then start the server"),
            ),
            service=service,
            exit_code=exitcodes.CANNOT_INSPECT,
        )

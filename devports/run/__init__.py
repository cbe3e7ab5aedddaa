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
        from devports.core.hint import hint, ours

        raise DevportsError(
            "unsupported-platform",
            "`devports run` does not support Windows yet",
            note="free the port with `devports free`, then start the server",
            hints=(hint("run ", ours("free", service)),),
            service=service,
            exit_code=exitcodes.CANNOT_INSPECT,
        )

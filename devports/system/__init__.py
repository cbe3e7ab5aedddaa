"""The machine: what is bound, who has it, and the one place that asks which system this is."""

from __future__ import annotations

import sys

from devports import exitcodes
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.system.machine import Machine as Machine
    from devports.system.machine import ProcessHandle as ProcessHandle
    from devports.system.machine import Sent as Sent


def refuse_to_run(service: str) -> None:
    """Say where `devports run` is not built yet, before its modules are imported.

    Raises:
        DevportsError: on Windows, which has no fork, no pseudo terminal and no SIGTERM.
    """
    if sys.platform == "win32":  # noqa: TID251
        from devports.core.text import quote

        raise DevportsError(
            "unsupported-platform",
            "`devports run` does not work on Windows yet",
            note="`check`, `status` and `free` do: free the port, then start the server yourself",
            hints=(f"run `devports free {quote(service)}`",),
            service=service,
            exit_code=exitcodes.BLIND,
        )


def refuse_to_watch() -> None:
    """Say where `devports status --watch` is not built yet, before its modules are imported.

    Raises:
        DevportsError: on Windows, whose keys and signals cannot be awaited together.
    """
    if sys.platform == "win32":  # noqa: TID251
        raise DevportsError(
            "unsupported-platform",
            "`--watch` does not work on Windows yet",
            hints=("run `devports status` for one look",),
            exit_code=exitcodes.BLIND,
        )


def native() -> Machine:
    """Return the machine we run on.

    Raises:
        DevportsError: its sockets cannot be read.
    """
    if sys.platform == "linux":  # noqa: TID251  # the one place
        return _linux()
    if sys.platform == "darwin":  # noqa: TID251
        from devports.system.macos import Darwin  # one system, one import

        return Darwin()
    if sys.platform == "win32":  # noqa: TID251
        from devports.system.windows import Windows

        return Windows()
    raise DevportsError(
        "unsupported-platform",
        f"devports reads sockets on Linux, macOS and Windows, and this is {sys.platform}",  # noqa: TID251
        exit_code=exitcodes.BLIND,
    )


def _linux() -> Machine:
    from devports.system import linux

    if linux.reads_own_processes():
        return linux
    raise DevportsError(
        "foreign-proc",
        "/proc shows the processes of another pid namespace, so none can be identified",
        hints=("mount a /proc of this namespace: `mount -t proc proc /proc`",),
        exit_code=exitcodes.BLIND,
    )

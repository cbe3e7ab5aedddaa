"""The error of devports.

A `DevportsError` is a message in slots, not a sentence: `ui.messages` formats it for people and
`ui.json_output` for programs. Only `cli.main` turns it into an exit code.
"""

from __future__ import annotations

import errno
import os

from devports import exitcodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.hint import Advice


class DevportsError(Exception):
    """An outcome that ends the command.

    Args:
        code: kebab-case name, the same in text, JSON, docs and tests.
        message: what happened, one line, no period; names in backticks.
        facts: lines of evidence, in the order to be shown.
        note: why it matters or what is not visible.
        hints: what to do: one change or one runnable command each, the best first.
        service: the service it is about, if any.
        line: of the configuration, if the mistake is there; 0: nowhere.
        exit_code: one of `devports.exitcodes`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        facts: tuple[str, ...] = (),
        note: str = "",
        hints: tuple[Advice, ...] = (),
        service: str = "",
        line: int = 0,
        exit_code: int = exitcodes.USAGE,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts
        self.note = note
        self.hints = hints
        self.service = service
        self.line = line
        self.exit_code = exit_code


LIMITS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))
"""Errors of a limit: what could not be read because of one may exist."""
REFUSALS = LIMITS | {
    *(errno.EAGAIN, errno.EINTR, errno.EIO, errno.EACCES, errno.EPERM),
    *(errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ETIMEDOUT),
}
"""Errors of the machine; any other one that no caller expects is a bug of devports."""
FILES = 1024
"""Open files that are enough for every command; a run without a limit has some forty."""


def raise_limit(error: OSError) -> None:
    """Raise `error` if a limit caused it, where any other error means that there is nothing."""
    if error.errno in LIMITS:
        raise error


def is_refusal(error: OSError | MemoryError | ImportError) -> bool:
    """Return whether the machine has caused an error, not devports."""
    return not isinstance(error, OSError) or error.errno in REFUSALS


def refusal(
    error: OSError | MemoryError | ImportError,
    what: str = "the system refused a request of devports",
    *,
    code: str = "system-refused",
    facts: tuple[str, ...] = (),
    service: str = "",
    exit_code: int = exitcodes.CANNOT_INSPECT,
) -> DevportsError:
    """Return an error of the machine as a message, with the limit and the command that raises it.

    Args:
        error: the answer of the system.
        what: what was attempted.
        code: as in `DevportsError`.
        facts: what was done before.
        service: as there.
        exit_code: as there.
    """
    hints: tuple[str, ...] = ()
    if isinstance(error, ImportError):
        what, why, hints = "a module of devports cannot be loaded", str(error), REINSTALL
    elif isinstance(error, MemoryError):
        why = os.strerror(errno.ENOMEM)
    else:
        why, hints = error.strerror or type(error).__name__, limit_hints(error)
        if error.errno == errno.EAGAIN and code == "not-started":
            hints = ("raise the process limit (`ulimit -u`) or stop some processes",)
        facts += (f"file: {error.filename}",) if isinstance(error.filename, str) else ()
    return DevportsError(
        code, f"{what}: {why}", facts=facts, hints=hints, service=service, exit_code=exit_code
    )


REINSTALL = ("if devports was changed while it ran, run the command again; else reinstall it",)


def limit_hints(error: OSError) -> tuple[str, ...]:
    """Return how to raise the limit behind an error, if there is one."""
    match error.errno:
        case errno.EMFILE:
            now = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else 0
            more = max(FILES, 2 * now)
            return (f"this process may open {now} files; to raise that, run `ulimit -n {more}`",)
        case errno.ENFILE:
            return ("stop programs, or raise the limit of all open files: `sysctl fs.file-max`",)
        case errno.ENOSPC | errno.EDQUOT:
            return ("to see which file system is full, run `df -h`",)
        case _:
            return ()

"""The error of devports.

A `DevportsError` is a message in slots, not a sentence: `ui.messages` formats it for people and
`ui.json_output` for programs. Only `cli.main` turns it into an exit code.
"""

from __future__ import annotations

import errno

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


def raise_limit(error: OSError) -> None:
    """Raise `error` if a limit caused it, where any other error means that there is nothing."""
    if error.errno in LIMITS:
        raise error


def is_refusal(error: OSError | MemoryError | ImportError) -> bool:
    """Return whether the machine has caused an error, not devports."""
    return not isinstance(error, OSError) or error.errno in REFUSALS

"""Verdicts in words: one headline each. Pure, no rich.

Text elsewhere in devports does not describe ports; it asks here, so nothing is said in two ways.
What only a port that is not free needs to be said of it is in `devports.ui.trouble`.
"""

from __future__ import annotations

from devports.core.diagnosis import Free, decisive
from devports.ui.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.diagnosis import Finding


def headline(finding: Finding, subject: str = "") -> str:
    """Return the verdict in one line.

    Args:
        finding: the verdict, its endpoint and the people behind it.
        subject: the port in the user's words; the endpoint by default.
    """
    where = finding.endpoint
    by_itself = f"port {where.port}" if where.is_wildcard else str(where)
    name = printable(subject) or by_itself
    verdict = finding.verdict
    if isinstance(verdict, Free):
        return f"{name} is free"
    from devports.ui.trouble import matter  # noqa: PLC0415  # a free port needs no more words

    return name + matter(finding, verdict)


def summary(findings: Sequence[Finding], subject: str = "") -> str:
    """Return the headline of the finding that decides."""
    return headline(decisive(findings), subject)

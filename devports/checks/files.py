"""Rules about the files that the configuration needs, and who else can change them."""

from __future__ import annotations

from devports.checks.problem import Problem, TakeWriting
from devports.core.quoting import quote
from devports.core.remedy import Remedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Facts, Fault


def faults(facts: Facts) -> Iterator[Problem]:
    """A file that cannot be used, or that others can change."""
    return map(as_problem, facts.faults)


def as_problem(fault: Fault) -> Problem:
    """Return a fault as a finding; its owner can take away by one command what others may do."""
    advice = tuple(Remedy(hint) for hint in fault.hints)
    closes = Remedy("after reading it, take that away", f"chmod o-w {quote(fault.path)}")
    return Problem(
        fault.code,
        fault.severity,
        fault.message,
        evidence=fault.facts,
        why=fault.note,
        remedies=(closes,) if fault.takes else advice,
        service=fault.service,
        mend=TakeWriting(fault.path) if fault.takes else None,
    )


RULES = (faults,)

"""What a rule of the doctor finds."""

from __future__ import annotations

from devports.core.quoting import quote
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from devports.checks.facts import Declared
    from devports.core.model import PortSpec
    from devports.core.plan import Target
    from devports.core.remedy import Remedy

    Mend: TypeAlias = "FreePort | TakeWriting | WriteEditorFiles"
    Severity = Literal["error", "warning", "note"]

RANKS = {"error": 0, "warning": 1, "note": 2}


class FreePort(Value):
    """Free ports, by the ordinary freeing with its own questions.

    `stop_timeout`: seconds from SIGTERM to SIGKILL, as declared.
    """

    specs: tuple[PortSpec, ...]
    service: str = ""
    stop_timeout: float = 5.0

    @property
    def command(self) -> str:
        """What a person types for it."""
        return " ".join(["devports free", *(quote(str(spec)) for spec in self.specs)])


class TakeWriting(Value):
    """Take from everybody else the right to write a file or folder of this user's."""

    path: str


class WriteEditorFiles(Value):
    """Write what `devports vscode` writes."""

    paths: tuple[str, ...]


class Problem(Value):
    """One thing that is wrong, or will be.

    Attributes:
        code: kebab-case, the same in text, JSON, docs and tests.
        severity: error: it does not work now; warning: it will not work one day; note: good to
            know. A project with nothing but notes is healthy.
        what: one line, names in backticks, no period. Empty where `about` is a port, whose verdict
            says it: ports are worded in one place.
        evidence: how it is known, one fact a line; what is known of `about` comes on top.
        why: why it matters.
        remedies: what mends it, the best first.
        service: the service it is about, if any.
        about: the port it is about, if any.
        plan: who would have to end for that port to be free.
        mend: what `devports doctor --fix` can do about it, after a question.
    """

    code: str
    severity: Severity
    what: str = ""
    evidence: tuple[str, ...] = ()
    why: str = ""
    remedies: tuple[Remedy, ...] = ()
    service: str = ""
    about: Declared | None = None
    plan: tuple[Target, ...] = ()
    mend: Mend | None = None

    @property
    def rank(self) -> int:
        """Return its place in the order of gravity."""
        return RANKS[self.severity]

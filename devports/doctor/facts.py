"""What the rules judge, and what they find.

All facts are gathered before: no rule looks at the machine.
"""

from __future__ import annotations

from devports.core.checkout import unplaced
from devports.core.containers import contained, shown, unasked
from devports.core.hint import ours
from devports.core.holder_kind import CurrentUser, run_name
from devports.core.model import merged
from devports.core.stop_plan import no_run, targets
from devports.core.value import Frozen
from devports.core.verdict import DEFAULT_EPHEMERAL, deciding_finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from devports.core.checkout import ElsewhereOf
    from devports.core.containers import Named
    from devports.core.hint import OwnCommand
    from devports.core.model import Platform, PortSpec, Process, Socket, VisibilityGap
    from devports.core.remedies import Remedy
    from devports.core.service import Service
    from devports.core.stop_plan import RunOf, StopTarget
    from devports.core.verdict import Finding, Verdict
    from devports.system.programs import Environment, Program, Trouble
    from devports.vscode.lint import LintFinding

    Fix: TypeAlias = "FreePort | RemoveWritePermission | WriteEditorFiles"
    Severity = Literal["error", "warning", "note"]


class PortFacts(Frozen):
    """A port that a service declares, and what was found on it.

    Attributes:
        name: of a further port; empty for the first.
        findings: one for each of its addresses; empty if the host has none.
        unresolved: what the resolver said of the host, if it has no address.
        beside: who listens where a client of `localhost` may end up, and is not in `findings`.
        outgoing: connections of this machine that have it as their local port.
    """

    service: Service
    spec: PortSpec
    name: str = ""
    findings: tuple[Finding, ...] = ()
    unresolved: str = ""
    beside: tuple[Finding, ...] = ()
    outgoing: tuple[Finding, ...] = ()

    @property
    def finding(self) -> Finding | None:
        """The finding that decides; None if the host has no address."""
        return deciding_finding(self.findings) if self.findings else None

    @property
    def verdict(self) -> Verdict | None:
        return self.finding.verdict if self.finding else None

    @property
    def title(self) -> str:
        """What a person calls it: `backend`, or `backend.ports.debug` for a further one."""
        return f"{self.service.name}.ports.{self.name}" if self.name else self.service.name


class Listener(Frozen):
    """A server, and where it and what it started listens."""

    process: Process
    sockets: tuple[Socket, ...] = ()


class RunFacts(Frozen):
    """A devports run, by its record.

    Attributes:
        spec: the port that it was started for.
        state: how far it says to have come; empty: it has died.
        process: itself, if it lives.
        server: that it started, of this project only.
        left: a server whose run has died without ending it, of this project only.
    """

    service: str
    project: str
    spec: PortSpec
    state: str = ""
    process: Process | None = None
    server: Listener | None = None
    left: Listener | None = None

    @property
    def name(self) -> str:
        return run_name(self.service)


class Launch(Frozen):
    """What a command says of the known server that it starts.

    Attributes:
        kind: the server as people call it: `vite`, `jupyter`; empty if it is none that is known.
        port: that its words name; 0 if they name none.
        host: that they name, if that is every address.
        words: of the server, through a script of package.json too.
        settings: text of its configuration file, for what that may say instead.
        hides: what keeps its exit code from whoever starts it: `| tee log`.
        default: where it listens if its words name no port; 0: not known, it may read PORT.
        naming: the whole command with the port in it; empty where it is not known how.
    """

    kind: str = ""
    port: int = 0
    host: str = ""
    words: tuple[str, ...] = ()
    settings: str = ""
    hides: str = ""
    default: int = 0
    naming: str = ""


class Command(Frozen):
    """What a service starts: its folder, the first word, and what is the matter with that word.

    Attributes:
        trouble: what keeps `word` from being started.
        searched: the folders of PATH, where the word was looked for there.
        near: where a program of that name is in the project, if it was not found otherwise.
        environment: that `word` leads into, if the program is not there.
        launch: what the whole command says.
        undebugged: the Python that is to run it under debugpy and certainly has none.
    """

    service: Service
    word: str
    folder: str
    folder_exists: bool = True
    trouble: Trouble = ""
    searched: str = ""
    near: str = ""
    environment: Environment | None = None
    launch: Launch = Launch()
    undebugged: str = ""


class MissingTaskCommand(Frozen):
    """A task of ours whose command is not found: label, word, where it was looked for."""

    label: str
    word: str
    searched: str


class Editor(Frozen):
    """The files of VS Code.

    Attributes:
        wanted: whether the configuration says anything of them.
        ours: whether there is anything in them that devports wrote.
        missing: files that devports would make.
        stale: files that devports would change.
        trouble: what keeps devports from knowing, if anything does: code, message, evidence.
        unresolved: tasks of ours that could not start.
        flaws: what VS Code would stumble over in what a person wrote.
    """

    wanted: bool = False
    ours: bool = False
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    trouble: tuple[str, str, tuple[str, ...]] | None = None
    unresolved: tuple[MissingTaskCommand, ...] = ()
    flaws: tuple[LintFinding, ...] = ()


class Facts(Frozen):
    """All that the rules look at.

    Attributes:
        root: folder of the configuration; empty if there is none.
        ports: every declared port, in the order of the file.
        programs: every `devports` on PATH, in its order.
        neighbour: an unrelated package of our name in our own environment.
        faults: what is wrong with the files that the configuration needs, and what `run` would
            refuse.
        localhost: the addresses that this name has here; empty if nobody asked.
        loopbacks: the loopback addresses that this machine has.
        ephemeral: first and last local port for outgoing connections.
        reserved: ranges inside that the kernel gives to nobody by itself.
        runs: the devports runs of this user, living ones first.
        gaps: what cannot be seen on this machine.
        run_of, elsewhere_of: tell the processes of devports runs, and of other checkouts and
            projects.
        named: returns a container with what its engine says about a port.
    """

    platform: Platform
    root: str = ""
    ports: tuple[PortFacts, ...] = ()
    commands: tuple[Command, ...] = ()
    programs: tuple[Program, ...] = ()
    neighbour: Program | None = None
    faults: tuple[Problem, ...] = ()
    localhost: tuple[str, ...] = ()
    loopbacks: tuple[str, ...] = ()
    ephemeral: tuple[int, int] = DEFAULT_EPHEMERAL
    reserved: tuple[tuple[int, int], ...] = ()
    runs: tuple[RunFacts, ...] = ()
    gaps: tuple[VisibilityGap, ...] = ()
    editor: Editor = Editor()
    viewer: CurrentUser = CurrentUser(-1, -1)
    find_run: RunOf = no_run
    elsewhere_of: ElsewhereOf = unplaced
    named: Named = unasked

    def plan(self, declared: PortFacts) -> tuple[StopTarget, ...]:
        """Return who would have to end for a port to be free, each with its standing."""
        holdings = [shown(finding.holding) for finding in declared.findings]
        people = merged(holder for holding in holdings for holder in holding.holders)
        found = targets(people, self.viewer, self.find_run, self.elsewhere_of)
        ports = {inode: declared.spec.port for holder in people for inode in holder.inodes}
        return contained(found, ports, self.viewer, self.named)


class FreePort(Frozen):
    """Free ports, by the ordinary freeing with its own questions.

    `stop_timeout`: seconds from SIGTERM to SIGKILL, as declared.
    """

    specs: tuple[PortSpec, ...]
    service: str = ""
    stop_timeout: float = 5.0

    @property
    def command(self) -> OwnCommand:
        """What a person types for it."""
        return ours("free", *map(str, self.specs))


class RemoveWritePermission(Frozen):
    """Take from everybody else the right to write a file or folder of this user's."""

    path: str


class WriteEditorFiles(Frozen):
    """Write what `devports vscode` writes."""

    paths: tuple[str, ...]


class Problem(Frozen):
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
    about: PortFacts | None = None
    plan: tuple[StopTarget, ...] = ()
    fix: Fix | None = None

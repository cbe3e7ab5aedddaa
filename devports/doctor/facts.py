"""The facts that rules examine, and the problems that they find.

All facts are read before: no rule does I/O.
"""

from __future__ import annotations

from devports.core.checkout import no_checkout
from devports.core.containers import engine_not_asked, with_containers, with_forwarders
from devports.core.hint import OwnCommand, own_command
from devports.core.holder_kind import CurrentUser, run_name
from devports.core.model import merged
from devports.core.stop_plan import no_run, targets
from devports.core.value import Frozen
from devports.core.verdict import DEFAULT_EPHEMERAL, deciding_finding, local_ends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from devports.core.checkout import ElsewhereOf
    from devports.core.containers import Named
    from devports.core.model import Endpoint, Platform, PortSpec, Process, Socket, VisibilityGap
    from devports.core.remedies import Remedy
    from devports.core.self_test import About
    from devports.core.service import Service
    from devports.core.stop_plan import RunOf, StopTarget
    from devports.core.verdict import Finding, Verdict
    from devports.system.programs import Environment, Program, Trouble
    from devports.vscode.lint import LintFinding

    Fix: TypeAlias = "FreePort | RemoveWritePermission | WriteEditorFiles"
    Severity = Literal["error", "warning", "note"]


class PortFacts(Frozen):
    """A declared port, and the state of it.

    Attributes:
        name: of an additional port; empty for the first.
        findings: one for each of its addresses; empty if the host has none.
        unresolved: the resolver's error, if the host has no address.
        beside: listeners that a client of `localhost` may reach, and that are not in `findings`.
        outgoing: connections of this machine that have it as their local port.
        redirected: where a connection was accepted although no process listens.
    """

    service: Service
    spec: PortSpec
    name: str = ""
    findings: tuple[Finding, ...] = ()
    unresolved: str = ""
    beside: tuple[Finding, ...] = ()
    outgoing: tuple[Finding, ...] = ()
    redirected: Endpoint | None = None

    @property
    def finding(self) -> Finding | None:
        """The finding that decides; None if the host has no address."""
        return deciding_finding(self.findings) if self.findings else None

    @property
    def verdict(self) -> Verdict | None:
        return self.finding.verdict if self.finding else None

    @property
    def title(self) -> str:
        """The name of the port: `backend`, or `backend.ports.debug` for an additional one."""
        return f"{self.service.name}.ports.{self.name}" if self.name else self.service.name


class UndeclaredPort(Frozen):
    """The port of a server that `devports init` would find, without a configuration.

    `source`: the line that shows the server.
    """

    port: PortFacts
    source: str


class Listener(Frozen):
    """A server, and the addresses on which it and its descendants listen."""

    process: Process
    sockets: tuple[Socket, ...] = ()


class RunFacts(Frozen):
    """A devports run, by its record.

    Attributes:
        spec: the port that it was started for.
        state: its recorded state; empty: it was killed.
        process: itself, if it lives.
        server: that it started, of this project only.
        left: the orphaned server of a killed run, of this project only.
        gone: whether the folder of its project was removed.
    """

    service: str
    project: str
    spec: PortSpec
    state: str = ""
    process: Process | None = None
    server: Listener | None = None
    left: Listener | None = None
    gone: bool = False

    @property
    def name(self) -> str:
        return run_name(self.service)


class Launch(Frozen):
    """The known server that a command starts.

    Attributes:
        kind: the common name of the server: `vite`, `jupyter`; empty if it is unknown.
        port: in its arguments; 0 if they name none.
        host: in its arguments, if that is every address.
        words: its command, through a script of package.json too.
        settings: text of its configuration file, which may set the same.
        hides: the part that hides its exit code from the caller: `| tee log`.
        default: where it listens if its arguments name no port; 0: not known, it may read PORT.
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
    """The command of a service: its folder, its first word, and the problem with that word.

    Attributes:
        trouble: why `word` cannot be started.
        searched: the folders of PATH, where the word was searched there.
        near: where a program of that name is in the project, if it was not found otherwise.
        environment: of `word`, if the program is missing there.
        launch: what the whole command starts.
        undebugged: the Python that is to run it under debugpy, and certainly has no debugpy.
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
    """A generated task whose command is not found: label, word, searched folders."""

    label: str
    word: str
    searched: str


class Editor(Frozen):
    """The files of VS Code.

    Attributes:
        wanted: whether the configuration has settings for them.
        generated: whether they have generated entries.
        missing: files that devports would add.
        stale: files that devports would change.
        trouble: why the files cannot be compared, if they cannot: code, message, evidence.
        unresolved: generated tasks that could not start.
        flaws: mistakes in entries that a person wrote.
    """

    wanted: bool = False
    generated: bool = False
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    trouble: tuple[str, str, tuple[str, ...]] | None = None
    unresolved: tuple[MissingTaskCommand, ...] = ()
    flaws: tuple[LintFinding, ...] = ()


class EnvLine(Frozen):
    """A line of an env file with a port that is not the one of this worktree.

    Attributes:
        service: the service with the file.
        path, number: the file, and the line in it.
        name: the variable.
        base: the declared port that the line names.
        port: the one of this worktree.
    """

    service: str
    path: str
    number: int
    name: str
    base: int
    port: int


class Checkouts(Frozen):
    """This checkout among those of the repository.

    Attributes:
        linked: whether it is a linked worktree.
        others: folders of the others on this machine, as far as git knows them.
        lines: of env files that name a port of another checkout.
        twice: declared ports of this checkout that are assigned to another one, with its folder.
    """

    linked: bool = False
    others: tuple[str, ...] = ()
    lines: tuple[EnvLine, ...] = ()
    twice: tuple[tuple[int, str], ...] = ()


class Facts(Frozen):
    """All facts for the rules.

    Attributes:
        root: folder of the configuration; empty if there is none.
        ports: every declared port, in the order of the file.
        undeclared: of the servers found, where there is no configuration.
        programs: every `devports` on PATH, in its order.
        neighbour: an unrelated package named devports in the environment of devports.
        faults: problems with the files that the configuration needs, and why `run` would refuse.
        localhost: the addresses of this name here; empty if it was not resolved.
        loopbacks: the loopback addresses that this machine has.
        ephemeral: first and last local port for outgoing connections.
        reserved: ranges inside it that the kernel does not assign.
        runs: the devports runs of this user, living ones first.
        checkouts: this checkout, and the others of the repository.
        gaps: what cannot be read on this machine.
        untrue: the sources of this machine that the last self-test found wrong.
        find_run, elsewhere_of: find the run, and the other checkout or project, of a process.
        named: returns a container with its engine's answer about a port.
        stops: the log of what devports has stopped, empty if there is none.
    """

    platform: Platform
    root: str = ""
    ports: tuple[PortFacts, ...] = ()
    commands: tuple[Command, ...] = ()
    undeclared: tuple[UndeclaredPort, ...] = ()
    programs: tuple[Program, ...] = ()
    neighbour: Program | None = None
    faults: tuple[Problem, ...] = ()
    localhost: tuple[str, ...] = ()
    loopbacks: tuple[str, ...] = ()
    ephemeral: tuple[int, int] = DEFAULT_EPHEMERAL
    reserved: tuple[tuple[int, int], ...] = ()
    runs: tuple[RunFacts, ...] = ()
    checkouts: Checkouts = Checkouts()
    gaps: tuple[VisibilityGap, ...] = ()
    untrue: tuple[tuple[str, About], ...] = ()
    editor: Editor = Editor()
    viewer: CurrentUser = CurrentUser(-1, -1)
    find_run: RunOf = no_run
    elsewhere_of: ElsewhereOf = no_checkout
    named: Named = engine_not_asked
    stops: str = ""

    def plan(self, declared: PortFacts) -> tuple[StopTarget, ...]:
        """Return the processes that would have to stop for a port to be free, with their kinds."""
        holdings = [with_forwarders(finding.holding) for finding in declared.findings]
        people = merged(holder for holding in holdings for holder in holding.holders)
        found = targets(people, self.viewer, self.find_run, self.elsewhere_of)
        return with_containers(found, local_ends(declared.findings), self.viewer, self.named)


class FreePort(Frozen):
    """Free ports, with the confirmations of `devports free`.

    `stop_timeout`: seconds from SIGTERM to SIGKILL, as declared.
    """

    specs: tuple[PortSpec, ...]
    service: str = ""
    stop_timeout: float = 5.0

    @property
    def command(self) -> OwnCommand:
        return own_command("free", *map(str, self.specs))


class RemoveWritePermission(Frozen):
    """Remove the write permission of other users from a file or folder of this user."""

    path: str


class WriteEditorFiles(Frozen):
    """Write what `devports vscode` writes."""

    paths: tuple[str, ...]


class Problem(Frozen):
    """One problem, present or future.

    Attributes:
        code: kebab-case, the same in text, JSON, docs and tests.
        severity: error: it does not work now; warning: it will not work in some case; note:
            information. A project with nothing but notes is healthy.
        what: one line, names in backticks, no period. Empty where `about` is a port, whose verdict
            has the text.
        evidence: the facts, one a line; those of `about` come first.
        why: why it matters.
        remedies: commands that fix it, the best first.
        about: the port it is about, if any.
        plan: the processes that would have to stop for that port to be free.
        fix: what `devports doctor --fix` can do about it, after a question.
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

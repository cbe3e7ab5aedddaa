"""The facts that the rules of `devports doctor` use, from the configuration and the machine.

Nothing is started, signalled or written, and each source is read once. The order below is that of
`gather`: ports, commands, files, VS Code, runs, and what is not visible.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress

from devports.assigned import AssignedPorts
from devports.commands.debugger import program_of, with_debugger
from devports.commands.vscode import VSCODE, EditorFolder, editor_folder, template_of
from devports.config.load import can_restrict, is_unprotected_folder, read_env_file
from devports.core.command_line import SHELLS, base_name
from devports.core.handoff import mark, plan_handoff
from devports.core.hint import text_of
from devports.core.jsonc import JsoncError
from devports.core.model import Endpoint, VisibilityGap
from devports.core.remedies import Remedy
from devports.core.self_test import ABOUT
from devports.core.service import (
    EditorTasks,
    Service,
    argv_of,
    changed_ports,
    env_file_of,
    fill,
    values_for,
    words_of,
)
from devports.core.shell_syntax import hides_exit_code
from devports.core.verdict import (
    Free,
    Held,
    OutgoingConnection,
    is_other_localhost,
    is_outgoing,
    sockets_of,
)
from devports.detect.command_line import Start, command_text, missing, naming_port, read, recognise
from devports.detect.servers import CONFIG_FILES
from devports.doctor.facts import (
    Checkouts,
    Command,
    Editor,
    EnvLine,
    Facts,
    Launch,
    Listener,
    MissingTaskCommand,
    PortFacts,
    Problem,
    RunFacts,
    UndeclaredPort,
)
from devports.doctor.project_rules import writable_by_others
from devports.doctor.setup_rules import UNSEEN
from devports.errors import DevportsError
from devports.records import RunRecords, run_statuses
from devports.system import files, linux, programs
from devports.system.bind import is_redirected
from devports.system.inspect import (
    MOST_PEERS,
    endpoints_of,
    inspect_ports,
    untrusted,
    with_holders,
    with_servers,
)
from devports.system.linux import reserved
from devports.system.project import checkout_of, checkouts_of
from devports.ui.escape import redacted_text
from devports.vscode.lint import (
    LintFinding,
    labels_of,
    lint_launch,
    lint_tasks,
    needed_runs,
    waited_for,
)
from devports.vscode.merge import LAUNCH, TASKS, BrokenFileError, plan, programs_of, task_path
from devports.vscode.tasks import FILES, FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.commands.context import Context
    from devports.commands.init import Plan
    from devports.core.assigning import Entry
    from devports.core.model import HolderSearch, Platform, ProcessKey, Socket, Table
    from devports.core.service import Config
    from devports.core.verdict import Finding
    from devports.system import Machine

ANY_PORT = 1
"""The port to inspect if none is declared: the answer includes the visibility gaps."""
LOOPBACKS = ("127.0.0.1", "::1")


def gather(
    context: Context, config: Config | None, warnings: Sequence[str] = (), plan: Plan | None = None
) -> Facts:
    """Collect all facts for the rules, with one inspection of the machine for all ports.

    `plan`: what `devports init` finds in a folder without a configuration.
    """
    machine, records = context.machine, context.records()
    services = config.services if config else ()
    declared = declared_ports(machine, services)
    table = machine.table({each.spec.port for each in declared} or {ANY_PORT})
    ports = tuple(with_other_sockets(machine, each, table) for each in declared)
    commands = tuple(command_facts(s, config) for s in services if config and s.command)
    root = config.root if config else ""
    return Facts(
        machine.platform,
        root=root,
        ports=ports,
        commands=commands,
        undeclared=undeclared_ports(machine, plan) if plan else (),
        programs=programs.on_path(os.environ),
        neighbour=programs.conflicting_package(),
        faults=(*file_problems(config, warnings), *command_errors(config, commands, ports))
        if config
        else (),
        localhost=localhost_addresses(machine) if ports else (),
        loopbacks=tuple(a for a in LOOPBACKS if machine.probe(Endpoint(a, 0)) == "ok"),
        editor=editor_facts(config, machine.platform) if config else Editor(flaws=flaws_in(plan)),
        ephemeral=machine.ephemeral(),
        reserved=reserved(),
        runs=tuple(run_facts(machine, records, root)),
        checkouts=checkout_facts(context, config) if config else Checkouts(),
        gaps=(*table.gaps, *gaps_of_user(machine)),
        untrue=tuple((name, about) for about in ABOUT for name in untrusted(about)),
        viewer=machine.viewer(),
        find_run=records.find_run(),
        elsewhere_of=context.elsewhere(),
        named=context.engines.named,
        stops=records.stops if os.path.exists(records.stops) else "",
    )


MOST_CONNECTIONS = 4
"""Maximum number of outgoing connections that are looked up for one port: one is shown."""


def undeclared_ports(machine: Machine, plan: Plan) -> tuple[UndeclaredPort, ...]:
    """Return the ports of the servers that `devports init` finds in a folder."""
    servers = [each for each in plan.services if each.command and each.port]
    services = [Service(each.name, each.port, command=each.command) for each in servers]
    ports = declared_ports(machine, services)
    sources = (str(each.sources[0]) for each in servers)
    return tuple(UndeclaredPort(*each) for each in zip(ports, sources, strict=True))


def flaws_in(plan: Plan | None) -> tuple[LintFinding, ...]:
    """Return the mistakes in the files of VS Code of a folder without a configuration."""
    folder = os.path.dirname(plan.path) if plan else ""
    with suppress(DevportsError), files.opened(folder, VSCODE) as there:
        tasks, launch = (there.read(name) if there else None for name in FILES)
        return _lint_findings(tasks, launch)
    return ()


def declared_ports(machine: Machine, services: Sequence[Service]) -> list[PortFacts]:
    """Return every declared port with its findings, from one inspection of the machine."""
    ports = [
        _resolved(machine, PortFacts(service, service.spec.replace(port=port), name))
        for service in services
        for name, port in (("", service.port), *service.ports)
    ]
    found = iter(inspect_ports(machine, (end for _, ends in ports for end in ends), thorough=True))
    each = [(declared, tuple(next(found) for _ in ends)) for declared, ends in ports]
    return [
        declared.replace(findings=with_servers(machine, findings)) for declared, findings in each
    ]


def _resolved(machine: Machine, declared: PortFacts) -> tuple[PortFacts, tuple[Endpoint, ...]]:
    """Return a port with its addresses, or with the resolver's error."""
    try:
        return declared, endpoints_of(machine, declared.spec)
    except DevportsError as error:
        return declared.replace(unresolved=" ".join(error.facts)), ()


def with_other_sockets(machine: Machine, declared: PortFacts, table: Table) -> PortFacts:
    """Add the other localhost servers, and the outgoing connections with this local port."""
    known = {socket for finding in declared.findings for socket in sockets_of(finding.verdict)}
    others = [socket for socket in table.sockets if socket not in known]
    ends = [finding.endpoint for finding in declared.findings]
    beside = [socket for socket in others if any(is_other_localhost(socket, end) for end in ends)]
    free = [each.endpoint for each in declared.findings if isinstance(each.verdict, Free)]
    return declared.replace(
        beside=_holders(machine, beside),
        outgoing=_holders(machine, _outgoing(machine, others, declared.spec.port)),
        redirected=next(filter(is_redirected, free), None),
    )


def _outgoing(machine: Machine, others: Sequence[Socket], port: int) -> list[Socket]:
    """Return the connections that got this port from the ephemeral range."""
    possible = [s for s in others if s.remote is not None and s.local.port == port]
    remote = {s.remote.port for s in possible if s.remote is not None}
    if not 0 < len(remote) <= MOST_PEERS:
        return []
    low, high = machine.ephemeral()
    if not low <= port <= high:
        return []
    peers = machine.table(remote).sockets
    return [socket for socket in possible if is_outgoing(socket, (low, high), peers)]


def _holders(machine: Machine, sockets: Sequence[Socket]) -> tuple[Finding, ...]:
    """Return a separate finding for each socket, with its holders."""

    def who(several: Sequence[Socket]) -> HolderSearch:
        return machine.holding(several, thorough=False)

    judged = [
        (s.local, Held((s,)) if s.remote is None else OutgoingConnection((s,), blocking=False))
        for s in sockets[:MOST_CONNECTIONS]
    ]
    return with_holders(judged, who)


ENDINGS = ("ts", "js", "mts", "mjs", "cts", "cjs", "toml")
MAX_SETTINGS = 64 * 1024
PACKAGE_MANAGERS = ("npm", "pnpm", "yarn", "bun")


def command_facts(service: Service, config: Config) -> Command:
    values = values_for(service, config, fd="3")
    folder, words = fill(service.cwd, values), argv_of(service, values)
    word = words[0]
    exists = os.path.isdir(folder)
    path = programs.path_of(service.env)
    trouble = programs.start_problem(word, folder, path) if exists else ""
    bare = not os.path.dirname(word)
    return Command(
        service,
        word,
        folder,
        exists,
        trouble,
        searched=path if bare else "",
        near=programs.near(word, (folder, config.root)) if bare and trouble == "missing" else "",
        environment=programs.needed_by(word, folder, startable=not trouble) if exists else None,
        launch=launch(service, words, folder, config),
        undebugged="" if trouble else undebugged(service, config),
    )


def launch(service: Service, words: Sequence[str], folder: str, config: Config) -> Launch:
    """Return what a command states about the known server that it starts, if any."""
    inner, hides = within_shell(words)
    inner = through_script(inner, folder)
    start = recognise(inner) if inner else None
    if start is None:
        return Launch(hides=hides)
    server, address = start.server, start.address
    text = settings(server.kind, folder)
    by_file = re.search(r"(?<![a-z])port\b", text, re.IGNORECASE)
    by_other = by_file or server.variable == "PORT" or server.variable in variables(service, config)
    return Launch(
        server.kind,
        address.port,
        address.host,
        start.rest,
        text,
        hides,
        default=0 if by_other else server.port,
        naming=redacted_text(naming_port(service) or _naming_behind(service, words[0], start)),
    )


def variables(service: Service, config: Config) -> set[str]:
    """Return the names of the variables that a service gets, without those that devports sets."""
    names = {*os.environ, *dict(service.env)}
    with suppress(DevportsError):  # another rule reports the error of the file
        path = env_file_of(service, config)
        names |= set(dict(read_env_file(path))) if path else set()
    return names


def _naming_behind(service: Service, first: str, start: Start) -> str:
    """Return the call of a package.json script with arguments that name the address."""
    if first not in PACKAGE_MANAGERS:
        return ""
    words = words_of(service)
    dashes = ("--",) if first == "npm" and "--" not in words else ()
    return command_text((*words, *dashes, *missing(start.server.adds, start.rest)))


def within_shell(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the words that a shell command starts, and how it hides their exit code."""
    at = next((i for i, word in enumerate(words) if word in ("-c", "-lc")), 0)
    if not at or base_name(words[0]) not in SHELLS or at + 1 == len(words):
        return tuple(words), ""
    text = words[at + 1]
    end = hides_exit_code(text)
    line = read(text.rstrip().removesuffix(end))
    return line.words if line else (), "" if "pipefail" in words else end


def through_script(words: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Return what a script of package.json starts in place of `npm run NAME`."""
    if not words or words[0] not in PACKAGE_MANAGERS:
        return words
    rest = words[2:] if words[1:2] == ("run",) else words[1:]
    scripts = programs.package(folder).get("scripts")
    text = scripts.get(rest[0]) if rest and isinstance(scripts, dict) else None
    line = read(text) if isinstance(text, str) else None
    more = rest[2:] if rest[1:2] == ("--",) else rest[1:]
    return (*line.words, *more) if line else words


def settings(kind: str, folder: str) -> str:
    """Return the text of a server's configuration file, up to a limit."""
    files = CONFIG_FILES.get(kind, "").split()
    names = [*files, *(f"{name}.{ending}" for name in files for ending in ENDINGS)]
    return next(filter(None, (_text(os.path.join(folder, name)) for name in names)), "")


def _text(path: str) -> str:
    try:
        return files.read_regular(path, MAX_SETTINGS).decode("utf-8", "replace")
    except OSError:
        return ""


def undebugged(service: Service, config: Config) -> str:
    """Return the Python of a service if it lacks the debugpy that it needs; else empty."""
    own = dict(service.env)
    if service.vscode.debug != "debugpy" or "PYTHONPATH" in (own | dict(os.environ)):
        return ""
    try:
        words = with_debugger(service, config).command
    except DevportsError:
        return ""
    python = program_of(service, words[0], config)
    return python if programs.lacks_package(python, "debugpy") else ""


def file_problems(config: Config, warnings: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems with the files of a readable configuration."""
    for warning in warnings:
        yield Problem("config-doubtful", "note", warning)
    folder = os.path.dirname(os.path.realpath(config.path))
    status = os.stat(folder)
    if hasattr(os, "geteuid") and is_unprotected_folder(folder, status):
        problem = Problem(
            "folder-open-to-all",
            "warning",
            f"any user can replace `{os.path.basename(config.path)}` in `{folder}`",
            (f"mode: {stat.S_IMODE(status.st_mode):04o}",),
            "anyone who can write this file can run commands as you",
            (Remedy("its owner or root can change that"),),
        )
        yield writable_by_others(problem, folder) if can_restrict(status) else problem
    for service in config.services:
        if path := env_file_of(service, config):
            try:
                read_env_file(path)
            except DevportsError as error:
                yield file_problem(error, path, service.name)


def command_errors(
    config: Config, commands: Sequence[Command], ports: Sequence[PortFacts]
) -> Iterator[Problem]:
    """Yield the errors with which `devports run` would refuse the command of a service."""
    found = {command.service.name for command in commands if not command.trouble}
    for declared in ports:
        service = declared.service
        if service.command and declared.findings and not declared.name:
            try:
                _plan_handoff(declared, config)
                if service.vscode.debug and service.name in found:
                    with_debugger(service, config)
            except DevportsError as error:
                yield file_problem(error, config.path, service.name)


def _plan_handoff(declared: PortFacts, config: Config) -> None:
    service = declared.service
    values = values_for(service, config, fd=mark(0))
    own = {name: fill(text, values) for name, text in service.env}
    endpoints = tuple(finding.endpoint for finding in declared.findings)
    plan_handoff(service, argv_of(service, values), {**os.environ, **own}, endpoints)


def file_problem(error: DevportsError, path: str, service: str = "") -> Problem:
    advice = tuple(Remedy(text_of(hint)) for hint in error.hints)
    problem = Problem(error.code, "error", error.message, error.facts, error.note, advice, service)
    if error.code == "config-unsafe" and can_restrict(os.stat(path)):
        return writable_by_others(problem, os.path.realpath(path))
    return problem


def localhost_addresses(machine: Machine) -> tuple[str, ...]:
    """Return the addresses of that name; none if it has none, which other rules report."""
    try:
        return machine.addresses("localhost")
    except OSError:
        return ()


SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "windows"}
"""The names of the systems in a tasks.json."""


def editor_facts(config: Config, platform: Platform) -> Editor:
    """Read the `.vscode` with the tasks of a configuration; an error is a fact like the others."""
    wanted = any(service.vscode != EditorTasks() for service in config.services)
    folders = (os.path.join(config.root, name) for name in (VSCODE, FOLDER))
    if not wanted and not any(map(os.path.lexists, folders)):
        return Editor()
    try:
        where = editor_folder(config)
        with files.opened(where.root, VSCODE) as folder:
            tasks, launch = (folder.read(name) if folder else None for name in FILES)
        looked = _planned(where, tasks, launch)
    except DevportsError as error:
        return Editor(wanted, trouble=(error.code, error.message, error.facts))
    unresolved = tuple(_unresolved(tasks or "", SYSTEMS[platform], where.root))
    return looked.replace(wanted=wanted, unresolved=unresolved, flaws=_lint_findings(tasks, launch))


def _planned(where: EditorFolder, tasks: str | None, launch: str | None) -> Editor:
    try:
        changes = plan(where.parts, template_of(where.root), tasks, launch).files
    except BrokenFileError:  # the lint reports where
        return Editor()
    texts = [file.before or "" for file in changes if file.path == TASKS]
    return Editor(
        generated=any(True for text in texts for _ in programs_of(text)),
        missing=tuple(file.path for file in changes if file.state == "missing"),
        stale=tuple(file.path for file in changes if file.state == "stale"),
    )


def _unresolved(text: str, system: str, root: str) -> Iterator[MissingTaskCommand]:
    try:
        found = list(programs_of(text))
    except JsoncError:
        return
    for label, task in found:
        word = str(task["command"]).split()[0]
        path = task_path(task, system, root, os.environ.get("PATH", os.defpath))
        if "${" not in word and programs.start_problem(word, root, path):
            yield MissingTaskCommand(label, word, path)


def _lint_findings(tasks: str | None, launch: str | None) -> tuple[LintFinding, ...]:
    """Return the lint findings on entries that are not generated.

    Generated entries can only be out of date, except for a run whose failure is not seen: a project
    with its own template may need to know that.
    """
    found = [*(lint_tasks(TASKS, tasks, waited_for(launch or "")) if tasks else ())]
    if launch:
        there = tasks or ""
        found += lint_launch(LAUNCH, launch, labels_of(there), needed_runs(there))
    return tuple(flaw for flaw in found if not flaw.generated or flaw.code == UNSEEN)


def run_facts(machine: Machine, records: RunRecords, root: str) -> Iterator[RunFacts]:
    """Yield the runs of this user; those of this project with the addresses of their servers.

    `root`: folder of the configuration; without one all projects are read.
    """
    for run in run_statuses(records):
        record, own = run.record, root in ("", run.record.project)
        left = (listener(machine, key) for key in run.orphaned if own)
        yield RunFacts(
            record.service,
            record.project,
            record.spec,
            record.state if run.live else "",
            process=machine.process(record.key.pid) if run.live else None,
            server=listener(machine, record.server) if own and run.live else None,
            left=next(filter(None, left), None),
            gone=not os.path.isdir(record.project),
        )


def checkout_facts(context: Context, config: Config) -> Checkouts:
    """Return what is known of this checkout, and of the others of its repository."""
    here = checkout_of(config.root)
    if here is None:
        return Checkouts()
    record = AssignedPorts(context.records().path)
    taken: dict[str, Entry] = {}
    with suppress(DevportsError):  # it has been reported
        taken = record.read() if config.bases else {}
    taken.pop(here.folder, None)
    return Checkouts(
        here.linked,
        checkouts_of(config.root),
        lines=tuple(_env_lines(context.config(), config)),
        twice=tuple(
            (base, folder)
            for folder, entry in taken.items()
            for base in sorted({*config.bases} & {*entry.ports.values()})
            if not config.offset
        ),
    )


ADDRESS = re.compile(r"\b(?:localhost|127\.0\.0\.1):(\d{1,5})\b")
SETTING = re.compile(r"\s*(?:export\s+)?(\w+)\s*=(.*)")


def _env_lines(declared: Config, here: Config) -> Iterator[EnvLine]:
    """Yield the lines of env files that name a declared port which is not the one of here."""
    own = {base: port for port, base in changed_ports(declared, here).items()}
    owners = {port: one.name for one in declared.services for port in one.bases}
    for service in here.services if own else ():
        path = env_file_of(service, here)
        for number, line in enumerate(_text(path).splitlines() if path else (), 1):
            name, value = found.groups() if (found := SETTING.match(line)) else ("", "")
            texts = [value.strip(" \"'")] if name == "PORT" else ADDRESS.findall(value)
            for base in (base for base in own if str(base) in texts):
                yield EnvLine(owners[base], path, number, name, base, own[base])


def listener(machine: Machine, key: ProcessKey | None) -> Listener | None:
    """Return a server with the addresses of its process tree; None if it has exited."""
    process = machine.process(key.pid) if key else None
    if process is None or process.key != key or process.state in "ZX":
        return None
    pids = {process.key.pid, *machine.descendants(process.key.pid)}
    return Listener(process, machine.listening(pids))


def gaps_of_user(machine: Machine) -> Iterator[VisibilityGap]:
    """Yield what this user cannot see on this machine, whatever is on the ports now."""
    if linux.is_wsl():
        yield VisibilityGap("wsl", "what Windows and its Docker Desktop have on these ports (WSL)")
    if machine.process(1) is None and machine.platform != "win32":
        yield VisibilityGap("unlisted-processes", "the processes of other users (hidepid)")
    elif machine.viewer().uid != 0:
        yield VisibilityGap("other-users", "which process of another user uses a port")

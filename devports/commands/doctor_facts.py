"""The facts that `devports doctor` judges, from the configuration and the machine.

editorfacts: What the doctor wants to know of the files of VS Code. Nothing is written.

launchfacts: What the doctor wants to know of the commands of services. Nothing is started.

portfacts: What the doctor wants to know of declared ports: who is there, beside it, and on its way
out.

runfacts: What the doctor wants to know of devports runs, by their records. Nobody is signalled.

filefacts: What is wrong with the configuration's own files, and with those that it names.
"""

from __future__ import annotations

import os
import stat

from devports.commands.debugger import debugged, program_of
from devports.commands.vscode import VSCODE, planned
from devports.config.load import open_folder, read_env_file, takes_writing
from devports.core.command_line import SHELLS, base_name
from devports.core.handoff import ladder, mark
from devports.core.hint import text_of
from devports.core.jsonc import JsoncError
from devports.core.model import Endpoint, VisibilityGap
from devports.core.service import EditorTasks, argv_of, env_file_of, fill, values_for
from devports.core.shell_syntax import hides_exit_code
from devports.core.verdict import Held, OutgoingConnection, is_outgoing, is_sister, sockets_of
from devports.detect.command_line import read, recognise
from devports.doctor.facts import (
    Command,
    Editor,
    Facts,
    FileProblem,
    Launch,
    Listener,
    MissingTaskCommand,
    PortFacts,
    RunFacts,
)
from devports.errors import DevportsError
from devports.records import charges
from devports.system import files, linux, programs
from devports.system.inspect import MOST_PEERS, endpoints_of, survey, with_holders, with_servers
from devports.system.linux import reserved
from devports.vscode.lint import labels_of, lint_launch, lint_tasks, waited_for
from devports.vscode.merge import LAUNCH, TASKS, BrokenFileError, programs_of, searched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.commands.context import Context
    from devports.core.model import HolderSearch, Platform, ProcessKey, Socket, Table
    from devports.core.service import Config, Service
    from devports.core.verdict import Finding
    from devports.records import RunStatus
    from devports.system import Machine
    from devports.system.files import Folder
    from devports.vscode.lint import LintFinding


ANY_PORT = 1
"""What a table is asked for where no port is declared: it says what it cannot show all the same."""

LOOPBACKS = ("127.0.0.1", "::1")


def gather(setting: Context, config: Config | None, warnings: Sequence[str] = ()) -> Facts:
    """Look at everything that the rules want to know; one look at the machine for all ports."""
    machine = setting.machine
    services = config.services if config else ()
    ports = port_facts(machine, services)
    commands = tuple(command_facts(s, config) for s in services if config and s.command)
    root = config.root if config else ""
    return Facts(
        machine.platform,
        root=root,
        ports=ports,
        commands=commands,
        programs=programs.on_path(os.environ),
        neighbour=programs.neighbour(),
        faults=(*faults_of(config, warnings), *refusals(config, commands, ports)) if config else (),
        localhost=_localhost(machine) if ports else (),
        loopbacks=tuple(a for a in LOOPBACKS if machine.probe(Endpoint(a, 0)) == "ok"),
        editor=editor_facts(config, machine.platform) if config else Editor(),
        ephemeral=machine.ephemeral(),
        reserved=reserved(),
        runs=tuple(run_facts(setting, root)),
        gaps=tuple(_blind_spots(machine, {declared.spec.port for declared in ports})),
        viewer=machine.viewer(),
        run_of=setting.records().run_of(),
        named=setting.engines.named,
    )


def _localhost(machine: Machine) -> tuple[str, ...]:
    try:
        return machine.addresses("localhost")
    except OSError:  # whoever declares it is told so
        return ()


def _blind_spots(machine: Machine, ports: set[int]) -> Iterator[VisibilityGap]:
    """Yield what this user cannot see on this machine, whatever is on the ports now."""
    yield from machine.table(ports or {ANY_PORT}).gaps
    if linux.is_wsl():
        yield VisibilityGap("wsl", "what Windows and its Docker Desktop have on these ports (WSL)")
    if machine.process(1) is None and machine.platform != "win32":
        yield VisibilityGap("unlisted-processes", "the processes of other users (hidepid)")
    elif machine.viewer().uid != 0:
        yield VisibilityGap("other-users", "which process of another user has a port")


SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "windows"}
"""What VS Code calls each system in a tasks.json."""


def editor_facts(config: Config, platform: Platform) -> Editor:
    """Look at `.vscode`; what keeps devports from it is a fact like the others."""
    wanted = any(service.vscode != EditorTasks() for service in config.services)
    try:
        with files.opened(config.root, VSCODE) as folder:
            tasks, launch = (
                (folder.read("tasks.json"), folder.read("launch.json")) if folder else (None, None)
            )
            looked = _planned(config, folder)
    except DevportsError as error:
        return Editor(wanted, trouble=(error.code, error.message, error.facts))
    unresolved = tuple(_unresolved(tasks or "", SYSTEMS[platform], config.root))
    return looked.but(wanted=wanted, unresolved=unresolved, flaws=_flaws(tasks, launch))


def _planned(config: Config, folder: Folder | None) -> Editor:
    try:
        plan = planned(config, folder)
    except BrokenFileError:  # the lint says where
        return Editor()
    texts = [file.before or "" for file in plan.files if file.path == TASKS]
    return Editor(
        ours=any(True for text in texts for _ in programs_of(text)),
        missing=tuple(file.path for file in plan.files if file.state == "missing"),
        stale=tuple(file.path for file in plan.files if file.state == "stale"),
    )


def _unresolved(text: str, system: str, root: str) -> Iterator[MissingTaskCommand]:
    try:
        found = list(programs_of(text))
    except JsoncError:
        return
    for label, task in found:
        word = str(task["command"]).split()[0]
        path = searched(task, system, root, os.environ.get("PATH", os.defpath))
        if "${" not in word and programs.trouble(word, root, path):
            yield MissingTaskCommand(label, word, path)


def _flaws(tasks: str | None, launch: str | None) -> tuple[LintFinding, ...]:
    """Return what a person wrote that would not work; what devports wrote is only ever stale."""
    found = [*(lint_tasks(TASKS, tasks, waited_for(launch or "")) if tasks else ())]
    if launch:
        found += lint_launch(LAUNCH, launch, labels_of(tasks or ""))
    return tuple(flaw for flaw in found if not flaw.ours)


CONFIGS = {
    "vite": "vite.config",
    "vitepress": "vite.config",
    "react-router": "vite.config",
    "webpack": "webpack.config",
    "streamlit": ".streamlit/config",
}
"""Files in which a server may be told its port, or to stay on it, without the ending."""
ENDINGS = ("ts", "js", "mts", "mjs", "cts", "cjs", "toml")
MAX_SETTINGS = 64 * 1024
RUNNERS = ("npm", "pnpm", "yarn", "bun")


def command_facts(service: Service, config: Config) -> Command:
    """Return what is to be judged of a service that has a command."""
    values = values_for(service, config) | {"fd": "3"}
    folder, words = fill(service.cwd, values), argv_of(service, values)
    word = words[0]
    exists = os.path.isdir(folder)
    path = programs.path_of(service.env)
    trouble = programs.trouble(word, folder, path) if exists else ""
    bare = not os.path.dirname(word)
    near = programs.near(word, (folder, config.root)) if bare and trouble == "missing" else ""
    needed = programs.needed_by(word, folder, startable=not trouble) if exists else None
    return Command(
        service,
        word,
        folder,
        exists,
        trouble,
        path if bare else "",
        near,
        environment=needed,
        launch=launch(words, folder),
        undebugged="" if trouble else undebugged(service, config),
    )


def refusals(
    config: Config, commands: Sequence[Command], ports: Sequence[PortFacts]
) -> Iterator[FileProblem]:
    """Yield why `devports run` would refuse a service for what its command is, as it says it."""
    found = {command.service.name for command in commands if not command.trouble}
    for declared in ports:
        service = declared.service
        if service.command and declared.findings and not declared.name:
            try:
                _ladder(declared, config)
                if service.vscode.debug and service.name in found:
                    debugged(service, config)
            except DevportsError as error:
                yield fault_of(error, config.path, service.name)


def _ladder(declared: PortFacts, config: Config) -> None:
    service = declared.service
    values = values_for(service, config) | {"fd": mark(0)}
    own = {name: fill(text, values) for name, text in service.env}
    endpoints = tuple(finding.endpoint for finding in declared.findings)
    ladder(service, argv_of(service, values), {**os.environ, **own}, endpoints)


def undebugged(service: Service, config: Config) -> str:
    """Return the Python that is to debug a service and has no debugpy; empty if none is known."""
    own = dict(service.env)
    if service.vscode.debug != "debugpy" or "PYTHONPATH" in (own | dict(os.environ)):
        return ""
    try:
        words = debugged(service, config).command
    except DevportsError:
        return ""
    python = program_of(service, words[0], config)
    return python if programs.lacks(python, "debugpy") else ""


def launch(words: Sequence[str], folder: str) -> Launch:
    """Return what a command says of the known server that it starts, if it starts one."""
    inner, hides = within_shell(words)
    inner = through_script(inner, folder)
    start = recognise(inner) if inner else None
    if start is None:
        return Launch(hides=hides)
    kind, told = start.server.kind, start.told
    return Launch(kind, told.port, told.host, start.rest, settings(kind, folder), hides)


def within_shell(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the words that a shell's text starts, and how that hides their exit code."""
    at = next((i for i, word in enumerate(words) if word in ("-c", "-lc")), 0)
    if not at or base_name(words[0]) not in SHELLS or at + 1 == len(words):
        return tuple(words), ""
    text = words[at + 1]
    end = hides_exit_code(text)
    line = read(text.rstrip().removesuffix(end))
    hides = "" if "pipefail" in words else end
    return line.words if line else (), hides


def through_script(words: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Return what a script of package.json starts in place of `npm run NAME`."""
    if not words or words[0] not in RUNNERS:
        return words
    rest = words[2:] if words[1:2] == ("run",) else words[1:]
    scripts = programs.package(folder).get("scripts")
    text = scripts.get(rest[0]) if rest and isinstance(scripts, dict) else None
    line = read(text) if isinstance(text, str) else None
    more = rest[2:] if rest[1:2] == ("--",) else rest[1:]
    return (*line.words, *more) if line else words


def settings(kind: str, folder: str) -> str:
    """Return the text of a server's configuration file, as far as it could matter."""
    name = CONFIGS.get(kind)
    names = [f"{name}.{ending}" for ending in ENDINGS]
    return next((text for each in names if name and (text := _text(folder, each))), "")


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(MAX_SETTINGS).decode("utf-8", "replace")
    except OSError:
        return ""


MOST_CONNECTIONS = 4
"""Outgoing connections that are looked up for one port: one is enough to be shown."""


def port_facts(machine: Machine, services: Sequence[Service]) -> tuple[PortFacts, ...]:
    """Return every declared port with what is on it, from one look at the machine."""
    ports = [pair for service in services for pair in _ports(machine, service)]
    found = iter(survey(machine, (end for _, ends in ports for end in ends), thorough=True))
    every = [(declared, tuple(next(found) for _ in ends)) for declared, ends in ports]
    table = machine.table({declared.spec.port for declared, _ in ports}) if ports else None
    return tuple(
        _with_neighbours(machine, declared.but(findings=with_servers(machine, findings)), table)
        for declared, findings in every
    )


def _ports(machine: Machine, service: Service) -> Iterator[tuple[PortFacts, tuple[Endpoint, ...]]]:
    """Yield the ports of a service without findings, with their addresses, none if unresolved."""
    for name, port in (("", service.port), *service.ports):
        declared = PortFacts(service, service.spec.but(port=port), name)
        try:
            yield declared, endpoints_of(machine, declared.spec)
        except DevportsError as error:
            yield declared.but(unresolved=" ".join(error.facts)), ()


def _with_neighbours(machine: Machine, declared: PortFacts, table: Table | None) -> PortFacts:
    """Add who listens beside it, and who has it as the local port of a connection."""
    known = {socket for finding in declared.findings for socket in sockets_of(finding.verdict)}
    others = [s for s in table.sockets if s not in known] if table else []
    return declared.but(
        beside=_found(machine, [s for s in others if _is_beside(s, declared)]),
        outgoing=_found(machine, _outgoing(machine, others, declared)),
    )


def _is_beside(socket: Socket, declared: PortFacts) -> bool:
    return any(is_sister(socket, finding.endpoint) for finding in declared.findings)


def _outgoing(machine: Machine, others: Sequence[Socket], declared: PortFacts) -> list[Socket]:
    """Return the connections that got this port from the range for outgoing ones."""
    low, high = machine.ephemeral()
    port = declared.spec.port
    possible = [s for s in others if s.remote is not None and s.local.port == port]
    remote = {s.remote.port for s in possible if s.remote is not None}
    if not low <= port <= high or not 0 < len(remote) <= MOST_PEERS:
        return []
    peers = machine.table(remote).sockets
    return [socket for socket in possible if is_outgoing(socket, (low, high), peers)]


def _found(machine: Machine, sockets: Sequence[Socket]) -> tuple[Finding, ...]:
    """Return a finding for each socket by itself, with its holders."""

    def who(several: Sequence[Socket]) -> HolderSearch:
        return machine.holding(several, thorough=False)

    judged = [
        (s.local, Held((s,)) if s.remote is None else OutgoingConnection((s,), blocking=False))
        for s in sockets[:MOST_CONNECTIONS]
    ]
    return with_holders(judged, who)


def run_facts(setting: Context, root: str) -> Iterator[RunFacts]:
    """Yield the runs of this user; those of this project with where their servers listen.

    Args:
        setting: machine and records.
        root: folder of the configuration; without one every project is looked at.
    """
    for charge in charges(setting.records()):
        record = charge.record
        own = root in ("", record.project)
        yield RunFacts(
            record.service,
            record.project,
            record.spec,
            record.state if charge.live else "",
            process=setting.machine.process(record.key.pid) if charge.live else None,
            server=_server(setting.machine, record.server, wanted=own and charge.live),
            left=next(_left(setting.machine, charge), None) if own else None,
        )


def _server(machine: Machine, key: ProcessKey | None, *, wanted: bool) -> Listener | None:
    return None if key is None or not wanted else listener(machine, key)


def _left(machine: Machine, charge: RunStatus) -> Iterator[Listener]:
    return (each for key in charge.left if (each := listener(machine, key)) is not None)


def listener(machine: Machine, key: ProcessKey) -> Listener | None:
    """Return a server with where it, and what it started, listens; None if it has ended."""
    process = machine.process(key.pid)
    if process is None or process.key != key or process.state in "ZX":
        return None
    return Listener(process, machine.listening({key.pid, *machine.descendants(key.pid)}))


def faults_of(config: Config, warnings: Sequence[str]) -> Iterator[FileProblem]:
    """Yield what is wrong with the files of a configuration that can be read."""
    for warning in warnings:
        yield FileProblem("config-doubtful", warning, config.path, severity="note")
    folder = os.path.dirname(os.path.realpath(config.path))
    status = os.stat(folder)
    if hasattr(os, "geteuid") and open_folder(folder, status):
        yield FileProblem(
            "folder-open-to-all",
            f"every user can put another `{os.path.basename(config.path)}` into `{folder}`",
            folder,
            (f"mode: {stat.S_IMODE(status.st_mode):04o}",),
            "whoever can write it decides which commands run as you",
            hints=("its owner can take that away, or root",),
            takes=takes_writing(status),
            severity="warning",
        )
    for service in config.services:
        if path := env_file_of(service, config):
            yield from _env_file(path, service.name)


def _env_file(path: str, service: str) -> Iterator[FileProblem]:
    """Yield why `devports run` could not read the variables of a service."""
    try:
        read_env_file(path)
    except DevportsError as error:
        yield fault_of(error, path, service)


def fault_of(error: DevportsError, path: str, service: str = "") -> FileProblem:
    """Return an error of a file as a fault."""
    unsafe = error.code == "config-unsafe"
    return FileProblem(
        error.code,
        error.message,
        os.path.realpath(path) if unsafe else path,
        error.facts,
        error.note,
        tuple(map(text_of, error.hints)),
        takes=unsafe and takes_writing(os.stat(path)),
        service=service,
    )

"""Rules about what the configuration declares.

files: Rules about the files that the configuration needs, and who else can change them.

servers: Rules about what a command says of its server: where it listens, and what it does
otherwise.
"""

from __future__ import annotations

from devports.core.model import WILDCARDS
from devports.core.remedies import Remedy
from devports.core.shell_syntax import instead_of, unshelled
from devports.core.text import quote
from devports.doctor.facts import Problem, RemoveWritePermission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.doctor.facts import Command, Facts, FileProblem, PortFacts
    from devports.system.programs import Environment


STARTABLE = {
    "missing": "command-not-found",
    "interpreter-missing": "interpreter-missing",
    "not-executable": "command-not-executable",
}
"""The codes under which `devports run` refuses the same."""


def folder_missing(facts: Facts) -> Iterator[Problem]:
    """A service is to start in a folder that is not there."""
    for command in facts.commands:
        if not command.folder_exists:
            yield Problem(
                "folder-missing",
                "error",
                f"the folder `{command.folder}` of `{command.service.name}` does not exist",
                remedies=(
                    Remedy(f"correct `cwd` in `[services.{command.service.name}]`, or make it"),
                ),
                service=command.service.name,
            )


def command_unusable(facts: Facts) -> Iterator[Problem]:
    """A command that cannot be started: not there, not executable, or its interpreter is not."""
    for command in facts.commands:
        if command.folder_exists and command.trouble and not _lacks_environment(command):
            yield Problem(
                STARTABLE[command.trouble],
                "error",
                f"the command `{command.word}` of `{command.service.name}` {_trouble(command)}",
                evidence=_where(command),
                why=NO_SHELL if command.trouble == "missing" and command.searched else "",
                remedies=tuple(_ways_out(command)),
                service=command.service.name,
            )


def _trouble(command: Command) -> str:
    words = {
        "missing": "was not found",
        "not-executable": "is not executable",
        "interpreter-missing": "names in its first line a program that does not exist",
    }
    return words[command.trouble]


def _where(command: Command) -> tuple[str, ...]:
    path = (f"PATH: {command.searched}",) if command.searched else ()
    return (f"folder: {command.folder}", *path)


NO_SHELL = "it is started without a shell, so aliases and functions do not count"


def _ways_out(command: Command) -> Iterator[Remedy]:
    written = unshelled(command.service)
    if written and instead_of((command.word,)):
        yield Remedy(written.hint)
        return
    if command.trouble == "not-executable":
        yield Remedy("makes it executable", f"chmod +x {command.word}")
        return
    if command.trouble == "interpreter-missing":
        yield Remedy(f"correct the first line of `{command.word}`, or install what it names")
        return
    if command.environment is not None:
        yield Remedy(f"install what the project needs into `{command.environment.folder}`")
    elif command.near:
        yield Remedy(f"it is in the project: begin `command` with `{command.near}`")
    elif not command.searched:
        yield Remedy(f"correct the path in `[services.{command.service.name}]`")
    else:
        yield Remedy("install it, or activate the environment that it is installed in")


def shell_missing(facts: Facts) -> Iterator[Problem]:
    """A command with a word that only a shell knows, where none runs; and it could be started."""
    for command in facts.commands:
        written = unshelled(command.service)
        if written and not (command.trouble and instead_of((command.word,))):
            yield Problem(
                "shell-missing",
                "warning",
                f"the command of `{command.service.name}` has `{written.word}`,"
                " which only a shell knows",
                why="no shell runs, so the program gets it as an argument",
                remedies=(Remedy(written.hint),),
                service=command.service.name,
            )


def _lacks_environment(command: Command) -> bool:
    found = command.environment
    return found is not None and found.state != "without"


def environment_unusable(facts: Facts) -> Iterator[Problem]:
    """The programs of a project are not installed, or its virtual environment is broken."""
    for command in facts.commands:
        found = command.environment
        if found is None or found.state == "without":
            continue
        name, what = command.service.name, WORDS[found.kind]
        gone = found.state == "absent"
        state = "that is not there" if gone else "whose Python has gone"
        yield Problem(
            "environment-missing" if gone else "environment-broken",
            "error",
            f"the command `{command.word}` of `{name}` needs {what} {state}",
            evidence=(f"folder: {found.folder}",),
            why="" if gone else "it was moved or copied, or the Python that made it was removed",
            remedies=(Remedy(_making(found), found.makes),),
            service=name,
        )


WORDS = {"python": "a virtual environment", "node": "a `node_modules`"}


def _making(found: Environment) -> str:
    if found.kind == "node":
        return "installs what package.json names"
    again = " anew" if found.state == "broken" else ""
    return f"makes it{again}, to install into it what the project needs"


def debugger_missing(facts: Facts) -> Iterator[Problem]:
    """A service is to be debugged, and the debugger is not where its Python looks."""
    for command in facts.commands:
        if command.undebugged:
            name, python = command.service.name, command.undebugged
            yield Problem(
                "debugger-missing",
                "warning",
                f"`{name}` declares debugpy, and the Python that runs it has none",
                evidence=(f"Python: {python}",),
                why="its task in VS Code, and `--debug` of `devports run`, cannot start it",
                remedies=(Remedy("installs it there", f"{quote(python)} -m pip install debugpy"),),
                service=name,
            )


def shared_number(facts: Facts) -> Iterator[Problem]:
    """Two services want one number on different addresses: both can be had, and are mixed up."""
    first: dict[int, PortFacts] = {}
    for declared in facts.ports:
        other = first.setdefault(declared.spec.port, declared)
        if other is not declared:
            yield Problem(
                "port-shared",
                "warning",
                f"`{other.title}` and `{declared.title}` both want port {declared.spec.port}",
                evidence=tuple(f"{each.title}: {each.spec}" for each in (other, declared)),
                why="they listen on different addresses, and `localhost` may reach either",
                remedies=(Remedy("give one of them another port"),),
                service=declared.service.name,
            )


def ephemeral(facts: Facts) -> Iterator[Problem]:
    """A port that the kernel gives to outgoing connections too."""
    low, high = facts.ephemeral
    for declared in facts.ports:
        port = declared.spec.port
        kept = any(first <= port <= last for first, last in facts.reserved)
        if low <= port <= high and not kept:
            yield Problem(
                "port-ephemeral",
                "warning",
                f"port {port} of `{declared.title}` is one that outgoing connections get",
                evidence=(f"this system gives them {low} to {high}",),
                why="one day a browser or a download has it when the server wants to start",
                about=declared.but(findings=declared.outgoing) if declared.outgoing else None,
                remedies=tuple(_out_of_range(facts, port)),
                service=declared.service.name,
            )


def _out_of_range(facts: Facts, port: int) -> Iterator[Remedy]:
    low, high = facts.ephemeral
    taken = {declared.spec.port for declared in facts.ports}
    better = next(p for p in range(8000 + port % 1000, 10000) if p not in taken)
    example = f", for example {better}" if not low <= better <= high else ""
    yield Remedy(f"choose a port outside {low}-{high}{example}")
    if facts.platform == "linux":
        ranges = [f"{a}-{b}" if a != b else str(a) for a, b in (*facts.reserved, (port, port))]
        setting = f"sysctl -w net.ipv4.ip_local_reserved_ports={','.join(ranges)}"
        as_root = facts.viewer.uid == 0
        root = "" if as_root else "sudo "
        title = "or keep the kernel from giving it away, until the next boot"
        yield Remedy(title, f"{root}{setting}", needs_root=not as_root)


PROJECT_RULES = (
    folder_missing,
    command_unusable,
    shell_missing,
    environment_unusable,
    debugger_missing,
    shared_number,
    ephemeral,
)


def faults(facts: Facts) -> Iterator[Problem]:
    """A file that cannot be used, or that others can change."""
    return map(as_problem, facts.faults)


def as_problem(fault: FileProblem) -> Problem:
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
        mend=RemoveWritePermission(fault.path) if fault.takes else None,
    )


FILE_RULES = (faults,)


STAYS = {
    "vite": ("--strictPort", "strictPort"),
    "vitepress": ("--strictPort", "strictPort"),
    "react-router": ("--strictPort", "strictPort"),
    "jupyter": ("--ServerApp.port_retries=0", "port_retries", "port-retries"),
    "storybook": ("--exact-port", "exact-port", "exactPort"),
    "serve": ("--no-port-switching", "no-port-switching"),
}
"""Servers that move though they are told a port: what keeps them, and what shows that it does."""

STAYS_IF_TOLD = {
    "next": "--port {port}",
    "streamlit": "--server.port {port}",
    "webpack": "--port {port}",
}
"""Servers that move only where they are told none. Both were measured (`detect.servers`)."""


def moves(facts: Facts) -> Iterator[Problem]:
    """A server that takes another port without a word where its own is taken."""
    for command in facts.commands:
        if flag := _keeps(command):
            name, by_npm = command.service.name, command.word == "npm"
            held = command.service.handoff != "plain"
            yield Problem(
                "server-moves",
                "note" if held else "warning",
                f"`{name}` starts {command.launch.kind}, which moves where its port is taken",
                why="`devports run` holds it to its port; started by hand, it takes another one"
                if held
                else "it takes another one, and whoever knows the declared one finds nobody there",
                remedies=(Remedy(f"add `{'-- ' if by_npm else ''}{flag}` to its command"),),
                service=name,
            )


def _keeps(command: Command) -> str:
    """Return the option that is missing to keep a server on its port; empty if none is."""
    launch, service = command.launch, command.service
    flag, *signs = STAYS.get(launch.kind, ("",))
    if flag:
        said = (*launch.words, launch.settings)
        return "" if any(sign in text for sign in signs for text in said) else flag
    by_variable = any("PORT" in name for name, _ in service.env)
    told = launch.port or by_variable or "port" in launch.settings
    return "" if told else STAYS_IF_TOLD.get(launch.kind, "")


def other_port(facts: Facts) -> Iterator[Problem]:
    """A command that names another port than the service declares."""
    for command in facts.commands:
        service, told = command.service, command.launch.port
        if told and told not in (service.port, *(port for _, port in service.ports)):
            yield Problem(
                "command-other-port",
                "error",
                f"`{service.name}` declares port {service.port}, and its command names {told}",
                why="devports would free and hold the one, and the server wants the other",
                remedies=(Remedy("write `{port}` in the command: devports puts the number there"),),
                service=service.name,
            )


def other_address(facts: Facts) -> Iterator[Problem]:
    """A command that listens on every address where one is declared."""
    for command in facts.commands:
        service, told = command.service, command.launch.host
        if told and service.host and service.host not in WILDCARDS:
            yield Problem(
                "command-other-address",
                "warning",
                f"`{service.name}` declares {service.host}, and its command listens on {told}",
                why="other machines can reach it, and only one of its addresses is looked after",
                remedies=(
                    Remedy(f'write `{{host}}` in the command, or host = "{told}" if it is meant'),
                ),
                service=service.name,
            )


def exit_code_hidden(facts: Facts) -> Iterator[Problem]:
    """A command whose shell ends well whatever becomes of the server."""
    for command in facts.commands:
        if end := command.launch.hides:
            yield Problem(
                "exit-code-hidden",
                "warning",
                f"the command of `{command.service.name}` ends in `{end}`",
                why="that hides the server's exit code: a crash looks like a good end",
                remedies=(Remedy("leave that out, or give a pipe to `bash -o pipefail -c`"),),
                service=command.service.name,
            )


SERVER_RULES = (other_port, other_address, exit_code_hidden, moves)

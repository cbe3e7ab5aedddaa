"""Rules about the project: its files, its commands, and its ports.

A rule about one command returns its problem, or None; the caller adds the service.
"""

from __future__ import annotations

from devports.core.model import WILDCARDS
from devports.core.remedies import Remedy
from devports.core.service import says_port
from devports.core.shell_syntax import instead_of, unshelled
from devports.core.text import quote
from devports.doctor.facts import Command, Facts, PortFacts, Problem, RemoveWritePermission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.system.programs import Environment


STARTABLE = {
    "missing": "command-not-found",
    "interpreter-missing": "interpreter-missing",
    "not-executable": "command-not-executable",
}
"""The codes with which `devports run` refuses the same."""
TROUBLES = {
    "missing": "was not found",
    "not-executable": "is not executable",
    "interpreter-missing": "has a missing interpreter in its first line",
}
WORDS = {"python": "a virtual environment", "node": "a `node_modules`"}

MOST_CHECKOUTS = 4
"""Maximum number of other checkouts that are named."""

STAYS = {
    "vite": ("--strictPort", "strictPort"),
    "vitepress": ("--strictPort", "strictPort"),
    "react-router": ("--strictPort", "strictPort"),
    "jupyter": ("--ServerApp.port_retries=0", "port_retries", "port-retries"),
    "storybook": ("--exact-port", "exact-port", "exactPort"),
    "serve": ("--no-port-switching", "no-port-switching"),
}
"""Servers that use another port though they are told one: the option against it, and the text in a
configuration that has the same effect."""
STAYS_IF_TOLD = {
    "next": "--port {port}",
    "streamlit": "--server.port {port}",
    "webpack": "--port {port}",
}
"""Servers that use another port only if they are told none. Measured (`detect.servers`)."""


def writable_by_others(problem: Problem, path: str) -> Problem:
    """Return the problem of a file that others can write, with a remedy and a fix."""
    closes = Remedy("review the file, then remove the permission", f"chmod o-w {quote(path)}")
    return problem.replace(remedies=(closes,), fix=RemoveWritePermission(path))


def folder_missing(command: Command) -> Problem | None:
    """The `cwd` of a service does not exist."""
    if command.folder_exists:
        return None
    return Problem(
        "folder-missing",
        "error",
        f"folder `{command.folder}` of `{command.service.name}` does not exist",
        remedies=(
            Remedy(f"correct `cwd` in `[services.{command.service.name}]`, or create the folder"),
        ),
    )


def command_unusable(command: Command) -> Problem | None:
    """A command that cannot be started: not found, not executable, or without its interpreter."""
    if not command.folder_exists or not command.trouble or _lacking(command):
        return None
    no_shell = "the command runs without a shell; aliases and functions do not work"
    path = (f"PATH: {command.searched}",) if command.searched else ()
    return Problem(
        STARTABLE[command.trouble],
        "error",
        f"the command `{command.word}` of `{command.service.name}` {TROUBLES[command.trouble]}",
        evidence=(f"folder: {command.folder}", *path),
        why=no_shell if command.trouble == "missing" and command.searched else "",
        remedies=(_way_out(command),),
    )


def _way_out(command: Command) -> Remedy:
    written = unshelled(command.service)
    if written and instead_of((command.word,)):
        return Remedy(written.hint)
    if command.trouble == "not-executable":
        return Remedy("make it executable", f"chmod +x {command.word}")
    if command.trouble == "interpreter-missing":
        return Remedy(f"correct the first line of `{command.word}`, or install that interpreter")
    if command.environment is not None:
        return Remedy(
            f"install the dependencies of the project into `{command.environment.folder}`"
        )
    if command.near:
        return Remedy(f"use `{command.near}` in `command`")
    if not command.searched:
        return Remedy(f"correct the path in `[services.{command.service.name}]`")
    return Remedy("install it, or activate the environment that has it")


def shell_missing(command: Command) -> Problem | None:
    """A startable command with a word that only a shell knows, without a shell."""
    written = unshelled(command.service)
    if not written or (command.trouble and instead_of((command.word,))):
        return None
    return Problem(
        "shell-missing",
        "warning",
        f"the command of `{command.service.name}` contains `{written.word}`, but runs "
        "without a shell",
        why="the program gets it as an argument",
        remedies=(Remedy(written.hint),),
    )


def _lacking(command: Command) -> Environment | None:
    """Return the environment of a command that cannot be used as it is."""
    found = command.environment
    return found if found is not None and found.state != "without" else None


def environment_unusable(command: Command) -> Problem | None:
    """The programs of a project are not installed, or its virtual environment is broken."""
    found = _lacking(command)
    if found is None:
        return None
    name, what = command.service.name, WORDS[found.kind]
    gone = found.state == "absent"
    state = "which does not exist" if gone else "which has no working Python"
    return Problem(
        "environment-missing" if gone else "environment-broken",
        "error",
        f"the command `{command.word}` of `{name}` needs {what} {state}",
        evidence=(f"folder: {found.folder}",),
        why="" if gone else "it was moved or copied, or the Python that made it was removed",
        remedies=(Remedy(_making(found), found.create_command),),
    )


def _making(found: Environment) -> str:
    if found.kind == "node":
        return "install the dependencies of package.json"
    verb = "recreate" if found.state == "broken" else "create"
    return f"{verb} it, then install the dependencies"


def debugger_missing(command: Command) -> Problem | None:
    """A service is to be debugged, and its Python does not find the debugger."""
    name, python = command.service.name, command.undebugged
    if not python:
        return None
    return Problem(
        "debugger-missing",
        "warning",
        f"debugpy is not installed in the Python of `{name}`",
        evidence=(f"Python: {python}",),
        why="its task in VS Code, and `--debug` of `devports run`, cannot start it",
        remedies=(Remedy("install it there", f"{quote(python)} -m pip install debugpy"),),
    )


def other_port(command: Command) -> Problem | None:
    """A command that names another port than the declared one."""
    service, told = command.service, command.launch.port
    if not told or told in (service.port, *(port for _, port in service.ports)):
        return None
    return Problem(
        "command-other-port",
        "error",
        f"`{service.name}` declares port {service.port}, but its command uses {told}",
        why="devports frees and holds the declared port; the server binds the other one",
        remedies=(Remedy("write `{port}` in the command; devports inserts the number"),),
    )


def port_unnamed(command: Command) -> Problem | None:
    """A command that never names its port, of a server that then listens on another one."""
    service, launch = command.service, command.launch
    told = launch.port or says_port(service)
    if told or launch.default in (0, service.port):
        return None
    naming = launch.naming or "{port}"
    return Problem(
        "command-without-port",
        "warning",
        f"`{service.name}` declares port {service.port}, and its command never names it",
        why=f"{launch.kind} does not read PORT: it listens on port {launch.default}",
        remedies=(Remedy(f"write `{naming}`{'' if launch.naming else ' in the command'}"),),
    )


def other_address(command: Command) -> Problem | None:
    """A command that listens on every address where one is declared."""
    service, told = command.service, command.launch.host
    if not told or not service.host or service.host in WILDCARDS:
        return None
    return Problem(
        "command-other-address",
        "warning",
        f"`{service.name}` declares {service.host}, but its command listens on {told}",
        why="other machines can reach it",
        remedies=(Remedy(f'write `{{host}}` in the command, or host = "{told}" if it is meant'),),
    )


def exit_code_hidden(command: Command) -> Problem | None:
    """A command whose shell exits with 0 though its server failed."""
    end = command.launch.hides
    if not end:
        return None
    return Problem(
        "exit-code-hidden",
        "warning",
        f"the command of `{command.service.name}` ends in `{end}`",
        why="it hides the server's exit code",
        remedies=(Remedy("remove that, or pass a pipe to `bash -o pipefail -c`"),),
    )


def moves(command: Command) -> Problem | None:
    """A server that silently uses another port where its own is in use."""
    flag = _keeps(command)
    if not flag or port_unnamed(command):  # it does not use its own port at all
        return None
    held = command.service.handoff not in ("plain", "none")
    return Problem(
        "server-moves",
        "note" if held else "warning",
        f"`{command.service.name}` runs {command.launch.kind}, which switches to "
        "another port if its port is in use",
        why="not under `devports run`, which holds the port; only if started manually"
        if held
        else "it uses another one, and clients of the declared port find no server there",
        remedies=(Remedy(f"add `{'-- ' if command.word == 'npm' else ''}{flag}` to its command"),),
    )


def _keeps(command: Command) -> str:
    """Return the missing option that keeps a server on its port; empty if none is missing."""
    launch, service = command.launch, command.service
    flag, *signs = STAYS.get(launch.kind, ("",))
    if flag:
        said = (*launch.words, launch.settings)
        return "" if any(sign in text for sign in signs for text in said) else flag
    by_variable = any("PORT" in name for name, _ in service.env)
    told = launch.port or by_variable or "port" in launch.settings
    return "" if told else STAYS_IF_TOLD.get(launch.kind, "")


def same_port(facts: Facts) -> Iterator[Problem]:
    """Two services declare one port on different addresses: possible, but easily confused."""
    first: dict[int, PortFacts] = {}
    for declared in facts.ports:
        other = first.setdefault(declared.spec.port, declared)
        if other is not declared:
            yield Problem(
                "port-shared",
                "warning",
                f"`{other.title}` and `{declared.title}` both declare port {declared.spec.port}",
                evidence=tuple(f"{each.title}: {each.spec}" for each in (other, declared)),
                why="they use different addresses, and `localhost` may reach either",
                remedies=(Remedy("change the port of one of them"),),
                service=declared.service.name,
            )


def shared_by_worktrees(facts: Facts) -> Iterator[Problem]:
    """The repository has several checkouts, and a service has one port for all of them."""
    started = [d for d in facts.ports if d.service.command and not d.name]
    if not facts.checkouts.others or any(declared.service.bases for declared in facts.ports):
        return
    for declared in started[:1]:
        yield Problem(
            "worktrees-share-a-port",
            "warning" if facts.checkouts.linked else "note",
            f"every checkout of this repository uses port {declared.spec.port} of "
            f"`{declared.title}`",
            evidence=(f"other checkouts: {', '.join(facts.checkouts.others[:MOST_CHECKOUTS])}",),
            why="only one of them can run at a time",
            remedies=(Remedy('set `port_per = "worktree"` in `[defaults]`'),),
            service=declared.service.name,
        )


def assigned_to_two(facts: Facts) -> Iterator[Problem]:
    """A port of the main checkout, which has those of the file, is another checkout's too."""
    for base, folder in facts.checkouts.twice:
        command = f"cd {quote(folder)} && devports ports --release"
        yield Problem(
            "assigned-to-two",
            "warning",
            f"port {base} of this checkout is also assigned to another one",
            evidence=(f"other checkout: {folder}",),
            why="a main checkout always has the ports of its file",
            remedies=(Remedy("assign other ports there", command),),
        )


def base_in_env_file(facts: Facts) -> Iterator[Problem]:
    """An env file, copied from another checkout, names a port of that one."""
    for line in facts.checkouts.lines:
        own = line.name == "PORT"
        why = (
            f"devports sets PORT to {line.port} in this worktree"
            if own
            else f"that is the server of another checkout; the one of this checkout has {line.port}"
        )
        value = f'{{ {line.name} = "http://localhost:{{services.{line.service}.port}}" }}'
        yield Problem(
            "base-in-env-file",
            "note" if own else "warning",
            f"`{line.name}` in an env file names port {line.base} of another checkout",
            evidence=(f"{line.path}:{line.number}",),
            why=why,
            remedies=(
                Remedy("remove the line" if own else f"replace it, for example by `env = {value}`"),
            ),
            service=line.service,
        )


def ephemeral_port(facts: Facts) -> Iterator[Problem]:
    """A port that the kernel assigns to outgoing connections too."""
    low, high = facts.ephemeral
    for declared in facts.ports:
        port = declared.spec.port
        kept = any(first <= port <= last for first, last in facts.reserved)
        if low <= port <= high and not kept:
            yield Problem(
                "port-ephemeral",
                "warning",
                f"port {port} of `{declared.title}` is in the range for outgoing connections",
                evidence=(f"range: {low} to {high}",),
                why="another program may occupy it at any time",
                about=declared.replace(findings=declared.outgoing) if declared.outgoing else None,
                remedies=tuple(_out_of_range(facts, port)),
                service=declared.service.name,
            )


def _out_of_range(facts: Facts, port: int) -> Iterator[Remedy]:
    low, high = facts.ephemeral
    taken = {declared.spec.port for declared in facts.ports}
    better = next(p for p in range(8000 + port % 1000, 10000) if p not in taken)
    example = f", for example {better}" if not low <= better <= high else ""
    yield Remedy(f"use a port outside {low}-{high}{example}")
    if facts.platform == "linux":
        ranges = [f"{a}-{b}" if a != b else str(a) for a, b in (*facts.reserved, (port, port))]
        setting = f"sysctl -w net.ipv4.ip_local_reserved_ports={','.join(ranges)}"
        as_root = facts.viewer.uid == 0
        root = "" if as_root else "sudo "
        title = "or exclude the port from the range until the next boot"
        yield Remedy(title, f"{root}{setting}", needs_root=not as_root)

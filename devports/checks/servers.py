"""Rules about what a command says of its server: where it listens, and what it does otherwise."""

from __future__ import annotations

from devports.checks.problem import Problem
from devports.core.model import WILDCARDS
from devports.core.remedy import Remedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Command, Facts

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


RULES = (other_port, other_address, exit_code_hidden, moves)

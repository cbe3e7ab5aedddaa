"""Advice: text that contains commands of devports as lists of arguments.

The source of an advice names the service and no file; `text_of` adds the configuration, so that a
copied command uses the same file.
"""

from __future__ import annotations

from devports.core.text import quote
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Advice: TypeAlias = "str | Hint"

ABOUT_PROJECT = (
    *("run", "up", "down", "logs", "status", "doctor", "init", "vscode", "validate"),
    *("env", "exec", "ports"),
)
"""Commands that read or write a configuration, with any arguments."""
ABOUT_TARGETS = ("free", "check", "wait")
"""Commands that read one for a service, and none for a port."""


class OwnCommand(Frozen):
    """A devports command: its arguments, the subcommand first.

    `sudo`: for root, whose PATH under sudo has no folder of a user.
    """

    args: tuple[str, ...]
    sudo: bool = False


class Hint(Frozen):
    """Text parts and the devports commands between them."""

    parts: tuple[str | OwnCommand, ...]


def own_command(*args: str) -> OwnCommand:
    return OwnCommand(args)


def hint(*parts: str | OwnCommand) -> Hint:
    """Return advice: `hint("run ", own_command("free", "web"), ", then start again")`."""
    return Hint(parts)


def text_of(advice: Advice | OwnCommand, config: str = "") -> str:
    """Return advice as a sentence with its commands in backticks.

    Args:
        advice: what to do, or one command alone, which is printed without backticks.
        config: the file of `--config`, empty for the nearest.
    """
    if isinstance(advice, str):
        return advice
    if isinstance(advice, Hint):
        return "".join(
            part if isinstance(part, str) else f"`{text_of(part, config)}`" for part in advice.parts
        )
    program = 'sudo "$(command -v devports)"' if advice.sudo else "devports"
    return " ".join([program, *map(quote, add_config_option(advice.args, config))])


def add_config_option(args: tuple[str, ...], config: str) -> tuple[str, ...]:
    """Return arguments with `--config FILE`, where the command reads one and has none."""
    name, *more = args
    if not config or "--config" in more or "--help" in more:
        return args
    targets = [word for word in more if not word.startswith("-")]
    named = not targets or not all(map(is_port, targets))
    reads = name in ABOUT_PROJECT or (name in ABOUT_TARGETS and named)
    end = args.index("--") if "--" in args else len(args)
    return (*args[:end], "--config", config, *args[end:]) if reads else args


def is_port(word: str) -> bool:
    """Return whether a target is a port or an address, as `parse_target` does."""
    return word.isdecimal() or ":" in word

"""What can be typed next: the answer to a TAB, from the same parser that reads the command line.

The scripts of the shells only ask, so an old script knows what a new devports can do. shtab, which
writes whole scripts from a parser, and argcomplete would each be a dependency, and their scripts or
their answers would still have to ask us for the names of services.

completion: `devports completion`: the script that lets a shell complete the command line.
"""

from __future__ import annotations

import argparse
import os

from devports import exitcodes
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from devports.ui.console import Console

    Pairs = Iterable[tuple[str, str]]
    Services = Callable[[str | None], Sequence["Named"]]


FILES = ":files"
"""In place of words: any file. No service, option or choice starts with a colon."""
STARTED, LOOKED_AT = "service", "target"
"""Arguments that name a service: to be started, or whose port it is about."""


class Named(Frozen):
    """A service: its name, what it is, and whether it has a command that could be started."""

    name: str
    text: str = ""
    starts: bool = False


class Typed(Frozen):
    """A command line up to the cursor, as far as a parser understands it.

    Attributes:
        waiting: the option whose value is next.
        values: what options have been given, by their `dest`.
        positionals: words that belong to no option.
        others: a `--` was typed: what follows is not ours.
    """

    waiting: argparse.Action | None = None
    values: tuple[tuple[str, str], ...] = ()
    positionals: tuple[str, ...] = ()
    others: bool = False


def answer(parser: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """Return the lines for a shell: a word, a tab, what it is; or `FILES`."""
    pairs = candidates(parser, words, services_of)
    lines = (f"{word}\t{' '.join(text.split())}" if text else word for word, text in pairs)
    return "".join(f"{line}\n" for line in lines)


def candidates(
    parser: argparse.ArgumentParser, words: Sequence[str], services: Services
) -> list[tuple[str, str]]:
    """Return what may stand in place of the last word, each with its description.

    Args:
        parser: of the whole command line.
        words: what was typed behind `devports`; the last one is incomplete, perhaps empty.
        services: those of a configuration.
    """
    # bash splits at "=": `--config=x` comes as three words.
    *before, current = list(words) or [""]
    before = [word for word in before if word != "="]
    current = "" if current == "=" else current
    chosen, rest = _command(parser, before)
    typed = _typed(chosen, rest)
    option, equals, value = current.partition("=")
    if equals and not typed.waiting and (action := _option(chosen, option)):
        found = _values(action, typed, services)
        return [
            (word if word == FILES else f"{option}={word}", text)
            for word, text in found
            if word == FILES or word.startswith(value)
        ]
    found = _next(chosen, typed, current, services)
    return [(word, text) for word, text in found if word == FILES or word.startswith(current)]


def _command(
    parser: argparse.ArgumentParser, words: Sequence[str]
) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser of the sub-command that was typed, and the words behind it."""
    named = next((i for i, word in enumerate(words) if not word.startswith("-")), None)
    commands = _commands(parser)
    if named is None or words[named] not in commands:
        return parser, list(words)
    return commands[words[named]], list(words[named + 1 :])


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the sub-commands: the only argument whose choices are a table."""
    found = (action.choices for action in _actions(parser) if isinstance(action.choices, dict))
    return next(found, {})


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a parser has been told; argparse has no public way to ask for it."""
    return parser._actions  # noqa: SLF001


def _option(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    return next((action for action in _actions(parser) if word in action.option_strings), None)


def _typed(parser: argparse.ArgumentParser, words: Iterable[str]) -> Typed:
    typed = Typed()
    for word in words:
        if typed.others:
            continue
        option, equals, value = word.partition("=")
        action = _option(parser, option) if word.startswith("-") else None
        if typed.waiting:
            pair = (typed.waiting.dest, word)
            typed = typed.but(waiting=None, values=(*typed.values, pair))
        elif word == "--":
            typed = typed.but(others=True)
        elif action is None:
            typed = typed.but(positionals=(*typed.positionals, word))
        elif equals or action.nargs == 0:
            typed = typed.but(values=(*typed.values, (action.dest, value)))
        else:
            typed = typed.but(waiting=action)
    return typed


def _next(parser: argparse.ArgumentParser, typed: Typed, current: str, services: Services) -> Pairs:
    if typed.others:
        return [(FILES, "")]
    if typed.waiting:
        return _values(typed.waiting, typed, services)
    if current.startswith("-"):
        return _options(parser, typed)
    positionals = [action for action in _actions(parser) if not action.option_strings]
    if not positionals:
        return []
    place = len(typed.positionals)
    action = positionals[min(place, len(positionals) - 1)]
    many = action.nargs in ("*", "+")
    return _values(action, typed, services) if many or place < len(positionals) else []


def _options(parser: argparse.ArgumentParser, typed: Typed) -> Iterator[tuple[str, str]]:
    """Yield the options that have not been given yet; short ones stand for themselves."""
    given = dict(typed.values)
    for action in _actions(parser):
        if action.dest not in given and action.help is not argparse.SUPPRESS:
            for option in action.option_strings:
                yield option, action.help or ""


def _values(action: argparse.Action, typed: Typed, services: Services) -> Pairs:
    """Return what an argument may be."""
    if isinstance(action.choices, dict):
        return [(name, parser.description or "") for name, parser in action.choices.items()]
    if action.choices:
        return [(str(choice), "") for choice in action.choices]
    if action.metavar == "FILE":
        return [(FILES, "")]
    if action.dest not in (STARTED, LOOKED_AT):
        return []
    every = services(dict(typed.values).get("config"))
    fitting = (each for each in every if each.starts or action.dest == LOOKED_AT)
    return [(each.name, each.text) for each in fitting if each.name not in typed.positionals]


def services_of(path: str | None) -> list[Named]:
    """Return the services of the configuration that holds here; none if it cannot be read."""
    import os  # like what follows, only where names are asked for

    from devports.config.load import load
    from devports.errors import DevportsError

    try:
        config = load(path, os.getcwd())
    except (DevportsError, OSError):
        return []
    return [
        Named(service.name, f"port {service.port}", starts=bool(service.command))
        for service in config.services
    ]


def completion(screen: Console, shell: str) -> int:
    """Print the script for a shell; it is shipped with devports."""
    from devports import completions  # data of the package

    path = os.path.join(os.path.dirname(completions.__file__), f"devports.{shell}")
    with open(path, encoding="utf-8") as file:
        screen.out(file.read().rstrip("\n"))
    return exitcodes.OK

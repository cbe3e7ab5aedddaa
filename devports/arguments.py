"""The commands and their options, declared. Imports argparse: one and a half Python starts."""

from __future__ import annotations

import argparse

from devports import __version__
from devports.core.model import port_number
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn

    from devports.core.hint import Hint

TARGET = "a service, a port (8000), an address (127.0.0.1:8000, [::1]:8000) or a URL"

LONGEST_WAIT = 3600
SHORTEST_PACE = 0.1


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, so that they look like every other one."""

    def __init__(self, *words: Any, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self.commands: dict[str, Parser] = {}

    @property
    def options(self) -> list[str]:
        """The long options; argparse has no public way to ask for them."""
        return [word for word in self._option_string_actions if word.startswith("--")]

    def error(self, message: str) -> NoReturn:
        raise DevportsError("usage", message, hints=(_help(*self.prog.split()[1:]),))


def _help(*command: str) -> Hint:
    from devports.core.hint import hint, ours

    return hint("run ", ours(*command, "--help"))


def parsed(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Parse the words of a command line, and name what was perhaps meant where they are wrong.

    Raises:
        DevportsError: they are no command, or none with these options.
    """
    command = next(iter(words), "")
    if command and not command.startswith("-") and command not in COMMANDS:
        known = f"commands: {', '.join(COMMANDS)}"
        raise _mistyped(f"no command `{command[:60]}`", command, COMMANDS, "", facts=(known,))
    options, more = parser.parse_known_args(words)
    if more:
        what = f"unrecognized arguments: {' '.join(more)}"
        name = options.command or ""
        raise _mistyped(
            what, more[0].partition("=")[0], parser.commands.get(name, parser).options, name
        )
    return options


def _mistyped(
    what: str, word: str, known: Iterable[str], command: str, *, facts: tuple[str, ...] = ()
) -> DevportsError:
    from devports.config.problem import nearest  # only where there is a mistake

    meant = nearest(word, known)
    suggestion = (f"did you mean `{meant}`?",) if meant else ()
    return DevportsError("usage", what, facts=facts, hints=(*suggestion, _help(*command.split())))


def build_parser(only: str = "", *, width: int = 80) -> Parser:
    """Declare the commands.

    Args:
        only: a command that need not wait for the others to be declared; all, if it is none.
        width: cells of a line of help. argparse would import shutil to know it, for every argument
            that is declared.
    """

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog, width=width - 2)

    text = "The port is yours before the server starts."
    parser = Parser(prog="devports", description=text, formatter_class=formatter)
    parser.add_argument("--version", action="version", version=f"devports {__version__}")
    commands = parser.add_subparsers(prog="devports", dest="command", metavar="COMMAND")
    for name in (only,) if only in COMMANDS else COMMANDS:
        text, shared, declare = COMMANDS[name]
        added = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False, formatter_class=formatter
        )
        if "config" in shared:
            which = "use this file, not the nearest one"
            added.add_argument("--config", metavar="FILE", help=which)
        if "json" in shared:
            added.add_argument("--json", action="store_true", help="one JSON document on stdout")
        declare(added)
        parser.commands[name] = added
    return parser


def _run(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [OPTIONS] SERVICE [-- ARGS]"
    parser.epilog = "ARGS are appended to the service's command."
    parser.add_argument("service", help="one that has a command")
    parser.add_argument("--port", type=port, help="use this port instead of the declared one")
    parser.add_argument(
        "--events", metavar="FILE", help="append what happens to FILE, as JSON, one object a line"
    )
    parser.add_argument(
        "--take-over", action="store_true", help="stop another `devports run` of this service first"
    )
    parser.add_argument(
        "--debug", action="store_true", help="start it under the debugger of its `vscode.debug`"
    )
    parser.add_argument(
        "--on-conflict",
        choices=("ask", "reclaim", "next", "fail"),
        help="what to do where the port is taken, instead of what is declared",
    )
    _consent(parser)


def _free(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", help=TARGET)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="from SIGTERM to SIGKILL (default: the service's stop_timeout, or 5)",
    )
    parser.add_argument(
        "--settle",
        type=seconds,
        default=4.0,
        metavar="SECONDS",
        help="watch so long whether a supervisor starts it again (default: 4)",
    )
    _consent(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="+", help=TARGET)


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", help=TARGET)
    parser.add_argument(
        "--all", action="store_true", help="everybody who listens on this machine, by project"
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on until q or Ctrl-C, and show what changes"
    )
    parser.add_argument(
        "--interval",
        type=pace,
        metavar="SECONDS",
        help="with --watch: seconds between two looks (default: 1)",
    )


def _vscode(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    for name, text in (
        ("check", "write nothing; exit 1 and the difference if anything would be written"),
        ("diff", "write nothing; show what would be written"),
    ):
        mode.add_argument(f"--{name}", dest="mode", action="store_const", const=name, help=text)
    parser.set_defaults(mode="write")


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="+", help=TARGET)
    parser.add_argument(
        "--for",
        dest="until",
        choices=("ready", "free"),
        default="ready",
        help="what is waited for (default: ready)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="how long (default: the service's ready.timeout, or 60)",
    )


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fix", action="store_true", help="mend what can be mended, asking about each"
    )


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="write it without asking")
    parser.add_argument("--dry-run", action="store_true", help="print it, write nothing")
    parser.add_argument("--no-input", action="store_true", help="never ask; no answer is no")


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("config", "result", "event"))


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def _nothing(_: argparse.ArgumentParser) -> None:
    """Declare no more than what the commands share."""


def _consent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="end holders without asking")
    parser.add_argument(
        "--other-users",
        action="store_true",
        help="with --yes: also processes of other users, where permitted",
    )
    parser.add_argument("--no-input", action="store_true", help="never ask; no answer is no")


def port(text: str) -> int:
    """Parse the argument of --port.

    Raises:
        DevportsError: it is not a port.
    """
    return port_number(text, text)


def pace(text: str) -> float:
    """Parse the argument of --interval.

    Raises:
        DevportsError: it is not a length of time, or so short that looking would be all we do.
    """
    if (length := seconds(text)) < SHORTEST_PACE:
        raise DevportsError("usage", f"`{text[:20]}` is less than {SHORTEST_PACE} seconds")
    return length


def seconds(text: str) -> float:
    """Parse a length of time, at most an hour.

    Raises:
        DevportsError: it is not a number of seconds.
    """
    whole, _, part = text.partition(".")
    if not (whole.isdecimal() and (part or "0").isdecimal() and float(text) <= LONGEST_WAIT):
        raise DevportsError("usage", f"`{text[:20]}` is not a number of seconds from 0 to 3600")
    return float(text)


BOTH = ("config", "json")
COMMANDS: dict[str, tuple[str, tuple[str, ...], Callable[[argparse.ArgumentParser], None]]] = {
    "run": ("take the port of a service, start it, stay with it", ("config",), _run),
    "free": ("end who holds a port, safely, and prove it bindable", BOTH, _free),
    "check": ("say whether a port can be bound now, and who holds it", BOTH, _check),
    "status": ("show who has the ports of this project", BOTH, _status),
    "wait": ("wait until a service is ready, or a port can be bound", BOTH, _wait),
    "doctor": ("say everything that is or will be wrong with ports here", BOTH, _doctor),
    "init": ("find the servers of this project and write a devports.toml", BOTH, _init),
    "vscode": ("write tasks and launch configurations for VS Code", BOTH, _vscode),
    "validate": ("check the configuration and nothing else", BOTH, _nothing),
    "schema": ("print a JSON Schema", (), _schema),
    "completion": ("print a completion script for a shell", (), _completion),
}
"""Each command: what it does, which options it shares with others, what it declares besides."""

"""The commands and their options, declared. Imports argparse: one and a half Python starts."""

from __future__ import annotations

import argparse

from devports import __version__
from devports.core.target import port_number
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

TARGET = "a service, a port (8000) or an address (127.0.0.1:8000, [::1]:8000)"

LONGEST_WAIT = 3600
SHORTEST_PACE = 0.1


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, so that they look like every other one."""

    def error(self, message: str) -> NoReturn:
        raise DevportsError("usage", message, hints=(f"run `{self.prog} --help`",))


def build_parser() -> Parser:
    """Declare the commands."""
    parser = Parser(prog="devports", description="The port is yours before the server starts.")
    parser.add_argument("--version", action="version", version=f"devports {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, text: str, *, json: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.add_argument("--config", metavar="FILE", help="use this file, not the nearest one")
        if json:
            added.add_argument("--json", action="store_true", help="one JSON document on stdout")
        return added

    _run(command("run", "take the port of a service, start it, stay with it", json=False))
    _free(command("free", "end who holds a port, safely, and prove it bindable"))
    check = command("check", "say whether a port can be bound now, and who holds it")
    check.add_argument("target", nargs="+", help=TARGET)
    _status(command("status", "show who has the ports of this project"))
    _wait(command("wait", "wait until a service is ready, or a port can be bound"))
    doctor = command("doctor", "say everything that is or will be wrong with ports here")
    doctor.add_argument(
        "--fix", action="store_true", help="mend what can be mended, asking about each"
    )
    _init(command("init", "find the servers of this project and write a devports.toml"))
    _vscode(command("vscode", "write tasks and launch configurations for VS Code"))
    command("validate", "check the configuration and nothing else")
    text = "print a JSON Schema"
    schema = commands.add_parser("schema", help=text, description=text, allow_abbrev=False)
    schema.add_argument("kind", choices=("config", "result", "event"))
    text = "print a completion script for a shell"
    completion = commands.add_parser("completion", help=text, description=text, allow_abbrev=False)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


def _run(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [OPTIONS] SERVICE [-- ARGS]"
    parser.epilog = "ARGS are appended to the service's command."
    parser.add_argument("service")
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
    parser.add_argument("--on-conflict", choices=("ask", "reclaim", "next", "fail"))
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


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="write it without asking")
    parser.add_argument("--dry-run", action="store_true", help="print it, write nothing")
    parser.add_argument("--no-input", action="store_true", help="never ask; no answer is no")


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

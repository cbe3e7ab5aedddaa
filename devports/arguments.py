"""The commands and their options, declared once: dispatch, `--help` and completion read them here.

Only the parser imports argparse, which costs one and a half Python starts: completion needs none.
"""

from __future__ import annotations

from itertools import takewhile

from devports import __version__
from devports.core.model import port_number
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from typing import Any, NoReturn

    from devports.core.hint import Hint

LONGEST_WAIT = 3600
SHORTEST_PACE = 0.1
LONGEST_NUMBER = 9


def port(text: str) -> int:
    """Parse the argument of --port.

    Raises:
        DevportsError: it is not a port.
    """
    if text.startswith("{"):  # of `--port 8000 uvicorn main:app --port {port}`
        fact = f"arguments before `--` are for devports; `{text[:20]}` is for the server"
        raise DevportsError("usage", f"`{text[:20]}` is not a port", facts=(fact,))
    return port_number(text, text)


def host(text: str) -> str:
    """Parse the argument of --host.

    Raises:
        DevportsError: it is neither a name nor a numeric address.
    """
    from devports.config.decode import wrong_host  # only if one is given

    if wrong := wrong_host(text):
        raise DevportsError("usage", f"`{text[:80]}` {wrong}")
    return text


def pace(text: str) -> float:
    """Parse the argument of --interval.

    Raises:
        DevportsError: it is not a duration, or too short.
    """
    if (length := seconds(text)) < SHORTEST_PACE:
        raise DevportsError("usage", f"`{text[:20]}` is less than {SHORTEST_PACE} seconds")
    return length


def seconds(text: str) -> float:
    """Parse a duration, at most an hour.

    Raises:
        DevportsError: it is not a number of seconds.
    """
    whole, _, part = text.partition(".")
    read = text.isascii() and whole.isdigit() and (part or "0").isdigit()
    if not read or float(text) > LONGEST_WAIT:
        raise DevportsError("usage", f"`{text[:20]}` is not a number of seconds between 0 and 3600")
    return float(text)


class Option:
    """An option, or a positional argument, in the terms of `ArgumentParser.add_argument`.

    An option with nothing but its help is a switch. `metavar` is the kind of its value, for
    completion too. Several settings of one mode (`store_const`) exclude each other.
    """

    def __init__(self, flags: str, text: str | None = None, **settings: Any) -> None:
        self.flags = tuple(flags.split())
        self.is_word = not flags.startswith("-")
        if not self.is_word and not settings.keys() & {"action", "type", "choices", "metavar"}:
            settings["action"] = "store_true"
        self.settings = settings | {"help": text}
        self.name: str = settings.get("dest", self.flags[-1].strip("-").replace("-", "_"))
        self.takes_value = "action" not in settings


class Command:
    """A command: its function, its help, and its options beside `--help`.

    Args:
        function: "module:function", called with a `Context` and the options by their names.
        text: its help.
        also: other words for it, for "did you mean".
        options: beside `--help`.
        waits: it may take long, so a signal has to end it with an exit code.
        passes_on: words behind ``--`` are the server's; they are given as `arguments`.
        shown: `usage` and `epilog` of its help, where argparse would generate others.
    """

    def __init__(
        self,
        function: str,
        text: str,
        *options: Option,
        also: str = "",
        waits: bool = False,
        passes_on: bool = False,
        **shown: str,
    ) -> None:
        self.function, self.text, self.options = function, text, options
        self.also = also.split()
        self.waits, self.passes_on, self.shown = waits, passes_on, shown


def tail(text: str) -> int | None:
    """Parse the argument of --tail; None for `all`.

    Raises:
        DevportsError: it is neither `all` nor a number.
    """
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > LONGEST_NUMBER:
        raise DevportsError("usage", f"`{text[:20]}` is neither a number of lines nor `all`")
    return int(text)


def length(flag: str, text: str, **settings: Any) -> Option:
    return Option(flag, text, metavar="SECONDS", **({"type": seconds} | settings))


def mode(name: str, text: str) -> Option:
    way = {"action": "store_const", "const": name, "default": "write"}
    return Option(f"--{name}", text, dest="mode", **way)


HELP = Option("-h --help", "Show this help message and exit", action="help")
VERSION = Option(
    "--version", "Show the version and exit", action="version", version=f"devports {__version__}"
)
CONFIG = Option("--config", "Use this configuration file", metavar="FILE")
COMMON = (CONFIG, Option("--json", "Print one JSON document", dest="as_json"))
NO_INPUT = Option("--no-input", "Never ask; treat every question as answered no")
TARGET = "A service, a port (8000), an address (127.0.0.1:8000, [::1]:8000) or a URL"
TARGETS = Option("words", TARGET, metavar="target", nargs="*")
SERVICES = Option(
    "words", "A service with a `command`; none: all of them", metavar="service", nargs="*"
)
SOME_TARGETS = Option("words", TARGET, metavar="target", nargs="+")
CONSENT = (
    Option("-y --yes", "Stop holders without asking"),
    Option("--other-users", "With --yes: also stop processes of other users, if permitted"),
    Option(
        "--other-checkouts",
        "With --yes: also stop processes of other checkouts of this repository, and "
        "live runs of other projects",
    ),
    NO_INPUT,
)
"""What may be stopped, and with which confirmation."""

COMMANDS = {
    "run": Command(
        "devports.commands.run:run",
        "Start a service on its port",
        CONFIG,
        Option("name", "A service with a `command`", metavar="service", nargs="?"),
        Option("--port", "Use this port instead of the declared one", type=port),
        Option("--host", "Use this address instead of the declared one", type=host),
        Option("--events", "Append events to FILE as JSON lines", metavar="FILE"),
        Option("--take-over", "Stop a live run of this service first"),
        Option("--debug", "Start the service under its debugger (`vscode.debug`)"),
        Option(
            "--on-conflict",
            "What to do if the port is in use (overrides `on_conflict`)",
            choices=("ask", "reclaim", "next", "fail"),
        ),
        *CONSENT,
        also="start serve launch",
        waits=True,
        passes_on=True,
        usage="%(prog)s [OPTIONS] SERVICE [-- ARGS]\n"
        "       %(prog)s [OPTIONS] --port PORT -- COMMAND",
        epilog="ARGS are appended to the service's command. COMMAND needs no devports.toml: {port},"
        " {host} and {fd} in it are filled in, and PORT is set.",
    ),
    "up": Command(
        "devports.commands.up:up",
        "Start services in the background and wait until they are ready",
        *COMMON,
        SERVICES,
        *CONSENT,
        also="restart background daemon",
        waits=True,
    ),
    "down": Command(
        "devports.commands.down:down",
        "Stop the services that run in the background",
        *COMMON,
        SERVICES,
        waits=True,
    ),
    "logs": Command(
        "devports.commands.logs:logs",
        "Print the output of a service in the background",
        CONFIG,
        Option("name", "A service that `devports up` has started", metavar="service"),
        Option("-f --follow", "Print further output until the run ends"),
        Option(
            "--tail",
            "Print the last LINES lines, or `all` (default: 100)",
            metavar="LINES",
            type=tail,
            default=100,
        ),
        also="log tail output",
        waits=True,
    ),
    "free": Command(
        "devports.commands.free:free_targets",
        "Free a port: stop its holder and wait until the port can be bound",
        *COMMON,
        TARGETS,
        Option("--dry-run", "Show what would be stopped, without stopping it"),
        length(
            "--timeout",
            "Time between SIGTERM and SIGKILL (default: `stop_timeout` of the service, or 5)",
        ),
        length(
            "--settle", "How long to watch for a restart by a supervisor (default: 4)", default=4.0
        ),
        *CONSENT,
        also="stop kill",
        waits=True,
    ),
    "check": Command(
        "devports.commands.check:check",
        "Check whether a port is free, and show its holder",
        *COMMON,
        SOME_TARGETS,
    ),
    "status": Command(
        "devports.commands.status:status",
        "Show the ports of this project and their holders",
        *COMMON,
        TARGETS,
        Option(
            "--all", "Show all listeners on this machine, grouped by project", dest="everything"
        ),
        Option("--watch", "Keep the output up to date until q or Ctrl-C"),
        length("--interval", "Seconds between updates with --watch (default: 1)", type=pace),
        also="list ls ps",
    ),
    "wait": Command(
        "devports.commands.wait:wait",
        "Wait until a service is ready or a port is free",
        *COMMON,
        SOME_TARGETS,
        Option(
            "--for",
            "What to wait for (default: ready)",
            dest="until",
            choices=("ready", "free"),
            default="ready",
        ),
        length(
            "--timeout", "Maximum wait in seconds (default: `ready.timeout` of the service, or 60)"
        ),
        waits=True,
    ),
    "env": Command(
        "devports.commands.environment:env",
        "Print the ports of this checkout as variables of a shell",
        *COMMON,
        Option("name", "Also print PORT and URL of this service", metavar="target", nargs="?"),
        Option(
            "--format",
            "Lines for a shell (default), or for a file of variables",
            dest="syntax",
            choices=("shell", "dotenv"),
            default="shell",
        ),
        also="environment",
    ),
    "exec": Command(
        "devports.commands.environment:execute",
        "Run a command with the ports of this checkout as variables",
        CONFIG,
        Option("name", "Also set PORT and URL of this service", metavar="target", nargs="?"),
        passes_on=True,
        usage="%(prog)s [OPTIONS] [SERVICE] -- COMMAND",
        epilog="COMMAND replaces devports: its exit code is the one of this command. It gets the"
        " variables that `devports env` prints.",
    ),
    "ports": Command(
        "devports.commands.ports:ports",
        "Show the ports of every checkout of this project",
        *COMMON,
        Option(
            "--release",
            "Forget the ports of a checkout (default: this one)",
            metavar="FOLDER",
            nargs="?",
            const="",
        ),
    ),
    "doctor": Command(
        "devports.commands.doctor:doctor",
        "Check ports, configuration and editor files for problems",
        *COMMON,
        Option("--fix", "Fix problems, asking before each change"),
        Option("--self-test", "Test with real sockets what devports sees of this machine"),
    ),
    "init": Command(
        "devports.commands.init:init",
        "Create devports.toml from the servers found in this project",
        *COMMON,
        Option("-y --yes", "Write without asking"),
        Option("--dry-run", "Print the file and write nothing"),
        Option("--example", "If no server is found, write an example that runs"),
        NO_INPUT,
    ),
    "vscode": Command(
        "devports.commands.vscode:vscode",
        "Write VS Code tasks and launch configurations",
        *COMMON,
        Option(
            "folder", "The opened folder (default: the current one)", metavar="FOLDER", nargs="?"
        ),
        mode("check", "Write nothing; print the diff and exit 1 if files are out of date"),
        mode("diff", "Write nothing; print the diff"),
        Option("--below", "Include each devports.toml in the folders below"),
        NO_INPUT,
    ),
    "validate": Command(
        "devports.commands.validate:validate", "Check the configuration file", *COMMON
    ),
    "schema": Command(
        "devports.commands.validate:schema",
        "Print a JSON Schema",
        Option("kind", choices=("config", "result", "event")),
    ),
    "completion": Command(
        "devports.completion:completion",
        "Print a shell completion script",
        Option("shell", choices=("bash", "zsh", "fish")),
    ),
}


def options_of(command: str) -> tuple[Option, ...]:
    """Return the options of a command; of `devports` itself, if it is none."""
    if command in COMMANDS:
        return (HELP, *COMMANDS[command].options)
    return (HELP, VERSION, Option("command", choices=COMMANDS))


def build_parser(only: str = "", *, width: int = 80) -> argparse.ArgumentParser:
    """Declare the commands to argparse.

    Args:
        only: the one command to declare; all, if it is none.
        width: cells of a line of help. argparse would import shutil for it, for every argument.
    """
    import argparse

    class Parser(argparse.ArgumentParser):
        """A parser that raises `DevportsError`, so that its errors look like all others."""

        def error(self, message: str) -> NoReturn:
            raise DevportsError("usage", message, hints=(_help(*self.prog.split()[1:]),))

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog, width=width - 2)

    common: dict[str, Any] = {"formatter_class": formatter, "add_help": False}
    text = "Start development servers on their ports, every time."
    parser = Parser(prog="devports", description=text, **common)
    _declare(parser, (HELP, VERSION))
    commands = parser.add_subparsers(prog="devports", dest="command", metavar="COMMAND")
    for name in (only,) if only in COMMANDS else COMMANDS:
        command = COMMANDS[name]
        about: dict[str, Any] = {"help": command.text, "description": command.text} | command.shown
        added = commands.add_parser(name, allow_abbrev=False, **about, **common)
        _declare(added, options_of(name))
    return parser


def _declare(parser: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    ways = None
    for option in options:
        into: argparse._ActionsContainer = parser
        if option.settings.get("action") == "store_const":
            into = ways = ways or parser.add_mutually_exclusive_group()
        into.add_argument(*option.flags, **option.settings)


def parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse the words of a command line, with suggestions if they are invalid.

    Raises:
        DevportsError: they are no command, or none with these options.
    """
    first = next(iter(words), "")
    if first and not first.startswith("-") and first not in COMMANDS:
        raise _no_command(words)
    options, more = parser.parse_known_args(words)
    if more:
        name = options.command or ""
        flags = [flag for each in options_of(name) for flag in each.flags if flag[:2] == "--"]
        what = f"unknown arguments: {' '.join(more)}"
        behind = name in COMMANDS and COMMANDS[name].passes_on and not more[0].startswith("-")
        facts = ("put the arguments of the server after `--`",) if behind else ()
        raise _mistyped(what, more[0].partition("=")[0], flags, name, facts=facts)
    _refuse_bare(options)
    return options


def _no_command(words: Sequence[str]) -> DevportsError:
    """Return the error for an unknown command; a target or a common synonym gets a hint."""
    from devports.core.hint import hint, is_port, own_command  # only where there is a mistake

    first = words[0]
    known = f"commands: {', '.join(COMMANDS)}"
    error = _mistyped(f"unknown command `{first[:60]}`", first, COMMANDS, "", facts=(known,))
    other = next((name for name, command in COMMANDS.items() if first in command.also), "")
    behind = takewhile(lambda word: not word.startswith("-"), words[1:])
    meant = (other, *behind) if other else ("check", first) if is_port(first) else ()
    if meant:
        error.hints = (hint("did you mean ", own_command(*meant), "?"), error.hints[-1])
    return error


def _refuse_bare(options: argparse.Namespace) -> None:
    """Refuse options that only extend `--yes` without it."""
    if getattr(options, "yes", True):
        return
    for name in ("other_users", "other_checkouts"):
        if getattr(options, name, False):
            flag = f"--{name.replace('_', '-')}"
            hints = (_help(options.command),)
            raise DevportsError("usage", f"`{flag}` needs `--yes`", hints=hints)


def _help(*command: str) -> Hint:
    from devports.core.hint import hint, own_command  # only where there is a mistake

    return hint("run ", own_command(*command, "--help"))


def _mistyped(
    what: str, word: str, known: Iterable[str], command: str, *, facts: tuple[str, ...] = ()
) -> DevportsError:
    from devports.config.report import nearest  # only where there is a mistake

    meant = nearest(word, known)
    suggestion = (f"did you mean `{meant}`?",) if meant else ()
    return DevportsError("usage", what, facts=facts, hints=(*suggestion, _help(*command.split())))

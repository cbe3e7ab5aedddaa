"""The command line: what was typed -> one command -> an exit code.

The only place that turns errors into exit codes. `check` and `status` with plain targets, which
scripts and prompts call most, go past argparse, which costs more than all the rest of them.

report: The report of a bug: versions, platform and traceback, as markdown.
"""

from __future__ import annotations

import os
import sys
from errno import EPIPE

from devports import __version__, exitcodes
from devports.errors import DevportsError
from devports.ui.console import DEFAULT_WIDTH, Console, reopen_closed_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import NoReturn

    from devports.commands.context import Context
    from devports.core.recovery import Ended


COMPLETE = "__complete"
"""What the completion scripts call; not declared, since nobody types it."""


def start() -> NoReturn:
    """Run one command and end the process at once, past the interpreter's tidying up.

    That takes as long as a quarter of a bare start, and leaves nothing undone: we write past
    Python's buffers and register nothing for the end. mypy does so too (`mypy.util.hard_exit`).
    """
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader is gone, or the disk is full
        code = code or exitcodes.NO
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    reopen_closed_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    ours, _ = split(words)
    as_json = "--json" in ours
    screen = Console.of_process(may_ask=not as_json and "--no-input" not in ours)
    try:
        code = dispatch(words, screen)
    except DevportsError as error:
        code = show(error, words, screen, as_json=as_json)
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else 2
        code = exitcodes.of_signal(number)
        if as_json:
            show(interrupted(number), words, screen, as_json=True)
        elif words[:1] == ["run"]:
            tell_editor_of_failure(f"ended by signal {number}, before a server was started", screen)
    except Exception as error:  # noqa: BLE001  # the one place for bugs
        code = show(bug(error), words, screen, as_json=as_json)
    lost = screen.lost.get("stdout", EPIPE)
    if lost == EPIPE:  # a reader like head(1) may stop
        return code
    return code or show(unwritten(lost), words, screen, as_json=False)


def dispatch(words: list[str], screen: Console) -> int:
    """Call the command that `words` name."""
    if words == ["--version"]:
        screen.out(f"devports {__version__}")
        return exitcodes.OK
    if words and not any(word.startswith("-") for word in words):
        from devports.commands.context import Context

        match words:
            case ["check", _, *_]:
                from devports.commands.check import check  # each one by itself

                return check(Context(screen), words[1:])
            case ["status", *_]:
                from devports.commands.status import status

                return status(Context(screen), words[1:])
            case _:
                pass
    from devports.arguments import build_parser, parsed

    parser = build_parser(*words[:1], width=screen.width("stdout") or DEFAULT_WIDTH)
    if words[:1] == [COMPLETE]:
        from devports.completion import answer

        screen.write("stdout", answer(parser, words[1:]))
        return exitcodes.OK
    ours, rest = split(words)
    options = parsed(parser, ours if words[:1] == ["run"] else words)
    if options.command is None:
        screen.err(parser.format_help().rstrip())
        return exitcodes.USAGE
    return call(options, rest, screen)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return what is before the first ``--`` and what is behind it: the server's own words."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def call(options: Namespace, arguments: Sequence[str], screen: Console) -> int:
    """Call a command with named plain arguments."""
    from devports.commands.context import Context

    setting = Context(screen, getattr(options, "config", None))
    match options.command:
        case "run":
            return call_run(setting, options, arguments)
        case "free" | "wait":
            return call_patient(setting, options)
        case "check":
            from devports.commands.check import check

            return check(setting, options.target, as_json=options.json)
        case "status":
            from devports.commands.status import status

            return status(
                setting,
                options.target,
                everything=options.all,
                watch=options.watch,
                interval=options.interval,
                as_json=options.json,
            )
        case "doctor":
            from devports.commands.doctor import doctor

            return doctor(setting, fix=options.fix, as_json=options.json)
        case _:
            return call_writing(setting, options)


def call_run(setting: Context, options: Namespace, arguments: Sequence[str]) -> int:
    tell_editor_of_begin(options.service, setting.screen)
    from devports.run import refuse_on_windows

    refuse_on_windows(options.service)
    from devports.commands.run import run

    end_by_a_number()
    if options.debug:
        from devports.commands.debugger import debug

        debug(setting, options.service)
    ended = run(
        setting,
        options.service,
        arguments,
        yes=options.yes,
        other_users=options.other_users,
        other_checkouts=options.other_checkouts,
        on_conflict=options.on_conflict,
        port=options.port,
        events=options.events,
        take_over=options.take_over,
    )
    tell_editor_of_end(options.service, ended, setting.screen)
    return ended.code


def call_patient(setting: Context, options: Namespace) -> int:
    """Call a command that may wait, and that a signal ends with a number."""
    end_by_a_number()
    if options.command == "wait":
        from devports.commands.wait import wait

        return wait(
            setting,
            options.target,
            until=options.until,
            timeout=options.timeout,
            as_json=options.json,
        )
    from devports.commands.free import free_targets

    return free_targets(
        setting,
        options.target,
        yes=options.yes,
        other_users=options.other_users,
        other_checkouts=options.other_checkouts,
        dry_run=options.dry_run,
        timeout=options.timeout,
        settle=options.settle,
        as_json=options.json,
    )


def call_writing(setting: Context, options: Namespace) -> int:
    """Call a command about files: the configuration, the editor's, a shell's, a schema."""
    match options.command:
        case "init":
            from devports.commands.init import init

            return init(setting, yes=options.yes, dry_run=options.dry_run, as_json=options.json)
        case "vscode":
            from devports.commands.vscode import vscode

            return vscode(setting, options.mode, as_json=options.json)
        case "validate":
            from devports.commands.validate import validate

            return validate(setting, as_json=options.json)
        case "completion":
            from devports.completion import completion

            return completion(setting.screen, options.shell)
        case _:
            from devports.commands.validate import schema

            return schema(setting.screen, options.kind)


def tell_editor_of_begin(service: str, screen: Console) -> None:
    """Let VS Code know at once that a run has begun: it waits five seconds for that line."""
    from devports.ui import run_progress

    if run_progress.is_read(screen.env):
        screen.err(run_progress.begins(service))


def tell_editor_of_end(service: str, ended: Ended, screen: Console) -> None:
    """Let VS Code know that a run has failed, before the process ends."""
    from devports.ui import run_progress

    if what := run_progress.meaning(service, ended):
        tell_editor_of_failure(what, screen)


def tell_editor_of_failure(what: str, screen: Console) -> None:
    """Print the lines that let VS Code stop the start of a debugger."""
    from devports.ui import run_progress

    if run_progress.is_read(screen.env):
        screen.err(run_progress.failure(what, config_name()))


def config_name() -> str:
    """Return the name of the configuration that holds here, for VS Code to show."""
    from devports.config.load import OWN, find

    try:
        return os.path.basename(find(os.getcwd()) or OWN)
    except OSError:  # the folder is gone
        return OWN


def end_by_a_number() -> None:
    """Turn SIGTERM and SIGHUP into what Ctrl-C is: an exit code. See `devports.exitcodes`.

    Some launchers block or ignore signals for themselves and forget to undo that before the exec:
    the end of a child has to be told to us, and what ends us has to arrive.
    """
    import signal  # enum: half a Python start

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    if (child_ended := getattr(signal, "SIGCHLD", None)) is not None:  # Windows has none
        signal.signal(child_ended, signal.SIG_DFL)
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    for number in numbers:
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)
    if (mask := getattr(signal, "pthread_sigmask", None)) is not None:
        unblock: int = getattr(signal, "SIG_UNBLOCK")  # noqa: B009  # Windows knows neither
        mask(unblock, [signal.SIGINT, *filter(None, numbers)])


def show(error: DevportsError, words: Sequence[str], screen: Console, *, as_json: bool) -> int:
    """Show an error in the form that was asked for and return its exit code."""
    if as_json:
        from devports.arguments import COMMANDS

        command = [word for word in words[:1] if word in COMMANDS]
        screen.answer(command, {}, exit_code=error.exit_code, errors=(error,))
    else:
        from devports.ui.messages import error_block

        screen.err(error_block(error, screen.look("stderr")))
        if words[:1] == ["run"]:
            from devports.ui.run_progress import in_short

            tell_editor_of_failure(in_short(error), screen)
    return error.exit_code


def interrupted(number: int) -> DevportsError:
    """Return that a signal has ended the command before its answer, for a program that reads it."""
    return DevportsError(
        "interrupted",
        f"ended by signal {number}: what was done until then stands on stderr",
        exit_code=exitcodes.of_signal(number),
    )


def unwritten(number: int) -> DevportsError:
    """Return that the answer could not be written, which is no answer."""
    message = f"the output could not be written: {os.strerror(number)}"
    return DevportsError("output-lost", message, exit_code=exitcodes.NO)


def bug(error: Exception) -> DevportsError:
    """Write a report, ready to be pasted into an issue, and say where it is."""
    return DevportsError(
        "internal-error",
        f"devports has a bug: {type(error).__name__}: {error}",
        facts=(f"report: {write(error)}",),
        hints=("report it with that file; nothing in it is sent by itself",),
        exit_code=exitcodes.INTERNAL,
    )


def write(error: BaseException) -> str:
    """Write the report to a new file that only this user can read; return its path."""
    import platform
    import tempfile
    import traceback

    text = "\n".join(
        (
            "### devports report",
            "",
            f"- devports {__version__}",
            f"- {platform.python_implementation()} {platform.python_version()}",
            f"- {platform.platform()}",
            "",
            "```text",
            "".join(traceback.format_exception(error)).rstrip(),
            "```",
            "",
        )
    )
    try:
        descriptor, path = tempfile.mkstemp(prefix="devports-report-", suffix=".md")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "(could not be written)"
    return path

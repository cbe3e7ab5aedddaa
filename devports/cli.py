"""The command line: words -> one command -> an exit code.

The only place that turns errors into exit codes, and a bug into a report. `check` and `status` with
plain targets, which scripts and prompts call most, bypass argparse: it costs more than they do.
"""

from __future__ import annotations

import os
import sys
from errno import EPIPE

from devports import __version__, exitcodes
from devports.errors import DevportsError, is_refusal
from devports.system import refusal
from devports.ui.console import DEFAULT_WIDTH, Console, reopen_closed_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

REPORT = """### devports report

- devports {devports}
- {python}
- {system}

```text
{traceback}
```
"""
COMPLETE = "__complete"
"""The command of the completion scripts; not declared, since it is not for people."""


def start() -> NoReturn:
    """Run one command and end the process at once, without the interpreter's finalization.

    That takes as long as a quarter of a bare start, and nothing needs it: devports writes past
    Python's buffers and registers nothing for the exit. mypy does so too (`mypy.util.hard_exit`).
    """
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader is closed, or the disk is full
        code = code or exitcodes.NO
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    reopen_closed_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    before, _ = split(words)
    as_json = "--json" in before
    screen = Console.of_process()
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
            from devports.commands.context import print_vscode_failure

            why = f"interrupted by signal {number} before a server was started"
            print_vscode_failure(why, screen, service=" ".join(words[1:2]))
    except (OSError, MemoryError, ImportError) as error:
        code = show(refused(error, words), words, screen, as_json=as_json)
    except Exception as error:  # noqa: BLE001  # the one place for bugs
        code = show(bug(error), words, screen, as_json=as_json)
    lost = output_error(screen.lost.get("stdout"))
    return show(lost, words, screen, as_json=False) if lost and not code else code


def dispatch(words: list[str], screen: Console) -> int:
    if words == ["--version"]:
        screen.out(f"devports {__version__}")
        return exitcodes.OK
    plain = [*words[:1], *(word for word in words[1:] if word != "--json")]
    if not any(word.startswith("-") for word in plain):
        options: dict[str, Any] = {"words": plain[1:], "as_json": len(plain) < len(words)}
        match plain:
            case ["check", _, *_]:
                return call("devports.commands.check:check", screen, **options)
            case ["status", *_]:
                return call("devports.commands.status:status", screen, **options)
            case _:
                pass
    if words[:1] == [COMPLETE]:
        from devports.completion import answer

        screen.write("stdout", answer(words[1:]))
        return exitcodes.OK
    return with_options(words, screen)


def with_options(words: list[str], screen: Console) -> int:
    """Call the command that `words` name, as the table of commands declares it."""
    from devports.arguments import COMMANDS, build_parser, parsed

    parser = build_parser(*words[:1], width=screen.width("stdout") or DEFAULT_WIDTH)
    first = COMMANDS.get(next(iter(words), ""))
    own, arguments = split(words) if first and first.passes_on else (words, [])
    options = vars(parsed(parser, own))
    name = options.pop("command")
    if name is None:
        screen.err(parser.format_help().rstrip())
        return exitcodes.USAGE
    command = COMMANDS[name]
    if command.passes_on:
        options["arguments"] = arguments
    silent = options.pop("no_input", False)
    screen.may_ask = not (silent or options.get("as_json"))
    if name == "run" and (subject := options["name"] or " ".join(arguments[:1])):
        announce_run(subject, screen)
    if command.waits:
        exit_with_signal_code()
    return call(command.function, screen, **options)


def call(function: str, screen: Console, config: str | None = None, **options: Any) -> int:
    """Call "module:function" with the context of a command and its options."""
    from devports.commands.context import Context

    module, _, name = function.partition(":")
    do = getattr(__import__(module, fromlist=[name]), name)
    code: int = do(Context(screen, config), **options)
    return code


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words before the first ``--``, and those behind it: the server's own."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def announce_run(service: str, screen: Console) -> None:
    """Print the first line of a run, or refuse it, before the modules of `run` are imported.

    VS Code waits five seconds for that line, and Windows cannot import them.
    """
    from devports.run import refuse_on_windows
    from devports.ui.text import in_vscode

    if in_vscode(screen.env):
        from devports.ui.run_progress import start_line

        screen.err(start_line(service))
    refuse_on_windows(service)


def exit_with_signal_code() -> None:
    """Make SIGTERM and SIGHUP end the command with an exit code, as Ctrl-C does.

    Some launchers block or ignore signals for themselves and forget to undo that before the exec:
    SIGCHLD and the signals that end devports have to be delivered. See `devports.exitcodes`.
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


def refused(error: OSError | MemoryError | ImportError, words: Sequence[str]) -> DevportsError:
    """Return the message for an error of the machine, and a bug report for any other one."""
    if not is_refusal(error):
        return bug(error)
    code = exitcodes.NOT_EXECUTABLE if words[:1] == ["run"] else exitcodes.CANNOT_INSPECT
    return refusal(error, exit_code=code)


def show(error: DevportsError, words: Sequence[str], screen: Console, *, as_json: bool) -> int:
    """Show an error in the requested form and return its exit code."""
    try:
        _show(error, words, screen, as_json=as_json)
    except (OSError, MemoryError, ImportError):  # a limit applies to the modules that show it, too
        hints = [f"hint: {hint}" for hint in error.hints if isinstance(hint, str)]
        screen.err("\n".join([f"error: {error.message}", *hints]))
    return error.exit_code


def _show(error: DevportsError, words: Sequence[str], screen: Console, *, as_json: bool) -> None:
    if as_json:
        from devports.arguments import COMMANDS

        command = [word for word in words[:1] if word in COMMANDS]
        screen.answer(command, {}, exit_code=error.exit_code, errors=(error,))
    else:
        from devports.ui.messages import error_block

        screen.err(error_block(error, screen.output_style("stderr")))
        if words[:1] == ["run"]:
            from devports.commands.context import print_vscode_failure
            from devports.ui.run_progress import one_line

            line, name = error.line, error.service
            print_vscode_failure(one_line(error), screen, service=name, line=line)


def interrupted(number: int) -> DevportsError:
    """Return the error for a signal that has ended the command before its answer, for --json."""
    return DevportsError(
        "interrupted",
        f"interrupted by signal {number}; progress so far is on stderr",
        exit_code=exitcodes.of_signal(number),
    )


def output_error(lost: int | None) -> DevportsError | None:
    """Return the error for an answer that could not be written.

    Args:
        lost: the errno that ended stdout, 0 if there is no stdout; None if all was written. A
            reader like head(1) may stop: EPIPE is no error.
    """
    if lost is None or lost == EPIPE:
        return None
    why = os.strerror(lost) if lost else "it was closed, or its reader takes nothing"
    message = f"cannot write the output: {why}"
    return DevportsError("output-lost", message, exit_code=exitcodes.NO)


def bug(error: Exception) -> DevportsError:
    """Write a bug report, ready to be pasted into an issue, and return the error that names it."""
    from devports.ui.escape import redacted_text

    return DevportsError(
        "internal-error",
        redacted_text(f"internal error (a bug in devports): {type(error).__name__}: {error}"),
        facts=(f"report: {write(error)}",),
        hints=("please report it with that file (devports sends nothing)",),
        exit_code=exitcodes.INTERNAL,
    )


def write(error: BaseException) -> str:
    """Write the report to a new file that only this user can read; return its path."""
    try:
        import platform
        import tempfile
        import traceback

        from devports.ui.escape import redacted_text

        lines = "".join(traceback.format_exception(error)).rstrip().split("\n")
        text = REPORT.format(
            devports=__version__,
            python=f"{platform.python_implementation()} {platform.python_version()}",
            system=platform.platform(),
            traceback="\n".join(map(redacted_text, lines)),
        )
        descriptor, path = tempfile.mkstemp(prefix="devports-report-", suffix=".md")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except (OSError, ImportError):
        return "(could not be written)"
    return path

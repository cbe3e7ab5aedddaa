"""`devports init`: detect the servers of a project and write their configuration, once."""

from __future__ import annotations

import os

from devports import exitcodes
from devports.commands.context import Context, current_folder
from devports.config.load import OWN
from devports.core.hint import hint, own_command
from devports.core.value import Frozen
from devports.detect.model import DetectedService, File, SkippedService, Tree
from devports.detect.services import detect, wanted
from devports.detect.toml_writer import SEARCHED, document
from devports.errors import DevportsError
from devports.system import limit_hints
from devports.system.files import Place, write_new
from devports.system.project import TreeScan, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.ui.console import Console


def init(
    context: Context, *, yes: bool, dry_run: bool, example: bool = False, as_json: bool = False
) -> int:
    """Write a devports.toml for the current folder; the exit code is 1 if it has no service.

    Without a terminal and without `yes` it prints what it would write. `example`: where no server
    is found the example of the file is a service that runs, as in an empty folder.

    Raises:
        DevportsError: there is a configuration already, the file cannot be written, or it was
            written and has no service.
    """
    cwd = current_folder()
    shown = context.named or OWN
    path = os.path.abspath(os.path.join(cwd, shown))
    refuse_if_there(path, cwd if context.named is None else "")
    plan = plan_of(path, shown, scan(os.path.dirname(path), wanted))
    plan = plan.replace(example=plan.example or example)
    screen = context.screen
    if as_json:
        return _in_json(plan, screen, yes=yes, dry_run=dry_run)
    show_findings(os.path.dirname(path), plan, screen)
    if dry_run or not (yes or screen.interactive):
        screen.out(plan.text.rstrip("\n"))
        if dry_run:
            return exitcodes.OK
        raise no_terminal_error(shown)
    chosen: Sequence[DetectedService] | None = plan.services
    if not yes:
        from devports.ui.prompts import choose

        chosen = choose(plan.services, plan.shown, screen, example=plan.example)
    if chosen is None:
        screen.err("nothing written")
        return exitcodes.NO
    plan = plan.replace(services=tuple(chosen))
    write(plan)
    if plan.is_empty:
        raise no_service_error(plan)
    show_written(shown, chosen, screen)
    return exitcodes.OK


def show_findings(folder: str, plan: Plan, screen: Console) -> None:
    from devports.ui.reports import findings, findings_screen

    found = (plan.services, plan.left_out)
    if screen.is_terminal("stderr"):
        from devports.ui.rich_console import draw_report  # six bare Python starts

        lines = findings_screen(folder, *found, screen.reader(), unread=plan.unread)
        draw_report(screen, "stderr", lines)
    else:
        screen.err(findings(folder, *found, screen.output_style("stderr"), unread=plan.unread))
    screen.err()


def show_written(path: str, services: Sequence[DetectedService], screen: Console) -> None:
    from devports.ui.reports import written, written_screen

    if screen.is_terminal("stdout"):
        from devports.ui.rich_console import draw_report

        draw_report(screen, "stdout", written_screen(path, services, screen.config))
    else:
        screen.out(written(path, services, screen.output_style("stdout")))


def _in_json(plan: Plan, screen: Console, *, yes: bool, dry_run: bool) -> int:
    """Write only with `yes`: with --json devports cannot ask."""
    from devports.ui.json_output import init_data

    will = yes and not dry_run
    if will:
        write(plan)
    data = init_data(
        plan.path, plan.text, plan.services, plan.left_out, written=will, unread=plan.unread
    )
    errors = () if will or dry_run else (no_terminal_error(plan.shown),)
    if will and plan.is_empty:
        errors = (no_service_error(plan),)
        data = {**data, "next": None}
    code = exitcodes.NO if errors else exitcodes.OK
    screen.answer(("init",), data, exit_code=code, errors=errors)
    return code


class Plan(Frozen):
    """What is to be written where.

    Attributes:
        unread: what a limit of the search excluded.
        example: without services the example runs.
    """

    path: str
    shown: str
    services: tuple[DetectedService, ...]
    left_out: tuple[SkippedService, ...]
    unread: tuple[str, ...] = ()
    example: bool = False

    @property
    def text(self) -> str:
        return document(self.services, example=self.example)

    @property
    def is_empty(self) -> bool:
        """Whether the file has nothing but comments."""
        no_service = not any(service.port for service in self.services)
        return no_service and not (self.example and not self.services)


def plan_of(path: str, shown: str, looked: TreeScan) -> Plan:
    """Return what is found in the folder of a file that is to be written."""
    files = tuple(File(name, text) for name, text in looked.texts)
    found = detect(Tree(files, looked.names))
    empty = all(name.startswith(".") for name in looked.names)
    return Plan(path, shown, found.services, found.left_out, looked.unread, empty)


def refuse_if_there(path: str, cwd: str) -> None:
    """Check that neither this file nor a configuration found from `cwd` exists.

    Raises:
        DevportsError: `config-exists`.
    """
    from devports.config.load import find

    Place(os.path.dirname(path)).clear()  # a killed `init` may have linked its draft already
    there = path if os.path.lexists(path) else find(cwd) if cwd else None
    if there is not None:
        raise exists(there)


def write(plan: Plan) -> None:
    """Write the file, if `devports validate` will accept it.

    Raises:
        DevportsError: it exists already, or cannot be written.
    """
    from devports.config.load import read_text

    if not plan.is_empty:
        read_text(plan.text, plan.path, plan.shown)
    try:
        write_new(plan.path, plan.text)
    except FileExistsError:
        raise exists(plan.path) from None
    except OSError as error:
        raise DevportsError(
            "config-unwritable",
            f"cannot write `{plan.shown}`: {str(error.strerror).lower()}",
            hints=limit_hints(error),
            exit_code=exitcodes.NO,
        ) from None


def exists(path: str) -> DevportsError:
    """Return the error for an existing configuration, which is never overwritten."""
    check, other = own_command("validate"), own_command("init", "--dry-run", "--config", "NEW")
    return DevportsError(
        "config-exists",
        f"`{path}` already exists",
        note="devports never overwrites it",
        hints=(hint("to check it, run ", check), hint("to see what would be written, run ", other)),
        exit_code=exitcodes.NO,
    )


def no_service_error(plan: Plan) -> DevportsError:
    """Return the error: the file was written, and has nothing but comments."""
    check = hint("then check it: run ", own_command("validate"))
    if plan.services:
        return DevportsError(
            "no-service",
            f"`{plan.shown}` was written without a service: no port was found",
            hints=(f"set `port` in `{plan.shown}` and uncomment the service", check),
            exit_code=exitcodes.NO,
        )
    return DevportsError(
        "no-service",
        f"no server was found; `{plan.shown}` was written with a commented example",
        facts=("searched for:", *SEARCHED),
        hints=(f"uncomment a service in `{plan.shown}` and set its `command`", check),
        exit_code=exitcodes.NO,
    )


def no_terminal_error(shown: str) -> DevportsError:
    """Return the error: devports cannot ask, so nothing was written."""
    return DevportsError(
        "nobody-to-ask",
        f"`{shown}` was not written: no terminal to ask for confirmation",
        hints=(hint("to write it as shown, run ", own_command("init", "--yes")),),
        exit_code=exitcodes.NO,
    )

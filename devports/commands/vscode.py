"""`devports vscode`: tasks and launch configurations, generated and merged.

The files and the template are read here; their new content is decided by `devports.vscode`.
"""

from __future__ import annotations

import os

import devports
from devports import exitcodes
from devports.commands.context import Context, current_folder
from devports.config.load import OWN, SHARED, find
from devports.errors import DevportsError
from devports.system import files
from devports.vscode.merge import BrokenFileError, Plan, plan
from devports.vscode.tasks import FILES, FOLDER, Part, Template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from devports.core.service import Config
    from devports.system.files import Folder
    from devports.ui.console import Console

    Mode = Literal["write", "check", "diff"]


def vscode(context: Context, mode: Mode = "write", *, as_json: bool = False) -> int:
    """Bring `.vscode` up to date, or show the changes; `check` fails if there are any."""
    config = context.config()
    refuse_unfindable(config)
    try:
        plan = write(config) if mode == "write" else plan_changes(config)
    except BrokenFileError as error:
        if not as_json:
            context.screen.out(error.snippet)
        raise
    code = exitcodes.NO if mode == "check" and not plan.in_sync else exitcodes.OK
    if as_json:
        from devports.ui.json_output import vscode_data

        context.screen.answer(("vscode",), vscode_data(plan, mode), exit_code=code)
    else:
        report(context.screen, plan, mode, os.path.relpath(config.root, current_folder()))
    return code


def plan_changes(config: Config) -> Plan:
    """Return the changes without writing them."""
    with files.opened(config.root, VSCODE) as folder:
        return planned(config, folder)


def write(config: Config) -> Plan:
    """Write the changes; return them.

    The files are read twice: the first time without creating a folder, since there may be nothing
    to write, and the second time with other writers locked out, one of which may have written it
    all just now.
    """
    plan = plan_changes(config)
    if plan.in_sync:
        return plan
    with files.opened(config.root, VSCODE, make=True) as folder:
        plan = planned(config, folder)
        for file in plan.files:
            if folder is not None and file.after is not None and file.before != file.after:
                folder.exchange(file.name, file.before, file.after)
        return plan


def report(screen: Console, plan: Plan, mode: Mode, root: str) -> None:
    """Print the changes, and the decisions left to you."""
    from devports.ui.messages import block
    from devports.ui.reports import changes, next_in_vscode, summary

    for note in plan.notes:
        screen.err(block(note.label, note.message, screen.output_style("stderr"), hints=note.hints))
        if note.snippet:
            screen.err(note.snippet)
    if mode != "write" and not plan.in_sync:
        screen.out(changes(plan, screen.output_style("stdout"), root))
    screen.err(summary(plan, mode, screen.output_style("stderr"), root))
    if mode == "write" and (steps := next_in_vscode(plan, screen.output_style("stderr"))):
        screen.err("\n".join(steps))


VSCODE = ".vscode"
PACKAGED = "vscode-template"
"""Name of the template in an installed package; pyproject.toml puts it there."""


def planned(config: Config, folder: Folder | None) -> Plan:
    """Return the changes to the files in an open `.vscode`.

    Raises:
        DevportsError: a file or the template cannot be used.
    """
    tasks, launch = (folder.read(name) if folder else None for name in FILES)
    return plan((Part("", config),), template_of(config.root), tasks, launch)


def template_of(root: str) -> Template:
    """Return the project's own template; devports' own for each file that it lacks.

    Raises:
        DevportsError: the project's cannot be read, or the package is incomplete.
    """
    with files.opened(root, FOLDER) as own:
        texts = [own.read(name) if own else None for name in FILES]
    package = os.path.dirname(devports.__file__)
    for place in (os.path.join(package, PACKAGED), os.path.join(package, os.pardir, FOLDER)):
        above, name = os.path.split(place)
        with files.opened(above, name) as shipped:
            for number, file in enumerate(FILES):
                if texts[number] is None and shipped is not None:
                    texts[number] = shipped.read(file)
    tasks, launch = texts
    if tasks is None or launch is None:
        raise DevportsError("template-missing", f"the template of devports is not in `{package}`")
    return Template(tasks, launch)


def refuse_unfindable(config: Config) -> None:
    """Check that a task, which can only name a service, finds the configuration.

    Raises:
        DevportsError: another file is the nearest one in its folder.
    """
    if find(config.root) != config.path:
        raise DevportsError(
            "config-unfindable",
            f"VS Code tasks cannot use `{config.path}`",
            hints=(f"rename it to `{OWN}`, or use `[tool.devports]` in `{SHARED}`",),
        )

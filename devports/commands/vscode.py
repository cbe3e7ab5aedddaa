"""`devports vscode`: tasks and launch configurations, made from the configuration and merged."""

from __future__ import annotations

import os

from devports import exitcodes
from devports.commands.editing import VSCODE, planned, refuse_unfindable
from devports.commands.setting import here
from devports.editor.plan import BrokenFileError
from devports.system import projectfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from devports.commands.setting import Setting
    from devports.core.service import Config
    from devports.editor.plan import Plan

    Mode = Literal["write", "check", "diff"]


def vscode(setting: Setting, mode: Mode = "write", *, as_json: bool = False) -> int:
    """Bring `.vscode` up to date, or say what would be changed; `check` fails if anything would."""
    config = setting.config()
    refuse_unfindable(config)
    try:
        plan = write(config) if mode == "write" else look(config)
    except BrokenFileError as error:
        if not as_json:
            setting.screen.out(error.snippet)
        raise
    code = exitcodes.NO if mode == "check" and not plan.in_sync else exitcodes.OK
    report(setting, plan, mode, code, os.path.relpath(config.root, here()), as_json=as_json)
    return code


def look(config: Config) -> Plan:
    """Return what would be changed; nothing is."""
    with projectfile.opened(config.root, VSCODE) as folder:
        return planned(config, folder)


def write(config: Config) -> Plan:
    """Change what has to be changed, with other writers kept out from the look to the end."""
    plan = look(config)
    if plan.in_sync:
        return plan
    with projectfile.opened(config.root, VSCODE, make=True) as folder:
        plan = planned(config, folder)
        for file in plan.files:
            if folder is not None and file.after is not None and file.before != file.after:
                folder.replace(file.name, file.before, file.after)
        return plan


def report(
    setting: Setting, plan: Plan, mode: Mode, code: int, root: str, *, as_json: bool
) -> None:
    """Show what was, or would be, done, and what a person has to decide."""
    screen = setting.screen
    if as_json:
        from devports.ui.jsoneditor import vscode_data  # noqa: PLC0415

        screen.answer(("vscode",), vscode_data(plan, mode), exit_code=code)
        return
    from devports.ui.editing import changes, note_block, summary  # noqa: PLC0415

    for note in plan.notes:
        screen.err(note_block(note, screen.look("stderr")))
        if note.snippet:
            screen.err(note.snippet)
    if mode != "write" and not plan.in_sync:
        screen.out(changes(plan, screen.look("stdout"), root))
    screen.err(summary(plan, mode, screen.look("stderr"), root))

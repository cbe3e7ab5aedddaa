"""What the doctor wants to know of the files of VS Code. Nothing is written."""

from __future__ import annotations

import os

from devports.checks.editor import UNSEEN
from devports.checks.facts import Editor, Unresolved
from devports.commands.editing import VSCODE, planned
from devports.core.jsonc import JsoncError
from devports.core.service import EditorTasks
from devports.editor.launchfile import LAUNCH
from devports.editor.lint import labels_of, lint_launch, lint_tasks, waited_for
from devports.editor.plan import TASKS, BrokenFileError, programs_of, searched
from devports.errors import DevportsError
from devports.system import programs, projectfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.core.model import Platform
    from devports.core.service import Config
    from devports.editor.lint import Flaw
    from devports.system.projectfile import Folder

SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "windows"}
"""What VS Code calls each system in a tasks.json."""


def editor_facts(config: Config, platform: Platform) -> Editor:
    """Look at `.vscode`; what keeps devports from it is a fact like the others."""
    wanted = any(service.vscode != EditorTasks() for service in config.services)
    try:
        with projectfile.opened(config.root, VSCODE) as folder:
            tasks, launch = (
                (folder.read("tasks.json"), folder.read("launch.json")) if folder else (None, None)
            )
            looked = _planned(config, folder)
    except DevportsError as error:
        return Editor(wanted, trouble=(error.code, error.message, error.facts))
    unresolved = tuple(_unresolved(tasks or "", SYSTEMS[platform], config.root))
    return looked.but(wanted=wanted, unresolved=unresolved, flaws=_flaws(tasks, launch))


def _planned(config: Config, folder: Folder | None) -> Editor:
    try:
        plan = planned(config, folder)
    except BrokenFileError:  # the lint says where
        return Editor()
    texts = [file.before or "" for file in plan.files if file.path == TASKS]
    return Editor(
        ours=any(True for text in texts for _ in programs_of(text)),
        missing=tuple(file.path for file in plan.files if file.state == "missing"),
        stale=tuple(file.path for file in plan.files if file.state == "stale"),
    )


def _unresolved(text: str, system: str, root: str) -> Iterator[Unresolved]:
    try:
        found = list(programs_of(text))
    except JsoncError:
        return
    for label, task in found:
        word = str(task["command"]).split()[0]
        path = searched(task, system, root, os.environ.get("PATH", os.defpath))
        if "${" not in word and programs.trouble(word, root, path):
            yield Unresolved(label, word, path)


def _flaws(tasks: str | None, launch: str | None) -> tuple[Flaw, ...]:
    """Return what a person wrote that would not work.

    What devports wrote is only ever stale, but for a run whose failure is not seen: whoever has to
    know that may have a template of their own.
    """
    found = [*(lint_tasks(TASKS, tasks, waited_for(launch or "")) if tasks else ())]
    if launch:
        found += lint_launch(LAUNCH, launch, labels_of(tasks or ""))
    return tuple(flaw for flaw in found if not flaw.ours or flaw.code == UNSEEN)

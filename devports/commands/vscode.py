"""`devports vscode`: tasks and launch configurations, generated and merged.

The files and the template are read here; their new content is decided by `devports.vscode`. VS Code
reads the `.vscode` of the opened folder only. So configurations below it may share one: its
tasks.json says for which folders.
"""

from __future__ import annotations

import os

import devports
from devports import exitcodes
from devports.commands.context import Context, current_folder
from devports.config import report as config_report
from devports.config.load import OWN, SHARED, find, find_below, find_in, load
from devports.core.service import Config
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.system import files
from devports.system.project import worktree_of
from devports.vscode.merge import BrokenFileError, Plan, folders_in, plan
from devports.vscode.tasks import FILES, FOLDER, WORKSPACE, Part, Template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from devports.system.files import Folder
    from devports.ui.console import Console

    Mode = Literal["write", "check", "diff"]


class EditorFolder(Frozen):
    """The folder whose `.vscode` is written, and the configurations that share it.

    `errors`: those of configurations that cannot be read; their tasks stay as they are.
    """

    root: str
    parts: tuple[Part, ...]
    errors: tuple[DevportsError, ...] = ()


def vscode(
    context: Context,
    mode: Mode = "write",
    *,
    folder: str | None = None,
    below: bool = False,
    as_json: bool = False,
) -> int:
    """Bring `.vscode` up to date, or show the changes; `check` fails if there are any.

    `folder`: the one that VS Code opens; by default the current one.
    """
    typed_in, typed = current_folder(), () if folder is None else (folder,)
    if folder is not None:
        _change_to(context, folder)
    where = _editor_folder(context, mode, typed, below=below)
    if where is None:
        context.screen.err("nothing written")
        return exitcodes.NO
    try:
        plan = write(where) if mode == "write" else plan_changes(where)
    except BrokenFileError as error:
        if not as_json:
            context.screen.out(error.snippet)
        raise
    outdated = mode == "check" and not plan.in_sync
    code = exitcodes.NO if outdated or where.errors else exitcodes.OK
    if as_json:
        from devports.ui.json_output import vscode_data

        data = vscode_data(plan, mode)
        context.screen.answer(("vscode",), data, exit_code=code, errors=where.errors)
    else:
        for broken in where.errors:
            context.print_error(broken)
        report(context.screen, plan, mode, os.path.relpath(where.root, typed_in), typed)
    return code


def _change_to(context: Context, folder: str) -> None:
    """Change to the folder that was named; `--config` still means what it meant before.

    Raises:
        DevportsError: there is no such folder.
    """
    context.named = context.named and os.path.abspath(context.named)
    try:
        os.chdir(folder)
    except OSError as error:
        raise DevportsError(
            "no-folder", f"cannot use the folder `{folder}`: {error.strerror}"
        ) from None


def _editor_folder(
    context: Context, mode: Mode, typed: Sequence[str], *, below: bool
) -> EditorFolder | None:
    """Return the folder to write; None if a person said no.

    Raises:
        DevportsError: there is no configuration here, or it cannot be used.
    """
    if context.named:
        config = context.config()
        refuse_unfindable(config)
        return editor_folder(config)
    cwd = current_folder()
    own = find(cwd)
    if own is not None:
        where = os.path.dirname(own)
        context.config()  # with its warnings
        return (
            _shared(where, _folders_of(find_below(where)))
            if below
            else editor_folder(context.config())
        )
    files_below = find_below(cwd)
    found = _folders_of(files_below)
    known = folders_in(_tasks_of(cwd))
    if not (below or known) and found:
        if not (context.screen.interactive and mode == "write"):
            error = config_report.no_config(cwd, files_below, typed)
            error.hints = error.hints[::-1]  # the second one is about this command
            raise error
        if not _wants(context.screen, found):
            return None
    if not found and not known:
        raise config_report.no_config(cwd)
    return _shared(cwd, found if below or not known else (), whole=True)


def _wants(screen: Console, folders: Sequence[str]) -> bool:
    """Ask whether the tasks of these folders are to be written here."""
    from devports.ui.prompts import answer_on_terminal, yes_or_no
    from devports.ui.text import join_words, shortened

    named = join_words(shortened([f"`{folder}`" for folder in folders], MAX_NAMED))
    question = yes_or_no(f"write tasks for {named} into `{VSCODE}` here?")
    return answer_on_terminal(question, screen) == "yes"


MAX_NAMED = 4


def editor_folder(config: Config) -> EditorFolder:
    """Return where the tasks of a configuration are: beside it, or in a folder above.

    That is one whose tasks.json, up to the root of the repository, has tasks for its folder.
    """
    checkout = worktree_of(config.root)
    above = os.path.dirname(config.root)
    while checkout and config.root != checkout.root and _contains(checkout.root, above):
        folder = os.path.relpath(config.root, above).replace(os.sep, "/")
        if folder in folders_in(_tasks_of(above)):
            return _shared(above, ())
        above = os.path.dirname(above)
    return _shared(config.root, (), config)


def _contains(root: str, folder: str) -> bool:
    return os.path.join(os.path.realpath(folder), "").startswith(os.path.join(root, ""))


def _shared(
    root: str, more: Sequence[str], own: Config | None = None, *, whole: bool = False
) -> EditorFolder:
    """Return a folder with the configurations that its tasks.json knows, and `more` of them.

    Args:
        root: the folder.
        more: folders below, relative.
        own: its own configuration, if that has been read.
        whole: tasks of folders without a configuration are removed.
    """
    known = folders_in(_tasks_of(root))
    there = [folder for folder in (*known, *more) if find_in(os.path.join(root, folder))]
    gone = [folder for folder in known if folder not in there] if whole else []
    parts = [Part(folder, Config("", os.path.join(root, folder), ())) for folder in gone]
    errors: list[DevportsError] = []
    if own is not None or find_in(root):
        parts.insert(0, Part("", own or load(None, root)))
    for folder in dict.fromkeys(there):
        config, error = _read(root, folder)
        parts.append(Part(folder, config))
        errors += [error] if error else []
    return EditorFolder(root, tuple(parts), tuple(errors))


def _read(root: str, folder: str) -> tuple[Config | None, DevportsError | None]:
    if WORKSPACE[:2] in folder:
        message = f"cannot write tasks for `{folder}`: VS Code would expand `${{` in its name"
        return None, DevportsError("editor-folder-unusable", message)
    try:
        return load(find_in(os.path.join(root, folder)), root), None
    except DevportsError as error:
        return None, error


def _folders_of(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(os.path.dirname, paths))


def _tasks_of(root: str) -> str:
    """Return the text of a tasks.json; empty if there is none that can be used."""
    try:
        with files.opened(root, VSCODE) as folder:
            return (folder.read(FILES[0]) if folder else None) or ""
    except DevportsError:
        return ""


def plan_changes(where: EditorFolder) -> Plan:
    """Return the changes without writing them."""
    with files.opened(where.root, VSCODE) as folder:
        return planned(where, folder)


def write(where: EditorFolder) -> Plan:
    """Write the changes; return them.

    The files are read twice: the first time without creating a folder, since there may be nothing
    to write, and the second time with other writers locked out, one of which may have written it
    all just now.
    """
    plan = plan_changes(where)
    if plan.in_sync:
        return plan
    with files.opened(where.root, VSCODE, make=True) as folder:
        plan = planned(where, folder)
        for file in plan.files:
            if folder is not None and file.after is not None and file.before != file.after:
                folder.exchange(file.name, file.before, file.after)
        return plan


def report(screen: Console, plan: Plan, mode: Mode, root: str, typed: Sequence[str]) -> None:
    """Print the changes, and the decisions left to you."""
    from devports.ui.messages import block
    from devports.ui.reports import changes, next_in_vscode, summary

    for note in plan.notes:
        screen.err(block(note.label, note.message, screen.output_style("stderr"), hints=note.hints))
        if note.snippet:
            screen.err(note.snippet)
    if mode != "write" and not plan.in_sync:
        screen.out(changes(plan, screen.output_style("stdout"), root))
    screen.err(summary(plan, mode, screen.output_style("stderr"), root, typed))
    if mode == "write" and (steps := next_in_vscode(plan, screen.output_style("stderr"))):
        screen.err("\n".join(steps))


VSCODE = ".vscode"
PACKAGED = "vscode-template"
"""Name of the template in an installed package; pyproject.toml puts it there."""


def planned(where: EditorFolder, folder: Folder | None) -> Plan:
    """Return the changes to the files in an open `.vscode`.

    Raises:
        DevportsError: a file or the template cannot be used.
    """
    tasks, launch = (folder.read(name) if folder else None for name in FILES)
    return plan(where.parts, template_of(where.root), tasks, launch)


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

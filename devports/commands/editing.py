"""What the editor's files are and should be: the files and the template, read for the pure part."""

from __future__ import annotations

import os

import devports
from devports.config.load import OWN, SHARED, find
from devports.editor.plan import Plan, plan
from devports.editor.template import FILES, FOLDER, Template
from devports.errors import DevportsError
from devports.system import projectfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.service import Config
    from devports.system.projectfile import Folder

VSCODE = ".vscode"
PACKAGED = "vscode-template"
"""Name of the template in an installed package; pyproject.toml puts it there."""


def planned(config: Config, folder: Folder | None) -> Plan:
    """Return what the files in an open `.vscode` should be.

    Raises:
        DevportsError: a file or the template cannot be used.
    """
    tasks, launch = (folder.read(name) if folder else None for name in FILES)
    return plan(config, template_of(config.root), tasks, launch)


def template_of(root: str) -> Template:
    """Return the project's own template, or for each file it does not bring, the one of devports.

    Raises:
        DevportsError: the project's cannot be read, or the package is not whole.
    """
    with projectfile.opened(root, FOLDER) as own:
        texts = [own.read(name) if own else None for name in FILES]
    package = os.path.dirname(devports.__file__)
    for place in (os.path.join(package, PACKAGED), os.path.join(package, os.pardir, FOLDER)):
        above, name = os.path.split(place)
        with projectfile.opened(above, name) as shipped:
            for number, file in enumerate(FILES):
                if texts[number] is None and shipped is not None:
                    texts[number] = shipped.read(file)
    tasks, launch = texts
    if tasks is None or launch is None:
        raise DevportsError("template-missing", f"the template of devports is not in `{package}`")
    return Template(tasks, launch)


def refuse_unfindable(config: Config) -> None:
    """Refuse a configuration that a task, which can only name a service, would not find.

    Raises:
        DevportsError: it is not the one that holds in its folder.
    """
    if find(config.root) != config.path:
        raise DevportsError(
            "config-unfindable",
            f"tasks would not find `{config.path}`: they only name a service",
            hints=(f"call it `{OWN}`, or `[tool.devports]` in `{SHARED}`",),
        )

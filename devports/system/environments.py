"""Where a project's own programs are kept, and whether that is whole. Nothing is run.

Sources: PEP 405 (pyvenv.cfg), docs.npmjs.com (folders), yarnpkg.com/features/pnp.
"""

from __future__ import annotations

import json
import os

from devports.core.quoting import quote
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    Kind = Literal["python", "node"]
    State = Literal["absent", "broken", "without"]

PROGRAMS = ("bin", "Scripts")
PYTHONS = ("python", "python3", "python.exe")
NAMES = (".venv", "venv", ".env", "env")
"""What a folder that is not there must be called to be taken for a virtual environment."""
MANAGERS = ("npm", "npx", "pnpm", "yarn")
LOCKS = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun"}
PLUG_AND_PLAY = (".pnp.cjs", ".pnp.js")
"""With these yarn needs no `node_modules`."""
MAX_PACKAGE = 256 * 1024


class Environment(Value):
    """A folder of programs that a command needs, and what is the matter with it.

    Attributes:
        folder: of the environment, absolute.
        kind: a virtual environment of Python, or `node_modules`.
        state: it is not there, its interpreter has gone, or only the program is not in it.
        makes: the command that makes it.
    """

    folder: str
    kind: Kind
    state: State
    makes: str = ""


def needed_by(word: str, folder: str, *, startable: bool) -> Environment | None:
    """Return the environment that keeps `word` from starting, or that it cannot do without.

    Args:
        word: the first word of a command.
        folder: where it starts.
        startable: whether there is a program of that name.
    """
    place = os.path.normpath(os.path.join(folder, os.path.dirname(word)))
    top, name = os.path.split(place)
    if not os.path.dirname(word):
        return _packages(folder) if startable and word in MANAGERS else None
    if startable:
        return None
    if name == ".bin" and os.path.basename(top) == "node_modules":
        return _node(top, os.path.dirname(top))
    return _python(top, place) if name in PROGRAMS else None


def lacks(python: str, package: str) -> bool:
    """Say whether a package is certainly not there for an interpreter of a virtual environment.

    Of one that sees the packages of the system too, and of the system's own, nothing is certain.
    """
    top = os.path.dirname(os.path.dirname(python))
    try:
        with open(os.path.join(top, "pyvenv.cfg"), "rb") as file:
            settings = file.read(MAX_PACKAGE).lower().replace(b" ", b"")
        kept = [name for name in os.listdir(os.path.join(top, "lib")) if name.startswith("python")]
        every = [os.listdir(os.path.join(top, "lib", name, "site-packages")) for name in kept]
    except OSError:
        return False
    if b"include-system-site-packages=true" in settings:
        return False
    # Its folder, its metadata, or the link file of an editable installation.
    return bool(every) and not any(package in name for names in every for name in names)


def _python(top: str, place: str) -> Environment | None:
    if os.path.isfile(os.path.join(top, "pyvenv.cfg")):
        whole = any(os.path.exists(os.path.join(place, name)) for name in PYTHONS)
        again = f"python3 -m venv --clear {quote(top)}"
        return Environment(top, "python", "without" if whole else "broken", again)
    if os.path.lexists(top) or os.path.basename(top) not in NAMES:
        return None
    return Environment(top, "python", "absent", f"python3 -m venv {quote(top)}")


def _node(modules: str, project: str) -> Environment:
    state: State = "without" if os.path.isdir(modules) else "absent"
    return Environment(modules, "node", state, _install(project))


def _packages(folder: str) -> Environment | None:
    """Return the `node_modules` that a script of package.json needs and that is nowhere."""
    if not _has_dependencies(package(folder)):
        return None
    for above in _upwards(folder):
        if any(os.path.lexists(os.path.join(above, n)) for n in ("node_modules", *PLUG_AND_PLAY)):
            return None
    return _node(os.path.join(folder, "node_modules"), folder)


def _has_dependencies(found: dict[str, object]) -> bool:
    return any(found.get(key) for key in ("dependencies", "devDependencies"))


def _install(folder: str) -> str:
    """Return what installs the packages of a project, by the nearest lock file."""
    for above in _upwards(folder):
        for name, manager in LOCKS.items():
            if os.path.isfile(os.path.join(above, name)):
                return f"cd {quote(folder)} && {manager} install"
    return f"cd {quote(folder)} && npm install"


def _upwards(folder: str) -> Iterator[str]:
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        yield folder


def package(folder: str) -> dict[str, object]:
    """Return what package.json in a folder says; nothing if it cannot be read."""
    try:
        with open(os.path.join(folder, "package.json"), "rb") as file:
            data = json.loads(file.read(MAX_PACKAGE))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}

"""What a command would start, determined from files without running anything.

Whether a program can be started; where a project keeps its own programs (PEP 405, docs.npmjs.com on
folders, yarnpkg.com/features/pnp) and whether that environment is complete; and which programs are
called `devports`: an unrelated package of that name in the package index has a command and a folder
of that name too, and so does a program for node.
"""

from __future__ import annotations

import os
import sys
from errno import EACCES

import devports
from devports import exitcodes
from devports.core.text import quote
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.system.files import read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal

    Trouble = Literal["", "missing", "not-executable", "interpreter-missing"]
    Kind = Literal["python", "node"]
    State = Literal["absent", "broken", "without"]
    Origin = Literal["ours", "ours-elsewhere", "foreign", "unknown"]


FIRST_LINE = 256
"""Bytes of a script's first line that the kernel reads (execve(2), BINPRM_BUF_SIZE)."""
LONG_LINE = 1024
"""Bytes read of a line where longer ones count too, for systems that read more."""
PROGRAM_FOLDERS = (".venv/bin", "venv/bin", "node_modules/.bin", ".venv/Scripts", "venv/Scripts")
"""Folders of a project's own programs, whatever PATH contains."""


def start_problem(word: str, folder: str, path: str) -> Trouble:
    """Return what stops execvp(3) from starting `word` in `folder`; empty if nothing does.

    Args:
        word: the first word of a command.
        folder: where the command starts: a word with a slash is relative to it.
        path: the PATH of the command; a relative folder in it is relative to `folder` too.
    """
    found = list(_candidates(word, folder, path))
    runnable = next(filter(_runs, found), "")
    if runnable:
        return "interpreter-missing" if _lacks_interpreter(runnable) else ""
    return "not-executable" if found else "missing"


def refuse_unstartable(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
    """Check what can be checked of a command without starting it.

    Raises:
        DevportsError: no such folder (2), no such command (127), not executable (126).
    """
    from devports.core.shell_syntax import instead_of  # only to start something

    if not os.path.isdir(cwd):
        raise DevportsError("folder-missing", f"folder `{cwd}` does not exist")
    word, path = argv[0], env.get("PATH", os.defpath)
    match start_problem(word, cwd, path):
        case "missing":
            raise DevportsError(
                "command-not-found",
                f"command not found: `{word}`",
                facts=(f"folder: {cwd}", *((f"PATH: {path}",) if "/" not in word else ())),
                hints=tuple(filter(None, (instead_of(argv),))),
                exit_code=exitcodes.NOT_FOUND,
            )
        case "interpreter-missing":
            raise DevportsError(
                "interpreter-missing",
                f"cannot run `{word}`: the interpreter in its first line does not exist",
                facts=(f"folder: {cwd}",),
                exit_code=exitcodes.NOT_FOUND,
            )
        case "not-executable":
            raise not_executable(word, cwd, os.strerror(EACCES))
        case _:
            return


def not_executable(word: str, cwd: str, why: str) -> DevportsError:
    """Return the error for a command that the system does not execute."""
    return DevportsError(
        "command-not-executable",
        f"cannot execute `{word}`: {why}",
        facts=(f"folder: {cwd}",),
        exit_code=exitcodes.NOT_EXECUTABLE,
    )


def path_of(env: Sequence[tuple[str, str]]) -> str:
    """Return the PATH of a service with these variables."""
    return dict(env).get("PATH", os.environ.get("PATH", os.defpath))


def find_program(word: str, folder: str, path: str) -> str:
    """Return the file that `word` would start, as in `start_problem`; empty if there is none."""
    return next(filter(_runs, _candidates(word, folder, path)), "")


def interpreter(path: str) -> tuple[str, ...]:
    """Return the interpreter that the first line of a script names; empty if it is no script.

    `#!/usr/bin/env python3` names `python3`. Where a path is too long for a first line or contains
    a blank, installers write a shell script whose second line starts the real one (distlib).
    """
    first, second = _first_lines(path)
    words = _shebang(first)
    if os.path.basename(words[0] if words else "") == "env":
        del words[0]
        while words and (words[0].startswith("-") or "=" in words[0]):
            del words[0]
    if words[:1] == ["/bin/sh"] and second.startswith(b"\x27\x27\x27exec\x27 "):
        from devports.core.shell_syntax import split

        words = list(split(os.fsdecode(second).partition(" ")[2])[:1])
    return tuple(words)


def _first_lines(path: str) -> tuple[bytes, bytes]:
    """Return the first two lines of a file; empty where it cannot be read."""
    try:
        first, _, rest = read_regular(path, 2 * LONG_LINE).partition(b"\n")
    except OSError:
        return b"", b""
    return first[:LONG_LINE], rest.partition(b"\n")[0][:LONG_LINE]


def _shebang(line: bytes) -> list[str]:
    return [os.fsdecode(word) for word in line[2:].split()] if line.startswith(b"#!") else []


def interpreter_of(words: Sequence[str], folder: str, path: str) -> str:
    """Return the interpreter of the script that a command starts; empty where it starts none."""
    found = find_program(words[0], folder, path) if words else ""
    return next(iter(interpreter(found)), "") if found else ""


def _candidates(word: str, folder: str, path: str) -> list[str]:
    if os.path.dirname(word):
        names = [os.path.join(folder, word)]
    else:
        names = [os.path.join(folder, each, word) for each in path.split(os.pathsep)]
        names += _with_ending(word, path)
    return [name for name in names if os.path.exists(name)]


def _runs(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _with_ending(word: str, path: str) -> list[str]:
    """Return the file that Windows starts for a word without an ending (PATHEXT)."""
    if os.name != "nt":
        return []
    import shutil  # a tenth of a Python start: it imports three compressors

    usual = shutil.which(word, path=path)
    return [usual] if usual else []


def near(word: str, folders: Sequence[str]) -> str:
    """Return the path of a program in a project, relative to the first of `folders` if in it."""
    for folder in folders:
        for place in PROGRAM_FOLDERS:
            path = os.path.join(folder, place, word)
            if _runs(path):
                return f"{place}/{word}" if folder == folders[0] else path
    return ""


def _lacks_interpreter(path: str) -> bool:
    """Return whether it is a script whose interpreter, an absolute path, does not exist."""
    words = _shebang(_first_lines(path)[0][:FIRST_LINE])
    return bool(words) and os.path.isabs(words[0]) and not os.path.exists(words[0])


PROGRAMS = ("bin", "Scripts")
PYTHONS = ("python", "python3", "python.exe")
ENVIRONMENT_FOLDERS = (".venv", "venv", ".env", "env")
"""Names by which a folder that does not exist counts as a virtual environment."""
MANAGERS = ("npm", "npx", "pnpm", "yarn")
LOCKS = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun"}
PLUG_AND_PLAY = (".pnp.cjs", ".pnp.js")
"""With these, yarn needs no `node_modules`."""
MAX_PACKAGE = 256 * 1024


class Environment(Frozen):
    """An environment that a command needs, and what is wrong with it.

    Attributes:
        folder: of the environment, absolute.
        kind: a virtual environment of Python, or `node_modules`.
        state: it does not exist, its interpreter does not exist, or only the program is missing.
        create_command: the command that creates it.
    """

    folder: str
    kind: Kind
    state: State
    create_command: str = ""


def needed_by(word: str, folder: str, *, startable: bool) -> Environment | None:
    """Return the environment that `word` needs and that is missing or incomplete, else None.

    Args:
        word: the first word of a command.
        folder: where the command starts.
        startable: whether a program of that name exists.
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


def lacks_package(python: str, package: str) -> bool:
    """Return whether an interpreter of a virtual environment certainly lacks a package.

    False for one that also uses the packages of the system, and for the interpreter of the system.
    """
    top = os.path.dirname(os.path.dirname(python))
    try:
        settings = read_regular(os.path.join(top, "pyvenv.cfg"), MAX_PACKAGE).lower()
        settings = settings.replace(b" ", b"")
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
    if os.path.lexists(top) or os.path.basename(top) not in ENVIRONMENT_FOLDERS:
        return None
    return Environment(top, "python", "absent", f"python3 -m venv {quote(top)}")


def _node(modules: str, project: str) -> Environment:
    state: State = "without" if os.path.isdir(modules) else "absent"
    return Environment(modules, "node", state, _install(project))


def _packages(folder: str) -> Environment | None:
    """Return the `node_modules` that a script of package.json needs and that does not exist."""
    if not _has_dependencies(package(folder)):
        return None
    for above in _upwards(folder):
        if any(os.path.lexists(os.path.join(above, n)) for n in ("node_modules", *PLUG_AND_PLAY)):
            return None
    return _node(os.path.join(folder, "node_modules"), folder)


def _has_dependencies(found: dict[str, object]) -> bool:
    return any(found.get(key) for key in ("dependencies", "devDependencies"))


def _install(folder: str) -> str:
    """Return the command that installs the packages of a project, by the nearest lock file."""
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
    """Return the content of the package.json in a folder; empty if it cannot be read."""
    import json  # for commands of Node alone

    try:
        data = json.loads(read_regular(os.path.join(folder, "package.json"), MAX_PACKAGE))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


EXECUTABLES = ("devports", "devports.exe", "devports.cmd")
OWN_DISTRIBUTION, OTHER_DISTRIBUTION = "devports_cli", "devports"
"""Distributions as their metadata folders spell them (PyPA: recording installed projects)."""
MOST_FOLDERS = 200


class Program(Frozen):
    """A program called `devports`: its path, whether it is this one, and its distribution."""

    path: str
    origin: Origin
    what: str = ""


def on_path(environ: Mapping[str, str]) -> tuple[Program, ...]:
    """Return every `devports` on PATH, in its order; two names of one file are one program."""
    folders = [f for f in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(f)]
    found: dict[str, Program] = {}
    for folder in folders[:MOST_FOLDERS]:
        for name in EXECUTABLES:
            path = os.path.join(folder, name)
            if _runs(path):
                real = os.path.realpath(path)
                found.setdefault(real, describe(path, real))
    return tuple(found.values())


def describe(path: str, real: str) -> Program:
    """Return the facts about one program. `real` is its path with links resolved."""
    folders = list(_package_folders(real))
    if _own_packages() in folders:
        return Program(path, "ours", f"devports-cli {devports.__version__}")
    for folder in folders:
        if version := _version(folder, OWN_DISTRIBUTION):
            return Program(path, "ours-elsewhere", f"devports-cli {version}")
    for folder in folders:
        if version := _version(folder, OTHER_DISTRIBUTION):
            return Program(path, "foreign", f"devports {version}")
    runtime = os.path.basename(next(iter(interpreter(real)), ""))
    if runtime.startswith(("node", "bun", "deno")):
        return Program(path, "foreign", f"a program for {runtime}")
    return Program(path, "unknown")


def conflicting_package() -> Program | None:
    """Return the unrelated `devports` package in the environment of this program, if installed."""
    folder = _own_packages()
    version = _version(folder, OTHER_DISTRIBUTION)
    return Program(folder, "foreign", f"devports {version}") if version else None


def _own_packages() -> str:
    """Return the folder that records this distribution, also for an editable installation."""
    beside = os.path.dirname(os.path.dirname(os.path.realpath(devports.__file__)))
    here = (beside, *map(os.path.realpath, sys.path))
    return next((folder for folder in here if _version(folder, OWN_DISTRIBUTION)), beside)


def _package_folders(script: str) -> Iterator[str]:
    """Yield the package folders of the environment or user that a script belongs to."""
    top = os.path.dirname(os.path.dirname(script))
    for place in (os.path.join(top, "lib"), os.path.join(top, "Lib")):
        for name in ("", *_names(place)):
            for kind in ("site-packages", "dist-packages"):
                folder = os.path.join(place, name, kind)
                if os.path.isdir(folder):
                    yield os.path.realpath(folder)


def _version(folder: str, distribution: str) -> str:
    """Return the version of a distribution that a folder records; empty if it records none."""
    start, end = f"{distribution}-", ".dist-info"
    found = (name for name in _names(folder) if name.startswith(start) and name.endswith(end))
    return next((name[len(start) : -len(end)] for name in found), "")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []

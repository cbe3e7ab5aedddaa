"""Whether a command could be started, found out without starting it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Trouble = Literal["", "missing", "not-executable", "interpreter-missing"]

FIRST_LINE = 256
"""Bytes of a script's first line that the kernel reads (execve(2), BINPRM_BUF_SIZE)."""


def trouble(word: str, folder: str, path: str) -> Trouble:
    """Return what would keep execvp(3) from starting `word` in `folder`; empty if nothing does.

    Args:
        word: the first word of a command.
        folder: where it is to start: a word with a slash is looked up from there.
        path: the PATH that it gets; a relative folder in it counts from `folder` too.
    """
    found = list(_candidates(word, folder, path))
    runnable = next(filter(_runs, found), "")
    if runnable:
        return "interpreter-missing" if _lacks_interpreter(runnable) else ""
    return "not-executable" if found else "missing"


def path_of(env: Sequence[tuple[str, str]]) -> str:
    """Return the PATH that a service with these variables of its own gets."""
    return dict(env).get("PATH", os.environ.get("PATH", os.defpath))


def located(word: str, folder: str, path: str) -> str:
    """Return the file that `word` would start, as in `trouble`; empty if there is none."""
    return next(filter(_runs, _candidates(word, folder, path)), "")


def interpreter(path: str) -> tuple[str, ...]:
    """Return the interpreter that the first line of a script names; empty if it is no script.

    `#!/usr/bin/env python3` names `python3`. Where a path is too long for a first line or has a
    blank, installers write a shell script whose second line starts the real one (distlib).
    """
    try:
        with open(path, "rb") as file:
            first, second = (file.readline(FIRST_LINE * 4) for _ in range(2))
    except OSError:
        return ()
    words = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
    if os.path.basename(words[0] if words else "") == "env":
        del words[0]
        while words and (words[0].startswith("-") or "=" in words[0]):
            del words[0]
    if words[:1] == ["/bin/sh"] and second.startswith(b"\x27\x27\x27exec\x27 "):
        import shlex  # noqa: PLC0415  # brings `re`

        words = shlex.split(os.fsdecode(second).partition(" ")[2])[:1]
    return tuple(words)


def interpreter_of(words: Sequence[str], folder: str, path: str) -> str:
    """Return the interpreter of the script that a command starts; empty where it starts none."""
    found = located(words[0], folder, path) if words else ""
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
    """Return what Windows starts for a word without an ending (PATHEXT); elsewhere nothing."""
    if os.name != "nt":
        return []
    import shutil  # noqa: PLC0415  # a tenth of a Python start, three compressors with it

    usual = shutil.which(word, path=path)
    return [usual] if usual else []


PLACES = (".venv/bin", "venv/bin", "node_modules/.bin", ".venv/Scripts", "venv/Scripts")
"""Where a project keeps its own programs, whatever PATH says."""


def near(word: str, folders: Sequence[str]) -> str:
    """Return where in a project a program is: relative to the first of `folders`, if below it."""
    for folder in folders:
        for place in PLACES:
            path = os.path.join(folder, place, word)
            if _runs(path):
                return f"{place}/{word}" if folder == folders[0] else path
    return ""


def _lacks_interpreter(path: str) -> bool:
    """Say whether it is a script whose first line names a program that is not there."""
    try:
        with open(path, "rb") as file:
            line = file.read(FIRST_LINE).partition(b"\n")[0]
    except OSError:
        return False  # a program may be executable and not readable
    words = line[2:].split() if line.startswith(b"#!") else []
    interpreter = os.fsdecode(words[0]) if words else ""
    return os.path.isabs(interpreter) and not os.path.exists(interpreter)

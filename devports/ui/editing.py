"""What `devports vscode` has done or would do, in words. Pure."""

from __future__ import annotations

import difflib

from devports.core.ours import with_config
from devports.ui.diagnostic import warning_block
from devports.ui.layout import paint, wrap
from devports.ui.printable import printable
from devports.ui.who import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.editor.merge import Note
    from devports.editor.plan import FileChange, Plan
    from devports.ui.layout import Look, Style

LONGEST = 2000
"""Characters of one line of a difference."""
COLOURS: dict[str, Style] = {"+": "good", "-": "error", "@": "hint"}


def changes(plan: Plan, look: Look, root: str = ".") -> str:
    """Return the differences of all files, as `diff -u` shows them.

    The names in it are for `git apply` where the person is; that takes none above, so from there
    it has to be applied in `root`.
    """
    below = "." if root.startswith("..") else root
    lines = [line for file in plan.files for line in difference(file, below)]
    return "\n".join(
        paint(line, COLOURS[line[0]], look) if line[0] in COLOURS else line for line in lines
    )


def place(file: FileChange, root: str) -> str:
    """Return the path of a file of the project in `root`, as it is from where the person is."""
    return file.path if root == "." else f"{root}/{file.path}"


def difference(file: FileChange, root: str = ".") -> Iterator[str]:
    """Yield the lines of one file's difference; foreign text in them is made visible."""
    before, after = ((text or "").splitlines() for text in (file.before, file.after))
    path = place(file, root)
    old = "/dev/null" if file.before is None else f"a/{path}"
    for line in difflib.unified_diff(before, after, old, f"b/{path}", lineterm=""):
        yield printable(line, LONGEST)


def note_block(note: Note, look: Look) -> str:
    """Return what a person has to decide."""
    return warning_block(note.message, look, hints=note.hints)


def summary(plan: Plan, mode: str, look: Look, root: str = ".") -> str:
    """Return the last line: what was done, or what is to be done.

    Args:
        plan: what the files are and should be.
        mode: whether it was written, or only looked at.
        look: what the screen can show.
        root: the folder of the project, from where the person is.
    """
    there = [place(file, root) for file in plan.files if file.after is not None]
    changed = [place(file, root) for file in plan.files if file.state != "current"]
    if plan.in_sync:
        line = f"{listed(there)}: up to date"
    elif mode == "write":
        line = f"wrote {listed(changed)}"
    else:
        command = with_config("devports vscode", look.config)
        line = f"not up to date: {listed(changed)}; `{command}` writes it"
    return "\n".join(wrap(printable(line), look.width, hang=2))

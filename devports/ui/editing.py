"""What `devports vscode` has done or would do, in words. Pure."""

from __future__ import annotations

import difflib

from devports.ui.diagnostic import warning_block
from devports.ui.layout import paint
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


def changes(plan: Plan, look: Look) -> str:
    """Return the differences of all files, as `diff -u` shows them."""
    lines = [line for file in plan.files for line in difference(file)]
    return "\n".join(
        paint(line, COLOURS[line[0]], look) if line[0] in COLOURS else line for line in lines
    )


def difference(file: FileChange) -> Iterator[str]:
    """Yield the lines of one file's difference; foreign text in them is made visible."""
    before, after = ((text or "").splitlines() for text in (file.before, file.after))
    old = "/dev/null" if file.before is None else f"a/{file.path}"
    for line in difflib.unified_diff(before, after, old, f"b/{file.path}", lineterm=""):
        yield printable(line, LONGEST)


def note_block(note: Note, look: Look) -> str:
    """Return what a person has to decide."""
    return warning_block(note.message, look, hints=note.hints)


def summary(plan: Plan, mode: str) -> str:
    """Return the last line: what was done, or what is to be done."""
    if plan.in_sync:
        return f"{listed([file.path for file in plan.files if file.after is not None])}: up to date"
    changed = [file.path for file in plan.files if file.state != "current"]
    if mode == "write":
        return f"wrote {listed(changed)}"
    return f"not up to date: {listed(changed)}; `devports vscode` writes it"

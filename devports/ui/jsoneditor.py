"""The data of ``vscode --json``. `resultschema` has the shapes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.editor.plan import Plan
    from devports.ui.jsonout import Json


def vscode_data(plan: Plan, mode: str) -> Json:
    """Return the data of ``vscode``: each file with its difference, and what is to be decided."""
    from devports.ui.editing import difference  # noqa: PLC0415  # difflib

    return {
        "mode": mode,
        "in_sync": mode == "write" or plan.in_sync,
        "files": [
            {
                "path": file.path,
                "state": "absent" if file.after is None else file.state,
                "written": mode == "write" and file.state != "current",
                "difference": list(difference(file)),
            }
            for file in plan.files
        ],
        "notes": [
            {
                "code": note.code,
                "message": note.message,
                "hints": list(note.hints),
                "snippet": note.snippet or None,
            }
            for note in plan.notes
        ],
    }

"""The block of a message: what happened, facts, blank line, note, hint. Pure.

Read from top to bottom it says what happened, how devports knows, and what to do; the last line is
the thing to do. On a terminal lines are broken with a hanging indent, on a pipe never.
"""

from __future__ import annotations

from devports.core.hint import text_of
from devports.ui.escape import printable
from devports.ui.text import OutputStyle, paint, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from devports.core.hint import Advice
    from devports.core.remedies import Remedy
    from devports.errors import DevportsError

    Level = Literal["error", "warning", "note"]
    Label = Literal[Level, "hint"]

MAX_LINE = 4000
"""Maximum length of one line."""


def error_block(error: DevportsError, output: OutputStyle, remedies: Sequence[Remedy] = ()) -> str:
    """Return the block of an error, without a final newline."""
    return block(
        "error",
        error.message,
        output,
        facts=error.facts,
        notes=tuple(filter(None, error.note.split("\n"))),
        hints=error.hints,
        remedies=remedies,
    )


def block(
    level: Level,
    message: str,
    output: OutputStyle,
    *,
    facts: Sequence[str] = (),
    notes: Sequence[str] = (),
    hints: Sequence[Advice] = (),
    remedies: Sequence[Remedy] = (),
) -> str:
    """Return `level: message` with its facts, notes, commands and hints, styled for `output`."""
    lines = labelled(level, message, output)
    for fact in facts:
        lines += wrap(f"  {printable(fact, MAX_LINE)}", output.width)
    advice = [line for note in notes for line in labelled("note", note, output)]
    advice += remedy_lines(remedies, output)
    advice += [line for hint in hints for line in labelled("hint", hint, output)]
    return "\n".join([*lines, "", *advice] if advice else lines)


def labelled(label: Label, text: Advice, output: OutputStyle) -> list[str]:
    """Return `label: text` as lines; the label and, in hints, what can be typed are coloured."""
    start = f"{label}: "
    said = printable(text_of(text, output.config), MAX_LINE)
    lines = wrap(start + said, output.width, hang=len(start))
    if label == "hint":
        lines = [_lit(line, output) for line in lines]
    lines[0] = paint(f"{label}:", label, output) + lines[0][len(start) - 1 :]
    return lines


def _lit(line: str, output: OutputStyle) -> str:
    parts = line.split("`")
    if len(parts) % 2 == 0:
        return line
    parts[1::2] = [paint(f"`{part}`", "hint", output) for part in parts[1::2]]
    return "".join(parts)


def remedy_lines(remedies: Sequence[Remedy], output: OutputStyle) -> list[str]:
    """Return the commands to run manually. They stay unbroken, so that they can be copied."""
    lines = [paint("to fix it manually:", "strong", output)] if remedies else []
    for remedy in remedies:
        root = " (needs root)" if remedy.needs_root else ""
        lines += wrap(f"  {printable(remedy.title, MAX_LINE)}{root}", output.width)
        if remedy.command:
            command = printable(text_of(remedy.command, output.config), MAX_LINE)
            lines.append("    " + paint(command, "hint", output))
    return lines

"""What a shell makes of a text: its words, and the exit codes of its commands.

Pure, and no shell: quotes, `$(...)`, operators.

A pipeline ends with the exit code of its last command (POSIX 2.9.2), a list with that of the last
command that ran (2.9.3), and a command in the background with 0.
"""

from __future__ import annotations

QUIET = ("true", ":", "exit 0", "echo", "read", "sleep", "pause", "printf")
"""What is put behind a command so that its failure is no failure, or to keep a window open."""
ENDS = {"'": "'", '"': '"', "`": "`", "(": ")"}
OPERATORS = ("||", "&&", "|&", "|", ";", "&", "\n")


def hides_exit_code(text: str) -> str:
    """Return the end of a text that keeps its server's exit code from the caller; empty if none.

    Only what is certain: `cd web; serve` and `serve && notify` hide nothing that matters.
    """
    parts = _parts(text.strip())
    operator, last = parts[-1]
    if operator == "&" and not last:
        return "&"
    if operator in ("|", "|&"):
        return "" if "pipefail" in text else f"{operator} {last}"
    quiet = any(last == word or last.startswith(f"{word} ") for word in QUIET)
    return f"{operator} {last}".strip() if operator in ("||", ";", "\n") and quiet else ""


def raw_words(text: str) -> tuple[str, ...]:
    """Return the words of a text with their quotes, so that `'|'` is not mistaken for `|`."""
    words, at = [""], 0
    while at < len(text):
        end = _behind(text, at)
        if text[at:end].isspace():
            words.append("")
        else:
            words[-1] += text[at:end]
        at = end
    return tuple(filter(None, words))


def _parts(text: str) -> list[tuple[str, str]]:
    """Return the commands of a text, each with the operator before it."""
    parts, operator, begin, at = [], "", 0, 0
    while at < len(text):
        found = _operator(text, at)
        if found:
            parts.append((operator, text[begin:at].strip()))
            operator, begin = found, at + len(found)
        at = begin if found else _behind(text, at)
    return [*parts, (operator, text[begin:].strip())]


def _operator(text: str, at: int) -> str:
    """Return the operator at a place; `2>&1` and `&>log` have none."""
    found = next((each for each in OPERATORS if text.startswith(each, at)), "")
    redirects = text[at - 1 : at] == ">" or text[at + 1 : at + 2] == ">"
    return "" if found == "&" and redirects else found


def _behind(text: str, at: int) -> int:
    """Return the place behind one letter, or behind all that is quoted or in brackets there.

    Between single quotes nothing counts, between others only a backslash, in brackets both.
    """
    ends: list[str] = []
    while at < len(text):
        inside, char = ends[-1] if ends else ")", text[at]
        at += 1
        if char == "\\" and inside != "'":
            at += 1
        elif ends and char == inside:
            ends.pop()
        elif char in ENDS and inside == ")":
            ends.append(ENDS[char])
        if not ends:
            break
    return at

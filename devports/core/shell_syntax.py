"""Shell syntax of a command text: its commands, its words, its exit code.

Quotes, `$(...)` and operators are parsed, nothing is expanded or run. A pipeline exits with the
code of its last command (POSIX 2.9.2), a list with that of the last command that ran (2.9.3), and a
command in the background with 0. Without `shell = true` a command is only split into words: `cd` is
searched as a program, and `|` is an argument of the program.
"""

from __future__ import annotations

from devports.core.text import assignment
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.service import Service


QUIET = ("true", ":", "exit 0", "echo", "read", "sleep", "pause", "printf")
"""Commands after a server that hide its failure, or keep a window open."""
ENDS = {"'": "'", '"': '"', "`": "`", "(": ")"}
OPERATORS = ("||", "&&", "|&", "|", ";", "&", "\n")
SPECIAL = frozenset("|&;<>()$`\\*?[]#~{}!\n")
"""Characters that make a shell do more than start one program with the words as written."""


class ShellCommand(Frozen):
    """One command of a text: the operator before it, its offset, its text."""

    operator: str
    start: int
    text: str


QUOTING = frozenset("'\"\\")
BLANKS = str.maketrans("\t\r\n", "   ")
_SPLIT: dict[str, tuple[str, ...]] = {}
"""The last text with quotes, and its words."""


def split(text: str) -> tuple[str, ...]:
    """Return the words of a text, without their quotes, as a POSIX shell splits one command.

    Raises:
        ValueError: a quote is not closed.
    """
    if not QUOTING & set(text):
        return tuple(filter(None, text.translate(BLANKS).split(" ")))
    if text not in _SPLIT:
        import shlex  # brings `re`; a long word costs it the square of the length

        _SPLIT.clear()
        _SPLIT[text] = tuple(shlex.split(text))
    return _SPLIT[text]


def plain_words(text: str) -> tuple[str, ...]:
    """Return the words with which a shell starts one program; none where it does more than that."""
    try:
        return () if SPECIAL & set(text) else split(text)
    except ValueError:
        return ()


def commands(text: str) -> list[ShellCommand]:
    found, operator, begin = list[ShellCommand](), "", 0
    for at, _ in _pieces(text):
        if at >= begin and (next_one := _operator(text, at)):
            found.append(ShellCommand(operator, begin, text[begin:at].strip()))
            operator, begin = next_one, at + len(next_one)
    return [*found, ShellCommand(operator, begin, text[begin:].strip())]


def has_more_than_words(text: str) -> bool:
    """Return whether a command has a redirection, brackets or another command in its words."""
    return any(
        piece[0] in "()<>`" or (piece[0] == '"' and ("$(" in piece or "`" in piece))
        for _, piece in _pieces(text)
    )


def raw_words(text: str) -> tuple[str, ...]:
    """Return the words of a text with their quotes, so that `'|'` is not mistaken for `|`."""
    if not (QUOTING | set(ENDS)) & set(text):
        return tuple(text.split())
    words: list[list[str]] = [[]]
    for _, piece in _pieces(text):
        if piece.isspace():
            words.append([])
        else:
            words[-1].append(piece)
    return tuple(filter(None, map("".join, words)))


def hides_exit_code(text: str) -> str:
    """Return the end of a text that hides its server's exit code from the caller; empty if none.

    Only certain cases: `cd web; serve` and `serve && notify` hide nothing that matters.
    """
    last = commands(text.strip())[-1]
    if last.operator == "&" and not last.text:
        return "&"
    end = f"{last.operator} {last.text}".strip()
    if last.operator in ("|", "|&"):
        return "" if "pipefail" in text else end
    quiet = any(last.text == word or last.text.startswith(f"{word} ") for word in QUIET)
    return end if last.operator in ("||", ";", "\n") and quiet else ""


def _operator(text: str, at: int) -> str:
    """Return the operator at an offset; `2>&1` and `&>log` have none."""
    found = next((each for each in OPERATORS if text.startswith(each, at)), "")
    redirects = text[at - 1 : at] == ">" or text[at + 1 : at + 2] == ">"
    return "" if found == "&" and redirects else found


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield each character, or a whole quoted or bracketed part, with its offset."""
    at = 0
    while at < len(text):
        end = _behind(text, at)
        yield at, text[at:end]
        at = end


def _behind(text: str, at: int) -> int:
    """Return the offset behind one character, or behind the quoted or bracketed part there.

    Between single quotes nothing is special, between others a backslash and `$(`, in brackets all.
    """
    ends: list[str] = []
    while at < len(text):
        inside, char = ends[-1] if ends else ")", text[at]
        at += 1
        if char == "\\" and inside != "'":
            at += 1
        elif ends and char == inside:
            ends.pop()
        elif char in ENDS and (inside == ")" or (inside == '"' and text[at - 2 : at] == "$(")):
            ends.append(ENDS[char])
        if not ends:
            break
    return at


BUILTINS = frozenset(
    ". alias builtin cd command eval exec export popd pushd set setopt shopt source trap ulimit"
    " umask unalias unset if for while until case { !".split()
)
"""Commands and words of POSIX shells, bash and zsh that are no programs."""
DIGITS = "0123456789"
QUOTES = "'\""


class ShellSyntax(Frozen):
    """A word that only a shell knows, and the instruction of the hint."""

    word: str
    hint: str


def unshelled(service: Service) -> ShellSyntax | None:
    """Return the first word of a command that needs a shell; None without one, or with `shell`."""
    command = service.command
    if service.shell or not command:
        return None
    words = raw_words(command) if isinstance(command, str) else command
    if hint := instead_of(words):
        return ShellSyntax(_assigned(words[0]) or words[0], hint)
    operators = map(_operator_unshelled, words) if isinstance(command, str) else iter(())
    found = next(filter(None, operators), "")
    return ShellSyntax(found, _without(found)) if found else None


def instead_of(words: Sequence[str]) -> str:
    """Return what to write for a first word that only a shell knows; empty if it is none."""
    first, second = (*words, "", "")[:2]
    if name := _assigned(first):
        return f'no shell reads `{name}`: write `env = {{ {name[:-4]} = "..." }}`'
    if first not in BUILTINS:
        return ""
    if first == "exec":
        return "remove `exec` (the command runs without a shell)"
    if first == "cd" and second:
        return (
            f'the command runs without a shell; write `cwd = "{second.strip(QUOTES)}"`, or '
            "set `shell = true`"
        )
    return f"`{first}` is a shell builtin; set `shell = true`"


def _assigned(word: str) -> str:
    """Return `NAME=...` for an assignment, without its value, which may be a secret."""
    found = assignment(word)
    return f"{found[0]}=..." if found else ""


def _operator_unshelled(word: str) -> str:
    """Return the operator that a word is or ends in; a redirection may include its file."""
    redirects = word.lstrip(DIGITS)[:1] in ("<", ">") or word.startswith("&>")
    if word in OPERATORS or redirects:
        return word
    return ";" if word.endswith(";") and not word.endswith("\\;") else ""


def _without(operator: str) -> str:
    if operator == "&":
        return "remove `&` (a service must run in the foreground)"
    return "remove it, or set `shell = true`"

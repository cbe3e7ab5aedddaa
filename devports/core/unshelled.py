"""A command that was written for a shell, and gets none: what it has of one, and what to write.

Without `shell = true` a text is only split into words: `cd` is looked for as a program, and `|`
goes to the program as an argument.
"""

from __future__ import annotations

from devports.core.shelltext import OPERATORS, raw_words
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.service import Service

BUILTINS = frozenset(
    ". alias builtin cd command eval exec export popd pushd set setopt shopt source trap ulimit"
    " umask unalias unset if for while until case { !".split()
)
"""Commands and words of POSIX shells, bash and zsh that are no programs of their own."""
DIGITS = "0123456789"
QUOTES = "'\""


class Unshelled(Value):
    """The word that only a shell knows, and what to do about it, as a hint says it."""

    word: str
    hint: str


def unshelled(service: Service) -> Unshelled | None:
    """Return what a command has that wants a shell; None if it has nothing, or gets one."""
    command = service.command
    if service.shell or not command:
        return None
    words = raw_words(command) if isinstance(command, str) else command
    if hint := instead_of(words):
        return Unshelled(_assigned(words[0]) or words[0], hint)
    operators = map(_operator, words) if isinstance(command, str) else iter(())
    found = next(filter(None, operators), "")
    return Unshelled(found, _without(found)) if found else None


def instead_of(words: Sequence[str]) -> str:
    """Return what to write for a first word that only a shell knows; empty if it is none."""
    first, second = (*words, "", "")[:2]
    if name := _assigned(first):
        return f'no shell reads `{name}`: write `env = {{ {name[:-4]} = "..." }}`'
    if first not in BUILTINS:
        return ""
    if first == "exec":
        return "leave `exec` out: there is no shell that it could replace"
    if first == "cd" and second:
        return f'no shell runs: write `cwd = "{second.strip(QUOTES)}"`, or set `shell = true`'
    return f"`{first}` is a word of shells: set `shell = true`"


def _assigned(word: str) -> str:
    """Return `NAME=...` for an assignment, without its value: that may be a secret."""
    name, sign, _ = word.partition("=")
    return f"{name}=..." if sign and name.isidentifier() else ""


def _operator(word: str) -> str:
    """Return the operator that a word is, or ends in; redirections may have a file with them."""
    redirects = word.lstrip(DIGITS)[:1] in ("<", ">") or word.startswith("&>")
    if word in OPERATORS or redirects:
        return word
    return ";" if word.endswith(";") and not word.endswith("\\;") else ""


def _without(operator: str) -> str:
    if operator == "&":
        return "leave `&` out: devports stays with the server"
    return "leave it out, or set `shell = true`"

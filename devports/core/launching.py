"""A command line, seen through its launchers: which program is started, and by whom.

Only launchers that were measured to hand descriptors and variables on are looked through; what
else stands before the program ends the look.
"""

from __future__ import annotations

from devports.core.program import base_name
from devports.core.pythonline import is_python, split_options
from devports.core.quoting import quote
from devports.core.shells import SHELLS
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXECS = frozenset("exec nohup setsid".split())
"""They become their words, and take no options that anybody gives."""
LOSES = frozenset("npm npx yarn concurrently cross-env honcho poetry pipenv pdm hatch sudo".split())
"""Those that close descriptors (measured), or of which it is not known that they keep them."""
UV_VALUED = frozenset("--with --env-file --python -p --package --extra --group --directory".split())
SPECIAL = frozenset("|&;<>()$`\\*?[]#~{}!\n")
"""What makes a shell do more than to start one program with the words as they stand."""
ISOLATED = frozenset("EIS")
"""Flags of Python that leave PYTHONPATH or `site` out (docs.python.org/3/using/cmdline.html)."""


class Launching(Value):
    """A command, taken apart.

    Attributes:
        before: the words of launchers, and of a shell up to its text.
        lead: what names the program: `uvicorn`, or `python -m uvicorn`.
        name: the program's or module's base name.
        args: its own words.
        after: words behind the text that a shell reads; None where none does.
        inner: words of launchers inside that text.
        isolated: whether it is Python told to leave its environment out of account.
        opaque: the text of a shell that does more than to start one program.
    """

    before: tuple[str, ...]
    lead: tuple[str, ...]
    name: str
    args: tuple[str, ...]
    after: tuple[str, ...] | None = None
    inner: tuple[str, ...] = ()
    isolated: bool = False
    opaque: str = ""

    @property
    def loser(self) -> str:
        """The launcher through which no descriptor is known to come, empty if there is none."""
        return self.name if self.name in LOSES else ""

    def argv(self, args: Sequence[str]) -> tuple[str, ...]:
        """Return the whole command with other words for the program."""
        words = (*self.inner, *self.lead, *args)
        if self.after is None:
            return (*self.before, *words)
        return (*self.before, " ".join(map(quote, words)), *self.after)


def launching_of(argv: Sequence[str]) -> Launching:
    """Take a command apart."""
    before, words = _split(tuple(argv))
    name = base_name(words[0]) if words else ""
    if name in SHELLS and len(words) > 2 and words[1] in ("-c", "-lc"):  # noqa: PLR2004  # its text
        return _in_shell(before, words)
    return _program(before, words)


def _in_shell(before: tuple[str, ...], words: tuple[str, ...]) -> Launching:
    opaque = Launching(
        before, words[:1], base_name(words[0]), words[1:], after=None, opaque=words[2]
    )
    if SPECIAL & set(words[2]):
        return opaque
    import shlex  # noqa: PLC0415  # brings `re`

    try:
        inside = tuple(shlex.split(words[2]))
    except ValueError:
        return opaque
    inner, rest = _split(inside)
    if not rest or base_name(rest[0]) in SHELLS or any(_is_broken(word) for word in inner):
        return opaque
    found = _program((), rest)
    return found.but(before=(*before, *words[:2]), inner=inner, after=words[3:])


def _is_broken(word: str) -> bool:
    """Say whether an assignment would be none any more once it is quoted as a whole."""
    return "=" in word and quote(word) != word


def _split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of launchers, and those of what they start."""
    at = 0
    while at < len(words) and (length := _launcher(words[at:])):
        at += length
    return words[:at], words[at:]


def _launcher(words: tuple[str, ...]) -> int:
    """Return how many words a launcher at the beginning takes, 0 if it is none that is known."""
    if _is_assignment(words[0]):
        return 1
    match (base_name(words[0]), *words[1:2]):
        case ("env", *rest):
            return 1 if rest and not rest[0].startswith("-") else 0
        case ("timeout", duration) if duration[:1].isdigit():
            return 2
        case ("uv", "run"):
            return _uv(words)
        case (name, *rest) if name in EXECS:
            return 1 if rest and not rest[0].startswith("-") else 0
        case _:
            return 0


def _is_assignment(word: str) -> bool:
    return word.partition("=")[0].isidentifier() and "=" in word


def _uv(words: tuple[str, ...]) -> int:
    at = 2
    while at < len(words) and words[at].startswith("-"):
        if words[at] in UV_VALUED:
            at += 2
        elif words[at] == "--" or "=" in words[at] or words[at] in ("--frozen", "--no-sync"):
            at += 1
        else:
            return 0
    return at if at < len(words) else 0


def _program(before: tuple[str, ...], words: tuple[str, ...]) -> Launching:
    name = base_name(words[0]) if words else ""
    if is_python(name):
        flags, own, run = split_options(words[1:])
        isolated = bool(flags & ISOLATED)
        if run[:1] == ("-m",) and run[1:]:
            lead = (words[0], *own, *run[:2])
            return Launching(before, lead, run[1], run[2:], isolated=isolated)
        return Launching(before, words[:1], name, words[1:], isolated=isolated)
    return Launching(before, words[:1], name, words[1:])

"""Python's own command line: whether a program is one, and where its options end. Pure.

https://docs.python.org/3/using/cmdline.html; letters may stand together, and `-m` and `-c` end the
options: what is behind them is for the program.
"""

from __future__ import annotations

from itertools import takewhile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = ("m", "c")
VALUED = (*PROGRAM, "W", "X")
"""Letters behind which a value stands, in the same word or as the next one."""
LONG_VALUED = "--check-hash-based-pycs"


def is_python(name: str) -> bool:
    """Say whether this is the name of a Python interpreter: `python3.13t`, `pypy3`."""
    return name.rstrip("0123456789.t") in ("python", "pypy")


def split_options(words: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Take apart what stands behind the interpreter.

    Returns:
        The letters of the options that have no value; the options, as words; and what is run:
        `-m` and a module, `-c` and a text, or a file, each with its own words.
    """
    flags, at = frozenset[str](), 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        word = words[at]
        letters = "" if word.startswith("--") else _without_value(word[1:])
        flags |= frozenset(letters)
        valued, value = word[1 + len(letters) :][:1], word[2 + len(letters) :]
        if valued in PROGRAM:
            own = (*words[:at], f"-{letters}") if letters else tuple(words[:at])
            program = (f"-{valued}", value) if value else (f"-{valued}",)
            return flags, own, (*program, *words[at + 1 :])
        at += 2 if word == LONG_VALUED or (valued in VALUED and not value) else 1
    ended = at + 1 if words[at : at + 1] == ("--",) else at
    return flags, tuple(words[:at]), tuple(words[ended:])


def _without_value(letters: str) -> str:
    return "".join(takewhile(lambda letter: letter not in VALUED, letters))

"""What is wrong with a configuration, in values: where, why, and what was perhaps meant."""

from __future__ import annotations

from devports.config.keys import ALSO_CALLED
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal, TypeAlias

    Path: TypeAlias = tuple[str | int, ...]

_LONGEST_NAME = 64
_MOST_CHOICES = 256


class Problem(Frozen):
    """One thing that is wrong.

    Attributes:
        path: keys from the top of the file (from `[tool.devports]`), list positions as numbers.
        reason: one clause, names in backticks, no period.
        at: whether the key or the value is to blame.
        wrote: the word that was written where one of `choices` was expected.
    """

    path: Path
    reason: str
    at: Literal["key", "value"] = "value"
    wrote: str = ""
    choices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The reason with the nearest choice. Worded only when shown: difflib is slow."""
        meant = nearest(self.wrote, self.choices)
        return f"{self.reason}, did you mean `{meant}`?" if meant else self.reason


class Problems(Frozen):
    """All that is wrong with one file, in the order it was found; never empty."""

    problems: tuple[Problem, ...]


def nearest(wrote: str, choices: Iterable[str]) -> str:
    """Return the choice that `wrote` resembles most; empty if none does, or it is absurdly long."""
    if not wrote or len(wrote) > _LONGEST_NAME:
        return ""
    import difflib  # only a file with a mistake pays for it

    folded = {choice.lower(): choice for choice in tuple(choices)[:_MOST_CHOICES]}
    also = ALSO_CALLED.get(wrote.lower(), "")
    if also in folded:
        return also
    close = difflib.get_close_matches(wrote.lower(), folded, 1)
    return folded[close[0]] if close else ""


def visible(text: str) -> str:
    """Return `text` in one line: what a terminal would obey or hide is written as an escape."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char == "\t":
        return "    "
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def short(text: str, limit: int = 60) -> str:
    """Return `text` visible and cut to `limit` columns."""
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def dotted(path: Path) -> str:
    """Return the path as TOML writes it, parts cut to a readable length."""
    return "".join(_part(part, first=not i) for i, part in enumerate(path))


def _part(part: str | int, *, first: bool) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    shown = short(part)
    bare = shown.replace("-", "_").replace("_", "a").isalnum() and shown.isascii()
    word = shown if bare else f'"{shown}"'
    return word if first else f".{word}"

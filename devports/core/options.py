"""Options among a program's words: found, read and taken out. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def values_of(args: Sequence[str], *names: str) -> tuple[str, ...]:
    """Return the values of an option, in order: `--port 1`, `--port=1`, `-p 1` and `-p1`."""
    return tuple(value for _, _, value in _found(args, names))


def without(args: Sequence[str], *names: str) -> tuple[str, ...]:
    """Return the words without this option and its values."""
    gone = {at + i for at, length, _ in _found(args, names) for i in range(length)}
    return tuple(word for at, word in enumerate(args) if at not in gone)


def _found(args: Sequence[str], names: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    for at, word in enumerate(args):
        for name in names:
            if word == name and at + 1 < len(args):
                yield at, 2, args[at + 1]
            elif name.startswith("--") and word.startswith(f"{name}="):
                yield at, 1, word[len(name) + 1 :]
            elif not name.startswith("--") and word.startswith(name) and word != name:
                yield at, 1, word[len(name) :].removeprefix("=")

"""A screen that is kept up to date: only the lines that have changed are written, all at once.

It lives on the alternate screen (xterm's private mode 1049), so that what was on the terminal
before comes back as it was. Lines are never wrapped by the terminal (DECAWM off): one that is too
long is cut at the edge and cannot push the others down. Sequences: ECMA-48 and xterm's ctlseqs;
what a terminal does not know it ignores.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.ui.console import Screen

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
CLEAR = "\x1b[H\x1b[2J"
TOGETHER = ("\x1b[?2026h", "\x1b[?2026l")
"""Synchronized output: terminals that know it show the whole change at once."""


class Live:
    """Draws on stdout. `enter` and `leave` are a pair, and may be repeated."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._shown: tuple[str, ...] = ()
        self.active = False

    def enter(self) -> None:
        self._shown, self.active = (), True
        self._screen.write("stdout", ENTER)

    def leave(self) -> None:
        """Give the terminal back: its screen, cursor and wrapping."""
        if self.active:
            self.active = False
            self._screen.write("stdout", LEAVE)

    def clear(self) -> None:
        """Forget what is shown: after a resize the terminal may have moved it."""
        self._shown = ()
        if self.active:
            self._screen.write("stdout", CLEAR)

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines, as far as the terminal is high enough."""
        fitting = tuple(cut(lines, self._screen.height("stdout")))
        text = changes(self._shown, fitting)
        if text:
            self._screen.write("stdout", text.join(TOGETHER))
        self._shown = fitting


def cut(lines: Sequence[str], height: int) -> Sequence[str]:
    """Return what fits; the last line says how much does not."""
    if len(lines) <= height:
        return lines
    return [*lines[: height - 1], f"... {len(lines) - height + 1} more lines"]


def changes(before: Sequence[str], after: Sequence[str]) -> str:
    """Return what to write, so that a screen that shows `before` shows `after`."""
    old = [*before, *[""] * (len(after) - len(before))]
    new = [*after, *[""] * (len(before) - len(after))]
    return "".join(
        f"\x1b[{number};1H\x1b[2K{line}"
        for number, (was, line) in enumerate(zip(old, new, strict=True), start=1)
        if was != line
    )

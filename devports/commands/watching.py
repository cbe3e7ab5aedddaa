"""`devports status --watch`: look, show what has changed, wait, until somebody wants it to end.

On a terminal the table stays in place. Elsewhere there is nothing to draw over, and a table each
second would be noise: a reader gets the whole table once, and then a line for each change, as
``kubectl get --watch`` does it. A script that waits for one thing uses `devports wait`.
"""

from __future__ import annotations

from devports import exitcodes
from devports.system import clock
from devports.system.attention import Attention, Ended, Resized, Suspended
from devports.ui.diagnostic import labelled
from devports.ui.layout import paint
from devports.ui.live import Live
from devports.ui.table import changed, parts_of, plain, table
from devports.ui.trouble import gap_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.commands.surveying import Shown
    from devports.ui.console import Screen
    from devports.ui.table import Part

INTERVAL = 1.0
"""Seconds between two looks."""
IDLE = 4
"""Waits are at least so many times as long as looks: on a slow machine it looks less often."""
SIGINT = 2


def watch_over(screen: Screen, look: Callable[[], Shown], interval: float) -> int:
    """Show what `look` returns until Ctrl-C, `q`, a signal, or the reader has gone.

    Returns:
        0 when it was ended by hand; 128+n for another signal.
    """
    stdout = screen.streams["stdout"]
    if stdout is None:
        return exitcodes.OK
    draws = screen.can_draw("stdout")
    stdin = screen.streams["stdin"] if draws and screen.is_terminal("stdin") else None
    painter = Frames(screen, interval) if draws else Lines(screen)
    with Attention(stdout.fileno(), stdin.fileno() if stdin else None) as attention:
        try:
            number = _until_the_end(painter, look, interval, attention)
        finally:
            painter.leave()
    painter.last_words()
    return exitcodes.OK if number in (0, SIGINT) else exitcodes.of_signal(number)


def _until_the_end(
    painter: Frames | Lines, look: Callable[[], Shown], interval: float, attention: Attention
) -> int:
    """Look and show, again and again; return the signal that ended it, 0 for none."""
    due = clock.Deadline(0)
    while True:
        if due.passed:
            begun = clock.monotonic()
            painter.show(look())
            took = clock.monotonic() - begun
            due = clock.Deadline(max(interval - took, IDLE * took))
        match attention.wait(due.left):
            case Ended(number=number):
                return number
            case Resized():
                painter.again()
            case Suspended():
                painter.leave()
                attention.suspend()
                painter.again()
            case None:
                continue


class Frames:
    """The table on a terminal, drawn over."""

    def __init__(self, screen: Screen, interval: float) -> None:
        self._screen, self._interval = screen, interval
        self._live = Live(screen)
        self._shown: Shown | None = None

    def show(self, shown: Shown) -> None:
        self._shown = shown
        if not self._live.active:
            self._live.enter()
        self._live.show(self._lines(shown))

    def again(self) -> None:
        """Draw everything again, as wide and high as the terminal is now."""
        if self._shown is not None:
            self._live.clear()
            self.show(self._shown)

    def leave(self) -> None:
        self._live.leave()

    def last_words(self) -> None:
        """Leave the last table behind, where the shell goes on."""
        if self._shown is not None:
            self._screen.out("\n".join(self._table(self._shown)))

    def _lines(self, shown: Shown) -> list[str]:
        look = self._screen.look("stdout")
        head = paint(f"devports status, every {self._interval:g} s; q ends it", "faint", look)
        notes = [line for gap in shown.gaps for line in labelled("note", gap_words(gap), look)]
        return [head, "", *self._table(shown), *(["", *notes] if notes else [])]

    def _table(self, shown: Shown) -> list[str]:
        parts = parts_of(shown.sections, self._screen.reader(), asked=shown.asked)
        return table(parts, self._screen.look_with_links("stdout"))


class Lines:
    """The table once, then a line for each change, for a pipe or a terminal without a cursor."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._before: list[Part] | None = None

    def show(self, shown: Shown) -> None:
        parts = parts_of(shown.sections, self._screen.reader(), asked=shown.asked)
        look = self._screen.look("stdout").but(width=None)
        lines = plain(parts, look) if self._before is None else changed(self._before, parts, look)
        self._before = parts
        if lines:
            self._screen.out("\n".join(lines))

    def again(self) -> None:
        """Nothing to be drawn again."""

    def leave(self) -> None:
        """Nothing was taken."""

    def last_words(self) -> None:
        """All has been said."""

"""A wait on the screen: nothing at first, since most end at once, then one line with a counter.

The waiting loop updates it; there is no thread, since threads and the signals of a run do not go
together. The line is removed when the wait ends; the caller reports the result.
"""

from __future__ import annotations

from contextlib import contextmanager

from devports.system import clock
from devports.ui.console import SHOW_AFTER, Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.live import Live
    from rich.spinner import Spinner


DRAW_EVERY = 0.1
"""Seconds between two drawings, which cost a hundredth of a core at this rate."""
RESERVED = 6
"""Cells of the spinner, of the ASCII form of "…", and of the "^C" that a terminal echoes."""


@contextmanager
def waiting(
    console: Console, line: str, text: str, limit: float, *, waited: float = 0
) -> Iterator[Callable[[], None]]:
    """Show a wait on stderr while it lasts; yields the function that its loop calls.

    Args:
        console: if nothing can be redrawn, `line` is written once.
        line: what is waited for, and how long.
        text: the same without the duration, which is counted behind it.
        limit: seconds that it may last from now on.
        waited: seconds that have passed.
    """
    if not console.can_draw("stderr"):
        console.progress(f"devports: {line}")
        yield lambda: None
        return
    shown = _Line(console, text, limit + waited, waited)
    try:
        yield shown.tick
    finally:
        shown.clear()


class _Line:
    """The line: nothing until it is due, then redrawn whenever it is."""

    def __init__(self, console: Console, text: str, limit: float, waited: float) -> None:
        self._console, self._text, self._limit = console, text, limit
        self._begun = clock.monotonic() - waited
        self._due = SHOW_AFTER
        self._live: Live | None = None

    def tick(self) -> None:
        elapsed = clock.monotonic() - self._begun
        if elapsed < self._due:
            return
        self._due = elapsed + DRAW_EVERY
        if self._live is None:
            self._live = self._started()
        self._live.update(self._content(elapsed), refresh=True)

    def _started(self) -> Live:
        from rich.live import Live  # only for a long wait
        from rich.spinner import Spinner

        from devports.ui.rich_console import rich_console

        drawn = rich_console(self._console, "stderr")
        self._spinner = Spinner("dots" if drawn.encoding.startswith("utf") else "line")
        live = Live(
            console=drawn,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        drawn.show_cursor(True)  # a process stopped by Ctrl-Z or killed could not restore it
        return live

    def _content(self, elapsed: float) -> Spinner:
        """Return the spinner and the text, cut to one line."""
        from devports.ui.rich_console import marked

        count = f"  {elapsed // 1:.0f} s of {max(self._limit, 1):.0f}"
        room = (self._console.width("stderr") or 0) - len(count) - RESERVED
        line = marked(self._text)
        line.truncate(max(room, 0), overflow="ellipsis")
        self._spinner.update(text=line.append(count, "faint"))
        return self._spinner

    def clear(self) -> None:
        if self._live is not None:
            self._live.stop()

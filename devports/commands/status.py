"""`devports status`: who has the ports of this project, or of this machine."""

from __future__ import annotations

import time

from devports import exitcodes
from devports.errors import DevportsError
from devports.system import refuse_to_watch
from devports.ui.diagnostic import error_block, labelled
from devports.ui.table import parts_of, table
from devports.ui.trouble import gap_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.commands.setting import Setting
    from devports.commands.surveying import Shown
    from devports.ui.console import Screen


def status(
    setting: Setting,
    words: Sequence[str],
    *,
    everything: bool = False,
    watch: bool = False,
    interval: float | None = None,
    as_json: bool = False,
) -> int:
    """Show every endpoint of the targets, of all services if there are none.

    Args:
        setting: screen, machine and configuration.
        words: the targets.
        everything: all listeners of this machine instead.
        watch: go on, and show what changes.
        interval: seconds between two looks.
        as_json: one document on stdout.
    """
    _refuse_contradictions(words, everything, watch, interval, as_json)
    if watch:
        refuse_to_watch()
    look = _look_at(setting, words, everything=everything, repeated=watch)
    if watch:
        from devports.commands.watching import INTERVAL, watch_over  # noqa: PLC0415  # termios, signal

        return watch_over(setting.screen, look, interval or INTERVAL)
    return (report_json if as_json else report)(setting.screen, look())


def _look_at(
    setting: Setting, words: Sequence[str], *, everything: bool, repeated: bool
) -> Callable[[], Shown]:
    """Return what looks, once or again and again; only what it needs is imported."""
    if everything:
        from devports.commands.everybody import Everybody  # noqa: PLC0415

        return Everybody(setting, repeated=repeated).look
    from devports.commands.surveying import Services  # noqa: PLC0415

    return Services(setting, setting.asked(words), repeated=repeated).look


def report(screen: Screen, shown: Shown) -> int:
    """Print the table on stdout, what could not be seen or looked at on stderr."""
    parts = parts_of(shown.sections, screen.reader(), asked=shown.asked)
    screen.out("\n".join(table(parts, screen.look_with_links("stdout"))))
    look = screen.look("stderr")
    for gap in shown.gaps:
        screen.err("\n".join(labelled("note", gap_words(gap), look)))
    for error in shown.errors:
        screen.err(error_block(error, look))
    return code_of(shown)


def code_of(shown: Shown) -> int:
    """Return 0 if all could be looked at, whatever was found."""
    return max((error.exit_code for error in shown.errors), default=exitcodes.OK)


def report_json(screen: Screen, shown: Shown) -> int:
    """Print the envelope."""
    from devports.ui.jsonout import overall  # noqa: PLC0415  # json: half a start
    from devports.ui.jsonstatus import status_data  # noqa: PLC0415

    code = code_of(shown)
    data = status_data(shown.sections, shown.gaps, time.time())
    seen = [True for s in shown.sections for entry in s.entries if entry.error is None]
    status = overall([*seen, *(False for _ in shown.errors)])
    screen.answer(("status",), data, exit_code=code, errors=shown.errors, status=status)
    return code


def _refuse_contradictions(
    words: Sequence[str], everything: bool, watch: bool, interval: float | None, as_json: bool
) -> None:
    """Refuse options that do not go together.

    Raises:
        DevportsError: there are some.
    """
    if everything and words:
        raise DevportsError("usage", "`--all` shows every listener, so it takes no target")
    if watch and as_json:
        hint = "run it without `--json`: on a pipe it prints a line for each change"
        raise DevportsError(
            "usage", "`--watch` goes on, and `--json` is one document", hints=(hint,)
        )
    if interval is not None and not watch:
        raise DevportsError("usage", "`--interval` is about `--watch`")

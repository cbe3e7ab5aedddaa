"""`devports status`: who has the ports of this project."""

from __future__ import annotations

import time

from devports import exitcodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Setting


def status(setting: Setting, words: Sequence[str], *, as_json: bool = False) -> int:
    """Show every endpoint of the targets, of all services if there are none."""
    looked = setting.look(setting.asked(words))
    screen = setting.screen
    if as_json:
        from devports.ui.jsonout import document, status_data  # noqa: PLC0415

        entries = [(target.name, target.text, findings) for target, findings in looked]
        data = status_data(entries, time.time())
        screen.write("stdout", document(("status",), data, exit_code=exitcodes.OK))
        return exitcodes.OK
    from devports.ui.render import Entry, show_status  # noqa: PLC0415

    show_status(
        [Entry(target.name or target.text, findings) for target, findings in looked],
        screen,
        screen.reader(),
    )
    return exitcodes.OK

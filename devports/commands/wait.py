"""`devports wait`: until a service is ready, or a port can be bound. For scripts."""

from __future__ import annotations

import time

from devports import exitcodes
from devports.commands.awaiting import Awaited, not_ready, wait_for
from devports.commands.freeing import not_freed
from devports.core.outcome import Freed
from devports.system import clock
from devports.ui.deeds import took
from devports.ui.diagnostic import error_block
from devports.ui.who import listed, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.awaiting import Until
    from devports.commands.setting import Setting
    from devports.errors import DevportsError

PATIENCE = 60.0
"""Seconds to wait where nobody says how long."""
QUIET = 0.7
"""Seconds of waiting before a person is told what we wait for."""


def wait(
    setting: Setting,
    words: Sequence[str],
    *,
    until: Until = "ready",
    timeout: float | None = None,
    as_json: bool = False,
) -> int:
    """Wait for all targets; the exit code says what did not happen in time.

    Args:
        setting: screen, machine and configuration.
        words: the targets.
        until: what is waited for.
        timeout: seconds altogether; by default those that the services get to become ready.
        as_json: one document on stdout.
    """
    targets = setting.asked(words)
    own = [t.service.ready.timeout for t in targets if t.service and until == "ready"]
    deadline = clock.Deadline(max(own, default=PATIENCE) if timeout is None else timeout)

    def tell() -> None:
        named = listed([f"`{target.text}`" for target in targets])
        setting.screen.err(
            f"devports: waiting up to {whole(deadline.left):.0f} s until {named} is {until}"
        )

    done = wait_for(setting, targets, until, deadline, tell=tell, quiet=QUIET)
    failed = [error(setting, one, until) for one in done if not one.happened]
    code = max((each.exit_code for each in failed), default=exitcodes.OK)
    if as_json:
        report_json(setting, done, until, code, failed)
        return code
    for one in done:
        if one.happened:
            setting.screen.out(f"`{one.target.text}` is {until}, after {took(one.seconds)}")
    for each in failed:
        setting.screen.err(error_block(each, setting.screen.look("stderr")))
    return code


def error(setting: Setting, one: Awaited, until: Until) -> DevportsError:
    """Return what did not happen, as an error with what is there instead."""
    if until == "ready":
        return not_ready(setting, one)
    freed = Freed(False, exitcodes.STILL_HELD, (), one.findings)
    return not_freed(one.target, freed, setting.screen)


def report_json(
    setting: Setting,
    done: Sequence[Awaited],
    until: Until,
    code: int,
    failed: Sequence[DevportsError],
) -> None:
    """Print the envelope."""
    from devports.ui.jsonout import overall, wait_data  # noqa: PLC0415

    entries = [(one.target.text, one.happened, one.seconds, one.findings) for one in done]
    data = wait_data(until, entries, time.time())
    status = overall(one.happened for one in done)
    setting.screen.answer(("wait",), data, exit_code=code, errors=failed, status=status)

"""`devports wait`: until a service is ready, or a port can be bound. For scripts.

awaiting: When what `devports wait` was asked for has happened.
"""

from __future__ import annotations

import time

from devports import exitcodes
from devports.commands.free import not_freed
from devports.core.stop_plan import FreeResult
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.freeing.bindable import bindable
from devports.run.readiness import is_ready, is_served
from devports.system import clock
from devports.system.inspect import survey
from devports.ui.messages import error_block, evidence, summary
from devports.ui.processes import listed, whole
from devports.ui.progress import took

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from devports.commands.context import Context, Target
    from devports.core.hint import Advice
    from devports.core.model import Endpoint
    from devports.core.verdict import Finding

    Until = Literal["ready", "free"]


PATIENCE = 60.0
"""Seconds to wait where nobody says how long."""
QUIET = 0.7
"""Seconds of waiting before a person is told what we wait for."""


def wait(
    setting: Context,
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


def error(setting: Context, one: WaitResult, until: Until) -> DevportsError:
    """Return what did not happen, as an error with what is there instead."""
    if until == "ready":
        return not_ready(setting, one)
    freed = FreeResult(False, exitcodes.STILL_HELD, (), one.findings)
    return not_freed(one.target, freed, setting.screen)


def report_json(
    setting: Context,
    done: Sequence[WaitResult],
    until: Until,
    code: int,
    failed: Sequence[DevportsError],
) -> None:
    """Print the envelope."""
    from devports.ui.json_output import overall, wait_data

    entries = [(one.target.text, one.happened, one.seconds, one.findings) for one in done]
    data = wait_data(until, entries, time.time())
    status = overall(one.happened for one in done)
    setting.screen.answer(("wait",), data, exit_code=code, errors=failed, status=status)


FIRST, LAST = 0.010, 0.250
"""Seconds between looks: no event tells that a port is listened on, or let go of."""


class WaitResult(Frozen):
    """One target: whether it happened, after how many seconds, and what is on its port now."""

    target: Target
    happened: bool
    seconds: float
    findings: tuple[Finding, ...]


def wait_for(
    setting: Context,
    targets: Sequence[Target],
    until: Until,
    deadline: clock.Deadline,
    *,
    tell: Callable[[], None],
    quiet: float,
) -> tuple[WaitResult, ...]:
    """Wait for all of them; `tell` is called once if that takes longer than `quiet` seconds."""
    took: dict[int, float] = {}
    ends = [setting.endpoints(_judged_by(target, until)) for target in targets]
    step, told = FIRST, False
    while True:
        for number, target in enumerate(targets):
            if number not in took and _happened(setting, target, ends[number], until):
                took[number] = deadline.elapsed
        if len(took) == len(targets) or deadline.passed:
            break
        if not told and deadline.elapsed > quiet:
            told = True
            tell()
        clock.pause(min(step, deadline.left))
        step = min(step * 1.5, LAST)
    return tuple(
        WaitResult(target, number in took, took.get(number, deadline.elapsed), findings)
        for number, (target, findings) in enumerate(setting.look(targets, survey))
    )


def _judged_by(target: Target, until: Until) -> Target:
    """Return what decides: a service is ready by its own port, and free when all its ports are."""
    return target if until == "free" else target.but(specs=target.specs[:1])


def _happened(setting: Context, target: Target, ends: Sequence[Endpoint], until: Until) -> bool:
    if until == "free":
        return bindable(setting.machine, ends, ())
    if target.service is None:
        return is_served(setting.machine, ends)
    root = setting.config().root
    return is_ready(setting.machine, setting.records(), target.service, root, ends)


def not_ready(setting: Context, one: WaitResult) -> DevportsError:
    """Return that a target did not become ready, with what is on its port instead."""
    from devports.core.hint import hint, ours

    target, started = one.target, bool(one.target.service and one.target.service.command)
    run = setting.records().in_charge(target.name, setting.config().root) if started else None
    facts = (
        summary(one.findings, target.subject),
        *evidence(one.findings, setting.screen.reader()),
    )
    note = ""
    hints: tuple[Advice, ...] = ()
    if run is not None:
        note = f"its run (pid {run.key.pid}) is {run.state}"
    elif started:
        note = "no `devports run` of it is there, and nobody else's server counts as it"
        hints = (hint("run ", ours("run", target.typed), ", or wait for the bare port"),)
    return DevportsError(
        "not-ready",
        f"`{target.text}` was not ready in {one.seconds:.1f} s",
        facts=facts,
        note=note,
        hints=hints,
        service=target.name,
        exit_code=exitcodes.NOT_READY,
    )

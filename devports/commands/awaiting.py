"""When what `devports wait` was asked for has happened."""

from __future__ import annotations

from devports import exitcodes
from devports.core.value import Value
from devports.errors import DevportsError
from devports.freeing.bindable import bindable
from devports.run.readiness import is_ready, is_served
from devports.system import clock
from devports.system.survey import survey
from devports.ui.trouble import evidence
from devports.ui.words import summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from devports.commands.setting import Asked, Setting
    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint

    Until = Literal["ready", "free"]

FIRST, LAST = 0.010, 0.250
"""Seconds between looks: no event tells that a port is listened on, or let go of."""


class Awaited(Value):
    """One target: whether it happened, after how many seconds, and what is on its port now."""

    target: Asked
    happened: bool
    seconds: float
    findings: tuple[Finding, ...]


def wait_for(
    setting: Setting,
    targets: Sequence[Asked],
    until: Until,
    deadline: clock.Deadline,
    *,
    tell: Callable[[], None],
    quiet: float,
) -> tuple[Awaited, ...]:
    """Wait for all of them; `tell` is called once if that takes longer than `quiet` seconds."""
    took: dict[int, float] = {}
    ends = [setting.endpoints(target) for target in targets]
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
        Awaited(target, number in took, took.get(number, deadline.elapsed), findings)
        for number, (target, findings) in enumerate(setting.look(targets, survey))
    )


def _happened(setting: Setting, target: Asked, ends: Sequence[Endpoint], until: Until) -> bool:
    if until == "free":
        return bindable(setting.machine, ends, ())
    if target.service is None:
        return is_served(setting.machine, ends)
    root = setting.config().root
    return is_ready(setting.machine, setting.records(), target.service, root, ends)


def not_ready(setting: Setting, one: Awaited) -> DevportsError:
    """Return that a target did not become ready, with what is on its port instead."""
    target, started = one.target, bool(one.target.service and one.target.service.command)
    run = setting.records().in_charge(target.name, setting.config().root) if started else None
    facts = (
        summary(one.findings, target.subject),
        *evidence(one.findings, setting.screen.reader()),
    )
    if run is not None:
        note, hint = f"its run (pid {run.key.pid}) is {run.state}", ""
    elif started:
        note = "no `devports run` of it is there, and nobody else's server counts as it"
        hint = f"run `devports run {target.typed}`, or wait for the bare port"
    else:
        note, hint = "", ""
    return DevportsError(
        "not-ready",
        f"`{target.text}` was not ready in {one.seconds:.1f} s",
        facts=facts,
        note=note,
        hints=(hint,) if hint else (),
        service=target.name,
        exit_code=exitcodes.NOT_READY,
    )

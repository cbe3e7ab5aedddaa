"""When what `devports wait` was asked for has happened.

A service that devports starts is ready when its run says so: whoever else listens on its port is
not it. A port that is only watched, or a bare one, is ready when somebody listens.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.diagnosis import covers
from devports.core.value import Value
from devports.errors import DevportsError
from devports.freeing.ladder import bindable
from devports.run.reachable import answer, is_good
from devports.system import clock
from devports.ui.words import evidence, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from devports.commands.setting import Asked, Setting
    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint
    from devports.records import Record

    Until = Literal["ready", "free"]

FIRST, LAST = 0.010, 0.250
"""Seconds between looks: no event tells that a port is listened on, or let go of."""
ANSWER_WITHIN = 1.0


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
        for number, (target, findings) in enumerate(setting.look(targets))
    )


def _happened(setting: Setting, target: Asked, ends: Sequence[Endpoint], until: Until) -> bool:
    if until == "free":
        return bindable(setting.machine, ends, ())
    if target.service is not None and target.service.command:
        run = run_of(setting, target)
        return run is not None and run.state == "serving"
    return _is_served(setting, target, ends)


def run_of(setting: Setting, target: Asked) -> Record | None:
    """Return the live run of a service of this project."""
    records, root = setting.records(), setting.config().root
    for record in records.every():
        ours = (record.service, record.project) == (target.name, root)
        if ours and records.is_live(record):
            return record
    return None


def _is_served(setting: Setting, target: Asked, ends: Sequence[Endpoint]) -> bool:
    """Say whether somebody listens on one of the addresses, and answers where that is asked for."""
    sockets = setting.machine.table({end.port for end in ends}).sockets
    listening = [socket for socket in sockets if socket.state == "LISTEN"]
    served = [end for end in ends if any(covers(socket, end) for socket in listening)]
    path = target.service.ready.http if target.service else ""
    if not path:
        return bool(served)
    return any(is_good(answer(end, path, seconds=ANSWER_WITHIN)) for end in served)


def not_ready(setting: Setting, one: Awaited) -> DevportsError:
    """Return that a target did not become ready, with what is on its port instead."""
    target, started = one.target, bool(one.target.service and one.target.service.command)
    run = run_of(setting, target) if started else None
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

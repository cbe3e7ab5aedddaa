"""`devports wait`: until a service is ready, or a port is free. For scripts."""

from __future__ import annotations

import contextlib
import time

from devports import exitcodes
from devports.commands.free import free_error
from devports.core.hint import hint, own_command
from devports.core.stop_plan import FreeResult
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.freeing.bindable import bindable
from devports.run.readiness import is_ready, is_served
from devports.system import clock
from devports.system.inspect import inspect_ports
from devports.ui.escape import port_name
from devports.ui.processes import fact_lines, summary
from devports.ui.text import elapsed, join_words, round_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from devports.commands.context import Context, Target
    from devports.core.hint import Advice
    from devports.core.model import Endpoint
    from devports.core.verdict import Finding
    from devports.freeing import Wait

    Until = Literal["ready", "free"]


DEFAULT_TIMEOUT = 60.0
"""Seconds to wait without `--timeout`."""


def wait(
    context: Context,
    words: Sequence[str],
    *,
    until: Until = "ready",
    timeout: float | None = None,
    as_json: bool = False,
) -> int:
    """Wait for all targets; the exit code is that of a target which timed out.

    `timeout` is in seconds, for all together; by default as long as services get to become ready.
    """
    targets = context.targets(words)
    own = [t.service.ready.timeout for t in targets if t.service and until == "ready"]
    deadline = clock.Deadline(max(own, default=DEFAULT_TIMEOUT) if timeout is None else timeout)
    done = wait_for(context, targets, until, deadline)
    failed = [
        not_ready(context, one) if until == "ready" else still_held(context, one)
        for one in done
        if not one.happened
    ]
    code = max((each.exit_code for each in failed), default=exitcodes.OK)
    if as_json:
        from devports.ui.json_output import overall, wait_data

        entries = [(one.target.text, one.happened, one.seconds, one.findings) for one in done]
        data = wait_data(until, entries, time.time())
        status = overall(one.happened for one in done)
        context.screen.answer(("wait",), data, exit_code=code, errors=failed, status=status)
        return code
    for one in done:
        if one.happened:
            context.screen.out(f"`{one.target.text}` is {until} after {elapsed(one.seconds)}")
    for each in failed:
        context.print_error(each)
    return code


FIRST, LAST = 0.010, 0.250
"""Seconds between checks: no event reports that a port is listened on, or closed."""


class WaitResult(Frozen):
    """One target: whether it happened, after how many seconds, and the findings on its port now."""

    target: Target
    happened: bool
    seconds: float
    findings: tuple[Finding, ...]


def wait_for(
    context: Context, targets: Sequence[Target], until: Until, deadline: clock.Deadline
) -> tuple[WaitResult, ...]:
    """Wait for all of them; a longer wait is shown."""
    elapsed: dict[int, float] = {}
    # A service is ready by its own port, and free when all its ports are.
    first = [target.replace(specs=target.specs[:1]) for target in targets]
    ends = [context.endpoints(each) for each in (first if until == "ready" else targets)]
    step, tick = FIRST, None
    with contextlib.ExitStack() as shown:
        while True:
            for number, target in enumerate(targets):
                if number not in elapsed and _happened(context, target, ends[number], until):
                    elapsed[number] = deadline.elapsed
            if len(elapsed) == len(targets) or deadline.passed:
                break
            if tick is not None:
                tick()
            elif deadline.elapsed > context.screen.patience:
                tick = shown.enter_context(_shown(context, targets, until, deadline))
            clock.pause(min(step, deadline.left))
            step = min(step * 1.5, LAST)
    return tuple(
        WaitResult(target, number in elapsed, elapsed.get(number, deadline.elapsed), findings)
        for number, (target, findings) in enumerate(context.inspect(targets, inspect_ports))
    )


def _shown(
    context: Context, targets: Sequence[Target], until: Until, deadline: clock.Deadline
) -> Wait:
    from devports.ui.waiting import waiting

    what = f"for {join_words([f'`{target.text}`' for target in targets])} to be {until}"
    left, waited = deadline.left, deadline.elapsed
    line = f"waiting up to {round_up(left):.0f} s {what}"
    return waiting(context.screen, line, f"waiting {what}", left, waited=waited)


def _happened(context: Context, target: Target, ends: Sequence[Endpoint], until: Until) -> bool:
    if until == "free":
        return bindable(context.machine, ends, ())
    if target.service is None:
        return is_served(context.machine, ends)
    root = context.config().root
    return is_ready(context.machine, context.records(), target.service, root, ends)


def not_ready(context: Context, one: WaitResult) -> DevportsError:
    """Return the error of a target that was not ready, with the findings on its port."""
    target, started = one.target, bool(one.target.service and one.target.service.command)
    run = context.records().live_run(target.name, context.config().root) if started else None
    evident = fact_lines(one.findings, context.screen.reader())
    message = f"`{target.text}` is not ready after {one.seconds:.1f} s"
    if target.service is None:
        message = f"no server listened on {port_name(one.findings[0].endpoint, target.subject)}"
        message += f" within {one.seconds:.1f} s"
    note = ""
    hints: tuple[Advice, ...] = ()
    if run is not None:
        note = f"its run (pid {run.key.pid}) is {'stalled' if run.stalled else run.state}"
    elif started:
        note = f"`{target.name}` is not running; only its own `devports run` makes it ready"
        any_server = own_command("wait", str(target.specs[0].port))
        hints = (
            hint("to start it, run ", own_command("run", target.typed)),
            hint("to wait for any server, run ", any_server),
        )
    return DevportsError(
        "not-ready",
        message,
        facts=(summary(one.findings, target.subject), *evident),
        note=note,
        hints=hints,
        service=target.name,
        exit_code=exitcodes.NOT_READY,
    )


def still_held(context: Context, one: WaitResult) -> DevportsError:
    """Return the error of a target that is still in use, with its holders."""
    freed = FreeResult(False, exitcodes.STILL_HELD, (), one.findings)
    return free_error(one.target, freed, context.screen)

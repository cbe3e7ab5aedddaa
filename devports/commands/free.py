"""`devports free`: end who holds the port, as far as the laws and the person allow."""

from __future__ import annotations

import time

from devports import exitcodes
from devports.commands.freeing import (
    not_freed,
    remedies_for,
    show_not_freed,
    standings_of,
    tools_for,
)
from devports.core.plan import Policy
from devports.freeing import Job, Limits, free, rehearse
from devports.ui.around import spared_words
from devports.ui.deeds import freed_words, outcome_words
from devports.ui.diagnostic import remedy_lines
from devports.ui.layout import wrap
from devports.ui.trouble import evidence
from devports.ui.words import summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Asked, Setting
    from devports.core.outcome import Freed


def free_targets(
    setting: Setting,
    words: Sequence[str],
    *,
    yes: bool = False,
    other_users: bool = False,
    other_checkouts: bool = False,
    dry_run: bool = False,
    timeout: float | None = None,
    settle: float = Limits().settle,
    as_json: bool = False,
) -> int:
    """Free every target; the exit code is that of the worst.

    Args:
        setting: screen, machine and configuration.
        words: the targets; none means every service.
        yes: end holders without a question.
        other_users: with `yes`, also those of other users.
        other_checkouts: with `yes`, also those of other checkouts and other projects' runs.
        dry_run: only say what would be done.
        timeout: seconds after SIGTERM until SIGKILL; by default the service's own.
        settle: seconds to watch whether a supervisor brings a holder back.
        as_json: one document on stdout; nobody is asked.
    """
    interactive = setting.screen.interactive and not as_json
    policy = Policy(
        yes=yes,
        other_users=other_users,
        other_checkouts=other_checkouts,
        interactive=interactive,
    )
    limits = Limits(settle=settle)
    carry_out = rehearse if dry_run else free
    tools = tools_for(setting)
    # All of them before the first is freed: a host that is not known ends the command.
    wanted = [with_its_run(setting, target) for target in setting.asked(words)]
    asked = [(target, setting.endpoints(target)) for target in wanted]
    done = []
    for target, endpoints in asked:
        stop = target.service.stop_timeout if target.service else limits.stop
        within = limits.but(stop=stop if timeout is None else timeout)
        done.append((target, carry_out(tools, Job(endpoints, policy, within))))
    code = max((freed.exit_code for _, freed in done), default=exitcodes.OK)
    if as_json:
        report_json(setting, done, code)
        return code
    for target, freed in done:
        if dry_run:
            show_plan(setting, target, freed)
        elif freed.bindable:
            for line in spared_words(freed.spared):
                setting.screen.progress(f"devports: {line}")
            setting.screen.out(freed_words(freed, target.subject)[-1])
        else:
            show_not_freed(setting, target, freed)
    return code


def with_its_run(setting: Setting, asked: Asked) -> Asked:
    """Return a service with the port that its live run has, if that took another one.

    To free a service tells its run to stop, wherever that went: else it would serve on, unseen.
    """
    service = asked.service
    if service is None:
        return asked
    run = setting.records().in_charge(service.name, setting.config().root)
    if run is None or run.spec in asked.specs:
        return asked
    return asked.but(specs=(*asked.specs, run.spec))


def report_json(setting: Setting, done: Sequence[tuple[Asked, Freed]], code: int) -> None:
    """Print the envelope."""
    from devports.ui.jsonout import free_data, overall  # noqa: PLC0415

    data = free_data([(target.text, freed) for target, freed in done], time.time())
    errors = [not_freed(t, freed, setting.screen) for t, freed in done if freed.exit_code]
    status = overall(not freed.exit_code for _, freed in done)
    setting.screen.answer(("free",), data, exit_code=code, errors=errors, status=status)


def show_plan(setting: Setting, target: Asked, freed: Freed) -> None:
    """Say what would be done and to whom, and the commands that do it by hand."""
    screen = setting.screen
    plan = [outcome.target for outcome in freed.outcomes]
    lines = [
        *evidence(freed.findings, screen.reader(), standings_of(plan)),
        *map(outcome_words, freed.outcomes),
        *spared_words(freed.spared),
    ]
    screen.out(summary(freed.findings, target.subject))
    for line in lines:
        screen.out("\n".join(wrap(f"  {line}", screen.look("stdout").width)))
    by_hand = remedy_lines(remedies_for(setting, target, freed), screen.look("stderr"))
    if by_hand:
        screen.err("\n".join(by_hand))

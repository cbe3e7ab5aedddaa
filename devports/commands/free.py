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
from devports.ui.deeds import freed_words, outcome_words
from devports.ui.diagnostic import remedy_lines
from devports.ui.layout import wrap
from devports.ui.words import evidence, summary

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
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Free every target; the exit code is that of the worst."""
    interactive = setting.screen.interactive and not as_json
    policy = Policy(yes=yes, other_users=other_users, interactive=interactive)
    done = [
        (target, free_one(setting, target, policy, dry_run=dry_run))
        for target in setting.asked(words)
    ]
    code = max((freed.exit_code for _, freed in done), default=exitcodes.OK)
    if as_json:
        report_json(setting, done, code)
        return code
    for target, freed in done:
        if dry_run:
            show_plan(setting, target, freed)
        elif freed.bindable:
            setting.screen.out(freed_words(freed, target.subject)[-1])
        else:
            show_not_freed(setting, target, freed)
    return code


def free_one(setting: Setting, target: Asked, policy: Policy, *, dry_run: bool) -> Freed:
    """Free the endpoints of one target, or only say what would be done."""
    stop = target.service.stop_timeout if target.service else Limits().stop
    job = Job(setting.endpoints(target), policy, Limits(stop=stop))
    return (rehearse if dry_run else free)(tools_for(setting), job)


def report_json(setting: Setting, done: Sequence[tuple[Asked, Freed]], code: int) -> None:
    """Print the envelope."""
    from devports.ui.jsonout import document, free_data, overall  # noqa: PLC0415

    data = free_data([(target.text, freed) for target, freed in done], time.time())
    errors = [not_freed(t, freed, setting.screen) for t, freed in done if freed.exit_code]
    status = overall(not freed.exit_code for _, freed in done)
    text = document(("free",), data, exit_code=code, errors=errors, status=status)
    setting.screen.write("stdout", text)


def show_plan(setting: Setting, target: Asked, freed: Freed) -> None:
    """Say what would be done and to whom, and the commands that do it by hand."""
    screen = setting.screen
    plan = [outcome.target for outcome in freed.outcomes]
    lines = [
        *evidence(freed.findings, screen.reader(), standings_of(plan)),
        *map(outcome_words, freed.outcomes),
    ]
    screen.out(summary(freed.findings, target.subject))
    for line in lines:
        screen.out("\n".join(wrap(f"  {line}", screen.look("stdout").width)))
    by_hand = remedy_lines(remedies_for(setting, target, freed), screen.look("stderr"))
    if by_hand:
        screen.err("\n".join(by_hand))

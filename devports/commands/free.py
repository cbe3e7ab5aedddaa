"""`devports free`: end who holds the port, as far as the laws and the person allow."""

from __future__ import annotations

import time

from devports import exitcodes
from devports.commands.freeing import not_freed, show_not_freed, standings_of, tools_for
from devports.core.plan import Policy, consent
from devports.freeing import Job, Limits, free, plan_for
from devports.ui.deeds import freed_words
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
    targets = setting.asked(words)
    if dry_run:
        return show_plans(setting, targets, policy)
    done = [(target, free_one(setting, target, policy)) for target in targets]
    code = max((freed.exit_code for _, freed in done), default=exitcodes.OK)
    if as_json:
        report_json(setting, done, code)
        return code
    for target, freed in done:
        if freed.bindable:
            setting.screen.out(freed_words(freed, target.subject)[-1])
        else:
            show_not_freed(setting, target, freed)
    return code


def free_one(setting: Setting, target: Asked, policy: Policy) -> Freed:
    """Free the endpoints of one target."""
    stop = target.service.stop_timeout if target.service else Limits().stop
    job = Job(setting.endpoints(target), policy, Limits(stop=stop))
    return free(tools_for(setting), job)


def report_json(setting: Setting, done: Sequence[tuple[Asked, Freed]], code: int) -> None:
    """Print the envelope."""
    from devports.ui.jsonout import document, free_data, overall  # noqa: PLC0415

    data = free_data([(target.text, freed) for target, freed in done], time.time())
    errors = [not_freed(t, freed, setting.screen) for t, freed in done if not freed.bindable]
    status = overall(freed.bindable for _, freed in done)
    text = document(("free",), data, exit_code=code, errors=errors, status=status)
    setting.screen.write("stdout", text)


def show_plans(setting: Setting, targets: Sequence[Asked], policy: Policy) -> int:
    """Say what would be done and to whom; nothing is asked and nothing is signalled."""
    screen, tools = setting.screen, tools_for(setting)
    for target, findings in setting.look(targets, thorough=True):
        plan = plan_for(tools, findings)
        screen.out(summary(findings, target.subject))
        for line in evidence(findings, screen.reader(), standings_of(plan)):
            screen.out(f"  {line}")
        for each in plan:
            screen.out(f"would {WOULD[consent(each.standing, policy)]} pid {each.process.pid}")
    return exitcodes.OK


WOULD = {
    "granted": "end with SIGTERM, after 5 s with SIGKILL:",
    "ask": "ask first, then end with SIGTERM:",
    "unanswerable": "not end without a terminal to ask on, or --yes:",
    "refused": "never end",
}

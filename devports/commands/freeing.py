"""What `free` and `run` share: tools wired to the screen, and the words for a port not freed."""

from __future__ import annotations

from devports.core.checkout import elsewhere_from
from devports.core.diagnosis import decisive, is_bindable
from devports.core.outcome import (
    Killing,
    Refused,
    Respawned,
    Settling,
    StoppingContainer,
    Terminating,
    TimedOut,
    WaitingForPort,
)
from devports.core.plan import is_supervisor
from devports.core.remedy import remedies
from devports.core.shells import is_persons_shell
from devports.core.standing import Elsewhere, OtherUser
from devports.freeing import Tools
from devports.system.worktree import worktree_of
from devports.ui.around import project_words, spared_words
from devports.ui.deeds import again_words, outcome_words, progress_words
from devports.ui.diagnostic import error_block
from devports.ui.prompt import ask
from devports.ui.trouble import problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.commands.setting import Asked, Setting
    from devports.core.outcome import Answer, Freed, Outcome, Progress, Question
    from devports.core.plan import Target
    from devports.core.remedy import Remedy
    from devports.core.standing import Standing
    from devports.errors import DevportsError
    from devports.ui.console import Screen


def tools_for(setting: Setting, *, starting: str = "") -> Tools:
    """Return the tools of freeing: prompt and progress on the screen, our own runs by record."""
    screen = setting.screen

    def tell(news: Progress | Outcome) -> None:
        if isinstance(news, Terminating | Killing | StoppingContainer | WaitingForPort | Settling):
            screen.progress(f"devports: {progress_words(news)}")
        else:
            screen.progress(f"devports: {outcome_words(news)}")

    def asked(question: Question) -> Answer:
        return ask(question, screen, starting, project=project_of(setting, question.target))

    return Tools(
        machine=setting.machine,
        ask=asked,
        tell=tell,
        run_of=setting.records().run_of(),
        engines=setting.engines,
        elsewhere_of=elsewhere_from(setting.home(), worktree_of),
    )


def project_of(setting: Setting, target: Target) -> str:
    """Return which project a target belongs to; empty where its standing tells that."""
    if isinstance(target.standing, Elsewhere):
        return ""
    return project_words(worktree_of(target.process.cwd), worktree_of(setting.home()))


def not_freed(asked: Asked, freed: Freed, screen: Screen) -> DevportsError:
    """Return a freeing that did not reach its end, as an error with who is in the way and why."""
    return problem(
        freed.findings,
        screen.reader(),
        exit_code=freed.exit_code,
        subject=asked.subject,
        service=asked.name,
        more_notes=(*map(outcome_words, freed.outcomes), *spared_words(freed.spared)),
        hints=hints_for(asked, freed),
        standings=standings_of([outcome.target for outcome in freed.outcomes]),
    )


def hints_for(asked: Asked, freed: Freed) -> tuple[str, ...]:
    """Return the one command that would go further, where there is one of ours."""
    whys = {outcome.why for outcome in freed.outcomes if isinstance(outcome, Refused)}
    strangers = [o for o in freed.outcomes if isinstance(o.target.standing, Elsewhere)]
    if whys == {"no-terminal"} and strangers:
        return (f"to be asked whether to end it, run `devports free {asked.typed}` on a terminal",)
    if whys == {"no-terminal"}:
        return (f"to end it without a question, run `devports free {asked.typed} --yes`",)
    if whys == {"on-conflict"}:
        return (f"to be asked, run `devports run {asked.name} --on-conflict ask`",)
    permitted = [
        outcome.target.standing.permitted
        for outcome in freed.outcomes
        if isinstance(outcome, Refused) and isinstance(outcome.target.standing, OtherUser)
    ]
    if whys == {"other-user"} and all(permitted):
        flags = "--yes --other-users"
        return (f"to end it without a question, run `devports free {asked.typed} {flags}`",)
    return tuple(
        again_words(outcome.successor.process, parent)
        for outcome in freed.outcomes
        if isinstance(outcome, Respawned)
        for parent in outcome.successor.members[0].ancestors[:1]
        if is_supervisor(parent) or is_persons_shell(parent)
    )


def standings_of(plan: Sequence[Target]) -> list[tuple[int, Standing]]:
    """Return the judgement on every holder in a plan, by pid."""
    return [(m.process.pid, target.standing) for target in plan for m in target.members]


def remedies_for(setting: Setting, asked: Asked, freed: Freed) -> tuple[Remedy, ...]:
    """Return what a person can do by hand, for the finding that decides."""
    finding = decisive(freed.findings)
    if is_bindable(finding.verdict):
        return ()
    return remedies(
        finding.verdict,
        finding.endpoint,
        finding.holding,
        setting.machine.platform,
        service=asked.name,
        typed=asked.text,
        viewer=setting.machine.viewer(),
        run_of=setting.records().run_of(),
        elsewhere_of=elsewhere_from(setting.home(), worktree_of),
        named=setting.engines.named,
        ephemeral=setting.machine.ephemeral(),
        ignored=[o.target.process.pid for o in freed.outcomes if isinstance(o, TimedOut)],
    )


def show_not_freed(setting: Setting, asked: Asked, freed: Freed) -> None:
    """Print the error block with the commands to run by hand."""
    screen = setting.screen
    error = not_freed(asked, freed, screen)
    screen.err(error_block(error, screen.look("stderr"), remedies_for(setting, asked, freed)))

"""Progress and result of a stop, one line each. Pure.

Signalled, exited and bindable are three facts, and only the last one is success.
"""

from __future__ import annotations

from devports.core import stop_plan
from devports.core.command_line import is_persons_shell
from devports.core.holder_kind import (
    Container,
    DevportsRun,
    OtherCheckout,
    OtherUser,
    Protected,
    SupervisedService,
    Tunnel,
)
from devports.core.value import unreachable
from devports.ui.escape import port_name, printable
from devports.ui.holders import (
    RELATION,
    kind_text,
    patience_text,
    place_text,
    spared_text,
    target_label,
)
from devports.ui.processes import process_label, summary, terminal_name
from devports.ui.text import duration, elapsed, join_words, plural, round_up, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.holder_kind import HolderKind
    from devports.core.model import Process


MAX_NAMED, MAX_STOPPED = 3, 50
"""How many remaining child processes are named, and how many pids one command has."""


def progress_text(progress: stop_plan.Progress) -> str:
    match progress:
        case stop_plan.Terminating(target=target):
            return f"stopping {target_label(target)} with SIGTERM"
        case stop_plan.Killing(target=target):
            return f"{target_label(target)} did not stop in time; sending SIGKILL"
        case stop_plan.StoppingContainer(target=target):
            slow = patience_text(target.kind, "; ")
            return f"stopping {target_label(target)} with {_means(target)}{slow}"
        case stop_plan.WatchingForRestart(seconds=seconds, by=by):
            within, who = duration(round_up(seconds)), process_label(by)
            return f"the port is free; watching for {within} in case {who} restarts the server"
        case stop_plan.WaitingForPort(seconds=seconds, clients=clients):
            waiting = f"waiting up to {duration(round_up(seconds))} for the port to become free"
            return waiting + _still(clients)
        case _:
            unreachable(progress)


def wait_text(wait: stop_plan.WaitProgress) -> str:
    """Return what is waited for, to be followed by a counter."""
    match wait:
        case stop_plan.WatchingForRestart(by=by):
            return f"the port is free; watching in case {process_label(by)} restarts the server"
        case stop_plan.WaitingForPort(clients=clients):
            return f"waiting for the port to become free{_still(clients)}"
        case _:
            unreachable(wait)


def _still(clients: int) -> str:
    return f" ({plural(clients, 'client')} still connected)" if clients else ""


def result_text(outcome: stop_plan.Outcome) -> str:
    label = target_label(outcome.target)
    match outcome:
        case stop_plan.WouldStop(asks=asks):
            asked = ", after asking" if asks else ""
            return f"would stop {label} with {_means(outcome.target)}{asked}"
        case stop_plan.Stopped(exited=exited, seconds=seconds, bindable=bindable):
            by, port = join_words(outcome.signals), _port(seconds, bindable=bindable)
            if exited:
                return f"stopped {label} with {by}; {port}"
            runs = verb_form(outcome.target, "is", "are")
            return f"{label} closed the port after {by} and {runs} still running; {port}"
        case stop_plan.ContainerStopped(seconds=seconds, bindable=bindable):
            return f"stopped {label}; {_port(seconds, bindable=bindable)}"
        case stop_plan.StopFailed(engine_error=complaint, bindable=bindable):
            said = f"{_means(outcome.target)} failed: {printable(complaint)}"
            return f"{said}; {_port(bindable=bindable)}"
        case stop_plan.AlreadyGone():
            return f"{label} had already exited or closed the port; no signal was sent"
        case stop_plan.Declined():
            return f"left {label} running"
        case stop_plan.Refused():
            were = verb_form(outcome.target, "was", "were")
            return f"{label} {were} not stopped: {refusal_text(outcome)}"
        case stop_plan.TimedOut(signals=signals):
            runs = verb_form(outcome.target, "is", "are")
            return (
                f"{label} {runs} still running after {join_words(signals)}; {_port(bindable=False)}"
            )
        case stop_plan.Respawned(successor=successor):
            took_it = f"{verb_form(successor, 'has', 'have')} taken the port"
            return f"stopped {label}, but {target_label(successor)} {took_it}"
        case _:
            unreachable(outcome)


def _port(seconds: float | None = None, *, bindable: bool) -> str:
    """Return the state of the port; `seconds`: until it was free, which is not the exit."""
    if not bindable:
        return "the port is still in use"
    return "the port is free" if seconds is None else f"the port is free after {elapsed(seconds)}"


def _means(target: stop_plan.StopTarget) -> str:
    """Return how it is stopped: the command of its engine, or a signal."""
    standing = target.kind
    return f"`{printable(standing.stop)}`" if isinstance(standing, Container) else "SIGTERM"


def verb_form(target: stop_plan.StopTarget, one: str, many: str) -> str:
    named_by_container = isinstance(target.kind, Container) and target.kind.can_stop
    alone = all(member.process.key == target.process.key for member in target.members)
    return one if named_by_container or alone else many


def pronoun(target: stop_plan.StopTarget) -> str:
    return verb_form(target, "it", "them")


def refusal_text(refused: stop_plan.Refused) -> str:
    standing = refused.target.kind
    belongs = verb_form(refused.target, "it belongs", "they belong")
    match refused.why:
        case "protected":
            reason = standing.reason if isinstance(standing, Protected) else "protected"
            return f"it is {printable(reason)}"
        case "supervised":
            return _supervised_text(standing)
        case "container":
            return f"it {kind_text(standing) or 'forwards the port for a container'}"
        case "other-user" if isinstance(standing, OtherUser) and not standing.permitted:
            return f"it {kind_text(standing)}"
        case "other-user":
            them = pronoun(refused.target)
            return f"{belongs} to another user; stopping {them} needs `--yes --other-users`"
        case "other-checkout":
            relation = standing.relation if isinstance(standing, OtherCheckout) else "sibling"
            return f"{belongs} to {RELATION[relation]}, which `--yes` does not cover"
        case "on-conflict":
            return '`on_conflict` is "fail": devports does not ask, and ignores `--yes`'
        case "no-terminal":
            why = "no terminal, `--no-input` or `--json`"
            return f"devports cannot ask for confirmation here ({why}); pass `--yes` to confirm"
        case "denied":
            return "no permission to signal it (EPERM)"
        case "source-untrue":
            return "devports named a wrong process in the self-test of this machine"
        case _:
            unreachable(refused.why)


def _supervised_text(standing: HolderKind) -> str:
    if not isinstance(standing, SupervisedService):
        return "a supervisor may restart it"
    does = "stop it with" if standing.unit else "find its name with"
    ends = f"; {does} `{printable(standing.stop)}`" if standing.stop else ""
    return kind_text(standing) + ends


def remaining_text(outcome: stop_plan.Outcome) -> list[str]:
    """Return the processes that are still running after a stop, with a command that stops them."""
    if not isinstance(outcome, stop_plan.Stopped):
        return []
    lines, label = [], process_label(outcome.target.process)
    if outcome.parent is not None:
        who = f"{process_label(outcome.parent)}, a parent of {label}"
        parent = f"{who}, is still running and may restart it"
        lines.append(f"{parent}; to stop it, run {_kill((outcome.parent,))}")
    if below := outcome.orphans:
        named = join_words(shortened([process_label(one) for one in below], MAX_NAMED))
        what = f"child processes of {label}, are still running; to stop them"
        if len(below) == 1:
            what = f"a child process of {label}, is still running; to stop it"
        lines.append(f"{named}, {what}, run {_kill(below[:MAX_STOPPED])}")
    return lines


def _kill(processes: Sequence[Process]) -> str:
    return f"`kill -TERM {' '.join(str(process.pid) for process in processes)}`"


def restart_text(outcome: stop_plan.Respawned) -> str:
    """Return what restarted a server, or may have, and what to do about it first."""
    successor, parent = outcome.successor.process, outcome.by
    if parent is None:
        return ""
    if not outcome.again:
        first = f"if that restarts the server, stop it first: {_kill((parent,))}"
        return f"its parent is {process_label(parent)}; {first}"
    job = successor.job
    if job is not None and job.group == job.foreground and is_persons_shell(parent):
        where = f"{process_label(parent)} on {terminal_name(job.terminal)}"
        return f"{where} may run it again (loop or command list); press Ctrl-C there"
    return f"{process_label(parent)} restarts it; stop that first: `kill -TERM {parent.pid}`"


def freed_text(freed: stop_plan.FreeResult, subject: str) -> tuple[str, ...]:
    """Return the result for each target, and last whether the port is free: that decides."""
    lines = [*map(result_text, freed.outcomes), *spared_text(freed.spared)]
    if freed.bindable:
        ports = [printable(subject)] if subject else [str(each.endpoint) for each in freed.findings]
        return (*lines, f"{join_words(ports)} {'are' if ports[1:] else 'is'} free")
    return (*lines, f"not freed: {summary(freed.findings, subject)}")


def question_text(question: stop_plan.Question, service: str = "") -> str:
    """Return the question: the port, its holder, the owner, and what will be done."""
    target = question.target
    port, label = port_name(question.finding.endpoint), target_label(target)
    start = f" and start `{printable(service)}`" if service else ""
    held, it = f"in use by {label}{owner_phrase(target.kind)}", pronoun(target)
    match question.kind:
        case "kill":
            return f"{port} is still {held}: kill {it} with SIGKILL{start}?"
        case "container":
            slow = patience_text(target.kind, ", though ")
            return f"{port} is {held}: stop {it}{start}{slow}?"
        case "stop":
            once = " at once (Windows has no gentler way)" if question.abrupt else ""
            return f"{port} is {held}: stop {it}{once}{start}?"
        case _:
            unreachable(question.kind)


def owner_phrase(standing: HolderKind) -> str:
    match standing:
        case OtherUser(user=user):
            return f" of user `{printable(user)}`"
        case DevportsRun(run=run) if run.orphaned:
            return f" (server of `devports run {printable(run.words)}`)"
        case OtherCheckout(relation=relation, there=there):
            where = place_text(printable(there.folder), there)
            return f", which belongs to {RELATION[relation]} ({where})"
        case Tunnel(kind=kind):
            return f" (tunnel: `{printable(kind)}`)"
        case _:
            return ""

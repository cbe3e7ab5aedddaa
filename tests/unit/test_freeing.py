"""Freeing on a made-up machine: who is asked, who is signalled, what is said."""

from __future__ import annotations

import contextlib
import errno
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from devports.core.containers import Published
from devports.core.holder_kind import Container, OtherCheckout, Place, RunInfo
from devports.core.model import Endpoint, HolderSearch, JobControl, VisibilityGap
from devports.core.stop_plan import (
    AlreadyGone,
    ConfirmPolicy,
    ContainerStopped,
    Declined,
    Killing,
    PortClients,
    Refused,
    Respawned,
    StopFailed,
    Stopped,
    StoppingContainer,
    Terminating,
    TimedOut,
    WaitingForPort,
    WatchingForRestart,
    WouldStop,
)
from devports.core.verdict import all_bindable
from devports.errors import DevportsError
from devports.freeing import FreeRequest as FreeingJob
from devports.freeing import FreeServices, StopTimeouts, code_of_hidden, consent, free, preview
from devports.freeing.bindable import findings_now
from devports.freeing.consent import confirm, plan_for
from tests.fakes import ME, SIGKILL, SIGTERM, FakeEngines, FakeMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from devports.core.checkout import ElsewhereOf
    from devports.core.model import Process
    from devports.core.stop_plan import (
        Answer,
        FreeResult,
        Outcome,
        Progress,
        Question,
        WaitProgress,
    )
    from devports.freeing import Wait

HERE = Endpoint("127.0.0.1", 8000)
YES = ConfirmPolicy(yes=True)
ASK = ConfirmPolicy(interactive=True)
QUICK = StopTimeouts(stop=0.05, kill=0.05, settle=0.1, linger=0.2)


class Freeing:
    """One freeing, with scripted answers. A question beyond the script is a failure."""

    def __init__(self, machine: FakeMachine, *answers: bool) -> None:
        self.machine, self.answers = machine, list(answers)
        self.asked: list[Question] = []
        self.told: list[Progress | Outcome] = []
        self.find_run: Callable[[Process], RunInfo | None] = lambda _process: None
        self.engines = FakeEngines()
        self.elsewhere: OtherCheckout | None = None
        self.read = 0
        self.quiet = 0.7
        self.waiting: Callable[[WaitProgress], Wait] | None = None

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return "yes" if self.answers.pop(0) else "no"

    def read_checkouts(self) -> ElsewhereOf:
        self.read += 1
        return lambda _process, _run: self.elsewhere

    def __call__(
        self,
        policy: ConfirmPolicy,
        limits: StopTimeouts = QUICK,
        *endpoints: Endpoint,
        attempts: int = 1,
    ) -> FreeResult:
        tools = FreeServices(
            self.machine,
            self.ask,
            self.told.append,
            self.find_run,
            self.engines,
            self.read_checkouts,
            waiting=self.waiting,
            quiet=self.quiet,
        )
        job = FreeingJob(endpoints or (HERE,), policy, limits, attempts=attempts)
        freed = free(tools, job)
        assert not self.answers, "a question was expected that was not asked"
        return freed


def held_by(machine: FakeMachine, *pids: int) -> FakeMachine:
    for pid in pids:
        if pid not in machine.processes:
            machine.add(pid)
    machine.socket(HERE, *pids)
    return machine


def test_a_free_port_is_freed_without_a_question_or_a_signal():
    freeing = Freeing(FakeMachine())
    freed = freeing(ASK)
    assert (freed.bindable, freed.exit_code, freed.outcomes) == (True, exitcodes.OK, ())
    assert not freeing.told


def test_yes_ends_a_plain_holder_with_sigterm_alone():
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine)
    freed = freeing(YES)
    assert freed.exit_code == exitcodes.OK
    assert machine.sent == [(50, SIGTERM)]
    assert [type(news) for news in freeing.told] == [Terminating, Stopped]


def test_a_port_on_two_addresses_is_free_only_when_both_are():
    machine = held_by(FakeMachine(), 50)
    sister = Endpoint("::1", 8000)
    refused = Freeing(machine)(ConfirmPolicy(), QUICK, sister, HERE)
    assert (refused.bindable, refused.exit_code) == (False, exitcodes.HELD)
    freed = Freeing(machine)(YES, QUICK, sister, HERE)
    assert freed.bindable
    assert machine.sent == [(50, SIGTERM)]


def test_an_answer_is_as_good_as_yes():
    machine = held_by(FakeMachine(), 50)
    assert Freeing(machine, True)(ASK).bindable
    assert machine.sent == [(50, SIGTERM)]


def test_no_leaves_everything_alone():
    machine = held_by(FakeMachine(), 50)
    freed = Freeing(machine, False)(ASK)
    assert freed.exit_code == exitcodes.HELD
    assert isinstance(freed.outcomes[0], Declined)
    assert machine.sent == []


@pytest.mark.parametrize("ends", [True, False], ids=["the holder has exited", "it still runs"])
def test_after_no_the_findings_are_those_after_the_question(ends: bool):
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine, False)

    def ask(question: Question) -> Answer:
        if ends:
            machine.end(50)
        return freeing.ask(question)

    tools = FreeServices(machine, ask, freeing.told.append, freeing.find_run, FakeEngines())
    freed = free(tools, FreeingJob((HERE,), ASK, QUICK))
    assert (all_bindable(freed.findings), freed.bindable) == (ends, False)


def test_without_a_terminal_nothing_is_asked_and_nothing_signalled():
    machine = held_by(FakeMachine(), 50)
    freed = Freeing(machine)(ConfirmPolicy())
    assert freed.exit_code == exitcodes.HELD
    assert freed.outcomes[0].replace(target=None) == Refused(None, "no-terminal")  # type: ignore[arg-type]
    assert machine.sent == []


def test_a_service_that_shall_fail_on_a_conflict_asks_nobody_and_says_why():
    machine = held_by(FakeMachine(), 50)
    freed = Freeing(machine)(ConfirmPolicy(yes=True, interactive=True, never_ask=True))
    assert freed.exit_code == exitcodes.HELD
    assert freed.outcomes[0].replace(target=None) == Refused(None, "on-conflict")  # type: ignore[arg-type]
    assert machine.sent == []


REFUSED = [
    pytest.param({"name": "sshd"}, exitcodes.PROTECTED, "protected", id="a protected process"),
    pytest.param({"name": "docker-proxy"}, exitcodes.PROTECTED, "container", id="a container"),
    pytest.param(
        {"cgroup": "/system.slice/web.service"},
        exitcodes.PROTECTED,
        "supervised",
        id="a systemd service",
    ),
    pytest.param(
        {"uid": 7}, exitcodes.PERMISSION, "other-user", id="another user's, without permission"
    ),
]


@pytest.mark.parametrize(("facts", "code", "why"), REFUSED)
@pytest.mark.parametrize(
    "policy",
    [YES, ASK, ConfirmPolicy(yes=True, other_users=True, interactive=True)],
    ids=["with --yes", "on a terminal", "with every flag"],
)
def test_is_never_signalled(policy: ConfirmPolicy, facts: dict[str, object], code: int, why: str):
    machine = FakeMachine()
    machine.add(50, **facts)  # type: ignore[arg-type]
    freed = Freeing(held_by(machine, 50))(policy)
    assert freed.exit_code == code
    assert isinstance(freed.outcomes[0], Refused)
    assert freed.outcomes[0].why == why
    assert machine.sent == []


OTHERS = [
    pytest.param(YES, (), exitcodes.PERMISSION, [], id="--yes alone does not cover another user's"),
    pytest.param(
        ConfirmPolicy(yes=True, other_users=True),
        (),
        exitcodes.OK,
        [(50, SIGTERM)],
        id="--yes --other-users does",
    ),
    pytest.param(
        ConfirmPolicy(other_users=True),
        (),
        exitcodes.PERMISSION,
        [],
        id="--other-users alone does not",
    ),
    pytest.param(
        ConfirmPolicy(yes=True, interactive=True),
        (True,),
        exitcodes.OK,
        [(50, SIGTERM)],
        id="on a terminal it has a question of its own, --yes or not",
    ),
    pytest.param(
        ConfirmPolicy(yes=True, interactive=True), (False,), exitcodes.HELD, [], id="and no is no"
    ),
]


@pytest.mark.parametrize(("policy", "answers", "code", "sent"), OTHERS)
def test_another_users_process_where_we_are_root(
    policy: ConfirmPolicy, answers: tuple[bool, ...], code: int, sent: list[tuple[int, int]]
):
    machine = FakeMachine(uid=0)
    machine.add(50, uid=7)
    assert Freeing(held_by(machine, 50), *answers)(policy).exit_code == code
    assert machine.sent == sent


SIBLING = OtherCheckout("sibling", Place("/w/shop", "main"), Place("/w/feat", "feat"))
STRANGER = SIBLING.replace(relation="project")
HELD, SENT = exitcodes.HELD, [(50, SIGTERM)]
BOTH = ConfirmPolicy(yes=True, other_checkouts=True)
CHECKOUTS = [
    pytest.param(SIBLING, YES, (), HELD, [], id="--yes does not cover a sibling"),
    pytest.param(SIBLING, BOTH, (), exitcodes.OK, SENT, id="--yes --other-checkouts does"),
    pytest.param(SIBLING, ConfirmPolicy(), (), HELD, [], id="nobody says anything"),
    pytest.param(SIBLING, ASK, (True,), exitcodes.OK, SENT, id="a person says yes"),
    pytest.param(SIBLING, ASK, (False,), HELD, [], id="a person says no"),
    pytest.param(
        SIBLING, YES.replace(interactive=True), (), HELD, [], id="--yes asks nobody either"
    ),
    pytest.param(STRANGER, YES, (), exitcodes.OK, SENT, id="--yes covers another project's"),
    pytest.param(STRANGER, ConfirmPolicy(), (), HELD, [], id="which without it is left alone too"),
]


@pytest.mark.parametrize(("elsewhere", "policy", "answers", "code", "sent"), CHECKOUTS)
def test_a_process_of_another_checkout(
    elsewhere: OtherCheckout,
    policy: ConfirmPolicy,
    answers: tuple[bool, ...],
    code: int,
    sent: list[tuple[int, int]],
):
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine, *answers)
    freeing.elsewhere = elsewhere
    freed = freeing(policy)
    assert (freed.exit_code, machine.sent) == (code, sent)
    if not sent and not answers:
        (refused,) = freed.outcomes
        assert isinstance(refused, Refused)
        assert refused.why == ("other-checkout" if elsewhere.is_guarded else "no-terminal")


def test_checkouts_are_read_once_in_a_freeing_and_anew_in_the_next():
    freeing = Freeing(held_by(held_by(FakeMachine(), 50), 51))
    assert freeing(YES).bindable
    assert freeing.read == 1
    held_by(freeing.machine, 60)
    freeing.elsewhere = SIBLING
    assert freeing(YES).exit_code == HELD
    assert freeing.read == 2


def test_a_run_of_another_checkout_is_given_its_own_time_to_end():
    machine = FakeMachine()
    machine.add(40, name="devports")
    machine.add(50, ppid=40)
    run = RunInfo(machine.processes[40].key, "web", "/w/shop", stop_timeout=7.0)
    freeing = Freeing(held_by(machine, 50))
    freeing.find_run = lambda process: run if process.pid == 40 else None
    freeing.elsewhere = SIBLING.replace(run=run)
    machine.deaf[40] = {SIGTERM}
    told = [news for news in freeing.told if isinstance(news, WaitingForPort)]
    machine.after_signal = lambda _pid, _number: machine.end(50)
    assert freeing(BOTH).exit_code == exitcodes.OK
    assert machine.sent == [(40, SIGTERM)]
    assert not told


def test_one_refusal_spares_all_since_ending_the_rest_would_free_nothing():
    machine = FakeMachine()
    machine.add(50, name="sshd")
    freed = Freeing(held_by(held_by(machine, 51), 50))(YES)
    assert freed.exit_code == exitcodes.PROTECTED
    assert machine.sent == []


def test_a_hidden_holder_needs_permission_and_nobody_is_guessed():
    machine = held_by(FakeMachine(), 50)
    machine.unreadable.add(50)
    freed = Freeing(machine)(YES)
    assert (freed.exit_code, machine.sent) == (exitcodes.PERMISSION, [])
    assert freed.findings[0].holding.hidden


@pytest.mark.parametrize(
    ("gaps", "code"),
    [
        pytest.param((), exitcodes.PERMISSION, id="nothing is known"),
        pytest.param(("unreadable-processes",), exitcodes.PERMISSION, id="root would see more"),
        pytest.param(("in-transit",), exitcodes.STILL_HELD, id="no process has it"),
        pytest.param(("not-here",), exitcodes.STILL_HELD, id="it is elsewhere"),
        pytest.param(
            ("unreadable-processes", "in-transit"), exitcodes.PERMISSION, id="both are possible"
        ),
    ],
)
def test_permission_is_asked_for_only_where_it_would_help(gaps: tuple[str, ...], code: int):
    assert code_of_hidden(HolderSearch(gaps=tuple(VisibilityGap(gap, "") for gap in gaps))) == code


def test_a_holder_that_changes_while_the_person_thinks_is_asked_about_again():
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine, True, True)
    first_ask = freeing.ask

    def ask_while_the_holder_changes(question: Question) -> Answer:
        if len(freeing.asked) == 0:
            machine.end(50)
            held_by(machine, 60)
        return first_ask(question)

    freeing.ask = ask_while_the_holder_changes  # type: ignore[method-assign]
    assert freeing(ASK).bindable
    assert [q.target.process.pid for q in freeing.asked] == [50, 60]
    assert machine.sent == [(60, SIGTERM)]


def test_the_same_pid_with_another_start_is_another_process():
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine, True, False)
    first_ask = freeing.ask

    def ask_while_the_pid_is_reused(question: Question) -> Answer:
        if len(freeing.asked) == 0:
            machine.end(50)
            held_by(machine, 50)
        return first_ask(question)

    freeing.ask = ask_while_the_pid_is_reused  # type: ignore[method-assign]
    assert freeing(ASK).exit_code == exitcodes.HELD
    assert machine.sent == []


def test_a_holder_that_ends_while_the_person_thinks_needs_no_signal():
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine)

    def agree_after_its_end(question: Question) -> Answer:
        machine.end(50)
        return "yes"

    freeing.ask = agree_after_its_end  # type: ignore[method-assign]
    freed = freeing(ASK)
    assert freed.bindable
    assert machine.sent == []
    assert isinstance(freed.outcomes[0], AlreadyGone)


@pytest.mark.parametrize("next_holder", [None, 60], ids=["nobody has it", "another has it"])
def test_a_target_that_the_last_look_does_not_show_is_asked_about_all_the_same(
    next_holder: int | None,
):
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine, False)
    tools = FreeServices(machine, freeing.ask, freeing.told.append, freeing.find_run, FakeEngines())
    job = FreeingJob((Endpoint("::1", 8000), HERE), ASK, QUICK)
    plan = plan_for(tools, findings_now(machine, job))
    machine.end(50)
    if next_holder:
        held_by(machine, next_holder)
    findings = findings_now(machine, job)
    refused = confirm(tools, job, plan, findings, PortClients())
    assert [type(outcome) for outcome in refused] == [Declined]
    (question,) = freeing.asked
    assert question.target.process.pid == 50
    assert question.finding == findings[1 if next_holder else 0]


def test_holders_that_keep_changing_end_the_patience():
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine)

    def answer_and_change(question: Question) -> Answer:
        pid = question.target.process.pid
        machine.end(pid)
        held_by(machine, pid + 1)
        return "yes"

    freeing.ask = answer_and_change  # type: ignore[method-assign]
    assert freeing(ASK).exit_code == exitcodes.TAKEN_AGAIN
    assert machine.sent == []


@pytest.mark.parametrize(
    ("deaf", "told"),
    [
        pytest.param(True, "it is still running", id="a holder that does not react"),
        pytest.param(False, "it has exited", id="a holder that has exited"),
    ],
)
def test_what_was_signalled_is_told_where_a_limit_prevents_the_rest(deaf: bool, told: str):
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM} if deaf else set()

    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    def fill(_pid: int, _number: int) -> None:
        machine.before_table = machine.before_probe = refuse

    machine.after_signal = fill
    with pytest.raises(DevportsError, match="cannot free the port: Too many open files") as caught:
        Freeing(machine)(YES)
    assert caught.value.facts == (f"`server` (pid 50): sent SIGTERM; {told}",)
    assert "ulimit -n" in str(caught.value.hints)


def test_who_ignores_sigterm_is_killed_with_yes():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    freeing = Freeing(machine)
    freed = freeing(YES)
    assert freed.bindable
    assert machine.sent == [(50, SIGTERM), (50, SIGKILL)]
    assert isinstance(freed.outcomes[0], Stopped)
    assert freed.outcomes[0].signals == ("SIGTERM", "SIGKILL")
    assert Killing in map(type, freeing.told)


def test_killing_is_a_question_of_its_own():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    freeing = Freeing(machine, True, False)
    freed = freeing(ASK)
    assert [question.kind for question in freeing.asked] == ["stop", "kill"]
    assert machine.sent == [(50, SIGTERM)]
    assert freed.exit_code == exitcodes.STILL_HELD
    assert isinstance(freed.outcomes[0], TimedOut)


def test_yes_given_for_stop_by_a_person_does_not_kill_another_users_process():
    machine = FakeMachine(uid=0)
    machine.add(50, uid=7)
    machine.deaf[50] = {SIGTERM}
    freeing = Freeing(held_by(machine, 50), True, False)
    assert freeing(ConfirmPolicy(yes=True, interactive=True)).exit_code == exitcodes.STILL_HELD
    assert [question.kind for question in freeing.asked] == ["stop", "kill"]
    assert machine.sent == [(50, SIGTERM)]


def test_who_lets_go_of_the_port_during_the_question_is_not_killed():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    freeing = Freeing(machine, True, True)
    first_ask = freeing.ask

    def ask_while_the_listener_closes(question: Question) -> Answer:
        if question.kind == "kill":
            machine.sockets.clear()
        return first_ask(question)

    freeing.ask = ask_while_the_listener_closes  # type: ignore[method-assign]
    freed = freeing(ASK)
    assert freed.bindable
    assert machine.sent == [(50, SIGTERM)]


def test_of_two_holders_only_the_one_that_keeps_the_port_is_killed():
    machine = held_by(held_by(FakeMachine(), 50), 60)
    machine.deaf = {50: {SIGTERM}, 60: {SIGTERM}}
    first = machine.sockets[0]

    def close_the_first(pid: int, number: int) -> None:
        if pid == 50:
            machine.sockets = [s for s in machine.sockets if s != first]
            machine.open[50] = set()

    machine.after_signal = close_the_first
    freed = Freeing(machine)(YES)
    assert freed.bindable
    assert machine.sent == [(50, SIGTERM), (60, SIGTERM), (60, SIGKILL)]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param({"uid": 7}, "another user's", id="another user's"),
        pytest.param({"name": "sshd"}, "protected", id="protected"),
    ],
)
def test_an_heir_is_judged_like_everybody_else(facts: dict[str, Any], why: str):
    machine = held_by(FakeMachine(uid=0), 50)
    inode = machine.sockets[0].inode

    def leave_an_heir(pid: int, number: int) -> None:
        machine.add(77, **facts)
        machine.sockets = [machine.socket(HERE, 77).replace(inode=inode)]
        machine.open[77] = {inode}

    machine.after_signal = leave_an_heir
    freed = Freeing(machine)(YES)
    assert not freed.bindable
    assert machine.sent == [(50, SIGTERM)], why


def test_a_run_of_ours_is_given_the_time_it_needs():
    machine = FakeMachine()
    run = machine.add(40, name="devports")
    machine.add(50, ppid=40)
    machine.deaf[40] = {SIGTERM}
    freeing = Freeing(held_by(machine, 50))
    ours = RunInfo(run.key, "web", "/p", stop_timeout=30.0)
    freeing.find_run = lambda process: ours if process.key == run.key else None
    looks = iter(range(1000))
    machine.before_probe = lambda: machine.end(50) if next(looks) == 12 else None
    assert freeing(YES, QUICK.replace(stop=0.01)).bindable
    assert machine.sent == [(40, SIGTERM)]


def test_no_table_is_read_while_a_bind_is_refused():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    binds, tables = iter(range(1000)), []

    def look() -> None:
        if next(binds) == 12:
            machine.end(50)

    def begin(pid: int, number: int) -> None:
        machine.before_probe = look
        machine.before_table = lambda: tables.append(machine.sockets == [])

    machine.after_signal = begin
    assert Freeing(machine)(YES, QUICK.replace(stop=5.0)).bindable
    assert all(tables), "one was read while it was held"


def test_what_an_ended_server_leaves_behind_is_waited_for():
    machine = held_by(FakeMachine(), 50)
    looks = iter(range(10_000))

    def leave_a_connection(pid: int, number: int) -> None:
        machine.socket(HERE, state="LAST_ACK", expires=0.1, remote=Endpoint("127.0.0.1", 4000))
        machine.before_probe = lambda: machine.sockets.clear() if next(looks) > 12 else None

    machine.after_signal = leave_a_connection
    freed = Freeing(machine)(YES)
    assert freed.bindable
    assert isinstance(freed.outcomes[0], Stopped)


def test_a_hidden_holder_that_turns_up_while_the_person_thinks_spares_the_others():
    machine = held_by(FakeMachine(), 50)
    freeing = Freeing(machine)

    def somebody_hides(question: Question) -> Answer:
        held_by(machine, 60)
        machine.unreadable.add(60)
        return "yes"

    freeing.ask = somebody_hides  # type: ignore[method-assign]
    assert freeing(ASK).exit_code == exitcodes.PERMISSION
    assert machine.sent == []


def test_a_stopped_process_is_told_to_continue_so_that_it_can_end():
    machine = FakeMachine()
    machine.add(50, state="T")
    Freeing(held_by(machine, 50))(YES)
    assert machine.sent[0] == (50, SIGTERM)


def test_a_stopped_process_that_lives_gets_sigcont_after_sigterm():
    machine = FakeMachine()
    machine.add(50, state="T")
    machine.deaf[50] = {SIGTERM}
    Freeing(held_by(machine, 50))(YES)
    assert [number for _, number in machine.sent[:2]] == [SIGTERM, 18]


def test_workers_left_behind_by_their_parent_are_terminated_too():
    machine = FakeMachine()
    machine.add(50, name="gunicorn")
    machine.add(51, name="gunicorn", ppid=50)
    machine.add(52, name="gunicorn", ppid=50)
    assert Freeing(held_by(machine, 50, 51, 52))(YES).bindable
    assert machine.sent == [(50, SIGTERM), (51, SIGTERM), (52, SIGTERM)]


def handed_on(machine: FakeMachine, to: int, *, at: int = 1, **facts: Any) -> FakeMachine:
    """Server 50 hands its socket on at the signal with this number, as it ends."""
    held_by(machine, 50)
    inode = machine.sockets[0].inode
    signals = itertools.count(1)

    def hand_on(_pid: int, _number: int) -> None:
        if next(signals) == at:
            machine.add(to, **facts)
            machine.open[to] = {inode}
            if all(socket.inode != inode for socket in machine.sockets):
                machine.sockets.append(machine.socket(HERE, to).replace(inode=inode))
                del machine.sockets[-2]
            machine.open[to] = {inode}

    machine.after_signal = hand_on
    return machine


def test_a_successor_is_told_to_end_and_not_killed():
    machine = handed_on(FakeMachine(), 77)
    freeing = Freeing(machine)
    freed = freeing(YES)
    assert freed.bindable
    assert machine.sent == [(50, SIGTERM), (77, SIGTERM)]
    assert [(type(o), o.target.process.pid) for o in freed.outcomes] == [
        (Stopped, 50),
        (Stopped, 77),
    ]
    assert [type(news) for news in freeing.told[:2]] == [Terminating, Terminating]


def test_a_successor_that_is_deaf_is_killed_after_a_grace_of_its_own():
    machine = handed_on(FakeMachine(), 77)
    machine.deaf[77] = {SIGTERM}
    assert Freeing(machine)(YES).bindable
    assert machine.sent == [(50, SIGTERM), (77, SIGTERM), (77, SIGKILL)]


def test_a_child_that_a_deaf_server_makes_is_told_before_both_are_killed():
    machine = handed_on(FakeMachine(), 77, name="child", ppid=50)
    machine.deaf = {50: {SIGTERM}, 77: {SIGTERM}}
    assert Freeing(machine)(YES).bindable
    assert machine.sent[:2] == [(50, SIGTERM), (77, SIGTERM)]
    assert sorted(machine.sent[2:]) == [(50, SIGKILL), (77, SIGKILL)]


def test_who_is_made_anew_by_every_signal_is_told_so_often_and_never_killed():
    machine = held_by(FakeMachine(), 50)
    inode = machine.sockets[0].inode

    def fork(pid: int, _number: int) -> None:
        machine.add(pid + 1)
        machine.sockets = [machine.socket(HERE, pid + 1).replace(inode=inode)]
        machine.open[pid + 1] = {inode}

    machine.after_signal = fork
    freed = Freeing(machine)(YES)
    assert not freed.bindable
    assert {number for _, number in machine.sent} == {SIGTERM}
    assert len(machine.sent) <= 3


def test_a_stranger_with_the_agreed_socket_is_named_and_not_signalled():
    machine = handed_on(FakeMachine(), 77, name="innocent")
    freed = Freeing(machine)(YES)
    assert freed.exit_code == exitcodes.TAKEN_AGAIN
    assert machine.sent == [(50, SIGTERM)]
    assert [o.successor.process.pid for o in freed.outcomes if isinstance(o, Respawned)] == [77]


def test_a_watcher_nobody_was_told_of_is_not_ended_for_an_heir_of_the_family():
    machine = handed_on(FakeMachine(), 77, ppid=76)
    machine.add(76, argv=("npm run dev",))
    assert Freeing(machine)(YES).exit_code == exitcodes.TAKEN_AGAIN
    assert machine.sent == [(50, SIGTERM)]


def test_a_stranger_beside_a_deaf_holder_spares_that_from_being_killed_in_vain():
    machine = handed_on(FakeMachine(), 77, name="innocent")
    machine.deaf[50] = {SIGTERM}
    freed = Freeing(machine)(YES)
    assert freed.exit_code == exitcodes.STILL_HELD
    assert machine.sent == [(50, SIGTERM)]


@pytest.mark.parametrize(
    ("answer", "sent", "code"),
    [
        pytest.param(True, [(50, SIGTERM), (77, SIGTERM)], exitcodes.OK, id="yes"),
        pytest.param(False, [(50, SIGTERM)], exitcodes.HELD, id="no"),
    ],
)
def test_a_person_is_asked_about_who_was_handed_the_socket(
    answer: bool, sent: list[tuple[int, int]], code: int
):
    machine = handed_on(FakeMachine(), 77, name="innocent")
    freeing = Freeing(machine, True, answer)
    freed = freeing(ASK)
    assert [(q.kind, q.target.process.pid) for q in freeing.asked] == [("stop", 50), ("stop", 77)]
    assert (machine.sent, freed.exit_code) == (sent, code)
    assert isinstance(freed.outcomes[-1], Stopped if answer else Declined)


def test_who_hands_it_on_during_the_question_is_not_signalled_any_more():
    machine = handed_on(FakeMachine(), 77, name="innocent")
    freeing = Freeing(machine, True, True)
    first_ask = freeing.ask

    def ask_while_it_ends(question: Question) -> Answer:
        if question.target.process.pid == 77:
            machine.end(77)
        return first_ask(question)

    freeing.ask = ask_while_it_ends  # type: ignore[method-assign]
    freed = freeing(ASK)
    assert freed.bindable
    assert machine.sent == [(50, SIGTERM)]
    assert isinstance(freed.outcomes[-1], AlreadyGone)


def test_of_a_family_that_has_ended_the_orphans_are_told_with_a_grace_of_their_own():
    machine = FakeMachine()
    machine.add(50, name="gunicorn")
    machine.add(51, name="gunicorn", ppid=50)
    machine.deaf[51] = {SIGTERM}
    assert Freeing(held_by(machine, 50, 51))(YES).bindable
    assert machine.sent == [(50, SIGTERM), (51, SIGTERM), (51, SIGKILL)]


def test_a_parent_that_serves_another_port_is_not_ended_for_its_child():
    machine = FakeMachine()
    machine.add(50, argv=("python3", "orch.py"))
    machine.add(51, ppid=50, argv=("python3", "orch.py"))
    machine.socket(Endpoint("127.0.0.1", 9000), 50)
    assert Freeing(held_by(machine, 51))(YES).bindable
    assert machine.sent == [(51, SIGTERM)]


def test_a_parent_that_serves_nothing_else_is_ended_for_its_child():
    machine = FakeMachine()
    machine.add(49, argv=("npm run dev",))
    machine.add(50, ppid=49, argv=("python3", "manage.py", "runserver"))
    machine.add(51, ppid=50, argv=("python3", "manage.py", "runserver"))
    machine.after_signal = lambda _pid, _number: machine.end(51)
    assert Freeing(held_by(machine, 51))(YES).bindable
    assert machine.sent == [(49, SIGTERM)]


def test_only_the_parent_that_serves_another_port_is_left_out():
    machine = FakeMachine()
    machine.add(49, argv=("npm run dev",))
    machine.add(50, ppid=49, argv=("python3", "manage.py", "runserver"))
    machine.add(51, ppid=50, argv=("python3", "manage.py", "runserver"))
    machine.socket(Endpoint("127.0.0.1", 9000), 49)
    machine.after_signal = lambda _pid, _number: machine.end(51)
    assert Freeing(held_by(machine, 51))(YES).bindable
    assert machine.sent == [(50, SIGTERM)]


def test_a_shell_of_a_person_is_never_ended():
    machine = FakeMachine()
    machine.add(50, name="zsh", argv=("-zsh",))
    machine.processes[50] = machine.processes[50].replace(job=JobControl(50, 50, 34816))
    freed = Freeing(held_by(machine, 50))(YES)
    assert (freed.exit_code, machine.sent) == (exitcodes.PROTECTED, [])


@pytest.mark.parametrize("answer", [True, False], ids=["yes", "no"])
def test_another_program_under_the_same_pid_is_asked_about_again(answer: bool):
    machine = held_by(FakeMachine(), 50)
    machine.processes[50] = machine.processes[50].replace(exe="/usr/bin/python3")
    freeing = Freeing(machine, True, answer)
    first_ask = freeing.ask

    def ask_while_it_execs(question: Question) -> Answer:
        machine.processes[50] = machine.processes[50].replace(exe="/usr/bin/perl", argv=("my-db",))
        return first_ask(question)

    freeing.ask = ask_while_it_execs  # type: ignore[method-assign]
    assert freeing(ASK).bindable is answer
    assert [q.target.process.exe for q in freeing.asked] == ["/usr/bin/python3", "/usr/bin/perl"]
    assert machine.sent == [(50, SIGTERM)] * answer


def test_a_title_that_changes_is_no_other_program():
    machine = held_by(FakeMachine(), 50)
    machine.processes[50] = machine.processes[50].replace(exe="/usr/bin/ruby")
    titles = itertools.count()

    def change() -> None:
        if server := machine.processes.get(50):
            machine.processes[50] = server.replace(argv=(f"puma [{next(titles)} requests]",))

    machine.before_table = change
    assert Freeing(machine)(YES).bindable


def test_who_is_stopped_after_the_look_has_to_go_on_too():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    freeing = Freeing(machine, True, False)
    first_ask = freeing.ask

    def ask_while_it_is_stopped(question: Question) -> Answer:
        machine.processes[50] = machine.processes[50].replace(state="T")
        return first_ask(question)

    freeing.ask = ask_while_it_is_stopped  # type: ignore[method-assign]
    freeing(ASK)
    assert [number for _, number in machine.sent] == [SIGTERM, 18]


def test_who_has_taken_a_port_is_named_with_the_target_that_had_it():
    machine = held_by(held_by(FakeMachine(), 50))
    other = Endpoint("127.0.0.1", 9000)
    machine.add(60)
    machine.socket(other, 60)

    def come_back(pid: int, _number: int) -> None:
        if pid == 60:
            machine.add(61)
            machine.socket(other, 61)

    machine.after_signal = come_back
    freed = Freeing(machine)(YES, QUICK, HERE, other)
    named = [o for o in freed.outcomes if isinstance(o, Respawned)]
    assert [(o.target.process.pid, o.successor.process.pid) for o in named] == [(60, 61)]


def test_somebody_else_who_takes_the_port_meanwhile_is_named_and_not_fought():
    machine = held_by(FakeMachine(), 50)
    machine.add(40, name="loop.sh", argv=("bash", "loop.sh"))
    machine.processes[50] = machine.processes[50].replace(ppid=40)

    def start_again(pid: int, number: int) -> None:
        held_by(machine, pid + 1)

    machine.after_signal = start_again
    freed = Freeing(machine)(YES)
    assert machine.sent == [(50, SIGTERM)]
    assert not freed.bindable
    assert freed.exit_code in (exitcodes.TAKEN_AGAIN, exitcodes.STILL_HELD)


def test_a_respawn_after_the_port_was_free_is_seen_and_named():
    machine = held_by(FakeMachine(), 50)
    machine.add(40, name="loop.sh", argv=("bash", "loop.sh"))
    machine.processes[50] = machine.processes[50].replace(ppid=40)
    looks = iter(range(1000))
    state = {"ended": False}
    machine.after_signal = lambda _pid, _number: state.update(ended=True)

    def come_back_later() -> None:
        if state["ended"] and next(looks) == 3:
            held_by(machine, 51)

    machine.before_table = come_back_later
    freeing = Freeing(machine)
    freed = freeing(YES)
    assert freed.exit_code == exitcodes.TAKEN_AGAIN
    successors = [o.successor.process.pid for o in freed.outcomes if isinstance(o, Respawned)]
    assert successors == [51]
    assert machine.sent == [(50, SIGTERM)]


QUICKER = [
    pytest.param(3, [50, 60, 61], exitcodes.OK, id="as often as is asked for"),
    pytest.param(2, [50, 60], exitcodes.TAKEN_AGAIN, id="no oftener"),
    pytest.param(1, [50], exitcodes.TAKEN_AGAIN, id="once where nothing else is asked for"),
]


@pytest.mark.parametrize(("attempts", "ended", "code"), QUICKER)
def test_a_port_that_somebody_quicker_took_is_freed_again(
    attempts: int, ended: list[int], code: int
):
    machine = held_by(FakeMachine(), 50)
    rivals = iter([60, 61])

    def take(_pid: int, _number: int) -> None:
        if rival := next(rivals, 0):
            held_by(machine, rival)

    machine.after_signal = take
    freeing = Freeing(machine)
    freed = freeing(YES, QUICK, attempts=attempts)
    assert [pid for pid, _ in machine.sent] == ended
    assert freed.exit_code == code
    taken = [o.successor.process.pid for o in freed.outcomes if isinstance(o, Respawned)]
    assert taken == [60, 61][:attempts]


def test_whom_a_parent_of_the_holder_started_is_not_fought():
    machine = FakeMachine()
    machine.add(40, argv=("python3", "supervise.py"))
    machine.add(50, ppid=40)
    machine.after_signal = lambda pid, _number: came_back(machine, pid + 1)
    freed = Freeing(held_by(machine, 50))(YES, QUICK, attempts=3)
    assert (freed.exit_code, machine.sent) == (exitcodes.TAKEN_AGAIN, [(50, SIGTERM)])
    (back,) = (o for o in freed.outcomes if isinstance(o, Respawned))
    assert back.by == machine.processes[40]


def came_back(machine: FakeMachine, pid: int, started: float = 0.0, name: str = "server") -> None:
    machine.add(pid, ppid=40, name=name)
    machine.processes[pid] = machine.processes[pid].replace(started=started)
    held_by(machine, pid)


@pytest.mark.parametrize(
    ("name", "delay", "again"),
    [
        pytest.param("server", 0.0, True, id="the same program, started after the signal"),
        pytest.param("server", -60.0, False, id="a program that was there before"),
        pytest.param("other", 0.0, False, id="another program"),
    ],
)
def test_a_parent_is_accused_only_of_what_it_did(name: str, delay: float, again: bool):
    machine = FakeMachine()
    machine.add(40, argv=("python3", "supervise.py"))
    machine.add(50, ppid=40)
    machine.after_signal = lambda pid, _n: came_back(machine, pid + 1, time.time() + delay, name)
    freed = Freeing(held_by(machine, 50))(YES)
    (back,) = (o for o in freed.outcomes if isinstance(o, Respawned))
    assert back.again is again


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        pytest.param(("python3", "supervise.py"), True, id="a program"),
        pytest.param(("bash", "loop.sh"), False, id="a shell that runs a file"),
    ],
)
def test_a_parent_that_lives_on_is_in_the_result(argv: tuple[str, ...], named: bool):
    machine = FakeMachine()
    machine.add(40, argv=argv)
    machine.add(50, ppid=40)
    (stopped,) = Freeing(held_by(machine, 50))(YES).outcomes
    assert isinstance(stopped, Stopped)
    assert stopped.parent == (machine.processes[40] if named else None)


def test_what_is_above_a_shell_that_lives_on_is_not_in_the_result():
    machine = FakeMachine()
    machine.add(30, argv=("python3", "runner.py"))
    machine.add(40, ppid=30, argv=("bash", "loop.sh"))
    machine.add(50, ppid=40)
    (stopped,) = Freeing(held_by(machine, 50))(YES).outcomes
    assert isinstance(stopped, Stopped)
    assert stopped.parent is None


def test_children_that_live_on_are_in_the_result_and_not_signalled():
    machine = held_by(FakeMachine(), 50)
    machine.add(51, ppid=50)
    machine.add(52, ppid=51)
    (stopped,) = Freeing(machine)(YES).outcomes
    assert isinstance(stopped, Stopped)
    assert [child.pid for child in stopped.orphans] == [51, 52]
    assert machine.sent == [(50, SIGTERM)]


def test_children_of_a_server_that_lives_on_are_its_own_business():
    machine = held_by(FakeMachine(), 50)
    machine.add(51, ppid=50)
    machine.deaf[50] = {SIGTERM}
    machine.after_signal = lambda _pid, _number: machine.sockets.clear()
    (stopped,) = Freeing(machine)(YES).outcomes
    assert isinstance(stopped, Stopped)
    assert (stopped.exited, stopped.orphans) == (False, ())


def test_a_devports_run_is_told_instead_of_its_server():
    machine = FakeMachine()
    run = machine.add(40, name="devports")
    machine.add(50, ppid=40)
    freeing = Freeing(held_by(machine, 50))
    freeing.find_run = lambda process: (
        RunInfo(run.key, "web", "/p") if process.key == run.key else None
    )
    machine.after_signal = lambda _pid, _number: machine.end(50)
    freed = freeing(YES)
    assert freed.bindable
    assert machine.sent == [(40, SIGTERM)]


RECLAIMED = [
    pytest.param("/p", True, exitcodes.OK, id="what a dead run of this project left is reclaimed"),
    pytest.param("/p", False, exitcodes.HELD, id="a living run of this project is not"),
    pytest.param("/q", True, exitcodes.HELD, id="nor is what another project left"),
]


@pytest.mark.parametrize(("project", "left", "code"), RECLAIMED)
def test_reclaim(project: str, left: bool, code: int):
    machine = FakeMachine()
    server = machine.add(50)
    freeing = Freeing(held_by(machine, 50))
    run = RunInfo(server.key, "web", project, left)
    freeing.find_run = lambda process: run if process.key == server.key else None
    assert freeing(ConfirmPolicy(reclaim_project="/p")).exit_code == code


def test_a_signal_that_is_not_permitted_is_tried_once_and_said():
    machine = held_by(FakeMachine(), 50)
    machine.forbidden.add(50)
    freed = Freeing(machine)(YES)
    assert machine.tried == [(50, SIGTERM)]
    assert freed.exit_code == exitcodes.PERMISSION
    assert isinstance(freed.outcomes[0], Refused)
    assert freed.outcomes[0].why == "denied"


def test_a_client_of_the_port_number_is_never_signalled():
    machine = FakeMachine()
    machine.add(50)
    machine.socket(HERE, 50, state="ESTABLISHED", remote=Endpoint("192.0.2.1", 443))
    freed = Freeing(machine)(YES)
    assert (freed.exit_code, machine.sent) == (exitcodes.STILL_HELD, [])


UNFREEABLE = [
    pytest.param(Endpoint("203.0.113.1", 8000), exitcodes.USAGE, id="an address of elsewhere"),
    pytest.param(Endpoint("127.0.0.1", 80), exitcodes.PERMISSION, id="a privileged port"),
]


@pytest.mark.parametrize(("endpoint", "code"), UNFREEABLE)
def test_what_no_ending_would_free(endpoint: Endpoint, code: int):
    freed = Freeing(FakeMachine())(YES, QUICK, endpoint)
    assert (freed.bindable, freed.exit_code) == (False, code)


def blocked_by_leftovers(seconds: float) -> FakeMachine:
    machine = FakeMachine()
    machine.socket(HERE, state="LAST_ACK", expires=seconds, remote=Endpoint("127.0.0.1", 4000))
    return machine


def test_leftovers_that_go_in_time_are_waited_for():
    machine = blocked_by_leftovers(0.1)
    freeing = Freeing(machine)
    looks = iter(range(1000))
    machine.before_probe = lambda: machine.sockets.clear() if next(looks) > 2 else None
    assert freeing(YES, QUICK.replace(linger=30)).bindable
    assert freeing.told == [WaitingForPort(0.1)]


def test_leftovers_that_stay_longer_are_reported_at_once():
    freeing = Freeing(blocked_by_leftovers(55.0))
    freed = freeing(YES)
    assert freed.exit_code == exitcodes.STILL_HELD
    assert not freeing.told


def test_waiting_says_for_whom():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    machine.socket(HERE, 50, state="ESTABLISHED", remote=Endpoint("127.0.0.1", 40000))
    freeing = Freeing(machine)

    def waits() -> list[WaitingForPort]:
        return [news for news in freeing.told if isinstance(news, WaitingForPort)]

    machine.before_probe = lambda: machine.end(50) if waits() else None
    freeing.quiet = 0.1
    freeing(YES, QUICK.replace(stop=30))
    assert [news.clients for news in waits()] == [1]
    assert waits()[0].waited > 0.1


REHEARSED = [
    pytest.param({}, YES, WouldStop(None, asks=False), id="it would be ended"),  # type: ignore[arg-type]
    pytest.param({}, ASK, WouldStop(None, asks=True), id="it would be asked about"),  # type: ignore[arg-type]
    pytest.param(
        {},
        ConfirmPolicy(),
        WouldStop(None, asks=True),  # type: ignore[arg-type]
        id="the same where there is no terminal",
    ),
    pytest.param({"name": "sshd"}, YES, Refused(None, "protected"), id="it is protected"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("facts", "policy", "expected"), REHEARSED)
def test_a_rehearsal_says_what_would_be_done_and_does_nothing(
    facts: dict[str, Any], policy: ConfirmPolicy, expected: Outcome
):
    machine = FakeMachine()
    machine.add(50, **facts)
    freeing = Freeing(held_by(machine, 50))
    tools = FreeServices(machine, freeing.ask, freeing.told.append, freeing.find_run, FakeEngines())
    freed = preview(tools, FreeingJob((HERE,), policy, QUICK))
    assert [outcome.replace(target=None) for outcome in freed.outcomes] == [expected]
    assert (freed.exit_code, freed.bindable, machine.sent) == (exitcodes.OK, False, [])


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(YES, Refused(None, "other-user"), id="--yes does not cover them"),  # type: ignore[arg-type]
        pytest.param(ConfirmPolicy(), WouldStop(None, asks=True), id="a person would be asked"),  # type: ignore[arg-type]
    ],
)
def test_a_rehearsal_before_another_users_process(policy: ConfirmPolicy, expected: Outcome):
    machine = FakeMachine(uid=0)
    machine.add(50, uid=7)
    freeing = Freeing(held_by(machine, 50))
    tools = FreeServices(machine, freeing.ask, freeing.told.append, freeing.find_run, FakeEngines())
    (outcome,) = preview(tools, FreeingJob((HERE,), policy, QUICK)).outcomes
    assert outcome.replace(target=None) == expected


def test_who_lets_go_of_the_port_and_lives_on_is_said_to():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    machine.after_signal = lambda _pid, _number: machine.sockets.clear()
    (outcome,) = Freeing(machine)(YES).outcomes
    assert isinstance(outcome, Stopped)
    assert not outcome.exited


def test_the_machine_of_these_tests_is_an_ordinary_users():
    assert FakeMachine().viewer().uid == ME


def supervised_by_a_loop(machine: FakeMachine) -> FakeMachine:
    """The holder is 50, its parent a shell script, whose parent is another one."""
    machine.add(39, name="outer.sh", argv=("bash", "outer.sh"))
    machine.add(40, name="loop.sh", ppid=39, argv=("bash", "loop.sh"))
    held_by(machine, 50)
    machine.processes[50] = machine.processes[50].replace(ppid=40)
    return machine


def settling(freeing: Freeing) -> list[int]:
    return [news.by.pid for news in freeing.told if isinstance(news, WatchingForRestart)]


def test_the_watch_for_a_respawn_names_the_nearest_who_could_bring_it_about():
    freeing = Freeing(supervised_by_a_loop(FakeMachine()))
    assert freeing(YES).bindable
    assert settling(freeing) == [40]


def test_a_parent_that_ends_with_its_child_is_not_watched_but_its_own_parent_is():
    machine = supervised_by_a_loop(FakeMachine())
    machine.after_signal = lambda _pid, _number: machine.end(40)
    freeing = Freeing(machine)
    assert freeing(YES).bindable
    assert settling(freeing) == [39]


def test_nobody_is_watched_when_nobody_is_left_who_could_start_it_again():
    machine = supervised_by_a_loop(FakeMachine())

    def the_whole_line_ends(pid: int, number: int) -> None:
        machine.end(40)
        machine.end(39)

    machine.after_signal = the_whole_line_ends
    freeing = Freeing(machine)
    freeing(YES, QUICK.replace(settle=3600))  # would not come back if it watched
    assert settling(freeing) == []


def test_a_settle_of_zero_watches_nobody():
    freeing = Freeing(supervised_by_a_loop(FakeMachine()))
    assert freeing(YES, QUICK.replace(settle=0)).bindable
    assert settling(freeing) == []


FAR_END = Endpoint("127.0.0.1", 50123)


def visited(machine: FakeMachine) -> FakeMachine:
    """A server 50 with a client 90 on this machine, and a stranger 91 who uses the number."""
    held_by(machine, 50)
    machine.add(90, name="browser")
    machine.add(91, name="mailer")
    machine.socket(HERE, 50, state="ESTABLISHED", remote=FAR_END)
    machine.socket(FAR_END, 90, state="ESTABLISHED", remote=HERE)
    machine.socket(HERE, 91, state="ESTABLISHED", remote=Endpoint("192.0.2.7", 443))
    return machine


def test_clients_are_shown_before_and_named_as_spared_after():
    machine = visited(FakeMachine())
    machine.deaf[50] = set()
    freeing = Freeing(machine, True)
    freed = freeing(ASK)
    assert freeing.asked[0].around.clients == 1
    assert [(one.process.pid, one.why) for one in freed.spared] == [
        (90, "client"),
        (91, "outgoing"),
    ]
    assert {pid for pid, _ in machine.sent} == {50}


def test_a_rehearsal_and_a_refusal_name_the_spared_too():
    machine = visited(FakeMachine())
    tools = FreeServices(machine, lambda _: "no", lambda _: None, lambda _: None, FakeEngines())
    rehearsed = preview(tools, FreeingJob((HERE,), YES, QUICK))
    refused = free(tools, FreeingJob((HERE,), ConfirmPolicy(), QUICK))
    assert [one.process.pid for one in rehearsed.spared] == [90, 91]
    assert refused.spared == rehearsed.spared
    assert machine.sent == []


@pytest.mark.parametrize(
    ("movable", "offered"),
    [
        pytest.param(8000, True, id="this port"),
        pytest.param(9000, False, id="another port of the service"),
        pytest.param(0, False, id="none"),
    ],
)
def test_another_port_is_an_answer_where_the_service_may_have_it(movable: int, offered: bool):
    machine = held_by(FakeMachine(), 50)
    asked: list[Question] = []

    def ask(question: Question) -> Answer:
        asked.append(question)
        return "next" if question.may_move else "no"

    tools = FreeServices(machine, ask, lambda _: None, lambda _: None, FakeEngines())
    freed = free(tools, FreeingJob((HERE,), ASK.replace(movable_port=movable), QUICK))
    (outcome,) = freed.outcomes
    assert isinstance(outcome, Declined)
    assert (asked[0].may_move, outcome.moving) == (offered, offered)
    assert (freed.exit_code, machine.sent) == (exitcodes.HELD, [])


def test_killing_is_never_asked_about_with_another_port_as_an_answer():
    machine = held_by(FakeMachine(), 50)
    machine.deaf[50] = {SIGTERM}
    freeing = Freeing(machine, True, False)
    freeing(ASK.replace(movable_port=8000))
    assert [(q.kind, q.may_move) for q in freeing.asked] == [("stop", True), ("kill", False)]


def test_a_server_that_ended_in_vain_is_not_said_to_have_freed_the_port():
    machine = supervised_by_a_loop(FakeMachine())

    def come_back(pid: int, number: int) -> None:
        held_by(machine, pid + 1)

    machine.after_signal = come_back
    freed = Freeing(machine)(YES)
    stopped = [outcome for outcome in freed.outcomes if isinstance(outcome, Stopped)]
    assert [outcome.bindable for outcome in stopped] == [False]


CONTAINER = Container("docker", "db", "postgres:16", "ab" * 32, "one")
PUBLISHED = Published("docker", "db", "postgres:16", "ab" * 32, ("",))


def published(machine: FakeMachine, *answers: bool, complaint: str = "") -> Freeing:
    """A container, whose forwarder 60 goes when its engine stops it without a complaint."""
    if 60 not in machine.processes:
        machine.add(60, name="docker-proxy")
    freeing = Freeing(held_by(machine, 60), *answers)
    freeing.engines = FakeEngines({("docker", 8000): (PUBLISHED,)}, complaint=complaint)
    if not complaint:
        freeing.engines.after_stop = lambda _: machine.end(60)
    return freeing


def test_a_container_is_stopped_by_its_engine_and_nobody_is_signalled():
    machine = FakeMachine()
    freeing = published(machine)
    freed = freeing(YES)
    assert (freed.bindable, freed.exit_code) == (True, exitcodes.OK)
    assert (freeing.engines.stopped, machine.sent) == (["db"], [])
    assert [type(news) for news in freeing.told] == [StoppingContainer, ContainerStopped]


@pytest.mark.parametrize("answer", [True, False], ids=["yes", "no"])
def test_a_container_has_a_question_of_its_own(answer: bool):
    machine = FakeMachine()
    freeing = published(machine, answer)
    freed = freeing(ASK)
    assert [question.kind for question in freeing.asked] == ["container"]
    assert freed.bindable is answer
    assert freeing.engines.stopped == ["db"] * answer


def test_without_a_terminal_and_without_yes_a_container_runs_on():
    freeing = published(FakeMachine())
    freed = freeing(ConfirmPolicy())
    assert freed.exit_code == exitcodes.HELD
    assert freed.outcomes[0].replace(target=None) == Refused(None, "no-terminal")  # type: ignore[arg-type]
    assert freeing.engines.stopped == []


def test_an_engine_that_did_not_stop_it_is_quoted_and_the_others_are_spared():
    machine = FakeMachine()
    machine.add(60, name="docker-proxy")
    sister = Endpoint("::1", 8000)
    machine.add(50)
    machine.socket(sister, 50)
    freeing = published(machine, complaint="it is paused")
    freed = freeing(YES, QUICK, HERE, sister)
    assert freed.exit_code == exitcodes.PROTECTED
    assert [o.engine_error for o in freed.outcomes if isinstance(o, StopFailed)] == ["it is paused"]
    assert machine.sent == []


def test_a_bind_decides_whatever_the_engine_complained_about():
    machine = FakeMachine()
    freeing = published(machine, complaint="it took too long")
    freeing.engines.after_stop = lambda _: machine.end(60)
    freed = freeing(YES)
    assert (freed.bindable, freed.exit_code) == (True, exitcodes.OK)
    (outcome,) = freed.outcomes
    assert isinstance(outcome, StopFailed)
    assert outcome.bindable


def test_a_forwarder_that_lives_on_is_neither_terminated_nor_killed():
    machine = FakeMachine()
    freeing = published(machine)
    freeing.engines.after_stop = lambda _: None
    freed = freeing(YES)
    assert freed.exit_code == exitcodes.STILL_HELD
    assert freed.outcomes[0].replace(target=None, seconds=0) == ContainerStopped(None, 0, False)  # type: ignore[arg-type]
    assert machine.sent == []


def test_a_server_beside_a_container_is_ended_after_it():
    machine = FakeMachine()
    sister = Endpoint("::1", 8000)
    machine.add(50)
    machine.socket(sister, 50)
    freeing = published(machine)
    assert freeing(YES, QUICK, HERE, sister).bindable
    assert (freeing.engines.stopped, machine.sent) == (["db"], [(50, SIGTERM)])


def test_a_container_that_ends_while_the_person_thinks_is_not_stopped_again():
    machine = FakeMachine()
    freeing = published(machine)

    def agree_after_its_end(question: Question) -> Answer:
        machine.end(60)
        return "yes"

    freeing.ask = agree_after_its_end  # type: ignore[method-assign]
    freed = freeing(ASK)
    assert freed.bindable
    assert freeing.engines.stopped == []
    assert isinstance(freed.outcomes[0], AlreadyGone)


def test_who_else_takes_the_port_of_a_stopped_container_is_named():
    machine = FakeMachine()
    freeing = published(machine)

    def start_another(_: Container) -> None:
        machine.end(60)
        machine.add(61, name="docker-proxy")
        held_by(machine, 61)
        other = PUBLISHED.replace(name="other", identity="cd" * 32)
        freeing.engines.answers["docker", 8000] = (other,)

    freeing.engines.after_stop = start_another
    freed = freeing(YES)
    assert freed.exit_code == exitcodes.TAKEN_AGAIN
    standings = [o.successor.kind for o in freed.outcomes if isinstance(o, Respawned)]
    assert [it.name for it in standings if isinstance(it, Container)] == ["other"]
    assert freeing.engines.stopped == ["db"]


TTY = 34816


def typed(machine: FakeMachine, *, foreground: bool = True) -> FakeMachine:
    """The server 50 was typed into the interactive shell 40."""
    machine.add(40, name="bash", argv=("-bash",))
    held_by(machine, 50)
    front = 50 if foreground else 40
    machine.processes[40] = machine.processes[40].replace(job=JobControl(40, front, TTY))
    machine.processes[50] = machine.processes[50].replace(ppid=40, job=JobControl(50, front, TTY))
    return machine


def shell_is(machine: FakeMachine, foreground: int) -> None:
    machine.processes[40] = machine.processes[40].replace(job=JobControl(40, foreground, TTY))


def test_a_shell_that_is_back_at_its_prompt_is_not_waited_for():
    machine = typed(FakeMachine())
    machine.after_signal = lambda _pid, _number: shell_is(machine, 40)
    freeing = Freeing(machine)
    assert freeing(YES, QUICK.replace(settle=1)).bindable
    assert settling(freeing) == []


def test_a_shell_that_put_the_server_in_the_background_is_not_waited_for():
    machine = typed(FakeMachine(), foreground=False)
    machine.after_signal = lambda _pid, _number: shell_is(machine, 99)  # it runs an editor now
    freeing = Freeing(machine)
    assert freeing(YES, QUICK.replace(settle=1)).bindable
    assert settling(freeing) == []


def test_a_shell_that_has_ended_is_not_waited_for():
    machine = typed(FakeMachine())
    machine.after_signal = lambda _pid, _number: machine.end(40)
    freeing = Freeing(machine)
    assert freeing(YES, QUICK.replace(settle=1)).bindable
    assert settling(freeing) == []


def test_a_shell_that_runs_the_next_command_is_watched_and_named():
    machine = typed(FakeMachine())
    machine.after_signal = lambda _pid, _number: shell_is(machine, 51)
    freeing = Freeing(machine)
    machine.before_probe = lambda: shell_is(machine, 40) if settling(freeing) else None
    assert freeing(YES, QUICK.replace(settle=30)).bindable
    assert settling(freeing) == [40]


def test_a_loop_that_was_typed_is_caught_in_the_act():
    machine = typed(FakeMachine())
    looks = itertools.count()

    def start_again() -> None:
        if next(looks) == 3:
            held_by(machine, 51)

    def end_of_the_first(_pid: int, _number: int) -> None:
        shell_is(machine, 51)
        machine.before_table = start_again

    machine.after_signal = end_of_the_first
    freed = Freeing(machine)(YES, QUICK.replace(settle=5))
    assert freed.exit_code == exitcodes.TAKEN_AGAIN


def stopping_slowly(machine: FakeMachine) -> None:
    held_by(machine, 50)
    machine.deaf[50] = {SIGTERM}


def lingering(machine: FakeMachine) -> None:
    machine.sockets += blocked_by_leftovers(0.1).sockets


@pytest.mark.parametrize(
    "blocked",
    [
        pytest.param(stopping_slowly, id="for the end of a server"),
        pytest.param(lingering, id="for what an ended server left"),
        pytest.param(supervised_by_a_loop, id="for a server that may be restarted"),
    ],
)
def test_a_wait_is_shown_while_it_lasts(blocked: Callable[[FakeMachine], object]):
    machine, shown = FakeMachine(), list[str]()
    blocked(machine)
    freeing = Freeing(machine)

    @contextlib.contextmanager
    def waiting(_news: WaitProgress) -> Iterator[Callable[[], None]]:
        shown.append("begins")
        yield lambda: shown.append("goes on")
        shown.append("ends")

    freeing.waiting, freeing.quiet = waiting, 0.05
    freeing(YES, QUICK.replace(stop=0.3, linger=30))
    first, *between, last = shown[: shown.index("ends") + 1]
    assert (first, set(between), last) == ("begins", {"goes on"}, "ends")
    assert not any(isinstance(news, WaitingForPort | WatchingForRestart) for news in freeing.told)


def test_nothing_is_stopped_where_a_source_has_named_a_wrong_process(
    monkeypatch: pytest.MonkeyPatch,
):
    told = {"holders": ("lsof",)}
    monkeypatch.setattr(consent, "untrusted", lambda about: told.get(about, ()))
    machine = held_by(FakeMachine(), 50)
    freed = Freeing(machine)(YES)
    assert freed.exit_code == exitcodes.CANNOT_INSPECT
    assert [o.why for o in freed.outcomes if isinstance(o, Refused)] == ["source-untrue"]
    assert machine.tried == []


def test_windows_is_asked_about_as_what_ends_at_once():
    machine = held_by(FakeMachine(), 50)
    machine.platform = "win32"
    freeing = Freeing(machine, False)
    freeing(ASK)
    assert [question.abrupt for question in freeing.asked] == [True]

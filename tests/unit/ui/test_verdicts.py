from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.holder_kind import DevportsRun, RunInfo
from devports.core.model import HolderSearch
from devports.core.verdict import (
    CODES,
    Finding,
    Held,
    LingeringConnections,
    LocalhostConflict,
    OutgoingConnection,
)
from devports.ui import holders, processes
from tests.tools.golden import Family
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from devports.core.holder_kind import HolderKind

FAMILY = Family("verdicts")


FAMILY.says(
    "headline",
    processes.headline,
    {
        "nothing is in the way": s.FREE,
        "nothing is known to be in the way": s.UNCONFIRMED,
        "a server listens": s.HELD,
        "a program has bound the port and does not listen": s.BOUND,
        "the holder could not be read": s.HIDING,
        "a listener without any process": s.HELD.replace(holding=HolderSearch()),
        "TIME_WAIT that stops hardly anybody": s.LINGERING,
        "TIME_WAIT that stops everybody": s.BLOCKING,
        "a server that lets its clients finish": s.DRAINING,
        "a server without a name that lets its clients finish": s.DRAINING.replace(
            holding=HolderSearch()
        ),
        "orphans that is not closed": Finding(
            s.HERE, LingeringConnections((s.socket(s.HERE, "FIN_WAIT1"),), True), HolderSearch()
        ),
        "another server on the sister address": s.SHADOWED,
        "a server without a name on the sister address": Finding(
            s.HERE, LocalhostConflict((s.socket(s.SISTER),)), HolderSearch()
        ),
        "a client happens to use the port": s.CLIENT,
        "a client that allows a server beside it": s.BESIDE_CLIENT,
        "a client uses the port twice": s.CLIENT.replace(
            verdict=OutgoingConnection((*s.leftovers(2),))
        ),
        "in use and nothing to be seen": s.UNEXPLAINED,
        "a privileged port": s.PRIVILEGED,
        "an excluded port": s.EXCLUDED,
        "an address of another machine": s.ELSEWHERE,
    },
)


FAMILY.says(
    "in a word",
    lambda case: processes.verdict_label(case.verdict),
    {
        "free": s.FREE,
        "unknown": s.UNCONFIRMED,
        "held": s.HELD,
        "bound": s.BOUND,
        "leftovers with an end": s.LINGERING,
        "leftovers that block": s.BLOCKING,
        "leftovers without a time limit": s.DRAINING,
        "shadowed": s.SHADOWED,
        "client": s.CLIENT,
        "beside a client": s.BESIDE_CLIENT,
        "unexplained": s.UNEXPLAINED,
        "forbidden": s.PRIVILEGED,
        "not local": s.ELSEWHERE,
    },
)


def test_orphans_that_block_without_an_end() -> None:
    verdict = LingeringConnections((s.socket(s.HERE, "FIN_WAIT1"),), blocking=True)
    assert processes.verdict_label(verdict) == "lingering"


def test_a_port_in_the_words_of_the_user() -> None:
    assert processes.headline(s.HELD, "port 8000") == "port 8000 is in use by `node`"


def test_the_worst_endpoint_decides_and_all_are_shown() -> None:
    findings = (s.FREE_SISTER, s.BOUND)
    assert processes.summary(findings, "port 8000") == (
        "port 8000 is bound by `python`, which is not listening"
    )
    assert "\n".join(processes.fact_lines(findings, s.ANN)) == (
        "[::1]:8000      free\n"
        "127.0.0.1:8000  bound, not listening\n"
        "process     `python` (pid 77), you, running for 40 s (since 14:12)\n"
        "socket      BOUND 127.0.0.1:8000\n"
        "folder      ~/shop/web\n"
        "command     python app.py\n"
        "started by  `zsh`"
    )


def test_a_process_on_two_endpoints_is_described_once() -> None:
    other = s.HELD.replace(
        endpoint=s.SISTER,
        verdict=Held(s.EVERYWHERE[1:]),
        holding=HolderSearch((s.NODE_HOLDER.replace(inodes=(6,)),)),
    )
    first = s.HELD.replace(holding=HolderSearch((s.NODE_HOLDER.replace(inodes=(5,)),)))
    lines = processes.fact_lines((first, other), s.ANN)
    assert [line for line in lines if line.startswith(("process", "socket"))] == [
        "process     `node` (pid 4242), you, running for 2 h (since 12:11)",
        "socket      LISTEN 0.0.0.0:8000 and [::]:8000",
    ]


def test_what_is_known_of_a_hidden_holder() -> None:
    assert "\n".join(processes.fact_lines((s.HIDING,), s.ANN)) == (
        "socket    LISTEN 0.0.0.0:8000, opened by root\n"
        "probably  `fakedb` (pid 412), root, running for 4 days (since 2026-09-16 23:06)"
    )


def test_many_holders_are_counted() -> None:
    holders = tuple(
        s.NODE_HOLDER.replace(process=s.process(pid), ancestors=()) for pid in range(1, 9)
    )
    crowd = s.HELD.replace(holding=HolderSearch(holders))
    lines = processes.fact_lines((crowd,), s.ANN)
    assert len([line for line in lines if line.startswith("process")]) == processes.MOST_CARDS
    assert lines[-1] == "and      3 more"


@pytest.mark.parametrize(
    ("run", "words"), [("backend", "backend"), ("uvicorn:8000", "--port 8000 -- uvicorn")]
)
def test_the_standing_of_a_holder_is_a_note(run: str, words: str) -> None:
    ours = DevportsRun(RunInfo(s.NODE.key, run, "/shop"))
    lines = processes.fact_lines((s.HELD,), s.ANN, holders.kind_facts([(4242, ours)], s.ANN))
    assert lines[-1] == f"note        started by `devports run {words}`"


@pytest.mark.parametrize(
    ("standings", "text"),
    [
        pytest.param(
            (s.SIBLING, s.SIBLING),
            ", which `devports run web` started in another checkout of this repository",
            id="a run of another checkout",
        ),
        pytest.param(
            (s.SIBLING.replace(run=None),),
            ", which belongs to another checkout of this repository",
            id="started there by hand",
        ),
        pytest.param(
            (s.SIBLING.replace(relation="project", run=None),),
            ", which belongs to another project",
            id="another project's",
        ),
        pytest.param((s.SIBLING, s.MINE), "", id="not all of them"),
        pytest.param((s.MINE,), "", id="ours"),
        pytest.param((), "", id="nobody knows"),
    ],
)
def test_the_error_says_at_once_where_its_holders_come_from(
    standings: tuple[HolderKind, ...], text: str
) -> None:
    told = [(pid, each) for pid, each in enumerate(standings, 4242)]
    error = holders.problem((s.HELD,), s.ANN, exit_code=90, standings=told)
    assert error.message == f"{processes.summary((s.HELD,))}{text}"


def test_where_a_holder_is_comes_right_behind_who_it_is() -> None:
    lines = processes.fact_lines(
        (s.HELD,), s.ANN, holders.kind_facts([(4242, s.SIBLING.replace(run=None))], s.ANN)
    )
    assert lines[1] == "checkout    ~/shop, branch `main`; you are in ~/fix, branch `fix`"
    assert not [line for line in lines if line.startswith("note")]


FAMILY.says(
    "notes",
    lambda case: processes.note_lines((case, case)),
    {
        "a holder speaks for itself": s.HELD,
        "free needs no note": s.FREE,
        "sources that are not believed": s.UNCONFIRMED,
        "bound only": s.BOUND,
        "unread processes": s.HIDING,
        "client": s.CLIENT,
        "beside a client": s.BESIDE_CLIENT,
        "shadowed": s.SHADOWED,
        "unexplained": s.UNEXPLAINED,
        "leftovers that block": s.BLOCKING,
        "privileged": s.PRIVILEGED,
    },
)


def test_of_a_localhost_that_is_held_the_other_address_needs_no_note() -> None:
    assert isinstance(s.SHADOWED.verdict, LocalhostConflict)
    sister = s.SHADOWED.replace(verdict=Held(s.SHADOWED.verdict.sockets))
    assert processes.note_lines((s.SHADOWED, sister)) == ()


@pytest.mark.parametrize("finding", s.EVERY_FINDING, ids=lambda f: type(f.verdict).__name__)
def test_every_verdict_makes_an_error_with_its_code(finding: Finding) -> None:
    error = holders.problem((finding,), s.ANN, exit_code=1, service="web", hints=("do `x`",))
    assert error.code == (
        "port-excluded" if finding is s.EXCLUDED else CODES[type(finding.verdict)]
    )
    assert (error.exit_code, error.service, error.hints) == (1, "web", ("do `x`",))
    assert error.message == processes.headline(finding)


def test_no_word_that_means_something_else() -> None:
    said = " ".join(
        " ".join(
            (processes.headline(f), *processes.note_lines((f,)), *processes.fact_lines((f,), s.ANN))
        )
        for f in s.EVERY_FINDING
    ).lower()
    banned = ("zombie", "stuck", "busy", "owner", "please", "failed to", "oops")
    assert [word for word in banned if word in said] == []


def test_hostile_names_stay_on_their_line() -> None:
    said = "\n".join(
        (
            processes.headline(s.EVIL_FINDING, s.EVIL),
            *processes.fact_lines((s.EVIL_FINDING,), s.ANN),
            *processes.note_lines((s.EVIL_FINDING,)),
        )
    )
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\nerror: fake" not in said
    assert "[red]" in said

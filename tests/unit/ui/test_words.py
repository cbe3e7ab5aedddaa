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
from devports.ui import messages
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from devports.core.holder_kind import HolderKind


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        pytest.param(s.FREE, "127.0.0.1:8000 is free", id="nothing is in the way"),
        pytest.param(s.HELD, "127.0.0.1:8000 is held by `node`", id="a server listens"),
        pytest.param(
            s.BOUND,
            "127.0.0.1:8000 is bound by `python` but nobody listens yet",
            id="a program has bound the port and does not listen",
        ),
        pytest.param(
            s.HIDING,
            "127.0.0.1:8000 is held by user root, service `fakedb.service`, process likely 412",
            id="the holder could not be read",
        ),
        pytest.param(
            s.HELD.but(holding=HolderSearch()),
            "127.0.0.1:8000 is held by a process that cannot be seen",
            id="a listener without any process",
        ),
        pytest.param(
            s.LINGERING,
            "127.0.0.1:8000: nobody holds it; an ended server left 3 connections (TIME_WAIT), the"
            " last is gone in 43 s. A server that sets SO_REUSEADDR (nearly all do) can start now",
            id="TIME_WAIT that stops hardly anybody",
        ),
        pytest.param(
            s.BLOCKING,
            "127.0.0.1:8000: nobody holds it; an ended server that did not set SO_REUSEADDR left"
            " 1 connection (TIME_WAIT), gone in 41 s. Until then no server can start",
            id="TIME_WAIT that stops everybody",
        ),
        pytest.param(
            s.DRAINING,
            "127.0.0.1:8000: nobody listens; `node` closed its port and still has 2 connections"
            " (1 ESTABLISHED, 1 CLOSE_WAIT). A server that sets SO_REUSEADDR (nearly all do) can"
            " start now",
            id="a server that lets its clients finish",
        ),
        pytest.param(
            s.DRAINING.but(holding=HolderSearch()),
            "127.0.0.1:8000: nobody listens; a server closed its port and still has 2 connections"
            " (1 ESTABLISHED, 1 CLOSE_WAIT). A server that sets SO_REUSEADDR (nearly all do) can"
            " start now",
            id="a server without a name that lets its clients finish",
        ),
        pytest.param(
            Finding(
                s.HERE, LingeringConnections((s.socket(s.HERE, "FIN_WAIT1"),), True), HolderSearch()
            ),
            "127.0.0.1:8000: nobody holds it; an ended server that did not set SO_REUSEADDR left"
            " 1 connection (FIN_WAIT1), with no end set. Until then no server can start",
            id="orphans without an end",
        ),
        pytest.param(
            s.SHADOWED,
            "127.0.0.1:8000 is free, but `localhost` may reach `node` on [::1]:8000",
            id="another server on the sister address",
        ),
        pytest.param(
            Finding(s.HERE, LocalhostConflict((s.socket(s.SISTER),)), HolderSearch()),
            "127.0.0.1:8000 is free, but `localhost` may reach another server on [::1]:8000",
            id="a server without a name on the sister address",
        ),
        pytest.param(
            s.CLIENT,
            "127.0.0.1:41234 is the local port of an outgoing connection to 93.184.216.34:443"
            " by `curl`",
            id="a client happens to use the port",
        ),
        pytest.param(
            s.BESIDE_CLIENT,
            "127.0.0.1:41234 is free for a server that sets SO_REUSEADDR, and the local port of an"
            " outgoing connection to 93.184.216.34:443 by `curl`",
            id="a client that allows a server beside it",
        ),
        pytest.param(
            s.CLIENT.but(verdict=OutgoingConnection((*s.leftovers(2),))),
            "127.0.0.1:41234 is the local port of 2 outgoing connections by `curl`",
            id="a client uses the port twice",
        ),
        pytest.param(
            s.UNEXPLAINED,
            "127.0.0.1:8000 is in use (EADDRINUSE), and nothing to be seen holds it",
            id="in use and nothing to be seen",
        ),
        pytest.param(
            s.PRIVILEGED,
            "port 80 is a privileged port that this user may not bind (EACCES)",
            id="a privileged port",
        ),
        pytest.param(
            s.EXCLUDED,
            "port 50000 is reserved by this system: nobody may bind it (EACCES)",
            id="an excluded port",
        ),
        pytest.param(
            s.ELSEWHERE,
            "10.9.9.9:8000: no interface of this machine has this address (EADDRNOTAVAIL)",
            id="an address of another machine",
        ),
    ],
)
def test_headline(finding: Finding, line: str) -> None:
    assert messages.headline(finding) == line


@pytest.mark.parametrize(
    ("finding", "word"),
    [
        pytest.param(s.FREE, "free", id="free"),
        pytest.param(s.HELD, "held", id="held"),
        pytest.param(s.BOUND, "bound, not listening", id="bound"),
        pytest.param(s.LINGERING, "free, leftovers for 43 s", id="leftovers with an end"),
        pytest.param(s.BLOCKING, "leftovers for 41 s", id="leftovers that block"),
        pytest.param(s.DRAINING, "free, leftovers", id="leftovers with no end set"),
        pytest.param(s.SHADOWED, "free, shadowed", id="shadowed"),
        pytest.param(s.CLIENT, "held by a client", id="client"),
        pytest.param(s.BESIDE_CLIENT, "free, used by a client", id="beside a client"),
        pytest.param(s.UNEXPLAINED, "in use, unexplained", id="unexplained"),
        pytest.param(s.PRIVILEGED, "no permission", id="forbidden"),
        pytest.param(s.ELSEWHERE, "not local", id="not local"),
    ],
)
def test_verdict_in_a_word(finding: Finding, word: str) -> None:
    assert messages.short(finding.verdict) == word


def test_orphans_that_block_without_an_end() -> None:
    verdict = LingeringConnections((s.socket(s.HERE, "FIN_WAIT1"),), blocking=True)
    assert messages.short(verdict) == "leftovers"


def test_a_port_in_the_words_of_the_user() -> None:
    assert messages.headline(s.HELD, "port 8000") == "port 8000 is held by `node`"


def test_the_worst_endpoint_decides_and_all_are_shown() -> None:
    findings = (s.FREE_SISTER, s.BOUND)
    assert messages.summary(findings, "port 8000") == (
        "port 8000 is bound by `python` but nobody listens yet"
    )
    assert "\n".join(messages.evidence(findings, s.ANN)) == (
        "[::1]:8000      free\n"
        "127.0.0.1:8000  bound, not listening\n"
        "process     `python` (pid 77), you, running for 40 s (since 14:12)\n"
        "socket      BOUND 127.0.0.1:8000\n"
        "folder      ~/shop/web\n"
        "command     python app.py\n"
        "started by  `zsh`"
    )


def test_a_process_on_two_endpoints_is_described_once() -> None:
    other = s.HELD.but(
        endpoint=s.SISTER,
        verdict=Held(s.EVERYWHERE[1:]),
        holding=HolderSearch((s.NODE_HOLDER.but(inodes=(6,)),)),
    )
    first = s.HELD.but(holding=HolderSearch((s.NODE_HOLDER.but(inodes=(5,)),)))
    lines = messages.evidence((first, other), s.ANN)
    assert [line for line in lines if line.startswith(("process", "socket"))] == [
        "process     `node` (pid 4242), you, running for 2 h (since 12:11)",
        "socket      LISTEN 0.0.0.0:8000 and [::]:8000",
    ]


def test_what_is_known_of_a_hidden_holder() -> None:
    assert "\n".join(messages.evidence((s.HIDING,), s.ANN)) == (
        "socket  LISTEN 0.0.0.0:8000, made by root\n"
        "likely  `fakedb` (pid 412), root, running for 4 days (since 2026-09-16 23:06)"
    )


def test_many_holders_are_counted() -> None:
    holders = tuple(s.NODE_HOLDER.but(process=s.process(pid), ancestors=()) for pid in range(1, 9))
    crowd = s.HELD.but(holding=HolderSearch(holders))
    lines = messages.evidence((crowd,), s.ANN)
    assert len([line for line in lines if line.startswith("process")]) == messages.MOST_CARDS
    assert lines[-1] == "and      3 more"


def test_the_standing_of_a_holder_is_a_note() -> None:
    lines = messages.evidence(
        (s.HELD,), s.ANN, standings=((4242, DevportsRun(RunInfo(s.NODE.key, "backend", "/shop"))),)
    )
    assert lines[-1] == "note        started by `devports run backend`"


@pytest.mark.parametrize(
    ("standings", "text"),
    [
        pytest.param(
            (s.SIBLING, s.SIBLING),
            ", which `devports run web` started in another checkout of this repository",
            id="a run of another checkout",
        ),
        pytest.param(
            (s.SIBLING.but(run=None),),
            ", which belongs to another checkout of this repository",
            id="started there by hand",
        ),
        pytest.param(
            (s.SIBLING.but(relation="project", run=None),),
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
    error = messages.problem((s.HELD,), s.ANN, exit_code=90, standings=told)
    assert error.message == f"{messages.summary((s.HELD,))}{text}"


def test_where_a_holder_is_comes_right_behind_who_it_is() -> None:
    lines = messages.evidence((s.HELD,), s.ANN, standings=((4242, s.SIBLING.but(run=None)),))
    assert lines[1] == "checkout    ~/shop, branch `main`; you are in ~/fix, branch `fix`"
    assert not [line for line in lines if line.startswith("note")]


@pytest.mark.parametrize(
    ("finding", "notes"),
    [
        pytest.param(s.HELD, (), id="a holder speaks for itself"),
        pytest.param(s.FREE, (), id="free needs no note"),
        pytest.param(
            s.BOUND,
            ("it can start to listen at any moment, and then a second server would fail",),
            id="bound only",
        ),
        pytest.param(
            s.HIDING,
            ("not readable: the descriptors of 3 processes of other users",),
            id="unread processes",
        ),
        pytest.param(
            s.CLIENT,
            ("devports never ends a client; the port is free when that connection ends",),
            id="client",
        ),
        pytest.param(
            s.BESIDE_CLIENT,
            ("a server that does not set SO_REUSEADDR can start when that connection ends",),
            id="beside a client",
        ),
        pytest.param(
            s.SHADOWED,
            ("127.0.0.1:8000 is this server for certain, localhost:8000 may be the other one",),
            id="shadowed",
        ),
        pytest.param(
            s.UNEXPLAINED,
            (
                "asked several times; the holder may be in another network namespace or hidden",
                "the kernel's socket monitor is not available here",
            ),
            id="unexplained",
        ),
        pytest.param(
            s.BLOCKING,
            ("the kernel keeps ended connections for a while; no process has them",),
            id="leftovers that block",
        ),
        pytest.param(
            s.PRIVILEGED,
            ("ports below 1024 need root or CAP_NET_BIND_SERVICE",),
            id="privileged",
        ),
    ],
)
def test_notes(finding: Finding, notes: tuple[str, ...]) -> None:
    assert messages.notes((finding, finding)) == notes


def test_of_a_localhost_that_is_held_the_other_address_needs_no_note() -> None:
    assert isinstance(s.SHADOWED.verdict, LocalhostConflict)
    sister = s.SHADOWED.but(verdict=Held(s.SHADOWED.verdict.sockets))
    assert messages.notes((s.SHADOWED, sister)) == ()


@pytest.mark.parametrize("finding", s.EVERY_FINDING, ids=lambda f: type(f.verdict).__name__)
def test_every_verdict_makes_an_error_with_its_code(finding: Finding) -> None:
    error = messages.problem((finding,), s.ANN, exit_code=1, service="web", hints=("do `x`",))
    assert error.code == (
        "port-excluded" if finding is s.EXCLUDED else CODES[type(finding.verdict)]
    )
    assert (error.exit_code, error.service, error.hints) == (1, "web", ("do `x`",))
    assert error.message == messages.headline(finding)


def test_no_word_that_means_something_else() -> None:
    said = " ".join(
        " ".join((messages.headline(f), *messages.notes((f,)), *messages.evidence((f,), s.ANN)))
        for f in s.EVERY_FINDING
    ).lower()
    banned = ("zombie", "stuck", "busy", "owner", "please", "failed to", "oops")
    assert [word for word in banned if word in said] == []


def test_hostile_names_stay_on_their_line() -> None:
    said = "\n".join(
        (
            messages.headline(s.EVIL_FINDING, s.EVIL),
            *messages.evidence((s.EVIL_FINDING,), s.ANN),
            *messages.notes((s.EVIL_FINDING,)),
        )
    )
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\nerror: fake" not in said
    assert "[red]" in said

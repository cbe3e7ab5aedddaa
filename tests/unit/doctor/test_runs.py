"""The rules about devports runs: of this project, of others, and what crashed ones have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.hint import text_of
from devports.core.model import (
    Endpoint,
    Holder,
    HolderSearch,
    PortSpec,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.verdict import Finding, Held
from devports.doctor.facts import FreePort, Listener, RunFacts
from devports.doctor.setup_rules import examine
from tests.unit.doctor.samples import WEB, codes, facts, free

if TYPE_CHECKING:
    from tests.unit.doctor.samples import Codes

HERE, MOVED, ALL = (
    Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 8001), Endpoint("0.0.0.0", 8000)
)  # fmt: skip
SERVER = Process(ProcessKey(50, 1), 1, 1000, "ann", "serve", ("serve",))
CHIEF = Process(ProcessKey(40, 1), 1, 1000, "ann", "devports", ("devports", "run", "web"))
RUN = RunFacts("web", "/srv/shop", PortSpec("127.0.0.1", 8000), "serving", CHIEF)


def listening(*where: Endpoint) -> Listener:
    return Listener(SERVER, tuple(Socket(each, None, "LISTEN", 7) for each in where))


def run(*where: Endpoint, **more: object) -> RunFacts:
    return RUN.replace(server=listening(*where)).replace(**more)


def held(*line: Process, at: Endpoint = HERE) -> Finding:
    holder = Holder(line[0], (7,), line[1:])
    return Finding(at, Held((Socket(at, None, "LISTEN", 7),)), HolderSearch((holder,)))


WIDER, ELSEWHERE = [("server-wider", "warning")], [("server-moved", "error")]
SERVING = [
    pytest.param(run(HERE), [], id="where it was told to"),
    pytest.param(run(ALL), WIDER, id="on every address where one is declared"),
    pytest.param(run(MOVED), ELSEWHERE, id="on another port"),
    pytest.param(run(HERE, MOVED), [], id="on another port too"),
    pytest.param(run(), [], id="nowhere, or nobody may look"),
    pytest.param(run(MOVED, spec=PortSpec("127.0.0.1", 8001)), [], id="on one that was asked for"),
    pytest.param(run(MOVED, state="starting"), [], id="not yet"),
    pytest.param(run(MOVED, service="other"), [], id="a service that is declared no more"),
    pytest.param(RUN, [], id="a server that is not known"),
]


@pytest.mark.parametrize(("running", "expected"), SERVING)
def test_where_the_own_server_listens(running: RunFacts, expected: Codes) -> None:
    assert codes(facts(ports=(free(WEB),), runs=(running,))) == expected


TWO = [("port-of-two-projects", "warning")]
SUSPENDED = RUN.replace(process=CHIEF.replace(state="T"))


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        pytest.param(SUSPENDED, [("run-suspended", "warning")], id="by Ctrl-Z"),
        pytest.param(SUSPENDED.replace(project="/x"), TWO, id="of another project"),
        pytest.param(RUN, [], id="it runs"),
        pytest.param(RUN.replace(process=None), [], id="it is gone"),
    ],
)
def test_a_run_that_is_suspended(running: RunFacts, expected: Codes) -> None:
    assert codes(facts(ports=(free(WEB),), runs=(running,))) == expected


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_every_address_may_be_what_is_declared(host: str) -> None:
    assert codes(facts(ports=(free(WEB.replace(host=host)),), runs=(run(ALL),))) == []


OTHER = RUN.replace(project="/srv/blog", service="site")
PROJECTS = [
    pytest.param(OTHER, TWO, id="on the same number"),
    pytest.param(OTHER.replace(spec=PortSpec("::1", 8000)), TWO, id="on another address"),
    pytest.param(OTHER.replace(spec=PortSpec("127.0.0.1", 9000)), [], id="on another number"),
    pytest.param(OTHER.replace(process=None, state=""), [], id="no more"),
    pytest.param(OTHER.replace(project="/srv/shop"), [], id="the same project"),
]


@pytest.mark.parametrize(("other", "expected"), PROJECTS)
def test_a_run_of_another_project(other: RunFacts, expected: Codes) -> None:
    assert codes(facts(ports=(free(WEB),), runs=(other,))) == expected
    assert codes(facts(ports=(free(WEB),), runs=(other,), root="")) == []


def test_a_run_of_another_project_that_shows_on_the_port_is_said_there() -> None:
    on_it = free(WEB).replace(findings=(held(SERVER, CHIEF),))
    assert codes(facts(ports=(on_it,), runs=(OTHER,))) == [("port-held", "error")]


LEFT = RUN.replace(state="", process=None, left=listening(MOVED))
BEHIND = [("server-left-behind", "warning")]
CRASHED = [
    pytest.param(LEFT, BEHIND, id="on a port that is nobody's"),
    pytest.param(LEFT.replace(left=listening()), BEHIND, id="on no port"),
    pytest.param(LEFT.replace(left=None), [], id="nothing"),
    pytest.param(LEFT.replace(left=listening(ALL)), [], id="on a declared number: said of that"),
]


@pytest.mark.parametrize(("running", "expected"), CRASHED)
def test_what_a_crashed_run_has_left(running: RunFacts, expected: Codes) -> None:
    assert codes(facts(ports=(free(WEB),), runs=(running,))) == expected


def test_what_holds_a_declared_port_is_said_of_that() -> None:
    on_it = free(WEB).replace(findings=(held(SERVER),))
    looked = facts(ports=(on_it,), runs=(LEFT.replace(left=listening()),))
    assert codes(looked) == [("port-held", "error")]


def test_what_was_left_is_ended_by_its_port_and_else_by_hand() -> None:
    (on_a_port,) = examine(facts(runs=(LEFT.replace(left=listening(MOVED, Endpoint("::1", 9))),)))
    assert text_of(on_a_port.remedies[0].command) == "devports free 127.0.0.1:8001 '[::1]:9'"
    assert on_a_port.fix == FreePort((PortSpec("127.0.0.1", 8001), PortSpec("::1", 9)))
    assert on_a_port.evidence == ("project: /srv/shop", "listens on 127.0.0.1:8001, [::1]:9")
    (on_none,) = examine(facts(runs=(LEFT.replace(left=listening()),)))
    assert (on_none.fix, on_none.remedies[0].command) == (None, "kill -TERM 50")

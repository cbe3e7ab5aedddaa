"""The rules about what is on the declared ports: each finds one thing, and passes over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.hint import text_of
from devports.core.holder_kind import OtherCheckout, Place, RunInfo
from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    PortSpec,
    Process,
    ProcessKey,
    Socket,
    Table,
    VisibilityGap,
)
from devports.core.verdict import (
    Finding,
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    diagnose,
)
from devports.doctor.facts import FreePort, PortFacts, RunFacts, UndeclaredPort
from devports.doctor.setup_rules import examine
from tests.unit.doctor.samples import (
    BACKEND,
    DB,
    HERE,
    LISTENS,
    RUN,
    SERVER,
    codes,
    declared,
    facts,
    only,
    run_of,
    sockets,
)

if TYPE_CHECKING:
    from devports.core.service import Service
    from devports.core.verdict import Verdict

ON_PORTS = [
    pytest.param(declared(LISTENS, BACKEND, SERVER), [("port-held", "error")], id="a listener"),
    pytest.param(declared(LISTENS, DB, SERVER), [], id="a listener where one is only watched for"),
    pytest.param(
        declared(Held(sockets("BOUND")), BACKEND, SERVER),
        [("port-bound", "error")],
        id="a socket that is bound and does not listen",
    ),
    pytest.param(
        declared(Held(sockets("BOUND")), DB, SERVER),
        [("port-bound", "error")],
        id="a bound socket serves nobody on a watched port either",
    ),
    pytest.param(
        declared(LingeringConnections(sockets("TIME_WAIT", expires=9), blocking=True)),
        [("port-lingering", "warning")],
        id="leftovers that block",
    ),
    pytest.param(
        declared(LingeringConnections(sockets("TIME_WAIT", expires=9), blocking=False)),
        [("port-lingering", "note")],
        id="leftovers that do not block are only good to know",
    ),
    pytest.param(
        declared(OutgoingConnection(sockets("ESTABLISHED"))),
        [("held-by-client", "error")],
        id="an outgoing connection in the way",
    ),
    pytest.param(
        declared(OutgoingConnection(sockets("ESTABLISHED"), blocking=False)),
        [("held-by-client", "warning")],
        id="an outgoing connection beside which a server may bind",
    ),
    pytest.param(
        declared(LocalhostConflict(sockets("LISTEN"))),
        [("port-shadowed", "warning")],
        id="a sister",
    ),
    pytest.param(declared(NotPermitted()), [("port-excluded", "error")], id="kept by the system"),
    pytest.param(
        declared(NotPermitted(), at=Endpoint("127.0.0.1", 80)),
        [("privileged-port", "error")],
        id="no right to it",
    ),
    pytest.param(declared(NotLocal()), [("address-not-local", "error")], id="no such address"),
    pytest.param(
        declared(HolderUnknown()),
        [("bind-unexplained", "error")],
        id="refused for no visible reason",
    ),
    pytest.param(declared(Free()), [], id="a free port"),
    pytest.param(
        PortFacts(BACKEND, BACKEND.spec, unresolved="Name or service not known"),
        [("host-unknown", "error")],
        id="a host without an address",
    ),
]


@pytest.mark.parametrize(("port", "expected"), ON_PORTS)
def test_what_is_on_a_port(port: PortFacts, expected: list[tuple[str, str]]) -> None:
    assert codes(facts(port)) == expected


RUNS = [
    pytest.param(run_of(), [], id="the service's own server is as it should be"),
    pytest.param(
        run_of(left=True),
        ["the orphaned server of a `devports run`"],
        id="the server of a run that died",
    ),
    pytest.param(
        run_of("/srv/other"), ["the project in /srv/other runs it"], id="another project's server"
    ),
    pytest.param(
        run_of(service="web"), ["the service `web` of this project"], id="another service's server"
    ),
    pytest.param(
        run_of(service="uvicorn:8000"),
        ["`devports run --port 8000 -- uvicorn` of this project"],
        id="the server of a command that is no service",
    ),
]


@pytest.mark.parametrize(("look_up", "words"), RUNS)
def test_a_devports_run_on_the_port_is_told_apart(look_up: object, words: list[str]) -> None:
    problems = examine(facts(declared(LISTENS, BACKEND, SERVER, RUN), find_run=look_up))
    assert [word in problem.why for problem, word in zip(problems, words, strict=True)] == [
        True
    ] * len(words)


def test_a_run_whose_folder_was_removed_is_named_with_its_port() -> None:
    gone = RunFacts("web", "/srv/gone", BACKEND.spec, "serving", process=RUN, gone=True)
    problem = only(facts(runs=(gone,)))
    assert (problem.code, problem.severity) == ("folder-gone", "warning")
    assert text_of(problem.remedies[0].command) == f"devports free {BACKEND.spec}"
    assert not examine(facts(runs=(gone.replace(process=None), gone.replace(gone=False))))


def test_a_run_of_another_checkout_is_told_from_one_of_another_project() -> None:
    run = RunInfo(RUN.key, "backend", "/srv/shop-feat")
    sibling = OtherCheckout("sibling", Place("/srv/shop-feat", "feat"), Place("/srv/shop"), run)
    port = declared(LISTENS, BACKEND, SERVER, RUN)
    (problem,) = examine(
        facts(port, find_run=run_of("/srv/shop-feat"), elsewhere_of=lambda _, __: sibling)
    )
    assert problem.why.startswith("the checkout in /srv/shop-feat runs it")
    assert 'set `port_per = "worktree"` in `[services.backend]`' in problem.remedies[0].title
    advised = [text_of(remedy.command) for remedy in problem.remedies[1:]]
    assert advised[0] == "devports run backend --on-conflict next"
    assert not any("kill" in command for command in advised)
    assert problem.fix == FreePort((BACKEND.spec,), "backend", BACKEND.stop_timeout)


@pytest.mark.parametrize(
    ("run", "words", "target"),
    [
        pytest.param(
            RunFacts("backend", "/srv/shop", PortSpec("127.0.0.1", 8001), process=RUN),
            "`backend` is running on 127.0.0.1:8001 instead",
            "127.0.0.1:8000",
            id="on another port",
        ),
        pytest.param(
            RunFacts("backend", "/srv/shop", PortSpec("127.0.0.1", 8001)),
            "`backend` cannot start until the port is free",
            "backend",
            id="a run that has died",
        ),
        pytest.param(
            RunFacts("backend", "/srv/shop", PortSpec("127.0.0.1", 8000), process=RUN),
            "`backend` cannot start until the port is free",
            "backend",
            id="a run that waits for this very port",
        ),
    ],
)
def test_who_holds_the_port_of_a_service_that_runs_elsewhere(
    run: RunFacts, words: str, target: str
) -> None:
    (problem,) = (
        each
        for each in examine(facts(declared(LISTENS, BACKEND, SERVER), runs=(run,)))
        if each.code == "port-held"
    )
    assert problem.why.startswith(words)
    assert text_of(problem.remedies[0].command) == f"devports free {target}"


def test_the_own_server_that_has_bound_and_will_listen_is_no_problem() -> None:
    starting = declared(Held(sockets("BOUND")), BACKEND, SERVER, RUN)
    assert codes(facts(starting, find_run=run_of())) == []


SECOND = Process(ProcessKey(60, 1), 1, 1000, "ann", "python3", ("python3", "twin.py"))
OTHER_END = Endpoint("::1", 8000)


def twins(service: Service = BACKEND, *, apart: bool = True) -> PortFacts:
    """Return a port on which two sockets listen, of two servers or of one."""
    inodes = (7, 8)
    people = (SERVER, SECOND) if apart else (SERVER, SERVER)
    holders = tuple(Holder(who, (i,)) for who, i in zip(people, inodes, strict=True))
    verdict = Held(tuple(Socket(HERE, None, "LISTEN", i) for i in inodes))
    return PortFacts(
        service, service.spec, findings=(Finding(HERE, verdict, HolderSearch(holders)),)
    )


def test_who_shares_one_address_of_several_is_seen_in_whatever_order_they_come() -> None:
    (first,) = twins().findings
    alone = HolderSearch((Holder(SERVER, (9,)),))
    second = Finding(OTHER_END, Held((Socket(OTHER_END, None, "LISTEN", 9),)), alone)
    for findings in ((first, second), (second, first)):
        both = PortFacts(BACKEND, BACKEND.spec, findings=findings)
        assert codes(facts(both)) == [("port-split", "error")]


TWINS = [
    pytest.param(twins(), [("port-split", "error")], id="two servers on one address"),
    pytest.param(twins(DB), [("port-split", "warning")], id="two where one is watched for"),
    pytest.param(twins(DB, apart=False), [], id="one server with two sockets"),
]


@pytest.mark.parametrize(("port", "expected"), TWINS)
def test_a_port_that_is_shared(port: PortFacts, expected: list[tuple[str, str]]) -> None:
    assert codes(facts(port)) == expected


def test_the_later_of_two_may_be_the_one_too_many() -> None:
    port = twins()
    holders = [h.replace(process=h.process.replace(started=-h.process.pid)) for h in
               port.findings[0].holding.holders]  # fmt: skip
    found = port.findings[0].replace(holding=HolderSearch(tuple(holders)))
    later = only(facts(port.replace(findings=(found,))))
    assert later.remedies[0].command == f"kill -TERM {SERVER.pid}"
    of_a_run = only(facts(port, find_run=run_of(left=True)))
    assert text_of(of_a_run.remedies[0].command) == "devports free backend"


def beside(
    *line: Process, own: Process = SERVER, service: Service = DB, run: Process = RUN
) -> PortFacts:
    """Return a port with a listener of its own, and one on the other family."""
    there = (Socket(OTHER_END, None, "LISTEN", 8),)
    sister = Finding(OTHER_END, Held(there), HolderSearch((Holder(line[0], (8,), line[1:]),)))
    return declared(LISTENS, service, own, run).replace(beside=(sister,))


FORWARDER = Process(
    ProcessKey(70, 1), 1, 0, "root", "docker-proxy",
    ("docker-proxy", "-proto", "tcp", "-host-port", "8000"), exe="/usr/bin/docker-proxy",
)  # fmt: skip
BESIDE = [
    pytest.param(beside(SECOND), ["port-split"], id="a stranger beside a server that is watched"),
    pytest.param(beside(SERVER, RUN), [], id="the same server on both"),
    pytest.param(beside(FORWARDER), ["port-split"], id="a container beside a server"),
    pytest.param(
        beside(FORWARDER.replace(key=ProcessKey(71, 1)), own=FORWARDER),
        [],
        id="one container twice",
    ),
    pytest.param(
        beside(SECOND, service=BACKEND, run=SECOND.replace(key=ProcessKey(9, 9))),
        ["port-held"],
        id="beside a stranger it is said of that one",
    ),
]


@pytest.mark.parametrize(("port", "expected"), BESIDE)
def test_another_server_where_localhost_may_lead(port: PortFacts, expected: list[str]) -> None:
    assert [problem.code for problem in examine(facts(port))] == expected


def test_another_server_beside_the_own_one_is_named_with_what_ends_it() -> None:
    own = beside(SECOND, service=BACKEND)
    problem = only(facts(own, find_run=run_of()))
    assert (problem.code, problem.severity) == ("port-split", "warning")
    assert problem.fix == FreePort((PortSpec("::1", 8000),))
    assert problem.what.endswith("the server on [::1]:8000 instead of `backend`")
    assert problem.remedies[0].title == "use 127.0.0.1:8000 instead of `localhost`"
    assert text_of(problem.remedies[1].command) == "devports free '[::1]:8000'"
    assert [target.process for target in problem.plan] == [SECOND]


def test_under_windows_somebody_there_may_have_it() -> None:
    (plain,) = examine(facts(declared(HolderUnknown())))
    (under,) = examine(
        facts(declared(HolderUnknown()), gaps=(VisibilityGap("wsl", "ports of Windows"),))
    )
    assert (plain.why, "netstat.exe" in under.why) == ("", True)


def test_what_windows_itself_listens_on_is_looked_up_there() -> None:
    system = Process(ProcessKey(4, 0), 0, 0, "SYSTEM", "System")
    problem = only(facts(declared(LISTENS, BACKEND, system), platform="win32"))
    assert problem.remedies[0].command == "netsh http show servicestate"


def test_who_is_bound_for_another_project_is_said() -> None:
    bound = declared(Held(sockets("BOUND")), BACKEND, SERVER, RUN)
    problem = only(facts(bound, find_run=run_of("/srv/other")))
    assert (problem.code, "the project in /srv/other" in problem.why) == ("port-bound", True)
    problem = only(facts(bound, find_run=run_of("/srv/other", left=True)))
    assert "`devports run` of the project in /srv/other that was killed" in problem.why


STRANGER = SERVER.replace(uid=7, user="bea")
MENDS = [
    pytest.param(declared(LISTENS, BACKEND, SERVER), True, id="one's own process"),
    pytest.param(declared(Held(sockets("BOUND")), BACKEND, SERVER), True, id="a bound one"),
    pytest.param(declared(LISTENS, BACKEND, STRANGER), False, id="another process's"),
    pytest.param(declared(LISTENS, BACKEND), False, id="nobody who shows"),
    pytest.param(declared(HolderUnknown()), False, id="nothing that shows"),
    pytest.param(twins(), False, id="one of two that may be meant to stay"),
    pytest.param(
        declared(OutgoingConnection(()), BACKEND, SERVER), False, id="a client, never ended"
    ),
]


@pytest.mark.parametrize(("port", "mended"), MENDS)
def test_a_port_is_mended_where_freeing_may_get_somewhere(port: PortFacts, *, mended: bool) -> None:
    mend = FreePort((port.spec,), "backend", 5.0)
    assert only(facts(port)).fix == (mend if mended else None)


def test_who_shadows_a_port_may_be_ended_there() -> None:
    sister = Socket(OTHER_END, None, "LISTEN", 7)
    problem = only(facts(declared(LocalhostConflict((sister,)), BACKEND, SERVER)))
    assert problem.fix == FreePort((PortSpec("::1", 8000),))
    foreign = only(facts(beside(SECOND.replace(uid=7, user="bea"))))
    assert (foreign.code, foreign.fix) == ("port-split", None)


def test_with_a_holder_who_does_not_show_freeing_gets_nowhere() -> None:
    port = declared(LISTENS, BACKEND, SERVER)
    hidden = HiddenSocket(Socket(HERE, None, "LISTEN", 9))
    finding = port.findings[0]
    finding = finding.replace(holding=finding.holding.replace(hidden=(hidden,)))
    assert only(facts(port.replace(findings=(finding,)))).fix is None


def test_a_problem_of_a_port_says_who_would_have_to_end_and_what_ends_it() -> None:
    (problem,) = examine(facts(declared(LISTENS, BACKEND, SERVER)))
    assert [target.process for target in problem.plan] == [SERVER]
    assert text_of(problem.remedies[0].command) == "devports free backend"
    assert problem.service == "backend"


NEEDY = BACKEND.replace(depends_on=("db",))


@pytest.mark.parametrize(
    ("db", "expected"),
    [
        pytest.param(Free(), ["dependency-down"], id="nobody is there"),
        pytest.param(LISTENS, [], id="a server is there"),
    ],
)
def test_a_watched_port_that_others_need(db: Verdict, expected: list[str]) -> None:
    ports = (declared(Free(), NEEDY), declared(db, DB, SERVER, at=Endpoint("127.0.0.1", 5432)))
    assert [problem.code for problem in examine(facts(*ports))] == expected


def test_a_watched_port_that_nobody_needs_may_be_free() -> None:
    assert codes(facts(declared(Free(), DB, at=Endpoint("127.0.0.1", 5432)))) == []


def test_a_server_beside_airplay_on_every_address_is_told_from_it() -> None:
    """On macOS a listener on every address stops no bind to one: both listen, and both are seen."""
    port, control = 5000, Process(ProcessKey(80, 1), 1, 1000, "ann", "ControlCenter")
    end, everywhere = Endpoint("127.0.0.1", port), Endpoint("0.0.0.0", port)
    own, other = Socket(end, None, "LISTEN", 7), Socket(everywhere, None, "LISTEN", 8)
    assert diagnose(end, "ok", Table((other,)), wildcards=False) == LocalhostConflict((other,))
    assert diagnose(end, "ok", Table((own, other)), wildcards=False) == Held((own,))
    sister = Finding(everywhere, Held((other,)), HolderSearch((Holder(control, (8,)),)))
    flask = declared(Held((own,)), BACKEND.replace(port=port), SERVER, RUN, at=end)
    looked = facts(flask.replace(beside=(sister,)), find_run=run_of(), platform="darwin")
    problem = only(looked)
    assert (problem.code, problem.severity, problem.fix) == ("port-split", "warning", None)


INIT = Process(ProcessKey(1, 1), 0, 0, "root", "init", ("init",))
SHELL = Process(ProcessKey(9, 1), 1, 1000, "ann", "bash", ("bash",))
UNDECLARED = [
    pytest.param(declared(LISTENS, BACKEND, SERVER, INIT), "warning", id="an orphan"),
    pytest.param(declared(LISTENS, BACKEND, SERVER), "warning", id="no parent that is visible"),
    pytest.param(declared(LISTENS, BACKEND, SERVER, SHELL), "note", id="started in a shell"),
    pytest.param(declared(LISTENS, BACKEND), "note", id="an unknown holder"),
]


@pytest.mark.parametrize(("port", "severity"), UNDECLARED)
def test_without_a_configuration_the_port_of_a_server_that_init_finds(
    port: PortFacts, severity: str
) -> None:
    source = ".vscode/launch.json, line 3: `API`"
    problem = only(facts(undeclared=(UndeclaredPort(port, source),)))
    assert (problem.code, problem.severity) == ("port-undeclared", severity)
    assert (problem.what, problem.evidence) == ("port 8000 of `backend` is in use", (source,))
    assert [text_of(remedy.command) for remedy in problem.remedies] == ["devports init"]


def test_without_a_configuration_a_free_port_is_no_problem() -> None:
    port = declared(Free(), BACKEND)
    assert codes(facts(undeclared=(UndeclaredPort(port, "x"),))) == []

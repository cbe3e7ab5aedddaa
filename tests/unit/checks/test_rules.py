"""The rules of the doctor: each with a condition that it finds, and one that it passes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.checks import examine
from devports.checks.facts import Command, Declared, Facts
from devports.core.diagnosis import (
    Finding,
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
)
from devports.core.model import Endpoint, Holder, Holding, Process, ProcessKey, Socket
from devports.core.service import Service
from devports.core.standing import Run, Viewer
from devports.system.environments import Environment
from devports.system.installs import Program

if TYPE_CHECKING:
    from devports.checks.problem import Problem
    from devports.core.diagnosis import Verdict
    from devports.core.model import State

ROOT = "/srv/shop"
HERE = Endpoint("127.0.0.1", 8000)
BACKEND = Service("backend", 8000, command="uvicorn main:app", cwd=f"{ROOT}/backend")
DB = Service("db", 5432)
SERVER = Process(ProcessKey(50, 1), 1, 1000, "ann", "python3", ("python3", "-m", "http.server"))
RUN = Process(ProcessKey(40, 1), 1, 1000, "ann", "devports", ("devports", "run", "backend"))


def sockets(state: State, *, expires: float | None = None) -> tuple[Socket, ...]:
    return (Socket(HERE, None, state, 7, expires=expires),)


def declared(
    verdict: Verdict, service: Service = BACKEND, *line: Process, at: Endpoint = HERE
) -> Declared:
    """Return a declared port with one address, held by the first of `line` and started by it."""
    holders = (Holder(line[0], (7,), line[1:]),) if line else ()
    finding = Finding(at, verdict, Holding(holders))
    return Declared(service, service.spec.but(port=at.port), findings=(finding,))


def facts(*ports: Declared, **more: object) -> Facts:
    return Facts("linux", ROOT, ports, viewer=Viewer(1000, 1000)).but(**more)


def run_of(project: str = ROOT, service: str = "backend", *, left: bool = False) -> object:
    """Return a look-up in which RUN, or the server it left, is a devports run."""
    known = {(SERVER if left else RUN).key}
    return lambda process: (
        Run(process.key, service, project, left=left) if process.key in known else None
    )


def found(looked: Facts) -> list[tuple[str, str]]:
    return [(problem.code, problem.severity) for problem in examine(looked)]


LISTENS = Held(sockets("LISTEN"))
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
        declared(Lingering(sockets("TIME_WAIT", expires=9), blocking=True)),
        [("port-lingering", "warning")],
        id="leftovers that block",
    ),
    pytest.param(
        declared(Lingering(sockets("TIME_WAIT", expires=9), blocking=False)),
        [("port-lingering", "note")],
        id="leftovers that do not block are only good to know",
    ),
    pytest.param(
        declared(HeldByClient(sockets("ESTABLISHED"))),
        [("held-by-client", "error")],
        id="an outgoing connection in the way",
    ),
    pytest.param(
        declared(HeldByClient(sockets("ESTABLISHED"), blocking=False)),
        [("held-by-client", "warning")],
        id="an outgoing connection beside which a server may bind",
    ),
    pytest.param(
        declared(Shadowed(sockets("LISTEN"))), [("port-shadowed", "warning")], id="a sister"
    ),
    pytest.param(declared(Forbidden()), [("privileged-port", "error")], id="no right to it"),
    pytest.param(declared(NotLocal()), [("address-not-local", "error")], id="no such address"),
    pytest.param(
        declared(Unexplained()), [("bind-unexplained", "error")], id="refused for no visible reason"
    ),
    pytest.param(declared(Free()), [], id="a free port"),
    pytest.param(
        Declared(BACKEND, BACKEND.spec, unresolved="Name or service not known"),
        [("host-unknown", "error")],
        id="a host without an address",
    ),
]


@pytest.mark.parametrize(("port", "expected"), ON_PORTS)
def test_what_is_on_a_port(port: Declared, expected: list[tuple[str, str]]) -> None:
    assert found(facts(port)) == expected


RUNS = [
    pytest.param(run_of(), [], id="the service's own server is as it should be"),
    pytest.param(run_of(left=True), ["has left it behind"], id="the server of a run that died"),
    pytest.param(
        run_of("/srv/other"), ["the project in /srv/other runs it"], id="another project's server"
    ),
    pytest.param(
        run_of(service="web"), ["the service `web` of this project"], id="another service's server"
    ),
]


@pytest.mark.parametrize(("look_up", "words"), RUNS)
def test_a_devports_run_on_the_port_is_told_apart(look_up: object, words: list[str]) -> None:
    problems = examine(facts(declared(LISTENS, BACKEND, SERVER, RUN), run_of=look_up))
    assert [word in problem.why for problem, word in zip(problems, words, strict=True)] == [
        True
    ] * len(words)


def test_the_own_server_that_has_bound_and_will_listen_is_no_problem() -> None:
    starting = declared(Held(sockets("BOUND")), BACKEND, SERVER, RUN)
    assert found(facts(starting, run_of=run_of())) == []


def test_a_problem_of_a_port_says_who_would_have_to_end_and_what_ends_it() -> None:
    (problem,) = examine(facts(declared(LISTENS, BACKEND, SERVER)))
    assert [target.process for target in problem.plan] == [SERVER]
    assert problem.remedies[0].command == "devports free backend"
    assert problem.service == "backend"


NEEDY = BACKEND.but(depends_on=("db",))


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
    assert found(facts(declared(Free(), DB, at=Endpoint("127.0.0.1", 5432)))) == []


def command(**more: object) -> Command:
    return Command(BACKEND, "uvicorn", BACKEND.cwd, searched="/usr/bin").but(**more)


def only(looked: Facts) -> Problem:
    (problem,) = examine(looked)
    return problem


COMMANDS = [
    pytest.param(command(), [], id="one that can be started"),
    pytest.param(command(folder_exists=False), ["folder-missing"], id="no folder to start in"),
    pytest.param(
        command(folder_exists=False, trouble="missing"),
        ["folder-missing"],
        id="without its folder nothing is said of the command",
    ),
    pytest.param(command(trouble="missing"), ["command-not-found"], id="none of that name"),
    pytest.param(
        command(trouble="not-executable"), ["command-not-executable"], id="not executable"
    ),
    pytest.param(
        command(trouble="interpreter-missing"), ["interpreter-missing"], id="no interpreter"
    ),
]


@pytest.mark.parametrize(("what", "expected"), COMMANDS)
def test_what_a_service_starts(what: Command, expected: list[str]) -> None:
    assert [problem.code for problem in examine(facts(commands=(what,)))] == expected


WAYS_OUT = [
    pytest.param(command(trouble="missing"), "install it, or activate", id="not there at all"),
    pytest.param(
        command(trouble="missing", near=".venv/bin/uvicorn"),
        "begin `command` with `.venv/bin/uvicorn`",
        id="in the project's own environment",
    ),
    pytest.param(
        command(trouble="missing", word="./run.sh", searched=""),
        "correct the path in `[services.backend]`",
        id="a path that leads nowhere",
    ),
    pytest.param(command(trouble="not-executable"), "makes it executable", id="not executable"),
]


@pytest.mark.parametrize(("what", "words"), WAYS_OUT)
def test_the_way_out_fits_the_command(what: Command, words: str) -> None:
    assert words in only(facts(commands=(what,))).remedies[0].title


GONE = Environment("/srv/shop/.venv", "python", "absent", "python3 -m venv /srv/shop/.venv")
PACKAGES = Environment("/srv/shop/node_modules", "node", "absent", "npm install")
ENVIRONMENTS = [
    pytest.param(
        command(trouble="missing", environment=GONE), ["environment-missing"], id="none was made"
    ),
    pytest.param(
        command(trouble="interpreter-missing", environment=GONE.but(state="broken")),
        ["environment-broken"],
        id="its Python has gone",
    ),
    pytest.param(
        command(trouble="missing", environment=GONE.but(state="without")),
        ["command-not-found"],
        id="the program is not in it",
    ),
    pytest.param(
        command(environment=PACKAGES), ["environment-missing"], id="npm is there, packages are not"
    ),
    pytest.param(command(), [], id="none is needed"),
]


@pytest.mark.parametrize(("what", "expected"), ENVIRONMENTS)
def test_the_environment_of_a_command(what: Command, expected: list[str]) -> None:
    assert [problem.code for problem in examine(facts(commands=(what,)))] == expected


def test_an_environment_is_made_by_one_command() -> None:
    python = only(facts(commands=(command(trouble="missing", environment=GONE),)))
    assert python.remedies[0].command == GONE.makes
    assert "then install into it" in python.remedies[0].title
    node = only(facts(commands=(command(environment=PACKAGES),)))
    assert (node.remedies[0].title, node.remedies[0].command) == ("makes it", "npm install")
    without = command(trouble="missing", environment=GONE.but(state="without"))
    assert "into `/srv/shop/.venv`" in only(facts(commands=(without,))).remedies[0].title


def test_where_a_command_was_looked_for_is_said() -> None:
    problem = only(facts(commands=(command(trouble="missing"),)))
    assert problem.evidence == (f"folder: {BACKEND.cwd}", "PATH: /usr/bin")


def test_two_services_on_one_number_are_named_once() -> None:
    web = Service("web", 8000, host="::1", command="vite")
    ports = (declared(Free()), declared(Free(), web, at=Endpoint("::1", 8000)))
    problem = only(facts(*ports))
    assert (problem.code, problem.severity) == ("port-shared", "warning")
    assert problem.what == "`backend` and `web` both want port 8000"


def test_a_further_port_is_called_by_its_name() -> None:
    debug = declared(Free()).but(name="debug")
    assert "`backend.ports.debug`" in only(facts(declared(Free(), DB), debug)).what


HIGH = Endpoint("127.0.0.1", 40000)
EPHEMERAL = [
    pytest.param(HIGH, {}, ["port-ephemeral"], id="inside the range"),
    pytest.param(HIGH, {"reserved": ((39999, 40001),)}, [], id="inside, and reserved"),
    pytest.param(HERE, {}, [], id="outside"),
    pytest.param(HERE, {"ephemeral": (1024, 65535)}, ["port-ephemeral"], id="a wider range"),
]


@pytest.mark.parametrize(("at", "more", "expected"), EPHEMERAL)
def test_a_port_that_outgoing_connections_get(
    at: Endpoint, more: dict[str, object], expected: list[str]
) -> None:
    looked = facts(declared(Free(), at=at), **more)
    assert [problem.code for problem in examine(looked)] == expected


def test_a_better_port_is_outside_the_range_and_nobody_elses() -> None:
    ports = (declared(Free(), DB), declared(Free(), at=HIGH))
    assert "for example 8001" in only(facts(*ports)).remedies[0].title
    narrow = facts(declared(Free(), at=HIGH), ephemeral=(1024, 65535))
    assert "for example" not in only(narrow).remedies[0].title


@pytest.mark.parametrize(
    ("uid", "platform", "commands"),
    [
        (1000, "linux", ["", "sudo sysctl -w net.ipv4.ip_local_reserved_ports=9-10,7,40000"]),
        (0, "linux", ["", "sysctl -w net.ipv4.ip_local_reserved_ports=9-10,7,40000"]),
        (1000, "darwin", [""]),
    ],
)
def test_what_is_reserved_already_stays_reserved(
    uid: int, platform: str, commands: list[str]
) -> None:
    looked = facts(
        declared(Free(), at=HIGH),
        platform=platform,
        viewer=Viewer(uid, uid),
        reserved=((9, 10), (7, 7)),
    )
    assert [remedy.command for remedy in only(looked).remedies] == commands


OURS = Program("/venv/bin/devports", "ours", "devports-cli 0.1.0")
PIPX = Program("/home/ann/.local/bin/devports", "ours-elsewhere", "devports-cli 0.0.9")
THEIRS = Program("/usr/bin/devports", "foreign", "devports 0.1.0")
NODES = Program("/usr/lib/bin/devports", "foreign", "a program for node")
STRANGE = Program("/home/ann/bin/devports", "unknown")

PROGRAMS = [
    pytest.param((), [], id="none on PATH"),
    pytest.param((OURS, THEIRS), [], id="ours first"),
    pytest.param((PIPX, OURS), [("other-installation", "note")], id="another installation first"),
    pytest.param((THEIRS, OURS), [("foreign-devports", "warning")], id="the unrelated package"),
    pytest.param((NODES,), [("foreign-devports", "warning")], id="a program for node"),
    pytest.param((STRANGE,), [("foreign-devports", "warning")], id="one that does not tell"),
]


@pytest.mark.parametrize(("programs", "expected"), PROGRAMS)
def test_which_devports_a_script_gets(
    programs: tuple[Program, ...], expected: list[tuple[str, str]]
) -> None:
    assert found(facts(programs=programs)) == expected


def test_the_unrelated_package_can_be_removed_and_a_stranger_only_passed_by() -> None:
    theirs = only(facts(programs=(THEIRS, OURS)))
    assert [remedy.command for remedy in theirs.remedies] == ["", "pip uninstall devports"]
    assert "before that of /usr/bin/devports" in theirs.remedies[0].title
    assert theirs.evidence[0] == "/usr/bin/devports: devports 0.1.0"
    strange = only(facts(programs=(STRANGE,)))
    assert [remedy.command for remedy in strange.remedies] == [""]
    assert strange.evidence == ("/home/ann/bin/devports",)


def test_the_unrelated_package_in_our_own_environment() -> None:
    problem = only(facts(neighbour=THEIRS))
    assert (problem.code, problem.severity) == ("foreign-package", "error")


def test_the_gravest_comes_first() -> None:
    looked = facts(
        declared(Lingering(sockets("TIME_WAIT", expires=9), blocking=False)),
        declared(LISTENS, BACKEND, SERVER, at=HIGH),
    )
    assert [problem.severity for problem in examine(looked)] == ["error", "warning", "note"]


def test_nothing_is_wrong_where_there_is_nothing() -> None:
    assert found(Facts("linux")) == []
    nobody = Facts("linux", ports=(declared(LISTENS, BACKEND, SERVER),))
    assert found(nobody) == [("port-held", "error")]

"""What several tests of rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from devports.core.holder_kind import CurrentUser, RunInfo
from devports.core.model import Endpoint, Holder, HolderSearch, Process, ProcessKey, Socket
from devports.core.service import Service
from devports.core.verdict import Finding, Free, Held
from devports.doctor.facts import Command, Facts, Launch, PortFacts
from devports.doctor.setup_rules import examine

if TYPE_CHECKING:
    from devports.core.model import State
    from devports.core.verdict import Verdict
    from devports.doctor.facts import Problem

Codes: TypeAlias = list[tuple[str, str]]

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
) -> PortFacts:
    """Return a declared port with one address, held by the first of `line` and started by it."""
    holders = (Holder(line[0], (7,), line[1:]),) if line else ()
    finding = Finding(at, verdict, HolderSearch(holders))
    return PortFacts(service, service.spec.replace(port=at.port), findings=(finding,))


def facts(*ports: PortFacts, **more: object) -> Facts:
    return Facts("linux", ROOT, ports, viewer=CurrentUser(1000, 1000)).replace(**more)


def run_of(project: str = ROOT, service: str = "backend", *, left: bool = False) -> object:
    """Return a look-up in which RUN, or the server it left, is a devports run."""
    known = {(SERVER if left else RUN).key}
    return lambda process: (
        RunInfo(process.key, service, project, orphaned=left) if process.key in known else None
    )


LISTENS = Held(sockets("LISTEN"))


def only(looked: Facts) -> Problem:
    (problem,) = examine(looked)
    return problem


WEB = Service("web", 8000, command="serve")


def codes(looked: Facts) -> Codes:
    """Return what is found, and how grave it is."""
    return [(problem.code, problem.severity) for problem in examine(looked)]


def started(service: Service = WEB, **launch: object) -> Facts:
    """Return the facts of a service whose command says this."""
    return facts(commands=(Command(service, "serve", "/srv", launch=Launch().replace(**launch)),))


def free(service: Service, name: str = "") -> PortFacts:
    """Return a declared port that nobody has."""
    finding = Finding(Endpoint("127.0.0.1", service.port), Free(), HolderSearch())
    return PortFacts(service, service.spec, name, findings=(finding,))

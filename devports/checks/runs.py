"""Rules about devports runs: of this project, of others, and what crashed ones have left."""

from __future__ import annotations

from devports.checks.problem import FreePort, Problem
from devports.core.model import WILDCARDS, PortSpec
from devports.core.program import program
from devports.core.remedy import Remedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Declared, Facts, Listener, Running
    from devports.core.model import Process, Socket


def left_behind(facts: Facts) -> Iterator[Problem]:
    """A crashed run has left a server that is on none of the declared ports."""
    known = {m.process.key for d in facts.ports for t in facts.plan(d) for m in t.members}
    for run in facts.runs:
        if run.left is None or run.left.process.key in known:
            continue
        where = tuple(dict.fromkeys(_spec(socket) for socket in run.left.sockets))
        if any(_is_declared(facts, spec) for spec in where):
            continue  # said of that port
        yield Problem(
            "server-left-behind",
            "warning",
            f"a crashed run of `{run.service}` has left its server: {_named(run.left.process)}",
            evidence=(f"project: {run.project}", _listens(run.left)),
            why="nobody will end it, and it may hold files, memory and connections",
            remedies=(_ends(run.left, where),),
            service=run.service,
            mend=FreePort(where) if where else None,
        )


def _spec(socket: Socket) -> PortSpec:
    return PortSpec(socket.local.address, socket.local.port)


def _is_declared(facts: Facts, spec: PortSpec) -> bool:
    return any(f.endpoint.port == spec.port for d in facts.ports for f in d.findings)


def _named(process: Process) -> str:
    return f"`{program(process)}` (pid {process.pid})"


def _listens(left: Listener) -> str:
    where = ", ".join(dict.fromkeys(str(socket.local) for socket in left.sockets))
    return f"listens on {where}" if where else "listens on no port"


def _ends(left: Listener, where: tuple[PortSpec, ...]) -> Remedy:
    """Return what ends it; who holds no port is beyond what devports may signal."""
    if where:
        return Remedy("ends it, after asking", FreePort(where).command)
    return Remedy("it has no port, so devports leaves it to you", f"kill -TERM {left.process.pid}")


def serving_elsewhere(facts: Facts) -> Iterator[Problem]:
    """A run's own server listens somewhere else than it was told to."""
    for run in facts.runs:
        wanted = [d for d in facts.ports if d.service.name == run.service]
        if run.project != facts.root or run.state != "serving" or run.server is None or not wanted:
            continue
        ports = {run.spec.port, *(d.spec.port for d in wanted)}
        there = [s for s in run.server.sockets if s.local.port in ports]
        if run.server.sockets and not there:
            yield _moved(run, run.server)
        yield from (_wider(d, s) for d in wanted for s in there if _is_wider(s, d))


def _moved(run: Running, server: Listener) -> Problem:
    return Problem(
        "server-moved",
        "error",
        f"the server of `{run.service}` is not on {run.spec}",
        evidence=(f"{_named(server.process)} {_listens(server)}",),
        why="it has moved, or what it listened on has gone",
        remedies=(Remedy("starts it again, where it belongs", _restart(run.service)),),
        service=run.service,
    )


def _restart(service: str) -> str:
    return f"devports run {service} --take-over"


def _is_wider(socket: Socket, declared: Declared) -> bool:
    one = bool(declared.spec.host) and declared.spec.host not in WILDCARDS
    return one and socket.local.is_wildcard and socket.local.port == declared.spec.port


def _wider(declared: Declared, socket: Socket) -> Problem:
    return Problem(
        "server-wider",
        "warning",
        f"`{declared.title}` listens on {socket.local}, and {declared.spec} is declared",
        why="other machines can reach it, and only one of its addresses is looked after",
        remedies=(
            Remedy(
                "let its command say `{host}`, or declare"
                f' host = "{socket.local.address}" if it is meant'
            ),
        ),
        service=declared.service.name,
    )


def suspended(facts: Facts) -> Iterator[Problem]:
    """A run of this project was stopped by Ctrl-Z and not called back."""
    for run in facts.runs:
        if run.process is None or run.project != facts.root or not run.process.is_suspended:
            continue
        yield Problem(
            "run-suspended",
            "warning",
            f"`devports run {run.service}` (pid {run.process.pid}) is suspended",
            why="its server has the port and answers nobody",
            remedies=(
                Remedy("type `fg` in its terminal, and it goes on"),
                Remedy("ends it, after asking", f"devports free {run.service}"),
            ),
            service=run.service,
        )


def other_project(facts: Facts) -> Iterator[Problem]:
    """Another project runs a service on the same number, and does not show on the port itself."""
    others = [r for r in facts.runs if facts.root not in ("", r.project) and r.process]
    for declared in facts.ports:
        for run in others:
            if run.spec.port == declared.spec.port and not _shows(run, declared):
                yield _two_projects(run, declared)


def _shows(run: Running, declared: Declared) -> bool:
    """Say whether the run, or what it started, is among those found on the port or beside it."""
    holders = [h for f in (*declared.findings, *declared.beside) for h in f.holding.holders]
    keys = {p.key for h in holders for p in h.line}
    return run.process is not None and run.process.key in keys


def _two_projects(run: Running, declared: Declared) -> Problem:
    return Problem(
        "port-of-two-projects",
        "warning",
        f"another project runs `{run.service}` on {run.spec}: the number of `{declared.title}`",
        evidence=(f"project: {run.project}", f"devports run: {_pid(run)}, {run.state}"),
        why="the two cannot run side by side on one address, and are mixed up on two",
        remedies=(Remedy("give one of them another port"),),
        service=declared.service.name,
    )


def _pid(run: Running) -> str:
    return f"pid {run.process.pid}" if run.process else ""


RULES = (left_behind, serving_elsewhere, suspended, other_project)

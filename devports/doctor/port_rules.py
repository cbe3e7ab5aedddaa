"""Rules about the holders of the declared ports, and the clients that can reach them.

With the devports runs: those of this project, of others, and the orphaned servers of killed runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devports.core.command_line import program
from devports.core.containers import with_forwarders
from devports.core.hint import own_command
from devports.core.holder_kind import (
    Container,
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    run_behind,
    run_name,
    run_target,
    run_words,
)
from devports.core.model import WILDCARDS, Endpoint, HolderSearch, PortSpec, Process, Socket
from devports.core.remedies import AIRPLAY, Remedy, RemedyContext, remedies
from devports.core.stop_plan import ConfirmPolicy, StopTarget, confirmation
from devports.core.value import unreachable
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
    Unconfirmed,
    code_of,
    sockets_of,
)
from devports.doctor.facts import Facts, FreePort, Listener, PortFacts, Problem, RunFacts

BLOCKED = frozenset(
    map(
        int,
        "1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111"
        " 113 115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532"
        " 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060"
        " 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080".split(),
    )
)
"""Ports that browsers and fetch() of Node refuse (fetch.spec.whatwg.org/#port-blocking)."""


def verdicts(facts: Facts) -> Iterator[Problem]:
    """A declared port is in use, or this user cannot have it."""
    for declared in facts.ports:
        finding = declared.finding
        if finding and (judged := problem_of(facts, declared, finding)):
            yield _with_remedies(facts, declared, finding, judged)


def problem_of(facts: Facts, declared: PortFacts, finding: Finding) -> Problem | None:
    code, verdict = code_of(finding), finding.verdict
    match verdict:
        case Free() | Unconfirmed():
            return None
        case Held(listens=listens):
            return _held(facts, declared, listens=listens)
        case OutgoingConnection(blocking=blocking):
            return Problem(code, "error" if blocking else "warning")
        case LingeringConnections(blocking=True):
            return Problem(code, "warning", why="no server can bind the port until then")
        case LingeringConnections():
            return Problem(code, "note")
        case LocalhostConflict():
            why = "a browser that opens `localhost` may reach the other server"
            return Problem(code, "warning", why=why)
        case HolderUnknown():
            wsl = any(gap.code == "wsl" for gap in facts.gaps)
            why = "under WSL, a Windows program may use the port; check with `netstat.exe -ano`"
            return Problem(code, "error", why=why if wsl else "")
        case NotPermitted() | NotLocal():
            return Problem(code, "error")
        case _:
            unreachable(verdict)


def _held(facts: Facts, declared: PortFacts, *, listens: bool) -> Problem | None:
    """Judge a holder; on the port of a watched service a listener is expected."""
    watched = not declared.service.command
    if serves(facts, declared):
        return None
    if (number := sharers(facts, declared)) > 1:
        what = f"{number} servers listen on {declared.spec} of `{declared.title}`"
        why = "each connection reaches one of them at random (SO_REUSEPORT)"
        return Problem("port-split", "warning" if watched else "error", what=what, why=why)
    runs = _runs(facts, declared)
    if listens:
        alone = f"`{declared.service.name}` cannot start until the port is free"
        why = runs or _changed_port(facts, declared) or alone
        return None if watched else Problem("port-held", "error", why=why)
    why = "lsof, ss and netstat do not list it, but a server may fail to bind the port"
    return Problem("port-bound", "error", why=f"{why}; {runs}" if runs else why)


def sharers(facts: Facts, declared: PortFacts) -> int:
    """Return how many servers listen on one address at once, each with a socket of its own."""
    owner = {i: number for number, target in enumerate(facts.plan(declared))
             for member in target.members for i in member.inodes}  # fmt: skip
    found: dict[object, set[int]] = {}
    for finding in declared.findings:
        for socket in sockets_of(finding.verdict):
            if socket.state == "LISTEN" and socket.inode in owner:
                found.setdefault(socket.local, set()).add(owner[socket.inode])
    return max(map(len, found.values()), default=0)


def serves(facts: Facts, declared: PortFacts) -> bool:
    """Return whether this is the service's own server, under a devports run of this project."""
    plan = facts.plan(declared)
    return bool(plan) and all(
        isinstance(target.kind, DevportsRun)
        and not target.kind.run.orphaned
        and (target.kind.run.project, target.kind.run.service)
        == (facts.root, declared.service.name)
        for target in plan
    )


def _changed_port(facts: Facts, declared: PortFacts) -> str:
    """Return where the service runs on another port; empty if it does not."""
    name = declared.service.name
    for run in facts.runs:
        own = (run.project, run.service) == (facts.root, name) and run.process is not None
        if own and run.spec.port != declared.service.port:
            return f"`{name}` is running on {run.spec} instead"
    return ""


def _runs(facts: Facts, declared: PortFacts) -> str:
    """Return the name of the devports run that has the port; empty if none has."""
    plan = facts.plan(declared)
    runs = [run for target in plan if (run := run_behind(target.kind))]
    if not runs:
        return ""
    other = runs[0].project != facts.root
    if any(run.orphaned for run in runs):
        of = f" of the project in {runs[0].project}" if other else ""
        return f"it is the orphaned server of a `devports run`{of} that was killed"
    if any(isinstance(t.kind, OtherCheckout) and t.kind.relation == "sibling" for t in plan):
        return f"the checkout in {runs[0].project} runs it; both checkouts declare this port"
    if other:
        return f"the project in {runs[0].project} runs it; both projects declare this port"
    run = runs[0]
    is_service = run_name(run.service) == run.service
    what = f"the service `{run.service}`" if is_service else f"`devports run {run.words}`"
    return f"it is {what} of this project"


INIT = ("init", "systemd", "launchd")


def undeclared(facts: Facts) -> Iterator[Problem]:
    """A server of a project without a configuration cannot have its port now.

    That is a note, because it may be that server; an orphan is one that no terminal has any more.
    """
    for each in facts.undeclared:
        declared = each.port
        if isinstance(declared.verdict, Held):
            orphaned = _is_orphan(facts, declared)
            name = declared.service.name
            yield Problem(
                "port-undeclared",
                "warning" if orphaned else "note",
                f"port {declared.spec.port} of `{name}` is in use",
                evidence=(each.source,),
                why="the process that started the holder has exited" if orphaned else "",
                remedies=(Remedy(f"declare `{name}`", own_command("init")),),
                service=name,
                about=declared,
                plan=facts.plan(declared),
            )


def _is_orphan(facts: Facts, declared: PortFacts) -> bool:
    """Return whether a holder is an ordinary process whose parent has exited."""
    ordinary = any(isinstance(target.kind, OrdinaryProcess) for target in facts.plan(declared))
    holders = [holder for finding in declared.findings for holder in finding.holding.holders]
    parents = [holder.ancestors[0] for holder in holders if holder.ancestors]
    adopted = len(parents) < len(holders) or any(p.pid == 1 or p.name in INIT for p in parents)
    return ordinary and adopted


def localhost_conflict(facts: Facts) -> Iterator[Problem]:
    """The server listens, and another one where `localhost` may lead as well."""
    for declared in facts.ports:
        strangers = _other_listeners(facts, declared)
        at_home = serves(facts, declared) or not declared.service.command
        if strangers and at_home and isinstance(declared.verdict, Held):
            others = declared.replace(findings=strangers)
            plan = facts.plan(others)
            where = tuple(dict.fromkeys(_spec(each.endpoint) for each in strangers))
            host = "127.0.0.1" if declared.spec.host in ("", "localhost") else declared.spec.host
            yield Problem(
                "port-split",
                "warning",
                f"`localhost:{declared.spec.port}` may reach the server on "
                f"{' and '.join(map(str, where))} instead of `{declared.title}`",
                why="which one responds depends on the client, and on IPv4 or IPv6",
                remedies=(
                    Remedy(f"use {PortSpec(host, declared.spec.port)} instead of `localhost`"),
                    Remedy("stop the other server (asks first)", FreePort(where).command),
                ),
                service=declared.service.name,
                about=others,
                plan=plan,
                fix=None if any(map(_is_refused, plan)) else FreePort(where),
            )


def _other_listeners(facts: Facts, declared: PortFacts) -> tuple[Finding, ...]:
    """Return the listeners beside a holder that are no part of it.

    A container is published on both families by two forwarders: those are one server.
    """
    if not declared.beside:
        return ()
    plan = facts.plan(declared)
    own = {key for t in plan for key in (t.process.key, *(m.process.key for m in t.members))}
    forwarded = any(isinstance(target.kind, Container) for target in plan)
    return tuple(
        finding
        for finding in declared.beside
        for target in facts.plan(declared.replace(findings=(finding,)))
        if target.process.key not in own and not (forwarded and isinstance(target.kind, Container))
    )


def host_unknown(facts: Facts) -> Iterator[Problem]:
    """A host that has no address."""
    for declared in facts.ports:
        if declared.unresolved:
            yield Problem(
                "host-unknown",
                "error",
                f"cannot resolve host `{declared.spec.host}` of `{declared.title}`",
                evidence=(declared.unresolved,),
                remedies=(Remedy('write host = "127.0.0.1" or "localhost"'),),
                service=declared.service.name,
            )


def dependency_not_listening(facts: Facts) -> Iterator[Problem]:
    """A port that other services need, and that devports does not start, has no server."""
    needed = {need for d in facts.ports for need in d.service.depends_on}
    for declared in facts.ports:
        watched = not declared.service.command and not declared.name
        free = declared.findings and not isinstance(declared.verdict, Held)
        if watched and free and declared.service.name in needed:
            yield Problem(
                "dependency-down",
                "note",
                f"nothing listens on {declared.spec} (`{declared.service.name}`)",
                why="other services depend on it, and it has no `command`",
                service=declared.service.name,
            )


def _stop_newest(plan: Sequence[StopTarget]) -> tuple[Remedy, ...]:
    """Return the command that stops the newest server: which one is meant to stay is not known."""
    last = max(plan, key=lambda target: target.process.started)
    if not isinstance(last.kind, OrdinaryProcess):
        return ()
    title = "stop the one that started last"
    return (Remedy(title, f"kill -TERM {last.process.pid}"),)


def _remedies(facts: Facts, finding: Finding, declared: PortFacts) -> tuple[Remedy, ...]:
    service = declared.service.name
    case = RemedyContext(
        finding.endpoint,
        finding.holding,
        facts.platform,
        service=service,
        # By its name, a run on another port would be stopped with the holder of this one.
        typed=str(declared.spec) if _changed_port(facts, declared) else service,
        shared=not declared.service.bases,
        viewer=facts.viewer,
        find_run=facts.find_run,
        elsewhere_of=facts.elsewhere_of,
        named=facts.named,
        ephemeral=facts.ephemeral,
    )
    return remedies(finding.verdict, case)


def _with_remedies(facts: Facts, declared: PortFacts, finding: Finding, judged: Problem) -> Problem:
    """Return a problem with the text of the verdict, and its remedies."""
    plan, shared = facts.plan(declared), judged.code == "port-split"
    first = _stop_newest(plan) if shared else ()
    return judged.replace(
        remedies=(*first, *_remedies(facts, finding, declared)),
        service=declared.service.name,
        about=declared,
        plan=plan,
        fix=None if shared else _fix(declared, plan),
    )


def _fix(declared: PortFacts, plan: Sequence[StopTarget]) -> FreePort | None:
    """Return a fix that may succeed: all holders are known, and devports may stop them."""
    service = declared.service
    hidden = any(with_forwarders(finding.holding).hidden for finding in declared.findings)
    if not plan or hidden or any(map(_is_refused, plan)):
        return None
    match declared.verdict:
        case Held():
            return FreePort((declared.spec,), service.name, service.stop_timeout)
        case LocalhostConflict(sockets=sockets):
            return FreePort(tuple(dict.fromkeys(_spec(socket.local) for socket in sockets)))
        case _:
            return None


def _spec(end: Endpoint) -> PortSpec:
    return PortSpec(end.address, end.port)


def _is_refused(target: StopTarget) -> bool:
    return confirmation(target.kind, ConfirmPolicy(interactive=True)) == "refused"


def redirected(facts: Facts) -> Iterator[Problem]:
    """Connections to a free port are answered: packets are redirected, and no process listens."""
    for declared in facts.ports:
        if (end := declared.redirected) is not None:
            yield Problem(
                "port-redirected",
                "warning",
                f"a server answers on {end} (`{declared.title}`), though no process listens there",
                why="a server on this port may not be reached; a NAT rule may redirect its clients",
                remedies=tuple(_redirections(facts, end)),
                service=declared.service.name,
            )


def _redirections(facts: Facts, end: Endpoint) -> Iterator[Remedy]:
    """Yield the commands that show NAT rules, and the containers whose engines write them.

    Sources: iptables(8), nft(8), pfctl(8), the documentation of nerdctl and crictl.
    """
    case = RemedyContext(end, HolderSearch(), facts.platform, viewer=facts.viewer)
    if facts.platform == "linux":
        for command in ("iptables -t nat -S", "nft list ruleset"):
            yield case.root("list the rules that redirect packets", command)
        for command in ("nerdctl ps", "crictl ps"):
            yield case.root("list the containers of an engine that writes such rules", command)
    elif facts.platform == "darwin":
        yield case.root("list the rules that redirect packets", "pfctl -s nat")
    else:
        command = "netsh interface portproxy show all"
        yield case.root("list the rules that redirect packets", command)


def browser_blocked(facts: Facts) -> Iterator[Problem]:
    """A port to which browsers refuse to connect."""
    for declared in facts.ports:
        port, web = declared.spec.port, _is_for_browsers(facts, declared)
        # Additional ports are for tools.
        if port in BLOCKED and declared.service.command and not declared.name:
            yield Problem(
                "port-blocked-by-browsers",
                "warning" if web else "note",
                f"browsers refuse to connect to port {port} of `{declared.title}`",
                why="the Fetch standard blocks it (ERR_UNSAFE_PORT)",
                remedies=(
                    Remedy("use another port, unless no browser and no fetch() connects to it"),
                ),
                service=declared.service.name,
            )


def _is_for_browsers(facts: Facts, declared: PortFacts) -> bool:
    name = declared.service.name
    known = any(c.launch.kind for c in facts.commands if c.service.name == name)
    return known or bool(declared.service.ready.http)


def airplay(facts: Facts) -> Iterator[Problem]:
    """A port that macOS itself uses where its AirPlay Receiver is on."""
    for declared in facts.ports if facts.platform == "darwin" else ():
        port = declared.spec.port
        if port in AIRPLAY and not isinstance(declared.verdict, Held):
            yield Problem(
                "port-of-airplay",
                "note",
                f"macOS uses port {port} of `{declared.title}` for AirPlay Receiver when that "
                "is on",
                why="it is off now; while it is on, the server cannot start",
                remedies=(Remedy("use another port, or leave AirPlay Receiver switched off"),),
                service=declared.service.name,
            )


def localhost(facts: Facts) -> Iterator[Problem]:
    """`localhost` is less than both loopback addresses here, or another address."""
    named = [declared for declared in facts.ports if declared.spec.host == "localhost"]
    if not named or not facts.localhost:
        return
    service = named[0].service.name
    if strange := [a for a in facts.localhost if a != "::1" and not a.startswith("127.")]:
        yield Problem(
            "localhost-elsewhere",
            "warning",
            f"`localhost` resolves to {strange[0]}, which is not a loopback address",
            why="local servers may be reachable from the network",
            remedies=(Remedy('correct /etc/hosts, or write host = "127.0.0.1"'),),
            service=service,
        )
    elif missing := [each for each in facts.loopbacks if each not in facts.localhost]:
        yield Problem(
            "localhost-one-family",
            "note",
            f"`localhost` resolves to {facts.localhost[0]} here and not to {missing[0]}",
            why="elsewhere it resolves to both; a client may use one of them and the server "
            "the other",
            remedies=(
                Remedy(f'for the same address everywhere, write host = "{facts.localhost[0]}"'),
            ),
            service=service,
        )


def orphaned_server(facts: Facts) -> Iterator[Problem]:
    """A killed run has an orphaned server that is on none of the declared ports."""
    known = {m.process.key for d in facts.ports for t in facts.plan(d) for m in t.members}
    declared = {f.endpoint.port for d in facts.ports for f in d.findings}
    for run in facts.runs:
        if run.left is None or run.left.process.key in known:
            continue
        where = tuple(dict.fromkeys(_spec(socket.local) for socket in run.left.sockets))
        if any(spec.port in declared for spec in where):
            continue  # reported with that port
        yield Problem(
            "server-left-behind",
            "warning",
            f"orphaned server of `{run.name}`: {_named(run.left.process)}",
            evidence=(f"project: {run.project}", _listens(run.left)),
            why="its `devports run` was killed; no run will stop it",
            remedies=(_stop_remedy(run.left, where),),
            service=run.name,
            fix=FreePort(where) if where else None,
        )


def _named(process: Process) -> str:
    return f"`{program(process)}` (pid {process.pid})"


def _listens(left: Listener) -> str:
    where = ", ".join(dict.fromkeys(str(socket.local) for socket in left.sockets))
    return f"listens on {where}" if where else "listens on no port"


def _stop_remedy(left: Listener, where: tuple[PortSpec, ...]) -> Remedy:
    """Return the command that stops it; devports signals no process without a port."""
    if where:
        return Remedy("stop it (asks first)", FreePort(where).command)
    return Remedy(
        "stop it (it has no port, so `devports free` cannot)", f"kill -TERM {left.process.pid}"
    )


def serving_elsewhere(facts: Facts) -> Iterator[Problem]:
    """A run's own server listens on another address than the declared one."""
    for run in facts.runs:
        wanted = [d for d in facts.ports if d.service.name == run.service]
        if run.project != facts.root or run.state != "serving" or run.server is None or not wanted:
            continue
        ports = {run.spec.port, *(d.spec.port for d in wanted)}
        there = [s for s in run.server.sockets if s.local.port in ports]
        if run.server.sockets and not there:
            yield _server_moved(run, run.server)
        yield from (_wider(d, s) for d in wanted for s in there if _is_wider(s, d))


def _server_moved(run: RunFacts, server: Listener) -> Problem:
    return Problem(
        "server-moved",
        "error",
        f"`{run.service}` no longer listens on {run.spec}",
        evidence=(f"{_named(server.process)} {_listens(server)}",),
        why="it has moved, or its listening process has exited",
        remedies=(Remedy("restart it on its port", f"devports run {run.service} --take-over"),),
        service=run.name,
    )


def _is_wider(socket: Socket, declared: PortFacts) -> bool:
    one = bool(declared.spec.host) and declared.spec.host not in WILDCARDS
    return one and socket.local.is_wildcard and socket.local.port == declared.spec.port


def _wider(declared: PortFacts, socket: Socket) -> Problem:
    return Problem(
        "server-wider",
        "warning",
        f"`{declared.title}` listens on {socket.local}, but {declared.spec} is declared",
        why="other machines can reach it",
        remedies=(
            Remedy(
                "let its command say `{host}`, or declare"
                f' host = "{socket.local.address}" if it is meant'
            ),
        ),
        service=declared.service.name,
    )


def folder_gone(facts: Facts) -> Iterator[Problem]:
    """A run is live though its folder was removed, as by `git worktree remove`."""
    for run in facts.runs:
        if run.process is not None and run.gone:
            yield Problem(
                "folder-gone",
                "warning",
                f"`devports run {run_words(run.service)}` is running in a removed folder",
                evidence=(f"folder: {run.project}", f"pid {run.process.pid}, on {run.spec}"),
                why="it keeps its port until it is stopped",
                remedies=(Remedy("stop it (asks first)", FreePort((run.spec,)).command),),
            )


def suspended(facts: Facts) -> Iterator[Problem]:
    """A run of this project was stopped by Ctrl-Z and not continued."""
    for run in facts.runs:
        if run.process is None or run.project != facts.root or not run.process.is_suspended:
            continue
        yield Problem(
            "run-suspended",
            "warning",
            f"`devports run {run_words(run.service)}` (pid {run.process.pid}) is suspended",
            why="its server has the port but does not respond",
            remedies=(
                Remedy("to continue it, type `fg` in its terminal"),
                Remedy("stop it (asks first)", own_command("free", run_target(run.service))),
            ),
            service=run.name,
        )


def other_project(facts: Facts) -> Iterator[Problem]:
    """Another project runs a service on the same port, and does not show on the port itself."""
    others = [r for r in facts.runs if facts.root not in ("", r.project) and r.process]
    for declared in facts.ports:
        for run in others:
            if run.spec.port == declared.spec.port and not _shows(run, declared):
                yield _two_projects(run, declared)


def _shows(run: RunFacts, declared: PortFacts) -> bool:
    """Return whether the run, or its server, is among the holders on the port or beside it."""
    holders = [h for f in (*declared.findings, *declared.beside) for h in f.holding.holders]
    keys = {p.key for h in holders for p in h.with_ancestors}
    return run.process is not None and run.process.key in keys


def _two_projects(run: RunFacts, declared: PortFacts) -> Problem:
    return Problem(
        "port-of-two-projects",
        "warning",
        f"another project runs `{run.name}` on {run.spec}, the port of `{declared.title}`",
        evidence=(f"project: {run.project}", f"devports run: {_pid(run)}, {run.state}"),
        why="both cannot use one address at a time",
        remedies=(Remedy("change the port of one of them"),),
        service=declared.service.name,
    )


def _pid(run: RunFacts) -> str:
    return f"pid {run.process.pid}" if run.process else ""

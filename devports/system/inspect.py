"""The state of any number of endpoints: socket table, bind, verdict, holders.

`inspect_ports` reads everything, `inspect_quick` costs the same on any machine,
`inspect_without_bind` reads the table alone, `inspect_listeners` all listeners, by project.
"""

from __future__ import annotations

import os
from time import monotonic

from devports.core.model import Endpoint, HolderSearch
from devports.core.value import Frozen
from devports.core.verdict import (
    Finding,
    Free,
    Held,
    HolderUnknown,
    LocalhostConflict,
    Unconfirmed,
    diagnose,
    holding,
    is_bindable,
    sockets_of,
)
from devports.errors import DevportsError, raise_limit
from devports.system import FAILED, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Literal

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import (
        BindResult,
        Holder,
        PortSpec,
        Process,
        Socket,
        Table,
        VisibilityGap,
    )
    from devports.core.self_test import About
    from devports.core.verdict import Verdict
    from devports.system import Machine

    Kind = Literal["project", "folder", "system"]


REASK_AFTER = (0.002, 0.005, 0.011, 0.023)
"""Seconds between retries before the holder of a refused bind counts as unknown: another probe's
bind lasts some 10 microseconds, and no two of these intervals are multiples of each other."""

MOST_PEERS = 64
"""Remote ports for which the table is read again; a process with more peers is a server."""


def endpoints_of(machine: Machine, spec: PortSpec) -> tuple[Endpoint, ...]:
    """Return the endpoints that a port and host mean; `localhost` is two.

    Raises:
        DevportsError: the host does not resolve.
        OSError: a limit (`errors.LIMITS`).
    """
    try:
        addresses = machine.addresses(spec.host)
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name (IDNA)
        if isinstance(error, OSError):
            raise_limit(error)
        raise DevportsError(
            "host-unknown",
            f"cannot resolve host `{spec.host[:80]}`",
            facts=(str(getattr(error, "strerror", "") or error),),
            hints=("use 127.0.0.1 or localhost",),
        ) from error
    return tuple(Endpoint(address, spec.port) for address in addresses)


def inspect_ports(
    machine: Machine,
    endpoints: Iterable[Endpoint],
    likely: Callable[[], Collection[int]] = tuple,
    *,
    ours: Collection[int] = (),
    thorough: bool = False,
) -> tuple[Finding, ...]:
    """Return a finding for each endpoint.

    Args:
        machine: the operating system.
        endpoints: what servers are going to bind.
        likely: names processes that may have them.
        ours: inodes of devports' own sockets, which are ignored.
        thorough: find every holder, which is needed before a process is signalled.
    """
    wanted = tuple(endpoints)
    if not wanted:
        return ()
    table = without(machine.table({endpoint.port for endpoint in wanted}), ours)
    judged = [(endpoint, _verdict(machine, endpoint, table, ours)) for endpoint in wanted]
    return with_holders(judged, lambda sockets: machine.holding(sockets, likely, thorough=thorough))


def inspect_quick(
    machine: Machine,
    endpoints: Iterable[Endpoint],
    likely: Callable[[], Collection[int]] = tuple,
) -> tuple[Finding, ...]:
    """Return a finding for each endpoint, at a cost that does not grow with the number of sockets.

    The verdicts are those of `inspect_ports`. The kernel finds listeners by a look-up, but walks
    all sockets of the machine to list every socket of a port. That is left out where a listener
    holds the endpoint, and where a bind without SO_REUSEADDR works, which a bound socket or any
    lingering connection would stop. That bind blocks other processes for some microseconds, so this
    is not for repeated checks.
    """
    wanted = tuple(endpoints)
    if not wanted:
        return ()
    listeners = machine.listening_on({endpoint.port for endpoint in wanted})
    verdicts = {endpoint: _quick_verdict(machine, endpoint, listeners) for endpoint in wanted}
    if rest := [endpoint for endpoint, verdict in verdicts.items() if verdict is None]:
        table = machine.table({endpoint.port for endpoint in rest})
        verdicts |= {endpoint: _verdict(machine, endpoint, table, ()) for endpoint in rest}
    judged = ((end, verdict) for end in wanted if (verdict := verdicts[end]) is not None)
    return with_holders(judged, lambda sockets: machine.holding(sockets, likely, thorough=False))


def _quick_verdict(machine: Machine, endpoint: Endpoint, listeners: Table) -> Verdict | None:
    """Return the verdict if the listeners and one bind decide it, else None."""
    if certain := holding(listeners, endpoint, wildcards=machine.wildcards):
        return Held(certain)
    if machine.probe(endpoint, reuse=False) == "ok":
        return _diagnosis(machine, endpoint, listeners, "ok")
    return None


def inspect_without_bind(
    machine: Machine, endpoints: Iterable[Endpoint], who: Callable[[Sequence[Socket]], HolderSearch]
) -> tuple[Finding, ...]:
    """Return a finding for each endpoint from the socket table alone, without binding.

    For repeated checks: even the short bind of a probe could make the bind of a starting server
    fail. So `Free` means only that no holder was found: no bind has confirmed it.

    Args:
        machine: the operating system.
        endpoints: what servers are going to bind.
        who: finds the holders of sockets.
    """
    wanted = tuple(endpoints)
    if not wanted:
        return ()
    table = machine.table({endpoint.port for endpoint in wanted})
    return with_holders(((end, _diagnosis(machine, end, table, "ok")) for end in wanted), who)


def holder_at(machine: Machine, endpoint: Endpoint) -> Process | None:
    """Return a process that holds an endpoint now, None if none is found; nothing is bound."""

    def who(sockets: Sequence[Socket]) -> HolderSearch:
        return machine.holding(sockets, thorough=False)

    (finding,) = inspect_without_bind(machine, (endpoint,), who)
    holders = finding.holding.holders
    return holders[0].process if holders else None


def untrusted(about: About) -> tuple[str, ...]:
    """Return the sources that the last self-test of this user found wrong about this.

    Without a failed self-test this is one stat(2).
    """
    path = os.path.join(state_folder(os.environ), FAILED)
    if not os.path.exists(path):
        return ()
    from devports.system.self_test import failing

    return failing(path, about)


def with_holders(
    judged: Iterable[tuple[Endpoint, Verdict]], who: Callable[[Sequence[Socket]], HolderSearch]
) -> tuple[Finding, ...]:
    """Return findings; the holders of all their sockets are found in one search.

    Where a source of this machine missed sockets in the self-test, no port is called free.
    """
    pairs = tuple(judged)
    if any(is_bindable(verdict) for _, verdict in pairs) and (missed := untrusted("sockets")):
        pairs = tuple((e, Unconfirmed(missed) if is_bindable(v) else v) for e, v in pairs)
    sockets = {socket: None for _, verdict in pairs for socket in sockets_of(verdict)}
    holding = who(tuple(sockets)) if sockets else HolderSearch()
    return tuple(
        Finding(end, verdict, holding.about(sockets_of(verdict))) for end, verdict in pairs
    )


def without(table: Table, ours: Collection[int]) -> Table:
    """Return a table without devports' own sockets."""
    if not ours:
        return table
    return table.replace(sockets=tuple(s for s in table.sockets if s.inode not in ours))


def _verdict(machine: Machine, endpoint: Endpoint, table: Table, ours: Collection[int]) -> Verdict:
    from devports.system import clock  # not needed where the first reading decides

    verdict = classify_port(machine, endpoint, table)
    for seconds in REASK_AFTER:
        if not isinstance(verdict, HolderUnknown):
            break
        clock.pause(seconds)
        table = without(machine.table({endpoint.port}), ours)
        verdict = classify_port(machine, endpoint, table)
    return verdict


def classify_port(machine: Machine, endpoint: Endpoint, table: Table) -> Verdict:
    """Return the verdict on one endpoint, binding only where the table shows no holder."""
    if certain := holding(table, endpoint, wildcards=machine.wildcards):
        return Held(certain)
    verdict = _diagnosis(machine, endpoint, table, machine.probe(endpoint))
    if not table.shows_bound and _may_hide_bound(machine, endpoint, verdict):
        more = machine.unlisted_sockets(endpoint.port, table)
        if more:
            fuller = table.replace(sockets=(*table.sockets, *more))
            return _diagnosis(machine, endpoint, fuller, machine.probe(endpoint))
        return HolderUnknown(table.gaps)
    return verdict


def _diagnosis(machine: Machine, endpoint: Endpoint, table: Table, bind: BindResult) -> Verdict:
    wildcards = machine.wildcards
    remote = {s.remote.port for s in table.sockets if s.remote is not None and s.inode}
    if not remote:
        return diagnose(endpoint, bind, table, wildcards=wildcards)
    peers = machine.table(remote).sockets if len(remote) <= MOST_PEERS else ()
    ephemeral = machine.ephemeral()
    return diagnose(endpoint, bind, table, ephemeral=ephemeral, wildcards=wildcards, peers=peers)


def _may_hide_bound(machine: Machine, endpoint: Endpoint, verdict: Verdict) -> bool:
    """Return whether a bound socket that this table cannot show may be there.

    A socket with SO_REUSEADDR may bind beside it; one without the option is refused. Where
    lingering connections explain such a refusal, it proves nothing.
    """
    if isinstance(verdict, Free | LocalhostConflict):
        return machine.probe(endpoint, reuse=False) == "in-use"
    return isinstance(verdict, HolderUnknown)


NO_PROJECT = ("", "/")
"""Working directories that identify no project: unreadable, or a daemon's (daemon(3))."""


class ListenerGroup(Frozen):
    """Listeners of one project, folder or system.

    Attributes:
        kind: a git checkout, a folder outside of one, or the services of the system.
        folder: the top of the checkout, or the working directory; empty for the system.
        branch: the checked out branch, empty if unknown.
        repository: the same for all worktrees of one clone.
        findings: one for each address and port, by port.
    """

    kind: Kind
    folder: str = ""
    branch: str = ""
    repository: str = ""
    findings: tuple[Finding, ...] = ()


class ListenerReport(Frozen):
    """All groups (this project, other ones, folders, the system), and what could not be seen."""

    groups: tuple[ListenerGroup, ...]
    gaps: tuple[VisibilityGap, ...] = ()


def inspect_listeners(
    machine: Machine, here: str, who: Callable[[Sequence[Socket]], HolderSearch] | None = None
) -> ListenerReport:
    """Return all sockets that listen, or are bound and may listen at any time. Binds nothing.

    Args:
        machine: the operating system.
        here: a folder; the group of its project comes first.
        who: finds the holders of sockets; by default one thorough search.
    """
    table = machine.listeners()
    at: dict[Endpoint, list[Socket]] = {}
    for socket in table.sockets:
        at.setdefault(socket.local, []).append(socket)
    judged = [(endpoint, Held(tuple(sockets))) for endpoint, sockets in at.items()]
    found = with_holders(judged, who or (lambda sockets: machine.holding(sockets, thorough=True)))
    gaps = (gap for finding in found for gap in finding.holding.gaps)
    return ListenerReport(
        grouped(found, machine.viewer(), here), tuple(dict.fromkeys((*table.gaps, *gaps)))
    )


def grouped(
    findings: Iterable[Finding], viewer: CurrentUser, here: str
) -> tuple[ListenerGroup, ...]:
    """Return the findings by the project of their holders."""
    members: dict[ListenerGroup, list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: (each.endpoint.port, each.endpoint.address)):
        leader = _leader(finding)
        folder = leader.cwd if leader and not is_service(leader, viewer) else ""
        members.setdefault(_group_of(folder), []).append(finding)
    own = _group_of(here)
    ordered = sorted(members, key=lambda group: (group != own, *_sort_key(group)))
    return tuple(group.replace(findings=tuple(members[group])) for group in ordered)


def is_service(process: Process, viewer: CurrentUser) -> bool:
    """Return whether a process is a service of the system and not the user's work.

    A unit of systemd, a container, a process of another user or without a folder of its own.
    """
    from devports.core.classify import unit_of
    from devports.core.containers import container_of

    unit, container = unit_of(process.cgroup), container_of(process.cgroup)
    if unit is not None and unit != unit_of(viewer.cgroup):
        return True
    if container is not None and container != container_of(viewer.cgroup):
        return True
    return process.uid not in (viewer.uid, viewer.user_uid) or process.cwd in NO_PROJECT


def _leader(finding: Finding) -> Process | None:
    """Return the holder that is an ancestor of the others, None if no holder could be read."""
    holders = finding.holding.holders
    keys = {holder.process.key for holder in holders}
    tops = (h.process for h in holders if not any(a.key in keys for a in h.ancestors))
    return next(tops, None)


def _group_of(folder: str) -> ListenerGroup:
    from devports.system.project import worktree_of

    if folder in NO_PROJECT:
        return ListenerGroup("system")
    checkout = worktree_of(folder)
    if checkout is None:
        return ListenerGroup("folder", folder)
    return ListenerGroup("project", checkout.root, checkout.branch, checkout.repository)


def _sort_key(group: ListenerGroup) -> tuple[int, str, str]:
    """Return the sort key of a group: worktrees of one clone stay together."""
    return (("project", "folder", "system").index(group.kind), group.repository, group.folder)


STALE_AFTER = 10.0
"""Seconds after which the holders are searched again in any case: one may have forked."""


class HolderCache:
    """The last answer of `machine.holding`, as long as it is true. `thorough`: as there.

    Finding the holder of a socket costs a system call for every open descriptor of many processes;
    checking that it is still the same process costs reading one small file.
    """

    def __init__(self, machine: Machine, *, thorough: bool) -> None:
        self._machine, self._thorough = machine, thorough
        self._inodes: frozenset[int] = frozenset()
        self._holding = HolderSearch()
        self._stale_at = 0.0

    def holding(self, sockets: Sequence[Socket]) -> HolderSearch:
        """Return the holders of these sockets."""
        inodes = frozenset(socket.inode for socket in sockets)
        if inodes != self._inodes or monotonic() >= self._stale_at or not self._all_live():
            self._holding = self._machine.holding(sockets, thorough=self._thorough)
            self._inodes, self._stale_at = inodes, monotonic() + STALE_AFTER
        return self._holding

    def _all_live(self) -> bool:
        keys = [holder.process.key for holder in self._holding.holders]
        return all(self._machine.key(key.pid) == key for key in keys)


def with_servers(machine: Machine, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings that mark parents which listen elsewhere, if a stop might include them."""
    asked = {socket.local for finding in findings for socket in sockets_of(finding.verdict)}
    return tuple(
        finding.replace(
            holding=finding.holding.replace(
                holders=tuple(
                    _with_marked_parents(machine, h, asked) for h in finding.holding.holders
                )
            )
        )
        for finding in findings
    )


def _with_marked_parents(machine: Machine, holder: Holder, asked: Collection[Endpoint]) -> Holder:
    from devports.core.stop_plan import possible_roots

    tops = possible_roots(holder)
    if not _elsewhere(machine, tops, asked):
        return holder
    return holder.replace(
        ancestors=tuple(
            parent.replace(listens_elsewhere=True)
            if parent in tops and _elsewhere(machine, [parent], asked)
            else parent
            for parent in holder.ancestors
        )
    )  # fmt: skip


def _elsewhere(machine: Machine, tops: Sequence[Process], asked: Collection[Endpoint]) -> bool:
    """Return whether one of these processes listens on an address that is not `asked`."""
    pids = [process.pid for process in tops]
    return bool(pids) and any(s.local not in asked for s in machine.listening(pids))

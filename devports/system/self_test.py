"""The self-test: real sockets in every state, and what each source of this machine shows of them.

Sources change with releases of a system: a column moves, a word is translated. A source that is
read wrong shows nothing, which looks like a free port. So processes are started that know what is
true of their sockets, and each source is read alone, then all together. Only loopback addresses are
connected, only free ports are used, and no process is signalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket as net
import subprocess
import sys
import time

import devports
from devports import exitcodes
from devports.core import self_test as rules
from devports.core.model import CURRENT_USER, WILDCARDS, Endpoint, ProcessKey, Socket, Table
from devports.core.self_test import (
    ABOUT,
    WORD,
    Actor,
    Case,
    Difference,
    Seen,
    SelfTest,
    SourceLimits,
    SourceReport,
)
from devports.core.value import Frozen
from devports.core.verdict import covers
from devports.errors import DevportsError
from devports.system import clock, macos_tools, native, self_test_actors
from devports.system.linux.inet_diag import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Any

    from devports.core.model import State
    from devports.core.self_test import About
    from devports.system import Machine
    from devports.system.macos import Darwin
    from devports.system.windows import Windows

SECONDS = 10.0
"""The longest that the processes of the test may take to start."""
EXIT_WITHIN = 2.0
"""Seconds within which the exit of a process has to be reported."""
TOGETHER = "all combined"
MAX_RESULT = 64 * 1024


class Source(Frozen):
    """One source of sockets, as a machine that has no other.

    Attributes:
        name: of the source.
        machine: reads this source alone.
        limits: what it cannot show, by design.
        decides: whether devports relies on it here.
        text: returns its own output about some ports, and `lines` the part about one.
    """

    name: str
    machine: Machine
    limits: SourceLimits = SourceLimits()
    decides: bool = True
    text: Callable[[Collection[int]], bytes] = lambda _ports: b""
    lines: Callable[[bytes, int], Iterable[str]] = lambda _text, _port: ()


class OneTable:
    """A machine with another table of sockets."""

    def __init__(self, machine: Machine, table: Callable[[Collection[int]], Table]) -> None:
        self._machine, self.table = machine, table

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)


class Actors:
    """The processes of the test. They exit when `close` closes their stdin, or devports exits.

    Raises:
        DevportsError: they did not start.
    """

    def __init__(self, *words: str) -> None:
        self._started = time.time()
        self._process = _spawned(WORD, *words)
        try:
            told = json.loads(self._line())
        except BaseException:
            self.close()
            raise
        self.pid: int = told["pid"]
        self.actor = Actor(told["uid"], told["folder"], self._started)
        self.cases = tuple(_case(each) for each in told["cases"] if "skipped" not in each)
        self.skipped = tuple(
            (each["name"], each["skipped"]) for each in told["cases"] if "skipped" in each
        )

    def _line(self) -> bytes:
        import threading

        timer = threading.Timer(SECONDS, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else b""
        finally:
            timer.cancel()
        if not line:
            raise _not_started(f"`{sys.executable}` did not answer in time")
        return line

    def close(self) -> None:
        """End all of them, and wait until they have ended: each has the other pipe open."""
        with self._process as process:
            if process.stdin and process.stdout and not process.stdin.closed:
                process.stdin.close()
                process.stdout.read()


def _spawned(*words: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(self_test_actors.__file__), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=os.path.abspath(os.sep),
            start_new_session=True,  # a key such as Ctrl-C is for devports alone
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise _not_started(f"`{sys.executable}`: {error.strerror}") from error


def _not_started(why: str) -> DevportsError:
    return DevportsError(
        "self-test-failed",
        "the processes of the self-test cannot be started",
        facts=(why,),
        exit_code=exitcodes.CANNOT_INSPECT,
    )


def _case(told: dict[str, Any]) -> Case:
    local, remote = told["local"], told["remote"]
    ends = {"local": Endpoint(*local), "remote": Endpoint(*remote) if remote else None}
    return Case(**{**told, **ends, "pids": tuple(told["pids"])})


def self_test(machine: Machine, sources: Sequence[Source] | None = None) -> SelfTest:
    """Test each source, and all of them together; a difference counts if it is there twice.

    Args:
        machine: of this system.
        sources: to test, all together last; by default those of the machine.

    Raises:
        DevportsError: the processes of the test cannot be started.
    """
    found = tuple(sources_of(machine) if sources is None else sources)
    begun = clock.monotonic()
    first = run(found)
    result = first if first.passed else rules.repeated(first, run(found))
    seconds = clock.monotonic() - begun
    return result.replace(seconds=seconds, about=tuple(versions(machine)))


def run(sources: Iterable[Source]) -> SelfTest:
    """Test these sources once, the last of them as a whole machine."""
    sources = tuple(sources)
    with contextlib.closing(Actors()) as actors:
        *reports, last = [_report(source, actors) for source in sources]
    machine = sources[-1].machine
    more = () if last.missing else (*rule_differences(machine), *exit_differences(machine))
    last = last.replace(differences=(*last.differences, *more))
    return SelfTest((*reports, last), actors.skipped)


def _report(source: Source, actors: Actors) -> SourceReport:
    limits, decides, actor = source.limits, source.decides, actors.actor
    if source.machine.platform == "win32":  # users have no numbers
        actor = actor.replace(uid=CURRENT_USER)
    try:
        seen = _look(source, actors.cases)
    except (DevportsError, OSError, Malformed) as error:
        return SourceReport(source.name, decides=decides, missing=str(error) or "no answer")
    found = [
        (difference, case.local.port)
        for case, each in zip(actors.cases, seen, strict=True)
        for difference in rules.differences(case, each, limits, actor)
    ]
    text = source.text({port for _, port in found}) if found else b""
    differences = (d.replace(lines=tuple(source.lines(text, port))) for d, port in found)
    unseen = tuple(case.name for case in actors.cases if case.name in limits.unseen)
    shown = len(actors.cases) - len(unseen)
    return SourceReport(source.name, shown, unseen, decides, differences=tuple(differences))


def _look(source: Source, cases: Sequence[Case]) -> list[Seen]:
    """Read a source once for all cases: its table, the holders, and each holder once more."""
    machine, whole = source.machine, source.name == TOGETHER
    far = {case.remote.port for case in cases if case.remote}
    table = machine.table({case.local.port for case in cases} | far)
    sockets = [*table.sockets, *(_unlisted(machine, table, cases) if whole else ())]
    on_port: dict[int, tuple[Socket, ...]] = {}
    for socket in sockets:
        on_port[socket.local.port] = (*on_port.get(socket.local.port, ()), socket)
    found = [on_port.get(case.local.port, ()) for case in cases]
    holding = machine.holding([socket for each in found for socket in each], thorough=True)
    return [
        _seen(machine, case, Seen(each, holding.about(each)), on_port if whole else None)
        for case, each in zip(cases, found, strict=True)
    ]


def _seen(
    machine: Machine, case: Case, seen: Seen, on_port: dict[int, tuple[Socket, ...]] | None
) -> Seen:
    """Read each holder once more; of a whole machine (`on_port`) binds and peers too."""
    seen = seen.replace(keys=tuple(machine.key(h.process.pid) for h in seen.holding.holders))
    if on_port is None:
        return seen
    peers = on_port.get(case.remote.port, ()) if case.remote else None
    binds = tuple(_binds(machine, case))
    return seen.replace(peers=peers, ephemeral=machine.ephemeral(), binds=binds)


def _unlisted(machine: Machine, table: Table, cases: Iterable[Case]) -> Iterator[Socket]:
    """Yield bound sockets that the tables of this system do not list."""
    for case in cases:
        if case.state == "BOUND" and not table.shows_bound:
            yield from machine.unlisted_sockets(case.local.port, table)


def _binds(machine: Machine, case: Case) -> Iterator[tuple[str, str, str]]:
    """Bind the address of a case as a server does; yield what, the expected result, the result."""
    if case.state in ("", "LISTEN"):
        yield "a bind", "in-use" if case.state else "ok", machine.probe(case.local)
    if case.state in ("", "BOUND"):
        result = machine.probe(case.local, reuse=False)
        yield "a bind without SO_REUSEADDR", "in-use" if case.state else "ok", result


V4, V6 = WILDCARDS
HOLDERS = (("127.0.0.1", None), (V4, None), ("::1", True), (V6, False), (V6, True))
WANTED = ("127.0.0.1", "::1", V4, V6)


def rule_differences(machine: Machine) -> Iterator[Difference]:
    """Yield where a bind beside a socket does not end as `core.verdict.covers` says."""
    for listens in (True, False):
        for address, v6only in HOLDERS:
            with contextlib.suppress(OSError), _opened(address, v6only, listens=listens) as sock:
                local = Endpoint(address, sock.getsockname()[1])
                state: State = "LISTEN" if listens else "BOUND"
                yield from _ruled(machine, Socket(local, None, state, v6only=v6only))


def _opened(address: str, v6only: bool | None, *, listens: bool) -> net.socket:
    sock = net.socket(net.AF_INET if v6only is None else net.AF_INET6)
    try:
        if os.name == "posix":
            sock.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 1)
        if v6only is not None:
            sock.setsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY, int(v6only))
        sock.bind((address, 0))
        if listens:
            sock.listen(1)
    except OSError:
        sock.close()
        raise
    return sock


def _ruled(machine: Machine, socket: Socket) -> Iterator[Difference]:
    for address in WANTED:
        wanted = Endpoint(address, socket.local.port)
        says = covers(socket, wanted, wildcards=machine.wildcards)
        # Linux lets a second socket bind beside one that does not listen if both set the option.
        result = machine.probe(wanted, reuse=socket.state == "LISTEN" or not machine.wildcards)
        if says is not None and says != (result == "in-use"):
            beside = f"a bind to {address} beside {socket.state} {socket.local.address}"
            expected = "in-use" if says else "ok"
            yield Difference(f"rule {address}", "binds", f"{beside}: {expected}", result)


def exit_differences(machine: Machine) -> list[Difference]:
    """Return what is wrong with the handle of a process that exits."""
    with contextlib.closing(Actors(self_test_actors.IDLE)) as actors:
        key, pin = machine.key(actors.pid), None
        with contextlib.suppress(DevportsError):
            pin = None if key is None else machine.pin(key)
        if key is None or pin is None:
            return [Difference("exit", "holders", f"a handle of pid {actors.pid}", "none")]
        with contextlib.closing(pin):
            alive, other = not pin.exited, machine.pin(ProcessKey(key.pid, key.start + 1))
            actors.close()
            reported = bool(machine.wait_for_exit((pin,), EXIT_WITHIN)) and pin.exited
            facts = {
                "a running process is reported as running": alive,
                "a process with another start gets no handle": other is None,
                "the exit of a process is reported": reported,
                "the identity of a process ends with it": machine.key(key.pid) != key,
            }
        if other is not None:
            other.close()
    wrong = (fact for fact, holds in facts.items() if not holds)
    return [Difference("exit", "holders", fact, "it is not so") for fact in wrong]


def sources_of(machine: Machine) -> Iterator[Source]:
    """Yield the sources that a machine reads, each alone, then all together."""
    from devports.system.macos import Darwin
    from devports.system.windows import Windows

    if isinstance(machine, Darwin):
        yield from _of_macos(machine)
    elif isinstance(machine, Windows):
        yield from _of_windows(machine)
    else:
        yield from _of_linux(machine)


def _of_linux(machine: Machine) -> Iterator[Source]:
    import platform

    from devports.system.linux import sockets

    unseen = frozenset(("bound",))
    text = SourceLimits(unseen, facts=frozenset(("uid", "expires")))
    answers = sockets.NO_NETLINK not in machine.table({1}).gaps
    recent = sockets.kernel_shows_bound(platform.release())
    netlink = _only(machine, lambda ports: Table(sockets.dump(ports)))
    limits = SourceLimits(
        frozenset() if recent else unseen, facts=frozenset(("uid", "v6only", "expires"))
    )
    yield Source("netlink", netlink, limits, decides=answers)
    yield Source("/proc/net/tcp", _only(machine, sockets.text_table), text, decides=not answers)
    yield Source(TOGETHER, machine)


def _only(machine: Machine, table: Callable[[Collection[int]], Table]) -> Machine:
    alone: Any = OneTable(machine, table)
    found: Machine = alone
    return found


def _of_macos(machine: Darwin) -> Iterator[Source]:
    from devports.system.macos import Darwin

    sources = machine.sources
    nothing = sources.replace(lsof="", netstat="", processes=False)
    open_only = SourceLimits(frozenset(("time-wait",)))
    walk = Darwin(nothing.replace(processes=True))
    yield Source("psutil", walk, open_only.replace(tells_apart=False))
    lsof = Darwin(nothing.replace(lsof=sources.lsof))
    yield Source(
        "lsof",
        lsof,
        open_only,
        text=lambda ports: lsof.lsof(ports) or b"",
        lines=macos_tools.lsof_lines,
    )
    netstat = Darwin(nothing.replace(netstat=sources.netstat))
    yield Source(
        "netstat",
        netstat,
        SourceLimits(names=False, tells_apart=False),
        text=lambda _ports: netstat.netstat()[0],
        lines=macos_tools.netstat_lines,
    )
    yield Source(TOGETHER, machine)


def _of_windows(machine: Windows) -> Iterator[Source]:
    from devports.system.windows import Windows

    limits = SourceLimits(frozenset(("bound",)), names=False, tells_apart=False)
    yield Source("psutil", Windows(netstat=False), limits)
    yield Source("netstat", Windows(table=False), limits)
    yield Source(TOGETHER, machine, SourceLimits(names=False, tells_apart=False))


def versions(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield what the results depend on, as pairs of a label and a text."""
    import platform

    yield "devports", devports.__version__
    yield "Python", platform.python_version()
    yield "system", platform.platform()
    if machine.platform != "linux":
        import psutil

        yield "psutil", psutil.__version__
    if (sources := getattr(machine, "sources", None)) is not None:
        yield "tools", f"{sources.lsof} {sources.netstat}"


def dumped(result: SelfTest) -> str:
    """Return a result as the text of a file, with what it depends on."""
    failing = {about: [each.name for each in result.failing(about)] for about in ABOUT}
    return json.dumps({"about": result.about, "failing": failing})


def failing(path: str, about: About) -> tuple[str, ...]:
    """Return the sources that have failed in a stored result, for one kind of fact.

    An unreadable result counts as none, and so does one of other versions than those of now.
    """
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(MAX_RESULT))
        now = [list(pair) for pair in versions(native())]
        return tuple(map(str, data["failing"][about])) if data["about"] == now else ()
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ()

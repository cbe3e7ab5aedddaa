"""The self-test on real sockets: it passes here, and names what was broken on purpose."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest

from devports.core.model import Endpoint, ProcessKey, Table
from devports.core.self_test import ABOUT, WORD, SelfTest
from devports.errors import DevportsError
from devports.system import linux, macos_tools, native, psutil_backend
from devports.system.identity import TCP_STATES
from devports.system.linux import holders, inet_diag, procfs, sockets
from devports.system.self_test import TOGETHER, Actors, OneTable, Source, run, self_test, sources_of
from tests.harness.actors import NOBODY, become
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_LSOF,
    NEEDS_NETLINK_BOUND,
    NEEDS_SECOND_USER,
)
from tests.harness.waiting import eventually
from tests.integration import foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from devports.core.model import HolderSearch, Socket

    Breaks = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def netstat(tmp_path: Path) -> Callable[[str], str]:
    """Write a program that plays netstat of macOS, in one form."""

    def write(form: str) -> str:
        program = tmp_path / "netstat"
        words = [sys.executable, str(Path(__file__).with_name("macos_netstat.py")), form]
        program.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n", encoding="utf-8")
        program.chmod(0o755)
        return str(program)

    return write


def told(result: SelfTest) -> dict[str, dict[str, set[str]]]:
    """Return the cases that differ, by source and by kind of fact."""
    return {
        source.name: {
            about: {each.case for each in source.differences if each.about == about}
            for about in ABOUT
            if any(each.about == about for each in source.differences)
        }
        for source in result.sources
        if source.differences
    }


def words_of_processes() -> list[list[str]]:
    found = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline", "status"])]
    return [words for words in found if WORD in words]


# -- it passes here


def test_every_source_of_this_machine_shows_what_is_there():
    result = self_test(native())
    assert told(result) == {}
    assert result.passed
    assert [source.name for source in result.sources][-1] == TOGETHER
    assert result.sources[-1].cases + len(result.skipped) == 14


def refused(*_: object) -> Any:
    raise PermissionError(1, "Operation not permitted")


@NEEDS_NETLINK_BOUND
def test_without_netlink_the_text_of_the_kernel_decides(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sockets, "dump", refused)
    monkeypatch.setattr(holders, "dump", refused)
    result = self_test(native())
    netlink, text, _ = result.sources
    assert (result.passed, netlink.decides, text.decides) == (True, False, True)
    assert "Operation not permitted" in netlink.missing


@NEEDS_FORK
@NEEDS_LSOF
@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(foreign.darwin, id="that of macOS"),
        pytest.param(foreign.WindowsHere, id="that of Windows"),
    ],
)
def test_the_code_of_another_system_shows_what_is_there(
    machine: Callable[[], foreign.DarwinHere | foreign.WindowsHere],
):
    made = machine()
    result = self_test(made, foreign.sources(made))
    assert told(result) == {}
    assert result.passed


@NEEDS_FORK
@NEEDS_LSOF
@pytest.mark.parametrize("form", ["15", "26"])
def test_both_forms_of_netstat_of_macos_are_read(netstat: Callable[[str], str], form: str):
    made = foreign.darwin(netstat=netstat(form))
    result = run(foreign.sources(made, "netstat", TOGETHER))
    assert told(result) == {}
    assert result.passed


TWICE = """
import subprocess, sys
sys.exit(sys.version_info < (3, 10) or subprocess.call([sys.executable, "-c", ""]))
"""


def public_python() -> str:
    """Return a Python that another user can start, also from a process of its own; or skip."""
    for path in (sys.executable, "/usr/bin/python3"):
        argv = [*become(NOBODY), path, "-c", TWICE]
        if subprocess.run(argv, cwd="/", capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip("no Python that another user can start")


@NEEDS_SECOND_USER
def test_another_user_sees_the_same():
    root = str(Path(__file__).parents[2])
    env = os.environ | {"PYTHONPATH": root, "XDG_STATE_HOME": "/nonexistent"}
    argv = [*become(NOBODY), public_python(), "-B", "-m", "devports", "doctor", "--self-test"]
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0].partition(" passed")[0]) == (
        0, "3 of 3 sources of this machine"
    )  # fmt: skip
    assert "cannot be stored" in done.stderr


# -- what is broken on purpose is named


def states(number: int, state: str) -> Breaks:
    return lambda patch: patch.setitem(inet_diag.STATES, number, cast("Any", state))


def changed_socket(change: Callable[[Socket], Socket]) -> Breaks:
    old = inet_diag._socket

    def broken(*given: Any) -> Socket:
        return change(old(*given))

    return lambda patch: patch.setattr(inet_diag, "_socket", broken)


def lost_in_text(**facts: Any) -> Breaks:
    old = procfs._row
    return lambda patch: patch.setattr(procfs, "_row", lambda words: old(words).replace(**facts))


def reversed_address(patch: pytest.MonkeyPatch) -> None:
    old = inet_diag.address
    patch.setattr(inet_diag, "address", lambda raw: old(raw[::-1]))


def first_holder(patch: pytest.MonkeyPatch) -> None:
    old = holders.holding

    def broken(wanted: Any, *, thorough: bool) -> HolderSearch:
        found = old(wanted, thorough=thorough)
        return found.replace(holders=found.holders[:1])

    patch.setattr(linux, "holding", broken)


def drifting_key(patch: pytest.MonkeyPatch) -> None:
    old, steps = linux.key, itertools.count()

    def broken(pid: int) -> ProcessKey | None:
        found = old(pid)
        return found and ProcessKey(pid, found.start + next(steps))

    patch.setattr(linux, "key", broken)


def reversed_text(patch: pytest.MonkeyPatch) -> None:
    old = procfs.net_tcp

    def turned(socket: Socket) -> Socket:
        words = socket.local.address.split(".")
        return socket.replace(local=Endpoint(".".join(reversed(words)), socket.local.port))

    def broken(text: bytes, wanted: Collection[int]) -> Iterator[Socket]:
        return map(turned, old(text, wanted))

    patch.setattr(procfs, "net_tcp", broken)


def wrong_rule(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(linux, "wildcards", False)


LISTENING = {"shared", "orphans", "twin", "listen4", "listen6", "any4", "any6"}
EVERY = LISTENING | {
    "bound", "accepted", "dual-accepted", "close-wait", "time-wait", "outgoing"
}  # fmt: skip
BROKEN = [
    pytest.param(states(7, "CLOSE"), "netlink", "sockets", {"bound"}, id="BOUND as CLOSE"),
    pytest.param(states(10, "ESTABLISHED"), "netlink", "sockets", LISTENING, id="LISTEN lost"),
    pytest.param(states(6, "LAST_ACK"), "netlink", "sockets", {"time-wait"}, id="TIME_WAIT lost"),
    pytest.param(reversed_address, "netlink", "sockets", EVERY - {"any4", "any6"}, id="address"),
    pytest.param(
        changed_socket(lambda s: s.replace(local=Endpoint(s.local.address, s.local.port ^ 1))),
        "netlink", "sockets", EVERY, id="port",
    ),
    pytest.param(
        changed_socket(lambda s: s.replace(uid=None if s.uid is None else s.uid + 1)),
        "netlink", "holders", EVERY - {"time-wait"}, id="uid",
    ),
    pytest.param(
        changed_socket(lambda s: s.replace(uid=None)),
        "netlink", "holders", EVERY - {"time-wait"}, id="uid lost",
    ),
    pytest.param(
        changed_socket(lambda s: s.replace(v6only=s.v6only is not None and not s.v6only)),
        "netlink", "sockets", {"listen6", "any6"}, id="IPV6_V6ONLY",
    ),
    pytest.param(
        changed_socket(lambda s: s.replace(expires=s.expires and s.expires * 1000)),
        "netlink", "sockets", {"time-wait"}, id="time of TIME_WAIT",
    ),
    pytest.param(first_holder, "netlink", "holders", {"shared", "twin"}, id="one holder"),
    pytest.param(drifting_key, "netlink", "holders", EVERY - {"time-wait"}, id="identity"),
    pytest.param(wrong_rule, TOGETHER, "binds", {"rule 127.0.0.1", "rule ::1"}, id="rule of binds"),
    pytest.param(reversed_text, "/proc/net/tcp", "sockets", {"listen4"}, id="text of the kernel"),
    pytest.param(
        lost_in_text(uid=None), "/proc/net/tcp", "holders", {"listen4"}, id="uid lost in that text"
    ),
]  # fmt: skip


@NEEDS_NETLINK_BOUND
@pytest.mark.parametrize(("breaks", "blamed", "about", "cases"), BROKEN)
def test_a_broken_source_of_linux_is_named(
    monkeypatch: pytest.MonkeyPatch, breaks: Breaks, blamed: str, about: Any, cases: set[str]
):
    breaks(monkeypatch)
    if blamed == "/proc/net/tcp":
        monkeypatch.setattr(sockets, "dump", refused)
        monkeypatch.setattr(holders, "dump", refused)
    wanted = ("netlink", blamed, TOGETHER)
    result = run(source for source in sources_of(native()) if source.name in wanted)
    assert [source.name for source in result.failing(about)] == [blamed]
    assert cases <= told(result)[blamed][about]


def wrong_pid(patch: pytest.MonkeyPatch) -> None:
    old = macos_tools._files
    patch.setattr(
        macos_tools, "_files", lambda raw: ((pid + 1, name, file) for pid, name, file in old(raw))
    )


def wrong_pid_of_netstat(patch: pytest.MonkeyPatch) -> None:
    old = macos_tools._named

    def broken(*given: Any) -> tuple[int, str] | None:
        found = old(*given)
        return found and (found[0] + 1, found[1])

    patch.setattr(macos_tools, "_named", broken)


def without_listen(patch: pytest.MonkeyPatch) -> None:
    words = {word: state for word, state in TCP_STATES.items() if word != "LISTEN"}
    patch.setattr("devports.system.macos_tools.TCP_STATES", words)


def v6_as_v4(patch: pytest.MonkeyPatch) -> None:
    old = macos_tools._lsof_end
    patch.setattr(macos_tools, "_lsof_end", lambda text, *, v6: old(text, v6=False))


def unmapped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(psutil_backend, "plain_form", lambda address: address.replace("127", "128"))


FOREIGN = [
    pytest.param(wrong_pid, "lsof", "holders", {"listen4", "bound"}, id="lsof: another pid"),
    pytest.param(without_listen, "lsof", "sockets", LISTENING, id="lsof: no word LISTEN"),
    pytest.param(v6_as_v4, "lsof", "sockets", {"any6"}, id="lsof: a wildcard's family"),
    pytest.param(unmapped, "psutil", "sockets", {"listen4"}, id="psutil: addresses"),
    pytest.param(wrong_pid_of_netstat, "netstat", "holders", {"listen4"}, id="netstat: a pid"),
]


@NEEDS_FORK
@NEEDS_LSOF
@pytest.mark.parametrize(("breaks", "blamed", "about", "cases"), FOREIGN)
def test_a_broken_source_of_macos_is_named(
    *,
    monkeypatch: pytest.MonkeyPatch,
    netstat: Callable[[str], str],
    breaks: Breaks,
    blamed: str,
    about: Any,
    cases: set[str],
):
    breaks(monkeypatch)
    made = foreign.darwin(
        processes=blamed == "psutil",
        lsof=foreign.LSOF * (blamed == "lsof"),
        netstat=netstat("26") * (blamed == "netstat"),
    )
    result = run(foreign.sources(made, blamed, TOGETHER))
    assert [source.name for source in result.failing(about)] == [blamed]
    assert cases - {"bound"} <= told(result)[blamed][about]


@NEEDS_FORK
@NEEDS_LSOF
@pytest.mark.parametrize("form", ["a column more", "swapped", "no colon", "LISTENING"])
def test_a_changed_netstat_is_named_though_the_others_hide_it(
    netstat: Callable[[str], str], form: str
):
    made = foreign.darwin(netstat=netstat(form))
    result = run(foreign.sources(made, "netstat", TOGETHER))
    wrong = told(result)
    assert "netstat" in {source.name for source in result.failing("sockets")}
    assert wrong["netstat"]["sockets"] >= LISTENING
    assert wrong.get(TOGETHER, {}).get("sockets", set()) <= {"bound", "time-wait"}
    (first, *_) = (s for s in result.sources if s.name == "netstat")
    assert any("Proto" in line for each in first.differences for line in each.lines)


# -- it stays within its bounds


def test_a_tool_that_does_not_exist_is_named():
    tools = {"netstat": "/nonexistent/netstat", "lsof": "/nonexistent/lsof"}
    made = foreign.darwin(processes=False, **tools)
    result = run(foreign.sources(made, *tools, TOGETHER))
    assert not result.passed
    missing = [source.name for source in result.sources if source.missing]
    assert missing == ["lsof", "netstat", TOGETHER]


def test_only_loopback_is_connected_and_every_port_was_free():
    actors = Actors()
    try:
        local = {case.local.address for case in actors.cases}
        remote = {case.remote.address for case in actors.cases if case.remote}
    finally:
        actors.close()
    assert local <= {"127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"}
    assert remote <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_an_interrupt_in_the_middle_leaves_no_process():
    def interrupted(_ports: Collection[int]) -> Table:
        assert words_of_processes() != []
        raise KeyboardInterrupt

    machine = cast("Any", OneTable(native(), interrupted))
    with pytest.raises(KeyboardInterrupt):
        self_test(native(), [Source(TOGETHER, machine)])
    assert words_of_processes() == []


def test_no_process_is_left_where_devports_is_killed():
    does = "from devports.system.self_test import Actors; Actors(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", does], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"\n"
        assert words_of_processes() != []
        run.kill()
    eventually(lambda: words_of_processes() == [], what="end of the processes of the self-test")


def test_processes_that_do_not_start_are_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", os.devnull)
    with pytest.raises(DevportsError, match="cannot be started"):
        self_test(native())


# -- what follows

MISSED = """
import sys
from devports.system.linux import inet_diag
inet_diag.STATES[10] = "ESTABLISHED"
from devports.cli import main
sys.exit(main(sys.argv[1:]))
"""


@NEEDS_NETLINK_BOUND
def test_after_a_failed_self_test_no_port_is_called_free(port: int, tmp_path: Path):
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}

    def devports(*words: object, program: tuple[str, ...] = ("-m", "devports")) -> Any:
        argv = [sys.executable, *program, *map(str, words)]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    assert devports("check", port).stdout == f"port {port} is free\n"
    failed = devports("doctor", "--self-test", program=("-c", MISSED))
    assert failed.returncode == 1
    assert "`netlink` shows other sockets than there are" in failed.stdout
    asked = devports("check", port)
    assert asked.returncode == 97
    assert "is not known to be free" in asked.stdout
    assert "`netlink` missed sockets in the self-test" in asked.stderr
    (answer,) = json.loads(devports("check", port, "--json").stdout)["data"]["targets"]
    assert (answer["bindable"], answer["verdict"]) == (None, "source-untrue")
    assert devports("doctor", "--self-test").returncode == 0
    assert devports("check", port).stdout == f"port {port} is free\n"
    assert os.listdir(tmp_path / "devports") == ["self-test.passed"]

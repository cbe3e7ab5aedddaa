"""Where devports comes from: the port is taken, and every list says it is free.

`uvicorn --reload` with an app that cannot be imported binds in its supervisor and never listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NETLINK_BOUND, NEEDS_STRACE
from tests.harness.project import pids_in
from tests.harness.servers import COMMANDS
from tests.harness.strace import refusing, strace_signals
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import OnTerminal
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command
    from tests.harness.project import Project
    from tests.harness.servers import RealServer

pytestmark = [NEEDS_FORK, NEEDS_NETLINK_BOUND]


@pytest.fixture
def broken(real_server: Callable[[str, int], RealServer], port: int) -> RealServer:
    server = real_server("uvicorn --reload, broken", port)
    assert tables.states(port) == {"BOUND"}
    return server


def test_check_names_the_holder_in_closed_state(
    broken: RealServer, port: int, devports: Command
) -> None:
    done = devports("check", port)
    assert done.code == exitcodes.NO, done
    assert str(broken.pid) in done.text


def test_status_names_it(broken: RealServer, port: int, devports: Command) -> None:
    assert broken.pid in pids_in(devports("status", port, "--json").json())
    assert str(broken.pid) in devports("status", port).out


def test_free_ends_it_and_nobody_else(
    broken: RealServer, port: int, devports: Command, bystanders: Callable[[int], Bystanders]
) -> None:
    canaries = bystanders(port)
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert tables.bindable(port)
    assert broken.process.wait(5) is not None
    canaries.check()


@NEEDS_STRACE
def test_only_the_family_of_the_holder_is_signalled(
    broken: RealServer, port: int, devports: Command, tmp_path: Path
) -> None:
    family = {identity.pid for identity in broken.family}
    words = ("free", port, "--yes")
    done, sent = strace_signals(devports, *words, log=str(tmp_path / "protocol"))
    assert done.code == exitcodes.OK, done
    assert sent
    assert {one.target for one in sent} <= family
    assert {one.call for one in sent} == {"pidfd_send_signal"}


def test_run_asks_frees_and_starts_without_a_gap(
    broken: RealServer, port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.apps()
    project.service("backend", port, COMMANDS["uvicorn"])
    terminal = on_terminal("run", "backend")
    terminal.expect(str(broken.pid))
    terminal.answer("y")
    terminal.expect("Uvicorn running on")
    eventually(lambda: tables.listening_pids(port))
    assert broken.process.wait(5) is not None
    terminal.ctrl_c()
    assert terminal.exit_code() == 0
    assert tables.bindable(port)


@NEEDS_STRACE
def test_it_is_named_without_netlink_too(broken: RealServer, port: int, devports: Command) -> None:
    blind = devports.under(*refusing("sendto", "EPERM"))
    done = blind("check", port)
    assert done.code == exitcodes.NO, done
    assert str(broken.pid) in done.text, done

"""Every state a port can be in: what check, status and free say, and with which exit code."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_IPV6,
    NEEDS_NETLINK_BOUND,
    NEEDS_SECOND_USER,
)
from tests.harness.project import pids_in
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Zoo
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = NEEDS_FORK


@dataclass(frozen=True)
class State:
    """A holder, and what is to be said of its port."""

    code: str
    check: int
    free: int
    animal: str = ""
    words: tuple[object, ...] = ()
    named: bool = False
    ends: bool = False


STATES = [
    pytest.param(State("free", exitcodes.OK, exitcodes.OK), id="a free port is free"),
    pytest.param(
        State("port-held", exitcodes.NO, exitcodes.OK, "listener", named=True, ends=True),
        id="a listener is named and ended",
    ),
    pytest.param(
        State("port-held", exitcodes.NO, exitcodes.OK, "forked_listener", named=True, ends=True),
        id="a pre-fork family is named and ended",
    ),
    pytest.param(
        State("port-held", exitcodes.NO, exitcodes.OK, "bound_only", named=True, ends=True),
        id="a bound socket is named and its process ended",
        marks=NEEDS_NETLINK_BOUND,
    ),
    pytest.param(
        State("port-held", exitcodes.NO, exitcodes.OK, "stubborn", named=True, ends=True),
        id="one that ignores SIGTERM is killed in the end",
    ),
    pytest.param(
        State("port-held", exitcodes.NO, exitcodes.OK, "stopped", named=True, ends=True),
        id="a stopped one is woken to end",
    ),
    pytest.param(
        State("port-lingering", exitcodes.OK, exitcodes.OK, "time_wait_maker", ("--reuse",)),
        id="TIME_WAIT of a server with SO_REUSEADDR is no obstacle",
    ),
    pytest.param(
        State("port-lingering", exitcodes.OK, exitcodes.OK, "accepted_drain"),
        id="a draining server is no obstacle",
    ),
    pytest.param(
        State("held-by-client", exitcodes.NO, exitcodes.STILL_HELD, "source_port_client"),
        id="a client with this local port is explained and left alone",
    ),
    pytest.param(
        State("held-by-client", exitcodes.OK, exitcodes.OK, "source_port_client", ("--reuse",)),
        id="a client that lets a server bind beside it is no obstacle",
    ),
]


@pytest.mark.parametrize("state", STATES)
def test_check_says_yes_or_no(state: State, port: int, zoo: Zoo, devports: Command) -> None:
    pids = zoo(state.animal, port, *state.words).pids if state.animal else ()
    done = devports("check", port)
    assert done.code == state.check, done
    if state.named:
        assert any(str(pid) in done.text for pid in pids), done


def test_a_url_is_its_port_and_no_hint_repeats_the_rest(
    port: int, zoo: Zoo, devports: Command
) -> None:
    url = f"http://localhost:{port}/a?b&c"
    assert devports("check", url).code == exitcodes.OK
    zoo("listener", port)
    done = devports("check", url)
    assert done.code == exitcodes.NO, done
    assert f"`devports free localhost:{port}`" in done.err


@pytest.mark.parametrize("state", STATES)
def test_check_says_the_same_in_json(state: State, port: int, zoo: Zoo, devports: Command) -> None:
    pids = zoo(state.animal, port, *state.words).pids if state.animal else ()
    document = devports("check", port, "--json").json()
    assert document["schema_version"] == 1
    assert document["command"][0] == "check"
    assert document["exit_code"] == state.check
    assert f'"{state.code}"' in str(document).replace("'", '"')
    if state.named:
        assert set(pids) & pids_in(document)


@pytest.mark.parametrize("state", STATES)
def test_status_shows_it(state: State, port: int, zoo: Zoo, devports: Command) -> None:
    pids = zoo(state.animal, port, *state.words).pids if state.animal else ()
    done = devports("status", port)
    assert done.code == exitcodes.OK, done
    assert str(port) in done.out
    if state.named:
        assert set(pids) & pids_in(devports("status", port, "--json").json())


@pytest.mark.parametrize("state", STATES)
def test_free_makes_it_bindable_or_says_why_not(
    state: State,
    port: int,
    zoo: Zoo,
    devports: Command,
    bystanders: Callable[[int], Bystanders],
) -> None:
    holder = zoo(state.animal, port, *state.words) if state.animal else None
    if state.named and state.animal != "stopped":
        bystanders(port)
    done = devports("free", port, "--yes")
    assert done.code == state.free, done
    assert tables.bindable(port) is (state.free == exitcodes.OK)
    if holder and state.ends:
        holder.gone()
    elif holder and state.animal != "time_wait_maker":
        assert holder.alive


def test_without_yes_and_terminal_nobody_is_ended(
    port: int, zoo: Zoo, devports: Command, bystanders: Callable[[int], Bystanders]
) -> None:
    holder = zoo("listener", port)
    bystanders(port)
    done = devports("free", port)
    assert done.code == exitcodes.HELD, done
    assert holder.alive


def test_dry_run_ends_nobody(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port)
    done = devports("free", port, "--yes", "--dry-run")
    assert str(holder.pid) in done.text, done
    assert holder.alive


def test_a_dry_run_needs_nobody_to_ask(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port)
    done = devports("free", port, "--dry-run")
    assert done.code == exitcodes.OK, done
    assert f"(pid {holder.pid}) with SIGTERM, after asking" in done.out
    (target,) = devports("free", port, "--dry-run", "--json").json()["data"]["targets"]
    assert [(done["kind"], done["asks"]) for done in target["outcomes"]] == [("planned", True)]
    assert holder.alive


def test_time_wait_of_a_server_without_reuse_blocks(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("time_wait_maker", port, "--no-reuse").gone()
    done = devports("check", port)
    assert done.code == exitcodes.NO, done
    assert "TIME_WAIT" in done.text
    freed = devports("free", port, "--yes")
    assert freed.code in {exitcodes.OK, exitcodes.STILL_HELD}, freed
    assert tables.bindable(port) is (freed.code == exitcodes.OK)


@NEEDS_IPV6
def test_a_listener_on_the_other_family_is_a_warning(
    port: int, zoo: Zoo, devports: Command
) -> None:
    shadow = zoo("listener", port, "--host", "::1")
    done = devports("check", f"127.0.0.1:{port}")
    assert done.code == exitcodes.OK, done
    assert str(shadow.pid) in done.text
    freed = devports("free", f"127.0.0.1:{port}", "--yes")
    assert freed.code == exitcodes.OK, freed
    assert shadow.alive


@NEEDS_SECOND_USER
def test_another_users_server_is_shown_and_not_covered_by_yes(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port, uid=NOBODY)
    done = devports("check", port)
    assert done.code == exitcodes.NO, done
    assert "nobody" in done.text
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.PERMISSION, freed
    assert holder.alive
    freed = devports("free", port, "--yes", "--other-users")
    assert freed.code == exitcodes.OK, freed
    holder.gone()


@NEEDS_SECOND_USER
@pytest.mark.parametrize(
    "animal",
    [
        pytest.param("listener", id="a listener of another process"),
        pytest.param(
            "bound_only", id="a bound socket of another process", marks=NEEDS_NETLINK_BOUND
        ),
    ],
)
def test_without_privileges_the_holder_is_hidden_but_never_free(
    animal: str, port: int, zoo: Zoo, as_nobody: Command
) -> None:
    holder = zoo(animal, port)
    done = as_nobody("check", port)
    assert done.code == exitcodes.NO, done
    assert "root" in done.text, done
    freed = as_nobody("free", port, "--yes", "--other-users")
    assert freed.code == exitcodes.PERMISSION, freed
    assert "sudo" in freed.text, freed
    assert holder.alive


@NEEDS_SECOND_USER
def test_without_privileges_our_own_holder_is_named_and_freed(
    port: int, zoo: Zoo, as_nobody: Command
) -> None:
    holder = zoo("listener", port, uid=NOBODY)
    assert str(holder.pid) in as_nobody("check", port).text
    freed = as_nobody("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed


@NEEDS_SECOND_USER
def test_a_privileged_port_is_forbidden(as_nobody: Command) -> None:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        first = int(file.read())
    if first < 2 or tables.rows(first - 1):
        pytest.skip("every port is open to everybody here")
    done = as_nobody("check", first - 1)
    assert done.code == exitcodes.PERMISSION, done


def test_an_address_of_somewhere_else_is_a_usage_error(port: int, devports: Command) -> None:
    done = devports("check", f"203.0.113.1:{port}")
    assert done.code == exitcodes.USAGE, done


def test_a_respawner_is_named_and_not_fought(port: int, zoo: Zoo, devports: Command) -> None:
    respawner = zoo("respawner", port)
    done = devports("free", port, "--yes")
    if done.code == exitcodes.OK:  # its top was ended as well: then it must stay ended
        assert tables.bindable(port)
        assert not respawner.alive
    else:
        assert done.code == exitcodes.TAKEN_AGAIN, done
        assert str(respawner.pid) in done.text


def test_the_parent_shell_of_a_holder_lives(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port, shell_parent=True)
    assert devports("free", port, "--yes").code == exitcodes.OK
    holder.gone()
    assert holder.process.poll() is None


def test_both_twins_are_ended(port: int, zoo: Zoo, devports: Command) -> None:
    twins = [zoo("reuseport_twin", port), zoo("reuseport_twin", port)]
    assert devports("free", port, "--yes").code == exitcodes.OK
    for twin in twins:
        twin.gone()


def test_a_slow_one_is_waited_for_and_not_killed(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("slow_stop", port, "--seconds", 1)
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    holder.gone()
    eventually(lambda: holder.process.poll() is not None)
    assert holder.process.returncode == 0, "it ended by itself"


def test_freed_means_bindable_even_while_the_process_lives_on(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("slow_stop", port, "--close-first", "--seconds", 8)
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert tables.bindable(port)
    assert done.seconds < 8 or not holder.alive


def test_the_holder_that_is_our_own_parent_is_refused(port: int, devports: Command) -> None:
    script = (
        "import socket, subprocess, sys; s = socket.socket(); s.setsockopt(1, 2, 1);"
        f"s.bind(('127.0.0.1', {port})); s.listen();"
        "sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    )
    done = devports.under(sys.executable, "-c", script)("free", port, "--yes")
    assert done.code == exitcodes.PROTECTED, done


def test_hostile_names_do_not_reach_the_terminal(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("hostile_name", port)
    for words in (("check", port), ("status", port), ("free", port, "--dry-run")):
        for done in (devports(*words), devports(*words, "--json")):
            assert b"\x1b" not in done.stdout + done.stderr
            assert "\u202e" not in done.text
            assert "hunter2" not in done.text
    assert holder.alive
    assert str(holder.pid) in devports("check", port).text


def test_ctrl_c_while_waiting_kills_nothing_more(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("stubborn", port)
    freeing = devports.start("free", port, "--yes")
    freeing.says(str(holder.pid))
    freeing.send(signal.SIGINT)
    assert freeing.ends(10) == 130
    assert holder.alive


@NEEDS_IPV6
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_an_ipv4_address_written_as_ipv6_is_that_address(
    host: str, port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port, "--host", host)
    found = devports("check", "--json", f"[::ffff:127.0.0.1]:{port}")
    assert found.code == exitcodes.NO, found
    assert pids_in(found.json()) >= {holder.pid}
    assert devports("check", f"127.0.0.1:{port}").code == exitcodes.NO
    freed = devports("free", f"[::ffff:7f00:1]:{port}", "--yes")
    assert freed.code == exitcodes.OK, freed


@NEEDS_IPV6
def test_a_group_of_hosts_is_no_address_of_this_machine(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port)
    project.service("odd", port + 1, host="ff02::1")
    done = devports("check", f"[ff02::1]:{port}")
    assert done.code == exitcodes.USAGE, done
    assert "this machine does not have that address (EADDRNOTAVAIL)" in done.text
    shown = devports("status")
    assert shown.code == exitcodes.OK, shown
    assert "web" in shown.out
    assert "odd" in shown.out
    assert devports("doctor").code == exitcodes.NO
    assert devports("free").code == exitcodes.USAGE


def test_an_address_of_one_interface_is_refused_with_a_way_out(
    port: int, devports: Command
) -> None:
    done = devports("check", f"[fe80::1%lo]:{port}")
    assert done.code == exitcodes.USAGE, done
    assert "link-local" in done.err
    assert f"`[::]:{port}`" in done.err

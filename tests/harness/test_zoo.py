"""Every animal is what its name says, by the kernel's word."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.harness import tables
from tests.harness.actors import NOBODY, alive
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_FUSE,
    NEEDS_IPV6,
    NEEDS_NETLINK_BOUND,
    NEEDS_NODE,
    NEEDS_PROC,
    NEEDS_SECOND_USER,
)
from tests.harness.servers import BOUND_ONLY, COMMANDS
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Zoo
    from tests.harness.servers import RealServer

pytestmark = [NEEDS_FORK, NEEDS_PROC]

LISTENERS = [
    pytest.param("listener", [], id="a listener"),
    pytest.param("listener", ["--no-reuse"], id="a listener without SO_REUSEADDR"),
    pytest.param("no_reuse_server", [], id="a server without SO_REUSEADDR"),
    pytest.param("forked_listener", ["--children", 2], id="a pre-fork server"),
    pytest.param("stubborn", [], id="one that ignores SIGTERM"),
    pytest.param("slow_stop", [], id="one that stops slowly"),
    pytest.param("hostile_name", [], id="one with a hostile name"),
    pytest.param("hopper", [], id="one that would move"),
    pytest.param("reuseport_twin", [], id="one that shares by SO_REUSEPORT"),
    pytest.param("noisy_server", ["--text", "Port 1 is in use"], id="one that cries wolf"),
]


@pytest.mark.parametrize(("name", "words"), LISTENERS)
def test_listens_with_every_process_of_its_ready_line(
    name: str, words: list[object], port: int, zoo: Zoo
) -> None:
    actor = zoo(name, port, *words)
    assert tables.listening_pids(port) == set(actor.pids)
    assert tables.connectable(port)


@pytest.mark.parametrize(("name", "words"), LISTENERS)
def test_ends_and_frees_the_port_when_its_stdin_closes(
    name: str, words: list[object], port: int, zoo: Zoo
) -> None:
    actor = zoo(name, port, *words)
    actor.let_go()
    actor.gone()
    eventually(lambda: not tables.holding_pids(port), what="nobody holds the port")


@NEEDS_NETLINK_BOUND
@pytest.mark.parametrize("name", ["bound_only", "silent_bound"])
def test_a_bound_socket_is_seen_by_netlink_alone(name: str, port: int, zoo: Zoo) -> None:
    actor = zoo(name, port)
    assert tables.states(port) == {"BOUND"}
    assert tables.holding_pids(port) == {actor.pid}
    assert not tables.connectable(port)


@NEEDS_NETLINK_BOUND
def test_a_bound_socket_without_reuse_refuses_every_bind(port: int, zoo: Zoo) -> None:
    zoo("bound_only", port, "--no-reuse")
    assert not tables.bindable(port)


@pytest.mark.parametrize(
    ("option", "bindable"),
    [
        pytest.param("--reuse", True, id="left by a server with SO_REUSEADDR: bindable"),
        pytest.param("--no-reuse", False, id="left by a server without it: not bindable"),
    ],
)
def test_time_wait_is_left_and_nobody_has_it(
    option: str, bindable: bool, port: int, zoo: Zoo
) -> None:
    zoo("time_wait_maker", port, option).gone()
    assert tables.states(port) == {"TIME_WAIT"}
    assert tables.bindable(port) is bindable


def test_the_stubborn_one_lives_through_term_int_and_hup(port: int, zoo: Zoo) -> None:
    actor = zoo("stubborn", port)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        actor.send(number)
    never(lambda: not actor.alive, 0.3, what="its end")


def test_the_stopped_one_is_connected_to_and_does_not_answer(port: int, zoo: Zoo) -> None:
    actor = zoo("stopped", port)
    process = actor.cast[0].process
    assert process is not None
    eventually(lambda: process.status() == "stopped")
    assert tables.connectable(port)


def test_the_zombie_leader_holds_by_a_thread_alone(port: int, zoo: Zoo) -> None:
    actor = zoo("zombie_leader", port)
    process = actor.cast[0].process
    assert process is not None
    assert process.status() == "zombie"
    assert not os.listdir(f"/proc/{actor.pid}/fd")
    assert tables.listening_pids(port) == {actor.pid}
    actor.send(signal.SIGKILL)
    eventually(lambda: tables.bindable(port), what="the port is given back")


def test_the_traced_one_hears_neither_term_nor_cont(port: int, zoo: Zoo) -> None:
    actor = zoo("traced", port)
    for number in (signal.SIGTERM, signal.SIGCONT):
        actor.send(number)
    never(lambda: not actor.alive, 0.3, what="its end")
    with open(f"/proc/{actor.pid}/status", encoding="utf-8") as file:
        assert f"TracerPid:\t{actor.pids[1]}\n" in file.read()
    actor.send(signal.SIGKILL)
    actor.gone()


@NEEDS_FUSE
def test_the_unkillable_one_lives_through_kill_as_long_as_its_file_system(
    port: int, zoo: Zoo
) -> None:
    actor = zoo("unkillable", port)
    listener = actor.cast[1]
    listener.send(signal.SIGKILL)
    never(lambda: not listener.alive, 0.3, what="its end")
    assert tables.listening_pids(port) == {listener.pid}
    actor.let_go()
    actor.gone()
    eventually(lambda: not listener.alive, what="the end of the listener")


def test_the_crowd_is_everybody_around_a_port(port: int, zoo: Zoo) -> None:
    zoo("listener", port)
    crowd = zoo("crowd", port, "--clients")
    assert len(crowd.pids) == 5
    assert tables.listening_pids(port + 1) == {crowd.pids[3]}
    local = [row for row in tables.rows(port) if row.address == "127.0.0.2"]
    assert [(row.state, row.remote_port) for row in local] == [("ESTABLISHED", port + 7)]
    crowd.let_go()
    eventually(lambda: not any(map(alive, crowd.pids)), what="the end of everybody")


def test_the_source_port_client_blocks_every_bind(port: int, zoo: Zoo) -> None:
    zoo("source_port_client", port)
    assert tables.states(port) == {"ESTABLISHED"}
    assert not tables.bindable(port)


def test_the_draining_server_has_no_listener_left(port: int, zoo: Zoo) -> None:
    zoo("accepted_drain", port)
    assert tables.states(port) == {"ESTABLISHED"}
    assert tables.bindable(port)


@pytest.mark.parametrize(
    ("option", "bindable"),
    [
        pytest.param("--reuse", True, id="with SO_REUSEADDR: bindable"),
        pytest.param("--no-reuse", False, id="without it: not bindable"),
    ],
)
def test_the_hung_server_keeps_what_its_client_has_left(
    option: str, bindable: bool, port: int, zoo: Zoo
) -> None:
    zoo("hung_server", port, option)
    assert tables.states(port) == {"CLOSE_WAIT"}
    assert tables.bindable(port) is bindable


def test_the_listener_in_flight_is_open_in_no_process(port: int, zoo: Zoo) -> None:
    actor = zoo("in_flight", port)
    assert tables.states(port) == {"LISTEN"}
    assert tables.listening_pids(port) == set()
    actor.let_go()
    eventually(lambda: not tables.rows(port), what="its end with the message")


def test_one_that_is_called_otherwise_says_so_in_its_first_word(port: int, zoo: Zoo) -> None:
    actor = zoo("called", port, "--as", "docker-proxy")
    process = actor.cast[0].process
    assert process is not None
    assert process.cmdline()[0] == "docker-proxy"
    assert tables.listening_pids(port) == {actor.pid}


def test_the_daemon_has_left_its_starter_and_its_session(port: int, zoo: Zoo) -> None:
    actor = zoo("daemon", port)
    assert tables.listening_pids(port) == {actor.pid}
    assert actor.process.wait(5) == 0
    assert os.getsid(actor.pid) != actor.process.pid


def test_the_storm_is_another_process_soon(port: int, zoo: Zoo) -> None:
    actor = zoo("fork_storm", port)
    actor.gone()
    assert tables.states(port) == {"LISTEN"}
    actor.let_go()
    eventually(lambda: not tables.rows(port), what="the end of the last one")


def test_the_sharers_have_every_listener_and_the_first_one_has_none(port: int, zoo: Zoo) -> None:
    actor = zoo("sharers", port, "--count", 20)
    holders = [tables.listening_pids(port + number) for number in range(7)]
    assert all(holders)
    assert set().union(*holders) <= set(actor.pids) - {actor.pid}


def test_the_respawner_replaces_its_listener(port: int, zoo: Zoo) -> None:
    actor = zoo("respawner", port)
    actor.cast[1].send(signal.SIGTERM)
    successor = eventually(lambda: tables.listening_pids(port) - set(actor.pids))
    actor.let_go()
    actor.gone()
    eventually(lambda: not any(map(alive, successor)), what="the end of the successor")


def test_the_reloader_lives_on_without_its_listener(port: int, zoo: Zoo) -> None:
    actor = zoo("reloader", port)
    assert tables.listening_pids(port) == {actor.pids[1]}
    actor.cast[1].send(signal.SIGTERM)
    eventually(lambda: not tables.listening_pids(port))
    assert actor.alive


def test_the_reloader_starts_another_listener(port: int, zoo: Zoo) -> None:
    actor = zoo("reloader", port, "--again")
    actor.cast[1].send(signal.SIGTERM)
    successor = eventually(lambda: tables.listening_pids(port) - set(actor.pids))
    actor.let_go()
    eventually(lambda: not any(map(alive, successor)), what="the end of the successor")


def test_who_waits_below_the_reloader_takes_the_port(port: int, zoo: Zoo) -> None:
    actor = zoo("reloader", port, "--ahead")
    assert tables.listening_pids(port) == {actor.pids[1]}
    actor.cast[1].send(signal.SIGTERM)
    eventually(lambda: tables.listening_pids(port) == {actor.pids[2]})


def test_the_helper_does_not_have_the_port_and_outlives_its_parent(port: int, zoo: Zoo) -> None:
    actor = zoo("helped", port)
    assert tables.listening_pids(port) == {actor.pid}
    actor.send(signal.SIGTERM)
    actor.gone()
    assert actor.cast[1].alive


def test_orphaned_workers_keep_the_port(port: int, zoo: Zoo) -> None:
    actor = zoo("forked_listener", port, "--children", 1, "--orphans")
    actor.send(signal.SIGKILL)
    actor.gone()
    assert tables.listening_pids(port) == {actor.pids[1]}


def test_deaf_workers_live_through_term(port: int, zoo: Zoo) -> None:
    actor = zoo("forked_listener", port, "--children", 1, "--orphans", "--deaf")
    for identity in actor.cast:
        identity.send(signal.SIGTERM)
    actor.gone()
    never(lambda: tables.listening_pids(port) != {actor.pids[1]}, 0.3, what="its end")


def test_the_rival_reports_its_hits(port: int, zoo: Zoo) -> None:
    rival = zoo("rival", port, "--hold", 1)
    assert rival.line().startswith("hit ")
    assert rival.rest().splitlines()[-1].startswith("tries ")


def test_the_slow_one_closes_its_listener_before_it_ends(port: int, zoo: Zoo) -> None:
    actor = zoo("slow_stop", port, "--close-first", "--seconds", 3)
    actor.send(signal.SIGTERM)
    eventually(lambda: not tables.holding_pids(port))
    assert actor.alive


def test_twins_listen_side_by_side(port: int, zoo: Zoo) -> None:
    twins = {zoo("reuseport_twin", port).pid, zoo("reuseport_twin", port).pid}
    assert tables.listening_pids(port) == twins


def test_the_hopper_moves_to_the_next_port(port: int, zoo: Zoo) -> None:
    zoo("listener", port)
    hopper = zoo("hopper", port)
    assert tables.listening_pids(port + 1) == {hopper.pid}


@NEEDS_IPV6
def test_both_families_can_be_held_side_by_side(port: int, zoo: Zoo) -> None:
    zoo("listener", port, "--host", "::1")
    zoo("listener", port, "--host", "127.0.0.1")
    assert len(tables.listening_pids(port)) == 2


@NEEDS_SECOND_USER
def test_an_animal_may_belong_to_somebody_else(port: int, zoo: Zoo) -> None:
    zoo("listener", port, uid=NOBODY)
    assert {row.uid for row in tables.rows(port)} == {NOBODY}


def test_a_shell_can_be_the_parent(port: int, zoo: Zoo) -> None:
    actor = zoo("listener", port, shell_parent=True)
    process = actor.cast[0].process
    assert process is not None
    assert process.ppid() == actor.process.pid


@NEEDS_NETLINK_BOUND
@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=NEEDS_NODE) if "node" in k else k for k in COMMANDS]
)
def test_a_real_server_comes_to_rest(
    kind: str, port: int, real_server: Callable[[str, int], RealServer]
) -> None:
    server = real_server(kind, port)
    assert tables.states(port) >= {"BOUND" if kind in BOUND_ONLY else "LISTEN"}
    assert server.pids
    server.end()
    eventually(lambda: not tables.holding_pids(port), what="the port is given back")

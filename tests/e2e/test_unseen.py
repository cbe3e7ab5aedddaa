"""Holders that cannot be seen, or not long enough: never called free, never guessed at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY, alive
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NAMESPACES, NEEDS_SECOND_USER
from tests.harness.project import pids_in
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command

pytestmark = NEEDS_FORK

LISTED = "mount -t proc -o hidepid=0 proc /proc && exec "
NOT_LISTED = "mount -t proc -o hidepid=2 proc /proc && exec "


def test_a_listener_on_its_way_through_a_unix_socket_is_in_nobodys_hands(
    port: int, zoo: Zoo, devports: Command
) -> None:
    carrier = zoo("in_flight", port)
    for done in (devports("check", port), devports("free", port, "--yes")):
        assert "SCM_RIGHTS" in done.err, done
        assert f"probably {carrier.pid}" in done.text
    assert done.code == exitcodes.STILL_HELD, done
    assert carrier.alive
    assert not tables.bindable(port)


@NEEDS_NAMESPACES
def test_a_holder_in_another_pid_namespace_is_said_to_be_out_of_sight(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    inside = devports.under("unshare", "--pid", "--fork", "--mount-proc")
    check, freed = inside("check", port), inside("free", port, "--yes", "--other-users")
    assert check.code == exitcodes.NO, check
    assert "PID namespace" in check.err
    assert freed.code == exitcodes.STILL_HELD, freed
    assert holder.alive


@NEEDS_NAMESPACES
def test_a_holder_in_another_network_namespace_is_no_obstacle_and_not_touched(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    inside = devports.under("unshare", "--net")
    assert inside("free", port, "--yes").code == exitcodes.OK
    assert holder.alive


@NEEDS_NAMESPACES
@NEEDS_SECOND_USER
def test_processes_that_are_not_even_listed_are_unknown_and_not_killable(
    port: int, zoo: Zoo, as_nobody: Command
) -> None:
    holder = zoo("listener", port)
    hidden = as_nobody.under("unshare", "--mount", "sh", "-c", NOT_LISTED + '"$@"', "sh")
    check = hidden("check", port)
    freed = hidden("free", port, "--yes", "--other-users")
    assert check.code == exitcodes.NO, check
    assert "hidepid" in check.err
    assert freed.code == exitcodes.PERMISSION, freed
    assert "sudo" in freed.err
    assert holder.alive


@NEEDS_NAMESPACES
@NEEDS_SECOND_USER
def test_an_own_process_is_named_and_freed_where_no_others_are_listed(
    port: int, zoo: Zoo, as_nobody: Command
) -> None:
    holder = zoo("listener", port, uid=NOBODY)
    hidden = as_nobody.under("unshare", "--mount", "sh", "-c", NOT_LISTED + '"$@"', "sh")
    freed = hidden("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    holder.gone()


def test_a_listener_that_is_handed_on_all_the_time_is_seen_and_never_called_free(
    port: int, zoo: Zoo, devports: Command
) -> None:
    zoo("fork_storm", port)
    check = devports("check", port)
    assert check.code == exitcodes.NO, check
    freed = devports("free", port, "--yes")
    held = bool(tables.rows(port))
    assert (freed.code == exitcodes.OK) is not held, freed
    assert freed.code in {exitcodes.OK, exitcodes.STILL_HELD, exitcodes.TAKEN_AGAIN}, freed


def test_a_listener_that_is_handed_on_slowly_is_caught(
    port: int, zoo: Zoo, devports: Command
) -> None:
    zoo("fork_storm", port, "--each", 5)
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    assert tables.bindable(port)


def test_a_descriptor_that_is_taken_out_of_transit_frees_the_port(
    port: int, zoo: Zoo, devports: Command
) -> None:
    carrier = zoo("in_flight", port)
    assert devports("check", port).code == exitcodes.NO
    carrier.let_go()
    eventually(lambda: not tables.rows(port), what="the message is gone with its socket")
    assert devports("check", port).code == exitcodes.OK


def test_a_thread_with_descriptors_of_its_own_is_a_holder(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("own_table", port)
    check = devports("check", port, "--json")
    assert check.code == exitcodes.NO, check
    assert pids_in(check.json()) >= {holder.pid}
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    holder.gone()


@NEEDS_NAMESPACES
@NEEDS_SECOND_USER
def test_a_process_that_hides_from_its_own_user_is_not_said_to_be_anothers(
    port: int, zoo: Zoo, as_nobody: Command
) -> None:
    holder = zoo("undumpable", port, uid=NOBODY)
    listed = as_nobody.under("unshare", "--mount", "sh", "-c", LISTED + '"$@"', "sh")
    for done in (listed("check", port), listed("free", port, "--yes")):
        assert "of your own processes that cannot be read" in done.err, done
    assert done.code == exitcodes.PERMISSION, done
    assert holder.alive


@NEEDS_SECOND_USER
def test_a_worker_is_not_ended_while_its_master_of_another_user_keeps_the_port(
    port: int, zoo: Zoo, as_nobody: Command
) -> None:
    """It is the user's own, and to end it would free nothing."""
    master = zoo("root_master", port, "--uid", NOBODY)
    check, freed = as_nobody("check", port, "--json"), as_nobody("free", port, "--yes")
    (endpoint,) = check.json()["data"]["targets"][0]["endpoints"]
    assert [holder["pid"] for holder in endpoint["holders"]] == [master.pids[1]]
    assert endpoint["hidden"]
    assert [gap["code"] for gap in endpoint["gaps"]] == ["unreadable-processes"]
    assert freed.code == exitcodes.PERMISSION, freed
    assert "sudo" in freed.err
    assert alive(master.pids[1])

"""Who has the port after its holder: somebody quicker, a parent's next server, nobody yet."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import alive
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

RIVAL = ("--no-reuse", "--hold", -1)
"""Takes the port as soon as it can, and keeps it."""
SLOW = ("--close-first", "--seconds", 2)
"""Gives its port up long before its end, for which freeing waits: time enough for a rival."""


def outcome_of(done: dict[str, object], kind: str) -> dict[str, object]:
    (target,) = done["data"]["targets"]  # type: ignore[index]
    (found,) = (one for one in target["outcomes"] if one["kind"] == kind)
    return found  # type: ignore[no-any-return]


def test_a_port_lost_while_it_is_freed_is_freed_again(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    zoo("slow_stop", port, *SLOW)
    rival = zoo("rival", port, *RIVAL)
    project.zoo("web", "listener", port)
    running = devports.start("run", "web", "--yes")
    running.says("is ready on")
    assert f"(pid {rival.pid}) has taken the port" in running.err
    rival.gone()
    running.send(signal.SIGTERM)
    running.ends()


def test_it_is_freed_as_often_as_a_server_is_started_and_no_oftener(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    zoo("slow_stop", port, *SLOW)
    rivals = [zoo("rival", port, *RIVAL) for _ in range(4)]
    project.zoo("web", "listener", port, attempts=2)
    running = devports.start("run", "web", "--yes")
    eventually(lambda: running.said_ready or running.ended, 30)
    ended = [rival for rival in rivals if not rival.alive]
    assert len(ended) == 1, running.err
    if running.ended:
        assert running.ends() == exitcodes.TAKEN_AGAIN, running.err
        (holder,) = tables.listening_pids(port)
        assert f"(pid {holder}) has taken the port" in running.err


def test_a_parent_that_starts_its_server_again_is_named_and_not_fought(
    port: int, zoo: Zoo, devports: Command
) -> None:
    reloader = zoo("reloader", port, "--again")
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.TAKEN_AGAIN, done
    says = f"(pid {reloader.pid}) restarts it; stop that first: `kill -TERM {reloader.pid}`"
    assert says in done.err
    assert done.err.count("with SIGTERM\n") == 1
    assert reloader.alive


@pytest.mark.parametrize("words", [("free",), ("run",)], ids=["free", "run"])
def test_what_was_there_before_the_signal_is_not_fought_and_not_said_to_be_started_again(
    words: tuple[str, ...], port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    reloader = zoo("reloader", port, "--ahead")
    project.zoo("web", "listener", port)
    done = devports(*words, "web", "--yes")
    assert done.code == exitcodes.TAKEN_AGAIN, done
    assert "restarts it" not in done.err
    assert re.search(rf"its parent is `python[\d.]*` \(pid {reloader.pid}\)", done.err), done
    assert alive(reloader.pids[2])


@pytest.mark.parametrize("command", ["free", "run"])
def test_a_parent_that_lives_on_is_named_with_the_command_that_ends_it(
    command: str, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    reloader = zoo("reloader", port)
    project.zoo("web", "listener", port)
    ends = f"kill -TERM {reloader.pid}"
    running = devports.start(command, "web", "--yes")
    running.says(f"is still running and may restart it; to stop it, run `{ends}`")
    if command == "run":
        running.says("is ready on")
        running.send(signal.SIGTERM)
    running.ends()
    assert reloader.alive


def test_the_parent_that_lives_on_is_in_the_answer_for_programs(
    port: int, zoo: Zoo, devports: Command
) -> None:
    reloader = zoo("reloader", port)
    stopped = outcome_of(devports("free", port, "--yes", "--json").json(), "stopped")
    assert stopped["parent"]["pid"] == reloader.pid  # type: ignore[index]
    assert stopped["orphans"] == []


def test_a_shell_that_lives_on_is_not_accused(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("listener", port, shell_parent=True)
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert "may restart it" not in done.err


@pytest.mark.parametrize("deaf", [False, True], ids=["ended by SIGTERM", "killed"])
def test_children_without_the_port_are_named_and_not_signalled(
    deaf: bool, port: int, zoo: Zoo, devports: Command
) -> None:
    server = zoo("helped", port, *["--deaf"] * deaf)
    helper = server.pids[1]
    done = devports("free", port, "--yes", "--timeout", 0.3)
    assert done.code == exitcodes.OK, done
    assert f"is still running; to stop it, run `kill -TERM {helper}`" in done.err
    assert alive(helper)


def test_children_that_end_with_their_parent_are_not_named(
    port: int, zoo: Zoo, devports: Command
) -> None:
    family = zoo("forked_listener", port)
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert "still running" not in done.err
    assert not any(map(alive, family.pids))

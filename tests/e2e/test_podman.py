"""Containers of podman itself: its monitor, its stop command, its own sense of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.capabilities import NEEDS_PODMAN, NEEDS_STRACE
from tests.harness.podman import room
from tests.harness.strace import strace_signals
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.command import Command
    from tests.harness.podman import Room

pytestmark = NEEDS_PODMAN

PORT, OTHER = 31000, 31001
"""Nobody else has a port in the room."""
SERVES = ("/bin/httpd", "-f", "-h", "/www", "-p")
AFTER_12_S = "trap 'sleep 12; exit 0' TERM; echo ready; while :; do sleep 1; done"


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room(str(tmp_path_factory.mktemp("podman"))) as made:
        made.runs("bystander", "--network=host", command=(*SERVES, str(OTHER)))
        yield made


@pytest.fixture
def podman(inside: Room) -> Iterator[Room]:
    """The room; whoever only stands by in it is the same afterwards."""
    before = inside.state("bystander")
    yield inside
    assert inside.state("bystander") == before
    inside.podman("rm", "-f", "-t0", "web")


@NEEDS_STRACE
def test_who_runs_inside_without_a_control_group_is_its_engines_to_stop(
    podman: Room, devports: Command, tmp_path: Path
) -> None:
    podman.runs("web", "--network=host", command=(*SERVES, str(PORT)))
    serving = podman.state("web")
    command = devports.under(*podman.words)
    eventually(lambda: command("check", PORT).code == exitcodes.NO, what="the server inside")
    done, sent = strace_signals(command, "free", PORT, "--yes", log=str(tmp_path / "signals"))
    assert done.code == exitcodes.PROTECTED, done
    assert "runs inside the podman container `web`" in done.err
    assert "    podman stop web" in done.err
    assert sent == []
    assert podman.state("web") == serving


def test_a_container_that_takes_its_own_time_ends_by_itself(
    podman: Room, devports: Command
) -> None:
    podman.runs("web", "--stop-timeout=60", f"-p{PORT}:8000", command=("sh", "-c", AFTER_12_S))
    eventually(lambda: podman.podman("logs", "web") == "ready", what="the container's trap")
    done = devports.under(*podman.words)("free", PORT, "--yes")
    assert done.code == exitcodes.OK, done
    assert "with `podman stop web`; it may take up to 60 s\n" in done.err
    assert podman.state("web") == "exited 0 0"

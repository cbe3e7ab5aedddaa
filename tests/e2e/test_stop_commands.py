"""What is printed to stop a supervised server stops it: run by hand, as a person would."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.harness.capabilities import NEEDS_FORK, NEEDS_NETLINK_BOUND
from tests.harness.command import Command, clean_environment
from tests.harness.node import MissingError
from tests.shapes.catalogue import REFUSED, SHAPES
from tests.shapes.stage import played
from tests.shapes.trial import is_free, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shapes.catalogue import Shape
    from tests.shapes.stage import Play

pytestmark = [NEEDS_FORK, NEEDS_NETLINK_BOUND]

RESPAWN = 3.0
"""Seconds in which both supervisors have started again what was killed (measured: 1.0 and 2.6)."""


@contextlib.contextmanager
def on_stage(shape: Shape, port: int) -> Iterator[tuple[Play, Command]]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="devports-stop-"))
        try:
            play = stack.enter_context(played(shape, port, folder, None))
        except MissingError as error:
            pytest.skip(str(error))
        yield play, Command(folder, clean_environment(play.home), folder)


@pytest.mark.parametrize("name", ["supervisord", "pm2"])
def test_the_command_that_is_printed_stops_it_for_good(name: str, port: int) -> None:
    shape = next(shape for shape in SHAPES if shape.name == name)
    with on_stage(shape, port) as (play, devports):
        done = devports("free", port, "--yes", "--json")
        assert done.code == REFUSED, done
        (outcome,) = done.json()["data"]["targets"][0]["outcomes"]
        standing = outcome["process"]["standing"]
        assert (standing["kind"], outcome["why"]) == ("supervised", "supervised")
        path = os.pathsep.join((f"{play.modules}/.bin", os.environ["PATH"]))
        ran = subprocess.run(
            ["sh", "-c", standing["stop"]], cwd="/", env={**os.environ, "PATH": path},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, ran
        assert all(free for _, free in watch(port, RESPAWN)), ran


def test_pm2s_daemon_that_holds_the_port_itself_is_left_alone(port: int) -> None:
    """In cluster mode it listens for its apps, and every other app would end with it."""
    shape = next(shape for shape in SHAPES if shape.name == "pm2")
    cluster = replace(shape, words=(*shape.words[:4], "-i", "2", *shape.words[4:]))
    with on_stage(cluster, port) as (_, devports):
        done = devports("free", port, "--yes")
        assert done.code == REFUSED, done
        assert "pm2 list" in done.err, done
        assert not is_free(port)

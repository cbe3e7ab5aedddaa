"""Fixtures that every kind of test may use. What they are made of is in `tests/harness/`."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import actors, guard

guard.install()  # before any test imports devports: it must not find an unwatched way to signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.actors import Actor
    from tests.harness.bystanders import Bystanders
    from tests.harness.servers import RealServer

for _name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# How long an example takes depends on what else this machine does, so it proves nothing.
settings.register_profile("devports", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("devports")


class Zoo(Protocol):
    """Starts `tests/zoo/NAME.py WORDS...`; see `actors.start` for the rest."""

    def __call__(
        self,
        name: str,
        *words: object,
        uid: int | None = None,
        shell_parent: bool = False,
        cwd: str = "/",
    ) -> Actor: ...


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what devports records for its user away from what it has recorded for the developer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _no_stranger_is_signalled() -> Iterator[None]:
    with guard.armed():
        yield


@pytest.fixture
def port() -> Iterator[int]:
    """A free port outside the ephemeral range; this test has it, and the seven after it."""
    from tests.harness.ports import reserved_block

    with reserved_block() as first:
        yield first


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    """Start zoo programs; they are ended, by pid, when the test is over, each whatever befell."""
    ends = contextlib.ExitStack()

    def begin(
        name: str,
        *words: object,
        uid: int | None = None,
        shell_parent: bool = False,
        cwd: str = "/",
    ) -> Actor:
        argv = actors.argv_of(name, *words)
        actor = actors.start(name, argv, uid=uid, shell_parent=shell_parent, cwd=cwd)
        ends.callback(actor.end)
        return actor

    if not hasattr(os, "fork"):
        pytest.skip("the zoo needs pipes that can be waited for")
    with ends:
        yield begin


@pytest.fixture
def bystanders() -> Iterator[Callable[[int], Bystanders]]:
    """Put canaries around a port, once its holder is there; at the end all must be alive."""
    from tests.harness.bystanders import Bystanders

    groups: list[Bystanders] = []

    def gather(port: int) -> Bystanders:
        groups.append(Bystanders(port))
        return groups[-1].gather()

    yield gather
    try:
        for group in groups:
            group.check()
    finally:
        for group in groups:
            group.end()


@pytest.fixture
def real_server(tmp_path: Path) -> Iterator[Callable[[str, int], RealServer]]:
    """Start a real server of a kind (`harness.servers.COMMANDS`) as the holder of a port."""
    from tests.harness import servers

    started: list[RealServer] = []

    def begin(kind: str, port: int) -> RealServer:
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        started.append(servers.start_server(kind, port, str(folder)))
        return started[-1]

    yield begin
    for server in reversed(started):
        server.end()

"""What `devports free --dry-run` says of a port on a made-up machine."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from devports.commands.context import Context
from devports.commands.free import free_targets
from devports.core.model import Endpoint
from devports.ui.console import Console
from tests.fakes import FakeMachine

if TYPE_CHECKING:
    from pathlib import Path

HERE = Endpoint("127.0.0.1", 8000)


class Stage:
    """A command on a made-up machine, and what it has said on stdout and on stderr."""

    def __init__(self, machine: FakeMachine) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()
        self.context = Context(Console(None, self._out, self._err, {}))
        self.context._machine = machine

    @property
    def said(self) -> tuple[list[str], list[str]]:
        return self._out.getvalue().splitlines(), self._err.getvalue().splitlines()


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine()


@pytest.fixture
def stage(machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Stage(machine)


@pytest.mark.parametrize("dry_run", [False, True], ids=["in earnest", "as a dry run"])
def test_of_a_free_port_one_line_says_that_it_can_be_bound(dry_run: bool, stage: Stage) -> None:
    assert free_targets(stage.context, ["127.0.0.1:8000"], dry_run=dry_run) == 0
    assert stage.said == (["127.0.0.1:8000 is free"], [])


@pytest.mark.parametrize("dry_run", [False, True], ids=["in earnest", "as a dry run"])
def test_of_a_free_port_it_is_said_who_else_localhost_may_reach(
    dry_run: bool, machine: FakeMachine, stage: Stage
) -> None:
    machine.add(4242)
    machine.socket(Endpoint("::1", 8000), 4242)
    assert free_targets(stage.context, ["127.0.0.1:8000"], dry_run=dry_run) == 0
    out, err = stage.said
    assert out[0] == "127.0.0.1:8000 is free, but `localhost` may connect to `server` on [::1]:8000"
    assert out[1].split("`server` (pid 4242)")[0].split() == ["process"]
    assert err == [
        "note: use 127.0.0.1:8000 for your server; localhost:8000 may reach the other one"
    ]
    assert machine.sent == []


def test_of_a_held_port_a_dry_run_says_who_would_be_stopped_and_how_to_do_it_by_hand(
    machine: FakeMachine, stage: Stage
) -> None:
    machine.add(4242)
    machine.socket(HERE, 4242)
    assert free_targets(stage.context, ["127.0.0.1:8000"], dry_run=True) == 0
    out, err = stage.said
    assert any("would stop " in line and "(pid 4242) with SIGTERM" in line for line in out)
    assert err[0] == "to fix it manually:"
    assert len(err) > 1
    assert machine.sent == []

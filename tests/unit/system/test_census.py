"""Everybody who listens, by project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from devports.core.holder_kind import CurrentUser
from devports.core.model import Endpoint
from devports.system.inspect import HolderCache, inspect_listeners, is_service
from tests.fakes import ME, FakeMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from devports.core.model import HolderSearch, Socket, Table


class Counting(FakeMachine):
    """Counts how often the table is read and holders are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = self.lookups = 0

    def listeners(self) -> Table:
        self.tables += 1
        return super().listeners()

    def holding(
        self,
        sockets: Sequence[Socket],
        likely: Callable[[], Collection[int]] = tuple,
        /,
        *,
        thorough: bool,
    ) -> HolderSearch:
        self.lookups += 1
        return super().holding(sockets, likely, thorough=thorough)


def at(port: int, address: str = "127.0.0.1") -> Endpoint:
    return Endpoint(address, port)


def settle(machine: FakeMachine, pid: int, folder: object, *ports: int, **more: object) -> None:
    """Add a process that works in a folder and listens."""
    machine.add(pid, **more)  # type: ignore[arg-type]
    machine.processes[pid] = machine.processes[pid].replace(cwd=str(folder))
    for port in ports:
        machine.socket(at(port), pid)


def checkout(folder: Path, branch: str) -> Path:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    return folder


def told(machine: FakeMachine, here: object) -> list[tuple[str, str, str, list[int]]]:
    return [
        (g.kind, os.path.basename(g.folder), g.branch, [f.endpoint.port for f in g.findings])
        for g in inspect_listeners(machine, str(here)).groups
    ]


def test_groups_are_this_project_then_others_then_folders_then_the_system(tmp_path: Path):
    machine = FakeMachine()
    shop, blog = checkout(tmp_path / "shop", "main"), checkout(tmp_path / "blog", "draft")
    (shop / "web").mkdir()
    (tmp_path / "loose").mkdir()
    settle(machine, 50, shop / "web", 8001)
    settle(machine, 51, shop, 8000)
    settle(machine, 52, blog, 3000)
    settle(machine, 53, tmp_path / "loose", 9000)
    settle(machine, 54, "/", 22)
    assert told(machine, shop / "web") == [
        ("project", "shop", "main", [8000, 8001]),
        ("project", "blog", "draft", [3000]),
        ("folder", "loose", "", [9000]),
        ("system", "", "", [22]),
    ]


def test_worktrees_of_one_clone_are_groups_of_their_own_beside_each_other(tmp_path: Path):
    machine = FakeMachine()
    shop, middle = checkout(tmp_path / "a-shop", "main"), checkout(tmp_path / "b-other", "main")
    linked = tmp_path / "z-feature"
    linked.mkdir()
    git = shop / ".git" / "worktrees" / "z"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/feature\n")
    (git / "commondir").write_text("../..\n")
    (linked / ".git").write_text(f"gitdir: {git}\n")
    settle(machine, 50, shop, 8000)
    settle(machine, 51, middle, 8001)
    settle(machine, 52, linked, 8002)
    assert [group[1] for group in told(machine, "/elsewhere")] == ["a-shop", "z-feature", "b-other"]


@pytest.mark.parametrize(
    ("more", "cwd", "service"),
    [
        pytest.param({}, "/home/ann/x", False, id="somebody's work"),
        pytest.param({}, "/", True, id="a daemon without a folder"),
        pytest.param({}, "", True, id="a folder that cannot be read"),
        pytest.param({"uid": 33}, "/srv/x", True, id="another user's"),
        pytest.param({"cgroup": "/system.slice/a.service"}, "/srv/x", True, id="a unit"),
        pytest.param(
            {"cgroup": "/user.slice/user@1000.service/app.slice/app-code.scope"},
            "/home/ann/x",
            False,
            id="a program of the desktop",
        ),
        pytest.param(
            {"cgroup": f"/system.slice/docker-{'a' * 64}.scope"}, "/app", True, id="in a container"
        ),
    ],
)
def test_what_counts_as_a_service_of_the_system(more: dict[str, object], cwd: str, service: bool):
    process = FakeMachine().add(50).replace(cwd=cwd, **more)
    assert is_service(process, CurrentUser(ME, ME)) is service


def test_in_a_container_of_our_own_its_programs_are_ours():
    inside = f"/system.slice/docker-{'a' * 64}.scope"
    process = FakeMachine().add(50).replace(cwd="/app", cgroup=inside)
    assert not is_service(process, CurrentUser(ME, ME, cgroup=inside))


def test_one_look_at_the_table_and_one_at_the_holders_whatever_the_number():
    machine = Counting()
    for number in range(40):
        settle(machine, 100 + number, "/", 8000 + number)
    assert len(inspect_listeners(machine, "/").groups[0].findings) == 40
    assert (machine.tables, machine.lookups) == (1, 1)


def test_twins_on_one_endpoint_are_one_finding_with_both(tmp_path: Path):
    machine = FakeMachine()
    settle(machine, 50, tmp_path, 8000)
    settle(machine, 51, tmp_path, 8000)
    (group,) = inspect_listeners(machine, "/").groups
    (finding,) = group.findings
    assert [holder.process.pid for holder in finding.holding.holders] == [50, 51]


def test_a_worker_is_where_its_master_is(tmp_path: Path):
    machine = FakeMachine()
    (tmp_path / "up").mkdir()
    settle(machine, 50, tmp_path / "up")
    settle(machine, 40, tmp_path, ppid=50)
    machine.socket(at(8000), 40, 50)
    assert [group[1] for group in told(machine, "/")] == ["up"]


def test_whose_process_is_hidden_is_the_systems():
    machine = FakeMachine()
    settle(machine, 50, "/home/ann/x", 8000)
    machine.unreadable.add(50)
    assert told(machine, "/") == [("system", "", "", [8000])]


def test_bound_sockets_are_there_and_connections_are_not():
    machine = FakeMachine()
    settle(machine, 50, "/")
    machine.socket(at(8000), 50, state="BOUND")
    machine.socket(at(8001), 50, state="ESTABLISHED", remote=at(443))
    machine.socket(at(8002), state="TIME_WAIT", remote=at(443))
    assert told(machine, "/") == [("system", "", "", [8000])]


def test_holders_are_looked_up_again_when_a_socket_is_new_or_one_of_them_has_gone():
    machine = Counting()
    settle(machine, 50, "/", 8000)
    settle(machine, 51, "/")
    machine.open[51] |= machine.open[50]
    who = HolderCache(machine, thorough=True)

    def pids() -> list[int]:
        found = who.holding(machine.listeners().sockets)
        return [holder.process.pid for holder in found.holders]

    assert pids() == [50, 51]
    assert pids() == [50, 51]
    assert machine.lookups == 1
    settle(machine, 52, "/", 8001)
    assert pids() == [50, 51, 52]
    assert machine.lookups == 2
    machine.end(51)
    assert pids() == [50, 52]
    assert machine.lookups == 3

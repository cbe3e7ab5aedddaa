"""The record of assigned ports, in checkouts that git itself has made."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from devports.assigned import AssignedPorts, in_checkout
from devports.core.hint import text_of
from devports.core.model import Endpoint
from devports.core.service import Config, EditorTasks, Service, changed_ports
from devports.errors import DevportsError
from tests.fakes import FakeMachine
from tests.harness.capabilities import NEEDS_FIFO, NEEDS_GIT, NEEDS_NOFOLLOW
from tests.harness.checkouts import cloned, git, linked, repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = NEEDS_GIT

WEB = Service("web", 8000, command="serve", port_per="worktree")
API = Service("api", 8001, command="serve", port_per="worktree")


class Shop:
    """A repository, and what asks for its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.main = folder, folder / "shop"
        self.state = folder / "state"
        self.machine = FakeMachine()
        (self.main / "packages" / "api").mkdir(parents=True)
        (self.main / "packages" / "api" / "README").touch()
        repository(self.main)

    def linked(self, name: str) -> Path:
        linked(self.main, self.folder / name, name.replace("/", "-").replace(".", ""))
        return self.folder / name

    def config(self, folder: Path, *services: Service) -> Config:
        return Config(str(folder / "devports.toml"), str(folder), services or (WEB,))

    def resolved(self, folder: Path, *services: Service) -> Config:
        return in_checkout(self.config(folder, *services), str(self.state), self.machine)[0]

    def offset(self, folder: Path, *services: Service) -> int:
        """Return the offset of a folder, and check that its ports are shifted by it."""
        found = self.resolved(folder, *services)
        declared = self.config(folder, *services)
        assert all(p - b == found.offset for p, b in changed_ports(declared, found).items())
        return found.offset

    @property
    def record(self) -> Path:
        return self.state / "assigned.json"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_worktrees_count_up_and_the_main_checkout_keeps_the_ports_of_the_file(shop: Shop):
    folders = [shop.linked("one"), shop.main, shop.linked("two")]
    assert [shop.offset(folder) for folder in folders] == [1, 0, 2]
    assert [shop.offset(folder) for folder in folders] == [1, 0, 2]


def test_neighbouring_ports_are_shifted_past_each_other(shop: Shop):
    folders = [shop.main, shop.linked("one"), shop.linked("two")]
    assert [shop.offset(folder, WEB, API) for folder in folders] == [0, 2, 4]


def test_a_moved_worktree_keeps_its_ports_and_a_removed_one_gives_them_back(shop: Shop):
    one, two = shop.linked("one"), shop.linked("two")
    assert (shop.offset(one), shop.offset(two)) == (1, 2)
    git(shop.main, "worktree", "move", two, shop.folder / "moved")
    assert shop.offset(shop.folder / "moved") == 2
    git(shop.main, "worktree", "remove", one)
    assert shop.offset(shop.linked("three")) == 1


def test_a_port_on_which_a_server_is_left_is_passed_over(shop: Shop):
    one = shop.linked("one")
    assert shop.offset(one) == 1
    git(shop.main, "worktree", "remove", one)
    shop.machine.add(50)
    shop.machine.socket(Endpoint("127.0.0.1", 8001), 50)
    assert shop.offset(shop.linked("two")) == 2
    assert shop.offset(shop.folder / "two") == 2


def test_a_path_of_another_repository_before_has_nothing_of_it(shop: Shop):
    one = shop.linked("one")
    assert [shop.offset(each) for each in (one, shop.linked("two"))] == [1, 2]
    git(shop.main, "worktree", "remove", one)
    one.mkdir()
    repository(one)
    assert shop.offset(one) == 0


def a_clone(shop: Shop, other: Path) -> None:
    cloned(shop.main, other, "feat")


def a_clone_of_a_clone(shop: Shop, other: Path) -> None:
    cloned(shop.main, shop.folder / "between", "between")
    cloned(shop.folder / "between", other, "feat")


def a_clone_of_one_server(shop: Shop, other: Path) -> None:
    cloned(shop.main, other, "feat")
    git(shop.main, "remote", "add", "origin", "git@git.example:acme/shop.git")
    git(other, "remote", "set-url", "origin", "https://git.example/acme/shop")


@pytest.mark.parametrize("cloning", [a_clone, a_clone_of_a_clone, a_clone_of_one_server])
def test_clones_are_siblings_of_which_the_first_has_the_ports_of_the_file(
    shop: Shop, cloning: Callable[[Shop, Path], None]
):
    other = shop.folder / "other"
    cloning(shop, other)
    assert [shop.offset(each) for each in (other, shop.main, other)] == [0, 1, 0]


def test_a_copy_without_origin_is_another_project(shop: Shop):
    other = shop.folder / "copy"
    shutil.copytree(shop.main, other)
    assert [shop.offset(each) for each in (shop.main, other)] == [0, 0]


def test_a_worktree_inside_the_main_checkout_is_itself(shop: Shop):
    inside = shop.linked("shop/.claude/worktrees/x")
    assert [shop.offset(each) for each in (inside, shop.main)] == [1, 0]


def test_each_configuration_of_a_monorepo_has_its_own_offsets(shop: Shop):
    one = shop.linked("one")
    folders = [one, one / "packages/api", shop.main / "packages/api"]
    services = [(WEB,), (API.replace(port=9000),), (API.replace(port=9000),)]
    found = [shop.offset(*each) for each in zip(folders, *zip(*services, strict=True), strict=True)]
    assert found == [1, 1, 0]


def test_a_submodule_is_a_part_of_the_checkout_around_it(shop: Shop):
    lib = shop.folder / "lib"
    lib.mkdir()
    repository(lib)
    git(shop.main, "submodule", "-q", "add", lib, "lib")
    git(shop.main, "commit", "-q", "-m", "lib")
    one = shop.linked("one")
    git(one, "submodule", "-q", "update", "--init")
    assert [shop.offset(each / "lib") for each in (one, shop.main)] == [1, 0]


def test_without_a_main_checkout_the_first_worktree_has_the_ports_of_the_file(shop: Shop):
    bare = shop.folder / "bare.git"
    git(shop.main, "clone", "-q", "--bare", shop.main, bare)
    git(bare, "remote", "remove", "origin")
    for name in ("one", "two"):
        linked(bare, shop.folder / name, name)
    assert [shop.offset(shop.folder / name) for name in ("two", "one")] == [0, 1]


@pytest.mark.parametrize("named", ["", "gitdir: /nowhere/.git/worktrees/x\n"], ids=["no", "lost"])
def test_without_a_repository_the_ports_are_those_of_the_file_and_nothing_is_written(
    shop: Shop, named: str
):
    alone = shop.folder / "alone"
    alone.mkdir()
    if named:
        (alone / ".git").write_text(named, encoding="utf-8")
    assert shop.offset(alone) == 0
    assert not shop.state.exists()


def test_a_service_and_a_port_that_are_added_later_leave_the_others(shop: Shop):
    one = shop.linked("one")
    shop.resolved(one, WEB, API)
    more = Service("db", 5432, command="x", ports=(("metrics", 9100),), port_per="worktree")
    found = shop.resolved(one, WEB.replace(name="site"), API, more)
    assert [s.port for s in found.services] == [8002, 8003, 5434]
    assert found.services[-1].ports == (("metrics", 9102),)
    assert (found.offset, found.services[0].base, found.services[0].declared) == (2, 8000, 8000)
    assert found.get("api") == found.services[1]


def test_what_is_not_started_here_and_the_debugger_stay(shop: Shop):
    fixed = Service("auth", 3118, command="x")
    debugged = WEB.replace(ports=(("debug", 5678),), vscode=EditorTasks(debug="debugpy"))
    found = shop.resolved(shop.linked("one"), fixed, debugged)
    assert [service.port for service in found.services] == [3118, 8001]
    assert found.services[1].ports == (("debug", 5678),)


def test_the_record_is_private_and_what_is_known_costs_no_lock(shop: Shop):
    one = shop.linked("one")
    shop.resolved(one)
    assert stat.S_IMODE(shop.record.stat().st_mode) == 0o600
    assert sorted(os.listdir(shop.state)) == ["assigned.json", "assigned.lock"]
    before = shop.record.stat().st_mtime_ns
    (shop.state / "assigned.lock").unlink()
    shop.machine.before_probe = lambda: pytest.fail("the kernel was asked")
    shop.resolved(one)
    assert os.listdir(shop.state) == ["assigned.json"]
    assert shop.record.stat().st_mtime_ns == before


def test_what_a_killed_writer_has_begun_is_not_read_and_not_left(shop: Shop):
    one, two = shop.linked("one"), shop.linked("two")
    shop.resolved(one)
    (shop.state / ".assigned.json.devports-0123456789abcdef").write_text(
        '{"version": 1, "checkouts": {"/x": ', "utf-8"
    )
    assert [shop.offset(each) for each in (one, two)] == [1, 2]
    assert sorted(os.listdir(shop.state)) == ["assigned.json", "assigned.lock"]


ENTRY = '{"project": "p", "gitdir": "g", "offset": 1, "ports": {"8000": 8001}}'
BROKEN = {
    "half a file": "{",
    "a newer version": '{"version": 2, "checkouts": {}}',
    "no version": '{"checkouts": {}}',
    "another shape": '{"version": 1, "checkouts": [1]}',
    "a port that is none": f'{{"version": 1, "checkouts": {{"/w": {ENTRY.replace("8001", "0")}}}}}',
    "an offset that is none": (
        f'{{"version": 1, "checkouts": {{"/w": {ENTRY.replace("1,", "true,")}}}}}'
    ),
    "no bytes at all": "",
    "a link": "",
}


@NEEDS_NOFOLLOW
@pytest.mark.parametrize("kind", BROKEN)
def test_a_record_that_cannot_be_read_is_an_error_and_stays_as_it_is(shop: Shop, kind: str):
    shop.state.mkdir()
    if kind == "a link":
        shop.record.symlink_to("elsewhere")
    else:
        shop.record.write_text(BROKEN[kind], encoding="utf-8")
    for folder in (shop.main, shop.linked("one")):
        with pytest.raises(DevportsError) as raised:
            shop.resolved(folder)
        error = raised.value
        assert (error.code, error.exit_code) == ("assignments-unreadable", 2)
        assert f"mv {shop.record}" in text_of(error.hints[0])
        assert ("newer" in error.message) is ("newer" in kind)
    assert os.listdir(shop.state) == ["assigned.json"]
    if kind != "a link":
        assert shop.record.read_text(encoding="utf-8") == BROKEN[kind]


@NEEDS_FIFO
def test_a_record_that_is_no_file_is_refused_at_once(shop: Shop):
    shop.state.mkdir()
    os.mkfifo(shop.record)
    with pytest.raises(DevportsError) as raised:
        shop.resolved(shop.main)
    assert (raised.value.code, raised.value.exit_code) == ("assignments-unreadable", 2)
    assert raised.value.message.endswith(": it is not a regular file")
    assert os.listdir(shop.state) == ["assigned.json"]


def test_where_nothing_can_be_written_what_is_assigned_is_enough(shop: Shop):
    known, clone = shop.linked("known"), shop.folder / "clone"
    cloned(shop.main, clone, "feat")
    shop.resolved(known)
    (shop.state / "assigned.lock").unlink()
    (shop.state / "assigned.lock").mkdir()
    assert [shop.offset(each) for each in (known, shop.main, clone)] == [1, 0, 0]
    with pytest.raises(DevportsError) as raised:
        shop.resolved(shop.linked("other"))
    error = raised.value
    assert (error.code, error.exit_code) == ("not-assigned", 2)
    assert f"`{shop.state}` cannot be written: Is a directory" in error.message
    assert "`devports ports`" in text_of(error.hints[0])


def test_a_clone_that_may_not_have_the_ports_of_the_file_does_not_take_them(shop: Shop):
    cloned(shop.main, shop.folder / "clone", "feat")
    shop.resolved(shop.main)
    (shop.state / "assigned.lock").unlink()
    (shop.state / "assigned.lock").mkdir()
    with pytest.raises(DevportsError) as raised:
        shop.resolved(shop.folder / "clone")
    assert raised.value.code == "not-assigned"


def test_ports_that_leave_no_room_are_an_error(shop: Shop):
    shop.machine.add(50)
    for port in range(65000, 65536):
        shop.machine.socket(Endpoint("127.0.0.1", port), 50)
    with pytest.raises(DevportsError) as raised:
        shop.resolved(shop.linked("one"), WEB.replace(port=65000))
    assert (raised.value.code, raised.value.exit_code) == ("no-offset", 2)
    assert not shop.record.exists()


def test_looking_records_nothing(shop: Shop):
    config, one = shop.config(shop.linked("one")), str(shop.state)
    found, new = in_checkout(config, one, shop.machine, record=False)
    assert (found.offset, new) == (1, True)
    assert not shop.state.exists()


def test_what_is_released_is_given_again(shop: Shop):
    one, two = shop.linked("one"), shop.linked("two")
    record = AssignedPorts(str(shop.state))
    assert not record.release(str(one))
    shop.resolved(one)
    assert record.ports_of_others(str(two)) == {8001}
    assert record.ports_of_others(str(one)) == frozenset()
    assert record.release(str(one))
    assert shop.offset(two) == 1

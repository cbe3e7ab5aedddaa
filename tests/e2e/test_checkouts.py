"""Several checkouts of one repository want one port: what runs in the other one is not ours."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import Identity
from tests.harness.capabilities import NEEDS_FORK, NEEDS_GIT, NEEDS_PTY
from tests.harness.checkouts import cloned, linked, repository
from tests.harness.project import Project
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command, Running

    Holders = dict[str, Callable[["Stage"], Identity]]

pytestmark = [NEEDS_FORK, NEEDS_PTY, NEEDS_GIT]

FLAGS = ("--yes", "--other-checkouts")
COPIED = ("kill -", "--other-checkouts", "free web --yes")
"""What nobody may find in a message, where another checkout would be hit by it."""
MAKING = {"a linked worktree": linked, "a clone": cloned}


@pytest.fixture
def shop(tmp_path: Path, port: int) -> Project:
    """The first checkout, on `main`; its service `web` wants the port."""
    folder = tmp_path / "the shop"
    folder.mkdir()
    made = Project(str(folder))
    made.zoo("web", "listener", port)
    repository(folder)
    return made


@pytest.fixture(params=["a linked worktree"])
def project(request: pytest.FixtureRequest, tmp_path: Path, shop: Project) -> Project:
    """The second checkout, on `feat`: here devports is called."""
    folder = str(tmp_path / "shop feat")
    MAKING[request.param](shop.folder, folder, "feat")
    return Project(folder, dict(shop.services))


either = pytest.mark.parametrize("project", MAKING, indirect=True)


class Stage:
    """Puts somebody on the port; `there` is the command in the first checkout."""

    def __init__(self, port: int, zoo: Zoo, devports: Command, shop: Project) -> None:
        self.port, self.zoo, self.here, self.shop = port, zoo, devports, shop
        self.there = replace(devports, cwd=shop.folder)
        self.orphans: list[Identity] = []

    def running(self, command: Command) -> Running:
        run = command.start("run", "web")
        run.says("is ready on")
        return run

    def run(self, command: Command) -> Identity:
        return self.running(command).identity

    def left(self, command: Command) -> Identity:
        self.running(command).crashes()
        (pid,) = tables.listening_pids(self.port)
        self.orphans.append(Identity.of(pid))
        return self.orphans[-1]

    def by_hand(self, folder: str) -> Identity:
        return self.zoo("listener", self.port, cwd=folder).cast[0]

    def project(self, name: str) -> Command:
        """Make another project that wants the same port; no git knows of it."""
        other = Project(os.path.join(os.path.dirname(self.shop.folder), name))
        os.mkdir(other.folder)
        other.zoo("web", "listener", self.port)
        return replace(self.here, cwd=other.folder)

    def other_project(self) -> Command:
        other = self.project("blog")
        repository(other.cwd)
        return other


@pytest.fixture
def stage(port: int, zoo: Zoo, devports: Command, shop: Project) -> Iterator[Stage]:
    made = Stage(port, zoo, devports, shop)
    yield made
    for orphan in made.orphans:
        orphan.send(signal.SIGKILL)


MY_RUN, A_RUN = "a run of this checkout", "a run of another checkout"
LEFT, BY_HAND = "what a run of another checkout left", "a process in another checkout"
HERE, NOWHERE = "a process in this checkout", "a process of which nobody knows where"
STRANGER = "a process of another project"

OURS: Holders = {
    MY_RUN: lambda s: s.run(s.here),
    "what a run of this checkout left": lambda s: s.left(s.here),
    HERE: lambda s: s.by_hand(s.here.cwd),
    NOWHERE: lambda s: s.by_hand("/"),
    STRANGER: lambda s: s.by_hand(s.other_project().cwd),
    "what a run of another project left": lambda s: s.left(s.other_project()),
}
THEIRS: Holders = {
    A_RUN: lambda s: s.run(s.there),
    LEFT: lambda s: s.left(s.there),
    BY_HAND: lambda s: s.by_hand(s.there.cwd),
    "a live run of another project": lambda s: s.run(s.other_project()),
}
EVERYBODY: Holders = OURS | THEIRS
every = pytest.mark.parametrize("holder", EVERYBODY)
guarded = pytest.mark.parametrize("holder", THEIRS)
sibling = pytest.mark.parametrize("holder", [A_RUN, LEFT, BY_HAND])


def put(holder: str, stage: Stage) -> Identity:
    return EVERYBODY[holder](stage)


# -- every cell of the table


@every
def test_on_a_terminal_it_is_asked_and_enter_is_no(
    holder: str, stage: Stage, on_terminal: OnTerminal
) -> None:
    who = put(holder, stage)
    terminal = on_terminal("free", "web")
    terminal.answer("\r")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert who.alive


@every
def test_on_a_terminal_a_yes_ends_it(holder: str, stage: Stage, on_terminal: OnTerminal) -> None:
    who = put(holder, stage)
    terminal = on_terminal("free", "web")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert not who.alive


@every
def test_without_a_terminal_nobody_is_ended(holder: str, stage: Stage) -> None:
    who = put(holder, stage)
    done = stage.here("free", "web")
    assert done.code == exitcodes.HELD, done
    assert who.alive


@pytest.mark.parametrize("holder", OURS)
def test_yes_ends(holder: str, stage: Stage) -> None:
    who = put(holder, stage)
    done = stage.here("free", "web", "--yes")
    assert done.code == exitcodes.OK, done
    assert not who.alive


@guarded
def test_yes_does_not_end(
    holder: str, stage: Stage, bystanders: Callable[[int], Bystanders]
) -> None:
    who = put(holder, stage)
    bystanders(stage.port)
    done = stage.here("free", "web", "--yes")
    assert done.code == exitcodes.HELD, done
    assert who.alive
    assert not [words for words in COPIED if words in done.text], done


@guarded
def test_yes_on_a_terminal_is_refused_and_asks_nothing(
    holder: str, stage: Stage, on_terminal: OnTerminal
) -> None:
    who = put(holder, stage)
    terminal = on_terminal("free", "web", "--yes")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert not terminal.asks
    assert who.alive


@every
def test_yes_with_other_checkouts_ends_it(holder: str, stage: Stage) -> None:
    who = put(holder, stage)
    done = stage.here("free", "web", *FLAGS)
    assert done.code == exitcodes.OK, done
    assert not who.alive


# -- what is said


@either
@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize("more", [(), ("--yes",)], ids=["no word", "--yes"])
def test_it_says_where_it_was_started_and_nothing_that_would_end_it_from_here(
    words: tuple[str, ...], more: tuple[str, ...], stage: Stage, shop: Project
) -> None:
    who = stage.run(stage.there)
    done = stage.here(*words, *more)
    assert done.code == exitcodes.HELD, done
    assert who.alive
    assert not [words for words in COPIED if words in done.text], done
    assert "which `devports run web` started in another checkout of this repository" in done.err
    assert f"{shop.folder}, branch `main`; you are in {stage.here.cwd}, branch `feat`" in done.err
    assert "devports run web --on-conflict next" in done.err
    assert f"cd '{shop.folder}' && devports free web" in done.err


@either
@sibling
def test_json_names_the_checkout(holder: str, stage: Stage, shop: Project) -> None:
    put(holder, stage)
    document = stage.here("free", "web", "--yes", "--json").json()
    assert document["exit_code"] == exitcodes.HELD
    (outcome,) = document["data"]["targets"][0]["outcomes"]
    assert (outcome["kind"], outcome["why"]) == ("refused", "other-checkout")
    standing = outcome["process"]["standing"]
    named = (standing["folder"], standing["branch"], standing["relation"])
    assert named == (shop.folder, "main", "sibling")
    assert [error["code"] for error in document["errors"]] == ["port-held"]
    assert not [words for words in COPIED if words in json.dumps(document)]


def test_json_names_the_project_of_a_run(stage: Stage) -> None:
    other = stage.other_project()
    stage.run(other)
    document = stage.here("free", "web", "--yes", "--json").json()
    (outcome,) = document["data"]["targets"][0]["outcomes"]
    standing = outcome["process"]["standing"]
    assert (outcome["why"], standing["relation"]) == ("other-checkout", "project")
    assert (standing["folder"], standing["branch"]) == (other.cwd, "main")


@either
def test_the_question_names_folder_and_branch(
    stage: Stage, shop: Project, on_terminal: OnTerminal
) -> None:
    who = stage.run(stage.there)
    terminal = on_terminal("run", "web", size=(40, 250))
    asked = f"belongs to another checkout of this repository ({shop.folder}, branch `main`)"
    terminal.expect(asked)
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert who.alive


def test_the_question_names_the_project_of_a_plain_server(
    stage: Stage, on_terminal: OnTerminal
) -> None:
    other = stage.other_project()
    stage.by_hand(other.cwd)
    terminal = on_terminal("free", "web", size=(40, 250))
    terminal.expect(f"belongs to another project ({other.cwd}, branch `main`)")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()


@pytest.mark.parametrize(
    ("holder", "hint"),
    [
        (MY_RUN, "`devports free web --yes`"),
        (HERE, "`devports free web --yes`"),
        (NOWHERE, "`devports free web --yes`"),
        (STRANGER, "`devports free web` on a terminal"),
    ],
)
def test_the_hint_with_yes_is_for_what_is_ours_or_nowhere(
    holder: str, hint: str, stage: Stage
) -> None:
    put(holder, stage)
    done = stage.here("free", "web")
    (said,) = (line for line in done.err.splitlines() if line.startswith("hint:"))
    assert hint in said
    assert ("--yes" in said) is ("--yes" in hint)


def test_dry_run_says_what_yes_would_not_end(stage: Stage) -> None:
    who = stage.run(stage.there)
    asking, refused = (
        stage.here("free", "web", "--dry-run"),
        stage.here("free", "web", "--dry-run", "--yes"),
    )
    assert re.search(r"would stop `.+` \(pid \d+\) with SIGTERM, after asking", asking.out)
    assert "which `--yes` does not cover" in refused.out
    assert who.alive


# -- no other way to that consent


@pytest.mark.parametrize("flag", ["--other-checkouts", "--other-users"])
@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
def test_a_flag_that_widens_yes_means_nothing_alone(
    words: tuple[str, ...], flag: str, stage: Stage
) -> None:
    who = stage.run(stage.there)
    done = stage.here(*words, flag)
    assert done.code == exitcodes.USAGE, done
    assert f"`{flag}` needs `--yes`" in done.err
    assert who.alive


@pytest.mark.parametrize(
    "words",
    [
        ("run", "web", "--yes"),
        ("up", "--yes"),
        ("run", "web", "--on-conflict", "reclaim"),
        ("run", "web", "--on-conflict", "reclaim", "--yes"),
        ("doctor", "--fix"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("holder", [A_RUN, LEFT])
def test_none_of_these_ends_it(words: tuple[str, ...], holder: str, stage: Stage) -> None:
    who = put(holder, stage)
    done = stage.here(*words)
    assert done.code in (exitcodes.HELD, exitcodes.NO), done
    assert who.alive
    assert not [words for words in COPIED if words in done.text], done


def test_doctor_asks_before_it_mends_that(stage: Stage, on_terminal: OnTerminal) -> None:
    who = stage.run(stage.there)
    terminal = on_terminal("doctor", "--fix")
    terminal.expect("belongs to another checkout of this repository")
    terminal.answer("\r")
    terminal.exit_code()
    assert who.alive


def test_a_file_cannot_grant_it(stage: Stage, port: int, project: Project) -> None:
    project.zoo("web", "listener", port, other_checkouts=True)
    assert stage.here("validate").code == exitcodes.USAGE
    project.zoo("web", "listener", port, on_conflict="reclaim")
    who = stage.run(stage.there)
    assert stage.here("run", "web", "--yes").code == exitcodes.HELD
    assert who.alive


def test_another_port_is_the_way_beside_it(stage: Stage, on_terminal: OnTerminal) -> None:
    who = stage.run(stage.there)
    terminal = on_terminal("run", "web", size=(40, 250))
    terminal.answer("p")
    terminal.expect(f"port {stage.port} is in use")
    assert who.alive


def test_run_with_both_flags_takes_the_port(stage: Stage) -> None:
    who = stage.run(stage.there)
    mine = stage.here.start("run", "web", *FLAGS)
    mine.says("is ready on")
    assert not who.alive


# -- whose it is


def test_without_git_a_run_of_another_folder_is_another_projects(
    stage: Stage,
) -> None:
    one, other = stage.project("one"), stage.project("other")
    who = stage.run(one)
    assert other("free", "web", "--yes").code == exitcodes.HELD
    assert who.alive
    assert one("free", stage.port, "--yes").code == exitcodes.OK
    assert not who.alive


def test_a_named_configuration_says_where_we_are(stage: Stage, shop: Project) -> None:
    who = stage.run(stage.there)
    done = stage.here("free", "web", "--yes", "--config", shop.config)
    assert done.code == exitcodes.OK, done
    eventually(lambda: not who.alive)


def test_a_worktree_inside_the_first_one_is_itself(stage: Stage, shop: Project) -> None:
    inside = f"{shop.folder}/.claude/worktrees/x"
    linked(shop.folder, inside, "x")
    who = stage.run(stage.there)
    done = replace(stage.here, cwd=inside)("free", "web", "--yes")
    assert done.code == exitcodes.HELD, done
    assert who.alive

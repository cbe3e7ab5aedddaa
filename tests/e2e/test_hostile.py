"""Names, words and folders of other programs are text of an attacker: shown, and never obeyed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.actors import Actor
    from tests.harness.command import Command

pytestmark = [NEEDS_FORK, NEEDS_PROC]

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
"""What moves the cursor, speaks to the terminal or turns the reading order round."""
SECRET = "hunter2"

WAYS = [
    pytest.param(("check", "{port}"), id="check"),
    pytest.param(("status", "{port}"), id="status"),
    pytest.param(("free", "{port}"), id="free, refused"),
    pytest.param(("free", "{port}", "--yes", "--dry-run"), id="a rehearsal"),
    pytest.param(("free", "{port}", "--yes"), id="free"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "\x1b]0;owned\x07[b]\u202eredlof\nerror: none"
    place.mkdir()
    return place


@pytest.fixture
def hostile(port: int, zoo: Zoo, folder: Path) -> Actor:
    return zoo("hostile_name", port, "--folder", folder)


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "JSON"])
@pytest.mark.parametrize("words", WAYS)
def test_nothing_foreign_reaches_the_screen_unescaped(
    words: tuple[str, ...], options: tuple[str, ...], port: int, hostile: Actor, devports: Command
) -> None:
    filled = [word.format(port=port) for word in words]
    done = devports(*filled, *options)
    assert str(hostile.pid) in done.text, done
    assert not CONTROL.search(done.text), done
    assert not re.search("^error: none", done.text, re.MULTILINE), done
    assert SECRET not in done.text


def test_what_looks_like_markup_is_shown_as_it_is(
    port: int, hostile: Actor, devports: Command
) -> None:
    done = devports("check", port, env={"FORCE_COLOR": "1"})
    assert str(hostile.pid) in done.text
    assert "[red]x[/red]" in done.text, done
    assert ":smile:" in done.text


@NEEDS_PTY
def test_a_question_is_not_forged_and_keeps_the_secret(
    port: int, hostile: Actor, on_terminal: OnTerminal
) -> None:
    """Colours and cursor are the prompt's own there; titles and clipboard are nobody's."""
    terminal = on_terminal("free", port)
    terminal.answer("d")
    terminal.expect("if you answer yes")
    terminal.asked()
    assert b"\x1b]" not in terminal.bytes
    assert b"\xc2\x9b" not in terminal.bytes
    assert SECRET not in terminal.screen()
    assert SECRET.encode() not in terminal.bytes
    terminal.send("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert hostile.alive


def test_a_name_that_looks_like_fields_hides_nobody(
    port: int, hostile: Actor, devports: Command
) -> None:
    """`a) Z 1` is a zombie, to who splits /proc/PID/stat at the first parenthesis."""
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    hostile.gone()
    assert tables.bindable(port)


def test_a_name_only_ever_takes_away(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("hostile_name", port, "--comm", "sshd")
    freed = devports("free", port, "--yes", "--other-users")
    assert freed.code == exitcodes.PROTECTED, freed
    assert holder.alive


LOOK_ALIKES = [
    pytest.param("docker-proxy", "docker", id="docker's proxy"),
    pytest.param("rootlesskit-docker-proxy", "docker", id="docker's rootless proxy"),
    pytest.param("rootlessport", "podman", id="podman's rootless forwarder"),
    pytest.param("slirp4netns", "podman", id="podman's network of a user"),
    pytest.param("pasta", "podman", id="podman's newer network of a user"),
    pytest.param("conmon", "podman", id="podman's monitor"),
]


@pytest.mark.parametrize(("name", "engine"), LOOK_ALIKES)
def test_what_looks_like_a_forwarder_of_containers_is_left_to_its_engine(
    name: str, engine: str, port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("called", port, "--as", name)
    no_engine = {"PATH": "/nowhere"}  # one that is installed here would know of no container
    freed = devports("free", port, "--yes", "--other-users", env=no_engine)
    assert freed.code == exitcodes.PROTECTED, freed
    assert f"{engine} " in freed.err
    assert "kill" not in freed.err
    assert holder.alive


def test_words_that_name_an_engine_make_no_engine(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port, "docker-proxy", "/usr/bin/dockerd")
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    holder.gone()

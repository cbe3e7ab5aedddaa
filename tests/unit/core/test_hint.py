"""Advice that names a command of ours is for the configuration that was acted on."""

from __future__ import annotations

import shlex

import pytest

from devports.core.hint import OwnCommand, hint, own_command, text_of

SUDO = 'sudo "$(command -v devports)"'


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run backend", "devports run backend --config a.toml"),
        ("run backend --port 8001", "devports run backend --port 8001 --config a.toml"),
        ("free backend --yes", "devports free backend --yes --config a.toml"),
        ("free backend 8001", "devports free backend 8001 --config a.toml"),
        ("free", "devports free --config a.toml"),
        ("doctor --fix", "devports doctor --fix --config a.toml"),
    ],
)
def test_a_command_about_a_project_names_its_file(command: str, expected: str) -> None:
    assert text_of(own_command(*command.split()), "a.toml") == expected


@pytest.mark.parametrize("command", ["free backend", "doctor"])
def test_a_command_for_root_names_it_too(command: str) -> None:
    by_root = OwnCommand(tuple(command.split()), sudo=True)
    assert text_of(by_root, "a.toml") == f"{SUDO} {command} --config a.toml"
    assert text_of(by_root) == f"{SUDO} {command}"


@pytest.mark.parametrize(
    "command",
    [
        "free 8000 --yes",
        "check 127.0.0.1:8000",
        "free '[::1]:8000'",
        "run --help",
        "--help",
        "init --dry-run --config NEW",
        "schema config",
    ],
)
def test_what_reads_no_configuration_or_names_one_stays_as_it_is(command: str) -> None:
    own = own_command(*shlex.split(command))
    assert text_of(own, "a.toml") == text_of(own, "") == f"devports {command}"


def test_a_path_is_quoted_for_a_shell() -> None:
    assert text_of(own_command("vscode"), "my own.toml") == "devports vscode --config 'my own.toml'"


def test_every_command_in_a_sentence_names_the_file() -> None:
    advice = hint(
        *("start `db` (devports does not start it), then ", own_command("run", "web"), ", or "),
        own_command("free", "web", "--yes"),
    )
    assert text_of(advice, "a.toml") == (
        "start `db` (devports does not start it), then `devports run web --config a.toml`,"
        " or `devports free web --yes --config a.toml`"
    )
    assert text_of(advice) == (
        "start `db` (devports does not start it), then `devports run web`,"
        " or `devports free web --yes`"
    )


@pytest.mark.parametrize("text", ["run `kill -TERM 4242`", "`pip uninstall devports`", "a ` b"])
def test_a_text_stays_as_it_is(text: str) -> None:
    assert text_of(text, "a.toml") == text

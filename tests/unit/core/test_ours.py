"""Advice that names a command of ours is for the configuration that was acted on."""

from __future__ import annotations

import pytest

from devports.core.hint import completed, with_config

SUDO = 'sudo "$(command -v devports)"'


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("devports run backend", "devports run backend --config a.toml"),
        ("devports run backend --port 8001", "devports run backend --port 8001 --config a.toml"),
        ("devports free backend --yes", "devports free backend --yes --config a.toml"),
        ("devports free backend 8001", "devports free backend 8001 --config a.toml"),
        ("devports free", "devports free --config a.toml"),
        ("devports doctor --fix", "devports doctor --fix --config a.toml"),
        (f"{SUDO} free backend", f"{SUDO} free backend --config a.toml"),
        (f"{SUDO} doctor", f"{SUDO} doctor --config a.toml"),
        ("devports run web -- --x 1", "devports run web --config a.toml -- --x 1"),
    ],
)
def test_a_command_about_a_project_names_its_file(command: str, expected: str) -> None:
    assert with_config(command, "a.toml") == expected


@pytest.mark.parametrize(
    "command",
    [
        "devports free 8000 --yes",
        "devports check 127.0.0.1:8000",
        "devports free '[::1]:8000'",
        "devports run --help",
        "devports init --dry-run --config NEW",
        "devports schema config",
        "devports",
        "kill -TERM 4242",
        "pip uninstall devports",
        "devports-cli run web",
    ],
)
def test_what_reads_no_configuration_or_names_one_stays_as_it_is(command: str) -> None:
    assert with_config(command, "a.toml") == command
    assert with_config(f"{command}", "") == command


def test_a_path_is_quoted_for_a_shell() -> None:
    assert with_config("devports vscode", "my own.toml") == "devports vscode --config 'my own.toml'"


def test_every_command_in_a_sentence_is_completed() -> None:
    text = "start what serves `db`, then `devports run web`, or `devports free web --yes`"
    assert completed(text, "a.toml") == (
        "start what serves `db`, then `devports run web --config a.toml`,"
        " or `devports free web --yes --config a.toml`"
    )


@pytest.mark.parametrize("text", ["run `devports run web` or `this", "no command at all"])
def test_a_sentence_without_whole_commands_stays_as_it_is(text: str) -> None:
    assert completed(text, "a.toml") == text


def test_without_a_file_nothing_is_added() -> None:
    assert completed("run `devports run web`", "") == "run `devports run web`"

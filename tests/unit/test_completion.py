"""What a TAB offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.completion import FILES, Named, answer, candidates, services_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TARGETED = "run up down logs free check status wait env exec ports".split()
ALL = [*TARGETED, *"doctor init vscode validate schema completion".split()]


def services(path: str | None) -> Sequence[Named]:
    if path:
        return [Named("other", starts=True)]
    return [Named("backend", "port 8000", starts=True), Named("db", "port 5432")]


def offered(typed: str) -> list[str]:
    """Return the words that a TAB offers at the end of what was typed."""
    return [word for word, _ in candidates(typed.split(" "), services)]


TABS = [
    ("", ALL, "the commands"),
    ("ch", ["check"], "a command that was begun"),
    ("-", ["-h", "--help", "--version"], "options before a command"),
    ("--v", ["--version"], "an option that was begun"),
    ("run ", ["backend"], "a service that can be started"),
    ("run d", [], "a port that is only watched"),
    ("run b", ["backend"], "a service that was begun"),
    ("run backend ", [], "no second service"),
    ("run --yes b", ["backend"], "an option without a value before it"),
    ("run --on-conflict ", ["ask", "reclaim", "next", "fail"], "a choice"),
    ("run --on-conflict f", ["fail"], "a choice that was begun"),
    ("run --on-conflict=", [f"--on-conflict={c}" for c in ("ask", "reclaim", "next", "fail")], "="),
    ("run --on-conflict=r", ["--on-conflict=reclaim"], "a choice behind ="),
    ("run --on-conflict = r", ["reclaim"], "a choice behind =, as bash splits it"),
    ("run --on-conflict =", ["ask", "reclaim", "next", "fail"], "nothing behind =, in bash"),
    ("run --on-conflict=ask ", ["backend"], "an option with its value before it"),
    ("run --nothing=", [], "an option that there is not"),
    ("run --port ", [], "a number"),
    ("run --config ", [FILES], "a file"),
    ("run --config=x", [FILES], "a file behind ="),
    ("run --events ", [FILES], "another file"),
    ("run --config x.toml ", ["other"], "services of another file"),
    ("run --config = x.toml ", ["other"], "services of another file, in bash"),
    ("run backend -- ", [FILES], "words of the server's"),
    ("run backend -- --x -", [FILES], "options of the server's"),
    ("free ", ["backend", "db"], "a target"),
    ("free db ", ["backend"], "a second target"),
    ("free db backend 80 ", [], "no target is left"),
    ("wait --for ", ["ready", "free"], "choices of an option with another name"),
    ("schema ", ["config", "result", "event"], "choices of a word"),
    ("schema config ", [], "no second word"),
    ("completion z", ["zsh"], "a shell"),
    ("doctor ", [], "a command that takes no words"),
    ("doctor --", ["--help", "--config", "--json", "--fix", "--self-test"], "its options"),
    ("doctor --json --", ["--help", "--config", "--fix", "--self-test"], "each option once"),
    ("validate -", ["-h", "--help", "--config", "--json"], "short options too"),
    ("nothing ", [], "a command that there is not"),
    ("--version ", ALL, "an option before the command"),
]


@pytest.mark.parametrize(("typed", "words"), [pytest.param(t, w, id=n) for t, w, n in TABS])
def test_what_is_offered(typed: str, words: list[str]) -> None:
    assert offered(typed) == words


def test_nothing_typed_at_all() -> None:
    assert [word for word, _ in candidates([], services)] == ALL


def test_every_command_and_option_says_what_it_is() -> None:
    for command in ALL:
        for typed in (command, f"{command} -"):
            for word, text in candidates(typed.split(" "), services):
                assert text or word == "--json", f"{typed}: {word}"


def test_the_lines_for_a_shell() -> None:
    lines = answer(["wait", "--t"])
    assert (
        lines
        == "--timeout\tMaximum wait in seconds (default: `ready.timeout` of the service, or 60)\n"
    )
    assert answer(["wait", "--for", ""]) == "ready\nfree\n"


def test_services_come_from_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        "[services.web]\nport = 8000\ncommand = 'x'\n[services.db]\nport = 5432\n",
        encoding="utf-8",
    )
    web, db = Named("web", "port 8000", starts=True), Named("db", "port 5432")
    assert services_of(str(path)) == [web, db]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[services", id="not TOML"),
        pytest.param("[services.web]\nprot = 1\n", id="not valid"),
        pytest.param(None, id="not there"),
    ],
)
def test_a_configuration_that_cannot_be_read_offers_nothing(
    text: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert services_of(str(path)) == []

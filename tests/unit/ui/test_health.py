"""What the doctor has found, in words."""

from __future__ import annotations

import pytest

from devports.core.holder_kind import CurrentUser, OtherUser
from devports.core.model import VisibilityGap
from devports.core.remedies import Remedy
from devports.core.service import Service
from devports.core.verdict import Free
from devports.doctor.facts import Facts, PortFacts, Problem, RemoveWritePermission
from devports.ui import reports
from devports.ui.text import OutputStyle
from tests.unit.ui import samples as s

PIPE = OutputStyle()
WEB = Service("web", 8000, command="vite")
FREE = PortFacts(WEB, WEB.spec, findings=(s.FREE,))
HELD = PortFacts(WEB, WEB.spec, findings=(s.HELD,))
FACTS = Facts("linux", "/srv/shop", (FREE,), viewer=CurrentUser(0, 0))
PLAIN = Problem(
    "folder-missing",
    "error",
    "the folder `/srv` does not exist",
    ("folder: /srv",),
    "it matters",
    (Remedy("make it"), Remedy("makes it", "mkdir /srv"), Remedy("once more", "mkdir -p /srv")),
    service="web",
)
ON_PORT = Problem("port-held", "error", why="`web` cannot start", about=HELD, service="web")


def report(facts: Facts = FACTS, *problems: Problem, path: str = "/srv/shop/devports.toml") -> str:
    return reports.report(path, facts, problems, s.ANN, PIPE)


def test_a_healthy_project_gets_three_lines() -> None:
    assert report().split("\n") == [
        "/srv/shop/devports.toml: 1 service on 1 address",
        "nothing is hidden from this user",
        "nothing is wrong",
    ]


def test_what_cannot_be_seen_is_said_in_a_healthy_project_too() -> None:
    gaps = (VisibilityGap("other-users", "whose it is"), VisibilityGap("no-netlink", "more"))
    lines = report(FACTS.but(gaps=gaps, viewer=CurrentUser(7, 7))).split("\n")
    assert lines[1] == (
        'not visible here: whose it is and more (`sudo "$(command -v devports)" doctor` sees more)'
    )
    as_root = report(FACTS.but(gaps=gaps)).split("\n")
    assert as_root[1] == "not visible here: whose it is and more"


def test_services_are_counted_once_and_addresses_each() -> None:
    debug = FREE.but(name="debug", findings=(s.FREE, s.FREE_SISTER))
    assert report(FACTS.but(ports=(FREE, debug))).startswith(
        "/srv/shop/devports.toml: 1 service on 3 addresses\n"
    )


def test_without_a_configuration_the_machine_is_looked_at() -> None:
    assert report(Facts("linux"), path="").startswith("no `devports.toml` here or above")


def test_a_problem_is_a_block_that_ends_with_what_mends_it() -> None:
    assert reports.problem_block(PLAIN, s.ANN, PIPE).split("\n") == [
        "error: the folder `/srv` does not exist",
        "  folder: /srv",
        "",
        "note: it matters",
        "hint: make it",
        "hint: makes it: `mkdir /srv`",
    ]


def test_a_note_is_not_noted_again() -> None:
    assert reports.problem_block(PLAIN.but(severity="note", remedies=()), s.ANN, PIPE) == (
        "note: the folder `/srv` does not exist\n  folder: /srv\n  it matters"
    )


def test_a_port_is_worded_by_its_verdict_and_shows_its_holder() -> None:
    lines = reports.problem_block(ON_PORT, s.ANN, PIPE).split("\n")
    assert lines[0] == "error: `web`: 127.0.0.1:8000 is held by `node`"
    assert any("`node` (pid 4242), you" in line for line in lines)
    assert lines[-1] == "note: `web` cannot start"


def test_whose_a_holder_is_is_said() -> None:
    target = s.NODE_TARGET.but(standing=OtherUser("bea", permitted=True))
    text = reports.problem_block(ON_PORT.but(plan=(target,)), s.ANN, PIPE)
    assert "belongs to user bea" in text


VERDICTS = [
    pytest.param((), "nothing is wrong", id="nothing"),
    pytest.param(("note",), "nothing is wrong (1 note)", id="only a note"),
    pytest.param(("warning", "note"), "1 warning and 1 note", id="a warning"),
    pytest.param(
        ("error", "error", "warning", "note"), "2 errors, 1 warning and 1 note", id="some of each"
    ),
]


@pytest.mark.parametrize(("kinds", "words"), VERDICTS)
def test_the_last_line_counts(kinds: tuple[str, ...], words: str) -> None:
    problems = [PLAIN.but(severity=kind) for kind in kinds]
    assert reports.verdict(problems, PIPE) == words
    assert report(FACTS, *problems).split("\n")[-1] == words


MENDED = PLAIN.but(mend=RemoveWritePermission("/srv"))
OFFERS = [
    pytest.param((PLAIN,), "", id="nothing that can be mended"),
    pytest.param((MENDED,), "mend it,", id="the only one"),
    pytest.param((MENDED, MENDED), "mend them,", id="all"),
    pytest.param((MENDED, PLAIN), "mend one of them,", id="one of two"),
    pytest.param((MENDED, MENDED, PLAIN), "mend 2 of them,", id="two of three"),
]


@pytest.mark.parametrize(("problems", "words"), OFFERS)
def test_what_devports_can_mend_is_offered_last(problems: tuple[Problem, ...], words: str) -> None:
    offered = reports.report("/srv/x", FACTS, problems, s.ANN, PIPE, offer=True).split("\n")
    assert words in offered[-1]
    assert offered[-1].endswith("`devports doctor --fix`") is bool(words)
    assert "--fix" not in report(FACTS, *problems)


def test_a_rule_that_says_more_than_the_verdict_is_heard() -> None:
    text = reports.problem_block(ON_PORT.but(what="two servers share it"), s.ANN, PIPE)
    assert text.startswith("error: two servers share it\n")
    assert "`node` (pid 4242)" in text


def test_a_configuration_that_cannot_be_used_is_not_called_missing() -> None:
    unsafe = PLAIN.but(code="config-unsafe")
    assert report(FACTS, unsafe, path="").startswith("the configuration cannot be used")


def test_on_windows_an_administrator_sees_more() -> None:
    gaps = (VisibilityGap("other-users", "whose it is"),)
    text = report(FACTS.but(gaps=gaps, viewer=CurrentUser(1, 1), platform="win32"))
    assert "whose it is (an administrator sees more)" in text


def test_foreign_text_does_not_speak_to_the_terminal() -> None:
    evil = ON_PORT.but(about=HELD.but(findings=(s.EVIL_FINDING,)))
    text = report(
        FACTS.but(gaps=(VisibilityGap("x", s.EVIL),)), evil, path=f"/{s.EVIL}/devports.toml"
    )
    assert "\x1b" not in text
    assert "\nerror: fake" not in text


def test_a_narrow_terminal_breaks_lines_and_leaves_commands_whole() -> None:
    text = reports.report(
        "/srv/devports.toml", FACTS, [PLAIN, ON_PORT], s.ANN, OutputStyle(width=40)
    )
    assert max(map(len, text.split("\n"))) <= 40 or "`" in text
    assert "`mkdir /srv`" in text


def test_a_service_without_findings_has_no_verdict() -> None:
    nowhere = PortFacts(WEB, WEB.spec, unresolved="no such name")
    assert (nowhere.finding, nowhere.verdict) == (None, None)
    assert isinstance(FREE.verdict, Free)

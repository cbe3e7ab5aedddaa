"""What the doctor has found, in words."""

from __future__ import annotations

import pytest

from devports.core.hint import own_command
from devports.core.holder_kind import CurrentUser, OtherUser
from devports.core.model import Endpoint, Holder, HolderSearch, VisibilityGap
from devports.core.remedies import Remedy
from devports.core.self_test import Difference, SelfTest, SourceReport
from devports.core.service import Service
from devports.core.verdict import Finding, Free, Held
from devports.doctor.facts import Facts, FreePort, PortFacts, Problem, RemoveWritePermission
from devports.doctor.setup_rules import self_test_problems
from devports.ui import reports
from devports.ui.text import OutputStyle
from tests.tools.golden import Family
from tests.unit.ui import samples as s

FAMILY = Family("doctor_report")
PIPE = OutputStyle()
WEB = Service("web", 8000, command="vite")
FREE = PortFacts(WEB, WEB.spec, findings=(s.FREE,))
HELD = PortFacts(WEB, WEB.spec, findings=(s.HELD,))
FACTS = Facts("linux", "/srv/shop", (FREE,), viewer=CurrentUser(0, 0))
PLAIN = Problem(
    "folder-missing",
    "error",
    "folder `/srv` does not exist",
    ("folder: /srv",),
    "it matters",
    (Remedy("make it"), Remedy("makes it", "mkdir /srv"), Remedy("once more", "mkdir -p /srv")),
    service="web",
)
ON_PORT = Problem("port-held", "error", why="`web` cannot start", about=HELD, service="web")


def report(facts: Facts = FACTS, *problems: Problem, path: str = "/srv/shop/devports.toml") -> str:
    return reports.report(path, facts, problems, s.ANN, PIPE)


MENDED = PLAIN.replace(fix=RemoveWritePermission("/srv"))
GAPS = (VisibilityGap("other-users", "whose it is"), VisibilityGap("no-netlink", "more"))
USER = CurrentUser(7, 7)
DEBUG = FREE.replace(name="debug", findings=(s.FREE, s.FREE_SISTER))
THEIRS = s.NODE_TARGET.replace(kind=OtherUser("bea", permitted=True))
NOTE, WARNING = PLAIN.replace(severity="note"), PLAIN.replace(severity="warning")

FAMILY.says(
    "report",
    lambda case: report(*case),
    {
        "a healthy project gets three lines": (),
        "what cannot be seen is said of a healthy project too": (
            FACTS.replace(gaps=GAPS, viewer=USER),
        ),
        "root sees no more": (FACTS.replace(gaps=GAPS),),
        "on Windows an administrator sees more": (
            FACTS.replace(gaps=GAPS[:1], viewer=USER, platform="win32"),
        ),
        "services are counted once and addresses each": (FACTS.replace(ports=(FREE, DEBUG)),),
        "only a note": (FACTS, NOTE),
        "some of each": (FACTS, PLAIN, PLAIN, WARNING, NOTE),
        "what devports can mend is offered only where it is asked to": (FACTS, MENDED),
    },
)
FAMILY.says(
    "report without a path",
    lambda case: report(*case, path=""),
    {
        "without a configuration the machine is looked at": (Facts("linux"),),
        "a configuration that cannot be used is not called missing": (
            FACTS,
            PLAIN.replace(code="config-unsafe"),
        ),
    },
)
FAMILY.says(
    "problem",
    lambda problem: reports.problem_block(problem, s.ANN, PIPE),
    {
        "it is a block that ends with what mends it": PLAIN,
        "a note is not noted again": NOTE.replace(remedies=()),
        "a port is worded by its verdict and shows its holder": ON_PORT,
        "whose a holder is is said": ON_PORT.replace(plan=(THEIRS,)),
        "a rule that says more than the verdict is heard": ON_PORT.replace(
            what="two servers share it"
        ),
    },
)


def held(name: str, port: int, holder: Holder = s.NODE_HOLDER) -> Problem:
    """Return that somebody is on a service's port, and that devports can free it."""
    service, here = Service(name, port, command="vite"), Endpoint("127.0.0.1", port)
    found = Finding(here, Held((s.socket(here),)), HolderSearch((holder,)))
    return Problem(
        "port-held",
        "error",
        why=f"`{name}` cannot start until the port is free",
        about=PortFacts(service, service.spec, findings=(found,)),
        service=name,
        remedies=(Remedy("stop the holder (asks first)", own_command("free", name)),),
        fix=FreePort((service.spec,), name),
    )


BEA = Holder(s.process(812, "postgres", uid=7, user="bea", age=300_000), (9,))
MANY = tuple(held(name, 8001 + n) for n, name in enumerate("web auth cart search mailer".split()))
MANY += (held("db", 5432, BEA), held("a-service-with-a-long-name", 8010))
LEADS_ELSEWHERE = held("admin", 8009).replace(why="the project in /srv/a runs it: two want it")
FULL = (
    *MANY, LEADS_ELSEWHERE,
    Problem("port-bound", "error", why="a server that wants it fails", service="web",
            about=FREE.replace(findings=(s.BOUND,))),
    MENDED.replace(severity="warning"), NOTE, NOTE.replace(remedies=(), why="", evidence=()),
)  # fmt: skip


def on_screen(stage: s.Stage, *problems: Problem, path: str = "/srv/shop/devports.toml") -> str:
    return s.drawn(stage, reports.screen(path, FACTS, problems, s.ANN, offer=True))


FAMILY.says("screen", lambda stage: on_screen(stage, *FULL), s.SCREENS)
FAMILY.says(
    "screen of a healthy project",
    lambda problems: on_screen(s.SCREENS["60 columns"], *problems),
    {"three lines": (), "a note": (NOTE,)},
)
FAMILY.says(
    "screen of what is not put together",
    lambda problems: on_screen(s.SCREENS["100 columns"], *problems),
    {
        "two": MANY[:2],
        "what another command mends": tuple(
            it.replace(remedies=(Remedy("ends it", "docker stop x"),)) for it in MANY[:3]
        ),
        "what has more to say": tuple(
            it.replace(why=f"the project in /srv/{n} runs it") for n, it in enumerate(MANY[:3])
        ),
    },
)
FAMILY.says(
    "screen of several processes on a port",
    lambda problems: on_screen(s.SCREENS["100 columns"], *problems),
    {
        "they and those that cannot be seen are named": tuple(
            it.replace(about=it.about.replace(findings=(s.HIDING,)))
            for it in MANY[:3]
            if it.about is not None
        )
    },
)


VERDICTS = [
    pytest.param((), "no problems found", id="nothing"),
    pytest.param(("note",), "no problems found (1 note)", id="only a note"),
    pytest.param(("warning", "note"), "1 warning and 1 note", id="a warning"),
    pytest.param(
        ("error", "error", "warning", "note"), "2 errors, 1 warning and 1 note", id="some of each"
    ),
]


@pytest.mark.parametrize(("kinds", "words"), VERDICTS)
def test_the_last_line_counts(kinds: tuple[str, ...], words: str) -> None:
    problems = [PLAIN.replace(severity=kind) for kind in kinds]
    assert report(FACTS, *problems).split("\n")[-1] == words


OFFERS = [
    pytest.param((PLAIN,), "", id="nothing that can be mended"),
    pytest.param((MENDED,), "to fix it (asks first)", id="the only one"),
    pytest.param((MENDED, MENDED), "to fix them (asks first)", id="all"),
    pytest.param((MENDED, PLAIN), "to fix one of them (asks first)", id="one of two"),
    pytest.param((MENDED, MENDED, PLAIN), "to fix 2 of them (asks first)", id="two of three"),
]


@pytest.mark.parametrize(("problems", "words"), OFFERS)
def test_what_devports_can_mend_is_offered_last(problems: tuple[Problem, ...], words: str) -> None:
    offered = reports.report("/srv/x", FACTS, problems, s.ANN, PIPE, offer=True).split("\n")
    assert words in offered[-1]
    assert offered[-1].endswith("`devports doctor --fix`") is bool(words)
    assert "--fix" not in report(FACTS, *problems)


def test_foreign_text_does_not_speak_to_the_terminal() -> None:
    evil = ON_PORT.replace(about=HELD.replace(findings=(s.EVIL_FINDING,)))
    text = report(
        FACTS.replace(gaps=(VisibilityGap("x", s.EVIL),)), evil, path=f"/{s.EVIL}/devports.toml"
    )
    assert "\x1b" not in text
    assert "\nerror: fake" not in text
    shown = on_screen(s.SCREENS["120 columns"], evil, *(evil,) * 3, path=f"/{s.EVIL}/devports.toml")
    assert "⟦" not in shown
    assert all(line.isprintable() for line in shown.splitlines())


def test_a_service_without_findings_has_no_verdict() -> None:
    nowhere = PortFacts(WEB, WEB.spec, unresolved="no such name")
    assert (nowhere.finding, nowhere.verdict) == (None, None)
    assert isinstance(FREE.verdict, Free)


UNSEEN = SourceReport("psutil", 13, ("time-wait",))
WRONG = SourceReport(
    "lsof",
    14,
    differences=(
        Difference("listen4", "sockets", "LISTEN 127.0.0.1:40001", "nothing", ("p7", "f3")),
        Difference("twin", "holders", "pid 7, 8", "pid 7"),
    ),
)
TESTS = {
    "it has passed": SelfTest(
        (
            SourceReport("netlink", decides=False, missing="refused"),
            UNSEEN,
            SourceReport("all combined", 14),
        ),
        (("listen6", "Cannot assign requested address"),),
        0.31,
    ),
    "a source is wrong": SelfTest(
        (UNSEEN, WRONG, SourceReport("all combined", 14)),
        seconds=1.24,
        about=(("devports", "1.2.3"), ("system", "macOS-26")),
    ),
}
FAMILY.says(
    "self-test",
    lambda result: reports.self_test_text(result, [*self_test_problems(result)], s.ANN, PIPE),
    TESTS,
)

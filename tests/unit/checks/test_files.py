"""The rule about files that cannot be used, or that others can change."""

from __future__ import annotations

from devports.doctor.facts import FileProblem, RemoveWritePermission
from devports.doctor.setup_rules import examine
from tests.unit.checks.samples import facts

OPEN = FileProblem(
    "config-unsafe",
    "`devports.toml` can be written by every user",
    "/srv/a shop/devports.toml",
    ("mode: 0666",),
    "whoever can write it decides which commands run as you",
    ("after reading it, run `chmod o-w ...`",),
    takes=True,
)


def test_no_fault_no_problem() -> None:
    assert examine(facts()) == ()


def test_what_its_owner_can_take_away_is_mended_by_one_command() -> None:
    (problem,) = examine(facts(faults=(OPEN,)))
    assert (problem.code, problem.severity) == ("config-unsafe", "error")
    assert problem.mend == RemoveWritePermission(OPEN.path)
    assert [r.command for r in problem.remedies] == ["chmod o-w '/srv/a shop/devports.toml'"]
    assert (problem.evidence, problem.why) == (OPEN.facts, OPEN.note)


def test_what_only_others_can_mend_has_their_command() -> None:
    foreign = OPEN.but(takes=False, hints=("run `sudo chown 7 x`",), service="web")
    (problem,) = examine(facts(faults=(foreign,)))
    assert (problem.mend, problem.service) == (None, "web")
    assert [r.title for r in problem.remedies] == ["run `sudo chown 7 x`"]

"""Problems of files that cannot be used, or that others can change."""

from __future__ import annotations

from devports.core.remedies import Remedy
from devports.doctor.facts import Problem, RemoveWritePermission
from devports.doctor.project_rules import writable_by_others
from devports.doctor.setup_rules import examine
from tests.unit.doctor.samples import facts

FOREIGN = Problem(
    "config-unsafe",
    "error",
    "`devports.toml` can be written by any user",
    ("mode: 0666",),
    "anyone who can write this file can run commands as you",
    (Remedy("run `sudo chown 7 x`"),),
    service="web",
)


def test_no_fault_no_problem() -> None:
    assert examine(facts()) == ()


def test_what_its_owner_can_take_away_is_mended_by_one_command() -> None:
    own = writable_by_others(FOREIGN, "/srv/a shop/devports.toml")
    (problem,) = examine(facts(faults=(own,)))
    assert (problem.code, problem.severity) == ("config-unsafe", "error")
    assert problem.fix == RemoveWritePermission("/srv/a shop/devports.toml")
    assert [r.command for r in problem.remedies] == ["chmod o-w '/srv/a shop/devports.toml'"]
    assert (problem.evidence, problem.why) == (FOREIGN.evidence, FOREIGN.why)


def test_what_only_others_can_mend_has_their_command() -> None:
    (problem,) = examine(facts(faults=(FOREIGN,)))
    assert (problem.fix, problem.service) == (None, "web")
    assert [r.title for r in problem.remedies] == ["run `sudo chown 7 x`"]

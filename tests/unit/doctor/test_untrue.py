"""The doctor about sources that have failed the self-test, now or when it was run last."""

from __future__ import annotations

from devports.core.self_test import Difference, SelfTest, SourceReport
from devports.doctor.setup_rules import self_test_problems
from tests.unit.doctor.samples import facts, only

WRONG = Difference("listen4", "sockets", "LISTEN 127.0.0.1:1", "nothing")
PID = Difference("twin", "holders", "pid 1, 2", "pid 1")


def test_a_source_that_failed_the_last_self_test_is_a_problem() -> None:
    problem = only(facts(untrue=(("lsof", "holders"),)))
    assert (problem.code, problem.severity) == ("source-untrue", "error")
    assert "`lsof` shows wrong facts about processes" in problem.what
    assert problem.why == "devports stops no process until the self-test passes"


def test_a_self_test_is_told_by_source_and_kind_of_fact() -> None:
    wrong = SourceReport("lsof", differences=(WRONG, PID))
    silent = SourceReport("netstat", missing="no answer")
    spare = SourceReport("netlink", missing="refused", decides=False)
    found = [*self_test_problems(SelfTest((wrong, silent, spare, SourceReport("all"))))]
    assert [problem.code for problem in found] == ["source-untrue"] * 2 + ["source-missing"]
    assert found[0].evidence == ("listen4: expected LISTEN 127.0.0.1:1; seen nothing",)
    assert [problem.remedies for problem in found] == [(), (), ()]
    assert not [*self_test_problems(SelfTest((spare, SourceReport("all"))))]

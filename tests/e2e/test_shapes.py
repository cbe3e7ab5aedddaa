"""Every holder shape is freed for good, or it is said honestly why not, and nobody else is hurt.

The trials run side by side before the first test; each test asserts on the record of one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.capabilities import NEEDS_FORK, NEEDS_NETLINK_BOUND, NEEDS_STRACE
from tests.shapes.catalogue import FREED, SHAPES
from tests.shapes.stage import USERS
from tests.shapes.trial import attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.shapes.catalogue import Shape
    from tests.shapes.trial import Trial

pytestmark = [NEEDS_FORK, NEEDS_NETLINK_BOUND, NEEDS_STRACE]

AT_ONCE = 10
"""Trials side by side: they mostly wait."""


def each(shapes: Iterable[Shape]) -> pytest.MarkDecorator:
    """Return a test's shapes, each for every user."""
    params = [
        pytest.param(shape, user, id=f"{shape.name.replace('`', '')}, as {user}")
        for shape in shapes
        for user in USERS
    ]
    return pytest.mark.parametrize(("shape", "user"), params)


NOT_ALWAYS_FREED = [shape for shape in SHAPES if shape.codes != (FREED,)]


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest) -> Callable[[Shape, str], Trial]:
    """Run the trials of all tests that were selected; skip a test whose trial cannot be done."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {
        (call.params["shape"].name, call.params["user"]): (
            call.params["shape"],
            call.params["user"],
        )
        for call in calls
        if call is not None and "shape" in call.params
    }
    records = attempts(wanted.values(), at_once=AT_ONCE, always=False)

    def record(shape: Shape, user: str) -> Trial:
        trial = records[shape.name, user]
        if trial.missing:
            pytest.skip(trial.missing)
        assert not trial.failed, trial.failed
        return trial

    return record


@each(SHAPES)
def test_freed_is_said_only_of_a_port_that_stays_free(
    shape: Shape, user: str, trials: Callable[[Shape, str], Trial]
) -> None:
    trial = trials(shape, user)
    assert trial.code in shape.codes, trial.done
    if trial.code == FREED:
        assert trial.taken_after is None, f"held after {trial.taken_after} s\n{trial.done}"


@each(NOT_ALWAYS_FREED)
def test_a_port_that_is_not_freed_gets_its_reason_and_its_command(
    shape: Shape, user: str, trials: Callable[[Shape, str], Trial]
) -> None:
    trial = trials(shape, user)
    assert trial.done is not None
    if trial.code == FREED:
        return  # what that is worth is another test's question
    assert "error: port " in trial.done.err, trial.done
    assert "to fix it manually:" in trial.done.err, trial.done
    assert shape.command in trial.done.err, trial.done


@each(SHAPES)
def test_nobody_else_is_hurt(
    shape: Shape, user: str, trials: Callable[[Shape, str], Trial]
) -> None:
    trial = trials(shape, user)
    assert not trial.dead, trial.done
    assert {one.target for one in trial.sent} <= trial.family, trial.sent
    assert {one.call for one in trial.sent} <= {"pidfd_send_signal"}, trial.sent
    if trial.code == FREED:
        assert trial.sent, "the holder was ended by nobody"


@each(SHAPES)
def test_sigkill_never_comes_first(
    shape: Shape, user: str, trials: Callable[[Shape, str], Trial]
) -> None:
    trial = trials(shape, user)
    assert all(one.signal != "SIGKILL" for one in trial.sent[:1]), trial.sent

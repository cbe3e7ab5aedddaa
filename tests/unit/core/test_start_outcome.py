"""What becomes of a start: one case a row, and every combination of what can be seen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from devports.core.start_outcome import AFTER_RELEASE, SHARED_FOR, TAKEN_FOR, StartFacts, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devports.core.start_outcome import Outcome

BESIDE = StartFacts(elapsed=0.5, hold=True, held=True, another_way=True)
BARE = BESIDE.replace(hold=False, held=False, another_way=False)
HOOKED = BESIDE.replace(hooked=True)
LATE = 61.0
THERE: dict[str, Any] = {"foreign": "listen", "foreign_for": TAKEN_FOR + 0.1}
GONE: dict[str, Any] = {"hold": False, "released_at": 0.3}

ROWS: list[tuple[str, StartFacts, Outcome]] = [
    # ended
    ("a plain server with only our hold in its way", BESIDE.replace(code=1), "without-hold"),
    ("ended with 0: it may have gone into the background", BESIDE.replace(code=0), "ended"),
    ("ended a second time, without our hold", BARE.replace(code=1), "ended"),
    ("crashed by a signal", BESIDE.replace(code=139), "ended"),
    ("its launcher found no command", BESIDE.replace(code=127), "ended"),
    ("a hooked program with an error of its own", HOOKED.replace(code=1), "ended"),
    ("a hooked one whose bind our hold refused", HOOKED.replace(code=1, refused=True),
     "without-hold"),
    ("it came up beside our hold before", BESIDE.replace(code=1, proven=True), "ended"),
    ("it had the port, then ended", BESIDE.replace(code=3, had=True), "ended"),
    ("it has it, and its leader ended", BESIDE.replace(code=3, own="listen"), "ended"),
    ("refused another port", BESIDE.replace(code=1, elsewhere_refused=True), "ended"),
    ("refused another port and ours",
     BESIDE.replace(code=1, elsewhere_refused=True, refused=True), "without-hold"),
    ("another way was ruled out", BESIDE.replace(code=1, another_way=False), "ended"),
    ("ended, and another process is there", BARE.replace(code=1, foreign="bound"), "again"),
    ("the third time", BARE.replace(code=1, foreign="listen", starts_left=False), "taken-again"),
    ("the port may not be freed", BARE.replace(code=1, foreign="listen", may_free=False),
     "taken-again"),
    # lives and listens
    ("it listens", BESIDE.replace(own="listen"), "ready"),
    ("it listens on one of two addresses", BESIDE.replace(own="some"), "ready"),
    ("it listens, and does not serve yet", BESIDE.replace(own="listen", serves=False), "wait"),
    ("it listens in time, and never serves",
     BESIDE.replace(own="listen", serves=False, elapsed=LATE), "not-ready"),
    ("another one listens beside it", BESIDE.replace(own="listen", foreign="listen"), "wait"),
    ("another one goes on listening beside it",
     BESIDE.replace(own="listen", foreign="listen", foreign_for=SHARED_FOR), "shared"),
    ("another one listens beside it when time is up",
     BESIDE.replace(own="listen", foreign="listen", elapsed=LATE), "shared"),
    ("another one is only bound beside it, and cannot listen any more",
     BESIDE.replace(own="listen", foreign="bound", foreign_for=30), "ready"),
    # lives, and another process has the port
    ("another process is there, for a moment", BESIDE.replace(foreign="listen", foreign_for=3),
     "wait"),
    ("another process stays", BESIDE.replace(**THERE), "free-beside"),
    ("and comes back", BESIDE.replace(**THERE, freed=True), "again"),
    ("and comes back in the last start", BESIDE.replace(**THERE, freed=True, starts_left=False),
     "taken-again"),
    ("another process stays, and may not be ended", BESIDE.replace(**THERE, may_free=False),
     "taken-again"),
    ("another process is only bound, and ours has nothing",
     BESIDE.replace(foreign="bound", foreign_for=TAKEN_FOR), "free-beside"),
    ("both are only bound", BESIDE.replace(own="bound", foreign="bound", foreign_for=30), "wait"),
    ("ours is bound, and the other one listens", BESIDE.replace(own="bound", **THERE),
     "free-beside"),
    ("a container's forwarder, which the server may have started",
     HOOKED.replace(**THERE, spared=True), "wait"),
    ("and it is not ours when time is up", BESIDE.replace(**THERE, spared=True, elapsed=LATE),
     "not-ready"),
    ("any owner will do, and somebody listens", BESIDE.replace(**THERE, any_owner=True), "ready"),
    ("any owner will do, and both listen",
     BESIDE.replace(**THERE, any_owner=True, own="listen"), "ready"),
    ("any owner will do, and somebody is only bound",
     HOOKED.replace(any_owner=True, foreign="bound", foreign_for=30), "wait"),
    # lives, and our hold may be in its way
    ("slow, its text says in use, hooked", HOOKED.replace(hint=True), "wait"),
    ("slow, its text says in use", BESIDE.replace(hint=True), "release"),
    ("a hook says that our hold refused it", HOOKED.replace(refused=True), "release"),
    ("silent, and cannot bind beside us", BESIDE.replace(unfit=True), "release"),
    ("silent for half a minute", BESIDE.replace(elapsed=31), "release"),
    ("silent for half of a short time", BESIDE.replace(elapsed=1.1, timeout=2), "release"),
    ("silent, and it came up beside us before", BESIDE.replace(elapsed=31, proven=True), "wait"),
    ("it only inherited our socket", BESIDE.replace(own="given", hint=True), "release"),
    ("after the release", BESIDE.replace(**GONE, hint=True), "wait"),
    ("released late: it gets its time", BESIDE.replace(hold=False, released_at=55, elapsed=LATE),
     "wait"),
    # out of time
    ("a reloader whose worker has ended", BESIDE.replace(own="bound", elapsed=LATE), "bound-only"),
    ("a server that never took the socket", HOOKED.replace(own="given", elapsed=LATE),
     "bound-only"),
    ("released for a text, and nothing came of it", BESIDE.replace(**GONE, hint=True, elapsed=LATE),
     "without-hold"),
    ("our hold drove it elsewhere", BESIDE.replace(**GONE, elsewhere=True, elapsed=LATE),
     "without-hold"),
    ("its command names the other port",
     BESIDE.replace(**GONE, elsewhere=True, port_in_command=True, elapsed=LATE), "moved"),
    ("elsewhere, and hooked", HOOKED.replace(elsewhere=True, elapsed=LATE), "moved"),
    ("elsewhere before its time is up", HOOKED.replace(elsewhere=True), "wait"),
    ("elsewhere, without a hold", BARE.replace(elsewhere=True, elapsed=LATE), "moved"),
    ("somebody who was ended drove it elsewhere",
     HOOKED.replace(elsewhere=True, freed=True, elapsed=LATE), "again"),
    ("somebody who is there drove it elsewhere",
     HOOKED.replace(elsewhere=True, foreign="listen", elapsed=LATE), "again"),
    ("nothing ever", BESIDE.replace(hold=False, released_at=30, elapsed=LATE), "not-ready"),
    ("a text, and no hold at all", BARE.replace(hint=True, elapsed=59), "wait"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "outcome"), [pytest.param(facts, out, id=name) for name, facts, out in ROWS]
)
def test_a_start_is_decided_by_its_facts(facts: StartFacts, outcome: Outcome) -> None:
    assert decide(facts) == outcome


SEEN: dict[str, tuple[Any, ...]] = {
    "code": (None, 0, 1, 139),
    "own": ("none", "given", "bound", "some", "listen"),
    "foreign": ("none", "bound", "listen"),
    "foreign_for": (0.0, SHARED_FOR, TAKEN_FOR),
    "elapsed": (0.5, 31.0, LATE + AFTER_RELEASE),
}
KNOWN: dict[str, tuple[Any, ...]] = {
    "way": (
        {"hold": True, "held": True, "another_way": True},
        {"hold": True, "held": True},
        {"held": True, "another_way": True, "released_at": 55.0},
        {},
    ),
    "hint": (False, True),
    "hook": ({}, {"hooked": True}, {"hooked": True, "refused": True}, {"proven": True}),
    "more": (
        {},
        {"serves": False},
        {"any_owner": True},
        {"spared": True},
        {"unfit": True},
        {"had": True},
        {"elsewhere_refused": True},
        {"elsewhere": True},
        {"elsewhere": True, "port_in_command": True},
        {"elsewhere": True, "freed": True},
        {"freed": True},
        {"may_free": False},
        {"freed": True, "starts_left": False},
    ),
}


def combinations() -> Iterator[StartFacts]:
    """Yield each combination of what can be seen, heard and known: two hundred thousand."""
    for known in itertools.product(*KNOWN.values()):
        fixed: dict[str, Any] = {"hint": known[1]}
        for part in (known[0], *known[2:]):
            fixed |= part
        for seen in itertools.product(*SEEN.values()):
            yield StartFacts(**dict(zip(SEEN, seen, strict=True)), **fixed)


def is_taken(facts: StartFacts) -> bool:
    return facts.foreign != "none" and not facts.any_owner


def may_be(facts: StartFacts) -> dict[Outcome, bool]:
    """Return for each outcome what has to be so at least."""
    lives, late = facts.code is None, facts.out_of_time
    listens = facts.own in ("some", "listen") or (facts.any_owner and facts.foreign == "listen")
    mine = not (facts.foreign == "listen" and not facts.any_owner)
    nothing = facts.own in ("none", "given") and not listens
    return {
        "wait": lives and not late,
        "ready": lives and listens and facts.serves and mine,
        "shared": lives and listens and not mine,
        "release": lives and nothing and facts.hold and facts.in_way and not is_taken(facts),
        "free-beside": lives and is_taken(facts) and not facts.spared and facts.may_free,
        "again": is_taken(facts) or (lives and late and facts.freed),
        "taken-again": is_taken(facts) or (lives and late and facts.freed),
        "without-hold": facts.in_way and facts.another_way and not is_taken(facts)
        and (late or not lives),
        "ended": not lives,
        "bound-only": lives and late and facts.own in ("given", "bound"),
        "moved": lives and late and facts.elsewhere and nothing,
        "not-ready": lives and late,
    }  # fmt: skip


def stops(outcome: Outcome) -> bool:
    return outcome not in ("wait", "ready", "release", "free-beside")


@pytest.fixture(scope="module")
def every() -> list[tuple[StartFacts, Outcome]]:
    return [(facts, decide(facts)) for facts in combinations()]


LAWS: list[tuple[str, Callable[[StartFacts, Outcome], bool]]] = [
    ("each outcome has its reason", lambda facts, out: may_be(facts)[out]),
    (
        "who lives is stopped before its time only for another process that has the port",
        lambda facts, out: (
            facts.code is not None or facts.out_of_time or not stops(out) or is_taken(facts)
        ),
    ),
    (
        "a text only lets our hold go, or starts once without it who is to end anyway",
        lambda facts, out: (
            not facts.hint
            or out in (without := decide(facts.replace(hint=False)), "release")
            or (out == "without-hold" and stops(without) and facts.out_of_time)
        ),
    ),
    (
        "who is spared is never a reason to stop or to free",
        lambda facts, out: (
            not (facts.spared and facts.code is None)
            or out not in ("free-beside", "again", "taken-again")
        ),
    ),
    ("no start begins without a hold twice", lambda f, out: f.another_way or out != "without-hold"),
]


@pytest.mark.parametrize("law", [pytest.param(law, id=name) for name, law in LAWS])
def test_of_every_combination(
    law: Callable[[StartFacts, Outcome], bool], every: list[tuple[StartFacts, Outcome]]
) -> None:
    assert [(facts, out) for facts, out in every if not law(facts, out)][:1] == []


def test_each_outcome_is_one_of_a_row_and_each_row_is_met(
    every: list[tuple[StartFacts, Outcome]],
) -> None:
    assert {out for _, out in every} == {out for _, _, out in ROWS} == set(may_be(BESIDE))

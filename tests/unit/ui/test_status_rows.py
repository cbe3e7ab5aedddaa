"""The rows of `devports status`, and what a pipe gets of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.model import HiddenSocket, Holder, HolderSearch
from devports.records import RunEnd
from devports.ui.status_rows import (
    Section,
    StatusEntry,
    StatusPort,
    changed,
    plain,
    rows_of,
    state,
)
from devports.ui.text import OutputStyle
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devports.core.verdict import Finding
    from devports.records import Stage
    from devports.ui.status_rows import Role


def entry(service: str, *findings: Finding, role: Role = "wanted") -> StatusEntry:
    return StatusEntry(service, tuple(map(StatusPort, findings)), role=role)


ENTRIES = (
    s.SERVED,
    entry("backend", s.HELD.replace(endpoint=s.HERE.replace(port=9000)), role="wanted"),
    s.BROKEN,
    entry("db", s.HIDING, role="watched"),
    entry("old", s.LINGERING),
)

PIPE = """\
service  endpoint              verdict               holder                    pid   user  uptime  folder      url
web      127.0.0.1:8000        serving               node                      4242  you   2 h     ~/shop/web  http://localhost:8000/
web      [::1]:8000            not listening         -                         -     -     -       -           -
backend  127.0.0.1:9000        in use                node                      4242  you   2 h     ~/shop/web  -
api      nowhere.invalid:9000  host unknown          -                         -     -     -       -           -
db       127.0.0.1:8000        listening             service `fakedb.service`  412?  root  -       -           -
old      127.0.0.1:8000        free, lingering 43 s  -                         -     -     -       -           -"""  # noqa: E501


def shown(
    *sections: Section, entries: Iterable[StatusEntry] = ENTRIES, colour: bool = False
) -> str:
    rows = rows_of(sections or (Section(tuple(entries)),), s.ANN)
    return "\n".join(plain(rows, OutputStyle(colour=colour)))


def test_a_pipe_gets_everything() -> None:
    assert shown() == PIPE


@pytest.mark.parametrize(
    ("place", "role", "asked", "told"),
    [
        pytest.param(
            StatusPort(s.HELD), "wanted", True, ("in use", "error"), id="a foreign holder"
        ),
        pytest.param(StatusPort(s.FREE), "wanted", True, ("free", "good"), id="nobody"),
        pytest.param(
            StatusPort(s.FREE),
            "wanted",
            False,
            ("no holder", None),
            id="nobody, and not asked to bind",
        ),
        pytest.param(
            StatusPort(s.LINGERING),
            "wanted",
            False,
            ("no holder, lingering 43 s", "note"),
            id="leftovers, and not asked to bind",
        ),
        pytest.param(
            StatusPort(s.BOUND), "wanted", True, ("bound, not listening", "error"), id="bound only"
        ),
        pytest.param(
            StatusPort(s.BOUND),
            "found",
            True,
            ("bound, not listening", "error"),
            id="found, bound only",
        ),
        pytest.param(
            StatusPort(s.HELD), "watched", True, ("listening", "good"), id="the database is up"
        ),
        pytest.param(
            StatusPort(s.FREE),
            "watched",
            True,
            ("not listening", "note"),
            id="the database is not up",
        ),
        pytest.param(StatusPort(s.HELD), "found", True, ("listening", None), id="somebody"),
    ],
)
def test_a_port_in_a_word(
    place: StatusPort, role: Role, asked: bool, told: tuple[str, str]
) -> None:
    assert state(place, role, asked=asked) == told


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        pytest.param("starting", ("starting", "note"), id="it starts"),
        pytest.param("serving", ("serving", "good"), id="it serves"),
        pytest.param("stalled", ("stalled", "error"), id="it listens and accepts nobody"),
        pytest.param("stopping", ("stopping", "note"), id="it stops"),
        pytest.param("not-listening", ("not listening", "note"), id="it lives and does not listen"),
        pytest.param("left-behind", ("orphaned", "error"), id="its run has died"),
    ],
)
def test_a_run_of_ours_in_a_word(stage: Stage, told: tuple[str, str]) -> None:
    assert state(StatusPort(s.HELD, stage), "wanted", asked=True) == told


END = RunEnd(s.ANN.now - 120, 3, "crashed")


@pytest.mark.parametrize(
    ("place", "end", "word"),
    [
        pytest.param(StatusPort(s.FREE), END, "ended (exit 3), 2 min ago", id="it crashed"),
        pytest.param(StatusPort(s.FREE), END.replace(reason="stopped"), "free", id="it was ended"),
        pytest.param(StatusPort(s.HELD), END, "in use", id="another has the port now"),
        pytest.param(StatusPort(s.HELD, "left-behind"), END, "orphaned", id="an older one lives"),
    ],
)
def test_how_the_last_run_ended(place: StatusPort, end: RunEnd, word: str) -> None:
    assert state(place, "wanted", end, s.ANN.now, asked=True)[0] == word


def test_verdicts_are_coloured_and_nothing_moves() -> None:
    coloured = shown(colour=True)
    assert "\x1b[32mserving\x1b[0m" in coloured
    assert "\x1b[1;31min use\x1b[0m" in coloured
    for code in ("32", "1;31", "33", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == PIPE


def test_on_a_pipe_the_group_is_a_column() -> None:
    lines = shown(*s.EVERYBODY).split("\n")
    assert lines[0].endswith("url                     project")
    assert [line.partition("  ")[0] for line in lines] == ["service", "web", "-", "-"]
    assert [line.rpartition("  ")[2] for line in lines[1:]] == [
        "~/shop (main)",
        "~/shop (main)",
        "system services",
    ]
    assert "~/shop/web" in lines[1]


def test_the_declared_port_is_a_column_where_a_worktree_has_another_one() -> None:
    moved, fixed = (StatusEntry(name, (StatusPort(s.FREE),)) for name in ("web", "db"))
    moved = moved.replace(places=(StatusPort(s.FREE, base=7999),))
    lines = shown(entries=[moved, fixed]).split("\n")
    assert [line.rpartition("  ")[2] for line in lines] == ["base", "7999", "-"]


def test_no_services_is_an_empty_table() -> None:
    head = "service  endpoint  verdict  holder  pid  user  uptime  folder  url"
    assert shown(entries=()) == head
    assert plain([], OutputStyle()) == [head]


def test_holders_that_are_not_all_seen_are_counted() -> None:
    holders = (s.NODE_HOLDER, s.PYTHON_HOLDER)
    finding = s.HELD.replace(holding=HolderSearch(holders, (s.HIDDEN,)))
    assert "node (+2)  4242" in shown(entries=[entry("a", finding)])


def test_a_forwarder_is_said_to_be_one() -> None:
    finding = s.HELD.replace(holding=HolderSearch((Holder(s.process(5, "conmon")),)))
    assert "conmon (podman container)  5" in shown(entries=[entry("a", finding)])


def test_the_first_second_of_a_holder_needs_no_wider_column() -> None:
    young = s.ANN.replace(now=s.NODE_HOLDER.process.started + 0.4)
    (line,) = changed([], rows_of([Section((entry("web", s.HELD),))], young), OutputStyle())
    assert "  you   <1 s    ~" in line


def test_a_holder_without_a_trace_is_not_shown() -> None:
    finding = s.HELD.replace(holding=HolderSearch((), (HiddenSocket(s.EVERYWHERE[0]),)))
    assert "in use   not visible  -" in shown(entries=[entry("a", finding)])


def test_hostile_names_are_only_text() -> None:
    text = shown(s.HOSTILE)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\nerror:" not in text


def test_only_what_is_new_other_or_gone_is_told_again() -> None:
    before = rows_of([Section((entry("web", s.FREE), entry("db", s.HELD)))], s.ANN)
    later = rows_of([Section((entry("web", s.HELD), entry("db", s.HELD)))], s.ANN)
    assert [line.split()[:6] for line in changed(before, later, OutputStyle())] == [
        ["web", "127.0.0.1:8000", "in", "use", "node", "4242"]
    ]
    gone = rows_of([Section((entry("db", s.HELD), entry("new", s.FREE)))], s.ANN)
    assert [line.split()[:3] for line in changed(later, gone, OutputStyle())] == [
        ["web", "127.0.0.1:8000", "gone"],
        ["new", "127.0.0.1:8000", "free"],
    ]


def test_passing_time_is_no_change() -> None:
    later = s.ANN.replace(now=s.NOW + 3600)
    sections = [Section((entry("web", s.HELD), entry("old", s.LINGERING)))]
    shorter = s.LINGERING.replace(verdict=s.LINGERING.verdict.replace(sockets=s.leftovers(1)))
    after = [Section((entry("web", s.HELD), entry("old", shorter)))]
    assert changed(rows_of(sections, s.ANN), rows_of(after, later), OutputStyle()) == []

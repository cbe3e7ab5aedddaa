"""The table of `devports status`, in every form it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.model import HiddenSocket, HolderSearch
from devports.core.text import cells
from devports.ui.status_table import (
    Section,
    StatusEntry,
    StatusPort,
    changed,
    plain,
    rows_of,
    state,
    table,
)
from devports.ui.text import OutputStyle
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devports.core.verdict import Finding
    from devports.records import Stage
    from devports.ui.status_table import Role


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
service  endpoint              verdict                   holder                    pid   user  uptime  folder      url
web      127.0.0.1:8000        serving                   node                      4242  you   2 h     ~/shop/web  http://localhost:8000/
web      [::1]:8000            not listening             -                         -     -     -       -           -
backend  127.0.0.1:9000        held                      node                      4242  you   2 h     ~/shop/web  -
api      nowhere.invalid:9000  host unknown              -                         -     -     -       -           -
db       127.0.0.1:8000        listening                 service `fakedb.service`  412?  root  -       -           -
old      127.0.0.1:8000        free, leftovers for 43 s  -                         -     -     -       -           -"""  # noqa: E501

AT_140 = """\
service  endpoint              verdict                   holder                    pid   user  uptime  folder      url
web      127.0.0.1:8000        serving                   node                      4242  you   2 h     ~/shop/web  http://localhost:8000/
         [::1]:8000            not listening
backend  127.0.0.1:9000        held                      node                      4242  you   2 h     ~/shop/web
api      nowhere.invalid:9000  host unknown
db       127.0.0.1:8000        listening                 service `fakedb.service`  412?  root
old      127.0.0.1:8000        free, leftovers for 43 s"""  # noqa: E501

AT_120 = """\
service  endpoint              verdict                   holder               pid   user  uptime  url
web      127.0.0.1:8000        serving                   node                 4242  you   2 h     http://localhost:8000/
         [::1]:8000            not listening
backend  127.0.0.1:9000        held                      node                 4242  you   2 h
api      nowhere.invalid:9000  host unknown
db       127.0.0.1:8000        listening                 service              412?  root
                                                         `fakedb.service`
old      127.0.0.1:8000        free, leftovers for 43 s"""  # noqa: E501

AT_80 = """\
service  endpoint              verdict                   holder             pid
web      127.0.0.1:8000        serving                   node               4242
         [::1]:8000            not listening
backend  127.0.0.1:9000        held                      node               4242
api      nowhere.invalid:9000  host unknown
db       127.0.0.1:8000        listening                 service            412?
                                                         `fakedb.service`
old      127.0.0.1:8000        free, leftovers for 43 s"""

AT_60 = """\
web      127.0.0.1:8000        serving
  node 4242, you, 2 h, ~/shop/web, http://localhost:8000/
web      [::1]:8000            not listening
backend  127.0.0.1:9000        held
  node 4242, you, 2 h, ~/shop/web
api      nowhere.invalid:9000  host unknown
db       127.0.0.1:8000        listening
  service `fakedb.service` 412?, root
old      127.0.0.1:8000        free, leftovers for 43 s"""


GROUPED = """\
service  endpoint        verdict               holder                    pid   user  uptime  folder  url

~/shop (main)
web      127.0.0.1:8000  serving               node                      4242  you   2 h     web     http://localhost:8000/
         127.0.0.1:8000  bound, not listening  python                    77    you   40 s    web

system services
         127.0.0.1:8000  listening             service `fakedb.service`  412?  root"""  # noqa: E501


def shown(look: OutputStyle, *sections: Section, entries: Iterable[StatusEntry] = ENTRIES) -> str:
    return "\n".join(table(rows_of(sections or (Section(tuple(entries)),), s.ANN), look))


@pytest.mark.parametrize(
    ("width", "text"),
    [
        pytest.param(None, PIPE, id="a pipe gets everything"),
        pytest.param(140, AT_140, id="140 cells hold everything"),
        pytest.param(120, AT_120, id="120 cells: the folder is left out"),
        pytest.param(80, AT_80, id="80 cells: who it is comes first"),
        pytest.param(60, AT_60, id="60 cells: two lines for each"),
    ],
)
def test_status(width: int | None, text: str) -> None:
    assert shown(OutputStyle(width=width)) == text


@pytest.mark.parametrize(
    "width", [pytest.param(n, id=f"{n} cells") for n in (60, 72, 80, 100, 120, 200)]
)
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = s.process(3, "worker", cwd="/home/ann/" + "a long name/" * 20)
    holder = s.NODE_HOLDER.replace(process=long)
    finding = s.HELD.replace(holding=s.HELD.holding.replace(holders=(holder,)))
    sections = (Section((*ENTRIES, entry("", finding))), *s.EVERYBODY)
    lines = shown(OutputStyle(width=width), *sections).split("\n")
    assert max(map(cells, lines)) <= width
    assert "a long name" in "".join(lines) or 72 <= width < 200


def test_columns_without_content_are_left_out() -> None:
    first = shown(OutputStyle(width=120), entries=[entry("web", s.FREE)]).split("\n")[0]
    assert first == "service  endpoint        verdict"


@pytest.mark.parametrize(
    ("place", "role", "asked", "told"),
    [
        pytest.param(StatusPort(s.HELD), "wanted", True, ("held", "error"), id="a foreign holder"),
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
            ("no holder, leftovers for 43 s", "note"),
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
        pytest.param("stopping", ("stopping", "note"), id="it stops"),
        pytest.param("stalled", ("stalled", "error"), id="it listens and accepts nobody"),
        pytest.param("not-listening", ("not listening", "note"), id="it lives and does not listen"),
        pytest.param("left-behind", ("left behind", "error"), id="its run has died"),
    ],
)
def test_a_run_of_ours_in_a_word(stage: Stage, told: tuple[str, str]) -> None:
    assert state(StatusPort(s.HELD, stage), "wanted", asked=True) == told


def test_verdicts_are_coloured_and_nothing_moves() -> None:
    for width in (None, 60, 120):
        coloured = shown(OutputStyle(colour=True, width=width))
        assert "\x1b[32mserving\x1b[0m" in coloured
        assert "\x1b[1;31mheld\x1b[0m" in coloured
        bare = coloured
        for code in ("32", "1;31", "33", "1", "0"):
            bare = bare.replace(f"\x1b[{code}m", "")
        assert bare == shown(OutputStyle(width=width))


def test_an_address_is_clickable_where_the_terminal_has_links() -> None:
    link = f"\x1b]8;;{s.URL}\x1b\\{s.URL}\x1b]8;;\x1b\\"
    assert link in shown(OutputStyle(width=140, links=True))
    assert link in shown(OutputStyle(width=60, links=True))
    assert "\x1b" not in shown(OutputStyle(width=140))


def test_without_room_for_the_address_the_endpoint_is_clickable() -> None:
    lines = shown(OutputStyle(width=80, links=True)).split("\n")
    assert f"\x1b]8;;{s.URL}\x1b\\127.0.0.1:8000\x1b]8;;\x1b\\" in lines[1]
    assert "\x1b" not in "".join(lines[2:])


def test_groups_are_titled_and_their_folder_is_not_said_again() -> None:
    assert shown(OutputStyle(width=130), *s.EVERYBODY) == GROUPED


def test_on_a_pipe_the_group_is_a_column() -> None:
    lines = shown(OutputStyle(), *s.EVERYBODY).split("\n")
    assert lines[0].endswith("url                     project")
    assert [line.partition("  ")[0] for line in lines] == ["service", "web", "-", "-"]
    assert [line.rpartition("  ")[2] for line in lines[1:]] == [
        "~/shop (main)",
        "~/shop (main)",
        "system services",
    ]
    assert "~/shop/web" in lines[1]


def test_stacked_groups_without_a_service_begin_with_the_endpoint() -> None:
    assert shown(OutputStyle(width=60), s.EVERYBODY[1]) == (
        "\nsystem services\n127.0.0.1:8000  listening\n  service `fakedb.service` 412?, root"
    )


@pytest.mark.parametrize("width", [pytest.param(n, id=f"{n} cells") for n in (20, 60, 75)])
def test_long_names_and_addresses_are_whole(width: int) -> None:
    address = "2001:db8:1234:5678:9abc:def0:1234:5678"
    finding = s.HELD.replace(endpoint=s.HERE.replace(address=address))
    text = shown(OutputStyle(width=width), entries=[entry("a-long-service-name", finding)])
    assert "a-long-service-name" in text
    assert f"[{address}]:8000" in text
    assert "held" in text


def test_no_services_is_an_empty_table() -> None:
    head = "service  endpoint  verdict  holder  pid  user  uptime  folder  url"
    assert shown(OutputStyle(), entries=()) == head
    assert shown(OutputStyle(width=120), entries=()) == "endpoint  verdict"
    assert plain([], OutputStyle()) == [head]


def test_holders_that_are_not_all_seen_are_counted() -> None:
    holders = (s.NODE_HOLDER, s.PYTHON_HOLDER)
    finding = s.HELD.replace(holding=HolderSearch(holders, (s.HIDDEN,)))
    assert "node (+2)  4242" in shown(OutputStyle(), entries=[entry("a", finding)])


def test_a_holder_without_a_trace_is_not_shown() -> None:
    finding = s.HELD.replace(holding=HolderSearch((), (HiddenSocket(s.EVERYWHERE[0]),)))
    assert "held     not shown  -" in shown(OutputStyle(), entries=[entry("a", finding)])


@pytest.mark.parametrize(
    "width", [pytest.param(n, id=f"{n} cells" if n else "a pipe") for n in (None, 60, 80, 120)]
)
def test_hostile_names_are_only_text(width: int | None) -> None:
    evil = Section((entry(s.EVIL, s.EVIL_FINDING),), s.EVERYBODY[0].group)
    group = evil.group.replace(folder=f"/{s.EVIL}", branch=s.EVIL) if evil.group else None
    text = shown(OutputStyle(width=width), evil.replace(group=group))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\nerror:" not in text


def test_wide_names_take_two_cells_and_columns_stay_straight() -> None:
    wide = s.process(3, "データ", cwd="/home/ann/データ" + "/x" * 30)
    finding = s.HELD.replace(holding=HolderSearch((s.NODE_HOLDER.replace(process=wide),)))
    lines = shown(OutputStyle(width=90), entries=[entry("a", finding), entry("b", s.HELD)]).split(
        "\n"
    )
    before = [line[: line.index(pid)] for line, pid in zip(lines[1:], ("3 ", "4242"), strict=True)]
    assert len({cells(text) for text in before}) == 1


def test_only_what_is_new_other_or_gone_is_told_again() -> None:
    before = rows_of([Section((entry("web", s.FREE), entry("db", s.HELD)))], s.ANN)
    later = rows_of([Section((entry("web", s.HELD), entry("db", s.HELD)))], s.ANN)
    assert [line.split()[:5] for line in changed(before, later, OutputStyle())] == [
        ["web", "127.0.0.1:8000", "held", "node", "4242"]
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

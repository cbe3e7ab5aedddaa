"""The table of `devports status` on a terminal, as rich draws it, and its live form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyte
import pytest
from rich.table import Table

from devports.core.model import Endpoint, HolderSearch
from devports.core.text import cells
from devports.ui.rich_console import rich_console
from devports.ui.status_rows import Section, StatusEntry, StatusPort, rows_of
from devports.ui.status_table import LiveTable, print_table, table
from tests.tools.golden import Family
from tests.unit.ui import samples as s
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.verdict import Finding
    from devports.records import Stage as RunStage
    from devports.ui.status_rows import Role, StatusRow


def entry(
    service: str,
    port: int,
    finding: Finding = s.FREE,
    *,
    role: Role = "wanted",
    stage: RunStage = "",
) -> StatusEntry:
    there = finding.replace(endpoint=s.HERE.replace(port=port))
    url = f"http://127.0.0.1:{port}/" if stage == "serving" else ""
    return StatusEntry(service, (StatusPort(there, stage, url),), role=role)


def held(pid: int, name: str, finding: Finding = s.HELD, **more: Any) -> Finding:
    holder = s.NODE_HOLDER.replace(process=s.process(pid, name, **more))
    return finding.replace(holding=HolderSearch((holder,)))


SHOP = "/home/ann/shop"
UVICORN = held(4127, "uvicorn", cwd=SHOP)
OTHER = held(16343, "node", age=70, cwd="/home/ann/work/other")
BOUND = held(16345, "python3", s.BOUND, age=70, cwd=f"{SHOP}/cart")
NGINX = held(16373, "nginx", age=270_000, cwd="", uid=33, user="www-data")
PROJECT = Section(
    (
        entry("backend", 8000, UVICORN, stage="serving"),
        entry("frontend", 5173, OTHER),
        entry("admin", 8002),
        entry("cart", 8005, BOUND),
        entry("gateway", 8010, NGINX),
    ),
    folder=SHOP,
)
FEW = PROJECT.replace(entries=PROJECT.entries[:4])
EVERY_STATE = Section(
    (
        s.SERVED,
        entry("backend", 9000, s.HELD),
        s.BROKEN,
        entry("db", 8000, s.HIDING, role="watched"),
        entry("old", 8000, s.LINGERING),
        entry("older", 8000, s.LINGERING.replace(
            verdict=s.LINGERING.verdict.replace(sockets=s.leftovers(1)))),
    )
)  # fmt: skip
LONG = Section(
    (
        entry("a-very-long-service-name-of-forty-letters", 8001, BOUND),
        entry("short", 8002, held(99121, "node サーバー", uid=26, user="postgres", cwd="/srv")),
        entry("shorter", 8003),
    ),
    folder=SHOP,
)
DEEP = Section((entry("deep", 8000, held(7, "node", cwd="/home/ann/データ" + "/far" * 20)),))


def rows(*sections: Section, now: float = s.NOW) -> list[StatusRow]:
    return rows_of(sections, s.ANN.replace(now=now))


def shown(stage: Stage, *sections: Section) -> str:
    """Return what is printed, without the blanks at the end of lines."""
    print_table(rows(*sections), stage.screen)
    return "\n".join(line.rstrip(" ") for line in stage.stdout.getvalue().splitlines())


def at(width: int, *sections: Section, **env: str) -> str:
    return shown(Stage({"NO_COLOR": "1", **env}, COLUMNS=str(width)), *sections)


def _widths(*sections: Section) -> dict[str, tuple[int, tuple[Section, ...]]]:
    return {f"{width} cells": (width, sections) for width in (60, 80, 100, 120)}


FAMILY = Family("status_table")
FAMILY.says("a project", lambda case: at(case[0], *case[1]), _widths(PROJECT))
FAMILY.says("every state", lambda case: at(case[0], *case[1]), _widths(EVERY_STATE))
FAMILY.says("everybody", lambda case: at(case[0], *case[1]), _widths(*s.EVERYBODY))
FAMILY.says("long names", lambda case: at(case[0], *case[1]), _widths(LONG))
FAMILY.says(
    "else",
    lambda case: at(case[0], *case[1:]),
    {
        "few rows are not counted": (80, FEW),
        "40 cells: stacked lines": (40, PROJECT),
        "40 cells: everybody": (40, *s.EVERYBODY),
        "of a deep folder the end": (80, DEEP),
        "nothing": (80,),
        "no room and nothing to say": (20,),
    },
)
FAMILY.says(
    "ASCII only",
    lambda case: shown(Stage(COLUMNS=str(case[0]), NO_COLOR="1", encoding="ascii"), *case[1:]),
    {"a project": (80, PROJECT), "wide characters": (100, LONG), "a deep folder": (80, DEEP)},
)
FAMILY.says(
    "in colour",
    lambda case: visible(shown(Stage(COLUMNS="120", **case), *s.EVERYBODY, FEW)),
    {"no links": {}, "links": {"FORCE_HYPERLINK": "1"}},
)


def visible(text: str) -> str:
    """Return text with its escapes to be seen; rich numbers its links by chance."""
    return re.sub(r"(?<=\x1b\]8;)id=\d+(?=;)", "id=N", text).replace("\x1b", "␛")


def test_it_is_a_table_of_rich_for_each_group_below_its_head() -> None:
    drawn = rich_console(Stage(COLUMNS="100").screen, "stdout")
    grids = [item for item in table(rows(*s.EVERYBODY), drawn) if isinstance(item, Table)]
    assert [grid.row_count for grid in grids] == [0, 2, 1]
    assert len({tuple(column.width for column in grid.columns) for grid in grids}) == 1


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param((PROJECT,), id="a project"),
        pytest.param((EVERY_STATE,), id="every state"),
        pytest.param(s.EVERYBODY, id="everybody"),
        pytest.param((LONG,), id="long names"),
    ],
)
def test_what_is_essential_is_whole_at_every_width(sections: tuple[Section, ...]) -> None:
    wanted = {word for row in rows(*sections) for cell in row.cells[:5] for word in words(cell)}
    for width in range(20, 160):
        assert wanted <= words(at(width, *sections)), width


def words(text: str) -> set[str]:
    return set(text.replace(",", " ").split())


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200], ids="{} cells".format)
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = held(3, "worker", cwd="/home/ann/" + "a long name/" * 20)
    text = at(width, EVERY_STATE, Section((entry("", 8000, long),)), *s.EVERYBODY, LONG, s.HOSTILE)
    assert max(map(cells, text.split("\n"))) <= width


def test_long_addresses_are_whole() -> None:
    address = "2001:db8:1234:5678:9abc:def0:1234:5678"
    finding = s.HELD.replace(endpoint=Endpoint(address, 8000))
    section = Section((StatusEntry("a-long-service-name", (StatusPort(finding),)),))
    for width in (20, 60, 75):
        words = at(width, section).split()
        assert {"a-long-service-name", f"[{address}]:8000", "in", "use"} <= set(words)


def test_a_declared_port_follows_the_address() -> None:
    place = StatusPort(s.FREE, base=7999)
    text = at(60, Section((StatusEntry("web", (place,)), entry("db", 5432))))
    assert [line.split()[:4] for line in text.split("\n")] == [
        ["service", "endpoint", "base", "state"],
        ["web", "127.0.0.1:8000", "7999", "free"],
        ["db", "127.0.0.1:5432", "free"],
    ]


def test_columns_stay_straight_below_wide_names() -> None:
    section = Section(
        (entry("a", 8000, held(3, "データ", uid=5, user="bob")), entry("b", 8001, NGINX))
    )
    _, first, second = at(90, section).split("\n")
    assert cells(first[: first.index("bob")]) == cells(second[: second.index("www-data")])


@pytest.mark.parametrize("width", [40, 60, 80, 120], ids="{} cells".format)
def test_hostile_names_are_only_text(width: int) -> None:
    text = at(width, s.HOSTILE, FORCE_HYPERLINK="1")
    assert not {"\x1b", "\x07"} & set(text)
    assert "\nerror:" not in text
    assert "[red]x[/red]" in "".join(text.split())


@pytest.mark.parametrize(
    ("env", "colour"),
    [
        pytest.param({}, True, id="a terminal"),
        pytest.param({"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="NO_COLOR and FORCE_COLOR"),
        pytest.param({"FORCE_COLOR": "0"}, False, id="FORCE_COLOR=0"),
        pytest.param({"TERM": "dumb"}, False, id="TERM=dumb"),
        pytest.param({"TERM": "dumb", "FORCE_COLOR": "1"}, True, id="TERM=dumb and FORCE_COLOR"),
    ],
)
def test_colour_is_what_our_screen_says_and_moves_nothing(
    env: dict[str, str], colour: bool
) -> None:
    text = shown(Stage(env, COLUMNS="100"), PROJECT)
    assert ("\x1b" in text) is colour
    bare = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert [line.rstrip() for line in bare.split("\n")] == at(100, PROJECT).split("\n")


@pytest.mark.parametrize("width", [140, 80, 40], ids="{} cells".format)
def test_endpoint_and_address_are_links_and_nothing_else_is(width: int) -> None:
    stage = Stage(COLUMNS=str(width), FORCE_HYPERLINK="1")
    text = re.sub(r"\x1b\[[\d;]*m", "", shown(stage, EVERY_STATE))
    links = re.findall(r"\x1b\]8;id=\d+;(.+?)\x1b\\(.+?)\x1b\]8;;\x1b\\", text)
    assert {target for target, _ in links} == {s.URL}
    words = "".join(words for _, words in links)
    assert words.removesuffix(s.URL) == "127.0.0.1:8000"
    assert words.endswith(s.URL) is (width != 80)


class Watched:
    """A live table on a terminal of 10 lines, and what was written to it since the last look."""

    def __init__(self, **env: str) -> None:
        self.stage = Stage(env, COLUMNS="80", LINES="10")
        self.live = LiveTable(self.stage.screen, 1)

    def resize(self, columns: int, lines: int) -> None:
        self.stage.screen.env = {
            **self.stage.screen.env,
            "COLUMNS": f"{columns}",
            "LINES": f"{lines}",
        }

    def shows(self, found: Sequence[StatusRow], size: tuple[int, int] = (80, 10)) -> Iterator[str]:
        """Yield the lines of the terminal after these rows."""
        self.live.show(found, ())
        yield from self.display(size)

    def display(self, size: tuple[int, int] = (80, 10)) -> list[str]:
        screen = pyte.Screen(*size)
        screen.set_mode(pyte.modes.LNM)  # what the terminal driver does: stty onlcr
        pyte.Stream(screen).feed(self.stage.stdout.getvalue())
        return [line.rstrip() for line in screen.display]

    @property
    def written(self) -> int:
        return len(self.stage.stdout.getvalue())


def test_the_live_table_is_the_table_below_a_line_that_says_how_to_end_it() -> None:
    watched = Watched()
    head, blank, *lines = watched.shows(rows(FEW))
    assert (head, blank) == ("devports status, every 1 s; press q to quit", "")
    assert "\n".join(lines).rstrip() == at(80, FEW)


def test_nothing_is_written_where_nothing_changed() -> None:
    watched = Watched()
    watched.live.show(rows(PROJECT), (s.UNREAD,))
    before = watched.written
    watched.live.show(rows(PROJECT), (s.UNREAD,))
    assert watched.written == before


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(FEW, PROJECT, id="more rows"),
        pytest.param(PROJECT, FEW, id="fewer rows"),
        pytest.param(FEW, LONG, id="other rows"),
        pytest.param(EVERY_STATE, FEW, id="a table that was cut, and one that is not"),
    ],
)
def test_the_screen_shows_the_last_table_and_nothing_of_the_one_before(
    first: Section, then: Section
) -> None:
    watched = Watched()
    list(watched.shows(rows(first)))
    assert list(watched.shows(rows(then))) == list(Watched().shows(rows(then)))


def test_what_could_not_be_seen_stands_below() -> None:
    watched = Watched()
    watched.live.show(rows(FEW), (s.UNREAD,))
    text = " ".join(" ".join(watched.display()[-3:]).split())
    assert text.startswith("note: not readable: the descriptors of 3 processes of other users")


def test_a_terminal_that_is_too_low_says_how_much_is_missing() -> None:
    watched = Watched()
    watched.resize(80, 6)
    lines = list(watched.shows(rows(PROJECT), (80, 6)))
    assert [*lines[2:5], lines[5]] == [*at(80, PROJECT).split("\n")[:3], "... 5 more lines"]


def test_another_size_is_drawn_anew_with_the_same_console() -> None:
    watched = Watched()
    watched.live.show(rows(FEW), ())
    watched.resize(44, 12)
    watched.live.redraw()
    _, _, *lines = watched.display((44, 12))
    assert "\n".join(lines).rstrip() == "\n".join(at(44, FEW).split("\n")[:10])


def test_after_a_resize_to_the_same_size_everything_is_drawn_again() -> None:
    watched = Watched()
    watched.live.show(rows(FEW), ())
    before = watched.written
    watched.live.redraw()
    assert "frontend" in watched.stage.stdout.getvalue()[before:]


ENTER, LEAVE = "\x1b[?1049h\x1b[H\x1b[?25l\x1b[?7l", "\x1b[?25h\x1b[?1049l\x1b[?7h"


def test_the_terminal_is_given_back_once_and_the_last_table_left_behind() -> None:
    watched = Watched(NO_COLOR="1")
    watched.live.leave()
    assert watched.written == 0
    watched.live.show(rows(FEW), ())
    watched.live.leave()
    watched.live.leave()
    text = watched.stage.stdout.getvalue()
    assert text.startswith(ENTER)
    assert text.endswith(LEAVE)
    assert text.count(ENTER) == text.count(LEAVE) == 1
    watched.live.print_last()
    last = watched.stage.stdout.getvalue().partition(LEAVE)[2].splitlines()
    assert [line.rstrip() for line in last] == at(80, FEW).split("\n")


def test_it_can_be_entered_again_after_it_was_left() -> None:
    watched = Watched()
    watched.live.show(rows(FEW), ())
    watched.live.leave()
    watched.live.redraw()
    assert watched.stage.stdout.getvalue().count(ENTER) == 2
    assert "frontend" in "".join(watched.display())

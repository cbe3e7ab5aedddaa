from __future__ import annotations

import pytest

from devports.core.model import Hidden, Holding
from devports.ui.render import Entry, holder_card, show_status
from tests.unit.ui import samples as s
from tests.unit.ui.samples import Stage

ENTRIES = (
    Entry("backend", (s.HELD, s.FREE_SISTER)),
    Entry("db", (s.HIDING,)),
    Entry("web", (s.LINGERING,)),
)

PIPE = """\
service  endpoint        verdict                   holder                         user  uptime  folder
backend  127.0.0.1:8000  held                      node 4242                      you   2 h     ~/shop/web
backend  [::1]:8000      free                      -                              -     -       -
db       127.0.0.1:8000  held                      service `fakedb.service` 412?  root  -       -
web      127.0.0.1:8000  free, leftovers for 43 s  -                              -     -       -
"""  # noqa: E501

AT_120 = """\
service  endpoint        verdict                   holder                         user  uptime  folder
backend  127.0.0.1:8000  held                      node 4242                      you   2 h     ~/shop/web
         [::1]:8000      free
db       127.0.0.1:8000  held                      service `fakedb.service` 412?  root
web      127.0.0.1:8000  free, leftovers for 43 s
"""  # noqa: E501

AT_80 = """\
service  endpoint        verdict                   holder                 uptime
backend  127.0.0.1:8000  held                      node 4242              2 h
         [::1]:8000      free
db       127.0.0.1:8000  held                      service
                                                   `fakedb.service` 412?
web      127.0.0.1:8000  free, leftovers for 43 s
"""

AT_60 = """\
backend  127.0.0.1:8000  held
  node 4242, you, 2 h, ~/shop/web
backend  [::1]:8000      free
db       127.0.0.1:8000  held
  service `fakedb.service` 412?, root
web      127.0.0.1:8000  free, leftovers for 43 s
"""


def shown(stage: Stage, entries: tuple[Entry, ...] = ENTRIES) -> str:
    show_status(entries, stage.screen, s.ANN)
    lines = stage.stdout.getvalue().split("\n")
    return "\n".join(line.rstrip(" ") for line in lines)


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        pytest.param(Stage(terminal=False), PIPE, id="a pipe"),
        pytest.param(Stage(terminal=False, COLUMNS="60"), PIPE, id="a pipe has no width"),
        pytest.param(Stage(COLUMNS="120", NO_COLOR="1"), AT_120, id="120 cells"),
        pytest.param(Stage(COLUMNS="80", NO_COLOR="1"), AT_80, id="80 cells"),
        pytest.param(Stage(COLUMNS="60", NO_COLOR="1"), AT_60, id="60 cells"),
        pytest.param(Stage(COLUMNS="60", TERM="dumb"), AT_60, id="60 cells without colours"),
    ],
)
def test_status(stage: Stage, text: str) -> None:
    assert shown(stage) == text


@pytest.mark.parametrize(
    "columns", [pytest.param("60", id="stacked"), pytest.param("120", id="a table")]
)
def test_verdicts_are_coloured(columns: str) -> None:
    text = shown(Stage(COLUMNS=columns))
    assert "\x1b[1;31mheld\x1b[0m" in text
    assert "\x1b[32mfree\x1b[0m" in text
    assert "\x1b[33mfree, leftovers for 43 s\x1b[0m" in text


@pytest.mark.parametrize("columns", [pytest.param(str(n), id=f"{n} cells") for n in (20, 60, 75)])
def test_long_names_fold_and_nothing_is_lost(columns: str) -> None:
    address = "2001:db8:1234:5678:9abc:def0:1234:5678"
    finding = s.HELD.but(endpoint=s.HERE.but(address=address))
    text = shown(Stage(COLUMNS=columns, NO_COLOR="1"), (Entry("a-long-service-name", (finding,)),))
    assert "a-long-service-name" in text
    assert f"[{address}]:8000" in text
    assert "held" in text


def test_no_services_is_an_empty_table() -> None:
    head = "service  endpoint  verdict  holder  user  uptime  folder\n"
    assert shown(Stage(terminal=False), ()) == head


def test_holders_that_are_not_all_seen_are_counted() -> None:
    holders = (s.NODE_HOLDER, s.PYTHON_HOLDER)
    finding = s.HELD.but(holding=Holding(holders, (s.HIDDEN,)))
    assert "node 4242 (+2)" in shown(Stage(terminal=False), (Entry("a", (finding,)),))


def test_a_holder_without_a_trace_is_not_shown() -> None:
    finding = s.HELD.but(holding=Holding((), (Hidden(s.EVERYWHERE[0]),)))
    assert "held     not shown" in shown(Stage(terminal=False), (Entry("a", (finding,)),))


@pytest.mark.parametrize("columns", [pytest.param(str(n), id=f"{n} cells") for n in (60, 80, 120)])
@pytest.mark.parametrize(
    "terminal", [pytest.param(True, id="a terminal"), pytest.param(False, id="a pipe")]
)
def test_hostile_names_are_only_text(columns: str, terminal: bool) -> None:
    stage = Stage(terminal=terminal, COLUMNS=columns, NO_COLOR="1")
    text = shown(stage, (Entry(s.EVIL, (s.EVIL_FINDING,)),))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\nerror:" not in text


def test_markup_in_a_name_is_printed_as_it_is() -> None:
    finding = s.HELD.but(holding=Holding((s.NODE_HOLDER.but(process=s.process(3, "[red]x")),)))
    assert "[red]x 3" in shown(Stage(COLUMNS="120", NO_COLOR="1"), (Entry("a", (finding,)),))


def test_the_card_of_a_family() -> None:
    assert holder_card(s.UVICORN_TARGET, s.HELD, s.ANN) == (
        "process     `uvicorn` (pid 10), you, running for 2 h (since 12:11)",
        "socket      LISTEN 0.0.0.0:8000",
        "family      2 more processes with the same socket (pid 11 and 12)",
        "folder      ~/shop/web",
        "command     uvicorn main:app --reload",
        "started by  `zsh`",
    )

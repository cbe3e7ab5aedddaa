"""What init has found and written, in words."""

from __future__ import annotations

import pytest

from devports.core.hint import text_of
from devports.detect.model import DetectedService, Source
from devports.ui.reports import (
    findings,
    findings_screen,
    next_command,
    written,
    written_screen,
)
from devports.ui.text import OutputStyle
from tests.tools.golden import Family
from tests.unit.ui import samples as s

FAMILY = Family("init_report")
DB = s.FOUND_DB.replace(port=5432)


def test_services_with_their_reasons() -> None:
    assert findings("/shop", (s.FOUND, DB), (s.LEFT_OUT,), OutputStyle()) == (
        "found 2 services in /shop\n"
        "\n"
        "  backend  port 8000: uvicorn main:app --token *** --port {port}\n"
        "           main.py, line 3: app = FastAPI()\n"
        "           Mind this.\n"
        "\n"
        "  db       port 5432: watched (devports does not start it)\n"
        "           compose.yaml\n"
        "\n"
        "skipped:\n"
        "  Procfile, line 2: log: tail -f x (no server)"
    )


def test_colours_change_no_text() -> None:
    plain = findings("/shop", (s.FOUND, DB), (), OutputStyle())
    coloured = findings("/shop", (s.FOUND, DB), (), OutputStyle(colour=True))
    assert coloured != plain
    assert coloured.replace("\x1b[0m", "").replace("\x1b[1m", "").replace("\x1b[2m", "") == plain


def test_nothing_found_and_not_all_looked_at() -> None:
    unread = ("a/b (more than 7 folders deep)", "c", "\x1b", "d", "e")
    assert findings("/shop", (), (), OutputStyle(), unread=unread) == (
        "found no servers in /shop\n\n"
        "not searched: a/b (more than 7 folders deep), c, \\x1b and 2 more"
    )
    one = findings("/shop", (), (), OutputStyle(), unread=unread[:1])
    assert one.endswith("not searched: a/b (more than 7 folders deep)")


def test_foreign_texts_are_made_visible() -> None:
    evil = DetectedService(("a",), "x", (Source("\x1b[31m", 1, "\x1b]0;x"),), command="\x1b[2J")
    assert "\x1b" not in findings("/\x1b", (evil,), (), OutputStyle())
    shown = s.drawn(s.SCREENS["60 columns"], findings_screen("/\x1b", (evil,), (), s.ANN))
    assert "⟦" not in shown


STEPS = [
    pytest.param((s.FOUND, DB), "devports run backend", "2 services", id="one that can be run"),
    pytest.param((DB,), "devports status", "1 service", id="none that can be run"),
    pytest.param((), "devports run backend", "an example service", id="nothing found"),
    pytest.param(
        (s.FOUND.replace(port=0),), "devports run backend", "1 service as a comment", id="no port"
    ),
]


@pytest.mark.parametrize(("services", "command", "count"), STEPS)
def test_the_end_names_the_next_command(
    services: tuple[DetectedService, ...], command: str, count: str
) -> None:
    assert text_of(next_command(services)) == command
    lines = written("devports.toml", services, OutputStyle()).splitlines()
    assert lines[0] == f"wrote devports.toml with {count}"
    assert lines[3].startswith(f"  {command}  ")
    assert [line.split("   ")[0].strip() for line in lines[-2:]] == [
        "devports vscode",
        "devports validate",
    ]


LONG = DetectedService(
    ("a-service-with-a-very-long-name",),
    "vite",
    (Source("package.json", 1, '"dev": "vite"'),),
    command="npm run dev -- --host {host} --port {port} --strictPort",
)


def both(stage: s.Stage) -> str:
    found = findings_screen(
        "/home/ann/shop",
        (s.FOUND, DB, LONG),
        (s.LEFT_OUT,),
        s.ANN,
        unread=("a/b/c (more than 7 folders deep)",),
    )
    return "\n\n".join(
        s.drawn(stage, lines) for lines in (found, written_screen("devports.toml", (s.FOUND, DB)))
    )


FAMILY.says("screen", both, s.SCREENS)
FAMILY.says(
    "screen of nothing",
    lambda config: "\n\n".join(
        s.drawn(s.SCREENS["60 columns"], lines)
        for lines in (findings_screen("/shop", (), (), s.ANN), written_screen("x", (), config))
    ),
    {"an example is written": "", "the commands name the file and stay whole": "of/mine.toml"},
)


def test_the_end_names_every_service() -> None:
    web = s.FOUND.replace(names=("web",))
    lines = written("devports.toml", (s.FOUND, web, DB), OutputStyle()).splitlines()
    assert lines[3:7] == [
        "  devports run backend   start it on its port",
        "  devports run web       start it on its port",
        "  devports up            start all of them in the background",
        "  devports status        show the process that serves `db`",
    ]
    assert len(lines) == 9
    (alone,) = written("devports.toml", (DB,), OutputStyle()).splitlines()[3:-2]
    assert alone == "  devports status     show the process that serves `db`"

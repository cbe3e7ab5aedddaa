"""The questions of init, answered by a keyboard made of a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.input import DummyInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from devports.ui.console import Console
from devports.ui.prompts import choose, wrong_port
from tests.harness.capabilities import NEEDS_FAKE_KEYS
from tests.unit.ui import samples as s
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from devports.detect.model import DetectedService

DB = s.FOUND_DB.replace(port=5432)
UNKNOWN = s.FOUND.replace(names=("web",), port=0)
DOWN = "\x1b[B"


def typed(keys: str, *services: DetectedService, colour: str = "") -> list[tuple[str, int]] | None:
    """Return names and ports after these keys; None: nothing is to be written."""
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        screen = Stage(NO_COLOR=colour).screen
        chosen = choose(
            services, "devports.toml", screen, terminal=lambda _: (keyboard, DummyOutput())
        )
    return None if chosen is None else [(each.name, each.port) for each in chosen]


BACKEND, DB_TOO, WEB = ("backend", 8000), ("db", 5432), ("web", 3000)
ANSWERS = [
    pytest.param("\r\r", (s.FOUND, DB), [BACKEND, DB_TOO], id="Enter twice: all of them"),
    pytest.param(" \ry", (s.FOUND, DB), [DB_TOO], id="the first one is left out"),
    pytest.param(f"{DOWN} \ry", (s.FOUND, DB), [BACKEND], id="the second one is left out"),
    pytest.param(f" {DOWN} \r", (s.FOUND, DB), None, id="all are left out"),
    pytest.param("\rn", (s.FOUND, DB), None, id="n at the end"),
    pytest.param("y", (s.FOUND,), [BACKEND], id="one service is not chosen from"),
    pytest.param("n", (s.FOUND,), None, id="one service, n"),
    pytest.param("3000\ry", (UNKNOWN,), [WEB], id="a port is asked for"),
    pytest.param("\ry", (UNKNOWN,), [("web", 0)], id="no port yet"),
    pytest.param("80x\r\x7f\x7f\x7f3000\ry", (UNKNOWN,), [WEB], id="no port, then one"),
    pytest.param("\r8000\r\x15" + "3000\ry", (s.FOUND, UNKNOWN), [BACKEND, WEB], id="a taken one"),
    pytest.param("y", (), [], id="the example"),
    pytest.param("n", (), None, id="no example"),
]


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(("keys", "services", "expected"), ANSWERS)
@pytest.mark.parametrize("colour", [pytest.param("", id="colour"), pytest.param("1", id="none")])
def test_answers(
    keys: str,
    services: tuple[DetectedService, ...],
    expected: list[tuple[str, int]] | None,
    colour: str,
) -> None:
    assert typed(keys, *services, colour=colour) == expected


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize("keys", ["\x03", "\r\x03"], ids=["at the first", "at the second"])
def test_ctrl_c_is_raised(keys: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        typed(keys, s.FOUND, DB)


def test_the_end_of_the_input_writes_nothing() -> None:
    screen = Stage().screen
    ended = (DummyInput(), DummyOutput())
    assert choose((s.FOUND,), "x", screen, terminal=lambda _: ended) is None


def test_no_input_at_all_writes_nothing() -> None:
    assert choose((s.FOUND,), "x", Console(None, None, None, {})) is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param(" 80 ", "", id="a number"),
        pytest.param("", "", id="nothing"),
        pytest.param("0", "enter a number from 1 to 65535, or nothing", id="zero"),
        pytest.param("65536", "enter a number from 1 to 65535, or nothing", id="too large"),
        pytest.param(
            "٣", "enter a number from 1 to 65535, or nothing", id="another script's digits"
        ),
        pytest.param("9" * 5000, "enter a number from 1 to 65535, or nothing", id="5000 digits"),
        pytest.param("443", "already used by another service", id="taken"),
    ],
)
def test_ports_that_are_typed(text: str, wrong: str) -> None:
    assert wrong_port(text, {443}) == wrong

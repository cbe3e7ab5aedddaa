from __future__ import annotations

from typing import Any

import pytest

from devports.core.hint import OwnCommand, hint, own_command
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.ui import holders, processes
from devports.ui.messages import block, error_block, remedy_lines
from devports.ui.text import OutputStyle
from tests.unit.ui import samples as s

HINT = hint("to stop it and start `backend`, run ", own_command("free", "backend"))


class ByHand(Frozen):
    """What a remedy looks like from here."""

    title: str
    command: str | OwnCommand
    needs_root: bool


def held() -> DevportsError:
    return holders.problem((s.HELD,), s.ANN, exit_code=1, subject="port 8000", hints=(HINT,))


WHOLE = """\
error: port 8000 is in use by `node`
  process     `node` (pid 4242), you, running for 2 h (since 12:11)
  socket      LISTEN 0.0.0.0:8000 and [::]:8000
  folder      ~/shop/web
  command     node server.js --port 8000
  started by  `npm run dev` <- `zsh` <- `code`

hint: to stop it and start `backend`, run `devports free backend`"""


def test_commands_of_ours_name_the_configuration_that_was_named() -> None:
    by_hand: Any = ByHand("ends it", own_command("free", "web"), needs_root=False)
    lines = error_block(held(), OutputStyle(config="../a b.toml"), (by_hand,)).split("\n")
    assert lines[-2] == "    devports free web --config '../a b.toml'"
    assert lines[-1].endswith("run `devports free backend --config '../a b.toml'`")


NARROW = """\
error: port 8000 is in use by `node`
  process     `node` (pid 4242), you, running for 2 h (since
              12:11)
  socket      LISTEN 0.0.0.0:8000 and [::]:8000
  folder      ~/shop/web
  command     node server.js --port 8000
  started by  `npm run dev` <- `zsh` <- `code`

hint: to stop it and start `backend`, run
      `devports free backend`"""

COLOURED = (
    WHOLE.replace("error:", "\x1b[1;31merror:\x1b[0m")
    .replace("hint:", "\x1b[36mhint:\x1b[0m")
    .replace("it and start `backend`", "it and start \x1b[36m`backend`\x1b[0m")
    .replace("`devports free backend`", "\x1b[36m`devports free backend`\x1b[0m")
)


@pytest.mark.parametrize(
    ("look", "text"),
    [
        pytest.param(OutputStyle(), WHOLE, id="a pipe"),
        pytest.param(OutputStyle(width=60), NARROW, id="60 cells"),
        pytest.param(OutputStyle(width=80), WHOLE, id="80 cells"),
        pytest.param(OutputStyle(width=120), WHOLE, id="120 cells"),
        pytest.param(OutputStyle(colour=True, width=80), COLOURED, id="colours"),
        pytest.param(OutputStyle(colour=True), COLOURED, id="colours forced on a pipe"),
    ],
)
def test_a_held_port(look: OutputStyle, text: str) -> None:
    assert error_block(held(), look) == text


def test_a_bound_port_at_60_cells() -> None:
    error = holders.problem((s.BOUND,), s.ANN, exit_code=1, subject="port 8000", hints=(HINT,))
    assert error_block(error, OutputStyle(width=60)) == (
        "error: port 8000 is bound by `python`, which is not\n"
        "       listening\n"
        "  process     `python` (pid 77), you, running for 40 s\n"
        "              (since 14:12)\n"
        "  socket      BOUND 127.0.0.1:8000\n"
        "  folder      ~/shop/web\n"
        "  command     python app.py\n"
        "  started by  `zsh`\n"
        "\n"
        "note: it may start listening at any time; a second server\n"
        "      would then fail\n"
        "hint: to stop it and start `backend`, run\n"
        "      `devports free backend`"
    )


def test_a_lingering_port_is_a_warning() -> None:
    text = block("warning", processes.headline(s.LINGERING), OutputStyle(width=80))
    assert text == (
        "warning: 127.0.0.1:8000 is free for servers that set SO_REUSEADDR (nearly all\n"
        "         do); 3 connections in TIME_WAIT remain for another 43 s"
    )


def test_a_shadowed_port_is_a_warning() -> None:
    text = block(
        "warning",
        processes.headline(s.SHADOWED),
        OutputStyle(),
        facts=processes.fact_lines((s.SHADOWED, s.FREE_SISTER), s.ANN),
        notes=processes.note_lines((s.SHADOWED,)),
        hints=("open http://127.0.0.1:8000",),
    )
    assert text == (
        "warning: 127.0.0.1:8000 is free, but `localhost` may connect to `node` on [::1]:8000\n"
        "  127.0.0.1:8000  free, localhost differs\n"
        "  [::1]:8000      free\n"
        "  process     `node` (pid 4242), you, running for 2 h (since 12:11)\n"
        "  socket      LISTEN [::1]:8000\n"
        "  folder      ~/shop/web\n"
        "  command     node server.js --port 8000\n"
        "  started by  `npm run dev` <- `zsh` <- `code`\n"
        "\n"
        "note: use 127.0.0.1:8000 for your server; localhost:8000 may reach the other one\n"
        "hint: open http://127.0.0.1:8000"
    )


def test_remedies_come_before_the_hint_and_stay_whole() -> None:
    command = "sudo systemctl stop " + "a-service-with-a-very-long-name-" * 3 + ".service"
    remedies: Any = (
        ByHand("stop the service for good", command, needs_root=True),
        ByHand("or wait", "", needs_root=False),
    )
    error = DevportsError("port-held", "port 8000 is held", note="a\nb", hints=("one", "two"))
    assert error_block(error, OutputStyle(width=60), remedies) == (
        "error: port 8000 is held\n"
        "\n"
        "note: a\n"
        "note: b\n"
        "to fix it manually:\n"
        "  stop the service for good (needs root)\n"
        f"    {command}\n"
        "  or wait\n"
        "hint: one\n"
        "hint: two"
    )


def test_no_remedies_are_no_lines() -> None:
    assert remedy_lines((), OutputStyle(width=60)) == []


def test_nothing_but_a_message() -> None:
    assert error_block(DevportsError("x", "it is so"), OutputStyle()) == "error: it is so"


def test_a_hint_with_a_lone_backtick_has_no_colour_in_it() -> None:
    look = OutputStyle(colour=True)
    assert block("error", "x", look, hints=("a ` b",)).endswith("hint:\x1b[0m a ` b")


@pytest.mark.parametrize("width", [pytest.param(None, id="a pipe"), pytest.param(60, id="60")])
def test_hostile_text_is_escaped_wherever_it_comes_in(width: int | None) -> None:
    error = DevportsError("x", s.EVIL, facts=(s.EVIL,), note=s.EVIL, hints=(s.EVIL,))
    remedies: Any = (ByHand(s.EVIL, s.EVIL, needs_root=False),)
    text = error_block(error, OutputStyle(width=width), remedies)
    assert not set(text) & {"\x1b", "\x07", "\x00"}
    assert [line[:6] for line in text.split("\n")].count("error:") == 1
    assert "[red]" in text

"""A mistyped command line is answered with what was perhaps meant, and where to read on."""

from __future__ import annotations

import pytest

from devports.arguments import build_parser, parsed
from devports.core.hint import text_of
from devports.errors import DevportsError

MISTYPED = [
    pytest.param("chek 8000", ("did you mean `check`?", "run `devports --help`"), id="a command"),
    pytest.param("xyzzy", ("run `devports --help`",), id="a command like no other"),
    pytest.param(
        "run web --prot 3", ("did you mean `--port`?", "run `devports run --help`"), id="an option"
    ),
    pytest.param(
        "free --time=3", ("did you mean `--timeout`?", "run `devports free --help`"), id="with ="
    ),
    pytest.param("doctor web", ("run `devports doctor --help`",), id="a word too many"),
    pytest.param("--versoin", ("did you mean `--version`?", "run `devports --help`"), id="of all"),
]


@pytest.mark.parametrize(("line", "hints"), MISTYPED)
def test_what_was_perhaps_meant(line: str, hints: tuple[str, ...]) -> None:
    words = line.split()
    with pytest.raises(DevportsError) as caught:
        parsed(build_parser(*words[:1]), words)
    assert tuple(map(text_of, caught.value.hints)) == hints


def test_a_right_line_is_parsed() -> None:
    assert parsed(build_parser("run"), ["run", "web", "--port", "8001"]).port == 8001
    assert parsed(build_parser(), []).command is None

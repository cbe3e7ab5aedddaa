"""What a command turns out to be, as far as its first line says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.capabilities import NEEDS_FORK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [NEEDS_FORK]


@pytest.mark.parametrize(
    ("text", "interpreter"),
    [
        pytest.param("#!/venv/bin/python3\nx", "/venv/bin/python3", id="a path"),
        pytest.param("#! /usr/bin/env node\n", "node", id="env"),
        pytest.param("#!/usr/bin/env -S node --x\n", "node", id="env with options"),
        pytest.param("#!/usr/bin/env\n", "", id="env of nothing"),
        pytest.param("#!\n", "", id="an empty line"),
        pytest.param("\x7fELF", "", id="a binary"),
        pytest.param("", "", id="an empty file"),
    ],
)
def test_the_interpreter_of_a_script(text: str, interpreter: str, tmp_path: Path) -> None:
    from devports.run.child import interpreter_of

    script = tmp_path / "bin" / "server"
    script.parent.mkdir()
    script.write_text(text, encoding="latin-1")
    script.chmod(0o755)
    env = {"PATH": str(script.parent)}
    assert interpreter_of(("server",), "/", env) == interpreter
    assert interpreter_of(("bin/server",), str(tmp_path), env) == interpreter


def test_what_is_not_there_has_none(tmp_path: Path) -> None:
    from devports.run.child import interpreter_of

    assert interpreter_of((), str(tmp_path), {}) == ""
    assert interpreter_of(("no-such-program",), str(tmp_path), {"PATH": ""}) == ""

"""No test and no command needs at import what Windows does not have."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import elsewhere
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.waiting import PATIENCE

pytestmark = NEEDS_FORK  # there is something to take away
ROOT = Path(__file__).parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these words, away from the settings of the session around us."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "DEVPORTS"))}
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        encoding="utf-8",
        env=env | {"NO_COLOR": "1"},
        cwd=ROOT,
        check=False,
        timeout=120 * PATIENCE,
    )


def test_every_test_module_is_imported_where_posix_is_missing():
    ended = run("-m", "pytest", "-p", elsewhere.__name__, "--collect-only", "-q")
    errors = [line for line in ended.stdout.splitlines() if line.startswith("ERROR")]
    assert errors == []
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr


MISSING = """
import importlib, sys
from tests.harness import elsewhere
elsewhere.take_away()
left = [name for module, names in elsewhere.NAMES.items() for name in names.split()
        if hasattr(module, name)]
for name in elsewhere.MODULES:
    try:
        importlib.import_module(name)
        left.append(name)
    except ImportError:
        pass
sys.exit(f"still there: {left}" if left else 0)
"""


def test_what_is_taken_away_is_missing():
    ended = run("-c", MISSING)
    assert ended.returncode == 0, ended.stderr


COMMANDS = [
    pytest.param(("--version",), 0, "devports ", id="version"),
    pytest.param(("schema", "config"), 0, '"services"', id="schema"),
    pytest.param(
        ("validate", "--config", "devports.toml.example"), 0, "is valid (1 service)", id="validate"
    ),
    pytest.param(("check", "{port}"), 0, "is free", id="check of a free port"),
    pytest.param(("check", "{held}"), 1, "is in use by `", id="check of a held port"),
    pytest.param(("status", "{held}"), 0, "in use", id="status"),
    pytest.param(
        ("free", "{held}", "--dry-run"),
        0,
        "devports itself or one of its parent processes",
        id="free, as a rehearsal",
    ),
    pytest.param(
        ("status", "{held}", "--watch"), 97, "does not support Windows yet", id="status --watch"
    ),
    pytest.param(("run", "web"), 97, "`devports run` does not support Windows yet", id="run"),
]


@pytest.mark.parametrize(("words", "code", "said"), COMMANDS)
def test_a_command_answers_where_posix_is_missing(
    words: tuple[str, ...], code: int, said: str, port: int
):
    with socket.create_server(("127.0.0.1", port + 1)):
        ports = {"{port}": str(port), "{held}": str(port + 1)}
        ended = run("-m", elsewhere.__name__, *(ports.get(word, word) for word in words))
    assert (ended.returncode, "bug" in ended.stderr) == (code, False), ended.stderr
    assert said in ended.stdout + ended.stderr

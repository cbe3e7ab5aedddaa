"""What the parsers make of the texts of macOS tools, and of lsof elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devports.system import macos_tools

if TYPE_CHECKING:
    from devports.system.identity import Row

HERE = Path(__file__).parent
MADE_UP = HERE / "macos-synthetic"
SAMPLES = sorted(path for path in MADE_UP.glob("*.txt"))
CAPTURED = sorted(HERE.glob("linux-lsof-*/*.txt"))


def _row(row: Row) -> list[Any]:
    s = row.socket
    return [row.pid, row.name, str(s.local), str(s.remote) if s.remote else None, s.state]


def _netstat(raw: bytes) -> Any:
    rows, lost = macos_tools.netstat(raw)
    return {"rows": [_row(row) for row in rows], "lost": lost}


def _lsof(raw: bytes) -> Any:
    return [_row(row) for row in macos_tools.lsof(raw)]


def _launchctl(raw: bytes) -> Any:
    return [list(pair) for pair in macos_tools.launchctl(raw).items()]


PARSERS = {"netstat": _netstat, "lsof": _lsof, "launchctl": _launchctl}
NOTHING: dict[str, Any] = {"netstat": {"rows": [], "lost": 0}, "lsof": [], "launchctl": []}


def tool_of(path: Path) -> str:
    return path.name.partition("-")[0]


@pytest.mark.parametrize("path", [*SAMPLES, *CAPTURED], ids=lambda path: path.stem)
def test_a_text_is_read_as_a_person_reads_it(path: Path):
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    assert PARSERS[tool_of(path)](path.read_bytes()) == expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_says_where_it_is_from(path: Path):
    meta = path.with_suffix(".meta.toml").read_text(encoding="utf-8")
    assert {line.partition(" = ")[0] for line in meta.splitlines()} == {
        "kind", "command", "system", "layout_after",
    }  # fmt: skip
    assert 'kind = "synthetic' in meta


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_every_recording_says_how_it_was_made(path: Path):
    meta = path.with_suffix(".meta.toml").read_text(encoding="utf-8")
    keys = {line.partition(" = ")[0] for line in meta.splitlines()}
    assert keys == {"command", "version", "system", "locale", "user", "date"}


@pytest.mark.parametrize("path", [*SAMPLES, *CAPTURED], ids=lambda path: path.stem)
def test_no_text_of_one_tool_is_taken_for_another(path: Path):
    for tool, parse in PARSERS.items():
        if tool != tool_of(path):
            assert parse(path.read_bytes()) == NOTHING[tool]

"""What the parsers make of the texts of Windows tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devports.system import windows_tools

FOLDER = Path(__file__).parent / "windows-synthetic"


def _ranges(raw: bytes) -> list[Any]:
    return [[r.first, r.last] for r in windows_tools.excluded_ranges(raw)]


def _dynamic(raw: bytes) -> list[Any]:
    return list(windows_tools.dynamic_range(raw) or ())


def _sockets(raw: bytes) -> list[Any]:
    found = [(row.pid, row.socket) for row in windows_tools.netstat(raw)]
    return [[pid, str(s.local), str(s.remote) if s.remote else None, s.state] for pid, s in found]


PARSERS = {
    "netsh-excludedportrange": _ranges,
    "netsh-dynamicport": _dynamic,
    "netstat-ano": _sockets,
    "netstat-anoq": _sockets,
}
SAMPLES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_text_is_read_as_a_person_reads_it(name: str):
    tool = "-".join(name.split("-")[:2])
    expected = json.loads((FOLDER / f"{name}.expected.json").read_text(encoding="utf-8"))
    assert PARSERS[tool]((FOLDER / f"{name}.txt").read_bytes()) == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_says_where_it_is_from(name: str):
    meta = (FOLDER / f"{name}.meta.toml").read_text(encoding="utf-8")
    keys = {line.partition(" = ")[0] for line in meta.splitlines()}
    assert keys == {"kind", "command", "system", "layout_after"}
    assert 'kind = "synthetic' in meta


def test_no_text_of_one_tool_is_taken_for_another():
    for name in SAMPLES:
        raw = (FOLDER / f"{name}.txt").read_bytes()
        tool = "-".join(name.split("-")[:2])
        answered = {key for key, parse in PARSERS.items() if parse(raw)}
        assert answered <= {key for key in PARSERS if PARSERS[key] is PARSERS[tool]}

"""`launchctl list`: which process is which job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.system.macos_tools import launchctl

LINES = [
    pytest.param("612\t0\tcom.apple.rapportd", {612: "com.apple.rapportd"}, id="a job that runs"),
    pytest.param("612\t-9\tan odd name", {612: "an odd name"}, id="one that has failed before"),
    pytest.param("-\t0\tcom.apple.rapportd", {}, id="one that does not run"),
    pytest.param("PID\tStatus\tLabel", {}, id="the heading"),
    pytest.param("0\t0\tcom.apple.kernel", {}, id="pid 0"),
    pytest.param("131072\t0\tx", {}, id="a pid beyond the largest"),
    pytest.param("612\t0\t", {}, id="no label"),
    pytest.param("612\tcom.apple.rapportd", {}, id="a column missing"),
    pytest.param("612\t0\t1\tcom.apple.rapportd", {}, id="a column more"),
    pytest.param("", {}, id="nothing"),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line(line: str, expected: dict[int, str]):
    assert launchctl(line.encode()) == expected


@given(st.one_of(st.binary(), st.lists(st.sampled_from("7\t-\n.x")).map("".join).map(str.encode)))
def test_whatever_comes_only_pids_with_a_label_come_out(raw: bytes):
    assert all(pid > 0 and label for pid, label in launchctl(raw).items())

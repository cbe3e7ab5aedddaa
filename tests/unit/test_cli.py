"""What becomes of an answer that nobody could read."""

from __future__ import annotations

import errno
import tempfile
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from devports.cli import bug, output_error, refused

if TYPE_CHECKING:
    from pathlib import Path

FINE = [
    pytest.param(None, id="all was written"),
    pytest.param(errno.EPIPE, id="the reader has stopped"),
]
LOST = [
    pytest.param(errno.ENOSPC, "No space left on device", id="a full disk"),
    pytest.param(errno.EIO, "Input/output error", id="a terminal that has gone"),
    pytest.param(0, "it was closed, or its reader takes nothing", id="no errno"),
]


REFUSED = [
    pytest.param(OSError(errno.EMFILE, "x"), "ulimit -n", id="a limit names what raises it"),
    pytest.param(OSError(errno.ENOSPC, "x", "/a"), "df -h", id="a full disk names what shows it"),
    pytest.param(OSError(errno.EIO, "x"), "", id="a broken disk"),
    pytest.param(MemoryError(), "", id="no memory"),
    pytest.param(ImportError("x"), "reinstall", id="devports was replaced while it ran"),
]


@pytest.mark.parametrize(("error", "hint"), REFUSED)
def test_an_error_of_the_machine_is_no_bug(
    error: OSError | MemoryError | ImportError, hint: str
) -> None:
    shown = refused(error, ["check", "8000"])
    assert (shown.code, shown.exit_code) == ("system-refused", exitcodes.CANNOT_INSPECT)
    assert hint in " ".join(map(str, shown.hints))
    assert refused(error, ["run", "web"]).exit_code == exitcodes.NOT_EXECUTABLE


def test_an_error_that_only_devports_can_cause_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shown = refused(OSError(errno.EBADF, "Bad file descriptor"), ["check", "8000"])
    assert (shown.code, shown.exit_code) == ("internal-error", exitcodes.INTERNAL)


@pytest.mark.parametrize("lost", FINE)
def test_an_answer_that_was_not_wanted_any_more_is_no_error(lost: int | None) -> None:
    assert output_error(lost) is None


@pytest.mark.parametrize(("lost", "why"), LOST)
def test_an_answer_that_could_not_be_written_is_an_error(lost: int, why: str) -> None:
    error = output_error(lost)
    assert error is not None
    assert (error.code, error.exit_code) == ("output-lost", exitcodes.NO)
    assert error.message == f"cannot write the output: {why}"


def test_a_bug_report_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    error = bug(ValueError("cannot parse --token hunter2 of postgres://u:hunter2@h/x"))
    (report,) = tmp_path.iterdir()
    assert "ValueError: cannot parse --token *** of postgres://u:***@h/x" in error.message
    assert "hunter2" not in error.message + report.read_text(encoding="utf-8")

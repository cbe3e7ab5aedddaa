"""A small sample of `python -m tests.hardship`, the same in each run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.capabilities import HAS_NAMESPACES, NEEDS_PROC, NEEDS_STRACE

ALONE = ["unshare", "--kill-child", "--pid", "--fork", "--mount-proc"] if HAS_NAMESPACES else []
"""A namespace with no other processes, where every search is short."""


def hardship(*words: str) -> str:
    argv = [*ALONE, sys.executable, "-m", "tests.hardship", *words]
    root = Path(__file__).parents[2]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=root, timeout=300)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@NEEDS_STRACE
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(
            "errors check free run init vscode up down --sample 2",
            id="a call that fails ends in no bug report and no half file",
        ),
        pytest.param(
            "kills run vscode up down watchdog --sample 1",
            id="after a kill nothing lives on, and the next run clears up",
        ),
    ],
)
def test_disturbed_at_some_system_calls(words: str) -> None:
    assert ", 0 failures" in hardship(*words.split())


@NEEDS_PROC
def test_nothing_grows_from_one_start_to_the_next() -> None:
    assert "0 failures" in hardship("soak", "--cycles", "3")

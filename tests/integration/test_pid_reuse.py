"""A pid that goes to another process between the look and the signal: nobody innocent is hit."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.harness.capabilities import NEEDS_NAMESPACES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"]


@NEEDS_NAMESPACES
@pytest.mark.parametrize(
    "when",
    [
        pytest.param("question", id="while the person thinks"),
        pytest.param("signal", id="right before the signal, when all has been verified"),
    ],
)
def test_an_innocent_process_that_got_the_holders_pid_is_not_signalled(
    when: str, port: int
) -> None:
    argv = [*NAMESPACE, sys.executable, "-m", "tests.integration.reuse", str(port), when]
    ran = subprocess.run(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    seen = json.loads(ran.stdout)
    assert seen["innocent"] == seen["holder"] == seen["asked"][0], "the pid was not reused"
    assert seen["a plain kill ends it"], "the control: this is who kill(1) would have hit"
    assert seen["spared"]
    assert (seen["bindable"], seen["outcomes"]) == (True, ["AlreadyGone"])

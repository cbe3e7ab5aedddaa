"""Programs of the system that answer, do not, or are not there."""

from __future__ import annotations

import signal
import sys

import psutil
import pytest

from devports.system.subprocesses import ask
from tests.harness.capabilities import NEEDS_FORK

CASES = [
    pytest.param("print('LISTEN')", b"LISTEN", id="what it wrote is the answer"),
    pytest.param("print('x'); raise SystemExit(1)", b"x", id="its exit status says nothing"),
    pytest.param("import sys; print('no', file=sys.stderr)", b"", id="an error is no answer"),
    pytest.param("print(len(open(0).read()))", b"0", id="it gets no input"),
    pytest.param("import os; print(os.environ['LC_ALL'])", b"C", id="it speaks no one's language"),
]


@pytest.mark.parametrize(("program", "answer"), CASES)
def test_a_program_is_asked(program: str, answer: bytes):
    said = ask((sys.executable, "-c", program), seconds=30)
    assert said is not None
    assert said.strip() == answer


def test_who_does_not_answer_in_time_has_not_answered():
    forever = "import threading; print('half', flush=True); threading.Event().wait()"
    assert ask((sys.executable, "-c", forever), seconds=0.2) is None


def test_who_does_not_come_to_an_end_has_not_answered():
    endless = "while True: print('LISTEN' * 1000)"
    assert ask((sys.executable, "-c", endless), seconds=30) is None


@NEEDS_FORK
def test_a_program_is_not_left_behind_where_a_signal_ends_the_wait():
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    children = set(psutil.Process().children())
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            ask((sys.executable, "-c", "import threading; threading.Event().wait()"), seconds=30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert set(psutil.Process().children()) == children


def test_a_program_that_is_not_there_does_not_answer():
    assert ask(("devports-no-such-program",)) is None
    assert ask(("devports\0",)) is None

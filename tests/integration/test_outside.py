"""Programs of the system that answer, do not, or are not there."""

from __future__ import annotations

import sys

import pytest

from devports.system.outside import ask

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


def test_a_program_that_is_not_there_does_not_answer():
    assert ask(("devports-no-such-program",)) is None
    assert ask(("devports\0",)) is None

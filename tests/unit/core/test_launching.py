"""A command, seen through its launchers."""

from __future__ import annotations

import pytest

from devports.core.command_line import launching_of

PROGRAMS = [
    pytest.param("uvicorn app:app", "uvicorn", ("app:app",), id="a program by its name"),
    pytest.param("/venv/bin/uvicorn app", "uvicorn", ("app",), id="a program by its path"),
    pytest.param("python3.12 -m uvicorn app", "uvicorn", ("app",), id="a module"),
    pytest.param("python -u -X dev -m uvicorn a", "uvicorn", ("a",), id="a module behind options"),
    pytest.param(
        "python app.py -m x", "python", ("app.py", "-m", "x"), id="a script and its words"
    ),
    pytest.param("python -m", "python", ("-m",), id="a module that is not named"),
    pytest.param(
        "python --check-hash-based-pycs always -m uvicorn a",
        "uvicorn",
        ("a",),
        id="a module behind a long option's value",
    ),
    pytest.param("env A=1 B=2 uvicorn a", "uvicorn", ("a",), id="env with variables"),
    pytest.param("timeout 5m uvicorn a", "uvicorn", ("a",), id="timeout"),
    pytest.param("nohup setsid uvicorn a", "uvicorn", ("a",), id="two launchers"),
    pytest.param("uv run uvicorn a", "uvicorn", ("a",), id="uv run"),
    pytest.param(
        "uv run --with x --python=3.12 -- uvicorn a", "uvicorn", ("a",), id="uv's options"
    ),
    pytest.param("env -i uvicorn a", "env", ("-i", "uvicorn", "a"), id="an option ends the look"),
    pytest.param("timeout -k 1 5 uvicorn", "timeout", ("-k", "1", "5", "uvicorn"), id="timeout -k"),
    pytest.param(
        "uv run --unknown uvicorn", "uv", ("run", "--unknown", "uvicorn"), id="uv, unknown"
    ),
    pytest.param("uv run --frozen", "uv", ("run", "--frozen"), id="uv that runs nothing"),
    pytest.param("npm run dev", "npm", ("run", "dev"), id="npm ends the look"),
    pytest.param("exec", "exec", (), id="a launcher of nothing"),
]


@pytest.mark.parametrize(("command", "name", "args"), PROGRAMS)
def test_the_program_is_found_and_the_command_put_together_again(
    command: str, name: str, args: tuple[str, ...]
) -> None:
    argv = tuple(command.split())
    found = launching_of(argv)
    assert (found.name, found.args) == (name, args)
    assert found.argv(args) == argv


SHELLS = [
    pytest.param("uvicorn app:app --port 1", "uvicorn", id="one program"),
    pytest.param("exec uvicorn app", "uvicorn", id="exec"),
    pytest.param("A=1 uvicorn app", "uvicorn", id="an assignment"),
    pytest.param("uvicorn 'a b'", "uvicorn", id="quotes"),
]


@pytest.mark.parametrize(("text", "name"), SHELLS)
def test_a_shell_that_starts_one_program_is_looked_through(text: str, name: str) -> None:
    found = launching_of(("bash", "-c", text, "zero"))
    assert (found.name, found.opaque) == (name, "")
    assert found.argv(found.args) == ("bash", "-c", text, "zero")
    assert found.argv(("x y",))[2].endswith("uvicorn 'x y'")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("cd x && uvicorn a", id="two commands"),
        pytest.param("uvicorn --port $PORT", id="a variable"),
        pytest.param("uvicorn 'a", id="an open quote"),
        pytest.param("A='b c' uvicorn a", id="an assignment with a space"),
        pytest.param("sh -c uvicorn", id="a shell in a shell"),
        pytest.param("A=1", id="no program"),
    ],
)
def test_a_shell_text_that_does_more_is_left_alone(text: str) -> None:
    found = launching_of(("env", "A=1", "/bin/sh", "-c", text))
    assert (found.name, found.opaque) == ("sh", text)
    assert found.argv(found.args) == ("env", "A=1", "/bin/sh", "-c", text)


@pytest.mark.parametrize(
    ("command", "isolated"),
    [
        pytest.param("python -I app.py", True, id="isolated"),
        pytest.param("python -uE -m app", True, id="the environment ignored"),
        pytest.param("python -S app.py", True, id="without site"),
        pytest.param("python -sP app.py", False, id="without the user's packages"),
        pytest.param("python app.py -I", False, id="a word of the script's own"),
        pytest.param("python --help-all", False, id="a long option"),
        pytest.param("python -W error::ImportWarning a.py", False, id="the value of -W"),
        pytest.param("python -W ignore::SyntaxWarning a.py", False, id="another one"),
        pytest.param("python -Xdev -XIES a.py", False, id="a value in the same word"),
        pytest.param("python -W error -I a.py", True, id="isolated behind a value"),
        pytest.param("python --check-hash-based-pycs I -m app", False, id="a long option's value"),
    ],
)
def test_python_that_leaves_its_environment_out_is_known(command: str, *, isolated: bool) -> None:
    assert launching_of(command.split()).isolated is isolated


def test_no_command_is_no_program() -> None:
    assert launching_of(()).name == ""
    assert launching_of(("A=1",)).name == ""

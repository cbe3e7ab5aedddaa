"""A mistyped command line is answered with what was perhaps meant, and where to read on."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from devports.arguments import COMMANDS, build_parser, parsed
from devports.core.hint import text_of
from devports.errors import DevportsError

MISTYPED = [
    pytest.param("chek 8000", ("did you mean `check`?", "run `devports --help`"), id="a command"),
    pytest.param(
        "start web --yes",
        ("did you mean `devports run web`?", "run `devports --help`"),
        id="what others call it",
    ),
    pytest.param(
        "stop web 8000",
        ("did you mean `devports free web 8000`?", "run `devports --help`"),
        id="stop",
    ),
    pytest.param(
        "kill", ("did you mean `devports free`?", "run `devports --help`"), id="kill, of all"
    ),
    pytest.param(
        "8000", ("did you mean `devports check 8000`?", "run `devports --help`"), id="a port alone"
    ),
    pytest.param("xyzzy", ("run `devports --help`",), id="a command like no other"),
    pytest.param(
        "run web --prot 3", ("did you mean `--port`?", "run `devports run --help`"), id="an option"
    ),
    pytest.param(
        "free --time=3", ("did you mean `--timeout`?", "run `devports free --help`"), id="with ="
    ),
    pytest.param("doctor web", ("run `devports doctor --help`",), id="a word too many"),
    pytest.param("--versoin", ("did you mean `--version`?", "run `devports --help`"), id="of all"),
]


@pytest.mark.parametrize(("line", "hints"), MISTYPED)
def test_what_was_perhaps_meant(line: str, hints: tuple[str, ...]) -> None:
    words = line.split()
    with pytest.raises(DevportsError) as caught:
        parsed(build_parser(*words[:1]), words)
    assert tuple(map(text_of, caught.value.hints)) == hints


@pytest.mark.parametrize("flag", ["--other-users", "--other-checkouts"])
@pytest.mark.parametrize("command", ["run", "free"])
def test_what_widens_yes_means_nothing_alone(command: str, flag: str) -> None:
    with pytest.raises(DevportsError) as caught:
        parsed(build_parser(command), [command, "web", flag])
    assert (caught.value.code, caught.value.exit_code) == ("usage", 2)
    assert parsed(build_parser(command), [command, "web", flag, "--yes"]).yes


def test_a_right_line_is_parsed() -> None:
    assert parsed(build_parser("run"), ["run", "web", "--port", "8001"]).port == 8001
    assert parsed(build_parser(), []).command is None


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_function_that_takes_its_options_by_name(name: str) -> None:
    command = COMMANDS[name]
    module, _, function = command.function.partition(":")
    given = {option.name for option in command.options} - {"config", "no_input"}
    given |= {"arguments"} if command.passes_on else set()
    _, *taken = inspect.signature(getattr(import_module(module), function)).parameters
    assert set(taken) == given


TIMES = [
    pytest.param("free", "--timeout", "0", 0.0, id="at once"),
    pytest.param("free", "--settle", "2.5", 2.5, id="with a point"),
    pytest.param("wait", "--timeout", "3600", 3600.0, id="an hour"),
    pytest.param("status", "--interval", "1.", 1.0, id="nothing behind the point"),
    pytest.param("wait", "--timeout", "0.3333333333333333", 1 / 3, id="as Python writes a third"),
    pytest.param("free", "--timeout", "00005", 5.0, id="zeros in front"),
]
NO_TIMES = [
    pytest.param("\N{ARABIC-INDIC DIGIT THREE}", id="a digit of another script"),
    pytest.param("1.\N{ARABIC-INDIC DIGIT THREE}", id="such a digit behind the point"),
    pytest.param("\N{SUPERSCRIPT TWO}", id="a superscript"),
    *(
        "",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1_0",
        " 1",
        "1,5",
        "1.5.2",
        "3601",
        "3600.1",
        "9" * 5000,
        "inf",
    ),
]


@pytest.mark.parametrize(("command", "option", "text", "seconds"), TIMES)
def test_a_length_of_time(command: str, option: str, text: str, seconds: float) -> None:
    found = parsed(build_parser(command), [command, f"{option}={text}", "8000"])
    assert getattr(found, option.strip("-")) == seconds


@pytest.mark.parametrize("text", NO_TIMES)
@pytest.mark.parametrize("option", ["free --timeout", "free --settle", "status --interval"])
def test_what_is_no_length_of_time(option: str, text: str) -> None:
    words = f"{option}={text}".split(" ", 1)
    with pytest.raises(DevportsError, match="is not a number of seconds between 0 and 3600"):
        parsed(build_parser(words[0]), words)


@pytest.mark.parametrize("text", ["\N{ARABIC-INDIC DIGIT THREE}" * 4, "0", "65536", "008000"])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(DevportsError, match="is not a port"):
        parsed(build_parser("run"), ["run", "web", f"--port={text}"])


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("run --port 1 uvicorn main:app", ("put the arguments of the server after `--`",)),
        ("run web --prot 3", ()),
        ("doctor web", ()),
    ],
)
def test_where_the_words_of_a_server_belong(line: str, facts: tuple[str, ...]) -> None:
    with pytest.raises(DevportsError) as caught:
        parsed(build_parser(*line.split()[:1]), line.split())
    assert caught.value.facts == facts


def test_no_command_has_the_other_name_of_one() -> None:
    others = [name for command in COMMANDS.values() for name in command.also]
    assert len(others) == len({*others} - {*COMMANDS})

from __future__ import annotations

from textwrap import dedent

import pytest

from devports import exitcodes
from devports.config import report
from devports.config.decode import parse
from devports.config.report import Place, Problem, dotted, nearest, short, visible
from devports.core.hint import text_of
from devports.core.service import Config, Service


def test_problems_are_shown_in_the_order_of_the_file_with_carets():
    text = '[services.web]\nport = "5173a"\n\n\n\n\n\n\nprot = 80\n\tvscode = {\tdebug = 1 }\n'
    data = {"services": {"web": {"vscode": {"debug": 1}, "prot": 80, "port": "5173a"}}}
    problems = parse(data)
    assert isinstance(problems, tuple)
    error = report.invalid(problems, text, "devports.toml")
    assert (error.code, error.exit_code) == ("config-invalid", exitcodes.USAGE)
    assert error.message == "`devports.toml` has 3 errors"
    assert "\n".join(error.facts) == dedent("""\
         2 | port = "5173a"
           |        ^^^^^^^ `services.web.port` must be an integer from 1 to 65535, not a string
         9 | prot = 80
           | ^^^^ unknown key in `services.web`; did you mean `port`?
        10 |     vscode = {    debug = 1 }
           |                           ^ `services.web.vscode.debug` must be a string, not 1""")


def test_in_a_pyproject_the_table_is_found():
    text = "[tool.other]\nservices = 1\n[tool.devports]\nservices = 2\n"
    problems = parse({"services": 2})
    assert isinstance(problems, tuple)
    error = report.invalid(problems, text, "pyproject.toml", ("tool", "devports"))
    assert error.message == "`pyproject.toml` has 1 error"
    assert error.facts[0] == "4 | services = 2"


def test_without_a_place_the_path_is_named():
    error = report.invalid((Problem(("a", 1), "is wrong"),), "", "x")
    assert error.facts == ("a[1]: is wrong",)


def test_many_problems_are_counted():
    many = [Problem((), "is wrong") for _ in range(23)]
    error = report.invalid(many, "", "x")
    assert error.message == "`x` has 23 errors"
    assert error.facts[19:] == ("is wrong", "... and 3 more")


@pytest.mark.parametrize(
    ("line", "place", "shown", "caret"),
    [
        pytest.param("a = 1", Place(1, 4, 1), "a = 1", "    ^", id="a short line"),
        pytest.param("a = 1", Place(1, 5, 0), "a = 1", "     ^", id="beyond its end"),
        pytest.param(
            "x" * 90 + "abc" + "y" * 90, Place(1, 90, 3),
            "..." + "x" * 37 + "abc" + "y" * 54 + "...", " " * 40 + "^^^", id="a long line",
        ),
        pytest.param(
            "k" * 60000 + " = 1", Place(1, 0, 60000),
            "k" * 37 + "... = 1", "^" * 40, id="a key of 60 KB",
        ),
        pytest.param(
            '"\x1b" = "\u202e" # x\r', Place(1, 6, 3),
            r'"\x1b" = "\u202e" # x', " " * 9 + "^" * 8, id="control characters",
        ),
        pytest.param(
            '"名" = "e\u0301" # ', Place(1, 6, 4), '"名" = "e\u0301" # ', " " * 7 + "^^^",
            id="wide and combining letters",
        ),
    ],
)  # fmt: skip
def test_carets_stand_under_the_place(line: str, place: Place, shown: str, caret: str):
    source, under = report.snippets(line, [(place, "is wrong")])
    assert source == f"1 | {shown}"
    assert under == f"  | {caret} is wrong"


def test_a_reason_of_others_is_cut():
    error = report.syntax("x", "", None, "a\n" * 5000, "mend it")
    assert error.code == "config-syntax"
    assert error.message == "`x` is not valid TOML"
    assert (len(error.facts), len(error.facts[0])) == (1, 100)
    assert error.hints == ("mend it",)
    assert report.syntax("x", "", None, "r").hints == ()


CONFIG = Config("/p/devports.toml", "/p", (Service("backend", 1), Service("db", 2)))


def test_an_unknown_service_is_answered_with_the_nearest_and_all():
    error = report.unknown_service(CONFIG, "bakend")
    assert (error.code, error.exit_code) == ("unknown-service", exitcodes.USAGE)
    assert error.message == "`/p/devports.toml` has no service `bakend`"
    assert error.facts == ("services: backend, db",)
    assert error.hints == ("did you mean `backend`?",)


def test_an_unknown_service_among_many():
    many = Config("", "", tuple(Service(f"s{i}", i + 1) for i in range(30)))
    error = report.unknown_service(many, "\x1b" * 100)
    assert error.facts[0].endswith("s19, ...")
    assert error.hints == ()
    assert error.message.isprintable()
    assert len(error.message) < 100


def test_no_config_shows_how_one_looks():
    error = report.no_config("/tmp/a\nb")
    assert (error.code, error.exit_code) == ("config-missing", exitcodes.USAGE)
    assert error.message == r"no `devports.toml` found in /tmp/a\nb or its parent folders"
    assert error.facts[-3:] == (
        "  [services.backend]",
        "  port = 8000",
        '  command = "python3 -m http.server {port} --bind {host}"',
    )


@pytest.mark.parametrize(
    ("wrote", "choices", "meant"),
    [
        pytest.param("bakend", ("db", "backend"), "backend", id="a letter is missing"),
        pytest.param("sigint", ("SIGTERM", "SIGINT"), "SIGINT", id="other case"),
        pytest.param("environment", ("env", "port"), "env", id="a neighbour's word"),
        pytest.param("environment", ("port",), "", id="a neighbour's word that is not possible"),
        pytest.param("xyz", ("db", "backend"), "", id="nothing is near"),
        pytest.param("", ("a",), "", id="nothing written"),
        pytest.param("a" * 65, ("a" * 65,), "", id="too long to compare"),
    ],
)
def test_nearest(wrote: str, choices: tuple[str, ...], meant: str):
    assert nearest(wrote, choices) == meant


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        pytest.param((), "", id="the top"),
        pytest.param(("services", "my-web_1", "env", "A"), "services.my-web_1.env.A", id="names"),
        pytest.param(("a", 0, "b"), "a[0].b", id="a position"),
        pytest.param(("a.b", "c d", ""), '"a.b"."c d".""', id="quoted names"),
        pytest.param(("é",), '"é"', id="a letter beyond ASCII"),
        pytest.param(("a\n" * 99,), '"' + "a\\n" * 19 + '..."', id="a long name"),
    ],
)
def test_dotted(path: tuple[str | int, ...], shown: str):
    assert dotted(path) == shown


def test_visible():
    assert visible("a b\t\x9b\ud800é") == "a b    \\x9b\\ud800é"
    assert short("a" * 61) == "a" * 57 + "..."
    assert short("a" * 60) == "a" * 60


def test_files_below_are_named_with_the_ways_to_use_them():
    error = report.no_config("/shop", ("api/devports.toml", "web/devports.toml"))
    assert error.message.endswith("; there are 2 below")
    assert error.facts == ("api/devports.toml", "web/devports.toml")
    assert text_of(error.hints[0]) == "to use one, change to its folder: `cd api`"
    assert "; there is 1 below" in report.no_config("/shop", ("api/devports.toml",)).message
    assert "below" not in report.no_config("/shop").message

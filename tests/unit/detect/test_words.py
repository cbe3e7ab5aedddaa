"""Command lines as people write them, read and written again."""

from __future__ import annotations

import pytest

from devports.core.service import Service
from devports.detect.command_line import (
    DetectedAddress,
    command_text,
    escaped,
    host_in,
    naming_port,
    needs_shell,
    port_in,
    read,
    recognise,
    with_port,
)


def again(command: str) -> str | None:
    """Return the command with placeholders; None if it starts no server that is known."""
    line = read(command)
    start = recognise(line.words) if line else None
    return command_text(start.words()) if start else None


SAME = " --host {host} --port {port}"
COMMANDS = [
    ("uvicorn main:app", "uvicorn main:app" + SAME, "a server without options"),
    ("uvicorn main:app --port 80 --host=::1", "uvicorn main:app" + SAME, "both options there"),
    ("uvicorn --port=80 main:app --reload", "uvicorn main:app --reload" + SAME, "before the app"),
    ("python3.12 -m uvicorn a:b", "python3.12 -m uvicorn a:b" + SAME, "python -m"),
    (".venv/bin/uvicorn a:b", ".venv/bin/uvicorn a:b" + SAME, "by its path"),
    ("uv run --frozen uvicorn a:b", "uv run --frozen uvicorn a:b" + SAME, "by uv"),
    ("exec poetry run uvicorn a:b", "exec poetry run uvicorn a:b" + SAME, "two launchers"),
    ("gunicorn -b 0.0.0.0:$PORT a:b", "gunicorn a:b --bind {host}:{port}", "one option for both"),
    ("gunicorn a:b --bind unix:/x", "gunicorn a:b --bind {host}:{port}", "no port at all"),
    ("flask --app a run -p 80", "flask --app a run" + SAME, "options before the sub-command"),
    ("flask --app a routes", None, "a sub-command that is no server"),
    ("python manage.py runserver 80", "python manage.py runserver {host}:{port}", "a port alone"),
    (
        *("python manage.py runserver 0.0.0.0:80 --noreload",),
        *("python manage.py runserver --noreload {host}:{port}", "an address without option"),
    ),
    ("python manage.py migrate", None, "another command of manage.py"),
    ("python3 -m http.server 80", "python3 -m http.server --bind {host} {port}", "http.server"),
    ("npx --yes vite --open", "npx --yes vite --open" + SAME + " --strictPort", "npx"),
    ("vite --strictPort", "vite --strictPort" + SAME, "the strict flag is there"),
    ("vite dev -- x", "vite dev" + SAME + " --strictPort -- x", "words behind --"),
    ("vite build", None, "a build"),
    (
        "./node_modules/.bin/next dev -p 80",
        "./node_modules/.bin/next dev --hostname {host} --port {port}",
        "next",
    ),
    ("serve dist -l 80", "serve dist --listen tcp://{host}:{port} --no-port-switching", "serve"),
    ("bin/rails s -p 80", "bin/rails s -b {host} -p {port}", "rails"),
    ("bundle exec puma -b tcp://0.0.0.0:80", "bundle exec puma -b tcp://{host}:{port}", "puma"),
    ("php artisan serve", "php artisan serve" + SAME, "artisan"),
    ("npx", None, "a launcher alone"),
    ("node server.js", None, "a program of the user's own"),
    ("echo vite", None, "the name of a server as an argument"),
    ("uvicorn a:b --header {port}", "uvicorn a:b --header {{port}}" + SAME, "a brace of theirs"),
    ("uvicorn 'a b:c'", "uvicorn 'a b:c'" + SAME, "a blank in a word"),
]


@pytest.mark.parametrize(
    ("command", "expected"), [pytest.param(c, e, id=name) for c, e, name in COMMANDS]
)
def test_a_command_with_placeholders(command: str, expected: str | None) -> None:
    assert again(command) == expected


TOLD = [
    ("vite --port 3001", DetectedAddress(3001), "a port"),
    ("vite --host", DetectedAddress(0, "0.0.0.0"), "every address, by an option without a value"),
    ("vite --host localhost", DetectedAddress(), "a host of this machine is ours to choose"),
    ("vite --port", DetectedAddress(), "an option without its value"),
    ("vite --port --open", DetectedAddress(), "an option in place of a value"),
    ("uvicorn a:b --port ${PORT:-8001}", DetectedAddress(8001), "what a variable falls back to"),
    ("uvicorn a:b --port $PORT --port 99999", DetectedAddress(), "no port that there is"),
    ("gunicorn -b [::]:8001 a:b", DetectedAddress(8001, "::"), "one option for both"),
    ("gunicorn -b :8001 a:b", DetectedAddress(8001), "a port without a host"),
    ("gunicorn -b unix:/run/x a:b", DetectedAddress(), "a path"),
    ("mkdocs serve -a 0.0.0.0:8001", DetectedAddress(8001, "0.0.0.0"), "an address"),
]


@pytest.mark.parametrize(("command", "told"), [pytest.param(c, t, id=n) for c, t, n in TOLD])
def test_what_a_command_says_of_where_it_listens(command: str, told: DetectedAddress) -> None:
    line = read(command)
    assert line is not None
    start = recognise(line.words)
    assert start is not None
    assert start.address == told


@pytest.mark.parametrize(
    ("command", "target"),
    [
        pytest.param("uvicorn --reload a:b", "a:b", id="the first word that is no option"),
        pytest.param("flask --app a run", "a", id="the value of an option"),
        pytest.param("flask --app=a run", "a", id="the value behind ="),
        pytest.param("flask run --app", "", id="an option without a value"),
        pytest.param("flask run", "", id="nothing named"),
        pytest.param("vite", "", id="a server of its folder"),
    ],
)
def test_what_a_command_serves(command: str, target: str) -> None:
    start = recognise(command.split())
    assert start is not None
    assert start.target == target


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("a | b", id="a pipe"),
        pytest.param("a & b", id="in the background"),
        pytest.param("a || b", id="one or the other"),
        pytest.param("a > b", id="a redirection"),
        pytest.param("a $(b)", id="a command that makes a word"),
        pytest.param("a 'b", id="a quote that is not closed"),
        pytest.param('a "$(b "c; d" "e")" vite', id="quotes within a command within quotes"),
        pytest.param("a &&", id="nothing behind the &&"),
        pytest.param("A=1", id="nothing but a variable"),
        pytest.param("", id="nothing"),
        pytest.param("a\nb", id="two lines"),
        pytest.param("a\0", id="a NUL"),
        pytest.param("a " * 3000, id="what no person wrote"),
    ],
)
def test_more_than_one_simple_command_is_not_understood(command: str) -> None:
    assert read(command) is None


def test_what_is_done_before_a_command_is_kept_as_it_is() -> None:
    line = read("bin/setup --x='a b' ${HOME} {port} && A=1 cross-env B=2 vite --open")
    assert line is not None
    assert line.words == ("vite", "--open")
    assert line.before == "bin/setup --x='a b' ${HOME} {{port}} && "
    assert line.env == (("A", "1"), ("B", "2"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param('--title "a;b"', "a;b", id="in quotes"),
        pytest.param("a\\;b", "a;b", id="behind a backslash"),
        pytest.param("'&&'", "&&", id="as a whole word"),
        pytest.param("''", "", id="no letter at all"),
    ],
)
def test_an_operator_that_is_quoted_is_none(text: str, word: str) -> None:
    line = read(f"cd web; vite {text}")
    assert line is not None
    assert (line.before, line.words[0], line.words[-1]) == ("cd web; ", "vite", word)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        pytest.param("8000", 8000, id="a number"),
        pytest.param("0", 0, id="zero"),
        pytest.param("65536", 0, id="too large"),
        pytest.param("123456", 0, id="too long"),
        pytest.param("http", 0, id="a name"),
        pytest.param("$PORT", 0, id="a variable"),
        pytest.param("${PORT-3000}", 3000, id="a variable that falls back"),
        pytest.param("${OTHER:-3000}", 0, id="another variable"),
    ],
)
def test_ports(text: str, port: int) -> None:
    assert port_in(text) == port


def test_only_every_address_is_a_host_to_keep() -> None:
    assert [host_in(text) for text in ("0.0.0.0", "[::]", "::", "localhost", "")] == [
        *("0.0.0.0", "::", "::", "", ""),
    ]


def test_the_variable_port_becomes_the_placeholder() -> None:
    words, default = with_port(["serve", "-p", "$PORT", "x:${PORT:-81}", "{port}", "$PORTAL"])
    assert words[:5] == ("serve", "-p", "{port}", "x:{port}", "{{port}}")
    assert default == 81


def test_a_shell_is_needed_for_what_only_a_shell_means() -> None:
    assert needs_shell(["a", "$B"])
    assert not needs_shell(["a", "{port}"])
    words = ("a", "$B", 'x$C "y"', "*.py", "b c", "{host}")
    assert command_text(words, for_shell=True) == 'a $B "x$C \\"y\\"" *.py \'b c\' {host}'


def test_only_a_placeholder_is_escaped() -> None:
    assert escaped('{port} ${PORT} {"a": 1} {a.b}') == '{{port}} ${PORT} {"a": 1} {{a.b}}'


NAMING = [
    ("vite", "vite --host {host} --port {port} --strictPort", "vite"),
    (
        "vite --port 3000",
        "vite --host {host} --port {port} --strictPort",
        "another port is replaced",
    ),
    ("uvicorn main:app --reload", "uvicorn main:app --reload" + SAME, "uvicorn"),
    ("python3 -m http.server", "python3 -m http.server --bind {host} {port}", "http.server"),
    ("flask --app shop run", "flask --app shop run" + SAME, "flask"),
    ("python3 manage.py runserver", "python3 manage.py runserver {host}:{port}", "django"),
    (
        "uvicorn --root-path {ports.debug} a:b",
        "uvicorn --root-path {ports.debug} a:b" + SAME,
        "own",
    ),
    (("vite", "a b"), "vite 'a b' --host {host} --port {port} --strictPort", "a list"),
    ("react-scripts start", "", "a server that only a variable tells"),
    ("./serve", "", "a program of the user's own"),
    ("", "", "a watched service"),
]


@pytest.mark.parametrize(("command", "naming"), [n[:2] for n in NAMING], ids=[n[2] for n in NAMING])
def test_what_to_write_so_that_a_command_names_its_port(command: str, naming: str) -> None:
    assert naming_port(Service("web", 8000, command=command)) == naming


def test_a_text_for_a_shell_is_not_rewritten() -> None:
    assert not naming_port(Service("web", 8000, command="cd web && vite", shell=True))

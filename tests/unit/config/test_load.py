from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devports import exitcodes
from devports.config.load import load, read_env_file
from devports.core.hint import text_of
from devports.core.service import Config, Service
from devports.errors import DevportsError
from tests.harness.capabilities import NEEDS_FIFO, NEEDS_LIMITS, NEEDS_UIDS

WEB = "[services.web]\nport = 8000\n"
EXAMPLE = Path(__file__).parents[3] / "devports.toml.example"


def write(path: Path, text: str | bytes = WEB) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o644)
    return path


def refused(path: str | None, cwd: Path) -> DevportsError:
    with pytest.raises(DevportsError) as caught:
        load(path, str(cwd))
    assert caught.value.exit_code == exitcodes.USAGE
    return caught.value


# --- reading ---


def test_paths_are_from_the_folder_of_the_file(project: Path):
    text = WEB + 'cwd = "../src"\nenv_file = ".env"\n[services.db]\nport = 5432\n'
    path = write(project / "src" / "devports.toml", text)
    root = str(project / "src")
    web = Service("web", 8000, cwd=root, env_file=f"{root}/.env")
    expected = Config(str(path), root, (web, Service("db", 5432, cwd=root)))
    assert load(None, str(project / "src" / "deep")) == expected


def test_a_given_file_may_have_any_name(project: Path):
    write(project / EXAMPLE.name, EXAMPLE.read_text())
    config = load(EXAMPLE.name, str(project))
    assert [service.name for service in config.services] == ["backend"]


def test_a_pyproject_may_be_given(project: Path):
    write(project / "pyproject.toml", "[tool.devports.services.web]\nport = 8000")
    config = load("../pyproject.toml", str(project / "src"))
    assert config.services == (Service("web", 8000, cwd=str(project)),)
    assert config.root == str(project)


def test_a_given_pyproject_without_our_table_is_an_error(project: Path):
    write(project / "pyproject.toml", "[project]\nname = 'x'")
    error = refused("pyproject.toml", project)
    assert error.message == "`pyproject.toml` has no table `[tool.devports]`"


def test_problems_in_a_pyproject_have_their_lines(project: Path):
    write(project / "pyproject.toml", "[project]\n[tool.devports.services.web]\nprot = 1\n")
    assert refused(None, project).facts[0] == "3 | prot = 1"


def test_lines_of_a_file_from_windows_are_counted_right(project: Path):
    write(project / "devports.toml", WEB.replace("\n", "\r\n") + "x = 1\r\n")
    assert refused(None, project).facts[0] == "3 | x = 1"


def test_no_file_at_all(project: Path):
    error = refused(None, project)
    assert error.code == "config-missing"
    assert "devports check 8000" in text_of(error.hints[1])


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        pytest.param(b"\xef\xbb\xbfa = 1", ("it starts with a byte order mark",), id="a BOM"),
        pytest.param(
            "a = 1".encode("utf-16"), ("it looks like UTF-16 (byte 0xff in line 1)",), id="UTF-16"
        ),
        pytest.param(b"\n\n#\xe9", ("it is not UTF-8 (byte 0xe9 in line 3)",), id="Latin-1"),
        pytest.param(b"a = \n", ("1 | a = ", "  |     ^ Invalid value"), id="no value"),
        pytest.param(
            b"a = 1\na = 2\n\n", ("2 | a = 2", "  |      ^ Cannot overwrite a value"), id="twice"
        ),
        pytest.param(
            b"a = [\n\n",
            ("1 | a = [", "  |      ^ Invalid value"),
            id="an open list, said to be wrong at the end",
        ),
        pytest.param(
            b"a = [\r\n\r\n", ("1 | a = [", "  |      ^ Invalid value"), id="the same from Windows"
        ),
        pytest.param(
            b"a." * 30000 + b"a = 1",
            (
                "1 | ..." + "a." * 18 + "a" + "." + "a." * 28 + "...",
                "  | " + " " * 40 + "^ a dotted key of more than 32 parts",
            ),
            id="a dotted key of 60 KB",
        ),
    ],
)
def test_what_is_not_toml(project: Path, content: bytes, facts: tuple[str, ...]):
    write(project / "devports.toml", content)
    error = refused(None, project)
    assert error.code == "config-syntax"
    assert error.message == "`devports.toml` is not valid TOML"
    assert error.facts == facts


def test_a_number_that_python_refuses_is_an_error_of_the_file(project: Path):
    # In a quoted date position tomllib has no better words than Python's own.
    write(project / "devports.toml", "a = 0x" + "f" * 1000 + "\nb = 2024-02-30\n")
    assert refused(None, project).code == "config-syntax"


@NEEDS_FIFO
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("nothing", "`nothing` does not exist", id="no file"),
        pytest.param("src", "cannot read `src`: it is not a regular file", id="a folder"),
        pytest.param("fifo", "cannot read `fifo`: it is not a regular file", id="a FIFO"),
        pytest.param("/dev/zero", "cannot read `/dev/zero`: it is not a", id="a device"),
        pytest.param("loop", "cannot read `loop`: too many levels of", id="a link to itself"),
        pytest.param("large", "cannot read `large`: it is larger than 256 KiB", id="a large file"),
    ],
)
def test_what_cannot_be_read(project: Path, name: str, reason: str):
    os.mkfifo(project / "fifo")
    (project / "loop").symlink_to("loop")
    write(project / "large", "#" * (256 * 1024 + 1))
    error = refused(name, project)
    assert error.message.startswith(reason)
    assert error.code in ("config-missing", "config-unreadable")


def test_a_file_of_just_the_limit_is_read(project: Path):
    write(project / "devports.toml", WEB + "#" * (256 * 1024 - len(WEB)))
    assert load(None, str(project)).services


def test_a_link_that_leads_nowhere_is_said_to(project: Path):
    (project / "devports.toml").symlink_to("gone")
    assert refused(None, project).message == "`devports.toml` does not exist"


# --- env files ---


def test_an_env_file(tmp_path: Path):
    path = write(tmp_path / ".env", "\ufeffA=1\nB='2'\n")
    assert read_env_file(str(path)) == (("A", "1"), ("B", "2"))


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        pytest.param(None, "env-file-missing", "does not exist", id="no file"),
        pytest.param(b"A=1\n\xff", "env-file-unreadable", "(byte 0xff in line 2)", id="Latin-1"),
        pytest.param(b"#" * 65537, "env-file-unreadable", "larger than 64 KiB", id="a large file"),
        pytest.param(b"A=1\nsecret\n", "env-file-invalid", "has 1 error", id="a wrong line"),
    ],
)
def test_a_wrong_env_file(tmp_path: Path, content: bytes | None, code: str, words: str):
    path = tmp_path / ".env"
    if content is not None:
        write(path, content)
    with pytest.raises(DevportsError) as caught:
        read_env_file(str(path))
    assert caught.value.code == code
    assert words in caught.value.message
    assert "secret" not in "".join(caught.value.facts)


@NEEDS_UIDS
def test_an_env_file_that_everybody_can_write_is_refused(tmp_path: Path):
    write(tmp_path / ".env", "LD_PRELOAD=x").chmod(0o666)
    with pytest.raises(DevportsError, match="can be written by any user"):
        read_env_file(str(tmp_path / ".env"))


# --- hostile content ---

PIECES = b"[services. web ] port = 8000 \" ''' [ { } , . \\ # \xff \x00 1e9 true".split()
TOMLISH = st.lists(st.sampled_from([*PIECES, b" ", b"\n", b"\r\n"]), max_size=30).map(b"".join)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(TOMLISH | st.binary(max_size=60) | st.binary(max_size=60).map(WEB.encode().__add__))
def test_any_bytes_give_a_config_or_one_error(tmp_path: Path, content: bytes):
    write(tmp_path / "devports.toml", content)
    said: tuple[str, ...] = ()
    try:
        assert load("devports.toml", str(tmp_path)).services
    except DevportsError as error:
        said = (error.message, *error.facts)
    assert sum(map(len, said)) < 10_000
    assert all(line.isprintable() for line in said)


CHILD = """
import sys
from devports.config.load import load
from devports.errors import DevportsError
try:
    load(sys.argv[1], "/")
except DevportsError as error:
    print(error.code, sum(map(len, error.facts)))
"""


def limit() -> None:
    """150 MB and 20 s of CPU: tomllib alone takes 3.3 GB for the first of these files."""
    import resource  # not on Windows

    with suppress(ValueError, OSError):  # not every kernel bounds addresses
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


@NEEDS_LIMITS
@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param("a." * 30_000 + "b = 1", "config-syntax", id="a dotted key of 60 KB"),
        pytest.param("a = " + "[" * 100_000, "config-syntax", id="lists nested more than"),
        pytest.param("a = " + "{a=" * 60_000, "config-syntax", id="tables nested more than"),
        pytest.param("a = " + "9" * 5_000, "config-syntax", id="a number of 5000 digits"),
        pytest.param('a = "' + "\\n" * 130_000, "config-syntax", id="a text without end"),
        pytest.param(
            WEB + "depends_on = [" + '"x",' * 60_000 + "]", "config-invalid", id="unknown services"
        ),
    ],
)
def test_a_bomb_is_one_short_error_within_bounds(tmp_path: Path, content: str, code: str):
    path = write(tmp_path / "devports.toml", content)
    root = Path(__file__).parents[3]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        preexec_fn=limit,
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    said, length = child.stdout.split()
    assert said == code
    assert int(length) < 10_000


def test_reading_imports_little(project: Path):
    write(project / "devports.toml", EXAMPLE.read_text())
    heavy = "dataclasses enum typing pathlib socket json subprocess difflib ipaddress inspect"
    code = (
        "import sys; before = set(sys.modules)\n"
        "from devports.config.load import load\n"
        f"print(sorted(({set(heavy.split()) | {'re', 'tomllib'}} & set(sys.modules)) - before))\n"
        "load(None, sys.argv[1])\n"
        f"print(sorted(({set(heavy.split()) - {'enum', 'typing'}} & set(sys.modules)) - before))\n"
    )
    child = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path[:0] = [{str(EXAMPLE.parent)!r}]\n{code}",
            str(project),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout == "[]\n[]\n"

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devports import exitcodes
from devports.config.load import find, load, load_with_warnings, read_env_file
from devports.config.trust import distrust, on_foreign_mount, trusted_uids
from devports.core.service import Config, Service
from devports.errors import DevportsError

WEB = "[services.web]\nport = 8000\n"
EXAMPLE = Path(__file__).parents[3] / "devports.toml.example"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a folder inside; nothing above it is looked at."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "src" / "deep").mkdir(parents=True)
    return tmp_path


def write(path: Path, text: str | bytes = WEB) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o644)
    return path


def refused(path: str | None, cwd: Path) -> DevportsError:
    with pytest.raises(DevportsError) as caught:
        load(path, str(cwd))
    assert caught.value.exit_code == exitcodes.USAGE
    return caught.value


# --- finding ---


def test_a_config_is_found_in_the_folder_and_above(project: Path):
    path = write(project / "devports.toml")
    assert find(str(project)) == find(str(project / "src" / "deep")) == str(path)


def test_the_nearest_config_counts(project: Path):
    write(project / "devports.toml")
    nearest = write(project / "src" / "devports.toml")
    assert find(str(project / "src" / "deep")) == str(nearest)


def test_the_search_ends_at_the_repository_root(project: Path):
    write(project / "devports.toml")
    (project / "src" / ".git").write_text("gitdir: elsewhere")  # a worktree's
    assert find(str(project / "src" / "deep")) is None


def test_the_search_ends_at_the_home_folder(project: Path, monkeypatch: pytest.MonkeyPatch):
    write(project / "devports.toml")
    monkeypatch.setenv("HOME", str(project / "src") + "/")
    assert find(str(project / "src" / "deep")) is None
    at_home = write(project / "src" / "devports.toml")
    assert find(str(project / "src" / "deep")) == str(at_home)


def test_the_search_never_enters_a_folder_above_that_everybody_can_write(project: Path):
    path = write(project / "src" / "devports.toml")
    (project / "src").chmod(0o1777)
    assert find(str(project / "src" / "deep")) is None
    assert find(str(project / "src")) == str(path)


def test_the_search_ends_at_the_top(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOME", raising=False)
    assert find("/") is None


def test_a_folder_above_that_cannot_be_asked_is_not_entered():
    assert find("/nonexistent/a/b") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("[tool.devports.services.web]\nport = 1", True, id="our table"),
        pytest.param('[tool]\n"devports" = {}', True, id="our table written otherwise"),
        pytest.param("[tool.devports]\nx = = 1", True, id="our table, broken"),
        pytest.param("[project]\nname = 'x'", False, id="no word of us"),
        pytest.param("[project]\ndependencies = ['devports-cli']", False, id="a dependency on us"),
        pytest.param("[project]\ndependencies = ['devports-cli'", False, id="a broken other file"),
        pytest.param("tool = 'devports'", False, id="no tables at all"),
        pytest.param(b"\xff", False, id="no text"),
        pytest.param("#" * 300_000, False, id="a huge file"),
    ],
)
def test_a_pyproject_counts_if_it_has_our_table(project: Path, text: str | bytes, found: bool):
    path = write(project / "pyproject.toml", text)
    assert find(str(project / "src")) == (str(path) if found else None)


def test_our_own_file_comes_before_a_pyproject(project: Path):
    write(project / "pyproject.toml", "[tool.devports.services.web]\nport = 1")
    own = write(project / "devports.toml")
    assert find(str(project)) == str(own)


# --- reading ---


def test_paths_are_from_the_folder_of_the_file(project: Path):
    text = WEB + 'cwd = "../src"\nenv_file = ".env"\n[services.db]\nport = 5432\n'
    path = write(project / "src" / "devports.toml", text)
    root = str(project / "src")
    web = Service("web", 8000, cwd=root, env_file=f"{root}/.env")
    expected = Config(str(path), root, (web, Service("db", 5432, cwd=root)))
    assert load(None, str(project / "src" / "deep")) == expected


def test_a_given_file_may_have_any_name():
    config = load(EXAMPLE.name, str(EXAMPLE.parent))
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
    assert "devports check 8000" in error.hints[0]


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
    assert error.message == "`devports.toml` cannot be read as TOML"
    assert error.facts == facts


def test_a_number_that_python_refuses_is_an_error_of_the_file(project: Path):
    # In a quoted date position tomllib has no better words than Python's own.
    write(project / "devports.toml", "a = 0x" + "f" * 1000 + "\nb = 2024-02-30\n")
    assert refused(None, project).code == "config-syntax"


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


# --- trust ---


def status(mode: int, uid: int, gid: int = 0) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


ME = os.geteuid()
STRANGER = 54321


def test_a_file_that_everybody_can_write_is_refused(project: Path):
    path = write(project / "devports.toml")
    path.chmod(0o666)
    error = refused(None, project)
    assert error.code == "config-unsafe"
    assert error.message == f"`{path}` can be written by every user"
    assert error.facts == ("mode: 0666",)
    assert error.hints == (f"after reading it, run `chmod o-w {path}`",)


@pytest.mark.skipif(ME != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(project: Path):
    path = write(project / "devports.toml")
    os.chown(path, STRANGER, -1)
    assert refused(None, project).code == "config-unsafe"


def test_the_owner_is_named_and_the_command_can_be_pasted():
    with pytest.raises(DevportsError) as caught:
        distrust("/p/it's here", status(0o644, STRANGER))
    assert caught.value.message == "`/p/it's here` belongs to another user"
    assert caught.value.facts[0].startswith(f"owner: uid {STRANGER}, you: uid ")
    assert caught.value.hints[0].endswith(""" '/p/it'"'"'s here'`""")


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "warning"),
    [
        pytest.param(0o644, ME, 1, "", id="an ordinary file"),
        pytest.param(0o644, 0, 0, "", id="a file of root's"),
        pytest.param(0o664, ME, ME, "", id="a group of the user's own"),
        pytest.param(0o664, ME, STRANGER, "written by the group 54321", id="another group"),
    ],
)
def test_doubts_are_warnings(mode: int, uid: int, gid: int, warning: str):
    assert warning in distrust("/p/devports.toml", status(mode, uid, gid), "")


def test_where_modes_are_made_up_they_only_cause_a_warning():
    mounts = "/dev/sda / ext4 rw 0 0\nC: /mnt/c 9p rw 0 0\n"
    assert "does not say who" in distrust("/mnt/c/x/devports.toml", status(0o777, ME), mounts)
    with pytest.raises(DevportsError):
        distrust("/home/x/devports.toml", status(0o777, ME), mounts)


@pytest.mark.parametrize(
    ("path", "mounts", "foreign"),
    [
        pytest.param("/mnt/c/x", "a / ext4 0\nb /mnt/c 9p 0", True, id="WSL's view of Windows"),
        pytest.param("/mnt/cx", "a / ext4 0\nb /mnt/c 9p 0", False, id="a folder beside it"),
        pytest.param("/m/x", "a / 9p 0\nb /m ext4 0", False, id="a native one inside it"),
        pytest.param("/m/x", "a /m ext4 0\nb /m vfat 0", True, id="the last one on a folder"),
        pytest.param("/a b/x", "c /a\\040b vfat 0", True, id="a folder with a blank"),
        pytest.param("/x", "", False, id="nothing is known"),
        pytest.param("/x", "\njunk\n", False, id="lines that say nothing"),
    ],
)
def test_file_systems(path: str, mounts: str, foreign: bool):
    assert on_foreign_mount(path, mounts) is foreign


@pytest.mark.parametrize(
    ("euid", "sudo_uid", "trusted"),
    [
        pytest.param(1000, "", (1000, 0), id="a user trusts himself and root"),
        pytest.param(0, "1000", (0, 0, 1000), id="under sudo also the invoking user"),
        pytest.param(1000, "1001", (1000, 0), id="only root is under sudo"),
        pytest.param(0, "", (0, 0), id="root without sudo"),
        pytest.param(0, "x", (0, 0), id="a variable that is no number"),
    ],
)
def test_whose_files_are_read(euid: int, sudo_uid: str, trusted: tuple[int, ...]):
    assert trusted_uids(euid, sudo_uid) == trusted


def test_a_warning_comes_with_the_config(project: Path):
    path = write(project / "devports.toml")
    assert load_with_warnings(None, str(project)).warnings == ()
    path.chmod(0o664)
    gid = path.stat().st_gid
    expected = () if gid == ME else (f"`{path}` can be written by the group {gid}",)
    assert load_with_warnings(None, str(project)).warnings == expected


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
        pytest.param(b"A=1\nsecret\n", "env-file-invalid", "has 1 problem", id="a wrong line"),
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


def test_an_env_file_that_everybody_can_write_is_refused(tmp_path: Path):
    write(tmp_path / ".env", "LD_PRELOAD=x").chmod(0o666)
    with pytest.raises(DevportsError, match="can be written by every user"):
        read_env_file(str(tmp_path / ".env"))


# --- hostile content ---

TOMLISH = st.lists(
    st.sampled_from(
        [
            b"[services.",
            b"web",
            b"]",
            b"\n",
            b"port",
            b"=",
            b"8000",
            b'"',
            b"'''",
            b"[",
            b"{",
            b"}",
            b",",
            b".",
            b"\\",
            b"#",
            b"\r\n",
            b"\xff",
            b"\xc3\xa9",
            b"\x00",
            b" ",
            b"1e9",
            b"true",
        ]
    ),
    max_size=30,
).map(b"".join)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
    with suppress(ValueError, OSError):  # not every kernel bounds addresses
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param("a." * 30_000 + "b = 1", "config-syntax", id="a dotted key of 60 KB"),
        pytest.param("a = " + "[" * 100_000, "config-syntax", id="lists inside each other"),
        pytest.param("a = " + "{a=" * 60_000, "config-syntax", id="tables inside each other"),
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

"""What a command costs, in figures that do not depend on the machine: what it imports and opens.

Times are in `tests/bench/`. The bounds may be raised, in a change that says why.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.capabilities import NEEDS_FORK, NEEDS_NETLINK_BOUND, NEEDS_PROC, NEEDS_PTY
from tests.harness.command import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.conftest import Zoo
    from tests.harness.terminal import Terminal

LIBRARIES = {"rich", "questionary", "prompt_toolkit"}
"""For what is drawn on a terminal and for questions alone."""

PROGRAM = """
import json, sys
before, seen = set(sys.modules), []
WATCHED = ("open", "os.listdir", "os.scandir", "subprocess.Popen", "os.posix_spawn", "os.exec",
           "os.fork", "socket.__new__", "socket.bind", "socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, of: event in WATCHED and seen.append((event, *map(str, of))))
from devports.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(set(sys.modules) - before), seen]), file=sys.stderr)
"""

PARSER = {"argparse", "gettext", "locale"}
TOML = {"tomllib", "typing", "datetime", "re", "enum", "string", "collections", "functools"}
HEAVY = {
    *("psutil", "questionary", "prompt_toolkit", "rich", "subprocess", "dataclasses", "pathlib"),
    *("tempfile", "logging", "asyncio", "inspect", "threading", "socket", "ctypes", "shutil"),
    *("selectors", "traceback", "ast", "json", "signal", "difflib", "stringprep"),
}
"""Each costs a good part of a Python start; psutil three starts, questionary more than ten."""

WHOLE = 32
"""Processes of which every descriptor is read, where there are hundreds."""
FREE, HELD, SERVICE = 21, 30, 28
"""At most so many modules of ours for `check`: of a free port, of a held one, of a service."""

COMMANDS = [
    pytest.param("--version", PARSER | TOML | HEAVY, id="--version: nothing"),
    pytest.param("check localhost:9", PARSER | TOML | HEAVY, id="check HOST:PORT: the resolver"),
    pytest.param("check web", PARSER | HEAVY, id="check SERVICE: the TOML reader"),
    pytest.param("status", PARSER | HEAVY, id="status: the TOML reader"),
    pytest.param("status --json", PARSER | HEAVY, id="status --json: as status"),
    pytest.param("check --json 9", PARSER | TOML | HEAVY, id="check --json: nothing of Python's"),
    pytest.param("status --all", {"rich", "prompt_toolkit", "questionary"}, id="status --all"),
    pytest.param("free web", HEAVY - {"signal"}, id="free: argparse and the numbers of signals"),
    pytest.param("validate", HEAVY, id="validate: argparse and the TOML reader"),
    pytest.param("wait web --for free", HEAVY - {"signal"}, id="wait: as free"),
    pytest.param("wait web --timeout 1", HEAVY - {"signal"}, id="wait: a long one on a pipe too"),
    pytest.param("init --dry-run --config NEW", HEAVY - {"json", "ast"}, id="init: what it reads"),
    pytest.param("doctor", HEAVY - {"json", "shutil"}, id="doctor: the editor's files too"),
    pytest.param("vscode --check", HEAVY - {"json", "difflib"}, id="vscode: a difference too"),
    pytest.param("schema config", TOML - {"re", "enum", "collections", "functools"} | HEAVY,
                 id="schema: argparse"),
]  # fmt: skip


class Ran:
    """One command: what it imported, and what it did that is worth counting."""

    def __init__(self, *words: object, folder: Path) -> None:
        argv = [sys.executable, "-c", PROGRAM, *map(str, words)]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
        self.code, modules, self.events = json.loads(done.stderr.splitlines()[-1])
        self.output = done.stdout
        self.modules = {str(name).partition(".")[0] for name in modules}
        ours = [name for name in modules if str(name).partition(".")[0] == "devports"]
        self.ours = {str(name).removeprefix("devports") for name in ours}

    def did(self, *events: str) -> list[Any]:
        """Return the events of these kinds that are not the search for a module."""
        found = [event for event in self.events if event[0] in events]
        return [
            event
            for event in found
            if not event[1].endswith((".pyc", ".py", ".so")) and event[1] not in sys.path
        ]

    @property
    def holders(self) -> set[int]:
        """The pids of all holders, from the output of `check --json`."""
        (target,) = json.loads(self.output)["data"]["targets"]
        return {holder["pid"] for found in target["endpoints"] for holder in found["holders"]}

    @property
    def in_proc(self) -> list[Any]:
        return [event for event in self.did("open", "os.listdir") if event[1].startswith("/proc")]


@NEEDS_NETLINK_BOUND
def test_a_free_port_costs_few_modules_and_three_sockets(port: int, tmp_path: Path):
    ran = Ran("check", port, folder=tmp_path)
    assert ran.code == 0
    assert len(ran.ours) <= FREE, sorted(ran.ours)
    assert ran.modules & (PARSER | TOML | HEAVY) == set()
    assert ran.in_proc == []
    assert len(ran.did("socket.__new__")) == 3, "is there IPv6, who listens, may it be bound"
    assert len(ran.did("socket.bind")) == 1
    assert ran.did("subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork") == []


@NEEDS_NETLINK_BOUND
def test_a_held_port_costs_the_words_for_its_holder_too(port: int, zoo: Zoo, tmp_path: Path):
    zoo("listener", port)
    ran = Ran("check", port, folder=tmp_path)
    assert ran.code == 1
    assert len(ran.ours) <= HELD, sorted(ran.ours)
    assert ran.modules & (PARSER | TOML | HEAVY) == set()
    assert ran.did("socket.bind") == [], "nothing is bound where somebody listens"
    assert ran.did("subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork") == []


@NEEDS_NETLINK_BOUND
@NEEDS_PROC
def test_an_old_holder_and_its_relatives_are_found_without_reading_newer_processes(
    port: int, zoo: Zoo, tmp_path: Path
):
    forked = zoo("forked_listener", port)
    newer = zoo("sharers", port + 1, "--count", 150)
    ran = Ran("check", port, "--json", folder=tmp_path)
    assert ran.code == 1
    assert ran.holders == set(forked.pids)
    whole = [event for event in ran.did("os.listdir") if event[1].isdigit()]
    assert len(whole) <= WHOLE, "the newest ones, the holders and their relatives"
    states = {event[1] for event in ran.in_proc}
    assert states.isdisjoint(f"/proc/{pid}/stat" for pid in newer.pids), "a zombie has none open"


def test_a_service_costs_the_reader_of_its_configuration_too(port: int, tmp_path: Path):
    (tmp_path / "devports.toml").write_text(f"[services.web]\nport = {port}\n", "utf-8")
    ran = Ran("check", "web", folder=tmp_path)
    assert ran.code == 0
    assert len(ran.ours) <= SERVICE, sorted(ran.ours)
    assert ran.modules & (PARSER | HEAVY) == set()


@NEEDS_FORK
@pytest.mark.parametrize("line", ["check web", "status", "run web"])
@pytest.mark.parametrize("per", ["machine", "worktree"])
def test_only_a_port_for_each_worktree_opens_the_record_and_the_files_of_git(
    port: int, tmp_path: Path, line: str, per: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / ".git").mkdir()
    config = f'[services.web]\nport = {port}\nport_per = "{per}"\ncommand = "true"\n'
    (tmp_path / "devports.toml").write_text(config, "utf-8")
    ran = Ran(*line.split(), folder=tmp_path)
    opened = {event[1] for event in ran.did("open", "os.listdir", "os.scandir")}
    extra = {path for path in opened if "assigned" in path or ".git" in path}
    assert bool(extra) is (per == "worktree"), extra
    assert (".assigned" in ran.ours) is (per == "worktree")


@NEEDS_NETLINK_BOUND
@pytest.mark.parametrize("number", [1, 20], ids=["one service", "20 services"])
def test_one_question_to_the_kernel_answers_for_every_service(
    port: int, tmp_path: Path, number: int
):
    services = [f"[services.s{n}]\nport = {port + n % 8}\n" for n in range(number)]
    hosts = [f'host = "127.0.0.{1 + n // 8}"\n' for n in range(number)]
    text = "".join(map("".join, zip(services, hosts, strict=True)))
    (tmp_path / "devports.toml").write_text(text, encoding="utf-8")
    ran = Ran("status", folder=tmp_path)
    assert ran.code == 0
    binds = len(ran.did("socket.bind"))
    assert binds == number
    assert len(ran.did("socket.__new__")) - binds == 1, "one look at who listens"


@pytest.mark.parametrize(("line", "absent"), COMMANDS)
def test_a_command_imports_only_what_it_uses(
    port: int, tmp_path: Path, line: str, absent: set[str]
):
    (tmp_path / "devports.toml").write_text(
        f'[services.web]\nport = {port}\ncommand = "python3 -m http.server {{port}}"\n', "utf-8"
    )
    assert Ran(*line.split(), folder=tmp_path).modules & absent == set()


UNUSED = [
    pytest.param("env", {".freeing", ".core.stop_plan"}, id="env frees nothing"),
    pytest.param("free web", {".core.remedies"}, id="free has nothing to advise for a free port"),
    pytest.param("run web", {".core.remedies"}, id="run neither"),
]


@NEEDS_FORK
@pytest.mark.parametrize(("line", "absent"), UNUSED)
def test_a_command_imports_no_module_of_ours_for_nothing(
    port: int, tmp_path: Path, line: str, absent: set[str]
):
    config = f'[services.web]\nport = {port}\ncommand = "true"\n'
    (tmp_path / "devports.toml").write_text(config, "utf-8")
    assert Ran(*line.split(), folder=tmp_path).ours & absent == set()


def test_doctor_scans_a_folder_without_a_configuration_once(tmp_path: Path):
    (tmp_path / "web").mkdir()
    ran = Ran("doctor", folder=tmp_path)
    scanned = [path for _, path in ran.did("os.scandir") if path.startswith(str(tmp_path))]
    assert sorted(scanned) == [f"{tmp_path}/", f"{tmp_path}/web"]


@pytest.mark.parametrize("made", [False, True], ids=["without a folder of VS Code", "with one"])
def test_doctor_plans_editor_files_only_where_there_are_some(port: int, tmp_path: Path, made: bool):
    (tmp_path / "devports.toml").write_text(f"[services.web]\nport = {port}\n", "utf-8")
    if made:
        (tmp_path / ".vscode").mkdir()
    ran = Ran("doctor", folder=tmp_path)
    assert ran.code == 0
    assert any(event[1].endswith("tasks.json") for event in ran.did("open")) is made


DRAW_NOTHING = [
    "--help",
    "run --help",
    "check web",
    "check {port}",
    "free web --yes",
    "run web --yes",
    "wait web --for free",
    "validate",
    "schema config",
    "completion bash",
    "vscode --diff",
    "status --json",
    "doctor --json",
    "init --dry-run --json",
]
ON_A_TERMINAL = """
import atexit, sys
atexit.register(lambda: open("modules", "w").write(" ".join(sys.modules)))
from devports.cli import main
sys.exit(main(sys.argv[1:]))
"""


def drawing(terminal: Terminal, folder: Path) -> set[str]:
    """Return what a command imported to draw and to ask, after its end."""
    terminal.exit_code()
    terminal.close()
    text = (folder / "modules").read_text(encoding="utf-8")
    return {name.partition(".")[0] for name in text.split()} & LIBRARIES


@pytest.fixture
def on_terminal(port: int, tmp_path: Path) -> Callable[[str], Terminal]:
    """Start a command on a terminal, in a project with a service `web` on the port."""
    from tests.harness.terminal import Terminal

    command = json.dumps([sys.executable, "-c", "raise SystemExit(3)"])
    config = f"[services.web]\nport = {port}\ncommand = {command}\n"
    (tmp_path / "devports.toml").write_text(config, encoding="utf-8")
    env = clean_environment(str(tmp_path))
    program = [sys.executable, "-c", ON_A_TERMINAL]
    return lambda line: Terminal([*program, *line.split()], cwd=str(tmp_path), env=env)


@NEEDS_FORK
@NEEDS_PTY
@pytest.mark.parametrize("line", DRAW_NOTHING)
def test_what_draws_nothing_imports_no_library_for_it_on_a_terminal_either(
    port: int, zoo: Zoo, tmp_path: Path, line: str, on_terminal: Callable[[str], Terminal]
):
    if not line.startswith("wait"):
        zoo("listener", port)
    assert drawing(on_terminal(line.format(port=port)), tmp_path) == set()


@NEEDS_FORK
@NEEDS_PTY
@pytest.mark.parametrize("line", ["free web", "run web"])
def test_a_question_and_its_card_do(
    port: int, zoo: Zoo, tmp_path: Path, line: str, on_terminal: Callable[[str], Terminal]
):
    zoo("listener", port)
    terminal = on_terminal(line)
    terminal.answer("n")
    assert drawing(terminal, tmp_path) == LIBRARIES

"""`devports doctor --fix` asks about everything it does, and does nothing else."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY
from tests.harness.capabilities import (
    NEEDS_FORK,
    NEEDS_IPV6,
    NEEDS_PTY,
    NEEDS_SECOND_USER,
    NEEDS_STRACE,
    NEEDS_UIDS,
)
from tests.harness.strace import CALLS, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PTY]


@pytest.fixture(autouse=True)
def _own_path(devports: Command) -> None:
    """Let `devports` on PATH be the one that is tested, so that this machine has no findings."""
    own = os.path.dirname(devports.argv[0])
    devports.env["PATH"] = f"{own}{os.pathsep}{devports.env['PATH']}"


@pytest.fixture
def web(port: int, project: Project) -> None:
    project.zoo("web", "listener", port)


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@NEEDS_UIDS
@pytest.mark.usefixtures("web")
def test_one_yes_each_makes_it_healthy(
    port: int,
    zoo: Zoo,
    project: Project,
    bystanders: Callable[[int], Bystanders],
    on_terminal: OnTerminal,
) -> None:
    """The port shows only when the configuration can be read, and is asked about then."""
    os.chmod(project.config, 0o666)
    holder = zoo("listener", port)
    bystanders(port)
    terminal = on_terminal("doctor", "--fix")
    terminal.expect("remove write permission for other users?")
    terminal.answer("y")
    terminal.expect(f"(pid {holder.pid}): stop it?")
    terminal.asked()
    assert mode(project.config) == 0o664
    assert holder.alive
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert terminal.screen().splitlines()[-1].startswith("✓ no problems found")
    holder.gone()
    assert tables.bindable(port)


@NEEDS_UIDS
@pytest.mark.parametrize(
    "keys", ["n", "\r", "\x04", "\x1b[A\r"], ids=["n", "Enter", "Ctrl-D", "up, Enter"]
)
def test_no_changes_nothing(
    keys: str, port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port, vscode={"task": "Run Web"}, env_file=".env")
    env = os.path.join(project.folder, ".env")
    with open(env, "w", encoding="ascii") as file:
        file.write("A=1\n")
    os.chmod(env, 0o666)
    holder = zoo("listener", port)
    terminal = on_terminal("doctor", "--fix")
    for words in (
        "remove write permission for other users?",
        f"(pid {holder.pid}): stop it?",
        "write `.vscode/",
    ):
        terminal.expect(words)
        terminal.answer(keys)
    assert terminal.exit_code() == exitcodes.NO, terminal.screen()
    assert holder.alive
    assert mode(env) == 0o666
    assert not os.path.exists(os.path.join(project.folder, ".vscode"))
    shown = " ".join(terminal.screen().split())  # wherever its lines were broken
    for words in ("can be written by any user", "is in use by", "tasks.json` is missing"):
        assert words in shown


@NEEDS_UIDS
@pytest.mark.usefixtures("web")
def test_a_no_is_not_asked_again_after_another_yes(
    port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    holder = zoo("listener", port)
    os.chmod(project.folder, 0o777)
    terminal = on_terminal("doctor", "--fix")
    terminal.expect(f"(pid {holder.pid}): stop it?")
    terminal.answer("n")
    terminal.expect(f"left `python` (pid {holder.pid}) running")
    terminal.expect("remove write permission for other users?")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.NO, terminal.screen()
    assert terminal.screen().count(f"(pid {holder.pid}): stop it?") == 1
    assert mode(project.folder) == 0o775
    assert holder.alive


@pytest.mark.usefixtures("web")
def test_ctrl_c_ends_the_walk(port: int, zoo: Zoo, on_terminal: OnTerminal) -> None:
    holder = zoo("listener", port)
    terminal = on_terminal("doctor", "--fix")
    terminal.asked()
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert holder.alive


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("stdin", [b"y\ny\ny\n", None], ids=["many a yes from a pipe", "nothing"])
def test_without_a_terminal_nothing_is_mended(
    stdin: bytes | None, port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    plain = devports("doctor")
    done = devports("doctor", "--fix", stdin=stdin)
    assert (done.code, plain.code) == (exitcodes.NO, exitcodes.NO), done
    assert done.err == "note: nothing was fixed: no terminal to ask for confirmation\n"
    assert f"(pid {holder.pid})" in done.out
    assert "`devports doctor --fix`" in plain.out
    assert holder.alive


@pytest.mark.usefixtures("web")
def test_what_a_crashed_run_left_is_ended_by_its_port(
    port: int, project: Project, devports: Command, on_terminal: OnTerminal
) -> None:
    running = devports.start("run", "web")
    running.says("is ready on")
    running.crashes()
    project.zoo("web", "listener", port + 1)
    terminal = on_terminal("doctor", "--fix")
    terminal.expect("orphaned server of `web`")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert tables.bindable(port)


def test_files_of_vs_code_are_written_as_by_its_own_command(
    port: int, project: Project, devports: Command, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port, vscode={"task": "Run Web"})
    terminal = on_terminal("doctor", "--fix")
    terminal.expect("write `.vscode/tasks.json`?")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert devports("vscode", "--check").code == exitcodes.OK


def test_what_nobody_can_mend_for_you_has_its_hint(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, "a-command-that-nobody-has")
    done = devports("doctor", "--fix")
    assert done.code == exitcodes.NO, done
    assert done.err == "note: devports cannot fix any of these problems itself\n"
    assert "hint: install it" in done.out
    assert "--fix" not in done.out


@pytest.mark.usefixtures("web")
def test_a_healthy_project_gets_three_lines_and_no_question(on_terminal: OnTerminal) -> None:
    terminal = on_terminal("doctor", "--fix", size=(24, 250))
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert len(terminal.screen().splitlines()) == 3


def test_json_never_asks(devports: Command) -> None:
    done = devports("doctor", "--fix", "--json")
    assert done.code == exitcodes.USAGE
    assert [error["code"] for error in done.json()["errors"]] == ["usage"]


@NEEDS_IPV6
@pytest.mark.usefixtures("web")
def test_the_server_that_localhost_may_lead_to_is_ended_and_no_other(
    port: int, zoo: Zoo, devports: Command, on_terminal: OnTerminal
) -> None:
    running = devports.start("run", "web")
    running.says("is ready on")
    other = zoo("listener", port, "--host", "::1")
    terminal = on_terminal("doctor", "--fix")
    terminal.expect(f"(pid {other.pid}): stop it?")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    other.gone()
    assert not running.ended


@NEEDS_SECOND_USER
@pytest.mark.usefixtures("web")
def test_another_users_process_has_its_own_question(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    holder = zoo("listener", port, uid=NOBODY)
    terminal = on_terminal("doctor", "--fix")
    terminal.expect(f"(pid {holder.pid})")
    terminal.expect("of user `nobody`")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.NO, terminal.screen()
    assert holder.alive


@NEEDS_STRACE
@pytest.mark.usefixtures("web")
def test_only_who_was_agreed_on_is_signalled(
    port: int, zoo: Zoo, devports: Command, on_terminal: OnTerminal, tmp_path: Path
) -> None:
    holder = zoo("listener", port)
    log = tmp_path / "trace"
    tool = ("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={CALLS}", "--")
    devports.argv[:0] = tool
    terminal = on_terminal("doctor", "--fix")
    terminal.expect(f"(pid {holder.pid}): stop it?")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    holder.gone()
    sent = parse(log.read_text())
    assert [(each.target, each.signal) for each in sent] == [(holder.pid, "SIGTERM")]

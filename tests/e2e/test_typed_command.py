"""`devports run --port PORT -- COMMAND`: what a service gets, for a command in no file."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command, Running
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

UVICORN = [sys.executable, "-m", "uvicorn", "asgi_app:app", "--port", "{port}"]
LISTENER = argv_of("listener", "{port}", "--stay")
STARTS = 5


def ready(running: Running) -> None:
    eventually(lambda: running.said_ready or running.ended, 40)
    assert running.process.poll() is None, running.out + running.err


def stop(running: Running, port: int) -> None:
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: tables.bindable(port))


def test_it_serves_under_the_name_of_its_program(
    port: int, project: Project, devports: Command
) -> None:
    project.apps()
    running = devports.start("run", "--port", port, "--", *UVICORN)
    ready(running)
    assert f"devports: `uvicorn` is ready on 127.0.0.1:{port}" in running.err
    assert "--fd" in running.err, "it takes the socket, as the service of a file does"
    assert tables.connectable(port)
    stop(running, port)


def test_inside_a_project_its_file_is_not_even_read(
    port: int, project: Project, devports: Command
) -> None:
    project.write("this is no TOML")
    running = devports.start("run", "--port", port, "--", *LISTENER)
    ready(running)
    stop(running, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_it_is_told_the_address_and_the_port(
    host: str, port: int, project: Project, devports: Command
) -> None:
    show = "import os, sys; print(*sys.argv[1:], os.environ['PORT'])"
    words = (sys.executable, "-c", show, "{host}:{port}", "{other} {{port}} {}")
    done = devports("run", "--port", port, "--host", host, "--", *words)
    assert done.code == exitcodes.OK, done
    assert done.out == f"{host}:{port} {{other}} {{port}} {{}} {port}\n"


def test_a_rival_never_gets_its_port(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.apps()
    for _ in range(STARTS):
        rival = zoo("rival", port, "--reuse", "--hold", -1, "--wait")
        running = devports.start("run", "--port", port, "--", *UVICORN)
        running.says("devports: starting")
        rival.tell()
        ready(running)
        *_, tries, word, hits = rival.rest().split()
        assert (word, hits) == ("hits", "0"), running.err
        assert int(tries) > 0, "the rival did try"
        stop(running, port)


def test_the_holder_is_shown_and_without_a_terminal_kept(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    done = devports("run", "--port", port, "--", *LISTENER)
    assert done.code == exitcodes.HELD, done
    assert f"(pid {holder.pid})" in done.err
    assert f"devports free 127.0.0.1:{port} --yes" in done.err
    assert holder.alive


@NEEDS_PTY
def test_the_holder_is_asked_about_and_freed(
    port: int, zoo: Zoo, devports: Command, on_terminal: OnTerminal
) -> None:
    holder = zoo("listener", port)
    terminal = on_terminal("run", "--port", port, "--", *LISTENER)
    terminal.answer("y")
    terminal.expect("is ready on")
    eventually(lambda: not holder.alive)
    done = devports("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert terminal.exit_code()


@pytest.mark.parametrize("code", [0, 3, 90])
def test_its_own_exit_code_is_passed_on(code: int, port: int, devports: Command) -> None:
    running = devports.start(
        "run", "--port", port, "--", *argv_of("exit_code", code, "--serve", "{port}")
    )
    ready(running)
    assert tables.connectable(port)
    assert running.ends() == code


def test_its_run_is_recorded_with_its_port(port: int, project: Project, devports: Command) -> None:
    project.apps()
    running = devports.start("run", "--port", port, "--", *UVICORN)
    ready(running)
    (row,) = [line for line in devports("status", "--all").out.splitlines() if str(port) in line]
    assert row.split()[:3] == ["uvicorn", f"127.0.0.1:{port}", "serving"]
    again = devports("run", "--port", port, "--", *UVICORN)
    assert again.code == exitcodes.ALREADY_RUNNING, again
    assert f"`devports run --port {port} -- uvicorn`" in again.err
    assert f"run `devports free {port}`" in again.err
    second = devports.start("run", "--port", port, "--take-over", "--", *UVICORN)
    ready(second)
    running.ends()
    stop(second, port)


def test_two_of_one_program_run_on_two_ports(
    port: int, project: Project, devports: Command
) -> None:
    project.service("uvicorn", port + 2, UVICORN)
    project.apps()
    runs = [devports.start("run", "--port", number, "--", *UVICORN) for number in (port, port + 1)]
    runs.append(devports.start("run", "uvicorn"))  # nor is a service of that name in the way
    for running in runs:
        ready(running)
    assert devports("wait", "uvicorn", "--timeout", 5).code == exitcodes.OK
    for running in runs:
        stop(running, port)


def test_ten_starts_at_once_on_one_port_give_one_server(port: int, devports: Command) -> None:
    runs = [devports.start("run", "--port", port, "--", *LISTENER) for _ in range(10)]
    eventually(lambda: sum(run.ended for run in runs) == 9, 40, what="nine of ten have ended")
    codes = Counter(run.process.poll() for run in runs)
    assert codes == {None: 1, exitcodes.ALREADY_RUNNING: 9}, [run.err for run in runs]
    stop(next(run for run in runs if not run.ended), port)


def test_in_another_folder_the_first_one_is_named_and_kept(
    port: int, tmp_path: object, devports: Command
) -> None:
    running = devports.start("run", "--port", port, "--", *LISTENER)
    ready(running)
    folder = os.path.join(str(tmp_path), "elsewhere")
    os.mkdir(folder)
    with open(os.path.join(folder, "devports.toml"), "w", encoding="ascii") as file:
        file.write(f"[services.other]\nport = {port + 1}\n")  # another project
    devports.cwd = folder
    done = devports("run", "--port", port, "--yes", "--", *LISTENER)
    assert done.code == exitcodes.HELD, done
    assert f"devports run --port {port} -- " in done.err
    assert f"&& devports free {port}\n" in done.err
    assert running.process.poll() is None
    stop(running, port)


def test_a_command_that_goes_elsewhere_is_waited_for_and_stopped(
    port: int, devports: Command
) -> None:
    show = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(99)"
    running = devports.start("run", "--port", port, "--", sys.executable, "-c", show)
    running.says("listens on 127.0.0.1:")
    running.send(signal.SIGTERM)
    assert running.ends() == 128 + signal.SIGTERM
    assert tables.bindable(port)


def test_in_a_folder_of_the_project_it_is_the_projects_own(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, LISTENER)
    folder = os.path.join(project.folder, "api")
    os.mkdir(folder)
    devports.cwd = folder
    typed = devports.start("run", "--port", port, "--", *LISTENER)
    ready(typed)
    devports.cwd = project.folder
    web = devports.start("run", "web", "--yes")
    ready(web)
    assert typed.ends() == 128 + signal.SIGTERM
    assert f"was told to stop by `devports run web --yes` (pid {web.pid})" in typed.err
    stop(web, port)


WRONG = [
    pytest.param(("--", "x", "y"), "run `devports run --port 8000 -- x y`", id="no port"),
    pytest.param(("--port", "8000"), "`devports run --port 8000 -- COMMAND`", id="no command"),
    pytest.param(
        ("--port", "8000", "x", "y"),
        "put the arguments of the server after `--`",
        id="no dashes before it",
    ),
    pytest.param(("--port", "8000", "x"), "`devports run --port 8000 -- x`", id="nor a file"),
    pytest.param(
        ("--port", "8000", "x", "--port", "{port}"),
        "arguments before `--` are for devports",
        id="its words without",
    ),
    pytest.param(("--debug", "--port", "1", "--", "x"), "needs a service", id="no debugger"),
    pytest.param(("--config", "f", "--port", "1", "--", "x"), "needs a service", id="no file"),
    pytest.param(("--host", "a/b", "--port", "1", "--", "x"), "`a/b` must be", id="no address"),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_is_typed_wrong(words: tuple[str, ...], said: str, devports: Command) -> None:
    done = devports("run", *words)
    assert (done.code, done.out) == (exitcodes.USAGE, ""), done
    assert said in done.err


def test_without_a_name_the_services_are_listed(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, LISTENER)
    project.service("db", port + 1)
    done = devports("run")
    assert (done.code, done.out) == (exitcodes.USAGE, ""), done
    assert f"  `web`: 127.0.0.1:{port}\n" in done.err
    assert "`db`" not in done.err
    assert "hint: to start one, run `devports run web`\n" in done.err
    unknown = devports("run", "--port", port, "uvicorn")
    assert unknown.code == exitcodes.USAGE, unknown
    assert f"give its port: `devports run --port {port} -- uvicorn`" in unknown.err
    assert "give its port" not in devports("run", "wbe").err, "a mistyped name is no command"

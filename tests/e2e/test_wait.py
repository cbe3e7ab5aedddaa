"""`devports wait`: a script goes on when a service is ready or a port free, and not before."""

from __future__ import annotations

import http.server
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.servers import COMMANDS
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Zoo
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]


def test_a_free_port_is_not_waited_for(port: int, devports: Command) -> None:
    done = devports("wait", port, "--for", "free")
    assert done.code == exitcodes.OK, done
    assert done.out.startswith(f"`{port}` is free after ")
    assert done.err == ""


def test_a_port_that_is_let_go_of_is_waited_for(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port)
    waiting = devports.start("wait", port, "--for", "free")
    waiting.says(f"for `{port}` to be free")
    assert not waiting.ended
    holder.end()
    assert waiting.ends() == exitcodes.OK, waiting.err
    assert tables.bindable(port)


def test_a_short_wait_is_not_one_of_no_seconds(port: int, devports: Command) -> None:
    done = devports("wait", port, "--timeout", "1.2")
    assert done.code == exitcodes.NOT_READY, done
    assert "up to 0 s" not in done.err


def test_a_holder_that_stays_is_named_when_time_is_up(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    done = devports("wait", port, "--for", "free", "--timeout", "0.3")
    assert done.code == exitcodes.STILL_HELD, done
    assert f"(pid {holder.pid})" in done.err
    assert holder.alive


def test_a_service_is_ready_when_its_run_says_so(
    port: int, project: Project, devports: Command
) -> None:
    project.apps()
    project.service("web", port, COMMANDS["uvicorn"])
    waiting = devports.start("wait", "web")
    running = devports.start("run", "web")
    assert waiting.ends() == exitcodes.OK, waiting.err
    eventually(lambda: running.said_ready)  # told after it is recorded, for whoever waits
    assert tables.connectable(port)
    assert waiting.out.startswith("`web` is ready after ")


def test_a_watched_service_is_ready_by_its_own_port(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.service("db", port, ports={"admin": port + 1})
    zoo("listener", port + 1)
    done = devports("wait", "db", "--timeout", "0.3")
    assert done.code == exitcodes.NOT_READY, done
    zoo("listener", port)
    assert devports("wait", "db").code == exitcodes.OK
    assert devports("wait", "db", "--for", "free", "--timeout", "0.3").code == exitcodes.STILL_HELD


def test_somebody_elses_server_is_not_the_service(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    holder = zoo("listener", port)
    done = devports("wait", "web", "--timeout", "0.3")
    assert done.code == exitcodes.NOT_READY, done
    assert f"(pid {holder.pid})" in done.err
    assert "`web` is not running; only its own `devports run` makes it ready" in done.err
    assert devports("wait", port, "--timeout", "0.3").code == exitcodes.OK


def test_a_run_that_has_bound_and_does_not_listen_is_not_ready(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "bound_only", port)
    running = devports.start("run", "web")
    running.says("starting `web`")
    done = devports("wait", "web", "--timeout", "0.5")
    assert done.code == exitcodes.NOT_READY, done
    assert f"(pid {running.pid}) is starting" in done.err


def test_a_watched_port_is_ready_when_somebody_listens(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.service("db", port)
    waiting = devports.start("wait", "db")
    waiting.says("for `db` to be ready")
    zoo("listener", port)
    assert waiting.ends() == exitcodes.OK, waiting.err


class Answer(http.server.BaseHTTPRequestHandler):
    """Says 503 until it may say 200."""

    status = 503

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def answering(port: int) -> Iterator[type[Answer]]:
    class Own(Answer):
        pass

    with http.server.HTTPServer(("127.0.0.1", port), Own) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Own
        server.shutdown()
        thread.join()


def test_a_watched_port_has_to_answer_where_that_is_asked_for(
    port: int, project: Project, devports: Command, answering: type[Answer]
) -> None:
    project.service("db", port, ready={"http": "/health"})
    waiting = devports.start("wait", "db")
    waiting.says("for `db` to be ready")
    never(lambda: waiting.ended, 0.5)
    answering.status = 200
    assert waiting.ends() == exitcodes.OK, waiting.err


def test_several_are_waited_for_together_and_told_one_by_one(
    port: int, zoo: Zoo, devports: Command
) -> None:
    zoo("listener", port)
    done = devports("wait", port, port + 1, "--timeout", "0.3", "--json")
    assert done.code == exitcodes.NOT_READY, done
    document = done.json()
    assert document["status"] == "partial"
    assert [one["happened"] for one in document["data"]["targets"]] == [True, False]
    assert [error["code"] for error in document["errors"]] == ["not-ready"]


def test_a_script_goes_on_when_it_may(port: int, project: Project, devports: Command) -> None:
    project.zoo("web", "listener", port)
    devports.start("run", "web")
    ready = '"$0" wait web --timeout 20; echo "then $?"'
    script = f'set -e; {ready}; "$0" wait {port} --for free --timeout 0.2; echo never'
    done = subprocess.run(
        ["sh", "-c", script, *devports.argv],
        cwd=devports.cwd,
        env=devports.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exitcodes.STILL_HELD, done
    assert done.stdout.splitlines()[-1] == "then 0"


def test_a_signal_ends_the_waiting_with_its_number(port: int, zoo: Zoo, devports: Command) -> None:
    zoo("listener", port)
    waiting = devports.start("wait", port, "--for", "free")
    waiting.says(" to be free")
    waiting.send(signal.SIGINT)
    assert waiting.ends() == 130, waiting.err
    assert "Traceback" not in waiting.err

"""What becomes of a start: programs that know nothing of devports, and how often they start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE, NEEDS_PROC
from tests.harness.servers import PYTHON, UVICORN
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.command import Command, Running
    from tests.harness.project import Project


def missing(*programs: str) -> pytest.MarkDecorator:
    """Return the mark that skips a test where one of these programs is not installed."""
    absent = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(absent), reason=f"this machine has no {' '.join(absent)}")


NEEDS_PERL = missing("perl")
pytestmark = [NEEDS_FORK, NEEDS_PROC, NEEDS_PERL]

PERL = r"""
use Socket;
my ($port, $mode, @more) = @ARGV;
my %says = (german => "Adresse wird bereits verwendet", english => "bind: Address already in use");
$| = 1;
sub bound {
    my ($to, $reuse) = @_;
    socket($socket, PF_INET, SOCK_STREAM, 0) or die;
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $reuse;
    return bind($socket, sockaddr_in($to, INADDR_LOOPBACK));
}
sub elsewhere { local $socket; bound($_[0]) or die "metrics: $!"; $other = $socket }
if ($mode eq "late") { print "$more[1]\n"; sleep $more[0]; bound($port, 1) or die $! }
elsif ($mode eq "told") {
    select(undef, undef, undef, 0.05) until -e $more[0];
    bound($port, 1) or die $!;
}
elsif ($mode eq "again") { until (bound($port)) { select(undef, undef, undef, 1) } }
elsif ($mode eq "next") { bound($port) or bound($port + 1) or die $! }
elsif ($mode eq "waits") { bound($port) or do { print "Port $port is in use\n"; sleep 60 } }
elsif ($mode eq "metrics") { elsewhere($more[0]); bound($port) or die $! }
else { bound($port) or do { print "$says{$mode}\n" if $says{$mode}; exit 1 } }
listen($socket, 5) or die $!;
while (accept(my $guest, $socket)) { close $guest }
"""
JAVA = """
import java.net.*;
class Server {
    public static void main(String[] words) throws Exception {
        var socket = new ServerSocket();
        socket.setReuseAddress(false);
        socket.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0])));
        while (true) socket.accept().close();
    }
}
"""
HTTPLIB = """
#include <cstdlib>
#include <httplib.h>
int main(int, char **words) {
    httplib::Server server;
    server.Get("/", [](const httplib::Request &, httplib::Response &answer) {
        answer.set_content("httplib", "text/plain");
    });
    return server.listen("127.0.0.1", std::atoi(words[1])) ? 0 : 1;
}
"""


def events(project: Project, service: str = "web") -> list[dict[str, object]]:
    path = os.path.join(project.folder, f"{service}.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def kinds(project: Project, service: str = "web") -> list[object]:
    return [event["event"] for event in events(project, service)]


def starts(project: Project, service: str = "web") -> int:
    return kinds(project, service).count("started")


def write(project: Project, name: str, text: str) -> None:
    with open(os.path.join(project.folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def perl(
    project: Project, port: int, *words: object, service: str = "web", **settings: object
) -> None:
    """Make a service of the program above."""
    write(project, "server.pl", PERL)
    project.service(service, port, ["perl", "server.pl", str(port), *map(str, words)], **settings)


def begun(devports: Command, service: str, *options: str) -> Running:
    running = devports.start("run", service, *options, "--events", f"{service}.jsonl")
    running.says(f"starting `{service}`")
    return running


def settled(project: Project, running: Running, service: str = "web") -> Running:
    """Return when it is decided what became of the start."""
    eventually(lambda: "ready" in kinds(project, service) or running.ended, 90)
    return running


def decided(project: Project, devports: Command, *options: str) -> Running:
    """Start the service; return when it is decided what became of it."""
    return settled(project, begun(devports, "web", *options))


def stopped(running: Running, port: int) -> None:
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: not tables.listening_pids(port), what="nobody listens on the port")


def serves(project: Project, devports: Command, port: int, times: int, *options: str) -> Running:
    """Start it, see it serve after so many starts, and stop it."""
    running = decided(project, devports, *options)
    assert running.said_ready == 1, running.err
    assert starts(project) == times, running.err
    stopped(running, port)
    return running


def forget(project: Project) -> None:
    os.unlink(os.path.join(project.folder, "web.jsonl"))


# -- servers that cannot bind beside our hold


@pytest.mark.parametrize("says", ["silent", "german", "english"])
def test_who_ends_since_it_cannot_bind_beside_our_hold_is_started_once_without_it(
    says: str, port: int, project: Project, devports: Command
) -> None:
    perl(project, port, says)
    first = serves(project, devports, port, 2)
    assert "possibly because devports held the port" in first.err
    forget(project)
    second = serves(project, devports, port, 1)
    assert "releasing the port just before the start" in second.err


def test_what_is_remembered_of_a_command_holds_no_word_of_it(
    port: int, project: Project, devports: Command
) -> None:
    perl(project, port, "silent")
    serves(project, devports, port, 2)
    path = os.path.join(devports.env["XDG_STATE_HOME"], "devports", "starts")
    with open(path, encoding="ascii") as file:
        key, word = file.read().split()
    assert (len(key), word) == (16, "bare")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, "wb") as file:
        file.write(b"\xff\n\n nonsense")
    forget(project)
    serves(project, devports, port, 2)


@NEEDS_NODE
def test_so_is_one_behind_npm(port: int, project: Project, devports: Command) -> None:
    write(project, "server.pl", PERL)
    scripts = {"dev": f"perl server.pl {port} silent"}
    write(project, "package.json", json.dumps({"scripts": scripts}))
    project.service("web", port, "npm run dev")
    serves(project, devports, port, 2)


@NEEDS_NODE
def test_behind_npm_who_has_no_hook_binds_beside_a_hold_that_is_shared_for_it(
    port: int, project: Project, devports: Command
) -> None:
    write(project, "server.pl", PERL)
    scripts = {"dev": f"perl server.pl {port} late 3 soon"}
    write(project, "package.json", json.dumps({"scripts": scripts}))
    project.service("web", port, "npm run dev")
    serves(project, devports, port, 1)


@missing("java")
def test_so_is_a_java_server_that_does_not_reuse_addresses(
    port: int, project: Project, devports: Command
) -> None:
    write(project, "Server.java", JAVA)
    project.service("web", port, "java Server.java {port}")
    serves(project, devports, port, 2)


def test_who_tries_again_without_a_word_gets_the_port_in_its_first_start(
    port: int, project: Project, devports: Command
) -> None:
    perl(project, port, "again")
    running = serves(project, devports, port, 1)
    assert "has a socket that cannot bind while devports holds the port" in running.err


@pytest.fixture(scope="session")
def httplib(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a server of cpp-httplib, which sets SO_REUSEPORT and no other option."""
    folder = tmp_path_factory.mktemp("httplib")
    source, program = folder / "server.cpp", folder / "server"
    source.write_text(HTTPLIB)
    words = ["g++", "-O0", "-o", str(program), str(source), "-lpthread"]
    for libraries in ([], ["-lcpp-httplib", "-lssl", "-lcrypto"]):
        done = subprocess.run([*words, *libraries], capture_output=True, check=False)
        if done.returncode == 0:
            return program
    pytest.skip("this machine cannot build a server of cpp-httplib (g++, libcpp-httplib-dev)")


@missing("g++")
def test_who_shares_by_reuseport_only_binds_beside_our_hold(
    httplib: Path, port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, [str(httplib), "{port}"])
    serves(project, devports, port, 1)


@pytest.mark.parametrize("mode", ["next", "waits"])
def test_who_binds_once_and_lives_on_is_started_without_our_hold_when_its_time_is_up(
    mode: str, port: int, project: Project, devports: Command
) -> None:
    perl(project, port, mode, ready={"timeout": 4})
    serves(project, devports, port, 2)
    forget(project)
    serves(project, devports, port, 1)


def test_a_handoff_of_none_starts_it_without_our_hold_at_once(
    port: int, project: Project, devports: Command
) -> None:
    perl(project, port, "silent", handoff="none")
    serves(project, devports, port, 1)


def test_with_a_handoff_of_none_nothing_is_loaded_into_the_server(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, ["sh", "-c", "env > seen; exit 3"], handoff="none")
    assert devports("run", "web").code == 3
    with open(os.path.join(project.folder, "seen"), encoding="utf-8") as file:
        names = {line.partition("=")[0] for line in file}
    assert not names & {"DEVPORTS_HOOK", "PYTHONPATH", "NODE_OPTIONS"}


# -- what was no matter of its port


def test_a_line_starts_nothing_again(port: int, project: Project, devports: Command) -> None:
    perl(project, port, "late", 8, f"Port {port} is already in use, killing old process")
    perl(project, port + 1, "late", 8, "HMR: using available port 24679", service="hmr")
    running = {service: begun(devports, service) for service in ("web", "hmr")}
    for at, (service, run) in enumerate(running.items()):
        assert settled(project, run, service).said_ready == 1, run.err
        assert starts(project, service) == 1, run.err
        stopped(run, port + at)


def test_a_broken_program_costs_one_double_start(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """Its metrics port is held: nobody can know that, so nothing is said of a cause."""
    metrics = zoo("listener", port + 1)
    perl(project, port, "metrics", port + 1)
    first = decided(project, devports)
    code = first.ends()
    assert (starts(project), kinds(project).count("ended-alike")) == (2, 1)
    assert code not in {0, exitcodes.HELD, exitcodes.TAKEN_AGAIN}
    forget(project)
    again = decided(project, devports)
    assert (again.ends(), starts(project)) == (code, 1)
    metrics.end()
    forget(project)
    serves(project, devports, port, 1)
    forget(project)
    serves(project, devports, port, 2)


@pytest.mark.parametrize(
    ("command", "files"),
    [
        pytest.param(f"{PYTHON} broken.py", {"broken.py": "x = ("}, id="Python: a syntax error"),
        pytest.param(
            "npm run dev",
            {
                "package.json": '{"scripts": {"dev": "node broken.js"}}',
                "broken.js": "throw new Error('broken')",
            },
            id="Node behind npm: an error",
            marks=NEEDS_NODE,
        ),
    ],
)
def test_who_would_have_asked_for_the_port_fails_once(
    command: str, files: dict[str, str], port: int, project: Project, devports: Command
) -> None:
    for name, text in files.items():
        write(project, name, text)
    project.service("web", port, command)
    running = decided(project, devports)
    assert (running.ends(), starts(project)) == (1, 1), running.err


SLOW = """
import http.server, sys, threading
threading.Event().wait(5)
http.server.test(bind="127.0.0.1", port=int(sys.argv[1]))
"""


def test_what_its_debugger_listens_on_is_not_where_it_has_gone(
    port: int, project: Project, devports: Command
) -> None:
    pytest.importorskip("debugpy")
    write(project, "slow.py", SLOW)
    listen = f"{PYTHON} -m debugpy --listen 127.0.0.1:{port + 1} slow.py {{port}}"
    project.service("web", port, listen)
    running = serves(project, devports, port, 1)
    assert "listens on" not in running.err


def test_where_it_has_gone_is_said_with_what_to_write(
    port: int, project: Project, devports: Command
) -> None:
    """Neither its command nor its variables name the port, so it can know it from PORT alone."""
    write(project, "slow.py", SLOW.replace("(5)", "(0)").replace("sys.argv[1]", repr(port + 1)))
    project.service("web", port, f"{PYTHON} slow.py", ready={"timeout": 5})
    running = decided(project, devports)
    assert running.ends() == exitcodes.NOT_READY
    assert starts(project) == 1
    said = f"`web` listens on 127.0.0.1:{port + 1}; still waiting for 127.0.0.1:{port}"
    advice = "the command does not name the port: write `{port}` where it takes its port"
    assert f"{said}; {advice}; Ctrl-C ends the wait" in running.err


# -- a reloader that has the port


def test_a_slow_import_is_no_broken_one(port: int, project: Project, devports: Command) -> None:
    project.apps()
    waits = "import os, time\nwhile not os.path.exists('go on'): time.sleep(0.05)\n"
    write(project, "slow_app.py", waits + "from asgi_app import app\n")
    project.service("web", port, UVICORN + " slow_app:app --reload --host {host} --port {port}")
    running = begun(devports, "web")
    running.says("is still starting: ")
    write(project, "go on", "")
    assert settled(project, running).said_ready == 1, running.err
    assert starts(project) == 1, running.err
    assert "has exited" not in running.err
    stopped(running, port)


def test_a_broken_import_is_named_once_its_process_has_ended(
    port: int, project: Project, devports: Command
) -> None:
    project.apps()
    project.service(
        "web",
        port,
        UVICORN + " broken_app:app --reload --host {host} --port {port}",
        ready={"timeout": 8},
    )
    running = decided(project, devports)
    assert running.ends() == exitcodes.NOT_READY
    assert starts(project) == 1
    assert "but is not listening: its serving process (pid " in running.err


# -- another process


SLOW_SERVERS: dict[str, tuple[str, dict[str, str], int | None, int]] = {
    "agreed": ("--yes", {}, None, 1),
    "unasked": ("--no-input", {}, exitcodes.HELD, 1),
    "spared": ("--yes", {"on_conflict": "fail"}, exitcodes.TAKEN_AGAIN, 1),
    "moved": ("--yes", {"on_conflict": "next"}, None, 2),
}
"""Services by what is to become of another process on their port: options and settings, the exit
code or None for one that serves in the end, and how often they start."""


def test_who_takes_the_port_of_a_slow_server_and_stays(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """Our hold lets in who sets SO_REUSEADDR, as our own servers do, which bind when told to."""
    ports = {service: port + 2 * at for at, service in enumerate(SLOW_SERVERS)}
    write(project, "server.pl", PERL)
    for service, (_, settings, _, _) in SLOW_SERVERS.items():
        words = f"exec perl server.pl {{port}} told 'go, {service}'"
        project.service(service, ports[service], ["sh", "-c", words], **settings)
    running = {
        service: begun(devports, service, consent)
        for service, (consent, _, _, _) in SLOW_SERVERS.items()
    }
    strangers = {service: zoo("listener", its_port) for service, its_port in ports.items()}
    eventually(lambda: not strangers["agreed"].alive, 30, what="its end beside the server")
    write(project, "go, agreed", "")
    eventually(lambda: starts(project, "moved") == 2, 30, what="a start on the next port")
    write(project, "go, moved", "")
    for service, (_, _, code, times) in SLOW_SERVERS.items():
        run, stranger = settled(project, running[service], service), strangers[service]
        assert starts(project, service) == times, run.err
        assert stranger.alive is (service != "agreed")
        if code is None:
            assert run.said_ready == 1, run.err
            run.send(signal.SIGTERM)
            run.ends()
        else:
            assert run.ends() == code, run.err


def test_who_holds_a_further_port_is_named_before_the_start(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    metrics = zoo("listener", port + 1)
    perl(project, port, "metrics", port + 1, ports={"metrics": port + 1})
    done = devports("run", "web", "--no-input")
    assert done.code == exitcodes.HELD, done
    assert f"(pid {metrics.pid})" in done.err
    assert "devports: starting" not in done.err

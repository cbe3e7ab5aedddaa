"""Engines are asked by their own programs: here scripts on PATH that answer as those do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from devports.core.containers import DETAILS
from devports.core.holder_kind import Container
from devports.core.model import Endpoint
from devports.system.container_engines import Engines, which
from devports.system.subprocesses import MOST, run
from tests.harness.capabilities import NEEDS_FORK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Put = Callable[..., Path]

ID, NAME = "ab" * 32, "shop-db-1"
ROW = f"{ID}\\tshop-db-1\\tpostgres:16\\t0.0.0.0:8000->5432/tcp\\n"
DOCKER, PODMAN = Container("docker"), Container("podman")
AT = Endpoint("0.0.0.0", 8000)
DB = Container("docker", "shop-db-1", "postgres:16", ID, "one")
LOG = 'echo "$@" >> "$0.log"'

pytestmark = NEEDS_FORK


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a shell script in front of everything else on PATH; it logs how it was called."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, *lines: str) -> Path:
        script = tmp_path / name
        script.write_text("\n".join(("#!/bin/sh", LOG, *lines)) + "\n")
        script.chmod(0o755)
        return tmp_path / f"{name}.log"

    return put


def test_docker_is_asked_once_for_the_port_and_names_the_container(on_path: Put) -> None:
    log = on_path("docker", f"printf '{ROW}'")
    engines = Engines()
    assert [engines.named(DOCKER, AT) for _ in range(3)] == [DB] * 3
    asked, inspected = log.read_text().splitlines()
    assert asked.startswith("ps --no-trunc --filter publish=8000/tcp --format ")
    assert inspected == f"inspect --format {DETAILS} {ID}"


def test_podman_is_asked_for_all_and_sorted_out(on_path: Put) -> None:
    on_path(
        "podman",
        f"""echo '[{{"Id": "{ID}", "Names": ["web"], "Image": "nginx",
        "Ports": [{{"host_port": 8000, "range": 1, "protocol": "tcp"}}]}}]'""",
    )
    assert Engines().named(PODMAN, AT) == Container("podman", "web", "nginx", ID, "one")
    assert Engines().named(PODMAN, AT.replace(port=9000)).engine_answer == "none"


def test_an_engine_that_is_to_be_forgotten_is_asked_again(on_path: Put) -> None:
    log = on_path("docker", f"printf '{ROW}'")
    engines = Engines()
    engines.named(DOCKER, AT)
    engines.forget()
    engines.named(DOCKER, AT)
    engines.stop(DB)
    engines.named(DOCKER, AT)
    heard = [line.split()[0] for line in log.read_text().splitlines()]
    assert heard == ["ps", "inspect", "ps", "stop", "ps"]  # no container gets another time to end


LONG = 10.0
"""Seconds that are never over where an engine ends by itself."""
SILENT = [
    pytest.param("echo no permission >&2; exit 1", LONG, "no permission", id="it may not ask"),
    pytest.param("exit 1", LONG, "exited with code 1", id="nothing, with an error"),
    pytest.param("exec sleep 60", 0.3, "no answer within 0.3 s", id="it hangs"),
    pytest.param(
        "sleep 2 & exit 0", 0.3, "no answer within 0.3 s", id="a child keeps the pipe open"
    ),
    pytest.param("kill -9 $$", LONG, "exited with code -9", id="it is killed"),
    pytest.param("yes", LONG, "y", id="it never stops to talk"),
]


@pytest.mark.parametrize(("script", "seconds", "complaint"), SILENT)
def test_an_engine_that_does_not_answer_has_not_said_no(
    on_path: Put, script: str, seconds: float, complaint: str
) -> None:
    on_path("docker", script)
    found = Engines(asking=seconds).named(DOCKER, AT)
    assert found == DOCKER.replace(engine_answer="silent", engine_error=complaint)


def test_an_answer_that_is_not_understood_is_no_answer(on_path: Put) -> None:
    on_path("podman", "echo nonsense")
    assert Engines().named(PODMAN, AT).engine_answer == "silent"


def test_the_standing_of_a_forwarder_is_named_or_stale(on_path: Put) -> None:
    on_path("docker", f"case \"$*\" in *=8000/*) printf '{ROW}';; esac")
    engines = Engines()
    assert engines.named(DOCKER, AT) == DB
    assert engines.named(DOCKER, AT.replace(port=9000)) == DOCKER.replace(engine_answer="none")


def test_two_containers_on_one_port_are_not_guessed_at(on_path: Put) -> None:
    on_path("docker", f"printf '{ROW}{ROW.replace('ab', 'cd')}'")
    found = Engines().named(DOCKER, AT)
    assert found == DOCKER.replace(engine_answer="several", names=((NAME, "0.0.0.0"),) * 2)


def test_a_container_is_stopped_by_the_command_that_is_shown(on_path: Put) -> None:
    log = on_path("docker")
    assert Engines().stop(DB) == ""
    assert f"docker {log.read_text()}" == f"{DB.stop}\n"


TIMEOUTS = [
    pytest.param("echo 60", 60, id="its own"),
    pytest.param("echo '<nil>'", 10, id="none of its own"),
    pytest.param("echo 60; exit 1", 10, id="an answer with an error"),
]


@pytest.mark.parametrize(("inspect", "seconds"), TIMEOUTS)
def test_the_time_that_a_container_has_to_end_is_asked_for(
    on_path: Put, inspect: str, seconds: int
) -> None:
    on_path("docker", f'case $1 in inspect) {inspect} ;; *) printf "{ROW}" ;; esac')
    assert Engines(asking=LONG).named(DOCKER, AT) == DB.replace(stop_timeout=seconds)


def test_a_stop_is_waited_for_as_long_as_the_container_may_take(on_path: Put) -> None:
    on_path("docker", "sleep 0.3")
    assert Engines(margin=0.0).stop(DB.replace(stop_timeout=60)) == ""
    limit = Engines(margin=0.1).stop(DB.replace(stop_timeout=0))
    assert limit == "`docker stop` did not finish within 0.1 s"


@pytest.mark.parametrize(
    ("script", "seconds", "complaint"),
    [
        pytest.param(
            "echo a; echo No such container >&2; exit 1", LONG, "No such container", id="words"
        ),
        pytest.param("exit 3", LONG, "exited with code 3", id="no words"),
        pytest.param(
            "exec sleep 60", 0.2, "`docker stop` did not finish within 0.2 s", id="it hangs"
        ),
    ],
)
def test_what_went_wrong_is_one_line(
    on_path: Put, script: str, seconds: float, complaint: str
) -> None:
    on_path("docker", script)
    assert Engines(margin=seconds).stop(DB.replace(stop_timeout=0)) == complaint


def test_an_engine_that_is_not_there_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert Engines().named(DOCKER, AT).engine_answer == "missing"
    assert Engines().stop(DB) == "`docker` is not on PATH"


INSIDE = Container("docker", ID[:12], identity=ID, engine_answer="inside")


def test_an_engine_is_asked_once_whether_it_knows_the_container_around_a_process(
    on_path: Put,
) -> None:
    log = on_path("docker", "printf '60\\t/shop-db-1\\tpostgres:16\\t\\t\\n'")
    engines = Engines()
    known = INSIDE.replace(name=NAME, image="postgres:16", stop_timeout=60, confirmed=True)
    assert [engines.named(INSIDE, AT) for _ in range(2)] == [known, known]
    assert log.read_text() == f"inspect --format {DETAILS} {ID}\n"


def test_a_process_in_a_container_of_another_engine_is_not_its_to_stop(on_path: Put) -> None:
    on_path("docker", "echo Error: No such container >&2; exit 1")
    assert Engines().named(INSIDE, AT) == INSIDE
    assert Engines().named(INSIDE.replace(identity=""), AT) == INSIDE.replace(identity="")


def test_kubernetes_is_asked_nothing() -> None:
    inside = Container("kubernetes", "0123456789ab", engine_answer="inside")
    assert Engines().named(inside, AT) == inside


def test_a_program_in_the_working_folder_is_not_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", ""):
        monkeypatch.setenv("PATH", f"{path}{os.pathsep}/nonexistent")
        assert which("docker") == ""


def test_both_streams_are_read_and_kept_apart() -> None:
    ran = run((sys.executable, "-c", "import sys; print(1); print(2, file=sys.stderr)"), 30)
    assert ran is not None
    assert (ran.status, ran.output.split(), ran.errors.split()) == (0, [b"1"], [b"2"])


def test_no_more_is_read_than_the_bound() -> None:
    ran = run((sys.executable, "-c", f"print('x' * {MOST + 9}, end='')"), 30)
    assert ran is not None
    assert len(ran.output) == MOST

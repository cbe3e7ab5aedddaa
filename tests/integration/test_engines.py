"""Engines are asked by their own programs: here scripts on PATH that answer as those do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from devports.core.containers import Published
from devports.core.standing import Container
from devports.system.engines import Engines, which
from devports.system.outside import MOST, run
from tests.harness.capabilities import NEEDS_FORK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Put = Callable[..., Path]

ID = "ab" * 32
ROW = f"{ID}\\tshop-db-1\\tpostgres:16\\t0.0.0.0:8000->5432/tcp\\n"
DB = Published("docker", "shop-db-1", "postgres:16", ID)
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
    assert [engines.published("docker", 8000) for _ in range(3)] == [DB] * 3
    assert not engines.nothing("docker", 8000)
    (asked,) = log.read_text().splitlines()
    assert asked.startswith("ps --no-trunc --filter publish=8000/tcp --format ")


def test_podman_is_asked_for_all_and_sorted_out(on_path: Put) -> None:
    on_path(
        "podman",
        f"""echo '[{{"Id": "{ID}", "Names": ["web"], "Image": "nginx",
        "Ports": [{{"host_port": 8000, "range": 1, "protocol": "tcp"}}]}}]'""",
    )
    assert Engines().published("podman", 8000) == Published("podman", "web", "nginx", ID)
    assert Engines().nothing("podman", 9000)


SILENT = [
    pytest.param("echo no permission >&2; exit 1", id="it may not ask the daemon"),
    pytest.param("printf '%s'; exit 1", id="nothing, with an error"),
    pytest.param("exec sleep 60", id="it hangs"),
    pytest.param("sleep 2 & exit 0", id="a child of it keeps the pipe open"),
    pytest.param("kill -9 $$", id="it is killed"),
    pytest.param("yes", id="it never stops to talk"),
]


@pytest.mark.parametrize("script", SILENT)
def test_an_engine_that_does_not_answer_has_not_said_no(on_path: Put, script: str) -> None:
    on_path("docker", script)
    engines = Engines(asking=0.3)
    assert engines.published("docker", 8000) is None
    assert not engines.nothing("docker", 8000)
    assert engines.named(Container("docker"), 8000) == Container("docker")


def test_the_standing_of_a_forwarder_is_named_or_stale(on_path: Put) -> None:
    on_path("docker", f"case \"$*\" in *=8000/*) printf '{ROW}';; esac")
    engines = Engines()
    named = Container("docker", "shop-db-1", "postgres:16")
    assert engines.named(Container("docker"), 8000) == named
    assert engines.named(Container("docker"), 9000) == Container("docker", stale=True)


def test_two_containers_on_one_port_are_not_guessed_at(on_path: Put) -> None:
    on_path("docker", f"printf '{ROW}{ROW.replace('ab', 'cd')}'")
    engines = Engines()
    assert engines.published("docker", 8000) is None
    assert not engines.nothing("docker", 8000)


def test_a_container_is_stopped_by_its_whole_id(on_path: Put) -> None:
    log = on_path("docker")
    assert Engines().stop(DB) == ""
    assert log.read_text() == f"stop -t 10 {ID}\n"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        pytest.param("echo a; echo No such container >&2; exit 1", "No such container", id="words"),
        pytest.param("exit 3", "it ended with status 3", id="no words"),
        pytest.param("exec sleep 60", "`docker stop` did not end within 0.2 s", id="it hangs"),
    ],
)
def test_what_went_wrong_is_one_line(on_path: Put, script: str, complaint: str) -> None:
    on_path("docker", script)
    assert Engines(stopping=0.2).stop(DB) == complaint


def test_an_engine_that_is_not_there_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert Engines().published("docker", 8000) is None
    assert Engines().published("kubernetes", 8000) is None
    assert Engines().stop(DB) == "`docker` is not on PATH"


def test_a_program_in_the_working_folder_is_not_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", ""):
        monkeypatch.setenv("PATH", f"{path}{os.pathsep}/nonexistent")
        assert which("docker") == ""


def test_no_more_is_read_than_the_bound() -> None:
    ran = run((sys.executable, "-c", f"print('x' * {MOST + 9}, end='')"), 30)
    assert ran is not None
    assert len(ran.output) == MOST

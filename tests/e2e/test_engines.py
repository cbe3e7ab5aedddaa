"""Containers of the engines themselves, in every form in which they have a port.

`.ci/run engines` runs all of this. In each test a bystander container of the same engine has to be
the same afterwards, and no signal of devports may reach anybody.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.capabilities import NEEDS_ROOT, STATIC_BUSYBOX, STRACE
from tests.harness.engines import ROOTLESS, USER, Engine, Room, docker, podman, room
from tests.harness.strace import strace_signals
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.command import Command, Done

pytestmark = NEEDS_ROOT

PORT = 31000
"""Nobody else has a port in the room."""
MINE, HIS = "root's podman", "a user's podman"
DOCKER, DIRECT, HIS_DOCKER = "root's docker", "docker without a proxy", "a user's docker"
PROGRAMS = {
    MINE: ("podman", "crun"),
    HIS: ("podman", "crun", "slirp4netns", "newuidmap"),
    DOCKER: ("docker", "dockerd"),
    DIRECT: ("docker", "dockerd"),
    HIS_DOCKER: ("docker", "dockerd", "rootlesskit", "slirp4netns", "newuidmap"),
}
ASKED = os.environ.get("DEVPORTS_TEST_ENGINES", "")
"""`all`: an engine that is missing is a failure, not a reason to skip."""


@pytest.fixture(scope="module")
def place() -> Iterator[Room]:
    if not ASKED:
        pytest.skip("`.ci/run engines` runs it")
    with room() as made:
        yield made


@pytest.fixture(scope="module")
def engine(place: Room, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine, with a bystander: both are started before what a test could leave is counted."""
    name: str = request.param
    if missing := _missing(name):
        (pytest.fail if ASKED == "all" else pytest.skip)(f"this machine has no {missing}")
    uid = USER if name in (HIS, HIS_DOCKER) else None
    direct = ("--userland-proxy=false",) if name == DIRECT else ()
    begun = podman(place, uid) if name in (MINE, HIS) else docker(place, uid, *direct)
    with begun as made:
        made.runs("bystander", f"-p{PORT + 999}:8000", command=serving(8000))
        made.started.clear()
        yield made


def of(*names: str) -> pytest.MarkDecorator:
    """Run a test with each of these engines."""
    return pytest.mark.parametrize("engine", names, indirect=True)


def _missing(name: str) -> str:
    """Return what an engine needs and this machine does not have."""
    wanted = ("unshare", "nsenter", "busybox", "ss", *PROGRAMS[name])
    missing = [program for program in wanted if shutil.which(program) is None]
    if name == HIS_DOCKER and not any(map(shutil.which, ROOTLESS)):
        missing.append("dockerd-rootless.sh")
    return ", ".join(missing) or ("" if STATIC_BUSYBOX else "static busybox")


@contextlib.contextmanager
def standing_by(engine: Engine) -> Iterator[None]:
    """Prove that a container which had no part in it is the same; remove those which had."""
    before = engine.state("bystander")
    try:
        yield
        assert before.startswith("running")
        assert engine.state("bystander") == before
    finally:
        engine.removes()


def freed(engine: Engine, devports: Command, log: Path, *words: object) -> Done:
    """Run `devports free`; prove that it signalled nobody itself, where strace is there."""
    command = engine.devports(devports)
    if not STRACE:
        return command("free", *words)
    done, sent = strace_signals(command, "free", *words, log=str(log / "signals"), follow=False)
    assert sent == []
    return done


def serving(port: int) -> tuple[str, ...]:
    return ("/bin/httpd", "-f", "-h", "/www", "-p", str(port))


@dataclass(frozen=True)
class Form:
    """A container that has the port, and what becomes of it.

    Attributes:
        options: of `run`.
        host: whether its server listens on the port itself.
        code: of `devports free --yes`.
        says: by that.
    """

    options: tuple[str, ...] = (f"-p{PORT}:8000",)
    host: bool = False
    code: int = exitcodes.OK
    says: str = "stopped the {engine} container `web` ({image}); the port is free after"


HOST = ("--network=host",)
BARE = ("--cgroups=disabled",)
AGAIN = ("--restart=always",)
SPAN = (f"-p{PORT}-{PORT + 2}:8000-8002",)
ONE = (f"-p127.0.0.1:{PORT}:8000",)
UNIT = ("--label=PODMAN_SYSTEMD_UNIT=web.service",)
SLIRP = ("--network=slirp4netns:port_handler=slirp4netns",)
EVERY = (f"-p{PORT}:8000",)
FORMS = [
    pytest.param(MINE, Form(), id="podman: published"),
    pytest.param(MINE, Form(ONE), id="podman: published on one address"),
    pytest.param(MINE, Form((*AGAIN, *EVERY)), id="podman: --restart=always"),
    pytest.param(MINE, Form(SPAN), id="podman: a range"),
    pytest.param(MINE, Form(HOST, host=True), id="podman: the host's network"),
    pytest.param(MINE, Form((*HOST, *BARE), host=True), id="podman: and no control group"),
    pytest.param(
        MINE,
        Form(
            (*UNIT, *EVERY),
            code=exitcodes.PROTECTED,
            says="managed by systemd as `web.service`, which may restart it",
        ),
        id="podman: of a systemd unit",
    ),
    pytest.param(HIS, Form(), id="rootless podman: published"),
    pytest.param(HIS, Form((*SLIRP, *EVERY)), id="rootless podman: slirp4netns forwards"),
    pytest.param(HIS, Form((*AGAIN, *EVERY)), id="rootless podman: --restart=always"),
    pytest.param(HIS, Form(HOST, host=True), id="rootless podman: the host's network"),
    pytest.param(DOCKER, Form(), id="docker: published"),
    pytest.param(DOCKER, Form(ONE), id="docker: published on one address"),
    pytest.param(DOCKER, Form((*AGAIN, *EVERY)), id="docker: --restart=always"),
    pytest.param(DOCKER, Form(SPAN), id="docker: a range"),
    pytest.param(DOCKER, Form(HOST, host=True), id="docker: the host's network"),
    pytest.param(DIRECT, Form(), id="docker without a proxy: dockerd listens"),
    pytest.param(HIS_DOCKER, Form(), id="rootless docker: published"),
    pytest.param(HIS_DOCKER, Form(ONE), id="rootless docker: published on one address"),
]


@pytest.mark.parametrize(("engine", "form"), FORMS, indirect=["engine"])
def test_the_engine_stops_the_container_that_has_the_port(
    engine: Engine, form: Form, devports: Command, tmp_path: Path
) -> None:
    with standing_by(engine):
        engine.runs("web", *form.options, command=serving(PORT if form.host else 8000))
        command = engine.devports(devports)
        eventually(lambda: command("check", PORT).code == exitcodes.NO, what="the server inside")
        before = engine.state("web")
        checked = command("check", PORT)
        assert form.host or "forwards the port for a" in checked.out
        done = freed(engine, devports, tmp_path, PORT, "--yes")
        assert done.code == form.code, done
        assert form.says.format(engine=engine.name, image=engine.image) in done.err
        if form.code:
            assert engine.state("web") == before
        else:
            assert engine.state("web").startswith("exited")
            assert command("check", PORT).code == exitcodes.OK

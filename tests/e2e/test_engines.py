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
from tests.harness.terminal import Terminal
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.command import Command, Done
    from tests.harness.project import Project

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
    try:
        with unchanged(engine, "bystander"):
            yield
    finally:
        engine.removes()


@contextlib.contextmanager
def unchanged(engine: Engine, name: str) -> Iterator[None]:
    """Prove that a container runs, and that its state is the same after the block."""
    before = engine.state(name)
    assert before.startswith("running")
    yield
    assert engine.state(name) == before


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
        checked = command("check", PORT)
        assert form.host or "forwards the port for a" in checked.out
        with unchanged(engine, "web") if form.code else contextlib.nullcontext():
            done = freed(engine, devports, tmp_path, PORT, "--yes")
        assert done.code == form.code, done
        assert form.says.format(engine=engine.name, image=engine.image) in done.err
        if form.code == exitcodes.OK:
            assert engine.state("web").startswith("exited")
            assert command("check", PORT).code == exitcodes.OK


def shown(engine: Engine, devports: Command, *names: str) -> None:
    """Wait until the port of the containers is in use."""
    command = engine.devports(devports)
    eventually(lambda: command("check", PORT).code == exitcodes.NO, what=f"the port of {names}")


@of(MINE, HIS)
def test_a_pod_is_stopped_as_a_whole(engine: Engine, devports: Command, tmp_path: Path) -> None:
    with standing_by(engine):
        engine("pod", "create", "--name", "shop", *EVERY, "--infra-image", engine.image,
               "--infra-command", "/bin/sleep 600", "--exit-policy=continue")  # fmt: skip
        try:
            engine.runs("web", "--pod=shop", command=serving(8000))
            shown(engine, devports, "web")
            done = freed(engine, devports, tmp_path, PORT, "--yes")
            assert done.code == exitcodes.OK, done
            assert "stopped the podman pod `" in done.err
            assert engine.state("web").startswith("exited")
        finally:
            engine("pod", "rm", "-f", "-t0", "shop")
            engine.started.clear()


ADDRESSES = {
    MINE: ("127.0.0.1", "[::1]"),
    HIS: ("127.0.0.1", "127.0.0.2"),
    DOCKER: ("127.0.0.1", "127.0.0.2"),
    DIRECT: ("127.0.0.1", "127.0.0.2"),
}
"""rootlesskit of docker 20 starts no proxy for a second address."""


@pytest.mark.parametrize(
    ("engine", "addresses"), ADDRESSES.items(), indirect=["engine"], ids=list(ADDRESSES)
)
def test_of_two_containers_on_a_port_the_one_on_the_address_is_stopped(
    engine: Engine, addresses: tuple[str, str], devports: Command, tmp_path: Path
) -> None:
    with standing_by(engine):
        for name, address in zip(("web", "other"), addresses, strict=True):
            engine.runs(name, f"-p{address}:{PORT}:8000", command=serving(8000))
        shown(engine, devports, "web", "other")
        with unchanged(engine, "web"):
            done = freed(engine, devports, tmp_path, f"{addresses[1]}:{PORT}", "--yes")
        assert done.code == exitcodes.OK, done
        assert f"stopped the {engine.name} container `other`" in done.err


@of(DOCKER, MINE)
def test_two_at_once_stop_a_container_each(engine: Engine, devports: Command) -> None:
    with standing_by(engine):
        for at, name in enumerate(("web", "other")):
            engine.runs(name, f"-p{PORT + at}:8000", command=serving(8000))
        shown(engine, devports, "web")
        command = engine.devports(devports)
        both = [command.start("free", PORT + at, "--yes") for at in range(2)]
        assert [freeing.ends() for freeing in both] == [exitcodes.OK] * 2
        assert engine.state("web").startswith("exited")
        assert engine.state("other").startswith("exited")


@of(DOCKER)
def test_a_paused_container_is_stopped_too(
    engine: Engine, devports: Command, tmp_path: Path
) -> None:
    with standing_by(engine):
        engine.runs("web", *EVERY, command=serving(8000))
        engine("pause", "web")
        done = freed(engine, devports, tmp_path, PORT, "--yes")
        assert done.code == exitcodes.OK, done
        assert engine.state("web").startswith("exited")


AFTER_12_S = "trap 'sleep 12; exit 0' TERM; echo ready; while :; do sleep 1; done"
DEAF = "trap '' TERM; echo ready; while :; do sleep 1; done"
SLOW = [
    pytest.param(DOCKER, "15", AFTER_12_S, "0", id="docker: 12 of 15 s"),
    pytest.param(MINE, "15", AFTER_12_S, "0", id="podman: 12 of 15 s"),
    pytest.param(MINE, "15", DEAF, "137", id="podman: longer than its 15 s"),
]


@pytest.mark.parametrize(("engine", "seconds", "script", "code"), SLOW, indirect=["engine"])
def test_a_container_has_its_own_time_to_end(
    engine: Engine, seconds: str, script: str, code: str, devports: Command
) -> None:
    with standing_by(engine):
        options = ("--stop-signal=TERM", f"--stop-timeout={seconds}", *EVERY)
        engine.runs("web", *options, command=("sh", "-c", script))
        eventually(lambda: engine("logs", "web") == "ready", what="the container's trap")
        done = engine.devports(devports)("free", PORT, "--yes")
        assert done.code == exitcodes.OK, done
        assert f"with `{engine.name} stop web`; it may take up to {seconds} s\n" in done.err
        assert engine.state("web") == f"exited 0 {code}"


@of(DOCKER, HIS)
def test_a_person_is_asked_about_the_container(engine: Engine, devports: Command) -> None:
    with standing_by(engine):
        engine.runs("web", *EVERY, command=serving(8000))
        shown(engine, devports, "web")
        command = engine.devports(devports)
        argv = [*command.argv, "free", str(PORT)]
        terminal = Terminal(argv, cwd=command.cwd, env=command.env)
        try:
            terminal.expect(f"the {engine.name} container `web` ({engine.image}): stop it?")
            terminal.answer("y")
            assert terminal.exit_code() == exitcodes.OK, terminal.screen()
        finally:
            terminal.close()
        assert engine.state("web").startswith("exited")


@of(DOCKER, HIS, MINE)
def test_a_service_starts_where_its_container_was(engine: Engine, devports: Command) -> None:
    with standing_by(engine):
        engine.runs("web", *EVERY, command=serving(8000))
        shown(engine, devports, "web")
        server = ("busybox", "httpd", "-f", "-p", f"127.0.0.1:{PORT}")
        run = engine.devports(devports).start("run", "--yes", "--port", PORT, "--", *server)
        run.says("` is ready on ")
        assert engine.state("web").startswith("exited")
        run.close()


@of(HIS)
def test_root_does_not_stop_a_users_container(
    engine: Engine, devports: Command, tmp_path: Path
) -> None:
    with standing_by(engine):
        engine.runs("web", *EVERY, command=serving(8000))
        shown(engine, devports, "web")
        with unchanged(engine, "web"):
            done = devports.under(*engine.room.words)("free", PORT, "--yes", "--other-users")
        assert done.code == exitcodes.PROTECTED, done
        assert "    sudo -iu lana podman ps\n" in done.err


@of(MINE)
def test_a_user_cannot_stop_the_container_of_roots_podman(
    engine: Engine, devports: Command
) -> None:
    with standing_by(engine):
        engine.runs("web", *EVERY, command=serving(8000))
        shown(engine, devports, "web")
        with unchanged(engine, "web"):
            done = Engine(engine.room, "podman", USER).devports(devports)("free", PORT, "--yes")
        assert done.code == exitcodes.PERMISSION, done
        assert f'    sudo "$(command -v devports)" free {PORT}\n' in done.err


PERMITTED = {
    "666": (exitcodes.OK, "stopped the docker container `web`"),
    "600": (exitcodes.PROTECTED, f"    sudo docker ps --filter publish={PORT}\n"),
}
"""Mode of the socket of docker: exit code and text."""


@of(DOCKER)
@pytest.mark.parametrize(
    "mode", [pytest.param("666", id="who may ask it"), pytest.param("600", id="who may not")]
)
def test_a_user_stops_a_container_of_roots_docker(
    engine: Engine, mode: str, devports: Command
) -> None:
    code, text = PERMITTED[mode]
    with standing_by(engine):
        engine.runs("web", *EVERY, command=serving(8000))
        shown(engine, devports, "web")
        engine.room.run("chmod", mode, "/run/docker.sock")
        with unchanged(engine, "web") if code else contextlib.nullcontext():
            done = Engine(engine.room, "docker", USER).devports(devports)("free", PORT, "--yes")
        assert done.code == code, done
        assert text in done.err
        assert code or engine.state("web").startswith("exited")


@of(DOCKER)
def test_a_container_of_a_swarm_is_its_managers_to_stop(
    engine: Engine, devports: Command, tmp_path: Path
) -> None:
    """After a stop of the container the swarm starts the next one within seconds."""
    with standing_by(engine):
        engine("swarm", "init", "--advertise-addr", "127.0.0.1")
        try:
            publish = f"mode=host,published={PORT},target=8000"
            engine("service", "create", "--detach", "--no-resolve-image", "--name", "shop_web",
                   "--publish", publish, engine.image, *serving(8000))  # fmt: skip
            shown(engine, devports, "shop_web")
            done = freed(engine, devports, tmp_path, PORT, "--yes")
            assert done.code == exitcodes.PROTECTED, done
            assert "managed by docker swarm as `shop_web`, which may restart it" in done.err
            assert "    docker service scale shop_web=0\n" in done.err + "\n"
        finally:
            engine("swarm", "leave", "--force")


@of(DOCKER)
def test_a_redirection_without_a_process_is_seen_by_the_doctor_and_told_by_a_run(
    engine: Engine, project: Project, devports: Command
) -> None:
    """As the portmap plugin of CNI writes it, for nerdctl, k3s and CRI-O."""
    with standing_by(engine):
        engine.runs("web", command=serving(8000))
        address = engine("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "web")
        tcp = ("-p", "tcp", "-m", "addrtype", "--dst-type", "LOCAL", "--dport", PORT)
        rules = [
            ("OUTPUT", *tcp, "-j", "DNAT", "--to-destination", f"{address}:8000"),
            ("POSTROUTING", "-s", "127.0.0.1", "-d", address, "-j", "MASQUERADE"),
        ]
        for rule in rules:
            engine.room.run("iptables", "-t", "nat", "-I", *rule)
        engine.room.run("sysctl", "-w", "net.ipv4.conf.docker0.route_localnet=1")
        try:
            project.service("web", PORT, ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{PORT}"])
            command = engine.devports(devports)
            checked = command("check", PORT)
            assert checked.code == exitcodes.OK, checked
            found = command("doctor", "--config", project.config).out
            assert f"a server answers on 127.0.0.1:{PORT} (`web`)" in found
            run = command.start("run", "web", "--config", project.config)
            run.says(f"warning: another server answered on 127.0.0.1:{PORT} before `web` listened")
            run.close()
        finally:
            for rule in rules:
                engine.room.run("iptables", "-t", "nat", "-D", *rule)

"""Container engines themselves, in a room of their own, without network or files of the machine's.

The room is a pair of namespaces (mounts, network) that lives as long as the process which made
them. No registry is needed: the image is a static busybox. Where an engine cannot be had its tests
are skipped, or fail if `DEVPORTS_TEST_ENGINES` is `all`.
"""

from __future__ import annotations

import contextlib
import glob
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.harness.actors import Identity, become
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.command import Command

USER = 4321
"""A user that exists in the room only, with ids of its own for user namespaces."""
HOST = "http://127.0.0.1"
APPLETS = ("sh", "httpd", "sleep", "wget")
CONFIGURATION = {
    # Root without CAP_SYS_RESOURCE may not raise a limit, as crun would do by default.
    "containers/containers.conf": """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
""",
    "containers/storage.conf": """[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "FOLDER/storage"
rootless_storage_path = "FOLDER/home/storage"
""",
    "containers/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}',
    "passwd": f"root:x:0:0::/root:/bin/sh\nlana:x:{USER}:{USER}::FOLDER/home:/bin/sh\n",
    "group": f"root:x:0:\nlana:x:{USER}:\n",
    "subuid": f"lana:{USER * 100}:65536\n",
    "subgid": f"lana:{USER * 100}:65536\n",
    "docker/daemon.json": "{}",
}
ROOM = """
set -e
mount --make-rprivate /
busybox ip link set lo up
if test -d /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
mount --rbind /sys/fs/cgroup "$0/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$0/cgroup" /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir -p /run/user/USER
chown USER:USER /run/user/USER "$0/home"
for name in containers docker passwd group subuid subgid; do
    if test -e "/etc/$name"; then mount --bind "$0/etc/$name" "/etc/$name"; fi
done
if test -e /dev/net/tun; then
    mknod -m 666 "$0/tun" c 10 200
    mount --bind "$0/tun" /dev/net/tun
fi
echo ready
cat >/dev/null
""".replace("USER", str(USER))
"""crun refuses control groups of both versions; dockerd needs the sysfs of its network."""


@dataclass
class Room:
    """Two namespaces; `words` run a program inside, as root."""

    pid: int
    folder: str

    @property
    def words(self) -> tuple[str, ...]:
        return ("nsenter", "-t", str(self.pid), "-m", "-n", "--wd=/", "--")

    def run(self, *words: object, source: bytes = b"", within: float = 60) -> str:
        """Run a program inside and return what it wrote, without the line's end."""
        argv = [*self.words, *map(str, words)]
        done = subprocess.run(argv, input=source, capture_output=True, timeout=within, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode().strip()


@dataclass
class Engine:
    """An engine in a room that knows only what its tests made.

    Attributes:
        room: where it runs.
        name: of its command.
        uid: the user whose engine it is; None for root.
        env: what its command needs to be told.
        fixed: options that every container gets.
    """

    room: Room
    name: str
    uid: int | None = None
    env: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    started: list[str] = field(default_factory=list)

    @property
    def words(self) -> tuple[str, ...]:
        """What runs a program inside as the user of the engine."""
        own = (f"HOME={self.room.folder}/home", f"XDG_RUNTIME_DIR=/run/user/{USER}")
        return ("env", *(own if self.uid else ()), *self.env, *become(self.uid))

    def __call__(self, *words: object, source: bytes = b"", within: float = 60) -> str:
        return self.room.run(*self.words, self.name, *words, source=source, within=within)

    def runs(self, name: str, *options: object, command: tuple[str, ...] = ()) -> None:
        """Start a container in the background; it ends at the first signal."""
        self("run", "-d", *self.fixed, "--name", name, *options, self.image, *command)
        self.started.append(name)

    def state(self, name: str) -> str:
        """Return what became of a container: `running 4711 0`, `exited 0 137`."""
        facts = "{{.State.Status}} {{.State.Pid}} {{.State.ExitCode}}"
        return self("inspect", "--format", facts, name)

    def removes(self) -> None:
        """Remove what the test started."""
        for name in self.started:
            with contextlib.suppress(AssertionError):
                self("rm", "-f", *(("-t0",) if self.name == "podman" else ()), name)
        self.started.clear()

    @property
    def image(self) -> str:
        return "localhost/web:1" if self.name == "podman" else "web:1"

    def devports(self, command: Command) -> Command:
        """Return devports as it is run inside, by the user of the engine."""
        if self.uid is None:
            return command.under(*self.room.words, *self.words)
        own = command.as_user(self.uid, f"{self.room.folder}/home")
        return own.under(*self.room.words, *self.words[: -len(become(self.uid))])


@contextlib.contextmanager
def room() -> Iterator[Room]:
    """Make a room; it ends, with all that it mounted, when its process does."""
    folder = tempfile.mkdtemp(prefix="devports-room-")
    os.chmod(folder, 0o755)
    for name, text in CONFIGURATION.items():
        path = os.path.join(folder, "etc", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("FOLDER", folder))
    for name in ("cgroup", "home", "storage"):
        os.mkdir(os.path.join(folder, name))
    made = subprocess.Popen(
        ["unshare", "-mn", "sh", "-c", ROOM, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert made.stdin is not None
    assert made.stdout is not None
    assert made.stderr is not None
    groups = set(_groups())
    try:
        if made.stdout.readline() != b"ready\n":
            raise AssertionError(f"no room could be made: {made.stderr.read().decode()}")
        yield Room(made.pid, folder)
    finally:
        made.stdin.close()
        made.wait(10)
        made.stdout.close()
        made.stderr.close()
        for path in sorted(set(_groups()) - groups, reverse=True):  # they are the machine's
            with contextlib.suppress(OSError):
                os.rmdir(path)
        shutil.rmtree(folder, ignore_errors=True)


def _groups() -> list[str]:
    """Return the control groups that engines make without systemd, deepest last."""
    names = ("docker", "libpod_parent")
    return [
        path
        for name in names
        for path in glob.glob(f"/sys/fs/cgroup/**/{name}/**/", recursive=True)
    ]


@contextlib.contextmanager
def podman(inside: Room, uid: int | None = None) -> Iterator[Engine]:
    """Yield podman of root or of a user, with an image."""
    engine = Engine(inside, "podman", uid, fixed=("--stop-signal=KILL",))
    engine("import", "-", "localhost/web:1", source=image())
    try:
        yield engine
    finally:
        engine("rm", "-af", "-t0")
        _end(inside, engine)


def _end(inside: Room, engine: Engine) -> None:
    """End the process that keeps the namespaces of a user's podman."""
    if engine.uid is not None:
        path = f"/run/user/{USER}/libpod/tmp/pause.pid"
        with contextlib.suppress(AssertionError):
            Identity.of(int(inside.run("cat", path))).send(signal.SIGKILL)


DAEMON = ("--exec-opt", "native.cgroupdriver=cgroupfs", "--storage-driver", "vfs")
ROOTLESS = ("dockerd-rootless.sh", "/usr/share/docker.io/contrib/dockerd-rootless.sh")


@contextlib.contextmanager
def docker(inside: Room, uid: int | None = None, *options: str) -> Iterator[Engine]:
    """Yield a dockerd of root or of a user, with an image."""
    name = "user" if uid else "root"
    run = f"/run/user/{USER}" if uid else "/run"
    socket, pid = f"{run}/docker.sock", f"{run}/docker.pid"
    engine = Engine(
        inside, "docker", uid, (f"DOCKER_HOST=unix://{socket}",), ("--stop-signal=KILL",)
    )
    data = f"{inside.folder}/{'home' if uid else 'storage'}/docker"
    where = ("-H", f"unix://{socket}", "--pidfile", pid, "--data-root", data)
    program = ["sh", str(next(filter(shutil.which, ROOTLESS)))] if uid else ["dockerd"]
    with open(f"{inside.folder}/dockerd-{name}.log", "wb") as log:
        daemon = subprocess.Popen(
            [*inside.words, *engine.words, *program, *DAEMON, *where, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        eventually(lambda: daemon.poll() is not None or _answers(engine), 60, what="dockerd")
        with open(log.name, encoding="utf-8", errors="replace") as said:
            assert daemon.poll() is None, said.read()[-3000:]
        engine("import", "-", "web:1", source=image())
        yield engine
    finally:
        with contextlib.suppress(AssertionError):
            for identity in engine("ps", "-aq").split():
                engine("rm", "-f", identity)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)


def _answers(engine: Engine) -> bool:
    try:
        engine("version", within=10)
    except (AssertionError, subprocess.TimeoutExpired):
        return False
    return True


def image() -> bytes:
    """Return the files of an image: busybox under several names."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.add(str(shutil.which("busybox")), "bin/busybox", filter=_plain)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for folder in ("tmp", "www", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    return made.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry

"""podman itself, in a room of its own: no network, no files and no ports of the machine's.

The room is a pair of namespaces (mounts, network) that lives as long as the process which made
them. Its containers have no control groups, so nothing of them is left in the machine's.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "localhost/web:1"
APPLETS = ("sh", "httpd", "sleep")
CONFIGURATION = {
    # Root without CAP_SYS_RESOURCE may not raise a limit, as crun would do by default.
    "containers.conf": """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
""",
    "storage.conf": """[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
""",
    "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}',
}
ROOM = """
mount --make-rprivate / && busybox ip link set lo up && mount -t tmpfs tmpfs /run &&
mkdir -p /var/lib/containers /etc/containers &&
mount --bind "$0/state" /var/lib/containers && mount --bind "$0/etc" /etc/containers || exit 1
if test -d /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
echo ready
cat >/dev/null
"""
"""crun refuses a machine whose control groups are of both versions."""


class Room:
    """A podman that knows only what its test made; `words` run a program inside."""

    def __init__(self, pid: int) -> None:
        self.words = ("nsenter", "-t", str(pid), "-m", "-n", "--wd=/", "--")

    def podman(self, *words: object, source: bytes = b"") -> str:
        """Run podman and return what it wrote, without the line's end."""
        argv = [*self.words, "podman", *map(str, words)]
        done = subprocess.run(argv, input=source, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr.decode()}"
        return done.stdout.decode().strip()

    def runs(self, name: str, *words: object, command: tuple[str, ...] = ()) -> None:
        """Start a container in the background."""
        options = ("-d", "--cgroups=disabled", "--name", name, *words)
        self.podman("run", *options, IMAGE, *command)

    def state(self, name: str) -> str:
        """Return what became of a container: `running 4711 0`, `exited 0 137`."""
        facts = "{{.State.Status}} {{.State.Pid}} {{.State.ExitCode}}"
        return self.podman("inspect", "--format", facts, name)


@contextlib.contextmanager
def room(folder: str) -> Iterator[Room]:
    """Make a room with an image in it; end its containers and itself in the end."""
    for name in ("state", "etc"):
        os.mkdir(os.path.join(folder, name))
    for name, text in CONFIGURATION.items():
        with open(os.path.join(folder, "etc", name), "w", encoding="utf-8") as file:
            file.write(text)
    made = subprocess.Popen(
        ["unshare", "-mn", "sh", "-c", ROOM, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert made.stdin is not None
    assert made.stdout is not None
    try:
        assert made.stdout.readline() == b"ready\n", "no room could be made"
        it = Room(made.pid)
        it.podman("import", "-", IMAGE, source=_image())
        try:
            yield it
        finally:
            it.podman("rm", "-af", "-t0")
    finally:
        made.stdin.close()
        made.wait(10)
        made.stdout.close()


def _image() -> bytes:
    """Return the files of an image: busybox under several names."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.add(str(shutil.which("busybox")), "bin/busybox", filter=_plain)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for folder in ("tmp", "www"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    return made.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry

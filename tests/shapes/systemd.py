"""A real systemd as the first process of a namespace, in control groups of its own.

It gets a fresh /sys/fs/cgroup: on the one of the machine it would remount, for everybody, and
leave its groups behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from tests.harness.node import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMD = "/lib/systemd/systemd"
GROUPS = "/sys/fs/cgroup"
NAMESPACES = "--kill-child=SIGKILL --pid --mount --cgroup --uts --ipc --fork --mount-proc"
HYBRID = {"systemd": "cgroup -o none,name=systemd", "unified": "cgroup2"}
"""The hierarchies a systemd wants beside the controllers, and how each is mounted."""

SCRIPT = (
    "for each in {roots}; do echo $$ > $each/{unit}/cgroup.procs || exit 1; done;"
    " exec unshare {namespaces} sh -c '"
    "mount --make-rprivate / && mount -t tmpfs fresh {groups} && cd {groups} && {mounts}"
    " exec {systemd} --system --unit={unit}.target --log-target=console --show-status=no'"
)


def require() -> None:
    """Raise MissingError where no nested systemd can run, or where the real one is in charge."""
    if not os.path.exists(SYSTEMD) or shutil.which("unshare") is None:
        raise MissingError("this machine has no systemd, or no unshare")
    if os.path.exists("/run/systemd/system"):
        raise MissingError("a systemd is in charge here and would meet the nested one")
    if os.geteuid() != 0 or not all(os.access(root, os.W_OK) for root in _roots()):
        raise MissingError("only root can give a systemd its control groups")
    if not _roots():
        raise MissingError("this machine has no hierarchy of control groups for a systemd")


def _roots() -> list[str]:
    """Return the hierarchies of this machine that a systemd puts its units into."""
    return [path for name in HYBRID if os.path.isdir(path := os.path.join(GROUPS, name))]


def script(unit: str) -> str:
    """Return the shell line that becomes a systemd with this one unit."""
    names = [os.path.basename(root) for root in _roots()]
    mounts = "".join(f"mkdir {n} && mount -t {HYBRID[n]} {n} {n} && " for n in names)
    return SCRIPT.format(
        roots=" ".join(_roots()),
        unit=unit,
        namespaces=NAMESPACES,
        groups=GROUPS,
        mounts=mounts.removesuffix("&& ") + "&&",
        systemd=SYSTEMD,
    )


@contextlib.contextmanager
def groups(unit: str) -> Iterator[None]:
    """Make the control groups in which the nested systemd lives, and remove all of them."""
    tops = [os.path.join(root, unit) for root in _roots()]
    for top in tops:
        os.mkdir(top)
    try:
        yield
    finally:
        for top in tops:
            for path, _, _ in os.walk(top, topdown=False):
                os.rmdir(path)

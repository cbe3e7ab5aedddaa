"""What this machine can do, asked of the machine and not of its name."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile

import psutil
import pytest

from tests.harness import tables
from tests.harness.actors import NOBODY, become
from tests.harness.ports import reserved_block


def _ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def _strace() -> bool:
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "-e", "trace=kill,pidfd_send_signal", "-o", os.devnull, "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _links() -> bool:
    """Make a link: Windows wants a privilege or its developer mode."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.symlink("nowhere", os.path.join(folder, "link"))
        except OSError:
            return False
    return True


def _fake_keys() -> bool:
    from prompt_toolkit.input import create_pipe_input

    try:
        with create_pipe_input():
            return True
    except (ImportError, OSError):
        return False


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _second_user() -> bool:
    if not _root() or shutil.which("setpriv") is None:
        return False
    probe = [*become(NOBODY), sys.executable, "-c", "import psutil"]
    return subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0


def _namespaces() -> bool:
    """Make namespaces of every kind that a test wants, with a /proc of their own."""
    if not _root() or shutil.which("unshare") is None:
        return False
    mount = "mount -t proc -o hidepid=2 proc /proc"
    probe = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", mount]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _static_busybox() -> bool:
    """Find a busybox that needs no library, to be all of an image."""
    path, ldd = shutil.which("busybox"), shutil.which("ldd")
    if path is None or ldd is None:
        return False
    return subprocess.run([ldd, path], capture_output=True, check=False).returncode != 0


def _netlink_bound() -> bool:
    """Bind a socket and look for it: kernels before 6.8 do not show it."""
    if not hasattr(socket, "AF_NETLINK"):
        return False
    with reserved_block() as port, socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
        try:
            return "BOUND" in tables.states(port)
        except OSError:
            return False


def _psutil_shows_bound() -> bool:
    """Bind a socket and look for it among what psutil says of us: on macOS it is there."""
    with reserved_block() as port, socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
        look = getattr(psutil.Process(), "net_connections", None) or psutil.Process().connections
        return any(each.laddr and each.laddr[1] == port for each in look(kind="tcp"))


def _binds_beside_bound() -> bool:
    """Bind a second socket to the port of one that does not listen, both with SO_REUSEADDR."""
    with reserved_block() as port, socket.socket() as first, socket.socket() as second:
        for sock in (first, second):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind(("127.0.0.1", port))
        try:
            second.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _needs(ability: bool, what: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not ability, reason=f"this machine has no {what}")


NEEDS_IPV6 = _needs(_ipv6(), "IPv6 loopback")
STRACE = _strace()
NEEDS_STRACE = _needs(STRACE, "strace that may trace")
NEEDS_GIT = _needs(shutil.which("git") is not None, "git")
NEEDS_NODE = _needs(shutil.which("node") is not None, "node")
NEEDS_FUSE = _needs(_root() and os.path.exists("/dev/fuse"), "root with /dev/fuse")
NEEDS_ROOT = _needs(_root(), "root")
HAS_SECOND_USER = _second_user()
NEEDS_SECOND_USER = _needs(HAS_SECOND_USER, "second user to run as")
HAS_NAMESPACES = _namespaces()
NEEDS_NAMESPACES = _needs(HAS_NAMESPACES, "namespaces to make")
STATIC_BUSYBOX = _static_busybox()
NEEDS_NETLINK_BOUND = _needs(_netlink_bound(), "sock_diag that shows bound sockets")
NEEDS_PROC = _needs(os.path.exists("/proc/self/fd"), "/proc")
NEEDS_PTY = _needs(hasattr(os, "openpty"), "pseudo terminals")
NEEDS_FORK = _needs(hasattr(os, "fork"), "fork")
NEEDS_UIDS = _needs(hasattr(os, "getuid"), "numbers for users, and no modes of files")
NEEDS_LINKS = _needs(_links(), "right to make symbolic links")
NEEDS_NOFOLLOW = _needs(hasattr(os, "O_NOFOLLOW"), "way to open without following links")
NEEDS_FAKE_KEYS = _needs(_fake_keys(), "keyboard made of a pipe")
NEEDS_FIFO = _needs(hasattr(os, "mkfifo"), "FIFOs")
NEEDS_LIMITS = _needs(importlib.util.find_spec("resource") is not None, "resource limits")
NEEDS_LSOF = _needs(shutil.which("lsof") is not None, "lsof")

PSUTIL_SHOWS_BOUND = _psutil_shows_bound()
BINDS_BESIDE_BOUND = _binds_beside_bound()
HAS_KQUEUE = hasattr(select, "kqueue")
HAS_HANDLES = hasattr(ctypes, "WinDLL")
"""Whether a process can be pinned as on macOS, and as on Windows."""

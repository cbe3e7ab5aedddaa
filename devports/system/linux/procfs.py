"""Parsers of files of /proc; see proc(5). Pure.

They take bytes, because a process chooses its own name: it may contain any byte, a `)` or a
newline.
"""

from __future__ import annotations

from sys import byteorder

from devports.core.model import Endpoint, Socket
from devports.core.value import Frozen
from devports.system.linux.inet_diag import STATES, address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


HEX = frozenset(b"0123456789abcdef")
LONGEST_MARK = 1024
"""Characters kept of a variable: names, addresses and folders are shorter."""


class Stat(Frozen):
    """The fields of /proc/PID/stat that devports uses.

    Attributes:
        start: in clock ticks since boot (field 22).
        terminal: its device number, 0 for none (7).
        foreground: the process group in the foreground of the terminal, -1 for none (8).
    """

    name: str
    state: str
    ppid: int
    group: int
    terminal: int
    foreground: int
    start: int


def text(raw: bytes) -> str:
    """Return bytes of unknown encoding as text that can be encoded again without loss (PEP 383)."""
    return raw.decode("utf-8", "surrogateescape")


def stat(raw: bytes) -> Stat | None:
    """Parse /proc/PID/stat; None if malformed. The name ends at the last parenthesis."""
    head, _, tail = raw.rpartition(b")")
    _, _, name = head.partition(b"(")
    fields = tail.split()
    try:
        return Stat(
            name=text(name),
            state=text(fields[0]),
            ppid=int(fields[1]),
            group=int(fields[2]),
            terminal=int(fields[4]),
            foreground=int(fields[5]),
            start=int(fields[19]),
        )
    except (IndexError, ValueError):
        return None


def status_uid(raw: bytes) -> int | None:
    """Return the real uid from /proc/PID/status, which decides who may signal the process.

    The name's line comes first and is escaped by the kernel, so it cannot forge this one.
    """
    for line in raw.split(b"\n"):
        if line.startswith(b"Uid:"):
            words = line.split()
            return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
    return None


def command_line(raw: bytes) -> tuple[str, ...]:
    """Return /proc/PID/cmdline as words; empty for kernel threads and zombies."""
    words = text(raw).split("\0")
    while words and not words[-1]:
        words.pop()
    return tuple(words)


def environment(raw: bytes, names: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return these variables of /proc/PID/environ, each truncated to `LONGEST_MARK`.

    It is the environment at the start of the process, unless the process has overwritten it.
    """
    pairs = (word.partition("=") for word in text(raw).split("\0"))
    found = {key: value[:LONGEST_MARK] for key, _, value in pairs if key in names}
    return tuple(sorted(found.items()))


def cgroup_path(raw: bytes) -> str:
    """Return the control group from /proc/PID/cgroup: the v2 line, else systemd's v1 line."""
    found = ""
    for line in text(raw).split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "name=systemd":
            found = path
        elif number == "0" and not controllers and path not in ("", "/"):
            return path
    return found


def waiting_descriptors(raw: bytes) -> int:
    """Return how many descriptors wait in a unix socket, from its /proc/PID/fdinfo/N."""
    for line in raw.split(b"\n"):
        key, _, value = line.partition(b":")
        if key == b"scm_fds" and value.strip().isdigit():
            return int(value)
    return 0


def epoll_inodes(raw: bytes) -> set[int]:
    """Return the inodes that an epoll instance watches, from its /proc/PID/fdinfo/N."""
    watched = (line.split() for line in raw.split(b"\n") if line.startswith(b"tfd:"))
    words = (word for line in watched for word in line if word.startswith(b"ino:"))
    return {int(word[4:], 16) for word in words if HEX.issuperset(word[4:]) and word[4:]}


def system_call(raw: bytes) -> tuple[int, int] | None:
    """Return the number and the first argument of the call in /proc/PID/task/TID/syscall.

    The number is -1 for a thread that is in no call; None where the file cannot be read.
    """
    words = raw.split()
    try:
        return (-1, 0) if words == [b"running"] else (int(words[0]), int(words[1], 16))
    except (IndexError, ValueError):
        return None


def cgroup2_mount(raw: bytes) -> str:
    """Return where cgroup v2 is mounted, from /proc/mounts; empty if nowhere."""
    for line in text(raw).split("\n"):
        words = line.split(" ")
        if len(words) > 2 and words[2] == "cgroup2":  # noqa: PLR2004  # device, folder, type
            return words[1]
    return ""


def net_tcp(raw: bytes, ports: Collection[int]) -> Iterator[Socket]:
    """Yield the sockets of /proc/net/tcp or tcp6 on these local ports; skip malformed rows."""
    for line in raw.split(b"\n")[1:]:
        words = line.split()
        try:
            if int(words[1].rpartition(b":")[2], 16) in ports:
                yield _row(words)
        except (IndexError, ValueError, KeyError):
            continue


def _row(words: list[bytes]) -> Socket:
    state = STATES[int(words[3], 16)]
    inode = int(words[9])
    timer, _, ticks = words[5].partition(b":")
    return Socket(
        local=_endpoint(words[1]),
        remote=None if state == "LISTEN" else _endpoint(words[2]),
        state=state,
        inode=inode,
        uid=int(words[7]) if inode else None,
        expires=int(ticks, 16) / 100 if timer == b"03" else None,  # USER_HZ is 100 everywhere
        queue=int(words[4].rpartition(b":")[2], 16) if state == "LISTEN" else 0,
    )


def _endpoint(word: bytes) -> Endpoint:
    """Parse ``0100007F:1F90``: 32-bit groups in the CPU's byte order, port in hex."""
    host, _, port = word.partition(b":")
    raw = bytes.fromhex(host.decode("ascii"))
    step = -1 if byteorder == "little" else 1
    groups = [raw[at : at + 4][::step] for at in range(0, len(raw), 4)]
    return Endpoint(address(b"".join(groups)), int(port, 16))


def port_ranges(raw: bytes) -> tuple[tuple[int, int], ...]:
    """Parse ``8080,9000-9010`` of /proc/sys/net/ipv4/ip_local_reserved_ports (ip-sysctl.rst)."""
    parts = [part.partition(b"-") for part in raw.strip().split(b",") if part]
    pairs = [(first, last if dash else first) for first, dash, last in parts]
    return tuple((int(a), int(b)) for a, b in pairs if a.isdigit() and b.isdigit())

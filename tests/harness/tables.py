"""Who has a port, read without devports: the kernel's own dump, and /proc for the processes.

`sock_diag` (sock_diag(7)) shows what no list under /proc does: sockets that are bound and do not
listen. Elsewhere psutil answers, process by process.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

import psutil

SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP = 20, 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADER = struct.Struct("=IH")
"""Length and type, the beginning of struct nlmsghdr."""
EVERY_STATE, LISTEN = 0xFFFFFFFF, 1 << 10
"""Bits of the states that are asked for. Listeners are looked up; for all others the kernel walks a
table that is as large as the machine."""
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "NEW_SYN_RECV",
    13: "BOUND",
}
WITHOUT_PEER = {"CLOSE": "BOUND", "NONE": "BOUND"}
"""How psutil calls a bound socket on systems whose tables show it."""


@dataclass(frozen=True)
class Row:
    """One TCP socket whose local port was asked for. `pids` is for sources without inodes."""

    state: str
    address: str
    port: int
    remote_port: int
    inode: int
    uid: int
    pids: frozenset[int] = frozenset()


def rows(port: int, states: int = EVERY_STATE) -> list[Row]:
    """Return every TCP socket with this local port, in any of these states.

    Raises:
        OSError: the kernel refused the question.
    """
    if hasattr(socket, "AF_NETLINK"):
        families = (socket.AF_INET, socket.AF_INET6)
        return [row for family in families for row in _dump(family, port, states)]
    return list(_from_psutil(port))


def _dump(family: int, port: int, states: int) -> list[Row]:
    wanted = struct.pack("!HH16s16s", port, 0, b"", b"") + struct.pack(
        "=I2I", 0, ~0 & 0xFFFFFFFF, ~0 & 0xFFFFFFFF
    )
    question = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, states) + wanted
    header = struct.pack(
        "=IHHII", 16 + len(question), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0
    )
    found: list[Row] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:  # NETLINK_SOCK_DIAG
        kernel.settimeout(5)
        kernel.sendto(header + question, (0, 0))
        while _take(kernel.recv(1 << 16), struct.pack("!H", port), found):
            pass
    return found


def _take(message: bytes, port: bytes, found: list[Row]) -> bool:
    """Add the rows of one datagram that are on the port; say whether more will follow."""
    at = 0
    while at < len(message):
        length, kind = HEADER.unpack_from(message, at)
        if kind == NLMSG_DONE:
            return False
        if kind == NLMSG_ERROR:
            number = -struct.unpack_from("=i", message, at + 16)[0]
            raise OSError(number, os.strerror(number))
        if message[at + 20 : at + 22] == port:  # a test asks often, and the kernel tells them all
            found.append(_row(message[at + 16 : at + length]))
        at += (length + 3) & ~3
    return True


def _row(body: bytes) -> Row:
    family, state = body[0], body[1]
    port, remote_port = struct.unpack_from("!HH", body, 4)
    raw = body[8:12] if family == socket.AF_INET else body[8:24]
    uid, inode = struct.unpack_from("=II", body, 64)
    name = STATES.get(state, str(state))
    if name == "CLOSE" and not remote_port:
        name = "BOUND"
    return Row(name, socket.inet_ntop(family, raw), port, remote_port, inode, uid)


def _from_psutil(port: int) -> list[Row]:
    found = []
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        who = frozenset({process.pid})
        for one in connections:
            local: tuple[Any, ...] = tuple(one.laddr)
            remote: tuple[Any, ...] = tuple(one.raddr) or ("", 0)
            if local[1:2] == (port,):
                state = str(one.status)
                state = state if remote[1] else WITHOUT_PEER.get(state, state)
                found.append(Row(state, local[0], port, remote[1], 0, -1, who))
    return found


def _pids_of(wanted: list[Row]) -> set[int]:
    """Return every process that has one of the sockets open, as far as it can be read."""
    known = {pid for row in wanted for pid in row.pids}
    names = {f"socket:[{row.inode}]" for row in wanted if row.inode}
    if not names:
        return known
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if names & _sockets_of(f"/proc/{pid}"):
            known.add(int(pid))
    return known


def _sockets_of(process: str) -> set[str]:
    """Return what a process has open; where its main thread has ended, what the others have."""
    found = _open_sockets(f"{process}/fd")
    if found:
        return found
    try:
        tasks = os.listdir(f"{process}/task")
    except OSError:
        return found
    return found.union(*(_open_sockets(f"{process}/task/{task}/fd") for task in tasks))


def _open_sockets(folder: str) -> set[str]:
    found = set()
    try:
        for descriptor in os.listdir(folder):
            found.add(os.readlink(f"{folder}/{descriptor}"))
    except OSError:
        pass  # ended meanwhile, or not ours to read
    return found


def listening_pids(port: int) -> set[int]:
    """Return the processes that listen on the port, on any address."""
    return _pids_of([row for row in rows(port, LISTEN) if row.state == "LISTEN"])


def holding_pids(port: int) -> set[int]:
    """Return the processes that listen on the port or have it bound."""
    return _pids_of([row for row in rows(port) if row.state in ("LISTEN", "BOUND")])


def states(port: int) -> set[str]:
    return {row.state for row in rows(port)}


def bindable(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server with SO_REUSEADDR could bind and listen now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except OSError:
            return False
        return True


def connectable(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.settimeout(1)
        return sock.connect_ex((host, port)) == 0

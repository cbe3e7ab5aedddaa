"""Messages of the kernel's socket monitor (sock_diag), as bytes. Pure.

Layout: sock_diag(7), linux/inet_diag.h. The older message type 18 (TCPDIAG_GETSOCK) answers IPv4
and IPv6 in one dump. State bit 13 asks for bound sockets that do not listen; kernels before 6.8
ignore it and do not list them.
"""

from __future__ import annotations

import _socket as net
import struct
from struct import pack, unpack_from

from devports.core.model import Endpoint, Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devports.core.model import State

NLMSG_ERROR, NLMSG_DONE = 2, 3
TCPDIAG_GETSOCK = 18
NLM_F_REQUEST_DUMP = 0x301
ALL_STATES = 0xFFFFFFFF
LISTEN_ONLY = 1 << 10
LISTEN_AND_BOUND = LISTEN_ONLY | 1 << 13
HEADER = 16  # struct nlmsghdr
FIXED = 72  # struct inet_diag_msg
ATTR_V6ONLY, ATTR_CGROUP = 11, 21
TIMER_TIME_WAIT = 3
AF_INET, AF_INET6 = 2, 10  # of Linux, also where another system runs the parser

STATES: dict[int, State] = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "BOUND",  # TCP_CLOSE: dumped only when it is bound
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN_RECV",  # TCP_NEW_SYN_RECV, a request socket
}


class Malformed(Exception):  # noqa: N818  # describes the data; caught by the one caller
    """A message that does not follow linux/inet_diag.h."""


def request(ports: Collection[int], states: int = ALL_STATES) -> bytes:
    """Return the dump request for sockets with one of these local ports, in these states.

    Without ports: sockets on every port.
    """
    code = _local_port_in(sorted(ports))
    body = pack("=BBBB48xII", 0, 0, 0, 0, states, 0)
    if code:
        body += pack("=HH", 4 + len(code), 1) + code
    return pack("=IHHII", HEADER + len(body), TCPDIAG_GETSOCK, NLM_F_REQUEST_DUMP, 1, 0) + body


def _local_port_in(ports: list[int]) -> bytes:
    """Return filter code: S_EQ per port; a match jumps to the end, else to the next S_EQ."""
    code = b""
    for left, port in zip(range(len(ports) - 1, -1, -1), ports, strict=True):
        code += pack("=BBHBBH", 11, 8, 12, 0, 0, port)
        if left:
            code += pack("=BBH", 1, 4, 4 + (left - 1) * 12 + 8)
    return code


def parse(data: bytes) -> tuple[list[Socket], bool]:
    """Return the sockets in one datagram of a dump, and whether the dump is complete.

    Raises:
        OSError: the kernel refused the dump.
        Malformed: the datagram is truncated or has another layout.
    """
    found: list[Socket] = []
    offset = 0
    try:
        while offset < len(data):
            length, kind = unpack_from("=IH", data, offset)
            if kind == NLMSG_ERROR:
                raise OSError(-unpack_from("=i", data, offset + HEADER)[0], "sock_diag")
            if kind == NLMSG_DONE:
                # A dump that failed at once (no tcp_diag module) has its error here.
                code = unpack_from("=i", data, offset + HEADER)[0] if length > HEADER else 0
                if code < 0:
                    raise OSError(-code, "sock_diag")
                return found, True
            if length < HEADER + FIXED or offset + length > len(data):
                raise Malformed(f"message of {length} bytes")
            found.append(_socket(data, offset + HEADER, offset + length))
            offset += (length + 3) & ~3
    except struct.error as error:
        raise Malformed(str(error)) from error
    return found, False


def _socket(data: bytes, at: int, end: int) -> Socket:
    family, number, timer = data[at], data[at + 1], data[at + 2]
    state = STATES.get(number)
    if state is None:
        raise Malformed(f"state {number}")
    local_port, remote_port = unpack_from("!HH", data, at + 4)
    expires, queue, _, uid, inode = unpack_from("=IIIII", data, at + 52)
    extra = dict(_attributes(data, at + FIXED, end))
    v6only, cgroup = extra.get(ATTR_V6ONLY), extra.get(ATTR_CGROUP)
    size = 4 if family == AF_INET else 16
    alone = state in ("LISTEN", "BOUND")
    return Socket(
        local=Endpoint(address(data[at + 8 : at + 8 + size]), local_port),
        remote=None if alone else Endpoint(address(data[at + 24 : at + 24 + size]), remote_port),
        state=state,
        inode=inode,
        uid=uid if inode else None,  # the kernel writes 0, "root", where there is no process
        v6only=bool(v6only[0]) if v6only else None,
        cgroup=unpack_from("=Q", cgroup)[0] if cgroup else 0,
        expires=expires / 1000 if timer == TIMER_TIME_WAIT else None,
        queue=queue if state == "LISTEN" else 0,
    )


def _attributes(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= end:
        length, kind = unpack_from("=HH", data, at)
        if length < 4:  # noqa: PLR2004  # the attribute's own header
            return
        yield kind, data[at + 4 : at + length]
        at += (length + 3) & ~3


def address(raw: bytes) -> str:
    """Return 4 or 16 bytes in network order as text."""
    return net.inet_ntop(net.AF_INET if len(raw) == 4 else net.AF_INET6, raw)  # noqa: PLR2004

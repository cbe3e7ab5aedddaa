"""What to do where no process can or need be ended."""

from __future__ import annotations

from devports.core.model import LOOPBACK, PRIVILEGED, Endpoint
from devports.core.quoting import quote
from devports.core.remedy.case import (
    EPHEMERAL,
    Remedy,
    common_port,
    http_sys,
    look,
    next_port,
    pids_on,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.diagnosis import Lingering
    from devports.core.model import Socket
    from devports.core.remedy.case import Case


def client(case: Case) -> Iterator[Remedy]:
    low, high = EPHEMERAL[case.platform]
    yield case.wait(
        "it is an outgoing connection and nobody's server: wait until it ends, then ask again"
    )
    yield Remedy("shows the connection, so that you can close it in its program", _seen_by(case))
    outside = f" outside {low}-{high}, where outgoing connections get theirs"
    title = f"choose another port{outside if low <= case.port <= high else ''}"
    yield case.elsewhere(title, common_port(case))
    if case.platform == "linux":
        yield case.root(
            "keeps the kernel from giving it away again (replaces the list that is set)",
            f"sysctl -w net.ipv4.ip_local_reserved_ports={case.port}",
        )
    if case.platform == "win32":
        yield _reserve(case)


def _seen_by(case: Case) -> str:
    if case.platform == "win32":
        return pids_on(case)
    if case.platform == "darwin":
        return f"lsof -nP -iTCP:{case.port}"
    return f"ss -tanp 'sport = :{case.port}'"


def _reserve(case: Case) -> Remedy:
    return case.root(
        "keeps Windows from giving it away again",
        f"netsh int ipv4 add excludedportrange protocol=tcp startport={case.port} numberofports=1",
    )


def lingering(case: Case, verdict: Lingering) -> Iterator[Remedy]:
    seconds = verdict.seconds
    until = "until its clients are gone" if seconds is None else f"{int(seconds) + 1} s"
    if not verdict.blocking:
        yield Remedy("start the server: one that sets SO_REUSEADDR, as most do, is not affected")
    yield case.wait(f"an ended server left it behind: wait {until}, then ask again")
    states = _destroyable(verdict.sockets)
    if case.platform == "linux" and verdict.blocking and states:
        yield case.root(
            "removes what is left (the kernel needs INET_DIAG_DESTROY)",
            f"ss -K -t {states} 'sport = :{case.port}'",
        )
    if verdict.blocking:
        yield Remedy("for the next time: the server that left it should set SO_REUSEADDR")


def _destroyable(sockets: Sequence[Socket]) -> str:
    """Return the ss state filter for what no process has; the others are somebody's."""
    states = (socket.state for socket in sockets if socket.inode == 0)
    names = {"TIME_WAIT": "time-wait", "FIN_WAIT1": "fin-wait-1", "FIN_WAIT2": "fin-wait-2",
             "LAST_ACK": "last-ack", "CLOSING": "closing"}  # fmt: skip
    return " ".join(f"state {names[state]}" for state in dict.fromkeys(states) if state in names)


def shadowed(case: Case, sockets: Sequence[Socket]) -> Iterator[Remedy]:
    address = case.endpoint.address
    here = Endpoint(LOOPBACK.get(address, address), case.port)
    yield Remedy(f"use http://{here}: `localhost` may reach the other server")
    for sister in dict.fromkeys(str(socket.local) for socket in sockets):
        yield Remedy("shows the other server", f"devports check {quote(sister)}")
        yield Remedy("ends the other server, after asking", f"devports free {quote(sister)}")


def unexplained(case: Case) -> Iterator[Remedy]:
    yield case.wait("it may be gone in a moment: ask again")
    yield from look(case, "shows more: sockets of other users, and descriptors in transit")
    if case.platform == "darwin":
        yield Remedy("lists the sockets that lsof does not see", "netstat -anv -p tcp")
    if case.platform == "win32":
        yield from http_sys(case)
        yield _excluded()
    yield case.elsewhere("choose another port: the kernel may keep this one", next_port(case))


def _excluded() -> Remedy:
    command = "netsh int ipv4 show excludedportrange protocol=tcp"
    return Remedy("lists the ranges that Windows keeps for itself", command)


def forbidden(case: Case) -> Iterator[Remedy]:
    yield case.elsewhere("choose a port that everybody may use", common_port(case))
    if case.platform == "win32":
        yield _excluded()
        yield case.root("lets go of ranges that Hyper-V took: first this", "net stop winnat")
        yield _reserve(case)
        yield case.root("and then this", "net start winnat")
    elif case.platform == "darwin":
        yield Remedy(
            'on macOS a port below 1024 needs no right on every address: host = "0.0.0.0",'
            " which the network can reach"
        )
    elif case.port < PRIVILEGED:
        setting = f"sysctl -w net.ipv4.ip_unprivileged_port_start={case.port}"
        yield case.root("lets everybody use ports from this one on, until the next boot", setting)
        command = "setcap cap_net_bind_service=+ep PROGRAM"
        yield case.root("lets one program use ports below 1024 (for a script: Python)", command)
    else:
        command = "sysctl net.ipv4.ip_unprivileged_port_start"
        yield Remedy("shows from which port on no right is needed", command)


def not_local(case: Case) -> Iterator[Remedy]:
    look = {"linux": "ip addr", "darwin": "ifconfig", "win32": "ipconfig"}
    yield Remedy("lists the addresses that this machine has", look[case.platform])
    yield Remedy('use one of them, or host = "127.0.0.1"')
    if case.platform == "darwin" and case.endpoint.address.startswith("127."):
        command = f"ifconfig lo0 alias {quote(case.endpoint.address)}"
        yield case.root("macOS has 127.0.0.1 only: this adds the address", command)

"""Is a service ready, seen from outside its run, and does a server answer?

A service that devports starts is ready when its run says so: whoever else listens on its port is
not it. A port that is only watched is ready when somebody listens, and answers where that is asked.
The services that one depends on are ready before it, and are called by the ports they really have.
"""

from __future__ import annotations

import _socket as net

from devports import exitcodes
from devports.core.model import LOOPBACK, Endpoint
from devports.core.verdict import covers
from devports.errors import DevportsError
from devports.freeing.bindable import table_of
from devports.system import clock
from devports.system.inspect import endpoints_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.recovery import WaitingForDependency
    from devports.core.service import Config, Service
    from devports.freeing import Wait
    from devports.records import RunRecords
    from devports.system import Machine


ANSWER_WITHIN = 1.0
LOOK_EVERY = 0.1
"""Seconds between looks at what is depended on."""
FIRST_ERROR = 400
LONGEST_STATUS = 4096
KNOCK = 0.2
"""Seconds; a connection on this machine is queued at once, or the queue is full."""


def is_ready(
    machine: Machine, records: RunRecords, service: Service, project: str, ends: Sequence[Endpoint]
) -> bool:
    """Say whether a service of the project in folder `project` is ready; `ends`: its addresses."""
    if service.command:
        run = records.live_run(service.name, project)
        return run is not None and run.is_ready
    return is_served(machine, ends, service.ready.http)


def is_served(machine: Machine, ends: Sequence[Endpoint], path: str = "") -> bool:
    """Say whether somebody listens on one of the addresses, and answers if `path` asks for it."""
    listening = [s for s in table_of(machine, ends).sockets if s.state == "LISTEN"]
    served = [end for end in ends if any(covers(socket, end) for socket in listening)]
    if not path:
        return bool(served)
    return any(is_good(answer(end, path, seconds=ANSWER_WITHIN)) for end in served)


def wait_for_dependencies(
    machine: Machine,
    records: RunRecords,
    config: Config,
    service: Service,
    wait: Callable[[WaitingForDependency], Wait],
) -> None:
    """Wait until the services that `service` depends on are ready, each as long as it may take.

    `wait` shows that while it lasts.

    Raises:
        DevportsError: one did not become ready in its time.
    """
    from devports.core.recovery import WaitingForDependency  # not for `devports wait`

    for dependency in (config.get(name) for name in service.depends_on):
        if dependency is None:
            continue  # the configuration has been checked
        ends, seconds = endpoints_of(machine, dependency.spec), dependency.ready.timeout
        if is_ready(machine, records, dependency, config.root, ends):
            continue
        deadline = clock.Deadline(seconds)
        run = records.live_run(dependency.name, config.root)
        startable = bool(dependency.command) and run is None
        news = WaitingForDependency(
            service.name, dependency.name, ends[0], seconds, startable=startable
        )
        with wait(news) as tick:
            while not is_ready(machine, records, dependency, config.root, ends):
                if deadline.passed:
                    raise not_ready(service, dependency)
                clock.pause(min(LOOK_EVERY, deadline.left))
                tick()


def with_real_ports(records: RunRecords, config: Config) -> Config:
    """Return the configuration in which every service has the port that its live run has got."""

    def real(service: Service) -> Service:
        run = records.live_run(service.name, config.root)
        return service if run is None else service.replace(port=run.spec.port)

    return config.replace(services=tuple(real(service) for service in config.services))


def not_ready(service: Service, dependency: Service) -> DevportsError:
    from devports.core.hint import hint, own_command

    name = dependency.name
    advice = hint(f"start `{name}` (devports does not start it)")
    if dependency.command:
        advice = hint("to start it, run ", own_command("run", name), " in another terminal")
    return DevportsError(
        "dependency-not-ready",
        f"`{name}` is not ready on {dependency.spec} after {dependency.ready.timeout:g} "
        f"s (required by `{service.name}`)",
        hints=(advice,),
        service=service.name,
        exit_code=exitcodes.NOT_READY,
    )


def answer(endpoint: Endpoint, path: str, *, seconds: float) -> int:
    """Return the status with which ``GET path`` is answered in `seconds` altogether, 0 for none.

    Only the status line is read: http.client bounds each read, not the whole, and a server that
    gives a byte at a time would hold us up.
    """
    deadline, reachable = clock.Deadline(seconds), _reachable(endpoint)
    sock = _connected(reachable, seconds)
    if sock is None:
        return 0
    try:
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: {reachable}\r\n\r\n".encode())
        return status_of(_status_line(sock, deadline))
    except OSError:
        return 0
    finally:
        sock.close()


def knock(endpoint: Endpoint) -> net.socket | None:
    """Open one connection, to see whether anybody accepts it; None if it is not even queued."""
    return _connected(_reachable(endpoint), KNOCK)


def _reachable(endpoint: Endpoint) -> Endpoint:
    return endpoint.replace(address=LOOPBACK.get(endpoint.address, endpoint.address))


def _connected(endpoint: Endpoint, seconds: float) -> net.socket | None:
    sock = net.socket(net.AF_INET6 if endpoint.is_v6 else net.AF_INET, net.SOCK_STREAM, 0)
    try:
        sock.settimeout(seconds)
        sock.connect((endpoint.address, endpoint.port))
    except OSError:
        sock.close()
        return None
    return sock


def _status_line(sock: net.socket, deadline: clock.Deadline) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < LONGEST_STATUS and not deadline.passed:
        sock.settimeout(max(deadline.left, 0.001))
        if not (part := sock.recv(LONGEST_STATUS)):
            break
        data += part
    return data.partition(b"\n")[0]


def status_of(line: bytes) -> int:
    """Return the status in a status line (RFC 9112 4), 0 if it is not one."""
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():  # noqa: PLR2004
        return 0
    return int(words[1][:3])


def is_good(status: int) -> bool:
    """Say whether a status means that the server serves."""
    return 0 < status < FIRST_ERROR

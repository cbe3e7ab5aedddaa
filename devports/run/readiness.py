"""Whether a service is ready, seen from outside its run, and whether a server responds.

A service that devports starts is ready when its run has recorded that: another listener on its port
does not count. A watched port is ready when a process listens, and responds if that is configured.
The dependencies of a service are ready before it, and are addressed by the ports they really have.
"""

from __future__ import annotations

import _socket as net

from devports import exitcodes
from devports.core.model import LOOPBACK, Endpoint
from devports.core.verdict import covers
from devports.errors import DevportsError
from devports.system import clock
from devports.system.inspect import endpoints_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.recovery import WaitingForDependency
    from devports.core.service import Config, Service
    from devports.freeing import Wait
    from devports.records import RunEnd, RunRecords
    from devports.system import Machine


ANSWER_WITHIN = 1.0
LOOK_EVERY = 0.1
"""Seconds between checks of a dependency."""
FIRST_ERROR = 400
LONGEST_STATUS = 4096
PROBE_TIMEOUT = 0.2
"""Seconds; a connection on this machine is queued at once, or the queue is full."""


def is_ready(
    machine: Machine, records: RunRecords, service: Service, project: str, ends: Sequence[Endpoint]
) -> bool:
    """Return whether a service of the project in `project` is ready; `ends`: its addresses."""
    if service.command:
        run = records.live_run(service.name, project)
        return run is not None and run.is_ready
    return is_served(machine, ends, service.ready.http)


def is_served(machine: Machine, ends: Sequence[Endpoint], path: str = "") -> bool:
    """Return whether one of the addresses has a listener, which responds if `path` is given."""
    from devports.freeing.bindable import table_of  # not for the ports of other services

    listening = [s for s in table_of(machine, ends).sockets if s.state == "LISTEN"]
    served = [end for end in ends if any(covers(socket, end) for socket in listening)]
    if not path:
        return bool(served)
    return any(is_good(http_status(end, path, seconds=ANSWER_WITHIN)) for end in served)


def wait_for_dependencies(
    machine: Machine,
    records: RunRecords,
    config: Config,
    service: Service,
    wait: Callable[[WaitingForDependency], Wait],
) -> None:
    """Wait until the dependencies of `service` are ready, each up to its own timeout.

    `wait` shows each wait while it lasts.

    Raises:
        DevportsError: a dependency was not ready within its timeout, or its run ended just before
            this one began, or since then.
    """
    from time import time  # not for `devports wait`

    from devports.core.recovery import WaitingForDependency

    begun = time()
    for dependency in (config.get(name) for name in service.depends_on):
        if dependency is None:
            continue  # the configuration has been checked
        ends, seconds = endpoints_of(machine, dependency.spec), dependency.ready.timeout
        if is_ready(machine, records, dependency, config.root, ends):
            continue
        refuse_failed(records, config, service, dependency, begun)
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
                refuse_failed(records, config, service, dependency, begun)
                clock.pause(min(LOOK_EVERY, deadline.left))
                tick()


def refuse_failed(
    records: RunRecords, config: Config, service: Service, dependency: Service, begun: float
) -> None:
    """Check that the last run of a dependency has not just failed, so that a wait may help.

    VS Code starts the next task of a sequence also where a background task has failed.

    Args:
        records: of the runs.
        config: of both services.
        service: whose run began at `begun`, in seconds since the epoch.
        dependency: of the service.
        begun: as above.

    Raises:
        DevportsError: it has.
    """
    end = records.last_end(dependency.name, config.root) if dependency.command else None
    if end is None or not end.fails_dependents(begun):
        return
    from time import time

    error = not_ready(service, dependency)
    why, ago = _why_ended(end), max(0.0, time() - end.time)
    error.message = (
        f"`{dependency.name}` is not running: {why}, {ago:.0f} s ago (required by `{service.name}`)"
    )
    raise error


def _why_ended(end: RunEnd) -> str:
    match end.reason:
        case "declined":
            return "its port is in use and was not freed"
        case "supervised":
            return "its port is in use by a process that devports does not stop"
        case "not-found":
            return "its command or folder was not found"
        case "stopped":
            return "it was stopped before it was ready"
        case "exited" | "crashed":
            return f"it exited with code {end.code}"
        case "failed":
            return f"its run ended with devports exit code {end.code}"


def with_real_ports(records: RunRecords, config: Config) -> Config:
    """Return the configuration with the port that the live run of each service has."""

    def real(service: Service) -> Service:
        run = records.live_run(service.name, config.root)
        if run is None or run.spec.port == service.port:
            return service
        return service.replace(port=run.spec.port, base=service.declared)

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


def http_status(endpoint: Endpoint, path: str, *, seconds: float) -> int:
    """Return the status of the response to ``GET path`` within `seconds`, 0 for none.

    Only the status line is read: http.client limits each read, not the whole, and a server that
    sends one byte at a time would delay devports.
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


def open_probe(endpoint: Endpoint) -> net.socket | None:
    """Open one connection, to see whether a process accepts it; None if it is not even queued."""
    return _connected(_reachable(endpoint), PROBE_TIMEOUT)


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
    """Return whether a status means that the server works."""
    return 0 < status < FIRST_ERROR

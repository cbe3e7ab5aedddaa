"""What must hold between the keys of a service and between services, and for a host. Pure.

The services may come from a file with other problems: a port of 0 is one that was wrong already.
"""

from __future__ import annotations

from devports.config import keys
from devports.config.report import Problem, dotted, short
from devports.core.model import is_of_one_interface
from devports.core.service import DEBUGGER_PORT, foreign_names_in, names_in, own_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devports.config.report import Path
    from devports.core.service import Service


def broken_rules(services: Sequence[Service]) -> list[Problem]:
    """Return every rule that the services break."""
    return [
        *(problem for service in services for problem in _command(service)),
        *(problem for service in services for problem in _debugger(service)),
        *_ports(services),
        *_dependencies(services),
        *_placeholders(services),
    ]


def _command(service: Service) -> Iterator[Problem]:
    command, path = service.command, ("services", service.name, "command")
    if service.shell and isinstance(command, tuple):
        yield Problem(path, f"`{dotted(path)}` must be a string where `shell` is true")
    elif not service.shell and isinstance(command, str):
        wrong = _wrong_words(command)
        if wrong:
            yield Problem(path, f"`{dotted(path)}` cannot be split into words: {wrong}")


def _debugger(service: Service) -> Iterator[Problem]:
    path = ("services", service.name, "vscode", "debug")
    if not service.vscode.debug:
        return
    if not service.command:
        yield Problem(path, f"`{short(service.name)}` has no command that could be debugged")
    elif DEBUGGER_PORT not in dict(service.ports):
        usual = {"node": 9229}.get(service.vscode.debug, 5678)
        wants = f"add `ports = {{ {DEBUGGER_PORT} = {usual} }}` to the service"
        yield Problem(path, f"the debugger needs a port: {wants}")


def _wrong_words(command: str) -> str:
    if not any(sign in command for sign in "\"'\\"):
        return ""
    from devports.core.shell_syntax import split  # only for quotes

    try:
        return "" if any(split(command)[:1]) else "its first word is empty"
    except ValueError as error:
        return str(error).lower()


def _ports(services: Sequence[Service]) -> Iterator[Problem]:
    """Two ports that cannot both be bound: the later one is the problem, the first is named."""
    taken: dict[tuple[int, str], Path] = {}
    for service in services:
        claimed, contested = claims(service.host), rivals(service.host)
        for path, port in _declared(service):
            rival = next((taken[port, a] for a in contested if (port, a) in taken), None)
            if rival:
                yield Problem(path, f"port {port} of `{_who(path)}` is already `{_who(rival)}`'s")
            for address in claimed if port else ():
                taken.setdefault((port, address), path)


def _declared(service: Service) -> Iterator[tuple[Path, int]]:
    yield ("services", service.name, "port"), service.spec.port
    for name, port in service.ports:
        yield ("services", service.name, "ports", name), port


def _who(path: Path) -> str:
    """`web` for the first port of web, `web.ports.debug` for a further one."""
    return dotted(path[1:] if "ports" in path[2:] else path[1:2])


def _dependencies(services: Sequence[Service]) -> Iterator[Problem]:
    graph = {service.name: service.depends_on for service in services}
    names = tuple(graph)
    for name, needs in graph.items():
        for i, need in enumerate(needs):
            if need and need not in graph:
                path: Path = ("services", name, "depends_on", i)
                yield Problem(path, f"no service `{short(need)}`", wrote=need, choices=names)
    cycle = _cycle(graph)
    if cycle:
        yield Problem(
            ("services", cycle[0], "depends_on"),
            "services wait for each other: " + " -> ".join(map(short, cycle)),
        )


def _cycle(graph: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first circle, its first name again at its end; empty if there is none.

    A loop with its own stack: a chain of services may be longer than Python's.
    """
    done: set[str] = set()
    for start, needs in graph.items():
        line, todo = [start], [iter(needs)]
        while todo:
            need = next((name for name in todo[-1] if name in graph and name not in done), None)
            if need in line:
                return (*line[line.index(need) :], need)
            if need is None:
                done.add(line.pop())
                todo.pop()
            else:
                line.append(need)
                todo.append(iter(graph[need]))
    return ()


def _placeholders(services: Sequence[Service]) -> Iterator[Problem]:
    shared: dict[str, str] = {}
    for service in services:
        shared |= own_values(service, prefix=f"services.{service.name}.")
    for service in services:
        # Own names first: the nearest one is looked for among the first few hundred.
        known = {**own_values(service), **shared}
        names = tuple(known)
        for key, path, text in _filled(service):
            yield from _unknown_names(names, known, key, path, text)
            if key.fills_fd and service.handoff in ("hook", "plain") and "fd" in names_in(text):
                yield Problem(
                    path, f'`{{fd}}` needs a handoff of "fd" or "auto", not "{service.handoff}"'
                )
            if not (service.shell and key.name == "command"):
                yield from _shell_names(known, path, text)


def _filled(service: Service) -> Iterator[tuple[keys.Key, Path, str]]:
    """Every text of the service that may hold placeholders, with its key and where it is."""
    for key in keys.SERVICE:
        path = ("services", service.name, key.name)
        if key.fills:
            for rest, text in _texts(getattr(service, key.name)):
                yield key, (*path, *rest), text
        for inner in key.keys:
            if inner.fills:
                yield inner, (*path, inner.name), getattr(getattr(service, key.name), inner.name)


def _texts(
    value: str | tuple[str, ...] | tuple[tuple[str, str], ...],
) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield (), value
        return
    for i, item in enumerate(value):
        if isinstance(item, str):
            yield (i,), item
        else:
            yield (item[0],), item[1]


def _unknown_names(
    names: tuple[str, ...], known: Mapping[str, str], key: keys.Key, path: Path, text: str
) -> Iterator[Problem]:
    for name in names_in(text):
        if name == "fd" and not key.fills_fd:
            yield Problem(path, "`{fd}` has a value only in `command` and `env`")
        elif name not in known and name != "fd":
            brace = short(name)
            own = f"`{{{{{brace}}}}}` is the text itself"
            yield Problem(path, f"unknown placeholder `{{{brace}}}` ({own})", "value", name, names)


def _shell_names(known: Mapping[str, str], path: Path, text: str) -> Iterator[Problem]:
    for name in foreign_names_in(text):
        if name in known or name == "fd":
            yield Problem(path, f"`${{{name}}}` is not a placeholder, `{{{name}}}` is")


_USUAL = ("127.0.0.1", "localhost", "0.0.0.0", "::1", "::")  # noqa: S104  # never bound here
_LOOPBACKS = ("127.0.0.1", "::1")
_NAME = r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?"


def wrong_host(host: str) -> str:
    """Return what is wrong with `host`, as the end of "`host` ..."; empty if nothing is."""
    if host in _USUAL:
        return ""
    if not host:
        return 'is empty: write "0.0.0.0" or "::" for every address'
    if "/" in host:
        return "must be a name or an address, not a URL or a network"
    if host.startswith("["):
        return "must be an address without brackets"
    if ":" in host:
        return _wrong_v6(host)
    if host.replace(".", "").isdecimal():
        return "" if _is_v4(host) else "is not a numeric IPv4 address: four numbers from 0 to 255"
    import re  # loaded by tomllib anyway, but not by who imports this

    return "" if re.fullmatch(_NAME, host) else "must be a host name or a numeric address"


def _is_v4(host: str) -> bool:
    """Dotted quad only: what inet_aton(3) reads into `127.1` or `010.0.0.1` surprises people."""
    octets = frozenset(map(str, range(256)))
    return host.count(".") == 3 and octets.issuperset(host.split("."))  # noqa: PLR2004  # the dots


def _wrong_v6(host: str) -> str:
    if is_of_one_interface(host):
        return 'is link-local, one interface\'s: write "::" for every address'
    if _v6(host):
        return ""
    name, _, port = host.rpartition(":")
    if port.isdecimal() and ":" not in name:
        return "must not contain a port: `port` is its own key"
    return "is not a numeric IPv6 address"


def _v6(host: str) -> str:
    """Return the address in its one form, an IPv4 one where it stands for that; empty if none."""
    import ipaddress  # half a Python start, only for an unusual address

    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address)


def claims(host: str) -> tuple[str, ...]:
    """Return what a server on `host` occupies: its addresses, and the kinds they are of."""
    addresses = _addresses(host)
    v4 = ("any v4",) if any(":" not in address for address in addresses) else ()
    return (*addresses, "any", *v4)


def rivals(host: str) -> tuple[str, ...]:
    """Return which claims of another server leave no room on `host`, on the same port.

    `::` meets IPv4 as well: servers leave IPV6_V6ONLY off unless told otherwise.
    """
    addresses = _addresses(host)
    if "::" in addresses:
        return ("any",)
    if "0.0.0.0" in addresses:  # noqa: S104  # compared with, never bound
        return ("any v4", "::")
    v4 = ("0.0.0.0",) if any(":" not in address for address in addresses) else ()  # noqa: S104
    return (*addresses, "::", *v4)


def _addresses(host: str) -> tuple[str, ...]:
    name = host.lower().rstrip(".")
    if name == "localhost":
        return _LOOPBACKS
    return (_v6(name) or name,) if ":" in name and name not in _USUAL else (name,)

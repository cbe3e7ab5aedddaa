"""What must hold between the keys of a service and between services. Pure.

The services may come from a file with other problems: a port of 0 is one that was wrong already.
"""

from __future__ import annotations

from devports.config import spec
from devports.config.hosts import claims, rivals
from devports.config.problem import Problem, dotted, short
from devports.core.placeholder import foreign_names_in, names_in, own_values
from devports.core.service import DEBUGGER_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devports.config.problem import Path
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
    import shlex  # noqa: PLC0415  # only for quotes

    try:
        return "" if any(shlex.split(command)[:1]) else "its first word is empty"
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


def _filled(service: Service) -> Iterator[tuple[spec.Key, Path, str]]:
    """Every text of the service that may hold placeholders, with its key and where it is."""
    for key in spec.SERVICE:
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
    names: tuple[str, ...], known: Mapping[str, str], key: spec.Key, path: Path, text: str
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

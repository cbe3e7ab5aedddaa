"""From parsed TOML to a `Config`, or to all its problems. Pure.

First the value of each key, then the rules between the keys of a service and between services. The
rules also check services of a file that has other problems: a port of 0 is a problem already.
"""

from __future__ import annotations

from devports.config import keys
from devports.config.report import Problem, dotted, nearest, short
from devports.core.model import DEBUGGER_PORT, is_of_one_interface
from devports.core.service import (
    Config,
    EditorTasks,
    Ready,
    Service,
    foreign_names_in,
    names_in,
    own_values,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    from devports.config.keys import Key
    from devports.config.report import Path

    Table: TypeAlias = Mapping[str, object]
    Reader: TypeAlias = Callable[[Key, Any, Path, list[Problem]], Any]

_MOST_COMPARED = 20
_MAX_PRINTED = 10**12
"""Larger integers are described, not printed: TOML's have no limit, str() has one."""


def parse(data: Table, *, path: str = "", root: str = "") -> Config | tuple[Problem, ...]:
    """Return the configuration, or all its problems; never raises, whatever `data` contains.

    `data`: the top of `devports.toml`, or the table `[tool.devports]`. `path` and `root` of the
    file are for the result only; `cwd` and `env_file` stay as written.
    """
    found = [_unknown(name, (name,), keys.TOP) for name in data if name not in keys.TOP]
    defaults = _fields(keys.DEFAULTS, data.get("defaults", {}), ("defaults",), found)
    services = _services(data.get("services", {}), defaults or {}, found)
    found += broken_rules(services)
    return tuple(found) or Config(path, root, services)


def _services(value: object, defaults: Table, found: list[Problem]) -> tuple[Service, ...]:
    path: Path = ("services",)
    if not isinstance(value, dict):
        found.append(_not_a(value, path, "a table of services, `[services.NAME]`"))
        return ()
    if not value:
        found.append(Problem((), "no services defined; add `[services.NAME]` with a `port`"))
    if len(value) > keys.MAX_SERVICES:
        found.append(_too_many(value, path, "services", keys.MAX_SERVICES))
        return ()
    services = (_service(name, raw, defaults, found) for name, raw in value.items())
    return tuple(service for service in services if service is not None)


def _service(name: str, raw: object, defaults: Table, found: list[Problem]) -> Service | None:
    path: Path = ("services", name)
    if not _matches(keys.NAME, name):
        reason = (
            f"`{short(name)}` is not a valid service name (1 to 64 letters, digits, `_` or "
            "`-`; first a letter or digit)"
        )
        found.append(Problem(path, reason, "key"))
    own = _fields(keys.SERVICE, raw, path, found)
    if own is None:
        return None
    # A missing or wrong port is a problem already; with 0 the rules still check the service.
    fields = {"port": 0, **defaults, **own}
    if "command" not in own and "port_per" not in own:
        fields.pop("port_per", None)  # devports starts no server there, so no checkout has its own
    ready, vscode = Ready(**fields.pop("ready", {})), EditorTasks(**fields.pop("vscode", {}))
    return Service(name=name, ready=ready, vscode=vscode, **fields)


def _fields(
    keys: Mapping[str, Key], raw: object, path: Path, found: list[Problem]
) -> dict[str, Any] | None:
    """Return the valid keys of one table."""
    if not isinstance(raw, dict):
        found.append(_not_a(raw, path, "a table"))
        return None
    names = tuple(keys)
    unknown = [name for name in raw if name not in keys]
    found += [_unknown(name, (*path, name), names) for name in unknown]
    found += [
        Problem(path, f"`{dotted(path)}` needs a `{name}`", "key")
        for name, key in keys.items()
        if key.required and name not in raw and not _mistyped(name, unknown, names)
    ]
    read = {
        name: _READERS[key.kind](key, raw[name], (*path, name), found)
        for name, key in keys.items()
        if name in raw
    }
    return {name: value for name, value in read.items() if value is not None}


def _mistyped(name: str, unknown: list[str], names: tuple[str, ...]) -> bool:
    """Return whether a key is missing only because it is misspelt: one problem then, not two."""
    return any(nearest(other, names) == name for other in unknown[:_MOST_COMPARED])


def _unknown(name: str, path: Path, known: tuple[str, ...]) -> Problem:
    where = f" in `{dotted(path[:-1])}`" if path[1:] else ""
    if path[0] == "defaults" and name in keys.SERVICE:
        return Problem(path, f"`{name}` is not allowed in `[defaults]`; set it per service", "key")
    if not where and name in keys.SERVICE:
        table = "defaults" if name in keys.DEFAULTS else "services.NAME"
        return Problem(path, f"`{name}` is not allowed here; set it in `[{table}]`", "key")
    return Problem(path, f"unknown key{where}", "key", name, known)


def _not_a(value: object, path: Path, wanted: str) -> Problem:
    return Problem(path, f"`{dotted(path)}` must be {wanted}, not {_kind(value)}")


def _kind(value: object) -> str:
    """Return what a value is, in TOML's words; a number itself where that helps."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return str(value) if abs(value) < _MAX_PRINTED else "a number out of range"
        case float():
            return str(value)
        case str():
            return "a string" + (" (remove the quotes)" if value.isdecimal() else "")
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _matches(pattern: str, text: str) -> bool:
    import re  # tomllib loads it anyway, an import of this module does not

    return re.fullmatch(pattern, text) is not None


def _too_many(table: Table, path: Path, what: str, most: int) -> Problem:
    return Problem(path, f"{len(table)} {what}; the maximum is {most}", "key")


def _number(key: Key, value: object, path: Path, found: list[Problem]) -> float | None:
    fraction = key.kind == "number"
    number = None if isinstance(value, bool) else value
    if isinstance(number, (int, float) if fraction else int) and key.low <= number <= key.high:
        return float(number) if fraction else number
    what = "a number" if fraction else "an integer"
    found.append(_not_a(value, path, f"{what} from {key.low:g} to {key.high:g}"))
    return None


def _boolean(_: Key, value: object, path: Path, found: list[Problem]) -> bool | None:
    if isinstance(value, bool):
        return value
    found.append(_not_a(value, path, "true or false"))
    return None


def _any_text(value: object, path: Path, found: list[Problem]) -> str | None:
    """Return a text without NUL, which a command line and the environment cannot contain."""
    if not isinstance(value, str):
        found.append(_not_a(value, path, "a string"))
    elif "\0" in value:
        found.append(Problem(path, f"`{dotted(path)}` must not contain a NUL character"))
    else:
        return value
    return None


def _text(key: Key, value: object, path: Path, found: list[Problem]) -> str | None:
    text = _any_text(value, path, found)
    if text is None or (text in key.choices if key.choices else _matches(key.pattern, text)):
        return text
    words = ", ".join(f'"{choice}"' for choice in key.choices)
    rule = f"must be one of {words}" if words else key.rule
    found.append(Problem(path, f"`{dotted(path)}` {rule}", wrote=text, choices=key.choices))
    return None


def _host(_: Key, value: object, path: Path, found: list[Problem]) -> str | None:
    host = _any_text(value, path, found)
    wrong = "" if host is None else wrong_host(host)
    if wrong:
        found.append(Problem(path, f"`{dotted(path)}` {wrong}"))
    return host


def _path(_: Key, value: object, path: Path, found: list[Problem]) -> str | None:
    text = _any_text(value, path, found)
    if text == "":
        found.append(Problem(path, f"`{dotted(path)}` is empty; remove the key"))
    elif text is not None and (text.startswith("~") or "${" in text):
        reason = f"`{dotted(path)}`: `~` and `${{...}}` are not expanded in a path"
        found.append(Problem(path, reason))
    return text


def _command(_: Key, value: object, path: Path, found: list[Problem]) -> Any:
    if isinstance(value, list):
        words = tuple(text or "" for text in _strings(value, path, found))
        if not value or value[0] == "":
            found.append(Problem(path, f"`{dotted(path)}` has no program; remove the key"))
        return words
    if not isinstance(value, str):
        found.append(_not_a(value, path, "a string or a list of strings"))
        return None
    text = _any_text(value, path, found)
    if text is not None and not text.strip():
        found.append(Problem(path, f"`{dotted(path)}` is empty; remove the key"))
    return text


def _strings(value: list[object], path: Path, found: list[Problem]) -> list[str | None]:
    return [_any_text(item, (*path, i), found) for i, item in enumerate(value)]


def _texts(key: Key, value: object, path: Path, found: list[Problem]) -> tuple[str, ...] | None:
    """Return a list; an invalid item becomes an empty text, so that the others keep their place."""
    if not isinstance(value, list):
        found.append(_not_a(value, path, "a list of strings"))
        return None
    texts = _strings(value, path, found)
    for i, text in enumerate(texts):
        if text is not None and not _matches(key.pattern, text):
            found.append(Problem((*path, i), f"`{dotted(path)}` {key.rule}"))
            texts[i] = None
    return tuple(text or "" for text in texts)


def _pairs(key: Key, value: object, path: Path, found: list[Problem], rule: str) -> Table | None:
    """Return a table with keys of the user's own; an invalid key is reported and kept."""
    if not isinstance(value, dict):
        found.append(_not_a(value, path, "a table"))
        return None
    found += [
        Problem((*path, name), f"`{short(name)}` is not {rule}", "key")
        for name in value
        if not _matches(key.pattern, name)
    ]
    return value


def _env(key: Key, value: object, path: Path, found: list[Problem]) -> Any:
    table = _pairs(key, value, path, found, "a valid variable name (letters, digits, `_.-`)") or {}
    texts = {name: _any_text(item, (*path, name), found) for name, item in table.items()}
    return tuple((name, text) for name, text in texts.items() if text is not None)


def _ports(key: Key, value: object, path: Path, found: list[Problem]) -> Any:
    table = _pairs(key, value, path, found, "a valid port name (letters, digits, `_-`)") or {}
    if len(table) > keys.MAX_PORTS:
        found.append(_too_many(table, path, "ports", keys.MAX_PORTS))
        return ()
    numbers = {name: _number(key, item, (*path, name), found) for name, item in table.items()}
    return tuple((name, number or 0) for name, number in numbers.items())


_READERS: dict[str, Reader] = {
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "host": _host,
    "path": _path,
    "command": _command,
    "texts": _texts,
    "env": _env,
    "ports": _ports,
    "table": lambda key, *table: _fields(key.keys, *table),
}


def broken_rules(services: Sequence[Service]) -> list[Problem]:
    """Return the problems between keys and between services."""
    return [
        *(problem for service in services for problem in _wrong_command(service)),
        *(problem for service in services for problem in _wrong_debugger(service)),
        *_port_clashes(services),
        *(problem for service in services for problem in _without_room(service)),
        *_wrong_dependencies(services),
        *_wrong_placeholders(services),
    ]


def _wrong_command(service: Service) -> Iterator[Problem]:
    command, path = service.command, ("services", service.name, "command")
    if service.shell and isinstance(command, tuple):
        yield Problem(path, f"`{dotted(path)}` must be a string if `shell` is true")
    elif not service.shell and isinstance(command, str):
        wrong = _wrong_words(command)
        if wrong:
            yield Problem(path, f"cannot split `{dotted(path)}` into arguments: {wrong}")


def _wrong_debugger(service: Service) -> Iterator[Problem]:
    path = ("services", service.name, "vscode", "debug")
    if not service.vscode.debug:
        return
    if not service.command:
        yield Problem(path, f"`{short(service.name)}` has no command to debug")
    elif DEBUGGER_PORT not in dict(service.ports):
        usual = {"node": 9229}.get(service.vscode.debug, 5678)
        wants = f"add `ports = {{ {DEBUGGER_PORT} = {usual} }}` to the service"
        yield Problem(path, f"the debugger needs a port; {wants}")


def _wrong_words(command: str) -> str:
    if not any(sign in command for sign in "\"'\\"):
        return ""
    from devports.core.shell_syntax import split  # only for quotes

    try:
        return "" if any(split(command)[:1]) else "its first word is empty"
    except ValueError as error:
        return str(error).lower()


def _port_clashes(services: Sequence[Service]) -> Iterator[Problem]:
    """Yield the second of two ports that cannot both be bound; the first is named."""
    taken: dict[tuple[int, str], Path] = {}
    for service in services:
        claimed, contested = declared_addresses(service.host), conflicting_addresses(service.host)
        for path, port in _declared(service):
            rival = next((taken[port, a] for a in contested if (port, a) in taken), None)
            if rival:
                yield Problem(
                    path,
                    f"port {port} of `{_label(path)}` is already declared by `{_label(rival)}`",
                )
            for address in claimed if port else ():
                taken.setdefault((port, address), path)


def _declared(service: Service) -> Iterator[tuple[Path, int]]:
    yield ("services", service.name, "port"), service.spec.port
    for name, port in service.ports:
        yield ("services", service.name, "ports", name), port


def _label(path: Path) -> str:
    """Return `web` for the first port of web, `web.ports.debug` for a further one."""
    return dotted(path[1:] if "ports" in path[2:] else path[1:2])


def _without_room(service: Service) -> Iterator[Problem]:
    """Yield the ports that are too high to be shifted."""
    for path, port in _declared(service):
        if port in service.bases and port > keys.LAST_BASE:
            reason = f"port {port} leaves no room for the ports of other worktrees"
            yield Problem(path, f"{reason}; with `port_per` the maximum is {keys.LAST_BASE}")


def _wrong_dependencies(services: Sequence[Service]) -> Iterator[Problem]:
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
            "circular `depends_on`: " + " -> ".join(map(short, cycle)),
        )


def _cycle(graph: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first cycle, its first name again at its end; empty if there is none.

    A loop with its own stack: a chain of services may be deeper than Python's recursion limit.
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


def _wrong_placeholders(services: Sequence[Service]) -> Iterator[Problem]:
    shared = {"offset": ""} if any(service.bases for service in services) else {}
    for service in services:
        shared |= own_values(service, prefix=f"services.{service.name}.")
    for service in services:
        # Own names first: `nearest` compares with the first few hundred only.
        known = {**own_values(service), **shared}
        names = tuple(known)
        for key, path, text in _filled(service):
            yield from _unknown_names(names, known, key, path, text)
            if key.allows_fd and service.handoff not in ("fd", "auto") and "fd" in names_in(text):
                yield Problem(
                    path, f'`{{fd}}` needs `handoff = "fd"` or `"auto"`, not "{service.handoff}"'
                )
            if not (service.shell and path[2] == "command"):
                yield from _shell_names(known, path, text)


def _filled(service: Service) -> Iterator[tuple[keys.Key, Path, str]]:
    """Yield every text of the service that may contain placeholders, with its key and path."""
    for name, key in keys.SERVICE.items():
        path, value = ("services", service.name, name), getattr(service, name)
        if key.allows_placeholders:
            for rest, text in _filled_texts(value):
                yield key, (*path, *rest), text
        for inner_name, inner in key.keys.items():
            if inner.allows_placeholders:
                yield inner, (*path, inner_name), getattr(value, inner_name)


def _filled_texts(
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
        if name == "fd" and not key.allows_fd:
            yield Problem(path, "`{fd}` has a value only in `command` and `env`")
        elif name == "offset" and name not in known:
            yield Problem(path, '`{offset}` has a value only with `port_per = "worktree"`')
        elif name not in known and name != "fd":
            brace = short(name)
            own = f"for literal text write `{{{{{brace}}}}}`"
            yield Problem(path, f"unknown placeholder `{{{brace}}}` ({own})", "value", name, names)


def _shell_names(known: Mapping[str, str], path: Path, text: str) -> Iterator[Problem]:
    for name in foreign_names_in(text):
        if name in known or name == "fd":
            yield Problem(path, f"`${{{name}}}` is not a placeholder; write `{{{name}}}`")


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
    import re  # tomllib loads it anyway, an import of this module does not

    return "" if re.fullmatch(_NAME, host) else "must be a host name or a numeric address"


def _is_v4(host: str) -> bool:
    """Return whether it is a dotted quad: what inet_aton(3) makes of `127.1` surprises users."""
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
    """Return an IPv6 address in canonical form, an IPv4-mapped one as IPv4; empty if invalid."""
    import ipaddress  # half a Python start

    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address)


def declared_addresses(host: str) -> tuple[str, ...]:
    """Return what a server on `host` occupies: its addresses, and their kinds."""
    addresses = _addresses(host)
    v4 = ("any v4",) if any(":" not in address for address in addresses) else ()
    return (*addresses, "any", *v4)


def conflicting_addresses(host: str) -> tuple[str, ...]:
    """Return which entries of `declared_addresses` conflict with a server on `host` and one port.

    `::` conflicts with IPv4 too: servers leave IPV6_V6ONLY off unless configured otherwise.
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

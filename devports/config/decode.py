"""From what the TOML reader gives to a `Config`, or to everything that is wrong with it. Pure."""

from __future__ import annotations

from devports.config import keys
from devports.config.report import Problem, dotted, nearest, short
from devports.config.validate import broken_rules, wrong_host
from devports.core.service import Config, EditorTasks, Ready, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from devports.config.keys import Key
    from devports.config.report import Path

    Table: TypeAlias = Mapping[str, object]
    Reader: TypeAlias = Callable[[Key, Any, Path, list[Problem]], Any]

_LOOKED_AT = 20
_PRINTED = 10**12
"""Integers beyond this are described, not printed: TOML's have no bound, str() has one."""


def parse(data: Table, *, path: str = "", root: str = "") -> Config | tuple[Problem, ...]:
    """Return the configuration, or all its problems; never raises, whatever the mapping holds.

    Args:
        data: the top of `devports.toml`, or the table `[tool.devports]`.
        path: of the file, for the result only.
        root: folder of the file, for the result only; `cwd` and `env_file` stay as written.
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
        found.append(Problem((), "no services: add `[services.NAME]` with a `port`"))
    if len(value) > keys.MAX_SERVICES:
        found.append(_too_many(value, path, "services", keys.MAX_SERVICES))
        return ()
    services = (_service(name, raw, defaults, found) for name, raw in value.items())
    return tuple(service for service in services if service is not None)


def _service(name: str, raw: object, defaults: Table, found: list[Problem]) -> Service | None:
    path: Path = ("services", name)
    if not _matches(keys.NAME, name):
        reason = (
            f"`{short(name)}` is not a name for a service: 1 to 64 letters, digits, `_` and `-`, "
            "a letter or digit first"
        )
        found.append(Problem(path, reason, "key"))
    own = _fields(keys.SERVICE, raw, path, found)
    if own is None:
        return None
    # A port that is missing or wrong is a problem already; 0 keeps the service in the rules.
    fields = {"port": 0, **defaults, **own}
    ready, vscode = Ready(**fields.pop("ready", {})), EditorTasks(**fields.pop("vscode", {}))
    return Service(name=name, ready=ready, vscode=vscode, **fields)


def _fields(
    keys: Sequence[Key], raw: object, path: Path, found: list[Problem]
) -> dict[str, Any] | None:
    """Read one table: only the keys that are there and right are in the result."""
    if not isinstance(raw, dict):
        found.append(_not_a(raw, path, "a table"))
        return None
    known = {key.name: key for key in keys}
    names = tuple(known)
    unknown = [name for name in raw if name not in known]
    found += [_unknown(name, (*path, name), names) for name in unknown]
    found += [
        Problem(path, f"`{dotted(path)}` needs a `{key.name}`", "key")
        for key in keys
        if key.required and key.name not in raw and not _mistyped(key.name, unknown, names)
    ]
    read = {
        name: _READERS[key.kind](key, raw[name], (*path, name), found)
        for name, key in known.items()
        if name in raw
    }
    return {name: value for name, value in read.items() if value is not None}


def _mistyped(name: str, unknown: list[str], names: tuple[str, ...]) -> bool:
    """Whether a key is missing only because it is misspelt: one problem then, not two."""
    return any(nearest(other, names) == name for other in unknown[:_LOOKED_AT])


def _unknown(name: str, path: Path, known: tuple[str, ...]) -> Problem:
    where = f" in `{dotted(path[:-1])}`" if path[1:] else ""
    if path[0] == "defaults" and any(key.name == name for key in keys.SERVICE):
        return Problem(path, f"`{name}` belongs to a service, not to `defaults`", "key")
    return Problem(path, f"unknown key{where}", "key", name, known)


def _not_a(value: object, path: Path, wanted: str) -> Problem:
    return Problem(path, f"`{dotted(path)}` must be {wanted}, not {_kind(value)}")


def _kind(value: object) -> str:
    """What a value is, in TOML's words; a number by itself where that helps."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return str(value) if abs(value) < _PRINTED else "a number that large"
        case float():
            return str(value)
        case str():
            return "a string" + (" (leave the quotes out)" if value.isdecimal() else "")
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _matches(pattern: str, text: str) -> bool:
    import re  # loaded by tomllib anyway, but not by who imports this

    return re.fullmatch(pattern, text) is not None


def _too_many(table: Table, path: Path, what: str, most: int) -> Problem:
    return Problem(path, f"{len(table)} {what}, {most} are possible", "key")


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
    """A text that a program can be given: exec and the environment end a text at NUL."""
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
        found.append(Problem(path, f"`{dotted(path)}` is empty: leave the key out"))
    elif text is not None and (text.startswith("~") or "${" in text):
        reason = f"`{dotted(path)}`: `~` and `${{...}}` are not expanded in a path"
        found.append(Problem(path, reason))
    return text


def _command(_: Key, value: object, path: Path, found: list[Problem]) -> Any:
    if isinstance(value, list):
        words = tuple(text or "" for text in _strings(value, path, found))
        if not value or value[0] == "":
            found.append(Problem(path, f"`{dotted(path)}` has no program: leave the key out"))
        return words
    if not isinstance(value, str):
        found.append(_not_a(value, path, "a string or a list of strings"))
        return None
    text = _any_text(value, path, found)
    if text is not None and not text.strip():
        found.append(Problem(path, f"`{dotted(path)}` is empty: leave the key out"))
    return text


def _strings(value: list[object], path: Path, found: list[Problem]) -> list[str | None]:
    return [_any_text(item, (*path, i), found) for i, item in enumerate(value)]


def _texts(key: Key, value: object, path: Path, found: list[Problem]) -> tuple[str, ...] | None:
    """Read a list; a wrong item stays as an empty text, so that the others keep their place."""
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
    """Read a table with names of the user's own; a wrong name is reported and kept."""
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
    table = _pairs(key, value, path, found, "a name for a variable: letters, digits, `_.-`") or {}
    texts = {name: _any_text(item, (*path, name), found) for name, item in table.items()}
    return tuple((name, text) for name, text in texts.items() if text is not None)


def _ports(key: Key, value: object, path: Path, found: list[Problem]) -> Any:
    table = _pairs(key, value, path, found, "a name for a port: letters, digits, `_-`") or {}
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

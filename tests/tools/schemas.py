"""Write again the JSON Schemas that are shipped: of results, of events, of the configuration.

Run it from anywhere after a change of what they are made from, `devports/ui/json_types.py` and
`devports/config/keys.py`: python tests/tools/schemas.py
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import sys
import types
import typing
from typing import TYPE_CHECKING, Any, TypeAlias

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from devports.config import keys  # noqa: E402  # found by the line above
from devports.core.value import unreachable  # noqa: E402
from devports.ui import json_types  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devports.config.keys import Key

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

DATA = {
    "check": json_types.CheckData,
    "free": json_types.FreeData,
    "status": json_types.StatusData,
    "up": json_types.UpData,
    "down": json_types.DownData,
    "wait": json_types.WaitData,
    "env": json_types.EnvData,
    "ports": json_types.PortsData,
    "doctor": json_types.DoctorData,
    "init": json_types.InitData,
    "validate": json_types.ValidateData,
    "vscode": json_types.VscodeData,
}
"""The data of each command; an empty object where the command ended before there was any."""
WITHOUT = ("run", "logs", "exec", "schema", "completion")
"""Commands that print no document, but are named in the one that refuses `--json` to them."""

PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    object: {},
    type(None): {"type": "null"},
}
CLOSED: Schema = {"additionalProperties": False}

LITERALS = re.compile(r"^    (\w+)(?:: TypeAlias)? = Literal\[(.*?)\]$", re.MULTILINE | re.DOTALL)
WORDS = {
    name: typing.Literal[tuple(ast.literal_eval(f"[{words}]"))]
    for path in ROOT.glob("devports/core/*.py")
    for name, words in LITERALS.findall(path.read_text("utf-8"))
    if not hasattr(json_types, name)
}
"""The words of the core that shapes name; it declares them for type checkers alone."""
SHAPES = {
    shape: re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower()
    for name, shape in vars(json_types).items()
    if typing.is_typeddict(shape)
}
"""Every shape, with its name in the schema."""
EVENTS = [shape for shape in SHAPES if "event" in shape.__annotations__]
IN_PLACE = (
    *(json_types.Result, json_types.Ready, json_types.Source, json_types.OptionalKeys),
    *(*DATA.values(), *EVENTS),
)
"""Described, and yet no definition that others refer to."""
DEFINED = [shape for shape in SHAPES if shape.__doc__ and shape not in IN_PLACE]


def result_schema() -> Schema:
    """Return the schema of what a command prints with ``--json``."""
    return {
        "$schema": DIALECT,
        "title": "devports result",
        **shape_of(json_types.Result),
        "oneOf": [_rule(name) for name in ("", *DATA, *WITHOUT)],
        "$defs": {SHAPES[shape]: shape_of(shape) for shape in DEFINED},
    }


def _rule(name: str) -> Schema:
    """Tie the data to the command; no command was recognised where `name` is empty."""
    nothing = {"type": "object", **CLOSED}
    if not name:
        return {"properties": {"command": {"maxItems": 0}, "data": nothing}}
    command = {"prefixItems": [{"const": name}], "minItems": 1}
    data = {"anyOf": [shape_of(DATA[name]), nothing]} if name in DATA else nothing
    return {"properties": {"command": command, "data": data}}


def event_schema() -> Schema:
    """Return the schema of a line of ``run --events``."""
    names = [_fields(shape)["event"]["const"] for shape in EVENTS]
    every = {"event": {"enum": names}, "time": schema_of(json_types.Time), "service": PLAIN[str]}
    return {
        "$schema": DIALECT,
        "title": "devports event",
        "description": "One line of the file that `devports run --events FILE` writes.",
        "type": "object",
        "properties": every,
        "required": list(every),
        "oneOf": [_kind(shape) for shape in EVENTS],
    }


def _kind(shape: Any) -> Schema:
    """Return what is promised of one event: the keys that are always there."""
    fields = {
        name: field for name, field in _fields(shape).items() if name in shape.__required_keys__
    }
    event = {"event": fields.pop("event")}
    return {**_doc(shape), "properties": event | fields, "required": list(fields)}


def shape_of(shape: Any) -> Schema:
    """Return an object with exactly these keys; in an event there may be more of them."""
    fields = _fields(shape)
    closed = {} if shape is json_types.EventProcess else CLOSED
    return {
        **_doc(shape),
        "type": "object",
        "properties": fields,
        "required": list(fields),
        **closed,
    }


def _doc(shape: Any) -> Schema:
    return {"description": " ".join(shape.__doc__.split())} if shape.__doc__ else {}


def _fields(shape: Any) -> dict[str, Schema]:
    hints = typing.get_type_hints(shape, localns=WORDS, include_extras=True)
    return {name: schema_of(hint) for name, hint in hints.items()}


def schema_of(hint: Any) -> Schema:
    """Return what a type allows; a shape that is defined is referred to."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in DEFINED:
        return {"$ref": f"#/$defs/{SHAPES[hint]}"}
    if hint in SHAPES:
        return shape_of(hint)
    if origin is typing.Annotated:
        facts = dict(args[1:])
        return {"enum": list(facts["enum"])} if "enum" in facts else schema_of(args[0]) | facts
    if origin is typing.Literal:
        return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema_of(arg) for arg in args]}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1])}
    return PLAIN[hint]


def config_schema() -> Schema:
    """Return the schema of `devports.toml`, for editors.

    It knows one key at a time; what holds between keys and services only `validate` checks.
    """
    return {
        "$schema": DIALECT,
        "title": "devports.toml",
        "description": "Services, the ports they want and how to start them.",
        **_object(
            {
                "defaults": {
                    "description": "What holds for every service that does not say otherwise.",
                    **_table(keys.DEFAULTS),
                },
                "services": {
                    "description": "The services by name.",
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": keys.MAX_SERVICES,
                    "propertyNames": {"pattern": _whole(keys.NAME)},
                    "additionalProperties": _table(keys.SERVICE),
                },
            },
            ["services"],
        ),
    }


def _table(keys: Mapping[str, Key]) -> Schema:
    required = [name for name, key in keys.items() if key.required]
    return _object({name: _key(key) for name, key in keys.items()}, required)


def _object(properties: Schema, required: list[str]) -> Schema:
    need = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **need, **CLOSED}


def _key(key: Key) -> Schema:
    words = {"description": key.doc[0].upper() + key.doc[1:] + "."}
    default = {} if key.default is None else {"default": key.default}
    return {**words, **_type(key), **default}


def _type(key: Key) -> Schema:
    match key.kind:
        case "integer" | "number":
            return {"type": key.kind, "minimum": key.low, "maximum": key.high}
        case "boolean":
            return {"type": "boolean"}
        case "text" if key.choices:
            return {"enum": list(key.choices)}
        case "text":
            return {"type": "string", "pattern": _whole(key.pattern)}
        case "host":
            return {"type": "string", "pattern": r"^[^\s/\[\]]+$"}
        case "path":
            return {"type": "string", "pattern": r"^(?!~)(?!.*\$\{).+$"}
        case "command":
            texts = {"type": "array", "minItems": 1, "items": PLAIN[str]}
            return {"anyOf": [{"type": "string", "minLength": 1}, texts]}
        case "texts":
            return {"type": "array", "items": {"type": "string", "pattern": _whole(key.pattern)}}
        case "env":
            return _named(key, PLAIN[str])
        case "ports":
            port = {"type": "integer", "minimum": key.low, "maximum": key.high}
            return {**_named(key, port), "maxProperties": keys.MAX_PORTS}
        case "table":
            return _table(key.keys)
        case _:
            unreachable(key.kind)


def _named(key: Key, value: Schema) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": _whole(key.pattern)},
        "additionalProperties": value,
    }


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


SCHEMAS = ROOT / "devports" / "schemas"
GENERATED: dict[pathlib.Path, Callable[[], Schema]] = {
    SCHEMAS / "result.schema.json": result_schema,
    SCHEMAS / "event.schema.json": event_schema,
    SCHEMAS / "config.schema.json": config_schema,
}


def as_text(schema: Schema) -> str:
    """Return a schema as it is shipped, byte for byte."""
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    for path, make in GENERATED.items():
        path.write_bytes(as_text(make()).encode())

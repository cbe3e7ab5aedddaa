"""The JSON Schema (2020-12) of the file, for editors: made from `spec`. Pure.

It knows one key at a time; what holds between keys and services only `devports validate` checks.
"""

from __future__ import annotations

from devports.config import spec
from devports.core.value import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from devports.config.spec import Key

    Schema: TypeAlias = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}


def schema() -> Schema:
    """Return the schema as JSON data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "devports.toml",
        "description": "Services, the ports they want and how to start them.",
        **_object(
            {
                "defaults": {
                    "description": "What holds for every service that does not say otherwise.",
                    **_table(spec.DEFAULTS),
                },
                "services": {
                    "description": "The services by name.",
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": spec.MAX_SERVICES,
                    "propertyNames": {"pattern": _whole(spec.NAME)},
                    "additionalProperties": _table(spec.SERVICE),
                },
            },
            ["services"],
        ),
    }


def as_text() -> str:
    """Return the schema as it is shipped, byte for byte."""
    import json  # noqa: PLC0415  # only `devports schema` and the test come here

    return json.dumps(schema(), indent=2) + "\n"


def _table(keys: tuple[Key, ...]) -> Schema:
    return _object({key.name: _key(key) for key in keys}, [k.name for k in keys if k.required])


def _object(properties: Schema, required: list[str]) -> Schema:
    need = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **need, "additionalProperties": False}


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
            return {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": {"type": "string"}}]}
        case "texts":
            return {"type": "array", "items": {"type": "string", "pattern": _whole(key.pattern)}}
        case "env":
            return _named(key, {"type": "string"})
        case "ports":
            port = {"type": "integer", "minimum": key.low, "maximum": key.high}
            return {**_named(key, port), "maxProperties": spec.MAX_PORTS}
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

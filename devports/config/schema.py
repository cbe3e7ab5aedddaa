"""The JSON Schema (2020-12) of the file, for editors: made from `spec`. Pure.

It knows one key at a time; what holds between keys and services only `devports validate` checks.

reference: The reference page of the file: made from `spec`. Pure.
"""

from __future__ import annotations

from devports.config import keys
from devports.core.value import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from devports.config.keys import Key

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


def as_text() -> str:
    """Return the schema as it is shipped, byte for byte."""
    import json  # only `devports schema` and the test come here

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


_INTRO = f"""\
# Configuration

<!-- Made from devports/config/keys.py: change that, run tests/unit/config/regenerate.py -->

devports reads `devports.toml`, or the table `[tool.devports]` of a `pyproject.toml`. It looks in
the working directory and above it, up to the repository root (the folder with `.git`) or the home
folder, and never above into a folder that every user can write. Reading the file never runs
anything. Unknown keys are errors, and all problems are reported at once.

The file must be a regular file of at most 256 KiB in UTF-8 with at most {keys.MAX_SERVICES}
services. A file that belongs to another user (root excepted), or that every user can write, is
refused: whoever can write it decides which commands run as you.

```toml
[services.backend]
command = "uvicorn main:app --host {{host}} --port {{port}}"
port = 8000
depends_on = ["db"]

[services.db]    # no command: a port that the project needs, watched and never started
port = 5432
```
"""

_PLACEHOLDERS = """\
## Placeholders

In `command`, `env`, `cwd`, `env_file` and `ready.http`:

| placeholder | stands for |
|---|---|
| `{host}`, `{port}` | host and port of the service itself |
| `{ports.NAME}` | a further port of the service itself |
| `{services.NAME.host}`, `{services.NAME.port}`, `{services.NAME.ports.NAME}` | those of another service |
| `{fd}` | the number of the inherited socket; only in `command` and `env`, with `handoff` `fd` or `auto` |

`{{port}}` is the text `{port}`. Any other brace stays as it is, so JSON needs no escaping, and
`${port}` is left to the shell (an error where no shell runs). A `command` string is split into
words before placeholders are filled in.
"""  # noqa: E501  # a table row is one line

_ENV_FILE = """\
## The env file

At most 64 KiB of UTF-8: `NAME=value` lines, with or without `export` before them; blank lines and
lines that start with `#` are skipped. A value in single quotes is literal; in double quotes
`\\n`, `\\r`, `\\t`, `\\"`, `\\\\` and `\\$` are known; both may span lines. A value without quotes
ends at a blank followed by `#`. Nothing is expanded and nothing is run.
"""


def page() -> str:
    """Return the page as it is in the repository, byte for byte."""
    sections = [
        _section("`[services.NAME]`", _NAMES, keys.SERVICE),
        *(_section(f"`{key.name}` of a service", _inner(key), key.keys) for key in _tables()),
        _section(
            "`[defaults]`",
            "What holds for every service that does not say otherwise.",
            keys.DEFAULTS,
        ),
    ]
    return "\n".join([_INTRO, *sections, _PLACEHOLDERS, _ENV_FILE])


_NAMES = (
    "A name has 1 to 64 letters, digits, `_` and `-`, and starts with a letter or digit. "
    "Two services cannot have the same port on hosts that overlap."
)


def _tables() -> Iterator[Key]:
    return (key for key in keys.SERVICE if key.keys)


def _inner(key: Key) -> str:
    return f"{_sentence(key.doc)} Written inline or as `[services.NAME.{key.name}]`."


def _section(title: str, text: str, keys: tuple[Key, ...]) -> str:
    return "\n".join([f"## {title}", "", text, "", *_rows(keys), ""])


def _rows(keys: tuple[Key, ...]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key in keys:
        default = "required" if key.required else _default(key.default)
        example = f" Example: `{key.example}`" if key.example else ""
        cells = (f"`{key.name}`", _value(key), default, _sentence(key.doc) + example)
        yield "| " + " | ".join(cells) + " |"


def _sentence(doc: str) -> str:
    first = doc if doc.startswith("`") else doc[0].upper() + doc[1:]
    return first + "."


def _default(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def _value(key: Key) -> str:
    match key.kind:
        case "integer" | "number":
            return f"{key.kind}, {key.low:g} to {key.high:g}"
        case "text" if key.choices:
            return ", ".join(f'`"{choice}"`' for choice in key.choices)
        case "command":
            return "string or list of strings"
        case "texts":
            return "list of strings"
        case "env":
            return "table of strings"
        case "ports":
            return f"table of integers, {key.low:g} to {key.high:g}"
        case "boolean":
            return "`true` or `false`"
        case "table":
            return "table"
        case "host" | "path" | "text":
            return "string"
        case _:
            unreachable(key.kind)

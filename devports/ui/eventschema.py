"""The JSON Schema of a line of ``run --events``: one table, from which the shipped file is made.

Additions are allowed: who reads events passes over kinds and keys that it does not know.
"""

from __future__ import annotations

import json

from devports.ui.schemawords import (
    COUNT,
    DIALECT,
    FLAG,
    PORT,
    SECONDS,
    TEXT,
    TIME,
    each,
    maybe,
    one_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.ui.schemawords import Schema

PROCESS: Schema = {
    "type": "object",
    "properties": {"pid": COUNT, "name": TEXT, "user": TEXT},
    "required": ["pid", "name", "user"],
}
SIGNALS = each(TEXT)

EVENTS: dict[str, tuple[str, dict[str, Schema]]] = {
    "waiting": (
        "Something has to happen first; a `dependency` is named by the key of that name.",
        {"for": one_of("port predecessor dependency")},
    ),
    "asked": (
        "A person was asked.",
        {
            "kind": one_of("stop kill container"),
            "process": PROCESS,
            "answer": one_of("yes no next"),
        },
    ),
    "signalling": ("A holder of the port is told to end.", {"signal": TEXT, "process": PROCESS}),
    "stopping-container": (
        "The engine is told to stop the container that publishes the port.",
        {"process": PROCESS, "container": maybe(TEXT)},
    ),
    "watching": (
        "The port is free; a supervisor may start the holder again.",
        {"seconds": SECONDS, "process": PROCESS},
    ),
    "freed": (
        "A holder was ended, or let go.",
        {"process": PROCESS, "signals": SIGNALS, "exited": FLAG},
    ),
    "not-freed": ("It did not end.", {"process": PROCESS, "signals": SIGNALS}),
    "taken-again": ("Another process has taken the port.", {"process": PROCESS}),
    "declined": ("A person said no.", {"process": PROCESS}),
    "refused": ("A law of devports forbids to end it.", {"process": PROCESS, "why": TEXT}),
    "planned": ("It would be ended.", {"process": PROCESS, "asks": FLAG}),
    "port-changed": ("Another port is used.", {"declared": PORT, "used": PORT}),
    "unrecorded": ("No record of this run can be kept.", {"why": TEXT}),
    "started": (
        "The server was started. `handoff`: how the port gets to it.",
        {
            "endpoint": TEXT,
            "attempt": COUNT,
            "handoff": one_of("fd hook beside bare"),
            "how": maybe(TEXT),
        },
    ),
    "handoff-failed": (
        "It did not get the port that way; the next one is tried.",
        {"handoff": one_of("fd hook beside bare")},
    ),
    "bound-only": ("It holds the port and does not listen yet.", {"endpoint": TEXT}),
    "elsewhere": (
        "It does not listen where it should, and listens on another port.",
        {"endpoint": TEXT, "listens": TEXT},
    ),
    "released": (
        "It printed `line`: our reservation was released, and it keeps running.",
        {"endpoint": TEXT, "line": TEXT},
    ),
    "ready": (
        "A process of the server owns the port and serves.",
        {"endpoint": TEXT, "process": maybe(PROCESS), "seconds": SECONDS},
    ),
    "retry": (
        "The port was lost; the server is started again.",
        {"foreign": FLAG, "line": TEXT, "next_attempt": COUNT},
    ),
    "lost": ("The port was lost for good.", {"foreign": FLAG, "line": TEXT}),
    "stopping": ("The server is told to end.", {"signal": TEXT}),
    "killing": ("It did not end in time.", {"seconds": SECONDS}),
    "strayed": (
        "A process of it is in a session of its own. `ended`: it had the port and is ended.",
        {"process": PROCESS, "ended": FLAG},
    ),
    "ended": (
        "The last event. `source`: whose exit code it is.",
        {
            "exit_code": {"type": "integer", "minimum": 0, "maximum": 255},
            "source": one_of("child devports"),
            "reason": TEXT,
        },
    ),
}
"""Each event: what it means, and the keys that it has beside `event`, `time` and `service`."""


def event_schema() -> Schema:
    """Return the whole schema."""
    return {
        "$schema": DIALECT,
        "title": "devports event",
        "description": "One line of the file that `devports run --events FILE` writes.",
        "type": "object",
        "properties": {"event": {"enum": list(EVENTS)}, "time": TIME, "service": TEXT},
        "required": ["event", "time", "service"],
        "oneOf": [_kind(name, *EVENTS[name]) for name in EVENTS],
    }


def _kind(name: str, description: str, keys: dict[str, Schema]) -> Schema:
    return {
        "description": description,
        "properties": {"event": {"const": name}, **keys},
        "required": list(keys),
    }


def schema_text() -> str:
    """Return the bytes of ``schemas/event.schema.json``, as text."""
    return json.dumps(event_schema(), indent=2) + "\n"

"""The JSON Schema of ``--json`` results: one table, from which the shipped file is generated.

Every field is always there, null where nothing is known; nothing else is. Additions are allowed
within version 1, anything else is version 2.

schemawords: The words of which the JSON Schemas of what we print are made. Pure.

eventschema: The JSON Schema of a line of ``run --events``: one table, from which the shipped file
is made.

Additions are allowed: who reads events passes over kinds and keys that it does not know.
"""

from __future__ import annotations

import json

from devports.core.text import LAST_PORT
from devports.core.verdict import EVERY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Schema: TypeAlias = dict[str, Any]


DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": LAST_PORT}
SECONDS: Schema = {"type": "number", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time", "pattern": "Z$"}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def each(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def one_of(words: str) -> Schema:
    return {"enum": words.split()}


def shape(description: str, **fields: Schema) -> Schema:
    """Return an object with exactly these fields."""
    return {
        "description": description,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


VERSION = 1
VERDICT: Schema = {"enum": list(EVERY)}

PROCESS: dict[str, Schema] = {
    "pid": COUNT,
    "ppid": COUNT,
    "uid": {"type": "integer"},
    "user": TEXT,
    "name": TEXT,
    "command_line": TEXT,
    "cwd": TEXT,
    "exe": TEXT,
    "state": TEXT,
    "started_at": maybe(TIME),
    "uptime_seconds": maybe(SECONDS),
}

ENDPOINT: dict[str, Schema] = {
    "address": TEXT,
    "port": PORT,
    "verdict": VERDICT,
    "bindable": FLAG,
    "seconds_left": maybe(SECONDS),
    "sockets": each(ref("socket")),
    "holders": each(ref("holder")),
    "hidden": each(ref("hidden")),
    "complete": FLAG,
    "gaps": each(ref("gap")),
}

ANSWER: dict[str, Schema] = {
    "target": TEXT,
    "bindable": FLAG,
    "verdict": VERDICT,
    "endpoints": each(ref("endpoint")),
}

SOURCE: dict[str, Schema] = {"file": TEXT, "line": maybe(COUNT), "text": TEXT}

DEFS: dict[str, Schema] = {
    "socket": shape(
        "One TCP socket whose local port is in question.",
        address=TEXT,
        port=PORT,
        remote_address=maybe(TEXT),
        remote_port=maybe(COUNT),
        state=one_of(
            "LISTEN BOUND ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE"
            " CLOSE_WAIT LAST_ACK CLOSING"
        ),
        inode=COUNT,
        uid=maybe(COUNT),
        seconds_left=maybe(SECONDS),
    ),
    "process": shape("A process; secrets in its command line are masked.", **PROCESS),
    "ancestor": shape("Who started it, parent first.", pid=COUNT, name=TEXT),
    "holder": shape(
        "A process that has one of the sockets open.",
        **PROCESS,
        inodes=each(COUNT),
        ancestors=each(ref("ancestor")),
    ),
    "hidden": shape(
        "A socket whose process could not be read, and what is known all the same.",
        socket=ref("socket"),
        user=TEXT,
        unit=TEXT,
        likely=each(ref("process")),
    ),
    "gap": shape("Something that could not be seen.", code=TEXT, detail=TEXT),
    "endpoint": shape(
        "The verdict on one address and port. `bindable`: a server with SO_REUSEADDR can start.",
        **ENDPOINT,
    ),
    "shown": shape(
        "An endpoint, and how far a run of ours has come with it; null where none has a part.",
        **ENDPOINT,
        state=maybe(one_of("starting serving suspended stopping not-listening left-behind")),
        url=maybe(TEXT),
    ),
    "run": shape(
        "A `devports run`, from its record. A run that is not live may have left its server.",
        pid=COUNT,
        service=TEXT,
        project=TEXT,
        state=one_of("starting serving stopping"),
        live=FLAG,
    ),
    "group": shape(
        "Everybody who listens in one git checkout or folder, or for the system.",
        kind=one_of("project folder system"),
        folder=maybe(TEXT),
        branch=maybe(TEXT),
        listeners=each(
            shape("", service=maybe(TEXT), run=maybe(ref("run")), endpoint=ref("shown"))
        ),
    ),
    "standing": shape(
        "What kind of process it is. `detail`: the service, user, unit, engine, tunnel or reason."
        " `engine_said`: how many containers publish the port, or why the engine did not say; with"
        " `one` it can be stopped. `relation`: of what is `elsewhere`, whether its `folder` is"
        " another checkout of this repository or another project.",
        kind=one_of("plain mine elsewhere other-user tunnel supervised container protected"),
        detail=maybe(TEXT),
        stop=maybe(TEXT),
        container=maybe(TEXT),
        image=maybe(TEXT),
        engine_said=maybe(one_of("unasked one several none silent missing inside")),
        folder=maybe(TEXT),
        branch=maybe(TEXT),
        relation=maybe(one_of("sibling project")),
    ),
    "ended": shape(
        "What is ended as one: a process, and the pids of the holders that hang on it.",
        **PROCESS,
        standing=ref("standing"),
        members=each(COUNT),
    ),
    "outcome": shape(
        "What came of one process. `seconds`: from the first signal until the port was free."
        " `complaint`: why the engine did not stop the container. `asks`: of what is planned,"
        " whether a person would be asked first.",
        kind=one_of(
            "planned stopped container-stopped stop-failed already-gone declined refused timed-out"
            " respawned"
        ),
        process=ref("ended"),
        signals=each(TEXT),
        exited=maybe(FLAG),
        bindable=maybe(FLAG),
        seconds=maybe(SECONDS),
        why=maybe(
            one_of(
                "protected supervised container other-user other-checkout on-conflict no-terminal"
                " denied"
            )
        ),
        complaint=maybe(TEXT),
        asks=maybe(FLAG),
        successor=maybe(ref("ended")),
    ),
    "spared": shape(
        "A process that touches the port and was left alone. `why`: it is a client of the server,"
        " or has the number as its own end of another connection.",
        **PROCESS,
        why=one_of("client outgoing"),
    ),
    "remedy": shape(
        "What can be done by hand. Without a command it is advice.",
        title=TEXT,
        command=maybe(TEXT),
        needs_root=FLAG,
    ),
    "problem": shape(
        "What the doctor has found. `holders`: who would have to end for the port to be free.",
        code=TEXT,
        severity=one_of("error warning note"),
        service=maybe(TEXT),
        port=maybe(PORT),
        message=TEXT,
        evidence=each(TEXT),
        why=TEXT,
        holders=each(ref("ended")),
        remedies=each(ref("remedy")),
    ),
    "service": shape(
        "A declared service. Of `env` only the names are shown.",
        name=TEXT,
        host=TEXT,
        port=PORT,
        ports=by_name(PORT),
        command={"anyOf": [TEXT, each(TEXT)]},
        shell=FLAG,
        cwd=TEXT,
        env=each(TEXT),
        env_file=TEXT,
        depends_on=each(TEXT),
        ready=shape("On top of owning its port.", http=TEXT, timeout=SECONDS, owner=TEXT, log=TEXT),
        stop_signal=TEXT,
        stop_timeout=SECONDS,
        attempts=COUNT,
        on_conflict=one_of("ask reclaim next fail"),
        handoff=one_of("auto fd hook plain"),
    ),
    "found": shape(
        "A service that files of the project speak of. `stated`: one of them names the port. Of"
        " `env` only the names are shown.",
        name=TEXT,
        kind=TEXT,
        port=maybe(PORT),
        stated=FLAG,
        ports=by_name(PORT),
        command=maybe(TEXT),
        shell=FLAG,
        cwd=TEXT,
        env=each(TEXT),
        sources=each(shape("Why.", **SOURCE)),
        notes=each(TEXT),
    ),
    "editor-file": shape(
        "A file of the editor. `state`: as it was found; `absent`: not there, and need not be."
        " `difference`: what was, or would be, changed, line by line as `diff -u` shows it.",
        path=TEXT,
        state=one_of("current stale missing absent"),
        written=FLAG,
        difference=each(TEXT),
    ),
    "editor-note": shape(
        "Something that a person has to decide. `snippet`: JSON to paste.",
        code=TEXT,
        message=TEXT,
        hints=each(TEXT),
        snippet=maybe(TEXT),
    ),
    "error": shape(
        "Something that went wrong or is in the way.",
        code=TEXT,
        message=TEXT,
        service=maybe(TEXT),
        hints=each(TEXT),
    ),
}

DATA: dict[str, Schema] = {
    "check": shape("", targets=each(shape("", **ANSWER))),
    "free": shape(
        "",
        targets=each(
            shape("", **ANSWER, outcomes=each(ref("outcome")), spared=each(ref("spared")))
        ),
    ),
    "status": shape(
        "`groups` instead of `services` with --all, where nothing is bound.",
        services=each(
            shape(
                "",
                service=maybe(TEXT),
                **(ANSWER | {"endpoints": each(ref("shown"))}),
                run=maybe(ref("run")),
                url=maybe(TEXT),
            )
        ),
        groups=maybe(each(ref("group"))),
        gaps=each(ref("gap")),
    ),
    "wait": shape(
        "",
        until=one_of("ready free"),
        targets=each(shape("", **ANSWER, happened=FLAG, seconds=SECONDS)),
    ),
    "doctor": shape(
        "",
        config=maybe(TEXT),
        healthy=FLAG,
        services=each(shape("", service=maybe(TEXT), **ANSWER)),
        problems=each(ref("problem")),
        gaps=each(ref("gap")),
    ),
    "init": shape(
        "",
        path=TEXT,
        written=FLAG,
        text=TEXT,
        whole=FLAG,
        services=each(ref("found")),
        left_out=each(shape("", **SOURCE, why=TEXT)),
        next=maybe(TEXT),
    ),
    "validate": shape("", path=TEXT, services=each(ref("service"))),
    "vscode": shape(
        "",
        mode=one_of("write check diff"),
        in_sync=FLAG,
        files=each(ref("editor-file")),
        notes=each(ref("editor-note")),
    ),
}
"""The data of each command; an empty object where the command ended before there was any."""
WITHOUT = ("run", "schema", "completion")
"""Commands that print no document, but are named in the one that refuses `--json` to them."""


def result_schema() -> Schema:
    """Return the whole schema."""
    envelope = shape(
        "The only thing that `devports ... --json` writes to stdout.",
        schema_version={"const": VERSION},
        command=each(TEXT),
        status=one_of("ok partial error"),
        exit_code={"type": "integer", "minimum": 0, "maximum": 255},
        data={"type": "object"},
        errors=each(ref("error")),
    )
    head = {"$schema": DIALECT, "title": "devports result"}
    return {
        **head,
        **envelope,
        "oneOf": [_rule(name) for name in ("", *DATA, *WITHOUT)],
        "$defs": DEFS,
    }


def _rule(name: str) -> Schema:
    """Tie the data to the command; no command was recognised where `name` is empty."""
    nothing = {"type": "object", "additionalProperties": False}
    if not name:
        return {"properties": {"command": {"maxItems": 0}, "data": nothing}}
    command = {"prefixItems": [{"const": name}], "minItems": 1}
    data = {"anyOf": [DATA[name], nothing]} if name in DATA else nothing
    return {"properties": {"command": command, "data": data}}


def schema_text() -> str:
    """Return the bytes of ``schemas/result.schema.json``, as text."""
    return json.dumps(_tidy(result_schema()), indent=2) + "\n"


def _tidy(schema: Any) -> Any:
    """Leave out empty descriptions."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _tidy(v) for k, v in schema.items() if not (k == "description" and v == "")}


EVENT_PROCESS: Schema = {
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
            "process": EVENT_PROCESS,
            "answer": one_of("yes no next"),
        },
    ),
    "signalling": (
        "A holder of the port is told to end.",
        {"signal": TEXT, "process": EVENT_PROCESS},
    ),
    "stopping-container": (
        "The engine is told to stop the container that publishes the port.",
        {"process": EVENT_PROCESS, "container": maybe(TEXT)},
    ),
    "watching": (
        "The port is free; a supervisor may start the holder again.",
        {"seconds": SECONDS, "process": EVENT_PROCESS},
    ),
    "freed": (
        "A holder was ended, or let go.",
        {"process": EVENT_PROCESS, "signals": SIGNALS, "exited": FLAG},
    ),
    "not-freed": ("It did not end.", {"process": EVENT_PROCESS, "signals": SIGNALS}),
    "taken-again": ("Another process has taken the port.", {"process": EVENT_PROCESS}),
    "declined": ("A person said no.", {"process": EVENT_PROCESS}),
    "refused": ("A law of devports forbids to end it.", {"process": EVENT_PROCESS, "why": TEXT}),
    "planned": ("It would be ended.", {"process": EVENT_PROCESS, "asks": FLAG}),
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
        {"endpoint": TEXT, "process": maybe(EVENT_PROCESS), "seconds": SECONDS},
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
        {"process": EVENT_PROCESS, "ended": FLAG},
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


def event_schema_text() -> str:
    """Return the bytes of ``schemas/event.schema.json``, as text."""
    return json.dumps(event_schema(), indent=2) + "\n"

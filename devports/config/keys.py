"""The keys of `devports.toml`: the one table from which everything else is made.

Parsing, defaults, the JSON Schema and the reference page read it. A small decoder over this table
is used because the libraries cost more at import than all of `devports check` (msgspec 3.9 bare
Python starts, pydantic 12), and msgspec stops at the first problem.
"""

from __future__ import annotations

from devports.core.service import EditorTasks, Ready, Service
from devports.core.text import LAST_PORT
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Kind = Literal[
        "integer",  # low..high
        "number",  # low..high, a fraction is fine
        "boolean",
        "text",  # one of `choices`, or what `pattern` matches
        "host",  # a name or a numeric address
        "path",  # relative to the file
        "command",  # a text or a list of texts
        "texts",  # a list, each matches `pattern`
        "env",  # a table of texts by variable name
        "ports",  # a table of ports by name
        "table",  # a table with `keys`
    ]

NAME = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""Of a service and of a further port: safe in tasks, file names and `devports run NAME`."""
VARIABLE = "[A-Za-z_][A-Za-z0-9_.-]*"
LINE = r"[^\x00-\x1f\x7f]+"

FIRST_PORT = 1
LAST_BASE = 65000
"""The last port that leaves room for the offsets of worktrees."""
MAX_SERVICES = 256
"""Far more than a project has; it limits the work that a hostile file can cause."""
MAX_PORTS = 64
"""Further ports of one service, limited for the same reason."""


class Key(Frozen):
    """One key of the file.

    Attributes:
        doc: one sentence for the reference page and the editor, Markdown, no period.
        default: the value without the key; None: nothing.
        low, high: inclusive limits; seconds where the doc says so.
        pattern: the whole text (each text of a list) must match; `rule` says it in words.
        allows_placeholders: placeholders are replaced; `{fd}` too with `allows_fd`.
        keys: the keys of a table.
        example: a TOML value for the reference page.
    """

    kind: Kind
    doc: str
    default: object = None
    required: bool = False
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    pattern: str = ""
    rule: str = ""
    allows_placeholders: bool = False
    allows_fd: bool = False
    keys: Mapping[str, Key] = {}  # never modified
    example: str = ""


READY = {
    "http": Key(
        "text",
        "path that must answer a GET request on the port with a status below 400",
        pattern=f"/{LINE}|/",
        rule='must be a path that starts with "/"',
        allows_placeholders=True,
        example='"/healthz"',
    ),
    "timeout": Key(
        "number",
        "seconds until a service that is not ready counts as failed",
        default=Ready.timeout,
        low=0.1,
        high=3600,
    ),
    "owner": Key(
        "text",
        "`tree`: a process of the server must own the port; `any`: any listener counts "
        "(container proxy, setuid server)",
        default=Ready.owner,
        choices=("tree", "any"),
    ),
    "log": Key(
        "text",
        "text that a line of the output must contain (colour codes are ignored)",
        pattern=LINE,
        example='"Application startup complete"',
    ),
}

VSCODE = {
    "task": Key(
        "text",
        "label of the task that runs the service",
        pattern=rf"(?!.*\$\{{){LINE}",
        rule="must be one line of text without `${`, which VS Code would expand",
        example='"Run Backend"',
    ),
    "prelaunch": Key(
        "texts",
        "your launch configurations that should free the port first (`preLaunchTask`)",
        pattern=LINE,
        rule="must be names of launch configurations, one line each",
        example='["Python: FastAPI"]',
    ),
    "debug": Key(
        "text",
        "generate a launch configuration where devports starts the service under this debugger "
        "and VS Code attaches; the further port `debug` is the debugger's",
        choices=("debugpy", "node"),
        example='"debugpy"',
    ),
    "build": Key(
        "boolean",
        "make the task that runs the service the default build task, which VS Code starts by "
        "Ctrl+Shift+B; not if the file has one already",
        default=EditorTasks.build,
    ),
}

SERVICE = {
    "port": Key(
        "integer",
        "the port of the service",
        required=True,
        low=FIRST_PORT,
        high=LAST_PORT,
        example="8000",
    ),
    "host": Key(
        "host",
        "name or numeric address the service binds; `0.0.0.0` or `::` for every address",
        default=Service.host,
    ),
    "command": Key(
        "command",
        "command that starts the service, run without a shell; a string is split into "
        "arguments; without it the port is only watched",
        allows_placeholders=True,
        allows_fd=True,
        example='"uvicorn main:app --host {host} --port {port}"',
    ),
    "shell": Key(
        "boolean",
        "give `command` (a string) to `/bin/sh -c`, for pipes and `&&`",
        default=Service.shell,
    ),
    "cwd": Key(
        "path",
        "folder in which the command runs, relative to the file; default: the folder of the file",
        allows_placeholders=True,
        example='"backend"',
    ),
    "env": Key(
        "env",
        "environment variables to set; they win over `env_file`",
        pattern=VARIABLE,
        allows_placeholders=True,
        allows_fd=True,
        example='{ DATABASE_URL = "postgresql://localhost:{services.db.port}/app" }',
    ),
    "env_file": Key(
        "path",
        "file of `NAME=value` lines to set as environment variables, relative to the file; "
        "nothing in it is expanded or run",
        allows_placeholders=True,
        example='".env"',
    ),
    "ports": Key(
        "ports",
        "additional named ports of the service, managed like the first one",
        pattern=NAME,
        low=FIRST_PORT,
        high=LAST_PORT,
        example="{ debug = 5678 }",
    ),
    "port_per": Key(
        "text",
        "`worktree`: every git worktree and clone of the repository has its own ports: those of "
        "the file in the main checkout, in each other one all shifted by its offset; a service "
        "without `command` only if it sets the key itself; `machine`: the same ports everywhere",
        default=Service.port_per,
        choices=("machine", "worktree"),
    ),
    "depends_on": Key(
        "texts",
        "services that this one needs; `run` waits until they are ready, each up to "
        "its own `ready.timeout`",
        pattern=NAME,
        rule="must be names of services",
        example='["db"]',
    ),
    "ready": Key(
        "table",
        "additional conditions for ready, besides listening on its port",
        keys=READY,
        example='{ http = "/healthz", timeout = 60 }',
    ),
    "stop_signal": Key(
        "text",
        "signal that asks the service to stop",
        default=Service.stop_signal,
        choices=("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2"),
    ),
    "stop_timeout": Key(
        "number",
        "seconds between `stop_signal` and SIGKILL",
        default=Service.stop_timeout,
        low=0.1,
        high=600,
    ),
    "attempts": Key(
        "integer",
        "maximum number of starts if the port is lost",
        default=Service.attempts,
        low=1,
        high=20,
    ),
    "on_conflict": Key(
        "text",
        "if the port is in use: `ask` before stopping the holder; `reclaim`: stop "
        "orphaned servers of this project without asking, ask for others; `next`: use "
        "the next free port of the 49 above it, without asking; `fail`. The same holds "
        "each time that it is lost before the server is ready",
        default=Service.on_conflict,
        choices=("ask", "reclaim", "next", "fail"),
    ),
    "handoff": Key(
        "text",
        "how the server gets the port: `fd`: it inherits the socket (uvicorn, "
        "gunicorn, hypercorn, daphne, puma, or your own `{fd}`; flask and nginx only "
        "on request); `hook`: a hook in Python and Node programs passes the socket to "
        "the server's bind (also behind npm and reloaders); `plain`: devports holds "
        "the port until the server listens; `auto`: the first of these that works for "
        "the command; `none`: devports releases the port just before the start, and "
        "loads nothing into the server",
        default=Service.handoff,
        choices=("auto", "fd", "hook", "plain", "none"),
    ),
    "vscode": Key("table", "what `devports vscode` writes for the service", keys=VSCODE),
}

COMMON = ("host", "port_per", "stop_signal", "stop_timeout", "attempts", "on_conflict", "handoff")
DEFAULTS = {name: key for name, key in SERVICE.items() if name in COMMON}
"""Keys that make sense for every service: a port or a command belongs to one service."""

TOP = ("defaults", "services")

KEY_ALIASES = {
    "command": ("cmd", "run", "exec"),
    "cwd": ("dir", "directory", "path", "workdir", "working_dir"),
    "env": ("environment",),
    "env_file": ("dotenv",),
    "host": ("address", "bind", "hostname"),
    "depends_on": ("requires",),
    "ready": ("healthcheck", "health"),
    "attempts": ("retries",),
    "stop_signal": ("signal",),
    "stop_timeout": ("timeout",),
    "http": ("url",),
    "task": ("label",),
}
"""Names of these keys in compose, supervisord and tasks.json: for "did you mean" only."""

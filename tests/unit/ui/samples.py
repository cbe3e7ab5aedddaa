"""A small cast for the tests of `devports.ui`: sockets, people behind them, verdicts, streams."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from devports.core.holder_kind import (
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    RunInfo,
    SupervisedService,
)
from devports.core.holder_kind import Place as Home
from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    PortSpec,
    Process,
    ProcessKey,
    Socket,
    VisibilityGap,
)
from devports.core.stop_plan import StopTarget
from devports.core.verdict import (
    Finding,
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    Unconfirmed,
)
from devports.detect.model import DetectedService, SkippedService, Source
from devports.errors import DevportsError
from devports.records import RunRecord, RunStatus
from devports.system.inspect import ListenerGroup
from devports.ui.console import Console
from devports.ui.processes import DisplayContext
from devports.ui.rich_console import draw_report
from devports.ui.status_rows import Section, StatusEntry, StatusPort

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devports.core.model import State
    from devports.ui.reports import Line

NOW = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
ANN = DisplayContext(1000, "/home/ann", NOW)


class Stream(io.StringIO):
    """A stream in memory that is a terminal or is not."""

    def __init__(self, *, terminal: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        super().isatty()  # raises when closed, as files do
        return self._terminal


class Stage:
    """A screen on streams in memory."""

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        terminal: bool = True,
        may_ask: bool = True,
        encoding: str = "utf-8",
        **more: str,
    ) -> None:
        self.stdin = Stream(terminal=terminal)
        self.stdout = Stream(terminal=terminal, encoding=encoding)
        self.stderr = Stream(terminal=terminal, encoding=encoding)
        whole = {"TERM": "xterm", "HOME": "/home/ann", **(env or {}), **more}
        self.screen = Console(self.stdin, self.stdout, self.stderr, whole, may_ask=may_ask)


def process(pid: int, name: str = "node", *argv: str, age: float = 7300, **more: Any) -> Process:
    facts: dict[str, Any] = {"uid": 1000, "user": "ann", "cwd": "/home/ann/shop/web", **more}
    started = NOW - age if age else 0.0
    return Process(ProcessKey(pid, pid * 10), 1, name=name, argv=argv, started=started, **facts)


PLAIN = {"NO_COLOR": "1"}
SCREENS = {
    **{f"{columns} columns": Stage(PLAIN, COLUMNS=str(columns)) for columns in (60, 80, 100, 120)},
    "NO_COLOR, 40 columns": Stage(PLAIN, COLUMNS="40"),
    "TERM=dumb": Stage(TERM="dumb", COLUMNS="60"),
    "ASCII": Stage(PLAIN, COLUMNS="60", encoding="ascii"),
    "colour": Stage(COLUMNS="60"),
    "colour in ASCII": Stage(COLUMNS="60", encoding="ascii"),
}
"""Terminals on which a screen is tried."""


def drawn(stage: Stage, lines: Iterable[Line]) -> str:
    """Return what a terminal gets, its escapes made visible."""
    stage.stdout.seek(0)
    stage.stdout.truncate()
    draw_report(stage.screen, "stdout", lines)
    told = [line.rstrip(" ") for line in stage.stdout.getvalue().splitlines()]
    return "\n".join(told).replace("\x1b[0m", "⟧").replace("\x1b[", "⟦")


INIT = process(1, "systemd", uid=0, user="root")
CODE = process(200, "code", "/usr/share/code/code")
ZSH = process(300, "zsh", "-zsh")
NPM = process(400, "npm run dev", "npm run dev")
NODE = process(4242, "node", "node", "server.js", "--port", "8000")
PYTHON = process(77, "python", "python", "app.py", age=40)
ROOT_DB = process(412, "fakedb", "fakedb", uid=0, user="root", age=400_000)

HERE = Endpoint("127.0.0.1", 8000)
SISTER = Endpoint("::1", 8000)
PEER = Endpoint("93.184.216.34", 443)


def socket(at: Endpoint, state: State = "LISTEN", inode: int = 0, **more: Any) -> Socket:
    return Socket(at, None if state in ("LISTEN", "BOUND") else PEER, state, inode, **more)


def leftovers(number: int, **more: Any) -> tuple[Socket, ...]:
    return tuple(socket(HERE, "TIME_WAIT", expires=40.2 + n, **more) for n in range(number))


EVERYWHERE = (socket(Endpoint("0.0.0.0", 8000), inode=5), socket(Endpoint("::", 8000), inode=6))
NODE_HOLDER = Holder(NODE, (5, 6), (NPM, ZSH, CODE, INIT))
PYTHON_HOLDER = Holder(PYTHON, (7,), (ZSH,))
HIDDEN = HiddenSocket(EVERYWHERE[0], "root", "fakedb.service", (ROOT_DB,))
UNREAD = VisibilityGap("unreadable-processes", "the descriptors of 3 processes of other users")
NO_NETLINK = VisibilityGap("no-netlink", "the kernel's socket monitor is not available here")

FREE = Finding(HERE, Free(), HolderSearch())
UNCONFIRMED = Finding(HERE, Unconfirmed(("netstat", "lsof")), HolderSearch())
FREE_SISTER = Finding(SISTER, Free(), HolderSearch())
HELD = Finding(HERE, Held(EVERYWHERE), HolderSearch((NODE_HOLDER,)))
BOUND = Finding(HERE, Held((socket(HERE, "BOUND", 7),)), HolderSearch((PYTHON_HOLDER,)))
HIDING = Finding(HERE, Held(EVERYWHERE[:1]), HolderSearch((), (HIDDEN,), gaps=(UNREAD,)))
LINGERING = Finding(HERE, LingeringConnections(leftovers(3), blocking=False), HolderSearch())
BLOCKING = Finding(HERE, LingeringConnections(leftovers(1), blocking=True), HolderSearch())
DRAINING = Finding(
    HERE,
    LingeringConnections(
        (socket(HERE, "ESTABLISHED", 5), socket(HERE, "CLOSE_WAIT", 6)), blocking=False
    ),
    HolderSearch((NODE_HOLDER,)),
)
SHADOWED = Finding(
    HERE, LocalhostConflict((socket(SISTER, inode=5),)), HolderSearch((NODE_HOLDER,))
)
CLIENT = Finding(
    Endpoint("127.0.0.1", 41234),
    OutgoingConnection((socket(Endpoint("127.0.0.1", 41234), "ESTABLISHED", 9),)),
    HolderSearch((Holder(process(90, "curl", "curl", "https://example.org"), (9,)),)),
)
BESIDE_CLIENT = CLIENT.replace(verdict=CLIENT.verdict.replace(blocking=False))
UNEXPLAINED = Finding(HERE, HolderUnknown((NO_NETLINK,)), HolderSearch())
PRIVILEGED = Finding(Endpoint("0.0.0.0", 80), NotPermitted(), HolderSearch())
EXCLUDED = Finding(Endpoint("0.0.0.0", 50000), NotPermitted(), HolderSearch())
ELSEWHERE = Finding(Endpoint("10.9.9.9", 8000), NotLocal(), HolderSearch())

EVERY_FINDING = (
    FREE, UNCONFIRMED, HELD, BOUND, HIDING, LINGERING, BLOCKING, DRAINING, SHADOWED, CLIENT,
    BESIDE_CLIENT, UNEXPLAINED, PRIVILEGED, EXCLUDED, ELSEWHERE,
)  # fmt: skip

NODE_TARGET = StopTarget(NODE, OrdinaryProcess(), (NODE_HOLDER,))
UVICORN = process(10, "uvicorn", "uvicorn", "main:app", "--reload")
WORKERS = tuple(
    Holder(process(pid, "python", "python", "-c", "spawn_main"), (5,), (UVICORN, ZSH))
    for pid in (11, 12)
)
UVICORN_TARGET = StopTarget(UVICORN, OrdinaryProcess(), (Holder(UVICORN, (5,), (ZSH,)), *WORKERS))
NPM_TARGET = StopTarget(NPM, OrdinaryProcess(), (NODE_HOLDER,))
ROOT_TARGET = StopTarget(ROOT_DB, OtherUser("root", permitted=False), (Holder(ROOT_DB, (5,)),))
UNIT_TARGET = StopTarget(
    ROOT_DB,
    SupervisedService("systemd", "fakedb.service", "sudo systemctl stop fakedb.service"),
    (Holder(ROOT_DB, (5,)),),
)

EVIL = "\x1b[31mred\x07 [red]x[/red] a\nerror: fake"
EVIL_NODE = process(
    66, EVIL, "node", EVIL, cwd=f"/home/ann/{EVIL}", user=EVIL, uid=5, exe=f"/bin/{EVIL}"
)
EVIL_FINDING = Finding(
    HERE,
    Held(EVERYWHERE),
    HolderSearch(
        (Holder(EVIL_NODE, (5, 6), (EVIL_NODE.replace(key=ProcessKey(65, 1)),)),),
        (HiddenSocket(EVERYWHERE[0], EVIL, f"{EVIL}.service", (EVIL_NODE,)),),
        gaps=(VisibilityGap("x", EVIL),),
    ),
)
EVIL_TARGET = StopTarget(EVIL_NODE, OtherUser(EVIL, permitted=True), EVIL_FINDING.holding.holders)

DEVPORTS = process(4200, "devports", "devports", "run", "web")
RECORD = RunRecord(
    DEVPORTS.key, "web", "/home/ann/shop", "serving", PortSpec("localhost", 8000), server=NODE.key
)
RUN = RunStatus(RECORD)
MINE = DevportsRun(RunInfo(DEVPORTS.key, "web", "/shop"))
SIBLING = OtherCheckout(
    "sibling", Home("/home/ann/shop", "main"), Home("/home/ann/fix", "fix"), MINE.run
)
LEFT = DevportsRun(RunInfo(NODE.key, "web", "/shop", orphaned=True))
URL = "http://localhost:8000/"
SERVED = StatusEntry(
    "web",
    (StatusPort(HELD, "serving", URL, RUN), StatusPort(FREE_SISTER, "not-listening", run=RUN)),
    text="web",
)
BROKEN = StatusEntry(
    "api",
    text="api",
    address="nowhere.invalid:9000",
    error=DevportsError("host-unknown", "the host does not resolve", service="api"),
)
EVERYBODY = (
    Section(
        (
            SERVED.replace(places=SERVED.places[:1]),
            StatusEntry("", (StatusPort(BOUND),), role="found"),
        ),
        ListenerGroup("project", "/home/ann/shop", "main", "/home/ann/shop/.git"),
    ),
    Section((StatusEntry("", (StatusPort(HIDING),), role="found"),), ListenerGroup("system")),
)
HOSTILE = Section(
    (StatusEntry(EVIL, (StatusPort(EVIL_FINDING),)),),
    ListenerGroup("project", f"/{EVIL}", EVIL, f"/{EVIL}/.git"),
)

FOUND = DetectedService(
    ("backend",),
    "uvicorn",
    (Source("main.py", 3, "app = FastAPI()"),),
    command="uvicorn main:app --token s3cr3t --port {port}",
    folder="api",
    port=8000,
    env=(("KEY", "s3cr3t"),),
    notes=("Mind this.",),
)
FOUND_DB = DetectedService(("db",), "container", (Source("compose.yaml", 0),))
LEFT_OUT = SkippedService(Source("Procfile", 2, "log: tail -f x"), "no server")

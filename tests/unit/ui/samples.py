"""A small cast for the tests of `devports.ui`: sockets, people behind them, verdicts, streams."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from devports.core.diagnosis import (
    Finding,
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
)
from devports.core.model import (
    Endpoint,
    Gap,
    Hidden,
    Holder,
    Holding,
    PortSpec,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.plan import Target
from devports.core.standing import Elsewhere, Mine, OtherUser, Plain, Run, Supervised
from devports.core.standing import Place as Home
from devports.detect.found import Found, LeftOut, Source
from devports.errors import DevportsError
from devports.records import Record
from devports.records.stage import Charge
from devports.system.census import Group
from devports.ui.console import Screen
from devports.ui.rows import Entry, Place, Section
from devports.ui.who import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devports.core.model import State

NOW = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
ANN = Reader(1000, "/home/ann", NOW)


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
        self.screen = Screen(self.stdin, self.stdout, self.stderr, whole, may_ask=may_ask)


def process(pid: int, name: str = "node", *argv: str, age: float = 7300, **more: Any) -> Process:
    facts: dict[str, Any] = {"uid": 1000, "user": "ann", "cwd": "/home/ann/shop/web", **more}
    started = NOW - age if age else 0.0
    return Process(ProcessKey(pid, pid * 10), 1, name=name, argv=argv, started=started, **facts)


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
HIDDEN = Hidden(EVERYWHERE[0], "root", "fakedb.service", (ROOT_DB,))
UNREAD = Gap("unreadable-processes", "the descriptors of 3 processes of other users")
NO_NETLINK = Gap("no-netlink", "the kernel's socket monitor is not available here")

FREE = Finding(HERE, Free(), Holding())
FREE_SISTER = Finding(SISTER, Free(), Holding())
HELD = Finding(HERE, Held(EVERYWHERE), Holding((NODE_HOLDER,)))
BOUND = Finding(HERE, Held((socket(HERE, "BOUND", 7),)), Holding((PYTHON_HOLDER,)))
HIDING = Finding(HERE, Held(EVERYWHERE[:1]), Holding((), (HIDDEN,), gaps=(UNREAD,)))
LINGERING = Finding(HERE, Lingering(leftovers(3), blocking=False), Holding())
BLOCKING = Finding(HERE, Lingering(leftovers(1), blocking=True), Holding())
DRAINING = Finding(
    HERE,
    Lingering((socket(HERE, "ESTABLISHED", 5), socket(HERE, "CLOSE_WAIT", 6)), blocking=False),
    Holding((NODE_HOLDER,)),
)
SHADOWED = Finding(HERE, Shadowed((socket(SISTER, inode=5),)), Holding((NODE_HOLDER,)))
CLIENT = Finding(
    Endpoint("127.0.0.1", 41234),
    HeldByClient((socket(Endpoint("127.0.0.1", 41234), "ESTABLISHED", 9),)),
    Holding((Holder(process(90, "curl", "curl", "https://example.org"), (9,)),)),
)
BESIDE_CLIENT = CLIENT.but(verdict=CLIENT.verdict.but(blocking=False))
UNEXPLAINED = Finding(HERE, Unexplained((NO_NETLINK,)), Holding())
PRIVILEGED = Finding(Endpoint("0.0.0.0", 80), Forbidden(), Holding())
EXCLUDED = Finding(Endpoint("0.0.0.0", 50000), Forbidden(), Holding())
ELSEWHERE = Finding(Endpoint("10.9.9.9", 8000), NotLocal(), Holding())

EVERY_FINDING = (
    FREE, HELD, BOUND, HIDING, LINGERING, BLOCKING, DRAINING, SHADOWED, CLIENT, BESIDE_CLIENT,
    UNEXPLAINED, PRIVILEGED, EXCLUDED, ELSEWHERE,
)  # fmt: skip

NODE_TARGET = Target(NODE, Plain(), (NODE_HOLDER,))
UVICORN = process(10, "uvicorn", "uvicorn", "main:app", "--reload")
WORKERS = tuple(
    Holder(process(pid, "python", "python", "-c", "spawn_main"), (5,), (UVICORN, ZSH))
    for pid in (11, 12)
)
UVICORN_TARGET = Target(UVICORN, Plain(), (Holder(UVICORN, (5,), (ZSH,)), *WORKERS))
NPM_TARGET = Target(NPM, Plain(), (NODE_HOLDER,))
ROOT_TARGET = Target(ROOT_DB, OtherUser("root", permitted=False), (Holder(ROOT_DB, (5,)),))
UNIT_TARGET = Target(
    ROOT_DB,
    Supervised("systemd", "fakedb.service", "sudo systemctl stop fakedb.service"),
    (Holder(ROOT_DB, (5,)),),
)

EVIL = "\x1b[31mred\x07 [red]x[/red] a\nerror: fake"
EVIL_NODE = process(
    66, EVIL, "node", EVIL, cwd=f"/home/ann/{EVIL}", user=EVIL, uid=5, exe=f"/bin/{EVIL}"
)
EVIL_FINDING = Finding(
    HERE,
    Held(EVERYWHERE),
    Holding(
        (Holder(EVIL_NODE, (5, 6), (EVIL_NODE.but(key=ProcessKey(65, 1)),)),),
        (Hidden(EVERYWHERE[0], EVIL, f"{EVIL}.service", (EVIL_NODE,)),),
        gaps=(Gap("x", EVIL),),
    ),
)
EVIL_TARGET = Target(EVIL_NODE, OtherUser(EVIL, permitted=True), EVIL_FINDING.holding.holders)

DEVPORTS = process(4200, "devports", "devports", "run", "web")
RECORD = Record(
    DEVPORTS.key, "web", "/home/ann/shop", "serving", PortSpec("localhost", 8000), server=NODE.key
)
RUN = Charge(RECORD)
MINE = Mine(Run(DEVPORTS.key, "web", "/shop"))
SIBLING = Elsewhere(
    "sibling", Home("/home/ann/shop", "main"), Home("/home/ann/fix", "fix"), MINE.run
)
LEFT = Mine(Run(NODE.key, "web", "/shop", left=True))
URL = "http://localhost:8000/"
SERVED = Entry(
    "web",
    (Place(HELD, "serving", URL, RUN), Place(FREE_SISTER, "not-listening", run=RUN)),
    text="web",
)
BROKEN = Entry(
    "api",
    text="api",
    address="nowhere.invalid:9000",
    error=DevportsError("host-unknown", "the host does not resolve", service="api"),
)
EVERYBODY = (
    Section(
        (SERVED.but(places=SERVED.places[:1]), Entry("", (Place(BOUND),), role="found")),
        Group("project", "/home/ann/shop", "main", "/home/ann/shop/.git"),
    ),
    Section((Entry("", (Place(HIDING),), role="found"),), Group("system")),
)

FOUND = Found(
    ("backend",),
    "uvicorn",
    (Source("main.py", 3, "app = FastAPI()"),),
    command="uvicorn main:app --token s3cr3t --port {port}",
    folder="api",
    port=8000,
    env=(("KEY", "s3cr3t"),),
    notes=("Mind this.",),
)
FOUND_DB = Found(("db",), "container", (Source("compose.yaml", 0),))
LEFT_OUT = LeftOut(Source("Procfile", 2, "log: tail -f x"), "no server")

"""The shapes of what programs read: the results of ``--json``, the events of `run --events`.

mypy checks the code against them, and `tests/tools/schemas.py` generates the shipped JSON Schemas
from them: a docstring becomes a description. They exist for both alone: no command imports this.
Every key of a result is always present, null if unknown; no other key is. Additions are allowed
within version 1, any other change is version 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypedDict

from devports.core.text import LAST_PORT
from devports.core.verdict import EVERY

if TYPE_CHECKING:
    from devports.core.holder_kind import Relation, Said
    from devports.core.model import State
    from devports.core.recovery import EndReason, HandoffMode, WhyReleased
    from devports.core.self_test import About
    from devports.core.service import Handoff, OnConflict, PortPer
    from devports.core.stop_plan import Answer, QuestionKind, Touch, Why

Count: TypeAlias = Annotated[int, ("minimum", 0)]
Port: TypeAlias = Annotated[int, ("minimum", 1), ("maximum", LAST_PORT)]
ExitCode: TypeAlias = Annotated[int, ("minimum", 0), ("maximum", 255)]
Seconds: TypeAlias = Annotated[float, ("minimum", 0)]
Time: TypeAlias = Annotated[str, ("format", "date-time"), ("pattern", "Z$")]
Verdict: TypeAlias = Annotated[str, ("enum", EVERY)]
Status: TypeAlias = Literal["ok", "partial", "error"]


class Socket(TypedDict):
    """One TCP socket whose local port is in question."""

    address: str
    port: Port
    remote_address: str | None
    remote_port: Count | None
    state: State
    inode: Count
    uid: Count | None
    seconds_left: Seconds | None


class Process(TypedDict):
    """A process; secrets in its command line are masked."""

    pid: Count
    ppid: Count
    uid: int
    user: str
    name: str
    command_line: str
    cwd: str
    exe: str
    state: str
    started_at: Time | None
    uptime_seconds: Seconds | None


class Ancestor(TypedDict):
    """A process that started it, parent first."""

    pid: Count
    name: str


class Holder(Process):
    """A process that has one of the sockets open."""

    inodes: list[Count]
    ancestors: list[Ancestor]


class Hidden(TypedDict):
    """A socket whose process could not be read, and what is known of it."""

    socket: Socket
    user: str
    unit: str
    likely: list[Process]


class Gap(TypedDict):
    """Information that this user cannot read."""

    code: str
    detail: str


class Endpoint(TypedDict):
    """The verdict on one address and port.

    `bindable`: whether a server with SO_REUSEADDR can start; null if the sources of this machine
    have failed the self-test, so that no holder was found but may be there.
    """

    address: str
    port: Port
    verdict: Verdict
    bindable: bool | None
    seconds_left: Seconds | None
    sockets: list[Socket]
    holders: list[Holder]
    hidden: list[Hidden]
    complete: bool
    gaps: list[Gap]


class Shown(Endpoint):
    """An endpoint, and the state of a `devports run` there; null without a run."""

    state: (
        Literal[
            "starting",
            "serving",
            "stalled",
            "suspended",
            "stopping",
            "not-listening",
            "left-behind",
        ]
        | None
    )
    url: str | None


class Run(TypedDict):
    """A `devports run`, from its record. A run that is not live may have orphaned its server.

    `stalled`: its server was ready, and accepts no connections.
    """

    pid: Count
    service: str
    project: str
    state: Literal["starting", "serving", "stopping"]
    stalled: bool
    live: bool


class RunEnd(TypedDict):
    """How the last run of a service ended; kept until its next start, or `down`.

    `reason`: `declined` if the port was in use and not freed; `supervised` if its holder is not to
    be stopped by devports; `ready`: whether the server had been ready.
    """

    code: Count
    reason: EndReason
    ready: bool
    ended_at: Time


class Listener(TypedDict):
    service: str | None
    run: Run | None
    endpoint: Shown


class Group(TypedDict):
    """All listeners of one git checkout or folder, or of the system."""

    kind: Literal["project", "folder", "system"]
    folder: str | None
    branch: str | None
    listeners: list[Listener]


class Standing(TypedDict):
    """The kind of a process. `detail`: the service, user, unit, engine, tunnel or reason.

    `engine_said`: how many containers publish the port, or why the engine did not answer; with
    `one` it can be stopped. `relation`: for `elsewhere`, whether its `folder` is another checkout
    of this repository or another project.
    """

    kind: Literal[
        "plain", "mine", "elsewhere", "other-user", "tunnel", "supervised", "container", "protected"
    ]
    detail: str | None
    stop: str | None
    container: str | None
    image: str | None
    engine_said: Said | None
    folder: str | None
    branch: str | None
    relation: Relation | None


class Ended(Process):
    """A group that is stopped together: its root process, and the pids of its holders."""

    standing: Standing
    members: list[Count]


class Outcome(TypedDict):
    """The result of stopping one process. `seconds`: from the first signal until the port was free.

    `complaint`: why the engine did not stop the container. `asks`: for `planned`, whether devports
    would ask first. `parent`: of a stopped process, one that is still running and may restart it;
    of `respawned`, the parent of both processes. `orphans`: child processes of a stopped process
    that are still running and hold no port.
    """

    kind: Literal[
        "planned",
        "stopped",
        "container-stopped",
        "stop-failed",
        "already-gone",
        "declined",
        "refused",
        "timed-out",
        "respawned",
    ]
    process: Ended
    signals: list[str]
    exited: bool | None
    bindable: bool | None
    seconds: Seconds | None
    why: Why | None
    complaint: str | None
    asks: bool | None
    successor: Ended | None
    parent: Process | None
    orphans: list[Process]


class Spared(Process):
    """A process that was not stopped because it does not hold the port.

    `why`: it is a client of the server, or the port is the local end of another connection.
    """

    why: Touch


class Remedy(TypedDict):
    """A command to run manually. Without a command it is advice."""

    title: str
    command: str | None
    needs_root: bool


class Problem(TypedDict):
    """A problem that doctor found. `holders`: the processes to stop for the port to be free."""

    code: str
    severity: Literal["error", "warning", "note"]
    service: str | None
    port: Port | None
    message: str
    evidence: list[str]
    why: str
    holders: list[Ended]
    remedies: list[Remedy]


class Ready(TypedDict):
    """Conditions for ready, besides listening on its port."""

    http: str
    timeout: Seconds
    owner: str
    log: str


class Service(TypedDict):
    """A declared service. Of `env` only the names are shown."""

    name: str
    host: str
    port: Port
    ports: dict[str, Port]
    port_per: PortPer
    command: str | list[str]
    shell: bool
    cwd: str
    env: list[str]
    env_file: str
    depends_on: list[str]
    ready: Ready
    stop_signal: str
    stop_timeout: Seconds
    attempts: Count
    on_conflict: OnConflict
    handoff: Handoff


class Source(TypedDict):
    """The file and line that a fact comes from."""

    file: str
    line: Count | None
    text: str


class Found(TypedDict):
    """A service detected in files of the project. `stated`: one of them names the port.

    Of `env` only the names are shown.
    """

    name: str
    kind: str
    port: Port | None
    stated: bool
    ports: dict[str, Port]
    command: str | None
    shell: bool
    cwd: str
    env: list[str]
    sources: list[Source]
    notes: list[str]


class EditorFile(TypedDict):
    """A file of the editor. `state`: as found; `absent`: not there and not needed.

    `difference`: what was, or would be, changed, line by line as `diff -u` shows it.
    """

    path: str
    state: Literal["current", "stale", "missing", "absent"]
    written: bool
    difference: list[str]


class EditorNote(TypedDict):
    """A decision left to you. `snippet`: JSON to paste."""

    code: str
    message: str
    hints: list[str]
    snippet: str | None


class Error(TypedDict):
    """An error."""

    code: str
    message: str
    service: str | None
    hints: list[str]


class Checked(TypedDict):
    target: str
    bindable: bool | None
    verdict: Verdict
    endpoints: list[Endpoint]


class CheckData(TypedDict):
    targets: list[Checked]


class FreeTarget(Checked):
    outcomes: list[Outcome]
    spared: list[Spared]


class FreeData(TypedDict):
    targets: list[FreeTarget]


class StatusService(TypedDict):
    service: str | None
    target: str
    bindable: bool | None
    verdict: Verdict
    endpoints: list[Shown]
    run: Run | None
    base: Port | None
    url: str | None
    ended: RunEnd | None


class StatusData(TypedDict):
    """`groups` instead of `services` with --all, which binds nothing.

    `offset`: of this checkout, null without a service; `base` of a service: its declared port.
    """

    services: list[StatusService]
    groups: list[Group] | None
    offset: Count | None
    gaps: list[Gap]


class UpService(TypedDict):
    """What became of a service.

    `started`: by this call; `pid`: of its server; `run`: pid of its `devports run`; `base`: the
    declared port; `seconds`: until it was ready; `error`: the code of its error.
    """

    service: str
    state: Literal["ready", "failed", "not-started", "stopped"]
    started: bool
    url: str | None
    endpoint: str
    base: Count
    pid: Count | None
    run: Count | None
    background: bool
    seconds: Seconds
    log: str | None
    error: str | None


class UpData(TypedDict):
    services: list[UpService]


class DownService(TypedDict):
    """What became of the run of a service; `left`: where it runs, if it was not stopped."""

    service: str
    stopped: bool
    left: Literal["terminal"] | None
    seconds: Seconds


class DownData(TypedDict):
    services: list[DownService]


class WaitTarget(Checked):
    happened: bool
    seconds: Seconds


class WaitData(TypedDict):
    until: Literal["ready", "free"]
    targets: list[WaitTarget]


class Address(TypedDict):
    """Where a service is: the port in this checkout, and the declared one (`base`)."""

    host: str
    port: Port
    base: Port
    url: str | None
    ports: dict[str, Port]


class EnvData(TypedDict):
    offset: Count
    variables: dict[str, str]
    services: dict[str, Address]


class Assigned(TypedDict):
    """The ports of a service in one checkout, and the declared one (`base`)."""

    port: Port
    base: Port
    ports: dict[str, Port]


class Checkout(TypedDict):
    """A checkout of the project. `here`: devports was called in it."""

    folder: str
    branch: str | None
    offset: Count
    here: bool
    ports: dict[str, Assigned]


class PortsData(TypedDict):
    """`offset`: of this checkout, null if it has none; `released`: the forgotten folder."""

    offset: Count | None
    project: str | None
    checkouts: list[Checkout]
    released: str | None


class DoctorService(TypedDict):
    service: str | None
    target: str
    bindable: bool | None
    verdict: Verdict
    endpoints: list[Endpoint]


class UntrueFact(TypedDict):
    """A fact that a source shows differently. `lines`: its own text about the port."""

    case: str
    about: About
    expected: str
    seen: str
    lines: list[str]


class TestedSource(TypedDict):
    """A source of sockets. `decides`: devports relies on it. `missing`: why it does not answer."""

    name: str
    cases: Count
    cannot_show: list[str]
    decides: bool
    missing: str | None
    differences: list[UntrueFact]


class SkippedCase(TypedDict):
    case: str
    why: str


class SelfTest(TypedDict):
    """The result of `doctor --self-test`. `about`: the versions it depends on."""

    passed: bool
    seconds: Seconds
    about: dict[str, str]
    sources: list[TestedSource]
    skipped: list[SkippedCase]


class DoctorData(TypedDict):
    config: str | None
    healthy: bool
    services: list[DoctorService]
    problems: list[Problem]
    gaps: list[Gap]
    self_test: SelfTest | None


class LeftOut(Source):
    why: str


class InitData(TypedDict):
    """`unread`: what a limit of the search excluded; `whole`: nothing."""

    path: str
    written: bool
    text: str
    whole: bool
    unread: list[str]
    services: list[Found]
    left_out: list[LeftOut]
    next: str | None


class ValidateData(TypedDict):
    path: str
    services: list[Service]


class VscodeData(TypedDict):
    mode: Literal["write", "check", "diff"]
    in_sync: bool
    files: list[EditorFile]
    notes: list[EditorNote]


class Result(TypedDict):
    """The only thing that `devports ... --json` writes to stdout."""

    schema_version: Literal[1]
    command: list[str]
    status: Status
    exit_code: ExitCode
    data: Annotated[object, ("type", "object")]
    errors: list[Error]


class EventProcess(TypedDict):
    pid: Count
    name: str
    user: str


class OptionalKeys(TypedDict, total=False):
    """Keys that some events may have: none of them is guaranteed."""

    bindable: bool
    clients: int
    container: str | None
    dependency: str
    endpoint: str
    next_attempt: None
    pid: int
    seconds: float
    why: str


WaitingFor = TypedDict("WaitingFor", {"for": Literal["port", "predecessor", "dependency"]})


class Waiting(WaitingFor, OptionalKeys):
    """The run waits for another event; a `dependency` is named by the key of that name."""

    event: Literal["waiting"]


class Asked(TypedDict):
    """A question was answered."""

    event: Literal["asked"]
    kind: QuestionKind
    process: EventProcess
    answer: Answer


class Signalling(TypedDict):
    """A holder of the port is being stopped."""

    event: Literal["signalling"]
    signal: str
    process: EventProcess


class StoppingContainer(TypedDict):
    """The engine is stopping the container that publishes the port."""

    event: Literal["stopping-container"]
    process: EventProcess
    container: str | None


class Watching(TypedDict):
    """The port is free; a supervisor may restart the holder."""

    event: Literal["watching"]
    seconds: Seconds
    process: EventProcess


class Freed(OptionalKeys):
    """A holder was stopped or closed the port."""

    event: Literal["freed"]
    process: EventProcess
    signals: list[str]
    exited: bool


class NotFreed(OptionalKeys):
    """The holder is still running."""

    event: Literal["not-freed"]
    process: EventProcess
    signals: list[str]


class TakenAgain(TypedDict):
    """Another process has taken the port."""

    event: Literal["taken-again"]
    process: EventProcess


class Declined(TypedDict):
    """The question was answered no."""

    event: Literal["declined"]
    process: EventProcess


class Refused(TypedDict):
    """devports does not stop this process."""

    event: Literal["refused"]
    process: EventProcess
    why: str


class Planned(TypedDict):
    """The holder would be stopped."""

    event: Literal["planned"]
    process: EventProcess
    asks: bool


class PortChanged(TypedDict):
    """Another port is used."""

    event: Literal["port-changed"]
    declared: Port
    used: Port


class Unrecorded(TypedDict):
    """The record of this run cannot be written."""

    event: Literal["unrecorded"]
    why: str


class Unwatched(TypedDict):
    """The watchdog process has exited: after a SIGKILL of devports the server keeps running."""

    event: Literal["unwatched"]


class Started(TypedDict):
    """The server was started. `handoff`: how it gets the port."""

    event: Literal["started"]
    endpoint: str
    attempt: Count
    handoff: HandoffMode
    how: str | None


class HandoffFailed(TypedDict):
    """The handoff failed; the server is started once more without the reservation."""

    event: Literal["handoff-failed"]
    handoff: HandoffMode


class EndedAlike(TypedDict):
    """Without the reservation the server exited as it did with it."""

    event: Literal["ended-alike"]


class BoundOnly(TypedDict):
    """The server has bound the port but is not listening."""

    event: Literal["bound-only"]
    endpoint: str


class Elsewhere(TypedDict):
    """The server listens on another port than the declared one."""

    event: Literal["elsewhere"]
    endpoint: str
    listens: str


class BindRefused(TypedDict):
    """Another port of the server cannot be bound; `process` has it.

    `error`: why its bind failed, as the system calls it; null if its command names the port.
    `exit_code`: null while the server is running.
    """

    event: Literal["bind-refused"]
    endpoint: str
    process: EventProcess | None
    error: str | None
    exit_code: int | None


class Released(TypedDict):
    """devports released the port for the running server; `line` is its output about it, if any."""

    event: Literal["released"]
    endpoint: str
    line: str
    why: WhyReleased


class ServerReady(TypedDict):
    """A process of the server listens on the port and responds as configured."""

    event: Literal["ready"]
    endpoint: str
    process: EventProcess | None
    seconds: Seconds


class Stalled(TypedDict):
    """The server accepts no connections, since `process` exited; null: since none listens."""

    event: Literal["stalled"]
    endpoint: str
    process: EventProcess | None


class Queued(TypedDict):
    """That many connections wait for `seconds` to be accepted: the server is busy or stuck."""

    event: Literal["queued"]
    endpoint: str
    connections: Count
    seconds: Seconds


class Accepting(TypedDict):
    """After `stalled` or `queued`: the server accepts connections again."""

    event: Literal["accepting"]
    endpoint: str


class SharedPort(TypedDict):
    """Another process listens on the address too (SO_REUSEPORT)."""

    event: Literal["shared"]
    endpoint: str
    process: EventProcess


class Redirected(TypedDict):
    """A connection to the address was accepted before the server listened: it is redirected."""

    event: Literal["redirected"]
    endpoint: str


class Retry(TypedDict):
    """The port was lost; the server is started again."""

    event: Literal["retry"]
    foreign: bool
    line: str
    next_attempt: Count


class Lost(OptionalKeys):
    """The port was lost, and the server is not started again."""

    event: Literal["lost"]
    foreign: bool
    line: str


class Stopping(TypedDict):
    """The server is being stopped."""

    event: Literal["stopping"]
    signal: str


class Killing(TypedDict):
    """The server did not exit within its `stop_timeout`."""

    event: Literal["killing"]
    seconds: Seconds


class Strayed(TypedDict):
    """A process of the server has its own session. `ended`: it had the port and is stopped."""

    event: Literal["strayed"]
    process: EventProcess
    ended: bool


class LastEvent(TypedDict):
    """The last event. `source`: whose exit code it is."""

    event: Literal["ended"]
    exit_code: ExitCode
    source: Literal["child", "devports"]
    reason: str


Event: TypeAlias = (
    "Waiting | Asked | Signalling | StoppingContainer | Watching | Freed | NotFreed | TakenAgain"
    " | Declined | Refused | Planned | PortChanged | Unrecorded | Unwatched | Started"
    " | HandoffFailed | EndedAlike | BoundOnly | Elsewhere | BindRefused | Released | ServerReady"
    " | Stalled | Queued | Accepting | SharedPort | Redirected | Retry | Lost | Stopping | Killing"
    " | Strayed | LastEvent"
)
"""What a line has besides `time` and `service`; a reader ignores unknown kinds."""

from __future__ import annotations

from devports.core.holder_kind import Container, OtherUser, Protected, SupervisedService
from devports.core.stop_plan import (
    AlreadyGone,
    ContainerStopped,
    Declined,
    FreeResult,
    Killing,
    Question,
    Refused,
    Respawned,
    StopFailed,
    Stopped,
    StoppingContainer,
    Terminating,
    TimedOut,
    WaitingForPort,
    WatchingForRestart,
    WouldStop,
)
from devports.ui import progress
from tests.tools.golden import Family
from tests.unit.ui import samples as s

FAMILY = Family("progress")
NODE = s.NODE_TARGET
SLOW = NODE.replace(kind=Container("podman", "db", engine_answer="one", stop_timeout=60))
DB = NODE.replace(kind=Container("docker", "shop-db-1", "postgres:16", "ab" * 32, "one"))


FAMILY.says(
    "right now",
    progress.progress_text,
    {
        "it may come back": WatchingForRestart(3.98, s.NPM),
        "a container": StoppingContainer(DB),
        "a container that has more time to end than usual": StoppingContainer(SLOW),
        "terminate": Terminating(NODE),
        "kill": Killing(NODE),
        "leftovers": WaitingForPort(4.98),
        "a client is still connected": WaitingForPort(5, 1),
    },
)


FAMILY.says(
    "in the end",
    progress.result_text,
    {
        "it ended": Stopped(NODE, ("SIGTERM",), 0.31),
        "it was killed": Stopped(s.UVICORN_TARGET, ("SIGTERM", "SIGKILL"), 12.5),
        "it ended and that was not enough": Stopped(NODE, ("SIGTERM",), 0.31, bindable=False),
        "it finishes with its clients": Stopped(NODE, ("SIGTERM",), 0.31, exited=False),
        "it would be ended": WouldStop(NODE, asks=False),
        "it would be asked about": WouldStop(NODE, asks=True),
        "it had gone": AlreadyGone(NODE),
        "no": Declined(NODE),
        "no, to several": Declined(s.UVICORN_TARGET),
        "not permitted, of several": Refused(s.UVICORN_TARGET, "denied"),
        "supervised under a name that could not be read": Refused(
            s.UNIT_TARGET.replace(kind=SupervisedService("pm2", "", "pm2 list")), "supervised"
        ),
        "it does not end": TimedOut(NODE, ("SIGTERM", "SIGKILL")),
        "somebody took its place": Respawned(NODE, s.UVICORN_TARGET),
        "protected": Refused(NODE.replace(kind=Protected("a kernel thread")), "protected"),
        "container": Refused(NODE.replace(kind=Container("docker")), "container"),
        "a container, and nobody to ask": Refused(DB, "no-terminal"),
        "a container would be stopped": WouldStop(DB, asks=True),
        "a container was stopped": ContainerStopped(DB, 0.31),
        "a container was not stopped": StopFailed(DB, "No such\x1b container"),
        "container of nobody known": Refused(NODE, "container"),
        "protected without a reason": Refused(NODE, "protected"),
        "supervised without a command to stop it": Refused(
            s.UNIT_TARGET.replace(kind=SupervisedService("pm2", "web", "")), "supervised"
        ),
        "supervised": Refused(s.UNIT_TARGET, "supervised"),
        "supervised by nobody known": Refused(NODE, "supervised"),
        "another user": Refused(s.ROOT_TARGET, "other-user"),
        "another user whom we may signal": Refused(NODE, "other-user"),
        "another checkout": Refused(s.NPM_TARGET.replace(kind=s.SIBLING), "other-checkout"),
        "another project's run": Refused(
            NODE.replace(kind=s.SIBLING.replace(relation="project")), "other-checkout"
        ),
        "nobody to ask": Refused(NODE, "no-terminal"),
        "a service that shall fail": Refused(NODE, "on-conflict"),
        "not permitted": Refused(NODE, "denied"),
    },
)


FAMILY.says(
    "who is left",
    lambda outcome: "\n".join(progress.remaining_text(outcome)),
    {
        "nobody": Stopped(NODE, ("SIGTERM",), 0.31),
        "nobody was stopped": AlreadyGone(NODE),
        "a parent": Stopped(NODE, ("SIGTERM",), 0.31, parent=s.NPM),
        "a child": Stopped(NODE, ("SIGKILL",), 0.31, orphans=(s.NPM,)),
        "a parent and many children": Stopped(
            NODE, ("SIGKILL",), 0.31, parent=s.NPM, orphans=(s.NPM,) * 5
        ),
    },
)


FAMILY.says(
    "came back",
    progress.restart_text,
    {
        "started again": Respawned(NODE, s.UVICORN_TARGET, s.NPM, again=True),
        "perhaps started again": Respawned(NODE, s.UVICORN_TARGET, s.NPM),
        "another process": Respawned(NODE, s.UVICORN_TARGET),
    },
)


STOPPED = Stopped(NODE, ("SIGTERM",), 0.02)
FAMILY.says(
    "freed",
    lambda freed: progress.freed_text(freed, "port 8000"),
    {
        "it can be bound": FreeResult(True, 0, (STOPPED,), (s.FREE,)),
        "only a port that can be bound is freed": FreeResult(
            False, 94, (STOPPED.replace(bindable=False),), (s.BOUND,)
        ),
    },
)
FAMILY.says(
    "asked",
    lambda case: progress.question_text(
        Question(case[0], case[1], s.HELD, abrupt="abrupt" in case[3:]), case[2]
    ),
    {
        "one process": ("stop", NODE, ""),
        "a family, for a service": ("stop", s.UVICORN_TARGET, "web"),
        "what an earlier run left": ("stop", NODE.replace(kind=s.LEFT), ""),
        "another run of ours": ("stop", s.NPM_TARGET.replace(kind=s.MINE), ""),
        "another user": ("stop", NODE.replace(kind=OtherUser("bob", permitted=True)), ""),
        "another checkout": ("stop", s.NPM_TARGET.replace(kind=s.SIBLING), ""),
        "a container": ("container", DB, "web"),
        "a container that has more time to end than usual": ("container", SLOW, "web"),
        "what did not end": ("kill", NODE, ""),
        "one process of Windows": ("stop", NODE, "web", "abrupt"),
    },
)

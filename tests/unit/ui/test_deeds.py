from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
from devports.ui import progress as deeds
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from devports.core.stop_plan import Outcome, Progress, QuestionKind, StopTarget

NODE = s.NODE_TARGET
SLOW = NODE.but(standing=Container("podman", "db", said="one", stop_timeout=60))
DB = NODE.but(standing=Container("docker", "shop-db-1", "postgres:16", "ab" * 32, "one"))


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        pytest.param(
            WatchingForRestart(3.98, s.NPM),
            "the port can be bound; watching for 4 s whether `npm run dev` (pid 400) starts it"
            " again",
            id="it may come back",
        ),
        pytest.param(
            StoppingContainer(DB),
            "stopping the docker container `shop-db-1` (postgres:16) with `docker stop shop-db-1`",
            id="a container",
        ),
        pytest.param(
            StoppingContainer(SLOW),
            "stopping the podman container `db` with `podman stop db`; it may take up to 60 s",
            id="a container that has more time to end than usual",
        ),
        pytest.param(Terminating(NODE), "sending SIGTERM to `node` (pid 4242)", id="terminate"),
        pytest.param(
            Killing(NODE),
            "did not end in time, sending SIGKILL to `node` (pid 4242)",
            id="kill",
        ),
        pytest.param(
            WaitingForPort(4.98), "waiting up to 5 s until the port can be bound", id="leftovers"
        ),
        pytest.param(
            WaitingForPort(5, 1),
            "waiting up to 5 s until the port can be bound, 1 client still connected",
            id="a client is still connected",
        ),
    ],
)
def test_progress(progress: Progress, text: str) -> None:
    assert deeds.progress_words(progress) == text


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        pytest.param(
            Stopped(NODE, ("SIGTERM",), 0.31),
            "`node` (pid 4242): SIGTERM sent, exited after 0.3 s, the port can be bound",
            id="it ended",
        ),
        pytest.param(
            Stopped(s.UVICORN_TARGET, ("SIGTERM", "SIGKILL"), 12.5),
            "`uvicorn` (pid 10) and its 2 workers: SIGTERM and SIGKILL sent, exited after 12 s, the"
            " port can be bound",
            id="it was killed",
        ),
        pytest.param(
            Stopped(NODE, ("SIGTERM",), 0.31, bindable=False),
            "`node` (pid 4242): SIGTERM sent, exited after 0.3 s, the port cannot be bound",
            id="it ended and that was not enough",
        ),
        pytest.param(
            Stopped(NODE, ("SIGTERM",), 0.31, exited=False),
            "`node` (pid 4242): SIGTERM sent, let go of the port and still runs, the port can be"
            " bound",
            id="it finishes with its clients",
        ),
        pytest.param(
            WouldStop(NODE, asks=False),
            "`node` (pid 4242) would be stopped with SIGTERM",
            id="it would be ended",
        ),
        pytest.param(
            WouldStop(NODE, asks=True),
            "`node` (pid 4242) would be stopped with SIGTERM, after a question",
            id="it would be asked about",
        ),
        pytest.param(
            AlreadyGone(NODE),
            "`node` (pid 4242): nothing sent, it had ended or let go of the port by itself",
            id="it had gone",
        ),
        pytest.param(Declined(NODE), "`node` (pid 4242) goes on running, as you said", id="no"),
        pytest.param(
            Declined(s.UVICORN_TARGET),
            "`uvicorn` (pid 10) and its 2 workers go on running, as you said",
            id="no, to several",
        ),
        pytest.param(
            Refused(s.UVICORN_TARGET, "denied"),
            "`uvicorn` (pid 10) and its 2 workers were not signalled: this user may not signal it"
            " (EPERM)",
            id="not permitted, of several",
        ),
        pytest.param(
            Refused(
                s.UNIT_TARGET.but(standing=SupervisedService("pm2", "", "pm2 list")), "supervised"
            ),
            "`fakedb` (pid 412) was not signalled: pm2 runs it and may start it again;"
            " `pm2 list` tells under which name",
            id="supervised under a name that could not be read",
        ),
        pytest.param(
            TimedOut(NODE, ("SIGTERM", "SIGKILL")),
            "`node` (pid 4242): SIGTERM and SIGKILL sent, still running, the port cannot be bound",
            id="it does not end",
        ),
        pytest.param(
            Respawned(NODE, s.UVICORN_TARGET),
            "`node` (pid 4242) exited, and the port is held again by `uvicorn` (pid 10) and its"
            " 2 workers",
            id="somebody took its place",
        ),
        pytest.param(
            Refused(NODE.but(standing=Protected("a kernel thread")), "protected"),
            "`node` (pid 4242) was not signalled: it is a kernel thread",
            id="protected",
        ),
        pytest.param(
            Refused(NODE.but(standing=Container("docker")), "container"),
            "`node` (pid 4242) was not signalled: it forwards the port for a container of docker",
            id="container",
        ),
        pytest.param(
            Refused(DB, "no-terminal"),
            "the docker container `shop-db-1` (postgres:16) was not stopped:"
            " nobody could be asked (no terminal, or no questions wanted), and no `--yes`",
            id="a container, and nobody to ask",
        ),
        pytest.param(
            WouldStop(DB, asks=True),
            "the docker container `shop-db-1` (postgres:16) would be stopped with"
            " `docker stop shop-db-1`, after a question",
            id="a container would be stopped",
        ),
        pytest.param(
            ContainerStopped(DB, 0.31),
            "the docker container `shop-db-1` (postgres:16): stopped after 0.3 s,"
            " the port can be bound",
            id="a container was stopped",
        ),
        pytest.param(
            StopFailed(DB, "No such\x1b container"),
            "the docker container `shop-db-1` (postgres:16): `docker stop shop-db-1` failed:"
            " No such\\x1b container; the port cannot be bound",
            id="a container was not stopped",
        ),
        pytest.param(
            Refused(NODE, "container"),
            "`node` (pid 4242) was not signalled: it forwards the port for a container",
            id="container of nobody known",
        ),
        pytest.param(
            Refused(NODE, "protected"),
            "`node` (pid 4242) was not signalled: it is protected",
            id="protected without a reason",
        ),
        pytest.param(
            Refused(s.UNIT_TARGET.but(standing=SupervisedService("pm2", "web", "")), "supervised"),
            "`fakedb` (pid 412) was not signalled: pm2 runs it as `web` and may start it again",
            id="supervised without a command to stop it",
        ),
        pytest.param(
            Refused(s.UNIT_TARGET, "supervised"),
            "`fakedb` (pid 412) was not signalled: systemd runs it as `fakedb.service` and may"
            " start it again; `sudo systemctl stop fakedb.service` ends it for good",
            id="supervised",
        ),
        pytest.param(
            Refused(NODE, "supervised"),
            "`node` (pid 4242) was not signalled: its supervisor may start it again",
            id="supervised by nobody known",
        ),
        pytest.param(
            Refused(s.ROOT_TARGET, "other-user"),
            "`fakedb` (pid 412) was not signalled: it belongs to user root: only they or root can"
            " end it",
            id="another user",
        ),
        pytest.param(
            Refused(NODE, "other-user"),
            "`node` (pid 4242) was not signalled: it belongs to another user, whom `--yes`"
            " does not cover; `--other-users` does",
            id="another user whom we may signal",
        ),
        pytest.param(
            Refused(s.NPM_TARGET.but(standing=s.SIBLING), "other-checkout"),
            "`devports run web` (pid 400) and its `node` (pid 4242) were not signalled: it belongs"
            " to another checkout of this repository, which `--yes` does not cover",
            id="another checkout",
        ),
        pytest.param(
            Refused(NODE.but(standing=s.SIBLING.but(relation="project")), "other-checkout"),
            "`devports run web` (pid 4242) was not signalled: it belongs to another project, which"
            " `--yes` does not cover",
            id="another project's run",
        ),
        pytest.param(
            Refused(NODE, "no-terminal"),
            "`node` (pid 4242) was not signalled:"
            " nobody could be asked (no terminal, or no questions wanted), and no `--yes`",
            id="nobody to ask",
        ),
        pytest.param(
            Refused(NODE, "on-conflict"),
            "`node` (pid 4242) was not signalled:"
            ' `on_conflict` is "fail", so nobody was asked, and `--yes` does not count',
            id="a service that shall fail",
        ),
        pytest.param(
            Refused(NODE, "denied"),
            "`node` (pid 4242) was not signalled: this user may not signal it (EPERM)",
            id="not permitted",
        ),
    ],
)
def test_outcome(outcome: Outcome, text: str) -> None:
    assert deeds.outcome_words(outcome) == text


def test_only_a_port_that_can_be_bound_is_freed() -> None:
    stopped = Stopped(NODE, ("SIGTERM",), 0.02)
    assert deeds.freed_words(FreeResult(True, 0, (stopped,), (s.FREE,)), "port 8000") == (
        "`node` (pid 4242): SIGTERM sent, exited after 0.1 s, the port can be bound",
        "port 8000 can be bound now",
    )
    vain = stopped.but(bindable=False)
    assert deeds.freed_words(FreeResult(False, 94, (vain,), (s.BOUND,)), "port 8000") == (
        "`node` (pid 4242): SIGTERM sent, exited after 0.1 s, the port cannot be bound",
        "still not bindable: port 8000 is bound by `python` but nobody listens yet",
    )


@pytest.mark.parametrize(
    ("kind", "target", "service", "text"),
    [
        pytest.param("stop", NODE, "", "stop `node` (pid 4242) with SIGTERM?", id="one process"),
        pytest.param(
            "stop",
            s.UVICORN_TARGET,
            "web",
            "stop `uvicorn` (pid 10) and its 2 workers with SIGTERM, so that `web` can start?",
            id="a family, for a service",
        ),
        pytest.param(
            "stop",
            NODE.but(standing=s.LEFT),
            "",
            "stop `node` (pid 4242), started by `devports run web`, with SIGTERM?",
            id="what an earlier run left",
        ),
        pytest.param(
            "stop",
            s.NPM_TARGET.but(standing=s.MINE),
            "",
            "stop `devports run web` (pid 400) and its `node` (pid 4242) with SIGTERM?",
            id="another run of ours",
        ),
        pytest.param(
            "stop",
            NODE.but(standing=OtherUser("bob", permitted=True)),
            "",
            "stop `node` (pid 4242), which belongs to user bob and not to you, with SIGTERM?",
            id="another user",
        ),
        pytest.param(
            "stop",
            s.NPM_TARGET.but(standing=s.SIBLING),
            "",
            "stop `devports run web` (pid 400) and its `node` (pid 4242), which belongs to another"
            " checkout of this repository (/home/ann/shop, branch `main`), with SIGTERM?",
            id="another checkout",
        ),
        pytest.param(
            "container",
            DB,
            "web",
            "stop the docker container `shop-db-1` (postgres:16), so that `web` can start?",
            id="a container",
        ),
        pytest.param(
            "container",
            SLOW,
            "web",
            "stop the podman container `db`, so that `web` can start, though it may take up to"
            " 60 s?",
            id="a container that has more time to end than usual",
        ),
        pytest.param(
            "kill",
            NODE,
            "",
            "`node` (pid 4242) did not end in time: kill it with SIGKILL?",
            id="what did not end",
        ),
    ],
)
def test_question(kind: QuestionKind, target: StopTarget, service: str, text: str) -> None:
    question = Question(kind, target, s.HELD)
    assert deeds.question_words(question, service) == text

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.holder_kind import (
    Container,
    OrdinaryProcess,
    OtherUser,
    Protected,
    SupervisedService,
    Tunnel,
)
from devports.core.model import HiddenSocket, Holder, HolderSearch
from devports.ui import processes
from devports.ui.escape import printable
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from devports.core.holder_kind import HolderKind
    from devports.core.model import Process
    from devports.core.stop_plan import StopTarget


IN_A_BLANK = ("/my shop/bin/python3",)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0.4, "under 1 s", id="a blink"),
        pytest.param(8.9, "8 s", id="seconds"),
        pytest.param(60, "1 min", id="a minute"),
        pytest.param(299, "4 min", id="minutes"),
        pytest.param(7300, "2 h", id="hours"),
        pytest.param(86400, "1 day", id="a day"),
        pytest.param(300_000, "3 days", id="days"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert processes.duration(seconds) == text


def test_since_is_the_clock_of_the_reader() -> None:
    east = s.ANN.but(offset=10 * 3600)
    assert processes.since(s.NOW - 7300, s.ANN) == "12:11"
    assert processes.since(s.NOW - 7300, east) == "2026-09-21 22:11"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(["a"], "a", id="one"),
        pytest.param(["a", "b"], "a and b", id="two"),
        pytest.param(["a", "b", "c"], "a, b and c", id="three"),
    ],
)
def test_listed(words: list[str], text: str) -> None:
    assert processes.listed(words) == text


@pytest.mark.parametrize(
    ("process", "text"),
    [
        pytest.param(s.NODE, "node", id="its name"),
        pytest.param(
            s.process(1, "MainThread", "/usr/bin/node", "x"), "node", id="named after its thread"
        ),
        pytest.param(
            s.process(1, "containers-root", exe="/usr/libexec/containers-rootlessport"),
            "containers-rootlessport",
            id="a name that the kernel cut",
        ),
        pytest.param(s.process(1, ""), "?", id="no name at all"),
        pytest.param(s.process(1, "a\x1bb"), printable("a\x1bb"), id="a hostile name"),
        pytest.param(
            s.process(1, "python3", *IN_A_BLANK, "/my shop/bin/uvicorn", "main:app"),
            "uvicorn",
            id="a console script whose path has a blank",
        ),
        pytest.param(
            s.process(1, "python3", *IN_A_BLANK, "/my shop/bin/serve.py"),
            "python3",
            id="a program of Python, by its file",
        ),
        pytest.param(
            s.process(1, "python3", *IN_A_BLANK, "/my shop/manage"), "python3", id="not a script"
        ),
    ],
)
def test_title(process: Process, text: str) -> None:
    assert processes.title(process) == text


@pytest.mark.parametrize(
    ("process", "text"),
    [
        pytest.param(s.NODE, "you", id="the reader"),
        pytest.param(s.ROOT_DB, "root", id="somebody else"),
        pytest.param(s.process(1, uid=7, user=""), "uid 7", id="a user without a name"),
    ],
)
def test_user(process: Process, text: str) -> None:
    assert processes.user_of(process, s.ANN) == text


@pytest.mark.parametrize(
    ("cwd", "text"),
    [
        pytest.param("/home/ann", "~", id="home itself"),
        pytest.param("/home/ann/shop", "~/shop", id="below home"),
        pytest.param("/home/annika", "/home/annika", id="another home that begins alike"),
        pytest.param("", "", id="not readable"),
    ],
)
def test_folder(cwd: str, text: str) -> None:
    assert processes.folder(s.process(1, cwd=cwd), s.ANN) == text
    assert processes.folder(s.process(1, cwd=cwd), s.ANN.but(home="")) == cwd


@pytest.mark.parametrize(
    ("ancestors", "text"),
    [
        pytest.param((), "", id="nobody known"),
        pytest.param((s.INIT,), "", id="only the first process"),
        pytest.param((s.NPM, s.ZSH, s.CODE), "`npm run dev` <- `zsh` <- `code`", id="npm"),
        pytest.param(
            (s.process(9, "node", "node", "/usr/bin/npm-cli.js", "run", "dev", "--x"),),
            "`npm run dev`",
            id="npm as a script of node",
        ),
        pytest.param(
            (s.process(9, "make", "make", "PASSWORD=1", "-j"),), "`make`", id="no option is shown"
        ),
        pytest.param((s.process(9, "sh", "sh", "-c", "node x"),), "`sh`", id="a shell"),
        pytest.param(
            (s.process(9, "python3", *IN_A_BLANK, "/my shop/bin/devports", "run", "my_api"),),
            "`devports run my_api`",
            id="a run of ours, from a path with a blank",
        ),
        pytest.param((s.ZSH, s.ZSH, s.CODE), "`zsh` <- `code`", id="a shell in a shell"),
        pytest.param(
            (s.ZSH, s.NODE) * 3, "`zsh` <- `node` <- `zsh` <- `node` <- ...", id="a long line"
        ),
    ],
)
def test_origin(ancestors: tuple[Process, ...], text: str) -> None:
    assert processes.origin(Holder(s.NODE, (), ancestors)) == text


def test_sockets_of_a_holder_in_the_words_of_the_kernel() -> None:
    sockets = (*s.EVERYWHERE, s.socket(s.HERE, "BOUND", 7), s.socket(s.HERE, "CLOSE_WAIT", 8))
    assert processes.sockets_line(Holder(s.NODE), sockets) == (
        "LISTEN 0.0.0.0:8000 and [::]:8000, BOUND 127.0.0.1:8000,"
        " CLOSE_WAIT 127.0.0.1:8000 -> 93.184.216.34:443"
    )
    assert processes.sockets_line(Holder(s.NODE, (6,)), sockets) == "LISTEN [::]:8000"


def test_a_family_is_one_card() -> None:
    holders = s.UVICORN_TARGET.members
    ((top, members),) = processes.families(holders)
    card = dict(processes.card(top, s.ANN, members=members))
    assert card["process"] == "`uvicorn` (pid 10), you, running for 2 h (since 12:11)"
    assert card["family"] == "2 more processes with the same socket (pid 11 and 12)"


def test_a_card_says_only_what_is_known() -> None:
    bare = s.process(5, "x", age=0, cwd="", user="", uid=3)
    assert processes.card(Holder(bare), s.ANN) == (("process", "`x` (pid 5), uid 3"),)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        pytest.param("T", "stopped (Ctrl-Z or SIGSTOP): it answers nobody", id="stopped"),
        pytest.param("t", "halted by a debugger", id="traced"),
        pytest.param("Z", "its main thread has ended, other threads still run", id="leader gone"),
        pytest.param("S", None, id="sleeping is normal"),
    ],
)
def test_state(state: str, text: str | None) -> None:
    holder = Holder(s.NODE.but(state=state))
    assert dict(processes.card(holder, s.ANN)).get("state") == text


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        pytest.param(OrdinaryProcess(), "", id="plain"),
        pytest.param(s.MINE, "started by `devports run web`", id="mine"),
        pytest.param(OtherUser("bob", True), "belongs to user bob", id="we are root"),
        pytest.param(
            OtherUser("bob", False),
            "belongs to user bob: only they or root can end it",
            id="another user",
        ),
        pytest.param(
            SupervisedService("systemd", "a.service", "systemctl stop a.service"),
            "systemd runs it as `a.service` and may start it again",
            id="supervised",
        ),
        pytest.param(
            Container("docker"), "forwards the port for a container of docker", id="container"
        ),
        pytest.param(
            Container("docker", "shop-db-1", "postgres:16", said="one"),
            "forwards the port for the docker container `shop-db-1` (postgres:16)",
            id="a container that its engine named",
        ),
        pytest.param(
            Container("docker", "0123456789ab", said="inside"),
            "runs inside the docker container `0123456789ab`",
            id="a process of a container",
        ),
        pytest.param(
            Container("podman", said="inside"),
            "runs inside a container of podman",
            id="a process of a container without a name",
        ),
        pytest.param(
            Container("podman", said="several", names=("web", "api")),
            "forwards the port for one of several containers of podman: `web`, `api`",
            id="a container of several",
        ),
        pytest.param(
            Container("docker", said="silent", complaint="no\x1b permission"),
            "forwards the port for a container of docker, and `docker ps` does not say which:"
            " no\\x1b permission",
            id="a container whose engine does not answer",
        ),
        pytest.param(
            Container("docker", said="missing"),
            "forwards the port for a container of docker, and `docker` is not on PATH to ask which",
            id="a container whose engine's command is missing",
        ),
        pytest.param(
            Container("docker", said="none"),
            "forwards the port for docker, which knows of no container that publishes it",
            id="a forwarder that was left behind",
        ),
        pytest.param(
            Container("docker", "a\x1b[2J", "b\nc", said="one"),
            "forwards the port for the docker container `a\\x1b[2J` (b\\x0ac)",
            id="a container with a hostile name",
        ),
        pytest.param(
            Tunnel("ssh -N"),
            "a tunnel (`ssh -N`): it forwards the port to another machine",
            id="tunnel",
        ),
        pytest.param(
            SupervisedService("pm2", "", "pm2 list"),
            "pm2 runs it and may start it again",
            id="supervised under a name that could not be read",
        ),
        pytest.param(
            Protected("a kernel thread"),
            "never ended by devports: it is a kernel thread",
            id="protected",
        ),
    ],
)
def test_standing(standing: HolderKind, text: str) -> None:
    assert processes.standing_words(standing) == text


@pytest.mark.parametrize(
    ("holding", "text"),
    [
        pytest.param(
            HolderSearch((s.NODE_HOLDER, s.PYTHON_HOLDER)), "`node` and `python`", id="two"
        ),
        pytest.param(
            HolderSearch(s.UVICORN_TARGET.members), "`uvicorn`", id="a family has one name"
        ),
        pytest.param(
            HolderSearch((Holder(s.NODE), Holder(s.process(3)))),
            "2 processes named `node`",
            id="twins",
        ),
        pytest.param(
            HolderSearch(tuple(Holder(s.process(n, f"p{n}")) for n in range(2, 8))),
            "`p2`, `p3`, `p4` and 3 more",
            id="a crowd",
        ),
        pytest.param(
            HolderSearch((s.NODE_HOLDER,), (s.HIDDEN, s.HIDDEN)),
            "`node` and user root, service `fakedb.service`, process likely 412",
            id="one seen and one hidden",
        ),
        pytest.param(
            HolderSearch((), (HiddenSocket(s.EVERYWHERE[0]),)),
            "a process that cannot be seen",
            id="nothing is known",
        ),
    ],
)
def test_names(holding: HolderSearch, text: str) -> None:
    assert processes.names(holding) == text


@pytest.mark.parametrize(
    ("cgroup", "text"),
    [
        pytest.param("redis.service", "service `redis.service`", id="a service"),
        pytest.param(f"docker-{'ab' * 32}.scope", "container `abababababab`", id="docker"),
        pytest.param(f"/x/crio-{'ef' * 32}.scope", "container `efefefefefef`", id="crio"),
        pytest.param(
            f"/m/libpod-{'ef' * 32}.scope/container", "container `efefefefefef`", id="inside podman"
        ),
        pytest.param("/kubepods/" + "cd" * 32, "container `cdcdcdcdcdcd`", id="a bare id"),
        pytest.param("session-3.scope", "", id="a login says nothing"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_unit(cgroup: str, text: str) -> None:
    assert processes.unit_words(HiddenSocket(s.EVERYWHERE[0], cgroup=cgroup)) == text


@pytest.mark.parametrize(
    ("target", "text"),
    [
        pytest.param(s.NODE_TARGET, "`node` (pid 4242)", id="one process"),
        pytest.param(s.UVICORN_TARGET, "`uvicorn` (pid 10) and its 2 workers", id="a family"),
        pytest.param(
            s.NPM_TARGET,
            "`npm run dev` (pid 400) and its `node` (pid 4242)",
            id="a runner and its server",
        ),
        pytest.param(
            s.NPM_TARGET.but(standing=s.MINE),
            "`devports run web` (pid 400) and its `node` (pid 4242)",
            id="a run of ours, whatever its process is called",
        ),
        pytest.param(
            s.NODE_TARGET.but(standing=s.LEFT),
            "`node` (pid 4242)",
            id="the server that a run of ours left",
        ),
    ],
)
def test_target_label(target: StopTarget, text: str) -> None:
    assert processes.target_label(target) == text


def test_hidden_card_without_a_name() -> None:
    hidden = HiddenSocket(s.EVERYWHERE[0])
    assert processes.hidden_card(hidden, s.ANN) == (
        ("socket", "LISTEN 0.0.0.0:8000, made by an unknown user"),
    )

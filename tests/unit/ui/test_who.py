from __future__ import annotations

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
from devports.core.stop_plan import PortClients, Question, UntouchedProcess
from devports.ui import processes
from devports.ui.text import OutputStyle
from tests.unit.ui import samples as s
from tests.unit.ui.golden import Family

FAMILY = Family("processes")
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


FAMILY.says(
    "name",
    processes.title,
    {
        "its name": s.NODE,
        "named after its thread": s.process(1, "MainThread", "/usr/bin/node", "x"),
        "a name that the kernel cut": s.process(
            1, "containers-root", exe="/usr/libexec/containers-rootlessport"
        ),
        "no name at all": s.process(1, ""),
        "a hostile name": s.process(1, "a\x1bb"),
        "a console script whose path has a blank": s.process(
            1, "python3", *IN_A_BLANK, "/my shop/bin/uvicorn", "main:app"
        ),
        "a program of Python, by its file": s.process(
            1, "python3", *IN_A_BLANK, "/my shop/bin/serve.py"
        ),
        "not a script": s.process(1, "python3", *IN_A_BLANK, "/my shop/manage"),
    },
)


FAMILY.says(
    "user",
    lambda case: processes.user_of(case, s.ANN),
    {
        "the reader": s.NODE,
        "somebody else": s.ROOT_DB,
        "a user without a name": s.process(1, uid=7, user=""),
    },
)


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


FAMILY.says(
    "started by",
    lambda case: processes.origin(Holder(s.NODE, (), case)),
    {
        "nobody known": (),
        "only the first process": (s.INIT,),
        "npm": (s.NPM, s.ZSH, s.CODE),
        "npm as a script of node": (
            s.process(9, "node", "node", "/usr/bin/npm-cli.js", "run", "dev", "--x"),
        ),
        "no option is shown": (s.process(9, "make", "make", "PASSWORD=1", "-j"),),
        "a shell": (s.process(9, "sh", "sh", "-c", "node x"),),
        "a run of ours, from a path with a blank": (
            s.process(9, "python3", *IN_A_BLANK, "/my shop/bin/devports", "run", "my_api"),
        ),
        "a shell in a shell": (s.ZSH, s.ZSH, s.CODE),
        "a long line": (s.ZSH, s.NODE) * 3,
    },
)


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


FAMILY.says(
    "state",
    lambda case: dict(processes.card(Holder(s.NODE.but(state=case)), s.ANN)).get("state", ""),
    {
        "stopped": "T",
        "traced": "t",
        "leader gone": "Z",
        "sleeping is normal": "S",
    },
)


FAMILY.says(
    "kind of holder",
    processes.standing_words,
    {
        "plain": OrdinaryProcess(),
        "mine": s.MINE,
        "we are root": OtherUser("bob", True),
        "another user": OtherUser("bob", False),
        "supervised": SupervisedService("systemd", "a.service", "systemctl stop a.service"),
        "container": Container("docker"),
        "a container that its engine named": Container(
            "docker", "shop-db-1", "postgres:16", said="one"
        ),
        "a process of a container": Container("docker", "0123456789ab", said="inside"),
        "a process of a container without a name": Container("podman", said="inside"),
        "a container of several": Container("podman", said="several", names=("web", "api")),
        "a container whose engine does not answer": Container(
            "docker", said="silent", complaint="no\x1b permission"
        ),
        "a container whose engine's command is missing": Container("docker", said="missing"),
        "a forwarder that was left behind": Container("docker", said="none"),
        "a container with a hostile name": Container("docker", "a\x1b[2J", "b\nc", said="one"),
        "tunnel": Tunnel("ssh -N"),
        "supervised under a name that could not be read": SupervisedService("pm2", "", "pm2 list"),
        "protected": Protected("a kernel thread"),
    },
)


FAMILY.says(
    "behind a port",
    processes.names,
    {
        "two": HolderSearch((s.NODE_HOLDER, s.PYTHON_HOLDER)),
        "a family has one name": HolderSearch(s.UVICORN_TARGET.members),
        "twins": HolderSearch((Holder(s.NODE), Holder(s.process(3)))),
        "a crowd": HolderSearch(tuple(Holder(s.process(n, f"p{n}")) for n in range(2, 8))),
        "one seen and one hidden": HolderSearch((s.NODE_HOLDER,), (s.HIDDEN, s.HIDDEN)),
        "nothing is known": HolderSearch((), (HiddenSocket(s.EVERYWHERE[0]),)),
    },
)


FAMILY.says(
    "hidden unit",
    lambda case: processes.unit_words(HiddenSocket(s.EVERYWHERE[0], cgroup=case)),
    {
        "a service": "redis.service",
        "docker": f"docker-{'ab' * 32}.scope",
        "crio": f"/x/crio-{'ef' * 32}.scope",
        "inside podman": f"/m/libpod-{'ef' * 32}.scope/container",
        "a bare id": "/kubepods/" + "cd" * 32,
        "a login says nothing": "session-3.scope",
        "nothing": "",
    },
)


FAMILY.says(
    "target",
    processes.target_label,
    {
        "one process": s.NODE_TARGET,
        "a family": s.UVICORN_TARGET,
        "a runner and its server": s.NPM_TARGET,
        "a run of ours, whatever its process is called": s.NPM_TARGET.but(standing=s.MINE),
        "the server that a run of ours left": s.NODE_TARGET.but(standing=s.LEFT),
    },
)


def test_hidden_card_without_a_name() -> None:
    hidden = HiddenSocket(s.EVERYWHERE[0])
    assert processes.hidden_card(hidden, s.ANN) == (
        ("socket", "LISTEN 0.0.0.0:8000, made by an unknown user"),
    )


FAMILY.says(
    "card",
    lambda target: processes.holder_card(target, s.HELD, s.ANN),
    {"a family": s.UVICORN_TARGET},
)
WITH_CLIENT = PortClients(2, (UntouchedProcess(s.PYTHON, "client"),))
FAMILY.says(
    "details",
    lambda question: processes.details(question, s.ANN, OutputStyle(width=100)),
    {
        "a family with a client": Question(
            "stop",
            s.UVICORN_TARGET,
            s.HELD,
            PortClients(2, (UntouchedProcess(s.PYTHON, "client"),)),
        ),
        "what started the server ends too": Question("stop", s.NPM_TARGET, s.HELD),
        "what did not end": Question("kill", s.UVICORN_TARGET, s.HELD),
        "a container": Question(
            "container",
            s.NODE_TARGET.but(standing=Container("docker", "db", "", "ab" * 32, "one")),
            s.HELD,
        ),
    },
)

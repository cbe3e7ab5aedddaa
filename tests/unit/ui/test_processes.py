from __future__ import annotations

import pytest

from devports.core.model import HiddenSocket, Holder, HolderSearch
from devports.ui import processes
from tests.tools.golden import Family
from tests.unit.ui import samples as s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Process

FAMILY = Family("processes")
IN_A_BLANK = ("/my shop/bin/python3",)


FORWARDERS = [
    pytest.param(s.process(5, "conmon", "/usr/bin/conmon", "-c", "ab"), "podman", id="podman's"),
    pytest.param(s.process(5, "docker-proxy", "docker-proxy"), "docker", id="docker's"),
]


@pytest.mark.parametrize(("process", "engine"), FORWARDERS)
def test_a_forwarder_is_said_to_be_one_and_no_engine_is_asked(
    process: Process, engine: str
) -> None:
    """The line of its arguments is long, and names no container."""
    many = process.replace(argv=(*process.argv, "x" * 400))
    facts = dict(processes.process_facts(Holder(many), s.ANN))
    assert facts["note"] == f"forwards the port for a {engine} container (`{engine} ps` lists them)"
    assert len(facts["command"]) == 100


def test_a_server_in_a_folder_of_dockers_is_no_forwarder() -> None:
    assert processes.engine_text(s.process(5, "node", "node", "/srv/docker/server.js")) == ""


def test_since_is_the_clock_of_the_reader() -> None:
    east = s.ANN.replace(offset=10 * 3600)
    assert processes.start_time(s.NOW - 7300, s.ANN) == "12:11"
    assert processes.start_time(s.NOW - 7300, east) == "2026-09-21 22:11"


FAMILY.says(
    "name",
    processes.process_name,
    {
        "its name": s.NODE,
        "named after its thread": s.process(1, "MainThread", "/usr/bin/node", "x"),
        "a name that the kernel cut": s.process(
            1, "containers-root", exe="/usr/libexec/containers-rootlessport"
        ),
        "a title that the kernel cut": s.process(
            1, "next-server (v1", "next-server (v15.1.2)", exe="/usr/bin/node"
        ),
        "a name of that length, and another program": s.process(
            1, "worker-of-jobs-", "/usr/bin/node", exe="/usr/bin/node"
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
        "another process": s.ROOT_DB,
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
    assert processes.short_folder(cwd, s.ANN) == text
    assert processes.short_folder(cwd, s.ANN.replace(home="")) == cwd


FAMILY.says(
    "started by",
    lambda case: processes.ancestry(Holder(s.NODE, (), case)),
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
    card = dict(processes.process_facts(top, s.ANN, members=members))
    assert card["process"] == "`uvicorn` (pid 10), you, running for 2 h (since 12:11)"
    assert card["family"] == "shared with 2 more processes (pid 11 and 12)"


def test_a_card_says_only_what_is_known() -> None:
    bare = s.process(5, "x", age=0, cwd="", user="", uid=3)
    assert processes.process_facts(Holder(bare), s.ANN) == (("process", "`x` (pid 5), uid 3"),)


FAMILY.says(
    "state",
    lambda case: dict(processes.process_facts(Holder(s.NODE.replace(state=case)), s.ANN)).get(
        "state", ""
    ),
    {
        "stopped": "T",
        "traced": "t",
        "leader gone": "Z",
        "sleeping is normal": "S",
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
    lambda case: processes.unit_text(HiddenSocket(s.EVERYWHERE[0], cgroup=case)),
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


def test_hidden_card_without_a_name() -> None:
    hidden = HiddenSocket(s.EVERYWHERE[0])
    assert processes.hidden_facts(hidden, s.ANN) == (
        ("socket", "LISTEN 0.0.0.0:8000, opened by an unknown user"),
    )

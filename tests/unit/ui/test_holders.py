"""What is around a holder, in words."""

from __future__ import annotations

from devports.core.checkout import Worktree
from devports.core.holder_kind import (
    Container,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Place,
    Protected,
    SupervisedService,
    Tunnel,
)
from devports.core.stop_plan import PortClients, Question, UntouchedProcess
from devports.ui import holders
from devports.ui.holders import clients_text, project_rows, project_text, spared_text
from tests.tools.golden import Family
from tests.unit.ui import samples as s

FAMILY = Family("holders")
OURS = Worktree("/home/ann/shop", "main", "/home/ann/shop/.git")
LINKED = Worktree("/home/ann/shop-fix", "fix/login", OURS.repository)
BLOG = Worktree("/home/ann/blog", "", "/home/ann/blog/.git")
CLIENT = UntouchedProcess(s.PYTHON, "client")


FAMILY.says(
    "project",
    lambda case: project_text(*case),
    {
        "no project": (None, OURS),
        "ours": (OURS, OURS),
        "a worktree of ours": (LINKED, OURS),
        "another": (BLOG, OURS),
        "where we have none": (BLOG, None),
        "a checkout of the whole disk": (BLOG.replace(root="/"), None),
        "a hostile branch": (BLOG.replace(branch="\x1b[31m"), None),
    },
)


THERE, HERE = Place("/home/ann/shop", "main"), Place("/srv/shop-fix", "fix/login")


FAMILY.says(
    "where",
    lambda case: "  ".join(project_rows(case, s.ANN)).strip(),
    {
        "another checkout": OtherCheckout("sibling", THERE, HERE),
        "another project, without git and with a hostile name": OtherCheckout(
            "project", Place("/srv/\x1b"), Place("/home/ann")
        ),
        "where the current folder has been removed": OtherCheckout("project", THERE, Place("")),
        "ours": OrdinaryProcess(),
    },
)


FAMILY.says(
    "clients",
    clients_text,
    {
        "all elsewhere": PortClients(3),
        "one of them here": PortClients(2, (CLIENT,)),
        "more than are named": PortClients(6, (CLIENT,) * 6),
        "who uses the number is no client": PortClients(1, (UntouchedProcess(s.NODE, "outgoing"),)),
    },
)


FAMILY.says(
    "left alone",
    spared_text,
    {
        "a client, and who uses the number": (CLIENT, UntouchedProcess(s.NODE, "outgoing")),
        "more than are named": (CLIENT,) * 9,
    },
)

FAMILY.says(
    "kind of holder",
    holders.kind_text,
    {
        "plain": OrdinaryProcess(),
        "mine": s.MINE,
        "we are root": OtherUser("bob", True),
        "another user": OtherUser("bob", False),
        "supervised": SupervisedService("systemd", "a.service", "systemctl stop a.service"),
        "container": Container("docker"),
        "a container that its engine named": Container(
            "docker", "shop-db-1", "postgres:16", engine_answer="one"
        ),
        "a process of a container": Container("docker", "0123456789ab", engine_answer="inside"),
        "a process of a container without a name": Container("podman", engine_answer="inside"),
        "one of several containers": Container(
            "podman", engine_answer="several", names=(("web", ""), ("api", ""))
        ),
        "a container whose engine does not answer": Container(
            "docker", engine_answer="silent", engine_error="no\x1b permission"
        ),
        "a container whose engine's command is missing": Container(
            "docker", engine_answer="missing"
        ),
        "a forwarder that was orphaned": Container("docker", engine_answer="none"),
        "a container with a hostile name": Container(
            "docker", "a\x1b[2J", "b\nc", engine_answer="one"
        ),
        "tunnel": Tunnel("ssh -N"),
        "supervised under a name that could not be read": SupervisedService("pm2", "", "pm2 list"),
        "protected": Protected("a kernel thread"),
    },
)
FAMILY.says(
    "target",
    holders.target_label,
    {
        "one process": s.NODE_TARGET,
        "a family": s.UVICORN_TARGET,
        "a runner and its server": s.NPM_TARGET,
        "a run of ours, whatever its process is called": s.NPM_TARGET.replace(kind=s.MINE),
        "the server that a run of ours left": s.NODE_TARGET.replace(kind=s.LEFT),
    },
)
FAMILY.says(
    "card",
    lambda question: [f"{r.key}: {r.value}" for r in holders.holder_card(question, s.ANN)],
    {"a family": Question("stop", s.UVICORN_TARGET, s.HELD)},
)

FAMILY.says(
    "details",
    lambda question: [
        line
        for title, rows in holders.details(question, s.ANN)
        for line in (title, *(f"  {key}: {text}" for key, text in rows))
    ],
    {
        "a family with a client": Question(
            "stop",
            s.UVICORN_TARGET,
            s.HELD,
            PortClients(2, (CLIENT,)),
        ),
        "what started the server ends too": Question("stop", s.NPM_TARGET, s.HELD),
        "what did not end": Question("kill", s.UVICORN_TARGET, s.HELD),
        "a container": Question(
            "container",
            s.NODE_TARGET.replace(kind=Container("docker", "db", "", "ab" * 32, "one")),
            s.HELD,
        ),
    },
)

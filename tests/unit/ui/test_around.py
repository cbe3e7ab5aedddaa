"""What is around a holder, in words."""

from __future__ import annotations

from devports.core.checkout import Worktree
from devports.core.holder_kind import OrdinaryProcess, OtherCheckout, Place
from devports.core.stop_plan import PortClients, UntouchedProcess
from devports.ui.processes import clients_words, project_words, spared_words, whereabouts
from tests.unit.ui import samples as s
from tests.unit.ui.golden import Family

FAMILY = Family("around")
OURS = Worktree("/home/ann/shop", "main", "/home/ann/shop/.git")
LINKED = Worktree("/home/ann/shop-fix", "fix/login", OURS.repository)
BLOG = Worktree("/home/ann/blog", "", "/home/ann/blog/.git")
CLIENT = UntouchedProcess(s.PYTHON, "client")


FAMILY.says(
    "project",
    lambda case: project_words(*case),
    {
        "no project": (None, OURS),
        "ours": (OURS, OURS),
        "a worktree of ours": (LINKED, OURS),
        "another": (BLOG, OURS),
        "where we have none": (BLOG, None),
        "a checkout of the whole disk": (BLOG.but(root="/"), None),
        "a hostile branch": (BLOG.but(branch="\x1b[31m"), None),
    },
)


THERE, HERE = Place("/home/ann/shop", "main"), Place("/srv/shop-fix", "fix/login")


FAMILY.says(
    "where",
    lambda case: "  ".join(whereabouts(case, s.ANN)).strip(),
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
    clients_words,
    {
        "all elsewhere": PortClients(3),
        "one of them here": PortClients(2, (CLIENT,)),
        "more than are named": PortClients(6, (CLIENT,) * 6),
        "who uses the number is no client": PortClients(1, (UntouchedProcess(s.NODE, "outgoing"),)),
    },
)


FAMILY.says(
    "left alone",
    spared_words,
    {
        "a client, and who uses the number": (CLIENT, UntouchedProcess(s.NODE, "outgoing")),
        "more than are named": (CLIENT,) * 9,
    },
)

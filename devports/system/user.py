"""Who is asking, also under sudo."""

from __future__ import annotations

import os
import sys

from devports.core.model import CURRENT_USER
from devports.core.text import decimal

LAST_UID = 2**32 - 2
"""The one above means nobody, see chown(2)."""


def uids() -> tuple[int, int]:
    """Return our effective uid, and the uid of who called sudo(8), the same without it.

    Where users have no numbers both are that of our own processes.
    """
    if sys.platform == "win32":  # noqa: TID251  # tells the type checker: there is geteuid
        return CURRENT_USER, CURRENT_USER
    uid = os.geteuid()
    return uid, invoking(uid, os.environ.get("SUDO_UID", ""))


def invoking(uid: int, variable: str) -> int:
    """Return the uid of who called sudo, by its SUDO_UID; `uid` itself if nobody did.

    Anybody can set a variable, and sudo to another user is a change of roles: it counts for root.
    """
    called = decimal(variable, LAST_UID)
    return uid if uid != 0 or called is None else called

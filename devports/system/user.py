"""The user of devports, also under sudo."""

from __future__ import annotations

import os
import sys

from devports.core.model import CURRENT_USER
from devports.core.text import decimal

LAST_UID = 2**32 - 2
"""The uid above means "no user", see chown(2)."""


def uids() -> tuple[int, int]:
    """Return the effective uid, and the uid of the caller of sudo(8), the same without sudo.

    Where users have no numbers, both are `CURRENT_USER`.
    """
    if sys.platform == "win32":  # noqa: TID251  # tells the type checker: there is geteuid
        return CURRENT_USER, CURRENT_USER
    uid = os.geteuid()
    return uid, sudo_caller(uid, os.environ.get("SUDO_UID", ""))


def sudo_caller(uid: int, variable: str) -> int:
    """Return the uid of the caller of sudo, by its SUDO_UID; `uid` without sudo.

    Any process can set the variable, and sudo to another user than root is a change of roles, so it
    counts for root only.
    """
    called = decimal(variable, LAST_UID)
    return uid if uid != 0 or called is None else called

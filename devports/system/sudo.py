"""Who is asking, where users have numbers, also under sudo."""

from __future__ import annotations

import os
import sys


def uids() -> tuple[int, int]:
    """Return our effective uid, and the uid of who called sudo(8), the same without it."""
    if sys.platform == "win32":  # noqa: TID251  # tells the type checker: there is geteuid
        raise NotImplementedError
    uid = os.geteuid()
    called = os.environ.get("SUDO_UID", "")
    return uid, int(called) if uid == 0 and called.isdecimal() else uid

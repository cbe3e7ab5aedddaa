"""Whether this is Linux under Windows: it has ports of its own, and Windows has others."""

from __future__ import annotations

RELEASE = "/proc/sys/kernel/osrelease"


def is_wsl(path: str = RELEASE) -> bool:
    """Say whether the kernel is Microsoft's (`5.15.153.1-microsoft-standard-WSL2`)."""
    try:
        with open(path, "rb") as file:
            return b"microsoft" in file.read(256).lower()
    except OSError:
        return False

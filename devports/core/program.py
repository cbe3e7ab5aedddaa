"""Which program a process runs, by the best evidence there is. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Process

DRIVE = 3
"""Characters of ``C:\\``, with which a full path of Windows begins."""


def program(process: Process) -> str:
    """Return the base name of what was executed, as far as it is readable; without `.exe`."""
    path = process.exe or (process.argv[0] if process.argv else "")
    return base_name(path) or without_exe(process.name)


def base_name(path: str) -> str:
    """Return the last part of a path of any system; empty for a folder."""
    if is_windows_path(path):
        return without_exe(path.replace("\\", "/").rpartition("/")[2])
    return path.rpartition("/")[2]


def is_windows_path(path: str) -> bool:
    """Say whether it begins with a drive or a share; elsewhere a backslash is a letter."""
    return (path[1:DRIVE] == ":\\" and path[0].isalpha()) or path.startswith("\\\\")


def without_exe(name: str) -> str:
    return name[:-4] if name.lower().endswith(".exe") else name

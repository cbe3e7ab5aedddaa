"""Whose file it is. Who can write the file decides which commands run as its reader."""

from __future__ import annotations

import os
import stat

from devports.config.problem import visible
from devports.errors import DevportsError
from devports.system.sudo import invoking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_FOREIGN = frozenset(
    "9p cifs drvfs exfat fuseblk msdos ntfs ntfs3 smb3 smbfs vboxsf vfat virtiofs".split()
)
"""File systems that show one made-up mode for every file (WSL's /mnt/c, shared folders, USB)."""


def trusted_uids(euid: int, sudo_uid: str) -> tuple[int, ...]:
    """Return whose files are read: those of the person, whom sudo may hide, and root's."""
    return (invoking(euid, sudo_uid), euid, 0)


def distrust(path: str, status: os.stat_result, mounts: str | None = None) -> str:
    """Refuse a file that somebody else decides about; return a warning or an empty text.

    Args:
        path: absolute, for messages and to find its file system.
        status: of the file that was opened.
        mounts: text of /proc/self/mounts (proc(5)); None: read it, if it comes to that.

    Raises:
        DevportsError: `config-unsafe`.
    """
    if not hasattr(os, "geteuid"):  # pragma: no cover  # Windows: access lists, not modes
        return ""
    trusted = trusted_uids(os.geteuid(), os.environ.get("SUDO_UID", ""))
    if status.st_uid not in trusted:
        raise _unsafe(
            path,
            "belongs to another user",
            f"owner: uid {status.st_uid}, you: uid {trusted[0]}",
            f"sudo chown {trusted[0]} {_quoted(path)}",
        )
    if status.st_mode & stat.S_IWOTH:
        if on_foreign_mount(path, _mounts() if mounts is None else mounts):
            return f"`{visible(path)}` is on a file system that does not say who may write it"
        raise _unsafe(
            path,
            "can be written by every user",
            f"mode: {status.st_mode & 0o777:04o}",
            f"chmod o-w {_quoted(path)}",
        )
    # Many systems give each user a group of their own, with the same number: nobody else is in it.
    if status.st_mode & stat.S_IWGRP and status.st_gid != status.st_uid:
        return f"`{visible(path)}` can be written by the group {status.st_gid}"
    return ""


def open_folder(path: str, status: os.stat_result, mounts: str | None = None) -> bool:
    """Say whether every user can replace a file in a folder.

    Where the sticky bit is set, others cannot rename or remove what is not theirs (inode(7)).

    Args:
        path: absolute, links resolved.
        status: of the folder.
        mounts: as in `distrust`.
    """
    if not status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_ISVTX:
        return False
    return not on_foreign_mount(path, _mounts() if mounts is None else mounts)


def takes_writing(status: os.stat_result) -> bool:
    """Say whether others can write it and this user may take that away."""
    if not hasattr(os, "geteuid"):  # pragma: no cover  # Windows: access lists, not modes
        return False
    return bool(status.st_mode & stat.S_IWOTH) and os.geteuid() in (0, status.st_uid)


def _unsafe(path: str, what: str, fact: str, hint: str) -> DevportsError:
    return DevportsError(
        "config-unsafe",
        f"`{visible(path)}` {what}",
        facts=(fact,),
        note="whoever can write it decides which commands run as you",
        hints=(f"after reading it, run `{hint}`",),
    )


def _quoted(path: str) -> str:
    import shlex  # noqa: PLC0415  # only for the error

    return shlex.quote(path)


def on_foreign_mount(path: str, mounts: str) -> bool:
    """Whether the file system that `path` is on makes modes up.

    Args:
        path: absolute, links resolved.
        mounts: lines of `device folder type options ...`; of several that fit, the longest folder
            counts, and of equal ones the last.
    """
    kind, longest = "", 0
    for _, folder, name in _mounted(mounts.splitlines()):
        inside = path.startswith(folder.rstrip("/") + "/")
        if inside and len(folder) >= longest:
            kind, longest = name, len(folder)
    return kind in _FOREIGN


def _mounted(lines: Iterable[str]) -> Iterable[list[str]]:
    """Return device, folder and type of each line; proc(5) escapes a blank as an octal number."""
    fields = (line.replace(r"\040", "\0").split(" ")[:3] for line in lines)
    return ([word.replace("\0", " ") for word in line] for line in fields if len(line) == 3)  # noqa: PLR2004  # as named


def _mounts() -> str:
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:  # pragma: no cover  # macOS: modes are real there
        return ""

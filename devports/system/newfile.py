"""Write a file that is not there yet, whole or not at all."""

from __future__ import annotations

import contextlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MODE = 0o644
"""Less the umask: what decides which commands run must not be written by others."""
_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def write_new(path: str, text: str, *, link: Callable[[str, str], None] = os.link) -> None:
    """Write `text` to a new file; nobody ever sees half of it, and nothing is overwritten.

    It is written under another name and given its own by link(2), which fails where that name is
    taken, be it by a link that leads nowhere. Without hard links it is empty for a moment.

    Args:
        path: of the file.
        text: all of it.
        link: gives the file its name; fails on a file system without hard links.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be written.
    """
    draft = f"{path}.{os.getpid()}.new"
    _write(draft, text)
    try:
        _give_name(draft, path, link)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def _write(path: str, text: str) -> None:
    try:
        with open(os.open(path, _FLAGS, MODE), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        if not isinstance(error, FileExistsError):  # that one is not ours to remove
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise


def _give_name(draft: str, path: str, link: Callable[[str, str], None]) -> None:
    try:
        link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and some mounts know no hard links
        _take_name(draft, path)


def _take_name(draft: str, path: str) -> None:
    """Make an empty file, which fails where the name is taken, and put the draft in its place."""
    os.close(os.open(path, _FLAGS, MODE))
    try:
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise

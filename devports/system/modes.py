"""Take a right away from others, on the file that was looked at and on no other."""

from __future__ import annotations

import os
import stat

from devports.errors import DevportsError

FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def take_writing(path: str) -> None:
    """Take from everybody else the right to write a file or folder; its other rights stay.

    Args:
        path: absolute, links resolved: one that has become a link since then is left alone.

    Raises:
        DevportsError: it is gone, or not this user's.
    """
    try:
        opened = os.open(path, FLAGS | getattr(os, "O_CLOEXEC", 0))
        try:
            os.chmod(opened, stat.S_IMODE(os.fstat(opened).st_mode) & ~stat.S_IWOTH)
        finally:
            os.close(opened)
    except OSError as error:
        raise DevportsError(
            "not-permitted",
            f"the mode of `{path}` could not be changed",
            facts=(error.strerror or type(error).__name__,),
        ) from error

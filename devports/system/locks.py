"""A lock on an open file that its holder's end gives back."""

from __future__ import annotations

import sys

if sys.platform == "win32":  # noqa: TID251  # each system has its own call

    def try_lock(descriptor: int) -> bool:
        """Lock the file, whole and exclusively; say whether that worked.

        Windows locks bytes, also such as are not there yet: the first stands for the file. The
        kernel gives it back some time after its holder has ended (LockFileEx).
        """
        import msvcrt  # noqa: PLC0415  # only there

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def try_lock(descriptor: int) -> bool:
        """Lock the file, whole and exclusively (flock(2)); say whether that worked.

        Raises:
            OSError: this file system has no locks.
        """
        import fcntl  # noqa: PLC0415  # not on Windows

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

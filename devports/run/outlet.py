"""Where output goes, and a way to write there that never makes us wait."""

from __future__ import annotations

import contextlib
import os
import select
import stat

ATOMIC = select.PIPE_BUF
"""Bytes that a pipe which is ready for writing takes without blocking (poll(2), pipe(7))."""


class Outlet:
    """A descriptor that others share with us. `again`: open it once more for ourselves, if we can.

    O_NONBLOCK belongs to what is open, not to our descriptor (fcntl(2), F_SETFL): if we set it on
    our stdout, the shell's next command would fail at a full pipe. What we have opened ourselves
    is ours alone: https://github.com/libuv/libuv/blob/v1.x/src/unix/tty.c does so with terminals.
    Where that is refused, a small piece at a time is written, after a question whether there is
    room: enough for a pipe and for a socket, while a slow terminal may then make us wait.
    """

    def __init__(self, descriptor: int, *, again: bool = True) -> None:
        self.descriptor = descriptor
        self._own = opened_again(descriptor) if again else None

    def write(self, data: memoryview) -> memoryview:
        """Write what is taken now; return what is left.

        Raises:
            OSError: nobody reads any more.
        """
        with contextlib.suppress(BlockingIOError):
            if self._own is not None:
                return data[os.write(self._own, data) :]
            poll = select.poll()
            poll.register(self.descriptor, select.POLLOUT)
            while data and poll.poll(0):
                data = data[os.write(self.descriptor, data[:ATOMIC]) :]
        return data

    def close(self) -> None:
        """Let go of what we have opened, never of what is shared."""
        if self._own is not None:
            os.close(self._own)
            self._own = None


def opened_again(descriptor: int) -> int | None:
    """Return a descriptor of our own for the same place, which does not block; None if none can be.

    A file never blocks, and keeps the one position that all its writers share. A pipe has a name
    under /proc only (proc(5), /proc/pid/fd).
    """
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return os.dup(descriptor)
        if not stat.S_ISFIFO(mode) and not os.isatty(descriptor):
            return None
        path = f"/proc/self/fd/{descriptor}" if stat.S_ISFIFO(mode) else os.ttyname(descriptor)
        found = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    if os.path.sameopenfile(found, descriptor):
        return found
    os.close(found)
    return None

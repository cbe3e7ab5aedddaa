"""The server's output: passed on unchanged and at once, and looked at on the way.

A pipe stays a pipe, one for each stream. Where our own stream is a terminal the server gets a
terminal too, so that it keeps its colours: a pseudo-terminal for output only, with no output
processing of its own since the real terminal behind it does that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import termios

from devports.core.bindfailure import Tail
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CHUNK = 1 << 16
ATOMIC = select.PIPE_BUF
"""Bytes that a pipe which is ready for writing takes without blocking."""
DRAIN = 2.0
"""Seconds for the last output; a grandchild that keeps the stream open and goes on is cut off."""
OPOST_AND_FRIENDS = 1  # index of c_oflag in tcgetattr(3)'s list


class Stream:
    """One way from the server to one of our streams. `target`: our descriptor.

    What the reader does not take yet is kept, and no more is read until it has: a reader that
    stalls stalls the server, as a pipe would, and never us.
    """

    def __init__(self, target: int, *, terminal: bool) -> None:
        self.target = target
        self.terminal = terminal
        self.source, self.child_end = open_terminal() if terminal else os.pipe()
        self.tail = Tail()
        self.open = True
        self.midline = False
        """Whether the server's last byte was not the end of a line."""
        self.pending = memoryview(b"")
        self.deaf = False
        """Whether our reader has gone; the rest of the output goes nowhere."""

    @property
    def active(self) -> bool:
        return self.open or bool(self.pending)

    def register(self, poll: select.poll) -> None:
        if self.pending:
            poll.register(self.target, select.POLLOUT)
        elif self.open:
            poll.register(self.source, select.POLLIN)

    def pump(self, ready: set[int]) -> bytes:
        """Pass on what can be passed on; return what has come from the server."""
        if self.pending:
            if self.target in ready:
                self._write()
            return b""
        data = self._read() if self.source in ready else b""
        if data and not self.deaf:
            self.pending = memoryview(data)
            self._write()
        return data

    def _read(self) -> bytes:
        try:
            data = os.read(self.source, CHUNK)
        except OSError:  # EIO: the last writer of a pseudo-terminal has gone (pty(7))
            data = b""
        if data:
            self.midline = not data.endswith(b"\n")
        else:
            self.close()
        return data

    def _write(self) -> None:
        """Write what the target takes without making us wait (poll(2), pipe(7): PIPE_BUF)."""
        poll = select.poll()
        poll.register(self.target, select.POLLOUT)
        try:
            while self.pending and poll.poll(0):
                self.pending = self.pending[os.write(self.target, self.pending[:ATOMIC]) :]
        except BlockingIOError:
            return
        except OSError:  # a reader that has gone is no reason to stop the server
            self.deaf, self.pending = True, memoryview(b"")

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self.source)


def open_terminal() -> tuple[int, int]:
    """Return both ends of a pseudo-terminal that leaves line ends alone."""
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[OPOST_AND_FRIENDS] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    return ours, theirs


def same_file(one: int, other: int) -> bool:
    """Say whether two descriptors lead to the same place: a terminal, a pipe, a file."""
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it. A reader that has gone is no reason to stop the server."""
    view = memoryview(data)
    with contextlib.suppress(OSError):
        while view:
            view = view[os.write(descriptor, view) :]


class Relay:
    """Both output streams of one start. `suspicious` is told of text that may be a bind error."""

    def __init__(self, suspicious: Callable[[str], None]) -> None:
        self._suspicious = suspicious
        self.watching = True
        """Whether the output is looked at: until the server is ready, never after that."""
        self._out = Stream(1, terminal=os.isatty(1))
        shared = os.isatty(1) and os.isatty(2)
        self._err = self._out if shared else Stream(2, terminal=os.isatty(2))
        self.resize()

    @property
    def streams(self) -> tuple[Stream, ...]:
        unique = dict.fromkeys((self._out, self._err))
        return tuple(stream for stream in unique if stream.active)

    def register(self, poll: select.poll) -> None:
        """Add what we wait for: output of the server, or room for it."""
        for stream in self.streams:
            stream.register(poll)

    @property
    def midline(self) -> bool:
        """Whether a line of ours would begin behind unfinished output of the server's."""
        return any(stream.midline and same_file(stream.target, 2) for stream in self.streams)

    def child_ends(self) -> tuple[int, int]:
        return self._out.child_end, self._err.child_end

    def close_child_ends(self) -> None:
        for descriptor in set(self.child_ends()):
            os.close(descriptor)

    def resize(self) -> None:
        """Give the server's terminal the size of ours (tty_ioctl(4))."""
        for stream in self.streams:
            if stream.terminal and stream.open:
                with contextlib.suppress(OSError):
                    size = fcntl.ioctl(stream.target, termios.TIOCGWINSZ, bytes(8))
                    fcntl.ioctl(stream.source, termios.TIOCSWINSZ, size)

    def pump(self, ready: Iterable[int]) -> None:
        """Pass on the output of these descriptors."""
        numbers = set(ready)
        for stream in self.streams:
            data = stream.pump(numbers)
            if data and self.watching and stream.tail.add(data):
                self._suspicious(stream.tail.text)

    def drain(self) -> None:
        """Pass on what is left after the server's end, without waiting for who keeps it open."""
        deadline = clock.Deadline(DRAIN)
        while not deadline.passed:
            poll = select.poll()
            self.register(poll)
            waiting = any(stream.pending for stream in self.streams)
            ready = [number for number, _ in poll.poll(50 if waiting else 0)]
            if not ready and not waiting:
                break
            self.pump(ready)

    def tails(self) -> list[str]:
        """Return the last output of each stream: colours inside a word hide it while it comes."""
        return [stream.tail.text for stream in dict.fromkeys((self._out, self._err))]

    def close(self) -> None:
        for stream in self.streams:
            stream.close()

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
DRAIN = 2.0
"""Seconds for the last output; a grandchild that keeps the stream open and goes on is cut off."""
OPOST_AND_FRIENDS = 1  # index of c_oflag in tcgetattr(3)'s list


class Stream:
    """One way from the server to one of our streams. `target`: our descriptor."""

    def __init__(self, target: int, *, terminal: bool) -> None:
        self.target = target
        self.terminal = terminal
        self.source, self.child_end = open_terminal() if terminal else os.pipe()
        self.tail = Tail()
        self.open = True
        self.midline = False
        """Whether the server's last byte was not the end of a line."""

    def pump(self) -> bytes:
        """Pass on what is there; return it, empty at the end of the stream."""
        try:
            data = os.read(self.source, CHUNK)
        except OSError:  # EIO: the last writer of a pseudo-terminal has gone (pty(7))
            data = b""
        if data:
            write_all(self.target, data)
            self.midline = not data.endswith(b"\n")
        else:
            self.close()
        return data

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
        return tuple(stream for stream in unique if stream.open)

    @property
    def midline(self) -> bool:
        """Whether a line of ours would begin behind unfinished output of the server's."""
        return any(stream.terminal and stream.midline for stream in self.streams)

    def child_ends(self) -> tuple[int, int]:
        return self._out.child_end, self._err.child_end

    def close_child_ends(self) -> None:
        for descriptor in set(self.child_ends()):
            os.close(descriptor)

    def resize(self) -> None:
        """Give the server's terminal the size of ours (tty_ioctl(4))."""
        for stream in self.streams:
            if stream.terminal:
                with contextlib.suppress(OSError):
                    size = fcntl.ioctl(stream.target, termios.TIOCGWINSZ, bytes(8))
                    fcntl.ioctl(stream.source, termios.TIOCSWINSZ, size)

    def pump(self, ready: Iterable[int]) -> None:
        """Pass on the output of these descriptors."""
        sources = set(ready)
        for stream in self.streams:
            if stream.source in sources:
                data = stream.pump()
                if data and self.watching and stream.tail.add(data):
                    self._suspicious(stream.tail.text)

    def drain(self) -> None:
        """Pass on what is left after the server's end, without waiting for who keeps it open."""
        deadline = clock.Deadline(DRAIN)
        while (streams := self.streams) and not deadline.passed:
            poll = select.poll()
            for stream in streams:
                poll.register(stream.source, select.POLLIN | select.POLLHUP)
            ready = [number for number, _ in poll.poll(0)]
            if not ready:
                break
            self.pump(ready)

    def tails(self) -> list[str]:
        """Return the last output of each stream: colours inside a word hide it while it comes."""
        return [stream.tail.text for stream in dict.fromkeys((self._out, self._err))]

    def close(self) -> None:
        for stream in self.streams:
            stream.close()

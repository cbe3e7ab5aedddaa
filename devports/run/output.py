"""The server's output, and its input where it has a terminal: passed on unchanged and at once.

A pipe stays a pipe, one for each stream. If stdin, stdout and stderr are one terminal, the server
gets a pseudo-terminal instead, the inner one, for colours, single keys and sizes. If only some of
them are a terminal, each of these is replaced by an output-only pseudo-terminal without output
processing, since the real one does that, and the server shares stdin. devports never blocks on a
reader.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import termios

from devports.core.bind_errors import Tail, strip_ansi
from devports.records import CONTINUED
from devports.run.terminal import OFLAG, ServerTerminal, copy_size
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from devports.run.terminal import Terminal


CHUNK = 1 << 16
FLOOD = 2048
"""Bytes in one read from which more are likely to follow: a pseudo-terminal gives at most 4095."""
BURST = 16
"""Chunks of a flood that are passed on before signals and keys are handled."""
ATOMIC = select.PIPE_BUF
"""Bytes that a pipe which is ready for writing accepts without blocking (poll(2), pipe(7))."""
LOG_SIZE = 10 << 20
"""Bytes after which the log of a run in the background is begun again; two files are kept."""
DRAIN = 2.0
"""Seconds for the last output; a grandchild that keeps the stream open is cut off after that."""


class OutputFile:
    """A descriptor shared with other processes. `again`: reopen it privately if possible.

    O_NONBLOCK belongs to the open file, not to the descriptor (fcntl(2), F_SETFL): set on a shared
    stdout, it would make the shell's next command fail at a full pipe. A reopened file is private:
    https://github.com/libuv/libuv/blob/v1.x/src/unix/tty.c does so with terminals. Where reopening
    is refused, small pieces are written after poll reports room: enough for a pipe and for a
    socket, while a slow terminal may then block devports.
    """

    def __init__(self, descriptor: int, *, again: bool = True) -> None:
        self.descriptor = descriptor
        self._own = reopened(descriptor) if again else None

    def write(self, data: memoryview) -> memoryview:
        """Write what is accepted now; return the rest.

        Raises:
            OSError: the reader is closed.
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
        """Close the reopened descriptor, never the shared one."""
        if self._own is not None:
            os.close(self._own)
            self._own = None


class LogFile(OutputFile):
    """The log of a run in the background, which stdout and stderr of devports are.

    The relay is its only writer but for a few lines, so it can bound it. A full disk loses output,
    and later output is written again.
    """

    def __init__(self, path: str) -> None:
        super().__init__(1, again=False)
        self._path = path

    def write(self, data: memoryview) -> memoryview:
        with contextlib.suppress(OSError):
            if os.fstat(1).st_size > LOG_SIZE:
                begin_log(self._path, CONTINUED + _head_of(self._path))
            while data:
                data = data[os.write(1, data) :]
        return memoryview(b"")


def begin_log(path: str, head: bytes) -> None:
    """Let stdout and stderr be a new log with this first line; the one before becomes `.1`.

    If it cannot be renamed, it is emptied: it stays bounded.

    Raises:
        OSError: it cannot be opened.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):
        os.replace(path, f"{path}.1")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    os.write(descriptor, head)
    for output in (1, 2):
        os.dup2(descriptor, output)
    os.close(descriptor)


def _head_of(path: str) -> bytes:
    """Return the first line of a log; see `records.log_head`."""
    with open(path, "rb") as file:
        return file.readline(CHUNK).removeprefix(CONTINUED)


def reopened(descriptor: int) -> int | None:
    """Return a private, non-blocking descriptor of the same file; None if there can be none.

    A regular file never blocks, and keeps the one position that all its writers share. A pipe has a
    name under /proc only (proc(5), /proc/pid/fd).
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


class Stream:
    """One direction, from `source` to `target`. It closes its source, and never its target.

    Output that the reader does not accept yet is kept, and no more is read until it has: a stalled
    reader stalls the server, as a pipe would, and never devports.
    """

    def __init__(self, source: int, outlet: OutputFile, burst: int = BURST) -> None:
        self.source, self.outlet, self.target = source, outlet, outlet.descriptor
        self._burst = burst
        if burst > 1:
            os.set_blocking(source, False)
        self.tail = Tail()
        self.open = True
        self.midline = False
        """Whether the last byte was not the end of a line."""
        self.pending = memoryview(b"")
        self.reader_closed = False
        """Whether the reader is closed; the rest of the output is dropped."""

    @property
    def active(self) -> bool:
        return self.open or bool(self.pending)

    def register(self, poll: select.poll) -> None:
        if self.pending:
            poll.register(self.target, select.POLLOUT)
        elif self.open:
            poll.register(self.source, select.POLLIN)

    def pump(self, ready: Collection[int]) -> Iterator[bytes]:
        """Pass on what can be passed on; yield each chunk after it was passed on."""
        if self.pending:
            if self.target in ready:
                self._write()
            return
        for _ in range(self._burst if self.source in ready else 0):
            data = self._read()
            if data and not self.reader_closed:
                self.pending = memoryview(data)
                self._write()
            yield data
            if self.pending or len(data) < FLOOD:
                return

    def _read(self) -> bytes:
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:  # everything available was read
            return b""
        except OSError:  # EIO: the last writer of a pseudo-terminal has closed it (pty(7))
            data = b""
        if data:
            self.midline = not data.endswith(b"\n")
        else:
            self.close()
        return data

    def _write(self) -> None:
        try:
            self.pending = self.outlet.write(self.pending)
        except OSError:  # a closed reader is no reason to stop the server
            self.reader_closed, self.pending = True, memoryview(b"")

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self.source)


class TerminalInput(Stream):
    """Input from the real terminal to the inner one. devports handles two keys as well.

    The interrupt key is passed on, and the inner terminal turns it into a signal; devports only
    notes it. The suspend key is not passed on: the kernel would not stop a session that has no
    shell (setpgid(2), orphaned process groups).
    """

    def __init__(self, terminal: Terminal, inner: ServerTerminal, pressed: list[int]) -> None:
        keys = OutputFile(os.dup(inner.relay_end), again=False)
        super().__init__(os.dup(terminal.descriptor), keys, burst=1)
        self._terminal, self._inner, self._pressed = terminal, inner, pressed

    def register(self, poll: select.poll) -> None:
        if self._terminal.is_raw:  # reading in the background would stop devports (tty(4), SIGTTIN)
            super().register(poll)

    def _read(self) -> bytes:
        data = super()._read()
        keys = {
            signal.SIGINT: self._terminal.key(termios.VINTR),
            signal.SIGTSTP: self._terminal.key(termios.VSUSP),
        }
        if not self._inner.signals:
            return data
        self._pressed += [number for number, key in keys.items() if key and key in data]
        suspend = keys[signal.SIGTSTP]
        return data.replace(suspend, b"") if suspend else data

    def interrupt(self) -> None:
        """Type the interrupt key, so that the inner terminal handles it according to its modes."""
        with contextlib.suppress(OSError):
            os.write(self._inner.relay_end, self._terminal.key(termios.VINTR))

    def close(self) -> None:
        if self.open:
            os.close(self.target)
        super().close()


def open_output() -> tuple[int, int]:
    """Return both ends of a pseudo-terminal that does not change line ends."""
    outer, inner = os.openpty()
    modes = termios.tcgetattr(inner)
    modes[OFLAG] &= ~termios.OPOST
    termios.tcsetattr(inner, termios.TCSANOW, modes)
    return outer, inner


def same_file(one: int, other: int) -> bool:
    """Return whether two descriptors lead to the same terminal, pipe or file."""
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


class Relay:
    """All streams of one start.

    Args:
        suspicious: called with text that may be a bind error.
        terminal: to be lent to the server; None: the server shares stdin.
        awaited: text to watch for; `log_seen` is whether it was printed.
        log: the log of a run in the background; both streams share a pipe, so that it is in order.
    """

    def __init__(
        self,
        suspicious: Callable[[str], None],
        terminal: Terminal | None = None,
        awaited: str = "",
        log: str = "",
    ) -> None:
        self._suspicious, self._awaited = suspicious, awaited
        self.log_seen = not awaited
        self.watching = True
        """Whether output is inspected: only until the server is ready."""
        self.pressed: list[int] = []
        """Signals requested by a key."""
        self._keyboard: TerminalInput | None = None
        self.child_ends: tuple[int | None, int, int]
        """The server's stdin, stdout and stderr; None for the stdin of devports."""
        if terminal is not None:
            inner = ServerTerminal(terminal)
            self._keyboard = TerminalInput(terminal, inner, self.pressed)
            self._out = self._err = Stream(inner.relay_end, OutputFile(1))
            self.child_ends = (inner.server_end,) * 3
        else:
            self._share_input(log)
        self._all = tuple(dict.fromkeys((self._out, self._err)))
        self.resize()

    def _share_input(self, log: str) -> None:
        one_stream = bool(log) or (os.isatty(1) and os.isatty(2))
        source, out = open_output() if os.isatty(1) else os.pipe()
        self._out = self._err = Stream(source, LogFile(log) if log else OutputFile(1))
        err = out
        if not one_stream:
            source, err = open_output() if os.isatty(2) else os.pipe()
            self._err = Stream(source, OutputFile(2))
        self.child_ends = (None, out, err)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(stream for stream in self._all if stream.active)

    def register(self, poll: select.poll) -> None:
        """Register output of the server, keys for it, and targets to write to."""
        for stream in self.streams:
            stream.register(poll)
        if self._keyboard is not None:
            self._keyboard.register(poll)

    @property
    def midline(self) -> bool:
        """Whether a message of devports would start behind an unfinished line of output."""
        return any(stream.midline and same_file(stream.target, 2) for stream in self.streams)

    def close_child_ends(self) -> None:
        for descriptor in set(self.child_ends) - {None}:
            os.close(descriptor)  # type: ignore[arg-type]  # not None

    def resize(self) -> None:
        """Give the server's terminal the size of the real one (tty_ioctl(4))."""
        for stream in self.streams:
            if stream.open and os.isatty(stream.source):
                copy_size(stream.target, stream.source)

    def pump(self, ready: Collection[int]) -> None:
        for stream in self.streams:
            for data in stream.pump(ready):
                if data and self.watching:
                    self._inspect(data, stream.tail)
        if self._keyboard is not None:
            for _ in self._keyboard.pump(ready):
                pass

    def _inspect(self, data: bytes, tail: Tail) -> None:
        """Search for bind errors and for the awaited text, across chunks."""
        before = tail.data
        if tail.add(data):
            self._suspicious(tail.text)
        self.log_seen = self.log_seen or self._awaited in strip_ansi(before + data)

    def keys(self) -> list[int]:
        """Return the signals requested by keys since the last call."""
        found = list(self.pressed)
        self.pressed.clear()
        return found

    def interrupt(self) -> None:
        if self._keyboard is not None:
            self._keyboard.interrupt()

    def drain(self) -> None:
        """Pass on the output left after the exit, not waiting for processes that keep it open."""
        deadline = clock.Deadline(DRAIN)
        while not deadline.passed:
            poll = select.poll()
            for stream in self.streams:
                stream.register(poll)
            waiting = any(stream.pending for stream in self.streams)
            ready = {number for number, _ in poll.poll(50 if waiting else 0)}
            if not ready and not waiting:
                break
            self.pump(ready)

    def tails(self) -> list[str]:
        """Return the last output of each stream: on arrival colour codes inside a word hide it."""
        return [stream.tail.text for stream in self._all if stream.tail.data]

    def close(self) -> None:
        for stream in self._all:
            stream.close()
            stream.outlet.close()
        if self._keyboard is not None:
            self._keyboard.close()

"""The installed command in a real terminal: keys go in, a screen of a known size comes out."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import termios
from functools import partial
from typing import TYPE_CHECKING

import pexpect
import psutil
import pyte

from tests.harness.actors import Identity
from tests.harness.waiting import deadline_after, eventually, remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROWS, COLUMNS = 40, 120
ASKS, ASKED = b"\x1b[?2004h", b"\x1b[?2004l"
"""A question begins and ends with these: what is pasted in between is told apart from keys."""
DRAWS, DRAWN = b"\x1b[?7l", b"\x1b[?7h"
"""Each drawing of a question is between these: in between, some of its rows are still to come."""
UP, DOWN = "\x1b[A", "\x1b[B"
POINTED = re.compile(r"^ > (\w)  ", re.MULTILINE)
WITHIN = 20.0
AGAIN = 0.3
"""Seconds until a key is pressed again: in the first moments of a question only "no" counts."""


class _Screen(pyte.HistoryScreen):
    """A screen that answers when it is asked where its cursor is, as every real one does."""

    answer: Callable[[str], object] = staticmethod(print)

    def write_process_input(self, data: str) -> None:
        self.answer(data)


class Terminal:
    """A program on a pseudo terminal, whose output is drawn on a screen as it comes."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        size: tuple[int, int] = (ROWS, COLUMNS),
    ) -> None:
        self._screen = _Screen(size[1], size[0], history=5000)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = b""
        self._child = pexpect.spawn(
            argv[0], list(argv[1:]), cwd=cwd, env=dict(env), dimensions=size, timeout=None
        )
        self._child.delaybeforesend = None
        self._screen.answer = self._child.send
        self.identity = Identity.of(self._child.pid)

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    def screen(self) -> str:
        """Return what is on the screen now, and what has scrolled off it."""
        gone = [
            "".join(line[x].data for x in range(self._screen.columns)) for line in self._scrolled
        ]
        return "\n".join(line.rstrip() for line in [*gone, *self._screen.display]).rstrip()

    def cells(self) -> list[list[pyte.screens.Char]]:
        """Return what is on the screen now with its colours, without empty lines at its end."""
        lines = [[self._screen.buffer[y][x] for x in range(self._screen.columns)]
                 for y in range(self._screen.lines)]  # fmt: skip
        while lines and not "".join(cell.data for cell in lines[-1]).strip():
            lines.pop()
        return lines

    @property
    def _scrolled(self) -> list[dict[int, pyte.screens.Char]]:
        return list(self._screen.history.top)

    def _read(self, seconds: float) -> bool:
        """Draw what comes within `seconds`; say whether more can come."""
        try:
            chunk: bytes = self._child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.bytes += chunk
        self._stream.feed(chunk)
        return True

    def drain(self) -> int:
        """Draw what has come; return how many bytes have come altogether."""
        self._read(0.01)
        return len(self.bytes)

    def expect(self, text: str, within: float = WITHIN) -> str:
        """Wait until `text` is on the screen, wherever it is wrapped; return the screen.

        Raises:
            AssertionError: it did not come in time, or the program ended without it.
        """
        deadline, wanted = deadline_after(within), "".join(text.split())
        while wanted not in "".join(self.screen().split()):
            more = self._read(min(0.1, remaining(deadline)))
            if not more and wanted not in "".join(self.screen().split()):
                raise AssertionError(f"it ended without {text!r}; the screen:\n{self.screen()}")
            if not remaining(deadline):
                raise AssertionError(f"no {text!r} in time; the screen:\n{self.screen()}")
        return self.screen()

    @property
    def asks(self) -> bool:
        """Whether a question waits for its answer."""
        return self.bytes.count(ASKS) > self.bytes.count(ASKED)

    @property
    def pointed(self) -> str:
        """The key of the row that is pointed at; empty if there is none, or half a drawing."""
        whole = self.bytes.rfind(DRAWN) > max(self.bytes.rfind(mark) for mark in (ASKS, DRAWS))
        rows = POINTED.findall(self.screen()) if self.asks and whole else []
        return rows[-1] if rows else ""

    def asked(self, within: float = WITHIN) -> Terminal:
        """Wait until a question is there, drawn to its last row."""
        eventually(lambda: self._read(0.1) and self.pointed, within, what=self.screen())
        return self

    def type_ahead(self, keys: str) -> bool:
        """Type the keys while the program is stopped; return False, and type none, if it asks."""
        self.identity.send(signal.SIGSTOP)
        eventually(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        while len(self.bytes) != self.drain():  # all that was written until then
            pass
        early = ASKS not in self.bytes
        if early:
            self.send(keys)
        self.identity.send(signal.SIGCONT)
        return early

    def press(self, keys: str, done: Callable[[], object], within: float = WITHIN) -> None:
        """Press the keys until they have been taken, which `done` says."""
        deadline = deadline_after(within)
        while not done():
            assert remaining(deadline), f"{keys!r} was not taken; the screen:\n{self.screen()}"
            self.send(keys)
            again = deadline_after(AGAIN)
            while self._read(0.05) and not done() and remaining(again):
                pass

    def answer(self, keys: str) -> None:
        """Answer the question that is there, or that comes."""
        answered = self.bytes.count(ASKED)
        self.asked()
        self.press(keys, lambda: self.bytes.count(ASKED) > answered)

    def point(self, key: str) -> None:
        """Point at the answer with this key, by arrows."""
        self.asked()
        rows = re.findall(r"^ [ >] (\w)  ", self.screen(), re.MULTILINE)
        assert key in rows, f"no answer `{key}`; the screen:\n{self.screen()}"
        while (now := self.asked().pointed) != key:
            self.press(
                DOWN if rows.index(key) > rows.index(now) else UP,
                partial(lambda before: self.pointed not in ("", before), now),
            )

    def send(self, keys: str) -> None:
        self._child.send(keys)

    def ctrl_c(self) -> None:
        self._child.sendcontrol("c")

    def resize(self, rows: int, columns: int) -> None:
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def modes(self) -> list[object]:
        """Return the terminal's modes, to be compared with later ones."""
        return list(termios.tcgetattr(self._child.child_fd))

    @property
    def front(self) -> int:
        """The process group in the foreground: whom a Ctrl-C would reach."""
        return os.tcgetpgrp(self._child.child_fd)

    def signal(self, number: int) -> None:
        """Signal the program itself, as a stranger would, not the terminal."""
        self.identity.send(number)

    def hang_up(self) -> None:
        """Take the terminal away, as closing its window does."""
        process = self._child.ptyproc
        process.fileobj.close()  # the one owner of the descriptor: closed twice, it hits another
        process.fd = self._child.child_fd = -1
        process.closed = self._child.closed = True

    def exit_code(self, within: float = WITHIN) -> int:
        """Wait for the end, drawing what comes; return the code, 128+n for a signal."""
        deadline = deadline_after(within)
        while not self._child.closed and self._read(min(0.1, remaining(deadline))):
            if not remaining(deadline):
                raise AssertionError(f"it lives on; the screen:\n{self.screen()}")
        self._child.wait()
        if self._child.signalstatus is not None:
            return 128 + int(self._child.signalstatus)
        return int(self._child.exitstatus)

    @property
    def died_of(self) -> int:
        """The signal it died of; 0 where it ended by itself with a code."""
        return int(self._child.signalstatus or 0)

    def close(self) -> None:
        """End it: SIGTERM, then SIGKILL; the terminal stays open until it is gone."""
        if self._child.isalive():
            self.identity.send(signal.SIGTERM)
            with contextlib.suppress(AssertionError):
                self.exit_code(5)
        if self._child.isalive():
            self.identity.send(signal.SIGKILL)
            self._child.wait()
        if not self._child.closed:
            self.hang_up()


def typed_ahead(begin: Callable[[], Terminal], keys: str, shown: str = "") -> Terminal:
    """Return a terminal where the keys were typed before any question was there.

    Args:
        begin: runs the program in a new terminal.
        keys: to be typed.
        shown: the text that has to be on the screen before.
    """
    deadline = deadline_after(WITHIN)
    while remaining(deadline):
        terminal = begin()
        if shown:
            terminal.expect(shown)
        if terminal.type_ahead(keys):
            return terminal
        terminal.hang_up()  # its question was there before this process had its turn
        terminal.exit_code()
    raise AssertionError("the question was always there before the keys")

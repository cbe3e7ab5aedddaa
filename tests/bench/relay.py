"""What it costs that a server's output passes through devports: beside `cat` and `script`.

The same server speaks to the same reader: directly, through `cat` or `script -qec`, and through
`devports run`, in turn; to a pipe and to a terminal. `... [ROUNDS [SHARE OF THE FULL SIZE]]`
"""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import talker, wheel
from tests.bench.pairs import Section, in_turn, markdown, middles, progress
from tests.harness.command import clean_environment
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTLY, CAT, SCRIPT, DEVPORTS = "directly", "`cat`", "`script -qec`", "**`devports run`**"
WAYS = {"pipe": (CAT, DIRECTLY, DEVPORTS), "terminal": (SCRIPT, DIRECTLY, DEVPORTS)}
"""To whom the server speaks, and how; the first is the measure."""
BLOCK = 1 << 16
AT_ONCE, IN_LINES = ("blocks", BLOCK), ("blocks", 12)
FLOOD = {"pipe": 200_000_000, "terminal": 50_000_000}
LINES = {"pipe": 2_000_000, "terminal": 300_000}
STAMPS = 1000
CHUNK = 1 << 16


@dataclass(frozen=True)
class Speech:
    """What is said, and to whom. `words`: what the talker is told; `ready`: it listens first."""

    to: str
    words: tuple[object, ...]
    ready: bool = True


@dataclass
class Heard:
    """What a reader has read: when it came, and what it was where that was to be kept."""

    descriptor: int
    begin: float = 0.0
    end: float = 0.0
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    _last: bytes = b""

    def until(self, word: bytes, *, keep: bool = False) -> float:
        """Read until `word` has come, in one piece or in two; return when it came."""
        now = time.monotonic()
        while word not in self._last:
            data = os.read(self.descriptor, CHUNK)
            now = time.monotonic()
            if not data:
                raise AssertionError(f"it ended without {word!r}: {self._last!r}")
            if keep:
                self.chunks.append((now, data))
            self._last = self._last[-len(word) :] + data
        self._last = self._last.partition(word)[2]
        return now

    def delays(self) -> list[float]:
        """Return for each stamp the milliseconds from when it was written to when it was read."""
        found, text = [], b""
        for came, data in self.chunks:
            *lines, text = (text + data).split(b"\n")
            stamps = [line.split()[1] for line in lines if line.startswith(b"T ")]
            found += [(came - float(stamp)) * 1e3 for stamp in stamps]
        return found


@contextlib.contextmanager
def on_a_pipe(argv: list[str], env: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Start a command whose output is a pipe; give its pid and our end. What it says of itself
    comes the same way, as the server's own words do."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process.pid, process.stdout.fileno()
        process.stdout.close()
        process.wait(20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def on_a_terminal(argv: list[str], env: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Start a command on a terminal of its own; give its pid and our end."""
    pid, ours = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)
    try:
        yield pid, ours
        with contextlib.suppress(OSError):  # the end of a terminal (pty(7))
            while os.read(ours, CHUNK):
                pass
        os.waitpid(pid, 0)
        pid = 0
    finally:
        os.close(ours)
        if pid:
            os.kill(pid, signal.SIGKILL)  # noqa: TID251  # our own child, not waited for yet
            os.waitpid(pid, 0)


STAGES = {"pipe": on_a_pipe, "terminal": on_a_terminal}


def say_go(port: int) -> None:
    """Tell the talker to begin, once it listens."""

    def said() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(b"go")
        except ConnectionRefusedError:
            return False
        return True

    eventually(said)


def heard(way: str, speech: Speech) -> tuple[Heard, int]:
    """Have it said once; return what was heard, and the KiB of who passed it on in the end."""
    keep = speech.words[0] == "stamps"
    with tempfile.TemporaryDirectory() as folder, reserved_block() as port:
        place = port if speech.ready else 0
        argv = [sys.executable, talker.__file__, *map(str, (place, *speech.words))]
        project = Project(folder)
        project.service("web", port, argv)
        words = {
            DIRECTLY: argv,
            CAT: ["sh", "-c", f"{shlex.join(argv)} | cat"],
            SCRIPT: ["script", "-qec", shlex.join(argv), "/dev/null"],
            DEVPORTS: [wheel.devports(), "run", "--config", project.config, "web"],
        }
        with STAGES[speech.to](words[way], clean_environment(folder)) as (pid, descriptor):
            found = Heard(descriptor)
            if speech.ready:
                if way == DEVPORTS:
                    found.until(b"is ready on")
                say_go(port)
            found.begin = found.until(b"BEGIN")
            found.end = found.until(b"END", keep=keep)
            size = resident(pid)
    return found, size


def resident(pid: int) -> int:
    """Return the memory of a process in KiB (VmRSS, proc(5)); 0 if it has ended."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("VmRSS")), 0)


def seconds(way: str, speech: Speech, sizes: list[int]) -> float:
    found, size = heard(way, speech)
    if way == DEVPORTS:
        sizes.append(size)
    return found.end - found.begin


def delay(way: str, speech: Speech) -> float:
    return statistics.median(heard(way, speech)[0].delays())


def speeches(share: float) -> Iterator[tuple[str, Speech]]:
    """Yield what is said: all of it by a server that is ready, a quarter by one that is not."""
    for to in WAYS:
        for ready, part in ((True, share), (False, share / 4)):
            flood, lines = (int(size[to] * part) for size in (FLOOD, LINES))
            when = "" if ready else ", not ready yet"
            yield f"{flood / 1e6:g} MB at once{when}", Speech(to, (*AT_ONCE, flood // BLOCK), ready)
            yield f"{lines:,} short lines{when}", Speech(to, (*IN_LINES, lines), ready)


def ways_to(to: str) -> list[str]:
    return [way for way in WAYS[to] if way != SCRIPT or shutil.which("script")]


def throughput(rounds: int, share: float) -> str:
    rows, sizes = [], list[int]()
    for title, speech in speeches(share):
        progress(f"relay: to a {speech.to}, {title}")
        ways = {way: partial(seconds, way, speech, sizes) for way in ways_to(speech.to)}
        found = in_turn(ways, rounds)
        rows += [(speech.to, title, *row) for row in middles(found, 2)]
    table = markdown("to a | what | how | median s | ratio to the first", rows, words=3)
    return f"{table}\n\nMemory of devports after that: at most {max(sizes) / 1024:.1f} MiB."


def latency(rounds: int, share: float) -> str:
    rows = []
    for to in WAYS:
        progress(f"relay: delay of a line to a {to}")
        speech = Speech(to, ("stamps", int(STAMPS * share)))
        found = in_turn({way: partial(delay, way, speech) for way in ways_to(to)}, rounds)
        directly = statistics.median(found[DIRECTLY])
        for way, times in found.items():
            middle = statistics.median(times)
            rows.append((to, way, f"{middle:.3f}", f"{middle - directly:+.3f}"))
    return markdown("to a | how | median ms from write to read | beside directly", rows, words=2)


def report(rounds: int = 3, share: float = 1.0) -> Section:
    text = (throughput(rounds, share), "A line a millisecond:", latency(rounds, share))
    return Section("Output passed on", "\n\n".join(text))


if __name__ == "__main__":
    numbers = [*sys.argv[1:3]]
    print(report(*map(int, numbers[:1]), *map(float, numbers[1:])))

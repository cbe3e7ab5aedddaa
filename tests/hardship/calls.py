"""The system calls of one command: which it makes after Python's start, and how one is disturbed.

The numbers differ from one version of Python to the next, so nothing here knows any: each sweep
first records what the command does undisturbed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hardship.stage import MARKER, words_of
from tests.harness.command import Done
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.hardship.stage import Stage, Subject

ERRORS = ("ENOSPC", "EMFILE", "ENFILE", "EACCES", "EIO", "ENOMEM", "EAGAIN", "EINTR")
LASTING = ("ENOSPC", "EMFILE", "ENFILE", "EACCES", "EIO", "ENOMEM")
"""Errors that stay: Python itself repeats a call after EINTR, forever."""
FAILING = frozenset(
    "open openat creat write writev pwrite64 fsync mkdir mkdirat mknod mknodat rename renameat "
    "renameat2 link linkat bind socket sendto recvfrom sendmsg recvmsg clone clone3 fork vfork "
    "pipe pipe2 flock pidfd_open pidfd_send_signal pidfd_getfd".split()
)
"""Opens, writes, renames, binds, sockets, netlink, forks and process descriptors."""
READING = frozenset(
    "read pread64 fstat stat lstat newfstatat statx lseek mmap munmap mprotect mremap brk "
    "getdents64 readlink readlinkat access faccessat faccessat2 rt_sigaction rt_sigprocmask ioctl "
    "fcntl getpid gettid getuid geteuid getgid getegid getsid getpgrp prlimit64 getcwd uname futex "
    "sysinfo getrandom clock_gettime getsockname getsockopt poll sched_getaffinity madvise dup "
    "close".split()
)
"""Calls that change nothing outside: a kill before one is a kill after the last one that did."""
ALIKE = 3
"""How many calls with the same words are tried: a search reads many processes the same way."""
CALL = re.compile(r"^(\w+)\(")


@dataclass(frozen=True)
class Moment:
    """The n-th call of a name since the process began. `words`: its arguments without numbers."""

    call: str
    number: int
    words: str = ""

    @property
    def fails(self) -> bool:
        """Whether it is a call that is made to fail."""
        return self.call in FAILING

    @property
    def changes(self) -> bool:
        """Whether it changes something outside; a kill before any other is one after it."""
        opens = self.call in {"open", "openat"}
        return "O_CREAT" in self.words if opens else self.call not in READING


def recorded(stage: Stage, subject: Subject) -> tuple[list[Moment], Done]:
    """Return the calls of the command itself, in order, and how it ended."""
    log = os.path.join(stage.folder, "log")
    done = traced(stage, subject, ("strace", "-qq", "-o", log))
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    counts: Counter[str] = Counter()
    moments, begun = [], subject.watchdog
    for line in lines:
        begun = begun or MARKER in line
        if match := CALL.match(line):
            counts[match[1]] += 1
            if begun and MARKER not in line:
                words = re.sub(r"[\d.]+|0x\w+", "N", line.rpartition(" = ")[0])
                moments.append(Moment(match[1], counts[match[1]], words))
    return moments, done


def traced(stage: Stage, subject: Subject, strace: Sequence[str]) -> Done:
    """Run the command under strace(1); or its watchdog, from the moment when the run is killed."""
    if not subject.watchdog:
        env = subject.environment(stage)
        return stage.command.under(*strace, "--")(*subject.typed(stage), env=env, within=60)
    run = stage.command.start(*subject.typed(stage))
    run.says("is ready on")
    twins = [pid for pid in stage.left() if words_of(pid) == words_of(run.pid)]
    (watchdog,) = set(twins) - {run.pid}
    tracer = subprocess.Popen([*strace, "-p", str(watchdog)], stderr=subprocess.DEVNULL)
    eventually(lambda: "TracerPid:\t0\n" not in status(watchdog), what="it is traced")
    run.send(signal.SIGKILL)
    tracer.wait(60)
    return Done(tuple(strace), run.ends(), run.out.encode(), run.err.encode(), 0)


def status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def different(moments: Iterable[Moment]) -> Iterator[Moment]:
    """Return calls without most of those that differ in numbers only, one for each process."""
    seen: Counter[str] = Counter()
    for moment in moments:
        seen[moment.words] += 1
        if seen[moment.words] <= ALIKE:
            yield moment


def disturbed(stage: Stage, subject: Subject, moment: Moment, how: str) -> tuple[Done, bool]:
    """Run the command with one call disturbed; return its end, and whether the call was reached.

    Args:
        stage: where.
        subject: the command.
        moment: which call; from this one on, if `how` ends with a plus sign.
        how: "error=EIO", "error=EIO+" or "signal=KILL", as strace(1) has it.
    """
    log = os.path.join(stage.folder, "log")
    lasting = "+" if how.endswith("+") else ""
    what = f"inject={moment.call}:{how.removesuffix('+')}:when={moment.number}{lasting}"
    words = ("strace", "-qq", "-o", log, "-e", f"trace={moment.call}", "-e", what)
    done = traced(stage, subject, words)
    with open(log, encoding="utf-8", errors="replace") as file:
        protocol = file.read()
    return done, "INJECTED" in protocol or "killed by SIGKILL" in protocol

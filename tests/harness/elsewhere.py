"""Takes away what Windows does not have, to see on another system what would miss it.

`pytest -p tests.harness.elsewhere` collects and runs tests that way, `python -m
tests.harness.elsewhere WORDS...` runs the command. It shows that nothing POSIX is asked for, and
not how Windows answers: sockets, files and psutil stay those of this machine.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

MODULES = "fcntl grp pty pwd resource termios tty".split()
NAMES: dict[ModuleType, str] = {
    os: "fork forkpty geteuid getuid getegid getgid getpgrp getpgid getsid killpg setsid uname"
    " chown mkfifo openpty sysconf getxattr setxattr wait4 pidfd_open sched_getaffinity"
    " O_CLOEXEC O_NOFOLLOW O_DIRECTORY O_NONBLOCK O_NOCTTY",
    signal: "SIGKILL SIGHUP SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGQUIT SIGWINCH SIGUSR1 SIGUSR2"
    " pidfd_send_signal pthread_sigmask",
    select: "poll epoll",
    time: "clock_gettime CLOCK_BOOTTIME tzset",
}
"""What Python's documentation marks "Availability: Unix" or "Linux", as far as one may want it."""


def preload() -> None:
    """Import what is not ours and decides for itself at import which system this is."""
    import asyncio
    import multiprocessing.context
    import random
    import subprocess
    import tempfile

    import prompt_toolkit.input.defaults
    import prompt_toolkit.input.posix_pipe
    import prompt_toolkit.output.vt100
    import psutil
    import questionary

    del asyncio, multiprocessing, random, subprocess, tempfile
    del prompt_toolkit, psutil, questionary


def msvcrt() -> ModuleType:
    """Return what we use of that module, made of what this system has."""
    from fcntl import LOCK_EX, LOCK_NB, flock
    from types import ModuleType

    module = ModuleType("msvcrt")
    module.LK_NBLCK = LOCK_EX | LOCK_NB  # type: ignore[attr-defined]
    module.locking = lambda descriptor, mode, _count: flock(descriptor, mode)  # type: ignore[attr-defined]
    return module


def winapi() -> ModuleType:
    """Return what shutil.which asks of that module since Python 3.12."""
    from types import ModuleType

    module = ModuleType("_winapi")
    module.NeedCurrentDirectoryForExePath = lambda _name: False  # type: ignore[attr-defined]
    return module


def take_away() -> None:
    """Make this process look like one on Windows, as far as our code and our tests ask."""
    preload()
    sys.modules["msvcrt"] = msvcrt()
    shutil._winapi = winapi()  # type: ignore[attr-defined]
    shutil._use_fd_functions = False  # type: ignore[attr-defined]  # to remove a folder by flags
    sys.modules.update(dict.fromkeys(MODULES))  # type: ignore[arg-type]  # None: cannot be imported
    for module, names in NAMES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    sys.platform = "win32"  # noqa: TID251  # the lie


def pytest_load_initial_conftests() -> None:
    """Do it after pytest has looked at its streams, and before it loads anything of ours."""
    import hypothesis.strategies
    import jsonschema
    import pexpect

    del hypothesis, jsonschema, pexpect
    take_away()


def main(words: Sequence[str]) -> int:
    take_away()
    from devports.cli import main as command

    return command(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A `devports run` in the background: the ordinary run, detached from whatever called it.

It has a session of its own, so that no terminal and no editor ends it; its output is a log; its
input is a pipe that never delivers and never ends, since some servers end with their input (the
watchers of Tailwind and esbuild). `devports up` reads what it says before it has claimed its
service: the log is begun after that, so that a run which comes second leaves no trace in it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from devports.core.handoff import without_outer_run
from devports.run.output import begin_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = "DEVPORTS_LOG"
"""The variable that makes a run one in the background: the path of its log."""
MAX_WORDS = 1 << 14
"""Bytes kept of what a run says before its log is begun."""


class DetachedRun:
    """A run that was started in the background, as a child that may outlive this process."""

    def __init__(self, words: Sequence[str], folder: str, log: str) -> None:
        """Start `devports WORDS...` in a folder.

        Raises:
            OSError: the system has no process or no descriptor for it.
        """
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        try:
            self.process = subprocess.Popen(
                [*own_program(), *words],
                cwd=folder,
                env={**without_outer_run(os.environ), LOG: log},
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except OSError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._said, self._pipe = b"", read_end

    @property
    def said(self) -> str:
        """What it has said before its log was begun."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._pipe, MAX_WORDS):
                self._said = (self._said + part)[-MAX_WORDS:]
        return self._said.decode(errors="replace")

    def close(self) -> None:
        os.close(self._pipe)


def own_program() -> list[str]:
    """Return the words that start devports as it was started."""
    script = os.path.abspath(sys.argv[0])
    if os.path.basename(script) == "__main__.py" or not os.path.isfile(script):
        return [sys.executable, "-m", "devports"]
    return [sys.executable, script]


def log_of_process() -> str:
    """Return the log that this run is to have, once; empty for one that is not in the background.

    The variable is removed, so that the server does not inherit it.
    """
    return os.environ.pop(LOG, "")


def enter_background(log: str, head: bytes) -> None:
    """Make `log` the output of this process, and a pipe that never ends its input.

    `head` is the first line of the log.

    Without a log the run continues: its output is lost when the caller has exited. Both may have
    been done before: a run that moves to another port claims its service again.
    """
    with contextlib.suppress(OSError):
        if os.path.samestat(os.lstat(log), os.fstat(1)):
            return
    with contextlib.suppress(OSError):
        begin_log(log, head)
    read_end, _ = os.pipe()  # the other end is never closed, and not inherited
    os.dup2(read_end, 0)
    os.close(read_end)

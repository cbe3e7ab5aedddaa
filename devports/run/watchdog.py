"""Who takes care when devports itself is killed: gives the port and the terminal's modes back.

A death pipe: the guard waits on a pipe whose other end only we have open. When it reads its end
without a word of farewell, we have died, whatever of. It is a fork of us, so it costs no start;
forked twice, so it is nobody's child of ours; in a session of its own, so no terminal and no
editor ends it together with us; and it has nothing else open, so it holds nothing up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from errno import EAGAIN

from devports import exitcodes
from devports.core.model import HolderSearch, ProcessKey
from devports.core.recovery import MARK
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.freeing.bindable import sockets_on
from devports.run.server import session_of
from devports.run.terminal import asking, raw
from devports.system import clock
from devports.system.signals import send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Endpoint
    from devports.run.terminal import Terminal
    from devports.system import Machine

SHUTDOWN_MESSAGE = b"bye\n"
STEP = 0.05
KILL_WAIT = 2.0
ON_ITS_WAY = 0.5
"""Seconds that a start may take from fork(2) to execve(2)."""
LONGEST_NEWS = 4096
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)


class Watchdog:
    """Our end of the pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def watch(self, server: ProcessKey) -> None:
        """Say whom to end if we die. The last word counts."""
        self._say(b"%d %d\n" % (server.pid, server.start))

    def dismiss(self) -> None:
        """Say farewell: we end by ourselves, and have cleaned up."""
        self._say(SHUTDOWN_MESSAGE)
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _say(self, news: bytes) -> None:
        with contextlib.suppress(OSError):  # the guard has been killed: that is its own affair
            os.write(self._pipe, news)


class WatchdogConfig(Frozen):
    """What a guard is for.

    `mark` is what everything of this run has in its environment. `terminal`: whose modes are to be
    put back, None where the server has none of its own in its place.
    """

    machine: Machine
    endpoints: tuple[Endpoint, ...]
    mark: str
    terminal: Terminal | None
    stop_signal: int
    stop_timeout: float


def start_watchdog(duty: WatchdogConfig) -> Watchdog:
    """Put a guard up.

    Call it before anything is open that the guard must not have, and before orphans are adopted:
    they would come to us, and the guard is one.

    Raises:
        DevportsError: the system gives us no process or no descriptor for it.
    """
    try:
        theirs, ours = os.pipe()
        child = os.fork()
    except OSError as error:
        raise _not_posted(error) from error
    if child:
        os.close(theirs)
        _, status = os.waitpid(child, 0)
        if status:
            number = os.WEXITSTATUS(status) or EAGAIN
            raise _not_posted(OSError(number, os.strerror(number)))
        return Watchdog(ours)
    number = 0
    try:
        os.setsid()
        if os.fork() == 0:
            _watch(duty, theirs)
    except OSError as error:
        number = error.errno or EAGAIN
    finally:
        os._exit(number)


def _not_posted(error: OSError) -> DevportsError:
    """Return that nothing can be started: the server would be refused a process as well."""
    few = "raise the process limit (`ulimit -u`) or stop some processes"
    return DevportsError(
        "not-started",
        f"cannot start the watchdog process: {error.strerror}",
        hints=(few,) if error.errno == EAGAIN else (),
        exit_code=exitcodes.NOT_EXECUTABLE,
    )


def _watch(duty: WatchdogConfig, pipe: int) -> None:
    """Wait for the end, and clean up after a death. Runs in the guard."""
    signal.set_wakeup_fd(-1)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    screen = -1 if duty.terminal is None else os.dup(duty.terminal.descriptor)
    _close_all_but(pipe, screen)
    server, farewell = _listen(pipe)
    if farewell:
        return
    if duty.terminal is not None:
        _restore(duty.terminal, screen)
    if server is None:
        server = unnamed(duty)
    if server is not None:
        _end(duty, server)


def _restore(terminal: Terminal, screen: int) -> None:
    """Put the modes back, unless a shell that was quicker has put its own."""
    with contextlib.suppress(termios.error):
        if termios.tcgetattr(screen) in (raw(terminal.modes), asking(terminal.modes)):
            termios.tcsetattr(screen, termios.TCSANOW, terminal.modes)


def _close_all_but(*kept: int) -> None:
    """Close what was inherited: a pipe or a socket that we keep open would outlive its owner."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/dev/fd"):
        if int(name) > 2 and int(name) not in kept:  # noqa: PLR2004  # stderr
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))


def _listen(pipe: int) -> tuple[ProcessKey | None, bool]:
    """Return the server that was named last, and whether we were sent away in peace."""
    news = b""
    while part := os.read(pipe, LONGEST_NEWS):
        news = (news + part)[-LONGEST_NEWS:]
    lines = news.split(b"\n")[:-1]
    if lines and lines[-1] + b"\n" == SHUTDOWN_MESSAGE:
        return None, True
    words = lines[-1].split() if lines else []
    return (ProcessKey(int(words[0]), int(words[1])) if words else None), False


def _end(duty: WatchdogConfig, server: ProcessKey) -> None:
    """Ask all of them to end, and kill those that have not in time."""
    _signal(duty, server, duty.stop_signal)
    _signal(duty, server, signal.SIGCONT)  # what is stopped could not even begin to end
    deadline = clock.Deadline(duty.stop_timeout)
    while left(duty, server) and not deadline.passed:
        clock.pause(STEP)
    last = clock.Deadline(KILL_WAIT)
    while left(duty, server) and not last.passed:
        _signal(duty, server, signal.SIGKILL)
        clock.pause(STEP)


def _signal(duty: WatchdogConfig, server: ProcessKey, number: int) -> None:
    for key in left(duty, server):
        send(duty.machine, key, number)


def left(duty: WatchdogConfig, server: ProcessKey) -> list[ProcessKey]:
    """Return who of a server is still there, seen from outside: nobody is below us any more.

    What descends from it, what is in its session if that was its own, and who has the port and our
    mark in its environment, wherever it has gone. The server first, each once; who only waits to be
    reaped is gone.
    """
    machine = duty.machine
    tree = (
        [server.pid, *machine.descendants(server.pid)] if machine.key(server.pid) == server else []
    )
    everybody = machine.descendants(1) if duty.terminal is not None else []
    session = [pid for pid in everybody if session_of(pid) == server.pid]
    pids = dict.fromkeys((*tree, *session, *_marked_holders(duty)))
    found = [process for pid in pids if (process := machine.process(pid)) is not None]
    return [process.key for process in found if process.state not in "ZX"]


def _marked_holders(duty: WatchdogConfig) -> list[int]:
    sockets = sockets_on(duty.machine, duty.endpoints)
    found = duty.machine.holding(sockets, thorough=True) if sockets else HolderSearch()
    marked = (MARK, duty.mark)
    return [
        holder.process.pid for holder in found.holders if marked in holder.process.environment_marks
    ]


def unnamed(duty: WatchdogConfig) -> ProcessKey | None:
    """Return a server of which nobody was told, since we died just when it was started.

    It has our mark; for a moment it may still be on its way from fork(2) to execve(2).
    """
    deadline = clock.Deadline(ON_ITS_WAY)
    while not (pids := duty.machine.processes_with_mark(duty.mark)) and not deadline.passed:
        clock.pause(0.02)
    keys = [key for pid in pids if (key := duty.machine.key(pid)) is not None]
    return min(keys, key=lambda key: (key.start, key.pid), default=None)

"""The process that cleans up after SIGKILL: stops the server, restores the terminal's modes.

It waits on a pipe whose other end only devports has open. An end of file without the shutdown
message means that devports was killed. It is a fork, so it costs no start; forked twice, so it is
no child of devports; in a session of its own, so no terminal and no editor stops it together with
devports; and it has no other file open, so it keeps nothing open.
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
from devports.run.terminal import prompt_modes, raw_modes
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
EXEC_TIMEOUT = 0.5
"""Seconds that a start may take from fork(2) to execve(2)."""
MAX_MESSAGE = 4096
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)


class Watchdog:
    """The end of the pipe in devports."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def watch(self, server: ProcessKey) -> None:
        """Set the server to stop if devports is killed, instead of the previous one."""
        self._send(b"%d %d\n" % (server.pid, server.start))

    def dismiss(self) -> None:
        """Send the shutdown message: devports exits after its own clean-up."""
        self._send(SHUTDOWN_MESSAGE)
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _send(self, news: bytes) -> None:
        with contextlib.suppress(OSError):  # the watchdog was killed
            os.write(self._pipe, news)


class WatchdogConfig(Frozen):
    """What a watchdog needs.

    `mark` is the mark in the environment of every process of this run. `terminal`: the one to
    restore, None if the server has none of its own.
    """

    machine: Machine
    endpoints: tuple[Endpoint, ...]
    mark: str
    terminal: Terminal | None
    stop_signal: int
    stop_timeout: float


def start_watchdog(config: WatchdogConfig) -> Watchdog:
    """Start a watchdog.

    Call it before a descriptor is open that the watchdog must not inherit, and before orphans are
    adopted: the watchdog is one.

    Raises:
        DevportsError: the system has no process or no descriptor for it.
    """
    try:
        read_end, write_end = os.pipe()
        child = os.fork()
    except OSError as error:
        raise _start_error(error) from error
    if child:
        os.close(read_end)
        _, status = os.waitpid(child, 0)
        if status:
            number = os.WEXITSTATUS(status) or EAGAIN
            raise _start_error(OSError(number, os.strerror(number)))
        return Watchdog(write_end)
    number = 0
    try:
        os.setsid()
        if os.fork() == 0:
            _watch(config, read_end)
    except OSError as error:
        number = error.errno or EAGAIN
    finally:
        os._exit(number)


def _start_error(error: OSError) -> DevportsError:
    """Return the error: the server would get no process either."""
    few = "raise the process limit (`ulimit -u`) or stop some processes"
    return DevportsError(
        "not-started",
        f"cannot start the watchdog process: {error.strerror}",
        hints=(few,) if error.errno == EAGAIN else (),
        exit_code=exitcodes.NOT_EXECUTABLE,
    )


def _watch(config: WatchdogConfig, pipe: int) -> None:
    """Wait for the end of the pipe, and clean up after a kill. Runs in the watchdog."""
    signal.set_wakeup_fd(-1)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    screen = -1 if config.terminal is None else os.dup(config.terminal.descriptor)
    _close_all_but(pipe, screen)
    server, farewell = _listen(pipe)
    if farewell:
        return
    if config.terminal is not None:
        _restore(config.terminal, screen)
    if server is None:
        server = unreported_server(config)
    if server is not None:
        _stop(config, server)


def _restore(terminal: Terminal, screen: int) -> None:
    """Restore the modes, unless a shell has set its own first."""
    with contextlib.suppress(termios.error):
        if termios.tcgetattr(screen) in (raw_modes(terminal.modes), prompt_modes(terminal.modes)):
            termios.tcsetattr(screen, termios.TCSANOW, terminal.modes)


def _close_all_but(*kept: int) -> None:
    """Close inherited descriptors: a pipe or socket kept open here would outlive its owner."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/dev/fd"):
        if int(name) > 2 and int(name) not in kept:  # noqa: PLR2004  # stderr
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))


def _listen(pipe: int) -> tuple[ProcessKey | None, bool]:
    """Return the last server named, and whether the shutdown message came."""
    news = b""
    while part := os.read(pipe, MAX_MESSAGE):
        news = (news + part)[-MAX_MESSAGE:]
    lines = news.split(b"\n")[:-1]
    if lines and lines[-1] + b"\n" == SHUTDOWN_MESSAGE:
        return None, True
    words = lines[-1].split() if lines else []
    return (ProcessKey(int(words[0]), int(words[1])) if words else None), False


def _stop(config: WatchdogConfig, server: ProcessKey) -> None:
    """Send `stop_signal` to all processes of the server, and kill those left after the timeout."""
    _signal(config, server, config.stop_signal)
    _signal(config, server, signal.SIGCONT)  # a stopped process cannot handle a signal
    deadline = clock.Deadline(config.stop_timeout)
    while remaining(config, server) and not deadline.passed:
        clock.pause(STEP)
    last = clock.Deadline(KILL_WAIT)
    while remaining(config, server) and not last.passed:
        _signal(config, server, signal.SIGKILL)
        clock.pause(STEP)


def _signal(config: WatchdogConfig, server: ProcessKey, number: int) -> None:
    for key in remaining(config, server):
        send(config.machine, key, number)


def remaining(config: WatchdogConfig, server: ProcessKey) -> list[ProcessKey]:
    """Return the remaining processes of a server, found from outside the process tree.

    Its descendants, the members of its session if it has its own, and the holders of the port with
    the mark in their environment, wherever they are. The server first, each once, without zombies.
    """
    machine = config.machine
    tree = (
        [server.pid, *machine.descendants(server.pid)] if machine.key(server.pid) == server else []
    )
    all_pids = machine.descendants(1) if config.terminal is not None else []
    session = [pid for pid in all_pids if session_of(pid) == server.pid]
    pids = dict.fromkeys((*tree, *session, *_marked_holders(config)))
    found = [process for pid in pids if (process := machine.process(pid)) is not None]
    return [process.key for process in found if process.state not in "ZX"]


def _marked_holders(config: WatchdogConfig) -> list[int]:
    sockets = sockets_on(config.machine, config.endpoints)
    found = config.machine.holding(sockets, thorough=True) if sockets else HolderSearch()
    marked = (MARK, config.mark)
    return [
        holder.process.pid for holder in found.holders if marked in holder.process.environment_marks
    ]


def unreported_server(config: WatchdogConfig) -> ProcessKey | None:
    """Return a server whose start was not reported because devports was killed just then.

    It has the mark; for a moment it may still be between fork(2) and execve(2).
    """
    deadline = clock.Deadline(EXEC_TIMEOUT)
    while not (pids := config.machine.processes_with_mark(config.mark)) and not deadline.passed:
        clock.pause(0.02)
    keys = [key for pid in pids if (key := config.machine.key(pid)) is not None]
    return min(keys, key=lambda key: (key.start, key.pid), default=None)

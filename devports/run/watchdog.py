"""The process that cleans up after SIGKILL: stops the server, restores the terminal's modes.

It waits on a pipe whose other end only devports has open. An end of file without the shutdown
message means that devports was killed. It is a fork, so it costs no start; forked twice, so it is
no child of devports; in a session of its own, so no terminal and no editor stops it together with
devports; and it has no other file open, so it keeps nothing open.
"""

from __future__ import annotations

import contextlib
import os
import select
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
from devports.system import clock, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    from devports.core.model import Endpoint
    from devports.run.terminal import Terminal
    from devports.system import Machine, ProcessHandle

SHUTDOWN_MESSAGE = b"bye\n"
STARTING_MESSAGE = b"starting\n"
KILL_WAIT = 2.0
SEARCHES = 5
"""Searches for processes of the server, before and again after SIGKILL; the first is of its tree.

Between them the exit of those found is awaited through their handles. A search of a machine with
2400 processes takes half a second of CPU time, and five times that if it is busy.
"""
STEP = 0.02
"""Seconds between two searches, where one has found nothing or failed."""
EXEC_LOOKS = 25
"""How often a start that was just made is looked for.

Until its execve(2) a start keeps the pipe open, so only its environment can still be missing.
"""
MAX_MESSAGE = 4096
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)


class Watchdog:
    """The end of the pipe in devports."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def watch(self, server: ProcessKey) -> None:
        """Set the server to stop if devports is killed, instead of the previous one."""
        self._send(b"%d %d\n" % (server.pid, server.start))

    def expect(self) -> None:
        """Announce a start: devports may be killed before it can tell which process that is."""
        self._send(STARTING_MESSAGE)

    def has_exited(self) -> bool:
        """Return whether the watchdog has exited: then its end of the pipe is closed. Once."""
        if self._pipe < 0:
            return False
        poll = select.poll()
        poll.register(self._pipe, 0)  # POLLERR or POLLHUP
        if exited := bool(poll.poll(0)):
            self._close()
        return exited

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Dismiss the watchdog, unless the machine refused a step of the clean-up.

        Then the server may be running, and the watchdog stops it: it has few files open.
        """
        if not isinstance(error, OSError):
            self._send(SHUTDOWN_MESSAGE)
        self._close()

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _send(self, news: bytes) -> None:
        with contextlib.suppress(OSError):  # the watchdog has exited
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
        DevportsError: the system has no process or no descriptor for it, nor for the server.
    """
    try:
        return Watchdog(_forked(config))
    except OSError as error:
        raise refusal(
            error,
            "cannot start the watchdog process",
            code="not-started",
            exit_code=exitcodes.NOT_EXECUTABLE,
        ) from error


def _forked(config: WatchdogConfig) -> int:
    """Fork a watchdog; return the end of the pipe whose other end it reads."""
    read_end, write_end = os.pipe()
    if child := os.fork():
        os.close(read_end)
        _, status = os.waitpid(child, 0)
        if status:
            number = os.WEXITSTATUS(status) or EAGAIN
            raise OSError(number, os.strerror(number))
        return write_end
    number = 0
    try:
        os.close(write_end)
        os.setsid()
        if os.fork() == 0:
            _watch(config, read_end)
    except OSError as error:
        number = error.errno or EAGAIN
    finally:
        os._exit(number)


def _watch(config: WatchdogConfig, pipe: int) -> None:
    """Wait for the end of the pipe, and clean up after a kill. Runs in the watchdog."""
    signal.set_wakeup_fd(-1)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    screen = -1
    with contextlib.suppress(OSError):  # a watchdog with too much open is better than none
        _close_all_but(pipe)
        screen = -1 if config.terminal is None else os.dup(config.terminal.descriptor)
        _silence()
    last = _last_line(pipe)
    os.close(pipe)
    if last == SHUTDOWN_MESSAGE:
        return
    if config.terminal is not None:
        _restore(config.terminal, screen)
    if last == STARTING_MESSAGE:
        server = unreported_server(config)
    else:
        server = ProcessKey(*map(int, last.split())) if last else None
    if server is not None:
        stop(config, server)
    from devports.run.hook_server import remove_abandoned  # only after a kill

    remove_abandoned()


def _restore(terminal: Terminal, screen: int) -> None:
    """Restore the modes, unless a shell has set its own first."""
    with contextlib.suppress(termios.error):
        if termios.tcgetattr(screen) in (raw_modes(terminal.modes), prompt_modes(terminal.modes)):
            termios.tcsetattr(screen, termios.TCSANOW, terminal.modes)


def _close_all_but(kept: int) -> None:
    """Close inherited descriptors: a pipe or socket kept open here would outlive its owner."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2 and int(name) != kept:  # noqa: PLR2004  # stderr
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def _last_line(pipe: int) -> bytes:
    """Return the last message of devports, empty if there is none."""
    news = b""
    while part := os.read(pipe, MAX_MESSAGE):
        news = (news + part)[-MAX_MESSAGE:]
    return b"".join(news.splitlines(keepends=True)[-1:])


def stop(config: WatchdogConfig, server: ProcessKey) -> None:
    """Send `stop_signal` to all processes of the server, and kill those left after the timeout."""
    asked = (config.stop_signal, signal.SIGCONT)  # a stopped process cannot handle a signal
    if not _has_ended(config, server, asked, config.stop_timeout):
        _has_ended(config, server, (signal.SIGKILL,), KILL_WAIT)


def _has_ended(
    config: WatchdogConfig, server: ProcessKey, numbers: tuple[int, ...], seconds: float
) -> bool:
    """Signal the processes of the server; return whether all of them exit within `seconds`.

    Processes that it starts after that, to clean up for example, are only killed.
    """
    deadline, search = clock.Deadline(seconds), 0
    while True:
        find = remaining if search else tree  # which is known at once
        sent = numbers if search <= 1 or signal.SIGKILL in numbers else ()
        try:
            if not _signal_found(config, find(config, server), sent, deadline) and search:
                return True
            search += 1
        except (OSError, DevportsError):  # a limit of the machine, or no handle
            clock.pause(STEP)
        if search == SEARCHES or deadline.passed:
            return False


def _signal_found(
    config: WatchdogConfig,
    keys: Iterable[ProcessKey],
    numbers: Iterable[int],
    deadline: clock.Deadline,
) -> bool:
    """Signal processes and wait for their exit; return whether there was one."""
    with contextlib.ExitStack() as stack:
        pins = _pinned(config, keys, stack)
        for number in numbers:
            for pin in pins:
                pin.send(number)
        while (living := [pin for pin in pins if not pin.exited]) and not deadline.passed:
            config.machine.wait_for_exit(living, deadline.left)
    return bool(pins)


def _pinned(
    config: WatchdogConfig, keys: Iterable[ProcessKey], stack: contextlib.ExitStack
) -> list[ProcessHandle]:
    """Return handles of processes, closed with `stack`: as many as the limit of open files has."""
    pins: list[ProcessHandle] = []
    for key in keys:
        try:
            pin = config.machine.pin(key)
        except OSError:
            if not pins:
                raise
            break
        if pin is not None:
            stack.callback(pin.close)
            pins.append(pin)
    return pins


def remaining(config: WatchdogConfig, server: ProcessKey) -> list[ProcessKey]:
    """Return the remaining processes of a server, found from outside the process tree.

    Its descendants, the members of its session if it has its own, and the holders of the port with
    the mark in their environment, wherever they are. The server first, each once, without zombies.
    """
    machine = config.machine
    all_pids = machine.descendants(1) if config.terminal is not None else []
    session = [pid for pid in all_pids if session_of(pid) == server.pid]
    found = (machine.process(pid) for pid in (*session, *_marked_holders(config)))
    others = (one.key for one in found if one is not None and one.state not in "ZX")
    return [*dict.fromkeys((*tree(config, server), *others))]


def tree(config: WatchdogConfig, server: ProcessKey) -> list[ProcessKey]:
    """Return the server and its descendants, without zombies."""
    machine = config.machine
    if machine.key(server.pid) != server:
        return []
    found = map(machine.process, (server.pid, *machine.descendants(server.pid)))
    return [one.key for one in found if one is not None and one.state not in "ZX"]


def _marked_holders(config: WatchdogConfig) -> list[int]:
    sockets = sockets_on(config.machine, config.endpoints)
    found = config.machine.holding(sockets, thorough=True) if sockets else HolderSearch()
    marked = (MARK, config.mark)
    return [
        holder.process.pid for holder in found.holders if marked in holder.process.environment_marks
    ]


def unreported_server(config: WatchdogConfig) -> ProcessKey | None:
    """Return a server whose start was not reported because devports was killed just then.

    It has the mark in its environment.
    """
    for look in range(EXEC_LOOKS):
        with contextlib.suppress(OSError):  # a limit
            pids = config.machine.processes_with_mark(config.mark)
            keys = [key for pid in pids if (key := config.machine.key(pid)) is not None]
            if keys:
                return min(keys, key=lambda key: (key.start, key.pid))
        if look + 1 < EXEC_LOOKS:
            clock.pause(STEP)
    return None

"""One server, a child of devports: its process tree, its output and its exact exit code.

Its processes are the descendants of devports, without those that existed before. A shell that
becomes devports (``sh -c 'agent & exec devports run web'``) leaves its children to devports: they
are not the server's and are never signalled. The server has exited when its whole tree has, and
every process that had left its session before it was ready.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from errno import EAGAIN

from devports import exitcodes
from devports.core.command_line import program
from devports.core.handoff import BIND_NOTHING, loads_hook
from devports.core.model import ProcessKey
from devports.core.recovery import DetachedProcess, KillingServer, StoppingServer
from devports.errors import LIMITS, DevportsError
from devports.run.output import Relay
from devports.run.terminal import make_controlling
from devports.system import clock, programs
from devports.system.signals import send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devports.core.handoff import HookHello
    from devports.core.model import Holder, Process
    from devports.core.recovery import Tell
    from devports.core.service import Service
    from devports.run.hook_server import HookServer
    from devports.run.terminal import SignalQueue, Terminal
    from devports.system import Machine, ProcessHandle


LOOK_EVERY = 0.025
"""Seconds between checks for the listener: 40 microseconds each."""
DETACH_TIMEOUT = 2.0
"""Seconds that a server which has detached itself may take until it binds."""
KILL_WAIT = 2.0
LAST_WAIT = 1.0
"""Seconds that a killed server may take to exit."""
HELLO_WITHIN = 0.3
"""Seconds after which a program that did not report has no hook."""
LATE_HELLO_WITHIN = 10.0
"""The same for Python and Node, which report after 40 ms, and after seconds on a busy machine."""
TREE_EVERY = 0.25
"""Seconds between two scans of the process tree."""
INTERNAL = (signal.SIGCHLD, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
"""Signals that are handled here, and stop no process."""
STEP = 0.05
"""Seconds between checks whether the tree has exited; the server's own exit ends the wait."""


class Server:
    """A running server and all its processes.

    `suspicious` is called with output that may be a bind error. `holders` returns the processes of
    the server that have the port, also those outside its session.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        service: Service,
        *,
        machine: Machine,
        family: ServerProcessTree,
        interrupts: SignalQueue,
        suspicious: Callable[[str], None],
        holders: Callable[[], Sequence[ProcessKey]],
        tell: Tell,
        hooks: HookServer | None = None,
        terminal: Terminal | None = None,
        log: str = "",
    ) -> None:
        self._machine, self._family, self._interrupts = machine, family, interrupts
        self._service, self._holders, self._tell = service, holders, tell
        self._hooks, self._terminal = hooks, terminal
        self._searched = False
        self.relay = Relay(suspicious, terminal, service.ready.log, log)
        self.process = spawn(argv, service.cwd, env, self.relay)
        family.sessions.add(self.process.pid)
        if terminal is not None:
            interrupts.suspend(by_us=True)
            terminal.make_raw()
        self.keys: list[int] = []
        """Signals requested by a key in the last turn."""
        self.started = clock.monotonic()
        self.answering = 0.0
        """Seconds spent on answering the server, including the time for a confirmation."""
        self.kill_signal = 0
        """A signal that came while the server was being stopped, 0 if none did."""

    @property
    def elapsed(self) -> float:
        """Seconds since the start, without those that it had to wait for devports."""
        return clock.monotonic() - self.started - self.answering

    @property
    def code(self) -> int | None:
        """The exit code as a shell would give it, None while the server runs."""
        status = self.process.poll()
        return None if status is None else exitcodes.of_returncode(status)

    def poll_once(self, seconds: float | None, pins: Sequence[ProcessHandle] = ()) -> list[int]:
        """Relay until a signal, a key, a request, the exit of one of `pins`, or for `seconds`.

        Returns the signals. A flood of output is passed on in here and delays nothing else.
        """
        end = None if seconds is None else clock.Deadline(seconds)
        while True:
            told = self._pass_on(None if end is None else end.left * 1000, pins)
            if told or (end is not None and end.passed):
                break
        numbers, self.keys = self._interrupts.collect(), self.relay.keys()
        if self._terminal is not None and signal.SIGINT in numbers:
            # Sent to devports, or pressed while it was printing: it is for the server.
            self.relay.interrupt()
            numbers.remove(signal.SIGINT)
            self.keys.append(signal.SIGINT)
        if signal.SIGCHLD in numbers:
            self._reap()
        if signal.SIGWINCH in numbers:
            self.relay.resize()
            if self._terminal is None:  # else the kernel does it, after the size has changed
                self.signal_tree(signal.SIGWINCH)
        if signal.SIGTSTP in (*numbers, *self.keys):
            self._suspend()
        elif signal.SIGCONT in numbers:
            self._continue()
        return [number for number in numbers if number not in INTERNAL]

    def _pass_on(self, milliseconds: float | None, pins: Sequence[ProcessHandle]) -> bool:
        """Wait for one event and pass it on; return whether it was more than bytes."""
        poll = select.poll()
        waking = {self._interrupts.fileno(), *(pin.fileno() for pin in pins)}
        for descriptor in waking:
            poll.register(descriptor, select.POLLIN)
        self.relay.register(poll)
        if self._hooks is not None:
            self._hooks.register(poll)
        ready = {number for number, _ in poll.poll(milliseconds)}
        self.relay.pump(ready)
        begun = clock.monotonic()
        answered = self._hooks is not None and self._hooks.pump(ready)
        if answered:
            self.answering += clock.monotonic() - begun
        return answered or bool(waking & ready) or bool(self.relay.pressed)

    def _suspend(self) -> None:
        """Stop the server and devports, like the suspend key, until a shell continues them (`fg`).

        Where there is no shell for that (an editor's task), the kernel does not stop devports, and
        both continue.
        """
        self.signal_tree(signal.SIGSTOP)
        if self._terminal is not None:
            self._terminal.restore()
        self._interrupts.stop_process()
        self._continue()

    def _continue(self) -> None:
        if self._terminal is not None:
            self._terminal.make_raw()
            self.relay.resize()
        self.signal_tree(signal.SIGCONT)

    def _reap(self) -> None:
        """Reap adopted orphans, never the server: Popen does that itself.

        What a limit prevents is done at the next exit of a child.
        """
        with contextlib.suppress(OSError):
            for pid in self._machine.children(os.getpid()):
                if pid != self.process.pid and self._family.has_child(pid):
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)

    def signal_tree(self, number: int, more: Sequence[ProcessKey] = ()) -> None:
        """Signal the tree and `more`, parents first, each through a handle."""
        for key in dict.fromkeys((*self._family.group(), *more)):
            self._signal(key, number)

    def _signal(self, key: ProcessKey, number: int) -> None:
        try:
            send(self._machine, key, number)
        except DevportsError:
            if key.pid == self.process.pid:
                # A child keeps its pid until it is waited for, and Popen knows.
                self.process.send_signal(number)

    def end(self, *, was_ready: bool) -> None:
        """Stop all processes that are left of it, if any."""
        runs = self.code is None
        if runs:
            self._tell(StoppingServer(self._service.name, self._service.stop_signal))
        if runs or self._family.group():
            self._terminate()
        if not self._searched and not was_ready:
            self._searched = True
            self._report_detached()
        if self._holders():
            self._terminate()
        self.close()

    def _terminate(self) -> None:
        """Send `stop_signal` to the tree and the holders of the port; later kill the rest."""
        begun = clock.monotonic()
        self.signal_tree(signal.Signals[self._service.stop_signal], self._holders())
        self.signal_tree(signal.SIGCONT)  # a stopped process cannot handle a signal
        if not self._has_ended(self._service.stop_timeout):
            self._tell(KillingServer(self._service.name, clock.monotonic() - begun))
            self.signal_tree(signal.SIGKILL, self._holders())
            self._has_ended(KILL_WAIT)

    def _has_ended(self, seconds: float) -> bool:
        """Return whether all of it exits within `seconds`, which Ctrl-C cuts short.

        Other signals are only kept: an editor and a closing shell may send SIGHUP each.
        """
        deadline = clock.Deadline(seconds)
        while not deadline.passed:
            if self.code is not None and not self._family.group() and not self._holders():
                return True
            numbers = self.poll_once(min(STEP, deadline.left))
            self.kill_signal = self.kill_signal or next(iter(numbers), 0)
            if signal.SIGINT in (*numbers, *self.keys):
                return False
        return False

    def _report_detached(self) -> None:
        """Report the detached processes of a server that was never ready.

        A server that detaches itself does so before it binds (daemon(3)), so it may still be about
        to take the port. A browser that a server has opened never will, and is not touched.
        """
        deadline, holders = clock.Deadline(DETACH_TIMEOUT), self._holders()
        while self._family.members() and not holders and not deadline.passed:
            self.poll_once(LOOK_EVERY)
            holders = self._holders()
        for key in holders[:1] or self._family.members():
            if (process := self._machine.process(key.pid)) is not None and process.key == key:
                self._tell(DetachedProcess(self._service.name, process, ended=bool(holders)))

    def code_after(self, number: int) -> int:
        """Return the exit code of a server that was stopped for a signal, after a short wait.

        Raises:
            DevportsError: it does not exit: it waits for a device, or belongs to another user.
        """
        deadline = clock.Deadline(LAST_WAIT)
        while (code := self.code) is None and not deadline.passed:
            self.poll_once(LOOK_EVERY)
        self.close()
        if code is not None:
            return code
        pid = self.process.pid
        process = self._machine.process(pid)
        state = f"state {process.state}, user {process.user}" if process else "gone"
        raise DevportsError(
            "server-not-ended",
            f"could not stop `{self._service.name}` (pid {pid})",
            facts=(f"it is still running after SIGKILL: {state}",),
            hints=(f"run `sudo kill -KILL {pid}`",),
            service=self._service.name,
            exit_code=exitcodes.of_signal(number),
        )

    def close(self) -> None:
        """Pass on the last output and close the streams."""
        self.relay.drain()
        self.relay.close()
        if self._terminal is not None:
            self._terminal.restore()
            self._interrupts.suspend(by_us=False)


def spawn(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], relay: Relay
) -> subprocess.Popen[bytes]:
    """Start the server with its streams going through `relay`.

    Raises:
        DevportsError: as `programs.refuse_unstartable`.
        OSError: a limit of this process or machine.
    """
    stdin, stdout, stderr = relay.child_ends
    inner = stdin is not None
    try:
        # Inherited descriptors are passed on (`-- <(command)`), not those of devports.
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            close_fds=False,
            start_new_session=inner,
            preexec_fn=make_controlling if inner else None,  # noqa: PLW1509  # no threads here
        )
    except OSError as error:
        if error.errno in (*LIMITS, EAGAIN):
            raise
        programs.refuse_unstartable(argv, cwd, env)
        raise programs.not_executable(argv[0], cwd, error.strerror or str(error)) from error
    finally:
        relay.close_child_ends()


class ServerProcessTree:
    """All descendants of devports that were started after this object."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.sessions = {os.getsid(0)}
        """Sessions of the server: that of devports, or its own, by its terminal or by setsid(2)."""
        self.me = machine.key(os.getpid()) or ProcessKey(os.getpid(), 0)
        before = [machine.key(pid) for pid in machine.children(os.getpid())]
        self._before = frozenset(key for key in before if key is not None)
        if not self._before:
            # With other children here, their orphans would be adopted too.
            machine.adopt_orphans()

    def has_child(self, pid: int) -> bool:
        """Return whether this child of devports was started or adopted by it."""
        return self._machine.key(pid) not in self._before

    def members(self) -> list[ProcessKey]:
        """Return all living descendants, parents before children."""
        found: list[ProcessKey] = []
        for pid in self._machine.children(os.getpid()):
            if self.has_child(pid):
                keys = map(self._machine.key, (pid, *self._machine.descendants(pid)))
                found += [key for key in keys if key is not None]
        return found

    def group(self) -> list[ProcessKey]:
        """Return the members in the server's session.

        A browser that the server opened has a session of its own and is not touched.
        """
        return [key for key in self.members() if session_of(key.pid) in self.sessions]

    def owns(self, holder: Holder) -> bool:
        line = {process.key for process in holder.with_ancestors}
        return self.me in line and not self._before & line


def session_of(pid: int) -> int:
    """Return the session of a process, 0 if it has exited or is a zombie."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


class ProgramWatcher:
    """The programs of a server's tree, and which of them have a hook of devports."""

    def __init__(self, machine: Machine, family: ServerProcessTree) -> None:
        self._machine, self._family = machine, family
        self.members: list[ProcessKey] = []
        self._strange: dict[ProcessKey, clock.Deadline] = {}
        self._forks: set[ProcessKey] = set()
        self._parents: dict[ProcessKey, int] = {}
        self._due = clock.Deadline(0)

    def scan(self, hellos: Mapping[int, HookHello]) -> None:
        """Scan the tree, not too often. A process that exits between two scans is not seen."""
        if not self._due.passed:
            return
        self._due = clock.Deadline(TREE_EVERY)
        self.members = self._family.members()
        for key in self.members:
            process = self._machine.process(key.pid)
            if process is None or process.key != key:
                continue
            self._parents.setdefault(key, process.ppid)
            if not self._has_hook(process, hellos):
                late = loads_hook(program(process))
                self._strange.setdefault(
                    key, clock.Deadline(LATE_HELLO_WITHIN if late else HELLO_WITHIN)
                )

    def _has_hook(self, process: Process, hellos: Mapping[int, HookHello]) -> bool:
        """Return whether a process has reported, is a fork of one that has, or binds nothing."""
        if process.pid in hellos or process.key in self._forks or process.state == "Z":
            return True
        parent = self._machine.process(process.ppid) if process.ppid in hellos else None
        if parent is not None and parent.exe == process.exe:
            self._forks.add(process.key)
            return True
        return program(process) in BIND_NOTHING

    def has_unhooked(self, hellos: Mapping[int, HookHello]) -> bool:
        """Return whether there was a program without a hook."""
        return any(
            since.passed and key.pid not in hellos and key not in self._forks
            for key, since in self._strange.items()
        )

    def is_hooked(self, hellos: Mapping[int, HookHello]) -> bool:
        """Return whether all programs that may bind have a hook; launchers do not bind."""
        said = any(not hello.is_launcher for hello in hellos.values())
        return said and not self.has_unhooked(hellos)

    def exited_child(self, parent: ProcessKey) -> int | None:
        """Return the last child process of this one that has exited."""
        ended = (key.pid for key, pid in self._parents.items() if pid == parent.pid)
        return max((pid for pid in ended if self.has_ended(pid)), default=None)

    def has_ended(self, pid: int) -> bool:
        process = self._machine.process(pid)
        return process is None or process.state in "ZX"

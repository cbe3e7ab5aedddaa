"""`devports up`: start what is not running, in the background, and wait until it is ready.

No daemon: each service is an ordinary `devports run` in a session of its own. Whether it runs and
how far it is, is in its record, wherever it was started. A service is started when its dependencies
are ready; nothing is stopped because something else has failed.
"""

from __future__ import annotations

import contextlib
import os

from devports import exitcodes
from devports.commands.context import service_of, target_of
from devports.commands.free import consent, free_error, remedies_for, tools_for
from devports.commands.logs import last_lines
from devports.commands.run import LINGER_TIMEOUT, on_conflict_of, variables_of
from devports.core.hint import hint, own_command
from devports.core.service import with_dependencies
from devports.core.stop_plan import ConfirmPolicy, Declined
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.freeing import FreeRequest, StopTimeouts, free
from devports.run import refuse_on_windows
from devports.run.launch import command_of
from devports.run.readiness import is_served
from devports.run.takeover import CLEANUP_TIME, stop_run, wait_for_exit
from devports.system import clock
from devports.system.files import NOFOLLOW, open_regular
from devports.system.inspect import endpoints_of, inspect_ports
from devports.system.programs import refuse_unstartable
from devports.ui.escape import printable
from devports.ui.text import columns, elapsed, url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Literal

    from devports.commands.context import Context
    from devports.core.hint import Advice
    from devports.core.remedies import Remedy
    from devports.core.service import Config, Service
    from devports.records import RunRecord, RunRecords
    from devports.run.background import DetachedRun
    from devports.ui.json_types import UpService

    UpState = Literal["ready", "failed", "not-started", "stopped"]

LOOK_EVERY = 0.05
"""Seconds between checks of the records."""
OTHER_UP = 300.0
"""Seconds to wait for another `devports up` that starts the same service: it may be asking."""
SIGNALLED = 128
"""Exit codes above this are of a signal."""
TAIL = 20
"""Lines of the log of a failed service that are shown."""


def up(
    context: Context,
    words: Sequence[str],
    *,
    yes: bool = False,
    other_users: bool = False,
    other_checkouts: bool = False,
    as_json: bool = False,
) -> int:
    """Start the services that are not running, or all with a command, and their dependencies.

    The exit code is that of the first one that failed, in the order of their start.
    """
    config = context.assigned()
    named = [service_of(config, word) for word in words]
    wanted = with_dependencies(config, named or [s for s in config.services if s.command])
    if not wanted:
        hints = (hint("to find the servers of this project, run ", own_command("init")),)
        message = "no service of the configuration has a command"
        raise DevportsError("no-command", message, hints=hints)
    refuse_on_windows(wanted[0].name)
    refuse_unwritable(context.records(), wanted)
    context.records().prune_logs()
    policy = consent(context, yes, other_users, other_checkouts)
    starts: dict[str, Start] = {}
    for service in wanted:  # each behind its dependencies
        needs = [starts[name] for name in service.depends_on]
        starts[service.name] = Start(context, config, service, policy, needs)
    interrupted = 0
    try:
        bring_up(starts.values())
    except KeyboardInterrupt as signalled:
        interrupted = next(iter(signalled.args), 2)
        stop_unready(context, starts.values())
    finally:
        for start in starts.values():
            start.close()
    results = [start.result() for start in starts.values()]
    return report(context, results, interrupted, as_json=as_json)


def refuse_unwritable(records: RunRecords, wanted: Iterable[Service]) -> None:
    """Check that records and logs can be written.

    The hint is no other state folder: that one would not have the ports of this worktree.

    Raises:
        DevportsError: they cannot.
    """
    try:
        with records.locked("up"):
            return
    except BlockingIOError:  # another `devports up` checks the same
        return
    except OSError as error:
        name = next((one.name for one in wanted if one.command), "SERVICE")
        raise DevportsError(
            "state-unwritable",
            f"cannot write to `{records.path}`: {error.strerror}",
            note="what runs in the background is recorded there",
            hints=(hint("to start one service in the foreground, run ", own_command("run", name)),),
        ) from error


def bring_up(starts: Collection[Start]) -> None:
    """Inspect and ask about every service first, then start and wait for each."""
    for start in starts:
        start.inspect()
    while pending := [start for start in starts if start.state is None]:
        for start in pending:
            start.advance()
        clock.pause(LOOK_EVERY)


def stop_unready(context: Context, starts: Iterable[Start]) -> None:
    """Stop the runs that this command has started and that are not ready."""
    stopped = [start.stop() for start in starts if start.state is None]
    for run in filter(None, stopped):
        wait_for_exit(context.machine, run, run.patience)


class UpResult(Frozen):
    """What became of one service.

    Attributes:
        started: whether this command has started it.
        run: its live run, if it has one.
        log: of that run, or of one that this command has started and that has ended.
        pid: of its server; None if unknown.
        seconds: from its start, or from the first look at it, until it was ready.
    """

    service: Service
    state: UpState
    started: bool
    run: RunRecord | None
    log: str
    pid: int | None
    seconds: float
    error: DevportsError | None = None
    remedies: tuple[Remedy, ...] = ()

    @property
    def url(self) -> str | None:
        if self.state != "ready" or not self.service.command:
            return None
        spec = self.run.spec if self.run else self.service.spec
        return url_of(spec.host, spec.port)

    @property
    def endpoint(self) -> str:
        return str(self.run.spec if self.run else self.service.spec)

    def document(self) -> UpService:
        return {
            "service": self.service.name,
            "state": self.state,
            "started": self.started,
            "url": self.url,
            "endpoint": self.endpoint,
            "base": self.service.declared,
            "pid": self.pid,
            "run": self.run.key.pid if self.run else None,
            "background": bool(self.log),
            "seconds": round(self.seconds, 3),
            "log": self.log or None,
            "error": self.error.code if self.error else None,
        }


class Start:
    """One service on its way to be ready; `needs`: those of its dependencies."""

    def __init__(
        self,
        context: Context,
        config: Config,
        service: Service,
        policy: ConfirmPolicy,
        needs: Sequence[Start],
    ) -> None:
        self._context, self._config, self.service, self._needs = context, config, service, needs
        self._policy = on_conflict_of(service, policy, config.root)
        self._machine, self._records = context.machine, context.records()
        self._log = self._records.log_path(service.name, config.root)
        self._lock = contextlib.ExitStack()
        flags = {
            "--yes": policy.yes,
            "--other-users": policy.other_users,
            "--other-checkouts": policy.other_checkouts,
        }
        self._options = [flag for flag, given in flags.items() if given]
        self._joined = False
        """Whether it waits for a run that this command has not started."""
        self._begun, self._limit = clock.monotonic(), clock.Deadline(service.ready.timeout)
        self._seconds = 0.0
        self._server: int | None = None
        self.state: UpState | None = None
        self._detached: DetachedRun | None = None
        self._error: DevportsError | None = None
        self._remedies: tuple[Remedy, ...] = ()

    def _run(self) -> RunRecord | None:
        return self._records.live_run(self.service.name, self._config.root)

    # -- before anything is started

    def inspect(self) -> None:
        """Find a live run of the service, or free its port for one, asking as `run` does.

        Until its run has claimed it, no other `devports up` does the same.
        """
        if any(need.state for need in self._needs):
            self.state = "not-started"
        if self.state or not self.service.command:
            return
        self._lock_service()
        run = self._run()
        if run is not None and run.state == "stopping":
            wait_for_exit(self._machine, run, run.patience)
            run = self._run()
        if run is None:
            self._free_port()
            return
        self._join()
        self._report_older(run)

    def _lock_service(self) -> None:
        name = f"up-{os.path.basename(self._log)}"
        try:
            self._lock.enter_context(self._records.locked(name, OTHER_UP))
        except BlockingIOError as error:
            raise DevportsError(
                "up-in-progress",
                f"another `devports up` is starting `{self.service.name}`",
                facts=(f"waited for it for {OTHER_UP:g} s",),
                service=self.service.name,
                exit_code=exitcodes.ALREADY_RUNNING,
            ) from error

    def _free_port(self) -> None:
        if self._policy.moves or not self._is_startable():
            return  # the run itself takes another port, or reports why it cannot start
        target = target_of(self.service.name, self.service)
        limits = StopTimeouts(stop=self.service.stop_timeout, settle=0, linger=LINGER_TIMEOUT)
        ends, attempts = self._context.endpoints(target), self.service.attempts
        request = FreeRequest(ends, self._policy, limits, attempts=attempts)
        freed = free(tools_for(self._context, starting=self.service.name), request)
        if freed.bindable:
            return
        if any(isinstance(one, Declined) and one.moving for one in freed.outcomes):
            self._options += ["--on-conflict", "next"]
            return
        self._remedies = remedies_for(self._context, target, freed)
        self._fail(free_error(target, freed, self._context.screen))

    def _is_startable(self) -> bool:
        """Return whether the command can be started: for another one, nothing is stopped."""
        service, config = self.service, self._config
        try:
            from_file = variables_of(service, config)
            argv, env, cwd = command_of(service, config, (), os.environ, from_file)
            refuse_unstartable(argv, cwd, env)
        except DevportsError:
            return False
        return True

    def _report_older(self, run: RunRecord) -> None:
        """Report that a run has not read the configuration as it is now."""
        process = self._machine.process(run.key.pid)
        with contextlib.suppress(OSError):
            if process and os.stat(self._config.path).st_mtime > process.started + 1:
                name = self.service.name
                note = f"`{name}` was started with an older configuration; to apply the new one, "
                again = (own_command("down", name), ", then ", own_command("up", name))
                self._context.print_labelled("note", hint(note, "run ", *again))

    # -- until it is ready

    def advance(self) -> None:
        """Do what can be done now: start it, or look how far it is."""
        if not self.service.command:
            self._await_server()
        elif self._detached is not None:
            self._await_own(self._detached)
        elif self._joined:
            self._await_other()
        elif any(need.state not in (None, "ready") for need in self._needs):
            self.state = "not-started"
            self.close()
        elif all(need.state for need in self._needs):
            self._start()

    def _start(self) -> None:
        from devports.run.background import DetachedRun  # only if something is to be started

        name = self.service.name
        self._context.screen.progress(f"devports: starting `{name}`")
        named = self._context.named
        more = ["--config", os.path.abspath(named)] if named else []
        words = ["run", name, "--no-input", *self._options, *more]
        self._begun = clock.monotonic()
        self._limit = clock.Deadline(self._longest())
        try:
            self._detached = DetachedRun(words, self._config.root, self._log)
        except OSError as error:
            why = f"cannot start `devports run {name}`: {error.strerror}"
            code = exitcodes.NOT_EXECUTABLE
            self._fail(DevportsError("not-started", why, service=name, exit_code=code))

    def _longest(self) -> float:
        """Return the seconds after which a run has either become ready or given up."""
        service = self.service
        each = service.ready.timeout + service.stop_timeout + CLEANUP_TIME
        return each * service.attempts + LINGER_TIMEOUT

    def _await_own(self, detached: DetachedRun) -> None:
        code, run = detached.process.poll(), self._run()
        if run is not None and run.key.pid != detached.process.pid:
            if code is not None:  # another one was faster, which is as good
                self._join()
        elif code is not None:
            self._fail(self._ended(exitcodes.of_returncode(code)))
        elif run is not None:
            self._lock.close()
            self._look(run)

    def _join(self) -> None:
        """Wait for a run that this command has not started."""
        self._lock.close()
        self._joined, self._limit = True, clock.Deadline(self._longest())
        if self._detached is not None:
            self._detached.close()
            self._detached = None

    def _await_other(self) -> None:
        run = self._run()
        if run is None:
            self._fail(self._ended(0))
        else:
            self._look(run)

    def _look(self, run: RunRecord) -> None:
        if run.is_ready:
            self._become_ready()
        elif self._limit.passed or (run.stalled and self._joined):
            what = "accepts no connections" if run.stalled else "is not ready"
            self._fail(self._not_ready(f"`{self.service.name}` (pid {run.key.pid}) {what}"))

    def _await_server(self) -> None:
        service = self.service
        ends = endpoints_of(self._machine, service.spec)
        if is_served(self._machine, ends, service.ready.http):
            holders = inspect_ports(self._machine, ends)[0].holding.holders
            self._server = holders[0].process.pid if holders else None
            self._become_ready()
        elif self._limit.passed:
            waited = f"no server on {service.spec} within {service.ready.timeout:g} s"
            advice = (hint(f"start `{service.name}` (devports does not start it)"),)
            self._fail(self._not_ready(waited, advice))

    def _become_ready(self) -> None:
        self.state, self._seconds = "ready", clock.monotonic() - self._begun

    def stop(self) -> RunRecord | None:
        """Stop its run, if this command has started it; return the run."""
        self.state = "stopped"
        if self._detached is None:
            return None
        self._context.screen.progress(f"devports: stopping `{self.service.name}`")
        run = self._run()
        if run is not None and run.key.pid == self._detached.process.pid:
            stop_run(self._machine, self._records, run)
            return run
        self._detached.process.terminate()  # it has not claimed its service yet
        return None

    # -- failures

    def _fail(self, error: DevportsError) -> None:
        self.state, self._error = "failed", error
        self.close()

    def _not_ready(self, message: str, hints: tuple[Advice, ...] = ()) -> DevportsError:
        return DevportsError(
            "not-ready",
            message,
            hints=hints or (self._logs_hint(),),
            service=self.service.name,
            exit_code=exitcodes.NOT_READY,
        )

    def _logs_hint(self) -> Advice:
        return hint("to see its output, run ", own_command("logs", self.service.name))

    def _ended(self, code: int) -> DevportsError:
        """Return the error for a run that has ended, with what it has said last.

        A code of the server's own is never that of devports.
        """
        name, last = self.service.name, self._records.last(self.service.name, self._config.root)
        end, logged = (last.ended, bool(last.log)) if last else (None, False)
        lines = self._detached.said.splitlines() if self._detached else []
        lines += tail_of(self._log) if logged else []
        message, result = f"`{name}` exited before it was ready", exitcodes.NOT_READY
        if end is not None and end.reason in ("crashed", "exited"):
            message = f"`{name}` exited with code {end.code} before it was ready"
        elif end is not None and end.reason == "stopped":
            message = f"`{name}` was stopped before it was ready"
        elif end is not None or 0 < code < SIGNALLED:
            result = end.code if end else code
            why = next((line for line in lines if line.startswith("error: ")), "")
            message = f"`{name}` was not started (devports exit code {result})"
            message += why.removeprefix("error")
        return DevportsError(
            "ended-early",
            message,
            facts=tuple(printable(line, 200) for line in lines[-TAIL:]),
            hints=(self._logs_hint(),) if logged else (),
            service=name,
            exit_code=result,
        )

    def close(self) -> None:
        """Let another `devports up` have its turn."""
        self._lock.close()

    def result(self) -> UpResult:
        run, own = self._run(), self._detached is not None
        last = self._records.last(self.service.name, self._config.root) if own else run
        return UpResult(
            self.service,
            self.state or "stopped",
            own,
            run,
            last.log if last else "",
            run.server.pid if run and run.server else self._server,
            self._seconds,
            self._error,
            self._remedies,
        )


def tail_of(log: str) -> list[str]:
    """Return the last lines of a log; none if it cannot be read."""
    try:
        with open_regular(log, NOFOLLOW) as file:
            return last_lines(file, TAIL).decode(errors="replace").splitlines()
    except OSError:
        return []


def report(
    context: Context, results: Sequence[UpResult], interrupted: int, *, as_json: bool
) -> int:
    """Print the table, or the document; return the exit code."""
    errors = [result.error for result in results if result.error is not None]
    code = next((error.exit_code for error in errors), exitcodes.OK)
    code = exitcodes.of_signal(interrupted) if interrupted else code
    if as_json:
        from devports.ui.json_output import overall

        status = overall(result.state == "ready" for result in results)
        data = {"services": [result.document() for result in results]}
        context.screen.answer(("up",), data, exit_code=code, errors=errors, status=status)
        return code
    for result in results:
        if result.error is not None:
            context.print_error(result.error, result.remedies)
    context.screen.out("\n".join(columns(rows_of(results))))
    return code


def rows_of(results: Iterable[UpResult]) -> list[tuple[str, ...]]:
    """Return the table of the services, with its head."""
    rows = [
        (one.service.name, one.url or one.endpoint, str(one.pid or "-"), one.state, since(one))
        for one in results
    ]
    return [("service", "url", "pid", "state", "started"), *rows]


def since(one: UpResult) -> str:
    """Return when a ready service was started, and where, if not here."""
    if one.state != "ready":
        return "-"
    if one.started:
        return f"after {elapsed(one.seconds)}"
    terminal = one.run is not None and not one.run.log
    return "already, in a terminal" if terminal else "already"

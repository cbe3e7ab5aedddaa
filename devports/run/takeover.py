"""At most one run of a service: a stopping run is waited for, a live one refused or taken over.

An editor's "restart" sends SIGHUP to the old run and starts the new one 50 to 200 ms later without
waiting. The old run first marks its record as stopping, so a live record without that mark gets
half a second to show it.
"""

from __future__ import annotations

import os
from functools import partial

from devports import exitcodes
from devports.core.holder_kind import run_name, run_target, run_words
from devports.core.model import ProcessKey
from devports.core.recovery import RecordFailed, WaitingForPreviousRun
from devports.errors import DevportsError
from devports.records import RunRecord
from devports.run.reservation import overlap
from devports.system import clock
from devports.system.inspect import endpoints_of
from devports.system.signals import CONT, TERM, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.model import Endpoint
    from devports.core.recovery import Tell
    from devports.core.service import Service
    from devports.records import RunRecords
    from devports.system import Machine

MARK_WAIT = 0.5
"""Seconds after which a live run without the mark is assumed to continue."""
CLEANUP_TIME = 3.0
"""Seconds a stopping run may need in addition to its stop_timeout: SIGKILL and the clean-up."""


class PortClaimedError(Exception):
    """A live run of another service or project has claimed the same port first."""


def register_run(
    records: RunRecords,
    machine: Machine,
    service: Service,
    project: str,
    tell: Tell,
    *,
    take_over: Callable[[RunRecord], bool] = lambda _: False,
    at_once: bool = False,
    alone: Sequence[Endpoint] = (),
    log: str = "",
) -> RunRecord:
    """Register a run of a service of the project in folder `project`.

    `take_over` decides whether the live run it is called with is stopped. A third run that has
    registered since then was started on purpose too, and stays: runs that take over at the same
    time would stop each other. `at_once`: it is decided, so that no live run gets time to show the
    mark; a second signal changes nothing for one that is stopping. `alone`: endpoints that no other
    run may have claimed before, for a run without a reservation, whose record is its only claim.
    `log`: of a run in the background.

    Raises:
        DevportsError: the service is already running.
        PortPromisedError: `alone`, and a run of another service or project has the port.
    """
    mine = own_record(machine, service, project, log)
    me, patience = mine.key, mine.patience
    mark = gone = clock.Deadline(0)
    found, late, told, ending = None, False, False, False
    rival = partial(is_for, machine, alone) if alone else None
    while True:
        try:
            now = records.claim(mine, rival=rival)
        except OSError as error:
            tell(RecordFailed(service.name, error.strerror or type(error).__name__))
            return mine
        if now.key == me:
            return now
        if (now.service, now.project) != (mine.service, mine.project):
            raise PortClaimedError
        if now.key != found:
            found, late, told, ending = now.key, found is not None, False, False
            mark = clock.Deadline(0 if at_once else MARK_WAIT)
            gone = clock.Deadline(max(patience, now.patience))
        stopping = ending or now.state == "stopping"
        if (gone if stopping else mark).passed:
            if stopping or late or not take_over(now):
                raise _already_running(now)
            ending, gone = True, clock.Deadline(max(patience, now.patience))
            stop_run(machine, records, now)
            continue
        if stopping and not told:
            told = True
            tell(WaitingForPreviousRun(service.name, now.key.pid))
        wait_for_exit(machine, now, gone.left if stopping else 0.02)


def own_record(machine: Machine, service: Service, project: str, log: str = "") -> RunRecord:
    """Return the record of a run of `service` by this process, which is starting."""
    me = machine.key(os.getpid()) or ProcessKey(os.getpid(), 0)
    patience = service.stop_timeout + CLEANUP_TIME
    return RunRecord(
        me, service.run_name, project, "starting", service.spec, patience=patience, log=log
    )


def is_for(machine: Machine, endpoints: Sequence[Endpoint], other: RunRecord) -> bool:
    """Return whether a run was started for one of these endpoints."""
    if other.spec.port not in {endpoint.port for endpoint in endpoints}:
        return False
    try:
        claimed = endpoints_of(machine, other.spec)
    except DevportsError:
        return False
    return any(overlap(one, end) for one in claimed for end in endpoints)


def stop_run(machine: Machine, records: RunRecords, run: RunRecord) -> None:
    """Tell a run to stop its server and to exit, and which command does so.

    Raises:
        DevportsError: it cannot be signalled safely.
    """
    records.write_stop_note(run.key, run.service, run.project)
    words = run_words(run.service)
    records.log_stop(
        f"stopping `devports run {words}` (pid {run.key.pid}), its folder {run.project}"
    )
    send(machine, run.key, TERM, CONT)  # stopped by Ctrl-Z it could not handle the signal


def wait_for_exit(machine: Machine, record: RunRecord, seconds: float) -> None:
    """Wait until a run has exited, at most `seconds`."""
    pin = machine.pin(record.key)
    if pin is not None:
        machine.wait_for_exit((pin,), seconds)
        pin.close()


def _already_running(record: RunRecord) -> DevportsError:
    from devports.core.hint import hint, own_command

    name, declared = record.service, run_name(record.service) == record.service
    again = (
        ("run ", own_command("run", name, "--take-over")) if declared else ("add `--take-over`",)
    )
    stop = hint("to stop it, run ", own_command("free", run_target(name)))
    output = hint("to see its output, run ", own_command("logs", name))
    facts = (f"endpoint: {record.spec}", f"project: {record.project}")
    return DevportsError(
        "run-in-charge",
        f"`devports run {run_words(name)}` is already running (pid {record.key.pid})",
        facts=(*facts, *([f"log: {record.log}"] if record.log else ())),
        hints=(
            output if record.log else stop,
            hint("to stop it and start here, ", *again),
        ),
        service=run_name(name),
        exit_code=exitcodes.ALREADY_RUNNING,
    )

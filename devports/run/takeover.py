"""Who is in charge of a service: at most one run, and a dying one is waited for.

An editor's "restart" sends SIGHUP to the old run and starts the new one 50 to 200 ms later
without waiting. The old run marks its record first of all, so a live record without that mark is
given half a second to show it.
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
"""Seconds until a live run without the mark is taken to be staying."""
BEYOND_STOP = 3.0
"""Seconds a dying run may need on top of its service's stop_timeout: SIGKILL and the clean-up."""


class PortPromisedError(Exception):
    """A live run of something else has claimed the same port first."""


def register_run(
    records: RunRecords,
    machine: Machine,
    service: Service,
    project: str,
    tell: Tell,
    *,
    take_over: Callable[[RunRecord], bool] = lambda _: False,
    alone: Sequence[Endpoint] = (),
) -> RunRecord:
    """Put ourselves in charge of a service of the project in folder `project`.

    `take_over` says whether a run that stays is to be told to end: the one that we find. Another
    that has come into its place meanwhile was asked for as well, and stays: runs that take over at
    the same time would end each other. `alone`: endpoints of the service's port, where it is to be
    had before any other run or not at all: one that is started without a hold has nothing but its
    record to show for it.

    Raises:
        DevportsError: another run is in charge and stays.
        PortPromisedError: `alone`, and a run of another service or project has the port.
    """
    me = machine.key(os.getpid()) or ProcessKey(os.getpid(), 0)
    patience = service.stop_timeout + BEYOND_STOP
    mine = RunRecord(me, service.run_name, project, "starting", service.spec, patience=patience)
    mark = gone = clock.Deadline(0)
    found, late, told, ending = None, False, False, False
    rival = partial(wants, machine, alone) if alone else None
    while True:
        try:
            now = records.claim(mine, rival=rival)
        except OSError as error:
            tell(RecordFailed(service.name, error.strerror or type(error).__name__))
            return mine
        if now.key == me:
            return now
        if (now.service, now.project) != (mine.service, mine.project):
            raise PortPromisedError
        if now.key != found:
            found, late, told, ending = now.key, found is not None, False, False
            mark, gone = clock.Deadline(MARK_WAIT), clock.Deadline(max(patience, now.patience))
        stopping = ending or now.state == "stopping"
        if (gone if stopping else mark).passed:
            if stopping or late or not take_over(now):
                raise _in_charge(now)
            ending, gone = True, clock.Deadline(max(patience, now.patience))
            records.leave_word(now.key, now.service, now.project)
            send(machine, now.key, TERM, CONT)  # stopped by Ctrl-Z it could not even begin to end
            continue
        if stopping and not told:
            told = True
            tell(WaitingForPreviousRun(service.name, now.key.pid))
        _wait_for(machine, now, gone.left if stopping else 0.02)


def wants(machine: Machine, endpoints: Sequence[Endpoint], other: RunRecord) -> bool:
    """Say whether a run was started for one of these endpoints."""
    if other.spec.port not in {endpoint.port for endpoint in endpoints}:
        return False
    try:
        theirs = endpoints_of(machine, other.spec)
    except DevportsError:
        return False
    return any(overlap(one, end) for one in theirs for end in endpoints)


def _wait_for(machine: Machine, record: RunRecord, seconds: float) -> None:
    pin = machine.pin(record.key)
    if pin is not None:
        machine.wait_for_exit((pin,), seconds)
        pin.close()


def _in_charge(record: RunRecord) -> DevportsError:
    from devports.core.hint import hint, own_command

    name, declared = record.service, run_name(record.service) == record.service
    again = (
        ("run ", own_command("run", name, "--take-over")) if declared else ("add `--take-over`",)
    )
    return DevportsError(
        "run-in-charge",
        f"`devports run {run_words(name)}` is already running (pid {record.key.pid})",
        facts=(f"endpoint: {record.spec}", f"project: {record.project}"),
        hints=(
            hint("to stop it, run ", own_command("free", run_target(name))),
            hint("to stop it and start here, ", *again),
        ),
        service=run_name(name),
        exit_code=exitcodes.ALREADY_RUNNING,
    )

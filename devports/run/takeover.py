"""Who is in charge of a service: at most one run, and a dying one is waited for.

An editor's "restart" sends SIGHUP to the old run and starts the new one 50 to 200 ms later
without waiting. The old run marks its record first of all, so a live record without that mark is
given half a second to show it.
"""

from __future__ import annotations

import os

from devports import exitcodes
from devports.core.model import ProcessKey
from devports.core.recovery import RecordFailed, WaitingForPreviousRun
from devports.errors import DevportsError
from devports.records import RunRecord
from devports.system import clock
from devports.system.signal_events import CONT, TERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.recovery import RunEvent
    from devports.core.service import Service
    from devports.records import RunRecords
    from devports.system import Machine

MARK_WAIT = 0.5
"""Seconds until a live run without the mark is taken to be staying."""
BEYOND_STOP = 3.0
"""Seconds a dying run may need on top of its service's stop_timeout: SIGKILL and the clean-up."""


def claim(
    records: RunRecords,
    machine: Machine,
    service: Service,
    project: str,
    tell: Callable[[RunEvent], None],
    *,
    take_over: Callable[[RunRecord], bool] = lambda _: False,
) -> RunRecord:
    """Put ourselves in charge of a service.

    Args:
        records: where it is written who is.
        machine: where the others live.
        service: which one.
        project: the folder of its configuration.
        tell: hears whom we wait for.
        take_over: says whether a run that stays is to be told to end.

    Raises:
        DevportsError: another run is in charge and stays.
    """
    me = machine.key(os.getpid()) or ProcessKey(os.getpid(), 0)
    patience = service.stop_timeout + BEYOND_STOP
    mine = RunRecord(me, service.name, project, "starting", service.spec, patience=patience)
    mark, gone = clock.Deadline(MARK_WAIT), clock.Deadline(patience)
    told = ending = False
    while True:
        try:
            now = records.claim(mine)
        except OSError as error:
            tell(RecordFailed(service.name, error.strerror or type(error).__name__))
            return mine
        if now.key == me:
            return now
        stopping = ending or now.state == "stopping"
        if (gone if stopping else mark).passed:
            if stopping or not take_over(now):
                raise _in_charge(now)
            ending, gone = True, clock.Deadline(max(patience, now.patience))
            _tell_to_end(machine, now)
            continue
        if stopping and not told:
            told = True
            tell(WaitingForPreviousRun(service.name, now.key.pid))
        _wait_for(machine, now, gone.left if stopping else 0.02)


def _tell_to_end(machine: Machine, record: RunRecord) -> None:
    pin = machine.pin(record.key)
    if pin is not None:
        pin.send(TERM)
        pin.send(CONT)  # stopped by Ctrl-Z it could not even begin to end
        pin.close()


def _wait_for(machine: Machine, record: RunRecord, seconds: float) -> None:
    pin = machine.pin(record.key)
    if pin is not None:
        machine.wait_for_exit((pin,), seconds)
        pin.close()


def _in_charge(record: RunRecord) -> DevportsError:
    from devports.core.hint import hint, ours

    again = ours("run", record.service, "--take-over")
    return DevportsError(
        "run-in-charge",
        f"another `devports run {record.service}` is in charge (pid {record.key.pid})",
        facts=(f"endpoint: {record.spec}", f"project: {record.project}"),
        hints=(
            hint("to end it, run ", ours("free", record.service)),
            hint("to start here instead of it, run ", again),
        ),
        service=record.service,
        exit_code=exitcodes.IN_CHARGE,
    )

"""`devports down`: end what `devports up` has started in this checkout.

It goes by the records of this checkout, never by ports, so it cannot reach anything else, and asks
nothing.
"""

from __future__ import annotations

from devports import exitcodes
from devports.commands.context import service_of
from devports.core.hint import hint, own_command
from devports.core.service import with_dependencies
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.run.takeover import CLEANUP_TIME, stop_run, wait_for_exit
from devports.system import clock
from devports.ui.text import elapsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.commands.context import Context
    from devports.records import RunRecord
    from devports.ui.json_types import DownService


class DownResult(Frozen):
    """What became of the run of one service; `left`: it runs in a terminal, and was not named."""

    service: str
    run: RunRecord | None = None
    left: bool = False
    seconds: float = 0.0
    error: DevportsError | None = None

    @property
    def stopped(self) -> bool:
        return self.run is not None and not self.left and self.error is None

    def document(self) -> DownService:
        return {
            "service": self.service,
            "stopped": self.stopped,
            "left": "terminal" if self.left else None,
            "seconds": round(self.seconds, 3),
        }


def down(context: Context, words: Sequence[str], *, as_json: bool = False) -> int:
    """Stop the runs of the named services, or all that run in the background, dependents first."""
    named = tuple(dict.fromkeys(words))
    done = [stop(context, name, named=bool(named)) for name in in_order(context, named)]
    errors = [one.error for one in done if one.error is not None]
    code = exitcodes.STILL_HELD if errors else exitcodes.OK
    if as_json:
        from devports.ui.json_output import overall

        status = overall(one.error is None for one in done)
        data = {"services": [one.document() for one in done]}
        context.screen.answer(("down",), data, exit_code=code, errors=errors, status=status)
        return code
    for one in done:
        report(context, one)
    if not any(one.run for one in done):
        context.screen.out("nothing is running")
    for error in errors:
        context.print_error(error)
    return code


def in_order(context: Context, named: Sequence[str]) -> Iterator[str]:
    """Yield the services to stop, each before those that it depends on.

    A run in the background counts also where its service is no longer in the file.

    Raises:
        DevportsError: a name is neither a service nor a run of this checkout.
    """
    config, records = context.config(), context.records()
    running = [r.service for r in records.every() if r.project == config.root and r.log]
    gone = [name for name in running if config.get(name) is None]
    for name in named:
        if name not in gone:
            service_of(config, name)
    yield from (name for name in gone if not named or name in named)
    for service in reversed(with_dependencies(config, config.services)):
        if service.name in named or (service.command and not named):
            yield service.name


def stop(context: Context, name: str, *, named: bool) -> DownResult:
    """Stop the run of a service, and forget how its last one ended."""
    machine, records, root = context.machine, context.records(), context.config().root
    run = records.live_run(name, root)
    if run is not None and not run.log and not named:
        return DownResult(name, run, left=True)
    deadline = clock.Deadline(0)
    error = None
    if run is not None:
        stop_run(machine, records, run)
        wait_for_exit(machine, run, run.patience + CLEANUP_TIME)
        if records.is_live(run):
            error = DevportsError(
                "run-not-ended",
                f"`devports run {name}` (pid {run.key.pid}) did not exit within "
                f"{deadline.elapsed:.0f} s",
                service=name,
                exit_code=exitcodes.STILL_HELD,
            )
    last = records.last(name, root)
    if last is not None and last.ended is not None:
        records.drop(last)
    return DownResult(name, run, seconds=deadline.elapsed, error=error)


def report(context: Context, one: DownResult) -> None:
    if one.run is None:
        return
    if one.left:
        where = f"it runs in a terminal (pid {one.run.key.pid})"
        context.screen.out(f"`{one.service}` was left running: {where}")
        context.print_labelled("hint", hint("to stop it, run ", own_command("down", one.service)))
    elif one.error is None:
        context.screen.out(f"`{one.service}` was stopped after {elapsed(one.seconds)}")

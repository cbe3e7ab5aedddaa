"""What the doctor wants to know of devports runs, by their records. Nobody is signalled."""

from __future__ import annotations

from devports.checks.facts import Listener, Running
from devports.records.stage import charges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.commands.setting import Setting
    from devports.core.model import ProcessKey
    from devports.records.stage import Charge
    from devports.system import Machine


def run_facts(setting: Setting, root: str) -> Iterator[Running]:
    """Yield the runs of this user; those of this project with where their servers listen.

    Args:
        setting: machine and records.
        root: folder of the configuration; without one every project is looked at.
    """
    for charge in charges(setting.records()):
        record = charge.record
        own = root in ("", record.project)
        yield Running(
            record.service,
            record.project,
            record.spec,
            record.state if charge.live else "",
            process=setting.machine.process(record.key.pid) if charge.live else None,
            server=_server(setting.machine, record.server, wanted=own and charge.live),
            left=next(_left(setting.machine, charge), None) if own else None,
        )


def _server(machine: Machine, key: ProcessKey | None, *, wanted: bool) -> Listener | None:
    return None if key is None or not wanted else listener(machine, key)


def _left(machine: Machine, charge: Charge) -> Iterator[Listener]:
    return (each for key in charge.left if (each := listener(machine, key)) is not None)


def listener(machine: Machine, key: ProcessKey) -> Listener | None:
    """Return a server with where it, and what it started, listens; None if it has ended."""
    process = machine.process(key.pid)
    if process is None or process.key != key or process.state in "ZX":
        return None
    return Listener(process, machine.listening({key.pid, *machine.descendants(key.pid)}))

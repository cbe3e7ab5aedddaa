"""The facts that `devports doctor` judges, from the configuration and the machine."""

from __future__ import annotations

import os

from devports.checks.facts import Editor, Facts
from devports.commands.editorfacts import editor_facts
from devports.commands.filefacts import faults_of
from devports.commands.launchfacts import command_facts, refusals
from devports.commands.portfacts import port_facts
from devports.commands.runfacts import run_facts
from devports.core.checkout import elsewhere_from
from devports.core.model import Endpoint, Gap
from devports.system import installs, wsl
from devports.system.reserved import reserved
from devports.system.worktree import worktree_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.commands.setting import Setting
    from devports.core.service import Config
    from devports.system import Machine

ANY_PORT = 1
"""What a table is asked for where no port is declared: it says what it cannot show all the same."""

LOOPBACKS = ("127.0.0.1", "::1")


def gather(setting: Setting, config: Config | None, warnings: Sequence[str] = ()) -> Facts:
    """Look at everything that the rules want to know; one look at the machine for all ports."""
    machine = setting.machine
    services = config.services if config else ()
    ports = port_facts(machine, services)
    commands = tuple(command_facts(s, config) for s in services if config and s.command)
    root = config.root if config else ""
    return Facts(
        machine.platform,
        root=root,
        ports=ports,
        commands=commands,
        programs=installs.on_path(os.environ),
        neighbour=installs.neighbour(),
        faults=(*faults_of(config, warnings), *refusals(config, commands, ports)) if config else (),
        localhost=_localhost(machine) if ports else (),
        loopbacks=tuple(a for a in LOOPBACKS if machine.probe(Endpoint(a, 0)) == "ok"),
        editor=editor_facts(config, machine.platform) if config else Editor(),
        ephemeral=machine.ephemeral(),
        reserved=reserved(),
        runs=tuple(run_facts(setting, root)),
        gaps=tuple(_blind_spots(machine, {declared.spec.port for declared in ports})),
        viewer=machine.viewer(),
        run_of=setting.records().run_of(),
        elsewhere_of=elsewhere_from(setting.home(), worktree_of),
        named=setting.engines.named,
    )


def _localhost(machine: Machine) -> tuple[str, ...]:
    try:
        return machine.addresses("localhost")
    except OSError:  # whoever declares it is told so
        return ()


def _blind_spots(machine: Machine, ports: set[int]) -> Iterator[Gap]:
    """Yield what this user cannot see on this machine, whatever is on the ports now."""
    yield from machine.table(ports or {ANY_PORT}).gaps
    if wsl.is_wsl():
        yield Gap("wsl", "what Windows and its Docker Desktop have on these ports (WSL)")
    if machine.process(1) is None and machine.platform != "win32":
        yield Gap("unlisted-processes", "the processes of other users (hidepid)")
    elif machine.viewer().uid != 0:
        yield Gap("other-users", "which process of another user has a port")

"""What is to be started: a service with its texts filled, its environment and its endpoints."""

from __future__ import annotations

import os

from devports.core.handoff import ladder
from devports.core.launching import launching_of
from devports.core.ownership import MARK
from devports.core.placeholder import argv_of, fill, values_for
from devports.core.recovery import Retry
from devports.core.takers import mark
from devports.core.value import Value
from devports.errors import DevportsError
from devports.run.child import refuse_unstartable
from devports.system.programs import interpreter_of
from devports.system.survey import endpoints_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devports.core.handoff import Handed
    from devports.core.happening import Happening
    from devports.core.model import Endpoint
    from devports.core.service import Config, Service
    from devports.records import Record
    from devports.system import Machine

    Tell = Callable[[Happening], None]


class Launch(Value):
    """What is to be started: service, command line and environment filled, and our record.

    `handed`: command and environment for a server that inherits the socket.
    `declared`: the port that the service was to have, where it is another than the one it gets.
    """

    service: Service
    argv: tuple[str, ...]
    env: Mapping[str, str]
    record: Record
    endpoints: tuple[Endpoint, ...]
    extra: tuple[Endpoint, ...] = ()
    retry: Retry = Retry()
    handed: Handed | None = None
    declared: int = 0

    @property
    def everything(self) -> tuple[Endpoint, ...]:
        """All endpoints that have to be ours: those of the first port and of the further ones."""
        return (*self.endpoints, *self.extra)

    @property
    def mark(self) -> str:
        """What everything that is started carries in its environment."""
        return mark_of(self.record)


def mark_of(record: Record) -> str:
    """Return what tells the processes of this run from those of any other."""
    return f"{record.key.pid}.{record.key.start}"


def prepare(
    machine: Machine,
    service: Service,
    config: Config,
    *,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    from_file: Mapping[str, str],
    claim: Callable[[tuple[Endpoint, ...]], Record],
) -> Launch:
    """Fill command line and environment, and say which endpoints the service is to have.

    Args:
        machine: resolves hosts.
        service: with the port it really gets.
        config: the other services, for placeholders.
        arguments: to be appended to the command.
        environ: our own environment; PORT, the file and the service's own come on top, in order.
        from_file: the variables of `service.env_file`.
        claim: puts us in charge of the service, whose first port has these endpoints. Nobody is
            told to go for what cannot start, so it comes last.

    Raises:
        DevportsError: the command cannot be started, or the service wants to be handed a socket and
            cannot be; or what `claim` raises.
    """
    values = {**values_for(service, config), "fd": mark(0)}
    own = {key: fill(text, values) for key, text in service.env}
    further = (service.spec.but(port=port) for _, port in service.ports)
    argv = (*argv_of(service, values), *arguments)
    env = {**environ, "PORT": str(service.port), **from_file, **own}
    cwd = fill(service.cwd, values)
    endpoints = endpoints_of(machine, service.spec)
    lead = launching_of(argv).lead
    found = ladder(
        service, argv, env, endpoints, interpreter_of(lead, cwd, env.get("PATH", os.defpath))
    )
    refuse_unstartable(argv, cwd, env)
    record = claim(endpoints)
    return Launch(
        service=service.but(cwd=cwd),
        argv=argv,
        env={**env, MARK: mark_of(record)},
        record=record,
        endpoints=endpoints,
        extra=tuple(end for spec in further for end in endpoints_of(machine, spec)),
        retry=Retry(service.attempts, ways=found.ways),
        handed=found.handed,
    )


def refuse_impossible(service: Service) -> None:
    """Check that we can start this service at all.

    Raises:
        DevportsError: it has no command.
    """
    if not service.command:
        raise DevportsError(
            "no-command",
            f"`{service.name}` has no command to run",
            facts=(f"its port {service.port} is only watched",),
            hints=(f'add `command = "..."` to `[services.{service.name}]`',),
            service=service.name,
        )

"""The other services: those that one depends on are ready first, and are called by real ports."""

from __future__ import annotations

from devports import exitcodes
from devports.core.happening import DependencyDown
from devports.errors import DevportsError
from devports.run.readiness import is_ready
from devports.system import clock
from devports.system.survey import endpoints_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.service import Config, Service
    from devports.records import Records
    from devports.run.launch import Tell
    from devports.system import Machine

LOOK_EVERY = 0.1
"""Seconds between looks at what is depended on."""


def wait_for_dependencies(
    machine: Machine, records: Records, config: Config, service: Service, tell: Tell
) -> None:
    """Wait until the services that `service` depends on are ready, each as long as it may take.

    Raises:
        DevportsError: one did not become ready in its time.
    """
    for dependency in (config.get(name) for name in service.depends_on):
        if dependency is None:
            continue  # the configuration has been checked
        ends, seconds = endpoints_of(machine, dependency.spec), dependency.ready.timeout
        deadline, told = clock.Deadline(seconds), False
        while not is_ready(machine, records, dependency, config.root, ends):
            if deadline.passed:
                raise not_ready(service, dependency)
            if not told:
                told = True
                tell(DependencyDown(service.name, dependency.name, ends[0], seconds))
            clock.pause(min(LOOK_EVERY, deadline.left))


def with_real_ports(records: Records, config: Config) -> Config:
    """Return the configuration in which every service has the port that its live run has got."""

    def real(service: Service) -> Service:
        run = records.in_charge(service.name, config.root)
        return service if run is None else service.but(port=run.spec.port)

    return config.but(services=tuple(real(service) for service in config.services))


def not_ready(service: Service, dependency: Service) -> DevportsError:
    """Return that a dependency was not ready in time, and what starts it."""
    name = dependency.name
    start = f"run `devports run {name}`" if dependency.command else f"start what serves `{name}`"
    return DevportsError(
        "dependency-not-ready",
        f"`{name}`, which `{service.name}` depends on, was not ready on {dependency.spec} in"
        f" {dependency.ready.timeout:g} s",
        hints=(f"{start}, then `devports run {service.name}`",),
        service=service.name,
        exit_code=exitcodes.NOT_READY,
    )

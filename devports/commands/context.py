"""What every command is given: the screen, the machine, the configuration, who is asked about."""

from __future__ import annotations

import os

from devports.core.model import parse_target
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.system import native
from devports.system.inspect import endpoints_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.model import Endpoint, PortSpec
    from devports.core.service import Config, Service
    from devports.core.verdict import Finding
    from devports.records import RunRecords
    from devports.system import Machine
    from devports.system.container_engines import Engines
    from devports.ui.console import Console


class Target(Frozen):
    """One target: as it was typed, and what it stands for."""

    text: str
    specs: tuple[PortSpec, ...]
    service: Service | None = None

    @property
    def name(self) -> str:
        """The service's name, empty for a bare port."""
        return self.service.name if self.service else ""

    @property
    def typed(self) -> str:
        """What to type for it in another command.

        A URL is cut down to its port: in what is behind it a shell may see more than letters.
        """
        return str(self.specs[0]) if "://" in self.text else self.text

    @property
    def subject(self) -> str:
        """What sentences are about: `port 8000`, `[::1]:8000`; empty where there are several."""
        return str(self.specs[0]) if len(self.specs) == 1 else ""


class Context:
    """Machine and configuration, each made when it is first asked for."""

    def __init__(self, screen: Console, config_path: str | None = None) -> None:
        self.screen = screen
        screen.config = config_path or ""
        self._config_path = config_path
        self._machine: Machine | None = None
        self._config: Config | None = None
        self._engines: Engines | None = None

    @property
    def machine(self) -> Machine:
        if self._machine is None:
            self._machine = native()
        return self._machine

    @property
    def searches(self) -> bool:
        """Whether the nearest configuration is looked for, and none was named."""
        return self._config_path is None

    @property
    def engines(self) -> Engines:
        if self._engines is None:
            from devports.system.container_engines import Engines  # not for `check`

            self._engines = Engines()
        return self._engines

    @property
    def named(self) -> str | None:
        """The configuration that the command line names."""
        return self._config_path

    def config(self) -> Config:
        """Return the configuration, read once; its doubts become warnings.

        Raises:
            DevportsError: there is none, or it is not right.
        """
        if self._config is not None:
            return self._config
        from devports.config.load import load_with_warnings  # not for bare ports

        loaded = load_with_warnings(self._config_path, here())
        for warning in loaded.warnings:
            from devports.ui.messages import warning_block  # mostly none

            self.screen.err(warning_block(warning, self.screen.look("stderr")))
        self._config = loaded.config
        return loaded.config

    def replace(self, config: Config) -> None:
        """Let every command take this for the configuration."""
        self._config = config

    def records(self) -> RunRecords:
        from devports.records import RunRecords, folder  # not for `check`

        return RunRecords(folder(os.environ), self.machine)

    def asked(self, words: Sequence[str]) -> tuple[Target, ...]:
        """Return the targets that these words name; none name every service.

        Raises:
            DevportsError: a word names nothing.
        """
        if not words:
            return tuple(asked_of(service.name, service) for service in self.config().services)
        parsed = [(word, parse_target(word)) for word in words]
        config = self.config() if any(isinstance(what, str) for _, what in parsed) else None
        return tuple(
            asked_of(what, service_of(config, what))
            if isinstance(what, str) and config is not None
            else Target(word, (what,))  # type: ignore[arg-type]  # a str only with a config
            for word, what in parsed
        )

    def look(
        self,
        targets: Sequence[Target],
        how: Callable[[Machine, Sequence[Endpoint]], tuple[Finding, ...]],
    ) -> tuple[tuple[Target, tuple[Finding, ...]], ...]:
        """Return the findings for each target, all from one look, as `how` looks."""
        wanted = [(target, self.endpoints(target)) for target in targets]
        every = [endpoint for _, endpoints in wanted for endpoint in endpoints]
        found = iter(how(self.machine, every))
        return tuple((target, tuple(next(found) for _ in ends)) for target, ends in wanted)

    def endpoints(self, target: Target) -> tuple[Endpoint, ...]:
        return tuple(end for spec in target.specs for end in endpoints_of(self.machine, spec))


def asked_of(text: str, service: Service) -> Target:
    """Return a service as a target: its port first, then its further ports."""
    further = (service.spec.but(port=port) for _, port in service.ports)
    return Target(text, (service.spec, *further), service)


def service_of(config: Config, name: str) -> Service:
    """Return the service of this name.

    Raises:
        DevportsError: there is none; the nearest name is offered.
    """
    from devports.config.report import unknown_service  # only to word an error

    service = config.get(name)
    if service is None:
        raise unknown_service(config, name)
    return service


def here() -> str:
    """Return the current folder.

    Raises:
        DevportsError: it has been removed.
    """
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise DevportsError(
            "no-folder",
            "the current folder does not exist any more",
            hints=("change to a folder that does: `cd ..`",),
        ) from None

"""The argument of every command: console, machine, configuration, targets."""

from __future__ import annotations

import os

import devports
from devports.core.model import Endpoint, PortSpec, parse_target
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.system import native, state_folder
from devports.system.inspect import endpoints_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from devports.core.checkout import ElsewhereOf
    from devports.core.hint import Advice
    from devports.core.remedies import Remedy
    from devports.core.service import Config, Service
    from devports.core.verdict import Finding
    from devports.records import RunRecords
    from devports.system import Machine
    from devports.system.container_engines import Engines
    from devports.ui.console import Console
    from devports.ui.messages import Label


class Target(Frozen):
    """One target: as typed, and its addresses."""

    text: str
    specs: tuple[PortSpec, ...]
    service: Service | None = None

    @property
    def name(self) -> str:
        """The service's name, empty for a bare port."""
        return self.service.name if self.service else ""

    @property
    def typed(self) -> str:
        """The argument for it in another command.

        A URL is reduced to its port: a shell may interpret characters of the rest.
        """
        return str(self.specs[0]) if "://" in self.text else self.text

    @property
    def subject(self) -> str:
        """The subject of sentences about it: `port 8000`, `[::1]:8000`; empty for several ports."""
        return str(self.specs[0]) if len(self.specs) == 1 else ""


class Context:
    """Console, machine and configuration, the latter two created on first use.

    `named` is the value of `--config`; None: the nearest file.
    """

    def __init__(self, screen: Console, named: str | None = None) -> None:
        self.screen, self.named = screen, named
        screen.config = named or ""
        self._machine: Machine | None = None
        self._config: Config | None = None
        self._assigned: Config | None = None
        self._engines: Engines | None = None

    @property
    def machine(self) -> Machine:
        if self._machine is None:
            self._machine = native()
        return self._machine

    @property
    def engines(self) -> Engines:
        if self._engines is None:
            from devports.system.container_engines import Engines  # not for `check`

            self._engines = Engines()
        return self._engines

    def config(self) -> Config:
        """Return the configuration, read once; its warnings are printed.

        Raises:
            DevportsError: there is none, or it is invalid.
        """
        if self._config is not None:
            return self._config
        from devports.config.load import load_with_warnings  # not for bare ports

        loaded = load_with_warnings(self.named, current_folder())
        for warning in loaded.warnings:
            self.print_warning(warning)
        self._config = loaded.config
        return loaded.config

    def assigned(self, *, record: bool = True) -> Config:
        """Return the configuration with the ports of this checkout.

        Those are the declared ones, unless a service has `port_per = "worktree"`. What asks for
        ports first assigns them, and prints them once.

        Args:
            record: write what is new; else it may be another number the next time.

        Raises:
            DevportsError: there is no configuration, or its ports cannot be assigned.
        """
        config = self.config()
        if not config.bases:
            return config
        if self._assigned is None:
            from devports.assigned import in_checkout  # only with `port_per`

            place = self.records().path
            self._assigned, new = in_checkout(config, place, self.machine, record=record)
            if new and record and self._assigned.offset:
                self.screen.progress(f"devports: {ports_text(self._assigned)}")
            if self._assigned is config:
                self._warn_of_lost_repository(config.root)
        return self._assigned

    def _warn_of_lost_repository(self, folder: str) -> None:
        from devports.system.project import lost_repository

        if link := lost_repository(folder):
            lost = f"the repository that `{link}` names does not exist"
            self.print_warning(f"{lost}; using the ports of the file")

    def resolved(self) -> Config:
        """Return the configuration with the ports that services really have.

        That is the port of the live run of each, and for the others the one of this checkout.

        Raises:
            DevportsError: as `assigned`.
        """
        from devports.run.readiness import with_real_ports  # not for `check`

        return with_real_ports(self.records(), self.assigned())

    def print_error(self, error: DevportsError, remedies: Sequence[Remedy] = ()) -> None:
        from devports.ui.messages import error_block  # rarely needed

        self.screen.err(error_block(error, self.screen.output_style("stderr"), remedies))

    def print_warning(self, message: str, hints: Sequence[str] = ()) -> None:
        from devports.ui.messages import block

        self.screen.err(block("warning", message, self.screen.output_style("stderr"), hints=hints))

    def print_labelled(self, label: Label, text: Advice) -> None:
        from devports.ui.messages import labelled

        self.screen.err("\n".join(labelled(label, text, self.screen.output_style("stderr"))))

    def home(self) -> str:
        """Return the folder of the configuration, if one is read or named.

        Else the current one; empty if that has been removed.
        """
        if self._config is not None:
            return self._config.root
        if self.named:
            return os.path.dirname(os.path.realpath(self.named))
        try:
            return os.getcwd()
        except FileNotFoundError:
            return ""

    def elsewhere(self) -> ElsewhereOf:
        """Return a function that finds the other checkout or project of a process.

        Outside every project there is none: a port that is typed there means what is on it.
        """
        from devports.core.checkout import elsewhere_from, no_checkout  # not for `check`
        from devports.system.project import worktree_of

        home = self.home()
        if home and not self._has_configuration(home) and worktree_of(home) is None:
            return no_checkout
        return elsewhere_from(home, worktree_of, os.path.isdir)

    def _has_configuration(self, folder: str) -> bool:
        from devports.config.load import find

        read = self._config is not None and self._config.path
        return bool(read or self.named or find(folder))

    def replace(self, config: Config) -> None:
        """Set the configuration for every command."""
        self._config, self._assigned = config, None

    def records(self) -> RunRecords:
        from devports.records import RunRecords  # not for `check`

        return RunRecords(state_folder(os.environ), self.machine)

    def targets(self, words: Sequence[str]) -> tuple[Target, ...]:
        """Return the targets that these words name; every service if there are none.

        Raises:
            DevportsError: a word names nothing.
        """
        if not words:
            return tuple(target_of(service.name, service) for service in self.assigned().services)
        parsed = [(word, parse_target(word)) for word in words]
        return tuple(
            target_of(what, service_of(self.assigned(), what))
            if isinstance(what, str)
            else Target(word, (what,))
            for word, what in parsed
        )

    def inspect(
        self,
        targets: Sequence[Target],
        how: Callable[
            [Machine, Sequence[Endpoint], Callable[[], Collection[int]]], tuple[Finding, ...]
        ],
    ) -> tuple[tuple[Target, tuple[Finding, ...]], ...]:
        """Return the findings for each target, all from one call of `how`."""
        wanted = [(target, self.endpoints(target)) for target in targets]
        every = [endpoint for _, endpoints in wanted for endpoint in endpoints]
        found = iter(how(self.machine, every, lambda: self._servers_at(every)))
        return tuple((target, tuple(next(found) for _ in ends)) for target, ends in wanted)

    def _servers_at(self, ends: Sequence[Endpoint]) -> list[int]:
        """Return the servers that live runs started on the ports of these endpoints."""
        from devports.records import run_statuses, servers_at

        return servers_at(run_statuses(self.records()), ends)

    def endpoints(self, target: Target) -> tuple[Endpoint, ...]:
        return tuple(end for spec in target.specs for end in endpoints_of(self.machine, spec))


def target_of(text: str, service: Service) -> Target:
    """Return a service as a target: its port first, then its additional ports."""
    further = (service.spec.replace(port=port) for _, port in service.ports)
    return Target(text, (service.spec, *further), service)


def ports_text(config: Config) -> str:
    """Return the line about the ports that a checkout has got."""
    from devports.ui.text import join_words

    own = [f"`{one.name}` {one.port} ({one.base})" for one in config.services if one.base]
    return f"this worktree has its own ports from now on: {join_words(own)}"


def service_of(config: Config, name: str) -> Service:
    """Return the service of this name.

    Raises:
        DevportsError: there is none; the nearest name is offered.
    """
    if (service := config.get(name)) is not None:
        return service
    from devports.config.report import unknown_service  # only for an error

    raise unknown_service(config, name)


def current_folder() -> str:
    """Return the current folder.

    Raises:
        DevportsError: it has been removed.
    """
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise DevportsError(
            "no-folder",
            "the current folder no longer exists",
            hints=("change to another one: `cd ~`",),
        ) from None


def print_vscode_failure(what: str, screen: Console, *, service: str = "", line: int = 0) -> None:
    """Print the lines that let VS Code stop the start of a debugger.

    `what`: what happened, on one line. `service`: whose line of the configuration VS Code is to
    show. `line`: of the mistake, if it is known.
    """
    from devports.config.load import OWN, find, line_of_service
    from devports.ui.run_progress import failure
    from devports.ui.text import in_vscode

    if not in_vscode(screen.env):
        return
    try:
        path = find(os.getcwd()) or OWN
    except OSError:  # the folder was removed
        path = OWN
    line = line or (line_of_service(path, service) if service else 0)
    screen.err(failure(what, os.path.basename(path), line))


def shipped(folder: str, name: str) -> str:
    """Return the text of a file that is shipped in a folder of the package."""
    path = os.path.join(os.path.dirname(devports.__file__), folder, name)
    with open(path, encoding="utf-8") as file:
        return file.read()

"""What is to be started, with texts, environment and endpoints filled in, and its handoff.

The handoff mode of a start is decided by `core.handoff`; this module carries it out.
"""

from __future__ import annotations

import contextlib
import os
import signal

from devports.core.command_line import launching_of
from devports.core.handoff import NO, RETRY, YES, fill_descriptors, mark, plan_handoff
from devports.core.recovery import MARK, Retry
from devports.core.service import argv_of, fill, values_for
from devports.core.value import Frozen, unreachable
from devports.errors import DevportsError
from devports.run.hook_server import HookServer
from devports.run.startup import OwnershipWatcher
from devports.run.terminal import SignalReceived
from devports.system.inspect import endpoints_of
from devports.system.programs import interpreter_of, refuse_unstartable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from devports.core.handoff import HookRequest, SocketHandoff
    from devports.core.model import Endpoint
    from devports.core.recovery import HandoffMode, PortStillHeld
    from devports.core.service import Config, Service
    from devports.records import RunRecord
    from devports.run.hook_server import Reply
    from devports.run.reservation import Reservations
    from devports.run.server import ServerProcessTree
    from devports.run.terminal import SignalQueue
    from devports.system import Machine

    Spawn = Callable[[Sequence[str], Mapping[str, str]], None]


class Launch(Frozen):
    """What is to be started: service, complete command line and environment, and the run's record.

    `handed`: command and environment for a server that inherits the socket. `declared`: the
    declared port of the service, if it gets another one.
    """

    service: Service
    argv: tuple[str, ...]
    env: Mapping[str, str]
    record: RunRecord
    endpoints: tuple[Endpoint, ...]
    extra: tuple[Endpoint, ...] = ()
    retry: Retry = Retry()
    handed: SocketHandoff | None = None
    declared: int = 0

    @property
    def all_endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints that are reserved: those of the first port and of the additional ones."""
        return (*self.endpoints, *self.extra)

    @property
    def ports(self) -> frozenset[int]:
        return frozenset(endpoint.port for endpoint in self.all_endpoints)


def mark_of(record: RunRecord) -> str:
    """Return the mark that every process of this run, and no other, has in its environment."""
    return f"{record.key.pid}.{record.key.start}"


def prepare(
    machine: Machine,
    service: Service,
    config: Config,
    *,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    from_file: Mapping[str, str],
    claim: Callable[[tuple[Endpoint, ...]], RunRecord],
) -> Launch:
    """Fill command line and environment, and resolve the endpoints of the service.

    Args:
        machine: resolves hosts.
        service: with the port it really gets.
        config: the other services, for placeholders.
        arguments: to be appended to the command.
        environ: environment of devports; PORT, the file and the service's own variables override
            it, in this order. The port of a worktree overrides the file, which is often a copy.
        from_file: the variables of `service.env_file`.
        claim: registers the run for these endpoints of the first port. It comes last: no other run
            is stopped for a command that cannot start.

    Raises:
        DevportsError: the command cannot be started, or `handoff = "fd"` is not possible for it; or
            what `claim` raises.
    """
    argv, env, cwd = command_of(service, config, arguments, environ, from_file)
    further = (service.spec.replace(port=port) for _, port in service.ports)
    endpoints = endpoints_of(machine, service.spec)
    lead = launching_of(argv).lead
    found = plan_handoff(
        service, argv, env, endpoints, interpreter_of(lead, cwd, env.get("PATH", os.defpath))
    )
    refuse_unstartable(argv, cwd, env)
    record = claim(endpoints)
    return Launch(
        service=service.replace(cwd=cwd),
        argv=argv,
        env={**env, MARK: mark_of(record)},
        record=record,
        endpoints=endpoints,
        extra=tuple(end for spec in further for end in endpoints_of(machine, spec)),
        retry=Retry(service.attempts, ways=found.ways),
        handed=found.handed,
    )


def command_of(
    service: Service,
    config: Config,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    from_file: Mapping[str, str],
) -> tuple[tuple[str, ...], dict[str, str], str]:
    """Return command line, environment and folder of a start; for the arguments see `prepare`."""
    values = values_for(service, config, fd=mark(0))
    own = {key: fill(text, values) for key, text in service.env}
    port = {"PORT": str(service.port)}
    env = {**environ, **port, **from_file, **(port if service.base else {}), **own}
    return (*argv_of(service, values), *arguments), env, fill(service.cwd, values)


def refuse_impossible(service: Service) -> None:
    """Check that the service can be started at all.

    Raises:
        DevportsError: it has no command.
    """
    if not service.command:
        raise DevportsError(
            "no-command",
            f"`{service.name}` has no `command`",
            facts=(f"devports watches port {service.port} and starts nothing",),
            hints=(f'add `command = "..."` to `[services.{service.name}]`',),
            service=service.name,
        )


class HandoffRunner:
    """Hands the port to each server start of a run, and answers the requests of its hooks.

    `state`: folder of devports for files that have to survive the run.
    """

    def __init__(
        self,
        launch: Launch,
        reserved: Reservations,
        state: str,
        *,
        machine: Machine,
        family: ServerProcessTree,
        interrupts: SignalQueue,
    ) -> None:
        self._launch, self.reserved, self._state = launch, reserved, state
        self.machine, self.family, self._interrupts = machine, family, interrupts
        self.hooks: HookServer | None = None

    def start(self, way: HandoffMode, spawn: Spawn) -> tuple[HandoffMode, str]:
        """Start the server; return the mode really used, and how a passed socket was announced.

        Raises:
            PortTakenError: another process listened on the socket's address first.
        """
        launch = self._launch
        if self.hooks is not None:
            self.hooks.clear_reports()  # reports of the previous start
        match way:
            case "fd":
                assert launch.handed is not None  # noqa: S101  # the plan has both or neither
                return way, self._pass_sockets(launch.handed, spawn)
            case "hook":
                # Additional ports may be bound without a hook: a debugger's, by node itself.
                self.reserved.allow_reuse(behind=len(launch.endpoints))
                env = self._hook_env(asks=True)
                if env is None:
                    return self.start("beside", spawn)
                spawn(launch.argv, env)
            case "beside":
                self.reserved.allow_reuse()
                spawn(launch.argv, self._reporting_env())
            case "bare":
                self.reserved.release()
                spawn(launch.argv, self._reporting_env())
            case _:
                unreachable(way)
        return way, ""

    def _pass_sockets(self, handed: SocketHandoff, spawn: Spawn) -> str:
        count = len(self._launch.endpoints)
        self.reserved.allow_reuse(behind=count)
        with self.reserved.inheritable(count, listening=handed.listening) as numbers:
            argv = [fill_descriptors(word, numbers) for word in handed.argv]
            env = {**self._reporting_env(), **dict(handed.env)}
            spawn(argv, {name: fill_descriptors(text, numbers) for name, text in env.items()})
            return fill_descriptors(handed.how, numbers)

    def _reporting_env(self) -> Mapping[str, str]:
        """Return the environment for hooks that only report; no hooks for `handoff = "none"`."""
        alone = self._launch.service.handoff == "none"
        return (None if alone else self._hook_env(asks=False)) or self._launch.env

    def _hook_env(self, *, asks: bool) -> Mapping[str, str] | None:
        """Return the environment that loads the hooks; None if their socket cannot be created."""
        if self.hooks is None:
            try:
                self.hooks = HookServer(self._launch.ports, self.answer)
            except OSError:
                return None
        self.hooks.refusing = False
        return self.hooks.environment(self._launch.env, self._state, asks=asks)

    def answer(self, ask: HookRequest) -> Reply:
        """Answer a failed bind; this may ask for confirmation, although the server runs already."""
        with self._interruptible():
            if not ask.adopts:
                return (RETRY if self.reserved.release_for(ask.endpoint, self._owns) else NO), None
            given = self.reserved.hand_over(ask.endpoint, self._owns)
            return (NO, None) if given is None else (YES, given.fileno())
        return NO, None

    def free_beside(self, own: Collection[int], *, keep: bool) -> PortStillHeld | None:
        """Free the port for the running server, as `Reservations.free_beside` does."""
        with self._interruptible():
            return self.reserved.free_beside(own, keep=keep)
        return None

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let a signal end the block, and leave it to the loop.

        A Ctrl-C at a prompt has not reached the server, so it must not be handled as one that has.
        """
        self._interrupts.install(deferred=False)
        try:
            yield
        except SignalReceived as signalled:
            number = signalled.number
            self._interrupts.remember(signal.SIGTERM if number == signal.SIGINT else number)
        finally:
            self._interrupts.install(deferred=True)

    def _owns(self, endpoint: Endpoint) -> bool:
        """Return whether a process of the server has the endpoint already."""
        watch = OwnershipWatcher(self.machine, (endpoint,), self.family, self.reserved)
        return bool(watch.holders())

    def mute(self) -> None:
        """Wake the loop for requests only: the server is ready."""
        if self.hooks is not None:
            self.hooks.quiet = True

    def collect(self) -> None:
        if self.hooks is not None:
            self.hooks.collect()

    def refuse_requests(self) -> None:
        """Answer no to all hooks: the server is being stopped."""
        if self.hooks is not None:
            self.hooks.refusing = True

    def close(self) -> None:
        if self.hooks is not None:
            self.hooks.close()

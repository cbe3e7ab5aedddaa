"""What is to be started, its texts, environment and endpoints filled in; and how it gets its port.

By which way a start gets the port is decided by `core.handoff`. Here are the effects of each.
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
from devports.run.server import refuse_unstartable
from devports.run.startup import OwnershipWatcher
from devports.run.terminal import SignalReceived
from devports.system.inspect import endpoints_of
from devports.system.programs import interpreter_of

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
    """What is to be started: service, command line and environment filled, and our record.

    `handed`: command and environment for a server that inherits the socket.
    `declared`: the port that the service was to have, where it is another than the one it gets.
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
    def everything(self) -> tuple[Endpoint, ...]:
        """All endpoints that have to be ours: those of the first port and of the further ones."""
        return (*self.endpoints, *self.extra)


def mark_of(record: RunRecord) -> str:
    """Return what everything of this run has in its environment, and nothing of another one."""
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
    further = (service.spec.replace(port=port) for _, port in service.ports)
    argv = (*argv_of(service, values), *arguments)
    env = {**environ, "PORT": str(service.port), **from_file, **own}
    cwd = fill(service.cwd, values)
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


def refuse_impossible(service: Service) -> None:
    """Check that we can start this service at all.

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
    """Hands the port of one run to its starts, and answers what its server asks for.

    `state`: our own folder, for what has to outlive us.
    """

    def __init__(
        self,
        launch: Launch,
        hold: Reservations,
        state: str,
        *,
        machine: Machine,
        family: ServerProcessTree,
        interrupts: SignalQueue,
    ) -> None:
        self._launch, self.hold, self._state = launch, hold, state
        self.machine, self.family, self._interrupts = machine, family, interrupts
        self.hooks: HookServer | None = None

    def start(self, way: HandoffMode, spawn: Spawn) -> tuple[HandoffMode, str]:
        """Start the server; return the way indeed, and how it was told of a socket it inherits.

        Raises:
            PortTakenError: somebody was quicker to listen on what was to be handed over.
        """
        launch = self._launch
        if self.hooks is not None:
            self.hooks.forget()  # what the start before has told
        match way:
            case "fd":
                assert launch.handed is not None  # noqa: S101  # the plan has both or neither
                return way, self._hand(launch.handed, spawn)
            case "hook":
                # Further ports may be bound where no hook is asked: a debugger's, by node itself.
                self.hold.share(behind=len(launch.endpoints))
                env = self._hooked(asks=True)
                if env is None:
                    return self.start("beside", spawn)
                spawn(launch.argv, env)
            case "beside":
                self.hold.share()
                spawn(launch.argv, self._telling())
            case "bare":
                self.hold.release()
                spawn(launch.argv, self._telling())
            case _:
                unreachable(way)
        return way, ""

    def _hand(self, handed: SocketHandoff, spawn: Spawn) -> str:
        count = len(self._launch.endpoints)
        self.hold.share(behind=count)
        with self.hold.inheritable(count, listening=handed.listening) as numbers:
            argv = [fill_descriptors(word, numbers) for word in handed.argv]
            env = {**self._telling(), **dict(handed.env)}
            spawn(argv, {name: fill_descriptors(text, numbers) for name, text in env.items()})
            return fill_descriptors(handed.how, numbers)

    def _telling(self) -> Mapping[str, str]:
        """Return the variables of a server whose hooks only tell, if it is to have any at all."""
        alone = self._launch.service.handoff == "none"
        return (None if alone else self._hooked(asks=False)) or self._launch.env

    def _hooked(self, *, asks: bool) -> Mapping[str, str] | None:
        """Return the variables that load the hooks; None if there is no socket for them to ask."""
        if self.hooks is None:
            ports = {end.port for end in self._launch.everything}
            try:
                self.hooks = HookServer(ports, self.answer)
            except OSError:
                return None
        self.hooks.refusing = False
        return self.hooks.environment(self._launch.env, self._state, asks=asks)

    def answer(self, ask: HookRequest) -> Reply:
        """Answer a bind that failed; a person may be asked, though the server runs already."""
        with self._interruptible():
            if not ask.adopts:
                return (RETRY if self.hold.release_for(ask.endpoint, self._has) else NO), None
            given = self.hold.hand_over(ask.endpoint, self._has)
            return (NO, None) if given is None else (YES, given.fileno())
        return NO, None

    def free_beside(self, ours: Collection[int], *, keep: bool) -> PortStillHeld | None:
        """Free the port beside the living server, as `Reservations.free_beside` does."""
        with self._interruptible():
            return self.hold.free_beside(ours, keep=keep)
        return None

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let a signal end what is done here, and leave it to the loop.

        A Ctrl-C at a question has not reached the server, so it must not be taken for one that has.
        """
        self._interrupts.install(calm=False)
        try:
            yield
        except SignalReceived as signalled:
            number = signalled.number
            self._interrupts.remember(signal.SIGTERM if number == signal.SIGINT else number)
        finally:
            self._interrupts.install(calm=True)

    def _has(self, endpoint: Endpoint) -> bool:
        """Say whether a process of our server has the endpoint already."""
        watch = OwnershipWatcher(self.machine, (endpoint,), self.family, self.hold)
        return bool(watch.holders())

    def rest(self) -> None:
        """Be woken by questions only from now on: the server is ready."""
        if self.hooks is not None:
            self.hooks.quiet = True

    def collect(self) -> None:
        """Take what hooks have told last, once the server has ended."""
        if self.hooks is not None:
            self.hooks.collect()

    def refuse_requests(self) -> None:
        """Say no to all hooks from now on: the server is being stopped."""
        if self.hooks is not None:
            self.hooks.refusing = True

    def close(self) -> None:
        if self.hooks is not None:
            self.hooks.close()

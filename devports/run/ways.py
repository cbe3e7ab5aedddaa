"""How one start gets its port: the effects of the ladder in `core.handoff`."""

from __future__ import annotations

import signal

from devports.core.asking import NO, RETRY, YES
from devports.core.handoff import numbered
from devports.core.value import unreachable
from devports.run.asks import Asks
from devports.run.interrupts import Signalled
from devports.run.ownership import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devports.core.asking import Ask
    from devports.core.handoff import Handed
    from devports.core.model import Endpoint
    from devports.core.recovery import Way
    from devports.run.asks import Reply
    from devports.run.family import Family
    from devports.run.hold import Hold
    from devports.run.interrupts import Interrupts
    from devports.run.launch import Launch
    from devports.system import Machine

    Spawn = Callable[[Sequence[str], Mapping[str, str]], None]


class Ways:
    """Hands the port of one run to its starts, and answers what its server asks for.

    `state`: our own folder, for what has to outlive us.
    """

    def __init__(
        self,
        launch: Launch,
        hold: Hold,
        state: str,
        *,
        machine: Machine,
        family: Family,
        interrupts: Interrupts,
    ) -> None:
        self._launch, self._hold, self._state = launch, hold, state
        self._machine, self._family, self._interrupts = machine, family, interrupts
        self.asks: Asks | None = None
        self.how = ""
        """How the last start was told of its socket."""
        self.way: Way = "bare"
        """How the last start got its port indeed."""

    def start(self, way: Way, spawn: Spawn) -> None:
        """Start the server by one way.

        Raises:
            OSError: somebody was quicker to listen on what was to be handed over.
        """
        launch, self.way, self.how = self._launch, way, ""
        match way:
            case "fd":
                assert launch.handed is not None  # noqa: S101  # the ladder has both or neither
                self._hand(launch.handed, spawn)
            case "hook":
                # Further ports may be bound where no hook is asked: a debugger's, by node itself.
                self._hold.share(behind=len(launch.endpoints))
                spawn(launch.argv, self._hooked(launch.env))
            case "beside":
                self._hold.share()
                spawn(launch.argv, launch.env)
            case "bare":
                self._hold.release()
                spawn(launch.argv, launch.env)
            case _:
                unreachable(way)

    def _hand(self, handed: Handed, spawn: Spawn) -> None:
        count = len(self._launch.endpoints)
        self._hold.share(behind=count)
        with self._hold.handing(count, listening=handed.listening) as numbers:
            self.how = numbered(handed.how, numbers)
            argv = [numbered(word, numbers) for word in handed.argv]
            env = {**self._launch.env, **dict(handed.env)}
            spawn(argv, {name: numbered(text, numbers) for name, text in env.items()})

    def _hooked(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """Return the variables that load the hooks; without a socket for them, share the hold."""
        if self.asks is None:
            try:
                self.asks = Asks({end.port for end in self._launch.everything}, self.answer)
            except OSError:
                self._hold.share()
                self.way = "beside"
                return env
        self.asks.deaf = False
        return self.asks.environment(env, self._state)

    def answer(self, ask: Ask) -> Reply:
        """Answer a bind that failed; a person may be asked, though the server runs already.

        A signal ends it, and is left to the loop. A Ctrl-C at the question has not reached the
        server, so it must not be taken for one that has.
        """
        self._interrupts.install(calm=False)
        try:
            if not ask.adopts:
                return (RETRY if self._hold.yield_to(ask.endpoint, self._has) else NO), None
            given = self._hold.give(ask.endpoint, self._has)
            return (NO, None) if given is None else (YES, given.fileno())
        except Signalled as signalled:
            number = signalled.number
            self._interrupts.remember(signal.SIGTERM if number == signal.SIGINT else number)
            return NO, None
        finally:
            self._interrupts.install(calm=True)

    def _has(self, endpoint: Endpoint) -> bool:
        """Say whether a process of our server has the endpoint already."""
        return bool(Watch(self._machine, (endpoint,), self._family).holders(self._hold))

    def deafen(self) -> None:
        """Say no from now on: the server is being stopped."""
        if self.asks is not None:
            self.asks.deaf = True

    def close(self) -> None:
        if self.asks is not None:
            self.asks.close()

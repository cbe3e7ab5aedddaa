"""Container engines, by their own command lines: what publishes a port, and how it is stopped.

The forwarder that holds the port never says for which container it works; only the engine knows.
"""

from __future__ import annotations

import os

from devports.core import containers
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.containers import Published
    from devports.core.holder_kind import Container, Said
    from devports.system.subprocesses import CommandResult

ASKING = 2.0
"""Seconds that an engine may take to answer."""
MARGIN = 5.0
"""Seconds that an engine may take to stop a container, beside the container's own time."""
LONGEST = 200
"""Characters of an engine's complaint."""

LIST = ("ps", "--no-trunc")
QUESTIONS: dict[str, Callable[[int], tuple[str, ...]]] = {
    "docker": lambda port: (
        *LIST,
        "--filter",
        f"publish={port}/tcp",
        "--format",
        containers.FORMAT,
    ),
    "podman": lambda _: (*LIST, "--format", "json"),
}
PARSERS: dict[str, Callable[[bytes, int], tuple[Published, ...] | None]] = {
    "docker": containers.docker,
    "podman": containers.podman,
}


class EngineError(Frozen):
    """An engine that gave no answer: its program is not on PATH, or what it complained about."""

    engine_error: str
    missing: bool = False


class Engines:
    """The engines of this machine. Every question is asked once, until it is to be forgotten."""

    def __init__(self, *, asking: float = ASKING, margin: float = MARGIN) -> None:
        self._asking, self._margin = asking, margin
        self._known: dict[tuple[str, int], tuple[Published, ...] | EngineError] = {}
        self._timeouts: dict[str, int] = {}
        """By a container's whole id; nothing changes it as long as the container lives."""

    def forget(self) -> None:
        """Ask again from now on: time has passed, or a container was stopped."""
        self._known.clear()

    def named(self, container: Container, port: int) -> Container:
        """Return the standing of a forwarder with what its engine says about the port.

        Where several containers publish it (on different addresses, or as one pod), to choose one
        would be a guess.
        """
        if container.engine not in QUESTIONS:
            return container
        match self._asked(container.engine, port):
            case EngineError(engine_error=complaint, missing=missing):
                said: Said = "missing" if missing else "silent"
                return container.replace(engine_answer=said, engine_error=complaint)
            case ():
                return container.replace(engine_answer="none")
            case (one,):
                return container.replace(
                    engine_answer="one",
                    name=one.name,
                    image=one.image,
                    identity=one.identity,
                    stop_timeout=one.stop_timeout,
                )
            case several:
                return container.replace(
                    engine_answer="several", names=tuple(one.name for one in several)
                )

    def stop(self, container: Container) -> str:
        """Stop a container by its engine; return what went wrong in one line, empty if nothing.

        That is the command which people are shown, word by word: so the engine gives the container
        the time that it was made with. We wait for as long, and `MARGIN`.
        """
        self.forget()
        tool, *words = container.stopping
        path, seconds = which(tool), container.stop_timeout + self._margin
        if not path:
            return f"`{tool}` is not on PATH"
        ran = _run((path, *words), seconds)
        if ran is None:
            return f"`{tool} stop` did not end within {seconds:g} s"
        return "" if ran.status == 0 else _complaint(ran)

    def _asked(self, engine: str, port: int) -> tuple[Published, ...] | EngineError:
        key = (engine, port)
        if key not in self._known:
            self._known[key] = self._ask(engine, port)
        return self._known[key]

    def _ask(self, engine: str, port: int) -> tuple[Published, ...] | EngineError:
        path = which(engine)
        if not path:
            return EngineError(f"`{engine}` is not on PATH", missing=True)
        ran = _run((path, *QUESTIONS[engine](port)), self._asking)
        if ran is None:
            return EngineError(f"no answer within {self._asking:g} s")
        if ran.status != 0:
            return EngineError(_complaint(ran))
        match PARSERS[engine](ran.output, port):
            case None:
                return EngineError("unexpected output")
            case (one,):
                return (one.replace(stop_timeout=self._stop_timeout(path, one.identity)),)
            case found:
                return found

    def _stop_timeout(self, path: str, identity: str) -> int:
        """Return how long a container may take to end; without an answer as long as is usual."""
        if identity not in self._timeouts:
            words = ("inspect", "--format", containers.STOP_TIMEOUT_FORMAT, identity)
            ran = _run((path, *words), self._asking)
            said = ran.output if ran is not None and ran.status == 0 else b""
            self._timeouts[identity] = containers.stop_timeout(said)
        return self._timeouts[identity]


def _run(argv: Sequence[str], seconds: float) -> CommandResult | None:
    from devports.system import subprocesses  # threads, only with containers

    return subprocesses.run(argv, seconds)


def which(engine: str) -> str:
    """Return the full path of an engine's program; empty if PATH has none.

    Windows looks into the working directory first, and a project may bring a `docker.exe` there.
    """
    import shutil  # only where a container holds the port

    found = shutil.which(engine) or ""
    return found if os.path.isabs(found) else ""


def _complaint(ran: CommandResult) -> str:
    """Return the last line that an engine wrote: there it says what is the matter."""
    lines = (ran.output + b"\n" + ran.errors).decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:LONGEST] if lines else f"exited with code {ran.status}"

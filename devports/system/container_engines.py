"""Container engines, by their command lines: which container publishes a port, and how to stop it.

The forwarder that holds the port does not name its container; only the engine knows it.
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

ANSWER_TIMEOUT = 2.0
"""Seconds within which an engine must answer."""
MARGIN = 5.0
"""Seconds added to the container's own stop timeout."""
LONGEST = 200
"""Characters kept of an engine's error text."""

LIST = ("ps", "--no-trunc")
LIST_COMMANDS: dict[str, Callable[[int], tuple[str, ...]]] = {
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
    """Why an engine gave no answer: its error text, or that its program is not on PATH."""

    engine_error: str
    missing: bool = False


class Engines:
    """The container engines of this machine. Answers are cached until `forget`."""

    def __init__(self, *, asking: float = ANSWER_TIMEOUT, margin: float = MARGIN) -> None:
        self._asking, self._margin = asking, margin
        self._known: dict[tuple[str, int], tuple[Published, ...] | EngineError] = {}
        self._timeouts: dict[str, int] = {}
        """By full container id; it does not change while the container exists."""

    def forget(self) -> None:
        """Drop the cached answers: time has passed, or a container was stopped."""
        self._known.clear()

    def named(self, container: Container, port: int) -> Container:
        """Return a container forwarder completed by what its engine reports about the port.

        Where several containers publish the port (on different addresses, or as one pod), all are
        named: to choose one would be a guess.
        """
        if container.engine not in LIST_COMMANDS:
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
        """Stop a container by its engine; return why that failed in one line, empty if it did not.

        The command is exactly the one that is shown to the user, so the engine uses the container's
        own stop timeout. devports waits that long, and `MARGIN`.
        """
        self.forget()
        tool, *words = container.stopping
        path, seconds = which(tool), container.stop_timeout + self._margin
        if not path:
            return f"`{tool}` is not on PATH"
        ran = _run((path, *words), seconds)
        if ran is None:
            return f"`{tool} stop` did not finish within {seconds:g} s"
        return "" if ran.status == 0 else _error_text(ran)

    def _asked(self, engine: str, port: int) -> tuple[Published, ...] | EngineError:
        key = (engine, port)
        if key not in self._known:
            self._known[key] = self._ask(engine, port)
        return self._known[key]

    def _ask(self, engine: str, port: int) -> tuple[Published, ...] | EngineError:
        path = which(engine)
        if not path:
            return EngineError(f"`{engine}` is not on PATH", missing=True)
        ran = _run((path, *LIST_COMMANDS[engine](port)), self._asking)
        if ran is None:
            return EngineError(f"no answer within {self._asking:g} s")
        if ran.status != 0:
            return EngineError(_error_text(ran))
        match PARSERS[engine](ran.output, port):
            case None:
                return EngineError("unexpected output")
            case (one,):
                return (one.replace(stop_timeout=self._stop_timeout(path, one.identity)),)
            case found:
                return found

    def _stop_timeout(self, path: str, identity: str) -> int:
        """Return a container's stop timeout in seconds; the engine's default if unknown."""
        if identity not in self._timeouts:
            words = ("inspect", "--format", containers.STOP_TIMEOUT_FORMAT, identity)
            ran = _run((path, *words), self._asking)
            said = ran.output if ran is not None and ran.status == 0 else b""
            self._timeouts[identity] = containers.stop_timeout(said)
        return self._timeouts[identity]


def _run(argv: Sequence[str], seconds: float) -> CommandResult | None:
    from devports.system import subprocesses  # imports threads

    return subprocesses.run(argv, seconds)


def which(engine: str) -> str:
    """Return the full path of an engine's program; empty if PATH has none.

    Windows searches the working directory first, and a project may contain a `docker.exe`.
    """
    import shutil  # only where a container holds the port

    found = shutil.which(engine) or ""
    return found if os.path.isabs(found) else ""


def _error_text(ran: CommandResult) -> str:
    """Return the last line that an engine wrote, where its error text is."""
    lines = (ran.output + b"\n" + ran.errors).decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:LONGEST] if lines else f"exited with code {ran.status}"

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
    from devports.core.model import Endpoint
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
        self._details: dict[tuple[str, ...], list[str]] = {}
        """By full container ids; they do not change while the containers exist."""

    def forget(self) -> None:
        """Drop the cached answers: time has passed, or a container was stopped."""
        self._known.clear()

    def named(self, container: Container, end: Endpoint) -> Container:
        """Return a container completed by what its engine reports about it, or the forwarded end.

        Where several containers publish the address, all are named: to choose one would be a guess.
        """
        if container.engine not in LIST_COMMANDS:
            return container
        if container.engine_answer == "inside":
            return self._detailed(container, (container.identity,))
        match self._asked(container.engine, end.port):
            case EngineError(engine_error=complaint, missing=missing):
                said: Said = "missing" if missing else "silent"
                return container.replace(engine_answer=said, engine_error=complaint)
            case every:
                here = containers.behind(every, end, container.identity)
                found = containers.answered(container, here)
                parts = [each for each in every if found.identity in (each.identity, each.pod)]
                ids = tuple(each.identity for each in parts)
                return self._detailed(found, ids) if found.can_stop else found

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
        found = PARSERS[engine](ran.output, port)
        return EngineError("unexpected output") if found is None else found

    def _detailed(self, container: Container, identities: tuple[str, ...]) -> Container:
        """Return a container with its stop timeout and supervisor, as far as its engine tells."""
        if not all(identities):
            return container
        if identities not in self._details:
            self._details[identities] = self._inspect(container.engine, identities)
        return containers.detailed(container, self._details[identities])

    def _inspect(self, engine: str, identities: tuple[str, ...]) -> list[str]:
        path = which(engine)
        words = ("inspect", "--format", containers.DETAILS, *identities)
        ran = _run((path, *words), self._asking) if path else None
        said = ran.output if ran is not None and ran.status == 0 else b""
        return said.decode("utf-8", "replace").splitlines()


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

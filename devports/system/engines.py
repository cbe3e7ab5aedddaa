"""Container engines, by their own command lines: what publishes a port, and how it is stopped.

The forwarder that holds the port never says for which container it works; only the engine knows.
"""

from __future__ import annotations

import os

from devports.system import outside, published

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.containers import Published
    from devports.core.standing import Container
    from devports.system.outside import Ran

ASKING = 2.0
"""Seconds that an engine may take to answer."""
GRACE, STOPPING = 10, 15.0
"""Seconds until the engine kills what does not end, and until we stop waiting for the engine."""
LONGEST = 200
"""Characters of an engine's complaint."""


class Engines:
    """The engines of this machine. Every question is asked once in the life of this object."""

    def __init__(self, *, asking: float = ASKING, stopping: float = STOPPING) -> None:
        self._asking, self._stopping = asking, stopping
        self._known: dict[tuple[str, int], tuple[Published, ...] | None] = {}

    def published(self, engine: str, port: int) -> Published | None:
        """Return the container that publishes a TCP port.

        None if the engine did not answer, if there is none, or if several do (on different
        addresses, or as one pod): to stop one of those would be a guess.
        """
        found = self._asked(engine, port)
        return found[0] if found is not None and len(found) == 1 else None

    def nothing(self, engine: str, port: int) -> bool:
        """Say whether the engine has answered that no container publishes the port."""
        return self._asked(engine, port) == ()

    def named(self, container: Container, port: int) -> Container:
        """Return the standing of a forwarder with what its engine says about the port."""
        found = self.published(container.engine, port)
        if found is not None:
            return container.but(name=found.name, image=found.image)
        return container.but(stale=self.nothing(container.engine, port))

    def stop(self, target: Published) -> str:
        """Stop a container by its engine; return what went wrong in one line, empty if nothing."""
        path = which(target.engine)
        if not path:
            return f"`{target.engine}` is not on PATH"
        argv = (path, "stop", "-t", str(GRACE), target.identity)
        ran = outside.run(argv, self._stopping, errors=True)
        if ran is None:
            return f"`{target.engine} stop` did not end within {self._stopping:g} s"
        return "" if ran.status == 0 else _complaint(ran) or f"it ended with status {ran.status}"

    def _asked(self, engine: str, port: int) -> tuple[Published, ...] | None:
        key = (engine, port)
        if key not in self._known:
            self._known[key] = self._ask(engine, port)
        return self._known[key]

    def _ask(self, engine: str, port: int) -> tuple[Published, ...] | None:
        path, question = which(engine), QUESTIONS.get(engine)
        if not path or question is None:
            return None
        ran = outside.run((path, *question(port)), self._asking)
        if ran is None or ran.status != 0:
            return None
        return PARSERS[engine](ran.output, port)


def _docker(port: int) -> tuple[str, ...]:
    return ("ps", "--no-trunc", "--filter", f"publish={port}/tcp", "--format", published.FORMAT)


def _podman(_: int) -> tuple[str, ...]:
    return ("ps", "--no-trunc", "--format", "json")


QUESTIONS: dict[str, Callable[[int], tuple[str, ...]]] = {"docker": _docker, "podman": _podman}
PARSERS: dict[str, Callable[[bytes, int], tuple[Published, ...] | None]] = {
    "docker": published.docker,
    "podman": published.podman,
}


def which(engine: str) -> str:
    """Return the full path of an engine's program; empty if PATH has none.

    Windows looks into the working directory first, and a project may bring a `docker.exe` there.
    """
    import shutil  # noqa: PLC0415  # only where a container holds the port

    found = shutil.which(engine) or ""
    return found if os.path.isabs(found) else ""


def _complaint(ran: Ran) -> str:
    """Return the last line that an engine wrote: there it says what is the matter."""
    lines = ran.output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:LONGEST] if lines else ""

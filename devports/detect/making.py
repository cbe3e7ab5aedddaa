"""From a command that somebody wrote to a service that devports can start."""

from __future__ import annotations

from devports.detect.found import Found
from devports.detect.servers import PORT, PROGRAM
from devports.detect.words import (
    Line,
    assigned,
    command_text,
    escaped,
    needs_shell,
    port_in,
    recognise,
    with_port,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from devports.detect.found import Source
    from devports.detect.words import Start

    Pairs = tuple[tuple[str, str], ...]


def from_start(
    start: Start,
    source: Source,
    *,
    names: tuple[str, ...],
    folder: str = "",
    line: Line | None = None,
    lead: Sequence[str] | None = None,
) -> Found:
    """Return the service of a command that starts a known server.

    Args:
        start: the command, taken apart.
        source: where it stands.
        names: what the service may be called, the best first.
        folder: where it runs.
        line: what is done before it, and its variables.
        lead: what its program is started by, in place of what is written.
    """
    server = start.server
    line = (line or Line(())).but(words=start.words(lead))
    return Found(
        names=(*names, server.side, server.kind),
        kind=server.kind,
        sources=(source,),
        target=target_of(start),
        folder=folder,
        port=start.told.port or server.port,
        stated=bool(start.told.port),
        host=start.told.host,
        production=server.production,
        **_started(line, server.env),
    )


def from_program(
    line: Line, source: Source, *, names: tuple[str, ...], folder: str = "", told: bool = True
) -> Found:
    """Return the service of a program of the user's own, which knows the variable PORT.

    Args:
        line: its command.
        source: where it stands.
        names: what the service may be called.
        folder: where it runs.
        told: give it PORT.
    """
    words, port = with_port(line.words)
    told = told and not any(PORT in word for word in words)
    port = port or next((port_in(value) for name, value in line.env if name == "PORT"), 0)
    return Found(
        names=(*names, PROGRAM.side),
        kind=PROGRAM.kind,
        sources=(source,),
        target=" ".join(line.words),
        folder=folder,
        port=port,
        stated=bool(port),
        **_started(line.but(words=words), PROGRAM.env if told else ()),
    )


def _started(line: Line, ours: Pairs) -> dict[str, Any]:
    """Return command, shell and env: in a shell's line the variables stay where they are."""
    own = tuple(pair for pair in line.env if pair[0] not in dict(ours))
    if line.before or needs_shell((*line.words, *(value for _, value in own))):
        text = line.before + assigned(own) + command_text(line.words, for_shell=True)
        return {"command": text, "shell": True, "env": ours}
    kept = tuple((name, escaped(value)) for name, value in own)
    return {"command": command_text(line.words), "env": (*kept, *ours)}


def target_of(start: Start) -> str:
    """Return what a server serves, the same for servers that may serve the same thing.

    `uvicorn main:app`, `gunicorn main:app` and `flask --app main` start one application; so do
    `gunicorn shop.wsgi` and Django's manage.py.
    """
    target = start.target.partition(":")[0].removesuffix(".py").replace("/", ".")
    django = start.server.kind == "django" or target.endswith((".wsgi", ".asgi"))
    return "manage.py" if django else target or start.server.kind


def of_line(
    line: Line, source: Source, *, names: tuple[str, ...], folder: str = ""
) -> Found | None:
    """Return the service that a line starts, if it names a server."""
    start = recognise(line.words)
    if start is None:
        return None
    return from_start(start, source, names=names, folder=folder, line=line)

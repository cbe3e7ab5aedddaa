"""The result of `devports init` for programs. `resultschema` has its shape."""

from __future__ import annotations

from devports.ui.foundwords import next_command, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from devports.detect.found import Found, LeftOut, Source

    Json: TypeAlias = dict[str, Any]


def init_data(
    path: str,
    text: str,
    services: Sequence[Found],
    left_out: Sequence[LeftOut],
    *,
    written: bool,
    whole: bool,
) -> Json:
    """Return the data of ``init``: the file, the services in it and why, what is left out."""
    return {
        "path": path,
        "written": written,
        "text": text,
        "whole": whole,
        "services": [_service(service) for service in services],
        "left_out": [{**_source(left.source), "why": left.why} for left in left_out],
        "next": next_command(services) if written else None,
    }


def _service(service: Found) -> Json:
    return {
        "name": service.name,
        "kind": service.kind,
        "port": service.port or None,
        "stated": service.stated,
        "ports": dict(service.ports),
        "command": shown(service.command) or None,
        "shell": service.shell,
        "cwd": service.folder,
        "env": [name for name, _ in service.env],
        "sources": [_source(source) for source in service.sources],
        "notes": list(service.notes),
    }


def _source(source: Source) -> Json:
    return {"file": source.path, "line": source.line or None, "text": shown(source.text)}

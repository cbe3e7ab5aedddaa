"""What `devports init` has found, and what it has written, in words. Pure."""

from __future__ import annotations

from devports.core.ours import with_config
from devports.core.width import cells
from devports.ui.layout import pad, paint, wrap
from devports.ui.printable import printable, redacted
from devports.ui.who import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.detect.found import Found, LeftOut
    from devports.ui.layout import Look

WIDEST = 20
"""Cells of a name that the others are lined up with."""


def findings(
    folder: str,
    services: Sequence[Found],
    left_out: Sequence[LeftOut],
    look: Look,
    *,
    whole: bool = True,
) -> str:
    """Return what was found in a folder and why, and what was left out.

    Args:
        folder: that was looked at.
        services: with names and ports.
        left_out: what looks like a service, and why it is none.
        look: what the screen can show.
        whole: whether all of the folder was looked at.
    """
    counts = counted(len(services), "service") if services else "no server"
    lines = wrap(f"found {counts} in {printable(folder)}", look.width)
    width = min(max((cells(each.name) for each in services), default=0), WIDEST)
    for each in services:
        lines += service_lines(each, width, look)
    if left_out:
        lines += ["", "left out:"]
        for left in left_out:
            lines += wrap(f"  {shown(str(left.source))} ({left.why})", look.width, hang=4)
    if not whole:
        lines += ["", "not all of the folder was looked at: it is too large or too deep"]
    return "\n".join(lines)


def service_lines(service: Found, width: int, look: Look) -> list[str]:
    """Return a service: its name, what starts it, its port, and the lines that say so."""
    hang = width + 4
    name = pad(printable(service.name), width)
    what = shown(service.command) if service.command else "watched, started by somebody else"
    first, *more = wrap(f"  {name}  {port_words(service)}: {what}", look.width, hang=hang)
    first = "  " + paint(name, "strong", look) + first[2 + len(name) :]
    reasons = [shown(str(source)) for source in service.sources]
    notes = [printable(note) for note in service.notes]
    below = [wrap(" " * hang + each, look.width, hang=hang + 2) for each in (*reasons, *notes)]
    return ["", first, *more, *(paint(line, "faint", look) for lines in below for line in lines)]


def shown(text: str) -> str:
    """Return a line of a project's file, or a command from it, without its secrets."""
    return printable(" ".join(redacted(text.split(" "))))


def port_words(service: Found) -> str:
    """Return the port of a service."""
    return f"port {service.port}" if service.port else "no port known"


def written(path: str, services: Sequence[Found], look: Look) -> str:
    """Return what was written and what can be done next, one command a line.

    Where a line has no room for what a command does, that is on a line of its own.
    """
    with_port = [service for service in services if service.port]
    count = counted(len(with_port), "service") if with_port else "the example of a service"
    steps = [
        (next_command(services), "starts it on its port"),
        ("devports vscode", "writes the tasks and launch configurations of VS Code"),
        ("devports validate", "checks the file, in a pre-commit hook too"),
    ]
    told = [(with_config(command, look.config), does) for command, does in steps]
    width = max(cells(command) for command, _ in told)
    lines = [f"  {pad(command, width)}   {does}" for command, does in told]
    if look.width is not None and max(map(cells, lines)) > look.width:
        lines = [line for command, does in told for line in _below(command, does, look.width)]
    head = wrap(f"wrote {printable(path)}: {count}", look.width)
    return "\n".join([*head, "", "next:", *lines])


def _below(command: str, does: str, width: int) -> list[str]:
    return [f"  {command}", *wrap(f"      {does}", width)]


def next_command(services: Sequence[Found]) -> str:
    """Return the command to go on with: run the first service that can be, else look at all."""
    with_port = [service for service in services if service.port]
    if not with_port:
        return "devports run backend"
    first = next((service.name for service in with_port if service.command), "")
    return f"devports run {first}" if first else "devports status"

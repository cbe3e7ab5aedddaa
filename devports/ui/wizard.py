"""The questions of `devports init`, behind the same gate as the one before anything is ended.

Only a person on a terminal is asked. Ctrl-C is raised, the end of the input is no.
"""

from __future__ import annotations

from devports.core.number import LAST_PORT, decimal
from devports.ui.foundwords import port_words
from devports.ui.printable import printable
from devports.ui.prompt import terminal_of
from devports.ui.who import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from devports.detect.found import Found
    from devports.ui.console import Screen

    Open = Callable[[Screen], "tuple[Input, Output] | None"]


def choose(
    services: Sequence[Found], shown: str, screen: Screen, *, terminal: Open = terminal_of
) -> tuple[Found, ...] | None:
    """Ask which services to write, and for the ports that no file names; None: write nothing.

    Args:
        services: what was found.
        shown: the file to be written.
        screen: a terminal with a person.
        terminal: opens it.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    try:
        opened = terminal(screen)
        return _asked(services, printable(shown), _Asker(screen, opened)) if opened else None
    except (EOFError, OSError):  # the terminal has gone
        return None


def _asked(services: Sequence[Found], shown: str, asker: _Asker) -> tuple[Found, ...] | None:
    if not services:
        return () if asker.confirm(f"write an example to {shown}?") else None
    chosen = asker.which(services) if services[1:] else tuple(services)
    taken = {service.port for service in chosen}
    ready = []
    for service in chosen:
        ready.append(service if service.port else asker.with_port(service, taken))
        taken.add(ready[-1].port)
    if not ready:
        return None
    text = f"write {shown} with {counted(len(ready), 'service')}?"
    return tuple(ready) if asker.confirm(text) else None


class _Asker:
    """Questions on one terminal."""

    def __init__(self, screen: Screen, opened: tuple[Input, Output]) -> None:
        from prompt_toolkit.output import ColorDepth  # noqa: PLC0415  # ten bare Python starts

        depth = None if screen.look("stderr").colour else ColorDepth.DEPTH_1_BIT
        self.how: dict[str, Any] = {"input": opened[0], "output": opened[1], "color_depth": depth}

    def which(self, services: Sequence[Found]) -> tuple[Found, ...]:
        """Ask which of several to write; all are marked at first."""
        import questionary  # noqa: PLC0415

        choices = [
            questionary.Choice(
                f"{printable(each.name)} ({each.kind}, {port_words(each)})", each, checked=True
            )
            for each in services
        ]
        marked = questionary.checkbox(
            "which services?",
            choices,
            instruction="(space: leave out or take, Enter: go on)",
            **self.how,
        ).unsafe_ask()
        return tuple(marked)

    def with_port(self, service: Found, taken: Collection[int]) -> Found:
        """Ask for a port; without one the service is written as a comment."""
        import questionary  # noqa: PLC0415

        answer = questionary.text(
            f"port of `{printable(service.name)}`? (Enter: decide later)",
            validate=lambda text: wrong_port(text, taken) or True,
            **self.how,
        ).unsafe_ask()
        return service.but(port=int(answer)) if answer.strip() else service

    def confirm(self, text: str) -> bool:
        """Ask for the last word; Enter is yes: a new file, and nothing is overwritten."""
        import questionary  # noqa: PLC0415

        return questionary.confirm(text, default=True, **self.how).unsafe_ask() is True


def wrong_port(text: str, taken: Collection[int]) -> str:
    """Return what is wrong with a port that was typed; empty if nothing is, or nothing was."""
    typed = text.strip()
    if not typed:
        return ""
    if not (port := decimal(typed, LAST_PORT)):
        return f"a number from 1 to {LAST_PORT}, or nothing"
    return "another service has it" if port in taken else ""

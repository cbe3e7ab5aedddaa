"""The question before anything is ended, behind a gate of our own.

A library alone would take a ``y`` from a pipe. Here only a person on a terminal can say yes:
everything else, from Enter to a vanished terminal, is no. Ctrl-C is not an answer: it is raised
again, so that the command ends with nothing done.
"""

from __future__ import annotations

from devports.ui.details import details
from devports.ui.diagnostic import block
from devports.ui.menu import menu_for, menu_of
from devports.ui.render import holder_card
from devports.ui.words import headline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from devports.core.outcome import Answer, Question
    from devports.ui.console import Screen
    from devports.ui.menu import Menu, Pressed
    from devports.ui.who import Reader

    Choose = Callable[[Menu, Screen], Pressed]
    Keys = Callable[[Menu, Input, Output, Screen], Pressed]


def ask(
    question: Question,
    screen: Screen,
    service: str = "",
    *,
    project: str = "",
    reader: Reader | None = None,
    choose: Choose | None = None,
) -> Answer:
    """Show who holds the port and ask; "no" where nobody can be asked.

    Args:
        question: what is to be ended, and why.
        screen: where to ask; stdout stays untouched.
        service: what is to be started afterwards, if anything.
        project: which project the holder belongs to, in words.
        reader: whose home, user and clock the words are for.
        choose: asks and returns what was chosen; by default on the terminal.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not screen.interactive:
        return "no"
    who = reader or screen.reader()
    screen.err(introduction(question, screen, who, project))
    menu = menu_for(question, service)
    while True:
        chosen = (choose or from_menu)(menu, screen)
        if chosen != "details":
            return chosen
        screen.err("\n".join(details(question, who, screen.look("stderr"))))


def introduction(question: Question, screen: Screen, reader: Reader, project: str) -> str:
    """Return who it is about, as a block above the question."""
    finding = question.finding
    card = holder_card(question.target, finding, reader, project=project, around=question.around)
    return block("warning", headline(finding), screen.look("stderr"), facts=card)


def on_terminal(text: str, keys: str, screen: Screen) -> Pressed:
    """Ask on the terminal behind stdin and stderr; `keys` are answers besides y and n."""
    return from_menu(menu_of(text, keys), screen)


def from_menu(menu: Menu, screen: Screen, *, press: Keys | None = None) -> Pressed:
    """Let a person choose on the terminal behind stdin and stderr; "no" if it has gone."""
    try:
        opened = terminal_of(screen)
        return (press or _pressed)(menu, *opened, screen) if opened else "no"
    except (EOFError, OSError):  # the terminal has gone
        return "no"


def _pressed(menu: Menu, source: Input, sink: Output, screen: Screen) -> Pressed:
    from devports.ui.pressing import pressed  # noqa: PLC0415  # ten bare Python starts

    return pressed(menu, source, sink, screen).answer


def terminal_of(screen: Screen) -> tuple[Input, Output] | None:
    """Return the terminal behind stdin and stderr, ready for a question; None without stdin.

    Raises:
        EOFError, OSError: it has gone.
    """
    stdin = screen.streams["stdin"]
    if stdin is None:
        return None
    from prompt_toolkit.input import create_input  # noqa: PLC0415  # ten bare Python starts
    from prompt_toolkit.output import create_output  # noqa: PLC0415
    from prompt_toolkit.output.vt100 import Vt100_Output  # noqa: PLC0415

    from devports.ui.pressing import drop_typeahead  # noqa: PLC0415

    source, sink = create_input(stdin), create_output(screen.streams["stderr"])
    if isinstance(sink, Vt100_Output):
        # Where is the cursor? A late answer of the terminal would be typed into the server.
        sink.enable_cpr = False
    drop_typeahead(source)
    return source, sink

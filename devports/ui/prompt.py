"""The question before anything is ended, behind a gate of our own.

questionary alone would take a ``y`` from a pipe. Here only a person on a terminal can say yes:
everything else, from Enter to a vanished terminal, is no. Ctrl-C is not an answer: it is raised
again, so that the command ends with nothing done.
"""

from __future__ import annotations

from devports.ui.deeds import question_words
from devports.ui.diagnostic import block
from devports.ui.render import holder_card
from devports.ui.words import headline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from devports.core.outcome import Question
    from devports.ui.console import Screen
    from devports.ui.who import Reader

    Confirm = Callable[[str, Screen], bool]
    Keys = Callable[[str, Input, Output, Screen], bool]


def ask(
    question: Question,
    screen: Screen,
    service: str = "",
    *,
    reader: Reader | None = None,
    confirm: Confirm | None = None,
) -> bool:
    """Show who holds the port and ask; False where nobody can be asked.

    Args:
        question: what is to be ended, and why.
        screen: where to ask; stdout stays untouched.
        service: what is to be started afterwards, if anything.
        reader: whose home, user and clock the words are for.
        confirm: asks a yes-or-no question; by default questionary on the terminal.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not screen.interactive:
        return False
    screen.err(introduction(question, screen, reader or screen.reader()))
    return (confirm or on_terminal)(question_words(question, service), screen)


def introduction(question: Question, screen: Screen, reader: Reader) -> str:
    """Return who it is about, as a block above the question."""
    finding = question.finding
    card = holder_card(question.target, finding, reader)
    return block("warning", headline(finding), screen.look("stderr"), facts=card)


def on_terminal(text: str, screen: Screen, *, confirm: Keys | None = None) -> bool:
    """Ask on the terminal behind stdin and stderr."""
    stdin = screen.streams["stdin"]
    if stdin is None:
        return False
    from prompt_toolkit.input import create_input  # noqa: PLC0415  # ten bare Python starts
    from prompt_toolkit.output import create_output  # noqa: PLC0415
    from prompt_toolkit.output.vt100 import Vt100_Output  # noqa: PLC0415

    try:
        source, sink = create_input(stdin), create_output(screen.streams["stderr"])
        if isinstance(sink, Vt100_Output):
            # Where is the cursor? A late answer of the terminal would be typed into the server.
            sink.enable_cpr = False
        _drop_typeahead(source)
        return (confirm or confirmed)(text, source, sink, screen)
    except (EOFError, OSError):  # the terminal has gone
        return False


def confirmed(text: str, source: Input, sink: Output, screen: Screen) -> bool:
    """Ask a yes-or-no question; Enter, Ctrl-D and the end of the input are no."""
    import questionary  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings  # noqa: PLC0415
    from prompt_toolkit.output import ColorDepth  # noqa: PLC0415

    depth = None if screen.look("stderr").colour else ColorDepth.DEPTH_1_BIT
    asked = questionary.confirm(text, default=False, input=source, output=sink, color_depth=depth)
    ending = KeyBindings()
    ending.add("c-d", eager=True)(lambda event: event.app.exit(result=False))
    own = asked.application.key_bindings
    asked.application.key_bindings = merge_key_bindings([own, ending] if own else [ending])
    return asked.unsafe_ask() is True


def _drop_typeahead(source: Input) -> None:
    """Forget keys that were pressed before there was a question, an earlier one's surplus too."""
    from prompt_toolkit.input.typeahead import clear_typeahead  # noqa: PLC0415

    clear_typeahead(source)
    with source.raw_mode():  # else the terminal keeps them until Enter
        while source.read_keys():
            """Read on."""

"""The question before anything is ended, behind a gate of our own.

questionary alone would take a ``y`` from a pipe. Here only a person on a terminal can say yes:
everything else, from Enter to a vanished terminal, is no. Ctrl-C is not an answer: it is raised
again, so that the command ends with nothing done.
"""

from __future__ import annotations

from devports.ui.deeds import question_words
from devports.ui.details import details
from devports.ui.diagnostic import block
from devports.ui.render import holder_card
from devports.ui.words import headline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from devports.core.outcome import Answer, Question
    from devports.ui.console import Screen
    from devports.ui.who import Reader

    Pressed = Literal["yes", "no", "next", "details"]
    Choose = Callable[[str, str, Screen], Pressed]
    Keys = Callable[[str, str, Input, Output, Screen], Pressed]


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
        choose: asks and returns the key that was pressed; by default questionary on the terminal.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not screen.interactive:
        return "no"
    who = reader or screen.reader()
    screen.err(introduction(question, screen, who, project))
    while True:
        keys = "dp" if question.may_move else "d"
        pressed = (choose or on_terminal)(question_words(question, service), keys, screen)
        if pressed != "details":
            return pressed
        screen.err("\n".join(details(question, who, screen.look("stderr"))))


def introduction(question: Question, screen: Screen, reader: Reader, project: str) -> str:
    """Return who it is about, as a block above the question."""
    finding = question.finding
    card = holder_card(question.target, finding, reader, project=project, around=question.around)
    return block("warning", headline(finding), screen.look("stderr"), facts=card)


CHOICES = {"d": "d = details", "p": "p = take another port"}


def on_terminal(text: str, keys: str, screen: Screen, *, press: Keys | None = None) -> Pressed:
    """Ask on the terminal behind stdin and stderr; `keys` are answers besides y and n."""
    try:
        opened = terminal_of(screen)
        return (press or pressed)(text, keys, *opened, screen) if opened else "no"
    except (EOFError, OSError):  # the terminal has gone
        return "no"


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

    source, sink = create_input(stdin), create_output(screen.streams["stderr"])
    if isinstance(sink, Vt100_Output):
        # Where is the cursor? A late answer of the terminal would be typed into the server.
        sink.enable_cpr = False
    _drop_typeahead(source)
    return source, sink


def pressed(text: str, keys: str, source: Input, sink: Output, screen: Screen) -> Pressed:
    """Ask for one key; Enter, Ctrl-D and the end of the input are no."""
    import questionary  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings  # noqa: PLC0415
    from prompt_toolkit.output import ColorDepth  # noqa: PLC0415

    asked = questionary.confirm(
        text,
        default=False,
        instruction=f"({', '.join(['y/N', *(CHOICES[key] for key in keys)])}) ",
        input=source,
        output=sink,
        color_depth=None if screen.look("stderr").colour else ColorDepth.DEPTH_1_BIT,
    )
    more = KeyBindings()
    more.add("c-d", eager=True)(lambda event: event.app.exit(result=False))
    if "d" in keys:
        more.add("d")(lambda event: event.app.exit(result="details"))
    if "p" in keys:
        more.add("p")(lambda event: event.app.exit(result="next"))
    own = asked.application.key_bindings
    asked.application.key_bindings = merge_key_bindings([own, more] if own else [more])
    answer = asked.unsafe_ask()
    return answer if answer in ("details", "next") else "yes" if answer is True else "no"


def _drop_typeahead(source: Input) -> None:
    """Forget keys that were pressed before there was a question, an earlier one's surplus too."""
    from prompt_toolkit.input.typeahead import clear_typeahead  # noqa: PLC0415

    clear_typeahead(source)
    with source.raw_mode():  # else the terminal keeps them until Enter
        while source.read_keys():
            """Read on."""

"""Every question: before anything is ended or mended, and those of `devports init`.

Behind a gate of our own: a library alone would take a ``y`` from a pipe. Here only a person on a
terminal can say yes: everything else, from Enter to a vanished terminal, is no. Ctrl-C is not an
answer: it is raised again, so that the command ends with nothing done.

A question is questionary's list, with every key ours: the key of an answer counts by itself, and
Enter takes what is pointed at, which is "no" at first. "No" is the first row too, and Up stays
there: whoever presses Up and Enter, to run the last command of a shell again, must not end a
process by it. What was typed or pasted before the question was there is forgotten, and in the
moment of its first drawing only "no" counts.
"""

from __future__ import annotations

import math
import time

from devports.core.holder_kind import OtherUser, run_name, run_words
from devports.core.text import LAST_PORT, cells, decimal
from devports.core.value import Frozen
from devports.ui.escape import printable
from devports.ui.holders import ON_YES, details, holder_card
from devports.ui.processes import headline
from devports.ui.progress import pronoun, question_text
from devports.ui.text import plural, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any, Literal

    from prompt_toolkit.application import Application
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output
    from rich.console import Console as RichConsole
    from rich.text import Text

    from devports.core.stop_plan import Answer, Question
    from devports.detect.model import DetectedService
    from devports.ui.console import Console
    from devports.ui.processes import DisplayContext

    Chosen = Literal["yes", "no", "next", "details"]
    Choose = Callable[["Prompt", Console], Chosen]
    Keys = Callable[["Prompt", Input, Output, Console], Chosen]
    Open = Callable[[Console], "tuple[Input, Output] | None"]
    Press = Callable[[KeyPressEvent], None]
    Now = Callable[[], float]

ROOM = 54
"""Cells of an answer, so that 60 columns never fold it."""
INDENT, HANG = 3, 6
"""Blanks that questionary puts before an answer, and where its further lines begin."""
FREE_ROWS = 2
"""Lines of the terminal that a card and its question leave alone: an editor covers the first."""
ROOMY = 15
"""Lines of a terminal from which on a card has its headline, and two lines for the command."""
FEWEST_DETAILS = 3


class Option(Frozen):
    """An answer: its key, its row in the list, and what is left of it."""

    key: str
    answer: Chosen
    row: str
    said: str

    @property
    def text(self) -> str:
        return f"{self.key}  {self.row}"


class Prompt(Frozen):
    """A question. Its first choice is "no": what Enter, Esc and everything unclear mean."""

    text: str
    choices: tuple[Option, ...]


NO, YES = Option("n", "no", "no", "no"), Option("y", "yes", "yes", "yes")
DETAILS = Option("d", "details", "show details", "")
OTHER = Option("p", "next", "no, take another port", "no, on another port")


def yes_or_no(text: str) -> Prompt:
    return Prompt(text, (NO, YES))


def menu_for(question: Question, service: str = "") -> Prompt:
    verb = "kill" if question.kind == "kill" else "stop"
    whom, standing = pronoun(question.target), question.target.kind
    no = NO.replace(row=f"no, leave {whom} running")
    if isinstance(standing, OtherUser):
        whom = f"what belongs to {printable(standing.user, 40)}"
    yes = YES.replace(row=f"yes, {verb} {whom}")
    if service:
        yes = yes.replace(row=_naming(f"{yes.row} and start", service))
    after = f" on the next free port after {question.finding.endpoint.port}"
    other = OTHER.replace(row=_naming("no, start", service, after, unnamed=""))
    choices = (no, yes, DETAILS, other) if question.may_move else (no, yes, DETAILS)
    return Prompt(question_text(question, service), choices)


def _naming(before: str, service: str, after: str = "", unnamed: str = " the service") -> str:
    """Return a row with the name of a service, or without it where there is no room."""
    named = f"{before} `{printable(run_name(service))}`{after}"
    return named if cells(named) <= ROOM else before + unnamed + after


def menu_to_take_over(service: str, pid: int) -> Prompt:
    """Return the question before another run, devports itself, is ended; a record names it."""
    words = printable(run_words(service))
    text = f"`devports run {words}` is already running (pid {pid}): stop it and start it here?"
    no = NO.replace(row="no, leave it running")
    return Prompt(text, (no, YES.replace(row=_naming("yes, stop it and start", service, " here"))))


class _Folded(str):
    """A text of questionary's, folded at blanks for the terminal as it is at each drawing."""

    __slots__ = ("fold",)
    fold: Callable[[str], list[str]]

    def __format__(self, _how: str) -> str:
        first, *more = self.fold(str(self))
        return "\n".join([first.lstrip(), *more])


def _folding(text: str, fold: Callable[[str, int], list[str]], sink: Output) -> _Folded:
    made = _Folded(text)
    made.fold = lambda text: fold(text, sink.get_size().columns)
    return made


def question_lines(text: str, columns: int) -> list[str]:
    return wrap(f"  {text}", columns - 2, 2)  # a blank of questionary's behind it, and the cursor


def option_lines(text: str, columns: int) -> list[str]:
    return wrap(" " * INDENT + text, columns, HANG)


def rows_of(menu: Prompt, columns: int) -> int:
    """Return how many lines a question has."""
    options = [option_lines(one.text, columns) for one in menu.choices]
    return len(question_lines(menu.text, columns)) + sum(map(len, options))


def ask(
    question: Question,
    screen: Console,
    service: str = "",
    *,
    project: str = "",
    reader: DisplayContext | None = None,
    choose: Choose | None = None,
) -> Answer:
    """Show who holds the port and ask; "no" where nobody can be asked.

    Args:
        question: what is to be ended, and why.
        screen: where to ask; stdout stays untouched.
        service: what is to be started afterwards, if anything.
        project: of the holder, in words.
        reader: whose home, user and clock the words are for.
        choose: asks; by default on the terminal.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not screen.interactive:
        return "no"
    from devports.ui.rich_console import draw, rich_console

    who, menu = reader or screen.reader(), menu_for(question, service)
    drawn = rich_console(screen, "stderr")
    card = _card(question, who, project, drawn)
    shown, left = paged(card, drawn.height - FREE_ROWS - rows_of(menu, drawn.width), drawn.width)
    draw(drawn, shown)
    more = [*left, *_details(question, who, drawn)]
    while (chosen := (choose or from_menu)(menu, screen)) == "details":
        drawn = rich_console(screen, "stderr")
        room = drawn.height - FREE_ROWS - rows_of(menu, drawn.width)
        shown, more = paged(more, max(room, FEWEST_DETAILS), drawn.width)
        draw(drawn, shown)
        menu = _with_details(menu, len(more))
    return chosen


def _card(
    question: Question, reader: DisplayContext, project: str, drawn: RichConsole
) -> list[Text]:
    """Return who would be ended, the most telling first: what has no room is a detail."""
    from rich.text import Text

    from devports.ui.rich_console import MARKS, Hanging, facts, lines_of, marked

    roomy = drawn.height >= ROOMY
    title = Hanging(f"{MARKS['warning']} ", marked(headline(question.finding), "strong"), "warning")
    rows = holder_card(question, reader, project=project)
    limit = drawn.width - max(len(row.key) for row in rows) - 6  # indent, gap, "..." for "…"
    values = [
        Text(printable(row.value, limit * (2 if roomy else 1)))
        if row.key == "command"
        else marked(row.value, row.style)
        for row in rows
    ]
    pairs = zip([row.key for row in rows], values, strict=True)
    return lines_of(drawn, [*([title] if roomy else []), *facts(pairs)])


def _details(question: Question, reader: DisplayContext, drawn: RichConsole) -> list[Text]:
    """Return what the card does not say, line by line."""
    from rich.text import Text

    from devports.ui.rich_console import Hanging, facts, lines_of, marked

    lines: list[Text] = []
    for title, rows in details(question, reader):
        told = [(key, marked(text) if title == ON_YES else Text(text)) for key, text in rows]
        lines += lines_of(drawn, [Hanging("  ", Text(title, "strong")), *facts(told)])
    return lines


def paged(lines: list[Text], room: int, width: int) -> tuple[list[Text], list[Text]]:
    """Return the lines that have room, and those that are left."""
    for place, line in enumerate(lines):
        room -= max(1, -(-line.cell_len // width))  # the terminal breaks what is too long
        if room < 0:
            return lines[:place], lines[place:]
    return lines, []


def _with_details(menu: Prompt, left: int) -> Prompt:
    """Return a question whose row for details says how many lines are left, if any are."""
    told = DETAILS.replace(row=f"more details ({plural(left, 'line')})")
    rows = [told if one.answer == "details" else one for one in menu.choices]
    return menu.replace(choices=tuple(one for one in rows if left or one is not told))


def from_menu(menu: Prompt, screen: Console, *, press: Keys | None = None) -> Chosen:
    """Let a person choose on the terminal behind stdin and stderr; "no" if it has gone."""
    try:
        opened = terminal_of(screen)
        return (press or pressed)(menu, *opened, screen) if opened else "no"
    except (EOFError, OSError):  # the terminal has gone
        return "no"


def terminal_of(screen: Console) -> tuple[Input, Output] | None:
    """Return the terminal behind stdin and stderr, ready for a question; None without stdin.

    Raises:
        EOFError, OSError: it has gone.
    """
    stdin = screen.streams["stdin"]
    if stdin is None:
        return None
    from prompt_toolkit.input import create_input  # ten bare Python starts
    from prompt_toolkit.output import create_output
    from prompt_toolkit.output.vt100 import Vt100_Output

    source, sink = create_input(stdin), create_output(screen.streams["stderr"])
    if isinstance(sink, Vt100_Output):
        # Where is the cursor? A late answer of the terminal would be typed into the server.
        sink.enable_cpr = False
    discard_typeahead(source)
    return source, sink


def choose(
    services: Sequence[DetectedService],
    shown: str,
    screen: Console,
    *,
    terminal: Open = terminal_of,
) -> tuple[DetectedService, ...] | None:
    """Ask which services to write to `shown`, and for the ports that no file names.

    None means to write nothing.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    try:
        opened = terminal(screen)
        return _wanted(services, printable(shown), _Wizard(screen, opened)) if opened else None
    except (EOFError, OSError):  # the terminal has gone
        return None


def _wanted(
    services: Sequence[DetectedService], shown: str, wizard: _Wizard
) -> tuple[DetectedService, ...] | None:
    if not services:
        return () if wizard.confirm(f"write an example to {shown}?") else None
    chosen = wizard.which(services) if services[1:] else services
    taken = {service.port for service in chosen}
    ready = []
    for service in chosen:
        ready.append(service if service.port else wizard.with_port(service, taken))
        taken.add(ready[-1].port)
    if not ready:
        return None
    text = f"write {shown} with {plural(len(ready), 'service')}?"
    return tuple(ready) if wizard.confirm(text) else None


class _Wizard:
    """The questions of `devports init` on one terminal."""

    def __init__(self, screen: Console, opened: tuple[Input, Output]) -> None:
        self.how = _told(screen, *opened)

    def which(self, services: Sequence[DetectedService]) -> Sequence[DetectedService]:
        """Ask which of several to write; all are marked at first."""
        import questionary

        from devports.ui.reports import port_text

        choices = [
            questionary.Choice(
                f"{printable(each.name)} ({each.kind}, {port_text(each)})", each, checked=True
            )
            for each in services
        ]
        how = "(Space: select, Enter: continue)"
        asked = questionary.checkbox("which services?", choices, instruction=how, **self.how)
        marked: list[DetectedService] = asked.unsafe_ask()
        return marked

    def with_port(self, service: DetectedService, taken: Collection[int]) -> DetectedService:
        """Ask for a port; without one the service is written as a comment."""
        import questionary

        answer = questionary.text(
            f"port of `{printable(service.name)}`? (Enter: skip)",
            validate=lambda text: wrong_port(text, taken) or True,
            **self.how,
        ).unsafe_ask()
        return service.replace(port=int(answer)) if answer.strip() else service

    def confirm(self, text: str) -> bool:
        """Ask for the last word; Enter is yes: a new file, and nothing is overwritten."""
        import questionary

        return questionary.confirm(text, default=True, **self.how).unsafe_ask() is True


def wrong_port(text: str, taken: Collection[int]) -> str:
    """Return what is wrong with a port that was typed; empty if nothing is, or nothing was."""
    typed = text.strip()
    if not typed:
        return ""
    if not (port := decimal(typed, LAST_PORT)):
        return f"enter a number from 1 to {LAST_PORT}, or nothing"
    return "already used by another service" if port in taken else ""


UP, DOWN = ("up", "k", "c-p"), ("down", "j", "c-n")
TAKE = ("enter",)
ASIDE = ("escape", "c-d")
STOP = ("c-c", "<sigint>")
GUARD = 0.2
"""Seconds from the first drawing on: a key that is on its way then was meant for something else."""
MOST_READS = 1000
"""A read takes a kilobyte, and a terminal keeps four."""
LOOKS = {
    "qmark": "ansicyan",
    "question": "bold",
    "pointer": "bold",
    "highlighted": "bold",
    "answer": "nobold fg:default",
}


def _told(screen: Console, source: Input, sink: Output) -> dict[str, Any]:
    """Return what each question is told: where it is, and what can be shown there."""
    import questionary
    from prompt_toolkit.output import ColorDepth

    colour = screen.has_colour("stderr")
    return {
        "input": source,
        "output": sink,
        "color_depth": ColorDepth.DEPTH_4_BIT if colour else ColorDepth.DEPTH_1_BIT,
        "style": questionary.Style(
            [(name, look if colour else "noinherit") for name, look in LOOKS.items()]
        ),
    }


def pressed(
    menu: Prompt, source: Input, sink: Output, screen: Console, *, now: Now = time.monotonic
) -> Chosen:
    """Ask, and return what was chosen; one line of an answer stays on the screen.

    For `GUARD` seconds from the first drawing on only "no" counts: its key, Esc, Ctrl-D and Ctrl-C.

    Args:
        menu: the question.
        source: the keyboard.
        sink: the terminal to draw on.
        screen: what it can show, and where the line goes that stays.
        now: the time in seconds, from whenever.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        EOFError: the keyboard has gone.
    """
    try:
        chosen = _Question(menu, source, sink, screen, now).ask()
    except KeyboardInterrupt as interrupt:  # another signal has its number with it
        said = "" if interrupt.args else f"{menu.choices[0].said} (Ctrl-C)"
        _leave(f"{menu.text} {said}".rstrip(), screen)
        raise
    if chosen.said:
        _leave(f"{menu.text} {chosen.said}", screen)
    return chosen.answer


def _leave(text: str, screen: Console, *choices: Option) -> None:
    """Write a question as it stays on the screen."""
    from devports.ui.rich_console import Hanging, draw, marked, rich_console

    asked = Hanging("? ", marked(text, "strong"), "hint")
    told = [Hanging(f"{one.key}  ", one.row, indent=INDENT) for one in choices]
    draw(rich_console(screen, "stderr"), [asked, *told])


def _can_draw(sink: Output, screen: Console) -> bool:
    """Say whether its cursor can be moved: of a terminal without a name nobody knows."""
    from prompt_toolkit.output.vt100 import Vt100_Output

    return not isinstance(sink, Vt100_Output) or screen.can_draw("stderr")


class _Question:
    """One question of questionary's on one terminal; every key is bound here.

    Where nothing can be drawn over, the answers are written once, and nothing is pointed at.
    """

    def __init__(
        self, menu: Prompt, source: Input, sink: Output, screen: Console, now: Now
    ) -> None:
        import questionary
        from prompt_toolkit.output import DummyOutput
        from questionary.prompts.common import InquirerControl

        self._menu, self._source, self._screen, self._now = menu, source, screen, now
        self._drawn, self._open = _can_draw(sink, screen), math.inf
        rows = [
            questionary.Choice(_folding(one.text, option_lines, sink), one) for one in menu.choices
        ]
        self._asked = questionary.select(
            _folding(menu.text, question_lines, sink),
            rows,
            qmark="?",
            pointer=">",
            instruction=" ",
            **_told(screen, source, sink if self._drawn else DummyOutput()),
        )
        app: Application[Option] = self._asked.application
        windows = [window.content for window in app.layout.find_all_windows()]
        self._list = next(each for each in windows if isinstance(each, InquirerControl))
        app.erase_when_done = True
        app.ttimeoutlen = 0.05  # else Esc waits for half a second
        app.key_bindings = self._bindings()
        app.before_render += lambda app: self._begin(first=app.render_counter == 1)
        app.after_render += lambda app: self._begun(first=app.render_counter == 1)

    def ask(self) -> Option:
        chosen: Option = self._asked.unsafe_ask()
        return chosen

    def _begin(self, *, first: bool) -> None:
        """Forget what was typed until now: nobody can have meant it for this question."""
        if first:
            discard_input(self._source)
        if first and not self._drawn:
            _leave(self._menu.text, self._screen, *self._menu.choices)

    def _begun(self, *, first: bool) -> None:
        if first:
            self._open = self._now() + GUARD

    def _bindings(self) -> KeyBindings:
        from prompt_toolkit.key_binding import KeyBindings

        made = KeyBindings()

        def bind(keys: tuple[str, ...], press: Press, *, is_no: bool = False) -> None:
            def handle(event: KeyPressEvent) -> None:
                if is_no or self._now() >= self._open:
                    press(event)

            for key in keys:
                made.add(key, eager=True)(handle)

        bind(("<any>",), lambda _: None)  # pasted text too: every other key means nothing
        bind(UP, lambda _: self._point(-1))
        bind(DOWN, lambda _: self._point(+1))
        bind(TAKE, lambda event: event.app.exit(result=self._list.get_pointed_at().value))
        bind(ASIDE, _chooser(self._menu.choices[0]), is_no=True)
        bind(STOP, lambda event: event.app.exit(exception=KeyboardInterrupt), is_no=True)
        for place, option in enumerate(self._menu.choices):
            bind((option.key, option.key.upper()), _chooser(option), is_no=place == 0)
        return made

    def _point(self, step: int) -> None:
        """Point at another answer; questionary's own keys go round."""
        last = len(self._menu.choices) - 1 if self._drawn else 0
        self._list.pointed_at = min(max(self._list.pointed_at + step, 0), last)


def _chooser(option: Option) -> Press:
    return lambda event: event.app.exit(result=option)


def discard_input(source: Input) -> None:
    """Drop the keys that wait to be read, a half of one too. In raw mode: else some are kept.

    Raises:
        EOFError: there is no end of them, so they are no person's.
    """
    for _ in range(MOST_READS):
        if not source.read_keys():
            source.flush_keys()
            return
    raise EOFError


def discard_typeahead(source: Input) -> None:
    """Forget keys that were pressed before there was a question, an earlier one's surplus too."""
    from prompt_toolkit.input.typeahead import clear_typeahead

    clear_typeahead(source)
    with source.raw_mode():  # else the terminal keeps them until Enter
        discard_input(source)

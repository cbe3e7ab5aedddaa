"""Every question: before a stop or a fix, and those of `devports init`.

The gate is in devports: a library alone would read a ``y`` from a pipe. Only a key pressed on a
terminal can mean yes: everything else, from Enter to a closed terminal, is no. Ctrl-C is not an
answer: it is raised again, so that the command ends with nothing done.

A question is questionary's list with key bindings of devports only: the key of an answer counts at
once, and Enter takes the selected answer, which is "no" at first. "No" is the first row too, and Up
stays there: pressing Up and Enter, to repeat the last command of a shell, must not stop a process.
Input typed or pasted before the question is discarded, and during its first drawing only "no"
counts.
"""

from __future__ import annotations

import math
import time

from devports.core.holder_kind import OtherUser, run_name, run_words
from devports.core.text import LAST_PORT, cells, decimal
from devports.core.value import Frozen
from devports.ui.escape import printable
from devports.ui.holders import ON_YES, details, holder_card
from devports.ui.processes import DisplayContext, headline
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

    Chosen = Literal["yes", "no", "next", "details"]
    Choose = Callable[["Prompt", Console], Chosen]
    Keys = Callable[["Prompt", Input, Output, Console], Chosen]
    Open = Callable[[Console], "tuple[Input, Output] | None"]
    Press = Callable[[KeyPressEvent], None]
    Now = Callable[[], float]

ANSWER_WIDTH = 54
"""Cells of an answer, so that it is never folded on 60 columns."""
INDENT, HANG = 3, 6
"""Blanks that questionary puts before an answer, and the column of its further lines."""
FREE_ROWS = 2
"""Lines of the terminal that a card and its question leave free: an editor covers the first."""
TALL = 15
"""Lines of a terminal from which on a card has its headline, and two lines for the command."""
MIN_DETAILS = 3


class Option(Frozen):
    """An answer: its key, its row in the list, and the text that stays on the screen."""

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


def prompt_for(question: Question, service: str = "") -> Prompt:
    verb = "kill" if question.kind == "kill" else "stop"
    named, standing = pronoun(question.target), question.target.kind
    no = NO.replace(row=f"no, leave {named} running")
    if isinstance(standing, OtherUser):
        named = f"what belongs to {printable(standing.user, 40)}"
    yes = YES.replace(row=f"yes, {verb} {named}")
    if service:
        yes = yes.replace(row=_with_name(f"{yes.row} and start", service))
    after = f" on the next free port after {question.finding.endpoint.port}"
    other = OTHER.replace(row=_with_name("no, start", service, after, unnamed=""))
    choices = (no, yes, DETAILS, other) if question.may_move else (no, yes, DETAILS)
    return Prompt(question_text(question, service), choices)


def _with_name(before: str, service: str, after: str = "", unnamed: str = " the service") -> str:
    """Return a row with the name of a service, or without it if that does not fit."""
    named = f"{before} `{printable(run_name(service))}`{after}"
    return named if cells(named) <= ANSWER_WIDTH else before + unnamed + after


def take_over_prompt(service: str, pid: int) -> Prompt:
    """Return the question before another run is stopped; its record names it."""
    words = printable(run_words(service))
    text = f"`devports run {words}` is already running (pid {pid}): stop it and start it here?"
    no = NO.replace(row="no, leave it running")
    return Prompt(
        text, (no, YES.replace(row=_with_name("yes, stop it and start", service, " here")))
    )


class _Folded(str):
    """A text for questionary, folded at blanks for the width at each drawing."""

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
    return wrap(f"  {text}", columns - 2, 2)  # questionary adds a blank, and the cursor


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
    """Show the holder of the port and ask; "no" if devports cannot ask.

    `service`: to start afterwards, if any. `project`: of the holder, in words. `choose`: asks; by
    default on the terminal. stdout stays untouched.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not screen.interactive:
        return "no"
    from devports.ui.rich_console import draw, rich_console

    who, menu = reader or screen.reader(), prompt_for(question, service)
    drawn = rich_console(screen, "stderr")
    card = _card(question, who, project, drawn)
    shown, left = paged(card, drawn.height - FREE_ROWS - rows_of(menu, drawn.width), drawn.width)
    draw(drawn, shown)
    more = [*left, *_details(question, who, drawn)]
    while (chosen := (choose or answer_on_terminal)(menu, screen)) == "details":
        drawn = rich_console(screen, "stderr")
        room = drawn.height - FREE_ROWS - rows_of(menu, drawn.width)
        shown, more = paged(more, max(room, MIN_DETAILS), drawn.width)
        draw(drawn, shown)
        menu = _with_details(menu, len(more))
    return chosen


def _card(
    question: Question, reader: DisplayContext, project: str, drawn: RichConsole
) -> list[Text]:
    """Return what will be stopped, the most important first: facts that do not fit are details."""
    from rich.text import Text

    from devports.ui.rich_console import MARKS, Hanging, facts, lines_of, marked

    roomy = drawn.height >= TALL
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
    """Return what does not fit on the card, line by line."""
    from rich.text import Text

    from devports.ui.rich_console import Hanging, facts, lines_of, marked

    lines: list[Text] = []
    for title, rows in details(question, reader):
        told = [(key, marked(text) if title == ON_YES else Text(text)) for key, text in rows]
        lines += lines_of(drawn, [Hanging("  ", Text(title, "strong")), *facts(told)])
    return lines


def paged(lines: list[Text], room: int, width: int) -> tuple[list[Text], list[Text]]:
    """Return the lines that fit, and the rest."""
    for place, line in enumerate(lines):
        room -= max(1, -(-line.cell_len // width))  # the terminal breaks long lines
        if room < 0:
            return lines[:place], lines[place:]
    return lines, []


def _with_details(menu: Prompt, left: int) -> Prompt:
    """Return a question whose row for details shows how many lines are left, if any."""
    told = DETAILS.replace(row=f"more details ({plural(left, 'line')})")
    rows = [told if one.answer == "details" else one for one in menu.choices]
    return menu.replace(choices=tuple(one for one in rows if left or one is not told))


def answer_on_terminal(menu: Prompt, screen: Console, *, press: Keys | None = None) -> Chosen:
    """Ask on the terminal behind stdin and stderr; "no" if it is closed."""
    try:
        opened = terminal_of(screen)
        return (press or run_prompt)(menu, *opened, screen) if opened else "no"
    except (EOFError, OSError):  # the terminal is closed
        return "no"


def terminal_of(screen: Console) -> tuple[Input, Output] | None:
    """Return the terminal behind stdin and stderr, ready for a question; None without stdin.

    Raises:
        EOFError, OSError: it is closed.
    """
    stdin = screen.streams["stdin"]
    if stdin is None:
        return None
    from prompt_toolkit.input import create_input  # ten bare Python starts
    from prompt_toolkit.output import create_output
    from prompt_toolkit.output.vt100 import Vt100_Output

    source, sink = create_input(stdin), create_output(screen.streams["stderr"])
    if isinstance(sink, Vt100_Output):
        # No query of the cursor position: a late reply would be typed into the server.
        sink.enable_cpr = False
    discard_typeahead(source)
    return source, sink


def choose(
    services: Sequence[DetectedService],
    shown: str,
    screen: Console,
    *,
    example: bool = True,
    terminal: Open = terminal_of,
) -> tuple[DetectedService, ...] | None:
    """Ask which services to write to `shown`, and for the ports that no file names.

    None means to write nothing. `example`: without services it is an example that runs.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    try:
        opened = terminal(screen)
        what = f"{'an' if example else 'a commented'} example to {printable(shown)}"
        return (
            _wanted(services, what, printable(shown), _Wizard(screen, opened)) if opened else None
        )
    except (EOFError, OSError):  # the terminal is closed
        return None


def _wanted(
    services: Sequence[DetectedService], example: str, shown: str, wizard: _Wizard
) -> tuple[DetectedService, ...] | None:
    if not services:
        return () if wizard.confirm(f"write {example}?") else None
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
    def __init__(self, screen: Console, opened: tuple[Input, Output]) -> None:
        self.how = _settings(screen, *opened)

    def which(self, services: Sequence[DetectedService]) -> Sequence[DetectedService]:
        """Ask which of several to write; all are selected at first."""
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
        """Ask for confirmation; Enter is yes: a new file, and nothing is overwritten."""
        import questionary

        return questionary.confirm(text, default=True, **self.how).unsafe_ask() is True


def wrong_port(text: str, taken: Collection[int]) -> str:
    """Return what is wrong with a typed port; empty if nothing is, or nothing was typed."""
    typed = text.strip()
    if not typed:
        return ""
    if not (port := decimal(typed, LAST_PORT)):
        return f"enter a number from 1 to {LAST_PORT}, or nothing"
    return "already used by another service" if port in taken else ""


UP, DOWN = ("up", "k", "c-p"), ("down", "j", "c-n")
ACCEPT = ("enter",)
CANCEL = ("escape", "c-d")
INTERRUPT = ("c-c", "<sigint>")
GUARD = 0.2
"""Seconds from the first drawing on: a key that arrives within them was pressed before."""
MAX_READS = 1000
"""A read takes a kilobyte, and a terminal keeps four."""
STYLES = {
    "qmark": "ansicyan",
    "question": "bold",
    "pointer": "bold",
    "highlighted": "bold",
    "answer": "nobold fg:default",
}


def _settings(screen: Console, source: Input, sink: Output) -> dict[str, Any]:
    """Return the settings of each question: terminal, style and encoding."""
    import questionary
    from prompt_toolkit.output import ColorDepth

    colour = screen.has_colour("stderr")
    return {
        "input": source,
        "output": sink,
        "color_depth": ColorDepth.DEPTH_4_BIT if colour else ColorDepth.DEPTH_1_BIT,
        "style": questionary.Style(
            [(name, style if colour else "noinherit") for name, style in STYLES.items()]
        ),
    }


def run_prompt(
    menu: Prompt, source: Input, sink: Output, screen: Console, *, now: Now = time.monotonic
) -> Chosen:
    """Ask, and return the answer; one line with it stays on the screen.

    For `GUARD` seconds from the first drawing on only "no" counts: its key, Esc, Ctrl-D and Ctrl-C.

    `screen`: what the terminal `sink` can show, and where the remaining line is written. `now`: the
    time in seconds, of any clock.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        EOFError: the keyboard is closed.
    """
    try:
        chosen = _Question(menu, source, sink, screen, now).ask()
    except KeyboardInterrupt as interrupt:  # another signal carries its number
        said = "" if interrupt.args else f"{menu.choices[0].said} (Ctrl-C)"
        _write_answer(f"{menu.text} {said}".rstrip(), screen)
        raise
    if chosen.said:
        _write_answer(f"{menu.text} {chosen.said}", screen)
    return chosen.answer


def _write_answer(text: str, screen: Console, *choices: Option) -> None:
    """Write a question as it stays on the screen."""
    from devports.ui.rich_console import Hanging, draw, marked, rich_console

    asked = Hanging("? ", marked(text, "strong"), "hint")
    told = [Hanging(f"{one.key}  ", one.row, indent=INDENT) for one in choices]
    draw(rich_console(screen, "stderr"), [asked, *told])


def _can_draw(sink: Output, screen: Console) -> bool:
    """Return whether the cursor can be moved: unknown for a terminal without a name."""
    from prompt_toolkit.output.vt100 import Vt100_Output

    return not isinstance(sink, Vt100_Output) or screen.can_draw("stderr")


class _Question:
    """One question of questionary's on one terminal; every key is bound here.

    Where nothing can be redrawn, the answers are written once, and none is selected.
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
            **_settings(screen, source, sink if self._drawn else DummyOutput()),
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
        """Discard input from before: it cannot be an answer to this question."""
        if first:
            discard_input(self._source)
        if first and not self._drawn:
            _write_answer(self._menu.text, self._screen, *self._menu.choices)

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

        bind(("<any>",), lambda _: None)  # pasted text too: every other key is ignored
        bind(UP, lambda _: self._select(-1))
        bind(DOWN, lambda _: self._select(+1))
        bind(ACCEPT, lambda event: event.app.exit(result=self._list.get_pointed_at().value))
        bind(CANCEL, _chooser(self._menu.choices[0]), is_no=True)
        bind(INTERRUPT, lambda event: event.app.exit(exception=KeyboardInterrupt), is_no=True)
        for place, option in enumerate(self._menu.choices):
            bind((option.key, option.key.upper()), _chooser(option), is_no=place == 0)
        return made

    def _select(self, step: int) -> None:
        """Select another answer; questionary's own keys wrap around."""
        last = len(self._menu.choices) - 1 if self._drawn else 0
        self._list.pointed_at = min(max(self._list.pointed_at + step, 0), last)


def _chooser(option: Option) -> Press:
    return lambda event: event.app.exit(result=option)


def discard_input(source: Input) -> None:
    """Drop pending keys, incomplete ones too. In raw mode: else some are kept.

    Raises:
        EOFError: input does not end, so it is not typed.
    """
    for _ in range(MAX_READS):
        if not source.read_keys():
            source.flush_keys()
            return
    raise EOFError


def discard_typeahead(source: Input) -> None:
    """Discard keys that were pressed before the question, also during an earlier one."""
    from prompt_toolkit.input.typeahead import clear_typeahead

    clear_typeahead(source)
    with source.raw_mode():  # else the terminal keeps them until Enter
        discard_input(source)

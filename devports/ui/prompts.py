"""Every question: before anything is ended or mended, and those of `devports init`.

Behind a gate of our own: a library alone would take a ``y`` from a pipe. Here only a person on a
terminal can say yes: everything else, from Enter to a vanished terminal, is no. Ctrl-C is not an
answer: it is raised again, so that the command ends with nothing done.

A question is a list to choose from where there is room for it, else one line, with the same keys.
In the list Enter takes what is pointed at, which is "no" at first. "No" is the first row too:
whoever presses Up and Enter, to run the last command of a shell again, must not end a process by
it. On one line Enter is always "no".

Keys are read with prompt_toolkit, questionary's ground: questionary's own list cuts what is too
long for its line, and its digits only point. What was typed or pasted before the question was
there is forgotten. While a question is guarded, before it could be read, only "no" counts, and how
to answer is not shown yet.
"""

from __future__ import annotations

from devports.core.holder_kind import OtherUser, run_name, run_words
from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.ui.escape import printable
from devports.ui.holders import details, holder_card
from devports.ui.messages import block
from devports.ui.processes import headline
from devports.ui.progress import question_words, them
from devports.ui.text import OutputStyle, counted, paint, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any, Literal

    from prompt_toolkit.application import Application
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

    from devports.core.stop_plan import Answer, Question
    from devports.detect.model import DetectedService
    from devports.ui.console import Console
    from devports.ui.processes import DisplayContext

    Chosen = Literal["yes", "no", "next", "details"]
    Choose = Callable[["Prompt", Console], Chosen]
    Keys = Callable[["Prompt", Input, Output, Console], Chosen]
    Open = Callable[[Console], "tuple[Input, Output] | None"]
    Press = Callable[[KeyPressEvent], None]
    Later = Callable[[float, Callable[[], None]], object]


NARROWEST_LIST = 40
"""Cells; below, each answer would be a column of words."""
INDENT, HANG = "  ", 7
HOW = "arrows and Enter, or a key"


class Option(Frozen):
    """An answer: its key, its row in the list, its name on one line, and what is left of it."""

    key: str
    answer: Chosen
    row: str
    short: str
    said: str


class Prompt(Frozen):
    """A question. One of its choices is "no": what Enter, Esc and everything unclear mean."""

    text: str
    choices: tuple[Option, ...]

    @property
    def safe(self) -> int:
        """The place of "no"."""
        return next(place for place, one in enumerate(self.choices) if one.answer == "no")


NO, YES = Option("n", "no", "no", "N", "no"), Option("y", "yes", "yes", "y", "yes")
DETAILS = Option("d", "details", "show the details", "d = details", "details")
OTHER = Option("p", "next", "no, take another port", "p = take another port", "no, on another port")


def yes_or_no(text: str) -> Prompt:
    return Prompt(text, (NO, YES))


def menu_for(question: Question, service: str = "") -> Prompt:
    start = f"start `{printable(service)}`"
    verb = "kill" if question.kind == "kill" else "stop"
    whom, standing = them(question.target), question.target.standing
    no = NO.replace(row=f"no, leave {whom} running")
    if isinstance(standing, OtherUser):
        whom = f"what belongs to {printable(standing.user, 40)}"
    yes = YES.replace(row=f"yes, {verb} {whom}" + (f" and {start}" if service else ""))
    port = question.finding.endpoint.port
    other = OTHER.replace(row=f"no, {start} on the next free port after {port}")
    choices = (no, yes, DETAILS, other) if question.may_move else (no, yes, DETAILS)
    return Prompt(question_words(question, service), choices)


def menu_to_take_over(service: str, pid: int) -> Prompt:
    """Return the question before another run, devports itself, is ended; a record names it."""
    name, typed = printable(run_name(service)), printable(run_words(service))
    text = f"another `devports run {typed}` is in charge (pid {pid}): stop it and start here?"
    no = NO.replace(row="no, leave it running")
    return Prompt(text, (no, YES.replace(row=f"yes, stop it and start `{name}` here")))


def shown(
    menu: Prompt, pointed: int, look: OutputStyle, rows: int, *, guarded: bool = False
) -> tuple[list[str], list[str]]:
    """Return what is on the screen: up to the row that is `pointed` at, and from there on.

    The terminal has `rows` lines. While only "no" counts (`guarded`), the line for the keys is
    empty, so that nothing moves later.
    """
    if not is_list(menu, look, rows):
        return one_line(menu, look, guarded=guarded), []
    told = [_row(one, look, here=at == pointed) for at, one in enumerate(menu.choices)]
    above = [line for row in told[:pointed] for line in row]
    below = [line for row in told[pointed:] for line in row]
    how = "" if guarded else paint(f"{INDENT}{HOW}", "faint", look)
    return [*_asked(menu, look), *above], [*below, how]


def is_list(menu: Prompt, look: OutputStyle, rows: int) -> bool:
    """Say whether there is room to show the answers below each other."""
    if (look.width or 0) < NARROWEST_LIST:
        return False
    told = sum(len(_row(one, look, here=False)) for one in menu.choices)
    return len(_asked(menu, look)) + told + 1 < rows


def _row(choice: Option, look: OutputStyle, *, here: bool) -> list[str]:
    lines = wrap(f"{INDENT}{'>' if here else ' '} {choice.key}  {choice.row}", look.width, HANG)
    return [INDENT + paint(line[len(INDENT) :], "strong", look) if here else line for line in lines]


def _asked(menu: Prompt, look: OutputStyle, keys: str = "") -> list[str]:
    first, *more = wrap(f"? {menu.text}{keys}", look.width, 2)
    return [paint(first[:1], "hint", look) + first[1:], *more]


def one_line(menu: Prompt, look: OutputStyle, *, guarded: bool = False) -> list[str]:
    """Return the question on one line if the terminal is wide enough, its keys behind it.

    Without them, while it is guarded, it is the beginning of what it is with them.
    """
    if guarded:
        return _asked(menu, look)
    no, yes, *more = (choice.short for choice in menu.choices)
    return _asked(menu, look, f" ({', '.join([f'{yes}/{no}', *more])})")


def answered(menu: Prompt, said: str, look: OutputStyle) -> str:
    """Return the one line that stays: what was asked, and what was said."""
    return "\n".join(_asked(menu, look, f" {said}".rstrip()))


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
    who, finding, look = reader or screen.reader(), question.finding, screen.look("stderr")
    card = holder_card(question.target, finding, who, project=project, around=question.around)
    screen.err(block("warning", headline(finding), look, facts=card))
    menu = menu_for(question, service)
    while (chosen := (choose or from_menu)(menu, screen)) == "details":
        screen.err("\n".join(details(question, who, screen.look("stderr"))))
    return chosen


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
    drop_typeahead(source)
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
    text = f"write {shown} with {counted(len(ready), 'service')}?"
    return tuple(ready) if wizard.confirm(text) else None


class _Wizard:
    """The questions of `devports init` on one terminal."""

    def __init__(self, screen: Console, opened: tuple[Input, Output]) -> None:
        from prompt_toolkit.output import ColorDepth  # ten bare Python starts

        depth = None if screen.look("stderr").colour else ColorDepth.DEPTH_1_BIT
        self.how: dict[str, Any] = {"input": opened[0], "output": opened[1], "color_depth": depth}

    def which(self, services: Sequence[DetectedService]) -> Sequence[DetectedService]:
        """Ask which of several to write; all are marked at first."""
        import questionary

        from devports.ui.reports import port_words

        choices = [
            questionary.Choice(
                f"{printable(each.name)} ({each.kind}, {port_words(each)})", each, checked=True
            )
            for each in services
        ]
        how = "(space: leave out or take, Enter: go on)"
        asked = questionary.checkbox("which services?", choices, instruction=how, **self.how)
        marked: list[DetectedService] = asked.unsafe_ask()
        return marked

    def with_port(self, service: DetectedService, taken: Collection[int]) -> DetectedService:
        """Ask for a port; without one the service is written as a comment."""
        import questionary

        answer = questionary.text(
            f"port of `{printable(service.name)}`? (Enter: decide later)",
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
        return f"a number from 1 to {LAST_PORT}, or nothing"
    return "another service has it" if port in taken else ""


UP, DOWN = ("up", "k", "c-p"), ("down", "j", "c-n")
TAKE = ("enter",)
ASIDE = ("escape", "c-d")
STOP = ("c-c", "<sigint>")
GUARD = 0.2
"""Seconds from the first drawing on: a key that is on its way then was meant for something else."""
MOST_READS = 1000
"""A read takes a kilobyte, and a terminal keeps four."""


def pressed(
    menu: Prompt, source: Input, sink: Output, screen: Console, *, later: Later | None = None
) -> Chosen:
    """Ask, and return what was chosen; one line of it stays on the screen.

    For `GUARD` seconds from the first drawing on only "no" counts: its key, Esc, Ctrl-D and Ctrl-C.
    When they are over, the question shows how it is answered.

    Args:
        menu: the question.
        source: the keyboard.
        sink: the terminal to draw on.
        screen: what it can show, and where the line goes that stays.
        later: calls a function after so many seconds; by default the event loop does.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        EOFError: the keyboard has gone.
    """
    drawn, said = _can_draw(sink, screen), ""
    try:
        chosen = _Question(menu, source, sink, screen, drawn=drawn, later=later).app.run()
        said = chosen.said
    except KeyboardInterrupt as interrupt:
        if not interrupt.args:  # another signal has its number with it
            said = f"{menu.choices[menu.safe].said} (Ctrl-C)"
        raise
    finally:
        screen.err(answered(menu, said, screen.look("stderr")) if drawn else said)
    return chosen.answer


def _can_draw(sink: Output, screen: Console) -> bool:
    """Say whether its cursor can be moved: of a terminal without a name nobody knows."""
    from prompt_toolkit.output.vt100 import Vt100_Output

    return not isinstance(sink, Vt100_Output) or screen.env.get("TERM", "") not in ("", "unknown")


class _Question:
    """One question on one terminal, drawn anew with each key and each change of size."""

    def __init__(
        self,
        menu: Prompt,
        source: Input,
        sink: Output,
        screen: Console,
        *,
        drawn: bool,
        later: Later | None,
    ) -> None:
        from prompt_toolkit.application import Application
        from prompt_toolkit.layout import FormattedTextControl, Layout, Window
        from prompt_toolkit.output import ColorDepth, DummyOutput

        self._menu, self._source, self._sink, self._screen = menu, source, sink, screen
        self._drawn, self._colour, self._later = drawn, screen.look("stderr").colour, later
        self._pointed, self._guarded = menu.safe, True
        control = FormattedTextControl(self._text)
        self.app: Application[Option] = Application(
            layout=Layout(Window(control, wrap_lines=True, dont_extend_height=True)),
            key_bindings=self._bindings(),
            input=source,
            output=sink if drawn else DummyOutput(),
            erase_when_done=True,
            color_depth=None if self._colour else ColorDepth.DEPTH_1_BIT,
            before_render=lambda _: self._begin(),
            after_render=lambda _: self._guard(),
        )

    def _begin(self) -> None:
        """Forget what was typed until now: nobody can have meant it for this question."""
        if self.app.render_counter > 1:
            return
        forget(self._source)
        if not self._drawn:
            self._screen.write("stderr", f"{self._line(guarded=True)} ")

    def _guard(self) -> None:
        from asyncio import get_running_loop

        if self.app.render_counter == 1:
            (self._later or get_running_loop().call_later)(GUARD, self._open)

    def _open(self) -> None:
        """Let every key count from now on, and show it: the hint is the sign that they do."""
        self._guarded = False
        self.app.invalidate()
        if not self._drawn:
            rest = self._line().removeprefix(self._line(guarded=True))
            self._screen.write("stderr", f"{rest.removeprefix(' ')} ")

    def _line(self, *, guarded: bool = False) -> str:
        return "\n".join(one_line(self._menu, self._look, guarded=guarded))

    @property
    def _look(self) -> OutputStyle:
        return OutputStyle(self._colour, self._sink.get_size().columns)

    def _text(self) -> StyleAndTextTuples:
        from prompt_toolkit.formatted_text import ANSI, to_formatted_text

        rows = self._sink.get_size().rows
        above, below = shown(self._menu, self._pointed, self._look, rows, guarded=self._guarded)
        if not below:
            return to_formatted_text(ANSI("\n".join(above) + " "))
        start = to_formatted_text(ANSI("\n".join([*above, INDENT])))
        rest = to_formatted_text(ANSI("\n".join(below).removeprefix(INDENT)))
        return [*start, ("[SetCursorPosition]", ""), *rest]

    @property
    def _is_list(self) -> bool:
        return self._drawn and is_list(self._menu, self._look, self._sink.get_size().rows)

    def _bindings(self) -> KeyBindings:
        from prompt_toolkit.key_binding import KeyBindings

        made = KeyBindings()

        def bind(keys: tuple[str, ...], press: Press, *, is_no: bool = False) -> None:
            def handle(event: KeyPressEvent) -> None:
                if is_no or not self._guarded:
                    press(event)

            for key in keys:
                made.add(key, eager=True)(handle)

        bind(UP, lambda _: self._point(-1))
        bind(DOWN, lambda _: self._point(+1))
        bind(TAKE, lambda _: self._choose(self._pointed if self._is_list else self._menu.safe))
        bind(ASIDE, self._chooser(self._menu.safe), is_no=True)
        bind(STOP, lambda event: event.app.exit(exception=KeyboardInterrupt), is_no=True)
        for place, choice in enumerate(self._menu.choices):
            keys = (choice.key, choice.key.upper())
            bind(keys, self._chooser(place), is_no=place == self._menu.safe)
        return made

    def _chooser(self, place: int) -> Press:
        return lambda _: self._choose(place)

    def _point(self, step: int) -> None:
        self._pointed = min(max(self._pointed + step, 0), len(self._menu.choices) - 1)

    def _choose(self, place: int) -> None:
        self.app.exit(result=self._menu.choices[place])


def forget(source: Input) -> None:
    """Drop the keys that wait to be read, a half of one too. In raw mode: else some are kept.

    Raises:
        EOFError: there is no end of them, so they are no person's.
    """
    for _ in range(MOST_READS):
        if not source.read_keys():
            source.flush_keys()
            return
    raise EOFError


def drop_typeahead(source: Input) -> None:
    """Forget keys that were pressed before there was a question, an earlier one's surplus too."""
    from prompt_toolkit.input.typeahead import clear_typeahead

    clear_typeahead(source)
    with source.raw_mode():  # else the terminal keeps them until Enter
        forget(source)

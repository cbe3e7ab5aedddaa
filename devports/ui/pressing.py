"""Keys on a terminal: a question is drawn, and answered by one of them.

Built on prompt_toolkit, questionary's ground: questionary's own list cuts what is too long for its
line, and its digits only point. Nothing but Enter and the key of a choice answers: what was typed
or pasted before the question was there is forgotten, and what comes before it could be read counts
only where it means "no".
"""

from __future__ import annotations

from asyncio import get_running_loop

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import ANSI, to_formatted_text
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import ColorDepth, DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from devports.ui.layout import Look
from devports.ui.menu import INDENT, answered, is_list, one_line, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

    from devports.ui.console import Screen
    from devports.ui.menu import Choice, Menu

    Press = Callable[[KeyPressEvent], None]
    Later = Callable[[float, Callable[[], None]], object]

UP, DOWN = ("up", "k", "c-p"), ("down", "j", "c-n")
TAKE = ("enter",)
ASIDE = ("escape", "c-d")
STOP = ("c-c", "<sigint>")
GUARD = 0.2
"""Seconds from the first drawing on: a key that is on its way then was meant for something else."""
MOST_READS = 1000
"""A read takes a kilobyte, and a terminal keeps four."""


def pressed(
    menu: Menu, source: Input, sink: Output, screen: Screen, *, later: Later | None = None
) -> Choice:
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
    drawn, said = can_draw(sink, screen), ""
    try:
        chosen = _Asked(menu, source, sink, screen, drawn=drawn, later=later).app.run()
        said = chosen.said
    except KeyboardInterrupt:
        said = f"{menu.choices[menu.safe].said} (Ctrl-C)"
        raise
    finally:
        screen.err(answered(menu, said, screen.look("stderr")) if drawn else said)
    return chosen


def can_draw(sink: Output, screen: Screen) -> bool:
    """Say whether its cursor can be moved: of a terminal without a name nobody knows."""
    return not isinstance(sink, Vt100_Output) or screen.env.get("TERM", "") not in ("", "unknown")


class _Asked:
    """One question on one terminal, drawn anew with each key and each change of size."""

    def __init__(
        self,
        menu: Menu,
        source: Input,
        sink: Output,
        screen: Screen,
        *,
        drawn: bool,
        later: Later | None,
    ) -> None:
        self._menu, self._source, self._sink, self._screen = menu, source, sink, screen
        self._drawn, self._colour, self._later = drawn, screen.look("stderr").colour, later
        self._pointed, self._guarded = menu.safe, True
        control = FormattedTextControl(self._text)
        self.app: Application[Choice] = Application(
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
    def _look(self) -> Look:
        return Look(self._colour, self._sink.get_size().columns)

    def _text(self) -> StyleAndTextTuples:
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
        bind(ASIDE, lambda _: self._choose(self._menu.safe), is_no=True)
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
    clear_typeahead(source)
    with source.raw_mode():  # else the terminal keeps them until Enter
        forget(source)

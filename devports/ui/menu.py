"""A question and its answers: a list to choose from, or one line of keys. Pure.

Both are the same question with the same keys. The list is shown where there is room for it; there
Enter takes what is pointed at, which is "no" at first. "No" is the first row too: whoever presses
Up and Enter, to run the last command of a shell again, must not end a process by it. On one line
Enter is always "no".

While a question is guarded only "no" counts, and how to answer is not shown yet.
"""

from __future__ import annotations

from devports.core.standing import OtherUser
from devports.core.value import Value
from devports.ui.deeds import question_words, them
from devports.ui.layout import paint, wrap
from devports.ui.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from devports.core.outcome import Question
    from devports.ui.layout import Look

    Pressed = Literal["yes", "no", "next", "details"]

NARROWEST_LIST = 40
"""Cells; below, each answer would be a column of words."""
INDENT, HANG = "  ", 7
HOW = "arrows and Enter, or a key"


class Choice(Value):
    """An answer: its key, its row in the list, its name on one line, and what is left of it."""

    key: str
    answer: Pressed
    row: str
    short: str
    said: str


class Menu(Value):
    """A question. One of its choices is "no": what Enter, Esc and everything unclear mean."""

    text: str
    choices: tuple[Choice, ...]

    @property
    def safe(self) -> int:
        """The place of "no"."""
        return next(place for place, one in enumerate(self.choices) if one.answer == "no")


NO, YES = Choice("n", "no", "no", "N", "no"), Choice("y", "yes", "yes", "y", "yes")
DETAILS = Choice("d", "details", "show the details", "d = details", "details")
OTHER = Choice("p", "next", "no, take another port", "p = take another port", "no, on another port")
MORE = {one.key: one for one in (DETAILS, OTHER)}


def menu_of(text: str, keys: str = "") -> Menu:
    """Return a question with no and yes, and the answers of `keys`."""
    return Menu(text, (NO, YES, *(MORE[key] for key in keys)))


def menu_for(question: Question, service: str = "") -> Menu:
    """Return the question before something is ended."""
    return Menu(question_words(question, service), tuple(_choices(question, service)))


def menu_to_take_over(service: str, pid: int) -> Menu:
    """Return the question before another run of a service, devports itself, is ended."""
    name = printable(service)
    text = f"another `devports run {name}` is in charge (pid {pid}): stop it and start here?"
    no = NO.but(row="no, leave it running")
    return Menu(text, (no, YES.but(row=f"yes, stop it and start `{name}` here")))


def _choices(question: Question, service: str) -> Iterator[Choice]:
    start = f"start `{printable(service)}`"
    verb = "kill" if question.kind == "kill" else "stop"
    yield NO.but(row=f"no, leave {them(question.target)} running")
    yield YES.but(row=f"yes, {verb} {_whom(question)}" + (f" and {start}" if service else ""))
    yield DETAILS
    if question.may_move:
        port = question.finding.endpoint.port
        yield OTHER.but(row=f"no, {start} on the next free port after {port}")


def _whom(question: Question) -> str:
    standing = question.target.standing
    if isinstance(standing, OtherUser):
        return f"what belongs to {printable(standing.user, 40)}"
    return them(question.target)


def shown(
    menu: Menu, pointed: int, look: Look, rows: int, *, guarded: bool = False
) -> tuple[list[str], list[str]]:
    """Return what is on the screen: up to the row that is pointed at, and from there on.

    Args:
        menu: the question.
        pointed: the place of a choice.
        look: `width` is that of the terminal.
        rows: how many lines the terminal has.
        guarded: only "no" counts yet; the line for the keys is empty, so that nothing moves later.
    """
    if not is_list(menu, look, rows):
        return one_line(menu, look, guarded=guarded), []
    told = [_row(one, look, here=at == pointed) for at, one in enumerate(menu.choices)]
    above = [line for row in told[:pointed] for line in row]
    below = [line for row in told[pointed:] for line in row]
    how = "" if guarded else paint(f"{INDENT}{HOW}", "faint", look)
    return [*_asked(menu, look), *above], [*below, how]


def is_list(menu: Menu, look: Look, rows: int) -> bool:
    """Say whether there is room to show the answers below each other."""
    if (look.width or 0) < NARROWEST_LIST:
        return False
    told = sum(len(_row(one, look, here=False)) for one in menu.choices)
    return len(_asked(menu, look)) + told + 1 < rows


def _row(choice: Choice, look: Look, *, here: bool) -> list[str]:
    lines = wrap(f"{INDENT}{'>' if here else ' '} {choice.key}  {choice.row}", look.width, HANG)
    return [INDENT + paint(line[len(INDENT) :], "strong", look) if here else line for line in lines]


def _asked(menu: Menu, look: Look, keys: str = "") -> list[str]:
    first, *more = wrap(f"? {menu.text}{keys}", look.width, 2)
    return [_marked(first, look), *more]


def _marked(line: str, look: Look) -> str:
    return paint(line[:1], "hint", look) + line[1:]


def one_line(menu: Menu, look: Look, *, guarded: bool = False) -> list[str]:
    """Return the question on one line if the terminal is wide enough, its keys behind it.

    Without them, while it is guarded, it is the beginning of what it is with them.
    """
    if guarded:
        return _asked(menu, look)
    no, yes, *more = (choice.short for choice in menu.choices)
    return _asked(menu, look, f" ({', '.join([f'{yes}/{no}', *more])})")


def answered(menu: Menu, said: str, look: Look) -> str:
    """Return the one line that stays: what was asked, and what was said."""
    return "\n".join(_asked(menu, look, f" {said}".rstrip()))

"""Shell completion: the answer to a TAB, from the table that declares the command line.

The shell scripts, which `devports completion` prints, only call devports: an old script offers what
a new devports can do. shtab, which writes whole scripts from a parser, and argcomplete would each
be a dependency, and would still have to call devports for services.
"""

from __future__ import annotations

from devports import exitcodes
from devports.arguments import COMMANDS, Option, options_of
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from devports.commands.context import Context

    Pairs = Iterable[tuple[str, str]]
    Services = Callable[[str | None], Sequence["Named"]]


FILES = ":files"
"""In place of words: any file. No service, option or choice starts with a colon."""


class Named(Frozen):
    """A service: its name, its description, and whether it has a command."""

    name: str
    text: str = ""
    starts: bool = False


class Typed:
    """A command line up to the cursor, as far as it is valid.

    Attributes:
        options: the options of the command, if one is named.
        waiting: the option whose value is next.
        values: the given options, by name.
        words: those that belong to no option.
        others: a `--` was typed: the rest is the server's.
    """

    def __init__(self, words: Sequence[str]) -> None:
        first = next((i for i, word in enumerate(words) if not word.startswith("-")), len(words))
        command = "".join(words[first : first + 1])
        self.options = options_of(command)
        self.waiting: Option | None = None
        self.values: dict[str, str] = {}
        self.words: list[str] = []
        self.others = False
        for word in words[first + 1 :] if command in COMMANDS else words:
            if not self.others:
                self._read(word)

    def option(self, word: str) -> Option | None:
        return next((option for option in self.options if word in option.flags), None)

    def _read(self, word: str) -> None:
        flag, equals, value = word.partition("=")
        option = self.option(flag) if word.startswith("-") else None
        if self.waiting:
            self.values[self.waiting.name], self.waiting = word, None
        elif word == "--":
            self.others = True
        elif option is None:
            self.words.append(word)
        elif equals or not option.takes_value:
            self.values[option.name] = value
        else:
            self.waiting = option


def answer(words: Sequence[str]) -> str:
    """Return the lines for a shell: a word, a tab, its description; or `FILES`."""
    pairs = candidates(words, services_of)
    return "".join(f"{word}\t{text}\n" if text else f"{word}\n" for word, text in pairs)


def candidates(words: Sequence[str], services: Services) -> list[tuple[str, str]]:
    """Return the candidates for the last word, each with its description.

    Args:
        words: what was typed behind `devports`; the last one is incomplete, perhaps empty.
        services: those of a configuration.
    """
    # bash splits at "=": `--config=x` comes as three words.
    *before, current = list(words) or [""]
    current = "" if current == "=" else current
    typed = Typed([word for word in before if word != "="])
    flag, equals, value = current.partition("=")
    option = typed.option(flag) if equals and not typed.waiting else None
    if option is None:
        return _begun(_next(typed, current, services), current)
    found = _begun(_values(option, typed, services), value)
    return [(word if word == FILES else f"{flag}={word}", text) for word, text in found]


def _begun(pairs: Pairs, current: str) -> list[tuple[str, str]]:
    return [(word, text) for word, text in pairs if word == FILES or word.startswith(current)]


def _next(typed: Typed, current: str, services: Services) -> Pairs:
    if typed.others:
        return [(FILES, "")]
    if typed.waiting:
        return _values(typed.waiting, typed, services)
    if current.startswith("-"):
        return _flags(typed)
    option = next((option for option in typed.options if option.is_word), None)
    if option is None or (typed.words and option.settings.get("nargs") not in ("*", "+")):
        return []
    return _values(option, typed, services)


def _flags(typed: Typed) -> Iterator[tuple[str, str]]:
    """Yield the options that have not been given yet; short ones stand for themselves."""
    for option in typed.options:
        if not option.is_word and option.name not in typed.values:
            yield from ((flag, option.settings["help"]) for flag in option.flags)


def _values(option: Option, typed: Typed, services: Services) -> Pairs:
    """Return the candidates for the value of an option."""
    if choices := option.settings.get("choices"):
        return [(name, COMMANDS[name].text if choices is COMMANDS else "") for name in choices]
    kind = option.settings.get("metavar")
    if kind in ("FILE", "FOLDER"):
        return [(FILES, "")]
    if kind not in ("service", "target"):
        return []
    every = services(typed.values.get("config"))
    fitting = (each for each in every if each.starts or kind == "target")
    return [(each.name, each.text) for each in fitting if each.name not in typed.words]


def services_of(path: str | None) -> list[Named]:
    """Return the services of the configuration in use; none if it cannot be read."""
    import os  # like the next imports, only if names are needed

    from devports.config.load import load
    from devports.errors import DevportsError

    try:
        config = load(path, os.getcwd())
    except (DevportsError, OSError):
        return []
    return [
        Named(service.name, f"port {service.port}", starts=bool(service.command))
        for service in config.services
    ]


def completion(context: Context, shell: str) -> int:
    from devports.commands.context import shipped

    context.screen.out(shipped("completions", f"devports.{shell}").rstrip("\n"))
    return exitcodes.OK

"""What a script of package.json starts in the end: through other scripts and runners. Pure.

`"dev": "npm run with:env -- next dev"`, `concurrently "npm:api" "vite"` and `run-script-os` name
the server one step further. Wrappers that only start a program (`dotenv`, `cross-env`, `npx`) are
in `command_line.LAUNCHERS`.
"""

from __future__ import annotations

import fnmatch
import re

from devports.core.shell_syntax import commands
from devports.core.text import quote
from devports.core.value import Frozen
from devports.detect.command_line import read, split_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devports.detect.command_line import Line

MANAGERS = ("npm", "yarn", "pnpm", "bun")
RUN = ("run", "run-script", "--run")
PARALLEL = ("run-p", "run-s", "npm-run-all", "npm-run-all2", "npm-run-all-next")
WORKSPACES = frozenset("turbo nx lerna wireit moon rush lage ultra wsrun".split())
"""They start scripts of other packages."""
ELSEWHERE = frozenset(
    "--prefix -w --workspace -ws --workspaces -C --dir --cwd --filter -F -r --recursive".split()
)
"""Options of a package manager with which it runs the script of another package."""
BY_SYSTEM = "nix linux darwin:linux default macos".split()
"""Endings of the scripts that run-script-os starts here, the most likely first."""
VALUED = frozenset(
    "-n --names -c --prefix-colors -p --prefix -s --success -m --max-processes -l --prefix-length"
    " -t --timestamp-format --restart-tries --restart-after --hide --kill-signal".split()
)
"""Options of concurrently that are followed by a value."""
_CHANGES = re.compile(r"cd (\S+) && ")
ANOTHER = "it starts a script of another package"
MOST = 12
"""Steps from one script to another: more are a circle."""


class Program(Frozen):
    """A program that a script starts.

    Attributes:
        line: its command.
        script: the script to which further words can be added for this program; empty: none.
        name: its own name, if the script starts several.
        folder: where it runs, relative to its package.
    """

    line: Line
    script: str = ""
    name: str = ""
    folder: str = ""


class Unclear(Frozen):
    """A part that was not followed to its end, with the reason."""

    why: str


class Scripts:
    """The scripts of one package.json."""

    def __init__(self, scripts: Mapping[str, str]) -> None:
        self.scripts = scripts

    def programs(self, name: str) -> list[Program | Unclear]:
        """Return what a script starts, with every program once."""
        return list(dict.fromkeys(self._script(name, "", MOST)))

    def called(self, line: Line) -> str:
        """Return the script that a command runs without further words; empty: none."""
        name, more = self._called(line.words[0], line.words[1:]) or ("", ())
        return "" if more else name

    def _script(self, name: str, label: str, steps: int) -> Iterator[Program | Unclear]:
        if not steps:
            yield Unclear("its scripts start each other in a circle")
        else:
            yield from self._text(self.scripts[name], name, label, steps - 1)

    def _text(self, text: str, script: str, label: str, steps: int) -> Iterator[Program | Unclear]:
        line = read(text)
        parts = commands(text)
        if line is not None:
            yield from self._line(line, script, label, steps)
        elif len(parts) > 1 and all(part.operator in ("", "&") for part in parts):
            for part in filter(None, (part.text for part in parts)):
                yield from self._text(part, "", "", steps)
        else:
            yield Unclear("shell syntax that is not supported here")

    def _line(self, line: Line, script: str, label: str, steps: int) -> Iterator[Program | Unclear]:
        words = line.words[1:] if line.words[0] in ("npx", "bunx", "exec") else line.words
        first, rest = (words or ("",))[0], words[1:]
        folder = _CHANGES.fullmatch(line.before)
        if first == "concurrently":
            yield from self._concurrently(rest, steps)
        elif first in PARALLEL:
            for pattern in (word for word in rest if not word.startswith("-")):
                yield from self._matching(pattern, steps)
        elif first == "run-script-os":
            names = [found for end in BY_SYSTEM if (found := f"{script}:{end}") in self.scripts]
            for name in names[:1]:
                for each in self._script(name, label, steps):
                    yield each.replace(script=script) if isinstance(each, Program) else each
        elif first in WORKSPACES:
            yield Unclear(f"`{first}` starts scripts of other packages")
        elif first in MANAGERS and folder:
            yield Unclear(ANOTHER)
        elif first in MANAGERS and (called := self._called(first, rest)):
            yield from self._calling(*called, script, label, steps)
        else:
            yield Program(line, script, label, folder[1] if folder else "")

    def _called(self, manager: str, rest: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """Return the script that a package manager runs, and its arguments.

        None: it runs no script. Empty: it runs one of another package.
        """
        options, words = _leading_options(rest)
        if words and words[0] in RUN:
            more, words = _leading_options(words[1:])
            options += more
        elif manager == "npm" and words[:1] not in (("start",), ("test",)):
            return None
        own, after = split_at(words[1:], "--")
        if manager == "npm":
            options += own
        if words[:1] == ("workspace",) or any(o.partition("=")[0] in ELSEWHERE for o in options):
            return "", ()
        return (words[0], (*own, *after[1:])) if words and words[0] in self.scripts else None

    def _calling(
        self, name: str, more: tuple[str, ...], script: str, label: str, steps: int
    ) -> Iterator[Program | Unclear]:
        """Yield what another script starts, with more words behind its own."""
        if not name:
            yield Unclear(ANOTHER)
        elif more:
            text = " ".join((self.scripts[name], *map(quote, more)))
            yield from self._text(text, script, label, steps)
        else:
            yield from self._script(name, label, steps)

    def _concurrently(self, words: tuple[str, ...], steps: int) -> Iterator[Program | Unclear]:
        texts: list[str] = []
        names: list[str] = []
        todo = list(words)
        while todo:
            word = todo.pop(0)
            option, equals, value = word.partition("=")
            if option in VALUED:
                value = value if equals or not todo else todo.pop(0)
                names = value.split(",") if option in ("-n", "--names") else names
            elif not word.startswith("-"):
                texts.append(word)
        for at, text in enumerate(texts):
            label = names[at].strip() if at < len(names) else ""
            manager, colon, script = text.partition(":")
            if colon and manager in MANAGERS:
                yield from self._matching(script, steps, label)
            else:
                yield from self._text(text, "", label, steps)

    def _matching(self, pattern: str, steps: int, label: str = "") -> Iterator[Program | Unclear]:
        """Yield what the scripts of a pattern start: `dev:*`."""
        name = pattern.split(maxsplit=1)[0] if pattern.split() else ""
        for each in self.scripts:
            if each == name or ("*" in name and fnmatch.fnmatchcase(each, name)):
                yield from self._script(each, label or each.partition(":")[2] or each, steps)


def _leading_options(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split off the options before the first other word; those in `ELSEWHERE` have a value."""
    options = []
    while words and words[0].startswith("-") and words[0] not in RUN:
        options.append(words[0])
        words = words[2 if words[0] in ELSEWHERE else 1 :]
    return tuple(options), words

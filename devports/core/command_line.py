"""A command line: which program it starts, through which launchers, with which options.

Only launchers that were measured to pass descriptors and variables on are followed; any other word
is taken for the program. Interactive shells, which run something only from a typed loop or list,
are told from the ``sh -c`` of a runner. Python follows docs.python.org/3/using/cmdline.html,
debuggers `python -m debugpy --help` and nodejs.org/api/cli.html#--inspecthostport.
"""

from __future__ import annotations

from itertools import takewhile

from devports.core.model import DEBUGGER_PORT, Endpoint, Process
from devports.core.text import LAST_PORT, assignment, decimal, is_address, quote
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


EXECS = frozenset("env exec nohup setsid".split())
"""Launchers that exec their arguments; options of theirs are not expected."""
LOSES = frozenset("npm npx yarn concurrently cross-env honcho poetry pipenv pdm hatch sudo".split())
"""Launchers that close descriptors (measured), or are not known to keep them."""
UV_VALUED = frozenset("--with --env-file --python -p --package --extra --group --directory".split())
ISOLATED = frozenset("EIS")
"""Flags of Python that ignore PYTHONPATH or `site` (docs.python.org/3/using/cmdline.html)."""


class ParsedCommand(Frozen):
    """A command line, parsed.

    Attributes:
        before: the words of launchers, and of a shell up to its text.
        lead: the words that name the program: `uvicorn`, or `python -m uvicorn`.
        name: the base name of the program or module.
        args: the arguments of the program.
        after: words behind the text of a shell; None without a shell.
        inner: words of launchers inside that text.
        isolated: whether it is Python with an option that ignores its environment.
        opaque: the text of a shell that does more than start one program.
    """

    before: tuple[str, ...]
    lead: tuple[str, ...]
    name: str
    args: tuple[str, ...]
    after: tuple[str, ...] | None = None
    inner: tuple[str, ...] = ()
    isolated: bool = False
    opaque: str = ""

    @property
    def loser(self) -> str:
        """The launcher that is not known to keep descriptors, empty if there is none."""
        return self.name if self.name in LOSES else ""

    def argv(self, args: Sequence[str]) -> tuple[str, ...]:
        """Return the whole command with other arguments for the program."""
        words = (*self.inner, *self.lead, *args)
        if self.after is None:
            return (*self.before, *words)
        return (*self.before, " ".join(map(quote, words)), *self.after)


def launching_of(argv: Sequence[str]) -> ParsedCommand:
    before, words = _split(tuple(argv))
    name = base_name(words[0]) if words else ""
    if name in SHELLS and len(words) > 2 and words[1] in ("-c", "-lc"):  # noqa: PLR2004  # its text
        return _in_shell(before, words)
    return _program(before, words)


def _in_shell(before: tuple[str, ...], words: tuple[str, ...]) -> ParsedCommand:
    from devports.core.shell_syntax import plain_words  # not for `check`

    inner, rest = _split(plain_words(words[2]))
    # An assignment that has to be quoted as a whole is no assignment any more.
    broken = any("=" in word and quote(word) != word for word in inner)
    if not rest or base_name(rest[0]) in SHELLS or broken:
        return ParsedCommand(
            before, words[:1], base_name(words[0]), words[1:], after=None, opaque=words[2]
        )
    found = _program((), rest)
    return found.replace(before=(*before, *words[:2]), inner=inner, after=words[3:])


LONGEST_LAUNCHER = 256
"""Words of one launcher with its options at most."""


def _split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the words into those of launchers and those of the started program."""
    at = 0
    while at < len(words) and (length := _launcher(words[at : at + LONGEST_LAUNCHER])):
        at += length
    return words[:at], words[at:]


def _launcher(words: tuple[str, ...]) -> int:
    """Return how many words a known launcher at the beginning takes, 0 if there is none."""
    if assignment(words[0]):
        return 1
    match (base_name(words[0]), *words[1:2]):
        case ("timeout", duration) if duration[:1].isdigit():
            return 2
        case ("uv", "run"):
            return _uv(words)
        case (name, *rest) if name in EXECS:
            return 1 if rest and not rest[0].startswith("-") else 0
        case _:
            return 0


def _uv(words: tuple[str, ...]) -> int:
    at = 2
    while at < len(words) and words[at].startswith("-"):
        if words[at] in UV_VALUED:
            at += 2
        elif words[at] == "--" or "=" in words[at] or words[at] in ("--frozen", "--no-sync"):
            at += 1
        else:
            return 0
    return at if at < len(words) else 0


def _program(before: tuple[str, ...], words: tuple[str, ...]) -> ParsedCommand:
    name = base_name(words[0]) if words else ""
    if not is_python(name):
        return ParsedCommand(before, words[:1], name, words[1:])
    flags, own, run = split_options(words[1:])
    isolated = bool(flags & ISOLATED)
    if run[:1] == ("-m",) and run[1:]:
        lead = (words[0], *own, *run[:2])
        return ParsedCommand(before, lead, run[1], run[2:], isolated=isolated)
    return ParsedCommand(before, words[:1], name, words[1:], isolated=isolated)


# It listens there whatever the service's host is: a client of a debugger runs code as you.
ADDRESS = f"127.0.0.1:{{ports.{DEBUGGER_PORT}}}"
RUNNERS = ("uv", "poetry", "pdm", "pipenv", "hatch", "rye")
"""Runners that start the project's Python: `uv run python ...`."""
MODULES = ("uvicorn", "gunicorn", "hypercorn", "daphne", "flask", "fastapi", "granian")
"""Commands that `python -m NAME` starts as well."""
NODES = ("node", "nodemon", "tsx")
PACKAGE_RUNNERS = ("npm", "npx", "pnpm", "yarn")
"""Programs of node that start other programs: each would open the debugger's port."""


class Script(Frozen):
    """A file that an interpreter runs: the interpreter of its first line, and its path."""

    interpreter: tuple[str, ...]
    path: str


def under_debugger(
    words: tuple[str, ...], debugger: str, script: Script | None = None
) -> tuple[str, ...] | None:
    """Return a command, with placeholders, under a debugger; None if that is not possible.

    `debugger`: `debugpy` or `node`. `script`: of the first word, if that is one.
    """
    return _node(words, script) if debugger == "node" else _python(words, script)


def _python(words: tuple[str, ...], script: Script | None) -> tuple[str, ...] | None:
    debugpy = ("-Xfrozen_modules=off", "-m", "debugpy", "--listen", ADDRESS)
    first = base_name(words[0])
    if is_python(first):
        _, own, run = split_options(words[1:])
        return (words[0], *own, *debugpy, *run) if run else None
    if first in RUNNERS and words[1:2] == ("run",) and words[2:]:
        inner = words[2:]
        if inner[0] in MODULES:
            return (*words[:2], "python", *debugpy, "-m", *inner)
        rest = _python(inner, None)
        return (*words[:2], *rest) if rest else None
    if script is not None and is_python(base_name(script.interpreter[0])):
        return (*script.interpreter, *debugpy, script.path, *words[1:])
    return None


def _node(words: tuple[str, ...], script: Script | None) -> tuple[str, ...] | None:
    inspect = f"--inspect={ADDRESS}"
    if base_name(words[0]) in NODES:
        return (words[0], inspect, *words[1:])
    if base_name(words[0]) in PACKAGE_RUNNERS or script is None:
        return None
    if base_name(script.interpreter[0]) == "node":
        return (*script.interpreter, inspect, script.path, *words[1:])
    return None


def values_of(args: Sequence[str], *names: str) -> tuple[str, ...]:
    """Return the values of an option, in order: `--port 1`, `--port=1`, `-p 1` and `-p1`."""
    return tuple(value for _, _, value in _found(args, names))


def without(args: Sequence[str], *names: str) -> tuple[str, ...]:
    """Return the words without these options and their values."""
    gone = {at + i for at, length, _ in _found(args, names) for i in range(length)}
    return tuple(word for at, word in enumerate(args) if at not in gone)


def _found(args: Sequence[str], names: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    for at, word in enumerate(args):
        for name in names:
            if word == name and at + 1 < len(args):
                yield at, 2, args[at + 1]
            elif name.startswith("--") and word.startswith(f"{name}="):
                yield at, 1, word[len(name) + 1 :]
            elif not name.startswith("--") and word.startswith(name) and word != name:
                yield at, 1, word[len(name) :].removeprefix("=")


SHELLS = frozenset("sh bash dash zsh fish ksh csh tcsh nu pwsh powershell cmd".split())

POWERSHELLS = ("pwsh", "powershell")
RUNS = frozenset("-c -command -cwa -commandwithargs -e -ec -enc -encodedcommand -f -file".split())
"""Options with which PowerShell runs something and exits; it ignores their case."""
_OF_POWERSHELL = tuple(
    "-ex -ep -exec -executionpolicy -wd -workingdirectory -w -windowstyle -inp -if -inputformat -o"
    " -of -outputformat -version -config -configurationname -custompipename -settings -settingsfile"
    " -psconsolefile".split()
)
WITH_VALUE = {
    **dict.fromkeys(POWERSHELLS, _OF_POWERSHELL),
    "bash": ("--init-file", "--rcfile", "-O", "+O", "-o", "+o"),
    "zsh": ("-o", "+o"),
    "fish": ("-C", "--init-command", "-f", "--features"),
}
"""Options whose value is the next word, by bash(1), zsh(1), fish(1) and about_Pwsh."""


def is_shell(process: Process) -> bool:
    """Return whether this is the ``sh -c`` of npm and others, not an interactive shell."""
    return program(process) in SHELLS and "-c" in process.argv[1:3]


def is_persons_shell(process: Process) -> bool:
    """Return whether this is an interactive shell: it reads commands from a terminal, not a file.

    An editor starts the shell of its terminal with a start-up file, as in ``bash --init-file
    FILE``.
    """
    name = program(process).removeprefix("-")  # a login shell
    if name not in SHELLS:
        return False
    power = name in POWERSHELLS
    words = (word.lower() if power else word for word in process.argv[1:])
    for word in words:
        if word in WITH_VALUE.get(name, ()):
            next(words, "")
        elif power and word in ("-noe", "-noexit"):
            return True
        elif not word.startswith(("-", "+")) or (word in RUNS if power else _has_command(word)):
            return False
    return True


PROMPTS = frozenset(
    "ipython ipython3 IPython ipykernel_launcher bpython ptpython irb pry iex"
    " shell shell_plus console".split()
)
"""Interactive programs and commands (`manage.py shell`, `rails console`)."""


def is_interactive(process: Process) -> bool:
    """Return whether a person, or a notebook, types code into it, as into ``python3 -i``.

    A server that is started from there is an ordinary process, but its parent has other work too.
    """
    first, words = base_name("".join(process.argv[:1])), process.argv[1:]
    if PROMPTS & {base_name(word) for word in process.argv[:3]}:
        return True
    if is_python(first):
        flags, _, run = split_options(words)
        return "i" in flags or not run
    return first == "node" and (not words or words[0] in ("-i", "--interactive"))


def _has_command(option: str) -> bool:
    """Return whether it is ``-c``, alone or among other letters, or its long form."""
    return "c" in option if not option.startswith("--") else option.startswith("--command")


def waits_for(shell: Process, command: Process) -> bool:
    """Return whether a shell waits for the end of a command that was typed into it.

    An interactive shell gives each command a process group, and the terminal to the one that it
    waits for: a server in the background does not have it. A shell without a terminal, and one that
    was forked to run a loop in the background, share their group with the command.
    """
    if shell.job is None or command.job is None:
        return False
    return command.job.group in (shell.job.group, shell.job.foreground)


def is_at_rest(shell: Process, command: Process, children: Collection[int]) -> bool:
    """Return whether a shell that waited for a command seems to have nothing more to run.

    With job control it takes the terminal back when a command has exited and sleeps at its prompt.
    Between two commands it has the terminal as well, and does not sleep: measured for bash, dash
    and fish; zsh sleeps there for up to 7 ms (see `STILL`). Without job control only the lack of a
    child shows that it reads its next command.

    Args:
        shell: its present state.
        command: its state before it exited.
        children: of the shell, without those that it had then.
    """
    if shell.job is None or command.job is None or shell.state != "S":
        return False
    if command.job.group == shell.job.group:
        return not children
    return shell.job.foreground == shell.job.group


STILL = 0.020
"""Seconds after which a shell at rest is inspected again.

Measured from the exit of a typed server, with 0 and with 4 busy processes on 2 processors: bash,
dash and zsh sleep at their prompt after 1 to 30 ms, fish after 3 to 50 ms. Between the commands of
a loop or list bash, dash and fish are never seen asleep with the terminal, zsh for up to 7 ms.
"""


DRIVE = 3
"""Length of ``C:\\``, with which a full path of Windows begins."""


def program(process: Process) -> str:
    """Return the base name of the executable, as far as it is readable; without `.exe`."""
    path = process.exe or (process.argv[0] if process.argv else "")
    return base_name(path) or without_exe(process.name)


DEBUGGER_PORTS = {"--inspect": 9229, "--inspect-brk": 9229, "--inspect-wait": 9229}


def debugger_of(argv: Sequence[str]) -> Endpoint | None:
    """Return the address on which a command starts a debugger; None without one.

    `--listen` of debugpy requires a port; `--inspect[=[HOST:]PORT]` of Node has a default.
    """
    for at, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name in DEBUGGER_PORTS:
            return _debugged_at(value or str(DEBUGGER_PORTS[name]))
        if word == "--listen" and any("debugpy" in before for before in argv[:at]):
            return _debugged_at(argv[at + 1] if at + 1 < len(argv) else "")
    return None


def _debugged_at(text: str) -> Endpoint | None:
    host, _, digits = text.rpartition(":")
    address = "127.0.0.1" if host in ("", "localhost") else host.strip("[]")
    port = decimal(digits, LAST_PORT)
    return Endpoint(address, port) if port and is_address(address) else None


def base_name(path: str) -> str:
    """Return the last part of a path of any system; empty for a folder."""
    if is_windows_path(path):
        return without_exe(path.replace("\\", "/").rpartition("/")[2])
    return path.rpartition("/")[2]


def is_windows_path(path: str) -> bool:
    """Return whether it begins with a drive or a share; elsewhere a backslash is a letter."""
    return (path[1:DRIVE] == ":\\" and path[0].isalpha()) or path.startswith("\\\\")


def without_exe(name: str) -> str:
    return name[:-4] if name.lower().endswith(".exe") else name


PROGRAM = ("m", "c")
VALUED = (*PROGRAM, "W", "X")
"""Letters of options with a value, in the same word or the next."""
LONG_VALUED = "--check-hash-based-pycs"


def is_python(name: str) -> bool:
    """Return whether this is the name of a Python interpreter: `python3.13t`, `pypy3`."""
    return name.rstrip("0123456789.t") in ("python", "pypy")


def split_options(words: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Split the words behind the interpreter.

    Returns:
        The letters of the options that have no value; the options, as words; and what is run: `-m`
            and a module, `-c` and a text, or a file, each with its own words.
    """
    flags, at = frozenset[str](), 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        word = words[at]
        plain = "".join(takewhile(lambda letter: letter not in VALUED, word[1:]))
        letters = "" if word.startswith("--") else plain
        flags |= frozenset(letters)
        valued, value = word[1 + len(letters) :][:1], word[2 + len(letters) :]
        if valued in PROGRAM:
            own = (*words[:at], f"-{letters}") if letters else tuple(words[:at])
            program = (f"-{valued}", value) if value else (f"-{valued}",)
            return flags, own, (*program, *words[at + 1 :])
        at += 2 if word == LONG_VALUED or (valued in VALUED and not value) else 1
    ended = at + 1 if words[at : at + 1] == ("--",) else at
    return flags, tuple(words[:at]), tuple(words[ended:])

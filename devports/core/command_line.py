"""A command line: which program it starts, through which launchers, with which options.

Only launchers that were measured to hand descriptors and variables on are looked through; what
else stands before the program ends the look. Shells are told apart: a person's, which starts
nothing by itself unless a loop or a list was typed into it, and the ``sh -c`` of a runner. Python
by docs.python.org/3/using/cmdline.html, debuggers by `python -m debugpy --help` and
nodejs.org/api/cli.html#--inspecthostport.
"""

from __future__ import annotations

from itertools import takewhile

from devports.core.model import DEBUGGER_PORT, Endpoint
from devports.core.text import LAST_PORT, assignment, decimal, is_address, quote
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from devports.core.model import Process


EXECS = frozenset("env exec nohup setsid".split())
"""They become their words, and take no options that anybody gives."""
LOSES = frozenset("npm npx yarn concurrently cross-env honcho poetry pipenv pdm hatch sudo".split())
"""Those that close descriptors (measured), or of which it is not known that they keep them."""
UV_VALUED = frozenset("--with --env-file --python -p --package --extra --group --directory".split())
ISOLATED = frozenset("EIS")
"""Flags of Python that leave PYTHONPATH or `site` out (docs.python.org/3/using/cmdline.html)."""


class ParsedCommand(Frozen):
    """A command, taken apart.

    Attributes:
        before: the words of launchers, and of a shell up to its text.
        lead: what names the program: `uvicorn`, or `python -m uvicorn`.
        name: the program's or module's base name.
        args: its own words.
        after: words behind the text that a shell reads; None where none does.
        inner: words of launchers inside that text.
        isolated: whether it is Python told to leave its environment out of account.
        opaque: the text of a shell that does more than to start one program.
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
        """The launcher through which no descriptor is known to come, empty if there is none."""
        return self.name if self.name in LOSES else ""

    def argv(self, args: Sequence[str]) -> tuple[str, ...]:
        """Return the whole command with other words for the program."""
        words = (*self.inner, *self.lead, *args)
        if self.after is None:
            return (*self.before, *words)
        return (*self.before, " ".join(map(quote, words)), *self.after)


def launching_of(argv: Sequence[str]) -> ParsedCommand:
    """Take a command apart."""
    before, words = _split(tuple(argv))
    name = base_name(words[0]) if words else ""
    if name in SHELLS and len(words) > 2 and words[1] in ("-c", "-lc"):  # noqa: PLR2004  # its text
        return _in_shell(before, words)
    return _program(before, words)


def _in_shell(before: tuple[str, ...], words: tuple[str, ...]) -> ParsedCommand:
    from devports.core.shell_syntax import plain_words  # not for `check`

    inner, rest = _split(plain_words(words[2]))
    # An assignment would be none any more once it is quoted as a whole.
    broken = any("=" in word and quote(word) != word for word in inner)
    if not rest or base_name(rest[0]) in SHELLS or broken:
        return ParsedCommand(
            before, words[:1], base_name(words[0]), words[1:], after=None, opaque=words[2]
        )
    found = _program((), rest)
    return found.replace(before=(*before, *words[:2]), inner=inner, after=words[3:])


def _split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of launchers, and those of what they start."""
    at = 0
    while at < len(words) and (length := _launcher(words[at:])):
        at += length
    return words[:at], words[at:]


def _launcher(words: tuple[str, ...]) -> int:
    """Return how many words a launcher at the beginning takes, 0 if it is none that is known."""
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


# It listens there whatever the service's own host is: whoever reaches a debugger runs code as you.
ADDRESS = f"127.0.0.1:{{ports.{DEBUGGER_PORT}}}"
RUNNERS = ("uv", "poetry", "pdm", "pipenv", "hatch", "rye")
"""`uv run python ...` starts the project's own Python."""
MODULES = ("uvicorn", "gunicorn", "hypercorn", "daphne", "flask", "fastapi", "granian")
"""Commands that `python -m NAME` starts as well."""
NODES = ("node", "nodemon", "tsx")
PACKAGE_RUNNERS = ("npm", "npx", "pnpm", "yarn")
"""They are programs of node themselves, and start others: each would want the port."""


class Script(Frozen):
    """A file that an interpreter runs: what its first line names, and where it is."""

    interpreter: tuple[str, ...]
    path: str


def under_debugger(
    words: tuple[str, ...], debugger: str, script: Script | None = None
) -> tuple[str, ...] | None:
    """Return the words of a command with the debugger in it; None if that cannot be done.

    Args:
        words: of the command, with placeholders.
        debugger: `debugpy` or `node`.
        script: what the first word is, if it is a script.
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
    """Return the words without this option and its values."""
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
"""With these PowerShell runs something and ends; its options are words, in any case."""
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
    """Say whether this is the ``sh -c`` that npm puts in between, not a person's shell."""
    return program(process) in SHELLS and "-c" in process.argv[1:3]


def is_persons_shell(process: Process) -> bool:
    """Say whether this is a shell that reads its commands from somebody, not from a file.

    An editor starts the one of its terminal with a file of its own to be read first, as in
    ``bash --init-file FILE``.
    """
    name = program(process).removeprefix("-")  # so a login shell calls itself
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
"""Programs, and commands of theirs (`manage.py shell`, `rails console`), into which one types."""


def is_interactive(process: Process) -> bool:
    """Say whether a person, or their notebook, types into it what it runs, as ``python3 -i`` does.

    What they started from there is a process like any other, and they have more in it than that.
    """
    first, words = base_name("".join(process.argv[:1])), process.argv[1:]
    if PROMPTS & {base_name(word) for word in process.argv[:3]}:
        return True
    if is_python(first):
        flags, _, run = split_options(words)
        return "i" in flags or not run
    return first == "node" and (not words or words[0] in ("-i", "--interactive"))


def _has_command(option: str) -> bool:
    """Say whether it is ``-c``, alone or among other letters, or the longer word for it."""
    return "c" in option if not option.startswith("--") else option.startswith("--command")


def waits_for(shell: Process, command: Process) -> bool:
    """Say whether a shell can do nothing before a command that was typed into it has ended.

    An interactive shell gives each command a process group of its own, and the terminal to the one
    that it waits for: a server that was put in the background has it not. A shell without a
    terminal, and one that was forked to run a loop in the background, share their group.
    """
    if shell.job is None or command.job is None:
        return False
    return command.job.group in (shell.job.group, shell.job.foreground)


def is_at_rest(shell: Process, command: Process, children: Collection[int]) -> bool:
    """Say whether a shell that waited for a command seems to have nothing more to run.

    With job control it takes the terminal back when a command has ended and sleeps at its prompt.
    Between two commands it has the terminal as well, and does not sleep: so measured for bash,
    dash and fish; zsh sleeps there for up to 7 ms (see `STILL`). Without job control nothing but
    the lack of a child says that it reads its next command.

    Args:
        shell: as it is now.
        command: as it was before its end.
        children: those that the shell did not have then.
    """
    if shell.job is None or command.job is None or shell.state != "S":
        return False
    if command.job.group == shell.job.group:
        return not children
    return shell.job.foreground == shell.job.group


STILL = 0.020
"""Seconds after which a shell at rest has to be seen so again.

Measured from the end of a typed server on, with 0 and with 4 busy processes on 2 processors: bash,
dash and zsh sleep at their prompt after 1 to 30 ms, fish after 3 to 50 ms. Between the commands of
a loop or list bash, dash and fish are never seen asleep with the terminal, zsh for up to 7 ms."""


DRIVE = 3
"""Characters of ``C:\\``, with which a full path of Windows begins."""


def program(process: Process) -> str:
    """Return the base name of what was executed, as far as it is readable; without `.exe`."""
    path = process.exe or (process.argv[0] if process.argv else "")
    return base_name(path) or without_exe(process.name)


DEBUGGER_PORTS = {"--inspect": 9229, "--inspect-brk": 9229, "--inspect-wait": 9229}


def debugger_of(argv: Sequence[str]) -> Endpoint | None:
    """Return where a debugger is to listen by the words of a command; None if by none of them.

    `--listen` is debugpy's, which wants a port; Node's `--inspect[=[HOST:]PORT]` has one.
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
    """Say whether it begins with a drive or a share; elsewhere a backslash is a letter."""
    return (path[1:DRIVE] == ":\\" and path[0].isalpha()) or path.startswith("\\\\")


def without_exe(name: str) -> str:
    return name[:-4] if name.lower().endswith(".exe") else name


PROGRAM = ("m", "c")
VALUED = (*PROGRAM, "W", "X")
"""Letters behind which a value stands, in the same word or as the next one."""
LONG_VALUED = "--check-hash-based-pycs"


def is_python(name: str) -> bool:
    """Say whether this is the name of a Python interpreter: `python3.13t`, `pypy3`."""
    return name.rstrip("0123456789.t") in ("python", "pypy")


def split_options(words: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Take apart what stands behind the interpreter.

    Returns:
        The letters of the options that have no value; the options, as words; and what is run:
        `-m` and a module, `-c` and a text, or a file, each with its own words.
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

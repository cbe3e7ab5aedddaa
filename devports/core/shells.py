"""Shells: a person's, and the ``sh -c`` that a runner puts in between. Pure.

A person's shell starts nothing by itself, unless a loop or a list of commands was typed into it.
Whether it is in the middle of one shows when the command that it waited for has ended.
"""

from __future__ import annotations

from devports.core.program import base_name, program
from devports.core.pythonline import is_python, split_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from devports.core.model import Process

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

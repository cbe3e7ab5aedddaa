"""A person's shell, told by its words; at its prompt, told by its terminal."""

from __future__ import annotations

import pytest

from devports.core.command_line import is_at_rest, is_interactive, is_persons_shell, waits_for
from devports.core.model import JobControl, Process, ProcessKey

TTY = 34816
SHELL, SERVER, OTHER = 10, 20, 30


def words(text: str) -> Process:
    argv = tuple(text.split())
    name = argv[0].rpartition("/")[2].lstrip("-")
    exe = "" if argv[0] == "-bash" else f"/bin/{name}"
    return Process(ProcessKey(5, 1), 1, 1000, "lana", name, argv, exe=exe)


def at(group: int, foreground: int, terminal: int = TTY, state: str = "S") -> Process:
    return words("bash -i").replace(job=JobControl(group, foreground, terminal), state=state)


PERSONS = [
    pytest.param("-zsh", True, id="a login shell"),
    pytest.param("-bash", True, id="another one, which is all that is known of it"),
    pytest.param("bash --norc -i", True, id="a long option with a c in it"),
    pytest.param("bash --init-file /usr/share/code/shellIntegration-bash.sh", True,
                 id="the terminal of an editor"),
    pytest.param("bash -O extglob", True, id="an option with a value"),
    pytest.param("bash --rcfile", True, id="an option that lacks its value"),
    pytest.param("fish --init-command x -i", True, id="fish with a command to be run first"),
    pytest.param("fish --command=x", False, id="fish with a command to run"),
    pytest.param("pwsh -noexit -command x", True, id="PowerShell that stays"),
    pytest.param("bash -noexit", True, id="a bundle of letters"),
    pytest.param("pwsh -File x.ps1", False, id="PowerShell with a script"),
    pytest.param("pwsh x.ps1", False, id="PowerShell with nothing but a script"),
    pytest.param("pwsh -ExecutionPolicy Bypass", True, id="PowerShell with a policy"),
    pytest.param("pwsh -ExecutionPolicy Bypass -Command x", False, id="one with a command too"),
    pytest.param("pwsh -NoProfile -EncodedCommand eAA=", False, id="one with a coded command"),
    pytest.param("sh -s", True, id="commands from a pipe"),
    pytest.param("bash +O extglob dev.sh", False, id="a script"),
    pytest.param("bash -C dev.sh", False, id="a script, and an option without a value"),
    pytest.param("bash -lc x", False, id="a command among other letters"),
    pytest.param("zsh -c x", False, id="a command"),
    pytest.param("python3", False, id="no shell"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "persons"), PERSONS)
def test_a_persons_shell_is_told_by_its_words(text: str, persons: bool) -> None:
    assert is_persons_shell(words(text)) is persons


TYPED_INTO = [
    pytest.param("python3", True, id="Python alone"),
    pytest.param("/usr/bin/python3.13 -q -i app.py", True, id="Python that stays"),
    pytest.param("python3 -X dev -m app", False, id="a module"),
    pytest.param("python3 app.py -i", False, id="a script, and the letter is its own"),
    pytest.param("python3 -m IPython", True, id="IPython as a module"),
    pytest.param("python3 /venv/bin/ipython", True, id="IPython as a script"),
    pytest.param("python3 -m ipykernel_launcher -f x.json", True, id="a notebook's kernel"),
    pytest.param("python3 manage.py shell", True, id="django's"),
    pytest.param("python3 manage.py runserver", False, id="django's server"),
    pytest.param("ruby bin/rails console", True, id="Rails'"),
    pytest.param("node", True, id="Node alone"),
    pytest.param("node -i", True, id="Node that was told so"),
    pytest.param("node app.js", False, id="a server of Node"),
    pytest.param("./server", False, id="any program"),
]


@pytest.mark.parametrize(("text", "typed"), TYPED_INTO)
def test_what_a_person_types_into_is_told_by_its_words(text: str, typed: bool) -> None:
    assert is_interactive(words(text)) is typed


def test_a_process_without_words_is_not_typed_into() -> None:
    assert not is_interactive(words("x").replace(argv=()))


WAITS = [
    pytest.param(at(SHELL, SERVER), at(SERVER, SERVER), True, id="a command in the foreground"),
    pytest.param(at(SHELL, SHELL), at(SERVER, SHELL), False, id="a job in the background"),
    pytest.param(at(SHELL, OTHER), at(SERVER, OTHER), False,
                 id="a job in the background of another command"),
    pytest.param(at(SHELL, -1, 0), at(SHELL, -1, 0), True, id="a shell without a terminal"),
    pytest.param(at(SHELL, OTHER), at(SHELL, OTHER), True, id="a loop in the background"),
    pytest.param(at(SHELL, -1, 0), at(SERVER, -1, 0), False, id="a session of its own"),
    pytest.param(words("sh"), at(SERVER, SERVER), False, id="a shell of which nothing is known"),
    pytest.param(at(SHELL, SERVER), words("node"), False, id="a command of which nothing is"),
]  # fmt: skip


@pytest.mark.parametrize(("shell", "command", "waits"), WAITS)
def test_a_shell_waits_for_what_has_its_terminal(
    shell: Process, command: Process, waits: bool
) -> None:
    assert waits_for(shell, command) is waits


RESTS = [
    pytest.param(at(SHELL, SHELL), at(SERVER, SERVER), set(), True, id="asleep at its prompt"),
    pytest.param(at(SHELL, SHELL), at(SERVER, SERVER), {7}, True,
                 id="at its prompt, which starts programs to draw it"),
    pytest.param(at(SHELL, SHELL, state="R"), at(SERVER, SERVER), set(), False,
                 id="between two commands"),
    pytest.param(at(SHELL, OTHER), at(SERVER, SERVER), set(), False, id="the next command runs"),
    pytest.param(at(SHELL, -1, 0), at(SHELL, -1, 0), set(), True, id="no child and no terminal"),
    pytest.param(at(SHELL, -1, 0), at(SHELL, -1, 0), {7}, False, id="a child and no terminal"),
    pytest.param(words("sh"), at(SERVER, SERVER), set(), False, id="nothing is known of it"),
    pytest.param(at(SHELL, SHELL), words("node"), set(), False, id="nothing is of the command"),
]  # fmt: skip


@pytest.mark.parametrize(("shell", "command", "children", "rests"), RESTS)
def test_a_shell_at_rest_is_told_by_its_state_and_terminal(
    shell: Process, command: Process, children: set[int], rests: bool
) -> None:
    assert is_at_rest(shell, command, children) is rests

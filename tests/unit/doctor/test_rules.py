"""The rules about what is declared, and about this machine."""

from __future__ import annotations

import pytest

from devports.core.holder_kind import CurrentUser
from devports.core.model import Endpoint, HolderSearch
from devports.core.service import Service
from devports.core.verdict import Finding, Free, LingeringConnections, OutgoingConnection
from devports.doctor.facts import Checkouts, Command, EnvLine, Facts
from devports.doctor.setup_rules import examine
from devports.system.programs import Environment, Program
from tests.unit.doctor.samples import (
    BACKEND,
    DB,
    HERE,
    LISTENS,
    SERVER,
    codes,
    declared,
    facts,
    only,
    sockets,
)


def command(**more: object) -> Command:
    return Command(BACKEND, "uvicorn", BACKEND.cwd, searched="/usr/bin").replace(**more)


OTHERS = Checkouts(linked=True, others=("/srv/shop",))


@pytest.mark.parametrize(
    ("service", "checkouts", "expected"),
    [
        pytest.param(BACKEND, OTHERS, [("worktrees-share-a-port", "warning")], id="in a worktree"),
        pytest.param(
            BACKEND,
            OTHERS.replace(linked=False),
            [("worktrees-share-a-port", "note")],
            id="in the main checkout",
        ),
        pytest.param(BACKEND, Checkouts(), [], id="the only checkout"),
        pytest.param(BACKEND.replace(port_per="worktree"), OTHERS, [], id="each has its own"),
        pytest.param(DB, OTHERS, [], id="a port that is only watched"),
        pytest.param(
            BACKEND.replace(port_per="worktree"),
            OTHERS.replace(twice=((8000, "/srv/blog"),)),
            [("assigned-to-two", "warning")],
            id="a port of the file is assigned to another checkout",
        ),
        pytest.param(
            BACKEND.replace(port_per="worktree"),
            OTHERS.replace(
                lines=(
                    EnvLine("backend", "/srv/feat/.env", 2, "PORT", 8000, 8001),
                    EnvLine("backend", "/srv/feat/.env", 3, "API", 8000, 8001),
                )
            ),
            [("base-in-env-file", "warning"), ("base-in-env-file", "note")],
            id="an env file names the port of another checkout",
        ),
    ],
)
def test_several_checkouts(
    service: Service, checkouts: Checkouts, expected: list[tuple[str, str]]
) -> None:
    assert codes(facts(declared(Free(), service), checkouts=checkouts)) == expected


COMMANDS = [
    pytest.param(command(), [], id="one that can be started"),
    pytest.param(command(folder_exists=False), ["folder-missing"], id="no folder to start in"),
    pytest.param(
        command(folder_exists=False, trouble="missing"),
        ["folder-missing"],
        id="without its folder nothing is said of the command",
    ),
    pytest.param(command(trouble="missing"), ["command-not-found"], id="none of that name"),
    pytest.param(
        command(trouble="not-executable"), ["command-not-executable"], id="not executable"
    ),
    pytest.param(
        command(trouble="interpreter-missing"), ["interpreter-missing"], id="no interpreter"
    ),
]


@pytest.mark.parametrize(("what", "expected"), COMMANDS)
def test_what_a_service_starts(what: Command, expected: list[str]) -> None:
    assert [problem.code for problem in examine(facts(commands=(what,)))] == expected


WAYS_OUT = [
    pytest.param(command(trouble="missing"), "install it, or activate", id="not there at all"),
    pytest.param(
        command(trouble="missing", near=".venv/bin/uvicorn"),
        "use `.venv/bin/uvicorn` in `command`",
        id="in the project's own environment",
    ),
    pytest.param(
        command(trouble="missing", word="./run.sh", searched=""),
        "correct the path in `[services.backend]`",
        id="a path that leads nowhere",
    ),
    pytest.param(command(trouble="not-executable"), "make it executable", id="not executable"),
    pytest.param(
        command(trouble="interpreter-missing", word="./serve.py", searched=""),
        "correct the first line of `./serve.py`",
        id="a script that names no interpreter that there is",
    ),
]


@pytest.mark.parametrize(("what", "words"), WAYS_OUT)
def test_the_way_out_fits_the_command(what: Command, words: str) -> None:
    assert words in only(facts(commands=(what,))).remedies[0].title


SHELLED = BACKEND.replace(command="cd web && serve | cat")
PIPED = BACKEND.replace(command="serve | cat")
SHELLS = [
    pytest.param(
        command(service=SHELLED, word="cd", trouble="missing"),
        [
            (
                "command-not-found",
                'the command runs without a shell; write `cwd = "web"`, or set `shell = true`',
            )
        ],
        id="a command of shells is not installed",
    ),
    pytest.param(
        command(service=SHELLED, word="cd"),
        [
            (
                "shell-missing",
                'the command runs without a shell; write `cwd = "web"`, or set `shell = true`',
            )
        ],
        id="some systems have a program of that name, which changes nothing",
    ),
    pytest.param(
        command(service=PIPED),
        [("shell-missing", "remove it, or set `shell = true`")],
        id="a pipe that the program gets as an argument",
    ),
    pytest.param(
        command(service=PIPED, trouble="missing"),
        [
            (
                "command-not-found",
                "install it, or activate the environment that has it",
            ),
            ("shell-missing", "remove it, or set `shell = true`"),
        ],
        id="and the program is not there either",
    ),
]


@pytest.mark.parametrize(("what", "expected"), SHELLS)
def test_what_only_a_shell_knows(what: Command, expected: list[tuple[str, str]]) -> None:
    found = examine(facts(commands=(what,)))
    assert [(problem.code, problem.remedies[0].title) for problem in found] == expected


@pytest.mark.parametrize(
    ("what", "told"),
    [
        pytest.param(command(trouble="missing"), True, id="a word that a shell might know"),
        pytest.param(command(trouble="missing", word="./x", searched=""), False, id="a path"),
        pytest.param(command(trouble="not-executable"), False, id="a file that is there"),
        pytest.param(command(trouble="interpreter-missing"), False, id="a script"),
    ],
)
def test_aliases_matter_only_where_a_name_was_looked_for(what: Command, told: bool) -> None:
    assert ("aliases" in only(facts(commands=(what,))).why) == told


GONE = Environment("/srv/shop/.venv", "python", "absent", "python3 -m venv /srv/shop/.venv")
PACKAGES = Environment("/srv/shop/node_modules", "node", "absent", "npm install")
ENVIRONMENTS = [
    pytest.param(
        command(trouble="missing", environment=GONE), ["environment-missing"], id="none was made"
    ),
    pytest.param(
        command(trouble="interpreter-missing", environment=GONE.replace(state="broken")),
        ["environment-broken"],
        id="its Python has gone",
    ),
    pytest.param(
        command(trouble="missing", environment=GONE.replace(state="without")),
        ["command-not-found"],
        id="the program is not in it",
    ),
    pytest.param(
        command(environment=PACKAGES), ["environment-missing"], id="npm is there, packages are not"
    ),
    pytest.param(command(), [], id="none is needed"),
]


@pytest.mark.parametrize(("what", "expected"), ENVIRONMENTS)
def test_the_environment_of_a_command(what: Command, expected: list[str]) -> None:
    assert [problem.code for problem in examine(facts(commands=(what,)))] == expected


def test_an_environment_is_made_by_one_command() -> None:
    python = only(facts(commands=(command(trouble="missing", environment=GONE),)))
    assert python.remedies[0].command == GONE.create_command
    assert python.remedies[0].title.startswith("create it, then install")
    node = only(facts(commands=(command(environment=PACKAGES),)))
    assert (node.remedies[0].title, node.remedies[0].command) == (
        "install the dependencies of package.json",
        "npm install",
    )
    broken = command(environment=GONE.replace(state="broken"))
    assert "recreate it" in only(facts(commands=(broken,))).remedies[0].title
    without = command(trouble="missing", environment=GONE.replace(state="without"))
    assert "into `/srv/shop/.venv`" in only(facts(commands=(without,))).remedies[0].title


def test_where_a_command_was_looked_for_is_said() -> None:
    problem = only(facts(commands=(command(trouble="missing"),)))
    assert problem.evidence == (f"folder: {BACKEND.cwd}", "PATH: /usr/bin")


def test_a_debugger_that_is_not_there_is_installed_by_the_same_python() -> None:
    problem = only(facts(commands=(command(undebugged="/srv/a shop/.venv/bin/python"),)))
    assert (problem.code, problem.severity) == ("debugger-missing", "warning")
    (remedy,) = problem.remedies
    assert remedy.command == "'/srv/a shop/.venv/bin/python' -m pip install debugpy"


def test_two_services_on_one_number_are_named_once() -> None:
    web = Service("web", 8000, host="::1", command="vite")
    ports = (declared(Free()), declared(Free(), web, at=Endpoint("::1", 8000)))
    problem = only(facts(*ports))
    assert (problem.code, problem.severity) == ("port-shared", "warning")
    assert problem.what == "`backend` and `web` both declare port 8000"


def test_a_further_port_is_called_by_its_name() -> None:
    debug = declared(Free()).replace(name="debug")
    assert "`backend.ports.debug`" in only(facts(declared(Free(), DB), debug)).what


HIGH = Endpoint("127.0.0.1", 40000)
EPHEMERAL = [
    pytest.param(HIGH, {}, ["port-ephemeral"], id="inside the range"),
    pytest.param(HIGH, {"reserved": ((39999, 40001),)}, [], id="inside, and reserved"),
    pytest.param(HERE, {}, [], id="outside"),
    pytest.param(HERE, {"ephemeral": (1024, 65535)}, ["port-ephemeral"], id="a wider range"),
]


@pytest.mark.parametrize(("at", "more", "expected"), EPHEMERAL)
def test_a_port_that_outgoing_connections_get(
    at: Endpoint, more: dict[str, object], expected: list[str]
) -> None:
    looked = facts(declared(Free(), at=at), **more)
    assert [problem.code for problem in examine(looked)] == expected


def test_whose_connection_has_the_port_now_is_shown() -> None:
    going = Finding(
        HIGH, OutgoingConnection(sockets("ESTABLISHED"), blocking=False), HolderSearch()
    )
    port = declared(Free(), at=HIGH)
    assert only(facts(port)).about is None
    about = only(facts(port.replace(outgoing=(going,)))).about
    assert about is not None
    assert about.findings == (going,)


def test_a_better_port_is_outside_the_range_and_nobody_elses() -> None:
    ports = (declared(Free(), DB), declared(Free(), at=HIGH))
    assert "for example 8001" in only(facts(*ports)).remedies[0].title
    narrow = facts(declared(Free(), at=HIGH), ephemeral=(1024, 65535))
    assert "for example" not in only(narrow).remedies[0].title


@pytest.mark.parametrize(
    ("uid", "platform", "commands"),
    [
        (1000, "linux", ["", "sudo sysctl -w net.ipv4.ip_local_reserved_ports=9-10,7,40000"]),
        (0, "linux", ["", "sysctl -w net.ipv4.ip_local_reserved_ports=9-10,7,40000"]),
        (1000, "darwin", [""]),
    ],
)
def test_what_is_reserved_already_stays_reserved(
    uid: int, platform: str, commands: list[str]
) -> None:
    looked = facts(
        declared(Free(), at=HIGH),
        platform=platform,
        viewer=CurrentUser(uid, uid),
        reserved=((9, 10), (7, 7)),
    )
    assert [remedy.command for remedy in only(looked).remedies] == commands


OURS = Program("/venv/bin/devports", "ours", "devports-cli 0.1.0")
PIPX = Program("/home/ann/.local/bin/devports", "ours-elsewhere", "devports-cli 0.0.9")
THEIRS = Program("/usr/bin/devports", "foreign", "devports 0.1.0")
NODES = Program("/usr/lib/bin/devports", "foreign", "a program for node")
STRANGE = Program("/home/ann/bin/devports", "unknown")

PROGRAMS = [
    pytest.param((), [], id="none on PATH"),
    pytest.param((OURS, THEIRS), [], id="ours first"),
    pytest.param((PIPX, OURS), [("other-installation", "note")], id="another installation first"),
    pytest.param((THEIRS, OURS), [("foreign-devports", "warning")], id="the unrelated package"),
    pytest.param((NODES,), [("foreign-devports", "warning")], id="a program for node"),
    pytest.param((STRANGE,), [("foreign-devports", "warning")], id="one that does not tell"),
]


@pytest.mark.parametrize(("programs", "expected"), PROGRAMS)
def test_which_devports_a_script_gets(
    programs: tuple[Program, ...], expected: list[tuple[str, str]]
) -> None:
    assert codes(facts(programs=programs)) == expected


def test_the_unrelated_package_can_be_removed_and_a_stranger_only_passed_by() -> None:
    theirs = only(facts(programs=(THEIRS, OURS)))
    assert [remedy.command for remedy in theirs.remedies] == ["", "pip uninstall devports"]
    assert "before that of /usr/bin/devports" in theirs.remedies[0].title
    assert theirs.evidence[0] == "/usr/bin/devports: devports 0.1.0"
    strange = only(facts(programs=(STRANGE,)))
    assert [remedy.command for remedy in strange.remedies] == [""]
    assert strange.evidence == ("/home/ann/bin/devports",)


def test_the_unrelated_package_in_our_own_environment() -> None:
    problem = only(facts(neighbour=THEIRS))
    assert (problem.code, problem.severity) == ("foreign-package", "error")


def test_the_gravest_comes_first() -> None:
    looked = facts(
        declared(LingeringConnections(sockets("TIME_WAIT", expires=9), blocking=False)),
        declared(LISTENS, BACKEND, SERVER, at=HIGH),
    )
    assert [problem.severity for problem in examine(looked)] == ["error", "warning", "note"]


def test_nothing_is_wrong_where_there_is_nothing() -> None:
    assert codes(Facts("linux")) == []
    nobody = Facts("linux", ports=(declared(LISTENS, BACKEND, SERVER),))
    assert codes(nobody) == [("port-held", "error")]

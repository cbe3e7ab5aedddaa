"""What has to end so that a port is free, and with whose consent."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from devports.core.command_line import is_shell
from devports.core.holder_kind import (
    Container,
    CurrentUser,
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Place,
    Protected,
    RunInfo,
    SupervisedService,
)
from devports.core.model import Holder, Process, ProcessKey
from devports.core.stop_plan import (
    ConfirmPolicy,
    StopTarget,
    confirmation,
    is_inheritor,
    may_restart_children,
    possible_roots,
    targets,
)

if TYPE_CHECKING:
    from devports.core.holder_kind import HolderKind

VIEWER = CurrentUser(1000, 1000, (ProcessKey(30, 1),))
PYTHON = "/usr/bin/python3.11"
SPAWN = "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)"


def process(pid: int, *argv: str, **facts: object) -> Process:
    name = argv[0].rpartition("/")[2] if argv else "x"
    return Process(ProcessKey(pid, 1), pid - 1, 1000, "lana", name, argv).replace(**facts)


INIT = process(1, "systemd", uid=0)
LOGIN = process(9, "systemd", "--user", name="systemd")
TERMINAL = process(20, "/usr/libexec/gnome-terminal-server")
ZSH = process(21, "zsh")
DASH_I = process(21, "bash", "-i")
TMUX = process(22, "tmux", "new", name="tmux: server")
CODE = process(23, "/usr/share/code/code", "--type=ptyHost", name="code")
NPM = process(40, "npm run dev", name="npm run dev")
SH_C = process(41, "sh", "-c", "vite")
NODE = "/usr/bin/node"
RUN = process(39, PYTHON, "/venv/bin/devports", "run", "backend")


def no_run(_: Process) -> RunInfo | None:
    return None


def a_run(process: Process) -> RunInfo | None:
    return RunInfo(process.key, "backend", "/srv") if process == RUN else None


def holders(*lines: tuple[Process, ...]) -> list[Holder]:
    """Make holders: each line is a process and its ancestors, parent first."""
    return [Holder(line[0], (7,), line[1:]) for line in lines]


def tops(found: list[Holder], viewer: CurrentUser = VIEWER) -> list[int]:
    return [target.process.pid for target in targets(found, viewer, a_run)]


UVICORN = process(50, PYTHON, "/venv/bin/uvicorn", "main:app", "--reload", exe=PYTHON)
UVICORN_CHILD = process(51, PYTHON, "-c", SPAWN, "--multiprocessing-fork", exe=PYTHON)
GUNICORN = process(50, "gunicorn: master [app]", exe=PYTHON)
WORKERS = [process(pid, "gunicorn: worker [app]", exe=PYTHON) for pid in (51, 52)]
DJANGO = process(50, "python", "manage.py", "runserver")
DJANGO_CHILD = process(51, "/venv/bin/python", "manage.py", "runserver")
FLASK = process(50, PYTHON, "/venv/bin/flask", "--debug", "run")
FLASK_CHILD = process(51, PYTHON, "/venv/bin/flask", "--debug", "run")
VITE = process(42, NODE, "/srv/node_modules/.bin/vite")
APP = process(51, NODE, "app.js")
NODEMON = process(50, NODE, "/srv/node_modules/.bin/nodemon", "app.js")
WATCH = process(50, NODE, "--watch", "app.js")
TSX = process(50, NODE, "/srv/node_modules/.bin/tsx", "watch", "app.ts")
UV = process(49, "uv", "run", "uvicorn", "main:app")
SCREEN = process(22, "SCREEN", "npm", "run", "dev", name="screen")
FORK = process(51, "./server")
MAKE = process(40, "make", "dev")
ORCHESTRATOR = process(50, PYTHON, "orch.py", "fork")
FORKED = process(51, PYTHON, "orch.py", "fork")
GOD = process(40, "PM2 v6.0.14: God Daemon (/home/lana/.pm2)", name="PM2 v6.0.14: Go")

FAMILIES = [
    pytest.param([(APP, ZSH, TERMINAL)], [51], id="a server typed into a shell: itself"),
    pytest.param([(UVICORN, ZSH), (UVICORN_CHILD, UVICORN, ZSH)], [50],
                 id="uvicorn --reload: the supervisor, which holds the socket too"),
    pytest.param([(UVICORN_CHILD, UVICORN, ZSH)], [50],
                 id="uvicorn --reload, supervisor not seen to hold it: the supervisor"),
    pytest.param([(UVICORN_CHILD, UVICORN, UV, ZSH)], [49], id="uv run uvicorn --reload: uv"),
    pytest.param([(UVICORN_CHILD, LOGIN, INIT)], [51],
                 id="an orphaned uvicorn worker: itself, not who adopted it"),
    pytest.param([(GUNICORN, ZSH), *((worker, GUNICORN, ZSH) for worker in WORKERS)], [50],
                 id="gunicorn: the master"),
    pytest.param([(worker, LOGIN, INIT) for worker in WORKERS], [51, 52],
                 id="gunicorn workers without a master: each of them"),
    pytest.param([(DJANGO_CHILD, DJANGO, ZSH)], [50], id="django runserver: the autoreloader"),
    pytest.param([(FLASK, ZSH), (FLASK_CHILD, FLASK, ZSH)], [50], id="flask --debug: the parent"),
    pytest.param([(VITE, SH_C, NPM, ZSH)], [40], id="npm run dev -> sh -c -> vite: npm"),
    pytest.param([(VITE, NPM, ZSH)], [40], id="npm without a shell between: npm"),
    pytest.param([(VITE, SH_C, ZSH)], [42], id="sh -c without a watcher above it: vite"),
    pytest.param([(APP, NODEMON, ZSH)], [50], id="nodemon: nodemon"),
    pytest.param([(APP, NODEMON, SH_C, NPM, ZSH)], [40], id="npm run -> nodemon -> app: npm"),
    pytest.param([(APP, WATCH, ZSH)], [50], id="node --watch: the watcher"),
    pytest.param([(APP, process(50, NODE, "start.js"), ZSH)], [51],
                 id="a node program that started it and does not watch: the server"),
    pytest.param([(UVICORN_CHILD.replace(exe="/usr/bin/python3.11"),
                   UVICORN.replace(exe="/usr/bin/python3"), ZSH)], [50],
                 id="a worker under another name of the same Python: the supervisor"),
    pytest.param([(UVICORN_CHILD, process(50, "ruby", "x.rb", exe="/usr/bin/ruby"), ZSH)], [51],
                 id="a Python worker below another program: itself"),
    pytest.param([(APP, process(50, "./serve"), ZSH)], [51], id="a parent without words: itself"),
    pytest.param([(process(51, "./serve", "web"), process(50, "./serve", "web"), ZSH)], [50],
                 id="the same words in both: the parent"),
    pytest.param([(APP, TSX, DASH_I)], [50], id="tsx watch: the watcher"),
    pytest.param([(APP, RUN, ZSH)], [39], id="under a devports run: the run"),
    pytest.param([(APP, NODEMON, RUN, ZSH)], [39], id="a watcher under a devports run: the run"),
    pytest.param([(APP, MAKE, RUN, ZSH)], [39], id="make under a devports run: the run"),
    pytest.param([(APP, MAKE, ZSH)], [51], id="make: the server, make ends by itself"),
    pytest.param([(APP, MAKE, NPM, ZSH)], [51], id="npm above make: the server, both end then"),
    pytest.param([(APP, RUN.replace(uid=1001), ZSH)], [51],
                 id="under another user's run: the server"),
    pytest.param([(FORK, ZSH), (process(52, "./server", "x"), ZSH)], [51, 52],
                 id="two servers of one shell: both, not the shell"),
    pytest.param([(VITE, SH_C, NPM, SCREEN)], [40], id="npm typed after screen: npm, not screen"),
    pytest.param([(VITE, process(41, "bun", "run", "dev"), ZSH)], [41], id="bun run: bun"),
    pytest.param([(APP, process(41, "/opt/deno", "task", "dev"), ZSH)], [41], id="deno task: deno"),
    pytest.param([(FORK, process(41, "air"), ZSH)], [41], id="air: air"),
    pytest.param([(APP, process(41, NODE, "air.js"), ZSH)], [51],
                 id="a script whose name only begins so: the server"),
    pytest.param([(APP, process(41, "python3", "air"), ZSH)], [51],
                 id="a person's own script of that short name: the server"),
    pytest.param([(VITE, SH_C, process(40, NODE, "/srv/.bin/concurrently", "vite", "api"), ZSH)],
                 [42], id="concurrently, which runs other servers too: the server"),
    pytest.param([(APP, SH_C, process(40, PYTHON, "/venv/bin/honcho", "start"), ZSH)], [51],
                 id="honcho, which runs other servers too: the server"),
    pytest.param([(VITE, process(41, "npm run dev"), process(40, "turbo", "run", "dev"), ZSH)],
                 [41], id="npm below turbo: npm"),
    pytest.param([(VITE, SH_C, process(40, NODE, "/x/pnpm.cjs", "-r", "run", "dev"), ZSH)], [42],
                 id="pnpm of several packages: the server"),
    pytest.param([(VITE, SH_C, process(40, "npm run dev --workspaces"), ZSH)], [42],
                 id="npm of several packages: the server"),
    pytest.param([(APP, process(41, "bun", "run", "dev.ts"), ZSH)], [51],
                 id="bun with a file, which it runs in itself: the server"),
    pytest.param([(APP, process(41, "bun", "--watch", "dev.ts"), ZSH)], [41],
                 id="bun --watch: bun"),
    pytest.param([(APP, process(41, "/opt/deno", "run", "dev.ts"), ZSH)], [51],
                 id="deno with a file: the server"),
    pytest.param([(FORK, process(41, "dotnet", "watch"), ZSH)], [41], id="dotnet watch: dotnet"),
    pytest.param([(FORK, process(41, "dotnet", "run", "--project", "a/b.csproj"), ZSH)], [41],
                 id="dotnet run: dotnet"),
    pytest.param([(FORK, process(41, "dotnet", "shop.dll"), ZSH)], [51],
                 id="dotnet with a file: the server"),
    pytest.param([(APP, process(40, "make", "npm", "worker", "-j2"), ZSH)], [51],
                 id="make with a target that is called npm: the server"),
    pytest.param([(APP, process(40, PYTHON, "/venv/bin/watchmedo", "auto-restart"), ZSH)], [40],
                 id="a watcher in Python: the watcher"),
    pytest.param([(FORKED, ORCHESTRATOR.replace(listens_elsewhere=True), ZSH)], [51],
                 id="a parent of the same words that serves another port: the server"),
    pytest.param([(FORKED, ORCHESTRATOR, ZSH)], [50], id="one that serves nothing: the parent"),
    pytest.param([(UVICORN_CHILD, ORCHESTRATOR.replace(listens_elsewhere=True), ZSH)], [51],
                 id="a spawning parent that serves another port: the server"),
    pytest.param([(FORKED, ORCHESTRATOR.replace(listens_elsewhere=True), NPM, ZSH)], [51],
                 id="npm above a parent that serves another port: the server"),
    pytest.param([(UVICORN_CHILD, UVICORN.replace(listens_elsewhere=True), ZSH),
                 (UVICORN.replace(listens_elsewhere=True), ZSH)],
                 [50], id="a parent that has this socket too, whatever else it serves: the parent"),
    pytest.param([(process(51, "python3", "-i"), process(50, "python3", "-i"), ZSH)], [51],
                 id="forked in an interactive Python: the server"),
    pytest.param([(UVICORN_CHILD, process(50, PYTHON), ZSH)], [51],
                 id="spawned from an interactive Python: the server"),
    pytest.param([(APP, ZSH, process(40, PYTHON, "lab.py"), RUN, TERMINAL)], [51],
                 id="typed into the terminal of a service of a run: the server, not the run"),
    pytest.param([(APP, TMUX, RUN, ZSH)], [51],
                 id="in a multiplexer below a run: the server, not the run"),
    pytest.param([(APP, process(40, PYTHON, "-m", "ipykernel_launcher"), RUN, ZSH)], [51],
                 id="started from a notebook of a run: the server, not the run"),
    pytest.param([(process(51, "ssh", "-N", "h"), process(50, "autossh", "-N", "h"), ZSH)], [50],
                 id="autossh: autossh, which would start ssh again"),
    pytest.param([(APP, GOD, INIT), (GOD, INIT)], [51, 40],
                 id="pm2's daemon, though it holds the socket too: both for themselves"),
    pytest.param([(APP, process(40, PYTHON, "/usr/bin/supervisord"), INIT)], [51],
                 id="supervisord: the server"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), FAMILIES)
def test_a_family_ends_at_its_top(lines: list[tuple[Process, ...]], expected: list[int]) -> None:
    found = holders(*lines)
    assert tops(found) == expected
    plan = targets(found, VIEWER, a_run)
    assert [member for target in plan for member in target.members] == found


PEOPLE = {
    "a shell": ZSH,
    "a shell with -i": DASH_I,
    "a login shell": process(21, "-zsh"),
    "a shell with a script of its own": process(21, "bash", "dev.sh"),
    "tmux": TMUX,
    "screen": SCREEN,
    "an editor": CODE,
    "vim": process(21, "vim", "server.py"),
    "a terminal": TERMINAL,
    "a shell of another user": process(21, "zsh", uid=1001),
    "npm of another user": NPM.replace(uid=1001),
    "the session": LOGIN,
    "init": INIT,
}
CHILDREN = {
    "a plain server": APP,
    "a worker of multiprocessing": UVICORN_CHILD,
    "a line of Python about multiprocessing": process(
        51, "python3", "-c", "import multiprocessing"
    ),
    "a script through sh -c": SH_C,
}


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
@pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN)
def test_nobody_climbs_to_what_a_person_works_in(child: Process, person: Process) -> None:
    assert tops(holders((child, person, TERMINAL, INIT))) == [child.pid]


HEIRS = [
    pytest.param((process(52, "worker"), GUNICORN), True, id="a child of its own"),
    pytest.param((process(52, "worker"), process(51, "sh"), GUNICORN), True, id="one below"),
    pytest.param(
        (GUNICORN.replace(key=ProcessKey(52, 1)), LOGIN),
        True,
        id="one of the same program and words whose parent has gone",
    ),
    pytest.param((UVICORN_CHILD.replace(exe=PYTHON), LOGIN), False, id="another program"),
    pytest.param(
        (GUNICORN.replace(key=ProcessKey(52, 1), uid=1001), LOGIN),
        False,
        id="the same of another user",
    ),
    pytest.param(
        (GUNICORN.replace(key=ProcessKey(52, 1), exe="/usr/bin/perl"), LOGIN),
        False,
        id="the same words of another program",
    ),
]


@pytest.mark.parametrize(("line", "expected"), HEIRS)
def test_an_heir_is_of_the_family(line: tuple[Process, ...], expected: bool) -> None:
    (holder,) = holders(line)
    assert is_inheritor(holder, [GUNICORN]) is expected


def test_of_whom_it_matters_what_else_they_serve() -> None:
    (holder,) = holders((VITE, SH_C, NPM, MAKE, ZSH))
    assert possible_roots(holder) == [NPM]
    (holder,) = holders((APP, ZSH, TERMINAL))
    assert possible_roots(holder) == []


def test_nobody_climbs_to_the_line_that_devports_runs_in() -> None:
    own = NPM.replace(key=ProcessKey(30, 1))
    assert tops(holders((VITE, SH_C, own, ZSH))) == [42]
    inside = CurrentUser(1000, 1000, (RUN.key,))
    assert tops(holders((APP, RUN, ZSH)), inside) == [51]


def test_a_target_carries_the_strictest_standing_of_its_family() -> None:
    unit = UVICORN_CHILD.replace(cgroup="/system.slice/shop.service")
    (target,) = targets(holders((UVICORN, ZSH), (unit, UVICORN, ZSH)), VIEWER, no_run)
    assert isinstance(target.kind, SupervisedService)
    assert target.process == UVICORN
    assert len(target.members) == 2


def test_a_run_of_ours_is_mine() -> None:
    found = holders((APP, RUN, ZSH))
    assert targets(found, VIEWER, a_run) == (
        StopTarget(RUN, DevportsRun(RunInfo(RUN.key, "backend", "/srv")), tuple(found)),
    )


def test_no_holder_needs_no_plan() -> None:
    assert targets([], VIEWER, no_run) == ()


@pytest.mark.parametrize(
    ("shell", "between", "supervises"),
    [
        pytest.param(SH_C, True, True, id="sh -c"),
        pytest.param(process(5, "/bin/bash", "-e", "-c", "x"), True, True, id="bash -e -c"),
        pytest.param(process(5, "bash", "run.sh"), False, True, id="a script"),
        pytest.param(ZSH, False, False, id="a person's shell"),
        pytest.param(DASH_I, False, False, id="a person's shell with -i"),
        pytest.param(process(5, NODE, "-c", "x.js"), False, True, id="no shell at all"),
        pytest.param(CODE, False, False, id="an editor"),
        pytest.param(INIT, False, False, id="init"),
    ],
)
def test_a_shell_in_between_is_told_from_a_persons(
    shell: Process, between: bool, supervises: bool
) -> None:
    assert is_shell(shell) is between
    assert may_restart_children(shell) is supervises


HOME, AWAY = Place("/w/feat", "feat"), Place("/w/shop", "main")
LIVE, DEAD = RunInfo(RUN.key, "web", "/w/shop"), RunInfo(RUN.key, "web", "/w/shop", left=True)
SIBLING = OtherCheckout("sibling", AWAY, HOME)
ELSEWHERE = [
    place.replace(run=run)
    for place in (SIBLING, SIBLING.replace(relation="project"))
    for run in (None, LIVE, DEAD)
]
STANDINGS: list[HolderKind] = [
    OrdinaryProcess(),
    DevportsRun(RunInfo(RUN.key, "backend", "/srv")),
    DevportsRun(RunInfo(RUN.key, "backend", "/srv", left=True)),
    OtherUser("bob", permitted=True),
    OtherUser("bob", permitted=False),
    SupervisedService("systemd", "x.service", "systemctl stop x.service"),
    Container("docker"),
    Container("docker", "db", "postgres", "ab" * 32, "one"),
    Container("docker", engine_answer="several"),
    Container("docker", engine_answer="none"),
    Container("docker", "abab", engine_answer="inside"),
    Protected("init"),
    *ELSEWHERE,
]


def allowed(standing: HolderKind, policy: ConfirmPolicy) -> str:
    """Say it again, as the law says it and not as the code does."""
    if isinstance(standing, Protected | SupervisedService):
        return "refused"
    if isinstance(standing, Container) and standing.engine_answer != "one":
        return "refused"
    if isinstance(standing, OtherUser):
        if not standing.permitted:
            return "refused"
        granted = policy.yes and policy.other_users
    elif isinstance(standing, OtherCheckout) and (
        standing.relation == "sibling" or standing.run == LIVE
    ):
        if policy.yes:
            return "granted" if policy.other_checkouts else "refused"
        granted = False
    else:
        left_here = (
            isinstance(standing, DevportsRun)
            and standing.run.left
            and standing.run.project == "/srv"
        )
        granted = policy.yes or (policy.reclaim_project == "/srv" and left_here)
    return "granted" if granted else ("ask" if policy.interactive else "unanswerable")


@pytest.mark.parametrize("standing", STANDINGS, ids=repr)
def test_consent_follows_the_law_for_every_policy(standing: HolderKind) -> None:
    both = (False, True)
    for yes, others, asks, reclaim, checkouts in product(
        both, both, both, ("", "/srv", "/other", "/w/shop"), both
    ):
        policy = ConfirmPolicy(yes, others, asks, reclaim, other_checkouts=checkouts)
        assert confirmation(standing, policy) == allowed(standing, policy), policy


def test_yes_alone_never_covers_another_user() -> None:
    other = OtherUser("bob", permitted=True)
    assert confirmation(other, ConfirmPolicy(yes=True, interactive=True)) == "ask"
    assert confirmation(other, ConfirmPolicy(yes=True)) == "unanswerable"
    assert confirmation(other, ConfirmPolicy(other_users=True)) == "unanswerable"
    assert confirmation(other, ConfirmPolicy(yes=True, other_users=True)) == "granted"


def test_yes_alone_never_covers_a_sibling_on_a_terminal_or_not() -> None:
    sibling = SIBLING.replace(run=LIVE)
    assert confirmation(sibling, ConfirmPolicy(interactive=True)) == "ask"
    assert confirmation(sibling, ConfirmPolicy(yes=True, interactive=True)) == "refused"
    assert confirmation(sibling, ConfirmPolicy(yes=True, other_users=True)) == "refused"
    assert confirmation(sibling, ConfirmPolicy(other_checkouts=True)) == "unanswerable"
    assert confirmation(sibling, ConfirmPolicy(yes=True, other_checkouts=True)) == "granted"


def test_what_a_siblings_run_left_is_not_reclaimed() -> None:
    left = SIBLING.replace(run=DEAD)
    assert confirmation(left, ConfirmPolicy(reclaim_project="/w/shop")) == "unanswerable"


def test_where_a_service_shall_fail_nothing_is_granted_or_asked() -> None:
    policy = ConfirmPolicy(
        yes=True, other_users=True, interactive=True, reclaim_project="/srv", never_ask=True
    )
    assert {confirmation(standing, policy) for standing in STANDINGS} == {"refused", "unanswerable"}


def test_without_a_word_and_without_a_terminal_nothing_is_granted() -> None:
    assert {confirmation(standing, ConfirmPolicy()) for standing in STANDINGS} == {
        "refused",
        "unanswerable",
    }

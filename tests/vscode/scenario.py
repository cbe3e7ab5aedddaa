"""What is done in VS Code, and what must be seen. The steps are those of `driver.mjs`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from tests.vscode.workspace import BELOW, WAITS, WAITS_FOR_ALL, Workspace, supervisord

Step: TypeAlias = dict[str, Any]
Play: TypeAlias = Callable[[Workspace], Iterator[Step]]

USAGE, DECLINED, REFUSED, NOT_READY, NOT_FOUND, INTERRUPTED = 2, 90, 91, 95, 127, 130
FORMER = Path(__file__).parents[1] / "recorded" / "vscode-files" / "one.tasks.json"
HELD = r"1: port \d+ of `backend` is in use by `python3?[\d.]*` \(pid \d+\), not freed"
"""The problem: the line of the service, its port, and the holder."""
QUESTION = r"in use by `python3[^?]*\?"


def note(text: str) -> Step:
    return {"note": text}


def asked() -> Step:
    return {"expectAsked": QUESTION}


def pointed(key: str) -> Iterator[Step]:
    """Point at the second answer, by its key: from then on every key counts."""
    yield asked()
    yield {"pressUntil": {"press": "ArrowDown", "shows": f"> {key}"}}


def hog(space: Workspace, name: str = "backend") -> Step:
    """Take the port of a service with a server that is nobody's of this project."""
    port = space.ports[name]
    python = shutil.which("python3", path="/usr/bin:/bin") or "python3"
    words = [python, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", "/"]
    return {"start": {"id": "hog", "words": words, "port": port}}


def kept(space: Workspace, name: str = "backend") -> Step:
    """Take the port of a service with a server that a supervisord starts again and again."""
    words = [".venv/bin/supervisord", "-n", "-c", supervisord(space, name)]
    return {"start": {"id": "supervisord", "words": words, "port": space.ports[name]}}


def answered(key: str) -> Iterator[Step]:
    """Answer the question by a key: when it was answered, its answers are gone."""
    yield asked()
    yield {"pressUntil": {"press": key, "gone": r"^ > \w  "}}


def declined(key: str) -> Iterator[Step]:
    """Answer no by a key; Esc counts as soon as another answer than "no" can be selected."""
    if key == "Escape":
        yield from pointed("y")
        yield {"press": key}
    else:
        yield from answered(key)


def launch_stops(label: str, code: int, picture: str) -> Iterator[Step]:
    """The hook of a launch has failed: it is over, VS Code says so, and nothing is debugged."""
    yield {"expectEvent": {"event": "processEnd", "name": label, "code": code}}
    yield {"expectEvent": {"event": "taskEnd", "name": label}}
    yield {"expectDialog": f"terminated with exit code {code}"}
    yield {"screenshot": picture}
    yield {"clickDialog": "Abort"}
    yield {"expectDebug": False}
    yield {"expectNoToast": "Waiting for"}


def start_is_stopped(label: str, code: int) -> Iterator[Step]:
    """A background task that a launch waits for has failed: VS Code asks, and debugs nothing."""
    yield {"expectEvent": {"event": "processEnd", "name": label, "code": code}}
    yield {"expectDialog": "Errors? exist"}
    yield {"clickDialog": "Abort"}
    yield {"expectDebug": False}
    yield {"expectNoToast": "Waiting for"}


def ended(space: Workspace, label: str, name: str) -> Iterator[Step]:
    """Terminate a task; its port must be free and nobody may be left."""
    yield {"terminateTask": label}
    yield {"expectPort": {"port": space.ports[name], "open": False}}
    yield {"expectNoOrphans": True}


def serving(space: Workspace, name: str = "backend") -> Iterator[Step]:
    """Run a service until it serves: a terminal may still show that its last run was ready."""
    yield {"runTask": f"Run {name.title()}"}
    yield {"expectPage": space.url(name), "timeout": 40000}
    yield {"expectTerminal": f"`{name}` is ready on"}


def ready_again(space: Workspace) -> Iterator[Step]:
    yield note("the next run is ready")
    yield from serving(space)
    yield from ended(space, "Run Backend", "backend")


def files(space: Workspace) -> Iterator[Step]:
    yield note("VS Code has nothing to say against what devports wrote")
    yield {"expectNoProblem": {"file": ".vscode/tasks.json"}}
    yield {"expectNoProblem": {"file": ".vscode/launch.json"}}
    yield {"expectTasks": ["build", "Run Backend", "Free Backend Port", "Run All"]}


def running(space: Workspace) -> Iterator[Step]:
    yield note("Run Backend on a free port, twice, and its end")
    yield {"runTask": "Run Backend"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield {"screenshot": "ready"}
    yield {"expectFocus": True}
    yield {"runTask": "Run Backend"}
    yield {"expectToast": "instance limit"}
    yield from ended(space, "Run Backend", "backend")


def held(space: Workspace) -> Iterator[Step]:
    yield note("Run Backend on a held port: the question is answered with the arrows and Enter")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield asked()
    yield {"expectTerminal": "> n  no, leave it running"}
    yield {"screenshot": "question"}
    yield from pointed("y")
    yield {"press": ["ArrowDown", "ArrowDown"]}
    yield {"expectTerminal": "> p  no, start `backend` on the next free port"}
    yield {"press": ["ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp"]}
    yield {"expectTerminal": "> n  no, leave it running"}
    yield {"press": "ArrowDown"}
    yield {"expectTerminal": "> y  yes, stop it and start `backend`"}
    yield {"press": "Enter"}
    yield {"expectTerminal": QUESTION + r"\s+yes"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield {"screenshot": "freed"}
    yield from ended(space, "Run Backend", "backend")
    yield note("the same by one key")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield from answered("y")
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield from ended(space, "Run Backend", "backend")
    yield note("declined, the task has failed; the problem is shown while it runs")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield from answered("n")
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": DECLINED}}
    yield {"expectProblem": {"file": "devports.toml", "text": HELD}}
    yield {"stop": "hog"}
    yield from ready_again(space)


def beside(space: Workspace) -> Iterator[Step]:
    yield note("another port, by arrows: the holder stays")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield from pointed("y")
    yield {"press": ["ArrowDown", "ArrowDown", "Enter"]}
    yield {"expectTerminal": QUESTION + r"\s+no,\s+on\s+another\s+port"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield {"terminateTask": "Run Backend"}
    yield {"expectNoOrphans": True}
    yield {"stop": "hog"}
    yield note("Esc is no")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield from pointed("y")
    yield {"press": "Escape"}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": DECLINED}}
    yield {"expectPage": space.url("backend")}
    yield {"stop": "hog"}
    yield from ready_again(space)


def hooked(space: Workspace) -> Iterator[Step]:
    yield note("F5 with the hook: declined, the launch stops with the dialog of VS Code")
    yield hog(space)
    yield {"debug": "show"}
    yield from answered("Enter")
    yield from launch_stops("Free Backend Port", DECLINED, "declined")
    yield note("F5 with the hook: agreed, the debugger starts")
    yield {"debug": "show"}
    yield from pointed("y")
    yield {"press": "Enter"}
    yield {"expectDebug": True}
    yield {"stopDebug": True}
    yield {"stop": "hog"}


def awaited(space: Workspace) -> Iterator[Step]:
    yield note("a configuration that waits for Run Backend, declined three times: never started")
    yield hog(space)
    for start in ({"debug": WAITS}, {"f5": True}, {"f5": True}):
        yield start
        yield from answered("n")
        yield from start_is_stopped("Run Backend", DECLINED)
    yield {"screenshot": "awaited-declined"}
    yield note("the same with Ctrl+C at the question, and with a configuration that is wrong")
    for _ in range(2):
        yield {"f5": True}
        yield asked()
        yield {"press": "Control+c"}
        yield from start_is_stopped("Run Backend", INTERRUPTED)
    with open(f"{space.folder}/devports.toml", encoding="utf-8") as file:
        right = file.read()
    yield {"write": {"file": "devports.toml", "text": right + "prot = 1\n"}}
    for _ in range(2):
        yield {"f5": True}
        yield from start_is_stopped("Run Backend", USAGE)
    yield {"write": {"file": "devports.toml", "text": right}}
    yield note("the port is free again: F5 starts")
    yield {"stop": "hog"}
    yield {"f5": True}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectDebug": True}
    yield {"expectEvent": {"event": "debugStart", "name": WAITS}}
    yield {"screenshot": "awaited-started"}
    yield {"stopDebug": True}
    yield from ended(space, "Run Backend", "backend")


def supervised(space: Workspace) -> Iterator[Step]:
    yield note("a holder that supervisord starts again, F5: no question, the launch stops")
    yield kept(space)
    yield {"debug": "show"}
    yield from launch_stops("Free Backend Port", REFUSED, "supervised-launch")
    yield note("Run Backend: the task has failed, the command to run by hand is in its terminal")
    yield {"runTask": "Run Backend"}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": REFUSED}}
    yield {"expectTerminal": "supervisorctl"}
    yield {"expectProblem": {"file": "devports.toml", "text": HELD}}
    yield {"screenshot": "supervised"}
    yield {"expectPage": space.url("backend")}
    yield {"stop": "supervisord"}
    yield from ready_again(space)
    yield note("Debug Api: no debugger starts")
    yield kept(space, "api")
    yield {"debug": "Debug Api"}
    yield {"expectEvent": {"event": "processEnd", "name": "Debug Api: server", "code": REFUSED}}
    yield {"expectDialog": "Errors? exist"}
    yield {"clickDialog": "Abort"}
    yield {"expectDebug": False}
    yield {"expectNoToast": "Waiting for"}
    yield {"stop": "supervisord"}


def protected(space: Workspace) -> Iterator[Step]:
    yield note("the port of VS Code itself: never ended, the task and the launch fail")
    with open(f"{space.folder}/devports.toml", encoding="utf-8") as file:
        right = file.read()
    wrong = right.replace(f"port = {space.ports['backend']}\n", "port = PORT_OF_VS_CODE\n")
    yield {"write": {"file": "devports.toml", "text": wrong}}
    yield {"debug": "show"}
    yield from launch_stops("Free Backend Port", REFUSED, "protected-launch")
    yield {"runTask": "Run Backend"}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": REFUSED}}
    yield {"expectTerminal": "devports runs inside that process"}
    yield {"screenshot": "protected"}
    yield {"write": {"file": "devports.toml", "text": right}}
    yield from ready_again(space)


def missing(space: Workspace) -> Iterator[Step]:
    yield note("devports is not installed: exit code 127, in the terminal and in the dialog")
    yield {"sh": {"words": ["mv", ".venv/bin/devports", ".venv/bin/away"]}}
    yield {"runTask": "Run Backend"}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": NOT_FOUND}}
    yield {"expectTerminal": "devports: command not found"}
    yield {"debug": "show"}
    yield from launch_stops("Free Backend Port", NOT_FOUND, "missing")
    yield {"debug": "Debug Api"}
    yield {"expectEvent": {"event": "processEnd", "name": "Debug Api: server", "code": NOT_FOUND}}
    yield {"expectDialog": "has not exited and doesn't have a 'problemMatcher' defined"}
    yield {"screenshot": "missing-debug"}
    yield {"clickDialog": "Cancel"}
    yield {"expectDebug": False}
    yield {"sh": {"words": ["mv", ".venv/bin/away", ".venv/bin/devports"]}}


def failing(space: Workspace) -> Iterator[Step]:
    yield note("a configuration that is wrong shows on devports.toml while the task runs")
    with open(f"{space.folder}/devports.toml", encoding="utf-8") as file:
        right = file.read()
    yield {"write": {"file": "devports.toml", "text": right + "prot = 1\n"}}
    yield {"runTask": "Run Backend"}
    line = right.count("\n") + 1
    text = f"{line}: .*has 1 error: .*did you mean `port`"
    yield {"expectProblem": {"file": "devports.toml", "text": text}}
    yield {"expectProblemGone": {"file": "devports.toml"}}
    yield {"write": {"file": "devports.toml", "text": right}}


def debugged(space: Workspace) -> Iterator[Step]:
    yield note("Debug Api on a held port, three times in a row: declined, no debugger starts")
    yield hog(space, "api")
    for start, no in (({"debug": "Debug Api"}, "n"), ({"f5": True}, "Escape"), ({"f5": True}, "n")):
        yield start
        yield from declined(no)
        yield from start_is_stopped("Debug Api: server", DECLINED)
    yield {"stop": "hog"}
    yield note("the same with a configuration that is wrong")
    right = space.read("devports.toml")
    yield {"write": {"file": "devports.toml", "text": right + "prot = 1\n"}}
    for _ in range(3):
        yield {"f5": True}
        yield from start_is_stopped("Debug Api: server", USAGE)
    yield {"write": {"file": "devports.toml", "text": right}}
    yield note("Debug Api: devports starts the server, VS Code attaches; again after a reload")
    yield {"debug": "Debug Api"}
    yield {"expectDebug": True}
    yield {"expectEvent": {"event": "debugStart", "name": "Debug Api"}}
    yield {"expectPage": space.url("api")}
    yield {"screenshot": "debug"}
    yield {"stopDebug": True}
    yield {"expectPage": space.url("api")}
    yield {"reload": True}
    yield {"expectEvent": {"event": "taskStart", "name": "Debug Api: server"}}
    yield {"expectTerminal": "`api` is ready on"}
    yield {"debug": "Debug Api"}
    yield {"expectDebug": True}
    yield {"stopDebug": True}
    yield from ended(space, "Debug Api: server", "api")
    yield {"expectPort": {"port": space.ports["debugger"], "open": False}}


def servers(space: Workspace) -> Iterator[Step]:
    for name in ("reload", "forks", "web"):
        yield note(f"Run {name.title()}, and Terminate Task leaves neither port nor orphan")
        yield from serving(space, name)
        yield from ended(space, f"Run {name.title()}", name)


def restarted(space: Workspace) -> Iterator[Step]:
    yield note(
        "Restart Running Task five times quickly, with a server that needs two seconds to end"
    )
    yield {"runTask": "Run Slow"}
    yield {"expectTerminal": "`slow` is ready on"}
    for _ in range(5):
        yield {"restartTask": "Run Slow"}
    yield {"expectTerminal": "`slow` is ready on", "timeout": 60000}
    yield {"expectPage": space.url("slow")}
    yield {"expectNoOrphans": True}
    yield from ended(space, "Run Slow", "slow")


def together(space: Workspace) -> Iterator[Step]:
    yield note("Run All")
    yield {"runTask": "Run All"}
    for name in ("backend", "reload", "forks", "web", "slow", "api"):
        yield {"expectPage": space.url(name), "timeout": 60000}
    yield {"screenshot": "all"}
    yield {"terminateTask": "All Running Tasks"}
    for name in ("backend", "reload", "forks", "web", "slow", "api"):
        yield {"expectPort": {"port": space.ports[name], "open": False}}
    yield {"expectNoOrphans": True}


def started(space: Workspace) -> Iterator[Step]:
    yield note("Ctrl+Shift+B starts the default build task, without a list")
    yield {"press": "Control+Shift+b"}
    yield {"expectEvent": {"event": "taskStart", "name": "Run Backend"}}
    yield {"expectNoList": True}
    yield {"expectTerminal": "`backend` is ready on"}
    yield from ended(space, "Run Backend", "backend")
    yield note("a background task without a matcher is no matter where nothing waits for it")
    yield {"runTask": "blind"}
    yield {"expectEvent": {"event": "taskStart", "name": "blind"}}
    yield {"expectQuiet": 7000}
    yield {"expectEvent": {"event": "taskEnd", "name": "blind"}}


def small(space: Workspace) -> Iterator[Step]:
    yield note("a panel of 11 rows shows the port, the holder and all answers")
    yield {"resize": [1280, 560]}
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield asked()
    port = space.ports["backend"]
    yield {"expectTerminal": rf"{port}[^?]*in use by `python3[^?]*\(pid \d+\)"}
    for row in ("y  yes", "n  no", "d  show", "p  no"):
        yield {"expectTerminal": rf"\n +(> )?{row}"}
    yield {"screenshot": "small"}
    yield from answered("n")
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": DECLINED}}
    yield {"stop": "hog"}
    yield {"resize": [1280, 860]}


def former(space: Workspace) -> Iterator[Step]:
    yield note("with tasks of an earlier version a declined start stops the launch as well")
    with open(FORMER, encoding="utf-8") as file:
        text = file.read()
    now = space.read(".vscode/tasks.json")
    yield {"write": {"file": ".vscode/tasks.json", "text": text}}
    yield hog(space)
    for start in ({"debug": WAITS}, {"f5": True}):
        yield start
        yield from answered("n")
        yield from start_is_stopped("Run Backend", DECLINED)
    yield {"stop": "hog"}
    yield {"write": {"file": ".vscode/tasks.json", "text": now}}


def attached(space: Workspace) -> Iterator[Step]:
    yield note("Debug Py: VS Code attaches to debugpy, stops at a breakpoint and continues")
    yield {"debug": "Debug Py"}
    yield {"expectDebug": True, "timeout": 60000}
    yield {"expectEvent": {"event": "debugStart", "name": "Debug Py", "type": "debugpy"}}
    yield {"ask": space.url("py")}
    yield {"expectEvent": {"event": "stopped", "name": "Debug Py", "reason": "breakpoint"}}
    yield {"screenshot": "debugpy"}
    yield {"f5": True}
    yield {"stopDebug": True}
    yield {"expectPage": space.url("py")}
    yield from ended(space, "Debug Py: server", "py")
    yield {"expectPort": {"port": space.ports["debugpy"], "open": False}}


def crashed(space: Workspace) -> Iterator[Step]:
    yield note("a server that crashes after it was ready: its exit code, and nothing is left")
    yield from serving(space)
    yield {"ask": space.url("backend", "crash")}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": 3}}
    yield {"expectTerminal": "`backend` exited with code 3"}
    yield {"expectPort": {"port": space.ports["backend"], "open": False}}
    yield {"expectNoOrphans": True}
    yield from ready_again(space)


def worker(space: Workspace) -> Iterator[Step]:
    yield note("the serving process behind a reloader dies: said in its terminal, the task lives")
    yield from serving(space, "reload")
    yield {"kill": "spawn_main"}
    yield {"expectTerminal": "`reload` is stalled", "timeout": 40000}
    yield {"screenshot": "stalled"}
    yield from ended(space, "Run Reload", "reload")


def closed(space: Workspace) -> Iterator[Step]:
    yield note("the window is closed: the server stays, and a new window can take it over")
    yield from serving(space)
    yield {"closeWindow": True}
    yield {"expectPage": space.url("backend")}
    yield {"openWindow": True}
    yield {"expectPage": space.url("backend")}
    yield {"runTask": "Run Backend"}
    yield {"expectAsked": "already running", "timeout": 40000}
    yield {"screenshot": "reopened"}
    yield {"pressUntil": {"press": "y", "gone": r"^ > \w  "}}
    yield {"expectTerminal": "`backend` is ready on", "timeout": 40000}
    yield from ended(space, "Run Backend", "backend")


def several(space: Workspace) -> Iterator[Step]:
    yield note("a workspace of several folders: the task runs in the folder of its file")
    yield from serving(space)
    yield from ended(space, "Run Backend", "backend")


def below(space: Workspace) -> Iterator[Step]:
    yield note("a configuration below the opened folder: Run, and the problem on its file")
    yield from serving(space)
    yield from ended(space, "Run Backend", "backend")
    path = f"{BELOW}/devports.toml"
    right = space.read(path)
    yield {
        "write": {
            "file": path,
            "text": right.replace("[services.frontend]", "[services.front]\nprot = 1"),
        }
    }
    yield {"runTask": "Run Backend"}
    line = right.splitlines().index("[services.frontend]") + 2
    yield {"expectProblem": {"file": "devports.toml", "text": f"{line}: .*unknown key"}}
    yield {"write": {"file": path, "text": right}}
    yield note("F5, declined and agreed")
    yield hog(space)
    yield {"debug": WAITS}
    yield from answered("n")
    yield from start_is_stopped("Run Backend", DECLINED)
    yield {"debug": WAITS}
    yield from answered("y")
    yield {"expectDebug": True}
    yield {"stopDebug": True}
    yield from ended(space, "Run Backend", "backend")
    yield {"stop": "hog"}
    yield from held_open(space)
    yield note("Run All, no to the first service: what needs it ends at once and says why")
    yield hog(space)
    for no in ("n", "Escape"):
        yield {"runTask": "Run All"}
        yield from declined(no)
        end = {"event": "processEnd", "name": "Run Frontend", "code": NOT_READY}
        yield {"expectEvent": end, "measured": True}
        yield {"expectTerminal": "`backend` is not running: its port is in use"}
    yield {"screenshot": "all-declined"}
    yield note("what VS Code itself gets wrong: a configuration that waits for Run All is started")
    yield {"debug": WAITS_FOR_ALL}
    yield from answered("n")
    yield {"expectEvent": {"event": "processEnd", "name": "Run Frontend", "code": NOT_READY}}
    yield {"expectDebug": True}
    yield {"stopDebug": True}
    yield note("Run All, yes: both run")
    yield {"runTask": "Run All"}
    yield from answered("y")
    yield {"expectPage": space.url("backend")}
    yield {"expectPage": space.url("web")}
    yield {"terminateTask": "All Running Tasks"}
    for name in ("backend", "web"):
        yield {"expectPort": {"port": space.ports[name], "open": False}}
    yield {"stop": "hog"}


def held_open(space: Workspace) -> Iterator[Step]:
    yield note("a failed process that is held open: the problem is on the line of its service")
    tasks = space.read(".vscode/tasks.json")
    command = "devports run frontend"
    yield from serving(space)
    yield {
        "write": {
            "file": ".vscode/tasks.json",
            "text": tasks.replace(command, f"{command}; read key"),
        }
    }
    yield hog(space, "web")
    yield {"runTask": "Run Frontend"}
    yield from answered("n")
    line = space.read(f"{BELOW}/devports.toml").splitlines().index("[services.frontend]") + 1
    text = rf"{line}: port {space.ports['web']} of `frontend` is in use by"
    yield {"expectProblem": {"file": "devports.toml", "text": text}}
    yield {"expectProblemStays": {"file": "devports.toml"}}
    yield {"screenshot": "held-open"}
    yield {"press": "Enter"}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Frontend"}}
    yield {"expectProblemGone": {"file": "devports.toml"}}
    yield {"stop": "hog"}
    yield {"write": {"file": ".vscode/tasks.json", "text": tasks}}
    yield from ended(space, "Run Backend", "backend")


PARTS: dict[str, Play] = {
    part.__name__: part
    for part in (
        files,
        running,
        started,
        held,
        small,
        beside,
        hooked,
        awaited,
        former,
        supervised,
        protected,
        missing,
        failing,
        debugged,
        attached,
        servers,
        crashed,
        worker,
        restarted,
        together,
        closed,
    )
}
WINDOWS: dict[str, Play] = {part.__name__: part for part in (several, below)}
"""The parts with a window of their own: of two folders, and of a folder above a configuration."""

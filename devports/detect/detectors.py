"""What `devports init` finds in a project: one small pure detector a kind of file.

A detector takes a `Tree`, the texts that were read, and yields what it found with the line that
says so. To add one: write the function in the module it belongs to and name it in `DETECTORS`;
a server that is known by its name needs no more than a row in `servers`.
"""

from __future__ import annotations

from devports.detect.compose import FILES as COMPOSE_FILES
from devports.detect.compose import composed
from devports.detect.editor import editors
from devports.detect.node import packages
from devports.detect.procfile import FILES as PROCFILES
from devports.detect.procfile import procfiles
from devports.detect.python import applications, managed, streamlits
from devports.detect.settle import Settled, settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.detect.found import Tree

DETECTORS = (managed, applications, streamlits, packages, procfiles, editors, composed)
"""In the order of how much they know: the first find of a service says how it is started."""

CODE = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts")
NAMED = frozenset(
    "package.json angular.json manage.py launch.json tasks.json www"
    " pyproject.toml requirements.txt .env .env.local .env.development".split()
) | {*COMPOSE_FILES, *PROCFILES}


def wanted(name: str) -> bool:
    """Say whether a detector reads files of this name."""
    return name in NAMED or (name.endswith(CODE) and not name.endswith((".d.ts", ".min.js")))


def detect(tree: Tree) -> Settled:
    """Return the services of a project, and what looks like one and is left out."""
    return settled(tree, (find for detector in DETECTORS for find in detector(tree)))

"""The devports that is measured: a wheel of this folder, in a fresh environment, by the newest pip.

An editable install starts with a hook on the path (https://peps.python.org/pep-0660/), and the
script that an older pip writes imports `re`: neither is what users have.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile

from tests.bench.pairs import progress

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@functools.cache
def environment() -> str:
    """Return the folder of the environment's programs. It is made once, and gone at our end."""
    folder = tempfile.TemporaryDirectory(prefix="devports-bench-")
    atexit.register(folder.cleanup)
    progress("making an environment and installing a wheel")
    python = os.path.join(folder.name, "bin", "python")
    for words in (
        (sys.executable, "-m", "venv", folder.name),
        (python, "-m", "pip", "install", "-qq", "--upgrade", "pip"),
        (python, "-m", "pip", "install", "-qq", ROOT),
    ):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=folder.name)
    return os.path.dirname(python)


def python() -> str:
    """Return the interpreter that the wheel is installed for."""
    return os.path.join(environment(), "python")


def devports() -> str:
    return os.path.join(environment(), "devports")

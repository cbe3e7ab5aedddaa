"""The devports that is measured: a wheel of this folder, in a fresh environment, by the newest pip.

An editable install starts with a hook on the path (https://peps.python.org/pep-0660/), which no
user has. The script that the pip beside this Python writes may import `re`, as older ones do: it is
kept, to be measured beside the newest one's.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile

from tests.bench.pairs import progress

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

BUNDLED = "devports-by-bundled-pip"


@functools.cache
def environment() -> str:
    """Return the folder of the environment's programs. It is made once, and gone at our end."""
    folder = tempfile.TemporaryDirectory(prefix="devports-bench-")
    atexit.register(folder.cleanup)
    os.chmod(folder.name, 0o755)  # for other users
    progress("making an environment and installing a wheel")
    python = os.path.join(folder.name, "bin", "python")
    run = functools.partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, cwd=folder.name)
    pip = (python, "-m", "pip", "install", "-qq")
    run((sys.executable, "-m", "venv", folder.name))
    run((*pip, ROOT))
    programs = os.path.dirname(python)
    shutil.copy(os.path.join(programs, "devports"), os.path.join(programs, BUNDLED))
    run((*pip, "--upgrade", "pip"))
    run((*pip, "--force-reinstall", "--no-deps", ROOT))
    return programs


def python() -> str:
    """Return the interpreter that the wheel is installed for."""
    return os.path.join(environment(), "python")


def devports() -> str:
    return os.path.join(environment(), "devports")


def bundled() -> str:
    """Return the same program by the script that the pip beside this Python has written."""
    return os.path.join(environment(), BUNDLED)

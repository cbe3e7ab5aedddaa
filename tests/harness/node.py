"""Packages from npm: installed by their lock file, once, into a folder that every user may read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "node")
FILES = ("package.json", "package-lock.json")
WITHIN = 120.0
_ONE_AT_A_TIME = threading.Lock()


class MissingError(Exception):
    """What a test needs and this machine does not have; the text is the reason to skip."""


def modules() -> str:
    """Return the `node_modules` folder, installing it if it is not there yet.

    Raises:
        MissingError: there is no npm, or its registry cannot be reached.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingError("this machine has no node with npm")
    folder = os.path.join(tempfile.gettempdir(), f"devports-test-node-{_version()}")
    with _ONE_AT_A_TIME:
        if not _is_ours(folder):
            _install(folder)
    return os.path.join(folder, "node_modules")


def _version() -> str:
    text = b"".join(_read(name) for name in FILES)
    return f"{os.getuid()}-{hashlib.sha256(text).hexdigest()[:12]}"


def _read(name: str) -> bytes:
    with open(os.path.join(HERE, name), "rb") as file:
        return file.read()


def _is_ours(folder: str) -> bool:
    """Say whether it is there and made by us: everybody may write beside it."""
    with contextlib.suppress(OSError):
        return os.lstat(folder).st_uid == os.getuid() and os.path.isdir(folder)
    return False


def _install(folder: str) -> None:
    """Install into a folder of its own and give it its name when it is whole."""
    fresh = tempfile.mkdtemp(prefix="devports-test-node-")
    try:
        os.chmod(fresh, 0o755)
        for name in FILES:
            shutil.copy(os.path.join(HERE, name), fresh)
        words = "npm ci --no-audit --no-fund --ignore-scripts --loglevel=error".split()
        done = subprocess.run(
            words, cwd=fresh, capture_output=True, text=True, timeout=WITHIN, check=False
        )
        if done.returncode:
            raise MissingError(f"npm ci fails here: {done.stderr.strip().splitlines()[:1]}")
        with contextlib.suppress(OSError):  # another session was quicker
            os.rename(fresh, folder)
    except subprocess.TimeoutExpired:
        raise MissingError(f"npm ci did not end within {WITHIN:.0f} s") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)

"""The modules that are injected into a server, and where its interpreters find them.

Both do nothing until a bind on a declared port fails. They then ask `run.asks` for the port.
"""

from __future__ import annotations

import os
from binascii import crc32

HERE = os.path.dirname(os.path.abspath(__file__))


def python_folder() -> str:
    """Return the folder for PYTHONPATH, which has `sitecustomize` in it and nothing else.

    Should it vanish (devports is uninstalled under a running server), Python passes it over.
    """
    return os.path.join(HERE, "python")


def node_module(state: str) -> str:
    """Return the path of the module for Node, put into `state` once and never removed.

    A server may start further programs for hours, and Node refuses to start when a module that
    NODE_OPTIONS names is missing: it must not go with this installation. The name is the text's.

    Raises:
        OSError: it cannot be written.
    """
    with open(os.path.join(HERE, "node.cjs"), "rb") as file:
        text = file.read()
    folder = os.path.join(state, "hooks")
    path = os.path.join(folder, f"node-{crc32(text):08x}.cjs")
    if not _holds(path, text):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fresh = f"{path}.{os.getpid()}"
        with open(fresh, "wb") as file:
            file.write(text)
        os.replace(fresh, path)
    return path


def _holds(path: str, text: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(text) + 1) == text
    except OSError:
        return False

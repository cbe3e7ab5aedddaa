"""What a hook says to us and we to it: one line each way over a private socket. Pure.

A hook is injected into the server (`run/hooks`); it asks when a bind of the server's has failed.
"""

from __future__ import annotations

from devports.core.model import Endpoint
from devports.core.number import LAST_PORT, decimal
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

VARIABLE = "DEVPORTS_HOOK"
"""How a hook learns of us: `TOKEN PORT,PORT... PATH`; without it a hook does nothing."""
LONGEST = 256
"""Bytes of a question at most."""
YES, RETRY, NO = b"yes\n", b"retry\n", b"no\n"
"""A socket comes with the answer; bind again, nothing of ours is in the way; leave it failed."""


class Ask(Value):
    """A bind that failed.

    `adopts`: a socket of ours, bound to the same address, will do instead; otherwise our hold has
    to go, so that the server's own bind succeeds.
    """

    endpoint: Endpoint
    adopts: bool


def ask_of(line: bytes, token: str, ports: Collection[int]) -> Ask | None:
    """Read a question, `TOKEN adopt|bind ADDRESS PORT`; None for whatever else may come."""
    words = line.decode("ascii", "replace").split()
    if len(words) != 4 or words[0] != token or words[1] not in ("adopt", "bind"):  # noqa: PLR2004
        return None
    port = decimal(words[3], LAST_PORT)
    if port is None or port not in ports or not is_address(words[2]):
        return None
    return Ask(Endpoint(words[2], port), adopts=words[1] == "adopt")


def is_address(word: str) -> bool:
    """Say whether a word may be a numeric address; the kernel has the last word."""
    return all(char in "0123456789abcdefABCDEF.:" for char in word) and bool({".", ":"} & set(word))


def variable(token: str, ports: Iterable[int], path: str) -> str:
    """Return the value of `VARIABLE`."""
    return f"{token} {','.join(map(str, sorted(set(ports))))} {path}"


def node_options(before: str, path: str) -> str:
    """Return NODE_OPTIONS with one more module to load first (nodejs.org/api/cli.html).

    What stands there already stays; a path may hold spaces in quotes, with backslashes escaped.
    """
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'{before} --require "{escaped}"'.lstrip()


def python_path(before: str, folder: str) -> str:
    """Return PYTHONPATH with a folder before everything else."""
    return f"{folder}:{before}" if before else folder

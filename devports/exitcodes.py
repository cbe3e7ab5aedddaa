"""The exit codes: one file, the contract with scripts and editors.

``devports run`` passes the server's own code through; every code of ours is in a band no common
server uses. 128+n stands for signal n, always as a number: an editor shows 0 for a process that
really dies of a signal.
"""

from __future__ import annotations

OK = 0
"""Done: free, freed, valid, shown, or the server ended with 0."""
NO = 1
"""A check says no."""
USAGE = 2
"""The command line or the configuration is wrong."""
HELD = 90
"""Held and not freed: declined, or no terminal to ask on and no --yes."""
PROTECTED = 91
"""The holder is protected, supervised or a container: the right command was printed."""
PERMISSION = 92
"""Permission is missing: another user's process, a privileged or excluded port."""
STILL_HELD = 93
"""Not bindable after every step."""
TAKEN_AGAIN = 94
"""Taken again by somebody else, after bounded attempts."""
NOT_READY = 95
"""The server did not become ready in time."""
IN_CHARGE = 96
"""Another devports run is in charge of this service."""
BLIND = 97
"""There is no way to inspect sockets here."""
INTERNAL = 98
"""A bug in devports; the report file is named."""
NOT_EXECUTABLE = 126
"""The command exists but cannot be executed."""
NOT_FOUND = 127
"""The command does not exist."""


def of_signal(number: int) -> int:
    """Return the exit code that stands for the end by signal `number`."""
    return 128 + number


def of_returncode(returncode: int) -> int:
    """Return the exit code for a child's `returncode` as subprocess gives it (negative: signal)."""
    return returncode if returncode >= 0 else of_signal(-returncode)

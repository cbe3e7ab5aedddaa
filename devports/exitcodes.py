"""The exit codes: one file, the contract with scripts and editors.

``devports run`` passes the server's own code through; devports' own codes are in a range that no
common server uses. 128+n stands for signal n, always as a number: an editor shows 0 for a process
that really dies of a signal.
"""

from __future__ import annotations

OK = 0
"""Success, or the server exited with 0."""
NO = 1
"""The check failed: port in use, problems found, or files out of date."""
USAGE = 2
"""The command line or the configuration is wrong."""
HELD = 90
"""The port is in use and was not freed: the answer was no, or devports may not ask."""
PROTECTED = 91
"""The holder is protected, managed by a supervisor, or a container; how to stop it was printed."""
PERMISSION = 92
"""No permission: a process of another user, or a privileged or excluded port."""
STILL_HELD = 93
"""The port is still in use after all steps."""
TAKEN_AGAIN = 94
"""Another process took the port again."""
NOT_READY = 95
"""The server was not ready: timeout, wrong port, shared port, or a dependency that is not ready."""
ALREADY_RUNNING = 96
"""The service is already running."""
CANNOT_INSPECT = 97
"""devports cannot inspect sockets here, or the system refused a request: a limit, a full disk."""
INTERNAL = 98
"""Internal error; the path of a report file was printed."""
NOT_EXECUTABLE = 126
"""The command exists but cannot be executed."""
NOT_FOUND = 127
"""The command does not exist."""


def of_signal(number: int) -> int:
    """Return the exit code for an exit by signal `number`."""
    return 128 + number


def of_returncode(returncode: int) -> int:
    """Return the exit code for a child's `returncode` as subprocess gives it (negative: signal)."""
    return returncode if returncode >= 0 else of_signal(-returncode)

"""The signals that end a process, by number, also where the `signal` module does not have them.

Windows has none of them: its pins take TERM and KILL for the one way there is, TerminateProcess.
"""

from __future__ import annotations

import signal

TERM = int(signal.SIGTERM)
KILL = int(getattr(signal, "SIGKILL", 9))
CONT = int(getattr(signal, "SIGCONT", 18))

NAMES = {TERM: "SIGTERM", KILL: "SIGKILL", CONT: "SIGCONT"}

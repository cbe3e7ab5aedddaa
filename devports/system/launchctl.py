"""What `launchctl list` prints, parsed: the jobs of a launchd domain. Opens nothing."""

from __future__ import annotations

from devports.core.number import decimal
from devports.system.bsdwords import LAST_PID

COLUMNS = 3
"""PID, Status, Label; the pid of a job that does not run is ``-``."""


def labels(raw: bytes) -> dict[int, str]:
    """Return the label of the job that each process is."""
    rows = (line.split("\t") for line in raw.decode("utf-8", "replace").splitlines())
    found = (row for row in rows if len(row) == COLUMNS and row[2])
    return {pid: label for text, _, label in found if (pid := decimal(text, LAST_PID))}

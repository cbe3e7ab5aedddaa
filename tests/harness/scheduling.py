"""Which tests a worker of pytest-xdist gets together: those of a file, but end-to-end each alone.

A worker that is given one of the last files with minutes of waiting would end alone. So files with
many short tests go first, as they are; then the end-to-end tests, one by one.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

ONE_BY_ONE = "tests/e2e/"
TOGETHER = ("tests/e2e/test_engines.py", "tests/e2e/test_shapes.py")
"""What their tests share is made once for all of them, in the worker that has them."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        alone = file.startswith(ONE_BY_ONE) and file not in TOGETHER
        return nodeid if alone else file

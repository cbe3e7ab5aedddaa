"""A limit of this process for the time of a block."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def limited(name: str, most: int) -> Iterator[None]:
    """Lower a limit: `RLIMIT_FSIZE` for example, see getrlimit(2)."""
    import resource  # not everywhere

    kind = getattr(resource, name)
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let the kernel refuse whatever would need one more descriptor."""
    with open(os.devnull, "rb") as last, limited("RLIMIT_NOFILE", last.fileno() + 1):
        yield

"""The socket module's C half, which CPython and PyPy both have: `import socket` costs half a start.

A room of its own, since parsers need its inet_ntop(3), which opens nothing, and nothing else here.
"""

from __future__ import annotations

try:
    import _socket as net
except ImportError:  # pragma: no cover  # an interpreter with another layout
    import socket as net  # type: ignore[no-redef]  # the same names, slower

__all__ = ["net"]

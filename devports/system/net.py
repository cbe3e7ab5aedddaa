"""The C half of the socket module.

``import socket`` costs half a Python start (selectors, enum and their friends); what we need of it
is all in ``_socket``, which CPython and PyPy both have.
"""

from __future__ import annotations

try:
    import _socket as net
except ImportError:  # pragma: no cover  # an interpreter with another layout
    import socket as net  # type: ignore[no-redef]  # the same names, slower

__all__ = ["net"]

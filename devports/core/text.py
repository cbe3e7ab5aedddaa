"""Words, numbers and widths of text, without the cost of ``shlex`` (it imports re).

Numbers from outside are ASCII and bounded: Python would accept digits of every script, any length.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLAIN = "@%+=:,./-_"
"""Characters besides letters and digits that need no quotes, as in shlex.quote."""


def quote(word: str, *, also: str = "") -> str:
    """Return `word` so that a shell reads it as one; the characters in `also` need no quotes."""
    plain = PLAIN + also
    if word and all(char in plain or (char.isascii() and char.isalnum()) for char in word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def assignment(word: str) -> tuple[str, str] | None:
    """Return name and value of `NAME=value`, as a shell takes it before a command."""
    name, sign, value = word.partition("=")
    return (name, value) if sign and name.isidentifier() else None


def native(text: str, encoding: str) -> str:
    """Return the text of a file in the form of the system's names (PEP 383).

    The same where the system uses UTF-8. In another `encoding` (LC_ALL=POSIX and Python's UTF-8
    mode off: ASCII) characters outside it become surrogates.
    """
    return text.encode("utf-8", "surrogateescape").decode(encoding, "surrogateescape")


def portable(text: str) -> str:
    """Return text from the system or from `native` in the form of a file; none becomes `?`."""
    try:
        return text.encode("utf-8", "surrogateescape").decode()
    except UnicodeError:
        return text.encode("utf-8", "replace").decode()


LAST_PORT = 65535


def decimal(text: str | bytes, highest: int) -> int | None:
    """Return a decimal number from 0 to `highest`, None for anything else.

    None as well for more digits than `highest` has, even if some are leading zeros.
    """
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    return int(text) if digits and int(text) <= highest else None


def is_address(word: str) -> bool:
    """Return whether a word may be a numeric address; the kernel decides."""
    return all(char in "0123456789abcdefABCDEF.:" for char in word) and bool({".", ":"} & set(word))


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes: ideographs two, combining marks none."""
    if text.isascii():
        return len(text)
    import unicodedata  # a megabyte of tables, for foreign names only

    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def json_text(value: object) -> str:
    """Return `value` as one line of JSON in ASCII, as json.dumps does.

    Importing `json` costs more than half a Python start, for its decoder.

    Raises:
        ValueError: a number is infinite or none.
        TypeError: JSON has no such type.
    """
    try:
        from _json import encode_basestring_ascii, make_encoder

        encode = make_encoder(
            {}, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, False
        )
    except (ImportError, TypeError):  # an interpreter without it (PyPy), or with another one
        import json

        return json.dumps(value, allow_nan=False)
    return "".join(encode(value, 0))


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} has no JSON")


class _ScannerOptions:
    """The defaults of json.loads."""

    strict = True
    object_hook = object_pairs_hook = memo = None
    parse_float, parse_int, parse_constant = float, int, float


def json_value(raw: bytes) -> Any:
    """Return the value that JSON in ASCII has, as json.loads does.

    Raises:
        ValueError: it is no JSON, or not ASCII.
        RecursionError: it is nested too deeply.
    """
    text = raw.decode("ascii").strip()
    try:
        from _json import make_scanner

        options: Any = _ScannerOptions
        scan = make_scanner(options)
    except (ImportError, AttributeError):
        import json

        return json.loads(text)
    try:
        value, end = scan(text, 0)
    except (StopIteration, SystemError):  # the latter: its class of error is in json.decoder
        end, value = -1, None
    if end != len(text):
        raise ValueError("no JSON")
    return value

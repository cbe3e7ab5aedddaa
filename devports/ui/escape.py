"""Escaping of strings of other programs before they reach a terminal.

A command line, a name or a folder can hold escape sequences (titles, clipboard, colours), texts
that run backwards (U+202E) and bytes that are no text at all; rich and print pass all of them on.
`printable` makes them visible, `command_line` hides secrets first. ``devports check`` loads both,
so neither ``re`` nor ``unicodedata`` is imported for an ordinary holder.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import Endpoint

LIMIT = 300
"""Maximum number of characters that are shown of a foreign text."""

_SPACES = "\t\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""Tab and the space separators (category Zs): shown as a plain space."""

_MOST_WORDS, _LONGEST_WORD = 200, 4096
"""An argv can have megabytes; more than this is never shown."""

_HINTS = (
    "pass pwd secret token key auth cred session cookie bearer jwt otp sk- sk_ ghp_ gho_ ghu_ ghs_"
    " rk_ ghr_ github_pat glpat- xox npm_ pypi- hf_ dop_v1 shpat akia asia aiza eyj mysql mariadb"
    " mycli redis-cli mongo ldapsearch sqlcmd -pin pin= psk -pw pw= phrase mnemonic --login sg."
    " sig= signature= code= webhook hooks.slack"
).split()
"""In lower case: without one of these, a name:password behind -u or before @, or a word behind -p
that is not a port, nothing is secret."""


def printable(text: str, limit: int = LIMIT) -> str:
    r"""Return `text` with everything that is not plain visible text as an escape.

    Escaped (as \x1b, \u202e, \U000e0001) are the Unicode categories Cc, Cf, Cs (bytes that were
    no UTF-8), Co, Cn, Zl and Zp: just what str.isprintable() refuses beside spaces.

    Args:
        text: from anywhere.
        limit: characters of the result at most, the "…" for what was cut off included.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown = "".join(_visible(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def port_name(endpoint: Endpoint, subject: str = "") -> str:
    """Return the port as `subject` (as typed), or else as its number or address."""
    by_itself = f"port {endpoint.port}" if endpoint.is_wildcard else str(endpoint)
    return printable(subject) or by_itself


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if char in _SPACES:
        return " "
    code = ord(char)
    if code < 0x100:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def command_line(argv: Sequence[str], limit: int = LIMIT) -> str:
    """Return `argv` as it would be typed: secrets hidden, quoted, made printable."""
    from devports.core.text import quote  # a free port has no command line

    return printable(" ".join(quote(word, also="*") for word in redacted(argv)), limit)


def redacted(argv: Sequence[str]) -> tuple[str, ...]:
    """Return `argv` with its secrets as ``***``. Not yet printable."""
    words = [word[:_LONGEST_WORD] for word in argv[:_MOST_WORDS]]
    if not _may_hold_a_secret(words):
        return tuple(words)
    from devports.ui.redaction import redact  # it needs re

    return tuple(redact(words))


def _may_hold_a_secret(words: Sequence[str]) -> bool:
    text = " ".join(words).lower()
    if any(hint in text for hint in _HINTS):
        return True
    before = ""
    for word in text.split():
        user = word.startswith(("-u", "--user=", "--proxy-user=")) or before in (
            "-u",
            "--user",
            "--proxy-user",
        )
        if (":" in word and (user or "@" in word)) or (before == "-p" and not word.isdecimal()):
            return True
        before = word
    return False


def redacted_text(text: str) -> str:
    """Return a line of a file or of a program's output without its secrets. Not yet printable."""
    return " ".join(redacted(text.split(" ")))


def redacted_line(text: str) -> str:
    """Return a line of a project's file, or a command from it, without its secrets."""
    return printable(redacted_text(text))

"""Quote a word for a POSIX shell, without the price of ``shlex`` (it imports re)."""

from __future__ import annotations

PLAIN = "@%+=:,./-_"
"""What needs no quotes beside letters and digits, as in shlex.quote."""


def quote(word: str, *, also: str = "") -> str:
    """Return `word` so that a shell reads it as one; the characters in `also` need no quotes."""
    plain = PLAIN + also
    if word and all(char in plain or (char.isascii() and char.isalnum()) for char in word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"

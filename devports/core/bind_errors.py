"""Find in a server's output that a bind failed.

A match is a hint: it may release the reservation of a living server; it stops, restarts and fails
nothing. Sockets decide. The messages of all programs cannot be listed, so the patterns are the few
forms that they share: an error of the system, or the number of a port. Only `run` imports this
module (it needs ``re``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from devports.core.value import Frozen

NEEDLES = (
    *(b"in use", b"inuse", b"port", b"bind", b"listen", b"errno", b"winerror", b"os error"),
    *(b"address", b"unable to", b"an't", b"annot", b"could", b"fail"),
)
"""In lower case; output without any of them cannot match. Together they cost about 0.5 ms on 64
KiB. Output is searched only until the server is ready."""

# The patterns are strings: `re` compiles each at its first use and keeps it. To compile them takes
# 4 ms, which every start would pay, and the output of a server may never need them.
_PORT = r"""(?aix)
    (?: (?: \d{1,3}(?:\.\d{1,3}){3} | [\]*] | \b(?:localhost|any|null)  # an address, and a colon
          | [\da-f]{0,4}::[\da-f:]{0,40} | (?:^|(?<=[\s(\[=@])) ) :
      | ['"],\s*                                                        # ('127.0.0.1', 8000)
      | \bports?\b[^\d\n]{0,20}
      | \bhttps?\b[\w/.]*-                                              # http-nio-8080
    )
    (?P<port>\d{1,5}) (?!\d|[.:]\d)                                     # no time, no address
    """

# EADDRINUSE by its name, by its numbers on Linux, macOS and Windows, which survive translation, and
# by its texts. "address" must follow a sign or the level of a log line: "user's address already in
# use" is text of a user.
SYSTEM_ERROR = r"""(?aix)
      \b(?:e?addr_?inuse)\b
    | \[(?:errno|winerror)\ (?:48|98|10048|10013)\] | \b(?:os\ error|errno)\W{1,3}(?:48|98|10048)\b
    | (?:^|[^\w\s]\s*|\b(?:error|fatal|critical)\s+) address\ (?:is\ )?(?:already\ )?in\ use\b
      (?!\ (?:by|for|in|on)\ |\ [/\\])
    | \bonly\ one\ usage\ of\ each\ socket\ address
    | \b(?:that|this|the|specified)\ port\ is\ (?:already\ )?(?:in\ use|being\ used|taken)\b
    """

# A failed bind only together with a port on the same line: "in use", something that failed, a
# system call before its reason, something that is there already.
FAILURE = r"""(?aix)
      \bports?\b[^\n]{0,40}? (?<!not\ ) \b
      (?: in\ use | taken | occupied | busy | being\ used | unavailable | requires\ elevated
          | not\ available | could\ not\ be\ used | already\ (?:allocated|used|bound)
          | running\b[^\n]*\banother )\b
    | :\d+\S*\ (?:is|was)\ (?:already\ )?in\ use\b | \bin\ use[:;]?\s\(
    | \b(?: can(?:not|'t) | could(?:\ not|n't) | unable\ to | fail(?:ed|ure)(?:\ to)? )
      \s(?:\w+\s){0,3}? (?:bind|listen|grab|acquire|start|initialize|find\b[^\n]{0,20}\bport)
    | \berror\ (?:bind|listen) | \b(?:bind|listen)[^\n]{1,60}?\bfailed\b
    | :\d+:\ (?:bind|listen):\ \S
    | \b(?:bind|listen)\b[^\n]*\b(?:eacces|permission\ denied)
    | \bpermission\ denied\b[^\n]*\bbind\b
    | \b(?:already|another)\b[^\n]{0,40}\b(?:on|at)\ (?:the\ same\ )?(?:port|address)\b
    """

# Another kind of socket, or a text for another reader: help, an answer in JSON.
_OTHER = r"""(?aix)
      ^(?!.*tcp).*\budp\b | \bconnect\b | \bunix: | \.sock\b | in\ ?use:?\s[/\\]
    | ^\s*\w+:\ ['"]e\w+['"],?$                                          # a field of Node's error
    | \b(?:if|when|unless|until|whether|in\ case)\b[^\n]*(?:in\ ?use|taken|busy|available|fail)
    | \{\s*['"](?!.*eaddrinuse)
    """

TAIL = 4096
"""Bytes of output that are kept: more than the last lines of the longest traceback."""

_SEAM = 64
"""Bytes of the end that are searched again with the next chunk; no needle is longer."""

# ECMA-48 5.4 (CSI), xterm's OSC with BEL or ST, and the two-character escapes. Of an unfinished
# sequence only the introducer is removed: the text behind it must stay.
_ESCAPES = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|\Z)"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[()*+][ -~]|\x1b[\]0-Z\\^_a-~=>]?|\x08|\x00"
)
_RETURNS = r"\r+\n?"


class BindFailure(Frozen):
    """A line of output that reports a failed bind; escape it before printing.

    `port`: the port that the line names; None if it names none.
    """

    port: int | None
    line: str


def strip_ansi(data: bytes) -> str:
    """Return `data` as text without terminal sequences; a lone carriage return ends a line."""
    return re.sub(_ESCAPES, "", re.sub(_RETURNS, "\n", data.decode("utf-8", "replace")))


def may_match(chunk: bytes) -> bool:
    """Return whether the text of `chunk` can match at all: a few substring tests, no decoding.

    False is certain, unless a terminal sequence stands within one of the words; so call
    `match_bind_failure` with the whole tail when a server exits.
    """
    small = chunk.lower()
    for needle in NEEDLES:  # noqa: SIM110  # any() with a generator costs as much as the search
        if needle in small:
            return True
    return False


def bind_failures(text: str) -> Iterator[BindFailure]:
    """Yield each line of `text` that reports a failed bind, of any port."""
    for line in filter(None, text.split("\n")):
        error, named = re.search(SYSTEM_ERROR, line), re.search(_PORT, line)
        if (error or (named and re.search(FAILURE, line))) and not re.search(_OTHER, line):
            yield BindFailure(int(named["port"]) if named else None, line.strip())


def match_bind_failure(text: str, ports: Collection[int]) -> BindFailure | None:
    """Return the failed bind of one of `ports` in `text`, which has no terminal sequences.

    A line that names another port is about another socket of the program (a reload socket, a
    metrics port). A line that names one of `ports` comes before one that names none.
    """
    found = [one for one in bind_failures(text) if one.port is None or one.port in ports]
    return min(found, key=lambda one: one.port is None, default=None)


class Tail:
    """The last bytes of a stream that arrives in chunks."""

    def __init__(self, limit: int = TAIL) -> None:
        self.limit = limit
        self.data = b""

    def add(self, chunk: bytes) -> bool:
        """Add a chunk; return whether it may match, also with the end of the last chunk."""
        hit = may_match(chunk) or may_match(self.data[-_SEAM:] + chunk[:_SEAM])
        self.data = (self.data + chunk[-self.limit :])[-self.limit :]
        return hit

    @property
    def text(self) -> str:
        """The kept bytes as text, without terminal sequences."""
        return strip_ansi(self.data)

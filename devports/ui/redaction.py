"""Hide the secrets of a command line. In doubt a word is hidden.

Works on the list of words, not on the joined line: a flag and its value are two words, a value may
hold spaces. Imported only when a command line may hold a secret (`printable`). Every pattern needs
a number of steps that grows with the length of its text, and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from devports.core.text import quote

STARS = "***"

_SECRET = frozenset(
    "auth authorization cookie cookies cred creds credential credentials jwt key masterauth otp"
    " pass session secrets".split()
)
_LAST = frozenset("bearer mnemonic phrase pin psk pw".split())
"""Secrets as the last part of a name only: --pin, but --pin-memory."""
_QUERY = frozenset("code sig signature".split())
"""Secrets in the query of a URL only: ?code=, but --exit-code=."""
_ENDINGS = ("password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "pass")
_HARMLESS = frozenset("bypass compass".split())
_PUBLIC = frozenset("public primary foreign sort cache partition hot".split())
"""Words before "key" that make it public."""
_HEADS = frozenset("no max min num disable without skip ask".split())
"""A name that begins with one is a switch or a number: --no-password-prompt, --max-token."""
_TAILS = frozenset(
    "age api app cfg client conf count cjs dev dir disabled domain driver enabled endpoint expiry"
    " expires file format header host ini js json length lifetime limit main manager max min mjs"
    " mode name path policy port prompt provider proxy py rb required samesite server service sh"
    " size storage store timeout toml ts ttl txt type uri url web worker yaml yml".split()
)
"""A name that ends with one is about a secret and holds none: --token-limit, --session-timeout."""

_BY_PROGRAM = {
    **dict.fromkeys(
        "mysql mysqldump mysqladmin mysqlsh mariadb mariadb-dump mariadb-admin mycli".split(),
        ("", "-p"),
    ),
    **dict.fromkeys("mongo mongosh mongodump mongorestore".split(), ("-p", "-p")),
    "sshpass": ("-p", "-p"),
    "redis-cli": ("-a", "-a"),
    "ldapsearch": ("-w", "-w"),
    "sqlcmd": ("-P", "-P"),
}
"""Program: the flag whose next word, and the flag whose rest, is a password."""

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAMED = re.compile(r"(?<![\w.-])([\w.-]+)([\"']?\s*[=:]\s*)")
_VALUE = re.compile(r"\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s&;]+")
_ASSIGNMENT = re.compile(r"(-{0,2}[\w.-]+)=(?s:.+)")
_HEADER = re.compile(r"([\w-]+):\s+(?s:.+)")
# What begins with digits and a slash is a port and a path.
_USER = re.compile(r"(?:://[^/?#\s:@]*|^[\w.-]+(?!://)):(?!\d{1,5}(?:[/?#]|$))")
_RUN = re.compile(r"\S+")
_LONG_USER = re.compile(r"://[^/?#\s:@]{16,}@")
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[\w-]{10,}|[sr]k_(?:live|test)_\w{6,}|gh[pousr]_\w{6,}"
    r"|github_pat_\w{6,}|glpat-[\w-]{6,}|xox[abeprs]-[\w-]{6,}|npm_[A-Za-z0-9]{30,}"
    r"|pypi-[\w-]{16,}|hf_[A-Za-z0-9]{16,}|dop_v1_\w{16,}|shpat_\w{16,}|AIza[\w-]{16,}"
    r"|A[KS]IA[0-9A-Z]{8,}|SG\.[\w-]{16,}(?:\.[\w-]+)?|eyJ[\w-]{5,}(?:\.[\w=-]+)*)"
)
_WEBHOOK = re.compile(
    r"(hooks\.slack\.com/\w+/|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
    r"|webhook\.office\.com/|outlook\.office\.com/webhook/)[^\s\"'?#]+"
)
"""The path of such a URL is all that a sender needs (api.slack.com/messaging/webhooks,
discord.com/developers/docs/resources/webhook, learn.microsoft.com, "Create incoming webhooks")."""
_PORTS = re.compile(
    r"(?:(?:[\d.]+|\[[\da-f:.]+\]):)?\d{1,5}(?:-\d{1,5})?(?::\d{1,5}(?:-\d{1,5})?)?(?:/\w+)?"
    r"|\{(?:services\.[\w-]+\.)?port\}"
)
"""A port, a mapping of ports, or a placeholder: `8000`, `127.0.0.1:8000:80/tcp`, `{port}`."""
_FILE = re.compile(r"\.{1,2}(?:/.*)?|[\w./-]+\.json")
"""A file of a project after -p: `tsc -p tsconfig.json`."""
_WORD = re.compile(r"(?:[^\s\"']|\"(?:[^\"\\]|\\.)*\"?|'[^']*'?)+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"?|'([^']*)'?", re.DOTALL)
_FLAG = re.compile(r"--[A-Za-z][\w-]*(?:=.*)?|-[A-Za-z]")
_SCRIPT_FLAG = re.compile(r"-[a-z]*c")
_DEEPEST = 4
"""Maximum depth of command lines within command lines."""


def redact(words: Sequence[str], depth: int = 0) -> list[str]:
    """Return `words` with every recognised secret as ``***``."""
    shown: list[str] = []
    expected = program = before = ""
    for word in words:
        program = _program(word, program)
        if expected == "secret" and not _FLAG.fullmatch(word):
            scheme = word.lower() in ("bearer", "basic", "digest", "token")
            shown.append(word if scheme else STARS)
            expected = "secret" if scheme else ""
        elif expected == "pair" and re.match(r"[^:%]+[:%]", word):
            shown.append(_pair(word))
            expected = ""
        elif expected == "login" and re.match(r"[^/:%]+[/:%]", word):
            shown.append(_pair(word, "/:%"))
            expected = ""
        elif expected == "-p" and not (_FLAG.fullmatch(word) or _is_ordinary(word)):
            shown.append(STARS)
            expected = ""
        else:
            script = not shown or bool(_SCRIPT_FLAG.fullmatch(before))
            shown.append(_redact_word(word, program, depth, script=script))
            expected = _expects(word, program, first=len(shown) == 1)
        before = word
    return shown


def is_secret(name: str) -> bool:
    """Return whether a flag, variable or field of this name holds a secret."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    if not parts or parts[0] in _HEADS or parts[-1] in _TAILS or name in ("PWD", "OLDPWD"):
        return False
    if "key" in parts and _PUBLIC & set(parts):
        return False
    if parts[-1] in _LAST:
        return True
    return any(part in _SECRET or _ends_secret(part) for part in parts)


def _ends_secret(part: str) -> bool:
    return part.endswith(_ENDINGS) and part not in _HARMLESS


def _is_strong(name: str) -> bool:
    """Return whether `name` is unambiguous, even without a dash or an equals sign."""
    return is_secret(name) and any(_ends_secret(part.lower()) for part in _PARTS.findall(name))


def _program(word: str, before: str) -> str:
    name = word.rpartition("/")[2].removesuffix(".exe")
    return name if name in _BY_PROGRAM else before


def _expects(word: str, program: str, *, first: bool) -> str:
    """Return the kind of the next word: a secret, a user:password pair, or nothing special."""
    if word in ("-u", "-U", "--user", "--proxy-user"):
        return "pair"
    if word == "--login":
        return "login"
    name = word.rstrip(":")
    if word.lower() == "bearer" or (program and word == _BY_PROGRAM[program][0]):
        return "secret"
    if word == "-p":
        return "-p"
    if word.startswith("-") or name != word:
        return "secret" if "=" not in word and is_secret(name) else ""
    positional = re.fullmatch(r"[\w.-]+", word) and (len(_PARTS.findall(word)) > 1)
    strong = _is_strong(word) and (positional or word.lower() in ("authtoken", "requirepass"))
    return "secret" if strong and not first else ""


def _is_ordinary(word: str) -> bool:
    """Return whether what follows -p is a port or a file: most programs mean one of these."""
    plain = word.rstrip("\"',")  # in a line of a file
    return bool(_PORTS.fullmatch(plain) or _FILE.fullmatch(word)) or len(_WORD.findall(word)) > 1


def _redact_word(word: str, program: str, depth: int, *, script: bool) -> str:
    tokens = _WORD.findall(word)
    if script and len(tokens) > 1:
        return _redact_text(word, tokens, depth)
    if (match := _ASSIGNMENT.fullmatch(word)) and is_secret(match[1]):
        return f"{match[1]}={STARS}"
    if (match := _HEADER.fullmatch(word)) and is_secret(match[1]):
        return f"{match[1]}: {STARS}"
    if len(tokens) > 1:
        return _redact_text(word, tokens, depth)
    flag = _BY_PROGRAM[program][1] if program else ""
    if flag and word.startswith(flag) and word != flag:
        return word[:2] + STARS
    if re.match(r"(?:-[uU]|--(?:proxy-)?user=)[^:\s]+:", word):
        return _pair(word)
    if word.startswith("--login="):
        return f"--login={_pair(word.removeprefix('--login='), '/:%')}"
    return _redact_inside(word)


def _redact_text(text: str, tokens: Sequence[str], depth: int) -> str:
    """Redact a command line, or any text, that is a single word. Too deep: all of it."""
    if depth >= _DEEPEST:
        return STARS
    bare = [_unquoted(token) for token in tokens]
    both = zip(tokens, bare, redact(bare, depth + 1), strict=True)
    shown = iter([word if a == b else quote(b, also="*") for word, a, b in both])
    return _WORD.sub(lambda _: next(shown), text)


def _unquoted(token: str) -> str:
    return _QUOTED.sub(
        lambda m: m[2] or "" if m[1] is None else re.sub(r"\\(.)", r"\1", m[1]), token
    )


def _pair(word: str, signs: str = ":%") -> str:
    """Hide what follows the first of the signs; user:group ids stay."""
    at = min((at for sign in signs if (at := word.find(sign)) >= 0), default=-1)
    if at < 0 or re.fullmatch(r"\d+:\d+", word):
        return word
    return word[: at + 1] + STARS


def _redact_inside(word: str) -> str:
    """Hide userinfo of addresses, named values and tokens within one word."""
    word = _LONG_USER.sub(f"://{STARS}@", _redact_userinfo(word))
    word = _WEBHOOK.sub(rf"\1{STARS}", word)
    return _TOKENS.sub(_token, _redact_named(word))


def _token(found: re.Match[str]) -> str:
    """Hide a token; the names of some packages begin like one (`sk-learn-tools`)."""
    text = found[0]
    plain = text.startswith("sk-") and not any(char.isdigit() for char in text)
    return text if plain else STARS


def _redact_userinfo(word: str) -> str:
    """Hide the password of ``scheme://user:password@host``; it may hold "/" and "@" itself."""
    parts, done = [], 0
    for run in _RUN.finditer(word):
        user = _USER.search(run[0]) if run.start() == 0 else _USER.search(word, *run.span())
        start = user.end() if user else 0
        end = word.rfind("@", start, run.end()) if user else -1
        if end >= 0:
            parts += [word[done:start], STARS]
            done = end
    return "".join((*parts, word[done:]))


def _redact_named(word: str) -> str:
    """Hide the values of secret names: ``token=x&y=z``, ``Password=x;``, ``{"secret": "x"}``."""
    parts, at = [], 0
    while found := _NAMED.search(word, at):
        name, sign = found[1], found[2]
        queried = word[found.start() - 1 : found.start()] in ("?", "&") and _is_query_secret(name)
        parts.append(word[at : found.end()])
        at = found.end()
        spoken = is_secret(name) if "=" in sign or sign != ":" else _is_strong(name)
        if (spoken or queried) and (value := _VALUE.match(word, at)):
            parts.append(STARS)
            at = value.end()
    return "".join((*parts, word[at:]))


def _is_query_secret(name: str) -> bool:
    return name.lower().rpartition("-")[2].rpartition("_")[2] in _QUERY

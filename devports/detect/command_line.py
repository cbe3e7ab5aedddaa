"""From a command line of a project to a service that devports can start. Pure.

Not a shell: only one simple command behind others (`a && b`) is supported; the caller reports every
other line as skipped.
"""

from __future__ import annotations

import posixpath
import re

from devports.core.service import words_of
from devports.core.shell_syntax import commands, has_more_than_words, split
from devports.core.text import LAST_PORT, assignment, decimal, quote
from devports.core.value import Frozen
from devports.detect.model import DetectedService
from devports.detect.servers import BOTH, HOST, PORT, PROGRAM, SERVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from devports.core.service import Service
    from devports.detect.model import Source
    from devports.detect.servers import Server

    Pairs = tuple[tuple[str, str], ...]


LONGEST = 4000
"""Characters of a command line; a longer one was not typed."""

JOINS = ("&&", ";")
"""Operators between preparing commands and the server."""

LAUNCHERS = frozenset(
    tuple(words.split())
    for words in (
        *"npx bunx pnpx pnpm yarn bun uvx exec env time nice cross-env dotenv winpty".split(),
        *"python python3 py -m ruby php node".split(),
        *("pnpm exec", "pnpm dlx", "yarn exec", "yarn dlx", "npm exec", "bun run", "bun x"),
        *"env-cmd dotenvx cross-env-shell corepack".split(),
        *("dotenvx run", "doppler run", "infisical run", "op run", "varlock run"),
        *("uv run", "poetry run", "pdm run", "pipenv run", "hatch run", "rye run", "pixi run"),
        "bundle exec",
    )
)
"""Programs that start another program: one or two words, options of their own may follow."""

VALUED = frozenset("-e -f -p --file --env-file --package --with".split())
"""Options of launchers that are followed by a value."""

OF_PROJECT = ("manage.py", "mvnw", "gradlew")
"""Programs that a project has of its own, with the same name in every project."""
PROGRAMS = (".bin", "bin", "Scripts")
"""Folders of programs: elsewhere, a file with the name of a server is the user's own."""

_VARIABLE = re.compile(r"\$(?:PORT\b|\{PORT(?::?-(\d{1,5}))?\})|%PORT%")
_OPTIONAL = re.compile(r"\$\{\w+:?\+[^{}]*\}")
"""Text that a shell inserts only if a variable is set: `${DEBUG:+debugger --}`."""
_ADDRESS = re.compile(r"(?:(?:\w+://)?([\w.-]*|\[[\w:.]*\]):)?(\d{1,5}|\$\{?PORT\b.*|%PORT%)")
BUILT = re.compile(r"(?:\./)?(?:dist|build|\.output|\.next|\.svelte-kit|out)(?:/|$)")
"""The folders of what was built before: it is started in production."""
STATIC = ("serve", "http-server", "live-server", "http.server")
"""Servers that serve the files of a folder."""
_BRACES = re.compile(r"(?<!\$)\{([A-Za-z_][\w.-]*)\}")
_SHELL_CHARACTERS = frozenset("$`*?~")
"""Characters that only a shell interprets."""


class Line(Frozen):
    """The last simple command of a line.

    Attributes:
        before: the commands before it as written, with the `&&`.
        env: its assignments, `NODE_ENV=dev` and those of cross-env.
        words: the command without them.
    """

    words: tuple[str, ...]
    before: str = ""
    env: Pairs = ()


class DetectedAddress(Frozen):
    """Where a command says its server listens; `port` 0 and `host` empty: it does not say."""

    port: int = 0
    host: str = ""


class Start(Frozen):
    """A command that starts a known server, parsed.

    Attributes:
        lead: the words before its name, for example `python -m`.
        call: its name and sub-command.
        rest: the other words, without those for the address.
        address: where those say that it listens.
        target: what it serves.
        production: it is rarely meant for a developer's machine.
    """

    server: Server
    lead: tuple[str, ...]
    call: tuple[str, ...]
    rest: tuple[str, ...]
    address: DetectedAddress = DetectedAddress()
    target: str = ""
    production: bool = False

    def words(self, *, own: bool = False) -> tuple[str, ...]:
        """Return the command with placeholders; `own`: braces in it are placeholders already."""
        keep = str if own else escaped
        rest, tail = split_at(tuple(map(keep, self.rest)), "--")
        adds = missing(self.server.adds, self.rest)
        words = (*adds, *rest) if self.server.leading else (*rest, *adds)
        return (*map(keep, (*self.lead, *self.call)), *words, *tail)


def read(text: str) -> Line | None:
    """Return the last simple command of a line; None for a line that is more than that.

    A pipe, a background process or a redirection is not supported.
    """
    text = _OPTIONAL.sub("", text).strip()
    if len(text) > LONGEST or "\n" in text or "\0" in text:
        return None
    parts = commands(text)
    joined = all(part.operator in JOINS for part in parts[1:])
    if not joined or not all(part.text for part in parts) or has_more_than_words(text):
        return None
    last = parts[-1]
    try:
        env, words = _assignments(split(last.text))
    except ValueError:  # an unclosed quote
        return None
    before = f"{escaped(text[: last.start].strip())} " if last.operator else ""
    return Line(words, before, env) if words else None


def _assignments(words: tuple[str, ...]) -> tuple[Pairs, tuple[str, ...]]:
    """Split off `NAME=value` words, and env and cross-env before them."""
    env: list[tuple[str, str]] = []
    while words:
        if found := assignment(words[0]):
            env.append(found)
        elif words[0] not in ("env", "cross-env"):
            break
        words = words[1:]
    return tuple(env), words


def recognise(words: Sequence[str]) -> Start | None:
    """Return the parsed start of a known server; None for every other command."""
    plain = tuple(_program(word) for word in words)
    for at in _beginnings(tuple(words)):
        for server in SERVERS:
            for call in (tuple(each.split()) for each in server.calls):
                if plain[at : at + len(call)] == call:
                    return _parse_start(server, tuple(words), at, at + len(call))
    return None


def _beginnings(words: tuple[str, ...]) -> Iterator[int]:
    """Yield where a command may begin: behind its launchers, behind their `--`, or at once."""
    at = past_launchers(words)
    yield at
    if at and "--" in words:
        yield words.index("--") + 1
    yield 0


def past_launchers(words: tuple[str, ...]) -> int:
    """Return the index of the first word that is neither a launcher nor an option of one."""
    at = 0
    while at < len(words):
        two = tuple(map(_program, words[at : at + 2]))
        if two in LAUNCHERS or (at and words[at] in VALUED and words[at + 1 : at + 2] != ("--",)):
            at += 2
        elif (
            two[:1] in LAUNCHERS
            or (at and words[at].startswith("-"))
            or (at and assignment(words[at]))
        ):
            at += 1
        else:
            break
    return at


def _program(word: str) -> str:
    """Return the name of a program: vite for `node_modules/.bin/vite`, but `./serve` for itself."""
    folder, _, name = word.replace("\\", "/").rpartition("/")
    if folder and posixpath.basename(folder) not in PROGRAMS and name not in OF_PROJECT:
        return word
    name = name.removesuffix(".exe").removesuffix(".cmd")
    return re.sub(r"(?<=^python)3?\.\d+$", "3", name)


def _parse_start(server: Server, words: tuple[str, ...], at: int, after: int) -> Start | None:
    rest, address = _without_address(server, words[after:])
    first = next((word for word in rest if not word.startswith("-")), "")
    if first in server.not_with or (server.only_with and server.only_with not in rest):
        return None
    call = words[at:after]
    built = " ".join(map(_program, call)) in server.built
    built = built or (server.kind in STATIC and any(map(BUILT.match, rest)))
    production = server.production or built
    return Start(server, words[:at], call, rest, address, _target(server, rest), production)


def _target(server: Server, rest: tuple[str, ...]) -> str:
    """Return what a command serves: an application, a file; empty if it does not say."""
    if server.aim == "first":
        return next((word for word in rest if not word.startswith("-")), "")
    if not server.aim:
        return ""
    for i, word in enumerate(rest):
        if word == server.aim:
            return "".join(rest[i + 1 : i + 2])
        if word.startswith(f"{server.aim}="):
            return word.partition("=")[2]
    return ""


def _without_address(
    server: Server, words: tuple[str, ...]
) -> tuple[tuple[str, ...], DetectedAddress]:
    """Return the words without those for the address, and that address; words after `--` stay."""
    own, others = split_at(words, "--")
    kinds = dict.fromkeys(server.bind_flags, "address")
    kinds |= dict.fromkeys(server.host_flags, "host") | dict.fromkeys(server.port_flags, "port")
    kept: list[str] = []
    address = DetectedAddress()
    todo = [*reversed(own)]
    while todo:
        word = todo.pop()
        option, equals, value = word.partition("=")
        kind = kinds.get(option)
        if kind and not equals:
            value = todo.pop() if todo and not todo[-1].startswith("-") else ""
        if kind:
            address = _with_value(address, kind, value)
        elif server.positional and _ADDRESS.fullmatch(word):
            address = _with_value(address, "address", word)
        else:
            kept.append(word)
    return (*kept, *others), address


def _with_value(address: DetectedAddress, kind: str, value: str) -> DetectedAddress:
    if kind == "port":
        return address.replace(port=port_in(value) or address.port)
    if kind == "host":
        return address.replace(host=host_in(value or "0.0.0.0"))  # noqa: S104  # `vite --host`
    if match := _ADDRESS.fullmatch(value):
        return DetectedAddress(
            port_in(match[2]) or address.port, host_in(match[1] or "") or address.host
        )
    return address


def port_in(text: str) -> int:
    """Return the port in a value, also the default in `${PORT:-8000}`; 0 if none."""
    match = _VARIABLE.fullmatch(text)
    number = (match[1] or "") if match else text
    return decimal(number, LAST_PORT) or 0


def host_in(text: str) -> str:
    """Return the host if it is a wildcard; every other host is left to the configuration."""
    return text.strip("[]") if text in ("0.0.0.0", "::", "[::]") else ""  # noqa: S104  # compared


def missing(adds: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """Return the options of `adds`, each with its value, that are not in `given`."""
    known = {word.partition("=")[0] for word in given if word.startswith("-")}
    kept: list[str] = []
    keep = True
    for word in adds:
        if word.startswith("-"):
            keep = word.partition("=")[0] not in known
        kept += [word] if keep else []
    return tuple(kept)


def split_at(words: tuple[str, ...], mark: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words before the first `mark`, and the mark with the words after it."""
    at = words.index(mark) if mark in words else len(words)
    return words[:at], words[at:]


def escaped(word: str) -> str:
    """Return a word in which braces are no placeholders."""
    return _BRACES.sub(r"{{\1}}", word)


def with_port(words: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Return a command with `$PORT` as the placeholder, and the port that it defaults to."""
    found = [match[1] for word in words for match in _VARIABLE.finditer(word)]
    default = next((int(number) for number in found if number), 0)
    return tuple(_VARIABLE.sub(PORT, escaped(word)) for word in words), default


def needs_shell(words: Sequence[str]) -> bool:
    """Return whether a word contains characters that only a shell interprets."""
    return any(_SHELL_CHARACTERS & set(word) for word in words)


def assigned(env: Pairs) -> str:
    """Return variables as assignments before a shell command."""
    return "".join(f"{name}={_quoted(escaped(value), for_shell=True)} " for name, value in env)


def command_text(words: Sequence[str], *, for_shell: bool = False) -> str:
    """Return words as the text of `command`, quoted where needed."""
    return " ".join(_quoted(word, for_shell=for_shell) for word in words)


def _quoted(word: str, *, for_shell: bool) -> str:
    if word in (HOST, PORT, BOTH):
        return word
    if not (for_shell and needs_shell([word])):
        return quote(word, also="{}~")
    spared = quote(word, also="{}$*?~")  # a quoted pattern would not be expanded
    return word if spared == word else '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


def from_start(
    start: Start,
    source: Source,
    *,
    names: tuple[str, ...],
    folder: str = "",
    line: Line | None = None,
) -> DetectedService:
    """Return the service of a command that starts a known server.

    Args:
        start: the parsed command.
        source: where it is written.
        names: names for the service, the best first.
        folder: where it runs.
        line: the commands before it, and its variables.
    """
    server = start.server
    line = (line or Line(())).replace(words=start.words())
    return DetectedService(
        names=(*names, server.side, server.kind),
        kind=server.kind,
        sources=(source,),
        target=target_of(start),
        folder=folder,
        port=start.address.port or server.port,
        stated=bool(start.address.port),
        host=start.address.host,
        written=True,
        production=start.production or _in_production(line),
        **_started(line, server.env),
    )


def _in_production(line: Line) -> bool:
    return dict(line.env).get("NODE_ENV") == "production"


def from_program(
    line: Line, source: Source, *, names: tuple[str, ...], folder: str = ""
) -> DetectedService:
    """Return the service of the user's own program, which gets PORT if no word contains it."""
    words, port = with_port(line.words)
    has_port = any(PORT in word for word in words)
    port = port or next((port_in(value) for name, value in line.env if name == "PORT"), 0)
    return DetectedService(
        names=(*names, PROGRAM.side),
        kind=PROGRAM.kind,
        sources=(source,),
        target=" ".join(line.words),
        folder=folder,
        port=port,
        stated=bool(port),
        written=True,
        production=_in_production(line) or any(map(BUILT.match, line.words[1:])),
        **_started(line.replace(words=words), () if has_port else PROGRAM.env),
    )


def _started(line: Line, variables: Pairs) -> dict[str, Any]:
    """Return command, shell and env: in a shell command the variables stay in the command."""
    own = tuple(pair for pair in line.env if pair[0] not in dict(variables))
    if line.before or needs_shell((*line.words, *(value for _, value in own))):
        text = line.before + assigned(own) + command_text(line.words, for_shell=True)
        return {"command": text, "shell": True, "env": variables}
    kept = tuple((name, escaped(value)) for name, value in own)
    return {"command": command_text(line.words), "env": (*kept, *variables)}


def naming_port(service: Service) -> str:
    """Return a service's command with the options that tell its server the address.

    Empty where the server is not known by its name, or takes the address from variables only.

    Raises:
        ValueError: see `words_of`.
    """
    start = recognise(words_of(service)) if service.command and not service.shell else None
    return command_text(start.words(own=True)) if start and start.server.adds else ""


def target_of(start: Start) -> str:
    """Return what a server serves, the same for servers that can serve the same thing.

    `uvicorn main:app`, `gunicorn main:app` and `flask --app main` start one application; so do
    `gunicorn shop.wsgi` and Django's manage.py.
    """
    target = start.target.partition(":")[0].removesuffix(".py").replace("/", ".")
    django = start.server.kind == "django" or target.endswith((".wsgi", ".asgi"))
    return "manage.py" if django else target or start.server.kind


def of_line(
    line: Line, source: Source, *, names: tuple[str, ...], folder: str = ""
) -> DetectedService | None:
    """Return the service that a line starts, None if it is no known server."""
    start = recognise(line.words)
    return from_start(start, source, names=names, folder=folder, line=line) if start else None

"""Finding and reading the configuration and env files. Nothing of them is run.

A file that other users can write is refused: its content decides which commands run as this user.
`devports check NAME` uses this module, so nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import os
import stat
import sys

from devports.config import report
from devports.config.decode import parse
from devports.config.keys import VARIABLE
from devports.config.report import Place, Span, place, tokens, visible
from devports.core.text import native, quote
from devports.core.value import Frozen
from devports.errors import DevportsError, raise_limit
from devports.system.user import sudo_caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterable, Iterator

    from devports.core.service import Config, Service


MAX_BYTES = 256 * 1024
MAX_PARTS = 32
"""Of a dotted key."""
MAX_NESTING = 32
"""Of lists and inline tables."""
MAX_WORD = 1024
"""Characters of a number or an unquoted key; int() refuses 4300 digits with its own message."""


def exceeds_limits(text: str) -> tuple[Place, str] | None:
    """Return the first place in `text` that exceeds a limit, and which limit; None if none does.

    tomllib of Python 3.11.7 takes 28 s and 3.3 GB for one dotted key of 60 KB, and raises
    RecursionError for deep lists (https://github.com/python/cpython/issues/149231).
    """
    parts = depth = 0
    for start, end in tokens(text):
        first = text[start]
        depth += (first in "[{") - (first in "]}")
        if first in ",=\n[]{}":
            parts = 0
        elif first == ".":
            parts += 1
        reason = _reason(depth, parts, 0 if first in "\"'" else end - start)
        if reason:
            return place(text, Span(start, end)), reason
    return None


def _reason(depth: int, parts: int, length: int) -> str:
    if length > MAX_WORD:
        return f"more than {MAX_WORD} characters without a break"
    if depth > MAX_NESTING:
        return f"nested more than {MAX_NESTING} levels deep"
    return f"a dotted key of more than {MAX_PARTS} parts" if parts >= MAX_PARTS else ""


OWN = "devports.toml"
SHARED = "pyproject.toml"
MAX_ENV_BYTES = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Loaded(Frozen):
    """A configuration, and warnings about its file."""

    config: Config
    warnings: tuple[str, ...] = ()


def find(start: str) -> str | None:
    """Return the configuration file for the folder `start`; None if there is none.

    That is `devports.toml`, or a pyproject.toml with `[tool.devports]`, in `start` or above it: up
    to the repository root or the home folder, and never above into a folder that every user can
    write.
    """
    return next(filter(None, map(find_in, _folders(os.path.abspath(start)))), None)


def find_in(folder: str) -> str | None:
    """Return the configuration file directly in a folder; None if there is none."""
    for name in (OWN, SHARED):
        path = os.path.join(folder, name)
        if os.path.lexists(path) and (name == OWN or _has_table(path)):
            return path
    return None


MAX_BELOW = 20
"""Configurations below a folder."""
MAX_BELOW_DEPTH = 4


def find_below(root: str, names: Collection[str] | None = None) -> tuple[str, ...]:
    """Return the configuration files below a folder, as paths from it, those near it first.

    Links, hidden folders, installed files and nested repositories are left out. `names`: of its
    files, where it was scanned already.
    """
    if names is None:
        from devports.system.project import Bounds, scan  # rarely needed

        names = scan(root, lambda _: False, Bounds(depth=MAX_BELOW_DEPTH)).names
    found = {os.path.dirname(name) for name in names if os.path.basename(name) in (OWN, SHARED)}
    near = (each for each in found if each and each.count("/") < MAX_BELOW_DEPTH)
    own = [each for each in near if not _is_in_repository(root, each)]
    ordered = sorted(own, key=lambda folder: (folder.count("/"), folder))
    paths = (find_in(os.path.join(root, folder)) for folder in ordered)
    files = [path.removeprefix(os.path.join(root, "")) for path in paths if path]
    return tuple(path.replace(os.sep, "/") for path in files[:MAX_BELOW])


def _is_in_repository(root: str, folder: str) -> bool:
    """Return whether a folder below `root` is in a repository that begins below it."""
    parts = folder.split("/")
    above = (os.path.join(root, *parts[: number + 1]) for number in range(len(parts)))
    return any(os.path.lexists(os.path.join(each, ".git")) for each in above)


def _folders(folder: str) -> Iterator[str]:
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE", "")
    homes = (os.path.normpath(home), os.path.realpath(home)) if home else ()
    while True:
        yield folder
        above = os.path.dirname(folder)
        top = folder in (above, *homes) or os.path.lexists(os.path.join(folder, ".git"))
        if top or _is_world_writable(above):
            return
        folder = above


def _is_world_writable(folder: str) -> bool:
    """Return whether any user can create files in a folder; Windows has access lists for that."""
    try:
        return hasattr(os, "geteuid") and bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return True


def _has_table(path: str) -> bool:
    """Return whether a pyproject.toml has `[tool.devports]`, even one that is not valid TOML."""
    try:
        raw, _ = _read(path, path)
    except DevportsError:
        return False
    try:
        return b"devports" in raw and _table(_decoded(raw, path), path, SHARED) is not None
    except DevportsError:
        return b"[tool.devports" in raw


def load(path: str | None, cwd: str) -> Config:
    return load_with_warnings(path, cwd).config


def load_with_warnings(path: str | None, cwd: str) -> Loaded:
    """Read and validate the configuration.

    Args:
        path: the file, relative to `cwd`, of any name; None: search from `cwd` upwards.
        cwd: absolute path of the working directory.

    Raises:
        DevportsError: `config-missing`, `config-unsafe`, `config-unreadable`, `config-syntax` or
            `config-invalid`.
    """
    wanted = find(cwd) if path is None else os.path.abspath(os.path.join(cwd, path))
    if wanted is None:
        raise report.no_config(cwd, find_below(cwd))
    shown = _shown(wanted, cwd)
    raw, status = _read(wanted, shown)
    warning = permission_error(os.path.realpath(wanted), status)
    config = read_text(_decoded(raw, shown), wanted, shown)
    return Loaded(config, (warning,) if warning else ())


def read_text(text: str, path: str, shown: str) -> Config:
    """Return the configuration of the text of a file.

    `path`: absolute, of the file that contains or will contain it. `shown`: its name in messages.

    Raises:
        DevportsError: `config-missing`, `config-syntax` or `config-invalid`.
    """
    root, name = os.path.split(path)
    table = _table(text, shown, name)
    if table is None:
        raise DevportsError("config-missing", f"`{shown}` has no table `[tool.devports]`")
    config = parse(table, path=path, root=root)
    if isinstance(config, tuple):
        prefix = ("tool", "devports") if name == SHARED else ()
        raise report.invalid(config, text, shown, prefix)
    services = tuple(_absolute(service, root) for service in config.services)
    return config.replace(services=services)


def line_of_service(path: str, name: str) -> int:
    """Return the line of `[services.NAME]` in a configuration, from 1; 0 if it is not found."""
    try:
        raw, _ = _read(path, path)
        text = _decoded(raw, path)
    except DevportsError:
        return 0
    prefix = ("tool", "devports") if os.path.basename(path) == SHARED else ()
    where = report.locate(text, report.scan(text), (*prefix, "services", name), value=False)
    return where.line if where else 0


def _shown(path: str, cwd: str) -> str:
    """Return the path relative to `cwd`, if the file is below it."""
    below = os.path.join(cwd, "")
    return visible(path.removeprefix(below))


def _absolute(service: Service, root: str) -> Service:
    """Return a service with absolute paths; as in a shell, `link/..` is the link's folder."""
    cwd = os.path.normpath(os.path.join(root, service.cwd))
    env_file = service.env_file and os.path.normpath(os.path.join(root, service.env_file))
    return service.replace(cwd=cwd, env_file=env_file)


def read_env_file(path: str) -> tuple[tuple[str, str], ...]:
    """Return the variables of an env file.

    Its permissions are checked like the configuration's: a variable can make a program run another.

    Raises:
        DevportsError: `env-file-missing`, `env-file-unreadable`, `env-file-invalid`,
            `config-unsafe`.
    """
    shown = visible(path)
    raw, status = _read(path, shown, kind="env-file", limit=MAX_ENV_BYTES)
    permission_error(os.path.realpath(path), status)
    try:
        env = parse_env(native(raw.decode(), sys.getfilesystemencoding()))
    except UnicodeDecodeError as error:
        raise _unreadable("env-file", shown, f"it is not UTF-8 ({_byte(raw, error)})") from None
    if env.problems:
        raise report.invalid_env(env.problems, shown)
    return env.pairs


def _read(
    path: str, shown: str, *, kind: str = "config", limit: int = MAX_BYTES
) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a regular file and its status, both of the same opened file."""
    try:
        # Checked first: opening a FIFO can block forever, opening a device can have effects.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise _unreadable(kind, shown, "it is not a regular file")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        with open(os.open(path, flags), "rb") as file:
            # None: a file of /proc that has nothing to read yet.
            status, raw = os.fstat(file.fileno()), file.read(limit + 1) or b""
    except FileNotFoundError:
        raise DevportsError(f"{kind}-missing", f"`{shown}` does not exist") from None
    except OSError as error:
        raise_limit(error)
        raise _unreadable(kind, shown, str(error.strerror).lower()) from None
    if len(raw) > limit:
        raise _unreadable(kind, shown, f"it is larger than {limit // 1024} KiB")
    return raw, status


def _unreadable(kind: str, shown: str, why: str) -> DevportsError:
    return DevportsError(f"{kind}-unreadable", f"cannot read `{shown}`: {why}")


def _decoded(raw: bytes, shown: str) -> str:
    if raw.startswith(_BOM):
        raise report.syntax(
            shown, "", None, "it starts with a byte order mark", "save it as UTF-8 without a BOM"
        )
    try:
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        what = "it looks like UTF-16" if raw.startswith(_UTF16) else "it is not UTF-8"
        reason = f"{what} ({_byte(raw, error)})"
        raise report.syntax(shown, "", None, reason, "save it as UTF-8") from None


def _byte(raw: bytes, error: UnicodeDecodeError) -> str:
    line = raw.count(b"\n", 0, error.start) + 1
    return f"byte 0x{raw[error.start]:02x} in line {line}"


def _table(text: str, shown: str, name: str) -> dict[str, object] | None:
    """Return the table of devports in a text; None where a pyproject.toml has none."""
    data = _toml(text, shown)
    if name != SHARED:
        return data
    tool = data.get("tool")
    table = tool.get("devports") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _toml(text: str, shown: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib  # costs 1.4 bare Python starts
    else:  # pragma: no cover  # Python 3.10
        import tomli as tomllib

    excess = exceeds_limits(text)
    if excess:
        raise report.syntax(shown, text, *excess)
    try:
        return {name: _native(value) for name, value in tomllib.loads(text).items()}
    except (ValueError, RecursionError, MemoryError) as error:
        raise report.syntax(shown, text, *_position(text, str(error))) from None


def _native(data: object) -> object:
    """Return data with all texts, also from escapes, in the encoding of the file system."""
    match data:
        case str():
            return native(data, sys.getfilesystemencoding())
        case dict():
            return {key: _native(value) for key, value in data.items()}
        case list():
            return [_native(value) for value in data]
        case _:
            return data


def _position(text: str, message: str) -> tuple[Place | None, str]:
    """Return the place that the TOML reader names in its message, and the message without it."""
    import re  # loaded by tomllib

    what, _, where = message.rpartition(" (at ")
    if where == "end of document)":
        lines = text.rstrip("\n").split("\n")
        return Place(len(lines), len(lines[-1]), 1), what
    found = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    return (Place(int(found[1]), int(found[2]) - 1, 1), what) if found else (None, message)


_ASSIGNMENT = (
    rf"[ \t]*(?:export[ \t]+)?(?P<name>{VARIABLE})[ \t]*="
    r"(?:[ \t]*(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\[\s\S])*)\")[ \t]*(?:#[^\n]*)?"
    r"|(?P<bare>(?![ \t]*['\"])[^\n]*))(?:\n|\Z)"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class Env(Frozen):
    """The variables in order, and the problems. A name that occurs twice has its last value.

    A problem names its line and does not repeat the text, which may be a secret.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


def parse_env(text: str) -> Env:
    r"""Parse the text of an env file; never raises.

    Blank lines, comments and a leading `export` are allowed. A value in single quotes is literal;
    in double quotes \n, \r, \t, \", \\ and \$ are escapes; both may span lines. A value without
    quotes ends at a blank with `#` after it.
    """
    import re  # only for `run`

    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    assignment = re.compile(_ASSIGNMENT)
    pairs: dict[str, str] = {}
    problems: list[str] = []
    position = number = 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        number += 1
        line = text[position:end].strip()
        match = assignment.match(text, position)
        wrong = _wrong(match, line)
        if wrong:
            problems.append(f"line {number}: {wrong}")
        elif match:
            pairs[match["name"]] = _value(match)
            number += text.count("\n", end, match.end())
            end = match.end()
        position = end
    return Env(tuple(pairs.items()), tuple(problems))


def _wrong(match: re.Match[str] | None, line: str) -> str:
    if match:
        return "a NUL character" if "\0" in match[0] else ""
    if not line or line.startswith("#"):
        return ""
    name, equals, value = line.partition("=")
    if not equals:
        return "no `=`: each line is NAME=value"
    if value.strip()[:1] in ("'", '"'):
        return "a quote that is not closed, or text after the closing one"
    return "no name of a variable before `=`: letters, digits, `_.-`" if name else "no name"


def _value(match: re.Match[str]) -> str:
    import re  # as above

    if match["bare"] is not None:
        return re.split(r"[ \t]#", match["bare"], maxsplit=1)[0].strip()
    if match["single"] is not None:
        return match["single"]
    return re.sub(r"\\([nrt\"\\$])", lambda sign: _ESCAPES[sign[1]], match["double"])


_WITHOUT_MODES = frozenset(
    "9p cifs drvfs exfat fuseblk msdos ntfs ntfs3 smb3 smbfs vboxsf vfat virtiofs".split()
)
"""File systems that show one made-up mode for every file (WSL's /mnt/c, shared folders, USB)."""


def trusted_uids(euid: int, sudo_uid: str) -> tuple[int, ...]:
    """Return the owners whose files are read: this user, also the one behind sudo, and root."""
    return (sudo_caller(euid, sudo_uid), euid, 0)


def permission_error(path: str, status: os.stat_result, mounts: str | None = None) -> str:
    """Raise for a file that another user controls; return a warning or an empty text.

    Args:
        path: absolute, for messages and to find its file system.
        status: of the file that was opened.
        mounts: text of /proc/self/mounts (proc(5)); None: read it if needed.

    Raises:
        DevportsError: `config-unsafe`.
    """
    if not hasattr(os, "geteuid"):  # pragma: no cover  # Windows: access lists, not modes
        return ""
    trusted = trusted_uids(os.geteuid(), os.environ.get("SUDO_UID", ""))
    if status.st_uid not in trusted:
        raise _unsafe(
            path,
            "belongs to another user",
            f"owner: uid {status.st_uid}, you: uid {trusted[0]}",
            f"sudo chown {trusted[0]} {quote(path)}",
        )
    if status.st_mode & stat.S_IWOTH:
        if on_foreign_mount(path, _mounts() if mounts is None else mounts):
            return f"`{visible(path)}` is on a file system without file permissions"
        raise _unsafe(
            path,
            "can be written by any user",
            f"mode: {status.st_mode & 0o777:04o}",
            f"chmod o-w {quote(path)}",
        )
    # Many systems give each user a private group with the same number.
    if status.st_mode & stat.S_IWGRP and status.st_gid != status.st_uid:
        return f"`{visible(path)}` can be written by the group {status.st_gid}"
    return ""


def is_unprotected_folder(path: str, status: os.stat_result, mounts: str | None = None) -> bool:
    """Return whether every user can replace a file in a folder.

    With the sticky bit, users cannot rename or remove files of others (inode(7)). `path`: absolute,
    links resolved. `mounts`: as in `permission_error`.
    """
    if not status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_ISVTX:
        return False
    return not on_foreign_mount(path, _mounts() if mounts is None else mounts)


def can_restrict(status: os.stat_result) -> bool:
    """Return whether other users can write a file, and this user may change that."""
    if not hasattr(os, "geteuid"):  # pragma: no cover  # Windows: access lists, not modes
        return False
    return bool(status.st_mode & stat.S_IWOTH) and os.geteuid() in (0, status.st_uid)


def _unsafe(path: str, what: str, fact: str, hint: str) -> DevportsError:
    return DevportsError(
        "config-unsafe",
        f"`{visible(path)}` {what}",
        facts=(fact,),
        note="anyone who can write this file can run commands as you",
        hints=(f"review the file, then run `{hint}`",),
    )


def on_foreign_mount(path: str, mounts: str) -> bool:
    """Return whether the file system of `path` has made-up modes.

    Args:
        path: absolute, links resolved.
        mounts: lines of `device folder type options ...`; the longest folder that contains `path`
            counts, and of equal ones the last.
    """
    kind, longest = "", 0
    for _, folder, name in _mounted(mounts.splitlines()):
        inside = path.startswith(folder.rstrip("/") + "/")
        if inside and len(folder) >= longest:
            kind, longest = name, len(folder)
    return kind in _WITHOUT_MODES


def _mounted(lines: Iterable[str]) -> Iterable[list[str]]:
    """Return device, folder and type of each line; proc(5) escapes a blank as an octal number."""
    fields = (line.replace(r"\040", "\0").split(" ")[:3] for line in lines)
    return ([word.replace("\0", " ") for word in line] for line in fields if len(line) == 3)  # noqa: PLR2004  # as named


def _mounts() -> str:
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:  # pragma: no cover  # macOS: its modes are real
        return ""

"""Find and read the configuration. Reading it never runs anything.

`devports check NAME` comes through here, so nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import os
import stat
import sys

from devports.config import report
from devports.config.limits import MAX_BYTES, beyond
from devports.config.locate import Place
from devports.config.parse import parse
from devports.config.problem import Problems, visible
from devports.config.trust import distrust
from devports.core.value import Value
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.config.problem import Path
    from devports.core.service import Config, Service

OWN = "devports.toml"
SHARED = "pyproject.toml"
MAX_ENV_BYTES = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Loaded(Value):
    """A configuration, and what is doubtful about its file without being refused."""

    config: Config
    warnings: tuple[str, ...] = ()


def find(start: str) -> str | None:
    """Return the configuration that holds in the folder `start`; None if there is none.

    `devports.toml`, or a pyproject.toml with `[tool.devports]`, in `start` or above it: up to the
    repository root or the home folder, and never above into a folder that everybody can write.
    """
    for folder in _folders(os.path.abspath(start)):
        for name in (OWN, SHARED):
            path = os.path.join(folder, name)
            if os.path.lexists(path) and (name == OWN or _is_ours(path)):
                return path
    return None


def _folders(folder: str) -> Iterator[str]:
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE", "")
    homes = (os.path.normpath(home), os.path.realpath(home)) if home else ()
    while True:
        yield folder
        above = os.path.dirname(folder)
        top = folder in (above, *homes) or os.path.lexists(os.path.join(folder, ".git"))
        if top or _open_to_all(above):
            return
        folder = above


def _open_to_all(folder: str) -> bool:
    """Whether anybody could have put a file there; Windows answers this with access lists."""
    try:
        return hasattr(os, "geteuid") and bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return True


def _is_ours(path: str) -> bool:
    """Whether a pyproject.toml is meant for us. One that is broken is, if it visibly says so."""
    try:
        raw, _ = _read(path, path)
    except DevportsError:
        return False
    try:
        return b"devports" in raw and _table(_decoded(raw, path), path, SHARED) is not None
    except DevportsError:
        return b"[tool.devports" in raw


def load(path: str | None, cwd: str) -> Config:
    """Read and check the configuration; see `load_with_warnings`."""
    return load_with_warnings(path, cwd).config


def load_with_warnings(path: str | None, cwd: str) -> Loaded:
    """Read and check the configuration.

    Args:
        path: the file, relative to `cwd`, under any name; None: search from `cwd` upwards.
        cwd: absolute path of the working directory.

    Raises:
        DevportsError: `config-missing`, `config-unsafe`, `config-unreadable`, `config-syntax` or
            `config-invalid`.
    """
    wanted = find(cwd) if path is None else os.path.abspath(os.path.join(cwd, path))
    if wanted is None:
        raise report.no_config(cwd)
    shown = _shown(wanted, cwd)
    raw, status = _read(wanted, shown)
    warning = distrust(os.path.realpath(wanted), status)
    config = read_text(_decoded(raw, shown), wanted, shown)
    return Loaded(config, (warning,) if warning else ())


def read_text(text: str, path: str, shown: str) -> Config:
    """Return the configuration that a text is.

    Args:
        text: of the whole file.
        path: absolute, of the file that has it or is to get it.
        shown: name of the file, as messages call it.

    Raises:
        DevportsError: `config-missing`, `config-syntax` or `config-invalid`.
    """
    root, name = os.path.split(path)
    table = _table(text, shown, name)
    if table is None:
        raise DevportsError("config-missing", f"`{shown}` has no table `[tool.devports]`")
    config = parse(table, path=path, root=root)
    if isinstance(config, Problems):
        prefix: Path = ("tool", "devports") if name == SHARED else ()
        raise report.invalid(config, text, shown, prefix)
    services = tuple(_absolute(service, root) for service in config.services)
    return config.but(services=services)


def _shown(path: str, cwd: str) -> str:
    """The path as a person in `cwd` would write it."""
    below = os.path.join(cwd, "")
    return visible(path.removeprefix(below))


def _absolute(service: Service, root: str) -> Service:
    """Make the paths absolute; like a shell's `cd`, `link/..` is where the link is."""
    cwd = os.path.normpath(os.path.join(root, service.cwd))
    env_file = service.env_file and os.path.normpath(os.path.join(root, service.env_file))
    return service.but(cwd=cwd, env_file=env_file)


def read_env_file(path: str) -> tuple[tuple[str, str], ...]:
    """Return the variables in an env file.

    It is trusted as little as the configuration: a variable can make a program run another.

    Raises:
        DevportsError: `env-file-missing`, `env-file-unreadable`, `env-file-invalid`,
            `config-unsafe`.
    """
    from devports.config.dotenv import parse_env  # noqa: PLC0415  # only `run` needs it

    shown = visible(path)
    raw, status = _read(path, shown, kind="env-file", limit=MAX_ENV_BYTES)
    distrust(os.path.realpath(path), status)
    try:
        env = parse_env(raw.decode())
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
        # Asked before: opening a FIFO can wait for ever, opening a device can have effects.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise _unreadable(kind, shown, "it is not a regular file")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        with open(os.open(path, flags), "rb") as file:
            status, raw = os.fstat(file.fileno()), file.read(limit + 1)
    except FileNotFoundError:
        raise DevportsError(f"{kind}-missing", f"`{shown}` does not exist") from None
    except OSError as error:
        raise _unreadable(kind, shown, str(error.strerror).lower()) from None
    if len(raw) > limit:
        raise _unreadable(kind, shown, f"it is larger than {limit // 1024} KiB")
    return raw, status


def _unreadable(kind: str, shown: str, why: str) -> DevportsError:
    return DevportsError(f"{kind}-unreadable", f"cannot read `{shown}`: {why}")


def _decoded(raw: bytes, shown: str) -> str:
    if raw.startswith(_BOM):
        raise report.syntax(
            shown, "", None, "it starts with a byte order mark", "save it as UTF-8 without BOM"
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
    """Return our table of the text; None where a pyproject.toml has none."""
    data = _toml(text, shown)
    if name != SHARED:
        return data
    tool = data.get("tool")
    ours = tool.get("devports") if isinstance(tool, dict) else None
    return ours if isinstance(ours, dict) else None


def _toml(text: str, shown: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415  # costs 1.4 bare Python starts
    else:  # pragma: no cover  # Python 3.10
        import tomli as tomllib  # noqa: PLC0415

    excess = beyond(text)
    if excess:
        raise report.syntax(shown, text, *excess)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise report.syntax(shown, text, *_position(text, str(error))) from None


def _position(text: str, message: str) -> tuple[Place | None, str]:
    """Return the place that the reader names in its message, and the message without it."""
    import re  # noqa: PLC0415  # loaded by tomllib

    what, _, where = message.rpartition(" (at ")
    if where == "end of document)":
        lines = text.rstrip("\n").split("\n")
        return Place(len(lines), len(lines[-1]), 1), what
    found = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    return (Place(int(found[1]), int(found[2]) - 1, 1), what) if found else (None, message)

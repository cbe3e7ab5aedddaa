"""Files that users and other programs edit too: read unchanged, written whole or not at all.

In a folder of the project a link is refused, since it may lead out of it. If devports exits while
it writes, the old file stays; a second writer waits; what another program wrote in between stays.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from errno import EAGAIN, EINVAL, ELOOP, ENOTDIR

from devports.core.text import native
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.exitcodes import NO, PERMISSION
from devports.system import WINDOWS, clock, limit_hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO


MAX_BYTES = 1024 * 1024
LOCK_WAIT = 30.0
"""Seconds to wait for other runs of `devports vscode`, each of which holds the lock for
milliseconds, but twenty on a slow machine for seconds."""
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
NONBLOCK = getattr(os, "O_NONBLOCK", 0)
READING = os.O_RDONLY | NONBLOCK | getattr(os, "O_CLOEXEC", 0)
NOT_REGULAR = "it is not a regular file"
CREATING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW


def open_regular(path: str, flags: int = 0, folder: int | None = None) -> BinaryIO:
    """Open a regular file for reading, relative to an open folder if there is one.

    Opening a FIFO can wait forever, and opening a device can have effects.

    Raises:
        OSError: it cannot be opened, or (EINVAL) is another kind of file.
    """
    found = os.stat(path, dir_fd=folder, follow_symlinks=not flags & NOFOLLOW)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(EINVAL, NOT_REGULAR)
    return open(os.open(path, READING | flags, dir_fd=folder), "rb")


def read_regular(path: str, most: int, flags: int = 0, folder: int | None = None) -> bytes:
    """Return the first bytes of a regular file, never waiting for them.

    /proc/kmsg is called regular and may have nothing to read yet.

    Raises:
        OSError: as `open_regular`, or it cannot be read.
    """
    with open_regular(path, flags, folder) as file:
        return file.read(most) or b""


class Folder(Frozen):
    """An open folder: operations stay in it even if it is renamed.

    Attributes:
        shown: its path, as messages name it.
        descriptor: of the folder; None on Windows, where files cannot be opened relative to one.
    """

    shown: str
    path: str
    descriptor: int | None

    def read(self, name: str) -> str | None:
        """Return the text of a file, line ends and byte order mark included; None if missing.

        Raises:
            DevportsError: it is a link, not a regular file, too large, or not UTF-8.
        """
        try:
            raw = read_regular(self._at(name), MAX_BYTES + 1, NOFOLLOW, self.descriptor)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.strerror == NOT_REGULAR:
                raise self._refused(name, NOT_REGULAR) from None
            raise self._failed(name, "read", error) from None
        if len(raw) > MAX_BYTES:
            raise self._refused(name, f"it is larger than {MAX_BYTES // 1024} KiB")
        try:
            return native(raw.decode(), sys.getfilesystemencoding())
        except UnicodeDecodeError:
            raise self._refused(name, "it is not UTF-8") from None

    def exchange(self, name: str, before: str | None, after: str) -> None:
        """Replace the text `before` by `after`: written under a temporary name, then renamed.

        Raises:
            DevportsError: the file is not `before` any more, or cannot be written; it is unchanged.
        """
        if self.read(name) != before:
            raise self._refused(
                name, "it changed while devports worked on it; run the command again"
            )
        try:
            replace_whole(self._place, name, after, mode=self._mode(name))
            if self.descriptor is not None:
                os.fsync(self.descriptor)
        except OSError as error:
            raise self._failed(name, "written", error) from None

    def _mode(self, name: str) -> int | None:
        """Return the permissions of an existing file; None for a new one: the umask decides."""
        try:
            return stat.S_IMODE(os.lstat(self._at(name), dir_fd=self.descriptor).st_mode)
        except FileNotFoundError:
            return None

    @property
    def _place(self) -> Place:
        return Place(self.path if self.descriptor is None else self.descriptor)

    def _at(self, name: str) -> str:
        return self._place.at(name)

    def _refused(self, name: str, why: str) -> DevportsError:
        return DevportsError("editor-file-unusable", f"left `{self.shown}/{name}` unchanged: {why}")

    def _failed(self, name: str, done: str, error: OSError) -> DevportsError:
        return _unusable(f"{self.shown}/{name}", done, error)


def _unusable(shown: str, done: str, error: OSError) -> DevportsError:
    code = PERMISSION if isinstance(error, PermissionError) else NO
    why = str(error.strerror).lower()
    message, hints = f"`{shown}` cannot be {done}: {why}", limit_hints(error)
    return DevportsError("editor-file-unusable", message, hints=hints, exit_code=code)


@contextlib.contextmanager
def opened(root: str, name: str, *, make: bool = False) -> Iterator[Folder | None]:
    """Open a folder of the project; yield None if it does not exist and `make` is false.

    Args:
        root: the project's folder.
        name: of a folder directly in it.
        make: create it if it is missing, and lock out other writers until it is closed.

    Raises:
        DevportsError: it is a link, not a folder, or cannot be opened or locked.
    """
    path = os.path.join(root, name)
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
        descriptor = _open(path)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        if error.errno in (ELOOP, ENOTDIR):
            raise DevportsError(
                "editor-file-unusable", f"`{path}` is a link or not a folder; left unchanged"
            ) from None
        raise _unusable(path, "opened", error) from None
    try:
        if make and descriptor is not None:
            _lock(descriptor, path)
        yield Folder(name, path, descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(path: str) -> int | None:
    if hasattr(os, "O_DIRECTORY"):
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | NOFOLLOW)
    if os.path.islink(path) or not os.path.isdir(path):
        raise (
            FileNotFoundError(path)
            if not os.path.lexists(path)
            else OSError(ENOTDIR, "not a folder")
        )
    return None


def _lock(descriptor: int, path: str) -> None:
    """Lock the folder itself (flock(2)), which leaves no lock file in the project."""
    try:
        lock(descriptor, LOCK_WAIT)
    except BlockingIOError:
        raise DevportsError(
            "editor-file-unusable",
            f"`{path}` is locked by another process; left unchanged",
            hints=("run the command again when that process has exited",),
            exit_code=NO,
        ) from None
    except OSError:
        return  # a file system without locks: `exchange` still compares what it replaces


def remove_write_permission(path: str) -> None:
    """Remove the write permission of other users from a file or folder; other permissions stay.

    Args:
        path: absolute, links resolved: a path that has become a link since then is refused.

    Raises:
        DevportsError: it does not exist, or belongs to another user.
    """
    try:
        opened = os.open(path, READING | NOFOLLOW)
        try:
            os.chmod(opened, stat.S_IMODE(os.fstat(opened).st_mode) & ~stat.S_IWOTH)
        finally:
            os.close(opened)
    except OSError as error:
        raise DevportsError(
            "not-permitted",
            f"cannot change the mode of `{path}`",
            facts=(error.strerror or type(error).__name__,),
        ) from error


MODE = 0o644
"""Before the umask. A file that decides which commands run must not be writable by other users."""
DRAFT = re.compile(r"\..+\.devports-[0-9a-f]{16}")
"""The name of a file that devports is writing; it gets its own name when it is complete."""


def write_new(path: str, text: str, *, link: Callable[..., None] = os.link) -> None:
    """Write `text` to a new file, visible only when complete; nothing is overwritten.

    The draft is linked to its own name by link(2), which fails if that name exists, even as a
    dangling link. Without hard links the file is empty for a moment.

    Args:
        path: of the file.
        text: its whole content.
        link: gives the file its name; fails on a file system without hard links.

    Raises:
        FileExistsError: a file of that name exists.
        OSError: it cannot be written.
    """
    folder, name = os.path.split(path)
    with _drafted(Place(folder or os.curdir), name, text, created=MODE) as draft:
        _give_name(draft, path, link)


def replace_whole(
    place: Place,
    name: str,
    text: str | bytes,
    *,
    mode: int | None = None,
    created: int = 0o666,
    synced: bool = True,
) -> None:
    """Write a file and rename it to `name`: readers see the old file or the new one.

    Args:
        place: its folder.
        name: of the file.
        text: its whole content.
        mode: its permissions; None: `created` without the umask.
        created: see `mode`.
        synced: whether it has to survive a failure of the machine too.

    Raises:
        OSError: it cannot be written; the old file is unchanged.
    """
    with _drafted(place, name, text, created=created, mode=mode, synced=synced) as draft:
        os.replace(draft, place.at(name), src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor)


class Place:
    """A folder, by its path or by a descriptor: what system calls need for a name in it."""

    def __init__(self, folder: int | str) -> None:
        self.folder = folder
        self.descriptor = folder if isinstance(folder, int) else None

    def at(self, name: str) -> str:
        return name if isinstance(self.folder, int) else os.path.join(self.folder, name)

    def remove(self, name: str) -> None:
        os.unlink(self.at(name), dir_fd=self.descriptor)

    def clear(
        self, pattern: re.Pattern[str] = DRAFT, remove: Callable[[str], None] | None = None
    ) -> None:
        """Remove what a process of this user was using temporarily when it was killed.

        The process that makes a temporary file or folder keeps it locked, and the kernel releases
        the lock when that process exits: what is not locked belongs to none. Windows has no such
        locks, and nothing is removed there.
        """
        with contextlib.suppress(OSError):
            for name in filter(pattern.fullmatch, os.listdir(self.folder)):
                with contextlib.suppress(OSError), self._locked_if_dead(name) as dead:
                    if dead:
                        (remove or self.remove)(name)

    @contextlib.contextmanager
    def _locked_if_dead(self, name: str) -> Iterator[bool]:
        flags = os.O_RDONLY | NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
        opened = os.open(self.at(name), flags, dir_fd=self.descriptor)
        try:
            own = hasattr(os, "geteuid") and os.fstat(opened).st_uid == os.geteuid()
            yield own and try_lock(opened)
        finally:
            os.close(opened)


def claimed(opened: int) -> bool:
    """Lock a new temporary file or folder; return whether it was not removed just before that."""
    try:
        return WINDOWS or (try_lock(opened) and os.fstat(opened).st_nlink > 0)
    except OSError:
        return True  # a file system without locks: nothing is removed there


@contextlib.contextmanager
def _drafted(
    place: Place,
    name: str,
    text: str | bytes,
    *,
    created: int,
    mode: int | None = None,
    synced: bool = True,
) -> Iterator[str]:
    """Yield the path of a complete draft of a file, which is removed at the end of the block."""
    place.clear()
    draft, opened = _new_draft(place, name, created)
    try:
        with open(opened, "wb", closefd=WINDOWS) as file:  # which renames no open file
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(opened, mode)
            file.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
            file.flush()
            if synced:
                os.fsync(opened)
        yield place.at(draft)
    finally:
        with contextlib.suppress(OSError):  # renamed
            place.remove(draft)
        if not WINDOWS:
            os.close(opened)


def _new_draft(place: Place, name: str, mode: int) -> tuple[str, int]:
    while True:
        draft = f".{name}.devports-{os.urandom(8).hex()}"
        opened = os.open(place.at(draft), CREATING, mode, dir_fd=place.descriptor)
        if claimed(opened):
            return draft, opened
        os.close(opened)


def _give_name(draft: str, path: str, link: Callable[..., None]) -> None:
    try:
        link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and some mounts have no hard links
        _take_name(draft, path)


def _take_name(draft: str, path: str) -> None:
    """Create an empty file, which fails if the name exists, and replace it by the draft."""
    os.close(os.open(path, CREATING, MODE))
    try:
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


@contextlib.contextmanager
def lock_file(path: str, seconds: float) -> Iterator[None]:
    """Hold the lock of a file of this user, which is created if it is missing and never removed.

    Raises:
        BlockingIOError: another process still has it after `seconds`.
        OSError: it is a link, cannot be opened, or its file system has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)
    try:
        lock(descriptor, seconds)
        yield
    finally:
        os.close(descriptor)


def lock(descriptor: int, seconds: float) -> None:
    """Lock a file as `try_lock` does, waiting at most `seconds` for it.

    Raises:
        BlockingIOError: another process still has it locked.
        OSError: this file system has no locks.
    """
    deadline = clock.Deadline(seconds)
    while not try_lock(descriptor):
        if deadline.passed:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
        clock.pause(0.01)


def try_lock(descriptor: int) -> bool:
    """Lock a file exclusively until this process exits or closes it; return whether that worked.

    Windows locks byte ranges, even beyond the end: the first byte stands for the file. The kernel
    releases the lock some time after its holder has exited (LockFileEx).

    Raises:
        OSError: this file system has no locks.
    """
    if sys.platform == "win32":  # noqa: TID251  # each system has its own call
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

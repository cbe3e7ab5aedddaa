"""Reading a project's folder within limits: its text files, and the git checkout around it.

Nothing of the project is run, not even git, which would read the configuration of a folder that may
belong to another user. Links are not followed: they may lead to a home folder, or to the project
itself. Installed and generated files (node_modules, virtual environments, build folders) are
skipped.
"""

from __future__ import annotations

import os
from itertools import islice

from devports.core.value import Frozen
from devports.errors import raise_limit
from devports.system.files import NOFOLLOW, read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devports.core.assigning import Checkout
    from devports.core.checkout import Worktree


MAX_BYTES = 128 * 1024
"""Of one file. A file that defines services is a page or two; only generated code is longer."""

SKIPPED_FOLDERS = frozenset(
    "node_modules bower_components site-packages __pycache__ dist build out target vendor"
    " coverage htmlcov".split()
)
SOURCES = tuple(
    f"src/{kind}/{language}"
    for kind in ("main", "test")
    for language in ("java", "kotlin", "scala")
)
"""Deep trees of packages, in which no file says how a server is started."""
HIDDEN = (".vscode", ".streamlit")
"""The hidden folders that may say how a server is started."""
ENVIRONMENT = "pyvenv.cfg"
"""In every virtual environment (PEP 405)."""


class Bounds(Frozen):
    """Limits of a scan: folders below each other, names seen, files read."""

    depth: int = 10
    names: int = 20_000
    files: int = 2000


BOUNDS = Bounds()


class TreeScan(Frozen):
    """The files of a folder.

    Attributes:
        texts: path from the folder, with `/`, and text of every wanted file; those near the top
            first.
        names: paths of every file that was seen.
        unread: what a limit excluded, with the limit, those near the top first.
    """

    texts: tuple[tuple[str, str], ...] = ()
    names: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether no limit was reached."""
        return not self.unread


def scan(root: str, rank: Callable[[str], int], bounds: Bounds = BOUNDS) -> TreeScan:
    """Return the text files of a folder, those near its top first.

    Args:
        root: absolute path.
        rank: returns by a file's name 0: it is not read, 1: it is read first, 2: then.
        bounds: limits of the scan.
    """
    names: list[str] = []
    unread: list[str] = []
    todo = [("", 0)]
    while todo and len(names) < bounds.names:
        folder, depth = todo.pop(0)
        files, folders = _inside(root, folder, bounds.names + 1)
        names += files
        if len(files) + len(folders) > bounds.names:
            unread.append(f"{folder or '.'} (after {bounds.names} files)")
        if depth == bounds.depth:
            unread += (f"{path} (more than {bounds.depth} folders deep)" for path in folders)
        else:
            todo += [(path, depth + 1) for path in folders]
    unread += (f"{path} (after {bounds.names} files)" for path, _ in todo)
    ranked = sorted((r, at) for at, path in enumerate(names) if (r := rank(os.path.basename(path))))
    unread += (f"{names[at]} (after {bounds.files} files)" for _, at in ranked[bounds.files :])
    wanted = sorted(at for _, at in ranked[: bounds.files])
    texts = ((names[at], _text(os.path.join(root, names[at]))) for at in wanted)
    return TreeScan(
        tuple((path, text) for path, text in texts if text is not None),
        frozenset(names),
        tuple(unread),
    )


def _inside(root: str, folder: str, most: int) -> tuple[list[str], list[str]]:
    """Return the files of a folder and the folders to scan next, as paths from `root`."""
    files, folders = [], []
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in sorted(islice(entries, most), key=lambda entry: entry.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_file(follow_symlinks=False):
                    files.append(path)
                elif entry.is_dir(follow_symlinks=False):
                    mark = f"{path}/{ENVIRONMENT}"
                    if os.path.lexists(os.path.join(root, mark)):
                        files.append(mark)  # that it exists, without its content
                    elif _is_scanned(entry.name) and not path.endswith(SOURCES):
                        folders.append(path)
    except OSError as error:  # removed, or not permitted
        raise_limit(error)
    return files, folders


def _is_scanned(name: str) -> bool:
    return name not in SKIPPED_FOLDERS and (not name.startswith(".") or name in HIDDEN)


def _text(path: str) -> str | None:
    """Return the text of a file, None if it is too long; bytes that are not UTF-8 are replaced."""
    raw = _read(path, MAX_BYTES + 1, NOFOLLOW)
    if raw is None or len(raw) > MAX_BYTES:
        return None
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def _read(path: str, most: int, flags: int = 0) -> bytes | None:
    """Return the first bytes of a file; None where it is not a regular file or not readable."""
    try:
        return read_regular(path, most, flags)
    except OSError as error:
        raise_limit(error)
        return None
    except ValueError:  # a zero byte in the path
        return None


MAX_FILE = 4096
MAX_CONFIG = 64 * 1024
MAX_DEPTH = 64
MAX_ORIGINS = 4
"""Clones of clones that are followed to the first one."""
COMMIT = 8
"""Digits of a short commit id."""


def worktree_of(folder: str) -> Worktree | None:
    """Return the checkout around `folder`; None where there is none or it cannot be read.

    A submodule is a part of the checkout around it. A dangling `.git` ends the search, as for git:
    its repository may be out of reach, as in a container.
    """
    best = _around(folder)
    return _worktree(*best) if best else None


def _around(folder: str) -> tuple[str, str] | None:
    """Return the top folder and the git folder of the checkout around `folder`."""
    best = None
    if not os.path.isdir(folder):
        return None  # removed: the checkout above it was not its own
    for root in _upwards(folder):
        link = os.path.join(root, ".git")
        git = _git_folder(link)
        best = (root, git) if git else best
        if os.path.lexists(link) and not (git and _is_submodule(link, git)):
            break
    return best


def checkout_of(folder: str) -> Checkout | None:
    """Return which checkout of which project a configuration's folder is; None without git."""
    from devports.core.assigning import Checkout  # not for the name of a project

    if (found := _around(folder)) is None:
        return None
    root, git = found
    folder, common = os.path.realpath(folder), _common(git)
    below = os.path.relpath(folder, root)
    project = _repository(common) + (f":{below}" if below != os.curdir else "")
    linked = common != os.path.realpath(git) and _has_main_checkout(common)
    return Checkout(folder, project, git, linked=linked)


def _has_main_checkout(common: str) -> bool:
    """Return whether a repository has a checkout that is no linked worktree."""
    from devports.core.checkout import setting_of

    text = _beginning(os.path.join(common, "config"), MAX_CONFIG)
    bare = setting_of(text, "core", "bare").lower() in ("true", "yes", "on", "1")
    return os.path.basename(common) == ".git" and not bare


def lost_repository(folder: str) -> str:
    """Return the `.git` of a worktree whose repository does not exist; empty if there is none."""
    links = (os.path.join(root, ".git") for root in _upwards(folder))
    link = next(filter(os.path.lexists, links), "")
    return link if link and not _git_folder(link) else ""


def checkouts_of(folder: str) -> tuple[str, ...]:
    """Return the top folders of the other checkouts that git knows of the repository."""
    if (found := _around(folder)) is None:
        return ()
    root, git = found
    common = _common(git)
    entries = os.path.join(common, "worktrees")
    try:
        names = sorted(os.listdir(entries))
    except OSError:
        return ()
    links = [_line(os.path.join(entries, name, "gitdir")) for name in names]
    main = [common] if _has_main_checkout(common) else []
    tops = [os.path.dirname(link) for link in (*main, *links) if link and os.path.exists(link)]
    return tuple(top for top in tops if os.path.realpath(top) != root)


def _upwards(folder: str) -> Iterator[str]:
    """Yield a folder and all above it; none for an empty path."""
    folder = folder and os.path.realpath(folder)
    for _ in range(MAX_DEPTH if folder else 0):
        yield folder
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def _worktree(root: str, git: str) -> Worktree:
    from devports.core.checkout import Worktree

    return Worktree(root, _branch(_line(os.path.join(git, "HEAD"))), _repository(_common(git)))


def _git_folder(path: str) -> str:
    if os.path.isdir(path):
        return path
    link = _line(path).removeprefix("gitdir: ")
    found = os.path.normpath(os.path.join(os.path.dirname(path), link))
    return found if link and os.path.isdir(found) else ""


def _is_submodule(link: str, git: str) -> bool:
    """Return whether a checkout is a submodule: its git folder is in `modules` (gitmodules(5)).

    A linked worktree has a `commondir`, wherever its repository is.
    """
    inside = f"{os.sep}modules{os.sep}" in git
    return inside and not os.path.isdir(link) and not _line(os.path.join(git, "commondir"))


def _common(git: str) -> str:
    """Return the git folder that all worktrees of one clone share."""
    return os.path.realpath(os.path.join(git, _line(os.path.join(git, "commondir"))))


def _repository(common: str, origins: int = MAX_ORIGINS) -> str:
    """Return the identity that a clone shares with its siblings: its first origin, or itself."""
    from devports.core.checkout import address_of, is_path, origin_of

    url = origin_of(_beginning(os.path.join(common, "config"), MAX_CONFIG))
    if not url or not origins:
        return common
    if not (os.path.isabs(url) or is_path(url)):
        return address_of(url)
    folder = os.path.realpath(os.path.join(os.path.dirname(common), url.removeprefix("file://")))
    bare = folder if os.path.isfile(os.path.join(folder, "HEAD")) else ""
    git = _git_folder(os.path.join(folder, ".git")) or bare
    return _repository(_common(git), origins - 1) if git else folder


def _branch(head: str) -> str:
    name = head.removeprefix("ref: ")
    return head[:COMMIT] if name == head else name.removeprefix("refs/heads/")


def _line(path: str) -> str:
    """Return the first line of a small regular file; empty where there is none."""
    return _beginning(path, MAX_FILE).partition("\n")[0]


def _beginning(path: str, limit: int) -> str:
    """Return the first bytes of a regular file; empty where there is none."""
    return (_read(path, limit) or b"").decode("utf-8", "surrogateescape")

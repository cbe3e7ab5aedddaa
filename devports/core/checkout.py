"""Git checkouts: to which one a process belongs. Pure: `system.project` reads the files.

Two checkouts of one repository, linked worktrees or clones, may be served at the same time, by two
people or two agents. A process of another checkout is never stopped without a confirmation.
"""

from __future__ import annotations

from functools import cache

from devports.core.holder_kind import OtherCheckout, Place, RunInfo
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.model import Process

    ElsewhereOf = Callable[[Process, RunInfo | None], OtherCheckout | None]
    WorktreeOf = Callable[[str], "Worktree | None"]


class Worktree(Frozen):
    """A checkout of a repository, linked or not.

    Attributes:
        root: its top folder.
        branch: the branch, or a short commit; empty if unknown.
        repository: the same for all worktrees of one clone and all clones of one origin.
    """

    root: str
    branch: str
    repository: str


def no_checkout(_: Process, __: RunInfo | None) -> None:
    """Return None: no checkout is known."""


def elsewhere_from(
    home: str, worktree_of: WorktreeOf, exists: Callable[[str], bool] = bool
) -> ElsewhereOf:
    """Return a function that finds the other checkout or project of a process, None for `home`.

    A run belongs to the folder of its configuration, any other process to its working folder. A
    process without a known checkout counts as one of `home`, as without git, and so does one whose
    folder was removed. Branches change, so use the function for one inspection only.

    Args:
        home: the folder of the current command.
        worktree_of: reads the checkout around a folder; called once for each folder.
        exists: whether a folder exists.
    """
    read = cache(worktree_of)

    def elsewhere(process: Process, run: RunInfo | None) -> OtherCheckout | None:
        own = read(home)
        there = read(run.project if run else process.cwd)
        this = Place(own.root, own.branch) if own else Place(home)
        if there is None:
            if run is None or _is_within(home, run.project) or not exists(run.project):
                return None
            return OtherCheckout("project", Place(run.project), this, run)
        if own is not None and own.root == there.root:
            return None
        related = own is not None and own.repository == there.repository
        place = Place(there.root, there.branch)
        return OtherCheckout("sibling" if related else "project", place, this, run)

    return elsewhere


def origin_of(config: str) -> str:
    """Return the address of `origin` in the text of a repository's `config`."""
    return setting_of(config, 'remote "origin"', "url")


def setting_of(config: str, section: str, name: str) -> str:
    """Return a value of a repository's `config`; empty if it has none (git-config(1))."""
    inside = False
    for line in map(str.strip, config.splitlines()):
        head, _, behind = line.rpartition("]") if line.startswith("[") else ("", "", line)
        if head:
            inside = head[1:].split() == section.split()
        key, _, value = behind.partition("=")
        if inside and key.strip().lower() == name:
            return _plain(value.strip())
    return ""


def _plain(value: str) -> str:
    """Return a value without quotes, or without the comment behind it."""
    if value.startswith('"'):
        return value[1:].partition('"')[0].replace("\\\\", "\\")
    return value.partition("#")[0].partition(";")[0].strip()


def is_path(url: str) -> bool:
    """Return whether git takes `url` for a folder of this machine (git-clone(1), GIT URLS)."""
    return url.startswith("file://") or ":" not in url.partition("/")[0]


def address_of(url: str) -> str:
    """Return `host/path`: the part that all URLs of one repository share.

    Scheme, user, password, port and `.git` differ between people and machines.
    """
    _, _, rest = url.rpartition("://")
    host, _, path = rest.partition("/" if "://" in url else ":")
    name, _, number = host.rpartition("@")[2].rpartition(":")
    host = name if name and number.isdecimal() else host.rpartition("@")[2]
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}"


def _is_within(folder: str, project: str) -> bool:
    """Return whether `folder` is in `project`: a configuration is searched upwards."""
    return f"{folder}/".startswith(f"{project.rstrip('/')}/")

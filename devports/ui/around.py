"""What is around a holder, in words: its project, and who touches the port and is left alone. Pure.

Names and branches come from outside and go through `printable`.
"""

from __future__ import annotations

from devports.core.standing import Elsewhere
from devports.ui.printable import printable
from devports.ui.who import label, listed, short_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.bystanders import Bystanders, Spared
    from devports.core.checkout import Worktree
    from devports.core.standing import Place, Standing
    from devports.ui.who import Reader

MOST_NAMES = 4


def project_words(theirs: Worktree | None, ours: Worktree | None) -> str:
    """Return which project a holder was started in, and how that is to ours."""
    if theirs is None:
        return ""
    name = theirs.root.rstrip("/").rpartition("/")[2] or theirs.root
    branch = f" on branch `{printable(theirs.branch, 60)}`" if theirs.branch else ""
    return f"`{printable(name, 60)}`{branch}{_relation(theirs, ours)}"


def _relation(theirs: Worktree, ours: Worktree | None) -> str:
    if ours is None:
        return ""
    if theirs.root == ours.root:
        return ", this project"
    if theirs.repository == ours.repository:
        return ", another checkout of this repository"
    return ", another project"


def whereabouts(standing: Standing, reader: Reader) -> tuple[str, str]:
    """Return the row of a card that says of which checkout or project it is, and which is ours.

    Both are empty where it is of ours, or nobody knows.
    """
    if not isinstance(standing, Elsewhere):
        return "", ""
    key = "checkout" if standing.relation == "sibling" else "project"
    folders = [short_folder(each.folder, reader) for each in (standing.there, standing.here)]
    there, here = map(place_words, folders, (standing.there, standing.here))
    return key, there + (f"; you are in {here}" if here else "")


def place_words(folder: str, place: Place) -> str:
    """Return a folder, as it is to be written, with its branch."""
    return folder + (f", branch `{printable(place.branch, 60)}`" if place.branch else "")


def clients_words(around: Bystanders) -> str:
    """Return how many clients a server has and which of them are processes here."""
    known = [label(one.process) for one in around.spared if one.why == "client"]
    more = len(known) - MOST_NAMES
    names = [*known[:MOST_NAMES], *([f"{more} more"] if more > 0 else [])]
    here = f", here {listed(names)}" if names else ""
    return f"{around.clients} connected{here}; not signalled"


def spared_words(spared: Sequence[Spared]) -> tuple[str, ...]:
    """Return who touched the port and was left alone, one line each, and why."""
    lines = tuple(
        f"left alone: {label(one.process)}, "
        + ("a client of the port" if one.why == "client" else "its own connection uses the number")
        for one in spared
    )
    more = len(lines) - MOST_NAMES
    return (*lines[:MOST_NAMES], *([f"left alone: {more} more like these"] if more > 0 else []))

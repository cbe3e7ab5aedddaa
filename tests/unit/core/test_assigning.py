"""Which ports a checkout gets: every rule, on entries and probes that are values."""

from __future__ import annotations

import pytest

from devports.core.assigning import Checkout, Entry, NoRoomError, assign, entry_of

SHOP = "git.example/acme/shop"
MAIN = Checkout("/w/shop", SHOP, "/w/shop/.git")
FEAT = Checkout("/w/feat", SHOP, "/w/shop/.git/worktrees/feat", linked=True)
CLONE = Checkout("/w/clone", SHOP, "/w/clone/.git")


def entry(of: Checkout, offset: int, *bases: int, **changes: object) -> Entry:
    ports = {base: base + offset for base in bases}
    return Entry(of.project, of.gitdir, offset, ports).replace(**changes)


def assigned(
    here: Checkout,
    *bases: int,
    entries: dict[str, Entry] | None = None,
    taken: tuple[int, ...] = (),
    gone: tuple[str, ...] = (),
    declared: tuple[int, ...] = (),
) -> dict[str, Entry]:
    return assign(
        entries or {},
        here,
        bases,
        declared={*bases, *declared},
        exists=lambda folder: folder not in gone,
        bindable=lambda _, port: port not in taken,
    )


def offsets(bases: tuple[int, ...], number: int) -> list[int]:
    """Return the offsets of so many worktrees of one repository, in the order of their calls."""
    entries: dict[str, Entry] = {}
    for n in range(number):
        here = FEAT.replace(folder=f"/w/{n}", gitdir=f"/w/shop/.git/worktrees/{n}")
        entries = assigned(here, *bases, entries=entries)
    return [each.offset for each in entries.values()]


@pytest.mark.parametrize(
    ("bases", "expected"),
    [
        pytest.param((8000,), [1, 2, 3], id="one port: each number"),
        pytest.param((8000, 8001), [2, 4, 6], id="two neighbours: every second number"),
        pytest.param((8000, 5173, 9100), [1, 2, 3], id="ports far apart: all by one number"),
    ],
)
def test_all_ports_of_a_worktree_are_shifted_by_one_number(
    bases: tuple[int, ...], expected: list[int]
):
    assert offsets(bases, 3) == expected


MOVED = FEAT.replace(folder="/w/elsewhere")


@pytest.mark.parametrize(
    ("here", "given", "offset"),
    [
        pytest.param(MAIN, {}, 0, id="the main checkout has the ports of the file"),
        pytest.param(FEAT, {}, 1, id="a linked worktree never has, though it is first"),
        pytest.param(
            MAIN,
            {"entries": {FEAT.folder: entry(FEAT, 1, 8000)}},
            0,
            id="a main checkout that comes second has them too",
        ),
        pytest.param(
            MAIN, {"taken": (8000,)}, 0, id="it has them though another process uses one now"
        ),
        pytest.param(
            MAIN,
            {"entries": {"/x": Entry("other", "/x/.git", 3, {7997: 8000})}},
            0,
            id="it has them though a worktree of another project was assigned one",
        ),
        pytest.param(
            CLONE,
            {"entries": {MAIN.folder: entry(MAIN, 0, 8000)}},
            1,
            id="of two clones the first one has them",
        ),
        pytest.param(FEAT, {"taken": (8001, 8002)}, 3, id="a port in use is passed over"),
        pytest.param(FEAT, {"declared": (8001,)}, 2, id="a port of another service is passed over"),
        pytest.param(
            FEAT,
            {"entries": {"/x": Entry("other", "/x/.git", 1, {8000: 8001})}},
            2,
            id="a port of another project is passed over",
        ),
        pytest.param(
            FEAT,
            {"entries": {"/w/s": Entry(SHOP, "/w/s/.git", 1, {3000: 3001})}},
            2,
            id="the offset of a sibling is passed over, though its ports are others",
        ),
        pytest.param(
            FEAT,
            {"entries": {"/w/s": Entry(SHOP, "/w/s/.git", 1, {8000: 8001})}, "gone": ("/w/s",)},
            1,
            id="the offset of a removed checkout is given again",
        ),
        pytest.param(
            MOVED,
            {"entries": {FEAT.folder: entry(FEAT, 7, 8000)}, "gone": (FEAT.folder,)},
            7,
            id="a moved worktree, known by its git folder, keeps its offset",
        ),
        pytest.param(
            FEAT,
            {"entries": {FEAT.folder: entry(FEAT, 7, 8000, gitdir="/w/old/.git")}},
            1,
            id="a path that another checkout had before has nothing of it",
        ),
        pytest.param(
            FEAT,
            {"entries": {FEAT.folder: entry(FEAT, 7, 8000, project="/w/shop/.git")}},
            7,
            id="a checkout keeps its offset when the repository gets an origin",
        ),
        pytest.param(
            CLONE,
            {
                "entries": {
                    MAIN.folder: entry(MAIN, 0, 8000),
                    CLONE.folder: entry(CLONE, 0, 8000, project="/w/clone/.git"),
                }
            },
            1,
            id="unless another checkout of that origin has the offset",
        ),
    ],
)
def test_the_offset(here: Checkout, given: dict[str, object], offset: int):
    entries = assigned(here, 8000, **given)  # type: ignore[arg-type]
    mine = entries[here.folder]
    assert (mine.offset, mine.ports) == (offset, {8000: 8000 + offset})
    assert (mine.project, mine.gitdir) == (here.project, here.gitdir)
    assert not {*given.get("gone", ())} & entries.keys()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("checkout", "offset", "taken", "port"),
    [
        pytest.param(FEAT, 2, (), 9102, id="is shifted like the others"),
        pytest.param(FEAT, 2, (9102, 9103), 9104, id="is the next free one if that is in use"),
        pytest.param(FEAT, 2, (8002,), 9102, id="leaves the others, though one is in use"),
        pytest.param(MAIN, 0, (9100,), 9100, id="is that of the file in the main checkout"),
    ],
)
def test_a_port_that_is_added_later(
    checkout: Checkout, offset: int, taken: tuple[int, ...], port: int
):
    before = {checkout.folder: entry(checkout, offset, 8000)}
    (mine,) = assigned(checkout, 8000, 9100, entries=before, taken=taken).values()
    assert mine.ports == {8000: 8000 + offset, 9100: port}


@pytest.mark.parametrize("before", [{}, {FEAT.folder: entry(FEAT, 2, 8000)}], ids=["all", "one"])
def test_without_a_port_left_there_is_none(before: dict[str, Entry]):
    with pytest.raises(NoRoomError) as raised:
        assigned(FEAT, 8000, 65000, entries=before, taken=tuple(range(65000, 65536)))
    assert raised.value.base == 65000


@pytest.mark.parametrize(
    ("found", "known"),
    [
        pytest.param({FEAT.folder: entry(FEAT, 2, 8000, 9100)}, True, id="all of them"),
        pytest.param({FEAT.folder: entry(FEAT, 2, 8000)}, False, id="one is missing"),
        pytest.param({}, False, id="the folder is not known"),
        pytest.param({FEAT.folder: entry(MAIN, 2, 8000, 9100)}, False, id="another git folder"),
    ],
)
def test_what_needs_no_lock(found: dict[str, Entry], known: bool):
    assert entry_of(found, FEAT, (8000, 9100)) == (found[FEAT.folder] if known else None)

"""What a self-test expects of one case, and how what a source shows differs from it."""

from __future__ import annotations

import pytest

from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.self_test import (
    WORD,
    Actor,
    Case,
    Difference,
    Seen,
    SelfTest,
    SourceLimits,
    SourceReport,
    differences,
    repeated,
)

HERE, PEER = Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 40000)
ACTOR = Actor(1000, "/", 100.0)
ME = Process(
    ProcessKey(7, 1), 1, 1000, "lana", "python", ("python", WORD), "/", started=100.5
)  # fmt: skip
LISTENS = Socket(HERE, None, "LISTEN", 1, 1000)
CASE = Case("listen4", "LISTEN", HERE, pids=(7,))


ALL = SourceLimits()


def seen(*sockets: Socket, process: Process = ME, again: object = ME.key) -> Seen:
    keys = (again,) if isinstance(again, ProcessKey) else (None,)
    return Seen(sockets or (LISTENS,), HolderSearch((Holder(process, (1,)),)), keys)


def told(case: Case, what: Seen, limits: SourceLimits = ALL) -> list[tuple[str, str]]:
    found = [*differences(case, what, limits, ACTOR)]
    assert {each.case for each in found} <= {case.name}
    return [(each.about, f"{each.expected} / {each.seen}") for each in found]


def test_what_is_as_expected_is_no_difference():
    assert told(CASE, seen()) == []
    assert told(Case("nothing", "", HERE), Seen()) == []


CONNECTED = Socket(HERE, PEER, "ESTABLISHED", 1)
MAPPED = Socket(Endpoint("::ffff:127.0.0.1", 8000), PEER, "ESTABLISHED", 1)
ACCEPTED = Case("accepted", "ESTABLISHED", HERE, PEER, (7,))


@pytest.mark.parametrize("socket", [CONNECTED, MAPPED], ids=["as IPv4", "as IPv6"])
def test_an_address_may_be_written_in_either_way(socket: Socket):
    assert told(ACCEPTED, seen(socket)) == []


UNSEEN = SourceLimits(frozenset(("listen4",)))
TABLES = [
    pytest.param(Seen(), SourceLimits(), "LISTEN 127.0.0.1:8000 / nothing", id="it is missing"),
    pytest.param(
        seen(LISTENS.replace(state="CLOSE")), SourceLimits(),
        "LISTEN 127.0.0.1:8000 / CLOSE 127.0.0.1:8000", id="its state is wrong",
    ),
    pytest.param(
        seen(LISTENS.replace(remote=PEER)), SourceLimits(),
        "LISTEN 127.0.0.1:8000 / LISTEN 127.0.0.1:8000", id="it has a peer",
    ),
    pytest.param(
        seen(), UNSEEN, "nothing, by design of the source / LISTEN 127.0.0.1:8000",
        id="a source shows more than it is said to show",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "limits", "text"), TABLES)
def test_a_table_that_differs(what: Seen, limits: SourceLimits, text: str):
    assert told(CASE, what, limits) == [("sockets", text)]


def test_what_a_source_cannot_show_is_no_difference():
    assert told(CASE, Seen(), UNSEEN) == []


def test_a_socket_on_a_port_without_one_is_a_difference():
    (found,) = told(Case("nothing", "", HERE), seen())
    assert found == ("sockets", "nothing / LISTEN 127.0.0.1:8000")


FACTS = [
    pytest.param(ME.replace(uid=0), "uid 1000 / uid 0", id="user"),
    pytest.param(ME.replace(cwd="/tmp"), "folder / / folder /tmp", id="folder"),
    pytest.param(ME.replace(started=0.0), "started at 100 / started at 0", id="start"),
    pytest.param(
        ME.replace(argv=("self", "test")), "the argument `self test` / ('self', 'test')", id="words"
    ),
]


@pytest.mark.parametrize(("process", "text"), FACTS)
def test_a_fact_about_a_process_that_differs(process: Process, text: str):
    assert told(CASE, seen(process=process)) == [("holders", text)]


def test_an_identity_that_changes_is_a_difference():
    ((about, text),) = told(CASE, seen(again=None))
    assert (about, text.rpartition(" / ")[2]) == ("holders", "None")


def test_the_user_of_a_socket_counts_too():
    assert told(CASE, seen(LISTENS.replace(uid=1))) == [("holders", "uid 1000 / uid 1")]


HIDDEN = HolderSearch(hidden=(HiddenSocket(LISTENS, likely=(ME,)),))
STRANGER = HolderSearch(hidden=(HiddenSocket(LISTENS, likely=(ME.replace(key=ProcessKey(8, 1)),)),))
SOME = SourceLimits(names=False)


@pytest.mark.parametrize(
    ("holding", "limits", "texts"),
    [
        pytest.param(HolderSearch(), SourceLimits(), ["pid 7 / no process"], id="none"),
        pytest.param(HIDDEN, SourceLimits(), ["pid 7 / no process; likely pid 7"], id="unproven"),
        pytest.param(HolderSearch(), SOME, ["pid 7 / no process"], id="none, by any source"),
        pytest.param(HIDDEN, SOME, [], id="unproven, and the source proves nothing"),
        pytest.param(STRANGER, SOME, ["pid 7 / no process; likely pid 8"], id="another process"),
    ],
)
def test_the_processes_that_have_it(holding: HolderSearch, limits: SourceLimits, texts: list[str]):
    assert [text for _, text in told(CASE, Seen((LISTENS,), holding), limits)] == texts


def test_a_source_that_names_who_opened_it_need_not_name_its_children():
    left, ended = CASE.replace(orphaned=True), Case("time-wait", "LISTEN", HERE)
    assert told(left, Seen((LISTENS,)), SOME) == []
    assert told(ended, Seen((LISTENS.replace(uid=None),)), SOME) == []


LISTENS_6 = Socket(Endpoint("::", 8000), None, "LISTEN", 1, 1000, v6only=False)
BOTH = CASE.replace(local=LISTENS_6.local, v6only=False)
CLOSED = Socket(HERE, PEER, "TIME_WAIT", expires=59.9)
WAITS = Case("time-wait", "TIME_WAIT", HERE, PEER)
EVERY = SourceLimits(facts=frozenset(("uid", "v6only", "expires")))
SHOWN = [
    pytest.param(CASE, LISTENS, None, "", id="right"),
    pytest.param(CASE, LISTENS.replace(uid=None), "uid 1000", "uid None", id="user lost"),
    pytest.param(BOTH, LISTENS_6, None, "", id="a listener of both families"),
    pytest.param(
        BOTH, LISTENS_6.replace(v6only=True), "v6only False", "v6only True", id="of one family"
    ),
    pytest.param(
        BOTH, LISTENS_6.replace(v6only=None), "v6only False", "v6only None", id="option lost"
    ),
    pytest.param(WAITS, CLOSED, None, "", id="a closed connection"),
    pytest.param(WAITS, CLOSED.replace(uid=0), "uid None", "uid 0", id="of a user"),
    pytest.param(
        WAITS, CLOSED.replace(expires=None), "expires within 1000 s", "expires None", id="time lost"
    ),
    pytest.param(
        WAITS, CLOSED.replace(expires=59900.0), "expires within 1000 s", "expires 59900.0",
        id="time in another unit",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "socket", "expected", "shown"), SHOWN)
def test_a_fact_about_a_socket(case: Case, socket: Socket, expected: str | None, shown: str):
    found = Seen((socket,)) if not case.pids else seen(socket)
    texts = [] if expected is None else [f"{expected} / {shown}"]
    assert [text for _, text in told(case, found, EVERY)] == texts
    lost = shown.endswith("None")
    assert [text for _, text in told(case, found)] == ([] if lost else texts)


def test_facts_of_another_process_are_not_compared():
    other = ME.replace(key=ProcessKey(8, 1), uid=0)
    assert told(CASE, seen(process=other, again=other.key)) == [("holders", "pid 7 / pid 8")]


def test_two_sockets_on_one_address_are_told_from_one():
    twin = LISTENS.replace(inode=2)
    assert told(CASE, seen(LISTENS, twin)) == [("holders", "1 sockets / 2 sockets")]
    assert told(CASE, seen(LISTENS, twin), SourceLimits(tells_apart=False)) == []
    assert told(CASE.replace(sockets=2), seen(LISTENS, twin)) == []


def test_a_client_is_told_from_a_server():
    far = Socket(PEER, HERE, "ESTABLISHED", 2)
    listener = Socket(PEER, None, "LISTEN", 2)
    wrong = [("holders", "a connection to a server / an outgoing connection")]
    assert told(ACCEPTED, seen(CONNECTED).replace(peers=(far,))) == []
    assert told(ACCEPTED, seen(CONNECTED).replace(peers=(listener,))) == wrong
    assert told(ACCEPTED.replace(client=True), seen(CONNECTED).replace(peers=(listener,))) == []


def test_a_bind_that_ends_otherwise_is_a_difference():
    what = seen().replace(binds=(("a bind", "in-use", "ok"), ("another", "ok", "ok")))
    assert told(CASE, what) == [("binds", "a bind: in-use / ok")]


WRONG = Difference("listen4", "sockets", "LISTEN", "nothing")
OTHER = WRONG.replace(case="bound")


def test_only_what_is_there_twice_counts():
    first = SelfTest((SourceReport("lsof", differences=(WRONG,)), SourceReport("all")))
    second = SelfTest((SourceReport("lsof", differences=(OTHER, WRONG)), SourceReport("all")))
    assert repeated(first, second).sources[0].differences == (WRONG,)
    assert repeated(first, SelfTest(first.sources[1:])).passed


def test_a_source_that_is_not_relied_on_may_be_missing_and_blames_nothing():
    spare = SourceReport("lsof", decides=False, missing="refused")
    assert SelfTest((spare, SourceReport("all"))).passed
    assert not SelfTest((spare.replace(decides=True), SourceReport("all"))).passed
    wrong = spare.replace(differences=(WRONG,))
    assert not wrong.passed
    assert wrong.wrong("sockets") == ()


def test_the_whole_is_blamed_only_where_no_source_is():
    alone, whole = (SourceReport(name, differences=(WRONG,)) for name in ("lsof", "all"))
    assert SelfTest((alone, whole)).failing("sockets") == (alone,)
    assert SelfTest((SourceReport("lsof"), whole)).failing("sockets") == (whole,)
    assert SelfTest((alone, whole)).failing("holders") == ()

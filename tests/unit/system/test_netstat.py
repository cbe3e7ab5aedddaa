"""`netstat -anv -p tcp`: never a pid out of a row that is not one, nor out of another column."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from devports.core.model import Endpoint, Socket
from devports.system import macos_tools
from devports.system.identity import NO_PROCESS, UNKNOWN, Row, identity

LOCAL = Endpoint("127.0.0.1", 8000)
HEADS = {
    "10.14": "rhiwat shiwat pid epid state options",
    "14": "rhiwat shiwat pid epid state options gencnt flags flags1 usecnt rtncnt fltrs",
    "15": "rxbytes txbytes rhiwat shiwat pid epid state options gencnt flags flags1 usecnt rtncnt"
    " fltrs",
    "26": "rxbytes txbytes rhiwat shiwat process:pid state options gencnt flags flags1 usecnt"
    " rtncnt fltrs",
}
TAILS = {
    "10.14": "131072 131072 4211 0 0x0100 0x00000106",
    "14": "131072 131072 4211 0 00100 00000006 0000000000012ab3 00000000 00000800 1 0 000001",
    "15": "0 0 131072 131072 4211 0 00100 00000006 0000000000012ab3 00000000 00000800 1 0 000001",
    "26": "0 0 9 9 node:4211 00100 00000006 00000000000f1c22 00000081 00000800 1 0 000001",
}
EVERY = list(HEADS)


def head(version: str) -> str:
    start = "Proto Recv-Q Send-Q  Local Address  Foreign Address  (state)"
    return f"Active Internet connections (including servers)\n{start} {HEADS[version]}\n"


def line(
    version: str = "26",
    *,
    local: str = "127.0.0.1.8000",
    foreign: str = "*.*",
    state: str = "LISTEN",
    kind: str = "tcp4",
    tail: str | None = None,
) -> str:
    words = TAILS[version] if tail is None else tail
    return f"{kind}  0  0  {local}  {foreign}  {state}  {words}\n"


def read(text: str, version: str = "26") -> list[Row]:
    return list(macos_tools.netstat((head(version) + text).encode())[0])


@pytest.mark.parametrize("version", EVERY)
def test_the_pid_is_found_by_the_heading(version: str):
    (row,) = read(line(version), version)
    assert (row.pid, row.name) == (4211, "node" if version == "26" else "")
    assert row.socket == Socket(LOCAL, None, "LISTEN", identity(4211, LOCAL))
    assert not row.proven


def test_the_heading_is_known_in_any_case():
    raw = (head("14").replace("(state)", "(State)") + line("14")).encode()
    assert [row.pid for row in macos_tools.netstat(raw)[0]] == [4211]


def test_without_a_heading_it_counts_from_the_right_where_a_colon_proves_the_place():
    assert [row.pid for row in macos_tools.netstat(line("26").encode())[0]] == [4211]
    for version in ("10.14", "14", "15"):
        assert macos_tools.netstat(line(version).encode()) == ((), 1)


def test_without_v_a_listener_is_somebodys():
    plain = "Proto Recv-Q Send-Q  Local Address  Foreign Address  (state)\n"
    (row,) = macos_tools.netstat((plain + line(tail="")).encode())[0]
    assert (row.pid, row.name) == (UNKNOWN, "")
    assert row.socket.inode == identity(UNKNOWN, LOCAL) != 0


NAMES = [
    pytest.param("Autodesk Fusion:22712", ("Autodesk Fusion", 22712), id="two words"),
    pytest.param("Code Helper (Plu:21891", ("Code Helper (Plu", 21891), id="cut after 16 letters"),
    pytest.param("a:1 b:22712", ("a:1 b", 22712), id="colons of its own"),
    pytest.param("131072 131072:7", ("131072 131072", 7), id="numbers for a name"),
    pytest.param(":7", ("", 7), id="no name at all"),
]


@pytest.mark.parametrize(("cell", "expected"), NAMES)
def test_a_name_may_be_anything(cell: str, expected: tuple[str, int]):
    (row,) = read(line(tail=TAILS["26"].replace("node:4211", cell)))
    assert (row.name, row.pid) == expected


ENDS = [
    pytest.param("tcp4", "*.8809", Endpoint("0.0.0.0", 8809), None, id="every address of IPv4"),
    pytest.param("tcp6", "*.8809", Endpoint("::", 8809), True, id="every address of IPv6 alone"),
    pytest.param("tcp46", "*.8809", Endpoint("::", 8809), False, id="every address of both"),
    pytest.param("tcp6", "::1.8000", Endpoint("::1", 8000), True, id="IPv6"),
    pytest.param("tcp6", "fe80::1%en0.80", Endpoint("fe80::1", 80), True, id="IPv6 with a zone"),
    pytest.param("tcp46", "127.0.0.1.80", Endpoint("127.0.0.1", 80), None, id="IPv4 of both"),
    pytest.param(
        "tcp46", "::ffff:1.2.3.4.80", Endpoint("::ffff:1.2.3.4", 80), False, id="IPv4 as IPv6"
    ),
]


@pytest.mark.parametrize(("kind", "local", "endpoint", "v6only"), ENDS)
def test_an_end_has_its_port_after_the_last_dot(
    kind: str, local: str, endpoint: Endpoint, v6only: bool | None
):
    (row,) = read(line(kind=kind, local=local))
    assert (row.socket.local, row.socket.v6only) == (endpoint, v6only)


STATES = [
    pytest.param("CLOSED", "*.*", "BOUND", 4211, id="bound and not listening"),
    pytest.param("CLOSED", "127.0.0.1.9", "CLOSE", 4211, id="reset, and still open"),
    pytest.param("SYN_RCVD", "127.0.0.1.9", "SYN_RECV", 4211, id="half open"),
    pytest.param("FIN_WAIT_1", "127.0.0.1.9", "FIN_WAIT1", 4211, id="closing"),
    pytest.param("TIME_WAIT", "127.0.0.1.9", "TIME_WAIT", NO_PROCESS, id="of no process"),
]


@pytest.mark.parametrize(("word", "foreign", "state", "pid"), STATES)
def test_a_state_has_the_kernels_name(word: str, foreign: str, state: str, pid: int):
    (row,) = read(line(state=word, foreign=foreign))
    assert (row.socket.state, row.pid, bool(row.socket.inode)) == (state, pid, pid > 0)


def test_a_listener_without_a_pid_is_somebodys_and_a_connection_nobodys():
    nobody = TAILS["26"].replace("node:4211", "kernel_task:0")
    rows = read(line(tail=nobody) + line(tail=nobody, state="ESTABLISHED", foreign="1.2.3.4.5"))
    assert [row.pid for row in rows] == [UNKNOWN, NO_PROCESS]


def test_a_socket_that_one_process_opened_for_another_names_neither():
    (row,) = read(line("15", tail=TAILS["15"].replace(" 4211 0 ", " 4211 501 ")), "15")
    assert row.pid == UNKNOWN


OLD = TAILS["15"]
NO_ROWS = [
    pytest.param(line("15", tail=OLD.removeprefix("0 ")), id="a column missing on the left"),
    pytest.param(line("15", tail=f"0 {OLD}"), id="a column more on the left"),
    pytest.param(line("15", tail=OLD.removesuffix(" 000001")), id="a column missing on the right"),
    pytest.param(line("15", tail=TAILS["26"]), id="a name where none is announced"),
    pytest.param(line("15", tail=OLD.replace("4211", "131072")), id="a pid beyond the largest"),
    pytest.param(line("15", tail=OLD.replace("4211", "-1")), id="a negative pid"),
    pytest.param(line("15", tail=OLD.replace("4211", "42_1")), id="what Python takes for a number"),
    pytest.param(line("15", tail=OLD.replace("00100", "00XYZ")), id="a state that is not in hex"),
    pytest.param(line("15", tail=OLD.replace("00100", "100")), id="a state that is too short"),
    pytest.param(line("15", state="(state)"), id="a state that is none"),
    pytest.param(line("15", foreign="127.0.0.1.9"), id="a listener with a peer"),
    pytest.param(line("15", state="ESTABLISHED"), id="a connection without one"),
    pytest.param(line("15", local="127.0.0.256.8000"), id="an address that is none"),
    pytest.param(line("15", local="::1.8000"), id="another family than announced"),
    pytest.param(line("15", local="127.0.0.1.65536"), id="a port beyond the last"),
    pytest.param(line("15", local="127.0.0.1.http"), id="a port by name"),
    pytest.param(line("15", kind="tcp6", local="2001:db8::1:2:34.80"), id="maybe a cut address"),
    pytest.param(line("15", tail=""), id="a row that was cut"),
]


@pytest.mark.parametrize("text", NO_ROWS)
def test_what_does_not_fit_names_nobody_and_is_counted(text: str):
    rows, lost = macos_tools.netstat((head("15") + line("15") + text + line("15")).encode())
    assert [row.pid for row in rows] == [4211, 4211]
    assert lost == 1


NOT_OURS = [
    pytest.param(line(kind="udp4"), id="another protocol"),
    pytest.param(line(local="*.*", state="CLOSED"), id="bound to no port"),
    pytest.param(line(local="127.0.0.1.8001"), id="another port"),
    pytest.param(line(local="127.0.0.1.8001", state="?"), id="another port, and unreadable"),
    pytest.param("tcp4 0 0\n", id="hardly a line"),
]


@pytest.mark.parametrize("text", NOT_OURS)
def test_what_is_about_other_sockets_is_passed_over(text: str):
    rows, lost = macos_tools.netstat((head("26") + text + line()).encode(), {8000})
    assert ([row.socket.local for row in rows], lost) == ([LOCAL], 0)


def test_a_new_column_is_no_obstacle_where_the_heading_has_it():
    wide = head("26").replace("fltrs", "fltrs newest")
    rows, lost = macos_tools.netstat((wide + line(tail=f"{TAILS['26']} what-ever")).encode())
    assert ([row.pid for row in rows], lost) == ([4211], 0)


MUTATION = st.tuples(st.sampled_from(("drop", "twice", "insert")), st.integers(0, 30))
WORDS = st.sampled_from("0 1 4242 131072 00100 00000006 x:7 a * node:12 0x0100".split())


def mutated(words: list[str], deed: str, at: int, new: str) -> list[str]:
    at %= len(words)
    middle = {"drop": [], "twice": [words[at]] * 2, "insert": [new, words[at]]}[deed]
    return [*words[:at], *middle, *words[at + 1 :]]


@given(st.sampled_from(EVERY), MUTATION, WORDS, st.booleans())
@example("15", ("drop", 6), "0", True)
@example("26", ("drop", 20), "0", True)
@example("26", ("insert", 11), "node:12", True)
def test_a_row_with_a_column_lost_or_won_names_the_right_process_or_none(
    version: str, deed: tuple[str, int], new: str, headed: bool
):
    """A `name:pid` put in beside the pid becomes part of a longer name, which no process has.

    Without a heading it makes a row of the newest form out of an old one, so there it is not tried.
    """
    assume(headed or ":" not in new)
    words = mutated(line(version).split(), *deed, new)
    raw = ((head(version) if headed else "") + " ".join(words)).encode()
    for row in macos_tools.netstat(raw)[0]:
        assert row.pid in {4211, UNKNOWN, NO_PROCESS} or row.name.count(" ")


@given(st.lists(MUTATION, min_size=2, max_size=4), WORDS)
def test_a_name_keeps_its_pid_through_several_changes(deeds: list[tuple[str, int]], new: str):
    words = line("26").split()
    for deed in deeds:
        words = mutated(words, *deed, new)
    put_in = {int(word.rpartition(":")[2]) for word in words if word in ("x:7", "node:12")}
    for row in macos_tools.netstat((head("26") + " ".join(words)).encode())[0]:
        assert row.pid in {4211, UNKNOWN, NO_PROCESS, *put_in}


NOISE = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([*head("26").split(), *line().split(), "\n", " ", "tcp6"]).map(str.encode),
    )
).map(b" ".join)


@given(NOISE)
def test_whatever_comes_nothing_is_raised_and_no_pid_is_made_up(raw: bytes):
    text = raw.decode("utf-8", "replace")
    for row in macos_tools.netstat(raw)[0]:
        assert row.pid <= 0 or str(row.pid) in text
        assert 0 < row.socket.local.port <= 65535


def test_without_truncation_an_address_of_sixteen_characters_is_read():
    text = head("26") + line("26", local="2600:1700:561::3.8000").replace("tcp4", "tcp6")
    assert macos_tools.netstat(text.encode()) == ((), 1)
    (row,), lost = macos_tools.netstat(text.encode(), wide=True)
    assert (str(row.socket.local), lost) == ("[2600:1700:561::3]:8000", 0)


def test_the_lines_about_a_port_are_quoted_with_their_heading():
    text = head("26") + line("26") + line("26", local="127.0.0.1.9000")
    quoted = macos_tools.netstat_lines(text.encode(), 8000)
    assert [words.split()[0] for words in quoted] == ["Proto", "tcp4"]

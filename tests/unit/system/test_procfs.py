"""Texts of /proc, the hostile ones included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.model import Endpoint, Socket
from devports.system.linux import procfs
from devports.system.linux.procfs import Stat

FIELDS = b"S 10 20 30 34816 21 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 99 88"

STATS = [
    pytest.param(b"42 (node) " + FIELDS, "node", id="an ordinary name"),
    pytest.param(b"42 (a) Z 1 1\n) " + FIELDS, "a) Z 1 1\n", id="a name that looks like fields"),
    pytest.param(b"42 (((x))) " + FIELDS, "((x))", id="parentheses in the name"),
    pytest.param(b"42 (\xff\xfe) " + FIELDS, "\udcff\udcfe", id="a name that is no text"),
    pytest.param(b"42 () " + FIELDS, "", id="no name at all"),
]


@pytest.mark.parametrize(("raw", "name"), STATS)
def test_a_stat_is_read_whatever_the_name_is(raw: bytes, name: str):
    assert procfs.stat(raw) == Stat(name, "S", 10, 20, 34816, 21, 123456)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="gone"),
        pytest.param(b"42 (x) S 1", id="cut"),
        pytest.param(b"42 (x) S a b c", id="no numbers"),
    ],
)
def test_what_is_no_stat_is_none(raw: bytes):
    assert procfs.stat(raw) is None


STATUSES = [
    pytest.param(b"Name:\tx\nUid:\t1000\t0\t0\t0\n", 1000, id="the real uid decides"),
    pytest.param(b"Name:\tx\nState:\tS\n", None, id="none there"),
    pytest.param(b"Uid:\n", None, id="an empty one"),
    pytest.param(b"Uid:\tx\n", None, id="not a number"),
]


@pytest.mark.parametrize(("raw", "uid"), STATUSES)
def test_uid_of_a_status(raw: bytes, uid: int | None):
    assert procfs.status_uid(raw) == uid


COMMANDS = [
    pytest.param(b"", (), id="a kernel thread has none"),
    pytest.param(b"node\0server.js\0", ("node", "server.js"), id="words end with NUL"),
    pytest.param(b"node\0\0x\0", ("node", "", "x"), id="an empty word in the middle stays"),
    pytest.param(b"title without end", ("title without end",), id="a rewritten title"),
]


@pytest.mark.parametrize(("raw", "words"), COMMANDS)
def test_a_command_line(raw: bytes, words: tuple[str, ...]):
    assert procfs.command_line(raw) == words


CGROUPS = [
    pytest.param(b"0::/system.slice/x.service\n", "/system.slice/x.service", id="v2"),
    pytest.param(b"12:cpu:/a\n1:name=systemd:/user.slice\n0::/\n", "/user.slice", id="hybrid"),
    pytest.param(b"0::/a:b\n", "/a:b", id="a colon in the path"),
    pytest.param(b"0::/\n", "", id="the root says nothing"),
    pytest.param(b"", "", id="none"),
]


@pytest.mark.parametrize(("raw", "path"), CGROUPS)
def test_a_control_group(raw: bytes, path: str):
    assert procfs.cgroup_path(raw) == path


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        pytest.param(b"pos:\t0\nino:\t7\nscm_fds: 2\n", 2, id="two are on their way"),
        pytest.param(b"pos:\t0\nscm_fds: 0\n", 0, id="none is"),
        pytest.param(b"pos:\t0\nino:\t7\n", 0, id="no unix socket, or an old kernel"),
        pytest.param(b"scm_fds: x\n", 0, id="no number"),
        pytest.param(b"", 0, id="gone"),
    ],
)
def test_descriptors_that_wait_in_a_unix_socket(raw: bytes, number: int):
    assert procfs.waiting_descriptors(raw) == number


EPOLL = b"""pos:\t0
flags:\t02000002
mnt_id:\t16
ino:\t1057
tfd:        7 events:     2019 data:        7f00000007  pos:0 ino:1a5b sdev:8
tfd:       11 events:       19 data:                b  pos:0 ino:ff sdev:8
"""


@pytest.mark.parametrize(
    ("raw", "inodes"),
    [
        pytest.param(EPOLL, {0x1A5B, 0xFF}, id="two, and not its own"),
        pytest.param(b"pos:\t0\nino:\t1057\n", set(), id="none"),
        pytest.param(b"tfd: 7 events: 19 data: 7\n", set(), id="before Linux 4.13"),
        pytest.param(b"tfd: 7 ino:x\n", set(), id="no number"),
        pytest.param(b"", set(), id="gone"),
    ],
)
def test_what_an_epoll_set_watches(raw: bytes, inodes: set[int]):
    assert procfs.epoll_inodes(raw) == inodes


@pytest.mark.parametrize(
    ("raw", "call"),
    [
        pytest.param(b"288 0x7 0x0 0x0 0x80800 0x0 0x0 0x7ffd 0x7f5e\n", (288, 7), id="accept4"),
        pytest.param(b"running\n", (-1, 0), id="it runs"),
        pytest.param(b"-1 0x7ffc 0x7f04\n", (-1, 0x7FFC), id="it sleeps outside of a call"),
        pytest.param(b"", None, id="not to be read"),
        pytest.param(b"odd\n", None, id="not to be understood"),
    ],
)
def test_the_call_that_a_thread_is_in(raw: bytes, call: tuple[int, int] | None):
    assert procfs.system_call(raw) == call


def test_where_cgroup_v2_is_mounted():
    mounts = b"proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    assert procfs.cgroup2_mount(mounts) == "/sys/fs/cgroup"
    assert procfs.cgroup2_mount(b"proc /proc proc rw 0 0\nodd\n") == ""


HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


def row(
    local: bytes = b"0100007F:1F40",
    remote: bytes = b"00000000:0000",
    *,
    state: bytes = b"0A",
    timer: bytes = b"00:00000000",
    uid: bytes = b"1000",
    inode: bytes = b"77",
    queues: bytes = b"00000000:00000000",
) -> bytes:
    return b" ".join(
        [b"   0:", local, remote, state, queues, timer, b"00000000", uid, b"0", inode, b"1 x\n"]
    )


ROWS = [
    pytest.param(
        row(),
        Socket(Endpoint("127.0.0.1", 8000), None, "LISTEN", 77, 1000),
        id="a listener on IPv4",
    ),
    pytest.param(
        row(queues=b"00000000:00000002"),
        Socket(Endpoint("127.0.0.1", 8000), None, "LISTEN", 77, 1000, queue=2),
        id="a listener with two connections that nobody has accepted",
    ),
    pytest.param(
        row(remote=b"0100007F:C350", state=b"01", queues=b"00000000:00000300"),
        Socket(Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 50000), "ESTABLISHED", 77, 1000),
        id="bytes that a connection has not read are no queue",
    ),
    pytest.param(
        row(b"00000000000000000000000001000000:1F40"),
        Socket(Endpoint("::1", 8000), None, "LISTEN", 77, 1000),
        id="a listener on IPv6: it does not say whether it takes IPv4 too",
    ),
    pytest.param(
        row(remote=b"0100007F:C350", state=b"06", timer=b"03:000010E1", uid=b"0", inode=b"0"),
        Socket(
            Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 50000), "TIME_WAIT", expires=43.21
        ),
        id="TIME_WAIT with the time left in hundredths of a second",
    ),
    pytest.param(
        row(remote=b"0100007F:C350", state=b"01"),
        Socket(Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 50000), "ESTABLISHED", 77, 1000),
        id="a connection",
    ),
]


@pytest.mark.parametrize(("raw", "expected"), ROWS)
def test_a_row_of_the_table(raw: bytes, expected: Socket):
    assert list(procfs.net_tcp(HEAD + raw, {8000})) == [expected]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(row(b"0100007F:1F41"), id="another local port"),
        pytest.param(row(b"0100007F:0050", b"0100007F:1F40"), id="a remote port never counts"),
        pytest.param(row(state=b"FF"), id="an unknown state"),
        pytest.param(row(b"zz00007F:1F40"), id="no address"),
        pytest.param(row(b"0100:1F40"), id="an address that is too short"),
        pytest.param(b"   0: 0100007F:1F40\n", id="a cut row"),
        pytest.param(b"\n", id="an empty row"),
    ],
)
def test_what_is_no_row_for_us_is_left_out(raw: bytes):
    assert list(procfs.net_tcp(HEAD + raw, {8000})) == []


ENVIRONMENTS = [
    pytest.param(b"PATH=/bin\0pm_id=3\0name=my api\0", (("name", "my api"), ("pm_id", "3")),
                 id="only what was asked for"),
    pytest.param(b"pm_id=a=b\0", (("pm_id", "a=b"),), id="an equals sign in the value"),
    pytest.param(b"pm_id=\xff\0", (("pm_id", "\udcff"),), id="a value that is no text"),
    pytest.param(b"pm_id=" + b"9" * 5000, (("pm_id", "9" * 1024),), id="a value without an end"),
    pytest.param(b"pm_id_x=1\0xpm_id=2\0PM_ID=3\0", (), id="names that only look like it"),
    pytest.param(b"", (), id="unreadable"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), ENVIRONMENTS)
def test_a_few_variables_are_read(raw: bytes, expected: tuple[tuple[str, str], ...]):
    assert procfs.environment(raw, ("pm_id", "name")) == expected


@given(st.binary(max_size=300))
def test_no_bytes_break_a_parser(raw: bytes):
    procfs.environment(raw, ("a", ""))
    procfs.stat(raw)
    procfs.status_uid(raw)
    procfs.command_line(raw)
    procfs.cgroup_path(raw)
    procfs.cgroup2_mount(raw)
    found = list(procfs.net_tcp(HEAD + raw + b"\n" + row(), {8000}))
    assert found[-1].inode == 77


@given(st.lists(st.sampled_from(row().split()), min_size=1, max_size=14))
def test_a_shuffled_row_is_never_read_as_a_socket_of_another_port(words: list[bytes]):
    for socket in procfs.net_tcp(HEAD + b" ".join(words), {8000}):
        assert socket.local.port == 8000


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"\n", (), id="none, the default"),
        pytest.param(b"8080,9000-9010\n", ((8080, 8080), (9000, 9010)), id="a port and a range"),
        pytest.param(b"x,1-,-2,3-4,,\n", ((3, 4),), id="what is no number is passed over"),
    ],
)
def test_reserved_ports(raw: bytes, expected: tuple[tuple[int, int], ...]):
    assert procfs.port_ranges(raw) == expected

"""Who touches a port without holding it."""

from __future__ import annotations

import pytest

from devports.core.model import Endpoint, Holder, HolderSearch, Process, ProcessKey, Socket
from devports.core.stop_plan import (
    PortClients,
    UntouchedProcess,
    classify_clients,
    connections,
    local_clients,
)

HERE = Endpoint("127.0.0.1", 8000)
THERE = Endpoint("127.0.0.1", 50123)
FAR = Endpoint("192.0.2.7", 443)


def process(pid: int) -> Process:
    return Process(ProcessKey(pid, pid), 1, 1000, "ann", f"p{pid}")


SERVER, WORKER, BROWSER, MAILER = (process(pid) for pid in (10, 11, 20, 30))
ACCEPTED = Socket(HERE, THERE, "ESTABLISHED", 1)
CALLING = Socket(THERE, HERE, "ESTABLISHED", 2)
OUTGOING = Socket(HERE, FAR, "ESTABLISHED", 3)


@pytest.mark.parametrize(
    ("socket", "counts"),
    [
        pytest.param(ACCEPTED, True, id="an accepted one"),
        pytest.param(ACCEPTED.replace(local=Endpoint("::ffff:127.0.0.1", 8000)), True, id="mapped"),
        pytest.param(ACCEPTED.replace(state="TIME_WAIT"), False, id="one that has ended"),
        pytest.param(ACCEPTED.replace(local=Endpoint("127.0.0.1", 8001)), False, id="another port"),
        pytest.param(
            ACCEPTED.replace(local=Endpoint("192.0.2.1", 8000)), False, id="another address"
        ),
        pytest.param(Socket(HERE, None, "LISTEN", 1), False, id="the listener"),
    ],
)
def test_connections_of_an_endpoint(socket: Socket, counts: bool):
    assert connections([socket], [HERE]) == ((socket,) if counts else ())


@pytest.mark.parametrize(
    ("peer", "is_caller"),
    [
        pytest.param(CALLING, True, id="the same pair, turned round"),
        pytest.param(
            Socket(Endpoint("::ffff:127.0.0.1", 50123), HERE, "ESTABLISHED", 2),
            True,
            id="an IPv6 socket that speaks IPv4",
        ),
        pytest.param(CALLING.replace(remote=FAR), False, id="its connection to another process"),
        pytest.param(Socket(THERE, None, "LISTEN", 2), False, id="a listener on that port"),
        pytest.param(ACCEPTED, False, id="the near end itself"),
    ],
)
def test_callers(peer: Socket, is_caller: bool):
    assert local_clients([ACCEPTED], [peer]) == ((peer,) if is_caller else ())


def test_a_listener_has_no_callers():
    assert local_clients([Socket(HERE, None, "LISTEN", 1)], [CALLING]) == ()


ENDING = {SERVER.key}
SORTED = [
    pytest.param(
        (Holder(SERVER, (1,)), Holder(BROWSER, (2,))),
        PortClients(1, (UntouchedProcess(BROWSER, "client"),)),
        id="a client is spared, the server is not",
    ),
    pytest.param(
        (Holder(WORKER, (1,), (SERVER,)), Holder(BROWSER, (2,))),
        PortClients(1, (UntouchedProcess(BROWSER, "client"),)),
        id="a child of the server that serves the connection is no bystander",
    ),
    pytest.param((Holder(SERVER, (1,)),), PortClients(1), id="a client elsewhere is only counted"),
    pytest.param(
        (Holder(SERVER, (1, 2)),), PortClients(1), id="a server that calls itself is not spared"
    ),
]


@pytest.mark.parametrize(("holders", "expected"), SORTED)
def test_sorted_out(holders: tuple[Holder, ...], expected: PortClients):
    assert classify_clients([ACCEPTED], [CALLING], HolderSearch(holders), ENDING) == expected


def test_who_merely_uses_the_number_is_spared_and_not_counted_as_a_client():
    holding = HolderSearch((Holder(SERVER, (1,)), Holder(MAILER, (3,))))
    assert classify_clients([ACCEPTED, OUTGOING], [], holding, ENDING) == PortClients(
        1, (UntouchedProcess(MAILER, "outgoing"),)
    )

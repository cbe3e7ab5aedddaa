"""The search for another port: which ones are tried, in which order, and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint
from devports.core.service import Config, Service
from devports.errors import DevportsError
from devports.run.reservation import next_ports
from tests.fakes import FakeMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = Service("web", 8000, command="x", ports=(("metrics", 8002),))


def searching(machine: FakeMachine, *others: Service, service: Service = WEB) -> Iterator[Service]:
    return next_ports(machine, service, Config("/p/devports.toml", "/p", (WEB, *others)))


def ports(search: Iterator[Service]) -> list[int]:
    """Return every port that is offered, to the end of the search."""
    found: list[int] = []
    try:
        while True:
            found.append(next(search).port)
    except DevportsError as error:
        assert (error.code, error.exit_code) == ("no-next-port", 90)  # noqa: PT017  # and no other
    return found


def test_one_bound_for_the_whole_search_and_each_port_once():
    service = Service("web", 8000, command="x")
    assert ports(next_ports(FakeMachine(), service, Config("", "/p", (service,)))) == [
        *range(8001, 8050)
    ]


def test_ports_that_the_configuration_gives_to_somebody_are_passed_over():
    db = Service("db", 8001, ports=(("admin", 8004),))
    assert ports(searching(FakeMachine(), db))[:3] == [8003, 8005, 8006]


def test_ports_of_other_worktrees_are_passed_over_and_read_when_a_port_is_needed():
    read = []

    def assigned() -> set[int]:
        read.append(True)
        return {8001, 8004}

    search = next_ports(FakeMachine(), WEB, Config("", "/p", (WEB,)), assigned)
    assert not read
    assert ports(search)[:2] == [8003, 8005]
    assert read == [True]


def test_ports_on_which_somebody_is_seen_are_passed_over_and_nothing_is_bound():
    machine = FakeMachine()
    machine.before_probe = lambda: pytest.fail("the kernel was asked")
    machine.add(50)
    machine.socket(Endpoint("127.0.0.1", 8001), 50)
    machine.socket(Endpoint("127.0.0.1", 8003), 50, state="BOUND")
    assert ports(searching(machine))[:2] == [8004, 8005]


def test_there_is_no_port_above_the_last():
    service = WEB.replace(port=65533)
    assert ports(searching(FakeMachine(), service=service)) == [65534, 65535]

"""Sockets, processes and services: the little they say of themselves."""

from __future__ import annotations

import pytest

from devports.core.model import Endpoint, PortSpec, Process, ProcessKey
from devports.core.service import Config, Service


@pytest.mark.parametrize(
    ("address", "written", "is_v6", "is_wildcard"),
    [
        pytest.param("127.0.0.1", "127.0.0.1:8000", False, False, id="IPv4"),
        pytest.param("0.0.0.0", "0.0.0.0:8000", False, True, id="every IPv4 address"),
        pytest.param("::1", "[::1]:8000", True, False, id="IPv6 in brackets"),
        pytest.param("::", "[::]:8000", True, True, id="every address"),
    ],
)
def test_an_endpoint_is_written_as_in_a_url(
    address: str, written: str, is_v6: bool, is_wildcard: bool
) -> None:
    endpoint = Endpoint(address, 8000)
    assert str(endpoint) == written
    assert (endpoint.is_v6, endpoint.is_wildcard) == (is_v6, is_wildcard)


def test_a_process_is_called_by_its_pid() -> None:
    assert Process(ProcessKey(42, 7), 1, 1000, "lana", "node").pid == 42


def test_a_pid_alone_is_no_identity() -> None:
    assert ProcessKey(42, 7) != ProcessKey(42, 8)


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        pytest.param(PortSpec("127.0.0.1", 8000), "127.0.0.1:8000", id="on an address"),
        pytest.param(PortSpec("::1", 8000), "[::1]:8000", id="on an IPv6 address"),
        pytest.param(PortSpec("localhost", 8000), "localhost:8000", id="on a name"),
        pytest.param(PortSpec("", 8000), "port 8000", id="on every address"),
    ],
)
def test_a_port_is_written_as_its_user_wrote_it(spec: PortSpec, written: str) -> None:
    assert str(spec) == written


def test_a_service_has_one_first_port() -> None:
    assert Service("web", 8000, "::1").spec == PortSpec("::1", 8000)


def test_a_configuration_finds_its_services_by_name() -> None:
    web, db = Service("web", 8000), Service("db", 5432)
    config = Config("/srv/devports.toml", "/srv", (web, db))
    assert config.get("db") is db
    assert config.get("mail") is None

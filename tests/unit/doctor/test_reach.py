"""The rules about whether a client reaches a server that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, HolderSearch, Socket
from devports.core.service import Ready
from devports.core.verdict import Finding, Held
from tests.unit.doctor.samples import WEB, codes, facts, free, only, started

if TYPE_CHECKING:
    from devports.core.model import Platform
    from devports.doctor.facts import Facts, PortFacts
    from tests.unit.doctor.samples import Codes

IRC = WEB.replace(port=6667)
WARNED, NOTED = ([("port-blocked-by-browsers", kind)] for kind in ("warning", "note"))
BROWSERS = [
    pytest.param(facts(ports=(free(IRC),)), NOTED, id="a server that may be for others"),
    pytest.param(
        facts(ports=(free(IRC.replace(ready=Ready(http="/"))),)), WARNED, id="one that speaks HTTP"
    ),
    pytest.param(
        started(IRC, kind="vite", words=("--strictPort",), port=6667).replace(ports=(free(IRC),)),
        WARNED,
        id="one that is known for it",
    ),
    pytest.param(facts(ports=(free(IRC.replace(command="")),)), [], id="a port only watched"),
    pytest.param(facts(ports=(free(IRC, "debug"),)), [], id="a port for tools"),
    pytest.param(facts(ports=(free(WEB),)), [], id="a port that browsers ask"),
]


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        pytest.param("linux", "sudo iptables -t nat -S", id="Linux"),
        pytest.param("darwin", "sudo pfctl -s nat", id="macOS"),
        pytest.param("win32", "netsh interface portproxy show all", id="Windows"),
    ],
)
def test_a_free_port_on_which_a_server_answers_is_redirected(
    platform: Platform, command: str
) -> None:
    declared = free(WEB).replace(redirected=Endpoint("127.0.0.1", WEB.port))
    problem = only(facts(declared).replace(platform=platform))
    assert (problem.code, problem.severity) == ("port-redirected", "warning")
    assert "a server answers on 127.0.0.1:8000 (`web`)" in problem.what
    assert problem.remedies[0].command == command


@pytest.mark.parametrize(("looked", "expected"), BROWSERS)
def test_ports_to_which_no_browser_connects(looked: Facts, expected: Codes) -> None:
    assert codes(looked) == expected


FLASK = WEB.replace(port=5000)
HERE = Endpoint("127.0.0.1", 5000)
HELD = Finding(HERE, Held((Socket(HERE, None, "LISTEN", 7),)), HolderSearch())
TAKEN = free(FLASK).replace(findings=(HELD,))
AIRPLAY = [
    pytest.param("darwin", free(FLASK), [("port-of-airplay", "note")], id="macOS may take it"),
    pytest.param("darwin", free(WEB), [], id="another port of macOS"),
    pytest.param("darwin", TAKEN, [("port-held", "error")], id="who has it is said otherwise"),
    pytest.param("linux", free(FLASK), [], id="Linux has no AirPlay"),
]


@pytest.mark.parametrize(("platform", "port", "expected"), AIRPLAY)
def test_ports_of_airplay(platform: str, port: PortFacts, expected: Codes) -> None:
    assert codes(facts(platform=platform, ports=(port,))) == expected


NAMED = free(WEB.replace(host="localhost"))
BOTH, V4, V6 = ("127.0.0.1", "::1"), ("127.0.0.1",), ("::1",)
ONE = [("localhost-one-family", "note")]
NAMES = [
    pytest.param(NAMED, BOTH, BOTH, [], id="both"),
    pytest.param(NAMED, V4, BOTH, ONE, id="only IPv4 where there is IPv6"),
    pytest.param(NAMED, V6, BOTH, ONE, id="only IPv6 where there is IPv4"),
    pytest.param(NAMED, V4, V4, [], id="only IPv4 where there is no other"),
    pytest.param(NAMED, (), BOTH, [], id="nothing known"),
    pytest.param(free(WEB), V4, BOTH, [], id="nobody asks for the name"),
    pytest.param(
        NAMED, ("10.0.0.5",), BOTH, [("localhost-elsewhere", "warning")], id="some other address"
    ),
]


@pytest.mark.parametrize(("port", "localhost", "loopbacks", "expected"), NAMES)
def test_what_localhost_is(
    port: PortFacts, localhost: tuple[str, ...], loopbacks: tuple[str, ...], expected: Codes
) -> None:
    looked = facts(ports=(port,), localhost=localhost, loopbacks=loopbacks)
    assert codes(looked) == expected

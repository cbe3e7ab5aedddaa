from __future__ import annotations

import pytest

from devports.core.model import PortSpec
from devports.core.verdict import Free
from devports.ui.status_rows import StatusPort, with_urls
from devports.ui.text import has_links, url_of
from tests.unit.ui import samples as s

SERVED = StatusPort(s.HELD, "serving")
SISTER = StatusPort(s.HELD.replace(endpoint=s.SISTER), "serving")
DEBUG = StatusPort(s.HELD.replace(endpoint=s.HERE.replace(port=5678)), "serving")


@pytest.mark.parametrize(
    ("env", "answer"),
    [
        pytest.param({}, False, id="who says nothing gets none"),
        pytest.param({"TERM": "xterm-256color"}, False, id="many call themselves xterm"),
        pytest.param({"TERM": "xterm-kitty"}, True, id="kitty"),
        pytest.param({"VTE_VERSION": "7603"}, True, id="GNOME Terminal"),
        pytest.param({"VTE_VERSION": "4205"}, False, id="a VTE from before links"),
        pytest.param({"VTE_VERSION": "5000"}, False, id="the one VTE that crashes on a link"),
        pytest.param({"VTE_VERSION": "9" * 5000}, False, id="a VTE that is too new to be one"),
        pytest.param({"VTE_VERSION": "new"}, False, id="a VTE with a version that is no number"),
        pytest.param({"KONSOLE_VERSION": "220401"}, True, id="Konsole"),
        pytest.param({"KONSOLE_VERSION": "200800"}, False, id="a Konsole from before links"),
        pytest.param({"WT_SESSION": "0"}, True, id="Windows Terminal"),
        pytest.param(
            {"TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.104.0-insider"},
            True,
            id="VS Code",
        ),
        pytest.param(
            {"TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.70.2"}, False, id="an old VS Code"
        ),
        pytest.param(
            {"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.0"}, True, id="iTerm2"
        ),
        pytest.param({"TERM_PROGRAM": "Apple_Terminal"}, False, id="Terminal.app has none"),
        pytest.param({"TERM": "dumb", "VTE_VERSION": "7603"}, False, id="a dumb one"),
        pytest.param({"STY": "1.pts", "VTE_VERSION": "7603"}, False, id="GNU screen in between"),
        pytest.param({"TMUX": "/tmp/x,1,0", "VTE_VERSION": "7603"}, True, id="tmux in between"),
        pytest.param({"FORCE_HYPERLINK": "1"}, True, id="the user says so"),
        pytest.param({"FORCE_HYPERLINK": "0", "WT_SESSION": "0"}, False, id="the user says no"),
    ],
)
def test_only_a_terminal_that_says_who_it_is_gets_links(env: dict[str, str], answer: bool) -> None:
    assert has_links(env) is answer


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8000/", id="an address"),
        pytest.param("localhost", "http://localhost:8000/", id="a name"),
        pytest.param("::1", "http://[::1]:8000/", id="an IPv6 address"),
        pytest.param("0.0.0.0", "http://localhost:8000/", id="every IPv4 address"),
        pytest.param("::", "http://localhost:8000/", id="every address"),
    ],
)
def test_where_a_server_is_reached(host: str, url: str) -> None:
    assert url_of(host, 8000) == url


@pytest.mark.parametrize(
    ("places", "urls"),
    [
        pytest.param(
            [SERVED, SISTER], ["http://localhost:8000/", ""], id="all of a name: by its name, once"
        ),
        pytest.param(
            [SERVED, StatusPort(s.FREE_SISTER, "not-listening")],
            ["http://127.0.0.1:8000/", ""],
            id="part of a name: by the address",
        ),
        pytest.param(
            [StatusPort(s.HELD), SISTER],
            ["", "http://[::1]:8000/"],
            id="a stranger has the other part",
        ),
        pytest.param([SERVED, DEBUG], ["http://localhost:8000/", ""], id="further ports have none"),
        pytest.param([StatusPort(s.FREE)], [""], id="nobody serves"),
    ],
)
def test_what_is_served_gets_an_address(places: list[StatusPort], urls: list[str]) -> None:
    assert isinstance(s.FREE.verdict, Free)
    assert [place.url for place in with_urls(places, PortSpec("localhost", 8000))] == urls

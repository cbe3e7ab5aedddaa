from __future__ import annotations

from devports.ui.processes import holder_card
from tests.unit.ui import samples as s


def test_the_card_of_a_family() -> None:
    assert holder_card(s.UVICORN_TARGET, s.HELD, s.ANN) == (
        "process     `uvicorn` (pid 10), you, running for 2 h (since 12:11)",
        "socket      LISTEN 0.0.0.0:8000",
        "family      2 more processes with the same socket (pid 11 and 12)",
        "folder      ~/shop/web",
        "command     uvicorn main:app --reload",
        "started by  `zsh`",
    )

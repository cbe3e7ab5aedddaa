"""Rules about whether a client reaches a server that is there: browsers, names, other systems."""

from __future__ import annotations

from devports.checks.problem import Problem
from devports.core.diagnosis import Held
from devports.core.remedy import Remedy
from devports.core.remedy.protected import AIRPLAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Declared, Facts

BLOCKED = frozenset(
    map(
        int,
        "1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111"
        " 113 115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532"
        " 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060"
        " 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080".split(),
    )
)
"""What no browser connects to, nor fetch() of Node (fetch.spec.whatwg.org/#port-blocking)."""


def browser_blocked(facts: Facts) -> Iterator[Problem]:
    """A port to which browsers refuse to connect."""
    for declared in _started(facts):
        port, web = declared.spec.port, _is_for_browsers(facts, declared)
        if port in BLOCKED:
            yield Problem(
                "port-blocked-by-browsers",
                "warning" if web else "note",
                f"browsers refuse to connect to port {port} of `{declared.title}`",
                why="it is on the list of the Fetch standard: ERR_UNSAFE_PORT, whatever listens",
                remedies=(Remedy("give it another port, unless no browser and no fetch() asks"),),
                service=declared.service.name,
            )


def _started(facts: Facts) -> Iterator[Declared]:
    """Yield the first port of each service that devports starts; further ones are for tools."""
    return (d for d in facts.ports if d.service.command and not d.name)


def _is_for_browsers(facts: Facts, declared: Declared) -> bool:
    name = declared.service.name
    known = any(c.launch.kind for c in facts.commands if c.service.name == name)
    return known or bool(declared.service.ready.http)


def airplay(facts: Facts) -> Iterator[Problem]:
    """A port that macOS itself takes where its AirPlay Receiver is switched on."""
    for declared in facts.ports if facts.platform == "darwin" else ():
        port = declared.spec.port
        if port in AIRPLAY and not isinstance(declared.verdict, Held):
            yield Problem(
                "port-of-airplay",
                "note",
                f"macOS wants port {port} of `{declared.title}` for its AirPlay Receiver",
                why="it is not on here now; where it is, the server cannot start",
                remedies=(Remedy("choose another port, or leave AirPlay Receiver switched off"),),
                service=declared.service.name,
            )


def localhost(facts: Facts) -> Iterator[Problem]:
    """`localhost` is less than both loopback addresses here, or something else."""
    named = [declared for declared in facts.ports if declared.spec.host == "localhost"]
    if not named or not facts.localhost:
        return
    service = named[0].service.name
    if strange := [each for each in facts.localhost if not _is_loopback(each)]:
        yield Problem(
            "localhost-elsewhere",
            "warning",
            f"`localhost` is {strange[0]} on this machine, which is no loopback address",
            why="what is meant for this machine alone is for its network",
            remedies=(Remedy('correct /etc/hosts, or write host = "127.0.0.1"'),),
            service=service,
        )
    elif missing := [each for each in facts.loopbacks if each not in facts.localhost]:
        yield Problem(
            "localhost-one-family",
            "note",
            f"`localhost` is {facts.localhost[0]} here and not {missing[0]}",
            why="elsewhere it is both: a client may ask on one of them and the server have the"
            " other",
            remedies=(Remedy(f'write host = "{facts.localhost[0]}" to mean the same everywhere'),),
            service=service,
        )


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


RULES = (browser_blocked, airplay, localhost)

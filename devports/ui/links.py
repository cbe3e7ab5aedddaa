"""Which terminals make text clickable (OSC 8). Pure.

No terminal can be asked for this: neither terminfo nor a query of its own knows OSC 8. So it is
not asked, and not guessed either: only a terminal that says in the environment which one it is,
and that is known to have links since that version, gets one. The address itself is written out
wherever there is room, so who gets no link loses a click and nothing else.

iTerm2, VS Code, WezTerm and VTE with the versions of supports-hyperlinks (npm); the others as they
say in their documentation. tmux passes links on since 3.4 and drops them before; GNU screen is not
known to do either.
"""

from __future__ import annotations

from devports.core.number import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TERMS = ("xterm-kitty", "xterm-ghostty", "wezterm", "alacritty", "foot", "foot-extra", "contour")
"""Terminals whose terminfo name is their own: those that had a name had links soon after."""

LAST_VERSION = 99999999
"""WezTerm's versions are dates."""
PROGRAMS = {
    "iTerm.app": (3, 1),
    "vscode": (1, 72),
    "WezTerm": (20200620,),
    "ghostty": (1,),
    "Hyper": (3,),
}
"""TERM_PROGRAM, and the first version of TERM_PROGRAM_VERSION that has links."""

VTE_SINCE = 5001
"""VTE 0.50.1 (GNOME Terminal and its relatives), as VTE_VERSION counts; 0.50.0 crashes on links."""
KONSOLE_SINCE = 201200
"""20.12, where links are off until its user wants them; until then it shows the text alone."""


def has_links(env: Mapping[str, str]) -> bool:
    """Say whether the terminal of this environment says that it has links.

    FORCE_HYPERLINK decides where it is set: 0 is no, everything else is yes.
    """
    if force := env.get("FORCE_HYPERLINK"):
        return force != "0"
    if env.get("TERM") == "dumb" or "STY" in env:
        return False
    return (
        "WT_SESSION" in env
        or "DOMTERM" in env
        or env.get("TERM", "") in TERMS
        or _number(env.get("VTE_VERSION", "")) >= VTE_SINCE
        or _number(env.get("KONSOLE_VERSION", "")) >= KONSOLE_SINCE
        or _is_new_enough(env.get("TERM_PROGRAM", ""), env.get("TERM_PROGRAM_VERSION", ""))
    )


def _is_new_enough(program: str, version: str) -> bool:
    since = PROGRAMS.get(program)
    parts = version.partition("-")[0].split(".")
    return since is not None and tuple(map(_number, parts)) >= since


def _number(digits: str) -> int:
    return decimal(digits, LAST_VERSION) or 0


def linked(line: str, shown: str, address: str) -> str:
    """Return `line` with `shown`, where it is in it, a link to `address`; as wide as before."""
    return line.replace(shown, f"\x1b]8;;{address}\x1b\\{shown}\x1b]8;;\x1b\\", 1)

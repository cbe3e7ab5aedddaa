"""What to do about a port whose holder is never ended."""

from __future__ import annotations

from devports.core.program import program
from devports.core.protection import EDITOR, SHELL
from devports.core.remedy.case import Remedy, next_port
from devports.core.tunnels import cancel, is_session, master_exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.core.model import Process
    from devports.core.remedy.case import Case

AIRPLAY = (5000, 7000)
"""What the AirPlay Receiver of macOS listens on (12 and later), on every address."""


def protected(case: Case, process: Process, reason: str) -> Iterator[Remedy]:
    """Yield how it lets go of the port itself, if that is known, and the way round it."""
    name = program(process)
    if case.platform == "darwin" and name == "ControlCenter" and case.port in AIRPLAY:
        yield Remedy(
            "the AirPlay Receiver of macOS has it: turn it off in System Settings > General >"
            " AirDrop & Handoff"
        )
    elif process.pid == 1 and case.platform != "win32":
        yield from _first(case, name)
    elif case.viewer is not None and process.key in case.viewer.line:
        yield Remedy("devports runs inside that process: run it from another terminal")
    elif reason == EDITOR:
        yield Remedy("an editor forwards the port: close the forward in its Ports panel")
    elif reason == SHELL:
        yield Remedy("that shell has it open itself: close the descriptor there, or `exit` it")
    elif name.startswith("sshd"):
        yield Remedy("an ssh session from elsewhere forwards it (ssh -R): end that session there")
    elif is_session(process):
        yield from _session(case, process)
    yield case.elsewhere(f"it is {reason}: choose another port", next_port(case))


def _first(case: Case, name: str) -> Iterator[Remedy]:
    if case.platform == "darwin":
        yield Remedy("launchd holds it for a service: find its label", "launchctl list")
    elif name in ("systemd", "init"):
        yield Remedy(
            "systemd holds it for a socket unit: find the unit, then stop NAME.socket",
            "systemctl list-sockets",
        )
    else:
        yield Remedy("it is the first process of a container: stop that from outside")


def _session(case: Case, process: Process) -> Iterator[Remedy]:
    """Yield how an ssh gives up one forward (ssh(1), -O) without the session that it carries."""
    if command := cancel(process, case.port):
        yield Remedy("takes this forward out of the session, which goes on", command)
    else:
        yield Remedy("log out of that session, or start it without the forward")
    if command := master_exit(process):
        yield Remedy("ends the shared connection and every session in it", command)

"""What VS Code reads from `devports run`, in words. Pure.

The matcher in `.vscode-template/tasks.json` waits for these lines. A background task that ends
without those of a failure lets the debugger start all the same; with them, VS Code asks first.
Outside VS Code nobody needs them, and they are not said.
"""

from __future__ import annotations

from devports import exitcodes
from devports.ui.printable import printable
from devports.ui.runwords import PREFIX
from devports.ui.urls import url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devports.core.happening import Owned
    from devports.core.recovery import Ended
    from devports.errors import DevportsError

NOT_RUNNING = f"{PREFIX}not running"
"""Said behind a failure. It ends the wait of a debugger, which then finds the failure: at the end
of the process VS Code forgets the second failure in a row (WatchingProblemCollector.done)."""
BY_SIGNAL = 128
MEANINGS = {
    exitcodes.HELD: "its port is held and was not freed",
    exitcodes.PROTECTED: "its port is held by what has to be stopped in its own way",
    exitcodes.PERMISSION: "the permission for its port is missing",
    exitcodes.STILL_HELD: "its port is not bindable after every step",
    exitcodes.TAKEN_AGAIN: "its port was taken again",
    exitcodes.NOT_READY: "it was not ready in time",
    exitcodes.IN_CHARGE: "another devports run is in charge of it",
}


def is_read(env: Mapping[str, str]) -> bool:
    """Say whether this is a terminal of VS Code, or of an editor made from it."""
    return env.get("TERM_PROGRAM") == "vscode"


def begins(service: str) -> str:
    """Return the first line of a run, which comes before everything that may take time."""
    return f"{PREFIX}taking the port of `{printable(service, 80)}`"


def after_ready(owned: Owned, env: Mapping[str, str]) -> str:
    """Return the line behind the ready line, empty where there is nothing to say.

    It has the address, for a click, where the server says none. VS Code gets it in any case: after
    a reload of its window it does not find the ready line again if nothing follows.
    """
    if owned.scheme:
        url = url_of(owned.endpoint.address, owned.endpoint.port, owned.scheme)
        return f"{PREFIX}serving {url} until it is stopped"
    return f"{PREFIX}serving until it is stopped" if is_read(env) else ""


def failed(message: str, file: str) -> str:
    """Return the line of a failure: the file that VS Code is to show, and what happened."""
    return f"{PREFIX}error: {printable(file)}: {printable(message)}"


def failure(message: str, file: str) -> str:
    """Return all that is said of a failure, to be written at once: its line, then the end.

    With the end first, VS Code would start the debugger.
    """
    return f"{failed(message, file)}\n{NOT_RUNNING}"


def in_short(error: DevportsError) -> str:
    """Return what an error says in one line: for a configuration, its first problem too."""
    reason = next((fact.rpartition("^")[2].strip() for fact in error.facts if "^" in fact), "")
    return f"{error.message}: {reason}" if reason else error.message


def meaning(service: str, ended: Ended) -> str:
    """Return how a run failed; empty for success, and for an end by a signal.

    Before it was ready those two are failures as well: a debugger that waits must not start.
    """
    code = ended.code
    quiet = code == exitcodes.OK or code > BY_SIGNAL
    if quiet and ended.ready:
        return ""
    if ended.source == "child":
        early = ", before it was ready" if quiet else ""
        return f"`{service}` ended with exit code {code}{early}"
    return ended.why or f"`{service}` did not run: {MEANINGS.get(code, f'exit code {code}')}"

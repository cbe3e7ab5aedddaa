"""Watches shells of persons, which may be in the middle of a typed loop."""

from __future__ import annotations

from devports.core.plan import is_supervisor
from devports.core.shells import STILL, is_at_rest, is_persons_shell, waits_for
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Process
    from devports.core.plan import Target
    from devports.freeing import Tools
    from devports.system import Machine


class Shell:
    """A person's shell that waits for the end of a command which is going to be ended."""

    def __init__(self, machine: Machine, process: Process, command: Process) -> None:
        self.process = process
        self._machine, self._command = machine, command
        self._children = machine.children(process.pid)
        self._resting_since: float | None = None

    def may_go_on(self) -> bool:
        """Look once more; say whether it lives and has not been seen at rest for long enough."""
        now = self._machine.process(self.process.pid)
        if now is None or now.key != self.process.key:
            return False
        new = self._machine.children(now.pid) - self._children
        if not is_at_rest(now, self._command, new):
            self._resting_since = None
            return True
        moment = clock.monotonic()
        if self._resting_since is None:
            self._resting_since = moment
        return moment - self._resting_since < STILL


def shell_above(tools: Tools, target: Target) -> Shell | None:
    """Return the shell that waits for a target, or for whoever may start that again.

    Not the one that we run in: it waits for us.
    """
    own = tools.machine.viewer().line
    command = target.process
    for parent in tools.machine.ancestors(target.process):
        if parent.key in own:
            return None
        if not is_supervisor(parent):
            typed = is_persons_shell(parent) and waits_for(parent, command)
            return Shell(tools.machine, parent, command) if typed else None
        command = parent
    return None

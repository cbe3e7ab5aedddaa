"""What the user declared: services and the ports they want."""

from __future__ import annotations

from devports.core.model import PortSpec
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    OnConflict = Literal["ask", "reclaim", "next", "fail"]
    Handoff = Literal["auto", "fd", "hook", "plain"]
    ReadyOwner = Literal["tree", "any"]


DEBUGGER_PORT = "debug"
"""Name of the further port that a debugger gets."""


class Ready(Value):
    """When a service counts as ready, on top of owning its port. `timeout` in seconds."""

    http: str = ""
    timeout: float = 60.0
    owner: ReadyOwner = "tree"
    log: str = ""


class EditorTasks(Value):
    """What VS Code is to get for a service: task label, launch configurations, debugger."""

    task: str = ""
    prelaunch: tuple[str, ...] = ()
    debug: str = ""


class Service(Value):
    """One declared service. Texts may still hold placeholders; `core.placeholder` fills them.

    Attributes:
        port: the first port, 1 to 65535.
        command: a list is exec'd as it is; a text is split like a shell would, or given to a
            shell if `shell`; empty: a port the project needs but devports does not start.
        cwd: absolute path of the working directory.
        env: variables to set, in order.
        env_file: absolute path or empty.
        ports: further ports by name.
        stop_timeout: seconds between terminate and kill.
        attempts: starts at most.
    """

    name: str
    port: int
    host: str = "127.0.0.1"
    command: str | tuple[str, ...] = ""
    shell: bool = False
    cwd: str = ""
    env: tuple[tuple[str, str], ...] = ()
    env_file: str = ""
    ports: tuple[tuple[str, int], ...] = ()
    depends_on: tuple[str, ...] = ()
    ready: Ready = Ready()
    stop_signal: str = "SIGTERM"
    stop_timeout: float = 5.0
    attempts: int = 3
    on_conflict: OnConflict = "ask"
    handoff: Handoff = "auto"
    vscode: EditorTasks = EditorTasks()

    @property
    def spec(self) -> PortSpec:
        """The one place that says which port a service has."""
        return PortSpec(self.host, self.port)


class Config(Value):
    """A whole configuration: the file it came from, its folder, and the services in file order."""

    path: str
    root: str
    services: tuple[Service, ...]

    def get(self, name: str) -> Service | None:
        return next((service for service in self.services if service.name == name), None)

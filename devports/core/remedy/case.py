"""A remedy, the case it is for, and the words that several verdicts share."""

from __future__ import annotations

from devports.core.model import PRIVILEGED
from devports.core.number import LAST_PORT
from devports.core.quoting import quote
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.core.checkout import ElsewhereOf
    from devports.core.contained import Named
    from devports.core.model import Endpoint, Holding, Platform
    from devports.core.plan import RunOf
    from devports.core.standing import Viewer


class Remedy(Value):
    """One thing to do: why, and the text to copy. An empty command makes it advice.

    `needs_root`: it takes another user's rights than those of who asks.
    """

    title: str
    command: str = ""
    needs_root: bool = False


class Case(Value):
    endpoint: Endpoint
    holding: Holding
    platform: Platform
    service: str
    typed: str
    viewer: Viewer | None
    run_of: RunOf
    elsewhere_of: ElsewhereOf
    named: Named
    ephemeral: tuple[int, int]
    ignored: tuple[int, ...]

    @property
    def port(self) -> int:
        return self.endpoint.port

    @property
    def target(self) -> str:
        """What a person calls the port."""
        return quote(self.typed)

    @property
    def is_root(self) -> bool:
        return self.viewer is not None and self.viewer.uid == 0

    def outgoing(self, port: int) -> bool:
        """Say whether outgoing connections get this port."""
        low, high = self.ephemeral
        return low <= port <= high

    def root(self, title: str, command: str) -> Remedy:
        """Return a command that only root, or on Windows an elevated terminal, may run."""
        if self.platform == "win32":
            return Remedy(f"{title} (in a terminal of an administrator)", command)
        return (
            Remedy(title, command)
            if self.is_root
            else Remedy(title, f"sudo {command}", needs_root=True)
        )

    def devports(self, title: str, words: str) -> Remedy:
        """Return a command of ours for root, whose PATH under sudo has no folder of a user's."""
        as_we_are = self.is_root or self.platform == "win32"
        program = "devports" if as_we_are else '"$(command -v devports)"'
        return self.root(title, f"{program} {words}")

    def wait(self, title: str) -> Remedy:
        return Remedy(title, f"devports check {self.target}")

    def elsewhere(self, title: str, port: int) -> Remedy:
        """Return the way out that always works: another port."""
        if self.service:
            return Remedy(title, f"devports run {quote(self.service)} --port {port}")
        return Remedy(f"{title}, for example {port}")


def next_port(case: Case) -> int:
    """Return the port after it; round numbers where that would be none or an outgoing one."""
    port = case.port + 1
    fine = PRIVILEGED <= port <= LAST_PORT and not case.outgoing(port)
    return port if fine else common_port(case)


def common_port(case: Case) -> int:
    """Return a port that everybody may use, and by default no outgoing connection gets."""
    port = 8000 + case.port % 1000
    return port + 1 if port == case.port else port


def pids_on(case: Case) -> str:
    """Return what lists the sockets of a port on Windows, with the pid in the last column."""
    return f"netstat -ano | findstr :{case.port}"


def http_sys(case: Case) -> Iterator[Remedy]:
    title = "Windows itself (http.sys) listens for a program: this names it"
    yield case.root(title, "netsh http show servicestate")


def look(case: Case, title: str) -> Iterator[Remedy]:
    if case.platform == "win32":
        yield Remedy("lists its sockets; the last column is the holder's pid", pids_on(case))
        return
    yield case.devports(title, f"check {case.target}")
    if case.platform == "linux":
        yield case.root("the same by ss", f"ss -tanp 'sport = :{case.port}'")
    else:
        yield case.root("the same by lsof", f"lsof -nP +c0 -iTCP:{case.port}")

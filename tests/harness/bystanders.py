"""Innocent processes that stand close to a port. Whatever is done to the port, they must live."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.harness import tables
from tests.harness.actors import Actor, argv_of, start

SHELL_LOOK_ALIKE = ["/bin/sh", "-c", "echo ready $$; cat >/dev/null"]


@dataclass
class Bystanders:
    """The canaries around one port.

    A client of the port with several connections (a browser), one with a single connection (an
    editor's tunnel), a shell whose command line names the port, and a listener on the next port.
    The clients exist only where somebody listens.
    """

    port: int
    actors: list[Actor] = field(default_factory=list)

    def gather(self) -> Bystanders:
        shell = [*SHELL_LOOK_ALIKE, "uvicorn", "--port", str(self.port)]
        self.actors.append(start("shell look-alike", shell))
        self.actors.append(start("neighbour", argv_of("listener", self.port + 1)))
        if "LISTEN" in tables.states(self.port) and tables.connectable(self.port):
            self.actors.append(start("browser", argv_of("client", self.port, "--connections", 2)))
            self.actors.append(start("tunnel", argv_of("client", self.port)))
        return self

    @property
    def pids(self) -> set[int]:
        return {pid for actor in self.actors for pid in actor.pids}

    def check(self) -> None:
        """Raise AssertionError if one of them is gone."""
        dead = [f"{actor.name} (pid {actor.pid})" for actor in self.actors if not actor.alive]
        assert not dead, f"bystanders of port {self.port} were killed: {', '.join(dead)}"

    def end(self) -> None:
        for actor in self.actors:
            actor.end()

"""Programs called `docker` and `podman` that answer like the real ones and note what they hear."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.harness.actors import Actor

STANDARD = "/usr/bin:/bin"
IDS = ["ab" * 32, "cd" * 32]
SCRIPT = """#!/bin/sh
echo "$@" >>{log}
case $1 in
ps) {ps} ;;
inspect) {inspect} ;;
stop) {stop} ;;
esac
"""


class Engine:
    """The command line of an engine in a folder that everybody may read.

    `ps`, `inspect` and `stop` are shell lines; by default `ps` knows one container that publishes
    the port, which `inspect` gives no time of its own, and `stop` ends its forwarders, as far as
    the caller may signal them.
    """

    def __init__(self, folder: str, name: str = "docker") -> None:
        self.folder, self.name = folder, name
        self._log = os.path.join(folder, f"{name}.log")
        with open(self._log, "w", encoding="utf-8"):
            os.chmod(self._log, 0o666)

    @property
    def env(self) -> dict[str, str]:
        """The environment in which it is the only engine."""
        return {"PATH": f"{self.folder}:{STANDARD}"}

    def answers(self, *, ps: str = ":", inspect: str = "echo '<nil>'", stop: str = ":") -> None:
        path = os.path.join(self.folder, self.name)
        text = SCRIPT.format(log=shlex.quote(self._log), ps=ps, inspect=inspect, stop=stop)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def runs(
        self,
        port: int,
        *forwarders: Actor,
        names: tuple[str, ...] = ("shop-db-1",),
        stop_timeout: str = "<nil>",
    ) -> None:
        """Let it know containers that publish the port through these forwarders.

        `stop_timeout`: the seconds that they may take to end, as `inspect` writes it.
        """
        who = [pid for actor in forwarders for pid in actor.pids]
        rows = self._podman(port, names) if self.name == "podman" else self._docker(port, names)
        self.answers(
            ps=f"printf %s {shlex.quote(rows)}",
            inspect=f"echo {shlex.quote(stop_timeout)}",
            stop=f"kill {' '.join(map(str, who))}",
        )

    def _docker(self, port: int, names: tuple[str, ...]) -> str:
        ports = f"0.0.0.0:{port}->5432/tcp, [::]:{port}->5432/tcp"
        rows = (
            f"{id_}\t{name}\tpostgres:16\t{ports}\n" for id_, name in zip(IDS, names, strict=False)
        )
        return "".join(rows)

    def _podman(self, port: int, names: tuple[str, ...]) -> str:
        import json

        mapped = {"host_ip": "", "container_port": 5432, "host_port": port, "range": 1,
                  "protocol": "tcp"}  # fmt: skip
        return json.dumps(
            [
                {"Id": id_, "Names": [name], "Image": "postgres:16", "Ports": [mapped]}
                for id_, name in zip(IDS, names, strict=False)
            ]
        )

    @property
    def heard(self) -> list[str]:
        """How it was called, without what a question asks for."""
        with open(self._log, encoding="utf-8") as file:
            lines = file.read().splitlines()
        return [line if line.startswith("stop") else line.split()[0] for line in lines]

    @property
    def stopped(self) -> list[str]:
        return [line.split()[-1] for line in self.heard if line.startswith("stop")]

    def hears_a_stop(self) -> None:
        eventually(lambda: self.stopped, what=f"`{self.name} stop`")

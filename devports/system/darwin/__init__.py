"""macOS: what psutil may read of each process, then lsof and netstat for the rest."""

from __future__ import annotations

from devports.system import launchctl, outside, psprocess, sudo
from devports.system.darwin import table
from devports.system.psmachine import PsMachine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import Holder, Platform, Process, ProcessKey
    from devports.core.standing import Viewer
    from devports.system import Pin
    from devports.system.psmachine import Look

EPHEMERAL = (49152, 65535)
"""Of net.inet.ip.portrange.first and last, unless somebody has set them."""
RANGE = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
SESSION = "kern.bootsessionuuid"
"""Made anew at every boot. kern.boottime is not used for that where it can be helped: it moves
whenever the clock is set."""


class Darwin(PsMachine):
    """A `devports.system.Machine`. The sources can be taken away, to see what is left."""

    platform: Platform = "darwin"

    def __init__(self, sources: table.Sources | None = None) -> None:
        super().__init__()
        self._sources = table.Sources() if sources is None else sources
        self._viewer: Viewer | None = None
        self._boot = ""
        self._ephemeral: tuple[int, int] | None = None

    def look(self, ports: Collection[int]) -> Look:
        return table.look(ports, self._sources)

    def marked(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Name the jobs of launchd too, among the holders and their parents, in our own domain."""
        raw = outside.ask((self._sources.launchctl, "list")) if holders else None
        jobs = launchctl.labels(raw or b"")
        return tuple(
            holder.but(
                process=_marked(holder.process, jobs),
                ancestors=tuple(_marked(parent, jobs) for parent in holder.ancestors),
            )
            for holder in super().marked(holders)
        )

    def pin(self, key: ProcessKey) -> Pin | None:
        from devports.system.signals import darwin as signals  # noqa: PLC0415  # before ending something

        return signals.pin(key, psprocess.key_of)

    def wait_for_exit(self, pins: Sequence[Pin], seconds: float) -> tuple[Pin, ...]:
        from devports.system.signals import darwin as signals  # noqa: PLC0415

        return signals.wait_for_exit(pins, seconds)

    def ephemeral(self) -> tuple[int, int]:
        if self._ephemeral is None:
            words = (outside.ask((self._sources.sysctl, "-n", *RANGE)) or b"").split()
            known = len(words) == len(RANGE) and all(word.isdigit() for word in words)
            self._ephemeral = (int(words[0]), int(words[1])) if known else EPHEMERAL
        return self._ephemeral

    def boot(self) -> str:
        if not self._boot:
            raw = outside.ask((self._sources.sysctl, "-n", SESSION)) or b""
            self._boot = raw.decode("ascii", "replace").strip() or psprocess.booted()
        return self._boot

    def viewer(self) -> Viewer:
        if self._viewer is None:
            from devports.core.standing import Viewer  # noqa: PLC0415  # before ending something

            self._viewer = Viewer(*sudo.uids(), self.own_line())
        return self._viewer


def _marked(process: Process, jobs: dict[int, str]) -> Process:
    label = jobs.get(process.pid)
    return process if label is None else process.but(marks=(*process.marks, ("launchd", label)))

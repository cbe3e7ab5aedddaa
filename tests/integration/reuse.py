"""Frees a port in a PID namespace of its own, where the holder's pid goes to an innocent meanwhile.

Run by `test_pid_reuse` as ``python -m tests.integration.reuse PORT WHEN``, as the first process of
a namespace: there alone the next pid can be chosen (ns_last_pid, pid_namespaces(7)). The machine
and the freeing are the real ones. It prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from devports.core.model import Endpoint
from devports.core.stop_plan import ConfirmPolicy, Terminating
from devports.freeing import FreeRequest, FreeServices, StopTimeouts, free
from devports.system import native
from devports.system.container_engines import Engines
from tests.harness.actors import Actor, argv_of, start

if TYPE_CHECKING:
    from devports.core.stop_plan import Answer, Outcome, Progress, Question

INNOCENT = "import signal; signal.pause()"


class Stage:
    """The holder, and how its pid passes to an innocent at the moment `when`."""

    def __init__(self, port: int, when: str) -> None:
        self.port, self.when = port, when
        self.holder: Actor = start("listener", argv_of("listener", port))
        self.innocent: subprocess.Popen[bytes] | None = None
        self.asked: list[int] = []

    def swap(self) -> None:
        """End the holder, and give its pid to a process that has nothing to do with the port."""
        pid = self.holder.pid
        self.holder.end()
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as last:
            last.write(str(pid - 1))
        self.innocent = subprocess.Popen([sys.executable, "-c", INNOCENT])

    def ask(self, question: Question) -> Answer:
        self.asked.append(question.target.process.pid)
        if self.when == "question":
            self.swap()
        return "yes"

    def tell(self, news: Progress | Outcome) -> None:
        """Take the last moment that there is: everything is verified, and the signal comes next."""
        if self.when == "signal" and isinstance(news, Terminating):
            self.swap()


def main(port: int, when: str) -> dict[str, Any]:
    stage = Stage(port, when)
    tools = FreeServices(native(), stage.ask, stage.tell, lambda _: None, Engines())
    job = FreeRequest(
        (Endpoint("127.0.0.1", port),),
        ConfirmPolicy(interactive=True),
        StopTimeouts(stop=1, kill=0.5),
    )
    freed = free(tools, job)
    assert stage.innocent is not None, "nobody was swapped"
    spared = stage.innocent.poll() is None
    seen: dict[str, Any] = {
        "bindable": freed.bindable,
        "outcomes": [type(outcome).__name__ for outcome in freed.outcomes],
        "asked": stage.asked,
        "holder": stage.holder.pid,
        "innocent": stage.innocent.pid,
        "spared": spared,
    }
    os.kill(stage.holder.pid, signal.SIGTERM)  # noqa: TID251  # the control: what kill(1) would do
    seen["a plain kill ends it"] = stage.innocent.wait(10) == -signal.SIGTERM
    return seen


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])))

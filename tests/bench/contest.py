"""The start itself, many times, against a rival: devports beside a script and a peer.

Every contender starts the same uvicorn on the same port. A rival that binds and listens begins the
moment the contender has looked and goes on to start: when devports says so, and for the others when
their child appears. Counted: how often the server got its port, how often the contender said that
it had, how often the rival tried and hit. `python -m tests.bench.contest [ROUNDS [PORTCHECK]]`
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tests.bench.pairs import Section, markdown, progress
from tests.harness import tables
from tests.harness.actors import argv_of, start
from tests.harness.command import READY, Command, Running, clean_environment
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.servers import COMMANDS
from tests.harness.waiting import NeverHappenedError, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RIVALS = {
    "at random moments": ("--reuse", "--hold", 20, "--random", "--pause", 50),
    "in a tight loop": ("--reuse", "--hold", 20),
}
UVICORN = f"{sys.executable} -m uvicorn asgi_app:app --host 127.0.0.1 --port {{port}}"
SCRIPT = """
if lsof -ti :{port} -sTCP:LISTEN >/dev/null; then
    lsof -ti :{port} | xargs kill -9
    sleep 2
fi
lsof -ti :{port} -sTCP:LISTEN >/dev/null || echo "port {port} is free"
exec {uvicorn}
"""
"""Look, kill -9, sleep 2, look, start: what is found in many a project."""


@dataclass(frozen=True)
class Contender:
    """`words`: its command line, {port} and {uvicorn} filled in; none for devports.

    `sample`: a tenth of the rounds will do, since most starts are lost anyway.
    """

    name: str
    service: str = "uvicorn"
    handoff: str = "auto"
    words: tuple[str, ...] = ()
    sample: bool = True


def contenders(portcheck: str) -> Iterator[Contender]:
    yield Contender("devports, uvicorn (inherits the socket)", sample=False)
    yield Contender("devports, http.server (hook)", "http.server", sample=False)
    yield Contender("devports, uvicorn, plain", handoff="plain")
    yield Contender("look, kill, sleep, look, start", words=("sh", "-c", SCRIPT))
    if portcheck:
        words = (portcheck, "run", "--port", "{port}", "--", "sh", "-c", "exec {uvicorn}")
        yield Contender("portcheck run", words=words)


def one(who: Contender, rival_words: Sequence[object], *, time_wait: bool) -> Counter[str]:
    """Start once; return what happened, counted by name."""
    with tempfile.TemporaryDirectory() as folder, reserved_block() as port:
        project = Project(folder)
        project.apps()
        project.service("web", port, COMMANDS[who.service], handoff=who.handoff)
        if time_wait:
            start("time_wait_maker", argv_of("time_wait_maker", port, "--reuse")).gone()
        rival = start("rival", argv_of("rival", port, "--wait", *rival_words))
        running = begin(who, folder, port)
        found = Counter({"starts": 1})
        try:
            eventually(lambda: announced(who, running) or running.ended, 20)
            rival.tell()
            eventually(lambda: decided(running, port), 40)
        except NeverHappenedError:
            found["undecided"] = 1
        served = owns(running, port)
        found["served"] = served
        found["said ready, not served"] = READY in running.err and not served
        found.update(deeds(rival.rest()))
        rival.end()
        stop(running)
    return found


def deeds(told: str) -> dict[str, int]:
    """Return what a rival did. One that was killed, as by `kill -9`, has only told its hits."""
    words = told.split()
    if "tries" not in words:
        return {"rival hits": words.count("hit"), "rival killed": 1}
    return {"rival tries": int(words[-3]), "rival hits": int(words[-1])}


def begin(who: Contender, folder: str, port: int) -> Running:
    command = Command(folder, clean_environment(folder), folder)
    if not who.words:
        return command.start("run", "web")
    uvicorn = UVICORN.format(port=port)
    words = [word.format(port=port, uvicorn=uvicorn) for word in who.words]
    return Command(folder, command.env, folder, argv=words).start()


def announced(who: Contender, running: Running) -> bool:
    if not who.words:
        return "devports: starting" in running.err
    return any(words[1:3] == ["-m", "uvicorn"] for words in command_lines(running))


def command_lines(running: Running) -> list[list[str]]:
    try:
        top = psutil.Process(running.pid)
        return [process.cmdline() for process in (top, *top.children(recursive=True))]
    except psutil.Error:
        return []


def owns(running: Running, port: int) -> bool:
    try:
        top = psutil.Process(running.pid)
        tree = {process.pid for process in (top, *top.children(recursive=True))}
    except psutil.NoSuchProcess:
        return False
    return bool(tables.listening_pids(port) & tree)


def decided(running: Running, port: int) -> bool:
    """Say whether it has ended, or serves and (devports) has said so."""
    if running.ended:
        return True
    return owns(running, port) and ("devports" not in running.err or READY in running.err)


def stop(running: Running) -> None:
    for process in (
        psutil.Process(running.pid).children(recursive=True) if not running.ended else ()
    ):
        if "devports" not in running.err:
            process.terminate()
    running.send(signal.SIGTERM)
    running.ends()


def report(rounds: int = 10, portcheck: str = "") -> Section:
    columns = ["starts", "served", "said ready, not served", "undecided"]
    columns += ["rival tries", "rival hits", "rival killed"]
    rows = []
    for before in ("free", "TIME_WAIT"):
        for name, words in RIVALS.items():
            for who in contenders(portcheck):
                progress(f"contest: {who.name}, rival {name}, port {before}")
                total: Counter[str] = Counter()
                for _ in range(-(-rounds // 10) if who.sample else rounds):
                    total.update(one(who, words, time_wait=before == "TIME_WAIT"))
                rows.append((who.name, name, before, *(total[column] for column in columns)))
    titles = " | ".join(("contender", "rival", "port before", *columns))
    return Section("The start against a rival", markdown(titles, rows, words=3))


if __name__ == "__main__":
    number = int(sys.argv[1]) if sys.argv[1:] else 10
    peer = sys.argv[2] if sys.argv[2:] else shutil.which("portcheck") or ""
    os.environ.setdefault("CI", "1")  # more patience: the machine is busy
    print(report(number, peer))

"""What a look costs: devports beside lsof, fuser, ss, psutil, its peers and a bare Python.

`python -m tests.bench.check [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from typing import TYPE_CHECKING

from tests.bench import peers, wheel
from tests.bench.pairs import Job, Section, measure, progress, table
from tests.harness.actors import argv_of, start
from tests.harness.command import clean_environment
from tests.harness.ports import BLOCK, reserved_block
from tests.harness.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = 20
FIRST = 61_000
"""Where the services are that nobody runs: beyond the ports that the kernel hands out."""


def bare() -> Job:
    """Return the measure: an interpreter that starts and does nothing."""
    return Job("`python -c pass`", [wheel.python(), "-c", "pass"])


def one_port(port: int) -> Iterator[Job]:
    devports = wheel.devports()
    yield bare()
    yield Job("**`devports check PORT`**", [devports, "check", str(port)])
    yield Job("**`devports status PORT --json`**", [devports, "status", str(port), "--json"])
    yield from peers.of_the_system(port)
    yield from peers.installed(port)


def a_project(config: str) -> Iterator[Job]:
    """Yield what is asked about a project of 20 services, and what asks nothing."""
    words = {
        "check SERVICE": ["check", "one0"],
        f"status` of {SERVICES} services": ["status"],
        f"status --json` of {SERVICES} services": ["status", "--json"],
        f"doctor` of {SERVICES} services": ["doctor"],
        "validate": ["validate"],
    }
    yield bare()
    for name, argv in words.items():
        title = f"**`devports {name}**" if "`" in name else f"**`devports {name}`**"
        yield Job(title, [wheel.devports(), argv[0], "--config", config, *argv[1:]])
    for option in ("--version", "--help"):
        yield Job(f"**`devports {option}`**", [wheel.devports(), option])


def looks(rounds: int) -> Iterator[str]:
    with reserved_block() as port:
        for title, animal in (
            ("A free port", ""),
            ("A listener", "listener"),
            ("Bound, not listening", "bound_only"),
        ):
            progress(f"looks: {title}")
            actor = start(animal, argv_of(animal, port)) if animal else None
            jobs = list(one_port(port))
            measure(jobs, rounds)
            if actor:
                actor.end()
            yield f"{title}:\n\n{table(jobs)}"
    if words := peers.missing():
        yield words


@contextlib.contextmanager
def twenty_services(folder: str, held: int = 1) -> Iterator[str]:
    """Give the configuration of a project in `folder` where the ports of so many are held."""
    with reserved_block() as port:
        project = Project(folder)
        for number in range(SERVICES):
            place = port + number if number < BLOCK else FIRST + number
            project.service(f"one{number}", place, ["python3", "-m", "http.server", "{port}"])
        actors = [start("listener", argv_of("listener", port + n)) for n in range(held)]
        yield project.config
        for actor in actors:
            actor.end()


def projects(rounds: int) -> str:
    """Measure in a project, in a home without traces."""
    progress("looks: a project")
    with tempfile.TemporaryDirectory() as folder, twenty_services(folder) as config:
        jobs = list(a_project(config))
        home = clean_environment(folder)
        home.pop("PYTHONDONTWRITEBYTECODE")
        measure(jobs, rounds, environment=home)
    return f"A project:\n\n{table(jobs)}"


def scripts(rounds: int) -> str:
    """Measure the script that a pip writes: that of an older one imports `re`."""
    progress("looks: scripts")
    with reserved_block() as port:
        jobs = [
            bare(),
            Job(
                "**`devports check PORT`**, the newest pip's",
                [wheel.devports(), "check", str(port)],
            ),
            Job("the same, the bundled pip's", [wheel.bundled(), "check", str(port)]),
        ]
        measure(jobs, rounds)
    return f"The script that starts it, of a free port:\n\n{table(jobs)}"


def report(rounds: int = 15) -> Section:
    return Section("Checks", "\n\n".join([*looks(rounds), projects(rounds), scripts(rounds)]))


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))

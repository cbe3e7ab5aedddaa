"""What several tests of rules look at."""

from __future__ import annotations

from typing import TypeAlias

from devports.checks import examine
from devports.checks.facts import Command, Declared, Facts, Launch
from devports.core.diagnosis import Finding, Free
from devports.core.model import Endpoint, Holding
from devports.core.service import Service
from devports.core.standing import Viewer

Codes: TypeAlias = list[tuple[str, str]]

WEB = Service("web", 8000, command="serve")


def facts(**more: object) -> Facts:
    return Facts("linux", "/srv/shop", viewer=Viewer(1000, 1000)).but(**more)


def codes(looked: Facts) -> Codes:
    """Return what is found, and how grave it is."""
    return [(problem.code, problem.severity) for problem in examine(looked)]


def started(service: Service = WEB, **launch: object) -> Facts:
    """Return the facts of a service whose command says this."""
    return facts(commands=(Command(service, "serve", "/srv", launch=Launch().but(**launch)),))


def free(service: Service, name: str = "") -> Declared:
    """Return a declared port that nobody has."""
    finding = Finding(Endpoint("127.0.0.1", service.port), Free(), Holding())
    return Declared(service, service.spec, name, findings=(finding,))

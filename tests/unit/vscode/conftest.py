from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devports.core.service import Config, EditorTasks, Service
from devports.vscode.tasks import Part, Template, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def template() -> Template:
    """The template that is shipped."""
    folder = ROOT / ".vscode-template"
    return Template(*((folder / f"{name}.json").read_text("utf-8") for name in ("tasks", "launch")))


def service(name: str = "backend", port: int = 8000, **more: object) -> Service:
    return Service(name, port, command="serve").replace(**more)


def vscode(**keys: object) -> EditorTasks:
    return EditorTasks().replace(**keys)


def config(*services: Service) -> Config:
    return Config("/srv/shop/devports.toml", "/srv/shop", services)


def parts(made: Config | Sequence[Part]) -> Sequence[Part]:
    """Return the parts of a workspace; a configuration alone is in its folder itself."""
    return (Part("", made),) if isinstance(made, Config) else made


def workspace(made: Config) -> Workspace:
    return Workspace(tuple(parts(made)))

"""A project with a `devports.toml`; and pids in a JSON answer."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from tests.harness.actors import argv_of
from tests.harness.servers import write_apps


@dataclass
class Project:
    """A folder; `service` adds to its configuration."""

    folder: str
    services: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def config(self) -> str:
        return os.path.join(self.folder, "devports.toml")

    def write(self, text: str | bytes) -> None:
        """Write the configuration as it is, right or wrong."""
        with open(self.config, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def service(
        self, name: str, port: int, command: str | list[str] | None = None, **settings: object
    ) -> None:
        """Declare a service; a list of words is exec'd as it is, none is a port to be watched."""
        started = {} if command is None else {"command": command}
        self.services[name] = {"port": port, **started, **settings}
        lines = []
        for service, keys in self.services.items():
            lines.append(f"[services.{service}]")
            lines += [f"{key} = {toml(value)}" for key, value in keys.items()]
        self.write("\n".join(lines) + "\n")

    def zoo(self, service: str, name: str, port: int, *words: object, **settings: object) -> None:
        """Declare a service whose server is a zoo program that stays."""
        self.service(service, port, argv_of(name, port, "--stay", *words), **settings)

    def apps(self) -> None:
        write_apps(self.folder)


def toml(value: object) -> str:
    """Return a value as TOML: JSON's words are TOML's for text, numbers and lists."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def pids_in(document: object) -> set[int]:
    """Return every pid a JSON document names, at whatever depth."""
    if isinstance(document, list):
        return {pid for each in document for pid in pids_in(each)}
    if isinstance(document, dict):
        own = {document["pid"]} if isinstance(document.get("pid"), int) else set()
        return own | {pid for each in document.values() for pid in pids_in(each)}
    return set()

"""What is wrong with the configuration's own files, and with those that it names."""

from __future__ import annotations

import os
import stat

from devports.checks.facts import Fault
from devports.config.load import read_env_file
from devports.config.trust import open_folder, takes_writing
from devports.core.placeholder import env_file_of
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.service import Config


def faults_of(config: Config, warnings: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong with the files of a configuration that can be read."""
    for warning in warnings:
        yield Fault("config-doubtful", warning, config.path, severity="note")
    folder = os.path.dirname(os.path.realpath(config.path))
    status = os.stat(folder)
    if hasattr(os, "geteuid") and open_folder(folder, status):
        yield Fault(
            "folder-open-to-all",
            f"every user can put another `{os.path.basename(config.path)}` into `{folder}`",
            folder,
            (f"mode: {stat.S_IMODE(status.st_mode):04o}",),
            "whoever can write it decides which commands run as you",
            hints=("its owner can take that away, or root",),
            takes=takes_writing(status),
            severity="warning",
        )
    for service in config.services:
        if path := env_file_of(service, config):
            yield from _env_file(path, service.name)


def _env_file(path: str, service: str) -> Iterator[Fault]:
    """Yield why `devports run` could not read the variables of a service."""
    try:
        read_env_file(path)
    except DevportsError as error:
        yield fault_of(error, path, service)


def fault_of(error: DevportsError, path: str, service: str = "") -> Fault:
    """Return an error of a file as a fault."""
    unsafe = error.code == "config-unsafe"
    return Fault(
        error.code,
        error.message,
        os.path.realpath(path) if unsafe else path,
        error.facts,
        error.note,
        error.hints,
        takes=unsafe and takes_writing(os.stat(path)),
        service=service,
    )

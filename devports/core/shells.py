"""Shells: a person's, and the ``sh -c`` that a runner puts in between. Pure."""

from __future__ import annotations

from devports.core.program import program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Process

SHELLS = frozenset("sh bash dash zsh fish ksh csh tcsh nu pwsh powershell cmd".split())


def is_shell(process: Process) -> bool:
    """Say whether this is the ``sh -c`` that npm puts in between, not a person's shell."""
    return program(process) in SHELLS and "-c" in process.argv[1:3]


def is_persons_shell(process: Process) -> bool:
    """Say whether this is a shell that reads its commands from somebody, not from a file."""
    return program(process) in SHELLS and all(
        word.startswith("-") and "c" not in word for word in process.argv[1:]
    )

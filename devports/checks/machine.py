"""Rules about this machine: which `devports` a script or an editor gets when it calls one."""

from __future__ import annotations

from devports.checks.problem import Problem
from devports.core.remedy import Remedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Facts
    from devports.system.installs import Program


def foreign_devports(facts: Facts) -> Iterator[Problem]:
    """The first `devports` on PATH is not this program."""
    first = next(iter(facts.programs), None)
    if first is None or first.kin == "ours":
        return
    mine = next((p.path for p in facts.programs if p.kin in ("ours", "ours-elsewhere")), "")
    if first.kin == "ours-elsewhere":
        yield Problem(
            "other-installation",
            "note",
            "`devports` on PATH is another installation of this program",
            evidence=(_found(first),),
            why="scripts and editor tasks run that one",
        )
        return
    strange = (
        "another program" if first.kin == "foreign" else "not this program, as far as it shows"
    )
    yield Problem(
        "foreign-devports",
        "warning",
        f"`devports` on PATH is {strange}",
        evidence=tuple(_found(program) for program in facts.programs[:4]),
        why="scripts and editor tasks run that one; the name is used by unrelated packages too",
        remedies=tuple(_first_again(first, mine)),
    )


def _found(program: Program) -> str:
    return f"{program.path}: {program.what}" if program.what else program.path


def _first_again(first: Program, mine: str) -> Iterator[Remedy]:
    if mine:
        yield Remedy(f"put the folder of {mine} before that of {first.path} on PATH")
    else:
        yield Remedy("put the folder of this devports on PATH, before that one")
    if first.what.startswith("devports "):
        yield Remedy("or remove the other package from its environment", "pip uninstall devports")


def same_folder(facts: Facts) -> Iterator[Problem]:
    """An unrelated package of the name `devports` has written into our own folder."""
    if facts.neighbour is not None:
        yield Problem(
            "foreign-package",
            "error",
            "the unrelated package `devports` is installed in the same environment",
            evidence=(_found(facts.neighbour),),
            why="both have a folder `devports`: what was installed last has replaced files of ours",
            remedies=(
                Remedy("removes it", "pip uninstall devports"),
                Remedy(
                    "and install this one again from its folder,"
                    " by `pip install --force-reinstall PATH/TO/ITS/FOLDER`"
                ),
            ),
        )


RULES = (foreign_devports, same_folder)

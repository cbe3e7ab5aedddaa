"""A configuration that is to be written: what was found, where it goes, and the writing of it."""

from __future__ import annotations

import os

from devports import exitcodes
from devports.core.value import Value
from devports.detect.detectors import detect, wanted
from devports.detect.document import document
from devports.detect.found import File, Tree
from devports.errors import DevportsError
from devports.system.folder import look
from devports.system.newfile import write_new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.detect.found import Found, LeftOut


class Plan(Value):
    """What is to be written where; `whole`: all of the folder was looked at."""

    path: str
    shown: str
    services: tuple[Found, ...]
    left_out: tuple[LeftOut, ...]
    whole: bool

    @property
    def text(self) -> str:
        return document(self.services)


def found_in(path: str, shown: str) -> Plan:
    """Return the services of the folder of a file that is to be written."""
    looked = look(os.path.dirname(path), wanted)
    files = tuple(File(name, text) for name, text in looked.texts)
    found = detect(Tree(files, looked.names))
    return Plan(path, shown, found.services, found.left_out, looked.whole)


def refuse_if_there(path: str, cwd: str) -> None:
    """Refuse where a configuration holds already: this file, or one that is found from `cwd`.

    Raises:
        DevportsError: `config-exists`.
    """
    from devports.config.load import find  # noqa: PLC0415

    there = path if os.path.lexists(path) else find(cwd) if cwd else None
    if there is not None:
        raise exists(there)


def write(plan: Plan) -> None:
    """Write the file, if `devports validate` will accept it.

    Raises:
        DevportsError: it is there already, or cannot be written.
    """
    from devports.config.load import read_text  # noqa: PLC0415

    read_text(plan.text, plan.path, plan.shown)
    try:
        write_new(plan.path, plan.text)
    except FileExistsError:
        raise exists(plan.path) from None
    except OSError as error:
        raise DevportsError(
            "config-unwritable",
            f"`{plan.shown}` cannot be written: {str(error.strerror).lower()}",
            exit_code=exitcodes.NO,
        ) from None


def exists(path: str) -> DevportsError:
    """Return that there is a configuration, which is never overwritten."""
    return DevportsError(
        "config-exists",
        f"there is a configuration already: `{path}`",
        note="it is never overwritten",
        hints=("run `devports validate` to check it, or `devports init --dry-run --config NEW`",),
        exit_code=exitcodes.NO,
    )


def unasked(shown: str) -> DevportsError:
    """Return that nobody could be asked, so that nothing was written."""
    return DevportsError(
        "nobody-to-ask",
        f"`{shown}` was not written: there is no terminal to ask on",
        hints=("run `devports init --yes` to write it as shown",),
        exit_code=exitcodes.NO,
    )

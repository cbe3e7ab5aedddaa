"""The server as our child: on a terminal of its own or in our foreground group, exit code exact."""

from __future__ import annotations

import os
import subprocess
from errno import EACCES

from devports import exitcodes
from devports.core.unshelled import instead_of
from devports.errors import DevportsError
from devports.run.terminal import make_controlling
from devports.system import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devports.run.relay import Relay


def spawn(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], relay: Relay
) -> subprocess.Popen[bytes]:
    """Start the server with its streams going through `relay`.

    Raises:
        DevportsError: as `refuse_unstartable`.
    """
    stdin, stdout, stderr = relay.child_ends()
    inner = stdin is not None
    try:
        # What we were given to pass on is passed on (`-- <(command)`); ours is not inheritable.
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            close_fds=False,
            start_new_session=inner,
            preexec_fn=make_controlling if inner else None,  # noqa: PLW1509  # no threads here
        )
    except OSError as error:
        refuse_unstartable(argv, cwd, env)
        raise _not_executable(argv[0], cwd, error.strerror or str(error)) from error
    finally:
        relay.close_child_ends()


def refuse_unstartable(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
    """Check what can be checked of a command without starting it.

    Raises:
        DevportsError: no such folder (2), no such command (127), not executable (126).
    """
    if not os.path.isdir(cwd):
        raise DevportsError("folder-missing", f"the folder `{cwd}` does not exist")
    word, path = argv[0], env.get("PATH", os.defpath)
    match programs.trouble(word, cwd, path):
        case "missing":
            raise DevportsError(
                "command-not-found",
                f"the command `{word}` was not found",
                facts=(f"folder: {cwd}", *((f"PATH: {path}",) if "/" not in word else ())),
                hints=tuple(filter(None, (instead_of(argv),))),
                exit_code=exitcodes.NOT_FOUND,
            )
        case "interpreter-missing":
            raise DevportsError(
                "interpreter-missing",
                f"the program named in the first line of `{word}` does not exist",
                facts=(f"folder: {cwd}",),
                exit_code=exitcodes.NOT_FOUND,
            )
        case "not-executable":
            raise _not_executable(word, cwd, os.strerror(EACCES))
        case _:
            return


def _not_executable(word: str, cwd: str, why: str) -> DevportsError:
    return DevportsError(
        "command-not-executable",
        f"the command `{word}` cannot be executed: {why}",
        facts=(f"folder: {cwd}",),
        exit_code=exitcodes.NOT_EXECUTABLE,
    )

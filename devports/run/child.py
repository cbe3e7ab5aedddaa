"""The server as our child: on a terminal of its own or in our foreground group, exit code exact."""

from __future__ import annotations

import os
import subprocess

from devports import exitcodes
from devports.core.unshelled import instead_of
from devports.errors import DevportsError
from devports.run.terminal import make_controlling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devports.run.relay import Relay


def spawn(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], relay: Relay
) -> subprocess.Popen[bytes]:
    """Start the server with its streams going through `relay`.

    Raises:
        DevportsError: no such folder (2), no such command (127), not executable (126).
    """
    if not os.path.isdir(cwd):
        raise DevportsError("folder-missing", f"the folder `{cwd}` does not exist")
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
    except FileNotFoundError as error:
        if os.path.exists(os.path.join(cwd, argv[0])):
            raise DevportsError(
                "interpreter-missing",
                f"the program named in the first line of `{argv[0]}` does not exist",
                facts=(f"folder: {cwd}",),
                exit_code=exitcodes.NOT_FOUND,
            ) from error
        raise DevportsError(
            "command-not-found",
            f"the command `{argv[0]}` was not found",
            facts=(
                f"folder: {cwd}",
                *((f"PATH: {env.get('PATH', '')}",) if "/" not in argv[0] else ()),
            ),
            hints=tuple(filter(None, (instead_of(argv),))),
            exit_code=exitcodes.NOT_FOUND,
        ) from error
    except OSError as error:
        raise DevportsError(
            "command-not-executable",
            f"the command `{argv[0]}` cannot be executed: {error.strerror}",
            facts=(f"folder: {cwd}",),
            exit_code=exitcodes.NOT_EXECUTABLE,
        ) from error
    finally:
        relay.close_child_ends()

"""`devports env` and `devports exec`: the ports of this checkout, for other programs.

Host and URL are those of a client. Nothing of `env` and `env_file` is among them: it may be secret.
"""

from __future__ import annotations

import os

from devports import exitcodes
from devports.commands.context import Context, current_folder, service_of
from devports.core.model import WILDCARDS
from devports.core.text import quote
from devports.errors import DevportsError
from devports.ui.text import url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from devports.core.service import Config, Service
    from devports.ui import json_types as shape


def env(
    context: Context,
    name: str | None = None,
    *,
    syntax: Literal["shell", "dotenv"] = "shell",
    as_json: bool = False,
) -> int:
    """Print the variables; with a service also its PORT and URL."""
    config = context.resolved()
    variables = variables_of(config, name)
    if as_json:
        data: shape.EnvData = {
            "offset": config.offset,
            "variables": variables,
            "services": {service.name: _address(service) for service in config.services},
        }
        context.screen.answer(("env",), data, exit_code=exitcodes.OK)
        return exitcodes.OK
    for key, value in variables.items():
        line = f"export {key}={quote(value)}" if syntax == "shell" else f"{key}={value}"
        context.screen.out(line)
    return exitcodes.OK


def execute(context: Context, name: str | None = None, arguments: Sequence[str] = ()) -> int:
    """Replace devports by a command that gets the variables.

    Raises:
        DevportsError: there is no command, or it cannot be executed (126, 127).
    """
    from devports.core.hint import hint, own_command  # mostly not needed

    if not arguments:
        again = own_command("exec", "--", name or "COMMAND")
        raise DevportsError(
            "usage",
            "no command to run",
            facts=("the command comes after `--`",),
            hints=(hint("for example ", again),),
        )
    variables = variables_of(context.resolved(), name)
    return _become(tuple(arguments), {**os.environ, **variables})


def _become(argv: tuple[str, ...], environ: dict[str, str]) -> int:
    from devports.system import WINDOWS, programs
    from devports.system.subprocesses import become

    try:
        return become(argv, environ)
    except OSError as error:
        if not WINDOWS:
            programs.refuse_unstartable(argv, current_folder(), environ)
        raise programs.not_executable(argv[0], current_folder(), str(error.strerror)) from None


def variables_of(config: Config, name: str | None) -> dict[str, str]:
    """Return the variables of all services, and PORT and URL of the one with this name.

    Raises:
        DevportsError: there is no such service, or two have a variable of the same name.
    """
    found: dict[str, str] = {}
    for service in config.services:
        own = dict(_variables(service))
        if same := sorted(found.keys() & own.keys()):
            raise _same_name(service, same[0])
        found |= own
    if config.bases:
        found["DEVPORTS_OFFSET"] = str(config.offset)
    if name is not None:
        service = service_of(config, name)
        found["PORT"] = str(service.port)
        found |= {"URL": _url(service)} if service.command else {}
    return found


def _variables(service: Service) -> Iterator[tuple[str, str]]:
    prefix = variable_name(service.name)
    yield f"{prefix}_HOST", _host(service)
    yield f"{prefix}_PORT", str(service.port)
    for name, port in service.ports:
        yield f"{prefix}_{variable_name(name).lstrip('_')}_PORT", str(port)
    if service.command:
        yield f"{prefix}_URL", _url(service)


def variable_name(name: str) -> str:
    """Return the name of a service or port in capitals, with `_` for what no shell allows."""
    capitals = "".join(char if char.isalnum() else "_" for char in name.upper())
    return f"_{capitals}" if capitals[0].isdigit() else capitals


def _host(service: Service) -> str:
    return "localhost" if service.host in WILDCARDS else service.host


def _url(service: Service) -> str:
    return url_of(service.host, service.port)


def _same_name(service: Service, variable: str) -> DevportsError:
    return DevportsError(
        "variables-collide",
        f"two services have the variable `{variable}`",
        hints=(f"rename `{service.name}`: only letters and digits make a difference",),
        service=service.name,
    )


def _address(service: Service) -> shape.Address:
    return {
        "host": _host(service),
        "port": service.port,
        "base": service.declared,
        "url": _url(service) if service.command else None,
        "ports": dict(service.ports),
    }

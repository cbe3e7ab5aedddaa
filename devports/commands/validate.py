"""`devports validate` and `devports schema`: is the configuration right, and what may it say?"""

from __future__ import annotations

from devports import exitcodes
from devports.commands.context import Context, shipped


def validate(context: Context, *, as_json: bool = False) -> int:
    """Read the configuration and say so.

    Raises:
        DevportsError: it is not right; every problem at once.
    """
    from devports.core.shell_syntax import unshelled

    config = context.config()
    for service in config.services:
        if written := unshelled(service):
            command = f"the command of `{service.name}` contains `{written.word}`"
            context.print_warning(f"{command}, but runs without a shell", hints=(written.hint,))
    if as_json:
        from devports.ui.json_output import validate_data

        context.screen.answer(("validate",), validate_data(config), exit_code=exitcodes.OK)
    else:
        count = len(config.services)
        noun = "service" if count == 1 else "services"
        context.screen.out(f"{config.path} is valid: {count} {noun}")
    return exitcodes.OK


def schema(context: Context, kind: str) -> int:
    """Print one of the schemas that are shipped with devports."""
    context.screen.out(shipped("schemas", f"{kind}.schema.json").rstrip("\n"))
    return exitcodes.OK

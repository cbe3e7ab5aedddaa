"""`devports validate`: is the configuration right? Looks at nothing else.

schema: `devports schema`: the JSON Schema of the configuration or of results.
"""

from __future__ import annotations

import os

from devports import exitcodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.commands.context import Context
    from devports.ui.console import Console


def validate(setting: Context, *, as_json: bool = False) -> int:
    """Read the configuration and say so.

    Raises:
        DevportsError: it is not right; every problem at once.
    """
    from devports.core.shell_syntax import unshelled

    config = setting.config()
    for service in config.services:
        if written := unshelled(service):
            from devports.ui.messages import block  # mostly none

            what = f"the command of `{service.name}` has `{written.word}`, which only a shell knows"
            look = setting.screen.look("stderr")
            setting.screen.err(block("warning", what, look, hints=(written.hint,)))
    if as_json:
        from devports.ui.json_output import validate_data

        setting.screen.answer(("validate",), validate_data(config), exit_code=exitcodes.OK)
    else:
        count = len(config.services)
        noun = "service" if count == 1 else "services"
        setting.screen.out(f"{config.path} is valid: {count} {noun}")
    return exitcodes.OK


def schema(screen: Console, kind: str) -> int:
    """Print one of the schemas that are shipped with devports."""
    package = os.path.dirname(exitcodes.__file__)
    path = os.path.join(package, "schemas", f"{kind}.schema.json")
    with open(path, encoding="utf-8") as file:
        screen.out(file.read().rstrip("\n"))
    return exitcodes.OK

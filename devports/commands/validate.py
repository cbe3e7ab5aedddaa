"""`devports validate`: is the configuration right? Looks at nothing else."""

from __future__ import annotations

from devports import exitcodes
from devports.core.unshelled import unshelled
from devports.ui.diagnostic import warning_block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.commands.setting import Setting


def validate(setting: Setting, *, as_json: bool = False) -> int:
    """Read the configuration and say so.

    Raises:
        DevportsError: it is not right; every problem at once.
    """
    config = setting.config()
    for service in config.services:
        if written := unshelled(service):
            what = f"the command of `{service.name}` has `{written.word}`, which only a shell knows"
            look = setting.screen.look("stderr")
            setting.screen.err(warning_block(what, look, hints=(written.hint,)))
    if as_json:
        from devports.ui.jsonout import validate_data  # noqa: PLC0415

        setting.screen.answer(("validate",), validate_data(config), exit_code=exitcodes.OK)
    else:
        count = len(config.services)
        noun = "service" if count == 1 else "services"
        setting.screen.out(f"{config.path} is valid: {count} {noun}")
    return exitcodes.OK

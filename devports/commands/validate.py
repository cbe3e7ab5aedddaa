"""`devports validate`: is the configuration right? Looks at nothing else."""

from __future__ import annotations

from devports import exitcodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.commands.setting import Setting


def validate(setting: Setting, *, as_json: bool = False) -> int:
    """Read the configuration and say so.

    Raises:
        DevportsError: it is not right; every problem at once.
    """
    config = setting.config()
    if as_json:
        from devports.ui.jsonout import validate_data  # noqa: PLC0415

        setting.screen.answer(("validate",), validate_data(config), exit_code=exitcodes.OK)
    else:
        count = len(config.services)
        noun = "service" if count == 1 else "services"
        setting.screen.out(f"{config.path} is valid: {count} {noun}")
    return exitcodes.OK

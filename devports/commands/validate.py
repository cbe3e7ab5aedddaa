"""`devports validate` and `devports schema`: check the configuration file, print a JSON Schema."""

from __future__ import annotations

from devports import exitcodes
from devports.commands.context import Context, shipped
from devports.core.service import Config, Service, says_port


def validate(context: Context, *, as_json: bool = False) -> int:
    """Read the configuration and print the result; warnings do not make it invalid.

    Raises:
        DevportsError: it is invalid; every problem at once.
    """
    from devports.core.shell_syntax import unshelled

    config = context.config()
    for service in config.services:
        if written := unshelled(service):
            command = f"the command of `{service.name}` contains `{written.word}`"
            context.print_warning(f"{command}, but runs without a shell", hints=(written.hint,))
        if service.command and not says_port(service):
            warn_of_port(context, service, config)
    if as_json:
        from devports.ui.json_output import validate_data

        context.screen.answer(("validate",), validate_data(config), exit_code=exitcodes.OK)
    else:
        count = len(config.services)
        noun = "service" if count == 1 else "services"
        context.screen.out(f"{config.path} is valid ({count} {noun})")
    return exitcodes.OK


def warn_of_port(context: Context, service: Service, config: Config) -> None:
    """Warn about a command whose server listens on another port than the declared one."""
    from devports.commands.doctor_facts import command_facts
    from devports.doctor.project_rules import port_unnamed

    if found := port_unnamed(command_facts(service, config)):
        context.print_warning(f"{found.what}; {found.why}", hints=(found.remedies[0].title,))


def schema(context: Context, kind: str) -> int:
    """Print one of the schemas that are shipped with devports."""
    context.screen.out(shipped("schemas", f"{kind}.schema.json").rstrip("\n"))
    return exitcodes.OK

"""Placeholders in commands, variables and paths: `{port}`, `{services.db.port}`, `{fd}` ...

Only `{word}` and `{word.word}` are placeholders, and `{{word}}` is the text `{word}`. Every other
brace stays as it is, so JSON in a variable survives; so does `${word}`, which is the shell's.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

    from devports.core.service import Config, Service

_WORD = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*"
_PATTERN = (
    rf"\$\{{+(?P<foreign>{_WORD})\}}+|\{{\{{(?P<literal>{_WORD})\}}\}}|\{{(?P<name>{_WORD})\}}"
)


def names_in(text: str) -> tuple[str, ...]:
    """Return the placeholders used in `text`, in order."""
    return tuple(match["name"] for match in _matches(text) if match["name"])


def foreign_names_in(text: str) -> tuple[str, ...]:
    """Return the names written as `${name}`, which are left to the shell."""
    return tuple(match["foreign"] for match in _matches(text) if match["foreign"])


def _matches(text: str) -> Iterator[re.Match[str]]:
    if "{" not in text:
        return iter(())
    import re  # noqa: PLC0415  # `re` costs half a Python start

    return re.finditer(_PATTERN, text)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its placeholders replaced, each once: a value is not filled again.

    Raises:
        KeyError: a placeholder has no value. In a checked config only `fd` can be missing.
    """
    done, parts = 0, []
    for match in _matches(text):
        parts += [text[done : match.start()], _replacement(match, values)]
        done = match.end()
    return "".join(parts) + text[done:]


def _replacement(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["name"]:
        return values[match["name"]]
    return "{" + match["literal"] + "}" if match["literal"] else match[0]


def values_for(service: Service, config: Config) -> dict[str, str]:
    """Return every placeholder's value for `service`, `fd` excepted.

    Args:
        service: the one whose texts are filled.
        config: where the other services are.
    """
    values: dict[str, str] = {}
    for other in config.services:
        values |= own_values(other, prefix=f"services.{other.name}.")
    values |= own_values(service, prefix=f"services.{service.name}.")
    return values | own_values(service)


def own_values(service: Service, prefix: str = "") -> dict[str, str]:
    """Return the host and the ports of one service, each name with `prefix` before it."""
    spec = service.spec
    return {
        f"{prefix}host": spec.host,
        f"{prefix}port": str(spec.port),
        **{f"{prefix}ports.{name}": str(number) for name, number in service.ports},
    }


def argv_of(service: Service, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return what to execute, filled; empty if the service has no command.

    A text is split before it is filled, so that a value with a space stays one argument.

    Raises:
        KeyError: see `fill`.
        ValueError: a text that cannot be split; a checked config has none.
    """
    command = service.command
    if not command:
        return ()
    if isinstance(command, tuple):
        return tuple(fill(word, values) for word in command)
    if service.shell:
        return ("/bin/sh", "-c", fill(command, values))
    import shlex  # noqa: PLC0415  # brings `re`

    return tuple(fill(word, values) for word in shlex.split(command))

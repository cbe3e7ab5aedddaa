"""The launch configurations that a configuration means, as data. Pure.

VS Code attaches to a server that devports started under a debugger: with a debugger that VS Code
starts itself, the port can be taken between the look and the start.

An entry of ours carries a mark, since what it does is nothing that only ours would do: people write
configurations that attach behind a task of ours, and compounds of ours, by hand.
"""

from __future__ import annotations

from devports.core.value import Value
from devports.editor import template as templates
from devports.editor.tasks import concerned, values_of
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devports.core.service import Config
    from devports.editor.template import Json, Template


GROUP = "devports"
"""The mark: the `group` of an entry's `presentation`. VS Code's schemas know it in configurations
and in compounds, and underline keys of ours; in its list, ours stand together."""


class Hook(Value):
    """A launch configuration of the user's, by name, and the task that is to come before it."""

    name: str
    task: str


class Launch(Value):
    """What should be in launch.json.

    Attributes:
        configurations, compounds: ours, with the mark.
        hooks: what is to come before configurations of the user's.
        known: names that compounds of ours have where there are any.
    """

    configurations: tuple[Json, ...] = ()
    compounds: tuple[Json, ...] = ()
    hooks: tuple[Hook, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of our configurations."""
        return tuple(str(each.get("name")) for each in self.configurations)

    def __bool__(self) -> bool:
        return bool(self.configurations or self.compounds or self.hooks)


def wanted_launch(config: Config, template: Template) -> Launch:
    """Return what launch.json should hold.

    Raises:
        DevportsError: two configurations would have one name, or the template is not right.
    """
    values = values_of(config, template)
    found = templates.entries(template, "launch.json", "configurations")
    configurations = tuple(each for entry in found for each in _made(entry, values))
    names = [str(each.get("name")) for each in configurations]
    common: dict[str, object] = {"all_debugs": names} if len(names) > 1 else {}
    found = templates.entries(template, "launch.json", "compounds")
    compounds = tuple(each for entry in found for each in _filled(entry, common))
    _refuse_twins([*names, *(str(each.get("name")) for each in compounds)])
    known = tuple(str(entry.get("name")) for entry in found)
    return Launch(configurations, compounds, tuple(_hooks(config, values)), known)


def _made(entry: Json, values: Mapping[str, Mapping[str, object]]) -> Iterator[Json]:
    for mine in values.values() if templates.of_service(entry) else ({},):
        yield from _filled(entry, mine)


def _filled(entry: Json, values: Mapping[str, object]) -> Iterator[Json]:
    try:
        yield marked(templates.filled(entry, values))
    except KeyError:
        return


def is_marked(entry: object) -> bool:
    """Say whether an entry of a launch.json is from devports."""
    shown = entry.get("presentation") if isinstance(entry, dict) else None
    return isinstance(shown, dict) and shown.get("group") == GROUP


def marked(entry: Json) -> Json:
    """Return an entry with the mark; a template of one's own need not bring it."""
    shown = entry.get("presentation")
    return entry | {"presentation": (shown if isinstance(shown, dict) else {}) | {"group": GROUP}}


def unmarked(entry: Json) -> Json:
    """Return an entry of ours as it was made before there was a mark."""
    shown = {key: value for key, value in entry["presentation"].items() if key != "group"}
    rest = {key: value for key, value in entry.items() if key != "presentation"}
    return rest | ({"presentation": shown} if shown else {})


def _hooks(config: Config, values: Mapping[str, Mapping[str, object]]) -> Iterator[Hook]:
    for service in concerned(config):
        task = values[service.name].get("free_task")
        for name in service.vscode.prelaunch if task else ():
            yield Hook(name, str(task))


def _refuse_twins(names: list[str]) -> None:
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise DevportsError(
            "labels-collide",
            f"two launch configurations would be called `{twin}`",
            hints=("give them other names in `.vscode-template/launch.json`",),
        )

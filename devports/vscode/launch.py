"""The launch configurations that a configuration means, as data. Pure.

VS Code attaches to a server that devports started under a debugger: with a debugger that VS Code
starts itself, the port can be taken between the look and the start.

An entry of ours carries a mark, since what it does is nothing that only ours would do: people write
configurations that attach behind a task of ours, and compounds of ours, by hand.

launchfile: launch.json: which of its entries are ours, and what becomes of them. Pure.

Ours is what carries our mark, and nothing else: what an entry does only says which of ours it is.
An entry without the mark is a person's. Two things are done to it, since a person asked for them:
`prelaunch` adds a `preLaunchTask` where none is, and a name of ours that changes is followed.
"""

from __future__ import annotations

from devports.core.jsonc import find, parse, plain, same
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.vscode import jsonc_edit
from devports.vscode import tasks as templates
from devports.vscode.merge import (
    EntryKind,
    GeneratedEntry,
    Note,
    chosen,
    entries_of,
    label_taken,
    merge,
    rename_references,
    update,
    without,
)
from devports.vscode.tasks import DEBUG_FLAG, concerned, values_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any

    from devports.core.service import Config
    from devports.vscode.tasks import Json, Role, Template


GROUP = "devports"
"""The mark: the `group` of an entry's `presentation`. VS Code's schemas know it in configurations
and in compounds, and underline keys of ours; in its list, ours stand together."""


class PrelaunchHook(Frozen):
    """A launch configuration of the user's, by name, and the task that is to come before it."""

    name: str
    task: str


class Launch(Frozen):
    """What should be in launch.json.

    Attributes:
        configurations, compounds: ours, with the mark.
        hooks: what is to come before configurations of the user's.
        known: names that compounds of ours have where there are any.
    """

    configurations: tuple[Json, ...] = ()
    compounds: tuple[Json, ...] = ()
    hooks: tuple[PrelaunchHook, ...] = ()
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
    found = templates.template_entries(template, "launch.json", "configurations")
    configurations = tuple(each for entry in found for each in _made(entry, values))
    names = [str(each.get("name")) for each in configurations]
    common: dict[str, object] = {"all_debugs": names} if len(names) > 1 else {}
    found = templates.template_entries(template, "launch.json", "compounds")
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


def _hooks(config: Config, values: Mapping[str, Mapping[str, object]]) -> Iterator[PrelaunchHook]:
    for service in concerned(config):
        task = values[service.name].get("free_task")
        for name in service.vscode.prelaunch if task else ():
            yield PrelaunchHook(name, str(task))


def _refuse_twins(names: list[str]) -> None:
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise DevportsError(
            "labels-collide",
            f"two launch configurations would be called `{twin}`",
            hints=("give them other names in `.vscode-template/launch.json`",),
        )


LAUNCH = ".vscode/launch.json"
LISTS = ("configurations", "compounds")
NOUNS = {"configurations": "configuration", "compounds": "compound"}
NAMED = ("preLaunchTask", "postDebugTask")
ADVICE = "change the name in `.vscode-template/launch.json`"
MARK = f'"presentation": {{ "group": "{GROUP}" }}'


class Tasks(Frozen):
    """What launch.json has to know of tasks.json.

    Attributes:
        roles: what each task of ours does, by its label, of before and of now.
        now: labels of ours that are there now.
        gone: labels of ours that were there before and are no longer.
        renamed: labels of ours, old to new.
        former: whether ours were written before launch configurations got their mark.
        names: what the configuration of a role may have been called.
    """

    roles: Mapping[str, Role]
    now: frozenset[str]
    gone: frozenset[str]
    renamed: Mapping[str, str]
    former: bool
    names: Callable[[Role], Sequence[str]]


class Adoption(Frozen):
    """What got the mark, and by its name what looks like ours and did not get it."""

    text: str
    roles: frozenset[Role] = frozenset()
    alike: Mapping[str, Note] = {}  # never changed


def launch_file(text: str, wish: Launch, tasks: Tasks) -> tuple[str, tuple[Note, ...]]:
    """Return what launch.json should be, and what a person has to decide.

    Raises:
        JsoncError: the text cannot be read.
        DevportsError: `editor-file-shape`: it does not have the lists where it should.
    """
    wanted = {
        "configurations": tuple(_piece(each, tasks.roles) for each in wish.configurations),
        "compounds": tuple(_piece(each, {}) for each in wish.compounds),
    }
    text = rename_references(text, LISTS, NAMED, tasks.renamed)
    adoption = _adopted(text, wanted, tasks, wish.known)
    text, notes = _up_to_date(adoption, wanted, tasks, wish.known)
    told = {**_adrift(text, wanted, tasks), **adoption.alike}
    names = {piece.name for key in LISTS for piece in wanted[key]}
    notes += [note for name, note in told.items() if name not in names]
    notes += _left_behind(text, tasks.gone)
    for hook in wish.hooks:
        text, note = _hooked(text, hook)
        notes += [note] if note else []
    return text, tuple(notes)


def _up_to_date(
    adoption: Adoption,
    wanted: Mapping[str, Sequence[GeneratedEntry]],
    tasks: Tasks,
    compounds: Collection[str],
) -> tuple[str, list[Note]]:
    """Remove, change and add what is ours. What was adopted gets no more than its mark.

    Nothing is removed where something was adopted: it may be taken for ours by mistake.
    """
    text, notes = adoption.text, list[Note]()
    told = {**_adrift(text, wanted, tasks), **adoption.alike}
    for key in LISTS:
        kind = _kind(key, tasks, told)
        if not adoption.roles:
            text = without(text, kind, _unwanted(text, kind, wanted[key], compounds))
        todo = tuple(piece for piece in wanted[key] if piece.role not in adoption.roles)
        merged = merge(text, kind, todo)
        text = rename_references(merged.text, LISTS[1:], LISTS[:1], merged.renamed)
        notes += merged.notes
    return text, notes


# -- which of ours an entry is


def _piece(body: Json, roles: Mapping[str, Role]) -> GeneratedEntry:
    return GeneratedEntry(_role_of(body, roles), str(body["name"]), body)


def _role_of(entry: Json, roles: Mapping[str, Role]) -> Role:
    """Return what an entry of ours is for: the role of the task it waits for, or else its name."""
    return roles.get(str(entry.get("preLaunchTask"))) or ("label", str(entry.get("name")))


def _kind(key: str, tasks: Tasks, told: Mapping[str, Note]) -> EntryKind:
    roles = tasks.roles if key == "configurations" else {}

    def role(entry: Json) -> Role | None:
        return _role_of(entry, roles) if is_marked(entry) else None

    def taken(name: str) -> Note:
        return told.get(name) or label_taken(LAUNCH, NOUNS[key], name, ADVICE)

    return EntryKind(LAUNCH, key, "name", role, tasks.names, taken)


def _unwanted(
    text: str, kind: EntryKind, wanted: Sequence[GeneratedEntry], compounds: Collection[str]
) -> Iterator[int]:
    """Yield where those of ours are that nobody wants any more; copies of them stay.

    Args:
        text: of the file.
        kind: of the list.
        wanted: those that somebody wants.
        compounds: what compounds of ours are called, made or not.
    """
    roles = {piece.role: piece.name for piece in wanted}
    for role, number in chosen(entries_of(text, kind), kind, roles).items():
        ours = role[1] in compounds if kind.key == "compounds" else DEBUG_FLAG in role
        if ours and role not in roles:
            yield number


def _adrift(
    text: str, wanted: Mapping[str, Sequence[GeneratedEntry]], tasks: Tasks
) -> dict[str, Note]:
    """Return by its name what is to be told of each entry with the mark that is none of ours."""
    now = {label: role for label, role in tasks.roles.items() if label in tasks.now}
    notes = {}
    for key, roles in zip(LISTS, (now, {}), strict=True):
        known = {piece.role for piece in wanted[key]}
        for entry in filter(is_marked, _entries(text, key)):
            if _role_of(entry, roles) not in known:
                name = str(entry.get("name"))
                notes[name] = _entry_adrift(NOUNS[key], name)
    return notes


def _entry_adrift(noun: str, name: str) -> Note:
    return Note(
        "entry-adrift",
        f"`{LAUNCH}` has a {noun} `{name}` with the mark of devports that no service asks for:"
        " it stays",
        hints=(f'remove it, or take its `"group": "{GROUP}"` away: then it is yours',),
    )


def _left_behind(text: str, gone: Collection[str]) -> Iterator[Note]:
    """Tell of entries of a person's that name a task of ours which has gone."""
    for key in LISTS:
        for entry in _entries(text, key):
            for where in NAMED if not is_marked(entry) else ():
                task = entry.get(where)
                if isinstance(task, str) and task in gone:
                    yield Note(
                        "task-gone",
                        f"`{entry.get('name')}` in `{LAUNCH}` names the task `{task}`,"
                        " which is gone: it stays",
                        hints=(f"remove its `{where}`, or name another task",),
                    )


def _entries(text: str, key: str) -> list[Json]:
    found = plain(find(parse(text), (key,)))
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


# -- entries from before there was a mark


def _adopted(
    text: str,
    wanted: Mapping[str, Sequence[GeneratedEntry]],
    tasks: Tasks,
    compounds: Collection[str],
) -> Adoption:
    """Give the mark to what an earlier version has written, and only to that.

    A file of this version has no entry of ours without it: there, somebody took it away.
    """
    if not tasks.former:
        return Adoption(text)
    roles: set[Role] = set()
    for key in LISTS:
        for piece in wanted[key]:
            number = _made_before(text, key, piece, tasks)
            if number is not None:
                shown = {"presentation": piece.body["presentation"]}
                text = update(text, (key, number), shown)
                roles.add(piece.role)
    return Adoption(text, frozenset(roles), dict(_alike(text, wanted, tasks, compounds)))


def _made_before(text: str, key: str, piece: GeneratedEntry, tasks: Tasks) -> int | None:
    """Return where an entry is that has exactly the keys and values that were written for it."""
    body = unmarked(piece.body)
    if key == "compounds":
        body["configurations"] = [e.get("name") for e in _entries(text, LISTS[0]) if is_marked(e)]
    elif DEBUG_FLAG not in tasks.roles.get(str(body.get("preLaunchTask")), ()):
        return None
    found = plain(find(parse(text), (key,)))
    numbered = enumerate(found if isinstance(found, list) else ())
    return next((n for n, each in numbered if same(_comparable(each), _comparable(body))), None)


def _comparable(value: Any) -> Any:
    """Return a value without what may differ: numbers of ports, the order of names."""
    if isinstance(value, list):
        return sorted(value, key=str)
    if not isinstance(value, dict):
        return value
    return {k: 0 if k == "port" and type(v) is int else _comparable(v) for k, v in value.items()}


def _alike(
    text: str,
    wanted: Mapping[str, Sequence[GeneratedEntry]],
    tasks: Tasks,
    compounds: Collection[str],
) -> Iterator[tuple[str, Note]]:
    """Tell of what an earlier version took for its own, and this one does not."""
    entries = _entries(text, LISTS[0])
    attaching = [each for each in entries if each.get("request") == "attach"]
    for piece in wanted[LISTS[0]]:
        same_role = [each for each in attaching if _role_of(each, tasks.roles) == piece.role]
        if same_role and not any(map(is_marked, same_role)):
            name = str(same_role[0].get("name"))
            yield name, _look_alike(LISTS[0], name, piece.name)
    names = {piece.name for piece in wanted[LISTS[0]]}
    for each in _entries(text, LISTS[1]):
        name, members = str(each.get("name")), each.get("configurations")
        ours = isinstance(members, list) and any(m in names for m in map(str, members))
        if name in compounds and ours and not is_marked(each):
            yield name, _look_alike(LISTS[1], name, *(p.name for p in wanted[LISTS[1]]))


def _look_alike(key: str, name: str, *wanted: str) -> Note:
    mends = f"add {MARK} to have it kept up to date, or rename it"
    return Note(
        "entry-unmarked",
        f"`{LAUNCH}` has a {NOUNS[key]} `{name}` that looks like ours and has no mark",
        hints=(mends if name in wanted else "keep it as yours, or remove it",),
    )


# -- what a person asked for


def _hooked(text: str, hook: PrelaunchHook) -> tuple[str, Note | None]:
    """Let a configuration of the user's free the port first, where nothing comes first yet."""
    for key in LISTS:
        entries = plain(find(parse(text), (key,))) or []
        for number, entry in enumerate(entries):
            if isinstance(entry, dict) and entry.get("name") == hook.name:
                now = entry.get("preLaunchTask")
                if now is None:
                    return jsonc_edit.put(text, (key, number, "preLaunchTask"), hook.task), None
                return text, None if now == hook.task else _proposal(hook, now)
    return text, absent(hook)


def absent(hook: PrelaunchHook) -> Note:
    """Return that there is no configuration which the task could come before."""
    return Note(
        "configuration-missing",
        f"`{LAUNCH}` has no configuration `{hook.name}` that `{hook.task}` could come before",
        hints=("correct `prelaunch` in devports.toml, or add the configuration",),
    )


def _proposal(hook: PrelaunchHook, now: object) -> Note:
    """Return how both tasks can come first: the one that is there, and ours before it."""
    both: Json = {
        "label": f"Before {hook.name}",
        "dependsOn": [hook.task, now],
        "dependsOrder": "sequence",
        "problemMatcher": [],
    }
    return Note(
        "prelaunch-taken",
        f"`{hook.name}` in `{LAUNCH}` has another `preLaunchTask` already: it stays",
        hints=(f"for both, add this task and name `Before {hook.name}` as its `preLaunchTask`",),
        snippet=jsonc_edit.written(both, jsonc_edit.Style()),
    )

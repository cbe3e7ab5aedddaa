"""Files that people edit too are brought up to date, and nothing else in them changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from devports.errors import DevportsError
from devports.vscode.merge import BrokenFileError, Plan, plan, programs_of, task_path
from devports.vscode.tasks import Template
from tests.harness import jsonc
from tests.unit.vscode.conftest import ROOT, config, parts, service, vscode

if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.service import Config

SHIPPED = Template(
    *((ROOT / ".vscode-template" / f"{n}.json").read_text("utf-8") for n in ("tasks", "launch"))
)
ONE = config(service())
API = service("api", 9000, ports=(("debug", 5678),), vscode=vscode(debug="debugpy"))
WEB = service("web", 5173, ports=(("debug", 9229),), vscode=vscode(debug="node"))
BOTH = config(API, WEB)


def made(what: Config, tasks: str | None = None, launch: str | None = None) -> Plan:
    return plan(parts(what), SHIPPED, tasks, launch)


def texts(planned: Plan) -> tuple[str, str]:
    tasks, launch = planned.files
    return tasks.after or "", launch.after or ""


def labels(text: str) -> list[str]:
    return [task.get("label") for task in jsonc.read(text)["tasks"]]


def names(text: str, key: str = "configurations") -> list[str]:
    return [each.get("name") for each in jsonc.read(text)[key]]


COMMENTED = """\
// The tasks of the shop. Ask Ann before you touch them.
{
\t"version": "2.0.0", // never change this
\t"inputs": [ /* none yet */ ],
\t"tasks": [
\t\t// builds everything
\t\t{ "label": "build", "type": "npm", "script": "build", "x-odd": 1e3, }, // slow

\t\t/* runs the tests */ { "label": "test", "command": "pytest", "dependsOn": ["build"], },
\t],
}
"""


def test_a_commented_file_keeps_every_byte() -> None:
    tasks, _ = texts(made(ONE, COMMENTED))
    at = tasks.index('\t\t{\n\t\t\t"label": "Run Backend"')
    assert tasks[:at] == COMMENTED[: COMMENTED.index("\t],\n}")]
    assert tasks.endswith("\t\t},\n\t],\n}\n")
    assert labels(tasks) == ["build", "test", "Run Backend"]


KEPT = [
    pytest.param(lambda text: text.replace("\n", "\r\n"), id="lines of Windows"),
    pytest.param(lambda text: "\ufeff" + text, id="a byte order mark"),
    pytest.param(lambda text: text.replace("\t", "   "), id="three blanks"),
    pytest.param(lambda text: text.rstrip("\n"), id="no line end at the end"),
]


@pytest.mark.parametrize("change", KEPT)
def test_the_habits_of_a_file_are_kept(change: Callable[[str], str]) -> None:
    tasks, _ = texts(made(ONE, change(COMMENTED)))
    assert tasks == change(texts(made(ONE, COMMENTED))[0])


@pytest.mark.parametrize("text", [None, "", "// none\n", "\ufeff", "/* a */", "// none\r\n"])
def test_a_file_that_holds_nothing_gets_a_document_behind_its_comments(text: str | None) -> None:
    tasks, _ = texts(made(ONE, text))
    assert tasks.startswith(text or "{")
    assert "Run Backend" in labels(tasks)
    assert ("\r\n" in tasks) == ("\r\n" in (text or ""))


def test_the_second_time_nothing_changes() -> None:
    first = made(BOTH, COMMENTED)
    second = made(BOTH, *texts(first))
    assert second.in_sync
    assert texts(second) == texts(first)


def test_what_is_ours_is_set_key_by_key() -> None:
    tasks, _ = texts(made(ONE))
    mine = tasks.replace(
        '"label": "Run Backend",', '"label": "Run Backend", // the button\n "group": "build",'
    ).replace('"focus": true', '"focus": false /* annoying */, "group": "x"')
    again, _ = texts(made(ONE, mine))
    assert again == mine.replace('"focus": false', '"focus": true')


def test_a_task_of_ours_keeps_what_was_added_where_its_command_was_replaced() -> None:
    tasks, _ = texts(made(ONE))
    mine = tasks.replace(
        '"command": "devports run backend",',
        '"command": "make backend", // needs the env\n            "hide": false,',
    )
    again, _ = texts(made(ONE, mine))
    assert again == mine.replace("make backend", "devports run backend")


def test_a_service_that_went_takes_its_tasks_along() -> None:
    tasks, launch = texts(made(BOTH))
    less, without = texts(made(config(API), tasks, launch))
    assert labels(less) == labels(texts(made(config(API)))[0])
    assert names(without) == ["Debug Api"]
    assert names(without, "compounds") == []


def test_a_service_that_was_renamed_keeps_the_comments_and_is_followed() -> None:
    tasks, launch = texts(made(BOTH, COMMENTED))
    tasks = tasks.replace('"label": "Run Api"', '/* mine */ "label": "Run Api"')
    tasks = tasks.replace('["build"]', '["Run Api"]')
    launch = launch.replace(
        '"compounds": [', '"compounds": [ {"name": "M", "configurations": ["Debug Api", "Y"]},'
    )
    renamed = config(API.replace(name="shop"), WEB)
    after, launched = texts(made(renamed, tasks, launch))
    assert '/* mine */ "label": "Run Shop"' in after
    assert '"dependsOn": ["Run Shop"]' in after
    assert names(launched) == ["Debug Shop", "Debug Web"]
    assert jsonc.read(launched)["compounds"][0]["configurations"] == ["Debug Shop", "Y"]
    assert made(renamed, after, launched).in_sync


def test_a_label_of_the_users_is_followed_in_both_files() -> None:
    hooked = config(service(vscode=vscode(prelaunch=("F",))))
    launch = '{"configurations": [{"name": "F"}, {"name": "G", "postDebugTask": "Run Backend"}]}'
    tasks, launched = texts(made(hooked, COMMENTED, launch))
    after, followed = texts(made(config(service(vscode=vscode(task="Go"))), tasks, launched))
    assert "Go" in labels(after)
    assert "Run Backend" not in after
    assert jsonc.read(followed)["configurations"] == [
        {"name": "F", "preLaunchTask": "Free Backend Port"},
        {"name": "G", "postDebugTask": "Go"},
    ]


def test_a_task_that_went_stays_named_and_is_told_of() -> None:
    tasks, _ = texts(made(BOTH, '{"tasks": [{"label": "mine", "dependsOn": ["Run Web", "x"]}]}'))
    launch = """{"configurations": [{"name": "F", "preLaunchTask": "Run Web", "type": "x"}],
        "compounds": [{"name": "G", "postDebugTask": "Run Web", "preLaunchTask": 1}]}"""
    planned = made(config(API.replace(vscode=vscode())), tasks, launch)
    assert texts(planned)[1] == launch
    told = "in `.vscode/{}` names the task `Run Web`, which no longer exists; left unchanged"
    gone = "no longer generated in `.vscode/{}`: {}"
    assert [note.message for note in planned.notes] == [
        f"`mine` {told.format('tasks.json')}",
        f"`F` {told.format('launch.json')}",
        f"`G` {told.format('launch.json')}",
        gone.format("tasks.json", "`Run Web`, `Debug Api: server`, `Debug Web: server`, `Run All`"),
    ]
    assert made(config(API.replace(vscode=vscode())), *texts(planned)).in_sync


def test_a_task_of_the_users_under_our_label_stays_and_is_told_of() -> None:
    text = '{"tasks": [{"label": "Run Backend", "command": "mine"}]}'
    planned = made(ONE, text)
    tasks, _ = texts(planned)
    assert labels(tasks).count("Run Backend") == 1
    assert jsonc.read(tasks)["tasks"][0] == {"label": "Run Backend", "command": "mine"}
    assert [note.code for note in planned.notes] == ["label-taken"]
    assert made(ONE, tasks).in_sync


def test_a_label_that_the_user_has_taken_is_not_given_to_ours() -> None:
    tasks, _ = texts(made(ONE))
    tasks = tasks.replace('"tasks": [', '"tasks": [ { "label": "Go", "command": "mine" },')
    planned = made(config(service(vscode=vscode(task="Go"))), tasks)
    assert "Run Backend" in labels(texts(planned)[0])
    assert [note.code for note in planned.notes] == ["label-taken"]


def test_a_copy_of_a_task_stays_also_where_it_comes_first() -> None:
    tasks, _ = texts(made(ONE))
    copy = json.dumps(jsonc.read(tasks)["tasks"][0] | {"label": "Run mine"})
    tasks = tasks.replace('"tasks": [', f'"tasks": [\n{copy},')
    assert made(ONE, tasks).in_sync
    renamed, _ = texts(made(config(service("shop")), tasks))
    assert labels(renamed)[:2] == ["Run mine", "Run Shop"]


def test_a_copy_of_ours_is_the_users() -> None:
    tasks, _ = texts(made(ONE))
    task = jsonc.read(tasks)["tasks"][0] | {"label": "Run mine"}
    tasks = tasks.replace('"tasks": [', f'"tasks": [\n{json.dumps(task)},')
    assert made(ONE, tasks).in_sync


HOOKED = config(service(vscode=vscode(prelaunch=("F",))))
HOOKS = [
    pytest.param('{"configurations": [{"name": "F"}]}', "Free Backend Port", [], id="none is set"),
    pytest.param('{"configurations": [{"name": "F", "preLaunchTask": "build"}]}', "build",
                 ["prelaunch-taken"], id="another one is set"),
    pytest.param('{"configurations": [{"name": "F", "preLaunchTask": "Free Backend Port"}]}',
                 "Free Backend Port", [], id="ours is set"),
    pytest.param('{"configurations": [1, {"name": "G"}]}', None, ["configuration-missing"],
                 id="no such configuration"),
    pytest.param('{"compounds": [{"name": "F"}]}', "Free Backend Port", [], id="a compound"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "task", "codes"), HOOKS)
def test_the_hook_before_a_configuration_of_the_users(
    text: str, task: str | None, codes: list[str]
) -> None:
    planned = made(HOOKED, None, text)
    document = jsonc.read(texts(planned)[1])
    entries = [*document.get("configurations", []), *document.get("compounds", [])]
    found = [e.get("preLaunchTask") for e in entries if isinstance(e, dict) and e["name"] == "F"]
    assert found == ([task] if task else [])
    assert [note.code for note in planned.notes] == codes
    assert made(HOOKED, *texts(planned)).in_sync


def test_a_hook_without_a_file_makes_none() -> None:
    planned = made(HOOKED)
    assert [(file.name, file.state) for file in planned.files] == [
        ("tasks.json", "missing"),
        ("launch.json", "current"),
    ]
    assert planned.files[1].after is None
    assert [note.code for note in planned.notes] == ["configuration-missing"]


def test_the_proposal_for_two_tasks_can_be_pasted() -> None:
    text = '{"configurations": [{"name": "F", "preLaunchTask": "build"}]}'
    (note,) = made(HOOKED, None, text).notes
    assert json.loads(note.snippet)["dependsOn"] == ["Free Backend Port", "build"]


def test_a_configuration_of_the_users_under_our_name_stays() -> None:
    text = '{"configurations": [{"name": "Debug Api", "request": "launch", "type": "x"}]}'
    planned = made(config(API), None, text)
    assert names(texts(planned)[1]) == ["Debug Api"]
    assert [note.code for note in planned.notes] == ["label-taken"]


BROKEN = [
    pytest.param('{\n  "tasks": [ 1 2 ]\n}', None, ".vscode/tasks.json:2:16: a comma", id="tasks"),
    pytest.param(None, "{ // open\n", ".vscode/launch.json:2:1: the file ends", id="launch"),
]


@pytest.mark.parametrize(("tasks", "launch", "fact"), BROKEN)
def test_a_broken_file_is_told_with_its_place_and_what_to_paste(
    tasks: str | None, launch: str | None, fact: str
) -> None:
    with pytest.raises(BrokenFileError) as caught:
        made(BOTH, tasks, launch)
    assert caught.value.facts[0].startswith(fact)
    key = "tasks" if tasks else "configurations"
    assert {"Run Api", "Debug Api"} & {
        each.get("label", each.get("name")) for each in json.loads(caught.value.snippet)[key]
    }


MISSHAPEN = [
    pytest.param("[]", "it is not an object", id="a list"),
    pytest.param('{"tasks": {}}', "`tasks` is not a list", id="tasks that are no list"),
    pytest.param(
        '{"version": "0.1.0"}', 'has the obsolete version "0.1.0"', id="the format of 2016"
    ),
]


@pytest.mark.parametrize(("text", "why"), MISSHAPEN)
def test_a_file_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(DevportsError) as caught:
        made(ONE, text)
    assert caught.value.code == "editor-file-shape"
    assert why in caught.value.message


@pytest.mark.parametrize("value", ["1", "true", "{}"])
def test_a_list_of_launch_configurations_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(DevportsError) as caught:
        made(BOTH, None, f'{{"configurations": {value}}}')
    assert caught.value.code == "editor-file-shape"
    assert "`configurations` is not a list" in caught.value.message


def test_a_version_and_a_list_are_added_where_they_are_missing() -> None:
    tasks, _ = texts(made(ONE, '{\n  "inputs": []\n}\n'))
    assert jsonc.read(tasks)["version"] == "2.0.0"
    assert "Run Backend" in labels(tasks)


def test_odd_entries_are_left_alone() -> None:
    text = '{"version": "2.0.0", "tasks": [1, null, {"detail": 2}, {"dependsOn": {"a": 1}}]}'
    tasks, _ = texts(made(ONE, text))
    assert jsonc.read(tasks)["tasks"][:4] == [1, None, {"detail": 2}, {"dependsOn": {"a": 1}}]


@settings(max_examples=5)
@given(jsonc.untidy())
def test_whatever_else_is_in_a_file_it_survives(untidy: tuple[Any, str]) -> None:
    data, text = untidy
    first = made(BOTH, text)
    tasks, launch = texts(first)
    after = jsonc.read(tasks)
    assert after["tasks"][: len(data["tasks"])] == data["tasks"]
    assert {k: v for k, v in after.items() if k not in ("tasks", "version")} == {
        k: v for k, v in data.items() if k != "tasks"
    }
    assert jsonc.comments(tasks) == jsonc.comments(text)
    assert made(BOTH, tasks, launch).in_sync
    nothing, _ = texts(made(config(), tasks, launch))
    assert labels(nothing)[: len(data["tasks"])] == labels(text)
    assert jsonc.comments(nothing) == jsonc.comments(text)


SEARCHED = [
    pytest.param({}, "/bin", id="the PATH of VS Code"),
    pytest.param({"linux": {"options": {"env": {"PATH": "${workspaceFolder}/v:${env:PATH}"}}}},
                 "/srv/shop/v:/bin", id="of the task on this system"),
    pytest.param({"osx": {"options": {"env": {"PATH": "x"}}}}, "/bin", id="of another system"),
    pytest.param({"options": {"env": {"PATH": "/x"}}, "linux": {"command": "y"}}, "/x",
                 id="of the task on every system"),
    pytest.param({"options": 1, "linux": []}, "/bin", id="nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "path"), SEARCHED)
def test_where_a_task_looks_for_its_command(task: dict[str, object], path: str) -> None:
    assert task_path(task, "linux", "/srv/shop", "/bin") == path


def test_the_programs_of_tasks_are_those_of_ours() -> None:
    tasks, _ = texts(made(ONE, '{"tasks": [{"label": "x", "command": "y"}]}'))
    assert [label for label, _ in programs_of(tasks)] == labels(tasks)[1:]
    assert list(programs_of('{"tasks": 1}')) == []

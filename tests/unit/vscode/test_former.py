"""Files of earlier versions become what a new file is; what a person wrote in them stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devports.config.load import read_text
from devports.core.jsonc import WIDEST
from devports.vscode.merge import Plan, plan
from devports.vscode.tasks import BUILD_DETAIL, Template
from tests.harness import jsonc
from tests.unit.vscode.conftest import ROOT, config, parts, service, vscode

if TYPE_CHECKING:
    from devports.core.service import Config

RECORDED = ROOT / "tests" / "recorded" / "vscode-files"


def recorded(name: str) -> str | None:
    path = RECORDED / name
    return path.read_text("utf-8") if path.exists() else None


def declared(name: str) -> Config:
    return read_text(recorded(f"{name}.toml") or "", "/srv/shop/devports.toml", "devports.toml")


def made(
    what: Config, template: Template, tasks: str | None = None, launch: str | None = None
) -> Plan:
    return plan(parts(what), template, tasks, launch)


def texts(planned: Plan) -> tuple[str, str | None]:
    tasks, launch = planned.files
    return tasks.after or "", launch.after


def without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if "//" not in line)


@pytest.mark.parametrize(("name", "most"), [("one", 26), ("three", 95)])
def test_files_of_the_version_before_become_what_a_fresh_file_is(
    name: str, most: int, template: Template
) -> None:
    what = declared(name)
    old = recorded(f"{name}.tasks.json") or ""
    assert len(old.splitlines()) > 4 * most / 2
    planned = made(what, template, old, recorded(f"{name}.launch.json"))
    fresh = texts(made(what, template))
    assert len(fresh[0].splitlines()) <= most
    for now, new in zip(texts(planned), fresh, strict=True):
        assert without_comments(now or "") == without_comments(new or "")
    assert made(what, template, *texts(planned)).in_sync


WITHOUT_DEFAULTS = '", "message": 3 }'
WITH_DEFAULTS = '", "file": 1, "line": 2, "message": 3 }'
"""VS Code has the same numbers where a pattern names none."""


@pytest.mark.parametrize("comment", ["", " // the button"])
def test_what_vs_code_takes_anyway_is_removed(comment: str, template: Template) -> None:
    fresh, _ = texts(made(declared("three"), template))
    longer = fresh.replace(WITHOUT_DEFAULTS, WITH_DEFAULTS).replace(",\n", f",{comment}\n", 3)
    assert longer.count(WITH_DEFAULTS) == 4
    now, _ = texts(made(declared("three"), template, longer))
    assert now == fresh.replace(",\n", f",{comment}\n", 3)


def test_lines_are_no_longer_than_110_columns(template: Template) -> None:
    services = [service(f"api-{number}", number) for number in range(1, 9)]
    debugged = {"ports": (("debug", 9),), "vscode": vscode(debug="debugpy", prelaunch=("F",))}
    many = config(*(each.replace(**debugged) for each in services))
    for text in texts(made(many, template)):
        assert max(map(len, (text or "").splitlines())) <= WIDEST


def run_task(text: str) -> dict[str, Any]:
    found: dict[str, Any] = jsonc.read(text)["tasks"][0]
    return found


OF_A_PERSON = [
    pytest.param('"icon": { "id": "play", "color": "terminal.ansiGreen" }',
                 '"icon": { "id": "rocket" }', {"icon": {"id": "rocket"}}, id="another icon"),
    pytest.param('"linux": {', '"linux": { "command": "x",',
                 {"linux": {"command": "x"}}, id="a key beside one that was ours"),
    pytest.param('"activeOnStart": false', '"activeOnStart": true', {}, id="another value inside"),
    pytest.param('"type": "shell",', '"type": "shell", /* so */ "hide": true,', {"hide": True},
                 id="a further key, and a comment"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "kept"), OF_A_PERSON)
def test_only_exactly_what_was_written_goes(
    old: str, new: str, kept: dict[str, Any], template: Template
) -> None:
    text = (recorded("one.tasks.json") or "").replace(old, new, 1)
    assert new in text
    tasks, _ = texts(planned := made(declared("one"), template, text))
    fresh, task = run_task(texts(made(declared("one"), template))[0]), run_task(tasks)
    assert jsonc.comments(tasks) == jsonc.comments(text)
    if "activeOnStart" in old:
        assert task["problemMatcher"]["background"].pop("activeOnStart") is True
    assert task == fresh | kept
    assert made(declared("one"), template, *texts(planned)).in_sync


def test_a_template_of_ones_own_keeps_what_it_says(template: Template) -> None:
    former = Template(recorded("template-2026-11.tasks.json") or "", template.launch)
    text = recorded("one.tasks.json")
    assert made(declared("one"), former, text).in_sync


COMMANDS = [
    pytest.param("uv run devports run backend", "uv run devports run shop", id="uv"),
    pytest.param(".venv/bin/devports run backend", ".venv/bin/devports run shop", id="a path"),
    pytest.param(r"..\\.venv\\devports.exe run backend", r"..\\.venv\\devports.exe run shop",
                 id="Windows"),
    pytest.param("devports run  backend", "devports run shop", id="nothing but devports"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "renamed"), COMMANDS)
def test_the_program_of_a_command_is_the_persons(
    command: str, renamed: str, template: Template
) -> None:
    tasks, _ = texts(made(config(service()), template))
    mine = tasks.replace('"devports run backend"', f'"{command}"').replace(
        "on its port", "on the port"
    )
    again, _ = texts(made(config(service()), template, mine))
    assert jsonc.read(f'"{" ".join(command.split())}"') == run_task(again)["command"]
    assert "on its port" in again
    assert made(config(service()), template, again).in_sync
    after, _ = texts(made(config(service("shop")), template, again))
    assert jsonc.read(f'"{renamed}"') == run_task(after)["command"]


def test_a_template_that_names_another_program_is_followed(template: Template) -> None:
    own = template.replace(tasks=template.tasks.replace('"devports run', '"uv run devports run'))
    tasks, _ = texts(made(config(service()), template))
    assert run_task(texts(made(config(service()), own, tasks))[0])["command"] == (
        "uv run devports run backend"
    )


# -- the task of Ctrl+Shift+B

BUILD = config(service(vscode=vscode(build=True)), service("web", 1, vscode=vscode(build=True)))
DEFAULT = {"kind": "build", "isDefault": True}


def groups(text: str) -> dict[str, Any]:
    tasks = jsonc.read(text)["tasks"]
    return {task["label"]: task["group"] for task in tasks if "group" in task}


def test_one_task_is_the_default_build_task_on_request(template: Template) -> None:
    planned = made(BUILD, template)
    assert groups(texts(planned)[0]) == {"Run Backend": DEFAULT}
    assert [note.code for note in planned.notes] == ["build-taken"]
    assert made(BUILD, template, *texts(planned)).in_sync


NO_BUILD = config(service(), service("web", 1))


def test_without_build_the_generated_group_is_removed(template: Template) -> None:
    without = texts(made(NO_BUILD, template, *texts(made(BUILD, template))))
    assert without == texts(made(NO_BUILD, template))
    web = config(service(), service("web", 1, vscode=vscode(build=True)))
    moved = made(web, template, *texts(made(BUILD, template)))
    assert (texts(moved), moved.notes) == (texts(made(web, template)), ())


@pytest.mark.parametrize("group", [DEFAULT, {"kind": "build", "isDefault": "**/*.c"}, "build"])
def test_a_group_that_a_person_gave_a_generated_task_stays(
    group: object, template: Template
) -> None:
    """VS Code itself writes the first one: "Tasks: Configure Default Build Task"."""
    fresh, _ = texts(made(NO_BUILD, template))
    mine = fresh.replace('"type"', f'"group": {json.dumps(group)}, "type"', 1)
    assert made(NO_BUILD, template, mine).in_sync
    built, _ = texts(made(BUILD, template))
    changed = built.replace(json.dumps(DEFAULT)[1:-1], json.dumps({"kind": "build"})[1:-1])
    assert changed != built
    assert groups(texts(made(NO_BUILD, template, changed))[0]) == {"Run Backend": {"kind": "build"}}


@pytest.mark.parametrize("group", [DEFAULT, DEFAULT | {"isDefault": "**/*.c"}])
def test_a_default_build_task_of_a_person_stays_the_only_one(
    group: dict[str, Any], template: Template
) -> None:
    mine = json.dumps({"tasks": [{"label": "make", "command": "make", "group": group}]})
    planned = made(config(service(vscode=vscode(build=True))), template, mine)
    assert groups(texts(planned)[0]) == {"make": group}
    assert BUILD_DETAIL not in texts(planned)[0], "the next group may be a person's"
    assert planned.notes[0].message == (
        "`.vscode/tasks.json` already has the default build task `make`; `Run Backend` is not "
        "made one"
    )


def test_a_build_task_that_is_no_default_is_no_obstacle(template: Template) -> None:
    mine = json.dumps({"tasks": [{"label": "make", "command": "make", "group": "build"}]})
    planned = made(config(service(vscode=vscode(build=True))), template, mine)
    assert groups(texts(planned)[0]) == {"make": "build", "Run Backend": DEFAULT}

"""Several configurations share the files of the folder that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devports.vscode.merge import Plan, folders_in, plan, task_path
from devports.vscode.tasks import Part
from tests.harness import jsonc
from tests.unit.vscode.conftest import config, service, vscode

if TYPE_CHECKING:
    from devports.vscode.tasks import Template

DEBUGGED = service(ports=(("debug", 5678),), vscode=vscode(debug="debugpy"))
API = Part("services/api", config(DEBUGGED, service("db", 5432)))
WEB = Part("my web", config(service(port=5173), service("shop", 3, depends_on=("backend",))))
BOTH = (API, WEB)


def made(template: Template, parts: tuple[Part, ...], *before: str | None) -> Plan:
    return plan(parts, template, *(before or (None, None)))


def texts(planned: Plan) -> tuple[str, str | None]:
    tasks, launch = planned.files
    return tasks.after or "", launch.after


def tasks_of(text: str) -> dict[str, dict[str, Any]]:
    return {task["label"]: task for task in jsonc.read(text)["tasks"]}


def block(text: str, label: str) -> str:
    """Return the text of a task."""
    start = text.rindex("        {\n", 0, text.index(f'"label": "{label}"'))
    return text[start : text.index("\n        }", start)]


def test_each_task_runs_in_its_folder_and_labels_that_meet_get_it(template: Template) -> None:
    tasks = tasks_of(texts(made(template, BOTH))[0])
    assert [*tasks] == [
        "Run Backend (services/api)",
        "Run Db",
        "Run Backend (my web)",
        "Run Shop",
        "Debug Backend (services/api): server",
        "Run All",
    ]
    run = tasks["Run Backend (my web)"]
    here = "${workspaceFolder}/my web"
    assert run["command"] == "devports run backend"
    assert run["options"] == {
        "cwd": here,
        "env": {"PATH": f"{here}/.venv/bin:${{workspaceFolder}}/.venv/bin:${{env:PATH}}"},
    }
    assert run["windows"]["options"]["env"]["PATH"] == (
        "${workspaceFolder}\\my web\\.venv\\Scripts;${workspaceFolder}\\.venv\\Scripts;${env:PATH}"
    )
    assert run["problemMatcher"]["fileLocation"] == ["relative", here]
    assert tasks["Run All"]["dependsOn"] == [*tasks][:4]
    assert tasks["Run All"]["dependsOrder"] == "sequence", "of one file, for all of them"


def test_the_environment_of_the_folder_comes_before_those_above(template: Template) -> None:
    folders = ("/srv/shop/services/api", "/srv/shop/services", "/srv/shop")
    deep = (Part("services/api", config(service())),)
    task = tasks_of(texts(made(template, deep))[0])["Run Backend"]
    assert task_path(task, "linux", "/srv/shop", "/bin").split(":") == [
        *(f"{folder}/.venv/bin" for folder in folders), "/bin",
    ]  # fmt: skip
    windows = task_path(task, "windows", "/srv/shop", "/bin").replace("\\", "/").split(";")
    assert windows == [*(f"{folder}/.venv/Scripts" for folder in folders), "/bin"]


def test_a_configuration_in_the_folder_itself_keeps_its_labels(template: Template) -> None:
    both = (Part("", config(service())), WEB)
    tasks = tasks_of(texts(made(template, both))[0])
    assert [*tasks][:2] == ["Run Backend", "Run Backend (my web)"]
    assert "cwd" not in tasks["Run Backend"]["options"]


def test_a_second_run_needs_nothing_but_the_file(template: Template) -> None:
    first = made(template, BOTH)
    assert folders_in(texts(first)[0]) == ("services/api", "my web")
    assert made(template, BOTH, *texts(first)).in_sync
    assert folders_in("{ broken") == ()


def test_labels_of_the_configurations_that_meet_get_the_folder(template: Template) -> None:
    both = (
        Part("a", config(service(vscode=vscode(task="Go")))),
        Part("b", config(service("x", vscode=vscode(task="Go")))),
    )
    assert [*tasks_of(texts(made(template, both))[0])] == ["Go (a)", "Go (b)", "Run All"]


def test_what_one_file_changes_leaves_the_bytes_of_the_other(template: Template) -> None:
    before = made(template, BOTH)
    tasks, launch = texts(before)
    web = WEB.replace(config=config(service(port=1), service("cart", 4)))
    after = made(template, (API, web), tasks, launch)
    for label in ("Run Backend (services/api)", "Run Db", "Debug Backend (services/api): server"):
        assert block(texts(after)[0], label) == block(tasks, label)
    assert texts(after)[1] == launch
    assert "Run Cart" in tasks_of(texts(after)[0])
    assert "Run Shop" not in tasks_of(texts(after)[0]), "a renamed service"


def test_a_folder_without_its_file_loses_its_tasks_only_where_that_is_known(
    template: Template,
) -> None:
    tasks, launch = texts(made(template, BOTH))
    kept = made(template, (WEB,), tasks, launch)
    assert texts(kept) == (tasks, launch)
    gone = made(template, (API.replace(config=config()), WEB), tasks, launch)
    assert [*tasks_of(texts(gone)[0])] == ["Run Backend", "Run Shop", "Run All"]
    assert jsonc.read(texts(gone)[1] or "")["configurations"] == []
    assert made(template, (WEB,), *texts(gone)).in_sync


def test_the_tasks_of_a_broken_file_stay_as_they_are(template: Template) -> None:
    tasks, launch = texts(made(template, BOTH))
    web = WEB.replace(config=config(service(port=1), service("shop", 3), service("cart", 4)))
    after = made(template, (API.replace(config=None), web), tasks, launch)
    for label in ("Run Backend (services/api)", "Run Db", "Debug Backend (services/api): server"):
        assert block(texts(after)[0], label) == block(tasks, label)
    assert texts(after)[1] == launch
    assert tasks_of(texts(after)[0])["Run All"]["dependsOn"] == [
        "Run Backend (services/api)", "Run Db", "Run Backend (my web)", "Run Shop", "Run Cart",
    ]  # fmt: skip
    assert [note.code for note in after.notes] == []


def test_a_task_that_a_person_moved_below_is_still_of_the_file_above(template: Template) -> None:
    """Its command finds the configuration above its folder."""
    root = (Part("", config(service())),)
    tasks, _ = texts(made(template, root))
    moved = tasks.replace(
        '"options": { "env"', '"options": { "cwd": "${workspaceFolder}/src", "env"'
    )
    assert moved != tasks
    assert made(template, root, moved, None).in_sync
    gone = made(template, (Part("", config(service("shop"))),), moved, None)
    assert [*tasks_of(texts(gone)[0])] == ["Run Shop"]


def test_a_task_without_a_matcher_runs_in_its_folder_too(template: Template) -> None:
    hooked = (Part("a", config(service(vscode=vscode(prelaunch=("F",))))),)
    task = tasks_of(texts(made(template, hooked, None, '{"configurations": [{"name": "F"}]}'))[0])
    assert task["Free Backend Port"]["problemMatcher"] == []
    assert task["Free Backend Port"]["options"]["cwd"] == "${workspaceFolder}/a"


def test_a_configuration_is_debugged_in_its_folder(template: Template) -> None:
    web = Part("my web", config(DEBUGGED.replace(ports=(("debug", 9),))))
    launch = jsonc.read(texts(made(template, (API, web)))[1] or "")
    assert [(each["name"], each["preLaunchTask"]) for each in launch["configurations"]] == [
        ("Debug Backend (services/api)", "Debug Backend (services/api): server"),
        ("Debug Backend (my web)", "Debug Backend (my web): server"),
    ]
    assert launch["compounds"][0]["configurations"] == [
        "Debug Backend (services/api)",
        "Debug Backend (my web)",
    ]

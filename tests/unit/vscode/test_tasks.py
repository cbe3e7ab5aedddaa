"""Which tasks and configurations a devports.toml means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devports.config.keys import NAME
from devports.core.service import Service
from devports.errors import DevportsError
from devports.vscode.tasks import (
    MARK,
    GeneratedEntry,
    Launch,
    PrelaunchHook,
    Role,
    Template,
    generate_launch,
    generate_tasks,
    is_generated,
    role_of,
    titles,
)
from tests.unit.vscode.conftest import config, service, vscode, workspace

if TYPE_CHECKING:
    from devports.core.service import Config

DEBUGGED = service(ports=(("debug", 5678),), vscode=vscode(debug="debugpy"))
WEB = service("web", 5173)
NODE = WEB.replace(ports=(("debug", 9229),), vscode=vscode(debug="node"))


def made_tasks(made: Config, template: Template) -> tuple[GeneratedEntry, ...]:
    return generate_tasks(workspace(made), template)


def made_launch(made: Config, template: Template) -> Launch:
    return generate_launch(workspace(made), template)


def labels(made: Config, template: Template) -> tuple[str, ...]:
    return tuple(task.name for task in made_tasks(made, template))


MADE = [
    pytest.param(config(), (), id="no service"),
    pytest.param(config(Service("db", 5432)), (), id="a port that is only watched"),
    pytest.param(config(service()), ("Run Backend",), id="one service"),
    pytest.param(
        config(service(vscode=vscode(task="Go"))), ("Go",),
        id="a label of the user's",
    ),
    pytest.param(
        config(Service("api", 8000, vscode=vscode(prelaunch=("F",)))), ("Free Api Port",),
        id="a server that VS Code starts itself",
    ),
    pytest.param(
        config(DEBUGGED),
        ("Run Backend", "Debug Backend: server"), id="a debugger",
    ),
    pytest.param(
        config(service("a-b"), service("a_b", 1)),
        ("Run a-b", "Run a_b", "Run All"),
        id="two names that sound the same",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), MADE)
def test_the_tasks_of_a_configuration(
    made: Config, expected: tuple[str, ...], template: Template
) -> None:
    assert labels(made, template) == expected


ALL = [
    pytest.param(config(service(), WEB), ["Run Backend", "Run Web"], "parallel", id="side by side"),
    pytest.param(
        config(service(depends_on=("web",)), WEB), ["Run Web", "Run Backend"], "sequence",
        id="what another one needs comes first",
    ),
    pytest.param(
        config(service(depends_on=("db",)), Service("db", 1), WEB), ["Run Backend", "Run Web"],
        "parallel", id="what devports does not start has no place in the order",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("made", "runs", "order"), ALL)
def test_all_run_in_the_order_of_their_needs(
    made: Config, runs: list[str], order: str, template: Template
) -> None:
    body = next(task.body for task in made_tasks(made, template) if task.name == "Run All")
    assert (body["dependsOn"], body["dependsOrder"]) == (runs, order)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in (*value, *value.values()) for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@settings(max_examples=25)
@given(
    st.from_regex(re.compile(rf"\A{NAME}\Z")),
    st.text(max_size=20),
    st.sampled_from(["debugpy", "node"]),
)
def test_only_the_name_of_a_service_reaches_a_command(name: str, hostile: str, debug: str) -> None:
    shipped = Template(*_shipped())
    evil = Service(
        name,
        8000,
        command=f"x {hostile}; ${{command:evil}}",
        cwd=hostile,
        env=(("A", hostile),),
        ports=(("debug", 5678),),
        vscode=vscode(debug=debug, prelaunch=("F",)),
    )
    made = config(evil, WEB)
    commands = [
        task.body["command"] for task in made_tasks(made, shipped) if "command" in task.body
    ]
    assert {command for command in commands if command.split()[-1] == name} >= {
        f"devports run {name}",
        f"devports free {name}",
    }
    assert all(re.fullmatch("[A-Za-z0-9 _-]+", command) for command in commands)
    every = [text for task in made_tasks(made, shipped) for text in texts(task.body)]
    every += [text for each in made_launch(made, shipped).configurations for text in texts(each)]
    variables = {word for text in every for word in re.findall(r"\$\{[^}]*\}", text)}
    assert variables <= {"${workspaceFolder}", "${env:PATH}"}
    assert "folderOpen" not in every


def _shipped() -> tuple[str, str]:
    from tests.unit.vscode.conftest import ROOT

    folder = ROOT / ".vscode-template"
    return ((folder / "tasks.json").read_text("utf-8"), (folder / "launch.json").read_text("utf-8"))


def test_a_debugger_is_attached_to_on_its_own_port(template: Template) -> None:
    launch = made_launch(config(DEBUGGED.replace(host="0.0.0.0"), NODE), template)
    python, node = launch.configurations
    assert python["connect"] == {"host": "127.0.0.1", "port": 5678}
    assert python["preLaunchTask"] == "Debug Backend: server"
    assert (node["address"], node["port"]) == ("127.0.0.1", 9229)
    assert launch.compounds[0]["configurations"] == ["Debug Backend", "Debug Web"]


def test_one_debugger_needs_no_compound(template: Template) -> None:
    assert made_launch(config(DEBUGGED), template).compounds == ()


def test_hooks_free_the_port_before_what_the_user_named(template: Template) -> None:
    hooked = service(vscode=vscode(prelaunch=("F", "G")))
    assert made_launch(config(hooked), template).hooks == (
        PrelaunchHook("F", "Free Backend Port"),
        PrelaunchHook("G", "Free Backend Port"),
    )


ROLES = [
    pytest.param({"command": "devports run web"}, Role(("run", "web")), id="by the command"),
    pytest.param({"command": ".venv/bin/devports free web"}, Role(("free", "web")), id="by a path"),
    pytest.param({"command": r".venv\Scripts\devports.exe doctor"}, Role(("doctor",)),
                 id="on Windows"),
    pytest.param({"command": "uv run devports run a --debug"}, Role(("run", "a", "--debug")),
                 id="behind"),
    pytest.param({"command": "devports run a", "options": {"cwd": "${workspaceFolder}/b c/d/"}},
                 Role(("run", "a"), "b c/d"), id="in a folder"),
    pytest.param({"command": "devports run a", "options": {"cwd": "/b"}}, Role(("run", "a")),
                 id="in a folder elsewhere"),
    pytest.param({"label": "Run All"}, Role(("label", "Run All")), id="by the label"),
    pytest.param({"label": "x", "command": ["a"]}, Role(("label", "x")), id="an odd command"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "role"), ROLES)
def test_what_a_task_of_ours_does(task: dict[str, object], role: Role) -> None:
    assert role_of(task) == role


@pytest.mark.parametrize(
    ("task", "ours"),
    [
        pytest.param({"detail": f"x {MARK}"}, True, id="the mark at the end"),
        pytest.param({"detail": f"x {MARK} \n"}, True, id="with blanks behind"),
        pytest.param({"detail": f"{MARK} no more"}, False, id="the mark elsewhere"),
        pytest.param({"label": MARK}, False, id="the mark in the label"),
        pytest.param({"detail": 1}, False, id="a number"),
        pytest.param("x", False, id="no task at all"),
    ],
)
def test_what_is_ours(task: object, ours: bool) -> None:
    assert is_generated(task) is ours


def test_titles_are_words() -> None:
    named = titles([("", "my-api_v2"), ("", "X")])
    assert [*named.values()] == ["My Api V2", "X"]


def own(tasks: str = "[]", configurations: str = "[]", compounds: str = "[]") -> Template:
    """Return a project's own template."""
    launch = f'{{"configurations": {configurations}, "compounds": {compounds}}}'
    return Template(f'{{"tasks": {tasks}}}', launch)


def test_labels_icons_and_commands_are_the_templates() -> None:
    run = '"command": "uv run devports run {service}"'
    text = f'[{{"label": "Start {{title}}!", "icon": {{"id": "x"}}, {run}}}]'
    (task,) = made_tasks(config(service()), own(text))
    assert task.body == {
        "label": "Start Backend!",
        "icon": {"id": "x"},
        "command": "uv run devports run backend",
        "detail": MARK,
    }


def test_a_template_without_a_task_has_no_label_to_refer_to() -> None:
    made = config(service(vscode=vscode(prelaunch=("F",), debug="node"), ports=(("debug", 1),)))
    odd = own(
        '[{"label": "{debugger} {task}"}]'.replace(" {task}", ""), '[{"name": "{debug_task}"}]'
    )
    assert [task.name for task in made_tasks(made, odd)] == ["node"]
    assert made_launch(made, odd) == Launch()


def test_a_label_may_use_what_only_some_services_have() -> None:
    text = '[{"label": "{node_port}", "command": "devports free {service}"}]'
    assert made_tasks(config(service()), own(text)) == ()


def test_an_entry_without_a_service_is_made_once() -> None:
    launch = made_launch(config(service(), WEB), own(configurations='[{"name": "mine"}]'))
    assert [each["name"] for each in launch.configurations] == ["mine"]


WRONG_TEMPLATES = [
    pytest.param(own('[{"label": "{titel}"}]'), "unknown placeholder `{titel}`", id="a typo"),
    pytest.param(own('[{"command": "x {title}"}]'), "must not reach a command", id="a command"),
    pytest.param(own('[{"args": ["{title}"]}]'), "must not reach a command", id="an argument"),
    pytest.param(own("{}"), "must be a list", id="no list"),
    pytest.param(own("[1]"), "must be a list of objects", id="no objects"),
    pytest.param(own("[1 2]"), "tasks.json:1:14: a comma", id="broken JSON"),
]


@pytest.mark.parametrize(("wrong", "fact"), WRONG_TEMPLATES)
def test_a_template_that_cannot_be_used(wrong: Template, fact: str) -> None:
    with pytest.raises(DevportsError) as caught:
        made_tasks(config(service()), wrong)
    assert caught.value.code == "template-wrong"
    assert fact in caught.value.facts[0]


def test_a_template_without_a_list_makes_nothing() -> None:
    assert made_tasks(config(service()), Template("{}", "{}")) == ()


def test_two_tasks_of_one_label_are_refused(template: Template) -> None:
    made = config(service(vscode=vscode(task="Run Web")), WEB)
    with pytest.raises(DevportsError, match="two tasks have the same label `Run Web`") as caught:
        made_tasks(made, template)
    assert caught.value.facts == ("`devports run backend`", "`devports run web`")


def test_two_configurations_of_one_name_are_refused() -> None:
    twins = own('[{"label": "x"}]', '[{"name": "a"}, {"name": "a"}]')
    with pytest.raises(DevportsError, match="the same name `a`"):
        made_launch(config(service()), twins)

"""What is made is valid by VS Code's own schemas, and by the rules for what those miss."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from devports.vscode.lint import labels_of, lint_launch, lint_tasks
from devports.vscode.merge import plan
from tests.harness import jsonc
from tests.unit.vscode.conftest import ROOT, config, parts, service, vscode

if TYPE_CHECKING:
    from devports.core.service import Config
    from devports.vscode.tasks import Template

SCHEMAS = ROOT / "tests" / "recorded" / "vscode-1.139.1"
OF_THE_WINDOW = ("compounds", "type")
"""Where the schema of launch.json knows only what is open and installed in that window."""


def validator(name: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


CONFIGS = [
    pytest.param(config(service()), id="one service"),
    pytest.param(config(service(), service("web", 1, depends_on=("backend",))), id="two in a row"),
    pytest.param(
        config(
            service(ports=(("debug", 1),), vscode=vscode(debug="debugpy", task="Läuft → 🚀")),
            service("web", ports=(("debug", 2),), vscode=vscode(debug="node", prelaunch=("F",))),
        ),
        id="debuggers and labels of the user's",
    ),
]


@pytest.mark.parametrize("made", CONFIGS)
def test_what_is_made_is_valid(made: Config, template: Template) -> None:
    tasks, launch = (file.after for file in plan(parts(made), template, None, None).files)
    assert tasks is not None
    assert [e.message for e in validator("tasks").iter_errors(jsonc.read(tasks))] == []
    assert lint_tasks("tasks.json", tasks) == ()
    if launch is not None:
        assert lint_launch("launch.json", launch, labels_of(tasks)) == ()
        errors = validator("launch").iter_errors(jsonc.read(launch))
        left = [e for e in errors if not set(OF_THE_WINDOW) & set(map(str, e.absolute_path))]
        assert [error.message for error in left if "debugpy" not in error.message] == []


@pytest.mark.parametrize(
    "task",
    [
        pytest.param({"label": "x", "x-devports": 1}, id="a private key"),
        pytest.param({"label": "x", "presentation": {"reveal": "sometimes"}}, id="a wrong word"),
        pytest.param({"label": "x", "isBackground": "yes"}, id="a wrong type"),
    ],
)
def test_the_schema_can_say_no(task: dict[str, Any]) -> None:
    document = {"version": "2.0.0", "tasks": [{"type": "shell", "command": "x", **task}]}
    assert list(validator("tasks").iter_errors(document))

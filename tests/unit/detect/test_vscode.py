"""Launch configurations and tasks of VS Code."""

from __future__ import annotations

import json

import pytest

from tests.unit.detect.making import left_out, only, services


def launch(**entry: object) -> dict[str, str]:
    return {".vscode/launch.json": json.dumps({"configurations": [{"name": "Run", **entry}]})}


def task(**entry: object) -> dict[str, str]:
    return {".vscode/tasks.json": json.dumps({"tasks": [{"label": "Run", **entry}]})}


AT = " --host {host} --port {port}"
STARTS = [
    pytest.param(launch(module="uvicorn", args=["a:b"]), f"uvicorn a:b{AT}", id="a module"),
    pytest.param(
        launch(program="${workspaceFolder}/manage.py", args=["runserver", "8001"]),
        "python3 manage.py runserver {host}:{port}",
        id="a program",
    ),
    pytest.param(launch(command="npx vite --open"), f"npx vite --open{AT} --strictPort", id="node"),
    pytest.param(task(command="mkdocs serve"), "mkdocs serve -a {host}:{port}", id="a task"),
    pytest.param(task(command="uvicorn", args=["a:b", 1]), f"uvicorn a:b{AT}", id="with arguments"),
]


@pytest.mark.parametrize(("files", "command"), STARTS)
def test_a_server_that_the_editor_starts(files: dict[str, str], command: str) -> None:
    found = only(files)
    assert found.command == command
    assert found.sources[0].text == "`Run`"


NOT_OURS = [
    pytest.param(launch(program="${file}"), id="the current file"),
    pytest.param(launch(module="pytest"), id="a test runner"),
    pytest.param(launch(request="attach", module="uvicorn"), id="an attachment"),
    pytest.param(launch(url="http://localhost:3000"), id="a browser"),
    pytest.param(launch(module="uvicorn", args=["${input:app}"]), id="a question of the editor"),
    pytest.param(launch(module="uvicorn", cwd="${env:HOME}"), id="a folder only it knows"),
    pytest.param(launch(module="uvicorn", cwd="/srv"), id="a folder elsewhere"),
    pytest.param(launch(module="uvicorn", cwd="${workspaceFolder}/../x"), id="a folder outside"),
    pytest.param(task(command="devports run web"), id="a task of ours"),
    pytest.param(task(command="vite & node x"), id="more than a command"),
    pytest.param(task(type="npm", script="dev"), id="a script of package.json"),
    pytest.param({".vscode/tasks.json": '{"tasks": ["x", {"command": "vite"}]}'}, id="no label"),
    pytest.param({".vscode/tasks.json": '{"tasks": 1}'}, id="no list"),
    pytest.param({".vscode/tasks.json": "[]"}, id="no table"),
    pytest.param({"x/tasks.json": '{"tasks": [{"label": "a", "command": "vite"}]}'}, id="not its"),
]


@pytest.mark.parametrize("files", NOT_OURS)
def test_what_is_no_server_of_ours(files: dict[str, str]) -> None:
    assert services(files) == left_out(files) == ()


def test_it_says_the_port_and_the_folder() -> None:
    entry = {"module": "uvicorn", "args": ["a:b", "--port", "8001"]}
    found = only(launch(**entry, cwd="${workspaceFolder}/api"))
    assert (found.port, found.stated, found.folder) == (8001, True, "api")
    assert only(task(command="vite", options={"cwd": "web"})).folder == "web"
    inside = {f"one/{path}": text for path, text in launch(**entry).items()}
    assert only(inside).folder == "one"


def test_what_it_says_counts_more_than_what_is_usual() -> None:
    entry = {"module": "uvicorn", "args": ["main:app", "--port", "8001"], "env": {"KEY": "secret"}}
    found = only({"main.py": "app = FastAPI()"} | launch(**entry))
    assert found.command == f"uvicorn main:app{AT}"
    assert (found.port, found.env) == (8001, ())
    assert [source.path for source in found.sources] == [".vscode/launch.json", "main.py"]
    assert found.notes == ("launch.json sets KEY; add them to `env` if needed.",)


def test_variables_of_a_task_are_named_and_not_copied() -> None:
    found = only(task(command="vite", options={"env": {"A": "1", "B": "2"}}))
    assert found.notes == ("tasks.json sets A, B; add them to `env` if needed.",)


@pytest.mark.parametrize(
    ("names", "command"),
    [
        pytest.param(("uv.lock",), f"uv run uvicorn a:b{AT}", id="uv"),
        pytest.param((".venv/pyvenv.cfg",), f".venv/bin/python -m uvicorn a:b{AT}", id="a venv"),
    ],
)
def test_a_module_is_started_in_the_project_s_environment(
    names: tuple[str, ...], command: str
) -> None:
    assert only(launch(module="uvicorn", args=["a:b"]), *names).command == command


def test_django_in_the_project_s_environment() -> None:
    files = launch(program="manage.py", args=["runserver"])
    end = "manage.py runserver {host}:{port}"
    assert only(files, "uv.lock").command == f"uv run python {end}"
    assert only(files, "venv/pyvenv.cfg").command == f"venv/bin/python {end}"


def test_comments_and_last_commas() -> None:
    text = """\ufeff{
      // a comment, with a "quote
      "configurations": [ /* } */
        {"name": "a // b", "command": "vite --open", /* last */ },
      ],
    }"""
    assert only({".vscode/launch.json": text}).command == f"vite --open{AT} --strictPort"


@pytest.mark.parametrize("text", ["", "// nothing yet", "[]"])
def test_a_file_without_entries_has_none(text: str) -> None:
    files = {".vscode/launch.json": text}
    assert (services(files), left_out(files)) == ((), ())


@pytest.mark.parametrize("text", ["{", "[" + "9" * 5000 + "]", '"a', "[" * 100_000, "/*" * 50_000])
def test_what_is_no_json_is_said(text: str) -> None:
    (left,) = left_out({".vscode/launch.json": text})
    assert left.why == "it is not valid JSON with comments"

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from devports.config import keys
from devports.config.decode import parse
from devports.core.service import Config
from tests.tools import schemas

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
SCHEMA = schemas.config_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

EVERYTHING = """
[defaults]
host = "127.0.0.1"
on_conflict = "ask"
stop_timeout = 5
attempts = 3
[services.backend]
command = "uvicorn main:app --reload --host {host} --port {port}"
cwd = "backend"
port = 8000
env = { DATABASE_URL = "postgresql://localhost:{services.db.port}/app" }
env_file = ".env"
ports = { debug = 5678 }
depends_on = ["db"]
ready = { http = "/healthz", timeout = 60, owner = "tree", log = "listening on" }
stop_signal = "SIGTERM"
handoff = "auto"
[services.backend.vscode]
task = "Run Backend"
prelaunch = ["Python: FastAPI"]
debug = "debugpy"
[services.db]
port = 5432
"""


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_page_names_the_most_services_that_a_file_may_have():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert f"with at most {keys.MAX_SERVICES} services" in " ".join(page.split())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param((ROOT / "devports.toml.example").read_text(), id="the example file"),
        pytest.param(EVERYTHING, id="the file with everything"),
    ],
)
def test_schema_and_parser_accept(text: str):
    data = tomllib.loads(text)
    VALIDATOR.validate(data)
    assert isinstance(parse(data), Config)


def test_the_commented_entries_of_the_example_are_right_too():
    lines = (ROOT / "devports.toml.example").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("# [services"))
    shown = [line.removeprefix("#").strip() for line in lines[start:] if line.startswith("#")]
    text = "\n".join(line for line in shown if line.startswith("[") or " = " in line)
    assert isinstance(parse(tomllib.loads(text)), Config)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"prot": 1}, id="a misspelt key"),
        pytest.param({"port": 0}, id="port 0"),
        pytest.param({"port": 70000}, id="a port beyond 16 bits"),
        pytest.param({"port": "8000"}, id="a quoted port"),
        pytest.param({"port": True}, id="a boolean for a port"),
        pytest.param({"port": 1.5}, id="a fraction for a port"),
        pytest.param({"host": "a b"}, id="a host with a blank"),
        pytest.param({"host": ""}, id="an empty host"),
        pytest.param({"command": []}, id="an empty list"),
        pytest.param({"command": ["a", 1]}, id="a number in a list"),
        pytest.param({"command": ""}, id="an empty command"),
        pytest.param({"shell": "yes"}, id="text for a boolean"),
        pytest.param({"cwd": "~/x"}, id="a tilde"),
        pytest.param({"cwd": "a/${x}"}, id="a shell variable"),
        pytest.param({"env": {"A B": "x"}}, id="a blank in a variable's name"),
        pytest.param({"env": {"A": 1}}, id="a number for a variable"),
        pytest.param({"ports": {"debug": 0}}, id="a further port 0"),
        pytest.param({"depends_on": ["a b"]}, id="not a name of a service"),
        pytest.param({"ready": {"http": "x"}}, id="no slash"),
        pytest.param({"ready": {"timeout": 0}}, id="no time"),
        pytest.param({"stop_signal": "TERM"}, id="a signal without SIG"),
        pytest.param({"attempts": 0}, id="no attempt"),
        pytest.param({"vscode": {"task": "${x}"}}, id="a label that VS Code would expand"),
    ],
)
def test_schema_and_parser_refuse(wrong: dict[str, Any]):
    data = {"services": {"web": {"port": 8000, **wrong}}}
    assert not VALIDATOR.is_valid(data)
    assert not isinstance(parse(data), Config)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"services": {}}, id="no services"),
        pytest.param({"services": {"web": {}}}, id="no port"),
        pytest.param({"services": {"a b": {"port": 1}}}, id="a blank in a name"),
        pytest.param({"services": {"a": {"port": 1}}, "x": 1}, id="an unknown table"),
        pytest.param({"services": {"a": {"port": 1}}, "defaults": {"port": 1}}, id="default port"),
    ],
)
def test_schema_and_parser_refuse_the_whole(data: dict[str, Any]):
    assert not VALIDATOR.is_valid(data)
    assert not isinstance(parse(data), Config)

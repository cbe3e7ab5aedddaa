"""What is wrong with a configuration is said with the place and the way out; nothing starts."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import jsonschema
import pytest

from devports import exitcodes
from tests.harness.actors import NOBODY
from tests.harness.capabilities import NEEDS_ROOT

if TYPE_CHECKING:
    from tests.harness.command import Command
    from tests.harness.project import Project

GOOD = '[services.web]\nport = 28000\ncommand = "touch started"\n'


def broken(port: str = "28000", extra: str = "", command: str = 'command = "touch started"') -> str:
    return f"[services.web]\nport = {port}\n{command}\n{extra}\n"


BAD = [
    pytest.param(broken("0"), "line 2|:2|2 |", id="port 0"),
    pytest.param(broken("70000"), "65535", id="port 70000"),
    pytest.param(broken('"8000a"'), "port", id="a port with a letter"),
    pytest.param(broken("true"), "port", id="a port that is true"),
    pytest.param(broken("8000.0"), "port", id="a port with a fraction"),
    pytest.param(broken("28000").replace("port", "prot"), "prot", id="an unknown key"),
    pytest.param(broken(extra="[services.two]\nport = 28000"), "28000", id="two on one port"),
    pytest.param(GOOD.encode() + b'x = "\xff"\n', "UTF-8", id="not UTF-8"),
    pytest.param("a" + ".a" * 30_000 + " = 1\n", "devports.toml", id="a key of 60 KB"),
    pytest.param(GOOD + "# " + "x" * 300_000, "devports.toml", id="a file of 300 KB"),
    pytest.param("[" * 5000, "devports.toml", id="deep brackets"),
    pytest.param("[services.web\n", "1", id="not TOML"),
    pytest.param("", "services", id="an empty file"),
    pytest.param('[services."we b"]\nport = 28000\n', "we b", id="a name with a blank"),
    pytest.param(broken(extra="attempts = 0"), "attempts", id="no attempts"),
    pytest.param(broken(extra='stop_signal = "SIGNOPE"'), "SIGNOPE", id="an unknown signal"),
    pytest.param(broken(extra='depends_on = ["nobody"]'), "nobody", id="an unknown dependency"),
    pytest.param(broken(command='command = "run {prot}"'), "prot", id="an unknown placeholder"),
    pytest.param(broken(command='command = "say \'hello"'), "command", id="an open quote"),
]


@pytest.mark.parametrize(("text", "says"), BAD)
@pytest.mark.parametrize("words", [("validate",), ("run", "web")], ids=["validate", "run"])
def test_a_bad_file_is_an_error_with_its_place(
    words: tuple[str, ...], text: str | bytes, says: str, project: Project, devports: Command
) -> None:
    project.write(text)
    done = devports(*words)
    assert done.code == exitcodes.USAGE, done
    assert sum(line.startswith("error:") for line in done.err.splitlines()) == 1, done
    assert "devports.toml" in done.err
    assert any(each in done.err for each in says.split("|")), done
    assert "Traceback" not in done.err
    assert not os.path.exists(os.path.join(project.folder, "started"))
    assert done.seconds < 10


def test_every_problem_is_told_at_once(project: Project, devports: Command) -> None:
    project.write('[services.web]\nprot = 1\n[services.two]\nport = 70000\nhandof = "fd"\n')
    done = devports("validate")
    assert all(word in done.err for word in ("prot", "70000", "handof", "handoff"))


def test_a_good_file_is_valid(project: Project, devports: Command) -> None:
    project.write(GOOD)
    assert devports("validate").code == exitcodes.OK
    assert not os.path.exists(os.path.join(project.folder, "started"))


def test_an_unknown_service_is_named_with_the_nearest(project: Project, devports: Command) -> None:
    project.write(GOOD)
    done = devports("run", "wbe")
    assert done.code == exitcodes.USAGE, done
    assert "web" in done.err
    assert not os.path.exists(os.path.join(project.folder, "started"))


def test_a_service_without_command_cannot_be_run(
    project: Project, devports: Command, port: int
) -> None:
    project.write(f"[services.db]\nport = {port}\n")
    done = devports("run", "db")
    assert done.code == exitcodes.USAGE, done
    assert "command" in done.err


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web"), ("check", "web"), ("free",)])
def test_without_a_configuration_a_name_means_nothing(
    words: tuple[str, ...], devports: Command
) -> None:
    done = devports(*words)
    assert done.code == exitcodes.USAGE, done
    assert "devports.toml" in done.err
    assert "hint:" in done.err


@pytest.mark.parametrize("target", ["0", "70000", "8000a", "-1", "localhost:", "a:b:c", ""])
def test_a_bad_target_is_a_usage_error(target: str, devports: Command) -> None:
    done = devports("check", target)
    assert done.code == exitcodes.USAGE, done
    assert "error:" in done.err
    assert "Traceback" not in done.err


@NEEDS_ROOT
def test_a_file_of_another_user_is_refused(project: Project, devports: Command) -> None:
    project.write(GOOD)
    os.chown(project.config, NOBODY, NOBODY)
    done = devports("run", "web")
    assert done.code == exitcodes.USAGE, done
    assert "owner" in done.err
    assert not os.path.exists(os.path.join(project.folder, "started"))


def test_a_file_that_others_may_write_is_refused(project: Project, devports: Command) -> None:
    project.write(GOOD)
    os.chmod(project.config, 0o666)
    done = devports("run", "web")
    assert done.code == exitcodes.USAGE, done
    assert not os.path.exists(os.path.join(project.folder, "started"))


def test_the_file_is_found_upwards_but_not_past_the_repository(
    project: Project, devports: Command
) -> None:
    project.write(GOOD)
    inner = os.path.join(project.folder, "repository")
    os.makedirs(os.path.join(inner, "deep"))
    devports.cwd = os.path.join(inner, "deep")
    assert devports("validate").code == exitcodes.OK
    os.mkdir(os.path.join(inner, ".git"))
    assert devports("validate").code == exitcodes.USAGE


def test_the_schema_of_the_configuration_agrees_with_the_parser(
    project: Project, devports: Command
) -> None:
    schema = json.loads(devports("schema", "config").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    project.write(GOOD)
    assert devports("validate").code == exitcodes.OK
    jsonschema.validate({"services": {"web": {"port": 28000, "command": "x"}}}, schema)
    for wrong in ({"port": 0}, {"port": True}, {"prot": 1}, {"port": "8000"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"services": {"web": wrong}}, schema)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("check", "28001"), id="check"),
        pytest.param(("status", "28001"), id="status"),
        pytest.param(("free", "28001"), id="free"),
        pytest.param(("validate",), id="validate"),
        pytest.param(("check", "nobody"), id="an unknown service"),
        pytest.param(("check", "70000"), id="a bad target"),
        pytest.param(("run", "backend"), id="a command that has no document"),
        pytest.param(("schema", "nonsense"), id="another one"),
    ],
)
def test_every_json_answer_fits_its_schema(
    words: tuple[str, ...], project: Project, devports: Command
) -> None:
    project.write(GOOD)
    schema = json.loads(devports("schema", "result").out)
    done = devports(*words, "--json")
    document = done.json()
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["exit_code"] == done.code
    assert (document["status"] == "error") == bool(document["errors"])


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help")])
def test_help_is_data_on_stdout(words: tuple[str, ...], devports: Command) -> None:
    done = devports(*words)
    assert done.code == exitcodes.OK, done
    assert done.out
    assert not done.err


@pytest.mark.parametrize("words", [(), ("nonsense",), ("check",), ("check", "8000", "--nonsense")])
def test_a_bad_command_line_is_a_usage_error(words: tuple[str, ...], devports: Command) -> None:
    done = devports(*words)
    assert done.code == exitcodes.USAGE, done
    assert "Traceback" not in done.err

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from devports.core.hint import hint, own_command
from devports.core.holder_kind import (
    Container,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Protected,
    SupervisedService,
    Tunnel,
)
from devports.core.remedies import Remedy
from devports.core.service import Config, Service
from devports.core.stop_plan import (
    AlreadyGone,
    Declined,
    FreeResult,
    Refused,
    Respawned,
    Stopped,
    TimedOut,
    WouldStop,
)
from devports.doctor.facts import Facts, PortFacts, Problem
from devports.errors import DevportsError
from devports.ui import json_output
from devports.ui.json_output import status_data, vscode_data
from devports.ui.status_rows import Section, StatusEntry, StatusPort
from devports.vscode.merge import FileChange, Note, Plan
from tests.tools import schemas
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from devports.core.holder_kind import HolderKind

SCHEMA = schemas.result_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

OUTCOMES = (
    WouldStop(s.NODE_TARGET, asks=True),
    Stopped(s.NODE_TARGET, ("SIGTERM",), 0.25, exited=False),
    Stopped(s.NODE_TARGET, ("SIGTERM",), 0.25),
    AlreadyGone(s.NPM_TARGET),
    Declined(s.UVICORN_TARGET),
    Refused(s.UNIT_TARGET, "supervised"),
    TimedOut(s.NODE_TARGET, ("SIGTERM", "SIGKILL")),
    Respawned(s.NODE_TARGET, s.UVICORN_TARGET),
)
SERVICES = (
    Service("web", 8000, command="vite --token abc --port {port}", env=(("SECRET", "s3cr3t"),)),
    Service("api", 9000, command=("uvicorn", "a:b"), ports=(("debug", 5678),)),
    Service("db", 5432),
)
ERROR = DevportsError("port-held", "port 8000 is in use by `node`", service="web", hints=("wait",))

DECLARED = PortFacts(SERVICES[0], SERVICES[0].spec, findings=(s.HELD,))
NOWHERE = PortFacts(SERVICES[1], SERVICES[1].spec, unresolved="no such name")
LOOKED_AT = Facts("linux", "/shop", (DECLARED, NOWHERE), gaps=(s.NO_NETLINK,))
PROBLEMS = (
    Problem("port-held", "error", about=DECLARED, plan=(s.NODE_TARGET,), service="web"),
    Problem("folder-missing", "error", "no folder", ("it is not there",), "why", (Remedy("mend"),)),
)

SAMPLES: dict[str, Any] = {
    "check": json_output.check_data([("8000", s.EVERY_FINDING), ("web", (s.EVIL_FINDING,))], s.NOW),
    "status": status_data(
        (Section((s.SERVED, StatusEntry("", (StatusPort(s.PRIVILEGED),), text="80"), s.BROKEN)),),
        (),
        s.NOW,
    ),
    "free": json_output.free_data([("web", FreeResult(False, 94, OUTCOMES, (s.HELD,)))], s.NOW),
    "wait": json_output.wait_data(
        "ready", [("web", True, 0.4, (s.HELD,)), ("db", False, 60, (s.FREE,))], s.NOW
    ),
    "doctor": json_output.doctor_data(
        "/shop/devports.toml", LOOKED_AT, PROBLEMS, healthy=False, now=s.NOW
    ),
    "init": json_output.init_data(
        "/shop/devports.toml",
        "# text\n",
        (s.FOUND, s.FOUND_DB),
        (s.LEFT_OUT,),
        written=False,
        unread=(),
    ),
    "vscode": vscode_data(
        Plan(
            (FileChange("a", None, "x"), FileChange("b", "x", "x"), FileChange("c", None, None)),
            (Note("label-taken", "taken"), Note("prelaunch-taken", "taken", ("so",), "{}")),
        ),
        "write",
    ),
    "validate": json_output.validate_data(Config("/shop/devports.toml", "/shop", SERVICES)),
}


def read(text: str) -> Any:
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.isascii()
    document = json.loads(text)
    VALIDATOR.validate(document)
    return document


@pytest.mark.parametrize("command", [pytest.param(name, id=name) for name in SAMPLES])
def test_every_result_is_of_the_schema(command: str) -> None:
    text = json_output.document([command], SAMPLES[command], exit_code=1, errors=[ERROR])
    assert read(text)["data"] == SAMPLES[command]


@pytest.mark.parametrize("command", [pytest.param(name, id=name) for name in ("", *SAMPLES)])
def test_an_error_before_there_was_any_data(command: str) -> None:
    text = json_output.document([command] if command else [], {}, exit_code=2, errors=[ERROR])
    assert read(text) == {
        "schema_version": 1,
        "command": [command] if command else [],
        "status": "error",
        "exit_code": 2,
        "data": {},
        "errors": [
            {
                "code": "port-held",
                "message": "port 8000 is in use by `node`",
                "service": "web",
                "hints": ["wait"],
            }
        ],
    }


def test_advice_names_the_configuration_that_was_named() -> None:
    told = DevportsError("x", "x", hints=(hint("run ", own_command("free", "web")),))
    (error,) = read(json_output.document((), {}, exit_code=1, errors=[told], config="a.toml"))[
        "errors"
    ]
    assert error["hints"] == ["run `devports free web --config a.toml`"]
    remedy = Remedy("ends it", own_command("free", "web"))
    data = json_output.doctor_data(
        "/a.toml", LOOKED_AT, [Problem("x", "note", "x", remedies=(remedy,))],
        healthy=True, now=s.NOW, config="a.toml",
    )  # fmt: skip
    assert data["problems"][0]["remedies"][0]["command"] == "devports free web --config a.toml"


def test_a_whole_answer() -> None:
    data = json_output.check_data(
        [("web", (s.LINGERING.replace(verdict=s.BLOCKING.verdict),))], s.NOW
    )
    assert json_output.document(["check", "web"], data, exit_code=1) == (
        '{"schema_version": 1, "command": ["check", "web"], "status": "error", "exit_code": 1,'
        ' "data": {"targets": [{"target": "web", "bindable": false, "verdict": "port-lingering",'
        ' "endpoints": [{"address": "127.0.0.1", "port": 8000, "verdict": "port-lingering",'
        ' "bindable": false, "seconds_left": 40.2, "sockets": [{"address": "127.0.0.1",'
        ' "port": 8000, "remote_address": "93.184.216.34", "remote_port": 443,'
        ' "state": "TIME_WAIT", "inode": 0, "uid": null, "seconds_left": 40.2}], "holders": [],'
        ' "hidden": [], "complete": true, "gaps": []}]}]}, "errors": []}\n'
    )


def test_a_holder_in_full() -> None:
    holder = SAMPLES["status"]["services"][0]["endpoints"][0]["holders"][0]
    assert holder == {
        "pid": 4242,
        "ppid": 1,
        "uid": 1000,
        "user": "ann",
        "name": "node",
        "command_line": "node server.js --port 8000",
        "cwd": "/home/ann/shop/web",
        "exe": "",
        "state": "S",
        "started_at": "2026-09-21T12:11:40Z",
        "uptime_seconds": 7300.0,
        "inodes": [5, 6],
        "ancestors": [
            {"pid": 400, "name": "npm run dev"},
            {"pid": 300, "name": "zsh"},
            {"pid": 200, "name": "code"},
            {"pid": 1, "name": "systemd"},
        ],
    }


def test_an_unknown_start_is_null() -> None:
    finding = s.HELD.replace(
        holding=s.HIDING.holding.replace(hidden=(s.HIDDEN.replace(likely=()),))
    )
    bare = s.NODE_HOLDER.replace(process=s.NODE.replace(started=0.0))
    finding = finding.replace(holding=finding.holding.replace(holders=(bare,)))
    data = json_output.check_data([("8000", (finding,))], s.NOW)
    holder = data["targets"][0]["endpoints"][0]["holders"][0]
    assert (holder["started_at"], holder["uptime_seconds"]) == (None, None)


@pytest.mark.parametrize(
    ("standing", "kind", "detail", "stop"),
    [
        pytest.param(OrdinaryProcess(), "plain", None, None, id="plain"),
        pytest.param(s.MINE, "mine", "web", None, id="mine"),
        pytest.param(OtherUser("bob", True), "other-user", "bob", None, id="another user"),
        pytest.param(
            SupervisedService("systemd", "a.service", "stop a"),
            "supervised",
            "a.service",
            "stop a",
            id="supervised",
        ),
        pytest.param(Container("docker"), "container", "docker", None, id="container"),
        pytest.param(Tunnel("ssh -N"), "tunnel", "ssh -N", None, id="tunnel"),
        pytest.param(Protected("a reason"), "protected", "a reason", None, id="protected"),
    ],
)
def test_standing(standing: HolderKind, kind: str, detail: str | None, stop: str | None) -> None:
    target = s.NODE_TARGET.replace(kind=standing)
    data = json_output.free_data(
        [("x", FreeResult(True, 0, (Declined(target),), (s.FREE,)))], s.NOW
    )
    read(json_output.document(["free"], data, exit_code=0))
    found = data["targets"][0]["outcomes"][0]["process"]["standing"]
    said = "unasked" if kind == "container" else None
    named = {"container": None, "image": None, "engine_said": said}
    named |= {"folder": None, "branch": None, "relation": None}
    assert found == {"kind": kind, "detail": detail, "stop": stop, **named}


def test_a_container_is_named_as_far_as_its_engine_did() -> None:
    target = s.NODE_TARGET.replace(
        kind=Container("docker", "shop-db-1", "postgres:16", "ab" * 32, "one")
    )
    data = json_output.free_data(
        [("x", FreeResult(True, 0, (Declined(target),), (s.FREE,)))], s.NOW
    )
    read(json_output.document(["free"], data, exit_code=0))
    found = data["targets"][0]["outcomes"][0]["process"]["standing"]
    assert (found["container"], found["image"]) == ("shop-db-1", "postgres:16")
    assert (found["engine_said"], found["stop"]) == ("one", "docker stop shop-db-1")


@pytest.mark.parametrize(
    ("standing", "detail", "branch", "relation"),
    [
        pytest.param(s.SIBLING, "web", "main", "sibling", id="a run of a sibling"),
        pytest.param(
            s.SIBLING.replace(relation="project", run=None,
                 there=s.SIBLING.there.replace(branch="")),
            None, None, "project", id="a process of another project",
        ),
    ],
)  # fmt: skip
def test_another_checkout_is_named(
    standing: OtherCheckout, detail: str | None, branch: str | None, relation: str
) -> None:
    target = s.NODE_TARGET.replace(kind=standing)
    refused = (Refused(target, "other-checkout"),)
    data = json_output.free_data([("x", FreeResult(False, 90, refused, (s.HELD,)))], s.NOW)
    read(json_output.document(["free"], data, exit_code=90))
    outcome = data["targets"][0]["outcomes"][0]
    found = outcome["process"]["standing"]
    assert (outcome["kind"], outcome["why"]) == ("refused", "other-checkout")
    assert (found["kind"], found["detail"]) == ("elsewhere", detail)
    placed = (found["folder"], found["branch"], found["relation"])
    assert placed == ("/home/ann/shop", branch, relation)


def test_secrets_stay_at_home() -> None:
    text = json_output.document(["validate"], SAMPLES["validate"], exit_code=0)
    assert "s3cr3t" not in text
    assert "abc" not in text
    assert '"env": ["SECRET"]' in text


def test_a_command_is_given_as_it_was_written() -> None:
    commands = [service["command"] for service in SAMPLES["validate"]["services"]]
    assert commands == ["vite --token *** --port {port}", ["uvicorn", "a:b"], ""]


def test_bytes_that_are_no_text_and_escape_sequences_are_escaped() -> None:
    evil = s.NODE_HOLDER.replace(process=s.NODE.replace(name="\udcff\x1b[31m"))
    finding = s.HELD.replace(holding=s.HELD.holding.replace(holders=(evil,)))
    text = json_output.document(
        ["check"], json_output.check_data([("8000", (finding,))], s.NOW), exit_code=1
    )
    assert r'"name": "\udcff\u001b[31m"' in text


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        pytest.param([], "ok", id="nothing was asked"),
        pytest.param([True, True], "ok", id="all"),
        pytest.param([True, False], "partial", id="some"),
        pytest.param([False], "error", id="none"),
    ],
)
def test_overall(answers: list[bool], status: str) -> None:
    assert json_output.overall(answers) == status


def test_a_status_can_be_given() -> None:
    text = json_output.document(["check"], {"targets": []}, exit_code=1, status="partial")
    assert read(text)["status"] == "partial"


def objects(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if "properties" in schema and schema.get("type") == "object" else []
    return own + [found for item in schema.values() for found in objects(item)]


def test_no_shape_takes_what_it_does_not_name() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = objects(SCHEMA)
    assert len(found) > 15
    assert [shape for shape in found if shape.get("additionalProperties") is not False] == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"extra": 1}, id="an unknown key"),
        pytest.param({"data": {"targets": [], "more": 1}}, id="an unknown key in the data"),
        pytest.param({"command": ["status"]}, id="the data of another command"),
        pytest.param({"command": []}, id="data without a command"),
        pytest.param({"schema_version": 2}, id="another version"),
    ],
)
def test_the_schema_says_no(change: dict[str, Any]) -> None:
    good = json.loads(json_output.document(["check"], {"targets": []}, exit_code=0))
    VALIDATOR.validate(good)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(good | change)


def test_a_problem_in_full() -> None:
    held, folder = SAMPLES["doctor"]["problems"]
    assert held["message"] == "`web`: 127.0.0.1:8000 is in use by `node`"
    assert (held["port"], held["service"]) == (8000, "web")
    assert [holder["pid"] for holder in held["holders"]] == [4242]
    assert folder == {
        "code": "folder-missing",
        "severity": "error",
        "service": None,
        "port": None,
        "message": "no folder",
        "evidence": ["it is not there"],
        "why": "why",
        "holders": [],
        "remedies": [{"title": "mend", "command": None, "needs_root": False}],
    }


def test_a_host_without_an_address_has_no_answer() -> None:
    assert [entry["service"] for entry in SAMPLES["doctor"]["services"]] == ["web"]
    assert [entry["target"] for entry in SAMPLES["status"]["services"]] == ["web", "80"]


def test_what_a_run_of_ours_serves() -> None:
    web, bare = SAMPLES["status"]["services"]
    assert web["run"] == {
        "pid": 4200,
        "service": "web",
        "project": "/home/ann/shop",
        "state": "serving",
        "stalled": False,
        "live": True,
    }
    assert web["url"] == "http://localhost:8000/"
    assert [end["state"] for end in web["endpoints"]] == ["serving", "not-listening"]
    assert (bare["service"], bare["run"], bare["url"]) == (None, None, None)
    assert SAMPLES["status"]["groups"] is None


def test_everybody_who_listens_by_group() -> None:
    data = status_data(s.EVERYBODY, (s.UNREAD,), s.NOW)
    document = read(json_output.document(["status"], data, exit_code=0))["data"]
    assert document["services"] == []
    assert [gap["code"] for gap in document["gaps"]] == ["unreadable-processes"]
    told = [(g["kind"], g["folder"], g["branch"], len(g["listeners"])) for g in document["groups"]]
    assert told == [("project", "/home/ann/shop", "main", 2), ("system", None, None, 1)]
    served, other = document["groups"][0]["listeners"]
    assert (served["service"], served["endpoint"]["state"]) == ("web", "serving")
    assert (other["service"], other["endpoint"]["state"], other["run"]) == (None, None, None)


def test_nobody_listens_anywhere() -> None:
    data = status_data((), (), s.NOW)
    assert (data["services"], data["groups"]) == ([], [])


def test_what_init_finds_in_full() -> None:
    found, db = SAMPLES["init"]["services"]
    assert found == {
        "name": "backend",
        "kind": "uvicorn",
        "port": 8000,
        "stated": False,
        "ports": {},
        "command": "uvicorn main:app --token *** --port {port}",
        "shell": False,
        "cwd": "api",
        "env": ["KEY"],
        "sources": [{"file": "main.py", "line": 3, "text": "app = FastAPI()"}],
        "notes": ["Mind this."],
    }
    assert (db["command"], db["port"], db["sources"][0]["line"]) == (None, None, None)
    (left,) = SAMPLES["init"]["left_out"]
    assert left == {"file": "Procfile", "line": 2, "text": "log: tail -f x", "why": "no server"}


def test_the_next_command_is_named_once_it_can_be_typed() -> None:
    assert SAMPLES["init"]["next"] is None
    data = json_output.init_data("/x", "", (s.FOUND,), (), written=True, unread=())
    assert data["next"] == "devports run backend"

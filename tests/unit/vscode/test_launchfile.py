"""Launch configurations and compounds are ours only by their mark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devports.vscode.merge import Plan, plan
from devports.vscode.tasks import Template
from tests.harness import jsonc
from tests.unit.vscode.conftest import ROOT, config, parts, service, vscode

if TYPE_CHECKING:
    from devports.core.service import Config

SHIPPED = Template(
    *((ROOT / ".vscode-template" / f"{n}.json").read_text("utf-8") for n in ("tasks", "launch"))
)
API = service("api", 9000, ports=(("debug", 5678),), vscode=vscode(debug="debugpy"))
WEB = service("web", 5173, ports=(("debug", 9229),), vscode=vscode(debug="node"))
DB = service("db", 5432)
ONE, BOTH, THREE = config(API), config(API, WEB), config(API, WEB, DB)
SHOP = config(API.replace(name="shop"))
GONE = config()
PLAIN = config(API.replace(vscode=vscode()))
MARK = {"group": "devports"}
FORMER = Template(
    (ROOT / "tests/recorded/vscode-files/template-2026-11.tasks.json").read_text("utf-8"),
    SHIPPED.launch,
)
"""The template of the version that has written the mark first."""
NOT_RUNNING = "(?:`[^`]+` is ready on |not running)"
READY_ONLY = "`[^`]+` is ready on "


def made(what: Config, tasks: str | None = None, launch: str | None = None) -> Plan:
    return plan(parts(what), SHIPPED, tasks, launch)


def texts(planned: Plan) -> tuple[str, str]:
    tasks, launch = planned.files
    return tasks.after or "", launch.after or ""


def codes(planned: Plan) -> list[str]:
    """Return the codes of what a person has to decide."""
    return [note.code for note in planned.notes if note.label == "warning"]


def names(text: str, key: str = "configurations") -> list[str]:
    return [each.get("name") for each in jsonc.read(text)[key]]


def entry(text: str, name: str, key: str = "configurations") -> dict[str, Any]:
    found: list[dict[str, Any]] = [e for e in jsonc.read(text)[key] if e.get("name") == name]
    assert len(found) == 1
    return found[0]


def with_first(text: str, addition: str, key: str = "configurations") -> str:
    """Return a launch.json with one more entry, before all others of its list."""
    assert f'"{key}": [' in text
    return text.replace(f'"{key}": [', f'"{key}": [\n        {addition},')


def before(text: str) -> str:
    """Return a file as the version before the mark has written it."""
    assert NOT_RUNNING in text or '"group": "devports"' in text
    lines = text.replace(NOT_RUNNING, READY_ONLY).splitlines(keepends=True)
    kept = [line for line in lines if '"group": "devports"' not in line]
    return (
        "".join(kept)
        .replace('server",\n        }', 'server"\n        }')
        .replace('"stopAll": true,\n', '"stopAll": true\n')
    )


def of_before(what: Config) -> tuple[str, str]:
    tasks, launch = map(before, texts(plan(parts(what), FORMER, None, None)))
    assert "presentation" not in launch
    assert jsonc.read(launch)
    return tasks, launch


OF_A_PERSON = [
    pytest.param(
        '{ "name": "In the box", "type": "debugpy", "request": "attach", // Ann\'s\n'
        '          "preLaunchTask": "Debug Api: server", "connect": {"host": "box", "port": 1} }',
        "configurations",
        id="a configuration that attaches behind a task of ours",
    ),
    pytest.param(
        '{ "name": "Mine", "configurations": [ "Debug Api" ], "preLaunchTask": "Run Api" }',
        "compounds",
        id="a compound of nothing but ours",
    ),
    pytest.param(
        '{ "name": "Mine", "configurations": ["Debug Api"], "presentation": {"group": "mine"} }',
        "compounds",
        id="a compound with a group of its own",
    ),
]


@pytest.mark.parametrize("first", ["before ours", "behind ours", "without ours"])
@pytest.mark.parametrize(("addition", "key"), OF_A_PERSON)
def test_what_has_no_mark_stays_byte_for_byte(addition: str, key: str, first: str) -> None:
    tasks, launch = texts(made(BOTH))
    if first == "without ours":
        tasks, launch = "", f'{{"{key}": [ {addition} ]}}'
    elif first == "before ours":
        launch = with_first(launch, addition, key)
    else:
        body = json.dumps(jsonc.read(f"[{addition}]")[0])
        launch = launch.rstrip().removesuffix("    ]\n}") + f"    , {addition} ]\n}}\n"
        launch = launch if key == "compounds" else with_first(texts(made(BOTH))[1], body)
        addition = addition if key == "compounds" else body
    for what in (BOTH, BOTH, ONE, PLAIN, PLAIN, BOTH):
        planned = made(what, tasks, launch)
        tasks, launch = texts(planned)
        assert addition in launch, what
        assert made(what, tasks, launch).in_sync
    assert {"Debug Api", "Debug Web"} <= {*names(launch)}


@pytest.mark.parametrize(("what", "notes"), [(PLAIN, ["task-gone"]), (GONE, ["task-gone"])])
def test_a_task_that_a_person_waits_for_and_that_went_is_told_once(
    what: Config, notes: list[str]
) -> None:
    tasks, launch = texts(made(ONE))
    mine = '{ "name": "Mine", "request": "attach", "preLaunchTask": "Debug Api: server" }'
    planned = made(what, tasks, with_first(launch, mine))
    assert codes(planned) == notes
    assert mine in texts(planned)[1]
    assert names(texts(planned)[1]) == ["Mine"]
    assert codes(made(what, *texts(planned))) == []


def test_only_the_name_of_a_task_that_changes_is_followed() -> None:
    tasks, launch = texts(made(ONE))
    mine = '{"name": "Mine", "request": "attach", "preLaunchTask": "Debug Api: server"}'
    _, after = texts(made(SHOP, tasks, with_first(launch, mine)))
    assert mine.replace("Api", "Shop") in after
    assert names(after) == ["Mine", "Debug Shop"]


def test_with_prelaunch_a_configuration_gets_its_task_and_lives() -> None:
    hooked = config(API.replace(vscode=vscode(debug="debugpy", prelaunch=("Attach",))))
    launch = '{"configurations": [{"name": "Attach", "type": "debugpy", "request": "attach"}]}'
    tasks: str | None = None
    for _ in range(3):
        tasks, launch = texts(made(hooked, tasks, launch))
        assert entry(launch, "Attach")["preLaunchTask"] == "Free Api Port"
    assert made(hooked, tasks, launch).in_sync


# -- copies


COPY = {"name": "In the box", "connect": {"host": "box", "port": 5678}}


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_copy_with_the_mark_stays_and_ours_is_updated(place: str) -> None:
    tasks, launch = texts(made(ONE))
    ours = jsonc.read(launch)["configurations"][0]
    pair = [ours | COPY, ours] if place == "first" else [ours, ours | COPY]
    launch = json.dumps({"version": "0.2.0", "configurations": pair})
    moved = config(API.replace(ports=(("debug", 6000),)))
    after_tasks, after = texts(made(moved, tasks, launch))
    assert entry(after, "In the box") == ours | COPY
    assert entry(after, "Debug Api")["connect"]["port"] == 6000
    assert made(moved, after_tasks, after).in_sync
    shop_tasks, shop = texts(made(SHOP, tasks, launch))
    assert {*names(shop)} == {"In the box", "Debug Shop"}
    assert entry(shop, "In the box") == ours | COPY | {"preLaunchTask": "Debug Shop: server"}
    assert made(SHOP, shop_tasks, shop).in_sync


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("what", [PLAIN, GONE], ids=["no debugger", "no service"])
def test_a_copy_stays_where_its_service_went_and_is_told_of(what: Config, place: str) -> None:
    tasks, launch = texts(made(ONE))
    ours = jsonc.read(launch)["configurations"][0]
    pair = [ours | COPY, ours] if place == "first" else [ours, ours | COPY]
    planned = made(what, tasks, json.dumps({"configurations": pair}))
    assert names(texts(planned)[1]) == ["In the box"]
    assert codes(planned) == ["entry-adrift"]
    again = made(what, *texts(planned))
    assert (again.in_sync, codes(again)) == (True, ["entry-adrift"])


ADRIFT = [
    pytest.param({"name": "Debug Api", "preLaunchTask": None}, "configurations", id="no task"),
    pytest.param({"name": "Open", "request": "launch", "preLaunchTask": "Run Api"},
                 "configurations", id="a configuration of a person's in our group"),
    pytest.param({"name": "Some", "configurations": ["Debug Api"]}, "compounds",
                 id="a compound of a name that is not ours"),
]  # fmt: skip


@pytest.mark.parametrize(("mine", "key"), ADRIFT)
def test_what_has_the_mark_and_belongs_to_no_service_stays(mine: dict[str, Any], key: str) -> None:
    tasks, _ = texts(made(ONE))
    mine = mine | {"presentation": MARK}
    launch = json.dumps({"configurations": [], "compounds": []} | {key: [mine]})
    for what in (ONE, ONE, GONE):
        planned = made(what, tasks, launch)
        tasks, launch = texts(planned)
        assert entry(launch, mine["name"], key) == mine
        assert codes(planned) == ["entry-adrift"]
    assert names(launch) == [mine["name"]] * (key == "configurations")


# -- the mark taken away, and files from before it


@pytest.mark.parametrize("shown", [None, {"group": "mine"}, {"group": 1}, [], "devports"])
def test_without_the_mark_it_is_the_persons_and_none_is_added(shown: object) -> None:
    tasks, launch = texts(made(ONE))
    ours = jsonc.read(launch)["configurations"][0]
    mine = {k: v for k, v in ours.items() if k != "presentation"}
    mine |= {"presentation": shown} if shown else {}
    text = json.dumps({"configurations": [mine], "compounds": []})
    planned = made(config(API.replace(ports=(("debug", 6000),))), tasks, text)
    assert texts(planned)[1] == text
    assert [note.message for note in planned.notes] == [
        "`.vscode/launch.json` already has a configuration `Debug Api` of yours; left unchanged"
    ]
    assert codes(planned) == ["label-taken"]
    assert made(ONE, tasks, text).in_sync


@pytest.mark.parametrize("what", [ONE, BOTH, THREE], ids=["one", "two", "three"])
def test_what_the_version_before_wrote_gets_the_mark(what: Config) -> None:
    planned = made(what, *of_before(what))
    assert [file.state for file in planned.files] == ["stale", "stale"]
    assert codes(planned) == []
    fresh = texts(made(what))
    assert [jsonc.read(text) for text in texts(planned)] == [jsonc.read(text) for text in fresh]
    assert made(what, *texts(planned)).in_sync


def test_comments_and_layout_survive_the_adoption() -> None:
    tasks, _ = of_before(ONE)
    launch = """{
\t"configurations": [
\t\t// ours
\t\t{ "name": "Debug Api", "type": "debugpy", "request": "attach", /* here */ "connect":
\t\t\t{ "host": "127.0.0.1", "port": 1 }, "preLaunchTask": "Debug Api: server" }, // it
\t],
}
"""
    _, after = texts(made(ONE, tasks, launch))
    mark = ', "presentation": { "group": "devports" }'
    assert after.replace(f"{mark} }}", " }").replace(mark, "") == launch


def test_an_adoption_does_nothing_else_and_removes_nothing() -> None:
    tasks, launch = of_before(ONE)
    web = entry(texts(made(BOTH))[1], "Debug Web")
    launch = with_first(launch, json.dumps(web))
    tasks, _ = of_before(BOTH)
    moved = config(API.replace(ports=(("debug", 6000),)))
    tasks, after = texts(made(moved, tasks, launch))
    assert names(after) == ["Debug Web", "Debug Api"]
    assert entry(after, "Debug Api")["connect"]["port"] == 5678
    _, after = texts(made(moved, tasks, after))
    assert entry(after, "Debug Api")["connect"]["port"] == 6000


def test_a_service_that_is_added_with_the_update_is_added() -> None:
    planned = made(BOTH, *of_before(ONE))
    assert names(texts(planned)[1]) == ["Debug Api", "Debug Web"]
    assert names(texts(planned)[1], "compounds") == ["Debug All"]
    assert made(BOTH, *texts(planned)).in_sync


OTHERS = [
    pytest.param('"type": "debugpy"', '"type": "debugpy", "justMyCode": false', id="one more key"),
    pytest.param('"127.0.0.1"', '"box"', id="another host"),
    pytest.param('"port": 5678', '"port": "5678"', id="a port that is no number"),
    pytest.param('"port": 5678', '"port": true', id="a port that is true"),
]


@pytest.mark.parametrize(("old", "new"), OTHERS)
def test_what_only_looks_like_ours_stays_and_is_told_of_once(old: str, new: str) -> None:
    tasks, launch = of_before(ONE)
    launch = launch.replace(old, new, 1)
    planned = made(ONE, tasks, launch)
    assert texts(planned)[1] == launch
    assert codes(planned) == ["entry-unmarked"]
    note, *_ = planned.notes
    assert note.message.endswith("configuration `Debug Api` that looks generated but has no mark")
    mark = '"presentation": { "group": "devports" }'
    assert note.hints == (f"to let devports update it, add {mark}; otherwise rename it",)
    again = made(ONE, *texts(planned))
    assert (again.in_sync, codes(again)) == (True, ["label-taken"])


def test_a_compound_of_the_version_before_has_exactly_our_members() -> None:
    tasks, launch = of_before(BOTH)
    other = launch.replace('["Debug Api", "Debug Web"]', '["Debug Web", "Debug Api"]')
    assert other != launch
    assert codes(made(BOTH, tasks, other)) == []
    fewer = launch.replace('["Debug Api", "Debug Web"]', '["Debug Api"]')
    planned = made(BOTH, tasks, fewer)
    assert codes(planned) == ["entry-unmarked"]
    assert "presentation" not in entry(texts(planned)[1], "Debug All", "compounds")
    foreign = launch.replace('["Debug Api", "Debug Web"]', '["Theirs"]')
    assert codes(made(BOTH, tasks, foreign)) == ["label-taken"]


def test_what_went_or_was_renamed_with_the_update_is_told_of() -> None:
    planned = made(ONE, *of_before(BOTH))
    assert names(texts(planned)[1]) == ["Debug Api", "Debug Web"]
    assert codes(planned) == ["entry-unmarked", "task-gone"]
    assert planned.notes[0].hints == ("keep it as yours, or remove it",)
    planned = made(SHOP, *of_before(ONE))
    assert names(texts(planned)[1]) == ["Debug Api", "Debug Shop"]
    assert codes(planned) == ["entry-unmarked"]


def test_odd_entries_are_left_alone() -> None:
    tasks, _ = of_before(BOTH)
    odd = [1, None, {"name": 2}, {"presentation": MARK, "configurations": 3}]
    launch = json.dumps({"configurations": [], "compounds": odd})
    planned = made(BOTH, tasks, launch)
    assert jsonc.read(texts(planned)[1])["compounds"][:4] == odd
    assert codes(planned) == ["entry-adrift"]


def test_a_compound_may_name_members_with_their_folder() -> None:
    """As those of a window of several folders do."""
    members = [{"name": "Debug Api", "folder": "shop"}, "Debug Web"]
    mine = {"name": "Mine", "configurations": members}
    for tasks, launch in (texts(made(BOTH)), of_before(BOTH)):
        text = with_first(launch, json.dumps(mine), "compounds")
        planned = made(BOTH, tasks, text)
        assert entry(texts(planned)[1], "Mine", "compounds") == mine
        assert codes(planned) == []
    tasks, launch = of_before(BOTH)
    theirs = launch.replace('["Debug Api", "Debug Web"]', json.dumps(members))
    assert codes(made(BOTH, tasks, theirs)) == ["entry-unmarked"]


# -- a template of one's own


OWN = """{
    "configurations": [
        { "name": "Los: {title}", "type": "debugpy", "request": "attach", "port": "{debugpy_port}",
          "preLaunchTask": "{debug_task}", "presentation": { "hidden": true } },
        { "name": "Browser", "type": "chrome", "request": "launch" }
    ]
}"""


def test_a_template_of_ones_own_need_not_bring_the_mark() -> None:
    own = Template(SHIPPED.tasks, OWN)
    tasks, launch = texts(plan(parts(ONE), own, None, None))
    shown = [each["presentation"] for each in jsonc.read(launch)["configurations"]]
    assert shown == [{"hidden": True, "group": "devports"}, MARK]
    assert plan(parts(ONE), own, tasks, launch).in_sync
    old = launch.replace(', "group": "devports"', "")
    planned = plan(parts(ONE), own, of_before(ONE)[0], old)
    assert entry(texts(planned)[1], "Los: Api")["presentation"] == shown[0]

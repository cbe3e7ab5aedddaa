"""`devports vscode`, as a person and as a hook use it."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import jsonc
from tests.harness.capabilities import NEEDS_LINKS, NEEDS_STRACE, NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.command import Command
    from tests.harness.project import Project

COMMENTED = """\
{
  // our tasks \u2014 ask Ann
  "version": "2.0.0",
  "tasks": [
    { "label": "build", "command": "make" }, // slow
  ],
}
"""


WRITING = "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"


@pytest.fixture(autouse=True)
def web(project: Project) -> None:
    project.service("web", 8123, "serve --port {port}")


def path(project: Project, name: str = "tasks.json") -> str:
    return os.path.join(project.folder, ".vscode", name)


def put(project: Project, text: str, name: str = "tasks.json") -> None:
    os.makedirs(os.path.dirname(path(project)), exist_ok=True)
    with open(path(project, name), "w", encoding="utf-8", newline="") as file:
        file.write(text)


def read(project: Project, name: str = "tasks.json") -> str:
    with open(path(project, name), encoding="utf-8", newline="") as file:
        return file.read()


def test_the_button_is_made_and_the_second_run_does_nothing(
    devports: Command, project: Project
) -> None:
    first = devports("vscode")
    assert (first.code, first.out) == (0, ""), first
    assert first.err == (
        "wrote .vscode/tasks.json\n"
        "next in VS Code: Terminal > Run Task... > `Run Web`\n"
        'to start it by a key, add to keybindings.json: { "key": "ctrl+alt+r", "command": '
        '"workbench.action.tasks.runTask", "args": "Run Web" }\n'
        "note: no launch.json: no service has `debug` or `prelaunch` in its `vscode` table\n"
    )
    labels = [task["label"] for task in jsonc.read(read(project))["tasks"]]
    assert labels == ["Run Web"]
    before = os.stat(path(project))
    second = devports("vscode")
    assert second.err == ".vscode/tasks.json: up to date\n"
    assert os.stat(path(project)) == before or os.stat(path(project)).st_mtime == before.st_mtime


def test_a_commented_file_is_added_to(devports: Command, project: Project) -> None:
    put(project, COMMENTED.replace("\n", "\r\n"))
    os.chmod(path(project), 0o640)
    assert devports("vscode").code == exitcodes.OK
    text = read(project)
    start = COMMENTED.index("  ],\n}")
    assert text.replace("\r\n", "\n").startswith(COMMENTED[:start])
    assert text.count("\n") == text.count("\r\n")
    if not NEEDS_UIDS.args[0]:
        assert stat.S_IMODE(os.stat(path(project)).st_mode) == 0o640


def test_check_says_no_with_the_difference_and_writes_nothing(
    devports: Command, project: Project
) -> None:
    put(project, COMMENTED)
    done = devports("vscode", "--check")
    assert done.code == exitcodes.NO
    assert '+      "label": "Run Web",\n' in done.out
    assert "--- a/.vscode/tasks.json\n+++ b/.vscode/tasks.json\n" in done.out
    assert read(project) == COMMENTED
    assert devports("vscode").code == exitcodes.OK
    assert (devports("vscode", "--check").code, devports("vscode", "--check").out) == (0, "")


def test_diff_shows_the_same_and_says_yes(devports: Command, project: Project) -> None:
    shown = devports("vscode", "--diff")
    assert (shown.code, shown.out) == (exitcodes.OK, devports("vscode", "--check").out)
    assert not os.path.exists(os.path.dirname(path(project)))


def test_a_broken_file_is_left_alone_and_the_snippet_is_printed(
    devports: Command, project: Project
) -> None:
    put(project, '{\n  "tasks": [\n    { "label": "a" }\n    { "label": "b" }\n  ]\n}\n')
    before = read(project)
    done = devports("vscode")
    assert done.code == exitcodes.USAGE
    assert ".vscode/tasks.json:4:5: a comma or `]` was expected" in done.err
    assert jsonc.read(done.out)["tasks"][0]["label"] == "Run Web"
    assert read(project) == before
    assert devports("vscode", "--json").json()["errors"][0]["code"] == "editor-file-broken"


@NEEDS_LINKS
def test_a_link_out_of_the_project_is_not_followed(
    devports: Command, project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, os.path.join(project.folder, ".vscode"))
    done = devports("vscode")
    assert done.code == exitcodes.USAGE
    assert "is a link or not a folder; left unchanged" in done.err
    assert os.listdir(outside) == []


@NEEDS_UIDS
def test_a_project_of_its_own_template_wins(devports: Command, project: Project) -> None:
    os.mkdir(os.path.join(project.folder, ".vscode-template"))
    template = os.path.join(project.folder, ".vscode-template", "tasks.json")
    with open(template, "w", encoding="utf-8") as file:
        file.write('{"tasks": [{"label": "Los: {title}", "command": "devports run {service}"}]}')
    assert devports("vscode").code == exitcodes.OK
    assert [task["label"] for task in jsonc.read(read(project))["tasks"]] == ["Los: Web"]


def test_a_configuration_that_tasks_would_not_find_is_refused(
    devports: Command, project: Project
) -> None:
    other = os.path.join(project.folder, "other.toml")
    os.rename(project.config, other)
    done = devports("vscode", "--config", other)
    assert done.code == exitcodes.USAGE
    assert "VS Code tasks cannot use" in done.err


def test_json_has_the_files_and_what_is_to_be_decided(devports: Command, project: Project) -> None:
    project.service("web", 8123, "serve", vscode={"prelaunch": ["F"]})
    done = devports("vscode", "--check", "--json")
    data = done.json()["data"]
    assert (data["mode"], data["in_sync"], done.code) == ("check", False, exitcodes.NO)
    assert [(f["path"], f["state"], f["written"]) for f in data["files"]] == [
        (".vscode/tasks.json", "missing", False),
        (".vscode/launch.json", "absent", False),
    ]
    assert [note["code"] for note in data["notes"]] == ["configuration-missing"]


LAUNCH = """\
{
    "configurations": [
        // of a person
        { "name": "Attach", "type": "debugpy", "request": "attach", "connect": { "port": 1 } },
        { "name": "In the box", "type": "debugpy", "request": "attach", // Ann's
          "preLaunchTask": "Debug Web: server", "connect": { "host": "box", "port": 1 } },
    ],
    "compounds": [
        { "name": "Mine", "configurations": ["Debug Web"] },
    ],
}
"""
WITH_TASK = '"connect": { "port": 1 }, "preLaunchTask": "Free Web Port" }'


def debugged(project: Project, **more: object) -> None:
    vscode = {"debug": "debugpy", "prelaunch": ["Attach"]} | more
    project.service("web", 8123, "serve", ports={"debug": 5678}, vscode=vscode)


def launches(project: Project, key: str = "configurations") -> list[str]:
    return [each["name"] for each in jsonc.read(read(project, "launch.json"))[key]]


def test_what_a_person_wrote_lives_through_three_runs_and_the_end_of_the_service(
    devports: Command, project: Project
) -> None:
    """A configuration that attaches behind a task of ours, one with `prelaunch`, a compound."""
    debugged(project)
    put(project, LAUNCH, "launch.json")
    mine = LAUNCH.replace('"connect": { "port": 1 } }', WITH_TASK)
    head, tail = mine.split("    ],\n", 1)
    for said in ("wrote", "up to date", "up to date"):
        done = devports("vscode")
        assert (done.code, said in done.err, "warning" in done.err) == (0, True, False), done
        text = read(project, "launch.json")
        assert text.startswith(head)
        assert tail.strip() in text
        assert launches(project) == ["Attach", "In the box", "Debug Web"]
    project.services.clear()
    project.service("db", 8124)
    gone = devports("vscode")
    assert "`In the box` in `.vscode/launch.json` names the task `Debug Web: server`" in gone.err
    assert "`Attach` in `.vscode/launch.json` names the task `Free Web Port`" in gone.err
    assert read(project, "launch.json") == mine
    assert devports("vscode", "--check").code == exitcodes.OK


def test_a_copy_with_the_mark_is_neither_renamed_nor_removed(
    devports: Command, project: Project
) -> None:
    debugged(project, prelaunch=[])
    devports("vscode")
    text = read(project, "launch.json")
    body = text[text.index("        {\n") : text.index("        }\n") + len("        }")]
    copy = body.replace("Debug Web", "In the box", 1).replace("127.0.0.1", "box")
    put(project, text.replace(body, f"{copy},\n{body}"), "launch.json")
    project.service(
        "web", 8123, "serve", ports={"debug": 6000}, vscode={"debug": "debugpy"}
    )  # fmt: skip
    assert devports("vscode").err == "wrote .vscode/launch.json\n"
    assert copy in read(project, "launch.json")
    assert body.replace("5678", "6000") in read(project, "launch.json")
    project.service("web", 8123, "serve")
    assert "with the mark of devports for no service" in devports("vscode").err
    assert launches(project) == ["In the box"]
    assert devports("vscode", "--check").code == exitcodes.OK


def test_files_from_before_the_mark_are_adopted_and_check_says_so(
    devports: Command, project: Project
) -> None:
    debugged(project, prelaunch=[])
    devports("vscode")
    fresh = read(project), read(project, "launch.json")
    ends, mark = "(.* is ready on |not running)", ',\n            "presentation": {'
    assert ends in fresh[0]
    assert mark in fresh[1]
    put(project, fresh[0].replace(ends, "`[^`]+` is ready on "))
    start, rest = fresh[1].split(mark)
    put(project, start + rest[rest.index("}") + 1 :], "launch.json")
    before = read(project, "launch.json")
    checked = devports("vscode", "--check")
    assert checked.code == exitcodes.NO
    assert '+            "presentation": { "group": "devports" }\n' in checked.out
    assert read(project, "launch.json") == before
    assert devports("vscode").err == "wrote .vscode/tasks.json and .vscode/launch.json\n"
    assert (read(project), read(project, "launch.json")) == fresh
    assert devports("vscode", "--check").code == exitcodes.OK


@NEEDS_STRACE
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("validate",), id="validate"),
        pytest.param(("vscode", "--check"), id="vscode --check"),
    ],
)
def test_what_hooks_call_only_reads(
    devports: Command, project: Project, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """No socket, no other program, no signal, nothing written."""
    assert devports("vscode").code == exitcodes.OK
    log = str(tmp_path / "strace")
    calls = f"%network,kill,tkill,tgkill,pidfd_open,execve,fork,vfork,clone,clone3,{WRITING}"
    traced = devports.under("strace", "-f", "-qq", "-e", f"trace={calls}", "-o", log, "--")
    before = {name: read(project) for name in os.listdir(os.path.dirname(path(project)))}
    assert traced(*words).code == exitcodes.OK
    with open(log, encoding="utf-8") as file:
        lines = [line for line in file if "execve(" not in line and "exited with" not in line]
    assert lines == []
    with open(log, encoding="utf-8") as file:
        programs = [line for line in file if "execve(" in line and "= 0" in line]
    assert len(programs) <= 2, programs  # strace starts us, a launcher may start python
    assert before == {name: read(project) for name in os.listdir(os.path.dirname(path(project)))}


def codes(devports: Command) -> list[str]:
    found = devports("doctor", "--json").json()["data"]["problems"]
    return [problem["code"] for problem in found if problem["code"].startswith("editor-")]


@pytest.fixture
def resolved(devports: Command, project: Project) -> None:
    """Make `devports` known in the project's own environment, where tasks look first."""
    folder = os.path.join(project.folder, ".venv", "bin")
    os.makedirs(folder)
    os.symlink(devports.argv[0], os.path.join(folder, "devports"))
    devports.env["PATH"] = os.path.dirname(sys.executable) + "-not-there"


@NEEDS_LINKS
@pytest.mark.usefixtures("resolved")
def test_the_doctor_knows_the_files(devports: Command, project: Project) -> None:
    assert codes(devports) == [], "who does not use VS Code is not asked about it"
    project.service("web", 8123, "serve", vscode={"task": "Go"})
    assert codes(devports) == ["editor-files-missing"]
    devports("vscode")
    assert codes(devports) == []
    project.service("web", 8123, "serve", vscode={"task": "Go on"})
    assert codes(devports) == ["editor-files-stale"]
    devports("vscode")
    os.unlink(os.path.join(project.folder, ".venv", "bin", "devports"))
    assert codes(devports) == ["editor-command-missing"]


@NEEDS_LINKS
@pytest.mark.usefixtures("resolved")
def test_the_doctor_lints_what_a_person_wrote(devports: Command, project: Project) -> None:
    put(project, '{"tasks": [{"label": "w", "command": "x", "isBackground": true}]}')
    put(project, '{"configurations": [{"name": "F", "preLaunchTask": "gone"}]}', "launch.json")
    assert codes(devports) == ["editor-prelaunch-unknown", "editor-matcher-missing"]
    put(project, '{"configurations": [{"name": "F", "preLaunchTask": "w"}]}', "launch.json")
    done = devports("doctor")
    assert "error: the background task `w` has no `problemMatcher`" in done.out
    assert ".vscode/tasks.json:1:12" in done.out
    project.service("api", 8124, "serve --port {port}")
    devports("vscode")
    put(project, '{"configurations": [{"name": "F", "preLaunchTask": "Run All"}]}', "launch.json")
    assert codes(devports) == ["editor-need-unseen", "editor-matcher-missing"]


@NEEDS_LINKS
@pytest.mark.usefixtures("resolved")
def test_the_doctor_names_a_file_whose_runs_hide_that_they_failed(
    devports: Command, project: Project
) -> None:
    devports("vscode")
    fresh = read(project)
    put(project, fresh.replace("(.* is ready on |not running)", "`[^`]+` is ready on "))
    assert codes(devports) == ["editor-files-stale", "editor-failure-unseen"]
    assert "`Run Web` does not notice a failed start" in devports("doctor").out
    devports("vscode")
    assert (read(project), codes(devports)) == (fresh, [])


# -- configurations in folders below


def put_below(project: Project, folder: str, text: str = "[services.web]\nport = 8123\n") -> None:
    os.makedirs(os.path.join(project.folder, folder), exist_ok=True)
    with open(os.path.join(project.folder, folder, "devports.toml"), "w", encoding="utf-8") as file:
        file.write(f'{text}command = "serve --port {{port}}"\n')


@pytest.fixture
def below(devports: Command, project: Project) -> Command:
    """Two configurations below the folder, and none in it; further ones do not count."""
    os.unlink(project.config)
    for folder in ("services/my api", "services/web", "node_modules/x", ".hidden", "other/deep"):
        put_below(project, folder)
    os.makedirs(os.path.join(project.folder, "other", ".git"))
    os.makedirs(os.path.join(project.folder, ".git"))
    return devports


def labels_of(project: Project) -> list[str]:
    return [task["label"] for task in jsonc.read(read(project))["tasks"]]


@pytest.mark.parametrize("words", ["vscode", "run web", "status", "doctor"])
def test_without_a_configuration_those_below_are_named(below: Command, words: str) -> None:
    done = below(*words.split())
    text = done.out + done.err
    assert done.code == (exitcodes.OK if words == "doctor" else exitcodes.USAGE)
    assert "; there are 2 below\n  services/my api/devports.toml\n  services/web/" in text
    if words == "vscode":
        advice = text.partition("\n\n")[2].splitlines()[0]
        assert advice == ("hint: to write their VS Code tasks here, run `devports vscode --below`")


def test_tasks_of_folders_below_are_written_once_and_kept_up_to_date_from_each(
    below: Command, project: Project
) -> None:
    assert below("vscode", "--below").code == exitcodes.OK
    both = ["Run Web (services/my api)", "Run Web (services/web)", "Run All"]
    assert labels_of(project) == both
    assert below("vscode", "--check").code == exitcodes.OK
    put_below(project, "services/web", "[services.shop]\nport = 8124\n")
    web = os.path.join(project.folder, "services", "web")
    there = replace(below, cwd=web)
    assert there("vscode", "--check").code == exitcodes.NO
    assert there("vscode").err == "wrote ../../.vscode/tasks.json\n"
    assert labels_of(project) == ["Run Web", "Run Shop", "Run All"]
    assert not os.path.exists(os.path.join(web, ".vscode"))
    os.unlink(os.path.join(project.folder, "services", "my api", "devports.toml"))
    assert there("vscode", "--check").code == exitcodes.OK
    assert "`Run Web`" in below("vscode").err
    assert labels_of(project) == ["Run Shop"]


def test_the_folder_may_be_named(below: Command, project: Project) -> None:
    there = replace(below, cwd=os.path.join(project.folder, "services"))
    asked = there("vscode", "..")
    assert asked.code == exitcodes.USAGE
    assert "run `devports vscode .. --below`" in asked.err
    assert "`cd '../services/my api'`" in asked.err
    assert there("vscode", "..", "--below").err.startswith("wrote ../.vscode/tasks.json\n")
    put_below(project, "services/web", "[services.shop]\nport = 8124\n")
    stale = there("vscode", "web", "--check")
    assert "out of date: ../.vscode/tasks.json; to update, run `devports vscode web`" in stale.err
    assert there("vscode", "web").code == exitcodes.OK
    assert labels_of(project) == ["Run Web", "Run Shop", "Run All"]
    assert "cannot use the folder `web/devports.toml`" in there("vscode", "web/devports.toml").err


def test_a_broken_file_below_is_reported_and_the_others_are_written(
    below: Command, project: Project
) -> None:
    below("vscode", "--below")
    put_below(project, "services/web", "[services.shop]\nport = 8124\n")
    put_below(project, "services/my api", "broken\n")
    done = below("vscode")
    assert done.code == exitcodes.NO
    assert "error: `services/my api/devports.toml` is not valid TOML" in done.err
    assert labels_of(project) == ["Run Web (services/my api)", "Run Shop", "Run All"]
    assert below("vscode", "--json").json()["errors"][0]["code"] == "config-syntax"


def test_many_at_once_all_succeed(devports: Command, project: Project) -> None:
    """Each writes or finds that another one has written."""
    put(project, COMMENTED)
    runs = [devports.start("vscode") for _ in range(20)]
    ends = [(each.ends(within=60), each.err) for each in runs]
    for code, text in ends:
        assert code == exitcodes.OK or "is locked by another process" in text, (code, text)
    assert devports("vscode", "--check").code == exitcodes.OK

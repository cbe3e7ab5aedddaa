"""A port for each worktree: what is assigned stays, what a server gets is what everything says."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import schemas, tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_GIT
from tests.harness.checkouts import git, linked, repository
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tests.conftest import Zoo
    from tests.harness.command import Command, Done

pytestmark = [NEEDS_FORK, NEEDS_GIT]

ROOM = 16
"""Ports above a declared one that belong to the test."""
SERVE = ["sh", "-c", f"env > seen; exec {shlex.join(argv_of('listener', '{port}', '--stay'))}"]


class Shop:
    """A repository with worktrees; `web` has a further port, `db` is started by others."""

    def __init__(self, folder: Path, first: int, devports: Command) -> None:
        self.web, self.metrics, self.devports = first, first + ROOM, devports
        self.folder, self.above = str(folder / "shop"), folder
        os.mkdir(self.folder)
        self.project = Project(self.folder)
        self.project.service(
            "web",
            self.web,
            SERVE,
            port_per="worktree",
            ports={"metrics": self.metrics},
            env={"DB": "app_{offset}", "API": "http://localhost:{services.web.port}/"},
            env_file=".env",
        )
        self.project.service("db", self.metrics + ROOM - 1, host="0.0.0.0")
        self.write(".env", f"PORT={self.web}\nSECRET=s3cr3t\n")
        repository(self.folder)
        self.main = replace(devports, cwd=self.folder)

    def write(self, name: str, text: str) -> None:
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def worktree(self, name: str) -> Command:
        linked(self.folder, self.above / name, name)
        return replace(self.main, cwd=str(self.above / name))


@pytest.fixture
def shop(tmp_path: Path, devports: Command) -> Iterator[Shop]:
    with reserved_block(2 * ROOM // 8) as first:
        yield Shop(tmp_path, first, devports)


def data(done: Done) -> dict[str, Any]:
    assert done.code == exitcodes.OK, done
    document = done.json()
    schemas.fits("result", document)
    found: dict[str, Any] = document["data"]
    return found


def numbers(done: Done) -> tuple[int, int, int]:
    """Return offset, port and further port of `web` from `env --json`."""
    found = data(done)
    web = found["services"]["web"]
    return found["offset"], web["port"], web["ports"]["metrics"]


def test_first_calls_at_once_are_distinct_also_when_some_are_killed(shop: Shop):
    there = [shop.main, *(shop.worktree(f"w{n}") for n in range(9))]
    runs = [each.start("env", "--json") for each in there]
    for run in runs[3:5]:
        run.send(signal.SIGKILL)
    answered = {n: run for n, run in enumerate(runs) if run.ends() == exitcodes.OK}
    found = [numbers(each("env", "--json")) for each in there]
    assert len({ports for each in found for ports in each[1:]}) == 2 * len(there)
    assert found[0] == (0, shop.web, shop.metrics)
    assert all((web - n, more - n) == (shop.web, shop.metrics) for n, web, more in found)
    for n, run in answered.items():
        assert json.loads(run.out)["data"]["offset"] == found[n][0]


def test_ten_run_at_once_each_on_its_own_ports(shop: Shop):
    there = [shop.main, *(shop.worktree(f"w{n}") for n in range(9))]
    runs = [each.start("run", "web") for each in there]
    for run in runs:
        run.says("`web` is ready on 127.0.0.1:")
    checkouts = {one["folder"]: one for one in data(shop.main("ports", "--json"))["checkouts"]}
    for each, run in zip(there, runs, strict=True):
        offset, port = checkouts[each.cwd]["offset"], checkouts[each.cwd]["ports"]["web"]["port"]
        assert f"`web` is ready on 127.0.0.1:{port}" in run.err
        assert "in use" not in run.err
        assert tables.listening_pids(port)
        assert f"({shop.web} + {offset} in this worktree)" in run.err or not offset
        with open(f"{each.cwd}/seen", encoding="utf-8") as file:
            seen = dict(line.rstrip("\n").partition("=")[::2] for line in file)
        assert (seen["PORT"], seen["DB"]) == (str(port), f"app_{offset}")
        assert seen["API"] == f"http://localhost:{port}/"
    first = [run.err.splitlines()[0] for run in runs[1:]]
    assert all("this worktree has its own ports from now on: `web`" in line for line in first)
    service = data(there[1]("status", "web", "--json"))["services"][0]
    assert service["base"] == shop.web
    assert data(there[1]("status", "--json"))["offset"] == numbers(there[1]("env", "--json"))[0]
    assert there[1]("ports", "--release").code == exitcodes.ALREADY_RUNNING
    assert there[1]("free", "web", "--yes").code == exitcodes.OK
    assert [run.ended for run in (runs[0], *runs[2:])] == [False] * 9


def test_an_assigned_port_that_is_in_use_is_not_exchanged(shop: Shop, zoo: Zoo):
    feat = shop.worktree("feat")
    offset, port, _ = numbers(feat("env", "--json"))
    stranger = zoo("listener", port)
    done = feat("run", "web")
    assert done.code == exitcodes.HELD, done
    assert f"(pid {stranger.pid})" in done.err
    run = feat.start("run", "web", "--on-conflict", "next")
    run.says(f"`web` is ready on 127.0.0.1:{port + 1}")
    assert "in this worktree" not in run.err
    found = data(feat("env", "web", "--json"))
    assert found["variables"]["PORT"] == found["variables"]["WEB_PORT"] == str(port + 1)
    assert found["services"]["web"]["base"] == shop.web
    (here,) = data(feat("ports", "--json"))["checkouts"]
    assert (here["offset"], here["ports"]["web"]["port"], here["branch"]) == (offset, port, "feat")
    assert stranger.alive


def test_the_refusal_leads_to_a_port_for_each_worktree(shop: Shop):
    feat = shop.worktree("feat")
    for each in (shop.main, feat):
        with open(f"{each.cwd}/devports.toml", "r+", encoding="utf-8") as file:
            text = file.read().replace('port_per = "worktree"', "").replace("app_{offset}", "x")
            file.seek(0)
            file.truncate()
            file.write(text)
    shop.main.start("run", "web").says("is ready on")
    done = feat("run", "web", "--yes")
    assert done.code == exitcodes.HELD, done
    assert 'set `port_per = "worktree"` in `[services.web]`' in done.err
    assert f"{shop.folder}, branch `main`; you are in {feat.cwd}, branch `feat`" in done.err


def test_doctor_names_the_line_of_a_copied_env_file_and_writes_nothing(shop: Shop):
    feat = shop.worktree("feat")
    problems = data_of_doctor(feat)
    (found,) = [p for p in problems if p["code"] == "base-in-env-file"]
    assert found["evidence"] == [f"{feat.cwd}/.env:1"]
    assert not os.path.exists(f"{feat.env['XDG_STATE_HOME']}/devports/assigned.json")
    assert not [p for p in data_of_doctor(shop.main) if p["code"] == "base-in-env-file"]


def data_of_doctor(command: Command) -> list[dict[str, Any]]:
    document = command("doctor", "--json").json()
    schemas.fits("result", document)
    problems: list[dict[str, Any]] = document["data"]["problems"]
    return problems


def test_what_is_left_of_a_removed_worktree_is_named_and_can_be_stopped(shop: Shop, zoo: Zoo):
    feat = shop.worktree("feat")
    run = feat.start("run", "web")
    run.says("is ready on")
    _, port, metrics = numbers(feat("env", "--json"))
    by_hand = zoo("listener", metrics, cwd=feat.cwd)
    assert shop.main("free", metrics, "--yes").code == exitcodes.HELD
    git(shop.folder, "worktree", "remove", "--force", feat.cwd)
    (gone,) = [p for p in data_of_doctor(shop.main) if p["code"] == "folder-gone"]
    assert gone["remedies"][0]["command"] == f"devports free 127.0.0.1:{port}"
    done = shop.main("free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert run.ends()
    assert shop.main("free", metrics, "--yes").code == exitcodes.OK
    assert not by_hand.alive
    assert numbers(shop.worktree("again")("env", "--json"))[0] == 1


def test_outside_every_project_a_port_means_what_is_on_it(shop: Shop, tmp_path: Path):
    run = shop.main.start("run", "web")
    run.says("is ready on")
    other = tmp_path / "blog"
    other.mkdir()
    Project(str(other)).service("web", shop.web)
    refused = replace(shop.main, cwd=str(other))("free", shop.web, "--yes")
    assert refused.code == exitcodes.HELD, refused
    assert not run.ended
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    done = replace(shop.main, cwd=str(nowhere))("free", shop.web, "--yes")
    assert done.code == exitcodes.OK, done
    eventually(lambda: run.ended)


def test_the_editors_files_are_the_same_in_every_checkout(shop: Shop):
    assert shop.main("vscode").code == exitcodes.OK
    git(shop.folder, "add", ".vscode")
    git(shop.folder, "commit", "-q", "-m", "tasks")
    feat = shop.worktree("feat")
    assert numbers(feat("env", "--json"))[0] == 1
    assert [each("vscode", "--check").code for each in (shop.main, feat)] == [exitcodes.OK] * 2


SHELLS = [name for name in ("sh", "bash", "zsh") if shutil.which(name)]


def test_shells_read_the_variables_and_none_of_the_project_is_among_them(shop: Shop):
    feat = shop.worktree("feat")
    script = f'eval "$({shlex.join(feat.argv)} env web)"; '
    script += "echo $WEB_PORT $WEB_METRICS_PORT $URL $DB_URL $DB_HOST"
    url = f"http://127.0.0.1:{shop.web + 1}/"
    for shell in SHELLS:
        done = subprocess.run(
            [shell, "-c", script], cwd=feat.cwd, env=feat.env, capture_output=True, check=True
        )
        numbers = [str(shop.web + 1), str(shop.metrics + 1)]
        assert done.stdout.decode().split() == [*numbers, url, "localhost"], shell
    for words in ((), ("web", "--format", "dotenv"), ("--json",)):
        printed = feat("env", *words)
        assert printed.code == exitcodes.OK, printed
        assert not [secret for secret in ("s3cr3t", "app_") if secret in printed.text]
        assert printed.out.startswith("export ") is (not words)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("--", "sh", "-c", "exit 7"), 7, "", id="the command's own exit code"),
        pytest.param(("--", "true"), 0, "", id="success"),
        pytest.param(("--", "nonsuch"), 127, "command not found: `nonsuch`", id="no command"),
        pytest.param(("--", "/etc/passwd"), 126, "cannot execute `/etc/passwd`", id="no program"),
        pytest.param(("--", "sh", "-c", "kill -PIPE $$"), 141, "", id="signals are as usual"),
        pytest.param((), 2, "no command to run", id="nothing"),
        pytest.param(("web",), 2, "`devports exec -- web`", id="a command without dashes"),
        pytest.param(("shop", "--", "true"), 2, "has no service `shop`", id="no service"),
    ],
)
def test_exec_becomes_the_command(shop: Shop, words: tuple[str, ...], code: int, said: str):
    done = shop.main("exec", *words)
    assert (done.code, said in done.err) == (code, True), done


def test_exec_is_the_command_and_knows_the_ports(shop: Shop):
    script = "import os; print(os.getpid(), os.environ['WEB_PORT'], os.environ['PORT'])"
    run = shop.worktree("feat").start("exec", "web", "--", sys.executable, "-c", script)
    assert run.ends() == 0
    assert run.out.split() == [str(run.pid), str(shop.web + 1), str(shop.web + 1)]


def test_a_worktree_without_its_repository_has_the_ports_of_the_file_and_says_so(shop: Shop):
    feat = shop.worktree("feat")
    os.rename(shop.folder, f"{shop.folder}-moved")
    done = feat("env", "--json")
    assert data(done)["offset"] == 0
    assert f"repository that `{feat.cwd}/.git` names does not exist" in done.err
    assert done.err.count("warning:") == 1


def test_two_services_with_one_variable_are_an_error(shop: Shop):
    shop.project.service("my-web", shop.web + 1)
    shop.project.service("my_web", shop.web + 2)
    done = shop.main("env")
    assert (done.code, done.out) == (exitcodes.USAGE, "")
    assert "two services have the variable `MY_WEB_HOST`" in done.err


def test_a_record_that_cannot_be_read_starts_nothing(shop: Shop):
    folder = f"{shop.main.env['XDG_STATE_HOME']}/devports"
    os.makedirs(folder)
    with open(f"{folder}/assigned.json", "w", encoding="utf-8") as file:
        file.write("{")
    for words in (("run", "web"), ("check", "web"), ("ports",), ("exec", "--", "true")):
        done = shop.main(*words)
        assert done.code == exitcodes.USAGE, done
        assert f"mv {folder}/assigned.json {folder}/assigned.json.old" in done.err
    assert shop.main("down").out == "nothing is running\n"
    assert os.listdir(folder) == ["assigned.json"]
    assert "assignments-unreadable" in [p["code"] for p in data_of_doctor(shop.main)]


def test_a_released_checkout_gets_the_smallest_offset_again(shop: Shop):
    one, two = shop.worktree("one"), shop.worktree("two")
    assert [numbers(each("env", "--json"))[0] for each in (one, two)] == [1, 2]
    assert data(two("ports", "--release", one.cwd, "--json"))["released"] == one.cwd
    assert data(two("ports", "--release", one.cwd, "--json"))["released"] is None
    assert data(two("ports", "--release", "nowhere", "--json"))["released"] is None
    assert data(two("ports", "--release", "--json"))["offset"] is None
    assert numbers(two("env", "--json"))[0] == 1
    lines = two("ports").out.splitlines()
    assert lines[0].split() == ["checkout", "branch", "offset", "web", "web.metrics", "db"]
    assert lines[1].endswith("this one")

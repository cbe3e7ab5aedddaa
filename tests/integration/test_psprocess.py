"""Process facts by psutil, next to what this system says of the same processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from devports.core.model import CURRENT_USER, ProcessKey
from devports.system import native, psutil_backend, windows
from tests.harness.capabilities import NEEDS_FORK, NEEDS_SECOND_USER
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo

NOBODY_HERE = 2**22 + 1
WHO = psutil_backend.real_user if hasattr(os, "getuid") else psutil_backend.user_by_name


def test_our_own_facts():
    me = psutil_backend.describe(os.getpid(), WHO)
    assert me is not None
    assert me.key == psutil_backend.key_of(os.getpid())
    assert (me.ppid, me.argv[:1]) == (os.getppid(), tuple(psutil.Process().cmdline()[:1]))
    assert os.path.samefile(me.exe, psutil.Process().exe())
    assert (me.cwd, me.started) == (os.getcwd(), psutil.Process().create_time())
    assert me.key.start != 0


@NEEDS_FORK
def test_the_facts_are_those_that_the_machine_knows_in_its_own_way(zoo: Zoo, port: int):
    pid = zoo("listener", port).pid
    mine, theirs = psutil_backend.describe(pid, WHO), native().process(pid)
    assert mine is not None
    assert theirs is not None
    for fact in ("pid", "ppid", "uid", "user", "name", "argv", "cwd", "exe"):
        assert getattr(mine, fact) == getattr(theirs, fact)
    assert abs(mine.started - theirs.started) < 2


@pytest.mark.parametrize("pid", [0, -1, NOBODY_HERE, 2**70], ids=["0", "below", "none", "huge"])
def test_who_does_not_exist_has_no_facts(pid: int):
    assert psutil_backend.describe(pid, WHO) is None
    assert psutil_backend.key_of(pid) is None
    assert psutil_backend.name_of(pid) is None
    assert psutil_backend.listening((pid,)) == ()
    assert psutil_backend.children(pid) == set()
    assert psutil_backend.descendants(pid) == []


@NEEDS_FORK
def test_a_zombie_is_there_and_is_one():
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    try:
        eventually(lambda: psutil.Process(child).status() == "zombie", 10)
        found = psutil_backend.describe(child)
        assert found is not None
        assert (found.state, found.ppid, found.key) == (
            "Z",
            os.getpid(),
            psutil_backend.key_of(child),
        )
        assert child in psutil_backend.children(os.getpid())
    finally:
        os.waitpid(child, 0)
    assert psutil_backend.describe(child) is None


def test_a_stopped_process_is_told_from_one_that_waits(zoo: Zoo, port: int):
    listener = zoo("listener", port)
    listener.send(signal.SIGSTOP)
    eventually(lambda: getattr(psutil_backend.describe(listener.pid), "state", "") == "T")
    listener.send(signal.SIGCONT)
    eventually(lambda: getattr(psutil_backend.describe(listener.pid), "state", "") == "S")


def test_parents_before_children(zoo: Zoo, port: int):
    top, *below = zoo("forked_listener", port).pids
    assert set(below) <= psutil_backend.children(top)
    everybody = psutil_backend.descendants(os.getpid())
    assert everybody.index(top) < min(everybody.index(pid) for pid in below)


def test_a_number_that_was_given_away_again_is_no_parent_where_orphans_keep_it():
    me = psutil_backend.describe(os.getpid(), WHO)
    assert me is not None
    older = me.replace(key=ProcessKey(me.pid, 1))
    assert psutil_backend.ancestors(older, WHO, adopted=False) == ()
    assert [p.pid for p in psutil_backend.ancestors(older, WHO, adopted=True)][:1] == [os.getppid()]


def test_the_marks_of_a_supervisor_are_read_of_its_environment():
    env = {**os.environ, "PM2_HOME": "/home/lana/.pm2", "pm_id": "3", "OTHER": "x"}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=env) as run:
        eventually(lambda: psutil_backend.marks_of(run.pid))
        assert psutil_backend.marks_of(run.pid) == (("PM2_HOME", "/home/lana/.pm2"), ("pm_id", "3"))
        run.communicate(b"\n")


def test_where_users_have_no_numbers_we_are_ours():
    me = psutil_backend.describe(os.getpid(), psutil_backend.user_by_name)
    assert me is not None
    assert (me.uid, me.user) == (CURRENT_USER, psutil.Process().username())


@NEEDS_SECOND_USER
def test_where_users_have_no_numbers_others_are_not_ours(zoo: Zoo, port: int):
    other = psutil_backend.describe(
        zoo("listener", port, uid=65534).pid, psutil_backend.user_by_name
    )
    assert other is not None
    assert other.uid == psutil_backend.OTHER_USER != CURRENT_USER


def test_children_are_found_by_the_pid_of_a_parent_that_may_have_exited(zoo: Zoo, port: int):
    pid = zoo("listener", port).pid
    assert pid in windows.Windows().left_by(os.getpid())
    assert windows.Windows().left_by(NOBODY_HERE) == []

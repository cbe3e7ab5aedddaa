"""Who would start a server again: the line of parents decides, variables only name."""

from __future__ import annotations

import pytest

from devports.core.classify import classify_holder, strictest_kind, supervisor_of
from devports.core.holder_kind import (
    CurrentUser,
    OrdinaryProcess,
    OtherUser,
    Protected,
    SupervisedService,
)
from devports.core.model import Holder, Process, ProcessKey

ME, ROOT = CurrentUser(1000, 1000), CurrentUser(0, 0)
PYTHON = "/usr/bin/python3.11"


def process(pid: int, *argv: str, **facts: object) -> Process:
    name = argv[0].rpartition("/")[2] if argv else "x"
    return Process(ProcessKey(pid, 1), pid - 1, 1000, "lana", name, argv).replace(**facts)


def marks(**found: str) -> tuple[tuple[str, str], ...]:
    return tuple(found.items())


INIT = process(1, "/sbin/init", uid=0)
ZSH = process(20, "-zsh")
URL = "unix:///run/s.sock"
WEB = marks(SUPERVISOR_GROUP_NAME="shop", SUPERVISOR_PROCESS_NAME="web_00",
            SUPERVISOR_SERVER_URL=URL)  # fmt: skip
SERVER = process(60, "python3", "-m", "http.server")
DAEMON = process(40, PYTHON, "/usr/bin/supervisord", "-c", "/etc/s.conf", exe=PYTHON)
GOD = process(40, "PM2 v6.0.14: God Daemon (/home/lana/.pm2)", name="PM2 v6.0.14: Go",
              exe="/usr/bin/node")  # fmt: skip
APP = marks(pm_id="3", name="my api", PM2_HOME="/home/lana/.pm2")

SUPERVISORD = [
    pytest.param(DAEMON, WEB, "supervisorctl -c /etc/s.conf stop shop:web_00",
                 id="its configuration is in its words"),
    pytest.param(DAEMON.replace(argv=(PYTHON, "/usr/bin/supervisord",
                 "--configuration=/etc/s.conf")),
                 WEB, "supervisorctl -c /etc/s.conf stop shop:web_00", id="the long option"),
    pytest.param(DAEMON.replace(argv=(PYTHON, "/usr/bin/supervisord")), WEB,
                 f"supervisorctl -s {URL} stop shop:web_00", id="its address is in the marks"),
    pytest.param(DAEMON.replace(argv=(PYTHON, "/usr/bin/supervisord", "-c", "s.conf")), WEB,
                 f"supervisorctl -s {URL} stop shop:web_00",
                 id="a relative configuration, which only its own folder knows"),
    pytest.param(DAEMON.replace(argv=(PYTHON, "/usr/bin/supervisord", "-cs.conf"), cwd="/srv"), (),
                 "supervisorctl -c /srv/s.conf status", id="its folder is known"),
    pytest.param(DAEMON, (), "supervisorctl -c /etc/s.conf status", id="the marks are unreadable"),
    pytest.param(DAEMON.replace(argv=(PYTHON, "/srv/.venv/bin/supervisord", "-c",
                 "/etc/s.conf")), WEB,
                 "/srv/.venv/bin/supervisorctl -c /etc/s.conf stop shop:web_00",
                 id="its client is beside it where PATH does not lead"),
    pytest.param(DAEMON.replace(argv=("python", "-m", "supervisor.supervisord", "-c",
                 "/etc/s.conf")),
                 WEB, f"{PYTHON} -m supervisor.supervisorctl -c /etc/s.conf stop shop:web_00",
                 id="it was started as a module"),
    pytest.param(DAEMON.replace(argv=("/v/bin/python", "-m", "supervisor.supervisord", "-c", "/s")),
                 WEB, "/v/bin/python -m supervisor.supervisorctl -c /s stop shop:web_00",
                 id="it was started as a module of a virtual environment"),
    pytest.param(DAEMON.replace(uid=0, user="root"), WEB,
                 "sudo supervisorctl -c /etc/s.conf stop shop:web_00", id="root's"),
    pytest.param(DAEMON.replace(uid=5, user="www"), WEB,
                 "sudo -u www supervisorctl -c /etc/s.conf stop shop:web_00", id="another user's"),
    pytest.param(DAEMON.replace(uid=0, argv=("supervisord",)),
                 marks(SUPERVISOR_PROCESS_NAME="a b", SUPERVISOR_SERVER_URL="http://localhost:9001"),
                 "supervisorctl -s http://localhost:9001 stop 'a b:a b'",
                 id="over the network, where everybody may ask"),
    pytest.param(DAEMON.replace(key=ProcessKey(1, 1)), WEB, "supervisorctl -c /etc/s.conf status",
                 id="the first process of a container, which adopts orphans"),
]  # fmt: skip


@pytest.mark.parametrize(("daemon", "found", "stop"), SUPERVISORD)
def test_supervisord_is_asked_by_its_own_client(
    daemon: Process, found: tuple[tuple[str, str], ...], stop: str
) -> None:
    keeper = supervisor_of(SERVER.replace(environment_marks=found), (daemon, INIT), ME)
    assert keeper is not None
    assert (keeper.by, keeper.stop) == ("supervisord", stop)
    assert bool(keeper.unit) == (" stop " in stop)


PM2 = [
    pytest.param(GOD, APP, ME, "pm2 stop 3", id="in its usual home"),
    pytest.param(GOD.replace(argv=("PM2 v6.0.14: God Daemon (/srv/my pm2)",)), APP, ME,
                 "PM2_HOME='/srv/my pm2' pm2 stop 3", id="in another home"),
    pytest.param(GOD.replace(uid=5, user="www"), APP, ME,
                 "sudo -u www env PM2_HOME=/home/lana/.pm2 pm2 stop 3", id="another user's"),
    pytest.param(GOD, (), ME, "pm2 list", id="the marks are unreadable"),
    pytest.param(process(1, "node", "/usr/local/bin/pm2-runtime", "app.js"),
                 marks(pm_id="0", name="a"), ME, "pm2 stop 0", id="in the foreground"),
]  # fmt: skip


@pytest.mark.parametrize(("daemon", "found", "viewer", "stop"), PM2)
def test_pm2_is_asked_for_the_app_by_its_number(
    daemon: Process, found: tuple[tuple[str, str], ...], viewer: CurrentUser, stop: str
) -> None:
    keeper = supervisor_of(
        SERVER.replace(environment_marks=found),
        (daemon.replace(uid=daemon.uid or 1000), INIT),
        viewer,
    )
    assert keeper is not None
    assert (keeper.by, keeper.stop) == ("pm2", stop)


def test_an_app_of_pm2_is_named_as_its_user_named_it() -> None:
    assert supervisor_of(SERVER.replace(environment_marks=APP), (GOD,), ME) == SupervisedService(
        "pm2", "my api", "pm2 stop 3"
    )


@pytest.mark.parametrize("daemon", [DAEMON, GOD])
def test_a_supervisor_that_listens_for_its_servers_is_not_ended(daemon: Process) -> None:
    """In pm2's cluster mode the daemon has the socket, and all its apps would end with it."""
    assert isinstance(
        classify_holder(daemon.replace(environment_marks=APP), ME, None, (INIT,)), SupervisedService
    )


BETWEEN = [
    pytest.param((process(50, "sh", "-c", "x"),), True, id="sh -c"),
    pytest.param((process(50, "bash", "start.sh"),), True, id="a script"),
    pytest.param((process(50, "npm run dev"),), True, id="npm"),
    pytest.param((process(50, "zsh"),), False, id="a person's shell"),
    pytest.param((process(51, "make"), process(50, "bash", "-i")), False,
                 id="a person's shell, further up"),
    pytest.param((process(50, "sshd"),), False, id="an ssh login"),
    pytest.param((process(50, "tmux", name="tmux: server"),), False, id="tmux"),
    pytest.param((process(50, "node", exe="/srv/code-server/lib/node"),), False, id="an editor"),
]  # fmt: skip


@pytest.mark.parametrize(("between", "kept"), BETWEEN)
def test_what_a_person_started_below_a_supervisor_is_their_own(
    between: tuple[Process, ...], kept: bool
) -> None:
    """A terminal in a supervised editor hands the variables on to all that is started in it."""
    found = classify_holder(
        SERVER.replace(environment_marks=WEB), ME, None, (*between, DAEMON, INIT)
    )
    assert isinstance(found, SupervisedService) == kept
    assert isinstance(found, OrdinaryProcess) != kept


def test_variables_alone_prove_nothing() -> None:
    assert (
        classify_holder(SERVER.replace(environment_marks=(*WEB, *APP)), ME, None, (ZSH, INIT))
        == OrdinaryProcess()
    )
    assert (
        classify_holder(SERVER.replace(environment_marks=(*WEB, *APP)), ME, None, (INIT,))
        == OrdinaryProcess()
    )


LAUNCHD = [
    pytest.param("com.lana.shop", 1000, "launchctl bootout gui/1000/com.lana.shop", id="one's own"),
    pytest.param("com.lana.shop", 0, "sudo launchctl bootout system/com.lana.shop", id="root's"),
    pytest.param("org.db", 70, "sudo launchctl bootout system/org.db", id="a service user's"),
    pytest.param("homebrew.mxcl.redis", 1000, "brew services stop redis", id="Homebrew's"),
    pytest.param("homebrew.mxcl.nginx", 0, "sudo brew services stop nginx", id="root's brew"),
    pytest.param("a b", 1000, "launchctl bootout gui/1000/'a b'", id="an odd label"),
    pytest.param("application.com.apple.Terminal.1.2", 1000, None, id="a window"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "uid", "stop"), LAUNCHD)
def test_a_job_of_launchd_is_booted_out(label: str, uid: int, stop: str | None) -> None:
    job = process(60, "redis-server", uid=uid, environment_marks=marks(launchd=label))
    keeper = supervisor_of(job, (process(1, "launchd", uid=0),), ME)
    assert (keeper.stop if keeper else None) == stop


def test_a_worker_of_a_job_is_the_jobs() -> None:
    job = process(50, "gunicorn", environment_marks=marks(launchd="com.lana.shop"))
    keeper = supervisor_of(process(60, "gunicorn"), (job,), ME)
    assert keeper is not None
    assert keeper.unit == "com.lana.shop"


def test_a_supervised_member_makes_the_family_supervised_and_names_it_if_one_can() -> None:
    top = process(50, "gunicorn")
    member = Holder(SERVER.replace(environment_marks=WEB), (7,), (top, DAEMON))
    plain = Holder(process(61, "gunicorn"), (7,), (top, DAEMON))
    found = strictest_kind(top, [plain, member], ME, None)
    assert isinstance(found, SupervisedService)
    assert found.unit == "shop:web_00"


def test_another_users_supervised_server_is_supervised_first() -> None:
    other = SERVER.replace(uid=5, user="www")
    assert isinstance(classify_holder(other, ME, None, (DAEMON,)), SupervisedService)
    assert classify_holder(other, ME, None, ()) == OtherUser("www", permitted=False)


def test_the_first_process_stays_protected_whatever_it_supervises() -> None:
    assert isinstance(classify_holder(DAEMON.replace(key=ProcessKey(1, 1)), ROOT, None), Protected)

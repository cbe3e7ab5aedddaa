"""Tunnels are ended like a server of one's own; a session that forwards beside is not."""

from __future__ import annotations

import pytest

from devports.core.classify import cancel, classify_holder, exit_command
from devports.core.holder_kind import (
    CurrentUser,
    DevportsRun,
    OrdinaryProcess,
    OtherUser,
    Protected,
    RunInfo,
    Tunnel,
)
from devports.core.model import Holder, Process, ProcessKey
from devports.core.stop_plan import ConfirmPolicy, confirmation, targets

ME = CurrentUser(1000, 1000)
SESSION = Protected("an ssh session that forwards the port")


def process(*argv: str, pid: int = 60, uid: int = 1000) -> Process:
    name = argv[0].rpartition("/")[2].partition(":")[0]
    return Process(ProcessKey(pid, 1), pid - 1, uid, "lana", name, argv)


def words(text: str) -> Process:
    return process(*text.split())


JUDGED = [
    pytest.param("ssh -N -L 8000:db:5432 host", Tunnel("ssh -N"), id="ssh -N"),
    pytest.param("ssh -fNT -L8000:db:5432 host", Tunnel("ssh -N"), id="options joined"),
    pytest.param("ssh host -N -L 8000:db:5432", Tunnel("ssh -N"), id="options after the host"),
    pytest.param("ssh -o SessionType=none -L 8000:db:5432 host", Tunnel("ssh -N"),
                 id="ssh by the newer setting"),
    pytest.param("ssh -D 8000 -W a:1 host", Tunnel("ssh -N"), id="ssh -W"),
    pytest.param("ssh -N -S /run/c -L 8000:db:5432 host",
                 Tunnel("ssh -N", "ssh -S /run/c -O exit host"), id="ssh -N with a control socket"),
    pytest.param("ssh -L 8000:db:5432 host", SESSION, id="ssh with a shell"),
    pytest.param("ssh -L 8000:db:5432 host top -N", SESSION, id="the -N of the remote command"),
    pytest.param("ssh -i -N -L 8000:db:5432 host", SESSION, id="a file that is called -N"),
    pytest.param("ssh -lN host", SESSION, id="a user who is called N"),
    pytest.param("kubectl port-forward svc/db 8000", Tunnel("kubectl port-forward"), id="kubectl"),
    pytest.param("kubectl -n shop port-forward svc/db 8000", Tunnel("kubectl port-forward"),
                 id="kubectl with options first"),
    pytest.param("kubectl proxy", Tunnel("kubectl proxy"), id="kubectl proxy"),
    pytest.param("kubectl get pods", OrdinaryProcess(), id="another kubectl"),
    pytest.param("cloudflared access tcp --url localhost:8000", Tunnel("cloudflared access"),
                 id="cloudflared"),
    pytest.param("ngrok http 3000", Tunnel("ngrok http"), id="ngrok"),
    pytest.param("cloud-sql-proxy a:b:c", Tunnel("cloud-sql-proxy"), id="cloud-sql-proxy"),
    pytest.param("node port-forward.js", OrdinaryProcess(), id="a server of that name"),
    pytest.param("autossh -M 0 -N -L 8000:db:5432 host", Tunnel("autossh -N"), id="autossh"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), JUDGED)
def test_a_tunnel_is_told_by_its_words(text: str, expected: object) -> None:
    assert classify_holder(words(text), ME, None) == expected


def test_the_shared_master_of_ssh_sessions_is_a_session() -> None:
    master = process("ssh: /home/lana/.ssh/cm-host [mux]")
    assert classify_holder(master, ME, None) == SESSION


def test_a_tunnel_of_ours_is_ours_and_another_users_is_theirs() -> None:
    tunnel = words("ssh -L 8000:db:5432 host")
    run = RunInfo(tunnel.key, "db", "/srv")
    assert classify_holder(tunnel, ME, run) == DevportsRun(run)
    tunnel = words("ssh -N -L 8000:db:5432 host").replace(uid=5, user="bob")
    assert classify_holder(tunnel, ME, None) == OtherUser("bob", permitted=False)


def test_autossh_is_ended_with_the_ssh_that_it_would_start_again() -> None:
    top = process(*"/usr/lib/autossh/autossh -M 0 -N -L 8000:db:5432 host".split(), pid=50)
    ssh = process(*"/usr/bin/ssh -N -L 8000:db:5432 host".split(), pid=60)
    zsh = process("-zsh", pid=40)
    (target,) = targets([Holder(ssh, (7,), (top, zsh))], ME, lambda _: None)
    assert target.process == top
    assert isinstance(target.kind, Tunnel)


def test_a_tunnel_needs_the_same_consent_as_a_server() -> None:
    for policy in (ConfirmPolicy(), ConfirmPolicy(yes=True), ConfirmPolicy(interactive=True)):
        assert confirmation(Tunnel("ssh -N"), policy) == confirmation(OrdinaryProcess(), policy)


CANCELLED = [
    pytest.param("ssh -S /run/c -L 8000:db:5432 host", "-L 8000:db:5432", id="a port"),
    pytest.param("ssh -S /run/c -L 1:x:2 -L 127.0.0.1:8000:db:5432 host",
                 "-L 127.0.0.1:8000:db:5432", id="an address and a port"),
    pytest.param("ssh -o ControlPath=/run/c -L [::1]:8000:[::2]:80 host",
                 "-L '[::1]:8000:[::2]:80'", id="IPv6 on both ends"),
    pytest.param("ssh -S /run/c -L *:8000:/run/x.sock host", "-L '*:8000:/run/x.sock'",
                 id="to a socket"),
    pytest.param("ssh -S /run/c -L 80:db:8000 host", "", id="the port of the other end"),
    pytest.param("ssh -S none -L 8000:db:5432 host", "", id="no control socket"),
    pytest.param("ssh -L 8000:db:5432 host", "", id="none known"),
    pytest.param("ssh -S /run/c -L 8000:db:5432", "", id="the host before"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "spec"), CANCELLED)
def test_one_forward_of_a_session_can_be_cancelled(text: str, spec: str) -> None:
    expected = f"ssh -S /run/c -O cancel {spec} host" if spec else ""
    assert cancel(words(text), 8000) == expected


def test_a_master_without_words_of_its_own_cannot_be_reached() -> None:
    assert exit_command(process("ssh: /home/lana/.ssh/cm-host [mux]")) == ""
    assert exit_command(process("autossh", "-S", "/run/c", "-N", "host")) == ""

"""What can be done by hand: for every verdict on every system, and never the wrong process."""

from __future__ import annotations

import shlex
from itertools import product
from typing import TYPE_CHECKING

import pytest

from devports.core.hint import text_of
from devports.core.holder_kind import CurrentUser, OtherCheckout, Place, RunInfo
from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.remedies import Remedy, RemedyContext, remedies
from devports.core.verdict import (
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.core.holder_kind import Relation
    from devports.core.model import Platform
    from devports.core.verdict import Verdict

ME, OTHER = 1000, 1001
HERE = Endpoint("127.0.0.1", 8000)
LISTEN = Socket(HERE, None, "LISTEN", inode=7)
BOUND = Socket(HERE, None, "BOUND", inode=7)
GONE = Socket(HERE, Endpoint("127.0.0.1", 50000), "TIME_WAIT", expires=42.5)
DRAIN = Socket(HERE, Endpoint("127.0.0.1", 50001), "ESTABLISHED", inode=8)
VIEWER = CurrentUser(ME, ME, (ProcessKey(50, 1),))
ROOT = CurrentUser(0, ME, VIEWER.ancestor_keys)

PLATFORMS: tuple[Platform, ...] = ("linux", "darwin", "win32")
KNOWN: dict[Platform, set[str]] = {
    "linux": set("sudo kill ss sysctl setcap ip systemctl docker podman crictl ssh".split()),
    "darwin": set("sudo kill lsof netstat ifconfig launchctl docker podman ssh".split()),
    "win32": set("taskkill netstat netsh net ipconfig docker podman ssh".split()),
}


def process(pid: int, name: str = "python3", uid: int = ME, **facts: object) -> Process:
    plain = Process(ProcessKey(pid, 1), 40, uid, "lana", name, (name, "server.py"), "/srv")
    return plain.replace(**facts)


def held_by(*holders: Process, hidden: tuple[HiddenSocket, ...] = ()) -> HolderSearch:
    return HolderSearch(tuple(Holder(holder, (7,)) for holder in holders), hidden)


HOLDINGS = {
    "a plain process": held_by(process(60)),
    "two processes": held_by(process(60), process(61)),
    "another user's process": held_by(process(60, uid=OTHER)),
    "a systemd service": held_by(process(60, cgroup="/system.slice/my\\x2dapp.service")),
    "a container": held_by(process(60, "docker-proxy", uid=0)),
    "a podman container": held_by(process(60, "rootlessport")),
    "the editor": held_by(process(60, "code")),
    "the shell that devports runs in": held_by(process(50, "zsh")),
    "a shell": held_by(process(60, "zsh").replace(argv=("-zsh",))),
    "the first process": held_by(process(1, "systemd", uid=0)),
    "AirPlay": held_by(process(60, "ControlCenter")),
    "the Windows kernel": held_by(process(4, "System", uid=0)),
    "a hidden process": held_by(hidden=(HiddenSocket(LISTEN, "root"),)),
    "a hidden service": held_by(hidden=(HiddenSocket(LISTEN, "root", "fake db.service"),)),
    "a hidden container": held_by(hidden=(HiddenSocket(LISTEN, "root", "docker-" + "ab" * 32),)),
    "nobody that can be seen": HolderSearch(),
}
VERDICTS: dict[str, Verdict] = {
    "held": Held((LISTEN,)),
    "bound": Held((BOUND,)),
    "a client's": OutgoingConnection((DRAIN,)),
    "lingering": LingeringConnections((GONE,), blocking=False),
    "lingering and blocking": LingeringConnections((GONE,), blocking=True),
    "still draining": LingeringConnections((DRAIN,), blocking=True),
    "half closed": LingeringConnections((DRAIN.replace(state="FIN_WAIT2"),), blocking=True),
    "shadowed": LocalhostConflict((Socket(Endpoint("::1", 8000), None, "LISTEN"),)),
    "unexplained": HolderUnknown(),
    "forbidden": NotPermitted(),
    "not local": NotLocal(),
}
ONLY_ON = {"a systemd service": "linux", "the Windows kernel": "win32"}
EVERY = pytest.mark.parametrize(
    ("verdict", "platform"),
    [
        pytest.param(verdict, platform, id=f"{name} on {platform}")
        for (name, verdict), platform in product(VERDICTS.items(), PLATFORMS)
    ],
)


def cases(platform: Platform) -> Iterator[tuple[HolderSearch, CurrentUser | None]]:
    """Yield everybody who may hold a port there, seen by everybody who may ask."""
    possible = [h for name, h in HOLDINGS.items() if ONLY_ON.get(name, platform) == platform]
    yield from product(possible, (VIEWER, ROOT, None))


def commands(found: tuple[Remedy, ...]) -> list[str]:
    return [text_of(remedy.command) for remedy in found if remedy.command]


def signalled(command: str) -> set[int]:
    words = shlex.split(command)
    if not {"kill", "taskkill"} & set(words):
        return set()
    return {int(word) for word in words if word.isdecimal()}


@EVERY
def test_every_verdict_but_free_has_an_answer_that_runs_on_its_system(
    verdict: Verdict, platform: Platform
) -> None:
    for holding, viewer in cases(platform):
        found = remedies(verdict, RemedyContext(HERE, holding, platform, "backend", viewer=viewer))
        assert found
        for remedy in found:
            assert remedy.title.isprintable()
            words = shlex.split(text_of(remedy.command))
            ours = {"devports", "$(command -v devports)"}
            assert set(words[: 1 + ("sudo" in words)]) <= KNOWN[platform] | ours | {"-iu"}
            as_root = "sudo" in words and "-iu" not in words  # root becomes a user by sudo too
            assert not as_root or (remedy.needs_root and viewer is not ROOT)


@EVERY
def test_nothing_is_ended_the_hard_way_first_or_against_the_law(
    verdict: Verdict, platform: Platform
) -> None:
    for holding, viewer in cases(platform):
        lines = commands(remedies(verdict, RemedyContext(HERE, holding, platform, viewer=viewer)))
        hard = [at for at, line in enumerate(lines) if "KILL" in line or "/F" in line]
        asked = [at for at, line in enumerate(lines) if signalled(line) and at not in hard]
        assert not any("-9" in line for line in lines)
        assert hard in ([], [len(lines) - 1])
        assert len(asked) == len(hard)
        allowed = {60, 61} if isinstance(verdict, Held) and viewer else set()
        assert all(signalled(line) <= allowed for line in lines)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("who", ["a systemd service", "a container", "a podman container",
                                 "the editor", "the shell that devports runs in",
                                 "a shell", "the first process", "AirPlay"])  # fmt: skip
def test_a_protected_process_is_in_no_command(who: str, platform: Platform) -> None:
    found = remedies(VERDICTS["held"], RemedyContext(HERE, HOLDINGS[who], platform, viewer=VIEWER))
    assert not any(signalled(line) for line in commands(found))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_free_port_needs_no_remedy(platform: Platform) -> None:
    assert remedies(Free(), RemedyContext(HERE, HolderSearch(), platform, viewer=VIEWER)) == ()


def titles(verdict: Verdict, who: str, platform: Platform = "linux", port: int = 8000) -> str:
    where = Endpoint("127.0.0.1", port)
    found = remedies(verdict, RemedyContext(where, HOLDINGS[who], platform, viewer=VIEWER))
    return "\n".join(remedy.title for remedy in found)


@pytest.mark.parametrize(("port", "known"), [(5000, True), (7000, True), (8000, False)])
def test_airplay_is_named_on_its_ports_only(port: int, known: bool) -> None:
    said = titles(VERDICTS["held"], "AirPlay", "darwin", port)
    assert ("AirPlay Receiver" in said) == known
    assert f"for example {port + 1}" in said


def test_a_shell_that_has_it_is_told_to_let_go_by_whoever_works_in_it() -> None:
    assert "exit that shell" in titles(VERDICTS["held"], "a shell")


def test_inside_the_holder_another_terminal_is_the_way() -> None:
    said = titles(VERDICTS["held"], "the shell that devports runs in")
    assert "from another terminal" in said


def test_a_forwarded_port_is_closed_in_the_editor() -> None:
    assert "Ports panel" in titles(VERDICTS["held"], "the editor")


def test_how_long_leftovers_last_is_said() -> None:
    assert "wait 43 s" in titles(VERDICTS["lingering and blocking"], "nobody that can be seen")
    assert "its clients have closed" in titles(
        VERDICTS["still draining"], "nobody that can be seen"
    )


@pytest.mark.parametrize(
    ("address", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8000", id="IPv4"),
        pytest.param("0.0.0.0", "http://127.0.0.1:8000", id="every IPv4 address"),
        pytest.param("::1", "http://[::1]:8000", id="IPv6"),
        pytest.param("::", "http://[::1]:8000", id="every address"),
    ],
)
def test_a_shadowed_server_is_reached_by_its_address(address: str, url: str) -> None:
    found = remedies(
        VERDICTS["shadowed"], RemedyContext(Endpoint(address, 8000), HolderSearch(), "linux")
    )
    assert url in found[0].title


@pytest.mark.parametrize(
    ("port", "suggested"),
    [
        pytest.param(8000, 8001, id="the next one"),
        pytest.param(443, 8443, id="not a privileged one"),
        pytest.param(50051, 8051, id="not one for outgoing connections"),
        pytest.param(65535, 8535, id="not one beyond the last"),
    ],
)
def test_another_port_is_one_that_can_be_used(port: int, suggested: int) -> None:
    said = titles(HolderUnknown(), "nobody that can be seen", port=port)
    assert f"for example {suggested}" in said


@pytest.mark.parametrize("verdict", [NotPermitted(), OutgoingConnection((DRAIN,))], ids=repr)
def test_another_port_is_never_the_same_one(verdict: Verdict) -> None:
    assert "for example 8001" in titles(verdict, "nobody that can be seen")


def test_a_family_is_ended_at_its_top_and_by_force_with_its_members() -> None:
    top = process(60, argv=("python3", "uvicorn", "--reload"))
    child = process(61, argv=("python3", "-c", "from multiprocessing.spawn import spawn_main"))
    holding = HolderSearch((Holder(child, (7,), (top,)),))
    found = remedies(VERDICTS["held"], RemedyContext(HERE, holding, "linux", viewer=VIEWER))
    assert commands(found)[1:] == ["kill -TERM 60", "kill -KILL 60 61"]


def test_a_live_devports_run_is_what_gets_ended() -> None:
    run = process(59, "devports")
    holding = HolderSearch((Holder(process(60), (7,), (run,)),))
    found = remedies(
        VERDICTS["held"],
        RemedyContext(
            HERE,
            holding,
            "linux",
            viewer=VIEWER,
            find_run=lambda p: RunInfo(p.key, "backend", "/srv") if p.pid == 59 else None,
        ),
    )
    assert "kill -TERM 59" in commands(found)


def test_a_service_whose_name_begins_with_a_dash_is_no_option() -> None:
    hidden = HiddenSocket(LISTEN, "root", "-H.service")
    found = remedies(
        VERDICTS["held"], RemedyContext(HERE, held_by(hidden=(hidden,)), "linux", viewer=VIEWER)
    )
    assert "sudo systemctl stop -- -H.service" in commands(found)
    shown = process(60, cgroup="/system.slice/-H.service")
    found = remedies(VERDICTS["held"], RemedyContext(HERE, held_by(shown), "linux", viewer=VIEWER))
    assert commands(found) == ["sudo systemctl stop -- -H.service"]


@pytest.mark.parametrize(
    ("uid", "command"),
    [
        pytest.param(VIEWER.uid, "systemctl --user stop web.service", id="one's own"),
        pytest.param(
            0, "sudo systemctl --user --machine=lana@.host stop web.service", id="another user's"
        ),
    ],
)
def test_a_hidden_service_of_a_user_is_stopped_by_that_users_manager(
    uid: int, command: str
) -> None:
    group = "/user.slice/user-1001.slice/user@1001.service/app.slice/web.service"
    hidden = HiddenSocket(LISTEN.replace(uid=uid), "lana", group)
    found = remedies(
        VERDICTS["held"], RemedyContext(HERE, held_by(hidden=(hidden,)), "linux", viewer=VIEWER)
    )
    assert command in commands(found)


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("app-gnome-editor@7.service", id="an application of a desktop"),
        pytest.param("init.scope", id="no service"),
    ],
)
def test_what_holds_every_program_of_a_user_is_not_stopped(unit: str) -> None:
    hidden = HiddenSocket(LISTEN, "lana", f"/user.slice/user@1001.service/{unit}")
    found = remedies(
        VERDICTS["held"], RemedyContext(HERE, held_by(hidden=(hidden,)), "linux", viewer=VIEWER)
    )
    assert not [line for line in commands(found) if "systemctl" in line]


@pytest.mark.parametrize(
    ("outgoing", "words"),
    [
        pytest.param((32768, 60999), "", id="the port is no outgoing one"),
        pytest.param((7000, 8000), " outside 7000-8000 (the range", id="it is one"),
        pytest.param((7000, 9000), "", id="the other is one too, on this machine"),
    ],
)
def test_what_is_said_of_another_port_holds_on_this_machine(
    outgoing: tuple[int, int], words: str
) -> None:
    client = OutgoingConnection((DRAIN,))
    found = remedies(
        client, RemedyContext(HERE, HolderSearch(), "linux", viewer=VIEWER, ephemeral=outgoing)
    )
    (title,) = [each.title for each in found if each.title.startswith("use another port")]
    said = title.removeprefix("use another port").partition(", for example")[0]
    assert said.startswith(words)
    assert bool(said) is bool(words)


def test_a_podman_container_that_is_hidden_is_stopped_by_podman() -> None:
    hidden = HiddenSocket(LISTEN, "root", f"libpod-{'cd' * 32}.scope")
    found = remedies(
        VERDICTS["held"], RemedyContext(HERE, held_by(hidden=(hidden,)), "linux", viewer=VIEWER)
    )
    assert "sudo podman stop cdcdcdcdcdcd" in commands(found)


AWAY = OtherCheckout("sibling", Place("/w/the shop", "main"), Place("/w/feat", "feat"))
THEIR_RUN = RunInfo(ProcessKey(59, 1), "web", "/w/the shop/api")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("service", "elsewhere", "expected"),
    [
        pytest.param(
            "backend",
            AWAY.replace(run=THEIR_RUN),
            [
                "devports run backend --on-conflict next",
                "cd '/w/the shop/api' && devports free web",
            ],
            id="a run is ended where its configuration is, by its name there",
        ),
        pytest.param(
            "",
            AWAY.replace(run=THEIR_RUN.replace(service="uvicorn:8000")),
            ["cd '/w/the shop/api' && devports free 8000"],
            id="a run of no service is ended by its port",
        ),
        pytest.param(
            "",
            AWAY,
            ["cd '/w/the shop' && devports free 8000"],
            id="what was started by hand by its port, and a bare port has no way beside it",
        ),
    ],
)
def test_what_yes_does_not_cover_is_in_no_command_that_ends_it_from_here(
    service: str, elsewhere: OtherCheckout, expected: list[str], platform: Platform
) -> None:
    case = RemedyContext(
        HERE,
        HOLDINGS["two processes"],
        platform,
        service,
        viewer=VIEWER,
        elsewhere_of=lambda _, __: elsewhere,
    )
    found = remedies(VERDICTS["held"], case)
    assert commands(found) == expected


@pytest.mark.parametrize(
    ("relation", "shared", "advised"),
    [
        pytest.param("sibling", True, True, id="one port for all checkouts"),
        pytest.param("sibling", False, False, id="each has its own already"),
        pytest.param("project", True, False, id="another project"),
    ],
)
def test_a_port_for_every_checkout_is_advised(relation: Relation, shared: bool, advised: bool):
    case = RemedyContext(
        HERE,
        HOLDINGS["two processes"],
        "linux",
        "backend",
        viewer=VIEWER,
        elsewhere_of=lambda _, __: AWAY.replace(relation=relation, run=THEIR_RUN),
        shared=shared,
    )
    titles = [remedy.title for remedy in remedies(VERDICTS["held"], case)]
    assert any('`port_per = "worktree"`' in title for title in titles) is advised


def test_another_projects_plain_server_may_be_ended_by_whoever_means_it() -> None:
    case = RemedyContext(
        HERE,
        HOLDINGS["a plain process"],
        "linux",
        "backend",
        viewer=VIEWER,
        elsewhere_of=lambda _, __: AWAY.replace(relation="project"),
    )
    found = remedies(VERDICTS["held"], case)
    assert commands(found) == ["devports free backend", "kill -TERM 60", "kill -KILL 60"]

"""What kind of process a holder is, from evidence; names only ever take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.classify import classify_holder, strictest_kind, unit_of
from devports.core.holder_kind import (
    Container,
    CurrentUser,
    DevportsRun,
    OrdinaryProcess,
    OtherCheckout,
    OtherUser,
    Place,
    Protected,
    RunInfo,
    SupervisedService,
    Tunnel,
)
from devports.core.model import Holder, Process, ProcessKey

if TYPE_CHECKING:
    from devports.core.holder_kind import HolderKind

ME = CurrentUser(1000, 1000, (ProcessKey(70, 1), ProcessKey(71, 1)))
SUDO = CurrentUser(0, 1000)
RUN = RunInfo(ProcessKey(60, 1), "backend", "/srv")
SYSTEM = "/system.slice/shop.service"
USER = "/user.slice/user-1000.slice/user@1000.service/app.slice"


def process(pid: int = 60, **facts: object) -> Process:
    return Process(ProcessKey(pid, 1), 40, 1000, "lana", "node", ("node", "a.js")).replace(**facts)


JUDGED = [
    pytest.param(process(), ME, None, OrdinaryProcess(), id="an ordinary process of mine is plain"),
    pytest.param(process(), ME, RUN, DevportsRun(RUN), id="our own run is mine"),
    pytest.param(
        process(uid=1001, user="bob"), ME, None, OtherUser("bob", False), id="another user's"
    ),
    pytest.param(
        process(uid=1001, user="bob"),
        ME,
        RUN,
        OtherUser("bob", False),
        id="another user's is never mine, whatever a record says",
    ),
    pytest.param(
        process(uid=1001, user="bob"), SUDO, None, OtherUser("bob", True), id="root may signal it"
    ),
    pytest.param(
        process(), SUDO, None, OrdinaryProcess(), id="under sudo the invoking user's are plain"
    ),
    pytest.param(process(uid=0), SUDO, None, OrdinaryProcess(), id="root's own are plain to root"),
    pytest.param(
        process(cgroup=SYSTEM),
        ME,
        RUN,
        SupervisedService("systemd", "shop.service", "sudo systemctl stop shop.service"),
        id="a systemd unit is supervised, whoever it is",
    ),
    pytest.param(
        process(name="docker-proxy", uid=0, cgroup="/system.slice/docker.service"),
        ME,
        None,
        Container("docker"),
        id="a container's forwarder is told before its unit",
    ),
    pytest.param(
        process(name="rootlesskit-doc", exe="/usr/bin/rootlesskit-docker-proxy"),
        ME,
        None,
        Container("docker"),
        id="rootless docker's forwarder, name cut to 15 characters",
    ),
    pytest.param(
        process(name="x", argv=("/usr/bin/slirp4netns",)),
        ME,
        None,
        Container("podman"),
        id="a forwarder that renamed itself",
    ),
]


@pytest.mark.parametrize(("target", "viewer", "run", "expected"), JUDGED)
def test_a_process_is_judged_by_the_first_rule_that_applies(
    target: Process, viewer: CurrentUser, run: RunInfo | None, expected: HolderKind
) -> None:
    assert classify_holder(target, viewer, run) == expected


UNITS = [
    pytest.param("", None, id="unknown"),
    pytest.param("/", None, id="the root group"),
    pytest.param("/system.slice/shop.service", "sudo systemctl stop shop.service", id="system"),
    pytest.param("/system.slice/shop.service/", "sudo systemctl stop shop.service", id="a slash"),
    pytest.param(f"{USER}/shop.service", "systemctl --user stop shop.service", id="user"),
    pytest.param(f"{USER}/vte-spawn-1.scope", None, id="a terminal's scope"),
    pytest.param("/user.slice/user-1000.slice/session-3.scope", None, id="a session"),
    pytest.param("/user.slice/user-1000.slice/user@1000.service", None, id="a whole login"),
    pytest.param(f"{USER}/app-org.kde.konsole@1.service", None, id="a desktop's terminal"),
    pytest.param("/system.slice/docker.service/abc", None, id="a group below a service"),
    pytest.param(
        "/system.slice/my\\x2dshop.service",
        "sudo systemctl stop 'my\\x2dshop.service'",
        id="an escaped name is quoted",
    ),
    pytest.param(
        "/system.slice/$(reboot).service",
        "sudo systemctl stop '$(reboot).service'",
        id="a hostile name is quoted",
    ),
    pytest.param(
        "/system.slice/-H.service", "sudo systemctl stop -- -H.service", id="a dash is no option"
    ),
]


@pytest.mark.parametrize(("cgroup", "stop"), UNITS)
def test_a_unit_is_the_last_service_of_a_control_group(cgroup: str, stop: str | None) -> None:
    found = unit_of(cgroup)
    assert (found.stop if found else None) == stop
    if found:
        assert found.unit == cgroup.rstrip("/").rpartition("/")[2]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param([process(61)], OrdinaryProcess, id="all plain"),
        pytest.param([process(61, uid=1001)], OtherUser, id="one of another user"),
        pytest.param(
            [process(61, uid=1001), process(62, cgroup=SYSTEM)], SupervisedService, id="a unit"
        ),
        pytest.param([process(62, cgroup=SYSTEM), process(63, name="login")], Protected, id="all"),
        pytest.param([process(62, cgroup=SYSTEM), process(63, name="pasta")], Container, id="two"),
        pytest.param(
            [process(61, name="pasta"), process(62, name="containerd")], Protected, id="three"
        ),
    ],
)
def test_what_holds_for_one_holds_for_the_family(members: list[Process], expected: type) -> None:
    holders = [Holder(member) for member in members]
    assert type(strictest_kind(process(), holders, ME, None)) is expected


def test_a_family_of_a_run_of_ours_is_mine() -> None:
    assert strictest_kind(process(), [Holder(process(61))], ME, RUN) == DevportsRun(RUN)


def test_a_neighbour_in_our_own_unit_is_an_ordinary_process() -> None:
    """A CI runner or cron is a service, and what it runs is not."""
    runner = "/system.slice/actions.runner.service"
    neighbour = Process(ProcessKey(50, 1), 1, 1000, "lana", "node", ("node",), cgroup=runner)
    inside, outside = (
        CurrentUser(1000, 1000, (), runner),
        CurrentUser(1000, 1000, (), "/user.slice"),
    )
    assert classify_holder(neighbour, inside, None) == OrdinaryProcess()
    assert isinstance(classify_holder(neighbour, outside, None), SupervisedService)


SIBLING = OtherCheckout("sibling", Place("/w/shop", "main"), Place("/w/feat", "feat"))
STRANGER = SIBLING.replace(relation="project")
SSH = process(name="ssh", argv=("ssh", "-N", "-L", "8000:db:5432", "host"))


@pytest.mark.parametrize(
    ("target", "run", "elsewhere", "expected"),
    [
        pytest.param(process(), None, SIBLING, SIBLING, id="a sibling's process"),
        pytest.param(process(), None, STRANGER, STRANGER, id="another project's process"),
        pytest.param(
            process(), RUN, SIBLING.replace(run=RUN), SIBLING.replace(run=RUN), id="a run"
        ),
        pytest.param(SSH, None, SIBLING, SIBLING, id="a sibling's tunnel is the sibling's"),
        pytest.param(SSH, None, STRANGER, Tunnel("ssh -N"), id="another project's is a tunnel"),
        pytest.param(
            process(uid=1001, user="bob"),
            None,
            SIBLING,
            OtherUser("bob", False),
            id="another user's is theirs first",
        ),
        pytest.param(
            process(name="docker-proxy", uid=0),
            None,
            SIBLING,
            Container("docker"),
            id="a container is its engine's",
        ),
    ],
)
def test_what_is_elsewhere_is_so_unless_a_stricter_law_holds(
    target: Process, run: RunInfo | None, elsewhere: OtherCheckout, expected: HolderKind
) -> None:
    assert classify_holder(target, ME, run, elsewhere_of=lambda _, __: elsewhere) == expected


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param({61: STRANGER}, STRANGER, id="one of another project"),
        pytest.param({60: STRANGER, 61: SIBLING}, SIBLING, id="one of a sibling is stricter"),
        pytest.param({60: SIBLING, 61: STRANGER}, SIBLING, id="in whatever order"),
    ],
)
def test_the_strictest_of_a_family_counts(
    places: dict[int, OtherCheckout], expected: HolderKind
) -> None:
    members = [Holder(process(61)), Holder(process(62))]
    found = strictest_kind(
        process(), members, ME, None, elsewhere_of=lambda target, _: places.get(target.pid)
    )
    assert found == expected

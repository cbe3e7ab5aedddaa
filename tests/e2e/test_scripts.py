"""`devports free` in scripts of others: the exit code decides, and every target has its line."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import schemas, tables
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.engine import STANDARD

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.actors import Actor
    from tests.harness.command import Command, Done

pytestmark = NEEDS_FORK

SCRIPT = '"$@"; echo the script goes on'


def in_a_script(devports: Command, *words: object) -> Done:
    """Run it as a line of a script that ends with the first command which fails."""
    return devports.under("sh", "-e", "-c", SCRIPT, "sh")(*words, env={"PATH": STANDARD})


def forwarder(zoo: Zoo, port: int) -> Actor:
    """Who is refused: the engine's command is not on PATH."""
    return zoo("called", port, "--as", "docker-proxy", "--stay")


def test_a_script_goes_on_with_a_free_port(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port)
    done = in_a_script(devports, "free", port, "--yes")
    assert done.code == exitcodes.OK, done
    assert done.out.splitlines() == [f"port {port} is free", "the script goes on"]
    holder.gone()


@pytest.mark.parametrize(
    ("refused", "words", "code"),
    [
        pytest.param(False, (), exitcodes.HELD, id="nobody said yes"),
        pytest.param(True, ("--yes",), exitcodes.PROTECTED, id="yes does not cover it"),
    ],
)
def test_a_script_stops_at_a_port_that_is_not_freed(
    *, refused: bool, words: tuple[str, ...], code: int, port: int, zoo: Zoo, devports: Command
) -> None:
    holder = forwarder(zoo, port) if refused else zoo("listener", port)
    done = in_a_script(devports, "free", port, *words)
    assert done.code == code, done
    assert "the script goes on" not in done.out
    assert holder.alive


def test_of_several_ports_each_is_tried_and_has_its_line(
    port: int, zoo: Zoo, devports: Command
) -> None:
    first, last = zoo("listener", port), zoo("listener", port + 2)
    refused = forwarder(zoo, port + 1)
    done = in_a_script(devports, "free", port, port + 1, port + 2, port + 3, "--yes")
    assert done.code == exitcodes.PROTECTED, done
    assert done.out.splitlines() == [f"port {free} is free" for free in (port, port + 2, port + 3)]
    assert done.err.count("error: ") == done.err.count(f"error: port {port + 1} is in use by") == 1
    first.gone()
    last.gone()
    assert refused.alive
    assert all(map(tables.bindable, (port, port + 2, port + 3)))


def test_the_worst_of_several_exit_codes_counts(port: int, zoo: Zoo, devports: Command) -> None:
    refused, deaf = forwarder(zoo, port), zoo("listener", port + 1)
    done = in_a_script(devports, "free", port, port + 1)
    assert done.code == exitcodes.PROTECTED, done
    assert refused.alive
    assert deaf.alive
    document = devports("free", port, port + 1, "--json", env={"PATH": STANDARD}).json()
    assert (document["exit_code"], document["status"]) == (exitcodes.PROTECTED, "error")
    assert [target["target"] for target in document["data"]["targets"]] == [
        str(port),
        str(port + 1),
    ]
    assert len(document["errors"]) == 2


def test_a_host_that_is_not_known_is_said_before_anybody_is_ended(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    done = in_a_script(devports, "free", port, "nowhere.invalid:8000", "--yes")
    assert done.code == exitcodes.USAGE, done
    assert holder.alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_is_ended_by_a_signal_still_prints_its_one_document(
    number: int, port: int, zoo: Zoo, devports: Command
) -> None:
    zoo("stubborn", port)
    freeing = devports.start("free", port, "--yes", "--json", "--timeout", 30)
    freeing.says("with SIGTERM")
    waiting = devports.start("wait", port + 1, "--json")
    waiting.says("waiting")
    for running, command in ((freeing, "free"), (waiting, "wait")):
        running.send(number)
        code = running.ends()
        document = json.loads(running.out)
        assert code == document["exit_code"] == 128 + number
        assert document["command"] == [command]
        assert [error["code"] for error in document["errors"]] == ["interrupted"]
        schemas.fits("result", document)

"""One trial: a shape, innocents around its port, somebody who frees it, and the kernel as judge."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.harness import tables
from tests.harness.actors import Identity, argv_of, start
from tests.harness.command import Command, clean_environment
from tests.harness.node import MissingError
from tests.harness.ports import reserved_block
from tests.harness.strace import strace_signals
from tests.harness.waiting import LONGEST_POLL
from tests.shapes.stage import USERS, played

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.harness.actors import Actor
    from tests.harness.command import Done
    from tests.harness.strace import Sent
    from tests.shapes.catalogue import Shape
    from tests.shapes.stage import Play

    Freer = Callable[[Play], tuple[Done, list[Sent]]]

WATCHED = 5.0
"""Seconds after the end of the command: longer than any known respawner takes (4 s)."""
INNOCENTS = ("crowd", "browser", "tunnel", "neighbour", "outgoing connection")


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        missing: why it could not be done here; the rest is empty then.
        failed: why it went wrong before anything was freed; the same.
        looks: seconds after the command's end, and whether the port was free then.
        dead: innocents that did not survive.
        sent: the signals, and `family`: to whom they may have been sent.
    """

    shape: Shape
    user: str
    missing: str = ""
    failed: str = ""
    done: Done | None = None
    looks: tuple[tuple[float, bool], ...] = ()
    dead: tuple[str, ...] = ()
    sent: tuple[Sent, ...] = ()
    family: frozenset[int] = frozenset()

    def free_at(self, moment: float) -> bool:
        """Say whether the port was free, by the look that came first at or after this moment."""
        return next(free for after, free in self.looks if after >= moment)

    @property
    def code(self) -> int:
        assert self.done is not None, self.missing or self.failed
        return self.done.code

    @property
    def taken_after(self) -> float | None:
        """Return when the port was first seen held, None if it never was."""
        return next((after for after, free in self.looks if not free), None)


def is_free(port: int) -> bool:
    """Say whether nobody holds the port and the kernel takes a bind; never listens itself."""
    if {"LISTEN", "BOUND"} & tables.states(port):
        return False
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _listens_by_text(port: int) -> bool:
    """Say whether /proc/net/tcp shows a listener on the port, by a reader of its own."""
    listener = re.compile(rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F:]+ 0A ", re.MULTILINE)
    found = False
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{name}", encoding="ascii") as file:
            found = found or listener.search(file.read()) is not None
    return found


def watch(port: int, seconds: float) -> tuple[tuple[float, bool], ...]:
    """Look at the port all the time, the last time when `seconds` have passed.

    At the beginning and at the end the text of the kernel has to agree, which takes it longer.
    """
    begun = time.monotonic()
    looks = [(0.0, is_free(port) and not _listens_by_text(port))]
    while looks[-1][0] < seconds:
        time.sleep(LONGEST_POLL)  # noqa: TID251  # the bounded poll; what it proves is an absence
        looks.append((time.monotonic() - begun, is_free(port)))
    last, free = looks[-1]
    looks[-1] = (last, free and not _listens_by_text(port))
    return tuple(looks)


def devports(play: Play) -> tuple[Done, list[Sent]]:
    """Free the port by the installed command, as the user whose server it is, in its project."""
    command = Command(play.folder, clean_environment(play.home), play.folder)
    if play.uid is not None:
        command = replace(command.as_user(play.uid, play.home), cwd=play.folder)
    log = os.path.join(play.folder, "signals")
    return strace_signals(command, "free", play.port, "--yes", log=log)


def rival(line: str) -> Freer:
    """Return the way in which a shell line frees it; `{port}` and `{modules}` are filled in."""

    def by_line(play: Play) -> tuple[Done, list[Sent]]:
        words = ["sh", "-c", line.format(port=play.port, modules=shlex.quote(play.modules))]
        return Command(play.folder, clean_environment(play.home), play.folder, words)(), []

    return by_line


def attempt(shape: Shape, user: str, free: Freer = devports, *, always: bool = False) -> Trial:
    """Do one trial; where the command says that it failed, the port is watched if `always`."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="devports-shape-"))
        port = stack.enter_context(reserved_block())
        try:
            play = stack.enter_context(played(shape, port, folder, USERS[user]))
        except MissingError as error:
            return Trial(shape, user, missing=str(error))
        except AssertionError as error:
            return Trial(shape, user, failed=str(error))
        crowd = stack.enter_context(gathered(play))
        return _judged(play, user, crowd, free, always=always)


def _judged(play: Play, user: str, crowd: Actor, free: Freer, *, always: bool) -> Trial:
    assert play.shell is not None
    innocents = dict(zip(_names(play.shape), crowd.cast, strict=True))
    innocents["parent shell"] = Identity.of(play.shell.pid)
    done, sent = free(play)
    looks = watch(play.port, WATCHED if always or done.code == 0 else 0.0)
    return Trial(
        play.shape,
        user,
        done=done,
        looks=looks,
        dead=tuple(name for name, one in innocents.items() if not one.alive),
        sent=tuple(sent),
        family=frozenset(one.pid for one in play.family()),
    )


def _names(shape: Shape) -> tuple[str, ...]:
    return tuple(n for n in INNOCENTS if shape.clients or n not in ("browser", "tunnel"))


@contextlib.contextmanager
def gathered(play: Play) -> Iterator[Actor]:
    """Put the innocents around the port, as the same user's: nothing but judgement spares them."""
    words = [*["--clients"] * play.shape.clients, *["--stream"] * play.shape.stream]
    crowd = start("crowd", argv_of("crowd", play.port, *words), uid=play.uid)
    try:
        yield crowd
    finally:
        crowd.end()


def attempts(
    wanted: Iterable[tuple[Shape, str]], *, at_once: int, free: Freer = devports, always: bool
) -> dict[tuple[str, str], Trial]:
    """Do many trials side by side; most of their time is waiting."""
    pairs = list(wanted)
    with ThreadPoolExecutor(at_once) as pool:
        done = pool.map(lambda pair: attempt(pair[0], pair[1], free, always=always), pairs)
        return {(shape.name, user): trial for (shape, user), trial in zip(pairs, done, strict=True)}

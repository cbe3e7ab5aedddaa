"""The record of assigned ports, `assigned.json`: one for all checkouts of all projects of a user.

A number that was assigned once is never given to another checkout while the folder exists, so an
unreadable record is an error, and nothing is written over it. It is written under a lock and by a
rename: a reader without the lock sees a whole file, and a killed writer leaves the old one.
"""

from __future__ import annotations

import contextlib
import json
import os
from functools import partial

from devports.core.assigning import LAST_OFFSET, Checkout, Entry, NoRoomError, assign, entry_of
from devports.core.model import PRIVILEGED
from devports.core.text import LAST_PORT, quote
from devports.core.verdict import Free, LingeringConnections, NotLocal, NotPermitted
from devports.errors import DevportsError
from devports.system.files import NOFOLLOW, Place, lock_file, read_regular, replace_whole
from devports.system.inspect import classify_port, endpoints_of
from devports.system.project import checkout_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from devports.core.assigning import Bindable
    from devports.core.model import Endpoint, PortSpec
    from devports.core.service import Config
    from devports.core.verdict import Verdict
    from devports.system import Machine

VERSION = 1
MAX_BYTES = 4 * 1024 * 1024
"""Far more than 10,000 checkouts need."""
LOCK_WAIT = 30.0
"""Seconds. A holder of the lock binds a few ports and writes one file, which takes milliseconds;
on a busy machine with 50 first calls at once, the last one has waited for more than 10 s."""


class AssignedPorts:
    """The record in the state folder `folder` of this user."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, "assigned.json")

    def read(self) -> dict[str, Entry]:
        """Return the entries by folder; none before the first one is written.

        Raises:
            DevportsError: `assignments-unreadable`.
        """
        try:
            raw = read_regular(self.path, MAX_BYTES + 1, NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._unreadable(str(error.strerror).lower()) from None
        try:
            return _entries(raw)
        except _NewerError:
            raise self._unreadable("it was written by a newer devports") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise self._unreadable("it is damaged") from None

    def ports_of_others(self, folder: str) -> frozenset[int]:
        """Return the ports that are assigned to other checkouts than the one in `folder`.

        Raises:
            DevportsError: see `read`.
        """
        others = (entry for path, entry in self.read().items() if path != os.path.realpath(folder))
        return frozenset(port for entry in others for port in entry.ports.values())

    def entry(
        self, here: Checkout, config: Config, bindable: Bindable, *, record: bool = True
    ) -> tuple[Entry, bool]:
        """Return what a checkout is assigned, and whether that is new.

        Args:
            here: the checkout.
            config: as declared.
            bindable: as for `assign`.
            record: write what is new; else it may be another number the next time.

        Raises:
            DevportsError: `assignments-unreadable`, `not-assigned` or `no-offset`.
        """
        entries = self.read()
        if (mine := entry_of(entries, here, config.bases)) is not None:
            return mine, False
        plan = partial(
            assign,
            here=here,
            bases=config.bases,
            declared=config.declared,
            exists=os.path.isdir,
            bindable=bindable,
        )
        try:
            planned = plan(entries)
            if record:
                planned = self._record(here.folder, entries, planned, plan)
        except NoRoomError as error:
            raise _no_room(error.base) from None
        return planned[here.folder], True

    def _record(
        self,
        folder: str,
        entries: Mapping[str, Entry],
        planned: dict[str, Entry],
        plan: Callable[[Mapping[str, Entry]], dict[str, Entry]],
    ) -> dict[str, Entry]:
        """Write what was planned for `entries`; planned again if those have changed since.

        Where nothing can be written, a main checkout has the ports of its file all the same.
        """
        try:
            with self.locked():
                if (now := self.read()) != entries:
                    planned = plan(now)
                self._write(planned)
        except OSError as error:
            if planned[folder].offset:
                raise self._not_assigned(error) from None
        return planned

    def release(self, folder: str) -> bool:
        """Remove the entry of a checkout; return whether there was one.

        Raises:
            DevportsError: see `read`.
            OSError: the record cannot be written.
        """
        if folder not in self.read():
            return False
        with self.locked():
            entries = self.read()
            found = entries.pop(folder, None) is not None
            self._write(entries)
        return found

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock, whose file is never removed.

        Raises:
            OSError: the folder cannot be written, or it stays locked.
        """
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with lock_file(os.path.join(self.folder, "assigned.lock"), LOCK_WAIT):
            yield

    def _write(self, entries: Mapping[str, Entry]) -> None:
        checkouts = {
            folder: {
                "project": entry.project,
                "gitdir": entry.gitdir,
                "offset": entry.offset,
                "ports": {str(base): port for base, port in entry.ports.items()},
            }
            for folder, entry in sorted(entries.items())
        }
        text = json.dumps({"version": VERSION, "checkouts": checkouts}, indent=1)
        replace_whole(Place(self.folder), os.path.basename(self.path), text, created=0o600)

    def _unreadable(self, why: str) -> DevportsError:
        aside = f"mv {quote(self.path)} {quote(f'{self.path}.old')}"
        return DevportsError(
            "assignments-unreadable",
            f"cannot read the assigned ports: {why}",
            facts=(f"file: {self.path}",),
            note="it is left unchanged, because it has the ports of every worktree",
            hints=(f"to assign all of them again, move it away: `{aside}`",),
        )

    def _not_assigned(self, error: OSError) -> DevportsError:
        from devports.core.hint import hint, own_command

        why = f"cannot be written: {error.strerror or type(error).__name__}"
        where = " here once, where that folder can be written"
        if isinstance(error, BlockingIOError):
            why, where = f"is still locked after {LOCK_WAIT:g} s", " again"
        again = hint("run ", own_command("ports"), where)
        return DevportsError(
            "not-assigned",
            f"this worktree has no ports yet, and `{self.folder}` {why}",
            hints=(again,),
        )


class _NewerError(Exception):
    """The record has a version that is not known yet."""


def _entries(raw: bytes) -> dict[str, Entry]:
    """Return the entries of a record.

    Raises:
        _NewerError: see there.
        ValueError, LookupError, TypeError, AttributeError, RecursionError: it is damaged.
    """
    if len(raw) > MAX_BYTES:
        raise ValueError(len(raw))
    data = json.loads(raw)
    if int(data["version"]) > VERSION:
        raise _NewerError
    return {str(folder): _entry(each) for folder, each in data["checkouts"].items()}


def _entry(each: Any) -> Entry:
    offset, ports = each["offset"], {int(base): port for base, port in each["ports"].items()}
    numbers = (*ports, *ports.values())
    if not all(type(number) is int and 0 < number <= LAST_PORT for number in numbers):
        raise ValueError(numbers)
    if type(offset) is not int or not 0 <= offset <= LAST_OFFSET:
        raise ValueError(offset)
    return Entry(str(each["project"]), str(each["gitdir"]), offset, ports)


def _no_room(base: int) -> DevportsError:
    return DevportsError(
        "no-offset",
        "this worktree gets no ports",
        facts=(f"no offset from 1 to {LAST_OFFSET} suits all ports of the configuration",),
        note=f"above port {base} no number is left that is free and assigned to no other worktree",
        hints=("declare lower ports, or remove worktrees that are not needed",),
    )


def bindable_on(machine: Machine, config: Config) -> Bindable:
    """Return a function: whether a port can be bound on each host with a certain declared port."""

    def bindable(base: int, port: int) -> bool:
        found = (one.spec for one in config.services if base in one.bases)
        ends = [end for spec in found for end in _endpoints(machine, spec.replace(port=port))]
        table = machine.table({port})
        return all(_is_usable(classify_port(machine, end, table), port) for end in ends)

    return bindable


def _endpoints(machine: Machine, spec: PortSpec) -> tuple[Endpoint, ...]:
    try:
        return endpoints_of(machine, spec)
    except DevportsError:
        return ()


def _is_usable(verdict: Verdict, port: int) -> bool:
    """Return whether a port suits a server; with another one behind `localhost` it does not.

    Permission for a port below 1024 may belong to the program alone. A missing address is left to
    the command, like a host that does not resolve.
    """
    match verdict:
        case Free() | NotLocal() | LingeringConnections(blocking=False):
            return True
        case NotPermitted():
            return port < PRIVILEGED
        case _:
            return False


def in_checkout(
    config: Config, folder: str, machine: Machine, *, record: bool = True
) -> tuple[Config, bool]:
    """Return the configuration with the ports of its checkout, and whether they are new.

    Args:
        config: as declared.
        folder: of the record.
        machine: which ports are free.
        record: as for `AssignedPorts.entry`.

    Raises:
        DevportsError: see there.
    """
    here = checkout_of(config.root)
    if here is None:  # without git there is one folder, with the ports of the file
        return config, False
    record_of = AssignedPorts(folder)
    entry, new = record_of.entry(here, config, bindable_on(machine, config), record=record)
    services = tuple(service.shifted(entry.ports) for service in config.services)
    return config.replace(services=services, offset=entry.offset), new

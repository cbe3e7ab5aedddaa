"""`devports ports`: the ports of every checkout of this project; `--release` forgets some."""

from __future__ import annotations

import os

from devports import exitcodes
from devports.assigned import AssignedPorts
from devports.commands.context import Context, current_folder
from devports.config.load import find
from devports.core.assigning import Entry
from devports.core.holder_kind import run_words
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.system.project import checkout_of, worktree_of
from devports.ui.processes import short_folder
from devports.ui.text import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.service import Config, Service
    from devports.ui import json_types as shape


class Row(Frozen):
    """A checkout with its services; those of which it has no ports are left out."""

    folder: str
    branch: str
    offset: int
    here: bool
    services: tuple[Service, ...]


def ports(context: Context, *, release: str | None = None, as_json: bool = False) -> int:
    """Show the checkouts of this project; the first call in one assigns its ports."""
    config, state = context.config(), context.records().path
    record, released = AssignedPorts(state), None
    if release is not None:
        released = released_folder(context, record, release or config.root)
    else:
        context.assigned()
    rows = rows_of(config, record, here=os.path.realpath(config.root))
    if as_json:
        checkout = checkout_of(config.root)
        project = checkout.project if checkout else None
        data = ports_data(rows, project, released)
        context.screen.answer(("ports",), data, exit_code=exitcodes.OK)
    elif release is not None:
        shown = short_folder(released or release or config.root, context.screen.reader())
        done = "released the ports of" if released else "no ports were assigned to"
        context.screen.out(f"{done} {shown}")
    else:
        context.screen.out("\n".join(table(config, rows, context)))
    return exitcodes.OK


def rows_of(config: Config, record: AssignedPorts, *, here: str) -> list[Row]:
    """Return the checkouts with an entry, by offset; this one alone without `port_per` or git."""
    checkout = checkout_of(here)
    if checkout is None or not config.bases:
        found = {here: Entry("", "", 0, {base: base for base in config.bases})}
    else:
        every = record.read().items()
        found = {path: e for path, e in every if e.project == checkout.project}
    order = sorted(found.items(), key=lambda item: (item[1].offset, item[0]))
    return [_row(config, folder, entry, here=folder == here) for folder, entry in order]


def _row(config: Config, folder: str, entry: Entry, *, here: bool) -> Row:
    known = (one for one in config.services if entry.ports.keys() >= set(one.bases))
    worktree = worktree_of(folder)
    branch = worktree.branch if worktree else ""
    services = tuple(service.shifted(entry.ports) for service in known)
    return Row(folder, branch, entry.offset, here, services)


def table(config: Config, rows: Sequence[Row], context: Context) -> Iterator[str]:
    """Yield the lines of the table: a column for every port of every service."""
    reader = context.screen.reader()
    names = [(one.name, port) for one in config.services for port in ("", *dict(one.ports))]
    heads = [f"{name}.{port}" if port else name for name, port in names]
    lines = [("checkout", "branch", "offset", *heads, "")]
    for row in rows:
        have = {one.name: {"": one.port, **dict(one.ports)} for one in row.services}
        numbers = [str(have.get(name, {}).get(port, "-")) for name, port in names]
        mark = "this one" if row.here else ""
        folder = short_folder(row.folder, reader)
        lines.append((folder, row.branch or "-", str(row.offset), *numbers, mark))
    return columns(lines)


def ports_data(rows: Sequence[Row], project: str | None, released: str | None) -> shape.PortsData:
    return {
        "offset": next((row.offset for row in rows if row.here), None),
        "project": project,
        "checkouts": [
            {
                "folder": row.folder,
                "branch": row.branch or None,
                "offset": row.offset,
                "here": row.here,
                "ports": {
                    one.name: {"port": one.port, "base": one.declared, "ports": dict(one.ports)}
                    for one in row.services
                },
            }
            for row in rows
        ],
        "released": released,
    }


def released_folder(context: Context, record: AssignedPorts, folder: str) -> str | None:
    """Forget the ports of the checkout in `folder`; return its folder, None if it had none.

    Raises:
        DevportsError: a run of it is live, or the record cannot be written.
    """
    path = os.path.realpath(os.path.join(current_folder(), folder))
    if path not in record.read() and os.path.isdir(path) and (above := find(path)):
        path = os.path.dirname(os.path.realpath(above))
    records = context.records()
    for run in filter(records.is_live, records.every()):
        if os.path.realpath(run.project) == path:
            raise DevportsError(
                "run-in-charge",
                f"`devports run {run_words(run.service)}` is running (pid {run.key.pid})",
                facts=(f"endpoint: {run.spec}", f"project: {run.project}"),
                hints=("stop it first, in that folder",),
                exit_code=exitcodes.ALREADY_RUNNING,
            )
    try:
        return path if record.release(path) else None
    except OSError as error:
        raise DevportsError(
            "not-released",
            f"cannot release the ports of `{path}`: {error.strerror}",
            exit_code=exitcodes.NO,
        ) from None

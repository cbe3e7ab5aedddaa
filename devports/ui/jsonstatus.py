"""The data of ``devports status`` for programs; see `jsonout` for what it is made of."""

from __future__ import annotations

from devports.ui.jsonfacts import answer, endpoint_facts, gap_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devports.core.model import Gap
    from devports.records.stage import Charge
    from devports.system.census import Group
    from devports.ui.jsonout import Json
    from devports.ui.rows import Entry, Place, Section


def status_data(sections: Sequence[Section], gaps: Iterable[Gap], now: float) -> Json:
    """Return every service that could be looked at or, where there are groups, every listener."""
    alone = [section for section in sections if section.group is None]
    services = [entry for section in alone for entry in section.entries if entry.places]
    groups = [_group(s.group, s.entries, now) for s in sections if s.group is not None]
    return {
        "services": [_service(entry, now) for entry in services],
        "groups": None if alone else groups,
        "gaps": [gap_facts(gap) for gap in gaps],
    }


def _service(entry: Entry, now: float) -> Json:
    run = next((place.run for place in entry.places if place.run is not None), None)
    return {
        "service": entry.service or None,
        **answer(entry.text, [place.finding for place in entry.places], now),
        "endpoints": [_shown(place, now) for place in entry.places],
        "run": None if run is None else _run(run),
        "url": next((place.url for place in entry.places if place.url), None),
    }


def _shown(place: Place, now: float) -> Json:
    facts = endpoint_facts(place.finding, now)
    return {**facts, "state": place.stage or None, "url": place.url or None}


def _run(run: Charge) -> Json:
    record = run.record
    return {
        "pid": record.key.pid,
        "service": record.service,
        "project": record.project,
        "state": record.state,
        "live": run.live,
    }


def _group(group: Group, entries: Iterable[Entry], now: float) -> Json:
    return {
        "kind": group.kind,
        "folder": group.folder or None,
        "branch": group.branch or None,
        "listeners": [
            {
                "service": entry.service or None,
                "run": None if place.run is None else _run(place.run),
                "endpoint": _shown(place, now),
            }
            for entry in entries
            for place in entry.places
        ],
    }

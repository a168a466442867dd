"""Awards: what the schedule holds, here and at an installation that is read beside the store, and how it is changed."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from datastore.sources import Federated
from datastore.store import Store
from plant.errors import Invalid
from plant.model import DAY, ScheduleEvent, Window
from plant.rules import called, is_of
from plant.timeline import iso, moment

LONGEST = DAY
"""An award is at most this long [ms]; the market's are hours."""

_changing = threading.Lock()


def events(store: Store, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
    """As `listed`, without where they come from."""
    return [event for event, _ in listed(store, window, mode)]


def listed(store: Store, window: Window, mode: str | None = None) -> list[tuple[ScheduleEvent, str]]:
    """Awards and offers that touch the window, ascending by start, each with the name of the installation that has it (empty: the store,
    and only those can be changed; the others' indices are the installation's). `mode` as `plant.rules.is_of` reads it. What the store
    keeps lies over what an installation's schedule says of the same time. Raises Unavailable while an installation does not answer: a
    schedule that silently lacks awards would be wrong."""
    own = store.records.events(window)
    found = [(event, "") for event in own]
    for source in store.telemetry.sources if isinstance(store.telemetry, Federated) else ():
        ask = getattr(source, "events", None)  # an archive of readings has no schedule
        found += [(event, source.name) for event in ask(window) if not _covered(event, own)] if ask else []
    chosen = [one for one in found if mode is None or is_of(one[0].mode, mode)]
    return sorted(chosen, key=lambda one: (one[0].time_start, one[0].index or 0))


def _covered(event: ScheduleEvent, own: Sequence[ScheduleEvent]) -> bool:
    return any(clash(event, other) for other in own)


def time_number(store: Store, event: ScheduleEvent) -> int:
    """The hour of the site's day as the market counts it, 1…24: 15 is 14:00 to 15:00."""
    return moment(event.time_start, store.zone).hour + 1


def clash(one: ScheduleEvent, other: ScheduleEvent) -> bool:
    """Whether both cannot stand in one schedule: they overlap, and both are to be delivered or are the same offer. A reserve's call stands
    over its award."""
    if one.time_start >= other.time_end or other.time_start >= one.time_end or bool(called(one)) != bool(called(other)):
        return False
    held = all(event.is_get and not event.interrupt for event in (one, other))
    return held or (one.mode, one.quote_code) == (other.mode, other.quote_code)


class Clash(Invalid):
    """The award at `place` of those given overlaps `other`."""

    def __init__(self, place: int, other: ScheduleEvent) -> None:
        span = f"{iso(other.time_start)} to {iso(other.time_end)}"
        known = "another one of these" if other.index is None else f"award {other.index}"
        super().__init__(f"overlaps {known} ({other.mode}, {span})")
        self.place = place


def add(store: Store, given: Sequence[ScheduleEvent], who: str) -> list[ScheduleEvent]:
    """Keep new awards, all or none; with their indices. Raises Clash, Invalid."""
    with _changing:
        _check(store, given)
        kept = store.records.put_events([replace(event, index=None) for event in given])
    store.records.audit(store.clock(), who, "awards added", _told(kept))
    return kept


def change(store: Store, index: int, event: ScheduleEvent, who: str) -> ScheduleEvent:
    """Replace an award. Raises NotFound, Clash, Invalid."""
    with _changing:
        before = store.records.event(index)
        placed = replace(event, index=index, simulated=before.simulated)
        _check(store, [placed])
        kept = store.records.put_events([placed])[0]
    store.records.audit(store.clock(), who, "award changed", f"{_told([before])} to {_told([kept])}")
    return kept


def remove(store: Store, index: int, who: str) -> ScheduleEvent:
    """Forget an award; returns it. Raises NotFound."""
    with _changing:
        gone = store.records.event(index)
        store.records.drop_event(index)
    store.records.audit(store.clock(), who, "award removed", _told([gone]))
    return gone


def _check(store: Store, given: Sequence[ScheduleEvent]) -> None:
    if not given:
        raise Invalid("there is no award in this")
    span = Window(min(event.time_start for event in given), max(event.time_end for event in given))
    replaced = {event.index for event in given if event.index is not None}
    there = [event for event in store.records.events(span) if event.index not in replaced]
    order = sorted(range(len(given)), key=lambda place: given[place].time_start)
    running: list[ScheduleEvent] = []
    rest = iter(there)
    following = next(rest, None)
    for place in order:
        event = given[place]
        while following is not None and following.time_start < event.time_end:
            running.append(following)
            following = next(rest, None)
        running = [other for other in running if other.time_end > event.time_start]
        for other in running:
            if clash(event, other):
                raise Clash(place, other)
        running.append(event)


def _told(kept: Sequence[ScheduleEvent]) -> str:
    first = kept[0]
    more = f" and {len(kept) - 1} more" if len(kept) > 1 else ""
    return f"{first.index}: {first.mode} {first.power:g} MW at {first.price:g}, {moment(first.time_start):%Y-%m-%d %H:%M} UTC{more}"

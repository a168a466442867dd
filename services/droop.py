"""The seconds of a window beside the envelopes that were awarded in them, by product.

Spans that are over are remembered as long as the site's hourly rollups say that no reading in them came or changed.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from datastore.store import Store
from plant.analysis import droop
from plant.analysis.droop import Cloud
from plant.model import DAY, HOUR, SECOND, ScheduleEvent, Window
from plant.rules import RuleSet, rules_of
from plant.timeline import day_start
from services.awards import events
from services.settling import GRACE, METRICS, Point, connection_point, grid

LONGEST = 31 * DAY
"""Of longer windows the end is looked at."""
UNJUDGED = 2 * DAY
"""Readings outside awards are shown for this long at most."""
REMEMBERED = 2_000


@dataclass(frozen=True, slots=True)
class Product:
    """All awarded seconds of one rule set in the window together."""

    rules: RuleSet
    cloud: Cloud


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    event: ScheduleEvent
    rules: RuleSet


def products(store: Store, window: Window, now: int) -> list[Product]:
    """Per product awarded (and neither interrupted nor ahead) in the window's last `LONGEST`, most seconds first. Raises Unavailable."""
    point = connection_point(store, "")
    due = list(_spans(store, window, now)) if point else []
    if point is None or not due:
        return []
    signs = _signs(store, point, Window(due[0].start, max(span.end for span in due)))
    found: dict[RuleSet, Cloud] = {}
    for _, day in groupby(due, lambda span: day_start(span.start, store.zone)):
        for span, one in _day(store, point, list(day), signs):
            found[span.rules] = found[span.rules] + one if span.rules in found else one
    return sorted((Product(rules, one) for rules, one in found.items()), key=lambda product: -product.cloud.awarded)


def unjudged(store: Store, window: Window) -> tuple[Any, Any]:
    """Frequency [Hz] and power [kW] of the readings in the window's last `UNJUDGED` that tell both. Raises Unavailable."""
    point = connection_point(store, "")
    if point is None:
        return np.empty(0), np.empty(0)
    columns = store.telemetry.columns(*point, METRICS, Window(max(window.start, window.end - UNJUDGED), window.end))
    hz, kw = (columns.values[name] for name in METRICS)
    heard = np.isfinite(hz) & np.isfinite(kw)
    return hz[heard], kw[heard]


def _spans(store: Store, window: Window, now: int) -> Iterator[_Span]:
    """The parts of awards that lie in the window and are over, in whole seconds, ascending, cut at midnights of the site."""
    end = min(window.end, (now - GRACE) // SECOND * SECOND)
    start = max(window.start, window.end - LONGEST)
    if end <= start:
        return
    for event in events(store, Window(start, end)):
        rules = rules_of(event)
        if not event.is_get or event.interrupt or rules is None or rules.curve is None or not event.power > 0:
            continue
        first, last = -(-max(event.time_start, start) // SECOND) * SECOND, min(event.time_end, end) // SECOND * SECOND
        while first < last:
            cut = min(last, day_start(day_start(first, store.zone) + DAY + HOUR, store.zone))
            yield _Span(first, cut, event, rules)
            first = cut


@dataclass(frozen=True, slots=True)
class _Packed:
    """A cloud without its empty classes: the seconds of an hour lie in a few hundred of the 60,000, which would take half a megabyte."""

    awarded: int
    heard: int
    inside: int
    places: Any
    counts: Any

    def cloud(self) -> Cloud:
        whole = Cloud(self.awarded, self.heard, self.inside)
        whole.counts.flat[self.places] = self.counts
        return whole


def _packed(cloud: Cloud) -> _Packed:
    places = np.flatnonzero(cloud.counts)
    counts = cloud.counts.flat[places]
    return _Packed(cloud.awarded, cloud.heard, cloud.inside, places.astype(np.int32), counts.astype(np.int32))


_kept: OrderedDict[Any, tuple[Any, _Packed]] = OrderedDict()
_gate = threading.Lock()


def _day(store: Store, point: Point, spans: Sequence[_Span], signs: Mapping[int, tuple[float, ...]]) -> Iterator[tuple[_Span, Cloud]]:
    """The spans of one day with their clouds; what is not remembered is made from one look at the readings."""
    asked = []
    for span in spans:
        key, sign = (id(store.telemetry), point, span.event, span.start, span.end), _sign(span, signs)
        with _gate:
            known = _kept.get(key)
        if known and known[0] == sign:
            yield span, known[1].cloud()
        else:
            asked.append((span, key, sign))
    if not asked:
        return
    first = min(span.start - span.rules.lag_s * SECOND for span, _, _ in asked)
    hz, kw = grid(store, point, first, max(span.end for span, _, _ in asked))
    for span, key, sign in asked:
        cut = slice((span.start - first) // SECOND - span.rules.lag_s, (span.end - first) // SECOND)
        made = droop.cloud(span.rules, hz[cut], kw[cut], span.event.power, span.event.transfer)
        if all(at % HOUR == 0 or at in (span.event.time_start, span.event.time_end) for at in (span.start, span.end)):
            # the edges of a moving window would be of no use later
            _keep(key, sign, made)
        yield span, made


def _keep(key: Any, sign: Any, made: Cloud) -> None:
    with _gate:
        _kept[key] = (sign, _packed(made))
        _kept.move_to_end(key)
        while len(_kept) > REMEMBERED:
            _kept.popitem(last=False)


def _signs(store: Store, point: Point, window: Window) -> dict[int, tuple[float, ...]]:
    """Hour → what its readings amount to."""
    found = store.telemetry.series([point], METRICS, window, resolution=HOUR, zone=store.zone.key)
    signs: dict[int, tuple[float, ...]] = {}
    for one in found.values():
        table = np.nan_to_num(np.stack([one.n, one.sum, one.min, one.max, one.last], axis=1))
        for at, row in zip(one.at.tolist(), table.tolist(), strict=True):
            signs[at] = (*signs.get(at, ()), *row)
    return signs


def _sign(span: _Span, signs: Mapping[int, tuple[float, ...]]) -> tuple[tuple[float, ...], ...]:
    return tuple(signs.get(hour, ()) for hour in range(span.start - span.start % HOUR, span.end, HOUR))

"""The numbers behind the figures of the alarm page (see `dashboard.loads.explained`)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from dashboard.bell import RANKS
from dashboard.explanations import Facts, Given, Tell
from dashboard.loads import alarms, awarded
from dashboard.page import Scope
from dashboard.words import word
from datastore.store import Store
from plant.analysis import alarm_figures
from plant.model import HOUR, MINUTE


def _alarms(tell: Callable[[alarms.Found, Store, Scope], Iterable[Given]]) -> Tell:
    def told(store: Store, scope: Scope) -> Facts:
        seen = alarms.found(store, scope)
        return Facts(tuple(tell(seen, store, scope)), seen.window)

    return told


def _raised(seen: alarms.Found) -> list[Any]:
    return [alarm for alarm in seen.alarms if seen.window.start <= alarm.raised < seen.window.end]


def _open(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    standing = [alarm for alarm in seen.alarms if alarm.cleared is None and not alarm.is_shelved(seen.now)]
    for severity in reversed(RANKS):
        yield Given("nₛ", float(sum(alarm.severity == severity for alarm in standing)), word(f"severity.{severity}", scope.lang))


def _rate(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    return Given("n", float(len(_raised(seen)))), Given("T", seen.window.length / MINUTE)


def _peak(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    starts, counts = alarm_figures.rates(seen.raised, seen.window)
    place = int(np.argmax(counts)) if counts.size else 0
    return [Given("nₖ", float(counts[place]), awarded.clock(store, int(starts[place])), int(starts[place]))] if counts.size else []


def _flood(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    counts = alarm_figures.rates(seen.raised, seen.window)[1]
    return Given("K_f", float((counts > alarm_figures.FLOOD).sum())), Given("K", float(counts.size))


def _top(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    yield from (Given("nₜ", float(n), name) for name, n in alarms.seen_figures(seen).top)
    yield Given("n", float(len(_raised(seen))))


def _chatter(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    raised = [alarms.tag(alarm) for alarm in _raised(seen)]
    return [Given("nₜ", float(raised.count(name)), name) for name in alarms.seen_figures(seen).chattering]


def _stale(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    stands = alarm_figures.standing(seen.raised, seen.cleared, seen.window.end)
    for alarm, is_standing in zip(seen.alarms, stands.tolist(), strict=True):
        if is_standing and seen.window.end - alarm.raised > alarm_figures.STALE_AFTER:
            yield Given("age", (seen.window.end - alarm.raised) / HOUR, alarms.tag(alarm), alarm.raised)


def _split(seen: alarms.Found, store: Store, scope: Scope) -> Iterable[Given]:
    raised = _raised(seen)
    for severity in RANKS:
        yield Given("nₛ", float(sum(alarm.severity == severity for alarm in raised)), word(f"severity.{severity}", scope.lang))
    yield Given("n", float(len(raised)))


FACTS: Mapping[str, Tell] = {
    "alarm.tile.open": _alarms(_open),
    "alarm.tile.rate": _alarms(_rate),
    "alarm.tile.peak": _alarms(_peak),
    "alarm.tile.flood": _alarms(_flood),
    "alarm.tile.top": _alarms(_top),
    "alarm.tile.chatter": _alarms(_chatter),
    "alarm.tile.stale": _alarms(_stale),
    "alarm.tile.split": _alarms(_split),
}

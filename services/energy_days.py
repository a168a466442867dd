"""Energy into and out of the batteries, and into the auxiliaries, by day of the site: the one source of energies for pages, doors and
reports.

Days that are over are kept, in memory and by a study in a drawer, as long as the daily rollups of all devices that told something about
them stay what they were.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datastore.ports import Entry
from datastore.store import Store
from plant.analysis.energy import Energies, cut, energies, from_means, together, usual_interval
from plant.errors import Conflict
from plant.model import DAY, HOUR, MINUTE, QUARTER, SECOND, Device, Kind, Window
from plant.timeline import day_of, day_starts, day_window
from services import auxiliaries
from services.studies import Tell

DRAWER = "energy_days"
VERSION = 1
"""Of the way in which energies are made: kept days of another are made again."""
MOST_DAYS = 20_000
READINGS, MEANS = "readings", "minute means"
BUDGET = 40_000_000
"""Readings one answer is made from; days before those that nobody kept yet are made from minute means."""
REMEMBERED = 4_000
FIRST_FOR = 10
"""Minutes for which the beginning of history is remembered."""
PAD = QUARTER
"""Around a day [ms], so that the straight line between the readings on both sides of midnight can be drawn."""

Teller = tuple[Device, str]
"""A device and the metric that says its power, discharge positive."""


@dataclass(frozen=True, slots=True)
class DayEnergy:
    """One day (or its part) of the site: `used` by the batteries, what the auxiliaries took [kWh, None = not told], the share of the time
    observed, whether readings or minute means were its source, how many devices `tellers` tell it, and what the auxiliaries took by quarter
    of an hour [mWh]."""

    window: Window
    used: Energies = field(default_factory=lambda: Energies(reason="no readings"))
    aux: float | None = None
    coverage: float | None = None
    method: str | None = None
    tellers: int = 0
    aux_quarters: Mapping[int, int] = field(default_factory=dict)


def batteries(store: Store) -> list[Teller]:
    """Whose power is the batteries' (the first of these that ever spoke): the converters on their AC side, the units themselves, racks,
    packs, the connection point."""
    records = store.records
    for kind, metric in (
        (Kind.PCS, "active_power"),
        (Kind.BESS, "power"),
        (Kind.RACK, "power"),
        (Kind.PACK, "power"),
        (Kind.SITE, "active_power"),
    ):
        devices = records.devices(kind)
        newest = store.telemetry.latest([(device.device_id, kind) for device in devices]) if devices else {}
        if any(metric in found.values for found in newest.values()):
            return [(device, metric) for device in devices]
    return []


def side(tellers: Sequence[Teller]) -> str:
    """On which side of the converters that power is measured: "AC", "DC" (batteries tell it themselves), "" when nobody tells."""
    return "" if not tellers else "AC" if tellers[0][0].kind in (Kind.PCS, Kind.SITE) else "DC"


def by_day(store: Store, window: Window, now: int) -> list[DayEnergy]:
    """The days of the site that touch the window, from the first one anybody told anything about; the first and last cut at the window.
    Raises Unavailable."""
    days = _days(store, window)
    counts = np.array([sum(int(mark[0]) for mark in day.marks) for day in days])
    exact = np.cumsum(counts[::-1])[::-1] <= BUDGET
    kept: dict[str, Entry] | None = None
    found = []
    for day, is_near in zip(days, exact.tolist(), strict=True):
        told = _remembered(store, day)
        if told is None and day.is_over(now):
            kept = _kept_days(store, window) if kept is None else kept
            told = _read(kept.get(day.name), day)
        if told is None:
            told = _made(store, day, is_near)
        _remember(store, day, told, now)
        found.append(told)
    return found


@dataclass(frozen=True, slots=True)
class _Day:
    """A day or its part, who tells of it, and what each one's readings amount to (`marks`): as long as that stays, so do the energies."""

    window: Window
    is_whole: bool
    tellers: tuple[Teller, ...]
    marks: tuple[tuple[float, ...], ...]

    @property
    def name(self) -> str:
        return str(self.window.start)

    @property
    def sign(self) -> str:
        """Stands for everything the energies follow from."""
        tellers = tuple((d.device_id, str(d.kind), d.interval_s, metric) for d, metric in self.tellers)
        marks = tuple(tuple(f"{part:.9g}" for part in mark) for mark in self.marks)  # sums may be formed in another order once sealed
        return hashlib.blake2b(repr((VERSION, self.window.end, marks, tellers)).encode(), digest_size=16).hexdigest()

    def is_over(self, now: int) -> bool:
        """Whether it is a whole day that has ended."""
        return self.is_whole and self.window.end <= now


def _days(store: Store, window: Window) -> list[_Day]:
    tellers, aux = tuple(batteries(store)), auxiliaries.source(store)
    everyone = [*tellers, *([(aux[0], name) for name in auxiliaries.metrics(aux)] if aux else [])]
    first = _first(store, everyone)
    if first is None or first >= window.end:
        return []
    window = Window(max(window.start, day_starts(Window(first, first + 1), store.zone)[0]), window.end)
    starts = day_starts(window, store.zone)
    ends = [*starts[1:], day_window(day_of(starts[-1], store.zone), store.zone).end]
    cuts = [Window(max(start, window.start), min(end, window.end)) for start, end in zip(starts, ends, strict=True)]
    marks = _marks(store, everyone, window, starts)
    return [
        _Day(cut, (cut.start, cut.end) == (start, end), tellers, tuple(told))
        for cut, start, end, told in zip(cuts, starts, ends, marks, strict=True)
    ]


_firsts: dict[Any, tuple[object, int, int | None]] = {}


def _first(store: Store, everyone: Sequence[Teller]) -> int | None:
    """The first instant at which anybody told anything, looked up now and then: it moves only when older history is loaded."""
    key = (id(store.telemetry), tuple((device.device_id, device.kind) for device, _ in everyone))
    now = store.clock()
    known = _firsts.get(key)
    if known is None or known[0] is not store.telemetry or known[2] is None or not 0 <= now - known[1] < MINUTE * FIRST_FOR:
        found = min((kept[0] for d, kind in key[1] if (kept := store.telemetry.bounds(d, kind))), default=None)
        if len(_firsts) >= 16:
            _firsts.clear()
        known = _firsts[key] = (store.telemetry, now, found)
    return known[2]


_Mark = tuple[float, ...]
_memory: OrderedDict[Any, tuple[str, DayEnergy]] = OrderedDict()
_gate = threading.Lock()


def _remembered(store: Store, day: _Day) -> DayEnergy | None:
    with _gate:
        known = _memory.get((id(store.telemetry), day.window.start, day.window.end))
    return known[1] if known and known[0] == day.sign else None


def _remember(store: Store, day: _Day, found: DayEnergy, now: int) -> None:
    """What is over, or the whole of its past; minute means are not: a window in which the day is near asks for better."""
    if day.window.end > now or found.method == MEANS:
        return
    key = (id(store.telemetry), day.window.start, day.window.end)
    with _gate:
        _memory[key] = (day.sign, found)
        _memory.move_to_end(key)
        while len(_memory) > REMEMBERED:
            _memory.popitem(last=False)


def _made(store: Store, day: _Day, exact: bool) -> DayEnergy:
    window, tellers = day.window, day.tellers
    if not any(mark[0] for mark in day.marks):
        return DayEnergy(window, tellers=len(tellers))
    used = together([_readings(store, teller, window) if exact else _means(store, teller, window) for teller in tellers])
    share = min(1.0, used.observed_s / (window.length / SECOND * len(tellers))) if tellers else None
    aux = auxiliaries.consumption(store, window)
    return DayEnergy(window, used, aux.energy, share, READINGS if exact else MEANS, len(tellers), aux.quarters)


def study(store: Store, now: int, tell: Tell) -> None:
    """Keeps the energies of every day that is over, from its readings: then a window of any length shows the same figures as the day alone.
    Runs in the job process."""
    days = [day for day in _days(store, Window(0, now)) if day.is_over(now)]
    kept = _kept_days(store, Window(0, now))
    for place, day in enumerate(days):
        tell(place / len(days))
        entry = kept.get(day.name)
        if _read(entry, day) is None and any(mark[0] for mark in day.marks):
            found = _made(store, day, exact=True)
            body = {"sign": day.sign, "end": day.window.end, **_written(found)}
            with suppress(Conflict):  # another process kept it this very moment
                store.records.put_entry(
                    Entry(DRAWER, day.name, "", "day", day.window.start, body, entry.version if entry else 0)
                )


def _written(found: DayEnergy) -> dict[str, Any]:
    used = found.used
    quarters = [[at, *both, used.seconds.get(at, 0.0)] for at, both in sorted(used.quarters.items())]
    return {
        "quarters": quarters, "observed_s": used.observed_s, "span_s": used.span_s, "reason": used.reason,
        "aux": found.aux, "aux_quarters": sorted(found.aux_quarters.items()), "coverage": found.coverage, "tellers": found.tellers,
    }  # fmt: skip


def _read(entry: Entry | None, day: _Day) -> DayEnergy | None:
    """The kept energies of a day; None when there are none or other readings have come since."""
    if entry is None or entry.body.get("sign") != day.sign:
        return None
    said = entry.body
    quarters = {int(at): (int(out), int(into)) for at, out, into, _ in said["quarters"]}
    seconds = {int(at): float(observed) for at, _, _, observed in said["quarters"]}
    used = Energies(quarters, said["observed_s"], said["span_s"], said["reason"], seconds)
    aux = {int(at): int(taken) for at, taken in said["aux_quarters"]}
    return DayEnergy(day.window, used, said["aux"], said["coverage"], READINGS, said["tellers"], aux)


def _kept_days(store: Store, window: Window) -> dict[str, Entry]:
    span = Window(max(0, window.start - DAY), window.end)
    return {entry.id: entry for entry in store.records.entries(DRAWER, window=span, limit=MOST_DAYS)}


def of_device(store: Store, device: Device, metric: str, window: Window) -> Energies:
    """Energies of one device over a window: from its readings, from minute means where these are more than `BUDGET`. Raises Unavailable."""
    key = (device.device_id, device.kind)
    hours = store.telemetry.series([key], [metric], window, resolution=HOUR).get((*key, metric))
    if hours is None or not np.nansum(hours.n):
        return Energies(reason="no readings")
    make = _readings if np.nansum(hours.n) <= BUDGET else _means
    return make(store, (device, metric), window)


def _readings(store: Store, teller: Teller, window: Window) -> Energies:
    """By the trapezoid rule. The nominal interval is the device's, or what is usual in this window when that is longer."""
    device, metric = teller
    columns = store.telemetry.columns(device.device_id, device.kind, [metric], Window(window.start - PAD, window.end + PAD))
    interval = usual_interval(columns.at, device.interval_s)
    return energies(*cut(columns.at, columns.values[metric], window, interval), interval)


def _means(store: Store, teller: Teller, window: Window) -> Energies:
    device, metric = teller
    key = (device.device_id, device.kind)
    one = store.telemetry.series([key], [metric], window, resolution=MINUTE).get((*key, metric))
    if one is None:
        return Energies(reason="no readings")
    heard = np.isfinite(one.mean)
    covers = max(60.0, usual_interval(one.at[heard], 60.0))
    return from_means(one.at[heard], one.mean[heard], np.full(int(heard.sum()), covers))


def _marks(store: Store, tellers: Sequence[Teller], window: Window, starts: Sequence[int]) -> list[list[_Mark]]:
    """Per day, what each device's readings amount to: (count, sum, min, max, last)."""
    marks: list[list[_Mark]] = [[] for _ in starts]
    for metric in dict.fromkeys(metric for _, metric in tellers):
        keys = [(device.device_id, device.kind) for device, name in tellers if name == metric]
        found = store.telemetry.series(keys, [metric], window, resolution=DAY, zone=store.zone.key)
        for one in found.values():
            table = np.nan_to_num(np.stack([one.n, one.sum, one.min, one.max, one.last], axis=1))
            for place, row in zip(np.searchsorted(starts, one.at, side="right") - 1, table.tolist(), strict=True):
                if 0 <= place < len(marks):
                    marks[place].append(tuple(row))
    return marks

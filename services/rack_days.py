"""One small record a unit and day of what its racks did (`plant.analysis.rack_day`), kept by a study in the job process: what the racks'
wear and the ledger of their imbalance at rest are written from. A record is made again when readings of its day have come since."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from datastore.ports import Instants, Numbers
from datastore.store import Store
from plant import numbering
from plant.analysis.rack_day import Minutes, RackDay, looks, rack_day, settled_in
from plant.model import DAY, HOUR, MINUTE, Device, Kind, Window
from plant.timeline import day_starts
from services.kept_days import MOST, renew
from services.studies import Tell

DRAWER = "rack_days"
VERSION = 1
"""Of the way in which records are made: those of another are made again."""
_METRICS = ("soc", "current", "power", "cell_voltage_diff", "cell_temp_diff")


@dataclass(frozen=True, slots=True)
class UnitDay:
    """Day of the site from `start` to `end` [epoch ms]; a running one up to now. `racks` by id; `at` [epoch ms, q] are the quarters of an
    hour in which those that spoke were at rest together, and `soc` [%, q × racks, in this `order`] their charges there, NaN = silent."""

    start: int
    end: int
    racks: Mapping[str, RackDay]
    order: tuple[str, ...]
    at: Instants
    soc: Numbers


def units(store: Store) -> dict[str, list[Device]]:
    """Unit → its racks, by id. Raises Unavailable."""
    found: dict[str, list[Device]] = {}
    for rack in store.records.devices(Kind.RACK):
        if (unit := numbering.unit_of(rack.device_id, rack.parent)) is not None:
            found.setdefault(unit, []).append(rack)
    return found


def study(store: Store, now: int, tell: Tell) -> None:
    """Makes the records that are missing or no longer hold, the newest days first. Runs in the job process."""
    found = units(store)
    for place, (unit, racks) in enumerate(found.items()):

        def body(window: Window, racks: Sequence[Device] = racks) -> dict[str, Any]:
            return written(made(store, racks, window))

        tell(place / len(found))
        renew(store, DRAWER, unit, _signs(store, racks, now), body, now)


def days(store: Store, unit: str, window: Window) -> list[UnitDay]:
    """The kept days of a unit that touch the window, ascending. Raises Unavailable."""
    span = Window(max(window.start - DAY - 2 * HOUR, 0), window.end)
    bodies = [entry.body for entry in reversed(store.records.entries(DRAWER, unit, window=span, limit=MOST))]
    return [day for body in bodies if body.get("v") == VERSION and (day := read(body)).end > window.start]


def made(store: Store, racks: Sequence[Device], window: Window) -> UnitDay:
    """The record of a day from minute means of all racks at once. Raises Unavailable."""
    keys = [(rack.device_id, rack.kind) for rack in racks]
    start = window.start // MINUTE * MINUTE
    at = np.arange(start, -(-window.end // MINUTE) * MINUTE, MINUTE, dtype=np.int64)
    # a rest may have begun before midnight: an hour of the day before is looked at with it
    lead = np.arange(start - HOUR, start, MINUTE, dtype=np.int64)
    told = store.telemetry.series(keys, _METRICS, Window(int(lead[0]), int(at[-1]) + MINUTE), resolution=MINUTE)
    whole = np.concatenate([lead, at])
    found, soc, settled = {}, np.full((at.size, len(racks)), np.nan), np.zeros((at.size, len(racks)), np.bool_)
    for place, (rack, key) in enumerate(zip(racks, keys, strict=True)):
        minutes = _minutes(told, key, whole)
        rested = settled_in(minutes, rack.rating.get("capacity_ah"), rack.interval_s)[lead.size :]
        mine = Minutes(**{field.name: getattr(minutes, field.name)[lead.size :] for field in fields(Minutes)})
        if np.isfinite(mine.soc).any() or np.isfinite(mine.current).any() or np.isfinite(mine.power).any():
            found[rack.device_id] = rack_day(mine, rested, rack.interval_s)
        soc[:, place], settled[:, place] = mine.soc, rested
    when, charges = looks(at, soc, settled)
    return UnitDay(window.start, window.end, found, tuple(rack.device_id for rack in racks), when, charges)


def _minutes(told: Mapping[tuple[str, str, str], Any], key: tuple[str, str], at: Instants) -> Minutes:
    def of(name: str, part: str = "mean") -> Numbers:
        one, found = told.get((*key, name)), np.full(at.size, np.nan)
        if one is not None and one.at.size:
            place = (one.at - at[0]) // MINUTE
            inside = (place >= 0) & (place < at.size)
            found[place[inside]] = getattr(one, part)[inside]
        return found

    peak = np.fmax(np.abs(of("current", "min")), np.abs(of("current", "max")))
    return Minutes(at, of("soc"), of("current"), of("power"), peak, of("cell_voltage_diff"), of("cell_temp_diff"))


def _signs(store: Store, racks: Sequence[Device], now: int) -> dict[int, str]:
    """Day of the site (its start) → what its record hangs on."""
    bounds = [kept for rack in racks if (kept := store.telemetry.bounds(rack.device_id, rack.kind))]
    if not bounds or min(first for first, _ in bounds) >= now:
        return {}
    starts = day_starts(Window(min(first for first, _ in bounds), min(now, max(last for _, last in bounds) + 1)), store.zone)
    told: dict[int, list[str]] = {start: [] for start in starts}
    keys = [(rack.device_id, rack.kind) for rack in racks]
    window = Window(starts[0], now)
    for (device_id, _, metric), one in store.telemetry.series(keys, _METRICS, window, resolution=DAY, zone=store.zone.key).items():
        for at, n, total in zip(one.at.tolist(), one.n.tolist(), one.sum.tolist(), strict=True):
            if n and n == n and at in told:
                told[at].append(f"{device_id} {metric} {n:.0f} {total:.9g}")
    plate = repr((VERSION, [(rack.device_id, rack.rating.get("capacity_ah"), rack.interval_s) for rack in racks]))
    return {at: hashlib.blake2b("\n".join([plate, *said]).encode(), digest_size=16).hexdigest() for at, said in told.items() if said}


def written(day: UnitDay) -> dict[str, Any]:
    """A record as JSON, numbers of seven digits."""
    return {
        "v": VERSION, "start": day.start, "end": day.end,
        "racks": {rack: {name: _short(value) for name, value in asdict(one).items()} for rack, one in day.racks.items()},
        "order": list(day.order), "at": day.at.tolist(),
        "soc": [[round(value, 2) if value == value else None for value in row] for row in day.soc.tolist()],
    }  # fmt: skip


def read(body: Mapping[str, Any]) -> UnitDay:
    """What `written` wrote."""
    known = {one.name for one in fields(RackDay)}
    racks = {}
    for rack, told in body["racks"].items():
        said = {name: value for name, value in told.items() if name in known}
        racks[rack] = RackDay(**{**said, "turns": tuple(said.get("turns", ()))})
    soc = np.array([[np.nan if value is None else value for value in row] for row in body["soc"]], np.float64)
    order = tuple(body["order"])
    return UnitDay(int(body["start"]), int(body["end"]), racks, order, np.array(body["at"], np.int64), soc.reshape(-1, len(order)))


def _short(value: Any) -> Any:
    return float(f"{value:.7g}") if isinstance(value, float) else value

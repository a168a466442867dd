"""One small record a battery and day (`plant.analysis.battery_day`), kept by a study in the job process: what the books of months are
written from. A record is made again when readings of its day have come since.

Batteries are those that are no part of another (`services.fleet.batteries_of`): units, packs, racks that stand alone. What is available of
a unit follows from its converter and its racks.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from datastore.ports import Columns, Numbers
from datastore.store import Store
from plant import numbering
from plant.analysis.battery_day import BatteryDay, Plate, Readings, battery_day, runs
from plant.analysis.capacity import Swing
from plant.analysis.chemistry import CHEMISTRIES
from plant.analysis.energy import usual_interval
from plant.analysis.resistance import Resistance
from plant.metrics import scalars_of
from plant.model import DAY, HOUR, MINUTE, QUARTER, Device, Kind, Window
from plant.timeline import day_starts
from services.fleet import batteries_of
from services.fleet_devices import capacity_kwh, chemistry
from services.kept_days import MOST, renew
from services.studies import Tell

DRAWER = "battery_days"
VERSION = 2
"""Of the way in which records are made: those of another are made again."""
LEAD = 12 * HOUR
"""Readings before the day [ms] in which a swing that ends in it may have begun."""
PAD = QUARTER
"""Readings after the day [ms], so that what flows across its end is parted there."""
HELD = MINUTE
"""How long [ms] a slow quantity (charge, temperature) stands for the readings of a fast one that come after it."""
DOWN = (0.0, 4.0, 5.0)
"""Modes in which a converter gives no power and a rack is not connected: off, fault, maintenance."""
AFRESH = MINUTE
_SLOW = ("soc", "soh", "temperature", "cell_voltage", "apart", "warmer")
_METRICS: Mapping[str, tuple[str, ...]] = {
    "soc": ("soc",), "soh": ("soh",), "voltage": ("voltage",), "current": ("current",), "power": ("power",),
    "cell_voltage": ("cell_avg_voltage",), "temperature": ("cell_max_temp", "temperature", "cell_avg_temp"),
    "apart": ("cell_voltage_diff",), "warmer": ("cell_temp_diff",),
}  # fmt: skip
"""Field of `Readings` → metrics that tell it, the first that speaks."""


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery with what its availability hangs on: its converter (None: it has none of its own) and its racks."""

    device: Device
    converter: Device | None
    racks: tuple[Device, ...]
    plate: Plate


def batteries(store: Store) -> list[Battery]:
    """All batteries of the site, by id. Raises Unavailable."""
    devices = store.records.devices()
    converters = [device for device in devices if device.kind == Kind.PCS]
    numbers = {device_id: n for n, device_id in numbering.numbered([device.device_id for device in converters]).items()}
    tops = [device for device in batteries_of(devices) if device.kind != Kind.VEHICLE]
    places = {device_id: n for n, device_id in numbering.numbered([d.device_id for d in tops if d.kind == Kind.BESS]).items()}
    found = []
    for device in tops:
        named = [c for c in converters if c.device_id == device.info.get("pcs") or c.info.get("bess") == device.device_id]
        same = [c for c in converters if device.device_id in places and numbers[c.device_id] == places[device.device_id]]
        racks = tuple(
            rack for rack in devices if rack.kind == Kind.RACK and numbering.unit_of(rack.device_id, rack.parent) == device.device_id
        )
        found.append(Battery(device, next(iter(named or same), None), racks, plate_of(device)))
    return found


def plate_of(device: Device) -> Plate:
    """What the record of a device tells of its build."""
    name = chemistry(device)
    cells = device.rating.get("series_cells") or device.info.get("cells")
    count = round(float(cells)) if isinstance(cells, (int, float)) and cells >= 1 else None
    return Plate(device.rating.get("capacity_ah"), capacity_kwh(device), count, CHEMISTRIES[name] if name else None)


def study(store: Store, now: int, tell: Tell) -> None:
    """Makes the records that are missing or no longer hold, the newest days first. Runs in the job process."""
    found = batteries(store)
    for place, battery in enumerate(found):

        def body(window: Window, battery: Battery = battery) -> dict[str, Any]:
            return written(made(store, battery, window))

        tell(place / len(found))
        renew(store, DRAWER, battery.device.device_id, _signs(store, battery, now), body, now)


def days(store: Store, device_id: str, window: Window) -> list[BatteryDay]:
    """The kept days of a battery that begin in the window, ascending. Raises Unavailable."""
    return [day for day in _all(store).get(device_id, ()) if window.start <= day.start < window.end]


_kept: dict[int, tuple[object, int, int, dict[str, list[BatteryDay]]]] = {}
_gate = threading.Lock()


def _all(store: Store) -> dict[str, list[BatteryDay]]:
    """All kept days by battery, read again when one changed, but no more often than `AFRESH`: a study changes one after the other."""
    version, now = store.records.entries_version(DRAWER), store.clock()
    with _gate:
        known = _kept.get(id(store.records))
        is_other = known is None or known[0] is not store.records
        if known is None or is_other or (known[1] != version and not 0 <= now - known[2] < AFRESH):
            found: dict[str, list[BatteryDay]] = {}
            for entry in reversed(store.records.entries(DRAWER, limit=MOST)):
                if entry.body.get("v") == VERSION:
                    found.setdefault(entry.subject, []).append(read(entry.body))
            if len(_kept) >= 4:
                _kept.clear()
            known = _kept[id(store.records)] = (store.records, version, now, found)
    return known[3]


def _signs(store: Store, battery: Battery, now: int) -> dict[int, str]:
    """Day of the site (its start) → what its record hangs on."""
    device = battery.device
    kept = store.telemetry.bounds(device.device_id, device.kind)
    if kept is None or kept[0] >= now:
        return {}
    starts = day_starts(Window(kept[0], min(now, kept[1] + 1)), store.zone)
    window = Window(starts[0], now)
    told: dict[int, list[str]] = {start: [] for start in starts}
    names = [name for name in dict.fromkeys(n for several in _METRICS.values() for n in several) if name in scalars_of(device.kind)]
    groups: list[tuple[Sequence[Device], Sequence[str]]] = [([device], names)]
    groups += [([battery.converter], ["active_power", "mode"])] if battery.converter else []
    groups += [(battery.racks, ["mode", "power"])] if battery.racks else []
    for devices, metrics in groups:
        keys = [(one.device_id, one.kind) for one in devices]
        for (device_id, _, metric), one in store.telemetry.series(keys, metrics, window, resolution=DAY, zone=store.zone.key).items():
            for at, n, total in zip(one.at.tolist(), one.n.tolist(), one.sum.tolist(), strict=True):
                if n and n == n and at in told:
                    told[at].append(f"{device_id} {metric} {n:.0f} {total:.9g}")
    plate = repr((VERSION, battery.plate.capacity_ah, battery.plate.energy_kwh, battery.plate.cells, battery.plate.chemistry is None))
    return {at: hashlib.blake2b("\n".join([plate, *said]).encode(), digest_size=16).hexdigest() for at, said in told.items() if said}


def made(store: Store, battery: Battery, window: Window) -> BatteryDay:
    """The record of a day from its readings. Raises Unavailable."""
    device = battery.device
    names = [name for name in dict.fromkeys(n for several in _METRICS.values() for n in several) if name in scalars_of(device.kind)]
    columns = store.telemetry.columns(device.device_id, device.kind, names, Window(window.start - LEAD, window.end + PAD))
    told = readings(columns, device.interval_s)
    plate = battery.plate
    if plate.cells is None:
        plate = replace(plate, cells=_cells(told))
    day = battery_day(told, plate, window.start, window.end)
    shares, silent, racks = available(store, battery, window)
    return replace(day, available=runs([round(100 * share) for share in shares.tolist()]), silent=silent, racks=racks)


def readings(columns: Columns, interval_s: float) -> Readings:
    """Columns of the store as `Readings`: of several metrics that tell one thing the first that speaks, slow ones held for `HELD`."""
    silent = np.full(columns.at.size, np.nan)

    def one(field: str) -> Numbers:
        spoken = (columns.values[name] for name in _METRICS[field] if name in columns.values)
        found: Numbers = next((values for values in spoken if np.isfinite(values).any()), silent)
        return held(columns.at, found) if field in _SLOW else found

    current = one("current")
    interval = usual_interval(columns.at[np.isfinite(current)], interval_s)
    return Readings(columns.at.astype(np.float64), **{field: one(field) for field in _METRICS}, interval_s=interval)


def held(at: Any, values: Numbers) -> Numbers:
    """`values` [n] with silence filled by what was said last, no longer than `HELD` before."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size or known.size == values.size:
        return values
    before = np.searchsorted(known, np.arange(values.size), side="right") - 1
    source = known[np.maximum(before, 0)]
    near = (before >= 0) & (np.asarray(at) - np.asarray(at)[source] <= HELD)
    return np.where(near, values[source], np.nan)


def _cells(told: Readings) -> int | None:
    """Cells in series, from pack and mean cell voltage."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = told.voltage / told.cell_voltage
    known = ratio[np.isfinite(ratio)]
    return round(float(np.median(known))) if known.size and np.median(known) >= 1 else None


def available(store: Store, battery: Battery, window: Window) -> tuple[Numbers, float, float | None]:
    """Share of its power, 0…1, that a battery could have given in each quarter of an hour of the window, the hours in which its converter
    (itself, where it has none) said nothing, and the mean share of its racks that were connected (None without racks). A converter that is
    silent, off, in fault or in maintenance gives nothing; of racks those that are connected count."""
    first = battery.converter or battery.device
    up, silent = _up(store, [first], "active_power" if first.kind == Kind.PCS else "power", window)
    if not battery.racks:
        return up, silent, None
    racks, _ = _up(store, battery.racks, "power", window)
    return up * racks, silent, float(racks.mean())


def _up(store: Store, devices: Sequence[Device], power: str, window: Window) -> tuple[Numbers, float]:
    """Mean share of `devices` that were up, by quarter of an hour of the window, and mean hours of silence. Those that never told in the
    window a thing that says so (`mode`, `power`, charge or voltage) are silent."""
    starts = np.arange(window.start - window.start % QUARTER, window.end, QUARTER)
    keys = [(device.device_id, device.kind) for device in devices]
    names = [name for name in dict.fromkeys(("mode", power, "soc")) if name in scalars_of(devices[0].kind)]
    series = store.telemetry.series(keys, names, Window(int(starts[0]), int(starts[-1]) + QUARTER), resolution=QUARTER)
    total, silence = np.zeros(starts.size), 0.0
    for key in keys:
        heard, mode = np.zeros(starts.size), np.full(starts.size, np.nan)
        for name in names:
            one = series.get((*key, name))
            if one is None or not np.nansum(one.n):
                continue
            place, n = np.searchsorted(starts, one.at), np.nan_to_num(one.n)
            heard[place] = np.maximum(heard[place], np.minimum(n / np.median(n[n > 0]), 1.0))
            if name == "mode":
                mode[place] = one.last
        if starts.size and window.end % QUARTER:
            heard[-1] = 1.0 if heard[-1] > 0 else heard[-1]  # the running quarter is not over
        total += np.where(np.isin(mode, DOWN), 0.0, heard)
        silence += float((1.0 - heard).sum()) / 4.0
    return total / len(keys), silence / len(keys)


def written(day: BatteryDay) -> dict[str, Any]:
    """A record as JSON, numbers of six digits."""
    said = asdict(day)
    said["v"] = VERSION
    for name in ("temperatures", "charges", "resting"):
        said[name] = {str(number): round(h, 4) for number, h in said[name].items()}
    return {name: _short(value) for name, value in said.items()}


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    return [_short(one) for one in value] if isinstance(value, (list, tuple)) else value


def read(body: Mapping[str, Any]) -> BatteryDay:
    """What `written` wrote."""
    said = {field.name: body[field.name] for field in fields(BatteryDay) if field.name in body}
    for name in ("temperatures", "charges", "resting"):
        said[name] = {int(number): float(h) for number, h in said[name].items()}
    said["resistance"] = Resistance(**said["resistance"]) if said["resistance"] else None
    said["swings"] = tuple(Swing(**one) for one in said["swings"])
    said["available"] = tuple((int(share), int(count)) for share, count in said["available"])
    return BatteryDay(**said)

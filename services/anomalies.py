"""What stands out in the readings of the last days, worked out in the job process and kept by device: rules and siblings on minutes, change
points and joint models on hours and days.

What is usual is learned from the days before; the findings of a device are kept as one result, in place of the last one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datastore.ports import Numbers
from datastore.store import Store
from plant.analysis.anomaly.bounds import ANY, BOUNDS
from plant.analysis.anomaly.examine import Group, examine, examine_all, examine_change, examine_clock, examine_parts
from plant.analysis.anomaly.finding import REASONS as REASONS
from plant.analysis.anomaly.finding import Finding, Instants, together, without_echoes
from plant.analysis.anomaly.joint import METHOD
from plant.analysis.anomaly.siblings import LEAST_SIBLINGS, apart
from plant.metrics import metrics_of
from plant.model import DAY, HOUR, MINUTE, QUARTER, Device, Kind, Window
from services.studies import Tell, drop_result, keep_result, result, results

STUDY, LASTING = "anomalies", "anomalies_lasting"
DAYS, REFERENCE_DAYS, PARTS_DAYS = 30, 7, 10
"""Quarters of an hour are looked at for so long, of which the first week is what is usual; cells and strings for the last ten days."""
FINE_HOURS = 26
"""Minutes are looked at for the last day, and the two hours before as what is usual."""
GAP_LEAST_S = 900.0
"""Shorter silences are the business of coverage, not of findings."""
KINDS = (Kind.RACK, Kind.PCS, Kind.INVERTER, Kind.WEATHER, Kind.METER, Kind.PACK)
PARTS: Mapping[str, Sequence[str]] = {Kind.RACK: ("cell_voltages", "cell_temperatures"), Kind.INVERTER: ("string_currents",)}
SOILING = 0.04
"""Lasting change of the yield per sunshine that matters, as a share of it."""
SLOW: Mapping[str, float] = {"soc": 1.0, "soh": 0.8, "internal_resistance": 0.004, "cell_max_temp": 1.5}
"""Quantities of racks of which the daily distance from the siblings is looked at for change points, with what matters [unit]."""
WITHIN = 3 * DAY
"""What shows at some loads only may rest for days: with less between it is one finding."""
MOST = 50
TURNS = 6
"""Cells and strings are many, and what shows over weeks does not hurry: of each device, or family, they are looked at in every sixth
run. What was found then is kept until its next turn."""
PIECE = 6 * HOUR
"""Cells are read so long at once: by the second a day of a rack's is 200 MB."""


def study(store: Store, now: int, tell: Tell) -> None:
    """Look at everything and keep what is found; devices without findings keep nothing. Loads scikit-learn and ruptures."""
    families = _families(store)
    kept: set[str] = set()
    for place, (kind, devices) in enumerate(families):
        tell(place / max(len(families), 1))
        found = _slowly_in_turn(store, kind, devices, place, now) + _finely(store, kind, devices, now)
        for number, device in enumerate(devices):
            tell((place + number / len(devices)) / len(families))
            turn = (place + number + now // HOUR) % TURNS == 0
            found += _parts(store, device, now) if turn else _parts_of_before(store, device)
            if kind == Kind.INVERTER:
                found += soiling(store, device, now)
        found = without_echoes(together(found, WITHIN))
        for device in devices:
            mine = [one for one in found if one.device == device.device_id]
            if mine:
                keep_result(store.records, STUDY, _subject(device), now, _body(mine, now))
                kept.add(_subject(device))
    for old in results(store.records, STUDY):
        if old.subject not in kept:
            drop_result(store.records, STUDY, old.subject)
    there = {_subject(devices[0]) for _, devices in families}
    for old in results(store.records, LASTING):
        if old.subject not in there:
            drop_result(store.records, LASTING, old.subject)


def found(store: Store, window: Window | None = None) -> list[dict[str, Any]]:
    """Kept findings that touch the window, as JSON objects with `severity`, `device`, `kind`, `metric`, `part`, `reason`, `start`, `end`,
    `evidence` and `at`, when they were found."""
    told = [{**one, "at": entry.at} for entry in results(store.records, STUDY) for one in entry.body["findings"]]
    if window is None:
        return told
    return [one for one in told if one["start"] < window.end and (one["end"] is None or one["end"] > window.start)]


def _subject(device: Device) -> str:
    return f"{device.kind}:{device.device_id}"


def _body(findings: Sequence[Finding], now: int) -> dict[str, Any]:
    newest = sorted(findings, key=lambda one: -one.start)[:MOST]
    return {
        "findings": [one.as_json() for one in newest],
        "method": METHOD,
        "window": [now - DAYS * DAY, now],
        "left_out": max(len(findings) - MOST, 0),
    }


def _families(store: Store) -> list[tuple[str, list[Device]]]:
    """Devices alike: racks by their unit, everything else one by one."""
    families: dict[tuple[str, str], list[Device]] = {}
    for device in store.records.devices():
        if device.kind in KINDS:
            whose = (device.parent or "") if device.kind == Kind.RACK else device.device_id
            families.setdefault((str(device.kind), whose), []).append(device)
    return [(kind, devices) for (kind, _), devices in sorted(families.items())]


def _names(kind: str) -> list[str]:
    return [one.name for one in metrics_of(kind) if one.shape == "scalar" and one.aggregation == "mean"]


def _table(store: Store, devices: Sequence[Device], names: Sequence[str], window: Window, width: int, mean: bool) -> Group:
    """Buckets of `width` [ms] of all devices as one group; of minutes the last reading, of longer buckets their mean."""
    keys = [(device.device_id, device.kind) for device in devices]
    series = store.telemetry.series(keys, names, window, resolution=width)
    at = np.arange(window.start, window.end, width, dtype=np.int64)
    values: dict[str, Numbers] = {}
    for name in names:
        table = np.full((at.size, len(devices)), np.nan)
        for member, key in enumerate(keys):
            one = series.get((*key, name))
            if one is not None and one.at.size:
                rows = (one.at - window.start) // width
                inside = (rows >= 0) & (rows < at.size)
                table[rows[inside], member] = (one.mean if mean else one.last)[inside]
        if np.isfinite(table).any():
            values[name] = table
    spoke = np.zeros(at.size, bool)
    for table in values.values():
        spoke |= np.isfinite(table).any(axis=1)
    places = np.flatnonzero(spoke)
    first, last = (int(places[0]), int(places[-1]) + 1) if places.size else (0, 0)
    members = tuple(device.device_id for device in devices)
    return Group(
        str(devices[0].kind),
        members,
        at[first:last],
        {name: table[first:last] for name, table in values.items()},
        width / 1000.0,
        window.start,
    )


def _slowly_in_turn(store: Store, kind: str, devices: Sequence[Device], place: int, now: int) -> list[Finding]:
    """`_slowly` for the families whose turn it is, and those never looked at as they are now; of the others what was last found."""
    if len(devices) < LEAST_SIBLINGS:
        return []
    whose, members = _subject(devices[0]), [device.device_id for device in devices]
    before = result(store.records, LASTING, whose)
    is_new = before is None or before.body["members"] != members or not 0 <= now - before.at < (TURNS + 1) * HOUR
    if before is not None and not is_new and (place + now // HOUR) % TURNS:
        return [Finding(**one) for one in before.body["findings"]]
    found = _slowly(store, kind, devices, now)
    newest = sorted(found, key=lambda one: -one.start)[: MOST * len(devices)]
    keep_result(store.records, LASTING, whose, now, {"members": members, "findings": [one.as_json() for one in newest]})
    return found


def _slowly(store: Store, kind: str, devices: Sequence[Device], now: int) -> list[Finding]:
    """Siblings and joint models on quarters of an hour, change points on days; for devices with siblings."""
    if len(devices) < LEAST_SIBLINGS:
        return []
    end = now - now % QUARTER
    names = [name for name in _names(kind) if BOUNDS.get(name, ANY).floor is not None]
    group = _table(store, devices, names, Window(end - DAYS * DAY, end), QUARTER, True)
    if group.at.size < 2 * DAY // QUARTER:
        return []
    reference = int(group.at[0]) + min(REFERENCE_DAYS * DAY, int(group.at[-1] - group.at[0]) // 3)
    group = replace(group, reference=reference, block=2, gap_least_s=GAP_LEAST_S)
    # a mean over a quarter of an hour shows no single wrong reading: that is looked for in the minutes
    found = [one for one in examine_all(group) if one.reason in ("peers", "joint", "gap")]
    for name, least in SLOW.items():
        if name not in group.values:
            continue
        days = _daily(apart(group.values[name]), group.at)
        for member, device in enumerate(devices):
            found += examine_change(device.device_id, kind, name, days[0], days[1][:, member], least)
    return found


def _daily(residual: Numbers, at: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Numbers]:
    day = at // DAY
    which = np.unique(day)
    means = np.full((which.size, residual.shape[1]), np.nan)
    for place, one in enumerate(which.tolist()):
        told = residual[day == one]
        count = np.isfinite(told).sum(axis=0)
        means[place] = np.where(count >= 12, np.nansum(told, axis=0) / np.maximum(count, 1), np.nan)
    return which * DAY, means


def _finely(store: Store, kind: str, devices: Sequence[Device], now: int) -> list[Finding]:
    """Rules on the minutes of the last day, and clocks on its newest readings."""
    end = now - now % MINUTE
    group = _table(store, devices, _names(kind), Window(end - FINE_HOURS * HOUR, end), MINUTE, False)
    found: list[Finding] = []
    if group.at.size:
        interval = max(60.0, *(device.interval_s for device in devices))
        group = replace(group, reference=end - DAY, interval_s=interval, gap_least_s=GAP_LEAST_S)
        found = [one for one in examine(group) if one.reason != "peers" or one.severity == "warning"]
    for device in devices:
        names = [name for name in ("soc", "voltage", "active_power", "total_active_power", "poa_irradiance") if name in group.values][:1]
        if names:
            told = store.telemetry.columns(device.device_id, device.kind, names, Window(now - HOUR, now), limit=3600)
            found += examine_clock(device.device_id, kind, told.at, told.received)
    return found


def _parts(store: Store, device: Device, now: int) -> list[Finding]:
    """Cells and strings of the last days, as often as they are kept."""
    found: list[Finding] = []
    for name in PARTS.get(device.kind, ()):
        # the newest day is kept by the minute or closer: one reading per hour (strings: quarter) is compared
        at, table = _thinned(store, device, name, QUARTER if device.kind == Kind.INVERTER else HOUR, now)
        if at.size < 24:
            continue
        reference = int(at[0] + min(REFERENCE_DAYS * DAY, (at[-1] - at[0]) // 3))
        found += examine_parts(device.device_id, str(device.kind), name, at, table, reference)
    return found


def _thinned(store: Store, device: Device, name: str, width: int, now: int) -> tuple[Instants, Numbers]:
    """The first reading of a vector in each bucket of `width` [ms] over PARTS_DAYS: instants [n] and values [n, width of the vector]."""
    found: list[tuple[Instants, Numbers]] = []
    for start in range((now - PARTS_DAYS * DAY) // PIECE * PIECE, now, PIECE):
        window = Window(max(start, now - PARTS_DAYS * DAY), min(start + PIECE, now))
        told = store.telemetry.columns(device.device_id, device.kind, [name], window)
        values = told.values.get(name)
        if values is not None and values.ndim == 2 and told.at.size:
            rows = np.unique(told.at // width, return_index=True)[1]
            found.append((told.at[rows], values[rows]))
    widest = max((values.shape[1] for _, values in found), default=0)
    wide = [np.pad(values, ((0, 0), (0, widest - values.shape[1])), constant_values=np.nan) for _, values in found]
    return np.concatenate([np.empty(0, np.int64), *(at for at, _ in found)]), np.concatenate([np.empty((0, widest)), *wide])


def _parts_of_before(store: Store, device: Device) -> list[Finding]:
    """What was last found of its cells or strings."""
    kept = result(store.records, STUDY, _subject(device))
    return [Finding(**one) for one in kept.body["findings"] if one["part"] is not None] if kept else []


def soiling(store: Store, device: Device, now: int) -> list[Finding]:
    """Lasting changes of an inverter's daily yield per sunshine, where a weather station tells the irradiance."""
    weather = next(iter(store.records.devices(Kind.WEATHER)), None)
    if weather is None:
        return []
    end = now - now % DAY
    window = Window(end - DAYS * DAY, end)
    power = store.telemetry.series([(device.device_id, device.kind)], ["total_active_power"], window, resolution=QUARTER)
    sun = store.telemetry.series([(weather.device_id, weather.kind)], ["poa_irradiance"], window, resolution=QUARTER)
    if not power or not sun:
        return []
    ours, theirs = next(iter(power.values())), next(iter(sun.values()))
    common, mine, its = np.intersect1d(ours.at, theirs.at, return_indices=True)
    # only bright quarters: in dim light sensors and inverters say little of the glass
    bright = (theirs.mean[its] > 200.0) & np.isfinite(ours.mean[mine])
    if not bright.any():
        return []
    day = common[bright] // DAY
    which, at = np.unique(day, return_inverse=True)
    count = np.bincount(at)
    ratio = np.bincount(at, ours.mean[mine][bright]) / np.bincount(at, theirs.mean[its][bright])
    ratio = np.where(count >= 8, ratio, np.nan)
    if not np.isfinite(ratio).any():
        return []
    # per cent of what was usual
    share = 100.0 * ratio / float(np.nanmedian(ratio[: max(REFERENCE_DAYS, 3)]))
    return examine_change(device.device_id, str(device.kind), "total_active_power", which * DAY, share, 100.0 * SOILING)

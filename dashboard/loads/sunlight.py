"""What the sun gave an inverter and what became of it: daily yields and performance ratio."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from dashboard.figures.bars import Bars, Group
from dashboard.figures.heat import Heat
from dashboard.loads import archive
from dashboard.loads.fleet import fleet
from dashboard.loads.inverter import KINDS, chosen, station
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Series
from datastore.store import Store
from plant.analysis import pv
from plant.model import DAY, HOUR, QUARTER, Device, Window
from plant.quantity import number, quantity
from plant.timeline import day_of, day_starts, midnight
from services import pv_days
from services.pv_arrays import LIGHT, peak_of

MONTHS = 12
"""Months the calendar reaches back."""
FEWEST_MONTHS = 4
DAYS = 30
"""Days the performance ratio is shown for at least, however short the window."""
MOST_DAYS = 92


def calendar_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per day: `row` (month), `column` (day − 1), `day` (ISO), `yield` [kWh], `note`, `href`. By the inverter's own
    counter of the day where it has one, else from its power; the last MONTHS months up to the end of the window."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    window = _calendar_window(store, scope)
    found = {} if device is None else _counted(store, device, window) or _integrated(store, device, window)
    if device is None or not found:
        return archive.nothing(store, scope, [device], "/inverter")
    days = {day_of(start, store.zone): energy for start, energy in found.items()}
    told = {day_of(kept.start, store.zone): kept for kept in pv_days.days(store, device.device_id, window)}
    last = max(days)
    months = [_month(last.year, last.month, -back) for back in reversed(range(MONTHS))]
    first = min(months.index((day.year, day.month)) for day in days)
    months = months[min(first, MONTHS - FEWEST_MONTHS) :]
    columns: dict[str, Any] = {
        "row": [months.index((day.year, day.month)) for day in days],
        "column": [day.day - 1 for day in days],
        "day": [day.isoformat() for day in days],
        "yield": list(days.values()),
        "note": [_told_of(day, energy, told.get(day), peak_of(device), scope) for day, energy in days.items()],
        "href": [scope.link("/inverter", from_=day.isoformat(), to=day.isoformat()) for day in days],
    }
    spec = Heat(
        tuple(f"{year}-{month:02d}" for year, month in months),
        tuple(str(day) for day in range(1, 32)),
        "yield",
        "kWh",
        0,
        "level",
        0.0,
        least=1.0,
    )
    newest = plant.latest.get((device.device_id, device.kind))
    return Table(columns, newest.at if newest else None, plant.is_simulated([device]), {"heat": spec})


def _told_of(day: date, energy: float, kept: pv_days.PvDay | None, peak: float | None, scope: Scope) -> str:
    """`2026-11-20 · 4.12 kWh/kWp · PR 83.1 %`, as far as known."""
    parts = [day.isoformat()]
    if peak:
        parts.append(quantity(energy / peak, "kWh/kWp", 2))
    if kept is not None and kept.ratio is not None:
        parts.append(f"PR {quantity(kept.ratio, '%', 1)}")
    return " · ".join(parts)


def _calendar_window(store: Store, scope: Scope) -> Window:
    """From the first day of the month eleven months before the end of the scope's window."""
    end = min(scope.span(store.clock()).end, store.clock() + DAY)
    last = day_of(end - 1, store.zone)
    year, month = _month(last.year, last.month, 1 - MONTHS)
    start = midnight(date(year, month, 1), store.zone)
    return Window(start, max(end, start + DAY))


def _month(year: int, month: int, further: int) -> tuple[int, int]:
    place = year * 12 + month - 1 + further
    return place // 12, place % 12 + 1


def _counted(store: Store, device: Device, window: Window) -> dict[int, float]:
    """Day → the last value of the inverter's counter of that day [kWh]."""
    series = _series(store, device, "daily_power_yields", window, DAY)
    if series is None:
        return {}
    told = np.isfinite(series.last)
    return dict(zip(series.at[told].tolist(), series.last[told].tolist(), strict=True))


def _integrated(store: Store, device: Device, window: Window) -> dict[int, float]:
    """Day → energy [kWh] from mean power in quarter hours; quarters without a reading count as nothing known, not as zero."""
    series = _series(store, device, "total_active_power", window, QUARTER)
    if series is None:
        return {}
    days = pv.sun_days(series.at, hours(series, store.clock()), series.mean, None, day_starts(window, store.zone))
    return {day.start: day.energy for day in days if day.energy is not None}


def _series(store: Store, device: Device, name: str, window: Window, width: int) -> Series | None:
    """One metric in buckets; None when nothing was said."""
    key = (device.device_id, device.kind)
    found = store.telemetry.series([key], [name], window, resolution=width, zone=store.zone.key).get((*key, name))
    return found if found is not None and np.isfinite(found.mean).any() else None


def hours(series: Series, now: int) -> Any:
    """How long each bucket lasted up to now [h]."""
    return np.clip(now - series.at, 0, series.resolution) / HOUR


def ratio_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per day: `name` (of the month), `day` (ISO), `ratio` [%], `final` and `reference` yield [h],
    `energy` [kWh], `hours` (with both power and irradiance), `note`. The window's days, at least DAYS and at most MOST_DAYS of them."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    weather = station(plant, device) if device else None
    peak = peak_of(device) if device else None
    if device is None:
        return Table({})
    if peak is None:
        return Table({}, more={"kept": (word("inverter.nopeak", scope.lang), scope.elsewhere("/devices"))})
    span = scope.span(store.clock())
    end = min(span.end, store.clock())
    starts = day_starts(Window(max(min(span.start, end - DAYS * DAY), end - MOST_DAYS * DAY), end), store.zone) if end > span.start else []
    days = sun_days(store, device, weather, starts, end)
    days = days[next((i for i, day in enumerate(days) if day.energy is not None), len(days)) :]
    ratios = [pv.performance_ratio(day.common, day.insolation, peak) for day in days]
    if not any(ratio.value is not None for ratio in ratios):
        told = any(day.energy is not None for day in days)
        reason = (word("inverter.nolight", scope.lang), scope.elsewhere("/devices"))
        return Table({}, more={"kept": reason}) if told else archive.nothing(store, scope, [device], "/inverter")
    columns: dict[str, Any] = {
        "name": [f"{day_of(day.start, store.zone):%d}" for day in days],
        "day": [day_of(day.start, store.zone).isoformat() for day in days],
        "ratio": [np.nan if ratio.value is None else ratio.value for ratio in ratios],
        "final": [np.nan if day.common is None else day.common / peak for day in days],
        "reference": [np.nan if day.insolation is None else day.insolation for day in days],
        "energy": [day.energy for day in days],
        "hours": [day.hours for day in days],
        "note": [_sentence(day, ratio.value, peak, store, scope) for day, ratio in zip(days, ratios, strict=True)],
    }
    groups = [Group("ratio", word("inverter.ratio", scope.lang), "%", 1, "pv")]
    kept = {day.start: day.corrected for day in pv_days.days(store, device.device_id, Window(days[0].start, end))}
    corrected = [kept.get(day.start) for day in days]
    if any(value is not None for value in corrected):
        columns["corrected"] = [np.nan if value is None else value for value in corrected]
        groups.append(Group("corrected", word("inverter.corrected", scope.lang), "%", 1, "soc"))
    spec = Bars(tuple(groups), title=f"{columns['day'][0]} – {columns['day'][-1]}")
    return Table(columns, end, plant.is_simulated([device]), {"bars": spec})


def sun_days(store: Store, device: Device, weather: Device | None, starts: Sequence[int], end: int) -> list[pv.SunDay]:
    """Energy and insolation by day, from quarter hours."""
    if not starts:
        return []
    window = Window(starts[0], max(end, starts[0] + QUARTER))
    power = _series(store, device, "total_active_power", window, QUARTER)
    if power is None:
        return []
    lit = next((found for name in LIGHT if weather and (found := _series(store, weather, name, window, QUARTER)) is not None), None)
    light = None if lit is None else _on(power, lit)
    return pv.sun_days(power.at, hours(power, store.clock()), power.mean, light, starts)


def _on(power: Series, lit: Series) -> Any:
    """The irradiance in the buckets of the power."""
    found = np.full(len(power.at), np.nan)
    _, mine, other = np.intersect1d(power.at, lit.at, assume_unique=True, return_indices=True)
    found[mine] = lit.mean[other]
    return found


def _sentence(day: pv.SunDay, ratio: float | None, peak: float, store: Store, scope: Scope) -> str:
    name = day_of(day.start, store.zone).isoformat()
    if ratio is None or day.common is None:
        return f"{name}: {word('inverter.noratio', scope.lang)}"
    return word(
        "inverter.ratio.note",
        scope.lang,
        day=name,
        ratio=quantity(ratio, "%", 1),
        final=number(day.common / peak, 2),
        reference=number(day.insolation, 2),
        hours=number(day.hours, 1),
    )


def redraw_by_quarter(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Daily sums change slowly: asked for again every quarter of an hour."""
    plant = fleet(store, KINDS)
    device = chosen(plant, scope)
    newest = plant.latest.get((device.device_id, device.kind)) if device else None
    return {"at": newest.at, "redraw": str(store.clock() // QUARTER)} if newest else None

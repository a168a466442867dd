"""What the report of a month says beside the panels of the pages: what the awards earned in numbers, how their execution rates spread, the
units' charge and health, the most frequent alarms, how much of the month was observed."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from dashboard.figures.sheet import Sheet, rows_of
from dashboard.loads import settled
from dashboard.loads.alarm_words import sentences
from dashboard.loads.alarms import found, seen_figures, tag
from dashboard.loads.awarded import currency, judged_by
from dashboard.loads.fleet import fleet
from dashboard.loads.units import unit_label, units
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store
from plant.metrics import scalars_of
from plant.model import QUARTER, Kind, Window
from services.income import earned
from services.settling import Span

BANDS = ((99.5, 101.0), (95.0, 99.5), (85.0, 95.0), (70.0, 85.0), (0.0, 70.0))
"""Execution rates [%], from inclusive to exclusive: all, the fees' full share, less, and what counts as not delivered."""
HEARD = (Kind.SITE, Kind.PCS, Kind.BESS, Kind.PACK, Kind.INVERTER, Kind.METER)
_TELLS = ("active_power", "total_active_power", "power", "soc")
TOP = 10


def judged(store: Store, scope: Scope) -> list[Span]:
    """The awards of the window that are judged."""
    window = scope.span(store.clock())
    return [span for span in settled.judged(store, window) if span.period]


def income_tiles(store: Store, scope: Scope) -> Sequence[Tile]:
    """What the awards of the window earned, and how they were executed; dashes without a judged one."""
    spans = judged(store, scope)
    told, sign = earned(spans), currency(spans)
    hidden = word("report.income.hidden", scope.lang, n=f"{told.hidden:g}") if told.hidden else ""
    return (
        Tile("total", "report.income.total", told.total, sign, 0, None, hidden or word("report.income.note", scope.lang)),
        Tile("capacity", "income.capacity", told.capacity, sign, 0),
        Tile("performance", "income.performance", told.performance, sign, 0),
        Tile("energy", "income.energy", told.energy, sign, 0),
        Tile("hours", "income.judged", told.hours if spans else None, "h", 0),
        Tile("rate", "income.rate", _percent(told.rate), "%", 2, None, word("report.rate.note", scope.lang)),
        Tile("index", "income.index", told.q, "", 3),
        Tile("seen", "report.seen", _percent(told.coverage), "%", 2, None, word("report.seen.note", scope.lang)),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def rate_tiles(store: Store, scope: Scope) -> Sequence[Tile]:
    """Lowest, median and highest execution rate of an award, and how many fell below 95 %; dashes without a judged one."""
    rates = [span.period.rate for span in judged(store, scope) if span.period]
    low = float(sum(rate < 95 for rate in rates)) if rates else None
    return (
        Tile("least", "report.rate.least", min(rates, default=None), "%", 2),
        Tile("median", "report.rate.median", median(rates) if rates else None, "%", 2),
        Tile("most", "report.rate.most", max(rates, default=None), "%", 2),
        Tile("low", "report.rate.low", low, "", 0, None, word("report.rate.low.note", scope.lang, n=len(rates))),
    )


def rate_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per band of execution rates: `band`, `hours` (judged awards), `share` [%]. Empty without a judged award."""
    spans = judged(store, scope)
    rates = [span.period.rate for span in spans if span.period]
    rows = []
    for low, high in BANDS if rates else ():
        count = sum(low <= rate < high for rate in rates)
        name = f"≥ {low:g} %" if high > 100 else f"{low:g} – {high:g} %" if low else f"< {high:g} %"
        rows.append({"band": name, "hours": float(count), "share": 100 * count / len(rates)})
    heads = (("band", "report.rate.band", None), ("hours", "report.rate.hours", 0), ("share", "report.rate.share", 1))
    table = _sheet(rows, heads, scope, any(span.event.simulated for span in spans))
    return replace(table, more={**table.more, "rules": judged_by(spans)}) if rows else table


def unit_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per battery: `name`, lowest, mean, highest state of charge and the last state of health of the window [%], and the
    share of its quarters of an hour in which it told its charge, `seen` [%]. Means are over what was told."""
    window = past(store, scope)
    plant = fleet(store, (Kind.BESS, Kind.PACK))
    listed = units(plant)
    keys = [(device.device_id, device.kind) for device in listed.values()]
    if window is None or not keys:
        return Table({})
    series = store.telemetry.series(keys, ["soc", "soh"], window, resolution=QUARTER)
    rows = []
    for number, device in listed.items():
        charge, health = (series.get((device.device_id, device.kind, name)) for name in ("soc", "soh"))
        row: dict[str, Any] = {"name": unit_label(number, device, scope.lang)}
        if charge is not None and np.nansum(charge.n):
            n = np.nan_to_num(charge.n)
            row |= {"low": float(np.nanmin(charge.min)), "high": float(np.nanmax(charge.max))}
            row |= {"mean": float(np.nansum(charge.sum) / n.sum()), "seen": 100 * float((n > 0).sum()) / quarters(window)}
        if health is not None and np.isfinite(health.last).any():
            row["soh"] = float(health.last[np.isfinite(health.last)][-1])
        rows.append(row)
    heads = (
        ("name", "report.unit", None), ("low", "report.soc.low", 1), ("mean", "report.soc.mean", 1), ("high", "report.soc.high", 1),
        ("soh", "report.soh", 2), ("seen", "report.share.seen", 1),
    )  # fmt: skip
    return _sheet(rows, heads, scope, plant.is_simulated(listed.values()))


def heard_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per kind of device: `kind`, `devices`, `mean` share of the window's quarters of an hour in which they told their
    power or charge [%], and the one that told least, `worst`, with its share, `least` [%]."""
    window = past(store, scope)
    if window is None:
        return Table({})
    rows, simulated = [], False
    for kind in HEARD:
        devices = list(store.records.devices(kind))
        names = [name for name in _TELLS if name in scalars_of(kind)]
        if not devices or not names:
            continue
        series = store.telemetry.series([(d.device_id, d.kind) for d in devices], names, window, resolution=QUARTER)
        told: dict[str, set[int]] = {device.device_id: set() for device in devices}
        for (device_id, _, _), one in series.items():
            told[device_id].update(one.at[np.nan_to_num(one.n) > 0].tolist())
        shares = {device_id: 100 * len(heard) / quarters(window) for device_id, heard in told.items()}
        worst = min(shares, key=lambda one: shares[one])
        row = {"kind": word(f"kind.{kind}", scope.lang), "devices": float(len(devices)), "mean": sum(shares.values()) / len(shares)}
        rows.append(row | {"worst": worst, "least": shares[worst]})
        simulated = simulated or any(device.simulated for device in devices)
    heads = (
        ("kind", "report.kind", None), ("devices", "report.devices", 0), ("mean", "report.share.seen", 1), ("worst", "report.worst", None),
        ("least", "report.share.least", 1),
    )  # fmt: skip
    return _sheet(rows, heads, scope, simulated)


def top_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per most frequent alarm of the window: `tag` (device and code), `said` (its newest), `count`, `share` of all [%]."""
    seen = found(store, scope)
    told = seen_figures(seen)
    newest = {tag(alarm): alarm for alarm in reversed(seen.alarms)}
    texts = sentences(store, [newest[name] for name, _ in told.top[:TOP]], scope.lang)
    rows = [
        {"tag": name, "said": text, "count": float(count), "share": 100 * count / told.count}
        for (name, count), text in zip(told.top[:TOP], texts, strict=True)
    ]
    heads = (("tag", "report.alarm", None), ("said", "alarm.said", None), ("count", "report.count", 0), ("share", "report.rate.share", 1))
    return _sheet(rows, heads, scope, bool(seen.alarms) and all(alarm.simulated for alarm in seen.alarms))


def past(store: Store, scope: Scope) -> Window | None:
    """The window up to now; None when all of it lies ahead."""
    now = store.clock()
    window = scope.span(now)
    end = min(window.end, now)
    return Window(window.start, end) if end > window.start else None


def quarters(window: Window) -> int:
    """Quarters of an hour that the window touches."""
    return int(-(-window.end // QUARTER) - window.start // QUARTER)


def _sheet(rows: list[dict[str, Any]], heads: Sequence[tuple[str, str, int | None]], scope: Scope, simulated: bool) -> Table:
    if not rows:
        return Table({})
    spec = Sheet(tuple((name, word(key, scope.lang), digits) for name, key, digits in heads), tuple(map(str, range(len(rows)))))
    return Table(rows_of(rows, [name for name, *_ in heads]), None, simulated, {"sheet": spec})

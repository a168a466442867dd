"""Energy, losses and efficiency of the batteries over the window: what the upper half of the analysis page shows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.figures.columns import Bar, Columns, Line
from dashboard.loads.fleet import batteries, fleet
from dashboard.loads.ledger import Ledger, Row, asked, is_cut, ledger, whole_days
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from dashboard.words_state import because
from datastore.store import Store
from plant.analysis import fleet as of_fleet
from plant.analysis.efficiency import auxiliary_share
from plant.analysis.outcome import Figure
from plant.model import DAY, HOUR, MINUTE, QUARTER, Kind, Window
from plant.quantity import number, quantity
from plant.timeline import day_start, moment

STALE = 5 * MINUTE
BY_QUARTER, BY_HOUR = 6 * HOUR, 3 * DAY
"""Longest windows shown by the quarter of an hour and by the hour; longer ones by the day."""


def tiles(store: Store, scope: Scope) -> Sequence[Tile]:
    """The window in numbers; a figure that is not assessable is a dash with the reason."""
    window = asked(store, scope)
    kept = ledger(store, window)
    at = None if kept is None or scope.is_fixed else _newest(store, window)
    lang = scope.lang

    def tile(key: str, value: float | None, unit: str, decimals: int, note: str, icon: str, tone: str = "") -> Tile:
        return Tile(key, f"analysis.{key}", value, unit, decimals, at, note, icon, tone, stale_after=STALE)

    whole = kept.whole if kept else None
    observed = "analysis.coverage.cut" if is_cut(store, scope) else "analysis.coverage.note"
    storage, system = (whole.storage, whole.system) if whole else (None, None)
    efc = of_fleet.cycles(whole.charged, whole.discharged, kept.nominal) if kept and whole else Figure(None)
    side = word("analysis.dc" if kept and kept.side == "DC" else "analysis.ac", lang)
    return (
        tile("charged", whole.charged if whole else None, "kWh", 0, side, "box-arrow-in-down", "charge"),
        tile("discharged", whole.discharged if whole else None, "kWh", 0, side, "box-arrow-up", "discharge"),
        tile("aux", whole.aux if whole else None, "kWh", 0, _share(whole, lang), "fan", "load"),
        tile("loss", whole.loss if whole else None, "kWh", 0, _stored(whole, lang), "thermometer-half"),
        tile("storage", storage.value if storage else None, "%", 1, _why(storage, lang), "arrow-repeat"),
        tile("system", system.value if system else None, "%", 1, _why(system, lang), "arrow-repeat"),
        tile("efc", efc.value, "", 2, word("analysis.efc.note", lang), "battery-charging"),
        Tile(
            "coverage", "analysis.coverage", 100 * whole.coverage if whole else None, "%", 1, at, word(observed, lang),
            "check2-circle", _tone(whole), whole.coverage if whole else None, stale_after=STALE,
        ),
    )  # fmt: skip


def _newest(store: Store, window: Window | None) -> int | None:
    heard = [latest.at for latest in fleet(store, (Kind.PCS, Kind.BESS)).latest.values()]
    return min(max(heard), window.end) if heard and window else None


def _stored(whole: Row | None, lang: str) -> str:
    if whole is None or whole.loss is None or whole.stored is None:
        return word("analysis.loss.none", lang)
    return word(
        "analysis.loss.note", lang, n=quantity(whole.stored, "kWh", 0) if whole.stored < 0 else "+" + quantity(whole.stored, "kWh", 0)
    )


def _share(whole: Row | None, lang: str) -> str:
    """What part of all energy taken the auxiliaries took."""
    share = auxiliary_share(whole.aux, whole.charged).value if whole else None
    return word("analysis.aux.note", lang) if share is None else word("analysis.aux.share", lang, n=number(share, 1))


def _why(figure: Figure | None, lang: str) -> str:
    """Which variant an efficiency is, or why there is none."""
    if figure is None:
        return word("tile.efficiency.none", lang)
    if figure.value is None:
        return because(figure.reason, lang)
    side, _, rest = figure.note.partition(", ")
    variant = "system" if rest.startswith("system") else "storage"
    return word(f"analysis.{variant}.note" + (".dc" if side == "DC-DC" else ""), lang)


def _tone(whole: Row | None) -> str:
    return "" if whole is None else "good" if whole.coverage >= 0.995 else "warning"


def loss_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per day of the site: `at`, `hours` (its length so far), `charged`, `discharged`, `stored`, `loss`, `aux` [kWh],
    `storage`, `system` [%], `coverage` [%]; NaN = not assessable."""
    kept = ledger(store, whole_days(store, scope))
    if kept is None:
        return Table({})
    rows = kept.days
    columns: dict[str, Any] = {
        "at": [row.window.start for row in rows],
        "hours": [row.window.length / HOUR for row in rows],
        **{name: _numbers([getattr(row, name) for row in rows]) for name in ("charged", "discharged", "stored", "loss", "aux")},
        "storage": _numbers([row.storage.value for row in rows]),
        "system": _numbers([row.system.value for row in rows]),
        "coverage": [round(100 * row.coverage, 2) for row in rows],
    }
    lang = scope.lang
    spec = Columns(
        (
            Bar("loss", word("analysis.loss", lang), "kWh", 0, "target"),
            Bar("aux", word("analysis.aux", lang), "kWh", 0, "load"),
        ),
        (
            Line("storage", word("analysis.storage", lang), "%", 1, "accent"),
            Line("system", word("analysis.system", lang), "%", 1, "accent", "dot"),
        ),
        word("analysis.observed", lang),
        stacked=True,
    )
    return Table(columns, rows[-1].window.end, kept.simulated, {"columns": spec, "period": kept.whole.window})


def energy_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per quarter, hour or day of the window: `at`, `hours`, `charged`, `discharged` [kWh, NaN = not observed],
    `coverage` [% of its quarters in which something was observed, of days: of the time]."""
    window = asked(store, scope)
    kept = ledger(store, window)
    if kept is None or window is None:
        return Table({})
    columns = _by_day(kept) if window.length > BY_HOUR else _by_step(store, kept, QUARTER if window.length <= BY_QUARTER else HOUR)
    lang = scope.lang
    spec = Columns(
        (
            Bar("discharged", word("stack.discharge", lang), "kWh", 0, "discharge"),
            Bar("charged", word("stack.charge", lang), "kWh", 0, "charge", sign=-1),
        ),
        (),
        word("analysis.observed", lang),
        stacked=True,
    )
    return Table(columns, window.end, kept.simulated, {"columns": spec, "period": kept.whole.window})


def _by_day(kept: Ledger) -> dict[str, Any]:
    rows = kept.days
    return {
        "at": [row.window.start for row in rows],
        "hours": [row.window.length / HOUR for row in rows],
        "charged": _numbers([row.charged for row in rows]),
        "discharged": _numbers([row.discharged for row in rows]),
        "coverage": [round(100 * row.coverage, 2) for row in rows],
    }


def _by_step(store: Store, kept: Ledger, step: int) -> dict[str, Any]:
    """Quarters regrouped to steps that begin at midnight of the site; the outer ones are cut at the window."""
    columns: dict[str, list[float]] = {name: [] for name in ("at", "hours", "charged", "discharged", "coverage")}
    for day in kept.energies:
        midnight = day_start(day.window.start, store.zone)
        first = day.window.start - (day.window.start - midnight) % step
        for start in range(first, day.window.end, step):
            cut = Window(max(start, day.window.start), min(start + step, day.window.end))
            quarters = [day.used.quarters[at] for at in range(start - start % QUARTER, start + step, QUARTER) if at in day.used.quarters]
            for name, place in (("discharged", 0), ("charged", 1)):
                columns[name].append(sum(quarter[place] for quarter in quarters) / 1e6 if quarters else float("nan"))
            columns["at"].append(cut.start)
            columns["hours"].append(cut.length / HOUR)
            columns["coverage"].append(min(100.0, 100.0 * len(quarters) / max(1, -(-cut.length // QUARTER))))
    return columns


def cycles_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per day of the site: `at`, `hours`, `efc` (equivalent full cycles), `soh` [%, the last said that day, by energy],
    `coverage` [%]."""
    window = whole_days(store, scope)
    kept = ledger(store, window)
    if kept is None or window is None:
        return Table({})
    efc = [of_fleet.cycles(row.charged, row.discharged, kept.nominal).value for row in kept.days]
    columns: dict[str, Any] = {
        "at": [row.window.start for row in kept.days],
        "hours": [row.window.length / HOUR for row in kept.days],
        "efc": _numbers(efc),
        "soh": _numbers(_health(store, [row.window for row in kept.days])),
        "coverage": [round(100 * row.coverage, 2) for row in kept.days],
    }
    lang = scope.lang
    spec = Columns(
        (Bar("efc", word("analysis.efc", lang), "", 3, "target"),),
        (Line("soh", word("tile.soh", lang), "%", 2, "good"),),
        word("analysis.observed", lang),
    )
    if not np.isfinite(columns["efc"]).any() and not np.isfinite(columns["soh"]).any():
        return Table({})
    return Table(columns, kept.days[-1].window.end, kept.simulated, {"columns": spec, "period": kept.whole.window})


def _health(store: Store, days: Sequence[Window]) -> list[float | None]:
    """State of health [%] at the end of each day, weighted by energy; None when no unit told it."""
    units = batteries(fleet(store, (Kind.BESS, Kind.PACK)))
    keys = [(device.device_id, device.kind) for device in units]
    span = Window(days[0].start, days[-1].end)
    series = store.telemetry.series(keys, ["soh"], span, resolution=DAY, zone=store.zone.key) if keys else {}
    found: list[float | None] = []
    for day in days:
        told = []
        for device in units:
            one = series.get((device.device_id, device.kind, "soh"))
            place = int(np.searchsorted(one.at, day.start, side="right")) - 1 if one is not None else -1
            if one is not None and place >= 0 and moment(int(one.at[place]), store.zone).date() == moment(day.start, store.zone).date():
                told.append(of_fleet.Battery(None, float(device.rating.get("capacity_kwh") or 1.0), float(one.last[place])))
        found.append(of_fleet.soh(told).value)
    return found


def _numbers(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], np.float64)

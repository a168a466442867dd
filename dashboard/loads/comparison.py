"""The same quantity in this window and in an earlier one, one upon the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard import periods
from dashboard.figures.lines import Line, Plot
from dashboard.loads import against, power
from dashboard.loads.fleet import batteries, capacity, fleet
from dashboard.loads.ledger import asked
from dashboard.loads.overview import FLOW_KINDS, frequency_asks
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore import rollup
from datastore.ports import Numbers
from datastore.store import Store
from plant.model import MINUTE, Window
from plant.quantity import quantity

QUANTITIES = {
    "pv": ("kW", 0, "pv"),
    "grid": ("kW", 0, "grid"),
    "aux": ("kW", 0, "load"),
    "soc": ("%", 1, "soc"),
    "frequency": ("Hz", 3, "frequency"),
}
BATTERY = ("kW", 0, "discharge")
"""What can be compared: unit, decimals, colour; the battery's power unless something else is asked for."""
BUCKETS = 400


def quantity_options(store: Store, scope: Scope) -> Sequence[tuple[str, str]]:
    """What can be compared beside the battery's power."""
    return [(name, f"analysis.of.{name}") for name in QUANTITIES]


def against_options(store: Store, scope: Scope) -> Sequence[tuple[str, str]]:
    """What the window can be compared with beside the stretch before it."""
    return [one for one in against.period_options(store, scope) if one[0] != periods.BEFORE]


def earlier(store: Store, scope: Scope, window: Window) -> Window:
    """The window it is compared with: what the scope names, else the stretch before it."""
    before = Window(window.start - window.length, window.start)
    return periods.earlier(window, scope.against or periods.BEFORE, store.zone.key) or before


def comparison_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (bucket starts of this window, epoch ms UTC), `now` and `then` (the same quantity as much earlier as the windows lie
    apart), NaN where nothing was said."""
    window = asked(store, scope)
    if window is None:
        return Table({})
    name = scope.metric if scope.metric in QUANTITIES else ""
    unit, decimals, meaning = QUANTITIES.get(name, BATTERY)
    width = max(MINUTE, scope.width(window) or rollup.width_for(window, BUCKETS))
    before = earlier(store, scope, window)
    shift = window.start - before.start
    here, there = _values(store, name, window, width), _values(store, name, before, width)
    stands, kept = np.unique(against.placed(there[0], shift, width, window, scope.zone), return_index=True)
    is_in = stands >= 0
    stands, told = stands[is_in], there[1][kept][is_in]
    at = np.union1d(here[0].astype(np.int64), stands)
    columns: dict[str, Any] = {"at": at, "now": _on(at, *here), "then": _on(at, stands, told)}
    if not np.isfinite(columns["now"]).any() and not np.isfinite(columns["then"]).any():
        return Table({})
    lang = scope.lang
    title = against.title(scope.against if periods.earlier(window, scope.against, scope.zone) else periods.BEFORE, lang)
    then = _with_mean(title, columns["then"], unit, decimals, lang)
    now = _with_mean(word("analysis.now", lang), columns["now"], unit, decimals, lang)
    if not np.isfinite(columns["then"]).any():  # a line of nothing has no place in the legend
        now = f"{now} · {then}"
    lines = (
        Line("then", then, unit, decimals, "muted", dash="dash", width=width, of="now"),
        Line("now", now, unit, decimals, meaning, width=width),
    )
    spoken = at[np.isfinite(columns["now"])]
    newest = int(spoken[-1]) + width if spoken.size else window.end
    simulated = any(device.simulated for device in store.records.devices())
    return Table(columns, min(newest, window.end), simulated, {"plot": Plot(lines, window.start, window.end)})


def _with_mean(title: str, values: Numbers, unit: str, decimals: int, lang: str) -> str:
    heard = values[np.isfinite(values)]
    if not heard.size:
        return f"{title} · {word('analysis.nothing', lang)}"
    return f"{title} · {word('analysis.mean', lang, n=quantity(float(heard.mean()), unit, decimals))}"


def _values(store: Store, name: str, window: Window, width: int) -> tuple[Numbers, Numbers]:
    """Bucket starts [epoch ms] and the quantity in them."""
    if name == "soc":
        return _soc(store, window, width)
    if name == "frequency":
        asks = frequency_asks(store)
        found = store.telemetry.series([asks[0].key[:2]], ["frequency"], window, resolution=width, zone=store.zone.key) if asks else {}
        one = next(iter(found.values()), None)
        return (np.empty(0), np.empty(0)) if one is None else (one.at.astype(np.float64), one.mean)
    whole = Window(window.start - window.start % width, window.end)
    kept = power.history(store.telemetry, fleet(store, FLOW_KINDS), whole, width, store.zone.key)
    return kept.at, {"pv": kept.pv, "grid": kept.grid, "aux": kept.aux}.get(name, kept.battery)


def _soc(store: Store, window: Window, width: int) -> tuple[Numbers, Numbers]:
    """Energy-weighted over the units, where all of them speak."""
    devices = batteries(fleet(store, FLOW_KINDS))
    keys = [(device.device_id, device.kind) for device in devices]
    series = store.telemetry.series(keys, ["soc"], window, resolution=width, zone=store.zone.key) if keys else {}
    if not series or len(series) < len(devices):
        return np.empty(0), np.empty(0)
    weights = [capacity(device) or 0.0 for device in devices]
    parts = weights if all(weights) else [1.0] * len(devices)
    at = power.grid_of(window, width, list(series.values()))
    table = np.stack([power.on(at, series[device.device_id, device.kind, "soc"]) for device in devices])
    return at, np.average(table, axis=0, weights=parts)


def _on(at: Numbers, told: Numbers, values: Numbers) -> Numbers:
    column = np.full(at.size, np.nan)
    if told.size:
        column[np.searchsorted(at, told)] = values
    return column

"""Any metrics of any devices over the scope's window, thinned to what a screen can show, as one table of columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard.figures.axes import Limit
from dashboard.figures.lines import Line, Plot
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore import rollup
from datastore.ports import Series
from datastore.store import Store
from plant.metrics import Metric, metric
from plant.model import Device, Window
from plant.quantity import quantity

PIXELS = 900
"""Buckets of a chart with one line: about the width of a panel; with more lines fewer, so that the answer stays small."""
BANDED = 3
"""Up to this many lines show minimum and maximum of their buckets; of more, bands would only cover each other."""
BUDGET = {1: 900, 2: 640, 3: 420, 4: 600, 5: 480, 6: 400, 7: 340, 8: 300}
FEWEST = 200


@dataclass(frozen=True, slots=True)
class Ask:
    """One line wanted: a metric of a device, how it is called and drawn."""

    device: Device
    metric: str
    name: str = ""
    meaning: str = ""
    faint: bool = False
    dash: str = "solid"
    banded: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        return self.device.device_id, self.device.kind, self.metric


def points_for(lines: int) -> int:
    """Buckets per line, so that all lines of a chart together stay within some 80 KB."""
    return BUDGET.get(lines, max(FEWEST, 2400 // max(1, lines)))


def history(
    store: Store,
    scope: Scope,
    asks: Sequence[Ask],
    *,
    limits: bool = True,
    overlay: bool = False,
    floor: tuple[tuple[str, float | None, float | None], ...] = (),
    bars: bool = False,
    narrowest: int = 0,
) -> Table:
    """Columns: `at` (bucket starts, epoch ms UTC) and per line its mean, with `… min` and `… max` when bucketed and few enough;
    `more["plot"]` is the Plot. Lines nobody ever spoke of are left out; a table without any spoken line is empty. With
    `narrowest` [ms] all lines get the same buckets, at least that wide: only then can they be compared instant by instant."""
    window = scope.span(store.clock())
    found = fetch(store, asks, window, points_for(len(asks)), scope, narrowest)
    spoken = [ask for ask in asks if ask.key in found and np.isfinite(found[ask.key].mean).any()]
    if not spoken:
        return Table({})
    at = np.unique(np.concatenate([found[ask.key].at for ask in spoken]))
    columns: dict[str, Any] = {"at": at}
    lines, coverage = [], {}
    for ask in spoken:
        series, about = found[ask.key], metric(ask.metric)
        name = ask.name or about.label(scope.lang)
        title = unused(f"{name} ({about.unit})" if about.unit else name, columns)
        places = np.searchsorted(at, series.at)
        columns[title] = spread(told(series, about), places, len(at))
        coverage[title] = series.coverage
        banded = ask.banded and series.resolution > 0 and len(spoken) <= BANDED and about.shape == "scalar" and not bars
        if banded:
            columns[f"{title} min"] = spread(series.min, places, len(at))
            columns[f"{title} max"] = spread(series.max, places, len(at))
        low, high = (f"{title} min", f"{title} max") if banded else ("", "")
        lines.append(
            Line(title, name, about.unit, about.decimals, ask.meaning, low, high, dash=ask.dash, faint=ask.faint, width=series.resolution)
        )
    marks = tuple(limit for ask in spoken for limit in limits_of(metric(ask.metric), scope.lang)) if limits else ()
    plot = Plot(
        tuple(lines),
        window.start,
        window.end,
        tuple(dict.fromkeys(marks)),
        overlay,
        floor,
        word("chart.band", scope.lang),
        tuple(line.column for line in lines) if bars else (),
    )
    newest = max(int(series.at[np.isfinite(series.mean)][-1]) + series.resolution for ask in spoken for series in (found[ask.key],))
    more = {"plot": plot, "asks": tuple(spoken), "coverage": coverage}
    return Table(columns, min(newest, window.end), any(ask.device.simulated for ask in spoken), more)


def highlighted(table: Table, column: str | None) -> Table:
    """The same table with all lines faint but one; None changes nothing."""
    if column is None:
        return table
    plot: Plot = table.more["plot"]
    lines = tuple(replace(line, faint=line.column != column) for line in plot.lines)
    return replace(table, more={**table.more, "plot": replace(plot, lines=lines)})


def deviation(table: Table) -> Table:
    """Every line less the median of all lines at each instant; lines alone, or with different units, have nothing to differ from."""
    if table.is_empty:
        return table
    plot: Plot = table.more["plot"]
    if len(plot.lines) < 2 or len({line.unit for line in plot.lines}) > 1:
        return Table({})
    values = np.array([np.asarray(table.columns[line.column], dtype=np.float64) for line in plot.lines])
    heard = np.isfinite(values).any(axis=0)
    middle = np.full(values.shape[1], np.nan)
    middle[heard] = np.nanmedian(values[:, heard], axis=0)
    columns = {"at": table.columns["at"], **{line.column: row - middle for line, row in zip(plot.lines, values, strict=True)}}
    lines = tuple(replace(line, low="", high="", decimals=line.decimals + 1) for line in plot.lines)
    return replace(table, columns=columns, more={**table.more, "plot": replace(plot, lines=lines, limits=())})


def fetch(
    store: Store, asks: Sequence[Ask], window: Window, points: int, scope: Scope, narrowest: int = 0
) -> dict[tuple[str, str, str], Series]:
    """The series of all asks, with as few questions to the store as there are metrics; see `history` for `narrowest`; `points` per
    line unless the scope asks for a width."""
    by_metric: dict[str, list[tuple[str, str]]] = {}
    for ask in asks:
        by_metric.setdefault(ask.metric, []).append((ask.device.device_id, ask.device.kind))
    width = scope.width(window, len(asks))
    if narrowest:
        width = max(narrowest, rollup.width_for(window, points) if width is None else width)
    found: dict[tuple[str, str, str], Series] = {}
    for name, keys in by_metric.items():
        found |= store.telemetry.series(keys, [name], window, points=points if width is None else None, resolution=width, zone=scope.zone)
    return found


def told(series: Series, about: Metric) -> Any:
    """What one bucket says of a metric: the mean of a state, the last of a register or code, the sum of energies per interval."""
    return {"last": series.last, "counter": series.last, "sum": series.sum}.get(about.aggregation, series.mean)


def spread(numbers: Any, places: Any, length: int) -> Any:
    """`numbers` at `places` of a column of `length`, NaN elsewhere."""
    column = np.full(length, np.nan)
    column[places] = numbers
    return column


def unused(title: str, columns: Mapping[str, Any]) -> str:
    """A column title nobody has taken yet."""
    number, fresh = 2, title
    while fresh in columns:
        fresh, number = f"{title} {number}", number + 1
    return fresh


def limits_of(about: Metric, lang: str) -> list[tuple[str, Limit]]:
    """The catalogue's limits of a metric as lines to draw, with its unit."""
    found = []
    for severity, (low, high) in (("warning", about.normal), ("alarm", about.alarm)):
        for value, above in ((low, False), (high, True)):
            if value is not None:
                text = f"{word(f'limit.{severity}', lang)} {'>' if above else '<'} {quantity(value, about.unit, _digits(value))}"
                found.append((about.unit, Limit(value, severity, text, above)))
    return found


def _digits(value: float) -> int:
    """Decimals a limit needs, as people write it: 0.3, 59.75, 40."""
    return len(f"{value:g}".partition(".")[2])


def live_lines(store: Store, scope: Scope, asks: Sequence[Ask]) -> dict[str, Any] | None:
    """The frame that adds the newest values to a chart of these asks; None when none of them spoke lately. Traces count only asks that
    spoke in the window, as `history` leaves the others out."""
    latest = store.telemetry.latest(list(dict.fromkeys((ask.device.device_id, ask.device.kind) for ask in asks)))
    now = store.clock()
    window = scope.span(now)
    y: list[float | None] = []
    for ask in asks:
        said = latest.get((ask.device.device_id, ask.device.kind))
        value = said.values.get(ask.metric) if said else None
        at = said.times.get(ask.metric, said.at) if said else 0
        if not isinstance(value, int | float) or at < window.start:
            continue
        is_new = now - at <= max(2_000, 1_500 * ask.device.interval_s)
        y.append(round(float(value), metric(ask.metric).decimals) if is_new else None)
    if all(value is None for value in y):
        return None
    width = scope.width(window, len(asks))
    bucket = bucket_of(window, len(asks)) if width is None else max(1_000, width)
    frame: dict[str, Any] = {"extend": {"x": int(scope.local(now)), "y": y, "bucket": bucket, "span": window.length}}
    if len(asks) == 1 and y[0] is not None and metric(asks[0].metric).aggregation != "sum":  # its last value stands beside the line
        about = metric(asks[0].metric)
        frame["relayout"] = {"annotations[0].text": quantity(y[0], about.unit, about.decimals), "annotations[0].y": y[0]}
    return frame


def bucket_of(window: Window, lines: int) -> int:
    """About the width [ms] of the buckets of a chart with this many lines, at least a second."""
    return max(1_000, window.length // points_for(lines) // 1_000 * 1_000)

"""The numbers behind the figures of charts, maps and tables: what their card tells is what stands in the panel's own table, with what its
load puts beside it (`more["told"]`: by the part, or "" for the whole, rows of (symbol, value, whose))."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dashboard.explanations import Facts, Given, Part, about
from dashboard.explanations_panels import TOLD, WHO
from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.page import Panel, Scope, Table
from dashboard.words import word
from plant.model import Window
from plant.timeline import moment

MOST = 600
"""Rows looked at, the newest: a card lists far fewer."""


def whole(panel: Panel, table: Table, scope: Scope) -> Facts:
    """What goes into the figures of a panel that is explained as a whole: the columns of its table, or the newest points of its lines."""
    columns = TOLD.get(panel.title)
    plot: Plot | None = table.more.get("plot")
    if columns is None and plot is not None:
        symbol = about(panel.title).inputs[0].symbol
        return _facts(panel, table, scope, [*_points(table, plot, symbol), *_beside(table, "")])
    return _facts(panel, table, scope, [*_rows(table, columns or {}, WHO.get(panel.title, ""), scope), *_beside(table, "")])


def part(panel: Panel, name: str, of: Part, table: Table, scope: Scope) -> Facts:
    """What goes into one column or row of a panel."""
    if of.row:
        given = list(_row(table, name, about(of.key).inputs[0].symbol))
    else:
        columns = of.told or {about(of.key).inputs[0].symbol: name}
        given = list(_rows(table, columns, of.who, scope))
    told = _facts(panel, table, scope, [*given, *_beside(table, name)])
    return told if of.judged else replace(told, rules=(), coverage=table.more.get("observed_of", {}).get(name))


def _facts(panel: Panel, table: Table, scope: Scope, given: Sequence[Given]) -> Facts:
    """`given` with the circumstances the table knows: period, how much of it was heard, rules, what leads on to Explore."""
    plot: Plot | None = table.more.get("plot")
    window: Window | None = table.more.get("period")
    if plot is not None:
        window = Window(plot.start, plot.end)
    coverage = _coverage(table)
    known = [one.value is not None for one in given]
    first = [one.value is not None for one in given if one.symbol == given[0].symbol]
    heard = (sum(first), len(first)) if first and coverage is None else None
    asks = table.more.get("asks", ())
    return Facts(
        tuple(given), window, coverage, heard, rules=tuple(table.more.get("rules", ())),
        why="" if any(known) else word("explain.why.silent", scope.lang),
        devices=tuple(dict.fromkeys(ask.device.device_id for ask in asks)),
        metrics=tuple(dict.fromkeys(ask.metric for ask in asks)), is_now=panel.is_current and window is None,
    )  # fmt: skip


def _coverage(table: Table) -> float | None:
    """How much of the time was observed, 0…1: what the table says, of its lines or rows the mean; of lines without it the share of their
    buckets with a value. None where there is no time to observe."""
    plot = table.more.get("plot")
    if "observed" in table.more:
        return table.more["observed"]
    if table.more.get("coverage"):
        return float(np.mean(list(table.more["coverage"].values())))
    if "coverage" in table.columns and "hours" in table.columns:
        seen, length = (np.asarray(table.columns[name], np.float64) for name in ("coverage", "hours"))
        return float(np.average(seen, weights=length)) / 100 if length.sum() > 0 else None
    return _share_heard(table, plot) if plot is not None else None


def _beside(table: Table, name: str) -> Iterable[Given]:
    told: Mapping[str, Sequence[tuple[str, float | None, str]]] = table.more.get("told", {})
    return (Given(symbol, _known(value), who) for symbol, value, who in told.get(name, ()))


# -- tables --------------------------------------------------------------------------------------------------------------------


def _rows(table: Table, columns: Mapping[str, str], numbered: str, scope: Scope) -> Iterable[Given]:
    """Row by row, those over time the newest first; rows in which nothing is known are left out of a long table."""
    told = {symbol: table.columns[column] for symbol, column in columns.items() if column in table.columns}
    count = max((len(column) for column in told.values()), default=0)
    if not count:
        return
    names = _names(table, count, numbered, scope)
    over_time = not {"sheet", "grid"} & table.more.keys() and not _is_map(table) and bool({"at", "day"} & table.columns.keys())
    ages = table.columns.get("at") if _is_map(table) else None
    places = [place for place in range(count) if any(_known(column[place]) is not None for column in told.values())]
    for place in reversed(places[-MOST:]) if over_time else places[:MOST]:
        for symbol, column in told.items():
            yield Given(symbol, _known(column[place]), names[place], None if ages is None else ages[place])


def _is_map(table: Table) -> bool:
    """Whether each row is an element whose name is its note."""
    return bool({"heat", "waterfall", "bars"} & table.more.keys()) and "note" in table.columns and "day" not in table.columns


def _names(table: Table, count: int, numbered: str, scope: Scope) -> Sequence[str]:
    """Whose each row is: by its sheet's first column, its node, its note, its day, its instant or its name."""
    spec: Sheet | None = table.more.get("sheet")
    if spec is not None and not numbered:
        return [str(name) for name in table.columns[spec.columns[0][0]]]
    if "node" in table.columns:
        return [_node(str(name), scope.lang) for name in table.columns["node"]]
    if "grid" in table.more and numbered:
        return [str(name) for name in table.columns[numbered]]
    if "waterfall" in table.more:
        return [str(name) for name in table.columns["name"]]
    if _is_map(table):
        return [_plain(str(note)) for note in table.columns["note"]]
    whose = [str(one) for one in table.columns[numbered]] if numbered in table.columns else [""] * count
    when = _instants(table, count, scope)
    return [" · ".join(part for part in pair if part) for pair in zip(when, whose, strict=True)]


def _instants(table: Table, count: int, scope: Scope) -> Sequence[str]:
    if "day" in table.columns:
        return [str(day) for day in table.columns["day"]]
    if "at" in table.columns:
        zone = ZoneInfo(scope.zone)
        return [f"{moment(int(at), zone):%m-%d %H:%M}".removesuffix(" 00:00") for at in table.columns["at"]]
    return [str(name) for name in table.columns.get("name", [""] * count)]


def _node(name: str, lang: str) -> str:
    """What the picture calls a box or an end of the bus."""
    found = (word(f"{kind}.{name}", lang) for kind in ("flow", "kind", "topology"))
    return next((text for text in found if not text.endswith(f".{name}")), name)


def _plain(note: str) -> str:
    """A pointer's sentence without its marks, its first line."""
    return re.sub(r"<[^>]*>", " ", note.partition("<br>")[0]).strip()


def _row(table: Table, name: str, symbol: str) -> Iterable[Given]:
    """A row of a sheet, column by column; of a table of amounts its value with its unit."""
    spec: Sheet = table.more["sheet"]
    if name not in spec.keys:
        return
    place = spec.keys.index(name)
    if "value" in table.columns:
        unit = str(table.columns["unit"][place]) if "unit" in table.columns else ""
        yield Given(symbol, _known(table.columns["value"][place]), str(table.columns[spec.columns[0][0]][place]), unit=unit)
        return
    for column, title, _ in spec.columns[1:]:
        yield Given(symbol, _known(table.columns[column][place]), title)


def _known(value: Any) -> float | None:
    """A number, or what is written like one on a screen; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value.replace(",", "").replace("−", "-"))
        except ValueError:
            return None
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    return float(value) if isfinite(value) else None


# -- charts over time ----------------------------------------------------------------------------------------------------------


def _points(table: Table, plot: Plot, symbol: str) -> Iterable[Given]:
    """The newest point of each line, with its own unit."""
    at = np.asarray(table.columns["at"], np.float64)
    for line in plot.lines:
        values = np.asarray(table.columns[line.column], np.float64)
        told = np.flatnonzero(np.isfinite(values))
        if told.size:
            newest = int(told[-1])
            yield Given(symbol, float(values[newest]), line.name, int(at[newest]) + line.width // 2, line.unit, line.decimals)


def _share_heard(table: Table, plot: Plot) -> float | None:
    """Buckets with a value over the buckets of the window, mean over the lines; None where no line has buckets."""
    shares = []
    for line in plot.lines:
        if line.width > 0 and plot.end > plot.start:
            shares.append(_filled(table, line) / max((plot.end - plot.start) / line.width, 1.0))
    return min(1.0, float(np.mean(shares))) if shares else None


def _filled(table: Table, line: Line) -> int:
    return int(np.isfinite(np.asarray(table.columns[line.column], np.float64)).sum())

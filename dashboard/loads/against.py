"""A window upon another: each line of a chart also as it was in an earlier period, or as another device of its kind had it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard import periods
from dashboard.figures.lines import Line, Plot
from dashboard.loads import history, units
from dashboard.loads.fleet import fleet
from dashboard.page import Panel, Scope, Table
from dashboard.scope import AGAINST
from dashboard.words import word
from datastore import rollup
from datastore.ports import Series
from datastore.store import Store
from plant import numbering
from plant.metrics import metric
from plant.model import SECOND, Device, Kind, Window

MOST = 6
"""More compared lines than this nobody can tell apart."""
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot", "5px,2px")
AGES = 60
"""A live chart asks for the compared lines again so many times per window: they do not grow with the feed."""


@dataclass(frozen=True, slots=True)
class Other:
    """What is compared with: a window, its instants `shift` ms before those of the shown one, or a device in the same window; `title` says
    which."""

    title: str
    window: Window
    shift: int = 0
    device: Device | None = None


def other(store: Store, scope: Scope, window: Window) -> Other | None:
    """What the scope compares `window` with; None when with nothing, or with a device that is not there."""
    found = periods.earlier(window, scope.against, scope.zone)
    if found is not None:
        return Other(title(scope.against, scope.lang), found, window.start - found.start)
    known = [device for group in fleet(store).devices.values() for device in group if device.device_id == scope.against]
    return Other(title(known[0].device_id, scope.lang), window, 0, known[0]) if known else None


def title(against: str, lang: str) -> str:
    """`A day earlier`, `From 2026-11-14`, `BESS 3 · Rack 07`; other devices by their id."""
    if against in AGAINST:
        return word(f"analysis.against.{against}", lang)
    if periods.day_of(against):
        return word("against.from", lang, day=against)
    unit = numbering.unit_of(against, None)
    places = (numbering.number(unit), numbering.number(against)) if unit else (None, None)
    if places[0] is None or places[1] is None:
        return against
    return f"{units.unit_name(places[0], lang)} · {units.rack_name(places[1], lang)}"


def period_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """Earlier periods; a date that was chosen in the calendar is one of them."""
    named = [(name, f"analysis.against.{name}") for name in AGAINST]
    return [*named, (scope.against, title(scope.against, scope.lang))] if periods.day_of(scope.against) else named


def options_for(shown: Callable[[Store, Scope], Sequence[Device]]) -> Callable[[Store, Scope], Sequence[tuple[str, str]]]:
    """Earlier periods, and the devices `shown` finds worth comparing with."""

    def options(store: Store, scope: Scope) -> Sequence[tuple[str, str]]:
        devices = [(device.device_id, title(device.device_id, scope.lang)) for device in shown(store, scope)]
        return [*period_options(store, scope), *devices]

    return options


def comparable(panel: Panel) -> Panel:
    """The same panel, which knows what the scope compares with: its load gives `more["plot"]` and the `asks` of its first lines, as
    `history.history` does."""
    load, live = panel.load, panel.live

    def compared_load(store: Store, scope: Scope) -> Table:
        return compared(store, scope, load(store, scope))

    def compared_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
        frame = live(store, scope) if live else None
        if frame is None or not scope.against:
            return frame
        now = store.clock()
        return {**frame, "redraw": f"{frame.get('redraw', '')} {now // max(10 * SECOND, scope.span(now).length // AGES)}"}

    return replace(panel, load=compared_load, live=compared_frame if live else None)


def compared(store: Store, scope: Scope, table: Table) -> Table:
    """`table` with a dashed line of the other period or device for each of its lines that does not stand back. Its points stand where those
    of the shown window do, so that rows can be compared; columns of the shown window keep their values."""
    if table.is_empty or not scope.against or "plot" not in table.more:
        return table
    plot: Plot = table.more["plot"]
    window = Window(plot.start, plot.end)
    against = other(store, scope, window)
    if against is None:
        return table
    pairs = _pairs(table, against)
    found = {(ask.key, line.width): _series(store, ask, line, against, scope) for ask, line in pairs}
    columns, lines = dict(table.columns), list(plot.lines)
    for ask, line in pairs:
        series = found[ask.key, line.width]
        if series is None or not np.isfinite(series.mean).any():
            continue
        at = placed(series.at, against.shift, line.width, window, scope.zone)
        inside = (at >= 0) & (at < plot.end)
        name = against.title if len(pairs) == 1 else f"{line.name} · {against.title}"
        column = history.unused(f"{name} ({line.unit})" if line.unit else name, columns)
        columns = merged(columns, at[inside], column, history.told(series, metric(ask.metric))[inside])
        dash = DASHES[len(lines) - len(plot.lines)]
        lines.append(Line(column, name, line.unit, line.decimals, "muted", dash=dash, width=line.width, of=line.column))
    if len(lines) == len(plot.lines):
        remark = word("against.nothing", scope.lang, what=against.title)
        return replace(table, more={**table.more, "plot": replace(plot, remark=remark)})
    return replace(table, columns=columns, more={**table.more, "plot": replace(plot, lines=tuple(lines))})


def _pairs(table: Table, against: Other) -> list[tuple[history.Ask, Line]]:
    """The lines that are compared, each with what the store is asked for; none when they are too many to tell apart."""
    found = []
    for ask, line in zip(table.more.get("asks", ()), table.more["plot"].lines, strict=False):
        if line.faint or (against.device is not None and (ask.device.kind != against.device.kind or ask.device == against.device)):
            continue
        found.append((ask if against.device is None else replace(ask, device=against.device), line))
    return found if len(found) <= MOST else []


def _series(store: Store, ask: history.Ask, line: Line, against: Other, scope: Scope) -> Series | None:
    keys = [ask.key[:2]]
    found = store.telemetry.series(keys, [ask.metric], against.window, resolution=line.width, zone=scope.zone)
    return found.get(ask.key)


def placed(at: Any, shift: int, width: int, window: Window, zone: str) -> Any:
    """Instants of the other period [epoch ms, int64] where they stand in `window`: buckets fall on its buckets (calendar days on calendar
    days, although one of them may have 25 h), −1 for those that find none; raw instants just move."""
    moved = np.asarray(at, dtype=np.int64) + shift
    if not width:
        return moved
    starts = rollup.edges(window, width, zone)[:-1]
    near = np.clip(np.searchsorted(starts, moved), 1, max(1, len(starts) - 1)) if len(starts) > 1 else np.zeros(len(moved), np.int64)
    if len(starts) > 1:
        near = np.where(moved - starts[near - 1] <= starts[near] - moved, near - 1, near)
    return np.where(np.abs(starts[near] - moved) * 2 <= width, starts[near], -1)


def merged(columns: Mapping[str, Any], at: Any, name: str, values: Any) -> dict[str, Any]:
    """`columns` with one more that has its own instants; where either says nothing, NaN."""
    here = np.asarray(columns["at"], dtype=np.int64)
    at, kept = np.unique(at, return_index=True)
    whole = np.union1d(here, at)
    if len(whole) == len(here):
        grown = dict(columns)
    else:
        places = np.searchsorted(whole, here)
        grown = {key: history.spread(told, places, len(whole)) for key, told in columns.items() if key != "at"}
    return {**grown, "at": whole, name: history.spread(values[kept], np.searchsorted(whole, at), len(whole))}


def racks_beside(store: Store, scope: Scope) -> list[Device]:
    """Racks that may be compared with the chosen one: its neighbours, and the racks of its number in the other units."""
    plant = fleet(store, (Kind.BESS, Kind.PACK, Kind.RACK))
    unit = units.chosen_unit(plant, scope)
    if unit is None:
        return []
    beside = [rack for number, rack in units.racks(plant, unit[1]).items() if number != scope.rack]
    if scope.rack is None:
        return beside
    others = [units.racks(plant, device).get(scope.rack) for number, device in units.units(plant).items() if number != unit[0]]
    return [*beside, *(rack for rack in others if rack is not None)]


def neighbours(kind: str) -> Callable[[Store, Scope], list[Device]]:
    """Devices of a kind that may be compared with the one looked at by its number."""

    def beside(store: Store, scope: Scope) -> list[Device]:
        found = units.numbered(store.records.devices(kind))
        shown = scope.unit if scope.unit is not None else next(iter(found), None)
        return [device for number, device in found.items() if number != shown]

    return beside

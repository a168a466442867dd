"""A cell, a module or a sensor over the window against the median of its rack, and all cells of the rack through the window."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.figures.lines import Line, Plot
from dashboard.figures.player import Player
from dashboard.loads import archive
from dashboard.loads.cells import KINDS, VOLTS, Holder, Layout, element, holder, layout, seen
from dashboard.loads.elements import Elements, elements, middle
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.history import unused
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Numbers
from datastore.store import Store
from plant.metrics import metric
from plant.model import MINUTE, Window

BUCKETS = 288
"""Points of a line: five minutes each of a day."""
STEPS = 24
"""Pictures of the player."""
FINEST = {"V": ("mV", 1000.0, 1), "°C": ("K", 1.0, 1)}
"""Deviations of a unit: the unit they are told in, how many of it one is, decimals."""
LEAST_REACH = {"mV": 5.0, "K": 2.0}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose line is drawn: the `places` of elements whose mean it is (from 0), and how it is called."""

    places: tuple[int, ...]
    name: str


def history_table(store: Store, scope: Scope, name: str) -> Table:
    """Columns: `at`, what is looked at (the cell, the mean of the module, else the element furthest from the median over the window),
    the median of all elements with their lowest and highest, and the difference of the two."""
    plant = fleet(store, KINDS)
    found = holder(plant, scope)
    window = scope.span(store.clock())
    read = elements(store, found.device, name, window, BUCKETS) if found else None
    if found is None or read is None:
        return archive.untold(store, scope, found.device if found else None, [name], "/bess")
    centre = middle(read.mean)
    subject = _subject(plant, found, scope, name, read.mean, centre)
    if subject is None:
        return Table({})
    about, lang = metric(name), scope.lang
    mine = _mean(read.mean, subject.places)
    unit, factor, decimals = FINEST[about.unit]
    columns: dict[str, Any] = {"at": read.at}
    titles = []
    names = ((subject.name, about.unit), (word("cells.median", lang), about.unit), (word("cells.apart", lang), unit))
    for title, of in names:
        titles.append(unused(f"{title} ({of})", columns))
        columns[titles[-1]] = centre
    low, high = unused(f"{titles[1]} min", columns), unused(f"{titles[1]} max", columns)
    heard = np.isfinite(read.mean).any(axis=1)
    least, most = np.full(len(read.at), np.nan), np.full(len(read.at), np.nan)
    least[heard], most[heard] = np.nanmin(read.mean[heard], axis=1), np.nanmax(read.mean[heard], axis=1)
    columns |= {titles[0]: mine, titles[2]: (mine - centre) * factor, low: least, high: most}
    lines = (
        Line(titles[0], subject.name, about.unit, about.decimals, "soc" if name == VOLTS else "limit", width=read.width),
        Line(titles[1], word("cells.median", lang), about.unit, about.decimals, "target", low, high, width=read.width),
        Line(titles[2], word("cells.apart", lang), unit, decimals, "load", width=read.width),
    )
    reach = LEAST_REACH[unit]
    plot = Plot(lines, window.start, window.end, floor=((unit, -reach, reach),), band=word("cells.band", lang))
    more = {"plot": plot, "units": {titles[2]: unit}, "devices": (found.device.device_id,)}
    return Table(columns, min(read.newest, window.end), plant.is_simulated([found.device]), more)


def _subject(plant: Fleet, found: Holder, scope: Scope, name: str, means: Numbers, centre: Numbers) -> Subject | None:
    """None when the scope asks for a cell or module that is not there."""
    stands, lang = layout(plant, found.device, means.shape[1], name), scope.lang
    if name == VOLTS and scope.cell is not None:
        place = scope.cell - 1
        return Subject((place,), element(name, place, stands, lang)) if place < stands.count else None
    module = scope.module or _module_of_cell(plant, found, scope)
    if module is not None:
        places = _places(stands, module)
        return Subject(places, f"{word('name.module', lang)} {module}") if places else None
    apart = np.abs(means - centre[:, None])
    told = np.isfinite(apart)
    away = np.where(told, apart, 0.0).sum(axis=0) / np.maximum(told.sum(axis=0), 1)
    place = int(np.argmax(away))
    return Subject((place,), element(name, place, stands, lang))


def _module_of_cell(plant: Fleet, found: Holder, scope: Scope) -> int | None:
    """The module of the cell looked at: sensors are told apart by it."""
    said = plant.vector(found.device, VOLTS) if scope.cell is not None else None
    return layout(plant, found.device, len(said[0]), VOLTS).module((scope.cell or 1) - 1) if said else None


def _places(stands: Layout, module: int) -> tuple[int, ...]:
    if not stands.is_known or not 1 <= module <= stands.modules:
        return ()
    return tuple(range((module - 1) * stands.across, min(module * stands.across, stands.count)))


def _mean(means: Numbers, places: tuple[int, ...]) -> Numbers:
    """Of the elements at these places, [k]; NaN where all of them were silent."""
    mine = means[:, list(places)]
    told = np.isfinite(mine)
    count = told.sum(axis=1)
    found: Numbers = np.where(count > 0, np.where(told, mine, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    return found


def history_frame(store: Store, scope: Scope, name: str) -> Mapping[str, Any] | None:
    """The newest values of the lines when a cell or module was named; what else is furthest may change with every bucket: then the chart
    is asked for again."""
    window = scope.span(store.clock())
    width = -(-window.length // BUCKETS)
    if scope.cell is None and scope.module is None:
        return {"redraw": str(store.clock() // max(width, 60_000))}
    plant = fleet(store, KINDS)
    now = seen(plant, scope, name)
    if now is None or now.at < window.start or plant.is_stale(now.holder.device, now.at):
        return None
    values = now.values[None, :]
    subject = _subject(plant, now.holder, scope, name, values, np.array([now.median]))
    mine = float(_mean(values, subject.places)[0]) if subject else float("nan")
    if not np.isfinite(mine):
        return None
    about = metric(name)
    _, factor, decimals = FINEST[about.unit]
    y = [round(mine, about.decimals), round(now.median, about.decimals), round((mine - now.median) * factor, decimals)]
    return {"at": now.at, "extend": {"x": int(scope.local(now.at)), "y": y, "bucket": width, "span": window.length}}


def player_table(store: Store, scope: Scope) -> Table:
    """Every cell through the window. Columns, one row per cell and step: `at` (start of the step), `cell` (1…), `apart` [mV] from the
    median of all cells in it; `more["player"]` says how it is drawn."""
    plant = fleet(store, KINDS)
    found = holder(plant, scope)
    window = scope.span(store.clock())
    window = Window(window.start - window.start % MINUTE, window.end)  # steps that begin at a whole minute read better
    read: Elements | None = elements(store, found.device, VOLTS, window, STEPS) if found else None
    if found is None or read is None:
        return archive.untold(store, scope, found.device if found else None, [VOLTS], "/bess")
    unit, factor, decimals = FINEST[metric(VOLTS).unit]
    apart = np.round((read.mean - middle(read.mean)[:, None]) * factor, decimals)
    steps, count = apart.shape
    stands = layout(plant, found.device, count, VOLTS)
    spoken = np.abs(apart[np.isfinite(apart)])
    reach = max(LEAST_REACH[unit], float(np.quantile(spoken, 0.995))) if spoken.size else LEAST_REACH[unit]
    columns: dict[str, Any] = {
        "at": np.repeat(read.at, count),
        "cell": np.tile(np.arange(1, count + 1), steps),
        "apart": apart.ravel(),
    }
    spec = Player(
        "apart",
        word("cells.apart", scope.lang),
        unit,
        decimals,
        count,
        stands.across,
        stands.is_known,
        reach,
        word("name.cell", scope.lang),
        f"{word('name.module' if stands.is_known else 'name.cell', scope.lang)} · {found.name}",
        word("cells.play", scope.lang),
        word("cells.pause", scope.lang),
    )
    return Table(columns, min(read.newest, window.end), plant.is_simulated([found.device]), {"player": spec, "units": {"apart": unit}})


def player_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """A new picture when another step has begun."""
    window = scope.span(store.clock())
    return {"redraw": str(store.clock() // max(60_000, window.length // STEPS))}

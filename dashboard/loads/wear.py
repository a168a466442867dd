"""How the units are worked: cycles of their state of charge by depth and mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.figures.heat import Heat
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.ledger import asked
from dashboard.loads.units import unit_name, units
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis import cycles
from plant.model import DAY, MINUTE, QUARTER, Device, Kind

KINDS = (Kind.BESS, Kind.PACK, Kind.RACK)
DEPTHS = (1, 2, 5, 10, 20, 40, 60, 80, 100)
MEANS = tuple(range(0, 101, 10))
"""Classes of the cycles: depth and mean state of charge [%]. Swings below one percent are regulation, not cycles."""
NOISE = 0.5
"""Swings [%] smaller than that do not turn a cycle: five times what a state of charge is rounded to."""


def unit_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The units that exist."""
    return [(str(number), unit_name(number, scope.lang)) for number in units(fleet(store, KINDS))]


def _units(plant: Fleet, scope: Scope) -> dict[int, Device]:
    found = units(plant)
    return found if scope.unit is None else {n: device for n, device in found.items() if n == scope.unit}


def rainflow_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per class: `depth_from`, `depth_to`, `soc_from`, `soc_to` [%] and `cycles`, the mean over the units; all zero
    where nothing cycled, no rows where no unit told its state of charge."""
    window = asked(store, scope)
    plant = fleet(store, KINDS)
    wanted = list(_units(plant, scope).values())
    if window is None or not wanted:
        return Table({})
    width = MINUTE if window.length <= 2 * DAY else 5 * MINUTE if window.length <= 8 * DAY else QUARTER
    series = store.telemetry.series([(d.device_id, d.kind) for d in wanted], ["soc"], window, resolution=width)
    told = [one for one in series.values() if np.isfinite(one.mean).any()]
    if not told:
        return Table({})
    counted = [cycles.rainflow(cycles.turning_points(one.mean, NOISE)) for one in told]
    newest = max(int(one.at[np.isfinite(one.mean)][-1]) + width for one in told)
    columns, spec = field(counted, scope.lang)
    return Table(columns, min(newest, window.end), plant.is_simulated(wanted), {"heat": spec})


def field(counted: Sequence[Sequence[cycles.Cycle]], lang: str) -> tuple[dict[str, Any], Heat]:
    """The columns of `rainflow_table`, mean over the batteries whose cycles these are (at least one), and how they are drawn."""
    counts = np.sum([cycles.histogram(one, DEPTHS, MEANS) for one in counted], axis=0)
    rows, cols = (place.ravel() for place in np.indices(counts.shape))
    columns: dict[str, Any] = {
        "row": rows,
        "column": cols,
        "depth_from": [DEPTHS[k] for k in rows],
        "depth_to": [DEPTHS[k + 1] for k in rows],
        "soc_from": [MEANS[k] for k in cols],
        "soc_to": [MEANS[k + 1] for k in cols],
        "cycles": counts[rows, cols] / len(counted),
        "note": [
            word("analysis.cycle.note", lang, depth=f"{DEPTHS[r]}–{DEPTHS[r + 1]}", soc=f"{MEANS[c]}–{MEANS[c + 1]}")
            for r, c in zip(rows.tolist(), cols.tolist(), strict=True)
        ],
    }
    return columns, Heat(
        tuple(f"{low}–{high} %" for low, high in zip(DEPTHS, DEPTHS[1:], strict=False)),
        tuple(f"{(low + high) // 2}" for low, high in zip(MEANS, MEANS[1:], strict=False)),
        "cycles",
        "",
        2,
        "level",
        low=0.0,
        least=1.0,
        row_title=word("analysis.depth", lang),
        column_title=word("analysis.soc.mean", lang),
    )

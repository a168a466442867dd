"""What wore the racks of a unit: throughput, cycles, and how they stood at rest, from the days that the study of racks keeps."""

import numpy as np

from dashboard.figures.sheet import Sheet, rows_of
from dashboard.loads.bess import KINDS
from dashboard.loads.fleet import capacity, fleet
from dashboard.loads.ledger import asked
from dashboard.loads.units import chosen_rack, chosen_unit, rack_name, racks
from dashboard.loads.wear import field
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis import rack_day, warranty
from plant.analysis.rack_day import RackDay
from plant.model import Device
from services import rack_days

HEADS = (
    ("name", "analysis.rack.name", None), ("efc", "state.efc", 2), ("mwh", "bess.wear.mwh", 2), ("cycles", "bess.wear.cycles", 1),
    ("deepest", "bess.wear.deepest", 1), ("mean", "bess.wear.mean", 1), ("rest", "bess.wear.rest", 1), ("apart", "state.apart", 0),
    ("warmer", "state.warmer", 1),
)  # fmt: skip


def kept(store: Store, scope: Scope) -> tuple[int, dict[int, Device], dict[int, list[RackDay]], int] | None:
    """The chosen unit's number, its racks, their days in the window (those that told any), and when the newest ends [epoch ms]; None
    without any."""
    window, plant = asked(store, scope), fleet(store, KINDS)
    unit = chosen_unit(plant, scope)
    if window is None or unit is None:
        return None
    found = racks(plant, unit[1])
    told = rack_days.days(store, unit[1].device_id, window)
    of = {number: [day.racks[rack.device_id] for day in told if rack.device_id in day.racks] for number, rack in found.items()}
    of = {number: days for number, days in of.items() if days}
    return (unit[0], found, of, max(day.end for day in told)) if of else None


def wear_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per rack: `efc` (equivalent full cycles), `mwh` (out and in [MWh]), `cycles` (rainflow, of 1 % and more), `deepest`
    of them [%], the `mean` charge [%] they swung around, hours of `rest`, and the spread of its cells there, `apart` [mV] and `warmer` [K],
    medians of days."""
    found = kept(store, scope)
    if found is None:
        return Table({})
    unit, devices, of, newest = found
    lang, rows = scope.lang, []
    for number, days in of.items():
        rack = devices[number]
        worn = rack_day.wear(days)
        rows.append(
            {
                "name": rack_name(number, lang),
                "efc": warranty.full_cycles(days, rack.rating.get("capacity_ah"), capacity(rack)).value,
                "mwh": worn.mwh,
                "cycles": sum(one.count for one in worn.cycles),
                "deepest": worn.deepest,
                "mean": worn.mean,
                "rest": sum(day.rest_h for day in days),
                "apart": _middle([1000.0 * day.apart for day in days if day.apart is not None]),
                "warmer": _middle([day.warmer for day in days if day.warmer is not None]),
            }
        )
    keys = tuple(str(number) for number in of)
    links = {(str(number), "name"): scope.link("/bess", unit=unit, rack=number) for number in of}
    spec = Sheet(tuple((name, word(title, lang), digits) for name, title, digits in HEADS), keys, links=links)
    simulated = any(devices[number].simulated for number in of)
    return Table(rows_of(rows, [name for name, _, _ in HEADS]), newest, simulated, {"sheet": spec})


def rainflow_table(store: Store, scope: Scope) -> Table:
    """As `wear.rainflow_table`, of the chosen rack, else the mean of the unit's racks."""
    found = kept(store, scope)
    if found is None:
        return Table({})
    _, devices, of, newest = found
    chosen = chosen_rack(fleet(store, KINDS), scope)
    numbers = [chosen[1]] if chosen is not None and chosen[1] in of and scope.rack is not None else list(of)
    columns, spec = field([rack_day.wear(of[number]).cycles for number in numbers], scope.lang)
    return Table(columns, newest, any(devices[number].simulated for number in numbers), {"heat": spec})


def _middle(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None

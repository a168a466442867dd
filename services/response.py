"""Frequency and power beside each other over a window, with what the frequency asks for."""

from dataclasses import dataclass

import numpy as np

from datastore.ports import Instants, Numbers, Series
from datastore.store import Store
from plant.analysis.settlement import bounds
from plant.model import Window
from plant.rules import rules_of
from services.awards import events
from services.settling import METRICS, connection_point

GRIDS = (50.0, 60.0)
"""Nominal frequencies there are [Hz]."""


@dataclass(frozen=True, slots=True)
class Line:
    """`values` at `at` [epoch ms], NaN where nothing was said."""

    at: Instants
    values: Numbers


@dataclass(frozen=True, slots=True)
class Response:
    """`frequency` [Hz], `power` [kW, discharge positive]; `baseline` [Hz] is the frequency at which the awarded curve asks for nothing,
    else the grid's nominal; `droop` [kW] the middle of the band that the award permits at the frequency seen, `lower` and `upper` its
    bounds, only while there is one."""

    frequency: Line
    power: Line
    baseline: Line
    droop: Line
    lower: Line
    upper: Line


def response(store: Store, site_id: str, window: Window, points: int) -> Response:
    """Thinned to about `points`. Raises Unavailable."""
    point = connection_point(store, site_id)
    empty = Line(np.empty(0, np.int64), np.empty(0, np.float64))
    found = store.telemetry.series([point], METRICS, window, points=points, zone=store.zone.key) if point else {}
    frequency, power = (_line(found.get((*point, name))) if point else empty for name in METRICS)
    heard = frequency.values[np.isfinite(frequency.values)]
    if not heard.size:
        return Response(frequency, power, empty, empty, empty, empty)
    nominal = min(GRIDS, key=lambda hz: abs(hz - float(np.median(heard))))
    baseline = np.full(frequency.at.size, nominal)
    droop, low, high = (np.full(frequency.at.size, np.nan) for _ in range(3))
    for event in events(store, window):
        rules = rules_of(event)
        if not event.is_get or event.interrupt or rules is None or rules.curve is None:
            continue
        cut = slice(*np.searchsorted(frequency.at, (event.time_start, event.time_end)))
        lower, upper = bounds(rules.curve, frequency.values[cut])
        for kw, share in ((droop, (lower + upper) / 2), (low, lower), (high, upper)):
            kw[cut] = share * event.power * 10.0 + event.transfer * 1000.0
        baseline[cut] = rules.curve.centre
    asked = (Line(frequency.at, values) for values in (baseline, droop, low, high))
    return Response(frequency, power, *asked)


def _line(one: Series | None) -> Line:
    return Line(np.empty(0, np.int64), np.empty(0, np.float64)) if one is None else Line(one.at, one.mean)

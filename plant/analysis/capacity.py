"""What a battery holds, measured from its own swings of charge, and what of its nameplate that is (DOMAIN §3.3).

Reference of the health by energy is the installed energy of the nameplate, on the DC side, discharging, extrapolated to a whole discharge.
The imbalance of racks is in neither figure: they follow from the charge that flowed, not from the first rack at a limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.energy import gap_limit
from plant.analysis.outcome import Figure, missing
from plant.analysis.rest import Anchor

LEAST_SWING = 30.0
"""Swings of charge [%] below that say too little of the whole."""
TURN = 2.0
"""A swing ends where the charge turns back by more than that [%]."""
REPORTED_SURE = 1.0
"""How far [%] a reported charge may be off at either end of a swing [C]."""
SENSOR_SURE = 0.005
"""Relative error of current and power sensors [C]."""
BY_VOLTAGE, BY_REPORT = "rest voltage", "reported charge"
CONFIDENT = 1.96
"""Standard errors of a 95 % interval."""
POSSIBLE = (20.0, 130.0)
"""Health [%] beyond which the figures do not fit together."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Swing:
    """One measurement: over `depth` % of charge (negative = charging) flowed `ah` [A·h] and `kwh` [kWh, None = power not told], both
    positive when discharged; it ended at `at` [epoch ms]; `by` says what told the charge at both ends, `sure` is the relative error."""

    at: int
    depth: float
    ah: float
    kwh: float | None
    by: str
    sure: float

    @property
    def capacity(self) -> float:
        """Charge of a whole swing [A·h]."""
        return 100.0 * self.ah / self.depth

    @property
    def energy(self) -> float | None:
        """Energy of a whole swing [kWh]."""
        return None if self.kwh is None else 100.0 * self.kwh / self.depth


@dataclass(frozen=True, slots=True)
class Health:
    """`by_capacity` and `by_energy` [%], the half widths of their 95 % intervals [% points, None = unknown], how many swings each is made
    of, and what told the charge."""

    by_capacity: Figure
    by_energy: Figure
    capacity_sure: float | None = None
    energy_sure: float | None = None
    swings: int = 0
    by: str = ""


def swings(
    at_ms: ArrayLike,
    soc: ArrayLike,
    current: ArrayLike,
    power_kw: ArrayLike,
    nominal_interval_s: float,
    anchors: Sequence[Anchor] = (),
    first_end: int = 0,
) -> list[Swing]:
    """Measurements in readings at ascending `at_ms` [epoch ms, n] of `soc` [%], `current` [A] and DC `power_kw` [kW], discharge positive:
    between anchors that lie far enough apart, and along each wide swing of the reported charge. Only what ends at or after `first_end`
    [epoch ms], and without a gap in it."""
    at, charge, amps, power = (np.asarray(one, np.float64) for one in (at_ms, soc, current, power_kw))
    known = np.isfinite(amps)
    places = np.flatnonzero(known)
    at, charge, amps, power = at[known], charge[known], amps[known], power[known]
    if at.size < 2:
        return []
    step = np.diff(at)
    joined = step <= gap_limit(nominal_interval_s) * 1000.0
    ah = np.concatenate([[0.0], np.cumsum((amps[1:] + amps[:-1]) / 2 * step / 3.6e6)])
    flows = (power[1:] + power[:-1]) / 2 * step / 3.6e6
    told = np.concatenate([[0.0], np.cumsum(np.isfinite(flows))])
    kwh = np.concatenate([[0.0], np.cumsum(np.nan_to_num(flows))])
    gaps = np.concatenate([[0], np.cumsum(~joined)])

    def measured(first: int, last: int, depth: float, by: str, error: float) -> list[Swing]:
        if abs(depth) < LEAST_SWING or at[last] < first_end or gaps[last] != gaps[first]:
            return []
        flowed = float(ah[last] - ah[first])
        if flowed * depth <= 0:
            return []  # charge that falls while it is charged is a correction of the device, not a swing
        energy = float(kwh[last] - kwh[first]) if told[last] - told[first] == last - first else None
        return [Swing(int(at[last]), depth, flowed, energy, by, sqrt((error / depth) ** 2 + SENSOR_SURE**2))]

    found = []
    settled = [(int(np.searchsorted(places, anchor.place)), anchor) for anchor in anchors if anchor.place in places]
    for (first, one), (last, other) in zip(settled, settled[1:], strict=False):
        found += measured(first, last, one.soc - other.soc, BY_VOLTAGE, sqrt(one.sure**2 + other.sure**2))
    turned = turns(charge)
    for first, last in zip(turned, turned[1:], strict=False):
        found += measured(first, last, float(charge[first] - charge[last]), BY_REPORT, sqrt(2.0) * REPORTED_SURE)
    return found


def turns(values: ArrayLike, least: float = TURN) -> list[int]:
    """Where `values` [n] begin, turn by `least` or more, and end: ascending places of finite values.

    >>> turns([50, 60, 59, 90, 90, 30, float("nan"), 35])
    [0, 3, 5, 7]
    """
    flat = np.asarray(values, np.float64).ravel()
    places = np.flatnonzero(np.isfinite(flat))
    if places.size < 2:
        return places.tolist()
    flat = flat[places]
    moved = np.append(True, np.diff(flat) != 0)
    bends = np.flatnonzero(moved)
    kept = sorted({0, *bends.tolist(), flat.size - 1})
    found, extreme, way = [kept[0]], kept[0], 0
    for place in kept[1:]:
        value, far = flat[place], flat[extreme]
        if way == 0 and abs(value - flat[found[0]]) >= least:
            way, extreme = (1 if value > flat[found[0]] else -1), place
        elif way and (value - far) * way > 0:
            extreme = place
        elif way and (far - value) * way >= least:
            found.append(extreme)
            extreme, way = place, -way
    if way and extreme != found[-1]:
        found.append(extreme)
    return [int(place) for place in places[found]]


def health(told: Sequence[Swing], rated_ah: float | None, installed_kwh: float | None) -> Health:
    """Health by capacity and by energy from measurements, weighted by how sure each is; those whose charge the rest voltage told are taken
    alone where there are any. The energy is that of discharges.

    >>> found = health([Swing(0, 50.0, 45.0, 40.0, BY_REPORT, 0.03)], 100.0, 100.0)
    >>> found.by_capacity.value, found.by_energy.value, round(found.capacity_sure, 1)
    (90.0, 80.0, 5.3)
    """
    best = [one for one in told if one.by == BY_VOLTAGE] or list(told)
    if not best:
        reason = f"no swing over {LEAST_SWING:g} % of charge without a gap"
        return Health(missing(reason), missing(reason))
    by = best[0].by
    capacity, capacity_sure = _weighted([(one.capacity, one.sure) for one in best], rated_ah, "the rated capacity is not known", by)
    given = [(one.energy, one.sure) for one in best if one.depth > 0 and one.energy is not None]
    energy, energy_sure = _weighted([(e, s) for e, s in given if e is not None], installed_kwh, "the installed energy is not known", by)
    return Health(capacity, energy, capacity_sure, energy_sure, len(best), by)


def _weighted(told: Sequence[tuple[float, float]], whole: float | None, unknown: str, by: str) -> tuple[Figure, float | None]:
    if whole is None or not whole > 0:
        return missing(unknown), None
    if not told:
        return missing(f"no discharge over {LEAST_SWING:g} % of charge without a gap"), None
    share = 100.0 * np.array([value for value, _ in told]) / whole
    error = np.array([sure for _, sure in told]) * share
    weight = 1.0 / error**2
    mean = float((share * weight).sum() / weight.sum())
    scatter = float((weight * (share - mean) ** 2).sum() / weight.sum() / max(len(told) - 1, 1))
    # what a sensor or a reported charge is off by does not average out over days: the interval never falls below that of the best one alone
    sure = CONFIDENT * max(float(error.min()), sqrt(scatter))
    if not POSSIBLE[0] <= mean <= POSSIBLE[1]:
        return missing(f"the result of {mean:.0f} % is not possible: current, charge and nameplate do not fit together"), None
    return Figure(mean, note=by), sure


def state_of_energy(remaining_kwh: float | None, rated_kwh: float | None) -> Figure:
    """SOE [%] = energy that can be taken out / rated energy.

    >>> state_of_energy(48.0, 100.0).value
    48.0
    """
    if remaining_kwh is None or rated_kwh is None or not rated_kwh > 0:
        return missing("charge or energy is not known")
    return Figure(100.0 * remaining_kwh / rated_kwh)


"""How far cells, racks and strings are apart (DOMAIN §3.3), and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.outcome import Figure, missing

OUTLIER = 3.5
"""Robust z beyond which a value is an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993)."""
REST_C_RATE = 0.02
"""|C-rate| below which a battery is at rest."""
_TO_SIGMA = 1.4826  # MAD of a normal distribution × this = its standard deviation

Numbers = NDArray[np.float64]


def _finite(values: ArrayLike) -> Numbers:
    flat = np.asarray(values, np.float64).ravel()
    return flat[np.isfinite(flat)]


def spread(values: ArrayLike) -> Figure:
    """Largest less smallest value (ΔV of cell voltages [V], ΔT of temperatures [K]); silent elements (NaN) are left out.

    >>> round(spread([3.301, 3.298, float("nan"), 3.312]).value, 3)
    0.014
    """
    known = _finite(values)
    return Figure(float(known.max() - known.min())) if known.size else missing("no values")


def robust_z(values: ArrayLike, least_scale: float = 0.0) -> Numbers:
    """(x − median) / (1.4826 · MAD) of each value, same shape, NaN stays NaN.

    `least_scale` is the smallest scale believed (a sensor's resolution), so that equal readings do not make outliers of one digit; with
    a scale of 0 values at the median are 0 and others ±inf. Fewer than three known values: all NaN.
    """
    all_of_them = np.asarray(values, np.float64)
    known = _finite(all_of_them)
    if known.size < 3:
        return np.full(all_of_them.shape, np.nan)
    middle = np.median(known)
    scale = max(_TO_SIGMA * float(np.median(np.abs(known - middle))), least_scale)
    away = np.where(np.isfinite(all_of_them), all_of_them, np.nan) - middle
    if scale > 0:
        return np.asarray(away / scale, np.float64)
    return np.where(away == 0, 0.0, np.where(np.isnan(away), np.nan, np.copysign(np.inf, away)))


@dataclass(frozen=True, slots=True)
class Outlier:
    """One value far from its siblings: its place in the input, its value and its robust z."""

    place: int
    value: float
    z: float


def outliers(values: ArrayLike, least_scale: float, threshold: float = OUTLIER) -> list[Outlier]:
    """Values [n] (one per rack, cell or sensor) with |robust z| above `threshold`, worst first."""
    flat = np.asarray(values, np.float64).ravel()
    z = robust_z(flat, least_scale)
    found = [Outlier(int(k), float(flat[k]), float(z[k])) for k in np.flatnonzero(np.abs(np.nan_to_num(z, nan=0.0)) > threshold)]
    return sorted(found, key=lambda one: -abs(one.z))


def at_rest(current: float | None, capacity_ah: float | None) -> bool:
    """Whether cells may be ranked by voltage now: |I|/C below 0.02 per hour. Unknown current or capacity: no."""
    if current is None or capacity_ah is None or not (isfinite(current) and isfinite(capacity_ah)) or capacity_ah <= 0:
        return False
    return abs(current) / capacity_ah < REST_C_RATE


def weakest_link(soc: ArrayLike, energy: ArrayLike, soh: ArrayLike, soc_limit: float, charging: bool) -> Figure:
    """Energy [kWh] that cannot be used because the first rack reaches `soc_limit` [%] before the others.

    `soc` [%], `energy` nameplate [kWh], `soh` [%], all [racks]. E_lost = Σ E·SOH·(d_i − min d), with d the distance to the limit
    upwards when `charging`, downwards otherwise (DOMAIN §3.3; racks beyond the limit have distance 0).
    """
    charge, size, health = (np.asarray(a, np.float64).ravel() for a in (soc, energy, soh))
    if not charge.size == size.size == health.size:
        return missing("the racks' figures do not have the same length")
    known = np.isfinite(charge) & np.isfinite(size) & np.isfinite(health) & (size >= 0) & (health >= 0)
    if not known.any():
        return missing("no racks with charge, energy and health")
    distance = (soc_limit - charge[known]) if charging else (charge[known] - soc_limit)
    distance = np.maximum(distance, 0.0) / 100.0
    return Figure(float((size[known] * health[known] / 100.0 * (distance - distance.min())).sum()))


@dataclass(frozen=True, slots=True)
class Booked:
    """What each rack cost, [racks]: `energy` [kWh] is what it kept the others from using, on average over the times; `share` of the
    times, 0…1, in which it was the first at the limit."""

    energy: Numbers
    share: Numbers


def booked(soc: ArrayLike, energy: ArrayLike, soh: ArrayLike, soc_limit: float, charging: bool) -> Booked:
    """`weakest_link` over time, booked each time on the rack that reaches `soc_limit` [%] first; the accounts add up to the mean loss.

    `soc` [%, times × racks], `energy` [kWh] and `soh` [%], [racks]. Silent racks (NaN) are left out; times in which fewer than two racks
    speak, or none loses anything, count for nobody.
    """
    charge = np.atleast_2d(np.asarray(soc, np.float64))
    content = np.asarray(energy, np.float64) * np.asarray(soh, np.float64) / 100.0
    known = np.isfinite(charge) & np.isfinite(content)
    distance = np.maximum((soc_limit - charge) if charging else (charge - soc_limit), 0.0) / 100.0
    distance = np.where(known, distance, np.inf)
    told = np.flatnonzero(known.sum(axis=1) >= 2)
    racks = charge.shape[1]
    if not told.size:
        return Booked(np.zeros(racks), np.zeros(racks))
    first = distance[told].argmin(axis=1)
    apart = np.where(known[told], distance[told] - distance[told].min(axis=1)[:, None], 0.0)
    lost = (np.where(known[told], content, 0.0) * apart).sum(axis=1)
    is_loss = lost > 0
    sums = np.bincount(first, weights=lost, minlength=racks)
    times = np.bincount(first[is_loss], minlength=racks)
    return Booked(sums / told.size, times / told.size)


@dataclass(frozen=True, slots=True)
class Price:
    """What a kilowatt-hour is worth: `per_kwh` in `currency`, and where that is `source`d from."""

    per_kwh: float
    currency: str
    source: str


def price(given: object) -> Price | None:
    """What a device's record says under `energy_price`: `{"per_kwh": 3.2, "currency": "TWD", "source": "…"}`; negative prices are
    prices. None when there is none, or it does not name currency and source.

    >>> price({"per_kwh": 3.2, "currency": "TWD", "source": "tariff 2026"}).per_kwh, price({"per_kwh": 3.2}), price(7)
    (3.2, None, None)
    """
    if not isinstance(given, Mapping):
        return None
    value, currency, source = given.get("per_kwh"), given.get("currency"), given.get("source")
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value):
        return None
    return Price(float(value), currency[:8], source[:200]) if isinstance(currency, str) and isinstance(source, str) and source else None


def string_mismatch(currents: ArrayLike, least_current: float = 0.5) -> Numbers:
    """(I − median)/median of each string current [A], as a fraction, same shape; NaN where silent, all NaN when the median is below
    `least_current` (too dark to judge).

    >>> string_mismatch([10.0, 10.0, 9.0, 0.0]).round(3).tolist()
    [0.053, 0.053, -0.053, -1.0]
    """
    all_of_them = np.asarray(currents, np.float64)
    known = _finite(all_of_them)
    if known.size == 0 or float(np.median(known)) < max(least_current, 1e-12):
        return np.full(all_of_them.shape, np.nan)
    middle = float(np.median(known))
    return np.where(np.isfinite(all_of_them), (all_of_them - middle) / middle, np.nan)


def phase_unbalance(values: ArrayLike) -> Figure:
    """100 · max|x − x̄|/x̄ [%] of three phase values (NEMA MG 1's definition).

    >>> phase_unbalance([100.0, 103.0, 97.0]).value
    3.0
    """
    known = _finite(values)
    if known.size < 2 or known.size != np.asarray(values).size:
        return missing("a phase is missing")
    mean = float(known.mean())
    return Figure(100.0 * float(np.abs(known - mean).max()) / mean) if mean > 0 else missing("no current or voltage")

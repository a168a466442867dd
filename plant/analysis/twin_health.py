"""What the differences between a battery and its twin say of its health: each a figure, its limits and how it moves over the weeks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from plant.analysis.charge_filter import Filtered
from plant.analysis.chemistry import Numbers
from plant.analysis.twin import HISTORY, Twin

LIMITS: Mapping[str, tuple[str, float, float]] = {
    "voltage_bias": ("mV", 10.0, 30.0),
    "resistance_growth": ("%", 25.0, 60.0),
    "heat": ("K", 2.0, 5.0),
    "charge": ("%", 4.0, 10.0),
    "consistency": ("", 3.0, 10.0),
}
"""[C] Indicator → unit, and the amounts from which it is to be watched, and bad. Voltage per cell; a cell whose resistance has doubled is
at the end of its use for power, well before that it is conspicuous."""
REASONS: Mapping[str, str] = {
    "": "",
    "silent": "it has no readings to compare",
    "young": "its resistance was found on too few days",
    "few": "too few readings have been filtered",
}
"""Why an indicator has no value: the word for it → the sentence of the interfaces."""
GOOD, WATCH, BAD, UNKNOWN = "good", "watch", "bad", "unknown"
LEAST_DAYS, REFERENCE_DAYS = 7, 3
"""Days of figures that a trend needs, and those that are the reference of a resistance."""


@dataclass(frozen=True, slots=True)
class Daily:
    """One day's figures of a twin: `day` [epoch ms]; resistance r0 + r1 at 25 °C [Ω] with its standard error (None: not found),
    mean residuals per cell [mV] and of the temperature [K]."""

    day: int
    resistance: float | None
    error: float | None
    voltage: float | None
    heat: float | None


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure: `value` in `unit`, None with the word `why`; `state` good, watch, bad or unknown; `trend` is its change in 30 days, with
    half the 95 % interval `sure`, None while there are too few days."""

    name: str
    value: float | None
    unit: str
    state: str
    watch: float
    bad: float
    why: str = ""
    trend: float | None = None
    sure: float | None = None


def indicators(twin: Twin, filtered: Filtered | None, reported: float | None, days: Sequence[Daily]) -> list[Indicator]:
    """All indicators of a twin, in the order of LIMITS. `reported` is the charge told at the end of what was filtered [%], `days`
    ascending, the newest one today's."""
    cells = twin.circuit.cells if twin.circuit is not None else 1
    volts = None if twin.voltage is None else 1000.0 * twin.voltage.bias / cells
    heat = None if twin.temperature is None else twin.temperature.bias
    growth, why = _growth(days)
    found = [
        _judged("voltage_bias", volts, "silent", _trend([(one.day, one.voltage) for one in days])),
        _judged("resistance_growth", growth, why, _relative(days)),
        _judged("heat", heat, "silent", _trend([(one.day, one.heat) for one in days])),
        _charge(filtered, reported),
    ]
    nis = None if filtered is None else filtered.nis
    return [*found, _judged("consistency", nis, "few", (None, None))]


def _judged(name: str, value: float | None, why: str, trend: tuple[float | None, float | None]) -> Indicator:
    unit, watch, bad = LIMITS[name]
    if value is None or not isfinite(value):
        return Indicator(name, None, unit, UNKNOWN, watch, bad, why, *trend)
    amount = value if name == "resistance_growth" else abs(value)
    state = BAD if amount >= bad else WATCH if amount >= watch else GOOD
    return Indicator(name, value, unit, state, watch, bad, "", *trend)


def _charge(filtered: Filtered | None, reported: float | None) -> Indicator:
    """Reported less estimated charge. What the filter's own uncertainty (two sigma) allows is no fault."""
    unit, watch, bad = LIMITS["charge"]
    if filtered is None or not filtered.soc.size or reported is None or not isfinite(reported):
        return Indicator("charge", None, unit, UNKNOWN, watch, bad, "silent")
    apart, sd = reported - float(filtered.soc[-1]), float(filtered.sd[-1])
    state = GOOD if abs(apart) <= 2.0 * sd or abs(apart) < watch else BAD if abs(apart) >= bad else WATCH
    return Indicator("charge", apart, unit, state, watch, bad)


def _growth(days: Sequence[Daily]) -> tuple[float | None, str]:
    """Newest resistance over the median of the first ones [%], which must be older than it."""
    known = [one.resistance for one in days if one.resistance]
    if len(known) <= REFERENCE_DAYS:
        return None, "young"
    return 100.0 * (known[-1] / float(np.median(known[:REFERENCE_DAYS])) - 1.0), ""


def _relative(days: Sequence[Daily]) -> tuple[float | None, float | None]:
    known = [one.resistance for one in days if one.resistance]
    if not known:
        return None, None
    reference = float(np.median(known[:REFERENCE_DAYS]))
    return _trend([(one.day, 100.0 * one.resistance / reference if one.resistance else None) for one in days])


def _trend(points: Sequence[tuple[int, float | None]]) -> tuple[float | None, float | None]:
    """Change in 30 days by the median of all pairs' slopes (Theil and Sen; Sen, J. Am. Stat. Assoc. 63 (1968) 1379), and half its 95 %
    interval by the rank of slopes that Kendall's statistic allows (ibid., eq. 2.6)."""
    known = [(day / 86_400_000.0, value) for day, value in points if value is not None and isfinite(value)]
    if len(known) < LEAST_DAYS:
        return None, None
    at, values = np.array(known, np.float64).T
    one, other = np.triu_indices(at.size, 1)
    apart = at[other] - at[one]
    slopes: Numbers = np.sort((values[other] - values[one])[apart > 0] / apart[apart > 0])
    if slopes.size < LEAST_DAYS:
        return None, None
    n = at.size
    spread = 1.96 * (n * (n - 1) * (2 * n + 5) / 18.0) ** 0.5
    low = max(int((slopes.size - spread) / 2.0), 0)
    high = min(int(np.ceil((slopes.size + spread) / 2.0)), slopes.size - 1)
    return 30.0 * float(np.median(slopes)), 15.0 * float(slopes[high] - slopes[low])


def is_found(twin: Twin) -> bool:
    """Whether the resistance of the twin is its own, found in the history it was made of."""
    one = twin.found.get("r0_ohm")
    return one is not None and one.source == HISTORY and one.error is not None

"""Energy from power, from mean-power buckets and from registers (DOMAIN §3.2). Discharge and export are positive.

Energies are whole milliwatt-hours per quarter of an hour, so that any regrouping of quarters gives exactly the same sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.outcome import Figure, missing
from plant.model import QUARTER, Window

MWH_PER_KWH = 1_000_000
"""Milliwatt-hours in a kilowatt-hour."""
LEAST_GAP_S = 5.0
GAP_INTERVALS = 3.0
FELL_BACK = "fell back"
REGISTER_STEP = 1.0
"""Kilowatt-hours a register may show at once though less flowed: registers count in steps."""
_MS_PER_HOUR = 3_600_000.0

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Energies:
    """Energy out and in over a span. `quarters` maps the start of a quarter (epoch ms) to (discharged, charged) in mWh, both ≥ 0;
    `observed_s` seconds were covered by readings no further apart than allowed, of `span_s` from first to last reading; `seconds` says
    how many of them lie in each quarter (of several devices together: of each)."""

    quarters: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    observed_s: float = 0.0
    span_s: float = 0.0
    reason: str = ""
    seconds: Mapping[int, float] = field(default_factory=dict)

    @property
    def discharged(self) -> float | None:
        """Energy out [kWh]; None when nothing could be observed (`reason` says why)."""
        return None if self.reason else sum(out for out, _ in self.quarters.values()) / MWH_PER_KWH

    @property
    def charged(self) -> float | None:
        """Energy in [kWh], a positive number; None when nothing could be observed."""
        return None if self.reason else sum(into for _, into in self.quarters.values()) / MWH_PER_KWH

    def within(self, start: int, end: int) -> tuple[int, int] | None:
        """(discharged, charged) in mWh of the quarters that begin in `start` … `end` [epoch ms, end exclusive]; None when none was
        observed. Stretches that do not overlap add up to their whole to the last digit."""
        told = [both for quarter, both in self.quarters.items() if start <= quarter < end]
        return (sum(out for out, _ in told), sum(into for _, into in told)) if told else None

    @property
    def coverage(self) -> float:
        """Observed over spanned seconds, 0…1."""
        return min(1.0, self.observed_s / self.span_s) if self.span_s > 0 else 0.0

    def coverage_of(self, window_s: float) -> float:
        """Observed seconds over those of a window, 0…1."""
        return min(1.0, self.observed_s / window_s) if window_s > 0 else 0.0


def gap_limit(nominal_interval_s: float) -> float:
    """Readings further apart than this [s] are not joined: max(3 × nominal interval, 5 s)."""
    return max(GAP_INTERVALS * nominal_interval_s, LEAST_GAP_S)


def energies(at_ms: ArrayLike, power_kw: ArrayLike, nominal_interval_s: float) -> Energies:
    """Energy by the gap-limited trapezoid rule from readings `power_kw` [kW] at `at_ms` [epoch ms], both [n], in any order.

    The trapezoid between two readings is split where the power changes sign, and at quarter hours; across a gap nothing is assumed.
    Silent readings (NaN) are left out; of readings at one instant the last counts. Never raises for data; what cannot be
    answered comes back with a `reason`.
    """
    at, power = _clean(at_ms, power_kw)
    if at.size == 0:
        return Energies(reason="no readings")
    if at.size == 1:
        return Energies(reason="one reading has no duration")
    step = np.diff(at)
    joined = step <= gap_limit(nominal_interval_s) * 1000.0
    span = float(at[-1] - at[0]) / 1000.0
    if not joined.any():
        return Energies(span_s=span, reason="all readings are too far apart")
    start, stop, first, last = at[:-1][joined], at[1:][joined], power[:-1][joined], power[1:][joined]
    start, stop, first, last = _split_at_quarters(start, stop, first, last)
    out, into = _trapezoids(stop - start, first, last)
    observed = float(step[joined].sum()) / 1000.0
    return Energies(_by_quarter(start, out, into), observed, span, seconds=_seconds(start, (stop - start) / 1000.0))


def usual_interval(at_ms: ArrayLike, nominal_interval_s: float) -> float:
    """The sampling interval [s] of readings at `at_ms` (ascending): the nominal one, or what is usual here when that is longer (a device
    that registered itself was never asked for its interval), a quarter of an hour at most.

    >>> usual_interval([0, 60_000, 120_000], 1.0), usual_interval([0, 1000, 901_000], 60.0), usual_interval([], 5.0)
    (60.0, 450.5, 5.0)
    """
    steps = np.diff(np.asarray(at_ms, np.float64).ravel())
    usual = float(np.median(steps)) / 1000.0 if steps.size else 0.0
    return max(nominal_interval_s, min(usual, QUARTER / 1000.0))


def cut(
    at_ms: ArrayLike, power_kw: ArrayLike, window: Window, nominal_interval_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The readings within `window`, both bounds included, with the power on the straight line at a bound that lies between two readings no
    further apart than `gap_limit`: so nothing of a day's energy is lost at midnight, and none of its neighbours' is in it.

    >>> at, power = cut([0, 60_000], [10.0, 40.0], Window(20_000, 50_000), 60.0)
    >>> at.tolist(), power.tolist()
    ([20000.0, 50000.0], [20.0, 35.0])
    """
    at, power = _clean(at_ms, power_kw)
    inside = (at >= window.start) & (at <= window.end)
    edges = [
        (float(edge), value) for edge in (window.start, window.end) if (value := _between(at, power, edge, nominal_interval_s)) is not None
    ]
    found_at, found = np.append(at[inside], [edge for edge, _ in edges]), np.append(power[inside], [value for _, value in edges])
    order = np.argsort(found_at, kind="stable")
    return found_at[order], found[order]


def _between(at: NDArray[np.float64], power: NDArray[np.float64], edge: int, nominal_interval_s: float) -> float | None:
    """The power at `edge` on the line between the readings around it; None when one is there, or none is near."""
    place = int(np.searchsorted(at, edge))
    if not 0 < place < at.size or at[place] == edge or at[place] - at[place - 1] > gap_limit(nominal_interval_s) * 1000.0:
        return None
    return float(np.interp(edge, at[place - 1 : place + 1], power[place - 1 : place + 1]))


def from_means(start_ms: ArrayLike, mean_kw: ArrayLike, covered_s: ArrayLike) -> Energies:
    """Energy from mean power per bucket: `mean_kw` [kW] over `covered_s` observed seconds of the bucket that starts at `start_ms`.

    All [n]; buckets without a mean (NaN) count as unobserved. A bucket that both charges and discharges gives its net, so buckets of a
    minute at most should be used. Buckets belong to the quarter they start in.
    """
    start, mean = np.asarray(start_ms, np.float64).ravel(), np.asarray(mean_kw, np.float64).ravel()
    covered = np.broadcast_to(np.asarray(covered_s, np.float64), mean.shape)
    known = np.isfinite(start) & np.isfinite(mean) & (covered > 0)
    if not known.any():
        return Energies(reason="no buckets with readings")
    begin, energy, seconds = start[known].astype(np.int64), mean[known] * covered[known] / 3600.0, covered[known]
    width = float(np.median(np.diff(np.sort(begin)))) / 1000.0 if begin.size > 1 else float(seconds[0])
    span = float(begin.max() - begin.min()) / 1000.0 + width
    quarters = _by_quarter(begin, np.maximum(energy, 0.0), np.maximum(-energy, 0.0))
    return Energies(quarters, float(seconds.sum()), span, seconds=_seconds(begin, seconds))


def from_register(
    at_ms: ArrayLike, register_kwh: ArrayLike, window: Window, rollover: float | None = None, highest_kw: float | None = None
) -> Energies:
    """Energy counted by one register, as discharged: readings `register_kwh` [kWh] at `at_ms` [epoch ms], both [n], also from around
    `window`. Between two readings the register is taken to have grown evenly: over a silence the total is known, not when. It is read off
    at each quarter of an hour and rounded there, so that quarters add up to the whole.

    A fall is a reset or a rollover (`register_delta`). A fall that is neither, and a step above what `highest_kw` [kW] would give, is not
    believed: it counts nothing, and its time is not observed.

    >>> told = from_register([0, 450_000, 1_800_000], [7.0, 8.0, 11.0], Window(0, 1_800_000))
    >>> told.quarters, told.observed_s
    ({0: (2000000, 0), 900000: (2000000, 0)}, 1800.0)
    """
    at, value = _clean(at_ms, register_kwh)
    at, value = at[value >= 0], value[value >= 0]
    if at.size < 2:
        return Energies(reason="fewer than two register readings")
    steps = np.diff(value)
    wild = np.zeros(steps.size, bool)
    for place in np.flatnonzero(steps < 0):
        fell = register_delta(float(value[place]), float(value[place + 1]), rollover)
        steps[place], wild[place] = fell.value, fell.note == FELL_BACK
    if highest_kw is not None:
        wild |= steps > highest_kw * np.diff(at) / _MS_PER_HOUR + REGISTER_STEP
    counted = np.concatenate([[0.0], np.cumsum(np.where(wild, 0.0, steps))])
    believed = np.concatenate([[0.0], np.cumsum(np.where(wild, 0.0, np.diff(at)))]) / 1000.0
    first, last = max(float(window.start), float(at[0])), min(float(window.end), float(at[-1]))
    if last <= first:
        return Energies(reason="the register was not read in this time")
    inner = np.arange(first // QUARTER * QUARTER + QUARTER, last, QUARTER)
    bounds = np.concatenate([[first], inner, [last]])
    whole = [int(read) for read in np.rint(np.interp(bounds, at, counted) * MWH_PER_KWH)]  # of any size, unlike an int64
    seconds = np.diff(np.interp(bounds, at, believed))
    starts = [int(start // QUARTER) * QUARTER for start in bounds[:-1]]
    quarters = {start: (end - begin, 0) for start, begin, end in zip(starts, whole, whole[1:], strict=False)}
    return Energies(quarters, float(seconds.sum()), (last - first) / 1000.0, seconds=dict(zip(starts, seconds.tolist(), strict=True)))


def together(parts: "list[Energies]") -> Energies:
    """Several spans or devices as one: quarters add up exactly; seconds add up, so coverage is the mean weighted by span."""
    told = [part for part in parts if not part.reason]
    if not told:
        return Energies(span_s=sum(part.span_s for part in parts), reason=parts[0].reason if parts else "no readings")
    quarters: dict[int, tuple[int, int]] = {}
    for part in told:
        for start, (out, into) in part.quarters.items():
            before = quarters.get(start, (0, 0))
            quarters[start] = (before[0] + out, before[1] + into)
    seconds: dict[int, float] = {}
    for part in told:
        for start, observed in part.seconds.items():
            seconds[start] = seconds.get(start, 0.0) + observed
    return Energies(quarters, sum(p.observed_s for p in told), sum(p.span_s for p in parts), seconds=seconds)


def register_delta(start: float | None, end: float | None, rollover: float | None = None) -> Figure:
    """Energy counted between two readings of one register, in the register's unit.

    A register that fell to half of what it said or less has started again at 0 (reset) unless `rollover` (the value at which it wraps)
    explains it: then the wrapped distance counts when it is under a tenth of the range. One that fell by less was not reset, it flickered
    or was put right: nothing counts. Never negative.

    >>> register_delta(100.0, 130.5).value, register_delta(99_990.0, 15.0, 100_000.0).value, register_delta(5_000.0, 12.0).value
    (30.5, 25.0, 12.0)
    >>> register_delta(5_000.0, 4_999.9)
    Figure(value=0.0, reason='', note='fell back')
    """
    if start is None or end is None or not (np.isfinite(start) and np.isfinite(end)):
        return missing("a register reading is missing")
    if start < 0 or end < 0:
        return missing("a register reading is negative")
    if end >= start:
        return Figure(end - start)
    if rollover is not None and start <= rollover and (wrapped := rollover - start + end) < rollover / 10:
        return Figure(wrapped, note="rolled over")
    return Figure(end, note="reset") if end <= start / 2 else Figure(0.0, note=FELL_BACK)


def register_energy(values: ArrayLike, rollover: float | None = None, highest_step: float | None = None) -> Figure:
    """Energy counted through all readings of one register, [n] in time order, in its unit. Silent readings (NaN) are skipped.

    Steps above `highest_step` (what the feeder could carry in the time) are not believed and left out; the note says so.
    """
    known = np.asarray(values, np.float64).ravel()
    known = known[np.isfinite(known) & (known >= 0)]
    if known.size < 2:
        return missing("fewer than two register readings")
    total, notes = 0.0, set()
    fell = np.flatnonzero(np.diff(known) < 0)
    steps = np.diff(known)
    for place in fell:
        figure = register_delta(float(known[place]), float(known[place + 1]), rollover)
        steps[place] = figure.value
        notes.add(figure.note)
    if highest_step is not None and (wild := steps > highest_step).any():
        steps = steps[~wild]
        notes.add("implausible steps left out")
    total = float(steps.sum())
    return Figure(total, note=", ".join(sorted(notes)))


def _clean(at_ms: ArrayLike, power_kw: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    at, power = np.asarray(at_ms, np.float64).ravel(), np.asarray(power_kw, np.float64).ravel()
    n = min(at.size, power.size)
    known = np.isfinite(at[:n]) & np.isfinite(power[:n])
    at, power = at[:n][known], power[:n][known]
    if at.size and (np.diff(at) <= 0).any():
        order = np.argsort(at, kind="stable")
        at, power = at[order], power[order]
        last = np.append(np.diff(at) > 0, True)
        at, power = at[last], power[last]
    return at, power


def _trapezoids(length: Any, first: Any, last: Any) -> tuple[Any, Any]:
    """Energy out and in [kWh] of straight pieces of `length` [ms] from `first` to `last` [kW]; a change of sign makes two triangles."""
    top, bottom = np.maximum(first, last), np.minimum(first, last)
    crosses = (top > 0) & (bottom < 0)
    rise = np.where(crosses, top - bottom, 1.0)
    hours = length / _MS_PER_HOUR
    out = np.where(crosses, 0.5 * top * (top / rise), np.maximum(first + last, 0.0) / 2) * hours
    into = np.where(crosses, 0.5 * bottom * (bottom / rise), np.maximum(-(first + last), 0.0) / 2) * hours
    return out, into


def _split_at_quarters(start: Any, stop: Any, first: Any, last: Any) -> tuple[Any, Any, Any, Any]:
    """Cut every piece at the quarter hours inside it; the power at a cut lies on the straight line."""
    before, after = np.floor(start / QUARTER), np.ceil(stop / QUARTER) - 1
    cuts = np.maximum(after - before, 0).astype(np.int64)
    if not cuts.any():
        return start, stop, first, last
    piece = np.repeat(np.arange(start.size), cuts + 1)
    number = np.arange(piece.size) - np.repeat(np.cumsum(cuts + 1) - (cuts + 1), cuts + 1)
    begin = np.where(number == 0, start[piece], (before[piece] + number) * QUARTER)
    end = np.where(number == cuts[piece], stop[piece], (before[piece] + number + 1) * QUARTER)
    slope = (last - first)[piece] / (stop - start)[piece]
    return begin, end, first[piece] + slope * (begin - start[piece]), first[piece] + slope * (end - start[piece])


def _by_quarter(start: Any, out: Any, into: Any) -> dict[int, tuple[int, int]]:
    which, place = np.unique(np.floor(np.asarray(start, np.float64) / QUARTER).astype(np.int64), return_inverse=True)
    totals = [np.rint(np.bincount(place, values, which.size) * MWH_PER_KWH) for values in (out, into)]
    return {int(q) * QUARTER: (int(o), int(i)) for q, o, i in zip(which, totals[0], totals[1], strict=True)}


def _seconds(start: Any, length: Any) -> dict[int, float]:
    """Seconds observed by quarter."""
    which, place = np.unique(np.floor(np.asarray(start, np.float64) / QUARTER).astype(np.int64), return_inverse=True)
    return {int(q) * QUARTER: float(s) for q, s in zip(which, np.bincount(place, length, which.size), strict=True)}

"""From frequency and power, second by second, to an hour's index and money (DOMAIN §3.5, stages 1 to 6).

Seconds are arrays on a grid of one per second; NaN is a second in which nothing was said, and it scores 0. Powers are kW at the
connection point, discharge positive; awarded and transferred power is MW. What differs between products is data: `plant.rules`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import floor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.rules import Curve, RuleSet

Numbers = NDArray[np.float64]
Scores = NDArray[np.int64]

FULL = 100.0
DECIMALS = 4
"""Bounds of the envelope are rounded to this many decimals, as the operator's own calculation does."""
_NOISE = 7
"""Scores are cleaned of binary noise at this decimal before they are rounded, so that exactly half goes up."""


def on_seconds(at_ms: ArrayLike, values: ArrayLike, start: int, count: int) -> Numbers:
    """Readings on the grid of `count` seconds from `start` [epoch ms], NaN where none fell; several in one second: the latest.

    The order in which readings are given does not matter. `at_ms`, `values` [n] → [count].
    """
    at, told = np.asarray(at_ms, np.int64).ravel(), np.asarray(values, np.float64).ravel()
    known = np.isfinite(told)
    at, told = at[known], told[known]
    if at.size > 1 and (np.diff(at) < 0).any():
        order = np.argsort(at, kind="stable")
        at, told = at[order], told[order]
    place = (at - start) // 1000
    inside = (place >= 0) & (place < count)
    grid = np.full(count, np.nan)
    grid[place[inside]] = told[inside]  # of equal places the last one stays, and they ascend by time
    return grid


def bounds(curve: Curve, hz: ArrayLike) -> tuple[Numbers, Numbers]:
    """Stage 1: lowest and highest permitted power [% of the awarded] at `hz` [n], NaN for NaN.

    >>> from plant.rules import version
    >>> narrow = version("dreg0.25", 1_769_256_000_000).curve
    >>> bounds(narrow, 59.90)[0].tolist()
    31.6667
    """
    seen = np.clip(np.asarray(hz, np.float64), *curve.clamp)
    points, levels, slopes = _lines(curve)
    place = np.searchsorted(points[1:], seen, side="right")
    along = seen - points[place]
    lower, upper = (level[place] + slope[place] * along for level, slope in zip(levels, slopes, strict=True))
    return np.round(lower, DECIMALS), np.round(upper, DECIMALS)


@lru_cache(maxsize=64)
def _lines(curve: Curve) -> tuple[Numbers, tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
    """Where each straight piece begins [Hz] (the first one before the curve, the last one behind it, both level), and per side its value
    there [%] and its slope [%/Hz]: one search for both sides, twice as fast as two interpolations."""
    points = np.asarray((curve.hz[0] - 1.0, *curve.hz))
    levels, slopes = [], []
    for side in (curve.lower, curve.upper):
        level = np.asarray((side[0], *side))
        levels.append(level)
        slopes.append(np.append(np.diff(level) / np.diff(points), 0.0))
    return points, (levels[0], levels[1]), (slopes[0], slopes[1])


def permitted(rules: RuleSet, hz: ArrayLike) -> tuple[Numbers, Numbers]:
    """The envelope [% of the awarded] that holds in each second of `hz` [n]: that of the frequency `lag_s` before, and for a product with
    `reaction_s` the loosest bounds of so many seconds back, for so long the power may take to follow. NaN where no frequency was said."""
    assert rules.curve is not None, "products on call are judged by `answered`"
    frequency = np.asarray(hz, np.float64)
    if rules.lag_s and frequency.size:
        frequency = np.concatenate([np.full(rules.lag_s, np.nan), frequency[: -rules.lag_s]])
    return eased(*bounds(rules.curve, frequency), rules.reaction_s)


def eased(lower: Numbers, upper: Numbers, seconds: int) -> tuple[Numbers, Numbers]:
    """The loosest bounds of each second and the `seconds` before it, [n]; a second without a bound stays without one.

    >>> [side.tolist() for side in eased(np.array([-9.0, 48.0, 48.0]), np.array([9.0, 48.0, 48.0]), 1)]
    [[-9.0, -9.0, 48.0], [9.0, 48.0, 48.0]]
    """
    low, high = lower.copy(), upper.copy()
    for back in range(1, min(seconds, lower.size - 1) + 1):
        np.fmin(low[back:], lower[:-back], out=low[back:])
        np.fmax(high[back:], upper[:-back], out=high[back:])
    low[np.isnan(lower)] = high[np.isnan(upper)] = np.nan
    return low, high


def scores(rules: RuleSet, hz: ArrayLike, kw: ArrayLike, mw: ArrayLike, transfer: ArrayLike = 0.0) -> Scores:
    """Stage 2: the score 0…100 of each second (SBSPM), [n].

    `hz` [Hz] and `kw` [kW], [n]; `mw` awarded and `transfer` scheduled power [MW], numbers or [n]. Inside the envelope 100, else 100 less
    the distance to the nearest bound in % of the awarded power, half up. Full power asked for and more given is inside. A second without
    frequency, power or award scores 0.

    >>> from plant.rules import version
    >>> wide = version("dreg0.5", 1_769_256_000_000)
    >>> scores(wide, [59.90, 59.87], [1500.0, 1148.0], 5.0).tolist()
    [93, 100]
    """
    assert rules.curve is not None, "products on call are judged by `answered`"
    awarded = np.asarray(mw, np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shown = (np.asarray(kw, np.float64) / 10.0) / awarded - 100.0 * (np.asarray(transfer, np.float64) / awarded)
    away = distance(rules, *permitted(rules, hz), shown)
    score = np.floor(np.round(FULL - np.minimum(away, FULL), _NOISE) + 0.5)
    return np.where(np.isfinite(away) & (awarded > 0), score, 0.0).astype(np.int64)


def distance(rules: RuleSet, lower: Numbers, upper: Numbers, shown: Numbers) -> Numbers:
    """How far `shown` [% of the awarded] lies outside the bounds, tolerance included, 0 inside, NaN where something was not said. Full
    power asked for and more given is inside."""
    tolerance = rules.curve.tolerance if rules.curve else 0.0
    with np.errstate(invalid="ignore"):
        most = np.where(lower >= FULL, np.inf, upper + tolerance)
        least = np.where(upper <= -FULL, -np.inf, lower - tolerance)
        return np.asarray(np.maximum(np.maximum(shown - most, least - shown), 0.0), np.float64)


def rolled(score: ArrayLike, seconds: int) -> Scores:
    """Stage 3: the best of the last `seconds` scores, [n]; before the first score there is nothing, which counts 0.

    >>> rolled([100, 0, 0, 0, 0, 7], 4).tolist()
    [100, 100, 100, 100, 0, 7]
    """
    best = np.array(score, np.int64)
    plain = best.copy()
    for back in range(1, min(seconds, best.size)):
        np.maximum(best[back:], plain[:-back], out=best[back:])
    return best


def rate(rules: RuleSet, score: ArrayLike, lead: int) -> float | None:
    """Stage 4: the execution rate [%] of one period from its scores, of which the first `lead` lie before it. None for an empty period.

    >>> from plant.rules import version
    >>> wide = version("dreg0.5", 1_769_256_000_000)
    >>> rate(wide, [0, 0, 96, 0, 0, 0, 98], 3), rate(wide, [0, 0, 96, 0, 0, 0, 0], 3)
    (96.0, 0.0)
    """
    inside = rolled(score, rules.roll_s)[lead:]
    if not inside.size:
        return None
    return float(inside.min() if rules.aggregate == "min" else inside.mean())


def index(rules: RuleSet, execution: float) -> float:
    """Stage 5: the quality index of an execution rate [%].

    >>> from plant.rules import version
    >>> dreg = version("dreg0.25", 1_769_256_000_000)
    >>> [index(dreg, rate) for rate in (100, 95, 94, 93, 92, 91, 90, 70, 69, 0)]
    [1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0, -1.0, -1.0]
    """
    rate = round(execution, _NOISE)  # 95 % of 1.1 MW is 94.99999999999999 in binary fractions
    return next((worth for start, worth in rules.steps if rate >= start), rules.below)


def answered(kw: ArrayLike, mw: float) -> Numbers:
    """Score 0…100 of each second of a reserve in which it was to give: power `kw` [n] over the awarded `mw`; more than was awarded counts
    as all of it, a second in which nothing was said as nothing. Its execution rate is the mean of these.

    >>> answered([4500.0, 6000.0, -100.0, float("nan")], 5.0).tolist()
    [90.0, 100.0, 0.0, 0.0]
    """
    told = np.nan_to_num(np.asarray(kw, np.float64), nan=0.0)
    return np.clip(np.round(told / 10.0 / mw, _NOISE), 0.0, FULL) if mw > 0 else np.zeros_like(told)


def hundredths(money: float) -> float:
    """An amount in hundredths of the currency, half up (away from noise): what is added up afterwards adds up to the last digit.

    >>> hundredths(1.005), hundredths(-1.005), hundredths(1749.9999999999998)
    (1.01, -1.0, 1750.0)
    """
    return floor(round(money * 100.0, 6) + 0.5) / 100.0


def added(amounts: Iterable[float]) -> float:
    """The exact sum of amounts in hundredths, whatever their order and grouping.

    >>> added([0.1] * 3), added([])
    (0.3, 0.0)
    """
    return sum(round(one * 100.0) for one in amounts) / 100.0


@dataclass(frozen=True, slots=True)
class Fees:
    """Money of one awarded period in the rule set's currency: for standing by, for doing it well, for the energy moved."""

    capacity: float
    performance: float
    energy: float

    @property
    def total(self) -> float:
        return added((self.capacity, self.performance, self.energy))


def fees(rules: RuleSet, mw: float, price: float, q: float, energy: float = 0.0, hours: float = 1.0) -> Fees | None:
    """Stage 6: (price·MW + performance price·MW)·q·hours, and the energy fee beside them, which the index does not touch, each in
    hundredths. None for a product whose constants are not verified.

    >>> from plant.rules import version
    >>> dreg = version("dreg0.25", 1_769_256_000_000)
    >>> [fees(dreg, mw=5, price=0, q=q).total for q in (1.0, 0.8, 0.0, -1.0)]
    [1750.0, 1400.0, 0.0, -1750.0]
    """
    if not rules.verified:
        return None
    return Fees(*map(hundredths, (price * mw * q * hours, rules.performance * mw * q * hours, energy)))


def energy_fee(rules: RuleSet, quarters_kw: ArrayLike, transfer: float, hours: ArrayLike = 0.25) -> float:
    """Money for the energy moved: k·|mean MW of a quarter of an hour|·0.25 h, summed. k by the direction of the scheduled `transfer` [MW].
    `quarters_kw` [n] mean powers [kW], `hours` how long each lasts; quarters in which nothing was said (NaN) earn nothing.

    >>> from plant.rules import version
    >>> edreg = version("edreg", 1_769_256_000_000)
    >>> energy_fee(edreg, [4000.0] * 4, 4.0), energy_fee(edreg, [-2000.0] * 4, -2.0), energy_fee(edreg, [4000.0] * 4, 0.0)
    (8000.0, 1000.0, 0.0)
    """
    price = rules.discharge_energy if transfer > 0 else rules.charge_energy if transfer < 0 else 0.0
    return price * float(np.nansum(np.abs(np.asarray(quarters_kw, np.float64)) * np.asarray(hours, np.float64))) / 1000.0


def quarter_means(kw: ArrayLike) -> Numbers:
    """Mean power of each quarter of an hour of a grid of seconds that starts with one, NaN where nothing was said; a rest counts too."""
    told = np.asarray(kw, np.float64)
    padded = np.full(-(-told.size // 900) * 900, np.nan)
    padded[: told.size] = told
    table = padded.reshape(-1, 900)
    n = np.isfinite(table).sum(axis=1)
    total = np.nansum(table, axis=1)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan), np.float64)


def energy_loss(charged: float, discharged: float, loss: float, allowance: float = 0.2, at_meter: bool = False) -> float:
    """Energy of a month that is charged for as lost [kWh]: net = E_ch/(1−l) − E_dis·(1−l) beyond `allowance`·E_ch/(1−l), with line loss l
    as a fraction (announcement 4-4 v07-1); `at_meter`: beyond `allowance`·E_ch, as before it.

    >>> round(energy_loss(1000, 700, 0.02), 2), round(energy_loss(1000, 700, 0.02, at_meter=True), 2)
    (130.33, 134.41)
    """
    if not 0 <= loss < 1:
        raise ValueError("the line loss is a fraction below 1")
    taken = charged / (1 - loss)
    return max(0.0, taken - discharged * (1 - loss) - allowance * (charged if at_meter else taken))


@dataclass(frozen=True, slots=True)
class Period:
    """What became of an awarded span: execution rate [%], quality index, money (None: not verified), share of seconds observed, and what
    makes its readings doubtful (see `doubt`; empty: nothing)."""

    rate: float
    q: float
    fees: Fees | None
    coverage: float
    doubt: str = ""


def judge(
    rules: RuleSet, hz: Numbers, kw: Numbers, lead: int, mw: float, price: float, transfer: float = 0.0, before: Scores | None = None
) -> Period:
    """Stages 1 to 6 of one span of at most an hour. `hz`, `kw` [lead + seconds] begin `lead` seconds before it; `before` [lead] are the
    scores of those under the award that held then, None when this one is to judge them too.

    Products judged by a shorter period than the span (EFR: half an hour) get the mean of its rates and indices. Raises ValueError for a
    span of no second.
    """
    score = scores(rules, hz, kw, mw, transfer)
    if before is not None:
        score[:lead] = before
    seconds = len(score) - lead
    if seconds < 1:
        raise ValueError("a span has at least one second")
    rates = [found for part in pieces(rules, score, lead) if (found := rate(rules, part, lead)) is not None]
    q = float(np.mean([index(rules, one) for one in rates]))
    own_hz, own_kw = hz[lead:], kw[lead:]
    observed = float((np.isfinite(own_hz) & np.isfinite(own_kw)).mean())
    money = fees(rules, mw, price, q, moved(rules, own_kw, transfer), seconds / 3600.0)
    return Period(float(np.mean(rates)), q, money, observed, doubt(rules, hz, kw, mw, transfer, score[lead:]))


def pieces(rules: RuleSet, score: Scores, lead: int) -> list[Scores]:
    """The scores of each judged period of a span, each with its `lead` before it."""
    return [score[start : lead + start + rules.period_s] for start in range(0, len(score) - lead, rules.period_s)]


def moved(rules: RuleSet, kw: Numbers, transfer: float) -> float:
    """The energy fee of a span's seconds `kw` [n], 0 for products without one."""
    if not (rules.discharge_energy or rules.charge_energy):
        return 0.0
    lengths = np.diff(np.minimum(np.arange(0, kw.size + 900, 900), kw.size)) / 3600.0
    return energy_fee(rules, quarter_means(kw), transfer, lengths)


_PLAUSIBLE_HZ = (40.0, 70.0)
_POOR, _FINE = 60.0, 90.0


def doubt(rules: RuleSet, hz: Numbers, kw: Numbers, mw: float, transfer: float, score: ArrayLike) -> str:
    """Whether readings look like another unit: `frequency` (its median is no grid's: mHz, or per unit), `power-large`, `power-small` (a
    thousand times more or less would score fine, and what was said does not: W or MW instead of kW); else empty. The scores stay what
    they are: a doubt is shown, never repaired."""
    heard = hz[np.isfinite(hz)]
    if heard.size and not _PLAUSIBLE_HZ[0] < float(np.median(heard)) < _PLAUSIBLE_HZ[1]:
        return "frequency"
    told = np.isfinite(kw) & np.isfinite(hz)
    own = np.asarray(score, np.float64)
    judged = told[len(kw) - own.size :]
    if not judged.any() or own[judged].mean() >= _POOR:
        return ""
    for factor, name in ((1e-3, "power-large"), (1e3, "power-small")):
        if float(scores(rules, hz, kw * factor, mw, transfer)[len(kw) - own.size :][judged].mean()) >= _FINE:
            return name
    return ""

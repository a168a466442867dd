"""Rules for one series: range, rate, stuck sensor, gap, unit error. Each gives places and numbers; who and what are the caller's.

Series are `at` [epoch ms, n] and `x` [n] with NaN for silent. They may be empty, hold one reading or nothing but
NaN, repeat instants or run backwards: what cannot be judged gives nothing.
"""

from dataclasses import dataclass, field
from math import log

import numpy as np

from plant.analysis.anomaly.bounds import Bound
from plant.analysis.anomaly.finding import Instants, Mask, Numbers, spans

LEAST_RUN = 15
SURPRISE = log(1e6)
"""A run of equal values counts when the series' own habit makes it one in a million."""
GAP_INTERVALS = 5.0
FACTOR = 1_000.0
NEAR = 0.15
"""How far a wrong unit may be from its exact value, as a share of what is expected."""
KELVIN = 273.15


@dataclass(frozen=True, slots=True)
class Spell:
    """Places `first`…`last` (exclusive) of a series, why, and the numbers."""

    first: int
    last: int
    reason: str
    evidence: dict[str, float] = field(default_factory=dict)


def ordered(at: Instants, x: Numbers) -> tuple[Instants, Numbers]:
    """The readings ascending by time, of one instant the last that was said."""
    at, x = np.asarray(at, np.int64), np.asarray(x, np.float64)
    order = np.argsort(at, kind="stable")
    at, x = at[order], x[order]
    newest = np.ones(at.size, bool)
    newest[:-1] = at[1:] != at[:-1]
    return at[newest], x[newest]


def out_of_range(x: Numbers, valid: tuple[float | None, float | None]) -> list[Spell]:
    """Values outside what is physically possible (the catalogue's `valid`), infinite ones too."""
    low = -np.inf if valid[0] is None else valid[0]
    high = np.inf if valid[1] is None else valid[1]
    wrong = (x < low) | (x > high) | np.isinf(x)
    found = []
    for first, last in spans(wrong, 3):
        part = x[first:last][wrong[first:last]]
        worst = float(part[np.argmax(np.maximum(low - part, part - high))])
        limit = low if worst < low else high
        found.append(Spell(first, last, "range", {"value": worst, "limit": float(limit), "count": float(part.size)}))
    return found


def too_fast(at: Instants, x: Numbers, bound: Bound) -> list[Spell]:
    """Where two readings in succession differ by more than the quantity can move meanwhile. What comes back within ten readings is one
    spell, else the spell is the first reading after the step."""
    if bound.step is None:
        return []
    known = np.flatnonzero(np.isfinite(x))
    if known.size < 2:
        return []
    moved, seconds = np.diff(x[known]), np.diff(at[known]) / 1000.0
    wrong = (np.abs(moved) > bound.step + bound.slope * np.maximum(seconds, 0.0)) & (seconds > 0)
    found, place = [], 0
    steps = np.flatnonzero(wrong)
    while place < steps.size:
        first = steps[place]
        back = next((k for k in range(place + 1, steps.size) if steps[k] - first <= 10 and moved[steps[k]] * moved[first] < 0), None)
        last = int(known[steps[back]]) + 1 if back is not None else int(known[first + 1]) + 1
        before, after = float(x[known[first]]), float(x[known[first + 1]])
        evidence = {"before": before, "value": after, "seconds": float(seconds[first])}
        found.append(Spell(int(known[first + 1]), last, "rate", evidence))
        place = place + 1 if back is None else back + 1
    return found


def stuck(x: Numbers, moving: Mask | None = None) -> list[Spell]:
    """Runs of exactly equal readings that this series' own habit does not explain: three times as long as the next longest, and together
    with the share of repeats less likely than one in a million. `moving` [n] tells where the quantity is known to move (the siblings
    do); without it a value of 0 is rest, not a stuck sensor, and a series that repeats itself half of the time is not judged."""
    known = np.flatnonzero(np.isfinite(x))
    if known.size < 2 * LEAST_RUN:
        return []
    same = x[known][1:] == x[known][:-1]
    runs = [(first, last) for first, last in spans(same) if last - first + 1 >= LEAST_RUN]
    if not runs:
        return []
    lengths = sorted((last - first for first, last in spans(same)), reverse=True)
    found = []
    for first, last in runs:
        length = last - first
        others = [n for n in lengths if n != length] or [1]
        share = (same.sum() - length + 1) / max(same.size - length, 1)
        if moving is None and (x[known[first]] == 0 or share > 0.5):
            continue
        if moving is not None and moving[known[first : last + 1]].mean() < 0.5:
            continue
        if length < 3 * others[0] or -length * log(min(max(share, 1e-3), 0.999)) < SURPRISE + log(same.size):
            continue
        value = float(x[known[first]])
        found.append(Spell(int(known[first]), int(known[last]) + 1, "stuck", {"value": value, "count": float(length + 1)}))
    return found


def gaps(at: Instants, interval_s: float = 0.0, least_s: float = 300.0) -> list[tuple[int, int, float]]:
    """Silences in ascending instants: (from, to, seconds), longer than five usual intervals and `least_s`. Fewer than three readings have
    no usual interval: the declared `interval_s` counts."""
    steps = np.diff(at)
    usual = max(interval_s, float(np.median(steps)) / 1000.0 if steps.size >= 2 else 0.0, 1.0)
    limit = max(GAP_INTERVALS * usual, least_s) * 1000.0
    return [(int(at[k]), int(at[k + 1]), steps[k] / 1000.0) for k in np.flatnonzero(steps > limit)]


def wrong_unit(
    x: Numbers, usual: Numbers, scale: float, digit: float, degrees: bool = False, signed: bool = False, least: int = 3
) -> list[Spell]:
    """Where `x`, told to a last `digit`, is what is expected (`usual` [n]: the siblings' median, or its own of before) in another
    unit: a thousand times or a thousandth of it, °F or K instead of °C (`degrees`), the other sign (`signed`). `scale` [unit] is
    the noise: expected values within ten of it of zero tell no factor."""
    x, usual = np.asarray(x, np.float64), np.asarray(usual, np.float64)
    large = np.isfinite(usual) & (np.abs(usual) > 10.0 * scale)
    tolerance = NEAR * np.abs(usual) + scale
    with np.errstate(invalid="ignore", over="ignore"):
        small = (np.abs(x) < 0.1 * np.abs(usual)) & (x * usual > 0)
        tests: dict[str, Mask] = {
            "unit_kilo": large & (np.abs(x / FACTOR - usual) < tolerance),
            "unit_milli": large & small & (np.abs(x * FACTOR - usual) < FACTOR * 0.5 * digit + tolerance),
        }
        if degrees:
            near = np.isfinite(usual) & (np.abs(x - usual) > 15.0)
            tests["unit_fahrenheit"] = near & (np.abs((x - 32.0) / 1.8 - usual) < 4.0)
            tests["unit_kelvin"] = near & (np.abs(x - KELVIN - usual) < 8.0)
        if signed:
            tests["unit_sign"] = large & (np.abs(x + usual) < tolerance) & (np.abs(x - usual) > 10.0 * scale)
    found = []
    for reason, flags in tests.items():
        join = 30 if reason == "unit_sign" else 3
        for first, last in spans(flags, join):
            if flags[first:last].sum() >= least:
                worst = first + int(np.argmax(np.where(flags[first:last], np.abs(usual[first:last]), -1.0)))
                found.append(Spell(first, last, reason, {"value": float(x[worst]), "usual": float(usual[worst])}))
    return found


def stepped_from(x: Numbers, degrees: bool = False) -> Numbers:
    """What a series without siblings said before it jumped as only another unit makes it jump, as the `usual` [n] of `wrong_unit`: the
    median of five readings before the jump, from there until it jumps back; NaN elsewhere."""
    usual = np.full(x.size, np.nan)
    known = np.flatnonzero(np.isfinite(x))
    told = x[known]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.abs(told[1:] / told[:-1])
    steps = (factor > 0.1 * FACTOR) | (factor < 10.0 / FACTOR)
    if degrees:
        steps |= np.abs(np.diff(told)) > 15.0
    places = (np.flatnonzero(steps) + 1).tolist()
    for place, after in zip(places, [*places, told.size][1:], strict=True):
        if place >= 5:
            usual[known[place] : (known[after] if after < told.size else x.size)] = np.median(told[place - 5 : place])
    return usual

"""Why awarded seconds fell short, found from the readings around them, and what they cost (DOMAIN §3.5, stages 3 to 6).

A run of seconds is judged by the one that counted, the best of its rolling window. Kinds, first that fits:

- `gap`: nothing was said in any of its seconds;
- `soc`: more discharge was asked at an empty battery, or more charge at a full one;
- `trip`: power was given within the last ten seconds before, then next to none while it was asked for;
- `slow`: the power would have been right for a frequency up to ten seconds earlier;
- `envelope`: none of these, the power lay outside the band.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from plant.analysis import settlement
from plant.analysis.settlement import FULL, Fees, Numbers, Scores
from plant.rules import RuleSet

Kind = Literal["gap", "soc", "trip", "slow", "envelope"]
BACK_S = 10
"""How far back a trip and a late answer are looked for [s]."""
NOTHING = 1.0
GIVEN = 5.0
"""Less than the first is no power, more than the second is some [% of the awarded]."""
NEAR = 1.0
"""So near to its limit a battery is empty or full [% SOC]."""


@dataclass(frozen=True, slots=True)
class Charge:
    """State of charge [%] in those seconds, and between which limits the battery works."""

    soc: float
    low: float
    high: float


def kind(
    hz: Numbers, kw: Numbers, lower: Numbers, upper: Numbers, mw: float, first: int, end: int, counted: int | None, charge: Charge | None
) -> tuple[Kind, int]:
    """What became of the seconds [first, end) of a span and how late the answer was [s, 0 but for `slow`]. Arrays [n] from the span's
    start: frequency, power, permitted band [kW]; `counted` is the second that counted, None when all were silent."""
    if counted is None:
        return "gap", 0
    is_low = bool(kw[counted] < lower[counted])
    if charge and (charge.soc <= charge.low + NEAR if is_low else charge.soc >= charge.high - NEAR):
        return "soc", 0
    share = np.abs(kw) / 10.0 / mw
    before = share[max(0, first - BACK_S) : first]
    now = share[counted:end]
    if before.size and np.nanmax(np.nan_to_num(before)) > GIVEN and np.nanmax(np.nan_to_num(now)) < NOTHING:
        return "trip", 0
    for late in range(1, min(BACK_S, counted) + 1):
        if lower[counted - late] <= kw[counted] <= upper[counted - late]:
            return "slow", late
    return "envelope", 0


@dataclass(frozen=True, slots=True)
class Standing:
    """An hour as far as it went: `seconds` of `of`. `rate` [%] and `q` are locked in where the worst second counts: they can only fall.
    Money if the rest goes well: `now` with what has happened, `best` had nothing happened, `without` had those seconds not happened that
    set the rate (`next_rate`, `next_q`). None without verified prices. The energy fee is what has been moved so far."""

    seconds: int
    of: int
    rate: float
    q: float
    next_rate: float
    next_q: float
    now: Fees | None
    best: Fees | None
    without: Fees | None

    @property
    def lost(self) -> float | None:
        """What the seconds that set the rate cost so far: each run of them alone costs as much."""
        return None if self.now is None or self.without is None else settlement.added((self.without.total, -self.now.total))


def standing(rules: RuleSet, score: Scores, lead: int, of: int, mw: float, price: float, energy: float = 0.0) -> Standing:
    """Where a span of `of` seconds stands after those of `score`, of which the first `lead` lie before it; seconds to come score 100.
    Raises ValueError without a second."""
    told = len(score) - lead
    if told < 1:
        raise ValueError("nothing was told yet")
    ahead = np.full(max(0, of - told), int(FULL), np.int64)
    whole = np.concatenate([np.asarray(score, np.int64), ahead])
    actual, q = _judged(rules, whole, lead)
    rolled = settlement.rolled(whole, rules.roll_s)
    worst = rolled[lead:].min()
    bad = (rolled == worst) & (worst < FULL)
    bad[:lead] = False
    mended = np.where(bad, int(FULL), whole)  # the last second of a rolling window sets it right
    after, after_q = _judged(rules, mended, lead)
    hours = of / 3600.0
    money = [settlement.fees(rules, mw, price, one, energy, hours) for one in (q, settlement.index(rules, FULL), after_q)]
    return Standing(told, of, actual, q, after, after_q, money[0], money[1], money[2])


def _judged(rules: RuleSet, score: Scores, lead: int) -> tuple[float, float]:
    found = [settlement.rate(rules, part, lead) for part in settlement.pieces(rules, score, lead)]
    rates = [rate for rate in found if rate is not None]
    return float(np.mean(rates)), float(np.mean([settlement.index(rules, rate) for rate in rates]))

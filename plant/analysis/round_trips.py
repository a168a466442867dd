"""Cycles that return to the state of charge they began with, and the round-trip efficiency of each (PNNL-22010 Rev 2, IEC 62933-2-1)."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from plant.analysis.efficiency import LEAST_CYCLES, SAME_SOC, round_trip
from plant.analysis.outcome import Figure, missing
from plant.model import DAY, QUARTER

LONGEST = 3 * DAY
"""A cycle that does not close within that time [ms] is cut where it comes nearest, and corrected for the charge that is left."""
OBSERVED = 0.98
"""Share of a cycle's time in which the power must be observed: what flows unseen would count as lost."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One cycle from `start` to `end` [epoch ms]: energies in and out [kWh], `aux` taken meanwhile [kWh, None = not told], the charge at
    both ends and its lowest and highest [%]; `storage` and `system` are round-trip efficiencies [%] without and with the auxiliaries."""

    start: int
    end: int
    charged: float
    discharged: float
    aux: float | None
    soc_start: float
    soc_end: float
    lowest: float
    highest: float
    storage: Figure
    system: Figure


def trips(
    at_ms: ArrayLike, soc: ArrayLike, charged: ArrayLike, discharged: ArrayLike, observed: ArrayLike, usable: float | None,
    aux: ArrayLike | None = None, side: str = "",
) -> list[Trip]:  # fmt: skip
    """Cycles in quarters of an hour that begin at `at_ms` [epoch ms, n, ascending, without holes]: `soc` [%, n + 1] at their beginnings and
    at the end of the last (NaN = not told), energies [kWh, n], `observed` share of each, 0…1; `usable` energy content [kWh].

    A cycle begins where the last one ended, and closes where the charge is back within 1 % after at least 0.2 equivalent full cycles, as
    near as it comes then; what is left of the difference is corrected for. `side` names where the energies were measured ("AC", "DC").
    The last one may not have closed yet: it has energies, and no efficiency. None without an energy content."""
    at, charge = np.asarray(at_ms, np.int64), np.asarray(soc, np.float64)
    if usable is None or not usable > 0 or at.size < 1:
        return []
    sums = [np.concatenate([[0.0], np.cumsum(np.nan_to_num(np.asarray(one, np.float64)))]) for one in (charged, discharged, observed)]
    into, out, seen = sums
    taken = None if aux is None else np.concatenate([[0.0], np.cumsum(np.asarray(aux, np.float64))])
    worked = (into + out) / (2 * usable)
    most = LONGEST // QUARTER
    def trip(first: int, last: int, open_: Figure | None) -> Trip:
        within = charge[first : last + 1]
        known = within[np.isfinite(within)]
        fed, given = float(into[last] - into[first]), float(out[last] - out[first])
        used = None if taken is None or not np.isfinite(taken[last]) else float(taken[last] - taken[first])
        soc_start, soc_end = float(charge[first]), float(charge[last])
        unseen = missing("the power was not observed throughout") if seen[last] - seen[first] < OBSERVED * (last - first) else None
        way = partial(round_trip, fed, given, usable, soc_start=soc_start, soc_end=soc_end, side=side, same=0.0)
        storage = open_ or unseen or way()
        system = open_ or unseen or (missing("the auxiliaries are not metered") if used is None else way(auxiliary=used))
        span = (int(at[first]), int(at[last - 1]) + QUARTER)
        return Trip(*span, fed, given, used, soc_start, soc_end, float(known.min()), float(known.max()), storage, system)

    found: list[Trip] = []
    first = 0
    while first < at.size:
        if not np.isfinite(charge[first]):
            first += 1
            continue
        ahead = np.arange(first + 1, min(first + most, at.size) + 1)
        able = ahead[np.isfinite(charge[ahead]) & (worked[ahead] - worked[first] >= LEAST_CYCLES)]
        apart = np.abs(charge[able] - charge[first])
        place = int(np.argmax(apart <= SAME_SOC)) if (apart <= SAME_SOC).any() else -1
        if place >= 0:
            while place + 1 < able.size and apart[place + 1] < apart[place]:
                place += 1
            last = int(able[place])
        elif first + most > at.size:  # it may still close
            last = int(ahead[np.isfinite(charge[ahead])][-1]) if np.isfinite(charge[ahead]).any() else first
            if worked[last] > worked[first]:
                found.append(trip(first, last, missing("the cycle has not closed yet")))
            break
        elif able.size:
            last = int(able[np.argmin(apart)])
        else:
            first = int(ahead[-1])  # hardly anything flowed in all that time
            continue
        found.append(trip(first, last, None))
        first = last
    return found

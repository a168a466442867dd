"""What measured seconds would have been under another product, power, rack set or limit: a simulation, whose method is named with it.

- `measured`: the power that was measured, cut at what the power and charge limits would have let through. Nothing else is invented: under
  another product it is what the same power was worth there, not how the plant would have been controlled.
- `controlled`: the measured power, moved in every second to the nearest one that the other product permits, then cut in the same way: a
  controller that follows within the second.

Both keep silent seconds silent. The charge is what was measured, and what the other power would have added or taken since: losses, PV and
auxiliaries stay in it as they were.
"""

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from plant.analysis.settlement import Numbers

Method = Literal["measured", "controlled"]
METHODS: tuple[Method, ...] = ("measured", "controlled")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the plant can do: power in either direction [kW], usable energy [kWh, None: not known, charge is not limited], and the charge
    between which it works [%]."""

    power: float = inf
    energy: float | None = None
    low: float = 0.0
    high: float = 100.0

    def scaled(self, share: float) -> "Limits":
        """With a share 0…1 of the racks.

        >>> Limits(1000.0, 2000.0).scaled(0.75)
        Limits(power=750.0, energy=1500.0, low=0.0, high=100.0)
        """
        return Limits(self.power * share, None if self.energy is None else self.energy * share, self.low, self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The power it comes to [kW, n], the charge after the last second [%, None: not known], and how many seconds a limit cut."""

    kw: Numbers
    soc: float | None
    cut: int


def drift(kw: Numbers, soc: Numbers, energy: float) -> Numbers:
    """What the charge did in each second beside the measured power: losses, PV, auxiliaries [%, n]. `kw` [n], `soc` [%, n + 1] before and
    after them, `energy` usable [kWh]."""
    return np.asarray(np.diff(soc) + np.nan_to_num(kw, nan=0.0) * (100.0 / 3600.0 / energy), np.float64)


def answer(
    method: Method, kw: Numbers, lower: Numbers, upper: Numbers, limits: Limits, soc: float | None, beside: Numbers | None = None
) -> Answer:
    """The seconds `kw` [kW, n, discharge positive] under `limits`, starting at `soc` [%]; `beside` as `drift` has it [%, n].
    `lower`, `upper` [kW, n] are the permitted band, NaN where nothing is asked (there the power stays what it was). Seconds the limits
    touch, power or charge, are counted in `cut`."""
    wanted = np.asarray(kw, np.float64)
    if method == "controlled":
        is_asked = np.isfinite(wanted) & np.isfinite(lower) & np.isfinite(upper)
        wanted = np.where(is_asked, np.minimum(np.maximum(wanted, lower), upper), wanted)
    given = np.clip(wanted, -limits.power, limits.power)
    after = soc
    if soc is not None and limits.energy is not None:
        given, after = within_charge(given, soc, limits, beside)
    touched = np.isfinite(wanted) & (np.abs(given - wanted) > 1e-9)
    return Answer(given, after, int(touched.sum()))


def within_charge(kw: Numbers, soc: float, limits: Limits, beside: Numbers | None = None) -> tuple[Numbers, float]:
    """Power [kW, n] of which nothing is left that would take the charge beyond its limits, and the charge after it [%]. At a limit the
    power may still turn back. A start outside the limits stays there until power leads back. Each second hangs on the one before, so this
    is a plain loop: 20 ms a day.

    >>> within_charge(np.array([36.0, 36.0, -36.0]), 20.0, Limits(energy=1.0, low=19.0, high=80.0))[0].tolist()
    [36.0, 0.0, -36.0]
    """
    if limits.energy is None or limits.energy <= 0:
        return np.where(np.isfinite(kw), 0.0, kw), soc
    share = 100.0 / 3600.0 / limits.energy
    low, high, level = min(limits.low, soc), max(limits.high, soc), soc
    given = []
    added = np.zeros(len(kw)) if beside is None else np.nan_to_num(beside, nan=0.0)
    for power, extra in zip(kw.tolist(), added.tolist(), strict=True):
        level = min(high, max(low, level + extra))
        after = level - power * share
        if after != after:  # nothing was said in this second
            given.append(power)
        elif low <= after <= high:
            given.append(power)
            level = after
        else:
            wall = low if after < low else high
            given.append((level - wall) / share)
            level = wall
    return np.array(given, np.float64), level

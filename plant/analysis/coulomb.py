"""State of charge by counting charge (DOMAIN §3.3), and how far it drifts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.energy import Energies, energies, gap_limit
from plant.analysis.outcome import Figure, missing
from plant.analysis.rest import Anchor

Numbers = NDArray[np.float64]
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Count:
    """State of charge [%, n] by counting: `plain`, and `corrected` where anchors say what it should be (the same without them). `restarts`
    how often it had to begin anew from the reported charge after a gap, `drift` how fast it runs away [% a day]."""

    plain: Numbers
    corrected: Numbers
    restarts: int
    drift: Figure


def charge(at_ms: ArrayLike, current: ArrayLike, nominal_interval_s: float) -> Energies:
    """Charge out and in by quarter of an hour: as `energy.energies`, with A instead of kW and A·h instead of kWh."""
    return energies(at_ms, current, nominal_interval_s)


def count(
    at_ms: ArrayLike,
    current: ArrayLike,
    reported: ArrayLike,
    capacity_ah: float,
    nominal_interval_s: float,
    anchors: Sequence[Anchor] = (),
) -> Count:
    """SOC₀ − 100·∫I dt / C over `current` [A, n, discharge positive] at ascending `at_ms` [epoch ms, n], from the first `reported` charge
    [%, n]. What flows across a gap is not known: behind it the count begins anew at the reported charge. The difference to the `anchors` is
    spread evenly over the time between them, before the first and behind the last it stays.

    >>> count([0, 3_600_000], [10.0, 10.0], [50.0, 41.0], 100.0, 3600.0).plain.tolist()
    [50.0, 40.0]
    """
    at, amps, said = (np.asarray(one, np.float64) for one in (at_ms, current, reported))
    plain = np.full(at.size, np.nan)
    step = np.diff(at)
    moved = -100.0 * np.where(np.isfinite(amps[1:] + amps[:-1]), (amps[1:] + amps[:-1]) / 2, np.nan) * step / 3.6e6 / capacity_ah
    broken = np.append(True, (step > gap_limit(nominal_interval_s) * 1000.0) | ~np.isfinite(moved))
    starts = np.flatnonzero(broken)
    begun = 0
    for first, end in zip(starts.tolist(), [*starts[1:].tolist(), at.size], strict=True):
        known = np.flatnonzero(np.isfinite(said[first:end]))
        if not known.size:
            continue
        way = np.concatenate([[0.0], np.cumsum(moved[first : end - 1])])
        plain[first:end] = said[first + known[0]] + way - way[known[0]]
        begun += 1
    used = [anchor for anchor in anchors if np.isfinite(plain[anchor.place])]
    if not used:
        return Count(plain, plain, max(begun - 1, 0), missing("no rest at a charge that its voltage tells"))
    off = np.array([anchor.soc - plain[anchor.place] for anchor in used])
    when = np.array([at[anchor.place] for anchor in used])
    corrected = plain + np.interp(at, when, off)
    days = (when[-1] - when[0]) / 1000.0 / DAY_S
    drift = Figure(float((off[0] - off[-1]) / days)) if days > 0 else missing("one anchor tells no drift")
    return Count(plain, corrected, max(begun - 1, 0), drift)

"""Many batteries as one: state of charge and health weighted by energy, and the energy that is there (DOMAIN §3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from plant.analysis.outcome import Figure, missing


@dataclass(frozen=True, slots=True)
class Battery:
    """What one battery says: `soc` [%], nameplate `energy` [kWh], `soh` [%]; None or NaN = silent. Unknown health counts as 100 %."""

    soc: float | None
    energy: float | None
    soh: float | None = None

    @property
    def known(self) -> bool:
        """Whether charge and energy are known and possible."""
        return self.soc is not None and self.energy is not None and isfinite(self.soc) and isfinite(self.energy) and self.energy > 0

    @property
    def content(self) -> float:
        """Energy when full [kWh]: nameplate × health."""
        health = 100.0 if self.soh is None or not isfinite(self.soh) or self.soh < 0 else self.soh
        return (self.energy or 0.0) * health / 100.0


def soc(batteries: Sequence[Battery]) -> Figure:
    """Energy-weighted state of charge [%]: Σ SOC·E·SOH / Σ E·SOH.

    >>> soc([Battery(50.0, 100.0, 100.0), Battery(80.0, 200.0, 100.0)]).value
    70.0
    """
    told = [b for b in batteries if b.known]
    full = sum(b.content for b in told)
    if not told or full <= 0:
        return missing("no battery tells its charge and energy")
    return Figure(sum((b.soc or 0.0) * b.content for b in told) / full, note=_silent(batteries, told))


def mean_soc(batteries: Sequence[Battery]) -> Figure:
    """Arithmetic mean state of charge [%] (S2 `average_soc`)."""
    told = [b.soc for b in batteries if b.soc is not None and isfinite(b.soc)]
    return Figure(sum(told) / len(told)) if told else missing("no battery tells its charge")


def soh(batteries: Sequence[Battery]) -> Figure:
    """Energy-weighted state of health [%]: Σ E·SOH / Σ E."""
    told = [b for b in batteries if b.soh is not None and isfinite(b.soh) and b.energy is not None and isfinite(b.energy) and b.energy > 0]
    if not told:
        return missing("no battery tells its health")
    return Figure(sum((b.energy or 0.0) * (b.soh or 0.0) for b in told) / sum(b.energy or 0.0 for b in told), note=_silent(batteries, told))


def available(batteries: Sequence[Battery], soc_min: float = 0.0) -> Figure:
    """Energy that can be discharged down to `soc_min` [%], in kWh: Σ E·SOH·(SOC − SOC_min).

    >>> available([Battery(50.0, 100.0, 96.0), Battery(None, 100.0)], soc_min=10.0).value
    38.4
    """
    told = [b for b in batteries if b.known]
    if not told:
        return missing("no battery tells its charge and energy")
    return Figure(sum(b.content * max((b.soc or 0.0) - soc_min, 0.0) / 100.0 for b in told), note=_silent(batteries, told))


def room(batteries: Sequence[Battery], soc_max: float = 100.0) -> Figure:
    """Energy that can be charged up to `soc_max` [%], in kWh: Σ E·SOH·(SOC_max − SOC)."""
    told = [b for b in batteries if b.known]
    if not told:
        return missing("no battery tells its charge and energy")
    return Figure(sum(b.content * max(soc_max - (b.soc or 0.0), 0.0) / 100.0 for b in told), note=_silent(batteries, told))


def tracking(allocated: float | None, delivered: float | None) -> Figure:
    """How well a fleet follows the power it was given, 0…1: 1 − |P − P_allocated| / |P_allocated|, never below 0. Both in one unit.

    >>> tracking(-50.0, -47.0).value, tracking(-50.0, 20.0).value, tracking(0.0, 5.0).value
    (0.94, 0.0, None)
    """
    if allocated is None or delivered is None or not isfinite(allocated) or not isfinite(delivered):
        return missing("the power allocated or delivered is not known")
    if allocated == 0:
        return missing("no power was allocated")
    return Figure(max(0.0, 1.0 - abs(delivered - allocated) / abs(allocated)))


def cycles(charged: float | None, discharged: float | None, energy: float | None) -> Figure:
    """Equivalent full cycles Σ|ΔE| / (2·E_nom) of energies in and out and the nameplate, all in kWh (DOMAIN §3.3).

    >>> cycles(100.0, 90.0, 190.0).value
    0.5
    """
    if charged is None or discharged is None or energy is None or not energy > 0:
        return missing("an energy is missing")
    return Figure((charged + discharged) / (2.0 * energy))


def availability(parts: Sequence[tuple[float, float | None]]) -> Figure:
    """Share of time the fleet was heard, 0…1: Σ share·E / Σ E over (share of its time, energy [kWh]) of each battery; equal weights when
    an energy is not known.

    >>> availability([(1.0, 100.0), (0.5, 300.0)]).value, availability([(1.0, None), (0.5, 300.0)]).value
    (0.625, 0.75)
    """
    if not parts:
        return missing("there is no battery")
    if any(energy is None or not energy > 0 for _, energy in parts):
        return Figure(sum(share for share, _ in parts) / len(parts), note="arithmetic mean")
    return Figure(sum(share * (energy or 0.0) for share, energy in parts) / sum(energy or 0.0 for _, energy in parts))


def _silent(batteries: Sequence[Battery], told: Sequence[Battery]) -> str:
    missing_ones = len(batteries) - len(told)
    return f"{missing_ones} of {len(batteries)} batteries are silent" if missing_ones else ""

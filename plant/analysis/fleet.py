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


def _silent(batteries: Sequence[Battery], told: Sequence[Battery]) -> str:
    missing_ones = len(batteries) - len(told)
    return f"{missing_ones} of {len(batteries)} batteries are silent" if missing_ones else ""

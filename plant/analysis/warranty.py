"""A battery's warranty as a ledger: what each limit allows, what was used, what is left. Limits are the contract's: given as data, with
their source; without them there is only what was used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

from plant.analysis.battery_day import BatteryDay, Hours
from plant.analysis.outcome import Figure, missing

SUMS = ("efc", "throughput_mwh", "temperature_hours", "soc_hours", "rest_hours")
"""Limits on what adds up over the life; `c_rate` and `cp_rate` are limits on the highest."""
HIGHEST = ("c_rate", "cp_rate")
UNITS = {
    "efc": "", "throughput_mwh": "MWh", "temperature_hours": "h", "soc_hours": "h", "rest_hours": "h", "c_rate": "1/h", "cp_rate": "1/h",
}  # fmt: skip
_BOUNDS = {"temperature_hours": (-60.0, 200.0), "soc_hours": (0.0, 100.0), "rest_hours": (0.0, 100.0)}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of what `of` names; hours are counted `above` or `below` a temperature [°C] or charge [%]. `per_year`: each year."""

    of: str
    most: float
    above: float | None = None
    below: float | None = None
    per_year: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of one battery and the `source` they were taken from; `faults` are those that make no sense, in words."""

    source: str
    limits: tuple[Limit, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """One limit with what was `used`, and what is `left` of it (negative: overdrawn), both in `unit`; `share` [%] of it is used."""

    limit: Limit
    unit: str
    used: Figure
    left: float | None
    share: float | None


def terms(given: Any) -> Terms | None:
    """What a device's record says under `warranty`: `{"source": "…", "limits": [{"of": "efc", "most": 6000}, …]}`. None when nothing was
    given. Never raises: a limit that makes no sense is among the faults.

    >>> terms({"source": "contract 7", "limits": [{"of": "temperature_hours", "above": 40, "most": 200, "per": "year"}]}).limits
    (Limit(of='temperature_hours', most=200.0, above=40.0, below=None, per_year=True),)
    """
    if not isinstance(given, Mapping):
        return None
    limits, faults = [], []
    said = given.get("limits")
    for number, one in enumerate(said if isinstance(said, Sequence) and not isinstance(said, str) else (), 1):
        limit = _limit(one)
        if isinstance(limit, str):
            faults.append(f"limit {number}: {limit}")
        else:
            limits.append(limit)
    return Terms(str(given.get("source") or "")[:200], tuple(limits), tuple(faults))


def _limit(given: Any) -> Limit | str:
    if not isinstance(given, Mapping) or given.get("of") not in UNITS:
        return f"'of' is one of {', '.join(UNITS)}"
    of, most, above, below = str(given["of"]), _number(given.get("most")), _number(given.get("above")), _number(given.get("below"))
    if most is None or most <= 0:
        return "'most' is a number above 0"
    if of in _BOUNDS:
        low, high = _BOUNDS[of]
        if (above is None) == (below is None) or not low <= (below if above is None else above) <= high:  # type: ignore[operator]
            return f"'above' or 'below' is a number from {low:g} to {high:g}"
    elif above is not None or below is not None:
        return "'above' and 'below' belong to hours"
    return Limit(of, most, above, below, given.get("per") == "year" and of not in HIGHEST)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) else None


def accounts(days: Sequence[BatteryDay], given: Terms | None, rated_ah: float | None, rated_kwh: float | None) -> list[Account]:
    """The ledger of one battery from its `days`. Limits of a year are judged over the last 365 days of them. Without terms: what was used,
    in the order of `UNITS`, of the kinds that need no bound."""
    if given is None or not given.limits:
        wanted = [Limit(of, float("inf")) for of in ("efc", "throughput_mwh", "c_rate", "cp_rate")]
    else:
        wanted = list(given.limits)
    return [_account(days, limit, rated_ah, rated_kwh) for limit in wanted]


def _account(days: Sequence[BatteryDay], limit: Limit, rated_ah: float | None, rated_kwh: float | None) -> Account:
    seen = days
    if limit.per_year and days:
        newest = max(day.end for day in days)
        seen = [day for day in days if day.start >= newest - 365 * 86_400_000]
    used = _used(seen, limit, rated_ah, rated_kwh)
    if used.value is None or not isfinite(limit.most):
        return Account(limit, UNITS[limit.of], used, None, None)
    return Account(limit, UNITS[limit.of], used, limit.most - used.value, 100.0 * used.value / limit.most)


def _used(days: Sequence[BatteryDay], limit: Limit, rated_ah: float | None, rated_kwh: float | None) -> Figure:
    if not days:
        return missing("no day has been worked out yet")
    if limit.of == "efc":
        return full_cycles(days, rated_ah, rated_kwh)
    if limit.of == "throughput_mwh":
        out = [day.kwh_out for day in days if day.kwh_out is not None]
        return Figure(sum(out) / 1000.0) if out else missing("the energy was not told")
    if limit.of in HIGHEST:
        told = [rate for day in days for rate in ((day.c_rate_out, day.c_rate_in) if limit.of == "c_rate" else (day.cp_rate,))]
        known = [rate for rate in told if rate is not None]
        return Figure(max(known)) if known else missing("current or nameplate is not known")
    of: list[Hours] = [
        day.temperatures if limit.of == "temperature_hours" else day.charges if limit.of == "soc_hours" else day.resting for day in days
    ]
    if not any(day.temperatures if limit.of == "temperature_hours" else day.charges for day in days):
        return missing("temperature was not told" if limit.of == "temperature_hours" else "the state of charge was not told")
    return Figure(sum(beyond(hours, limit.above, limit.below) for hours in of))


def beyond(hours: Hours, above: float | None, below: float | None) -> float:
    """Hours at or above, or below a bound. Classes are a whole number wide; one that a bound cuts counts by its share.

    >>> beyond({39: 1.0, 40: 2.0, 41: 4.0}, 40.0, None), beyond({4: 2.0, 5: 3.0}, None, 4.5)
    (6.0, 1.0)
    """
    if above is not None:
        return sum(h * min(1.0, max(0.0, number + 1 - above)) for number, h in hours.items())
    return 0.0 if below is None else sum(h * min(1.0, max(0.0, below - number)) for number, h in hours.items())


class Moved(Protocol):
    """What flowed in a stretch of time [A·h, kWh]; None = not told."""

    @property
    def ah_out(self) -> float | None: ...
    @property
    def ah_in(self) -> float | None: ...
    @property
    def kwh_out(self) -> float | None: ...
    @property
    def kwh_in(self) -> float | None: ...


def full_cycles(days: Sequence[Moved], rated_ah: float | None, rated_kwh: float | None) -> Figure:
    """EFC = Σ|ΔAh|/(2·C_nom); by energy, Σ|ΔE_dc|/(2·E_nom), where current or capacity is not known. The note says which."""
    charge = [day.ah_out + day.ah_in for day in days if day.ah_out is not None and day.ah_in is not None]
    if charge and rated_ah and rated_ah > 0:
        return Figure(sum(charge) / (2 * rated_ah), note="by charge")
    energy = [day.kwh_out + day.kwh_in for day in days if day.kwh_out is not None and day.kwh_in is not None]
    if energy and rated_kwh and rated_kwh > 0:
        return Figure(sum(energy) / (2 * rated_kwh), note="by energy")
    return missing("neither current with capacity nor power with energy is known")

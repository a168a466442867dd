"""Each reading as it comes: a sentinel that looks at the newest values of all devices once a second, in arrays, and says at once what rules
and siblings say. What needs history (drift, change points, models) is for the study.

A condition must hold in three readings in succession, so that a device that speaks each second is told of within five seconds. It ends
after ten without it, as alarms do. A single spike is no alarm (the study tells of it); three impossible jumps in quick succession are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from plant.analysis.alarms import Condition
from plant.analysis.anomaly.bounds import ANY, BOUNDS
from plant.analysis.anomaly.examine import SIGNED
from plant.analysis.anomaly.finding import Mask, Numbers
from plant.analysis.anomaly.siblings import LEAST_SIBLINGS, LEVEL_Z, SPREAD
from plant.metrics import CATALOGUE, metrics_of
from plant.model import MINUTE, SECOND, Kind, Quality

ON, OFF = 3, 10
"""Readings in succession."""
STUCK_READINGS, STUCK_MS = 300, 5 * MINUTE
FRESH = 30 * SECOND
CLOCK_JUMP_MS, CLOCK_FROZEN = MINUTE, 5
JUMPS, JUMPS_WITHIN, JUMP_HOLDS = 3, 10, 60
"""So many with fewer than ten readings between them; told until a minute without one."""
KINDS = (Kind.RACK, Kind.PCS, Kind.BESS, Kind.INVERTER, Kind.METER, Kind.WEATHER, Kind.PACK)
CLOCK = "DEVICE_CLOCK"
_SUFFIXES = ("DEVIATES", "UNIT", "IMPLAUSIBLE", "JUMPED", "STUCK")
_DEVIATES, _UNIT, _IMPLAUSIBLE, _JUMPED, _STUCK = range(5)
_SEVERITY = ("warning", "warning", "warning", "info", "warning")
_ALONE = frozenset({"soc", "current", "power", "voltage", "cell_max_voltage", "cell_min_voltage", "internal_resistance"})
"""Not compared live: charge has its own rule (`peers.CHARGE`), the others need what is usual of each at its load."""

Key = tuple[str, str]


def watched(kind: str) -> tuple[str, ...]:
    """The quantities of such a device that are looked at."""
    return tuple(one.name for one in metrics_of(kind) if one.shape == "scalar" and one.aggregation == "mean")


CODES = frozenset({CLOCK, *(f"{name.upper()}_{suffix}" for kind in KINDS for name in watched(kind) for suffix in _SUFFIXES)}) - {
    "SOC_DEVIATES"
}
"""The codes of all conditions this can say."""


@dataclass(slots=True)
class _Family:
    """Devices alike: what was said last and how long it has been so, [members, quantities]; conditions [5, members, quantities]."""

    keys: list[Key]
    names: tuple[str, ...]
    at: Any
    received: Any
    value: Numbers
    jumps: Any
    held: Any
    held_since: Any
    middle_then: Numbers
    count: Any
    rest: Any
    active: Mask
    evidence: Numbers
    clock: list[int] = field(default_factory=list)
    clock_said: dict[int, float] = field(default_factory=dict)


class Sentinel:
    """One per watch; `judge` is not reentrant."""

    def __init__(self) -> None:
        self._families: dict[Key, _Family] = {}
        self._bounds: dict[tuple[str, ...], tuple[Numbers, ...]] = {}

    def judge(self, latest: Mapping[Key, Any], parents: Mapping[Key, str | None], now: int) -> dict[Key, list[Condition]]:
        """What is true at `now` [epoch ms], by device; `latest` has `at`, `received`, `quality`, `values` of each device, `parents` tells
        which device each belongs to."""
        groups: dict[Key, list[Key]] = {}
        for key in latest:
            if key[1] in KINDS and key in parents:
                groups.setdefault((parents[key] or "", key[1]), []).append(key)
        found: dict[Key, list[Condition]] = {}
        for which, keys in groups.items():
            keys.sort()
            family = self._families.get(which)
            if family is None or family.keys != keys:
                family = self._families[which] = _family(keys, watched(which[1]))
            self._step(family, [latest[key] for key in keys], now)
            _tell(family, found)
        for gone in self._families.keys() - groups.keys():
            del self._families[gone]
        return found

    def _limits(self, names: tuple[str, ...]) -> tuple[Numbers, ...]:
        """low, high, step, slope, floor, apart, digit, scale of each quantity."""
        known = self._bounds.get(names)
        if known is None:
            rows = []
            for name in names:
                metric, bound = CATALOGUE[name], BOUNDS.get(name, ANY)
                low, high = metric.valid
                digit = 10.0**-metric.decimals
                rows.append((
                    -np.inf if low is None else low, np.inf if high is None else high,
                    np.inf if bound.step is None else bound.step, bound.slope,
                    np.nan if bound.floor is None or name in _ALONE else bound.floor,
                    np.nan if bound.apart is None or name in _ALONE else bound.apart,
                    digit, max(bound.floor or 0.0, digit),
                ))  # fmt: skip
            known = self._bounds[names] = tuple(np.array(column, np.float64) for column in zip(*rows, strict=True))
        return known

    def _step(self, family: _Family, newest: Sequence[Any], now: int) -> None:
        names = family.names
        at = np.array([one.at for one in newest], np.int64)
        received = np.array([one.received or one.at for one in newest], np.int64)
        x = np.array([[_number(one.values.get(name)) for name in names] for one in newest], np.float64).reshape(len(newest), len(names))
        fresh = received != family.received
        self._clocks(family, newest, at, received, fresh)
        new = (at != family.at) & (received > now - FRESH)
        if not new.any():
            family.received = received
            return
        low, high, step, slope, floor, apart, digit, scale = self._limits(names)
        told = np.isfinite(x)
        speaking = told & (received > now - FRESH)[:, None]
        alike = family.keys[0][1] == Kind.RACK  # others of one parent may do different things
        middle, spread = _middles(x, speaking if alike else np.zeros_like(speaking))
        before = family.value
        seconds = np.maximum(at - family.at, 0)[:, None] / 1000.0
        usual = np.where(np.isfinite(middle), middle, np.where(np.isfinite(before), before, np.nan))
        with np.errstate(invalid="ignore"):
            away = x - middle
            wanted = np.zeros((5, *x.shape), bool)
            wanted[_DEVIATES] = np.abs(away) > np.maximum(apart, LEVEL_Z * np.maximum(spread, floor))
            large = np.abs(middle) > 10.0 * scale
            near = 0.15 * np.abs(middle) + scale
            wanted[_UNIT] = large & (
                (np.abs(x / 1000.0 - middle) < near)
                | ((np.abs(x * 1000.0 - middle) < 500.0 * digit + near) & (np.abs(x) < 0.1 * np.abs(middle)) & (x * middle > 0))
            )
            degrees = np.array([CATALOGUE[name].unit == "°C" for name in names])
            far = degrees & (np.abs(away) > 15.0)
            wanted[_UNIT] |= far & ((np.abs((x - 32.0) / 1.8 - middle) < 4.0) | (np.abs(x - 273.15 - middle) < 8.0))
            signed = np.array([name in SIGNED for name in names])
            wanted[_UNIT] |= signed & large & (np.abs(x + middle) < near) & (np.abs(away) > 10.0 * scale)
            wanted[_IMPLAUSIBLE] = ((x < low) | (x > high)) & ~wanted[_UNIT]
            jumped = (np.abs(x - before) > step + slope * seconds) & (seconds > 0) & (seconds < 60.0)
            # a jump into another unit is told as such
            jumped &= ~wanted[_UNIT] & ~wanted[_IMPLAUSIBLE]
            wanted[_DEVIATES] &= ~wanted[_UNIT] & ~wanted[_IMPLAUSIBLE]
            self._stuck(family, x, before, middle, scale, new, now, wanted)
        self._settle(family, wanted, jumped, new[:, None] & told, x, usual)
        family.value = np.where(new[:, None] & told, x, before)
        family.at, family.received = np.where(new, at, family.at), received

    def _stuck(
        self, family: _Family, x: Numbers, before: Numbers, middle: Numbers, scale: Numbers, new: Mask, now: int, wanted: Mask
    ) -> None:
        """Count readings that repeat exactly while the siblings move by more than their noise."""
        same = (x == before) & new[:, None]
        changed = (x != before) & new[:, None]
        family.held = np.where(same, family.held + 1, np.where(changed, 0, family.held))
        family.held_since = np.where(changed, now, family.held_since)
        family.middle_then = np.where(changed, np.broadcast_to(middle, x.shape), family.middle_then)
        moved = np.abs(middle - family.middle_then) > 5.0 * scale
        wanted[_STUCK] = (family.held >= STUCK_READINGS) & (now - family.held_since >= STUCK_MS) & moved

    def _settle(self, family: _Family, wanted: Mask, jumped: Mask, judged: Mask, x: Numbers, usual: Numbers) -> None:
        family.count = np.where(wanted & judged, family.count + 1, np.where(judged, 0, family.count))
        family.rest = np.where(wanted & judged, 0, np.where(judged, family.rest + 1, family.rest))
        begun = (family.count >= ON) & ~family.active
        # jumps count up, and are forgotten after ten readings without one
        family.count[_JUMPED] = np.where(jumped & judged, family.jumps + 1, np.where(family.rest[_JUMPED] >= JUMPS_WITHIN, 0, family.jumps))
        family.rest[_JUMPED] = np.where(jumped & judged, 0, family.rest[_JUMPED])
        family.jumps = family.count[_JUMPED]
        begun[_JUMPED] = (family.jumps >= JUMPS) & jumped & judged & ~family.active[_JUMPED]
        begun[_STUCK] |= wanted[_STUCK] & judged & ~family.active[_STUCK]
        ends = np.full(5, OFF)
        ends[_JUMPED] = JUMP_HOLDS
        family.active = (family.active | begun) & (family.rest < ends[:, None, None])
        if begun.any():
            family.evidence = np.where(begun[..., None], np.stack([x, usual], axis=-1)[None], family.evidence)

    def _clocks(self, family: _Family, newest: Sequence[Any], at: Any, received: Any, fresh: Mask) -> None:
        """A device's clock that stands still while it speaks, that the intake did not believe, or that is a minute ahead."""
        lag = (received - at) / 1000.0
        for k in np.flatnonzero(fresh).tolist():
            frozen = at[k] == family.at[k] and family.received[k] > 0
            odd = bool(newest[k].quality & Quality.CLOCK)
            # what comes late may have waited anywhere; what comes before its time tells of a clock
            if frozen or odd or lag[k] < -CLOCK_JUMP_MS / 1000.0:
                family.clock[k] += 1
                if family.clock[k] == (CLOCK_FROZEN if frozen else ON):
                    family.clock_said[k] = float(lag[k])
            else:
                family.clock[k] = 0
                family.clock_said.pop(k, None)


def _family(keys: list[Key], names: tuple[str, ...]) -> _Family:
    shape = (len(keys), len(names))
    never = np.full(shape, np.nan)
    counts = np.zeros((5, *shape), np.int64)
    return _Family(
        list(keys), names, np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64), never, np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64), never.copy(), counts, counts.copy(), np.zeros((5, *shape), bool), np.full((5, *shape, 2), np.nan),
        [0] * len(keys),
    )  # fmt: skip


def _middles(x: Numbers, speaking: Mask) -> tuple[Numbers, Numbers]:
    """Median and robust spread over the members, [quantities]; NaN where fewer than four speak."""
    silent = np.full(x.shape[1], np.nan)
    if x.shape[0] < LEAST_SIBLINGS:
        return silent, silent
    if speaking.all():
        middle = np.median(x, axis=0)
        return middle, SPREAD * np.median(np.abs(x - middle), axis=0)
    middle, spread = silent.copy(), silent.copy()
    for k in np.flatnonzero(speaking.sum(axis=0) >= LEAST_SIBLINGS).tolist():
        said = x[speaking[:, k], k]
        middle[k] = np.median(said)
        spread[k] = SPREAD * np.median(np.abs(said - middle[k]))
    return middle, spread


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else np.nan


def _tell(family: _Family, found: dict[Key, list[Condition]]) -> None:
    if family.active.any():
        for which, member, place in np.argwhere(family.active).tolist():
            name = family.names[place]
            value, usual = family.evidence[which, member, place].tolist()
            code = f"{name.upper()}_{_SUFFIXES[which]}"
            limit = usual if usual == usual else None
            condition = Condition(code, _SEVERITY[which], sentence(family.keys[member][0], code, name, value, limit), name, value, limit)
            found.setdefault(family.keys[member], []).append(condition)
    for member, seconds in family.clock_said.items():
        who = family.keys[member][0]
        message = f"{who}: its clock cannot be believed; it is {abs(seconds):.0f} s from when its readings are heard."
        found.setdefault(family.keys[member], []).append(Condition(CLOCK, "warning", message, "", round(seconds, 1)))


_SAYS = {
    "DEVIATES": "while the middle of its siblings is {usual}",
    "UNIT": "while {usual} is expected; the unit or the sign may be wrong",
    "IMPLAUSIBLE": "which is physically impossible",
    "JUMPED": "after several jumps in quick succession that no such quantity can make",
    "STUCK": "unchanged for minutes while its siblings move; the sensor may be stuck",
}


def sentence(who: str, code: str, name: str, value: float, usual: float | None) -> str:
    """The English sentence of a condition."""
    metric = CATALOGUE[name]
    digits = max(metric.decimals, 1)
    told = _SAYS[code.rpartition("_")[2]].format(usual="unknown" if usual is None else f"{usual:.{digits}f} {metric.unit}".rstrip())
    return f"{who}: {metric.en.lower()} is {f'{value:.{digits}f} {metric.unit}'.rstrip()}, {told}."

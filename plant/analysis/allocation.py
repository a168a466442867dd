"""A site's power over its batteries: within power, charge and temperature limits, with the least loss and wear.

Each battery's cost of giving or taking P is convex, κ·P²/E + w·|P|·(1 + |P|/E): what its resistance turns into heat, κ = ρ/U of a cell [h],
plus what the throughput wears off it, in watts of lost energy that would cost as much; wear grows with the rate. The sum over the
batteries is least, for a given total, where all that are not at a bound have the same marginal cost λ; that λ is found exactly from the
sorted bounds ("water-filling": Boyd and Vandenberghe, Convex Optimization, 2004, §5.5.3). No battery charges while the site discharges:
that would only add losses; only one that cannot turn round as fast as it should still does.

Where batteries lose power by merely running or cannot run below a least power, which of them run is a choice of whole numbers: `plant.
analysis.commitment` makes it with a solver, `by_rule` without one. The powers of those that run are water-filling again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import erf, fsum, hypot, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from plant.analysis.chemistry import CHEMISTRIES, Chemistry, Numbers, stress

Flags = NDArray[np.bool_]

METHOD = "water_filling"
"""What runs, and so what answers name."""
SOC_ERROR = 3.0
"""Standard deviation of what batteries say of their charge [% points] [C]."""
CAPITAL = 1500.0
"""Price of a Wh of battery over the price of a Wh of lost energy [C]: about 150 for 0.1 per kWh."""
RATE_WEAR = 1.0
"""How much more a full cycle in one hour wears than a slow one, as a part of that [C]."""
BALANCE = 0.02
"""Marginal cost [W/W] that one whole charge away from the fleet's mean is worth, so that full batteries discharge first [C]: less than
resistance costs at half the usual power, so that it decides between alike batteries and spends little on it (`bench allocation`)."""
DERATE_K = 5.0
"""A battery gives full power until so far below its highest temperature, then linearly less."""
RAMP_S = 60.0
"""Seconds within which the powers are to be reached, where nobody says [C]."""
CONSTRAINTS = ("max_power", "max_current", "min_soc", "max_soc", "max_temperature", "min_temperature", "ramp", "min_power")
_PATIENCE = 12
"""So many more batteries that make it dearer end the rule's search: what one more saves shrinks with each."""
_IN_WORDS = {
    "max_power": "at their largest power",
    "max_current": "at their largest current",
    "min_soc": "would be empty before the time is over",
    "max_soc": "would be full before the time is over",
    "max_temperature": "too warm for more",
    "min_temperature": "too cold to be charged",
    "ramp": "cannot change their power any faster",
    "min_power": "cannot run at so little power",
    "soc_unknown": "do not tell their charge",
    "capacity_unknown": "of unknown capacity",
    "power_unknown": "of unknown power",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One battery. `soc`, `soh` [%]; `energy` nameplate [Wh]; `discharge`, `charge` largest powers as amounts [W], `discharge_amps`,
    `charge_amps` largest currents [A] at `voltage` [V]; `temperature` of its warmest, `coldest` of its coldest cells [°C] (the same where
    nobody said) with the limits `hot` and, for charging, `cold`; `barred` why it may not be used at all. It does not run below `least`
    [W] except not at all, loses `standby` [W] whenever it runs, and changes its power `now` [W, discharge positive] by at most `ramp`
    [W/s]. None = not known, no limit."""

    device_id: str
    soc: float | None
    energy: float | None
    discharge: float | None
    charge: float | None
    soh: float = 100.0
    low_soc: float = 10.0
    high_soc: float = 95.0
    chemistry: Chemistry = field(default_factory=lambda: CHEMISTRIES["LFP"])
    temperature: float | None = None
    coldest: float | None = None
    hot: float | None = None
    cold: float | None = None
    voltage: float | None = None
    discharge_amps: float | None = None
    charge_amps: float | None = None
    barred: str = ""
    least: float = 0.0
    standby: float = 0.0
    now: float | None = None
    ramp: float | None = None

    @property
    def content(self) -> float:
        """Energy when full [Wh]: nameplate × health."""
        return max(self.energy or 0.0, 0.0) * min(max(self.soh, 0.0), 100.0) / 100.0

    def reachable(self, side: float) -> float:
        """Energy [Wh] it can give (`side` > 0) or take until its charge limit."""
        if self.soc is None:
            return 0.0
        room = self.soc - self.low_soc if side > 0 else self.high_soc - self.soc
        return self.content * max(room, 0.0) / 100.0


@dataclass(frozen=True, slots=True)
class Bound:
    """The largest power [W, an amount] and what decides it: of equal limits all, for a barred battery the reason. It is negative for a
    battery that cannot turn round in time; `floor` [W] is where one that runs now gets at least."""

    power: float
    names: tuple[str, ...]
    floor: float = 0.0


def bound(unit: Unit, side: float, hours: float, ramp_s: float = RAMP_S) -> Bound:
    """The most a battery can give (`side` > 0) or take for `hours` without break, reached within `ramp_s` from what flows now. Limits that
    protect it hold before its ramp does."""
    still = _lasting(unit, side, hours)
    if unit.barred or unit.ramp is None or unit.now is None or not (isfinite(unit.ramp) and isfinite(unit.now)):
        return still
    reach, flowing = max(unit.ramp, 0.0) * ramp_s, side * unit.now
    highest, floor = flowing + reach, min(max(flowing - reach, 0.0), still.power)
    if highest < 0:
        return Bound(max(highest, -_lasting(unit, -side, hours).power), ("ramp",))
    if highest < still.power:
        return Bound(highest, ("ramp",), floor)
    return Bound(still.power, still.names, floor)


def _lasting(unit: Unit, side: float, hours: float) -> Bound:
    """The bound without its ramp."""
    if unit.barred:
        return Bound(0.0, (unit.barred,))
    rated, amps = (unit.discharge, unit.discharge_amps) if side > 0 else (unit.charge, unit.charge_amps)
    for value, reason in ((unit.soc, "soc_unknown"), (unit.energy, "capacity_unknown")):
        if value is None or not isfinite(value):
            return Bound(0.0, (reason,))
    most: list[tuple[float, str]] = [(unit.reachable(side) / hours, "min_soc" if side > 0 else "max_soc")]
    nameplate: list[tuple[float, str]] = [(rated, "max_power")] if rated is not None else []
    if amps is not None and unit.voltage is not None and unit.voltage > 0:
        nameplate.append((amps * unit.voltage, "max_current"))
    if not nameplate:
        return Bound(0.0, ("power_unknown",))
    most += nameplate
    warm = unit.temperature
    if warm is not None and unit.hot is not None and warm > unit.hot - DERATE_K:
        most.append((max(unit.hot - warm, 0.0) / DERATE_K * min(power for power, _ in nameplate), "max_temperature"))
    coldest = warm if unit.coldest is None else unit.coldest
    if coldest is not None and side < 0 and unit.cold is not None and coldest <= unit.cold:
        most.append((0.0, "min_temperature"))
    least = max(min(power for power, _ in most), 0.0)
    return Bound(least, tuple(name for power, name in most if power <= least * (1 + 1e-12)))


@dataclass(frozen=True, slots=True)
class Share:
    """What one battery gets: `power` [W, discharge positive], `most` it could [W, same sign], the names of the limits its share lies at (of
    one that gets nothing because it may not: why), `expected_soc` [%] after the time, `confidence` 0…1 that it can hold the power,
    `wear` the capacity it costs [% points of SOH]. None = it does not tell its charge, or (`confidence`) has nothing to hold."""

    device_id: str
    power: float
    most: float
    constraints: tuple[str, ...]
    expected_soc: float | None
    confidence: float | None
    wear: float | None


@dataclass(frozen=True, slots=True)
class Allocation:
    """`target` and `total` [W]; `feasible` when the target is met; `binding` names the limits that keep it from being met. `efficiency` is
    the one-way efficiency of the batteries at these powers; `score` is the least possible loss of this total over the loss of this
    split (1 = no split loses less); `completion` the probability that it holds to the end. None = nothing is allocated."""

    target: float
    total: float
    feasible: bool
    binding: tuple[str, ...]
    shares: tuple[Share, ...]
    efficiency: float | None
    score: float | None
    completion: float | None
    method: str = METHOD

    @property
    def explanation(self) -> str:
        """Why the target is not met, in a sentence; "" when it is."""
        if self.feasible:
            return ""
        count = Counter(name for share in self.shares for name in share.constraints)
        why = ", ".join(f"{n} {_IN_WORDS.get(name, f'not used ({name})')}" for name, n in count.most_common()) or "there are none"
        asked, given = (power * (-1.0 if self.target < 0 else 1.0) / 1000.0 for power in (self.target, self.total))
        more = f"{given - asked:.6g} kW more than the {asked:.6g} kW asked for cannot be avoided"
        fewer = f"{asked - given:.6g} kW of the {asked:.6g} kW asked for cannot be had"
        return f"{more if given > asked else fewer}. Batteries: {why}."


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Which batteries are to run so that `total` [W] costs least: each costs `fixed` [W] when it runs, and slope·x²/2 + level·x at the
    power x within `low` and `most` [W]; those of `must` run. All [n]."""

    slope: Numbers
    level: Numbers
    fixed: Numbers
    low: Numbers
    most: Numbers
    must: Flags
    total: float

    def powers(self, on: Flags, total: float) -> Numbers:
        """The cheapest powers of those that run, 0 for the others; `total` lies within their bounds."""
        low, most = np.where(on, self.low, 0.0), np.where(on, self.most, 0.0)
        return low + fill(self.slope, self.level + self.slope * low, most - low, total - fsum(low))

    def cost(self, powers: Numbers, on: Flags) -> float:
        """What that costs, in watts lost."""
        return float((self.slope * powers * powers / 2.0 + self.level * powers).sum() + self.fixed[on].sum())


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Those that run [n], the total they reach [W] and how they were found."""

    on: Flags
    total: float
    method: str


def by_rule(choice: Choice) -> Chosen:
    """Batteries in the order of their cheapest watt, (fixed + slope·x²/2 + level·x)/x at its best x; of all heads of that list the one
    that costs least, or where none can give the total, comes nearest to it from below. Exact for batteries that are alike."""
    best = np.clip(np.sqrt(2.0 * choice.fixed / np.maximum(choice.slope, 1e-300)), choice.low, choice.most)
    with np.errstate(divide="ignore", invalid="ignore"):
        watt = np.where(best > 0, choice.fixed / best + choice.slope * best / 2.0 + choice.level, choice.level)
    able = (choice.most > 0) & (choice.slope > 0) & (choice.most >= choice.low)
    order = [int(k) for k in np.argsort(watt, kind="stable") if able[k] and not choice.must[k]]
    on = able & choice.must
    found: tuple[float, float, Flags] | None = None
    worse = 0
    for place in (None, *order):
        if place is not None:
            on = on.copy()
            on[place] = True
        lowest, highest = fsum(choice.low[on]), fsum(choice.most[on])
        if lowest > choice.total * (1 + 1e-12) and place is not None:
            continue
        total = min(max(choice.total, lowest), highest)
        one = (abs(choice.total - total), choice.cost(choice.powers(on, total), on), on)
        if found is None or one[:2] < found[:2]:
            found, worse = one, 0
        else:
            worse += 1
        if worse > _PATIENCE and found[0] == 0:
            break
    assert found is not None
    total = min(max(choice.total, fsum(choice.low[found[2]])), fsum(choice.most[found[2]]))
    return Chosen(found[2], total, "water_filling")


def allocate(
    units: Sequence[Unit],
    target: float,
    hours: float = 1.0,
    flexibility: float = 0.0,
    ramp_s: float = RAMP_S,
    choose: Callable[[Choice], Chosen] = by_rule,
) -> Allocation:
    """The split of `target` [W, discharge positive] over `units` for `hours`, reached within `ramp_s`; a target out of reach gets as near
    as the limits allow, from below where a least power is in the way. `flexibility` 0…1 is how much less than the target still counts as
    done, in `completion`. `choose` is asked only where a choice of those that run is to be made. Raises ValueError for numbers that make
    no sense."""
    if not isfinite(target) or not (isfinite(hours) and hours > 0) or not 0 <= flexibility <= 1 or not ramp_s >= 0:
        raise ValueError("target must be finite, hours positive, flexibility within 0 and 1, ramp_s not negative")
    side = 1.0 if target >= 0 else -1.0
    bounds = [_running(bound(unit, side, hours, ramp_s), unit) for unit in units]
    most = np.array([one.power for one in bounds], np.float64)
    low = np.array([min(one.floor, one.power) for one in bounds], np.float64)  # and one that cannot turn round in time stays where it gets
    slope, level, losses = _costs(units, side)
    fixed = np.array([max(unit.standby, 0.0) for unit in units], np.float64)
    steps = np.array([max(unit.least, 0.0) for unit in units], np.float64)
    wanted = abs(target)
    must = low != 0
    on, method = most != 0, METHOD
    if ((steps > 0) | (fixed > 0)).any():
        turned = most < 0
        lows, rest = np.where(turned, 0.0, np.maximum(low, steps)), wanted - fsum(most[turned])
        choice = Choice(slope, level, fixed, lows, np.maximum(most, 0.0), must & ~turned, rest)
        chosen = choose(choice) if rest > 0 or must.any() else Chosen(must, 0.0, METHOD)
        on, method, total = chosen.on, chosen.method, chosen.total
        amounts = np.where(turned, most, choice.powers(on, total))
        total += fsum(most[turned])
    else:
        total = min(max(wanted, fsum(low)), fsum(most))
        amounts = low + fill(slope, level + slope * low, most - low, total - fsum(low)) if units else most
    feasible = abs(total - wanted) <= wanted * 1e-12
    total = wanted if feasible else total
    shares = tuple(_share(unit, one, float(x), side, hours, wanted > 0) for unit, one, x in zip(units, bounds, amounts, strict=True))
    if not feasible:
        shares = tuple(_hindered(share, unit, one, total < wanted) for share, unit, one in zip(shares, units, bounds, strict=True))
    binding = () if feasible else tuple(sorted({name for share in shares for name in share.constraints}))
    running = on & (amounts != 0)
    loss = float(losses @ (amounts * amounts) + fixed[running].sum())
    ideal = fill(losses, np.zeros_like(level), np.where(most > 0, np.inf, 0.0), total)
    least = float(losses @ (ideal * ideal))
    return Allocation(
        target,
        side * total + 0.0,
        feasible,
        binding,
        shares,
        _efficiency(total, loss, side),
        least / loss if loss > 0 else None,
        _completion(units, most, wanted * (1.0 - flexibility), total, side, hours),
        method,
    )


def _running(limit: Bound, unit: Unit) -> Bound:
    """The bound of a battery that does not run below a least power: what is less than that is nothing."""
    if unit.least <= 0 or not 0 < limit.power < unit.least:
        return limit
    return Bound(0.0, tuple(dict.fromkeys((*limit.names, "min_power"))))


def _hindered(share: Share, unit: Unit, limit: Bound, short: bool) -> Share:
    """The share with what keeps it from giving what is missing, or from giving less."""
    names = share.constraints
    if short and not names and unit.least > 0:
        names = ("min_power",)
    elif not short:
        names = ("ramp",) if limit.floor > 0 or limit.power < 0 else ()
    return replace(share, constraints=names)


def _costs(units: Sequence[Unit], side: float) -> tuple[Numbers, Numbers, Numbers]:
    """Marginal cost slope·P + level of each battery, `level` [W/W] its slow wear and how far its charge is from the mean, and its `losses`
    κ/E [1/W]; all 0 for one whose charge or energy is not known."""
    slope, level, losses = np.zeros((3, len(units)))
    known = [unit.soc for unit in units if unit.soc is not None and unit.content > 0 and not unit.barred]
    mean = fsum(known) / len(known) if known else 0.0
    for k, unit in enumerate(units):
        if unit.content > 0 and unit.soc is not None:
            kind = unit.chemistry
            stiff, worn = stress(unit.temperature)
            wearing = CAPITAL * worn / (2.0 * kind.life)
            losses[k] = (kind.ohmic + kind.slow) / kind.nominal * stiff / unit.content
            slope[k] = 2.0 * (losses[k] + RATE_WEAR * wearing / unit.content)
            level[k] = wearing + BALANCE * (1.0 - side * (unit.soc - mean) / 100.0)
    return slope, level, losses


def fill(slope: Numbers, level: Numbers, most: Numbers, total: float) -> Numbers:
    """Amounts x [n] within 0 and `most` [n] whose sum is `total`, with Σ slope·x²/2 + level·x least. Where `slope` is 0 x is 0.
    Sorted bounds: between two neighbouring values of λ at which a battery starts or is full, the sum is linear in λ."""
    usable = (slope > 0) & (most > 0)
    amounts = np.zeros_like(most)
    if total <= 0 or not usable.any():
        return amounts
    a, b, top = slope[usable], level[usable], most[usable]
    if total >= fsum(top):
        amounts[usable] = top
        return amounts
    marks = np.unique(np.concatenate([b, (b + a * top)[np.isfinite(top)]]))
    first, last = 0, marks.size - 1  # the sum at marks[first] is below the total: there the first battery starts
    while last - first > 1:
        middle = (first + last) // 2
        below = np.minimum(np.maximum((marks[middle] - b) / a, 0.0), top).sum() < total
        first, last = (middle, last) if below else (first, middle)
    at_last = np.minimum(np.maximum((marks[last] - b) / a, 0.0), top).sum() < total
    low = marks[last if at_last else first]
    active = (b <= low) & (b + a * top > low)
    base = np.where(b + a * top <= low, top, 0.0).sum()
    rate = (1.0 / a[active]).sum()
    price = (total - base + (b[active] / a[active]).sum()) / rate if rate > 0 else low
    x = np.minimum(np.maximum((price - b) / a, 0.0), top)
    return _exact(amounts, usable, x, top, total)


def _exact(amounts: Numbers, usable: np.ndarray, x: Numbers, top: Numbers, total: float) -> Numbers:
    """`x` with the rounding of its sum put where there is room, so that the sum is `total` and no bound is passed; those between their
    bounds take it, the others only if there are none."""
    between = (x > 0) & (x < top)
    for _ in range(3):
        rest = total - fsum(x)
        room = np.minimum(top - x, 10 * total) if rest > 0 else x
        room = np.where(between, room, 0.0) if between.any() else room
        whole = float(room.sum())
        if rest == 0 or whole <= 0:
            break
        x = np.minimum(np.maximum(x + rest * room / whole, 0.0), top)
    amounts[usable] = x
    return amounts


def _share(unit: Unit, limit: Bound, amount: float, side: float, hours: float, asked: bool) -> Share:
    at_limit = asked and amount >= limit.power - 1e-9 * abs(limit.power)
    energy = amount * hours
    known = unit.soc is not None and unit.content > 0
    return Share(
        unit.device_id,
        side * amount + 0.0,
        side * limit.power + 0.0,
        limit.names if at_limit else (),
        min(max((unit.soc or 0.0) - side * 100.0 * energy / unit.content, 0.0), 100.0) if known else None,
        _holds(unit.reachable(side), energy, SOC_ERROR / 100.0 * unit.content) if known and amount > 0 else None,
        100.0 * abs(energy) / (2.0 * unit.content) * 0.2 / unit.chemistry.life * stress(unit.temperature)[1] if known else None,
    )


def _holds(there: float, needed: float, error: float) -> float:
    """Φ((energy there − energy needed) / its standard error): the chance that the charge told is not so wrong that it runs out."""
    return 0.5 * (1.0 + erf((there - needed) / (error * sqrt(2.0)))) if error > 0 else float(there >= needed)


def _efficiency(total: float, loss: float, side: float) -> float | None:
    """One-way efficiency 0…1: given over given and lost when discharging, taken less lost over taken when charging."""
    if total <= 0:
        return None
    return total / (total + loss) if side > 0 else max(total - loss, 0.0) / total


def _completion(units: Sequence[Unit], most: Numbers, needed: float, total: float, side: float, hours: float) -> float | None:
    """The chance that the fleet holds `needed` [W] for `hours`: 0 when less is allocated, else Φ over the energy of all batteries that may
    be used less what is needed, their charge errors independent."""
    if total <= 0:
        return None
    if total < needed * (1 - 1e-12):
        return 0.0
    used = [unit for unit, power in zip(units, most, strict=True) if power > 0]
    error = hypot(*(SOC_ERROR / 100.0 * unit.content for unit in used))
    return _holds(fsum(unit.reachable(side) for unit in used), needed * hours, error)

"""A plan for a battery over hours whose prices are known: what it is, what it earns, and what a plain rule would earn.

All powers are at the connection point, discharge positive where one number tells both. Charge obeys e' = e + (η_c·c − d/η_d)·h. An awarded
hour is held free: its power is what was awarded to be scheduled beside the service (0 but for products with energy), and before and after
it there is room for the awarded power in the directions the product asks for, for `sustain` hours. The best plan is found by
`plant.analysis.dispatch_milp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from plant.analysis.chemistry import Numbers
from plant.errors import Invalid

What = Literal["low", "high", "power-out", "power-in", "end"]
LEAST_KW = 1e-3
"""What is less than that [kW] is nothing."""
LONGEST = 400
"""Hours or parts of hours of one plan."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The battery: largest powers [kW], usable energy when full [kWh], charge between which it works [%], one-way efficiencies 0…1, and
    what a discharged kWh wears off it [money/kWh]. Raises Invalid for what no battery is."""

    charge_kw: float
    discharge_kw: float
    energy_kwh: float
    low: float = 10.0
    high: float = 95.0
    charging: float = 0.95
    discharging: float = 0.95
    wear: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("charge_kw", 0.0, 1e9),
            ("discharge_kw", 0.0, 1e9),
            ("energy_kwh", 1e-3, 1e10),
            ("low", 0.0, 100.0),
            ("high", 0.0, 100.0),
            ("charging", 0.01, 1.0),
            ("discharging", 0.01, 1.0),
            ("wear", 0.0, 1e6),
        ):
            if not low <= getattr(self, name) <= high:  # a NaN is not either
                raise Invalid(f"{name} must be within {low:g} and {high:g}")
        if self.low >= self.high:
            raise Invalid("the lowest charge must be below the highest")


@dataclass(frozen=True, slots=True)
class Offer:
    """Capacity that may be offered besides: `price` [money per MW and hour, n], from `least` to `most` [MW] or nothing. In an offered hour
    no energy is traded. `inward`: it also needs room for charging."""

    price: Numbers
    most: float
    least: float = 0.0
    inward: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is planned: `hours` long intervals [h, n] with energy prices [money/MWh, n]; `held` [kW, n] the power of awarded hours, NaN
    where it is free; room [kW, n] they need outward and inward for `sustain` hours; `service` [money, n] what they earn; charge [%] at the
    start and at least at the end. Raises Invalid for what makes no sense."""

    storage: Storage
    hours: Numbers
    price: Numbers
    start: float
    end: float
    held: Numbers
    outward: Numbers
    inward: Numbers
    service: Numbers
    sustain: float = 0.5
    offer: Offer | None = None

    def __post_init__(self) -> None:
        n = len(self.hours)
        arrays = [self.price, self.held, self.outward, self.inward, self.service, *([self.offer.price] if self.offer else [])]
        if not 1 <= n <= LONGEST or any(len(one) != n for one in arrays):
            raise Invalid(f"a plan has 1 to {LONGEST} intervals, and each its price")
        if not (np.isfinite(self.hours).all() and (self.hours > 0).all()):
            raise Invalid("an interval must last")
        if not np.isfinite(self.price).all() or np.abs(self.price).max() > 1e6:
            raise Invalid("a price is missing or beyond a million per MWh")
        for one in (self.outward, self.inward):
            if not (np.isfinite(one).all() and (one >= 0).all()):
                raise Invalid("awarded power must not be negative")
        for name, value in (("start", self.start), ("end", self.end)):
            if not 0 <= value <= 100:
                raise Invalid(f"the charge at the {name} must be within 0 and 100 %")
        if not 0 <= self.sustain <= 24:
            raise Invalid("awarded power must be sustained for 0 to 24 hours")
        if self.offer and not (0 <= self.offer.least <= self.offer.most <= 1e6 and np.isfinite(self.offer.price).all()):
            raise Invalid("an offer needs a least power not above its most, and a price for each interval")

    @property
    def floor(self) -> Numbers:
        """The least energy [kWh, n + 1] at the ends of the intervals, room for awards included."""
        return self.storage.low / 100.0 * self.storage.energy_kwh + at_ends(self.outward * self.sustain / self.storage.discharging)

    @property
    def ceiling(self) -> Numbers:
        """The most energy [kWh, n + 1] there."""
        return self.storage.high / 100.0 * self.storage.energy_kwh - at_ends(self.inward * self.sustain * self.storage.charging)


def at_ends(room: Numbers) -> Numbers:
    """Room needed in intervals [n] → at their ends [n + 1]: before and after."""
    return np.asarray(np.maximum(np.append(room, 0.0), np.append(0.0, room)), np.float64)


@dataclass(frozen=True, slots=True)
class Lack:
    """A limit that cannot be kept: at interval `place` by `amount` [kWh for low, high, end; kW for power]."""

    what: What
    place: int
    amount: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`charge`, `discharge` [kW, n], charge [%, n + 1], `offered` [MW, n]; money of each interval [n] by energy, service and wear (a cost,
    positive). `gap` is how much better a plan could still be, as a part of its money (0 = none is better); `lacks` what cannot be kept."""

    charge: Numbers
    discharge: Numbers
    soc: Numbers
    offered: Numbers
    energy: Numbers
    service: Numbers
    wear: Numbers
    method: str
    gap: float = 0.0
    lacks: Sequence[Lack] = field(default=())

    @property
    def total(self) -> float:
        return float(self.energy.sum() + self.service.sum() - self.wear.sum())


def earning(
    task: Task, charge: Numbers, discharge: Numbers, offered: Numbers, method: str, gap: float = 0.0, lacks: Sequence[Lack] = ()
) -> Plan:
    """The plan of these powers with its charge and its money."""
    battery = task.storage
    stored = (battery.charging * charge - discharge / battery.discharging) * task.hours
    soc = task.start + np.append(0.0, np.cumsum(stored)) / battery.energy_kwh * 100.0
    energy = task.price / 1000.0 * (discharge - charge) * task.hours
    offers = offered * task.hours * task.offer.price if task.offer else np.zeros_like(energy)
    wear = battery.wear * discharge * task.hours
    return Plan(charge, discharge, soc, offered, energy, task.service + offers, wear, method, gap, tuple(lacks))


def held(task: Task) -> tuple[Numbers, Numbers]:
    """The powers [kW, n] that awards fix, 0 where they leave it free: charge, discharge."""
    fixed = np.nan_to_num(task.held, nan=0.0)
    return np.maximum(-fixed, 0.0), np.maximum(fixed, 0.0)


def idle(task: Task) -> Plan:
    """What awards alone earn: no energy is traded."""
    return earning(task, *held(task), np.zeros_like(task.hours), "idle")


def greedy(task: Task) -> Plan:
    """The rule of thumb: the pair of a cheap hour and a dear one that earns most is traded as far as limits allow, then the next pair, as
    long as one earns. It takes no end below the start, does not offer, and is no optimum."""
    battery, (charge, discharge) = task.storage, held(task)
    free = np.isnan(task.held)
    room_in = np.where(free, battery.charge_kw, 0.0) * task.hours
    room_out = np.where(free, battery.discharge_kw, 0.0) * task.hours
    energy = earning(task, charge, discharge, np.zeros_like(charge), "greedy").soc / 100.0 * battery.energy_kwh
    low, high = task.floor, task.ceiling
    way = np.zeros(len(charge))
    while True:
        best = _best_pair(task, room_in, room_out, energy, low, high, way)
        if best is None:
            return earning(task, charge, discharge, np.zeros_like(charge), "greedy")
        buy, sell, bought = best
        sold = bought * battery.charging * battery.discharging
        charge[buy] += bought / task.hours[buy]
        discharge[sell] += sold / task.hours[sell]
        room_in[buy] -= bought
        room_out[sell] -= sold
        way[buy], way[sell] = -1, 1
        first, last = sorted((buy, sell))
        energy[first + 1 : last + 1] += (1 if buy < sell else -1) * bought * battery.charging


def _best_pair(
    task: Task, room_in: Numbers, room_out: Numbers, energy: Numbers, low: Numbers, high: Numbers, way: Numbers
) -> tuple[int, int, float] | None:
    """Where to buy, where to sell and how much is bought [kWh], of the pair that earns most per kWh; None when none earns."""
    battery, both = task.storage, task.storage.charging * task.storage.discharging
    margin = both * (task.price[None, :] / 1000.0 - battery.wear) - task.price[:, None] / 1000.0  # [buy, sell]
    able_in, able_out = (room_in > LEAST_KW) & (way <= 0), (room_out > LEAST_KW) & (way >= 0)
    margin[~able_in, :] = margin[:, ~able_out] = -np.inf
    np.fill_diagonal(margin, -np.inf)
    for place in np.argsort(margin, axis=None)[::-1]:
        buy, sell = divmod(int(place), len(way))
        if not margin[buy, sell] > 1e-9:
            return None
        between = slice(min(buy, sell) + 1, max(buy, sell) + 1)
        slack = (high - energy)[between].min() if buy < sell else (energy - low)[between].min()
        bought = min(room_in[buy], room_out[sell] / both, slack / battery.charging)
        if bought > LEAST_KW:
            return buy, sell, float(bought)
    return None


def lacks_of(task: Task, plan: Plan, tolerance: float = 1e-6) -> list[Lack]:
    """The limits a plan does not keep, by themselves: whoever made it."""
    battery, found = task.storage, []
    energy = plan.soc / 100.0 * battery.energy_kwh
    offered = 1000.0 * plan.offered
    out, into = task.outward + offered, task.inward + (offered if task.offer and task.offer.inward else 0.0)
    near = tolerance * max(battery.charge_kw, battery.discharge_kw, battery.energy_kwh)
    net = plan.discharge - plan.charge
    low = battery.low / 100.0 * battery.energy_kwh + at_ends(out * task.sustain / battery.discharging)
    high = battery.high / 100.0 * battery.energy_kwh - at_ends(into * task.sustain * battery.charging)
    rows: list[tuple[What, Numbers]] = [
        ("power-out", net + out - battery.discharge_kw),
        ("power-in", into - net - battery.charge_kw),
        ("low", low - energy),
        ("high", energy - high),
        ("end", np.append(np.full(len(net), -np.inf), task.end / 100.0 * battery.energy_kwh - energy[-1])),
    ]
    for what, over in rows:
        found += [Lack(what, int(place), float(over[place])) for place in np.flatnonzero(over > near)]
    return found

"""The plan that earns most, as a mixed-integer program solved by HiGHS (through scipy).

Whole numbers say in each interval whether the battery discharges or charges: at negative prices doing both would burn energy for money,
which no battery can. Where awards and charge leave no plan, first the least of what is missing is found, and then the plan that earns most
with just that missing. scipy is heavy: this module is for the calculation process and the job process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from plant.analysis.chemistry import Numbers
from plant.analysis.dispatch import Lack, Plan, Task, What, earning, held
from plant.errors import Unavailable

METHOD = "milp"
LIMIT_S = 5.0
GAP = 1e-6
_SLACKS: tuple[What, ...] = ("low", "high", "power-out", "power-in", "end")


def best_plan(task: Task, limit_s: float = LIMIT_S) -> Plan:
    """The plan that earns most, or comes nearest to what awards and charge ask for. Raises Unavailable when none was found in time."""
    program = _Program(task)
    found = program.solve(limit_s)
    if found.x is None:
        least = program.solve(limit_s, slack=True)
        if least.x is not None:
            found = program.solve(limit_s, slack=True, allowed=program.missing(least.x))
    if found.x is None:
        raise Unavailable("no plan was found in time", retry_after=5)
    return program.plan(found)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the variables are: charge, discharge, energy at the ends, direction, offered power, whether offered, and what is missing."""

    n: int

    def __getitem__(self, name: str) -> np.ndarray:
        n, start = self.n, 0
        sizes = {"in": n, "out": n, "energy": n + 1, "way": n, "offer": n, "offers": n}
        sizes |= {"low": n + 1, "high": n + 1, "power-out": n, "power-in": n, "end": 1}
        for key, size in sizes.items():
            if key == name:
                return np.arange(start, start + size)
            start += size
        return np.arange(start)  # all


class _Program:
    """Powers and energies in parts of the largest power, money in parts of the largest price: the solver's tolerances are absolute."""

    def __init__(self, task: Task) -> None:
        battery = task.storage
        self.task, self.at = task, _Places(len(task.hours))
        self.unit = max(battery.charge_kw, battery.discharge_kw, battery.energy_kwh / 100.0)
        self.rows: list[tuple[list[tuple[np.ndarray, Numbers]], Numbers, Numbers]] = []
        self._limits()

    def _row(self, low: Numbers | float, high: Numbers | float, *terms: tuple[np.ndarray, Numbers | float]) -> None:
        size = len(terms[0][0])
        full = [(columns, np.broadcast_to(np.asarray(value, np.float64), size)) for columns, value in terms]
        least, most = (np.broadcast_to(np.asarray(end, np.float64), size) for end in (low, high))
        self.rows.append((full, least, most))

    def _limits(self) -> None:
        task, at, unit, n = self.task, self.at, self.unit, self.at.n
        battery, hours, inf = task.storage, task.hours, np.inf
        charge, discharge, energy, way = (at[name] for name in ("in", "out", "energy", "way"))
        most_in, most_out = battery.charge_kw / unit, battery.discharge_kw / unit
        floor, ceiling = task.floor / unit, task.ceiling / unit
        self._row(0, 0, (energy[1:], 1), (energy[:-1], -1), (charge, -battery.charging * hours), (discharge, hours / battery.discharging))
        free = np.flatnonzero(np.isnan(task.held))
        self._row(-inf, 0, (discharge[free], 1), (way[free], -most_out))
        self._row(-inf, most_in, (charge[free], 1), (way[free], most_in))
        self._row(-inf, most_out - task.outward / unit, (discharge, 1), (charge, -1), (at["power-out"], -1))
        self._row(-inf, most_in - task.inward / unit, (charge, 1), (discharge, -1), (at["power-in"], -1))
        for side in (slice(0, n), slice(1, n + 1)):
            out, into = task.sustain / battery.discharging, task.sustain * battery.charging * (task.offer is not None and task.offer.inward)
            self._row(floor[side], inf, (energy[side], 1), (at["low"][side], 1))
            self._row(-inf, ceiling[side], (energy[side], 1), (at["high"][side], -1))
            if task.offer is not None:  # an offered hour is a free one, so an award's room and an offer's do not add up in it
                plain = battery.low / 100.0 * battery.energy_kwh / unit, battery.high / 100.0 * battery.energy_kwh / unit
                self._row(plain[0], inf, (energy[side], 1), (at["offer"], -out), (at["low"][side], 1))
                self._row(-inf, plain[1], (energy[side], 1), (at["offer"], into), (at["high"][side], -1))
        self._row(task.end / 100.0 * battery.energy_kwh / unit, inf, (energy[-1:], 1), (at["end"], 1))
        if task.offer is not None:
            kw = 1000.0 / unit
            self._row(-inf, 0, (at["offer"], 1), (at["offers"], -task.offer.most * kw))
            self._row(0, inf, (at["offer"], 1), (at["offers"], -task.offer.least * kw))
            self._row(-inf, most_in, (charge, 1), (at["offers"], most_in))
            self._row(-inf, most_out, (discharge, 1), (at["offers"], most_out))

    def solve(self, limit_s: float, slack: bool = False, allowed: Numbers | None = None) -> Any:
        """With `slack` the least that is missing; with what is `allowed` to be missing [the slacks in their order] the most money."""
        from scipy.optimize import Bounds, milp

        task, at, unit = self.task, self.at, self.unit
        count = len(at["all"])
        low, high, cost = np.zeros(count), np.full(count, np.inf), np.zeros(count)
        high[at["way"]] = high[at["offers"]] = 1.0
        fixed = ~np.isnan(task.held)
        for name, value in zip(("in", "out"), held(task), strict=True):
            low[at[name][fixed]] = high[at[name][fixed]] = value[fixed] / unit
        low[at["energy"][0]] = high[at["energy"][0]] = task.start / 100.0 * task.storage.energy_kwh / unit
        if task.offer is None:
            high[at["offer"]] = high[at["offers"]] = 0.0
        else:
            reach = task.storage.discharge_kw, task.storage.charge_kw if task.offer.inward else np.inf
            high[at["offer"]] = np.where(fixed, 0.0, min(1000.0 * task.offer.most, *reach) / unit)
            high[at["offers"]][fixed] = 0.0
        slacks = np.concatenate([at[name] for name in _SLACKS])
        if not slack:
            high[slacks] = 0.0
        elif allowed is not None:
            high[slacks] = allowed + 1e-7
        if slack and allowed is None:
            cost[slacks] = 1.0
        else:
            worth = task.hours * unit / 1000.0  # [MWh] of one part of power
            cost[at["in"]] = task.price * worth
            cost[at["out"]] = -(task.price - 1000.0 * task.storage.wear) * worth
            if task.offer is not None:
                cost[at["offer"]] = -task.offer.price * worth
            cost /= np.abs(cost).max() or 1.0
        whole = np.zeros(count)
        whole[at["way"]] = whole[at["offers"]] = 1
        options = {"mip_rel_gap": GAP, "time_limit": limit_s}
        return milp(cost, integrality=whole, bounds=Bounds(low, high), constraints=self._constraints(count), options=options)

    def _constraints(self, count: int) -> Any:
        from scipy.optimize import LinearConstraint
        from scipy.sparse import coo_array

        row, column, value, low, high = [], [], [], [], []
        first = 0
        for terms, least, most in self.rows:
            size = len(least)
            for columns, values in terms:
                row.append(np.arange(first, first + size))
                column.append(columns)
                value.append(values)
            low.append(least)
            high.append(most)
            first += size
        matrix = coo_array((np.concatenate(value), (np.concatenate(row), np.concatenate(column))), shape=(first, count))
        return LinearConstraint(matrix.tocsr(), np.concatenate(low), np.concatenate(high))

    def missing(self, x: Numbers) -> Numbers:
        """What is missing in a solution, in the order of the slacks."""
        return np.concatenate([np.maximum(x[self.at[name]], 0.0) for name in _SLACKS])

    def plan(self, found: Any) -> Plan:
        """The solution in its units, without the solver's dust."""
        task, at, unit = self.task, self.at, self.unit
        x: Numbers = found.x
        outward = x[at["way"]] > 0.5
        free = np.isnan(task.held)
        charge, discharge = held(task)
        charge = np.where(free, np.where(outward, 0.0, _clean(x[at["in"]]) * unit), charge)
        discharge = np.where(free, np.where(outward, _clean(x[at["out"]]) * unit, 0.0), discharge)
        offered = _clean(x[at["offer"]]) * unit / 1000.0
        lacks = [
            Lack(name, int(place), float(x[at[name]][place]) * unit) for name in _SLACKS for place in np.flatnonzero(x[at[name]] > 1e-5)
        ]
        gap = float(found.mip_gap) if found.mip_gap is not None and np.isfinite(found.mip_gap) else 0.0
        return earning(task, charge, discharge, offered, METHOD, gap if gap > GAP else 0.0, lacks)


def _clean(x: Numbers) -> Numbers:
    return np.where(x > 1e-7, x, 0.0)

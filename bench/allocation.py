"""What the allocation saves beside a proportional rule, and how long it takes.

`python -m bench allocation`: sites of 4 to 144 racks that differ in charge, energy, temperature; a target shared in proportion to what each
can give, by water-filling, and, where racks lose power by merely running, by the solver's and the rule's choice of those that run. Cost is
losses and ageing in watts, loss the former alone. CPU time of this thread decides. The same continuous losses are given to a general
solver (scipy's SLSQP) beside it.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from bench.measure import calibrate, keep, machine, median, table, verdict
from plant.analysis.allocation import CAPITAL, RATE_WEAR, Allocation, Unit, allocate, bound, by_rule
from plant.analysis.chemistry import stress
from plant.analysis.commitment import commit

BAR_MS = 50.0
SIZES = (4, 24, 144)
SHARES = (0.1, 0.4, 0.8)
_MONEY = ("proportional loss", "proportional cost", "loss kW", "cost kW", "cost saved %", "rule cost")
HEAD = ("racks", "standby", "% of reach", "method", *_MONEY, "ms", "rule ms", "SLSQP ms")


def racks(n: int, standby: bool) -> list[Unit]:
    """Racks of some 250 kWh that have lived differently."""
    dice = np.random.default_rng(n)
    return [
        Unit(
            f"rack{k}",
            float(dice.uniform(25, 90)),
            float(dice.uniform(220e3, 270e3)),
            125e3,
            125e3,
            float(dice.uniform(85, 100)),
            temperature=float(dice.uniform(15, 40)),
            hot=55.0,
            least=5e3 if standby else 0.0,
            standby=float(dice.uniform(300, 600)) if standby else 0.0,
        )
        for k in range(n)
    ]


def ageing(units: Sequence[Unit], powers: Sequence[float]) -> float:
    """What a split wears off [W of lost energy that would cost as much]."""
    found = 0.0
    for unit, power in zip(units, powers, strict=True):
        throughput = CAPITAL * stress(unit.temperature)[1] / (2.0 * unit.chemistry.life)
        found += throughput * power * (1.0 + RATE_WEAR * power / unit.content)
    return found


def loss(units: Sequence[Unit], powers: Sequence[float]) -> float:
    """Resistive and standby losses [W] of a split, whoever made it."""
    found = 0.0
    for unit, power in zip(units, powers, strict=True):
        kappa = (unit.chemistry.ohmic + unit.chemistry.slow) / unit.chemistry.nominal * stress(unit.temperature)[0]
        found += kappa * power * power / unit.content + (unit.standby if power else 0.0)
    return found


def proportional(units: Sequence[Unit], target: float) -> list[float]:
    """Everyone gives the same share of what it can."""
    most = [bound(unit, 1.0, 1.0).power for unit in units]
    return [target * one / sum(most) for one in most]


def timed(work: Callable[[], Allocation], runs: int) -> tuple[Allocation, float]:
    """What it gives and how long it takes [ms]."""
    took = []
    for _ in range(runs):
        start = time.thread_time()
        found = work()
        took.append(1e3 * (time.thread_time() - start))
    return found, median(took)


def general(units: Sequence[Unit], target: float) -> float:
    """CPU time of SLSQP on the same continuous problem [ms]."""
    most = np.array([bound(unit, 1.0, 1.0).power for unit in units]) / 1e5
    kappa = np.array([loss([replace(unit, standby=0.0)], [1e5]) for unit in units]) / 1e5
    start = time.thread_time()
    minimize(
        lambda x: float(kappa @ (x * x)),
        most * (target / 1e5 / most.sum()),
        jac=lambda x: 2 * kappa * x,
        bounds=[(0.0, one) for one in most],
        constraints={"type": "eq", "fun": lambda x: x.sum() - target / 1e5, "jac": lambda x: np.ones_like(x)},
        method="SLSQP",
    )
    return 1e3 * (time.thread_time() - start)


def main(arguments: list[str]) -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(prog="bench allocation", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    rows, slowest = [], 0.0
    for n in SIZES:
        for standby in (False, True):
            units = racks(n, standby)
            reach = sum(bound(unit, 1.0, 1.0).power for unit in units)
            for share in SHARES:
                target = share * reach
                plain = proportional(units, target)
                found, ms = timed(lambda u=units, t=target: allocate(u, t, choose=commit), options.runs)
                rule, rule_ms = timed(lambda u=units, t=target: allocate(u, t, choose=by_rule), options.runs)
                splits = [plain, *([one.power for one in of.shares] for of in (found, rule))]
                losses = [loss(units, split) / 1e3 for split in splits]
                costs = [one + ageing(units, split) / 1e3 for one, split in zip(losses, splits, strict=True)]
                slowest = max(slowest, ms) if n == max(SIZES) else slowest
                other = "" if standby else general(units, target)
                name, saved = "yes" if standby else "no", 100 * (1 - costs[1] / costs[0])
                told = (losses[0], costs[0], losses[1], costs[1], saved, costs[2])
                rows.append([n, name, 100 * share, found.method, *told, ms, rule_ms, other])
    print(machine())
    print(table(HEAD, rows))
    print(f"144 racks: {slowest:.1f} ms {verdict(slowest, BAR_MS)}")
    keep("allocation", calibrate(), {"head": HEAD, "rows": rows, "slowest_ms": slowest})

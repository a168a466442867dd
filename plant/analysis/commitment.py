"""Which batteries run, when running itself costs power and none runs below its least: a mixed-integer program, solved by HiGHS.

Each battery's cost x²·slope/2 + x·level is approached from below by tangents, each multiplied by whether the battery runs (the perspective
of Günlük and Linderoth, Math. Program. 124 (2010) 183, doi:10.1007/s10107-010-0360-z: without it the relaxation takes a running battery
for nearly free). The solver only says who runs; the powers are then found exactly, so the tangents cost no accuracy of these. scipy is
heavy: this module is for the calculation process and the job process.
"""

from math import fsum
from typing import Any

import numpy as np

from plant.analysis.allocation import Choice, Chosen, by_rule
from plant.analysis.chemistry import Numbers

METHOD = "milp"
TANGENTS = 6
"""More of them choose no better by a ten-thousandth, and take longer (`bench allocation`)."""
GAP = 1e-4
"""How much more than the least cost is good enough, as a part of it."""
LIMIT_S = 1.0


def commit(choice: Choice, limit_s: float = LIMIT_S) -> Chosen:
    """The choice that costs least; where none can give the total, the one that comes nearest to it from below. Where nothing is to be
    chosen (all must run, or none can) the rule's."""
    usable = np.flatnonzero((choice.most > 0) & (choice.slope > 0) & (choice.most >= choice.low))
    lowest, highest = fsum(choice.low[choice.must]), fsum(choice.most[usable])
    if not usable.size or choice.total <= 0 or not lowest < choice.total < highest:
        return by_rule(choice)
    total = choice.total
    on = _solved(choice, usable, total, limit_s)
    if on is None:
        total = _nearest(choice, usable, limit_s)
        on = _solved(choice, usable, total, limit_s) if total > 0 else None
    if on is None:
        return by_rule(choice)
    found = Chosen(on, min(max(total, fsum(choice.low[on])), fsum(choice.most[on])), METHOD)
    if found.total == choice.total:
        return found
    rule = by_rule(choice)  # the solver takes what is smaller than its tolerance for nothing
    return rule if abs(rule.total - choice.total) < abs(found.total - choice.total) else found


def _solved(choice: Choice, usable: np.ndarray, total: float, limit_s: float) -> np.ndarray | None:
    """Who runs [n], or None where the total cannot be had. Variables: powers, costs, and 1 for who runs."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    n = usable.size
    slope, level, fixed = choice.slope[usable], choice.level[usable], choice.fixed[usable]
    low, most = choice.low[usable], choice.most[usable]
    unit = float(most.max())  # powers and costs in parts of the largest: the solver's tolerances are absolute
    points = low + (most - low) * np.linspace(0.0, 1.0, TANGENTS)[:, None]
    gradient, shift = slope * points + level, -slope * points * points / 2.0 / unit
    k = np.arange(n)
    rows: list[tuple[Any, Any, Any]] = [(np.zeros(n), k, np.ones(n))]
    rows += [(1 + k, k, np.ones(n)), (1 + k, 2 * n + k, -most / unit)]
    rows += [(1 + n + k, k, np.ones(n)), (1 + n + k, 2 * n + k, -low / unit)]
    for j in range(TANGENTS):
        at = 1 + (2 + j) * n + k
        rows += [(at, n + k, np.ones(n)), (at, k, -gradient[j]), (at, 2 * n + k, -shift[j])]
    count = 1 + (2 + TANGENTS) * n
    row, column, value = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    matrix = coo_array((value, (row, column)), shape=(count, 3 * n)).tocsr()
    least = np.concatenate([[total / unit], np.full(n, -np.inf), np.zeros(n), np.zeros(TANGENTS * n)])
    largest = np.concatenate([[total / unit], np.zeros(n), np.full((1 + TANGENTS) * n, np.inf)])
    cost = np.concatenate([np.zeros(n), np.ones(n), fixed / unit])
    bounds = Bounds(
        np.concatenate([np.zeros(n), np.full(n, -np.inf), choice.must[usable].astype(float)]),
        np.concatenate([most / unit, np.full(n, np.inf), np.ones(n)]),
    )
    whole = np.concatenate([np.zeros(2 * n), np.ones(n)])
    limits = LinearConstraint(matrix, least, largest)
    found = milp(cost, integrality=whole, bounds=bounds, constraints=limits, options={"mip_rel_gap": GAP, "time_limit": limit_s})
    if found.x is None:
        return None
    on = np.zeros(len(choice.most), np.bool_)
    on[usable] = found.x[2 * n :] > 0.5
    return on


def _nearest(choice: Choice, usable: np.ndarray, limit_s: float) -> float:
    """The largest total not above the one wanted that least and largest powers allow [W]; 0 where there is none."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    n = usable.size
    unit = float(choice.most[usable].max())
    low, most = choice.low[usable] / unit, choice.most[usable] / unit
    between = [np.hstack([np.eye(n), -np.diag(ends)]) for ends in (most, low)]
    matrix = np.vstack([np.hstack([np.ones(n), np.zeros(n)]), *between])
    least = np.concatenate([[0.0], np.full(n, -np.inf), np.zeros(n)])
    largest = np.concatenate([[choice.total / unit], np.zeros(n), np.full(n, np.inf)])
    bounds = Bounds(np.concatenate([np.zeros(n), choice.must[usable].astype(float)]), np.concatenate([most, np.ones(n)]))
    found = milp(
        np.concatenate([-np.ones(n), np.zeros(n)]),
        integrality=np.concatenate([np.zeros(n), np.ones(n)]),
        bounds=bounds,
        constraints=LinearConstraint(matrix, least, largest),
        options={"mip_rel_gap": GAP, "time_limit": limit_s},
    )
    return 0.0 if found.x is None else float(found.x[:n].sum()) * unit


def choose(slope: Numbers, level: Numbers, fixed: Numbers, low: Numbers, most: Numbers, must: Any, total: float) -> Chosen:
    """`commit` with plain arguments, as a calculation is asked for."""
    return commit(Choice(slope, level, fixed, low, most, np.asarray(must, np.bool_), total))

"""One of several alike against the others: a rack against its unit's racks, a cell against its rack, a string against its inverter's.

z = (x − median) / (1.4826 · MAD) over the siblings at the same instant, so at the same charge and load, with a least spread that is
believed (DOMAIN §3.3; Iglewicz and Hoaglin, 1993). Siblings are never quite alike: what one is usually apart, at all its loads, is
learned in a reference time and not held against it.
"""

from dataclasses import dataclass

import numpy as np

from plant.analysis.anomaly.bounds import Bound
from plant.analysis.anomaly.finding import Numbers, spans

LEAST_SIBLINGS = 4
SPREAD = 1.4826
LEVEL_Z = 6.0
"""Robust z of a median over a block: twice what is usual for single values, since nobody looks at hundreds of warnings."""
OWN_Z = 6.0
EXCURSION = 1.3
"""Times the largest distance of the reference time."""
LASTS = 2
"""Blocks in succession."""
MILD = 1.5
"""Times the limit up to which it is information, beyond it a warning."""


@dataclass(frozen=True, slots=True)
class Apart:
    """One that left its siblings: its place among them, block `first`…`last` (exclusive), the worst distance [unit], its z, and how far it
    usually is."""

    member: int
    first: int
    last: int
    distance: float
    z: float
    usual: float
    limit: float
    severity: str


def apart(x: Numbers) -> Numbers:
    """Each of `x` [times, members] less the median of all that spoke then; NaN where fewer than four did."""
    x = np.asarray(x, np.float64)
    enough = np.isfinite(x).sum(axis=1) >= LEAST_SIBLINGS
    found = np.full(x.shape, np.nan)
    if enough.any():
        some = x[enough]
        middle = np.median(some, axis=1) if np.isfinite(some).all() else np.nanmedian(np.where(np.isfinite(some), some, np.nan), axis=1)
        found[enough] = some - middle[:, None]
    return found


def blocks(x: Numbers, width: int) -> Numbers:
    """Medians of `width` rows [times // width, members], NaN where less than half of them spoke."""
    count = x.shape[0] // width
    if width == 1 or not count:
        return x[: count * width]
    cut = x[: count * width].reshape(count, width, x.shape[1])
    spoke = np.isfinite(cut)
    if spoke.all():
        return np.asarray(np.median(cut, axis=1))
    enough = spoke.sum(axis=1) * 2 >= width
    filled = np.where(enough[:, None, :], cut, 0.0)
    with np.errstate(invalid="ignore"):
        middle = np.nanmedian(filled, axis=1)
    return np.where(enough, middle, np.nan)


def compare(residual: Numbers, reference: int, bound: Bound) -> list[Apart]:
    """Members that left their siblings, from the `residual` of `apart` in `blocks` [blocks, members]; the first `reference` blocks are
    what is usual (0 = nothing is known)."""
    if bound.floor is None or bound.apart is None or residual.shape[0] < LASTS or residual.shape[1] < LEAST_SIBLINGS:
        return []
    known = np.isfinite(residual)
    middle = np.where(known, residual, np.nan)
    if not known.any():
        return []
    between = SPREAD * _median(np.abs(middle).ravel())
    level_limit = max(LEVEL_Z * max(between, bound.floor), bound.apart)
    usual, own_limit = _usual(middle[:reference], bound, residual.shape[1])
    found: list[Apart] = []
    for member in range(residual.shape[1]):
        moved = middle[:, member] - usual[member]
        with np.errstate(invalid="ignore"):
            by_level = (np.abs(middle[:, member]) > level_limit) & (np.abs(moved) > 0.5 * bound.apart)
            flags = np.abs(moved) > own_limit[member] if np.isfinite(own_limit[member]) else by_level
        silent = ~known[:, member]
        for first, last in spans(flags & ~silent, 1 + LASTS):
            if flags[first:last].sum() < LASTS:
                continue
            limit = own_limit[member] if np.isfinite(own_limit[member]) else level_limit
            worst = first + int(np.nanargmax(np.abs(np.where(flags[first:last], moved[first:last], np.nan))))
            distance = float(moved[worst])
            severity = "warning" if abs(distance) > MILD * limit else "info"
            z = float(middle[worst, member] / max(between, bound.floor))
            found.append(Apart(member, first, last, distance, z, float(usual[member]), float(limit), severity))
    return found


def _usual(reference: Numbers, bound: Bound, members: int) -> tuple[Numbers, Numbers]:
    """What each is usually apart, and how far from that it may go: [members] each; limits NaN where the reference tells too little."""
    assert bound.floor is not None and bound.apart is not None
    usual, limit = np.zeros(members), np.full(members, np.nan)
    for member in range(members):
        mine = reference[np.isfinite(reference[:, member]), member] if reference.size else np.empty(0)
        if mine.size < 16:
            continue
        usual[member] = np.median(mine)
        away = np.abs(mine - usual[member])
        scale = max(SPREAD * float(np.median(away)), bound.floor / 3.0)
        limit[member] = max(OWN_Z * scale, EXCURSION * float(np.quantile(away, 0.99)), 0.5 * bound.apart)
    # one that was apart by far already in the reference time is judged by its level
    far = np.abs(usual) > max(LEVEL_Z * SPREAD * float(np.median(np.abs(usual))), bound.apart)
    usual[far], limit[far] = 0.0, np.nan
    return usual, limit


def _median(x: Numbers) -> float:
    told = x[np.isfinite(x)]
    return float(np.median(told)) if told.size else 0.0

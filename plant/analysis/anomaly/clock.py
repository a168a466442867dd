"""Clocks that jump, stand still or drift: what a device says the time is, against when it was heard."""

import numpy as np

from plant.analysis.anomaly.finding import Instants, spans
from plant.analysis.anomaly.rules import Spell

JUMP_S = 60.0
DRIFT_S_PER_H = 1.0
"""A quartz of 100 ppm loses 0.36 s an hour; nearly three times that is no quartz of today."""
DRIFT_LEAST_S = 5.0
FROZEN_LEAST = 5
_SIDE = 5


def clock(at: Instants, received: Instants) -> list[Spell]:
    """Spells in the order of receipt, from `at` and `received` [epoch ms, n] of the same readings. Places are those after ordering by
    `received`. A gateway that kept readings back and sends them in a heap shows no jump: its clocks go on evenly."""
    at, received = np.asarray(at, np.int64), np.asarray(received, np.int64)
    if at.size < 2 * _SIDE:
        return []
    order = np.lexsort((at, received))
    at, received = at[order], received[order]
    frozen = _frozen(at, received)
    return frozen + (_jumps(at, received) if not frozen else []) + _drift(at, received)


def _frozen(at: Instants, received: Instants) -> list[Spell]:
    still = (np.diff(at) == 0) & (np.diff(received) > 0)
    return [
        Spell(
            first, last + 1, "clock_frozen", {"seconds": float(received[last] - received[first]) / 1000.0, "count": float(last - first + 1)}
        )
        for first, last in spans(still)
        if last - first + 1 >= FROZEN_LEAST
    ]


def _jumps(at: Instants, received: Instants) -> list[Spell]:
    """Steps of the lag that stay for five readings while both clocks otherwise go on at the usual pace."""
    lag = (received - at) / 1000.0
    usual = float(np.median(np.diff(received))) / 1000.0
    found: list[Spell] = []
    for k in np.flatnonzero(np.abs(np.diff(lag)) > max(JUMP_S, 2.0 * usual)) + 1:
        before, after = lag[max(k - _SIDE, 0) : k], lag[k : k + _SIDE]
        if after.size < _SIDE or before.size < 3 or (found and k - found[-1].first < _SIDE):
            continue
        steady = max(np.ptp(before), np.ptp(after)) < max(0.2 * JUMP_S, usual)
        paced = np.diff(received[k : k + _SIDE]).min() > 250.0 * usual
        step = float(np.median(after) - np.median(before))
        if steady and paced and abs(step) > JUMP_S:
            back = np.flatnonzero(np.abs(lag[k + 1 :] - np.median(before)) < JUMP_S / 2)
            found.append(Spell(int(k), int(k + 1 + back[0]) if back.size else at.size, "clock_jump", {"seconds": -step}))
    return [one for place, one in enumerate(found) if not any(one.first == other.last for other in found[:place])]


def _drift(at: Instants, received: Instants) -> list[Spell]:
    """A steady change of the lag: the median of slopes between the thirds of the readings (Theil, 1950), believed when the thirds agree."""
    lag = (received - at) / 1000.0
    third = at.size // 3
    if third < 2 * _SIDE:
        return []
    parts = [slice(0, third), slice(third, 2 * third), slice(2 * third, at.size)]
    when = np.array([np.median(received[part]) for part in parts]) / 3_600_000.0
    level = np.array([np.median(lag[part]) for part in parts])
    hours = np.diff(when)
    if hours.min() <= 0:
        return []
    slopes = np.diff(level) / hours
    rest = lag - np.interp(received / 3_600_000.0, when, level)
    noise = float(np.median(np.abs(rest)))
    steady = slopes[0] * slopes[1] > 0 and max(abs(slopes)) < 3.0 * min(abs(slopes))
    total = abs(level[2] - level[0])
    if not steady or min(abs(slopes)) < DRIFT_S_PER_H or total < max(DRIFT_LEAST_S, 10.0 * noise) or np.abs(np.diff(lag)).max() > total:
        return []
    return [Spell(0, at.size, "clock_drift", {"per_hour": -float(np.mean(slopes)), "seconds": -float(level[2] - level[0])})]

"""Honest faults of the simulated plant, kept apart: whoever looks for faults in readings must not be able to look here.

All of them are functions of time, so history and the live plant agree. Onsets count from `born`, the first instant of history.
How large, how soon and how often they are is chosen for the demonstration, not taken from failure statistics.
"""

import numpy as np

from plant.simulation.chance import Numbers, uniform

DAY_S = 86_400.0

DRIFT_RACK = (2, 7)  # bess03-rack08: loses capacity, a contact ages, its current sensor has an offset
DRIFT_FROM = 3.0  # [days after born]
HOT_RACK, HOT_MODULE = (6, 3), 12  # bess07-rack04, module 13: poor contact, warmer than its neighbours
HOT_FROM = 8.0
BROKEN_STRING = (1, 10)  # inverter02, string 11
BROKEN_FROM = 16.0

SILENT_PCS = 4  # pcs05
SILENT_PCS_FROM, SILENT_PCS_FOR = 21.3, 3.4 / 24  # [days after born], [days]
RACK_SILENCE = 1 / 260  # probability per rack and hour
PCS_SILENCE = 1 / 1500  # probability per PCS and hour
LATE_UNIT = 1 / 150  # probability per unit and hour that its gateway buffers its racks
SITE_SILENCE = 1 / 120  # probability per hour that some seconds of the site meter are missing


def _ramp(days: Numbers, start: float, length: float) -> Numbers:
    return np.clip((days - start) / length, 0.0, 1.0)


def capacity_factor(days: float, units: int, racks: int) -> Numbers:
    """What is left of each rack's capacity because of the fault, [units · racks]; 1 = all of it."""
    left = np.ones((units, racks))
    left[DRIFT_RACK] = 1.0 - 0.085 * float(_ramp(np.asarray(days), DRIFT_FROM, 27.0))
    return left.ravel()


def contact_factor(days: float, units: int, racks: int) -> Numbers:
    """How much the resistance of each rack has risen because of the fault, [units · racks]; 1 = not at all."""
    risen = np.ones((units, racks))
    risen[DRIFT_RACK] = 1.0 + 0.9 * float(_ramp(np.asarray(days), DRIFT_FROM, 20.0))
    return risen.ravel()


def sensor_offset(days: float, units: int, racks: int) -> Numbers:
    """Offset of the current each rack's counter integrates [A], [units · racks]: a twentieth of an ampere is 0.4 % a day."""
    offset = np.zeros((units, racks))
    offset[DRIFT_RACK] = 0.085 * float(_ramp(np.asarray(days), DRIFT_FROM, 2.0))
    return offset.ravel()


def module_heat(days: Numbers, current: Numbers) -> Numbers:
    """Warming [K] of the hot module above its rack at `days` after born and rack `current` [A]; both [n]."""
    return _ramp(days, HOT_FROM, 6.0) * (6.5 + 3.0 * np.minimum(np.abs(current) / 40.0, 1.5) ** 2)


def string_health(days: Numbers, inverters: int, strings: int) -> Numbers:
    """1 for a sound string, 0 for an open one, [n, inverters, strings]."""
    health = np.ones((days.size, inverters, strings))
    health[:, BROKEN_STRING[0], BROKEN_STRING[1]] = np.where(days >= BROKEN_FROM, 0.0, 1.0)
    return health


def rack_silent(seconds: Numbers, seed: int, count: int) -> np.ndarray:
    """Whether each of `count` racks says nothing at epoch `seconds` [n], [n, count]: some minutes now and then."""
    return _window(seconds, seed, 71, count, RACK_SILENCE, 180.0, 480.0)


def pcs_silent(seconds: Numbers, born: float, seed: int, count: int) -> np.ndarray:
    """Whether each PCS says nothing, [n, count]: one for hours on day 22, any for a quarter of an hour now and then."""
    silent = _window(seconds, seed, 75, count, PCS_SILENCE, 600.0, 900.0)
    days = (seconds - born) / DAY_S
    silent[:, SILENT_PCS] |= (days >= SILENT_PCS_FROM) & (days < SILENT_PCS_FROM + SILENT_PCS_FOR)
    return silent


def unit_held(seconds: Numbers, seed: int, count: int) -> Numbers:
    """How long [s] the gateway of each unit keeps back what its racks say at epoch `seconds` [n], [n, count]; 0 = not at all."""
    hour = np.floor(seconds / 3600.0).astype(np.int64)
    key = hour[:, None] * count + np.arange(count)
    begin, length = 300 + 2400 * uniform(seed, 82, key), 240 + 300 * uniform(seed, 83, key)
    into = (seconds - hour * 3600.0)[:, None] - begin
    held = (uniform(seed, 81, key) < LATE_UNIT) & (into >= 0) & (into < length)
    return np.where(held, length - into + 4.0, 0.0)


def site_silent(seconds: Numbers, seed: int) -> np.ndarray:
    """Whether the site meter misses the second, [n]: one second here and there, seldom five to nine in a row."""
    hour = np.floor(seconds / 3600.0).astype(np.int64)
    begin = np.floor(120 + 3300 * uniform(seed, 86, hour))
    length = np.where(uniform(seed, 87, hour) < 0.8, 1.0, np.floor(5 + 5 * uniform(seed, 88, hour)))
    into = seconds - hour * 3600.0 - begin
    return np.asarray((uniform(seed, 85, hour) < SITE_SILENCE) & (into >= 0) & (into < length))


def _window(seconds: Numbers, seed: int, stream: int, count: int, chance: float, least: float, more: float) -> np.ndarray:
    hour = np.floor(seconds / 3600.0).astype(np.int64)
    key = hour[:, None] * count + np.arange(count)
    begin, length = 2400 * uniform(seed, stream + 1, key), least + more * uniform(seed, stream + 2, key)
    into = (seconds - hour * 3600.0)[:, None] - begin
    return np.asarray((uniform(seed, stream, key) < chance) & (into >= 0) & (into < length))

"""Power converters: losses against load, and how warm the transistors get.

The form of the loss curve has a source; its coefficients and the thermal figures are engineering estimates that meet the efficiencies
stated beside them, which are usual in data sheets of this size.
"""

import numpy as np

from plant.simulation.chance import Numbers

# Loss = rated · (none + linear·p + square·p²) with p = |P|/rated (Schmidt and Sauer, Sonnenenergie 4/1996; the form CEC and pvlib use).
PCS = (0.0030, 0.0045, 0.0080)  # 98.5 % at full load, 96.6 % at 10 %
INVERTER = (0.0020, 0.0050, 0.0060)  # 98.7 % at full load
AT_REST = 0.25  # share of the no-load loss that remains when nothing flows (gates blocked)
RTH_IGBT = 2.6  # [K/kW] of loss, at the sensor
TAU_IGBT = 150.0  # [s]


def loss(power: Numbers, rated: float, curve: tuple[float, float, float]) -> Numbers:
    """Loss [kW] of a converter that moves `power` [kW] (either direction) at `rated` [kW].

    >>> round(float(loss(np.array(1500.0), 1500.0, PCS)), 3)
    23.25
    """
    load = np.abs(power) / rated
    none, linear, square = curve
    # gates are blocked below half a percent of load, hence the soft start of the no-load loss
    awake = AT_REST + (1 - AT_REST) * np.minimum(load / 0.005, 1.0)
    return np.asarray(rated * (none * awake + load * (linear + square * load)), np.float64)


def dc_side(ac: Numbers, rated: float, curve: tuple[float, float, float] = PCS) -> Numbers:
    """DC power [kW] that belongs to AC power `ac` [kW]; discharging takes more from the battery, charging gives less to it."""
    return ac + loss(ac, rated, curve)


def ac_side(dc: Numbers, rated: float, curve: tuple[float, float, float]) -> Numbers:
    """AC power [kW] made from DC power `dc` [kW] ≥ 0; never below 0 (asleep at night)."""
    return np.maximum(dc - loss(dc, rated, curve), 0.0)


def igbt(before: Numbers, lost: Numbers, cabinet: float, seconds: float) -> Numbers:
    """Transistor temperature [°C] after `seconds` with `lost` [kW] of heat above the `cabinet` temperature [°C]; first order."""
    target = cabinet + RTH_IGBT * lost
    return np.asarray(target + (before - target) * np.exp(-seconds / TAU_IGBT), np.float64)

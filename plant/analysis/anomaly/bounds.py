"""How fast a quantity can move and how finely it is compared with its like: engineering estimates, one line per quantity.

`step` and `slope` bound what two readings may differ by: |Δ| ≤ step + slope · Δt. A battery at 5 C moves its charge by 0.14 % a second; the
cells of a rack weigh tonnes and follow heat slowly, a cell in thermal runaway (≥ 1 K/s) is told by its limits as well. `floor` is the
least spread of siblings that is believed (sensor class and the last digit), so that quantised sensors make no outliers; `apart` is the
least distance from the siblings that matters to anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """`step` [unit], `slope` [unit/s]; None = anything is possible. `floor` and `apart` [unit]; None = not compared with siblings."""

    step: float | None = None
    slope: float = 0.0
    floor: float | None = None
    apart: float | None = None


_TEMPERATURE = Bound(4.0, 0.05, 0.4, 3.0)
_CELL = Bound(0.5, 0.0, 0.002, 0.012)

BOUNDS: Mapping[str, Bound] = {
    "soc": Bound(2.0, 0.15, 0.3, 2.0),
    "soh": Bound(2.0, 0.0, 0.1, 1.5),
    "cell_avg_voltage": _CELL,
    "cell_max_voltage": _CELL,
    "cell_min_voltage": _CELL,
    "cell_avg_temp": _TEMPERATURE,
    "cell_max_temp": _TEMPERATURE,
    "cell_min_temp": _TEMPERATURE,
    "temperature": _TEMPERATURE,
    "voltage": Bound(100.0, 0.0, 0.5, 4.0),
    "current": Bound(None, 0.0, 0.6, 4.0),
    "power": Bound(None, 0.0, 0.5, 3.5),
    "internal_resistance": Bound(None, 0.0, 0.002, 0.008),
    "dc_voltage": Bound(None, 0.0, 1.0, 8.0),
    "temp_igbt": Bound(40.0, 0.5, 1.0, 8.0),
    "temp_ambient": Bound(8.0, 0.05, 0.5, 4.0),
    "temp_environment": Bound(8.0, 0.05, 0.5, 3.0),
    "ambient_temp": Bound(8.0, 0.05),
    "internal_temperature": Bound(15.0, 0.1),
    "frequency": Bound(1.5, 2.0, 0.01, 0.05),
    "cell_voltages": Bound(0.5, 0.0, 0.0015, 0.006),
    "cell_temperatures": Bound(4.0, 0.05, 0.4, 2.5),
    "string_currents": Bound(None, 0.0, 0.01, 0.08),  # as a fraction of the strings' median
    "mppt_currents": Bound(None, 0.0, 0.01, 0.06),
}
"""Metric → its bounds; of vectors those of each element."""

ANY = Bound()
"""For quantities that nobody has estimated."""

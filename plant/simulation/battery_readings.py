"""What the racks and units of the battery say: scalars, cell vectors, and the words a BMS derives from what it measured.

The thresholds of the words are engineering estimates of the size usual in BMS manuals; no maker's list is copied.
"""

import numpy as np

from plant.metrics import CATALOGUE
from plant.simulation import cells, faults
from plant.simulation.chance import Numbers
from plant.simulation.design import CAPACITY_AH, Design
from plant.simulation.instruments import Instruments, Table, mode, weighted

# words of the racks: one word per module; one word 64…80 per rack function
WARN_SPREAD, WARN_TEMP_SPREAD, WARN_TEMP_HIGH = 1.0, 2.0, 4.0
BAMS_CHARGE_DEVIATES, BAMS_TEMPERATURE = 3, 5  # places in the 17 words
BAMS_WORDS = 17

_GLOW = np.array([1.0, 0.86])  # both sensors of the hot module feel it, one more
_SPREADS = (
    ("cell_voltage_diff", "cell_max_voltage", "cell_min_voltage", 3),
    ("cell_temp_diff", "cell_max_temp", "cell_min_temp", 1),
)


def racks(tools: Instruments) -> dict[str, Numbers]:
    """Scalars of all racks, [steps, racks]."""
    plant, t, s, read = tools.plant, tools.trace, tools.state, tools.read
    voltage, current = read("voltage", s.emf - s.amps * s.ohm, 0.1), read("current", s.amps, 0.08)
    mean = (s.emf - s.amps * s.ohm) / plant.design.cells
    top, bottom = _extremes(tools)
    warmest, coldest, average = _temperatures(tools)
    table = {
        "soc": np.clip(read("soc", t.counted), 0, 100),
        "soh": read("soh", 100.0 * t.capacity + np.zeros_like(t.soc), 0.02),
        "voltage": voltage,
        "current": current,
        "power": np.round(voltage * current / 1000.0, 2),
        "cell_avg_voltage": np.round(mean, 3),
        "cell_max_voltage": read("cell_max_voltage", mean + top),
        "cell_min_voltage": read("cell_min_voltage", mean + bottom),
        "cell_avg_temp": np.round(average, 1),
        "cell_max_temp": read("cell_max_temp", warmest),
        "cell_min_temp": read("cell_min_temp", coldest),
        "mode": mode(s.amps, 1.0),
        "internal_resistance": read("internal_resistance", s.ohm + s.drop / np.where(s.amps == 0, 1.0, s.amps), 3e-4),
        "cycle_count": np.floor(t.moved / (2 * CAPACITY_AH)),
    }
    return with_spreads(table)


def units(tools: Instruments, racks: Table) -> dict[str, Numbers]:
    """Scalars of all BESS units, [steps, units], from their own bus sensors and their racks' reports."""
    d, s, read = tools.plant.design, tools.state, tools.read
    grouped = {name: values.reshape(-1, d.units, d.racks) for name, values in racks.items()}
    voltage, current = read("voltage", s.bank.voltage, 0.1), read("current", s.bank.current, 0.4)
    table = {
        "soc": np.round(weighted(grouped["soc"], grouped["soh"]), 1),
        "soh": np.round(grouped["soh"].mean(axis=2), 2),
        "voltage": voltage,
        "current": current,
        "power": np.round(voltage * current / 1000.0, 1),
        "mode": mode(s.bank.current, 8.0),
        "cycle_count": np.floor(grouped["cycle_count"].mean(axis=2)),
        **{name: np.round(grouped[name].mean(axis=2), CATALOGUE[name].decimals) for name in ("cell_avg_voltage", "cell_avg_temp")},
        **{name: grouped[name].max(axis=2) for name in ("cell_max_voltage", "cell_max_temp")},
        **{name: grouped[name].min(axis=2) for name in ("cell_min_voltage", "cell_min_temp")},
    }
    return with_spreads(table)


def _extremes(tools: Instruments) -> tuple[Numbers, Numbers]:
    """How far the highest and the lowest cell are from the mean [V], [steps, racks]."""
    s, spread = tools.state, tools.plant.built.spread
    rise, sag = cells.slope(tools.trace.soc), -s.amps * s.ohm / tools.plant.design.cells
    top = rise * spread.top_soc[:, 0] + sag * spread.top_resistance[:, 0]
    bottom = top.copy()
    for corner in range(1, spread.top_soc.shape[1]):
        value = rise * spread.top_soc[:, corner] + sag * spread.top_resistance[:, corner]
        np.maximum(top, value, out=top)
        np.minimum(bottom, value, out=bottom)
    return top, bottom


def _temperatures(tools: Instruments) -> tuple[Numbers, Numbers, Numbers]:
    """Warmest, coldest and mean sensor of each rack [°C], [steps, racks]."""
    place, scale = tools.plant.built.place, _gradient(tools.state.amps)
    warmest, coldest = tools.trace.rack + scale * place.max(axis=1), tools.trace.rack + scale * place.min(axis=1)
    average = tools.trace.rack.copy()
    hot, heat = hot_rack(tools.plant.design), _heat(tools)
    sensors = place[hot, 2 * faults.HOT_MODULE : 2 * faults.HOT_MODULE + 2]
    glow = tools.trace.rack[:, hot, None] + scale[:, hot, None] * sensors + heat[:, None] * _GLOW
    warmest[:, hot] = np.maximum(warmest[:, hot], glow.max(axis=1))
    average[:, hot] += heat * _GLOW.sum() / place.shape[1]
    return warmest, coldest, average


def hot_rack(d: Design) -> int:
    """Number of the rack with the hot module."""
    return min(faults.HOT_RACK[0], d.units - 1) * d.racks + min(faults.HOT_RACK[1], d.racks - 1)


def _heat(tools: Instruments) -> Numbers:
    return faults.module_heat(tools.state.days, tools.state.amps[:, hot_rack(tools.plant.design)])


def _gradient(amps: Numbers) -> Numbers:
    """How strongly the places in a rack differ in temperature: more under load."""
    return 0.5 + 1.2 * np.minimum(np.abs(amps) / 120.0, 1.0)


def rack_vectors(tools: Instruments, steps: np.ndarray, racks: np.ndarray) -> dict[str, Numbers]:
    """Vectors of some racks at some steps (index arrays), each [steps, racks, width]."""
    plant, s = tools.plant, tools.state
    at = np.ix_(steps, racks)
    rng = np.random.default_rng([plant.design.seed, 4, int(tools.trace.at[0]), tools.trace.seconds, int(racks[0])])
    amps, ohm, soc = s.amps[at], s.ohm[at], tools.trace.soc[at]
    sag = amps * ohm / plant.design.cells
    volts = rng.standard_normal((*amps.shape, plant.design.cells), dtype=np.float32).astype(np.float64)
    volts *= 0.0006
    volts += cells.slope(soc)[..., None] * plant.built.spread.soc[racks]
    volts -= sag[..., None] * plant.built.spread.resistance[racks]
    volts += (s.emf[at] / plant.design.cells - sag)[..., None]
    warm = tools.trace.rack[at][..., None] + _gradient(amps)[..., None] * plant.built.place[racks]
    here = np.flatnonzero(racks == hot_rack(tools.plant.design))
    if here.size:
        first = 2 * faults.HOT_MODULE
        warm[:, here[0], first : first + 2] += _heat(tools)[steps][:, None] * _GLOW
    warm += 0.1 * rng.standard_normal(warm.shape, dtype=np.float32)
    vectors = {"cell_voltages": np.round(volts, 3), "cell_temperatures": np.round(warm, 1)}
    return vectors | _words(tools, vectors, steps, racks)


def _words(tools: Instruments, vectors: Table, steps: np.ndarray, racks: np.ndarray) -> dict[str, Numbers]:
    """Balancing and status words that follow from the measured vectors, as a BMS sets them."""
    d = tools.plant.design
    volts, warm = vectors["cell_voltages"], vectors["cell_temperatures"]
    shape = volts.shape[:2]
    charge = tools.trace.counted[steps].reshape(-1, d.units, d.racks)
    lag = np.abs(charge - np.median(charge, axis=2, keepdims=True)).reshape(-1, d.count)[:, racks]
    # cells well above the rack's mean bleed when the rack is nearly at rest
    rest = np.abs(tools.state.amps[np.ix_(steps, racks)]) < 0.05 * CAPACITY_AH
    bleeding = (volts - volts.mean(axis=2, keepdims=True) > 0.003) & rest[..., None]
    by_module = volts.reshape(*shape, d.modules, d.cells_per_module)
    module_warm = warm.reshape(*shape, d.modules, 2).max(axis=3)
    above = module_warm - np.median(module_warm, axis=2, keepdims=True)
    warning = (
        WARN_SPREAD * (by_module.max(axis=3) - by_module.min(axis=3) > 0.05)
        + WARN_TEMP_SPREAD * (above > 6.0)
        + WARN_TEMP_HIGH * (module_warm > 45.0)
    )
    bams = np.zeros((*shape, BAMS_WORDS))
    bams[..., BAMS_CHARGE_DEVIATES] = lag > 3.0
    bams[..., BAMS_TEMPERATURE] = (above > 8.0).any(axis=2)
    return {
        "balancing_status": bleeding.astype(np.float64),
        "battery_protection": np.zeros((*shape, d.modules)),
        "battery_alarm": (above > 10.0).astype(np.float64) * WARN_TEMP_SPREAD,
        "battery_warning": warning,
        "bams_status": bams,
    }


def with_spreads(table: dict[str, Numbers]) -> dict[str, Numbers]:
    """Add what follows from the extremes: voltage spread [V] and temperature spread [K]."""
    for diff, high, low, digits in _SPREADS:
        table[diff] = np.asarray(np.round(np.maximum(table[high] - table[low], 0.0), digits), np.float64)
    return table


def agree(table: dict[str, Numbers], vectors: Table, steps: np.ndarray, racks: np.ndarray) -> None:
    """Where vectors are sent, the racks' summary scalars are theirs: overwrite them in `table` [steps, racks]."""
    at = np.ix_(steps, racks)
    volts, warm = vectors["cell_voltages"], vectors["cell_temperatures"]
    table["cell_avg_voltage"][at] = np.round(volts.mean(axis=2), 3)
    table["cell_max_voltage"][at], table["cell_min_voltage"][at] = volts.max(axis=2), volts.min(axis=2)
    table["cell_voltage_diff"][at] = np.round(volts.max(axis=2) - volts.min(axis=2), 3)
    table["cell_avg_temp"][at] = np.round(warm.mean(axis=2), 1)
    table["cell_max_temp"][at], table["cell_min_temp"][at] = warm.max(axis=2), warm.min(axis=2)
    table["cell_temp_diff"][at] = np.round(warm.max(axis=2) - warm.min(axis=2), 1)

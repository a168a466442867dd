"""What meters, weather station and the site's controller say."""

import numpy as np

from plant.simulation.chance import Numbers
from plant.simulation.instruments import METER_PHASE_V, Instruments, Table, ratio, weighted
from plant.simulation.plant import Plant, Trace


def meters(tools: Instruments) -> dict[str, Numbers]:
    """Scalars of connection point, PV feeder and auxiliary feeder, [steps, 3]; export positive, so the auxiliaries are negative."""
    t, read = tools.trace, tools.read
    sun = t.array.ac.sum(axis=1)
    power = np.stack([t.site[:, -1], sun, -t.aux], axis=1)
    active = read("active_power", power) + read("active_power", np.zeros_like(power), 0.5) * [1.0, 0.0, 0.0]
    reactive = read("reactive_power", np.abs(power) * [0.012, 0.02, 0.38] + [40.0, 0.0, 0.0], 0.1)
    apparent = np.hypot(active, reactive)
    amps = apparent * 1000.0 / (3 * np.array(METER_PHASE_V))
    return {
        "apparent_power": np.asarray(np.round(apparent, 1), np.float64),
        "active_power": np.asarray(np.round(active, 1), np.float64),
        "reactive_power": reactive,
        "power_factor": np.round(ratio(active, apparent), 3),
        "frequency": read("frequency", np.broadcast_to(t.frequency[:, -1:], power.shape)),
        **tools.phases(amps, np.broadcast_to(np.array(METER_PHASE_V), power.shape), np.ones(power.shape, bool)),
        "energy_import": np.round(t.imported, 1),
        "energy_export": np.round(t.exported, 1),
    }


def weather(tools: Instruments) -> dict[str, Numbers]:
    """Scalars of the weather station, [steps, 1]."""
    sky, read = tools.trace.sky, tools.read

    def light(name: str, value: Numbers) -> Numbers:
        return read(name, value[:, None])

    return {
        "poa_irradiance": light("poa_irradiance", sky.poa),
        "poa_irradiance_refcell": light("poa_irradiance_refcell", 0.985 * sky.poa),
        "ghi": light("ghi", sky.ghi),
        "ambient_temp": read("ambient_temp", sky.ambient[:, None]),
        "module_temp": read("module_temp", sky.module[:, None], 0.2),
        "refcell_temp": read("refcell_temp", sky.ambient[:, None] + 0.92 * (sky.module - sky.ambient)[:, None], 0.2),
        "wind_speed": np.maximum(read("wind_speed", sky.wind[:, None]), 0.0),
    }


def site(tools: Instruments, units: Table) -> dict[str, Numbers]:
    """Scalars of the site at the end of each step, [steps, 1]; `site_seconds` has those of every second."""
    t = tools.trace
    seconds, sun = site_seconds(tools.plant, t), t.array.ac.sum(axis=1)[:, None]
    return {
        "soc": np.round(weighted(units["soc"], units["soh"])[:, None], 1),
        "soh": np.round(units["soh"].mean(axis=1)[:, None], 2),
        "active_power": seconds["active_power"][:, -1:],
        "frequency": seconds["frequency"][:, -1:],
        "target_power": seconds["target_power"][:, -1:],
        "aux_power": tools.read("aux_power", t.aux[:, None], 0.2),
        "pv_power": np.where(sun > 0, np.maximum(tools.read("pv_power", sun, 0.2), 0.0), 0.0),
    }


def site_seconds(plant: Plant, trace: Trace) -> dict[str, Numbers]:
    """Frequency, power and target at the connection point each second, [steps, seconds]; the same draws each time it is asked, and the
    first steps of a longer trace are read like those of a shorter one."""

    def noise(stream: int) -> Numbers:
        rng = np.random.default_rng([plant.design.seed, stream, int(trace.at[0]), trace.seconds])
        return rng.standard_normal(trace.frequency.shape)

    return {
        "frequency": np.round(trace.frequency + 0.001 * noise(7), 3),
        "active_power": np.round(trace.site + 0.8 * noise(8), 1),
        "target_power": np.round(trace.target, 1),
    }

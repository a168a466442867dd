"""What the converters say: PCS of the batteries and inverters of the PV arrays."""

import numpy as np

from plant.simulation import pv
from plant.simulation.chance import Numbers
from plant.simulation.design import LINE_VOLTAGE
from plant.simulation.instruments import CHARGING, DISCHARGING, METER_PHASE_V, OFF, STANDBY, Instruments, mode, ratio


def pcs(tools: Instruments) -> dict[str, Numbers]:
    """Scalars of all PCS, [steps, units]."""
    t, s, read, d = tools.trace, tools.state, tools.read, tools.plant.design
    power = t.battery[:, -1:] * t.share
    active = read("active_power", power, 0.2)
    reactive = read("reactive_power", 0.012 * np.abs(power) + 9.0 * tools.slow(31, d.units, 1200.0), 0.2)
    apparent = np.round(np.hypot(active, reactive), 1)
    line = {p: LINE_VOLTAGE * (1 + 0.006 * tools.slow(32 + k, d.units, 900.0)) for k, p in enumerate(("ab", "bc", "ca"))}
    amps, trim = np.hypot(power, reactive) * 1000.0 / (3**0.5 * LINE_VOLTAGE), tools.plant.built.trim
    dc_voltage, dc_current = read("dc_voltage", s.bank.voltage), read("dc_current", s.bank.current, 0.4)
    outside = np.broadcast_to(t.sky.ambient[:, None], power.shape)
    doing = mode(power, 5.0)
    # bits of the inverter word: 0 ready, 1 gates on, 2 charging, 3 discharging; of the grid word: 0 grid good, 1 frequency far off
    running = 1.0 + 2.0 * (doing != STANDBY) + 4.0 * (doing == CHARGING) + 8.0 * (doing == DISCHARGING)
    hot = t.igbt > 85.0
    calm = np.zeros_like(power)
    return {
        "apparent_power": apparent,
        "active_power": active,
        "reactive_power": reactive,
        "power_factor": np.round(ratio(active, np.hypot(active, reactive)), 3),
        "frequency": read("frequency", np.broadcast_to(t.frequency[:, -1:], power.shape)),
        "dc_current": dc_current,
        "dc_voltage": dc_voltage,
        "dc_power": np.round(dc_voltage * dc_current / 1000.0, 1),
        **{f"ac_current_{p}": np.maximum(read("ac_current_a", amps * trim[:, k], 0.3), 0.0) for k, p in enumerate("abc")},
        **{f"ac_voltage_{p}": read("ac_voltage_ab", volts, 0.3) for p, volts in line.items()},
        "temp_environment": read("temp_environment", outside),
        "temp_ambient": read("temp_ambient", outside + 6.0),
        "temp_igbt": read("temp_igbt", t.igbt, 0.2),
        "mode": doing,
        "inverter_status": running,
        "inverter_inhibits1_status": calm,
        "environment_status": calm,
        "warning_status": 1.0 * hot,
        "grid_status": np.broadcast_to(np.where(np.abs(t.frequency[:, -1:] - 60.0) > 0.25, 2.0, 1.0), power.shape),
        "fault_status1": calm,
        "fault_status2": calm,
        "target_power": np.round((t.target[:, -1:] - t.array.ac.sum(axis=1)[:, None] + t.aux[:, None]) * t.share, 1),
    }


def inverters(tools: Instruments) -> dict[str, Numbers]:
    """Scalars of all inverters, [steps, inverters]."""
    t, read = tools.trace, tools.read
    ac, dc = t.array.ac, t.array.dc
    awake = ac > 0
    volts = t.array.tracker_voltages.mean(axis=2)
    active = np.where(awake, read("total_active_power", ac, 0.15), 0.0)
    reactive = np.where(awake, read("total_reactive_power", 0.02 * ac + 1.0), 0.0)
    dc_voltage = np.where(awake, read("dc_voltage", volts, 0.3), read("dc_voltage", np.zeros_like(volts) + 2.0, 0.3))
    dc_current = np.where(awake, read("dc_current", ratio(dc * 1000.0, volts), 0.1), 0.0)
    amps = np.hypot(ac, reactive) * 1000.0 / (3 * METER_PHASE_V[1])
    inner = t.sky.ambient[:, None] + 4.0 + 26.0 * (ac / pv.RATED)
    return {
        "mode": np.where(awake, DISCHARGING, OFF),
        "power_factor": np.where(awake, np.round(ratio(active, np.hypot(active, reactive)), 3), 1.0),
        "frequency": read("frequency", np.broadcast_to(t.frequency[:, -1:], ac.shape)),
        "dc_current": dc_current,
        "dc_voltage": dc_voltage,
        "dc_power": np.where(awake, read("dc_power", dc, 0.1), 0.0),
        "nominal_active_power": np.full_like(ac, pv.RATED),
        "total_active_power": np.maximum(active, 0.0),
        "total_apparent_power": np.round(np.hypot(active, reactive), 1),
        "total_reactive_power": reactive,
        "daily_power_yields": np.round(t.today, 1),
        "total_power_yields": np.round(t.total, 1),
        "internal_temperature": read("internal_temperature", inner),
        "bus_voltage": read("bus_voltage", np.where(awake, np.maximum(volts, 1180.0), 1130.0), 0.5),
        **tools.phases(amps * awake, np.broadcast_to(METER_PHASE_V[1], ac.shape), awake),
    }


def inverter_vectors(tools: Instruments, steps: np.ndarray) -> dict[str, Numbers]:
    """Vectors of the inverters at some steps (index array), each [steps, inverters, width]."""
    a = tools.trace.array
    rng = np.random.default_rng([tools.plant.design.seed, 6, int(tools.trace.at[0]), tools.trace.seconds])

    def read(values: Numbers, sigma: float, digits: int) -> Numbers:
        noisy = values + rng.normal(0, sigma, values.shape)
        return np.where(values > 0, np.maximum(np.round(noisy, digits), 0.0), np.round(np.abs(noisy - values), digits))

    strings = read(a.string_currents[steps], 0.02, 2)
    paired = strings.reshape(*strings.shape[:2], pv.TRACKERS, -1).sum(axis=3)
    return {
        "mppt_voltages": read(a.tracker_voltages[steps], 0.4, 1),
        "mppt_currents": np.maximum(np.round(paired + rng.normal(0, 0.02, paired.shape), 2), 0.0),
        "string_currents": strings,
    }

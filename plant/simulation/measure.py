"""What the plant's instruments say about a trace: every metric of the catalogue, with noise and resolution.

A table is metric → values [steps, devices] for one kind; vectors are [steps, devices, width]. Analog values carry Gaussian noise of at
least one last digit and are rounded like the instrument does it; what an instrument computes (power from V and I) agrees with its parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plant.metrics import CATALOGUE
from plant.simulation import cells, converter, faults, pv
from plant.simulation.chance import Numbers, wander
from plant.simulation.design import CAPACITY_AH, LINE_VOLTAGE, PCS_KW, Design
from plant.simulation.plant import Bank, Plant, Trace, solve

Table = Mapping[str, Numbers]

METER_PHASE_V = (22_800.0 / 3**0.5, 800.0 / 3**0.5, 380.0 / 3**0.5)  # connection point, PV feeder, auxiliaries
STANDBY, CHARGING, DISCHARGING, OFF = 1.0, 2.0, 3.0, 0.0

# words of the racks: one word per module; one word 64…80 per rack function
WARN_SPREAD, WARN_TEMP_SPREAD, WARN_TEMP_HIGH = 1.0, 2.0, 4.0
BAMS_CHARGE_DEVIATES, BAMS_TEMPERATURE = 3, 5  # places in the 17 words
BAMS_WORDS = 17


@dataclass(frozen=True, slots=True)
class Inside:
    """The electric state of the racks at the end of each step: `emf`, `ohm` (of the cells alone) and `drop` outside the cells,
    `amps` [steps, racks]; `days` after born [steps]; `bank` the DC buses."""

    days: Numbers
    emf: Numbers
    ohm: Numbers
    amps: Numbers
    drop: Numbers
    bank: Bank


def inside(plant: Plant, trace: Trace) -> Inside:
    """Solve the DC side at the last second of each step."""
    d = plant.design
    power = converter.dc_side(trace.battery[:, -1:] * trace.share, PCS_KW)
    relative = cells.resistance(trace.rack, trace.soc)
    emf = d.cells * cells.open_circuit(trace.soc) - trace.relax
    whole = trace.ohmic * relative
    bank = solve(emf, whole, power, d.racks)
    ohm = plant.built.ohmic * relative
    return Inside((trace.at - trace.born) / faults.DAY_S, emf, ohm, bank.rack_current, bank.rack_current * (whole - ohm), bank)


class Instruments:
    """The sensors of one trace; the noise depends on (seed, first instant), so one trace is always read alike."""

    def __init__(self, plant: Plant, trace: Trace) -> None:
        self.plant, self.trace = plant, trace
        self.state = inside(plant, trace)
        self.rng = np.random.default_rng([plant.design.seed, 3, int(trace.at[0]), trace.seconds])

    def read(self, metric: str, value: Numbers, sigma: float = 0.0, decimals: int | None = None) -> Numbers:
        """`value` with noise of `sigma` (at least one last digit), rounded to the metric's decimals unless told otherwise."""
        digits = CATALOGUE[metric].decimals if decimals is None else decimals
        noise = self.rng.standard_normal(value.shape, dtype=np.float32) * max(sigma, 10.0**-digits)
        return np.asarray(np.round(value + noise, digits), np.float64)

    # --- racks and units

    def racks(self) -> dict[str, Numbers]:
        """Scalars of all racks, [steps, racks]."""
        plant, t, s, read = self.plant, self.trace, self.state, self.read
        voltage, current = read("voltage", s.emf - s.amps * s.ohm, 0.1), read("current", s.amps, 0.08)
        mean = (s.emf - s.amps * s.ohm) / plant.design.cells
        top, bottom = self._extremes()
        warmest, coldest, average = self._temperatures()
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
            "mode": _mode(s.amps, 1.0),
            "internal_resistance": read("internal_resistance", s.ohm + s.drop / np.where(s.amps == 0, 1.0, s.amps), 3e-4),
            "cycle_count": np.floor(t.moved / (2 * CAPACITY_AH)),
        }
        return with_spreads(table)

    def units(self, racks: Table) -> dict[str, Numbers]:
        """Scalars of all BESS units, [steps, units], from their own bus sensors and their racks' reports."""
        d, s, read = self.plant.design, self.state, self.read
        grouped = {name: values.reshape(-1, d.units, d.racks) for name, values in racks.items()}
        voltage, current = read("voltage", s.bank.voltage, 0.1), read("current", s.bank.current, 0.4)
        table = {
            "soc": np.round(_weighted(grouped["soc"], grouped["soh"]), 1),
            "soh": np.round(grouped["soh"].mean(axis=2), 2),
            "voltage": voltage,
            "current": current,
            "power": np.round(voltage * current / 1000.0, 1),
            "mode": _mode(s.bank.current, 8.0),
            "cycle_count": np.floor(grouped["cycle_count"].mean(axis=2)),
            **{name: np.round(grouped[name].mean(axis=2), CATALOGUE[name].decimals) for name in ("cell_avg_voltage", "cell_avg_temp")},
            **{name: grouped[name].max(axis=2) for name in ("cell_max_voltage", "cell_max_temp")},
            **{name: grouped[name].min(axis=2) for name in ("cell_min_voltage", "cell_min_temp")},
        }
        return with_spreads(table)

    def _extremes(self) -> tuple[Numbers, Numbers]:
        """How far the highest and the lowest cell are from the mean [V], [steps, racks]."""
        s, spread = self.state, self.plant.built.spread
        rise, sag = cells.slope(self.trace.soc), -s.amps * s.ohm / self.plant.design.cells
        top = rise * spread.top_soc[:, 0] + sag * spread.top_resistance[:, 0]
        bottom = top.copy()
        for corner in range(1, spread.top_soc.shape[1]):
            value = rise * spread.top_soc[:, corner] + sag * spread.top_resistance[:, corner]
            np.maximum(top, value, out=top)
            np.minimum(bottom, value, out=bottom)
        return top, bottom

    def _temperatures(self) -> tuple[Numbers, Numbers, Numbers]:
        """Warmest, coldest and mean sensor of each rack [°C], [steps, racks]."""
        place, scale = self.plant.built.place, _gradient(self.state.amps)
        warmest, coldest = self.trace.rack + scale * place.max(axis=1), self.trace.rack + scale * place.min(axis=1)
        average = self.trace.rack.copy()
        hot, heat = self.hot_rack, self._heat()
        sensors = place[hot, 2 * faults.HOT_MODULE : 2 * faults.HOT_MODULE + 2]
        glow = self.trace.rack[:, hot, None] + scale[:, hot, None] * sensors + heat[:, None] * _GLOW
        warmest[:, hot] = np.maximum(warmest[:, hot], glow.max(axis=1))
        average[:, hot] += heat * _GLOW.sum() / place.shape[1]
        return warmest, coldest, average

    @property
    def hot_rack(self) -> int:
        d = self.plant.design
        return min(faults.HOT_RACK[0], d.units - 1) * d.racks + min(faults.HOT_RACK[1], d.racks - 1)

    def _heat(self) -> Numbers:
        return faults.module_heat(self.state.days, self.state.amps[:, self.hot_rack])

    def rack_vectors(self, steps: np.ndarray, racks: np.ndarray) -> dict[str, Numbers]:
        """Vectors of some racks at some steps (index arrays), each [steps, racks, width]."""
        plant, s = self.plant, self.state
        at = np.ix_(steps, racks)
        rng = np.random.default_rng([plant.design.seed, 4, int(self.trace.at[0]), self.trace.seconds, int(racks[0])])
        amps, ohm, soc = s.amps[at], s.ohm[at], self.trace.soc[at]
        sag = amps * ohm / plant.design.cells
        volts = rng.standard_normal((*amps.shape, plant.design.cells), dtype=np.float32).astype(np.float64)
        volts *= 0.0006
        volts += cells.slope(soc)[..., None] * plant.built.spread.soc[racks]
        volts -= sag[..., None] * plant.built.spread.resistance[racks]
        volts += (s.emf[at] / plant.design.cells - sag)[..., None]
        warm = self.trace.rack[at][..., None] + _gradient(amps)[..., None] * plant.built.place[racks]
        here = np.flatnonzero(racks == self.hot_rack)
        if here.size:
            first = 2 * faults.HOT_MODULE
            warm[:, here[0], first : first + 2] += self._heat()[steps][:, None] * _GLOW
        warm += 0.1 * rng.standard_normal(warm.shape, dtype=np.float32)
        vectors = {"cell_voltages": np.round(volts, 3), "cell_temperatures": np.round(warm, 1)}
        return vectors | self._words(vectors, steps, racks)

    def _words(self, vectors: Table, steps: np.ndarray, racks: np.ndarray) -> dict[str, Numbers]:
        """Balancing and status words that follow from the measured vectors, as a BMS sets them."""
        d = self.plant.design
        volts, warm = vectors["cell_voltages"], vectors["cell_temperatures"]
        shape = volts.shape[:2]
        charge = self.trace.counted[steps].reshape(-1, d.units, d.racks)
        lag = np.abs(charge - np.median(charge, axis=2, keepdims=True)).reshape(-1, d.count)[:, racks]
        # cells well above the rack's mean bleed when the rack is nearly at rest
        rest = np.abs(self.state.amps[np.ix_(steps, racks)]) < 0.05 * CAPACITY_AH
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

    # --- converters

    def pcs(self) -> dict[str, Numbers]:
        """Scalars of all PCS, [steps, units]."""
        t, s, read, d = self.trace, self.state, self.read, self.plant.design
        power = t.battery[:, -1:] * t.share
        active = read("active_power", power, 0.2)
        reactive = read("reactive_power", 0.012 * np.abs(power) + 9.0 * self._slow(31, d.units, 1200.0), 0.2)
        apparent = np.round(np.hypot(active, reactive), 1)
        line = {p: LINE_VOLTAGE * (1 + 0.006 * self._slow(32 + k, d.units, 900.0)) for k, p in enumerate(("ab", "bc", "ca"))}
        amps, trim = np.hypot(power, reactive) * 1000.0 / (3**0.5 * LINE_VOLTAGE), self.plant.built.trim
        dc_voltage, dc_current = read("dc_voltage", s.bank.voltage), read("dc_current", s.bank.current, 0.4)
        outside = np.broadcast_to(t.sky.ambient[:, None], power.shape)
        mode = _mode(power, 5.0)
        # bits of the inverter word: 0 ready, 1 gates on, 2 charging, 3 discharging; of the grid word: 0 grid good, 1 frequency far off
        running = 1.0 + 2.0 * (mode != STANDBY) + 4.0 * (mode == CHARGING) + 8.0 * (mode == DISCHARGING)
        hot = t.igbt > 85.0
        calm = np.zeros_like(power)
        return {
            "apparent_power": apparent,
            "active_power": active,
            "reactive_power": reactive,
            "power_factor": np.round(_ratio(active, np.hypot(active, reactive)), 3),
            "frequency": read("frequency", np.broadcast_to(t.frequency[:, -1:], power.shape)),
            "dc_current": dc_current,
            "dc_voltage": dc_voltage,
            "dc_power": np.round(dc_voltage * dc_current / 1000.0, 1),
            **{f"ac_current_{p}": np.maximum(read("ac_current_a", amps * trim[:, k], 0.3), 0.0) for k, p in enumerate("abc")},
            **{f"ac_voltage_{p}": read("ac_voltage_ab", volts, 0.3) for p, volts in line.items()},
            "temp_environment": read("temp_environment", outside),
            "temp_ambient": read("temp_ambient", outside + 6.0),
            "temp_igbt": read("temp_igbt", t.igbt, 0.2),
            "mode": mode,
            "inverter_status": running,
            "inverter_inhibits1_status": calm,
            "environment_status": calm,
            "warning_status": 1.0 * hot,
            "grid_status": np.broadcast_to(np.where(np.abs(t.frequency[:, -1:] - 60.0) > 0.25, 2.0, 1.0), power.shape),
            "fault_status1": calm,
            "fault_status2": calm,
            "target_power": np.round((t.target[:, -1:] - t.array.ac.sum(axis=1)[:, None] + t.aux[:, None]) * t.share, 1),
        }

    def inverters(self) -> dict[str, Numbers]:
        """Scalars of all inverters, [steps, inverters]."""
        t, read = self.trace, self.read
        ac, dc = t.array.ac, t.array.dc
        awake = ac > 0
        volts = t.array.tracker_voltages.mean(axis=2)
        active = np.where(awake, read("total_active_power", ac, 0.15), 0.0)
        reactive = np.where(awake, read("total_reactive_power", 0.02 * ac + 1.0), 0.0)
        dc_voltage = np.where(awake, read("dc_voltage", volts, 0.3), read("dc_voltage", np.zeros_like(volts) + 2.0, 0.3))
        dc_current = np.where(awake, read("dc_current", _ratio(dc * 1000.0, volts), 0.1), 0.0)
        amps = np.hypot(ac, reactive) * 1000.0 / (3 * METER_PHASE_V[1])
        inner = t.sky.ambient[:, None] + 4.0 + 26.0 * (ac / pv.RATED)
        return {
            "mode": np.where(awake, DISCHARGING, OFF),
            "power_factor": np.where(awake, np.round(_ratio(active, np.hypot(active, reactive)), 3), 1.0),
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
            **self._phases(amps * awake, np.broadcast_to(METER_PHASE_V[1], ac.shape), awake),
        }

    def inverter_vectors(self, steps: np.ndarray) -> dict[str, Numbers]:
        """Vectors of the inverters at some steps (index array), each [steps, inverters, width]."""
        a = self.trace.array
        rng = np.random.default_rng([self.plant.design.seed, 6, int(self.trace.at[0]), self.trace.seconds])

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

    # --- meters, weather, site

    def meters(self) -> dict[str, Numbers]:
        """Scalars of connection point, PV feeder and auxiliary feeder, [steps, 3]; export positive, so the auxiliaries are negative."""
        t, read = self.trace, self.read
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
            "power_factor": np.round(_ratio(active, apparent), 3),
            "frequency": read("frequency", np.broadcast_to(t.frequency[:, -1:], power.shape)),
            **self._phases(amps, np.broadcast_to(np.array(METER_PHASE_V), power.shape), np.ones(power.shape, bool)),
            "energy_import": np.round(t.imported, 1),
            "energy_export": np.round(t.exported, 1),
        }

    def weather(self) -> dict[str, Numbers]:
        """Scalars of the weather station, [steps, 1]."""
        sky, read = self.trace.sky, self.read

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

    def site(self, units: Table) -> dict[str, Numbers]:
        """Scalars of the site at the end of each step, [steps, 1]; `site_seconds` has those of every second."""
        t = self.trace
        seconds, sun = site_seconds(self.plant, t), t.array.ac.sum(axis=1)[:, None]
        return {
            "soc": np.round(_weighted(units["soc"], units["soh"])[:, None], 1),
            "soh": np.round(units["soh"].mean(axis=1)[:, None], 2),
            "active_power": seconds["active_power"][:, -1:],
            "frequency": seconds["frequency"][:, -1:],
            "target_power": seconds["target_power"][:, -1:],
            "aux_power": self.read("aux_power", t.aux[:, None], 0.2),
            "pv_power": np.where(sun > 0, np.maximum(self.read("pv_power", sun, 0.2), 0.0), 0.0),
        }

    def _phases(self, amps: Numbers, volts: Numbers, live: np.ndarray) -> dict[str, Numbers]:
        table: dict[str, Numbers] = {}
        for k, phase in enumerate("abc"):
            skew = 1.0 + 0.004 * (k - 1)
            table[f"phase_{phase}_current"] = np.where(live, np.maximum(self.read("phase_a_current", amps * skew), 0.0), 0.0)
        for k, phase in enumerate("abc"):
            wave = 1.0 + 0.005 * wander(self.plant.design.seed, 41 + k, self.trace.at, 900.0)[:, None]
            table[f"phase_{phase}_voltage"] = self.read("phase_a_voltage", volts * wave, 0.15)
        return table

    def _slow(self, stream: int, width: int, period: float) -> Numbers:
        at = self.trace.at[:, None] + 86_400.0 * 7 * np.arange(width)
        return wander(self.plant.design.seed, stream, at, period)


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


_GLOW = np.array([1.0, 0.86])  # both sensors of the hot module feel it, one more


def _gradient(amps: Numbers) -> Numbers:
    """How strongly the places in a rack differ in temperature: more under load."""
    return 0.5 + 1.2 * np.minimum(np.abs(amps) / 120.0, 1.0)


def _mode(flow: Numbers, least: float) -> Numbers:
    return np.where(flow > least, DISCHARGING, np.where(flow < -least, CHARGING, STANDBY))


def _ratio(over: Numbers, under: Numbers) -> Numbers:
    return np.divide(over, under, out=np.ones_like(under), where=under > 1e-6)


def _weighted(soc: Numbers, soh: Numbers) -> Numbers:
    return np.asarray((soc * soh).sum(axis=-1) / soh.sum(axis=-1), np.float64)


_SPREADS = (
    ("cell_voltage_diff", "cell_max_voltage", "cell_min_voltage", 3),
    ("cell_temp_diff", "cell_max_temp", "cell_min_temp", 1),
)


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


@dataclass(frozen=True, slots=True)
class Measured:
    """Scalars of everything: kind → metric → [steps, devices], and the vectors that were asked for: metric → [steps, devices, width]."""

    scalars: Mapping[str, Table]
    rack_vectors: Table
    inverter_vectors: Table


def measure(plant: Plant, trace: Trace) -> Measured:
    """Read every instrument at the end of each step, vectors included: for the live plant (short traces)."""
    read = Instruments(plant, trace)
    steps, racks = np.arange(trace.at.size), np.arange(plant.design.count)
    rack_table, rack_vectors = read.racks(), read.rack_vectors(steps, racks)
    agree(rack_table, rack_vectors, steps, racks)
    unit_table = read.units(rack_table)
    scalars: dict[str, Table] = {
        "site": read.site(unit_table), "bess": unit_table, "rack": rack_table, "pcs": read.pcs(),
        "inverter": read.inverters(), "meter": read.meters(), "weather": read.weather(),
    }  # fmt: skip
    return Measured(scalars, rack_vectors, read.inverter_vectors(steps))


def sizes(design: Design) -> Mapping[str, int]:
    """How many devices of each kind the tables have."""
    many = {"bess": design.units, "rack": design.count, "pcs": design.units, "inverter": design.inverters}
    return {"site": 1, **many, "meter": 3, "weather": 1}

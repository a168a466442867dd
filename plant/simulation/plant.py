"""The plant in motion: one step function for history (a minute a step) and for the live plant (a second a step)."""

from dataclasses import dataclass, replace

import numpy as np

from plant.simulation import cells, converter, dispatch, faults, grid, pv, thermal
from plant.simulation.chance import Numbers
from plant.simulation.design import CABLE_OHM, CAPACITY_AH, PCS_KW, Build, Design, build
from plant.simulation.state import State, newborn
from plant.simulation.weather import Sky, sky

CONTROL_KW = 14.0  # control building, lights, cameras
TRUST = 1.0 / (9 * 86_400.0)  # [1/s] how fast a rack's counter is drawn to the truth by its rests at open circuit


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened, step by step. `at` [steps] epoch seconds of the step's end; `frequency`, `target` (at the connection
    point), `battery` (AC power of all PCS), [steps, seconds] in Hz and kW; `share` [steps, units]; `soc`, `counted`, `relax`, `rack`,
    `moved` [steps, racks]; `air`, `igbt` [steps, units]; `capacity` (ageing and fault) and `ohmic` [racks]; `aux` [steps] kW;
    `today`, `total` [steps, inverters]; `imported`, `exported` [steps, meters]."""

    seconds: int
    born: float
    at: Numbers
    frequency: Numbers
    target: Numbers
    battery: Numbers
    share: Numbers
    soc: Numbers
    counted: Numbers
    relax: Numbers
    rack: Numbers
    moved: Numbers
    air: Numbers
    igbt: Numbers
    capacity: Numbers
    ohmic: Numbers
    aux: Numbers
    sky: Sky
    array: pv.Array
    today: Numbers
    total: Numbers
    imported: Numbers
    exported: Numbers

    @property
    def site(self) -> Numbers:
        """Power at the connection point each second [kW], [steps, seconds]: batteries and PV less the auxiliaries."""
        site: Numbers = self.battery + (self.array.ac.sum(axis=1) - self.aux)[:, None]
        return site


@dataclass(frozen=True, slots=True)
class Bank:
    """DC side of the units: `voltage` [.., units] V, `current` [.., units] A, `rack_current` [.., racks] A."""

    voltage: Numbers
    current: Numbers
    rack_current: Numbers


def solve(emf: Numbers, ohm: Numbers, power: Numbers, racks: int) -> Bank:
    """Racks in parallel on one DC bus that gives `power` [.., units] kW (discharge positive).

    `emf` and `ohm` [.., units · racks] are each rack's inner voltage and resistance. With A = Σ emf/ohm and G = Σ 1/ohm the bus
    voltage V solves V·(A − G·V) = P; the upper root is the stable one. Beyond the deliverable power the maximum is delivered.
    """
    conductance = 1.0 / ohm
    grouped = (*emf.shape[:-1], emf.shape[-1] // racks, racks)
    a = (emf * conductance).reshape(grouped).sum(axis=-1)
    g = conductance.reshape(grouped).sum(axis=-1)
    voltage = (a + np.sqrt(np.maximum(a * a - 4e3 * g * power, 0.0))) / (2 * g)
    rack_current = (emf.reshape(grouped) - voltage[..., None]) * conductance.reshape(grouped)
    return Bank(voltage, a - g * voltage, rack_current.reshape(emf.shape))


class Plant:
    """A design, built. `run` moves a state forward; nothing else changes anything."""

    def __init__(self, design: Design | None = None) -> None:
        self.design = design or Design()
        self.built: Build = build(self.design)

    def newborn(self, at: float) -> State:
        """The plant's first moment, at epoch second `at` (a full minute for histories)."""
        return newborn(self.design, float(at))

    def run(self, state: State, steps: int, seconds: int) -> tuple[State, Trace]:
        """Go `steps` steps of `seconds` each from `state`. Returns the state after them and what happened; `state` is left alone.

        The random draws depend on (seed, state.at), so the same run gives the same trace.
        """
        d = self.design
        rng = np.random.default_rng([d.seed, 2, int(state.at), seconds])
        at = state.at + seconds * np.arange(1.0, steps + 1)
        each = at[:, None] - seconds + np.arange(1.0, seconds + 1)
        wave, last_wave = grid.mean_reverting(state.wave, steps, seconds, rng)
        frequency = np.clip(grid.NOMINAL + wave + grid.scheduled(each, d.seed), 59.0, 61.0)
        days = (at - state.born) / faults.DAY_S
        weather = sky(at, d.seed, d.latitude, d.longitude)
        array = pv.produce(weather, faults.string_health(days, d.inverters, pv.STRINGS), self.built.mismatch)
        after, trace = self._move(state, at, seconds, frequency, dispatch.demand(each, frequency, d.seed, d.zone), weather, array)
        return replace(after, wave=last_wave), trace

    def ohmic(self, days: float) -> Numbers:
        """Ohmic resistance of each rack at 25 °C [Ω], [racks], its fault at `days` after born included."""
        d = self.design
        return (self.built.ohmic + CABLE_OHM) * faults.contact_factor(days, d.units, d.racks)

    def capacity(self, days: float) -> Numbers:
        """Capacity of each rack as a share of the nameplate, [racks], at `days` after born: factory, 2 % a year, and its fault."""
        d = self.design
        return self.built.capacity * (1.0 - 0.02 * days / 365.0) * faults.capacity_factor(days, d.units, d.racks)

    def _move(
        self, state: State, at: Numbers, seconds: int, frequency: Numbers, asked: dispatch.Demand, weather: Sky, array: pv.Array
    ) -> tuple[State, Trace]:
        d, steps, dt = self.design, at.size, float(seconds)
        days = (float(at[-1]) - state.born) / faults.DAY_S
        ohm25, capacity = self.ohmic(days), self.capacity(days)
        slow = self.built.slow
        fade, keep = float(np.exp(-dt / cells.TAU_SLOW)), float(np.exp(-1.0 / dispatch.LAG))
        per_amp = 100.0 * dt / 3600.0 / (CAPACITY_AH * capacity)
        per_counted = 100.0 * dt / 3600.0 / (CAPACITY_AH * capacity)
        offset = faults.sensor_offset(days, d.units, d.racks)
        wanted = dispatch.goal(at, d.zone)
        plant_kw = PCS_KW * d.units
        weights, carry = grid.chain(seconds, keep)

        out = {name: np.empty((steps, d.count)) for name in ("soc", "counted", "relax", "rack", "moved")}
        units = {name: np.empty((steps, d.units)) for name in ("share", "air", "igbt")}
        target, battery, aux = np.empty((steps, seconds)), np.empty((steps, seconds)), np.empty(steps)
        sun = array.ac.sum(axis=1)
        soc, counted, relax, rack, moved = state.soc, state.counted, state.relax, state.rack, state.moved
        air, hot, power = state.air, state.igbt, state.battery

        for k in range(steps):
            unit_soc = soc.reshape(d.units, d.racks).mean(axis=1)
            mean = float(unit_soc.mean())
            lean = dispatch.LEAN * min(max((mean - float(wanted[k])) / 4.0, -1.0), 1.0)
            wish = asked.middle[k] + lean * asked.room[k]
            aux[k] = float(thermal.electricity(air, weather.ambient[k]).sum()) + CONTROL_KW
            # the market is served at the connection point, so the batteries make up for sun and auxiliaries;
            # nothing is drawn from an empty plant or pushed into a full one
            low = -plant_kw * min(max((96.0 - mean) / 4.0, 0.0), 1.0)
            high = plant_kw * min(max((mean - 5.0) / 4.0, 0.0), 1.0)
            own = np.minimum(np.maximum(wish - (sun[k] - aux[k]), low), high)
            did = weights @ ((1.0 - keep) * own) + carry * power
            power = float(did[-1])
            total = float(did.mean())
            share = 1.0 + (0.05 if total > 0 else -0.05) * np.minimum(np.maximum(unit_soc - mean, -5.0), 5.0)
            share = share / share.sum()
            lost = converter.loss(total * share, PCS_KW, converter.PCS)
            ohm = ohm25 * cells.resistance(rack, soc)
            amps = solve(d.cells * cells.open_circuit(soc) - relax, ohm, total * share + lost, d.racks).rack_current
            relax = relax * fade + (1.0 - fade) * slow * amps
            drawn = np.where(amps < 0, amps * cells.COULOMBIC, amps)
            soc = np.minimum(np.maximum(soc - drawn * per_amp, 0.0), 100.0)
            counted = counted - (drawn + offset) * per_counted + (soc - counted) * (TRUST * dt)
            moved = moved + np.abs(amps) * (dt / 3600.0)
            rack, air = thermal.step(rack, air, amps * amps * ohm + relax * relax / slow, float(weather.ambient[k]), dt)
            hot = converter.igbt(hot, lost, float(weather.ambient[k]) + 6.0, dt)
            target[k], battery[k] = wish, did
            for name, value in (("soc", soc), ("counted", counted), ("relax", relax), ("rack", rack), ("moved", moved)):
                out[name][k] = value
            units["share"][k], units["air"][k], units["igbt"][k] = share, air, hot

        registers = self._registers(state, dt, battery, array, aux)
        today, all_time, day = self._yields(state, at, dt, array)
        after = replace(
            state, at=float(at[-1]), battery=power, day=day, soc=soc, counted=counted, relax=relax, rack=rack, moved=moved, air=air,
            igbt=hot, imported=registers[0][-1], exported=registers[1][-1], total=all_time[-1], today=today[-1],
        )  # fmt: skip
        trace = Trace(
            seconds=seconds, born=state.born, at=at, frequency=frequency, target=target, battery=battery, capacity=capacity, ohmic=ohm25,
            aux=aux, sky=weather, array=array, today=today, total=all_time, imported=registers[0], exported=registers[1], **out, **units,
        )  # fmt: skip
        return after, trace

    def _registers(self, state: State, dt: float, battery: Numbers, array: pv.Array, aux: Numbers) -> tuple[Numbers, Numbers]:
        """Imported and exported energy [kWh] of connection point, PV feeder and auxiliary feeder after each step, [steps, 3]."""
        sun = array.ac.sum(axis=1)
        point = battery + (sun - aux)[:, None]
        none = np.zeros_like(sun)
        into = np.stack([np.maximum(-point, 0).sum(axis=1) / 3600.0, none, aux * (dt / 3600.0)], axis=1)
        outof = np.stack([np.maximum(point, 0).sum(axis=1) / 3600.0, sun * (dt / 3600.0), none], axis=1)
        return state.imported + into.cumsum(axis=0), state.exported + outof.cumsum(axis=0)

    def _yields(self, state: State, at: Numbers, dt: float, array: pv.Array) -> tuple[Numbers, Numbers, int]:
        """Yield today and in all [kWh], [steps, inverters], and the local day of the last step; today starts at local midnight."""
        day = np.floor(dispatch.local(at - 0.5, self.design.zone) / 86_400.0).astype(np.int64)
        made = (array.ac * (dt / 3600.0)).cumsum(axis=0)
        total = state.total + made
        today = made + (state.today if day[0] == state.day else 0.0)
        for start in np.flatnonzero(np.diff(day)) + 1:
            today[start:] = made[start:] - made[start - 1]
        return today, total, int(day[-1])

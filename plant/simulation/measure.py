"""Every instrument of the plant read at once, for the live plant."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plant.simulation import battery_readings, converter_readings, site_readings
from plant.simulation.design import Design
from plant.simulation.instruments import Instruments, Table
from plant.simulation.plant import Plant, Trace


@dataclass(frozen=True, slots=True)
class Measured:
    """Scalars of everything: kind → metric → [steps, devices], and the vectors that were asked for: metric → [steps, devices, width]."""

    scalars: Mapping[str, Table]
    rack_vectors: Table
    inverter_vectors: Table


def measure(plant: Plant, trace: Trace) -> Measured:
    """Read every instrument at the end of each step, vectors included: for the live plant (short traces)."""
    tools = Instruments(plant, trace)
    steps, racks = np.arange(trace.at.size), np.arange(plant.design.count)
    rack_table, rack_vectors = battery_readings.racks(tools), battery_readings.rack_vectors(tools, steps, racks)
    battery_readings.agree(rack_table, rack_vectors, steps, racks)
    unit_table = battery_readings.units(tools, rack_table)
    scalars: dict[str, Table] = {
        "site": site_readings.site(tools, unit_table), "bess": unit_table, "rack": rack_table, "pcs": converter_readings.pcs(tools),
        "inverter": converter_readings.inverters(tools), "meter": site_readings.meters(tools), "weather": site_readings.weather(tools),
    }  # fmt: skip
    return Measured(scalars, rack_vectors, converter_readings.inverter_vectors(tools, steps))


def sizes(design: Design) -> Mapping[str, int]:
    """How many devices of each kind the tables have."""
    many = {"bess": design.units, "rack": design.count, "pcs": design.units, "inverter": design.inverters}
    return {"site": 1, **many, "meter": 3, "weather": 1}

"""A physically sound plant: cells, heat, converters, sun, grid and market, deterministic by seed. Everything it says is simulated."""

from plant.simulation.design import Design
from plant.simulation.measure import measure
from plant.simulation.plant import Plant, Trace
from plant.simulation.state import State, rejoined

__all__ = ["Design", "Plant", "State", "Trace", "measure", "rejoined"]

"""What the plant must remember from one moment to the next; small enough to be kept as a setting."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from plant.simulation.chance import Numbers, normal
from plant.simulation.design import BORN_CYCLES, CAPACITY_AH, Design
from plant.simulation.dispatch import goal


@dataclass(slots=True)
class State:
    """The plant at epoch second `at`. Arrays are [racks], [units], [inverters] or [meters]; `born` is the first second of history.

    `soc` is the true state of charge [%], `counted` what the racks' own counters say; `relax` the voltage [V] on the slow resistance;
    `rack` and `air` temperatures [°C], `igbt` too; `moved` charge moved in and out [Ah]; `wave` the frequency's deviation [Hz];
    `battery` AC power of all PCS [kW]; `imported`, `exported` meter registers [kWh]; `total`, `today` yields [kWh] of local day `day`.
    """

    born: float
    at: float
    wave: float
    battery: float
    day: int
    soc: Numbers
    counted: Numbers
    relax: Numbers
    rack: Numbers
    air: Numbers
    igbt: Numbers
    moved: Numbers
    imported: Numbers
    exported: Numbers
    total: Numbers
    today: Numbers

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and lists, exact: what is made again from a kept state is the same to the last bit."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "State":
        """The reverse of `to_json`. Raises KeyError or ValueError when `kept` is not such a state."""
        values: dict[str, Any] = {f.name: kept[f.name] for f in fields(cls)}
        values |= {name: np.array(value, np.float64) for name, value in values.items() if isinstance(value, list)}
        return cls(**values)


def rejoined(state: State, design: Design, at: float) -> State:
    """The plant at the later epoch second `at`, nobody having looked since `state`: at rest, with the charge it aims at at that hour."""
    moved = goal(np.array([at]), design.zone)[0] - state.soc.mean()
    return replace(
        state, at=at, wave=0.0, battery=0.0, soc=np.clip(state.soc + moved, 0, 100), counted=np.clip(state.counted + moved, 0, 100),
        relax=np.zeros_like(state.relax),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def newborn(design: Design, at: float) -> State:
    """A plant that has run for about a year, at rest, at epoch second `at`."""
    count, units = design.count, design.units
    soc = float(goal(np.array([at]), design.zone)[0]) + 0.4 * normal(design.seed, 5, np.arange(count))
    return State(
        born=at,
        at=at,
        wave=0.0,
        battery=0.0,
        day=-1,
        soc=soc,
        counted=soc.copy(),
        relax=np.zeros(count),
        rack=np.full(count, 26.0),
        air=np.full(units, 24.6),
        igbt=np.full(units, 38.0),
        moved=2 * CAPACITY_AH * BORN_CYCLES * (1 + 0.01 * normal(design.seed, 6, np.arange(count))),
        imported=np.array([5_400_000.0, 310.0, 612_000.0]),
        exported=np.array([5_050_000.0, 1_420_000.0, 0.0]),
        total=np.array([712_000.0, 708_000.0])[: design.inverters],
        today=np.zeros(design.inverters),
    )

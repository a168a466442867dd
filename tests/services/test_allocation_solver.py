"""Who chooses the batteries that run: the solver where it answers, the rule where it does not, and the answer says which."""

import pytest

from plant.analysis import commitment
from plant.analysis.allocation import Unit
from plant.errors import Unavailable
from services.allocations import Demand, split
from services.calculating import CALCULATOR

UNITS = [Unit(f"u{k}", 50.0, 100_000.0, 50_000.0, 50_000.0, standby=1_000.0) for k in range(4)]


def test_the_solver_is_asked_where_running_costs_power_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(function: str, arguments: dict, timeout_s: float) -> object:
        asked.append(function)
        return commitment.choose(**arguments)

    monkeypatch.setattr(CALCULATOR, "run", run)
    assert split(UNITS, Demand(20_000.0)).method == "milp"
    assert asked == ["plant.analysis.commitment:choose"]
    free = [Unit(f"u{k}", 50.0, 100_000.0, 50_000.0, 50_000.0) for k in range(4)]
    assert split(free, Demand(20_000.0)).method == "water_filling"
    assert len(asked) == 1


def test_without_the_solver_the_rule_chooses_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise Unavailable("the calculation process is busy; try again")

    monkeypatch.setattr(CALCULATOR, "run", gone)
    found = split(UNITS, Demand(20_000.0))
    assert found.method == "water_filling"
    assert (found.feasible, sorted(share.power for share in found.shares)) == (True, [0.0, 0.0, 0.0, pytest.approx(20_000.0)])

"""Rules, clocks, siblings, change points: what they say of series whose faults were written down by hand, and of none at all."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis.anomaly import rules
from plant.analysis.anomaly.bounds import BOUNDS
from plant.analysis.anomaly.change import changes
from plant.analysis.anomaly.clock import clock
from plant.analysis.anomaly.examine import Group, examine, examine_all, examine_clock, examine_parts
from plant.analysis.anomaly.finding import Finding, together, without_echoes
from plant.model import HOUR, MINUTE

START = 1_788_220_800_000
NONE = np.empty(0)


def minutes(count: int) -> np.ndarray:
    return START + MINUTE * np.arange(count, dtype=np.int64)


def noisy(count: int, level: float, sigma: float, digits: int, seed: int = 1) -> np.ndarray:
    return np.round(level + np.random.default_rng(seed).normal(0, sigma, count), digits)


def group(count: int = 2880, members: int = 6, **metrics: tuple[float, float, int]) -> Group:
    """Members alike, each metric (level, noise, decimals), minutes of two days of which the first is what is usual."""
    values = {
        name: np.stack([noisy(count, level, sigma, digits, 7 * k + len(name)) for k in range(members)], axis=1)
        for name, (level, sigma, digits) in metrics.items()
    }
    return Group("rack", tuple(f"rack{k}" for k in range(members)), minutes(count), values, 60.0, START + 24 * HOUR)


TEMPERATURES = {"cell_max_temp": (27.0, 0.1, 1)}


def told(findings: list[Finding]) -> set[tuple[str, str, str]]:
    return {(one.device, one.metric, one.reason) for one in findings}


def test_values_that_cannot_be_are_out_of_range_with_the_worst_of_them() -> None:
    x = np.array([50.0, 101.0, 140.0, 50.0, np.nan, 51.0, -3.0])
    first, second = rules.out_of_range(x, (0.0, 100.0))
    assert (first.first, first.last, first.evidence) == (1, 3, {"value": 140.0, "limit": 100.0, "count": 2.0})
    assert (second.first, second.last, second.evidence["limit"]) == (6, 7, 0.0)


def test_a_spike_is_one_spell_from_its_beginning_to_its_return() -> None:
    x = np.array([50.0, 50.1, 80.0, 80.2, 50.2, 50.1])
    (spell,) = rules.too_fast(minutes(6), x, BOUNDS["soc"])  # 2 + 0.15 %/s · 60 s = 11 points a minute
    assert (spell.first, spell.last, spell.evidence) == (2, 4, {"before": 50.1, "value": 80.0, "seconds": 60.0})
    assert rules.too_fast(minutes(6), np.array([50.0, 60.9, 71.8, 82.7, 93.6, 99.0]), BOUNDS["soc"]) == []


def test_the_same_change_over_a_longer_silence_is_no_jump() -> None:
    at = np.array([START, START + MINUTE, START + 2 * HOUR], np.int64)
    assert rules.too_fast(at, np.array([50.0, 50.0, 90.0]), BOUNDS["soc"]) == []


def test_a_sensor_that_repeats_itself_against_its_habit_is_stuck() -> None:
    x = noisy(600, 60.0, 0.3, 1)
    x[300:340] = x[300]
    (spell,) = rules.stuck(x)
    assert (spell.first, spell.evidence) == (300, {"value": float(x[300]), "count": 40.0})


def test_rest_is_not_stuck_without_siblings_that_move() -> None:
    x = noisy(600, 0.0, 0.3, 1)
    x[300:400] = 0.0
    assert rules.stuck(x) == []
    assert [one.first for one in rules.stuck(x, np.ones(600, bool))] == [300]
    assert rules.stuck(x, np.zeros(600, bool)) == []
    assert rules.stuck(np.full(600, 5.0)) == []  # what never moves is its own habit


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda x: x * 1000, "unit_kilo"),
        (lambda x: x / 1000, "unit_milli"),
        (lambda x: x * 1.8 + 32, "unit_fahrenheit"),
        (lambda x: x + 273.15, "unit_kelvin"),
        (lambda x: -x, "unit_sign"),
    ],
)
def test_another_unit_is_named_and_not_told_as_anything_else(wrong, reason: str) -> None:
    plant = group(cell_max_temp=(27.0, 0.1, 1), current=(60.0, 0.1, 2))
    metric = "current" if reason in ("unit_sign", "unit_kilo", "unit_milli") else "cell_max_temp"
    plant.values[metric][2000:2100, 3] = wrong(plant.values[metric][2000:2100, 3])
    (found,) = examine(plant)
    assert (found.device, found.metric, found.reason) == ("rack3", metric, reason)
    assert (found.start, found.end) == (START + 2000 * MINUTE, START + 2100 * MINUTE)
    assert found.evidence["usual"] == pytest.approx(60.0 if metric == "current" else 27.0, abs=0.5)


def test_a_lone_device_is_judged_by_what_it_said_before() -> None:
    plant = group(members=1, cell_max_temp=(27.0, 0.1, 1))
    plant.values["cell_max_temp"][2000:2100] = plant.values["cell_max_temp"][2000:2100] * 1.8 + 32
    assert told(examine(plant)) == {("rack0", "cell_max_temp", "unit_fahrenheit")}


def test_silence_is_a_gap_when_it_is_longer_than_five_intervals() -> None:
    plant = group(**TEMPERATURES)
    plant.values["cell_max_temp"][1000:1004, 1] = np.nan
    plant.values["cell_max_temp"][1500:1560, 2] = np.nan
    (found,) = examine(plant)
    assert (found.device, found.reason, found.severity, found.evidence["seconds"]) == ("rack2", "gap", "warning", 61 * 60.0)


def test_a_silence_that_goes_on_while_others_speak_is_open() -> None:
    plant = group(**TEMPERATURES)
    plant.values["cell_max_temp"][-30:, 2] = np.nan
    (found,) = examine(plant)
    assert (found.reason, found.end) == ("gap", None)


def test_one_that_leaves_its_siblings_is_found_and_one_that_was_always_apart_a_little_is_not() -> None:
    plant = group(**TEMPERATURES)
    plant.values["cell_max_temp"][:, 5] += 1.5  # the top rack is always warmer
    plant.values["cell_max_temp"][2000:, 4] += 4.0
    (found,) = examine(plant)
    assert (found.device, found.reason, found.severity, found.end) == ("rack4", "peers", "warning", None)
    assert found.evidence["distance"] == pytest.approx(4.0, abs=0.3)
    assert abs(found.start - (START + 2000 * MINUTE)) <= 15 * MINUTE


def test_one_digit_of_a_quantised_sensor_is_no_outlier() -> None:
    plant = group(cell_max_temp=(27.0, 0.0, 1))
    plant.values["cell_max_temp"][2000:, 4] += 0.1
    assert examine(plant) == []


def test_a_cell_that_falls_behind_is_named_by_its_number() -> None:
    at = START + HOUR * np.arange(72, dtype=np.int64)
    cells = 3.30 + np.round(np.random.default_rng(3).normal(0, 0.001, (72, 24)), 3)
    cells[40:, 10] -= 0.02
    (found,) = examine_parts("rack1", "rack", "cell_voltages", at, cells, START + 24 * HOUR)
    assert (found.part, found.start, found.evidence["distance"]) == (11, START + 40 * HOUR, pytest.approx(-0.02, abs=0.004))


def test_an_open_string_is_found_by_its_share_of_the_median_and_night_is_not() -> None:
    at = START + 15 * MINUTE * np.arange(192, dtype=np.int64)
    sun = np.maximum(np.sin(np.arange(192) / 96 * 2 * np.pi), 0.0)
    strings = 9.0 * sun[:, None] * (1 + 0.01 * np.random.default_rng(2).normal(size=12))
    strings[100:, 4] = 0.0
    (found,) = examine_parts("inverter1", "inverter", "string_currents", at, strings, START + 24 * HOUR)
    assert (found.part, found.evidence["distance"]) == (5, pytest.approx(-1.0, abs=0.03))


def test_clocks_that_jump_stand_still_or_drift_are_told_apart() -> None:
    heard = START + 10_000 * np.arange(600, dtype=np.int64)
    sound = heard - 150 - np.random.default_rng(1).exponential(40, 600).astype(np.int64)
    assert clock(sound, heard) == []
    jumped = sound.copy()
    jumped[300:] += 3600_000
    (spell,) = clock(jumped, heard)
    assert (spell.reason, spell.first, spell.evidence["seconds"]) == ("clock_jump", 300, pytest.approx(3600, abs=1))
    frozen = sound.copy()
    frozen[200:230] = frozen[200]
    (spell,) = clock(frozen, heard)
    assert (spell.reason, spell.first, spell.evidence["count"]) == ("clock_frozen", 200, 30.0)
    drifting = sound + (heard - START) * 36 // 3600  # ten thousand ppm: 36 s an hour
    (spell,) = clock(drifting, heard)
    assert (spell.reason, spell.evidence["per_hour"]) == ("clock_drift", pytest.approx(36.0, rel=0.02))


def test_a_gateway_that_sends_a_heap_is_no_clock_fault() -> None:
    heard = START + 10_000 * np.arange(600, dtype=np.int64)
    at = heard - 150
    late = heard.copy()
    late[200:260] = heard[260] + np.arange(60)
    assert examine_clock("r", "rack", at, late) == []


def test_a_lasting_change_is_found_where_it_begins_and_noise_is_not() -> None:
    pytest.importorskip("ruptures")
    quiet = np.random.default_rng(4).normal(0, 0.5, 30)
    assert changes(quiet, 2.0) == []
    moved = quiet.copy()
    moved[18:] += 6.0
    (one,) = changes(moved, 2.0)
    assert one.place == 18
    assert one.after - one.before == pytest.approx(6.0, abs=0.8)


def test_a_combination_that_never_was_is_found_though_each_quantity_is_usual() -> None:
    pytest.importorskip("sklearn")
    chance = np.random.default_rng(8)
    plant = group(members=8, cell_max_temp=(27.0, 0.1, 1), cell_avg_temp=(26.0, 0.1, 1))
    for k in range(8):  # both follow one load of each rack, up and down by a kelvin
        load = np.repeat(chance.normal(0, 0.8, 48), 60)
        plant.values["cell_max_temp"][:, k] += load
        plant.values["cell_avg_temp"][:, k] += load
    plant.values["cell_max_temp"][2160:2400, 3] -= 1.2
    plant.values["cell_avg_temp"][2160:2400, 3] += 1.2
    assert "joint" in {one.reason for one in examine_all(plant) if one.device == "rack3"}
    assert {one.device for one in examine_all(plant)} == {"rack3"}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_nothing_one_and_two_readings_have_no_findings(count: int) -> None:
    plant = group(count=count, **TEMPERATURES)
    assert examine(plant) == [] and examine_all(plant) == []
    assert examine_clock("r", "rack", minutes(count), minutes(count)) == []
    assert examine_parts("r", "rack", "cell_voltages", minutes(count), np.full((count, 3), 3.3), START) == []
    assert changes(np.full(count, 1.0), 0.1) == []


def test_nothing_but_nan_has_no_findings() -> None:
    plant = group(**TEMPERATURES)
    plant.values["cell_max_temp"][:] = np.nan
    assert examine(plant) == [] and examine_all(plant) == []
    assert changes(np.full(30, np.nan), 0.1) == []


def test_reversed_and_repeated_instants_are_set_in_order_the_last_word_wins() -> None:
    at, x = rules.ordered(np.array([3000, 1000, 2000, 1000], np.int64), np.array([3.0, 1.0, 2.0, 9.0]))
    assert (at.tolist(), x.tolist()) == ([1000, 2000, 3000], [9.0, 2.0, 3.0])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=60),
    st.lists(st.integers(0, 10**13), max_size=60),
)
def test_no_series_and_no_clock_makes_an_exception(values: list[float], instants: list[int]) -> None:
    count = min(len(values), len(instants))
    at, x = rules.ordered(np.array(instants[:count], np.int64), np.array(values[:count]))
    examine(Group("rack", ("r",), at, {"soc": x[:, None], "cell_max_temp": x[:, None]}, 60.0, START))
    clock(np.array(instants, np.int64), np.array(instants[::-1], np.int64))
    rules.gaps(at)


def test_what_comes_and_goes_is_one_and_what_a_rule_explains_is_not_told_twice() -> None:
    one = Finding("r", "rack", "current", "peers", "info", 0, HOUR, {"distance": 3.0})
    other = Finding("r", "rack", "current", "peers", "warning", 3 * HOUR, 4 * HOUR, {"distance": -9.0})
    (whole,) = together([other, one])
    assert (whole.start, whole.end, whole.severity, whole.evidence) == (0, 4 * HOUR, "warning", {"distance": -9.0, "times": 2.0})
    unit = Finding("r", "rack", "current", "unit_sign", "warning", HOUR, 2 * HOUR)
    joint = Finding("r", "rack", "voltage", "joint", "info", HOUR, 2 * HOUR)
    assert without_echoes([whole, unit, joint]) == [unit]


def test_no_detector_imports_the_simulator_or_the_services_that_drive_it() -> None:
    folder = Path(rules.__file__).parent
    services = folder.parents[2] / "services" / "anomalies.py"
    seen = set()
    for path in [*folder.glob("*.py"), services]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                seen.add(node.module or "")
            elif isinstance(node, ast.Import):
                seen |= {alias.name for alias in node.names}
    assert len(seen) > 10
    assert not [name for name in seen if name.startswith(("plant.simulation", "services.demo", "bench"))]

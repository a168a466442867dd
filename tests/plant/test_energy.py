"""Energy from power: expected numbers are worked by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.analysis.energy import Energies, cut, energies, from_means, from_register, register_delta, register_energy, together
from plant.model import HOUR, MINUTE, QUARTER, Window

T0 = 1_750_000_000_000 // HOUR * HOUR


def minutes(n: int) -> np.ndarray:
    return T0 + MINUTE * np.arange(n)


def test_constant_discharge_is_power_times_time():
    found = energies(minutes(61), np.full(61, 120.0), 60)
    assert (found.discharged, found.charged, found.coverage) == (120.0, 0.0, 1.0)


def test_a_sign_change_is_split_into_two_triangles():
    # from +60 to -30 kW over 60 s: zero after 40 s; 60·40/2 kW·s = 1200 = 0.333333 kWh, 30·20/2 = 300 kW·s = 0.083333 kWh
    found = energies([T0, T0 + MINUTE], [60.0, -30.0], 60)
    assert found.discharged == pytest.approx(1200 / 3600, abs=1e-6)
    assert found.charged == pytest.approx(300 / 3600, abs=1e-6)


def test_a_gap_is_never_bridged():
    # two hours at 100 kW with a silent hour between: 30 min + 30 min observed of 2 h
    at = [T0, T0 + 30 * MINUTE, T0 + 90 * MINUTE, T0 + 120 * MINUTE]
    found = energies(at, [100.0] * 4, 15 * 60)
    assert found.discharged == pytest.approx(100.0)
    assert found.coverage == pytest.approx(0.5)


def test_the_gap_limit_is_three_intervals_but_at_least_five_seconds():
    second = [T0, T0 + 5_000]
    assert energies(second, [36.0, 36.0], 1).discharged == pytest.approx(0.05)
    assert energies([T0, T0 + 5_001], [36.0, 36.0], 1).discharged is None
    assert energies([T0, T0 + 3 * MINUTE], [36.0, 36.0], 60).discharged == pytest.approx(1.8)


def test_energy_is_whole_milliwatt_hours_by_quarter():
    found = energies([T0 + 14 * MINUTE, T0 + 16 * MINUTE], [60.0, 60.0], 60)
    assert found.quarters == {T0: (1_000_000, 0), T0 + QUARTER: (1_000_000, 0)}


def test_order_and_repetition_do_not_matter():
    straight = energies(minutes(5), [1.0, 2.0, 3.0, 4.0, 5.0], 60)
    mixed = energies(minutes(5)[[3, 0, 4, 1, 2, 2]], [4.0, 1.0, 5.0, 2.0, 9.0, 3.0], 60)
    assert mixed == straight


@pytest.mark.parametrize(
    ("at", "power", "reason"),
    [
        ([], [], "no readings"),
        ([T0], [5.0], "one reading has no duration"),
        ([T0, T0 + MINUTE], [np.nan, np.nan], "no readings"),
        ([T0, T0 + HOUR], [5.0, 5.0], "all readings are too far apart"),
        ([T0, T0], [5.0, 6.0], "one reading has no duration"),
    ],
)
def test_what_cannot_be_answered_has_a_reason(at, power, reason):
    found = energies(at, power, 1)
    assert (found.discharged, found.charged, found.reason) == (None, None, reason)


def test_a_silent_reading_is_left_out_not_zero():
    found = energies(minutes(3), [60.0, np.nan, 60.0], 60)
    assert found.discharged == pytest.approx(2.0)


def test_buckets_of_mean_power_give_the_same_energy():
    found = from_means(minutes(60), np.where(np.arange(60) < 30, 90.0, -30.0), 60.0)
    assert (found.discharged, found.charged, found.coverage) == (45.0, 15.0, 1.0)


def test_a_half_covered_bucket_counts_half():
    found = from_means([T0, T0 + MINUTE], [60.0, 60.0], [60.0, 30.0])
    assert (found.discharged, found.coverage) == (1.5, 0.75)


def test_no_buckets_is_no_energy_rather_than_zero():
    assert from_means([], [], []).discharged is None


def test_together_adds_exactly():
    one, two = energies(minutes(31), np.full(31, 0.1), 60), energies(minutes(31), np.full(31, -0.7), 60)
    both = together([one, two, Energies(reason="no readings")])
    assert both.discharged == one.discharged
    assert both.charged == two.charged
    assert together([]).discharged is None


@pytest.mark.parametrize(
    ("start", "end", "rollover", "energy", "note"),
    [
        (100.0, 130.5, None, 30.5, ""),
        (5_000.0, 12.0, None, 12.0, "reset"),
        (99_990.0, 15.0, 100_000.0, 25.0, "rolled over"),
        (5_000.0, 12.0, 100_000.0, 12.0, "reset"),
        (5_000.0, 4_999.9, None, 0.0, "fell back"),  # the last digit flickered: 4,999.9 kWh were not counted since a reset
        (5_000.0, 4_999.9, 100_000.0, 0.0, "fell back"),
        (8.0, 4.0, None, 4.0, "reset"),
        (None, 12.0, None, None, ""),
        (float("nan"), 12.0, None, None, ""),
        (-1.0, 12.0, None, None, ""),
    ],
)
def test_register_delta_is_never_negative_or_giant(start, end, rollover, energy, note):
    figure = register_delta(start, end, rollover)
    assert (figure.value, figure.note) == (energy, note)
    assert figure.value is not None or figure.reason


def test_a_register_is_followed_through_a_reset():
    assert register_energy([100.0, 110.0, np.nan, 125.0, 3.0, 8.0]).value == pytest.approx(33.0)


def test_a_register_that_flickers_counts_no_giant_step_and_its_time_is_not_observed():
    told = from_register([0, 900_000, 1_800_000, 2_700_000], [5_000.0, 4_999.9, 5_000.4, 5_001.4], Window(0, 2_700_000))
    assert (told.discharged, told.observed_s) == (1.5, 1_800.0)
    assert register_energy([5_000.0, 4_999.9, 5_000.4, 5_001.4]).value == pytest.approx(1.5)


@given(st.lists(st.floats(0.0, 40.0), min_size=3, max_size=60), st.integers(1, 50), st.integers(0, 59))
def test_what_a_register_counted_is_additive_over_splits(steps, cut_at, reset_at):
    register = np.cumsum(steps)
    if reset_at < register.size:
        register[reset_at:] -= register[reset_at]  # begins again at nothing
    at = 700_000 * np.arange(register.size)
    whole = Window(0, int(at[-1]) + QUARTER)
    middle = min(cut_at, int(whole.end // QUARTER) - 1) * QUARTER
    parts = [from_register(at, register, part) for part in (Window(0, middle), Window(middle, whole.end)) if part.length]
    assert together(parts).quarters == from_register(at, register, whole).quarters


def test_a_register_of_absurd_size_counts_nothing_negative():
    """9e18 kWh are more milliwatt-hours than a whole number of 64 bits holds."""
    told = from_register([0, 900_000, 1_800_000], [0.0, 4.5e18, 9e18], Window(0, 1_800_000))
    assert told.discharged == pytest.approx(9e18, rel=1e-9)
    assert all(out >= 0 for out, _ in told.quarters.values())


def test_an_impossible_register_step_is_left_out():
    figure = register_energy([100.0, 110.0, 9_999_999.0, 10_000_005.0], highest_step=50.0)
    assert (figure.value, figure.note) == (16.0, "implausible steps left out")


def test_one_register_reading_counts_nothing():
    assert register_energy([5.0]).value is None


powers = st.lists(st.floats(-2000, 2000, allow_nan=False), min_size=3, max_size=60)


@given(powers, st.data())
def test_energy_is_additive_over_splits(power, data):
    at, cut = minutes(len(power)), data.draw(st.integers(1, len(power) - 2))
    whole = energies(at, power, 60)
    parts = together([energies(at[: cut + 1], power[: cut + 1], 60), energies(at[cut:], power[cut:], 60)])
    # each quarter is rounded to a milliwatt-hour once more where the cut lies
    assert parts.discharged == pytest.approx(whole.discharged, abs=3e-6)
    assert parts.charged == pytest.approx(whole.charged, abs=3e-6)


@given(powers, st.integers(2, 9))
def test_energy_scales_with_power(power, factor):
    at = minutes(len(power))
    once, more = energies(at, power, 60), energies(at, factor * np.array(power), 60)
    assert more.discharged == pytest.approx(factor * once.discharged, abs=1e-4)


@given(powers)
def test_turning_the_sign_swaps_in_and_out(power):
    at = minutes(len(power))
    ahead, back = energies(at, power, 60), energies(at, -np.array(power), 60)
    assert (ahead.discharged, ahead.charged) == (back.charged, back.discharged)


@given(powers, st.integers(0, 60))
def test_net_energy_is_the_plain_trapezoid(power, shift):
    at = minutes(len(power)) + shift * 1000
    found = energies(at, power, 60)
    assert found.discharged - found.charged == pytest.approx(np.trapezoid(power, dx=1 / 60), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_days_cut_apart_hold_together_what_the_whole_holds(seed):
    """Readings every 7 s around two cuts: the parts' energies add up to that of the whole, and so do the observed seconds."""
    rng = np.random.default_rng(seed)
    at = np.arange(0, 3 * 3_600_000, 7_000, dtype=np.int64) + 1_717_171_200_123
    power = rng.normal(0, 100, at.size)
    bounds = [int(at[0]), 1_717_171_200_000 + 3_600_000, 1_717_171_200_000 + 5_400_500, int(at[-1])]
    whole = energies(at, power, 7.0)
    parts = [energies(*cut(at, power, Window(a, b), 7.0), 7.0) for a, b in itertools.pairwise(bounds)]
    # every quarter of every part is rounded to a milliwatt-hour
    assert sum(part.discharged or 0 for part in parts) == pytest.approx(whole.discharged, abs=15e-6)
    assert sum(part.charged or 0 for part in parts) == pytest.approx(whole.charged, abs=15e-6)
    assert sum(part.observed_s for part in parts) == pytest.approx(whole.observed_s, abs=1e-6)


def test_a_bound_inside_a_gap_takes_nothing():
    at, power = cut([0, 10_000, 100_000, 110_000], [5.0, 5.0, 5.0, 5.0], Window(50_000, 200_000), 10.0)
    assert (at.tolist(), power.tolist()) == ([100_000.0, 110_000.0], [5.0, 5.0])
    assert cut([], [], Window(0, 1), 1.0)[0].size == 0

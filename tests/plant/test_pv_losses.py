"""A day's losses by kind, by hand: which buckets are clipped, held back, out, or short of a string; they always add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis import pv_losses
from plant.analysis.pv_losses import Losses, losses

FIVE = 300_000
NAN = float("nan")
HOUR = 12  # buckets of five minutes


def of(power: list[float], potential: list[float], weak: list[float] | None = None, rated: float | None = 100.0) -> Losses:
    found = losses(power, potential, rated, 120.0, FIVE, weak)
    assert found is not None
    return found


def test_above_the_rating_it_is_clipping_the_rest_is_not() -> None:
    split = of([99.0] * HOUR + [40.0] * HOUR, [120.0] * 2 * HOUR)
    assert split.clipping == pytest.approx(21.0 + 20.0)  # at its limit all that is missing, elsewhere what the limit takes anyway
    assert split.curtailment + split.outage + split.mismatch == 0
    assert split.other == pytest.approx(60.0)


def test_an_inverter_of_unknown_rating_clips_nothing() -> None:
    assert of([90.0] * HOUR, [110.0] * HOUR, rated=None).clipping == 0


def test_sun_without_power_is_an_outage_but_dawn_and_silence_are_not() -> None:
    split = of([0.0] * HOUR + [0.0] * HOUR + [NAN] * HOUR, [50.0] * HOUR + [4.0] * HOUR + [50.0] * HOUR)
    assert split.outage == pytest.approx(50.0) and split.other == pytest.approx(4.0)
    assert split.hours == pytest.approx(2.0)


def test_power_that_stands_still_under_a_moving_sun_was_held_back() -> None:
    potential = np.linspace(60, 90, HOUR).tolist()
    split = of([40.0] * HOUR, potential)
    assert split.curtailment == pytest.approx(np.mean(potential) - 40.0)
    assert split.is_held.all() and split.other == pytest.approx(0.0, abs=1e-9)


def test_clipped_curtailed_and_unexplained_are_told_apart_in_one_day() -> None:
    """Three hours under a sun that would give 70 to 130 kW, rating 100 kW. First hour at the rating; second held at 60 kW; third at four
    fifths of what the sun would give, moving with it."""
    up, over = np.linspace(70, 95, HOUR), np.linspace(110, 130, HOUR)
    split = of([100.0] * HOUR + [60.0] * HOUR + (0.8 * up).tolist(), [*over, *up, *up])
    assert split.clipping == pytest.approx(120.0 - 100.0)  # mean of 110 … 130 less the rating, one hour
    assert split.curtailment == pytest.approx(82.5 - 60.0)
    assert split.other == pytest.approx(0.2 * 82.5)
    assert np.flatnonzero(split.is_held).tolist() == list(range(HOUR, 2 * HOUR))
    assert np.flatnonzero(split.is_clipped).tolist() == list(range(HOUR))


def test_what_is_held_under_a_sun_above_the_rating_is_clipping_and_curtailment() -> None:
    """Held at 60 kW under 110 to 130 kW: what the rating of 100 kW would have taken anyway, 20 kWh, is clipping, the other 40 curtailment.
    With half of the array off the power would be as low, but move with the sun."""
    sun = np.linspace(110, 130, HOUR)
    split = of([60.0] * HOUR, sun.tolist())
    assert (split.clipping, split.curtailment, split.other) == pytest.approx((20.0, 40.0, 0.0))
    half = of((0.5 * sun).tolist(), sun.tolist())
    assert (half.clipping, half.curtailment, half.other) == pytest.approx((20.0, 0.0, 40.0))


def test_twenty_minutes_are_no_curtailment() -> None:
    assert of([40.0] * 4, np.linspace(60, 90, 4).tolist()).curtailment == 0


def test_noon_is_flat_without_being_held() -> None:
    hours = np.linspace(-1, 1, 2 * HOUR)
    potential = 90 * np.cos(np.radians(15 * hours))
    assert of((0.5 * potential).tolist(), potential.tolist()).curtailment == 0  # half the array off: flat as the sun is


def test_a_dead_string_costs_its_share() -> None:
    amps = [[10.0] * 31 + [0.0], [0.3] * 32, [NAN] * 32, [10.0] * 16 + [9.8] * 16]
    share = pv_losses.weak_share(amps)
    assert share == pytest.approx([10 / 310, NAN, NAN, 0.0], nan_ok=True)
    split = of([62.0] * HOUR, [66.0] * HOUR, [float(share[0])] * HOUR)
    assert split.mismatch == pytest.approx(2.0) and split.other == pytest.approx(2.0)


def test_while_it_is_clipped_or_held_a_weak_string_costs_nothing() -> None:
    assert of([99.0] * HOUR, [120.0] * HOUR, [0.03] * HOUR).mismatch == 0
    assert of([40.0] * HOUR, np.linspace(60, 90, HOUR).tolist(), [0.03] * HOUR).mismatch == 0


@pytest.mark.parametrize(("power", "potential"), [([], []), ([NAN], [5.0]), ([5.0], [NAN]), ([NAN, 1.0], [1.0, NAN])])
def test_what_was_never_told_together_has_no_split(power: list[float], potential: list[float]) -> None:
    assert losses(power, potential, 100.0, 120.0, FIVE) is None


VALUES = st.floats(-5, 200) | st.just(NAN)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, st.floats(0, 0.5) | st.just(NAN)), max_size=60), st.sampled_from([None, 100.0]))
def test_the_kinds_always_add_up(rows: list[tuple[float, float, float]], rated: float | None) -> None:
    power, potential, weak = ([row[place] for row in rows] for place in range(3))
    split = losses(power, potential, rated, 120.0, FIVE, weak)
    both = [(p, c) for p, c, _ in rows if p == p and c == c]
    assert (split is None) == (not both)
    if split:
        parts = split.energy + split.clipping + split.curtailment + split.outage + split.mismatch + split.other
        assert parts == pytest.approx(sum(c for _, c in both) / 12, abs=1e-6) == pytest.approx(split.potential, abs=1e-6)
        assert split.clipping >= 0 and split.mismatch >= 0 and split.curtailment >= 0


def test_a_clear_hour_follows_the_clear_sky_and_a_cloud_ends_it() -> None:
    clear = np.full(3 * HOUR, 800.0)
    light = np.concatenate([np.full(HOUR, 760.0), np.tile([300.0, 790.0], HOUR // 2), np.full(HOUR, 760.0)])
    calm = pv_losses.clear_buckets(light, clear, FIVE)
    assert calm[3:9].all() and not calm[HOUR - 2 : 2 * HOUR + 2].any() and calm[-9:-3].all()
    assert not pv_losses.clear_buckets(light, np.full(3 * HOUR, 300.0), FIVE).any()  # the sun is too low to tell


def test_cleanness_by_hand() -> None:
    power, potential, clear = np.full(2 * HOUR, 57.0), np.full(2 * HOUR, 60.0), np.ones(2 * HOUR, bool)
    split = of(power.tolist(), potential.tolist())
    assert pv_losses.cleanness(power, potential, split, clear, 100.0, FIVE) == pytest.approx(0.95)
    assert pv_losses.cleanness(power, potential, split, clear, 100.0, FIVE, np.full(2 * HOUR, 0.02)) == pytest.approx(0.95 * 1.02)
    assert pv_losses.cleanness(power, potential, split, clear & (np.arange(2 * HOUR) < 11), 100.0, FIVE) is None  # 55 minutes
    assert pv_losses.cleanness(power, potential, split, clear, 60.0, FIVE) is None  # it could have been at its limit all the time

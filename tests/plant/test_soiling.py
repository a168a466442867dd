"""The hint at dirt: rate, interval and cleanings recovered from made-up days, silence where days are too few."""

import numpy as np
import pytest
from scipy import stats

from plant.analysis.soiling import Soiling, cleanings, soiling

RATE = 0.002


def days_with(cleaned: tuple[int, ...], noise: float, seed: int = 1, count: int = 45, rate: float = RATE) -> tuple[np.ndarray, np.ndarray]:
    """A ratio of 0.96 that falls by `rate` of it a day since the last cleaning."""
    at = np.arange(20_000.0, 20_000 + count)
    since = at - 20_000 - np.array([max([0, *(c for c in cleaned if c <= day)]) for day in range(count)])
    return at, 0.96 * (1 - rate * since) + np.random.default_rng(seed).normal(0, noise, count)


def test_the_rate_between_two_rains_is_found() -> None:
    at, ratio = days_with((15, 30), 0.001)
    hint = soiling(at, ratio)
    assert hint.is_dirty and hint.rate == pytest.approx(RATE, rel=0.15)
    assert hint.low is not None and hint.high is not None and hint.low < RATE < hint.high
    assert hint.starts == (20_000, 20_015, 20_030)
    assert hint.lost(20_044) == pytest.approx(14 * RATE, rel=0.15) and hint.lost(20_030) == 0


def test_cloudy_days_leave_holes_that_do_not_matter() -> None:
    at, ratio = days_with((15, 30), 0.001)
    ratio[np.random.default_rng(2).random(45) < 0.4] = np.nan
    hint = soiling(at, ratio)
    assert hint.is_dirty and hint.rate == pytest.approx(RATE, rel=0.25) and len(hint.starts) == 3


def test_slope_and_interval_of_one_stretch_are_those_of_theil_and_sen() -> None:
    at, ratio = days_with((), 0.002, count=30)
    hint, other = soiling(at, ratio), stats.theilslopes(ratio, at)
    clean = np.median(ratio - other.slope * (at - at[0]))
    assert hint.rate == pytest.approx(-other.slope / clean, rel=1e-9)
    assert (hint.low, hint.high) == pytest.approx((-other.high_slope / clean, -other.low_slope / clean), abs=2e-5)


def test_noise_alone_is_hardly_ever_called_dirt() -> None:
    found = [soiling(*days_with((), 0.01, seed, 40, 0.0)) for seed in range(60)]
    assert sum(hint.is_dirty for hint in found) <= 6  # one side of a 95 % interval
    assert all(hint.lost(20_039.0) == 0 for hint in found if not hint.is_dirty)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_clear_days_give_no_rate_but_a_reason(count: int) -> None:
    at, ratio = days_with((), 0.001, count=count)
    hint = soiling(at, ratio)
    assert (hint.rate, hint.low, hint.high, hint.days, hint.reason) == (None, None, None, count, "few days")
    assert hint.lost(20_000.0) is None


def test_silent_or_impossible_ratios_count_for_nothing() -> None:
    assert soiling([1.0, 2.0, float("nan")] * 5, [float("nan"), 0.0, 0.9] * 5).days == 0


def test_a_jump_up_is_a_cleaning_and_a_jump_down_is_not() -> None:
    clean = [0.95, 0.951, 0.95, 0.949, 0.95, 0.951]
    assert cleanings([r - 0.05 for r in clean] + clean) == [6]
    assert cleanings(clean + [r - 0.05 for r in clean]) == []


def test_what_was_lost_is_never_more_than_all() -> None:
    assert Soiling(0.1, 0.05, 0.2, (0.0,), 20).lost(100.0) == 1.0

"""Forecasts: nothing is read from the future, intervals hold what they promise, the best method is found where the truth is known, and
what cannot be known is said with a reason."""

import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis.forecast import life
from plant.analysis.forecast.interval import learned, quantiles
from plant.analysis.forecast.looks import looks, nearest, newest, usual
from plant.analysis.forecast.methods import BASELINES, balance, boosting, by_award, leaning, level, linear, usual_season
from plant.analysis.forecast.outlook import Outlook, outlook
from plant.analysis.forecast.past import Past, local_hours, on_grid
from plant.analysis.forecast.rolling import Trial, rolling
from plant.analysis.outcome import Figure
from plant.model import DAY, HOUR

START = 1_788_220_800_000
"""2026-09-01 00:00 UTC, a Tuesday."""
CHEAP = {**BASELINES, "usual": usual_season, "leaning": leaning}
NAN = float("nan")


def past(values, **more) -> Past:
    return Past(START, HOUR, 24, np.asarray(values, np.float64), **more)


def days(count: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """Hours of days that are alike but for noise."""
    chance = np.random.default_rng(seed)
    return 50 + 10 * np.sin(2 * np.pi * np.arange(24 * count) / 24) + noise * chance.standard_normal(24 * count)


# -- what is learned from


def test_a_grid_takes_the_mean_of_each_step_and_of_one_instant_the_last_word_whatever_the_clock_did():
    at = [START + 30 * 60_000, START, START + HOUR, START + HOUR, START - 1, START + 5 * HOUR]
    assert on_grid(at, [4.0, 2.0, 7.0, 9.0, 100.0, 100.0], START, HOUR, 3).tolist()[:2] == [3.0, 9.0]
    assert math.isnan(on_grid(at, [4.0, 2.0, 7.0, 9.0, 100.0, 100.0], START, HOUR, 3)[2])


def test_hours_and_weekdays_are_those_of_the_place_across_a_change_of_clocks():
    told = Past(1_792_972_800_000, HOUR, 24, np.zeros(0), zone=ZoneInfo("Europe/Berlin"))  # 2026-10-26 00:00 UTC, the day after
    hour, weekday = local_hours(told, 1)
    assert (hour[0], weekday[0]) == (1.0, 0.0)
    before = Past(1_792_886_400_000, HOUR, 24, np.zeros(0), zone=ZoneInfo("Europe/Berlin"))  # 2026-10-25: 02:00, 02:00, 03:00
    assert local_hours(before, 3)[0].tolist() == [2.0, 2.0, 3.0]


@settings(max_examples=15, deadline=None)
@given(st.integers(200, 300), st.integers(0, 2**31), st.sampled_from(sorted(CHEAP)))
def test_no_method_reads_what_was_told_at_or_after_its_origin(origin: int, seed: int, name: str):
    values = days(16, seed)
    changed = values.copy()
    changed[origin:] = np.random.default_rng(seed + 1).uniform(-1e6, 1e6, values.size - origin)
    known = past(values[:200])
    ask = CHEAP[name](known, 24)
    assert np.array_equal(ask(past(values), np.array([origin])), ask(past(changed), np.array([origin])), equal_nan=True)


@pytest.mark.parametrize("name", ["plain", "clear"])
def test_no_look_of_a_model_reads_the_future(name: str):
    values, origin = days(12), 230
    changed = values.copy()
    changed[origin:] = 1e9
    ahead = {"clear": np.abs(days(13))} if name == "clear" else {"plan": days(13)}
    seen = [looks(past(one, ahead=ahead), np.array([origin]), 24) for one in (values, changed)]
    assert np.array_equal(*seen, equal_nan=True)


def test_the_season_before_steps_back_as_far_as_was_told():
    told = past(np.arange(96.0))
    assert nearest(told, np.array([72]), 26)[0].tolist() == [*np.arange(48.0, 72.0), 48.0, 49.0]
    assert newest(past([1.0, 2.0, NAN]), np.array([3])).tolist() == [2.0]


def test_usual_is_the_median_of_seven_seasons_with_its_scatter():
    told = past(np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 70.0], 24))
    middle, scatter = usual(told, np.array([168]), 24)
    assert middle[0].tolist() == [4.0] * 24
    assert scatter[0, 0] == pytest.approx(math.sqrt((9 + 4 + 1 + 0 + 1 + 4 + 66**2) / 7))


# -- evaluation


def test_errors_of_rolling_origins_are_those_worked_out_by_hand():
    values = np.tile(np.arange(24.0), 16)
    values[15 * 24 :] += 2.0  # the last day is 2 higher
    trial = rolling(past(values), {"season": BASELINES["season"], "level": level}, 24)
    place = trial.origins.tolist().index(15 * 24)
    assert np.abs(trial.errors("season")[place]).tolist() == [2.0] * 24
    assert np.abs(trial.errors("season")[place - 1]).tolist() == [0.0] * 6 + [2.0] * 18


def test_each_fold_is_fitted_only_to_what_came_before_it():
    heard: list[int] = []

    def spy(known: Past, horizon: int):
        heard.append(known.n)
        return level(known, horizon)

    trial = rolling(past(days(20)), {"season": BASELINES["season"], "spy": spy}, 24)
    firsts = [int(trial.origins[trial.folds == fold][0]) for fold in range(6)]
    assert heard == firsts
    assert trial.origins[-1] + 24 == 20 * 24


def test_what_somebody_would_have_seen_is_of_the_method_that_was_best_before():
    origins, folds = np.arange(6), np.repeat([0, 1, 2], 2)
    actual = np.zeros((6, 1))
    told = {"season": np.full((6, 1), 3.0), "other": np.array([[1.0], [1.0], [5.0], [5.0], [7.0], [7.0]])}
    trial = Trial(origins, folds, actual, told, np.ones((6, 1)))
    # fold 1: "other" was best before (1 < 3) and errs by 5; fold 2: both err by 3 before, the plainer is taken and errs by 3
    assert trial.as_used() == (4.0, 3.0)
    assert trial.skill() == pytest.approx(-1 / 3)
    assert trial.has_signal() is False


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_hold_about_nine_of_ten_of_what_comes(seed: int):
    trial = rolling(past(days(45, seed)), CHEAP, 24)
    assert 0.84 <= (trial.coverage() or 0) <= 0.96


def test_conformal_quantiles_are_the_order_statistics_of_the_paper():
    assert quantiles(np.arange(1.0, 20.0)) == (1.0, 19.0)  # 20 · 0.05 = 1st, 20 · 0.95 = 19th
    assert quantiles(np.array([3.0])) == (3.0, 3.0)


def test_an_interval_measures_errors_by_what_makes_it_narrowest():
    chance = np.random.default_rng(4)
    told = chance.uniform(1, 1000, (200, 4))
    in_proportion = learned(told * chance.normal(0, 0.1, told.shape), told, np.ones_like(told))
    everywhere_alike = learned(chance.normal(0, 1, told.shape), told, chance.uniform(1, 1000, told.shape))
    assert (in_proportion.measure, everywhere_alike.measure) == ("size", "even")


def test_noise_about_a_day_is_told_by_more_than_yesterday_and_by_name():
    found = outlook(past(days(30)), 24, among=CHEAP)
    assert isinstance(found, Outlook)
    skill = found.trial.skill()
    # the median of 7 errs by σ·sqrt(1 + π/14) ≈ 1.1 σ, yesterday by 1.41 σ
    assert skill is not None and 0.1 < skill < 0.32 and found.trial.has_signal()
    assert found.method not in BASELINES and found.baseline in BASELINES
    assert np.all((found.low < found.value) & (found.value < found.high))
    assert found.total[0].value == pytest.approx(found.value.sum())
    assert found.start == START + 30 * DAY and found.before_start == START + 29 * DAY


def test_learned_models_see_what_a_season_does_not_show():
    pytest.importorskip("sklearn")
    plan = np.random.default_rng(6).uniform(0, 10, 24 * 21)
    told = past(20 + 3 * plan[: 24 * 20] + np.random.default_rng(7).normal(0, 0.5, 24 * 20), ahead={"plan": plan})
    trial = rolling(told, {"season": BASELINES["season"], "linear": linear, "boosting": boosting}, 24, folds=1)
    naive = trial.mae("season")
    # yesterday errs by the mean distance of two uniform numbers, 3 · 10/3; the plan explains all but the noise (0.4)
    assert naive == pytest.approx(10.0, rel=0.1)
    assert (trial.mae("linear") or 9) < 1.5 and (trial.mae("boosting") or 9) < 3.0


def test_pure_chance_has_no_signal():
    steps = np.cumsum(np.random.default_rng(3).standard_normal(24 * 30))
    trial = rolling(past(steps), CHEAP, 24)
    assert trial.best() == "persistence" and trial.has_signal() is False


def test_a_charge_follows_its_schedule_through_the_energy_balance():
    plan = np.zeros(24 * 31)
    chance = np.random.default_rng(5)
    for day in range(31):
        hour = int(chance.integers(2, 9))
        plan[24 * day + hour], plan[24 * day + hour + 12] = -400.0, 320.0  # 40 % in at 100 %·h/1000 kW, 40 % out at 0.8
    change = np.where(plan < 0, -plan * 0.1, -plan * 0.125)
    values = (30 + np.cumsum(change))[: 24 * 30]
    told = past(values, ahead={"scheduled": plan}, lowest=0.0, highest=100.0)
    trial = rolling(told, {"season": BASELINES["season"], "balance": balance}, 24)
    ours, naive = trial.mae("balance"), trial.mae("season")
    assert ours is not None and naive is not None and ours < 0.35 * naive


def test_income_follows_awards_at_the_share_each_sort_paid():
    worth = np.zeros(24 * 3)
    worth[::2] = 100.0
    other = np.zeros(24 * 3)
    other[1::2] = 10.0
    told = past(np.where(worth > 0, 80.0, 15.0)[:48], ahead={"dreg": worth, "edreg out": other})
    assert by_award(told, 24)(told, np.array([48]))[0].tolist() == pytest.approx([80.0, 15.0] * 12)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "nothing was told"),
        ([1.0], "the history is too short"),
        (np.full(24 * 20, NAN), "nothing was told"),
        (np.full(24 * 20, 5.0), "it never changed"),
        (days(7), "the history is too short"),
        (np.where(np.arange(480) % 3 == 0, days(20), NAN), "more than half of the history is missing"),
        (np.where(np.arange(480) < 450, days(20), NAN), "nothing was told lately"),
    ],
)
def test_what_cannot_be_told_is_none_with_a_reason(values, reason: str):
    assert outlook(past(values), 24) == Figure(None, reason)


def test_gaps_are_no_zeros_and_no_end():
    values = days(20)
    values[100:150] = NAN
    values[300:303] = NAN
    found = outlook(past(values), 24, among=CHEAP)
    assert isinstance(found, Outlook) and np.isfinite(found.value).all() and found.value.min() > 30


# -- remaining life


def test_a_straight_fall_reaches_the_end_of_life_when_it_must():
    pytest.importorskip("statsmodels")
    day = np.arange(400.0)
    found = life.by_health(day, 95 - 0.01 * day + 0.001 * np.sin(day), 80.0)
    # 95 − 3.99 = 91.01 on the last day; 11.01 at 0.01 a day are 1101 days
    assert found.left.value == pytest.approx(1101 / 365.25, rel=0.01)
    assert found.low is not None and found.high is not None and found.low < found.left.value < found.high


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        ([], "fewer than 30 days with a state of health"),
        ([98.0] * 29, "fewer than 30 days with a state of health"),
        ([NAN] * 100, "fewer than 30 days with a state of health"),
        ([98.0] * 100, "the state of health shows no fall beyond its scatter"),
        (list(np.linspace(98, 97.9, 60)), "less than a twentieth of the remaining fall has been seen"),
    ],
)
def test_a_life_that_history_does_not_show_is_not_assessable(health: list[float], reason: str):
    found = life.by_health(np.arange(float(len(health))), health, 80.0)
    assert (found.left.value, found.left.reason) == (None, reason)


def test_full_cycles_last_as_long_as_their_pace_says():
    pytest.importorskip("scipy")
    found = life.by_cycles([1.0] * 70, 70.0, 6000.0)
    assert found.left.value == pytest.approx(5930 / 365.25)
    assert (found.low, found.high) == (pytest.approx(5930 / 365.25), pytest.approx(5930 / 365.25))  # a steady pace leaves no doubt
    uneven = life.by_cycles([0.5] * 35 + [1.5] * 35, 70.0, 6000.0)
    # weeks 0.5 ×5, 1.5 ×5: s = 0.527, t(0.95; 9) = 1.833, reach = 1.833·0.527/√10 = 0.3055
    assert uneven.low == pytest.approx(5930 / 1.3055 / 365.25, rel=1e-3)
    assert uneven.high == pytest.approx(5930 / 0.6945 / 365.25, rel=1e-3)
    assert life.by_cycles([0.0] * 40, 0.0, 6000.0).left.reason == "it was not cycled"
    assert life.by_cycles([1.0] * 40, 7000.0, 6000.0).left.value == 0.0

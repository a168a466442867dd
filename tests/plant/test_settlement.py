"""Settlement: the worked examples of DOMAIN §3.5, and arithmetic by hand beside them."""

import time
from dataclasses import replace
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant import rules
from plant.analysis import settlement as s
from plant.model import HOUR, ScheduleEvent
from tests.pace import on_this_machine

NOON = 1_704_081_600_000  # 2024-01-01T04:00:00Z, noon in Taipei
NARROW, WIDE, EDREG = (rules.version(name, NOON) for name in ("dreg0.25", "dreg0.5", "edreg"))


@pytest.mark.parametrize(
    ("product", "hz", "upper", "lower"),
    [
        ("dreg0.25", 59.90, 37.6667, 31.6667),  # 52 − 43/3 and 52 − 61/3, a third of the way from 59.86 to 59.98
        ("dreg0.25", 60.0, 9.0, -9.0),
        ("dreg0.25", 60.14, -52.0, -52.0),
        ("dreg0.25", 59.60, 100.0, 100.0),
        ("dreg0.5", 59.90, 22.5652, 10.8261),  # 48 − 39·15/23 and 48 − 57·15/23
        ("dreg0.5", 59.75, 48.0, 48.0),
        ("dreg0.5", 60.50, -100.0, -100.0),
        ("edreg", 59.50, 100.0, 100.0),
        ("efr2", 49.75, 48.4536, 48.4536),
        ("efr1", 50.25, -44.4444, -44.4444),
    ],
)
def test_the_envelope_is_linear_between_its_points_and_rounded_to_four_decimals(product, hz, upper, lower):
    low, high = s.bounds(rules.version(product, NOON).curve, np.array([hz]))
    assert (low[0], high[0]) == (pytest.approx(lower, abs=1e-12), pytest.approx(upper, abs=1e-12))


def test_a_frequency_beyond_the_clamp_asks_for_no_more_than_at_the_clamp():
    low, _ = s.bounds(WIDE.curve, np.array([55.0, 59.5]))
    assert low[0] == low[1] == 100.0


@pytest.mark.parametrize(
    ("product", "hz", "percent", "score"),
    [
        ("dreg0.5", 59.90, 30.0, 93),  # DOMAIN: 100 − (30 − 22.5652) = 92.5652
        ("dreg0.5", 59.87, 22.96, 100),  # DOMAIN: inside
        ("dreg0.5", 60.0, 9.5, 100),  # 99.5 goes up
        ("dreg0.5", 60.0, 9.6, 99),
        ("dreg0.5", 60.0, -12.0, 97),
        ("dreg0.5", 60.0, 200.0, 0),  # 100 − 191
        ("dreg0.5", 59.5, 120.0, 100),  # full power is asked for and given
        ("dreg0.5", 59.5, 90.0, 90),
        ("dreg0.5", 60.5, -130.0, 100),
        ("dreg0.25", 59.90, 31.6667, 100),
        ("dreg0.25", 59.90, 21.6667, 90),
    ],
)
def test_a_second_scores_by_its_distance_from_the_envelope_half_up(product, hz, percent, score):
    awarded = 5.0
    assert s.scores(rules.version(product, NOON), [hz], [percent * awarded * 10], awarded)[0] == score


def test_the_band_of_edreg_is_moved_by_the_scheduled_transfer():
    # 10 MW awarded, 3.4 MW to be discharged: at 60 Hz 25 % … 43 %
    assert s.scores(EDREG, [60.0] * 4, [2500.0, 4300.0, 0.0, 4400.0], 10.0, 3.4).tolist() == [100, 100, 75, 99]
    assert s.scores(EDREG, [60.0] * 2, [-2500.0, 0.0], 10.0, -3.4).tolist() == [100, 75]


@pytest.mark.parametrize(("hz", "kw", "mw"), [(np.nan, 0.0, 5.0), (60.0, np.nan, 5.0), (60.0, 0.0, 0.0), (60.0, 0.0, np.nan)])
def test_a_second_in_which_something_is_missing_scores_nothing(hz, kw, mw):
    assert s.scores(WIDE, [hz], [kw], mw)[0] == 0


def test_with_a_lag_the_power_answers_the_frequency_of_the_second_before():
    late = replace(WIDE, lag_s=1)
    hz, kw = [59.75, 60.0, 60.0], [0.0, 2400.0, 0.0]
    assert s.scores(late, hz, kw, 5.0).tolist() == [0, 100, 100]
    assert s.scores(WIDE, hz, kw, 5.0).tolist() == [52, 61, 100]  # 100 − 48, 100 − (48 − 9)


def test_the_rolling_score_is_the_best_of_four_seconds():
    assert s.rolled([90, 10, 20, 30, 40, 0, 0, 0, 0, 0], 4).tolist() == [90, 90, 90, 90, 40, 40, 40, 40, 0, 0]


def test_an_hour_is_as_good_as_its_worst_rolling_score_and_needs_three_seconds_before():
    score = np.full(3603, 100)
    score[:3] = 0
    score[3:6] = 97  # the hour's first three seconds
    score[1000:1003] = 0  # three bad ones in a row hide behind the fourth
    assert s.rate(WIDE, score, 3) == 97
    score[:3] = [0, 0, 99]  # the second before the hour saves its first three
    assert s.rate(WIDE, score, 3) == 99


def test_four_missing_seconds_in_a_row_cost_the_hour():
    for missing, rate, q in ((3, 100.0, 1.0), (4, 0.0, -1.0)):
        hz, kw = np.full(3603, 60.0), np.full(3603, 100.0)
        kw[500 : 500 + missing] = np.nan
        found = s.judge(NARROW, hz, kw, 3, mw=5.0, price=0.0)
        assert (found.rate, found.q) == (rate, q)
        assert found.coverage == pytest.approx((3600 - missing) / 3600)


@pytest.mark.parametrize(
    ("rate", "q"),
    [(100, 1), (95, 1), (94, 0.8), (93, 0.6), (92, 0.4), (91, 0.2), (90, 0), (70, 0), (69, -1), (0, -1)],
)
def test_the_index_falls_in_steps(rate, q):
    assert s.index(NARROW, rate) == q


@pytest.mark.parametrize(("percent", "money"), [(95, 1750.0), (94, 1400.0), (90, 0.0), (69, -1750.0)])
def test_five_megawatts_at_price_nought_earn_what_the_market_says(percent, money):
    assert s.fees(NARROW, mw=5, price=0, q=s.index(NARROW, percent)).total == money


def test_fees_by_hand():
    assert s.fees(NARROW, mw=4.5, price=850, q=0.8) == s.Fees(pytest.approx(3060.0), pytest.approx(1260.0), 0.0)
    # the index does not touch the energy fee: 10 MW, price 20, q −1
    assert s.fees(EDREG, mw=10, price=20, q=-1, energy=6800.0) == s.Fees(-200.0, -4750.0, 6800.0)


def test_a_product_without_verified_constants_shows_no_money():
    for name in ("sreg", "spinning", "supplemental", "efr1", "efr2"):
        found = rules.version(name, NOON)
        assert not found.verified
        assert s.fees(found, mw=5, price=100, q=1) is None


@pytest.mark.parametrize(("transfer", "money"), [(3.4, 2000 * 6.0 * 0.25), (-3.4, 500 * 6.0 * 0.25), (0.0, 0.0)])
def test_energy_is_paid_by_the_direction_of_the_transfer(transfer, money):
    quarters = [1000.0, -2000.0, 3000.0, np.nan]  # Σ|P̄| = 6 MW
    assert s.energy_fee(EDREG, quarters, transfer) == money


def test_part_of_an_hour_earns_its_part():
    hz, kw = np.full(2703, 60.0), np.full(2703, 3400.0)
    # 10 MW with 3.4 MW of transfer for three quarters of an hour: 475 · 10 · 0.75 and 2000 · 3.4 · 0.75
    assert s.judge(EDREG, hz, kw, 3, 10.0, 0.0, 3.4).fees == s.Fees(0.0, 3562.5, pytest.approx(5100.0))
    # a minute of it: 6800 / 60 = 113.333…, in hundredths
    assert s.judge(EDREG, hz[:63], kw[:63], 3, 10.0, 0.0, 3.4).fees.energy == 113.33


def test_quarter_means_leave_silent_seconds_out():
    kw = np.full(3600, np.nan)
    kw[:450] = 100.0
    kw[900:1800] = np.tile([200.0, 400.0], 450)
    assert np.array_equal(s.quarter_means(kw), [100.0, 300.0, np.nan, np.nan], equal_nan=True)


def test_the_energy_lost_in_a_month_beyond_the_allowance():
    # 1000/0.98 − 700·0.98 = 334.41, allowed 204.08
    assert s.energy_loss(1000, 700, 0.02) == pytest.approx(130.3265, abs=1e-4)
    assert s.energy_loss(1000, 900, 0.02) == 0.0


def test_each_second_of_a_called_reserve_scores_the_share_it_gave():
    assert s.answered([4500.0, 6000.0, -100.0, np.nan], 5.0).tolist() == [90.0, 100.0, 0.0, 0.0]
    assert s.answered([4500.0], 0.0).tolist() == [0.0]


@pytest.mark.parametrize("percent", [95, 94, 93, 92, 91, 70])
def test_a_reserve_that_gives_exactly_a_step_has_that_step(percent):
    """1,045 of 1,100 kW are 95 %, though not in binary fractions: whatever was awarded, the index is that of the step itself."""
    spinning = rules.version("spinning", NOON)
    worth = dict(spinning.steps)[float(percent)]
    for tenths in range(1, 400):
        given = s.answered(np.full(900, tenths * percent), tenths / 10)
        assert s.index(spinning, float(given.mean())) == worth, tenths
        assert not (given > percent).any()
    mixed = np.concatenate([np.full(450, 11.0 * (percent - 1)), np.full(450, 11.0 * (percent + 1))])
    assert s.index(spinning, float(s.answered(mixed, 1.1).mean())) == worth


def test_the_one_sided_reserve_has_ten_seconds_to_give_all_of_it():
    sreg = rules.version("sreg", NOON)
    hz = np.r_[np.full(20, 60.0), np.full(40, 59.87)]
    for late, worst in ((10, 100), (13, 100), (14, 0)):  # a second missed is forgiven while one of the three before it was good
        kw = np.r_[np.zeros(20 + late), np.full(40 - late, 5000.0)]
        assert s.rolled(s.scores(sreg, hz, kw, 5.0), sreg.roll_s)[20:].min() == worst
    # above the trigger nothing is asked, in either direction: one-sided
    assert s.scores(sreg, [60.2, 60.0, 59.9], [-4000.0, 900.0, 0.0], 5.0).tolist() == [100, 100, 100]


def test_bounds_are_eased_over_the_seconds_a_product_may_take_and_silence_stays_silent():
    lower, upper = s.eased(np.array([0.0, 50.0, np.nan, 50.0]), np.array([9.0, 60.0, np.nan, 60.0]), 2)
    assert np.array_equal(lower, [0.0, 0.0, np.nan, 50.0], equal_nan=True)
    assert np.array_equal(upper, [9.0, 60.0, np.nan, 60.0], equal_nan=True)


def test_frequency_response_of_britain_is_the_mean_of_each_half_hour():
    efr = rules.version("efr2", NOON)
    hz, kw = np.full(3600, 50.0), np.zeros(3600)
    kw[1800:] = 3000.0  # 30 % of 10 MW where 9 % and 1 % of tolerance are permitted: 80
    found = s.judge(efr, hz, kw, 0, mw=10.0, price=0.0)
    assert (found.rate, found.q, found.fees) == (90.0, (1 + 0.75) / 2, None)


def test_the_seconds_before_are_judged_by_the_award_that_held_then():
    hz, kw = np.full(3603, 60.0), np.full(3603, 100.0)
    kw[3:6] = 50_000.0  # three bad seconds at once: only a good one before saves the hour
    assert s.judge(NARROW, hz, kw, 3, 5.0, 0.0).rate == 100
    assert s.judge(NARROW, hz, kw, 3, 5.0, 0.0, before=np.array([0, 0, 40])).rate == 40


def plain_score(rule, hz, kw, mw):
    """The same by hand, a second at a time, without numpy."""
    points = list(zip(rule.curve.hz, rule.curve.lower, rule.curve.upper, strict=True))
    hz = min(max(hz, 59.5), 60.5)
    if hz <= points[0][0]:
        low, high = points[0][1:]
    elif hz >= points[-1][0]:
        low, high = points[-1][1:]
    else:
        k = max(i for i in range(len(points) - 1) if points[i][0] <= hz)
        (a, la, ua), (b, lb, ub) = points[k], points[k + 1]
        low, high = (x + (y - x) * (hz - a) / (b - a) for x, y in ((la, lb), (ua, ub)))
    low, high, p = round(low, 4), round(high, 4), 100 * kw / (mw * 1000)
    if low <= p <= high or (low == 100 and p >= 100) or (high == -100 and p <= -100):
        return 100
    return max(0, floor(100 - min(abs(p - low), abs(p - high)) + 0.5))


@given(st.floats(59.3, 60.7), st.floats(-8000, 8000), st.sampled_from([1.0, 4.5, 5.0, 10.0]), st.sampled_from([NARROW, WIDE]))
def test_vectors_score_as_a_plain_loop_does(hz, kw, mw, rule):
    assert abs(int(s.scores(rule, [hz], [kw], mw)[0]) - plain_score(rule, hz, kw, mw)) <= (1 if _is_half(hz, kw, mw, rule) else 0)


def _is_half(hz, kw, mw, rule):
    """Within binary noise of a half or of a rounded bound, either neighbour is right."""
    low, high = (float(x) for x in s.bounds(rule.curve, hz))
    away = max(100 * kw / (mw * 1000) - high, low - 100 * kw / (mw * 1000))
    return abs((away % 1) - 0.5) < 2e-4


@given(st.permutations(range(40)), st.lists(st.integers(0, 60_000), min_size=40, max_size=40, unique=True), st.integers(1, 39))
def test_the_order_and_the_batches_in_which_readings_come_change_nothing(order, at, cut):
    hz = [59.9 + 0.005 * k for k in range(40)]
    whole = s.on_seconds(at, hz, 0, 60)
    shuffled = [at[k] for k in order], [hz[k] for k in order]
    assert np.array_equal(s.on_seconds(*shuffled, 0, 60), whole, equal_nan=True)
    merged = [a + b for a, b in ((shuffled[0][cut:], shuffled[0][:cut]), (shuffled[1][cut:], shuffled[1][:cut]))]
    assert np.array_equal(s.on_seconds(*merged, 0, 60), whole, equal_nan=True)


def test_of_several_readings_in_a_second_the_latest_that_speaks_counts():
    assert s.on_seconds([1500, 1100, 1900, 3000], [5.0, 4.0, np.nan, 7.0], 1000, 3).tolist()[:1] == [5.0]
    assert np.isnan(s.on_seconds([1500], [5.0], 1000, 3)[1:]).all()


def test_a_day_is_scored_in_twenty_milliseconds():
    rng = np.random.default_rng(7)
    hz, kw = 60 + 0.05 * rng.standard_normal(86_400), 1000 * rng.standard_normal(86_400)
    taken = []
    for _ in range(9):
        start = time.thread_time()
        s.rolled(s.scores(WIDE, hz, kw, 5.0), 4)
        taken.append(time.thread_time() - start)
    assert min(taken) < on_this_machine(0.020)


def test_an_award_is_judged_by_its_quote_code_else_by_its_mode():
    def product(mode, code=""):
        return rules.product_of(ScheduleEvent(mode, NOON, NOON + HOUR, quote_code=code))

    assert [product("dreg"), product("edreg"), product("dreg", "DREG05"), product("dreg", "QC001")] == [
        "dreg0.25",
        "edreg",
        "dreg0.5",
        "dreg0.25",
    ]
    assert [product(mode) for mode in ("step", "scan", "full_power", "test_mode", "nonsense")] == [""] * 5
    assert product("scan", "DREG05") == ""  # a test is none the less


def test_a_newer_announcement_counts_from_its_day_on():
    newer = replace(NARROW, valid_from=NOON, performance=400.0)
    known = [newer, NARROW]
    assert [rules.version("dreg0.25", at, known).performance for at in (NOON - 1, NOON, NOON + HOUR)] == [350.0, 400.0, 400.0]
    assert rules.version("dreg0.25", 0, known) is None


def test_a_rule_set_comes_into_force_at_midnight_of_its_market():
    """The first award of 2027 in Taiwan begins at 2026-12-31T16:00Z; London's first of July 2027 at 23:00Z the day before."""
    text = (rules.FOLDER / "dreg025.toml").read_text("utf-8").replace("valid_from = 2020-01-01", "valid_from = 2027-01-01")
    made = rules.read(text)
    assert (made.valid_from, made.name) == (1_798_732_800_000, "dReg0.25 (2027-01-01)")
    first = 1_798_732_800_000  # 2026-12-31T16:00:00Z
    assert [rules.version("dreg0.25", at, [NARROW, made]) for at in (first - 1, first)] == [NARROW, made]
    british = (rules.FOLDER / "efr2.toml").read_text("utf-8").replace("valid_from = 2017-01-01", "valid_from = 2027-07-01")
    assert rules.read(british).valid_from == 1_814_396_400_000  # 2027-06-30T23:00:00Z


def test_every_rule_set_says_since_when_and_from_where():
    for rule in rules.rule_sets():
        assert rule.source, rule.product
        assert 0 < rule.valid_from < NOON
        assert rule.currency in ("TWD", "GBP")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("hz = [59.75, 59.86, 59.98, 60.02, 60.14, 60.25]", "hz = [59.86, 59.75, 59.98, 60.02, 60.14, 60.25]"),
        ("from = [95, 94, 93, 92, 91, 70]", "from = [70, 94, 93, 92, 91, 95]"),
        ("lag_s = 0", "lag_s = 2"),
        ("period_s = 3600", "period_s = 3599"),
        ("valid_from = 2020-01-01", 'valid_from = "then"'),
        ("valid_from = 2020-01-01", "valid_from = 2020-01-01T00:00:00Z"),
        ('zone = "Asia/Taipei"', 'zone = "/"'),
        ('aggregate = "min"', 'aggregate = "median"'),
    ],
)
def test_a_rule_set_that_makes_no_sense_is_refused(change, error):
    text = (rules.FOLDER / "dreg025.toml").read_text("utf-8")
    assert change in text
    assert rules.read(text) == NARROW
    with pytest.raises(ValueError):
        rules.read(text.replace(change, error))


# -- money to the last digit ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6).map(s.hundredths), max_size=60), st.randoms())
def test_hours_add_up_to_days_and_months_to_the_last_digit(hours, chance):
    from fractions import Fraction

    exact = sum(Fraction(round(one * 100)) for one in hours) / 100
    shuffled = hours[:]
    chance.shuffle(shuffled)
    cut = len(hours) // 3
    days = s.added(shuffled[:cut]), s.added(shuffled[cut:])
    assert s.added(hours) == s.added(shuffled) == s.added(days) == float(exact)


@given(
    st.lists(st.integers(0, 100), min_size=4, max_size=300), st.floats(0.1, 100), st.floats(0, 1000), st.sampled_from([NARROW, WIDE, EDREG])
)
def test_an_hour_never_earns_more_than_at_its_best(score, mw, price, rule):
    rate = s.rate(rule, score, 3)
    money, best = (s.fees(rule, mw, price, s.index(rule, one)).total for one in (rate, 100.0))
    assert money <= best


@given(st.floats(0.1, 50), st.sampled_from([0.01, 0.5, 2.0, 1000.0]), st.sampled_from(["dreg0.25", "dreg0.5", "edreg", "sreg", "efr2"]))
def test_scaling_award_and_power_together_leaves_the_scores(mw, factor, product):
    rule, chance = rules.version(product, NOON), np.random.default_rng(int(mw * 1000))
    hz = rule.curve.centre + chance.normal(0, 0.1, 200)
    kw = np.round(chance.normal(0, 1, 200), 2) * mw * 333.0
    one, other = s.scores(rule, hz, kw, mw, mw / 3), s.scores(rule, hz, kw * factor, mw * factor, mw * factor / 3)
    assert np.abs(one - other).max() <= 1  # exactly at a half binary noise may decide
    assert (one != other).mean() < 0.02


# -- bad input --------------------------------------------------------------------------------------------------------------------


def test_nothing_and_a_single_second_have_defined_results():
    assert s.scores(WIDE, [], [], 5.0).tolist() == []
    assert s.rate(WIDE, [], 0) is None
    with pytest.raises(ValueError, match="at least one second"):
        s.judge(WIDE, np.full(3, 60.0), np.zeros(3), 3, 5.0, 0.0)
    one = s.judge(WIDE, np.full(4, 60.0), np.zeros(4), 3, 5.0, 0.0)
    assert (one.rate, one.q, one.coverage, one.fees.total) == (100.0, 1.0, 1.0, s.hundredths(1750 / 3600))


def test_an_hour_in_which_nothing_was_said_costs_and_is_no_error():
    nothing = np.full(3603, np.nan)
    found = s.judge(WIDE, nothing, nothing, 3, 5.0, 0.0)
    assert (found.rate, found.q, found.coverage, found.fees.total, found.doubt) == (0.0, -1.0, 0.0, -1750.0, "")


def test_infinite_and_absurd_readings_score_nothing():
    assert s.scores(WIDE, [60.0, 60.0, np.inf, 60.0], [np.inf, 1e300, 0.0, -1e308], 5.0).tolist() == [0, 0, 0, 0]
    assert np.isnan(s.on_seconds([0, 1000], [np.inf, -np.inf], 0, 2)).all()


def test_clocks_that_run_back_repeat_and_jump_land_on_their_seconds():
    at = [5000, 4000, 4000, 3000, 9_999_999_000, -7000, 5000]
    grid = s.on_seconds(at, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 3000, 4)
    assert np.array_equal(grid, [4.0, 3.0, 7.0, np.nan], equal_nan=True)  # of one instant what came last


def test_a_negative_price_turns_the_capacity_fee_around():
    assert s.fees(NARROW, mw=5, price=-100, q=1).capacity == -500.0
    assert s.fees(NARROW, mw=5, price=-100, q=-1).capacity == 500.0


@pytest.mark.parametrize(
    ("hz_factor", "kw_factor", "doubt"),
    [(1, 1, ""), (1, 1000, "power-large"), (1, 1e-3, "power-small"), (1000, 1, "frequency"), (1 / 60, 1, "frequency")],
)
def test_units_off_by_a_thousand_are_flagged_and_not_repaired(hz_factor, kw_factor, doubt):
    hz = np.full(3603, 59.75)
    kw = np.full(3603, 2400.0)  # 48 % of 5 MW, as asked
    found = s.judge(WIDE, hz * hz_factor, kw * kw_factor, 3, 5.0, 0.0)
    assert found.doubt == doubt
    assert (found.rate == 100.0) is (doubt == "")


def test_a_plant_that_fails_honestly_is_not_called_a_unit_error():
    assert s.judge(WIDE, np.full(3603, 59.75), np.zeros(3603), 3, 5.0, 0.0).doubt == ""

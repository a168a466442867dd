"""Why seconds fell short and what they cost: seconds made by hand, 5 MW dReg0.5 (at 60 Hz ±450 kW, at 59.75 Hz 2,400 kW)."""

import numpy as np
import pytest

from plant import rules
from plant.analysis import shortfall
from plant.analysis.shortfall import Charge

NOON = 1_704_081_600_000
WIDE, EFR = rules.version("dreg0.5", NOON), rules.version("efr2", NOON)
N = 40


def kind_of(hz, kw, first, end, counted, charge=None):
    from services.scoring import band

    lower, upper = band(WIDE, hz, 5.0)
    return shortfall.kind(np.asarray(hz), np.asarray(kw), lower, upper, 5.0, first, end, counted, charge)


def test_silence_is_a_gap():
    assert kind_of(np.full(N, np.nan), np.full(N, np.nan), 10, 14, None) == ("gap", 0)


def test_an_answer_that_fits_the_frequency_of_three_seconds_ago_is_slow():
    hz = np.r_[np.full(20, 60.0), np.full(20, 59.75)]
    kw = np.r_[np.zeros(23), np.full(17, 2400.0)]
    assert kind_of(hz, kw, 20, 23, 22) == ("slow", 3)


def test_power_that_breaks_off_is_a_trip():
    hz, kw = np.full(N, 59.75), np.r_[np.full(20, 2400.0), np.zeros(20)]
    assert kind_of(hz, kw, 23, 40, 20) == ("trip", 0)
    # idle before, so it did not break off
    assert kind_of(np.r_[np.full(5, 60.0), np.full(35, 59.75)], np.zeros(N), 23, 40, 23) == ("envelope", 0)


@pytest.mark.parametrize(
    ("hz", "kw", "soc", "kind"),
    [(59.75, 0.0, 10.5, "soc"), (59.75, 0.0, 50.0, "envelope"), (60.25, 0.0, 94.5, "soc"), (60.25, 0.0, 10.5, "envelope")],
)
def test_a_battery_at_the_limit_in_the_way_it_was_asked(hz, kw, soc, kind):
    assert kind_of(np.full(N, hz), np.full(N, kw), 20, 30, 25, Charge(soc, 10.0, 95.0)) == (kind, 0)


def test_too_much_power_is_an_envelope_miss():
    assert kind_of(np.full(N, 60.0), np.full(N, 730.0), 20, 26, 20) == ("envelope", 0)


def test_half_an_hour_with_one_slip_by_hand():
    """94 in three rolling seconds: index 0.8; 350 · 5 = 1,750 at best, 1,400 now; without those seconds 1,750 again."""
    score = np.full(1803, 100)
    score[600:606] = 94
    found = shortfall.standing(WIDE, score, 3, 3600, 5.0, 0.0)
    assert (found.seconds, found.of, found.rate, found.q, found.next_rate, found.next_q) == (1800, 3600, 94.0, 0.8, 100.0, 1.0)
    assert (found.now.total, found.best.total, found.without.total, found.lost) == (1400.0, 1750.0, 1750.0, 350.0)


def test_mending_the_worst_leaves_the_second_worst():
    score = np.full(1803, 100)
    score[600:606], score[900:904] = 92, 0
    found = shortfall.standing(WIDE, score, 3, 3600, 5.0, 100.0)
    assert (found.rate, found.q, found.next_rate, found.next_q) == (0.0, -1.0, 92.0, 0.4)
    # (100 + 350) · 5 = 2,250: −2,250 now, 900 without the gap
    assert (found.now.total, found.without.total, found.lost) == (-2250.0, 900.0, 3150.0)


def test_a_spotless_hour_has_lost_nothing_and_the_rate_can_only_fall():
    good = shortfall.standing(WIDE, np.full(13, 100), 3, 3600, 5.0, 0.0)
    assert (good.rate, good.lost, good.seconds) == (100.0, 0.0, 10)
    later = np.full(20, 100)
    later[10:16] = 80
    assert shortfall.standing(WIDE, later, 3, 3600, 5.0, 0.0).rate == 80.0


def test_a_mean_goes_on_over_the_seconds_to_come():
    # half an hour of 80: the halves are 80 and 100, indices 0.75 and 1
    found = shortfall.standing(EFR, np.full(1800, 80), 0, 3600, 10.0, 0.0)
    assert (found.rate, found.q, found.now) == (90.0, 0.875, None)


def test_nothing_told_is_said_so():
    with pytest.raises(ValueError, match="nothing"):
        shortfall.standing(WIDE, np.full(3, 100), 3, 3600, 5.0, 0.0)

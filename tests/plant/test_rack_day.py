"""What racks did by the minute, by hand: rest, throughput, and cycles that span midnight."""

import numpy as np
import pytest

from plant.analysis import warranty
from plant.analysis.rack_day import LEAST_CYCLE, Minutes, RackDay, looks, rack_day, settled_in, wear
from plant.model import MINUTE, QUARTER

NAN = float("nan")


def minutes(current: list[float], peak: list[float] | None = None, **more: list[float]) -> Minutes:
    silent = np.full(len(current), NAN)
    columns = {name: np.array(more.get(name, silent), np.float64) for name in ("soc", "power", "apart", "warmer")}
    at = np.arange(len(current), dtype=np.int64) * MINUTE
    return Minutes(at, current=np.array(current, np.float64), peak=silent if peak is None else np.array(peak), **columns)


def test_a_rack_is_settled_after_a_quarter_of_an_hour_below_a_fiftieth_of_its_capacity() -> None:
    """280 A·h: below 5.6 A. Quiet from minute 10 on, settled from minute 25, until the current comes back in minute 40."""
    told = minutes([50.0] * 10 + [5.5] * 30 + [50.0] * 5)
    assert np.flatnonzero(settled_in(told, 280.0)).tolist() == list(range(25, 40))
    assert not settled_in(told, 270.0).any() and not settled_in(told, None).any()


def test_a_minute_that_swings_around_nothing_is_no_rest() -> None:
    quiet = minutes([0.0] * 40, [50.0] * 40)
    assert not settled_in(quiet, 280.0).any()


def test_spreads_are_those_of_the_rest() -> None:
    apart, warmer = [0.1] * 25 + [0.010] * 10 + [0.020] * 5, [9.0] * 25 + [2.0] * 15
    told = minutes([50.0] * 10 + [0.0] * 30, apart=apart, warmer=warmer)
    day = rack_day(told, settled_in(told, 280.0))
    assert (day.apart, day.warmer, day.rest_h) == (0.010, 2.0, 0.25)


def test_throughput_by_hand() -> None:
    """30 minutes at 120 A and 96 kW out, then 15 minutes at 80 A and 66 kW in: 60 and 20 A·h, 48 and 16.5 kWh, 80/560 of a full cycle."""
    told = minutes([120.0] * 30 + [-80.0] * 15, power=[96.0] * 30 + [-66.0] * 15)
    day = rack_day(told, settled_in(told, 280.0))
    assert (day.ah_out, day.ah_in, day.kwh_out, day.kwh_in) == pytest.approx((60.0, 20.0, 48.0, 16.5))
    assert day.observed_s == 45 * 60
    assert warranty.full_cycles([day], 280.0, None).value == pytest.approx(80 / 560)
    worn = wear([day, day])
    assert (worn.ah, worn.mwh) == pytest.approx((160.0, 0.129))


def test_five_minutes_between_readings_are_five_minutes_of_each() -> None:
    current = [NAN] * 60
    current[::5] = [60.0] * 12
    told = minutes(current)
    assert rack_day(told, settled_in(told, 280.0)).ah_out == pytest.approx(60.0)


def test_a_cycle_that_spans_midnight_is_one() -> None:
    """90 → 20 | 20 → 90 → 60: half a cycle down, half a one up (both 70 %), half of 30 %. Day by day the 70 % are the same, but the first
    day's is not closed."""
    days = [RackDay(turns=(90.0, 20.0)), RackDay(turns=(20.0, 90.0, 60.0))]
    found = wear(days)
    assert sorted((one.depth, one.count) for one in found.cycles) == [(30.0, 0.5), (70.0, 0.5), (70.0, 0.5)]
    assert found.full == pytest.approx(0.70 + 0.15) and found.deepest == 70.0
    assert found.mean == pytest.approx((55.0 * 70 + 75.0 * 15) / 85)


def test_swings_of_regulation_are_no_cycles() -> None:
    assert wear([RackDay(turns=(50.0, 50.6, 50.0, 50.6))]).cycles == ()
    assert LEAST_CYCLE == 1.0


def test_nothing_told_is_not_nothing_moved() -> None:
    told = minutes([NAN] * 10)
    day = rack_day(told, settled_in(told, 280.0))
    assert (day.ah_out, day.kwh_in, day.turns, day.rest_h, day.apart) == (None, None, (), 0.0, None)
    assert wear([day]) == wear([]) and wear([]).ah is None


def test_racks_are_looked_at_while_all_that_speak_rest() -> None:
    """Two quarters of an hour: in the first the second rack works on until minute 10; in the second the third one is silent, in the
    end only one is told."""
    at = np.arange(45, dtype=np.int64) * MINUTE
    soc = np.tile([50.0, 52.0, 40.0], (45, 1))
    soc[10:15, 1] = 53.0
    soc[15:30, 2] = NAN
    soc[30:, 1:] = NAN
    settled = np.ones((45, 3), bool)
    settled[:10, 1] = False
    when, charges = looks(at, soc, settled)
    assert when.tolist() == [0, QUARTER]
    assert charges[0].tolist() == [50.0, 53.0, 40.0]
    assert charges[1, :2].tolist() == [50.0, 52.0] and np.isnan(charges[1, 2])

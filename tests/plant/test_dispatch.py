"""A plan against prices: as good as trying everything, never past a limit, never both ways at once, and honest where there is none."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis.dispatch import Offer, Storage, Task, earning, greedy, idle, lacks_of
from plant.analysis.dispatch_milp import best_plan
from plant.errors import Invalid

BATTERY = Storage(100.0, 100.0, 200.0, 0.0, 100.0, 1.0, 1.0)


def task(prices, battery=BATTERY, start=50.0, end=None, held=None, out=None, into=None, **more) -> Task:
    n = len(prices)
    zeros = np.zeros(n)
    return Task(
        battery,
        np.ones(n),
        np.array(prices, float),
        start,
        start if end is None else end,
        np.full(n, np.nan) if held is None else np.array(held, float),
        zeros if out is None else np.array(out, float),
        zeros if into is None else np.array(into, float),
        zeros,
        **more,
    )


def tried(one: Task, steps: int) -> float:
    """The most any plan earns whose powers are multiples of a `steps`-th of the largest: everything is tried, in plain numbers."""
    battery, best = one.storage, -np.inf
    levels = [k / steps * (battery.discharge_kw if k > 0 else battery.charge_kw) for k in range(-steps, steps + 1)]
    for powers in product(levels, repeat=len(one.hours)):
        energy, money = one.start / 100 * battery.energy_kwh, 0.0
        for power, price in zip(powers, one.price, strict=True):
            energy -= power / battery.discharging if power > 0 else power * battery.charging
            money += power * price / 1000 - battery.wear * max(power, 0.0)
            if not battery.low / 100 * battery.energy_kwh - 1e-9 <= energy <= battery.high / 100 * battery.energy_kwh + 1e-9:
                break
        else:
            if energy >= one.end / 100 * battery.energy_kwh - 1e-9:
                best = max(best, money)
    return best


@settings(max_examples=15, deadline=None)
@given(prices=st.lists(st.integers(-100, 300), min_size=4, max_size=4), wear=st.sampled_from([0.0, 0.05]))
def test_without_losses_the_plan_earns_what_trying_everything_finds(prices, wear):
    # powers and energies are multiples of 100 kW·h, so some best plan is made of whole steps
    one = task(prices, replace(BATTERY, wear=wear))
    assert best_plan(one).total == pytest.approx(tried(one, 1), abs=1e-4)


def test_with_losses_no_tried_plan_earns_more_and_the_best_of_a_fine_grid_comes_near():
    one = task([40, -30, 120, 80], replace(BATTERY, charging=0.9, discharging=0.9, wear=0.01, low=10.0, high=90.0))
    found, grid = best_plan(one).total, tried(one, 10)
    assert grid <= found + 1e-6
    assert found == pytest.approx(grid, rel=0.1)


def test_two_hours_by_hand():
    # 10 per MWh bought, 100 sold, 90 % each way, 100 kW: 100 kWh bought, 81 sold, 0.02 of wear for each
    found = best_plan(task([10, 100], replace(BATTERY, charging=0.9, discharging=0.9, wear=0.02)))
    assert found.charge == pytest.approx([100, 0])
    assert found.discharge == pytest.approx([0, 81], abs=1e-4)
    assert found.total == pytest.approx(-1.0 + 8.1 - 1.62, abs=1e-4)
    assert found.soc == pytest.approx([50, 95, 50], abs=1e-4)


def test_no_plan_charges_and_discharges_at_once_at_negative_prices():
    # full already: burning 19 % of what is bought would be paid for, if a battery could do both at once
    found = best_plan(task([-100, -100], replace(BATTERY, charging=0.9, discharging=0.9), start=100.0, end=100.0))
    assert np.minimum(found.charge, found.discharge).max() == 0.0
    # what is left to earn: out in one hour, in in the other; 100 kWh in store 90, of which 81 came out before
    assert found.total == pytest.approx((100 - 81) * 0.1, abs=1e-4)


def test_a_spread_that_does_not_pay_for_losses_and_wear_is_left_alone():
    found = best_plan(task([50, 60], replace(BATTERY, charging=0.9, discharging=0.9)))
    assert (found.charge.max(), found.discharge.max(), found.total) == (0.0, 0.0, 0.0)


def test_an_awarded_hour_is_kept_free_and_finds_its_room():
    # 50 kW both ways for an hour around hour 1: between 50 and 150 kWh before and after it
    one = task([-1, 500, 100], start=100.0, held=[np.nan, 0, np.nan], out=[0, 50, 0], into=[0, 50, 0], sustain=1.0, end=0.0)
    found = best_plan(one)
    assert found.charge[1] == found.discharge[1] == 0.0
    assert found.soc[1:3] == pytest.approx([75, 75])
    assert found.discharge[2] == pytest.approx(100.0)
    assert lacks_of(one, found) == []


def test_capacity_is_offered_where_it_earns_more_than_energy():
    offer = Offer(np.array([5.0, 5.0, 60.0]), most=0.1)
    found = best_plan(task([10, 100, 50], offer=offer, sustain=0.5))
    assert found.offered[2] == pytest.approx(0.1)
    assert found.service[2] == pytest.approx(6.0)
    assert found.discharge[1] == pytest.approx(100.0)  # 10 for 0.1 MWh, where the offer gave 0.5


def test_an_offer_is_within_its_powers_or_not_made():
    battery = replace(BATTERY, discharge_kw=80.0)  # below the least bid of 0.1 MW
    assert best_plan(task([0, 0], battery, offer=Offer(np.array([9.0, 9.0]), 1.0, 0.1))).offered.max() == 0.0


@settings(max_examples=20, deadline=None)
@given(
    prices=st.lists(st.floats(-500, 500), min_size=2, max_size=12),
    start=st.floats(10, 90),
    wear=st.floats(0, 0.1),
    both=st.floats(0.7, 1.0),
    room=st.floats(0, 60),
    offered=st.none() | st.floats(0, 100),
)
def test_no_plan_breaks_a_limit_or_earns_less_than_the_rule(prices, start, wear, both, room, offered):
    n = len(prices)
    battery = Storage(100.0, 90.0, 200.0, 10.0, 90.0, both, both, wear)
    awards = np.zeros(n)
    awards[n // 2] = room
    held = np.where(awards > 0, 0.0, np.nan)
    offer = None if offered is None else Offer(np.full(n, offered), 0.05, 0.01)
    one = task(prices, battery, start, held=held, out=awards, into=awards, sustain=0.25, offer=offer)
    found, rule = best_plan(one), greedy(one)
    assert np.minimum(found.charge, found.discharge).max() == 0.0
    if found.lacks:
        return
    assert lacks_of(one, found, 1e-5) == []
    if not lacks_of(one, rule):
        assert rule.total <= found.total + 1e-3
    if not lacks_of(one, idle(one)):
        assert idle(one).total <= found.total + 1e-3


def test_the_rule_trades_the_best_pair_first():
    found = greedy(task([10, 50, 20, 100]))
    assert found.charge == pytest.approx([100, 0, 100, 0])
    assert found.discharge == pytest.approx([0, 100, 0, 100])
    assert found.total == pytest.approx((100 - 10 + 50 - 20) * 0.1)


def test_what_cannot_be_kept_is_said_and_as_small_as_it_can_be():
    # 60 kWh in store, 190 asked for at the end, two hours of 50 kW: 30 are missing, and both hours charge
    found = best_plan(task([10, 900], replace(BATTERY, charge_kw=50.0), start=30.0, end=95.0))
    assert [(lack.what, round(lack.amount, 3)) for lack in found.lacks] == [("end", 30.0)]
    assert found.charge == pytest.approx([50, 50])


def test_an_award_beyond_the_power_is_said():
    one = task([10, 20], held=[0, np.nan], out=[150, 0], into=[0, 0], sustain=0.0)
    assert [(lack.what, lack.place, round(lack.amount)) for lack in best_plan(one).lacks] == [("power-out", 0, 50)]


def test_a_charge_outside_its_limits_is_brought_back_and_said():
    one = task([10, 20, 30], replace(BATTERY, low=20.0), start=5.0, end=20.0)
    found = best_plan(one)
    assert {lack.what for lack in found.lacks} == {"low"}
    assert found.soc[-1] >= 20 - 1e-3


def test_a_day_of_quarter_hours_is_planned():
    dice = np.random.default_rng(2)
    prices = 50 + 80 * np.sin(np.arange(96) / 96 * 4 * np.pi) + dice.normal(0, 20, 96) - 30
    one = replace(task(prices, Storage(5e3, 5e3, 1e4, wear=0.01)), hours=np.full(96, 0.25))
    found = best_plan(one)
    assert lacks_of(one, found, 1e-5) == []
    assert found.total > greedy(one).total >= 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: replace(BATTERY, energy_kwh=0.0),
        lambda: replace(BATTERY, charge_kw=float("nan")),
        lambda: replace(BATTERY, discharge_kw=-1.0),
        lambda: replace(BATTERY, low=90.0, high=20.0),
        lambda: replace(BATTERY, charging=0.0),
        lambda: task([]),
        lambda: task([float("nan"), 1.0]),
        lambda: task([1e12, 1.0]),
        lambda: task([1.0], start=120.0),
        lambda: task([1.0], out=[-5.0]),
        lambda: task([1.0], sustain=-1.0),
        lambda: task([1.0], offer=Offer(np.array([1.0]), 1.0, 2.0)),
        lambda: replace(task([1.0]), hours=np.array([0.0])),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(Invalid):
        wrong()


def test_money_is_the_sum_of_its_parts():
    one = replace(task([10, 100], replace(BATTERY, wear=0.02)), service=np.array([3.0, 4.0]))
    found = earning(one, np.array([50.0, 0.0]), np.array([0.0, 40.0]), np.zeros(2), "by hand")
    assert (found.energy.sum(), found.service.sum(), found.wear.sum()) == pytest.approx((3.5, 7.0, 0.8))
    assert found.total == pytest.approx(9.7)

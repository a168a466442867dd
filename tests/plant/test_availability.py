"""Availability, warranty and round trips by cycle: the contracts' own arithmetic, and cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.analysis.availability import availability, of_racks, payment
from plant.analysis.battery_day import BatteryDay
from plant.analysis.round_trips import LONGEST, trips
from plant.analysis.warranty import Limit, accounts, beyond, full_cycles, terms
from plant.model import DAY, HOUR, QUARTER

T0 = 1_750_000_000_000 // QUARTER * QUARTER
NAN = float("nan")

# -- availability -------------------------------------------------------------------------------------------------------------


def test_a_tenth_missing_for_twenty_hours_is_two_hours():
    """PREPA's wording: a derate of 10 % for 20 h counts as 2 h (DOMAIN 3.4). Of 100 h that is 98 %, by time nothing is missing."""
    share = np.r_[np.full(80, 0.9), np.full(320, 1.0)]
    found = availability(share, np.zeros(400))
    assert (found.period, found.equivalent) == (100.0, pytest.approx(2.0))
    assert (found.by_hours.value, found.by_time.value) == (pytest.approx(98.0), 100.0)
    assert found.by_interval.value == pytest.approx(98.0)
    assert found.payment.value == pytest.approx(100.0)


def test_excused_hours_do_not_count_against_the_plant():
    """Of 100 h it stood 10, of which 4 were planned: (100 − 10 + 4)/100."""
    share, excused = np.r_[np.zeros(40), np.ones(360)], np.r_[np.ones(16), np.zeros(384)]
    found = availability(share, excused)
    assert (found.down, found.down_excused, found.by_time.value) == (10.0, 4.0, pytest.approx(94.0))
    assert found.by_interval.value == pytest.approx(94.0)
    assert found.payment.value == pytest.approx(92.0)  # 100 − 2·(98 − 94)


def test_what_was_contracted_decides_the_interval():
    """Half the power is enough where half was sold; where nothing was sold nothing is judged."""
    found = availability([0.5, 0.5, 0.0, 0.25], [0, 0, 0, 0], [0.5, 0.5, 0.0, 0.5])
    assert found.by_interval.value == pytest.approx(100 * (1 + 1 + 0.5) / 3)
    assert availability([1.0], [0], [0.0]).by_interval.value is None


@pytest.mark.parametrize(("available", "paid"), [(100.0, 100.0), (98.0, 100.0), (90.0, 84.0), (70.0, 44.0), (69.99, 0.0), (0.0, 0.0)])
def test_the_fee_falls_by_two_percent_for_each_percent(available, paid):
    assert payment(available).value == pytest.approx(paid)


@pytest.mark.parametrize("share", [[], [NAN, NAN]])
def test_nothing_told_is_no_availability(share):
    found = availability(share, np.zeros(len(share)))
    assert found.by_time.value is found.by_interval.value is found.payment.value is None
    assert found.by_time.reason
    assert payment(NAN).value is of_racks(None, 12).value is of_racks(3.0, 0).value is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_excuses_never_lower_and_equivalent_hours_never_undercut_the_time(share):
    none, all_ = availability(share, np.zeros(len(share))), availability(share, np.ones(len(share)))
    assert none.by_hours.value <= none.by_time.value + 1e-9
    assert all_.by_hours.value == pytest.approx(100.0)
    assert all_.by_time.value == pytest.approx(100.0)


# -- warranty -----------------------------------------------------------------------------------------------------------------

DAYS = [
    BatteryDay(
        T0 + k * DAY, T0 + (k + 1) * DAY, 86_400.0, ah_out=150.0, ah_in=160.0, kwh_out=120.0, kwh_in=130.0, c_rate_out=0.3 + k / 100,
        c_rate_in=0.2, cp_rate=0.4, temperatures={24: 20.0, 40: 3.0, 45: 1.0}, charges={4: 1.0, 50: 20.0, 95: 3.0}, resting={95: 2.0},
    )
    for k in range(400)
]  # fmt: skip
CONTRACT = {
    "source": "contract 7",
    "limits": [
        {"of": "efc", "most": 6000},
        {"of": "throughput_mwh", "most": 40},
        {"of": "c_rate", "most": 0.5},
        {"of": "temperature_hours", "above": 40, "most": 1000, "per": "year"},
        {"of": "soc_hours", "below": 5, "most": 1000},
        {"of": "rest_hours", "above": 90, "most": 2000},
    ],
}


def test_the_warranty_is_a_ledger_of_what_is_left():
    given_terms = terms(CONTRACT)
    assert given_terms is not None
    assert given_terms.faults == ()
    used = {one.limit.of: one for one in accounts(DAYS, given_terms, 200.0, 160.0)}
    assert used["efc"].used.value == pytest.approx(400 * 310 / 400)  # Σ|ΔAh| / (2·200 Ah)
    assert used["efc"].left == pytest.approx(6000 - 310)
    assert used["throughput_mwh"].left == pytest.approx(40 - 48)  # overdrawn
    assert used["throughput_mwh"].share == pytest.approx(120.0)
    assert used["c_rate"].used.value == pytest.approx(0.3 + 3.99)
    assert used["temperature_hours"].used.value == pytest.approx(365 * 4)  # of the last year
    assert used["soc_hours"].used.value == pytest.approx(400)
    assert used["rest_hours"].used.value == pytest.approx(800)


def test_without_limits_there_is_what_was_used_and_no_judgement():
    found = accounts(DAYS, None, 200.0, 160.0)
    assert [one.limit.of for one in found] == ["efc", "throughput_mwh", "c_rate", "cp_rate"]
    assert all(one.left is None and one.share is None and one.used.value is not None for one in found)
    assert all(one.used.value is None and one.used.reason for one in accounts([], None, 200.0, 160.0))


@pytest.mark.parametrize(
    "limit",
    [
        7, {}, {"of": "magic", "most": 1}, {"of": "efc", "most": -1}, {"of": "efc", "most": NAN}, {"of": "efc", "most": "6000"},
        {"of": "efc", "most": 5, "above": 3}, {"of": "soc_hours", "most": 5}, {"of": "soc_hours", "most": 5, "above": 120},
        {"of": "soc_hours", "most": 5, "above": 3, "below": 4}, {"of": "temperature_hours", "most": True, "above": 40},
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_named_and_left_out(limit):
    found = terms({"source": "x", "limits": [limit, {"of": "efc", "most": 10}]})
    assert found is not None
    assert found.limits == (Limit("efc", 10.0),)
    assert len(found.faults) == 1
    assert found.faults[0].startswith("limit 1:")


@pytest.mark.parametrize("given_terms", [None, "contract", 5, []])
def test_no_contract_is_no_terms(given_terms):
    assert terms(given_terms) is None
    assert terms({"limits": "many"}).limits == ()


def test_full_cycles_by_charge_else_by_energy():
    assert full_cycles(DAYS[:1], 310.0, 160.0).value == pytest.approx(0.5)  # 50 → 100 → 50 % (TWAICE)
    assert full_cycles(DAYS[:1], None, 125.0).value == pytest.approx(1.0)
    assert full_cycles(DAYS[:1], None, 125.0).note == "by energy"
    assert full_cycles(DAYS[:1], None, None).value is None


@given(st.dictionaries(st.integers(0, 99), st.floats(0, 24), max_size=20), st.floats(0, 100))
def test_above_and_below_are_all(hours, bound):
    assert beyond(hours, bound, None) + beyond(hours, None, bound) == pytest.approx(sum(hours.values()))


# -- round trips by cycle -----------------------------------------------------------------------------------------------------


def plant(days: int, eta: float = 0.81, drift: float = 0.0) -> dict[str, np.ndarray]:
    """1000 kWh, √0.81 each way: every day 08–12 charged by 400 kWh of stored energy, 16–20 discharged by as much (and `drift` % more)."""
    n, way = days * 96, eta**0.5
    hour = (np.arange(n) % 96) / 4
    stored = np.select([(hour >= 8) & (hour < 12), (hour >= 16) & (hour < 20)], [400 / 16, -(400 + 10 * drift) / 16])
    return {
        "at": T0 + QUARTER * np.arange(n), "soc": np.concatenate([[50.0], 50.0 + np.cumsum(stored) / 10]),
        "charged": np.maximum(stored, 0) / way, "discharged": np.maximum(-stored, 0) * way, "observed": np.ones(n),
    }  # fmt: skip


def run(usable=1000.0, aux=None, **told):
    return trips(told["at"], told["soc"], told["charged"], told["discharged"], told["observed"], usable, aux)


def test_each_cycle_has_its_own_round_trip():
    found = run(**plant(3))
    assert [round(trip.storage.value, 6) for trip in found] == [81.0] * 3
    assert [(trip.charged, trip.discharged) for trip in found] == [(pytest.approx(400 / 0.9), pytest.approx(360.0))] * 3
    assert (found[0].lowest, found[0].highest) == (50.0, 90.0)
    assert [trip.start for trip in found] == [T0, found[0].end, found[1].end]
    assert found[0].end - T0 == 20 * HOUR  # back at 50 % (within 1 %: the last quarter but none)
    assert found[0].system.value is None


def test_with_the_auxiliaries_it_is_the_systems():
    found = run(aux=np.full(96, 0.5), **plant(1))
    assert found[0].system.value == pytest.approx(100 * 360 / (400 / 0.9 + 40))
    assert "auxiliaries included" in found[0].system.note


def test_a_cycle_that_does_not_close_is_cut_and_corrected():
    *found, last = run(**plant(9, drift=2.0))
    assert (last.storage.value, last.storage.reason) == (None, "the cycle has not closed yet")
    assert all(trip.storage.value == pytest.approx(81.0, abs=0.5) for trip in found)
    assert len(found) > 1
    assert all(trip.end - trip.start <= LONGEST for trip in found)


def test_what_was_not_observed_is_not_assessed():
    told = plant(2)
    told["observed"][40:44] = 0.0
    first, second = run(**told)
    assert (first.storage.value, first.storage.reason) == (None, "the power was not observed throughout")
    assert second.storage.value == pytest.approx(81.0)


def test_a_plant_that_rests_or_tells_nothing_has_no_cycles():
    told = plant(4)
    still = {**told, "charged": np.zeros(384), "discharged": np.zeros(384)}
    assert run(**still) == []
    assert run(**{**told, "soc": np.full(385, NAN)}) == []
    assert run(usable=None, **told) == run(usable=0.0, **told) == []
    assert trips([], [NAN], [], [], [], 1000.0) == []


@given(st.integers(2, 50))
def test_a_larger_plant_has_the_same_efficiencies(factor):
    told = plant(2)
    large = {**told, "charged": told["charged"] * factor, "discharged": told["discharged"] * factor}
    one, other = run(**told), run(usable=1000.0 * factor, **large)
    assert [trip.storage.value for trip in one] == pytest.approx([trip.storage.value for trip in other])
    assert [trip.charged * factor for trip in one] == pytest.approx([trip.charged for trip in other])

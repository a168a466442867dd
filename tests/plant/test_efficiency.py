"""Losses and efficiencies: the interface document's own numbers, and cases worked by hand."""

import math

import pytest

from plant.analysis import efficiency as e


def test_the_documents_example():
    # S1 /analysis/power-loss: 480.2 in, 450.5 out
    assert round(e.efficiency(480.2, 450.5).value, 1) == 93.8
    assert round(e.loss(480.2, 450.5).value, 1) == 29.7


@pytest.mark.parametrize("charged", [None, float("nan"), -1.0, 0.0])
def test_no_efficiency_without_charge(charged):
    figure = e.efficiency(charged, 10.0)
    assert figure.value is None
    assert figure.reason


def test_loss_may_be_negative_when_more_came_out():
    assert e.loss(10.0, 12.0).value == -2.0


def test_auxiliary_share():
    assert e.auxiliary_share(15.2, 480.2).value == pytest.approx(100 * 15.2 / 495.4)
    assert e.auxiliary_share(0.0, 0.0).value is None
    assert e.auxiliary_share(None, 5.0).value is None


def test_round_trip_over_a_closed_cycle():
    figure = e.round_trip(1000.0, 880.0, 2000.0, soc_start=50.0, soc_end=50.4)
    assert figure.value == pytest.approx(88.0)
    assert "auxiliaries excluded" in figure.note


def test_system_round_trip_counts_the_auxiliaries():
    assert e.round_trip(1000.0, 880.0, 2000.0, soc_start=50, soc_end=50, auxiliary=100.0).value == pytest.approx(80.0)


def test_round_trip_corrects_for_a_changed_state_of_charge():
    # a battery of η = 0.81 (0.9 each way) and 1000 kWh: charge 1000 kWh AC = +900 stored, discharge 720 AC = -800 stored, +100 kWh = +10 %
    figure = e.round_trip(1000.0, 720.0, 1000.0, soc_start=40.0, soc_end=50.0)
    assert figure.value == pytest.approx(81.0, abs=0.1)
    # the other way round: charge 800/0.9 AC = +800, discharge 900 stored = 810 AC
    figure = e.round_trip(800 / 0.9, 810.0, 1000.0, soc_start=50.0, soc_end=40.0)
    assert figure.value == pytest.approx(81.0, abs=0.3)
    assert "-10.0 %" in figure.note


@pytest.mark.parametrize(
    ("charged", "discharged", "usable", "start", "end", "words"),
    [
        (100.0, 90.0, 1000.0, 50, 50, "0.2 equivalent full cycles"),
        (0.0, 900.0, 1000.0, 50, 50, "nothing was charged"),
        (1000.0, 900.0, 0.0, 50, 50, "energy content"),
        (1000.0, 900.0, 1000.0, None, 50, "state of charge"),
        (None, 900.0, 1000.0, 50, 50, "missing"),
        (1000.0, math.inf, 1000.0, 50, 50, "missing"),
        (800.0, 900.0, 1000.0, 50, 50, "not possible"),
    ],
)
def test_round_trip_not_assessable(charged, discharged, usable, start, end, words):
    figure = e.round_trip(charged, discharged, usable, soc_start=start, soc_end=end)
    assert figure.value is None
    assert words in figure.reason


def test_one_way_in_both_directions():
    assert round(e.one_way(425.5, 430.2, 500.0).value, 1) == 98.9  # S1's inverter sample
    assert e.one_way(-100.0, -97.0, 500.0).value == pytest.approx(97.0)


@pytest.mark.parametrize(("ac", "dc"), [(50.0, 52.0), (None, 5.0), (100.0, -100.0), (math.nan, 5.0)])
def test_one_way_is_not_formed_at_low_load_or_nonsense(ac, dc):
    assert e.one_way(ac, dc, 500.0).value is None

"""Ageing against the published formulas, worked by hand and in small steps of time."""

from dataclasses import replace
from math import exp, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis.ageing import END, LEAST_DAYS, SURE_SOH, UNLIKE, Duty, calendar, cycling, life
from plant.analysis.chemistry import CHEMISTRIES

LFP, NMC = CHEMISTRIES["LFP"], CHEMISTRIES["NMC"]
DUTY = Duty({24: 500.0}, soc=50.0, depth=60.0, rate=0.5, cycles=1.0, days=20)
"""Hours in the class of 24 °C stand for 24.5 °C."""
K_CAL = 1.2571e-5 * 0.60225 * exp(-17126 / 8.314462618 * (1 / 297.65 - 1 / 298.15))
K_CYC = (0.0630 * 0.5 + 0.0971) * 1.0923


def test_lfp_that_stands_loses_with_the_root_of_time():
    assert calendar(LFP, DUTY, 365.0) == pytest.approx(100 * K_CAL * sqrt(365 * 86_400), rel=1e-9)
    assert 3.5 < calendar(LFP, DUTY, 365.0) < 4.7  # Naumann 2018, fig. 6: about 4 % in the first year at 25 °C


def test_lfp_that_stands_full_loses_more_than_half_full():
    # cubic in charge: 2.8575 · 0.5³ + 0.60225 = 0.95944 against 0.60225
    assert calendar(LFP, replace(DUTY, soc=100.0), 90.0) / calendar(LFP, DUTY, 90.0) == pytest.approx(0.9594375 / 0.60225)


def test_lfp_that_cycles_loses_with_the_root_of_cycles_by_rate_and_depth():
    assert cycling(LFP, DUTY, 400.0) == pytest.approx(K_CYC * 20.0)
    deep = cycling(LFP, replace(DUTY, depth=100.0, rate=1.0), 400.0)
    assert deep == pytest.approx((0.0630 + 0.0971) * (4.0253 * 0.064 + 1.0923) * 20.0)


def test_nmc_by_the_formulas_of_schmalstieg():
    volts = float(NMC.open_circuit(50.0))
    by_hand = (7.543 * volts - 23.75) * 1e6 * exp(-6976 / 297.65) * 200.0**0.75
    assert calendar(NMC, DUTY, 200.0) == pytest.approx(100 * by_hand)
    beta = 7.348e-3 * (volts - 3.667) ** 2 + 7.6e-4 + 4.081e-3 * 0.6
    assert cycling(NMC, DUTY, 200.0) == pytest.approx(100 * beta * sqrt(2 * 2.05 * 200.0))


@pytest.mark.parametrize(("kind", "power"), [(LFP, 0.5), (NMC, 0.75)], ids=["LFP", "NMC"])
def test_changing_temperatures_age_as_hour_after_hour_does(kind, power):
    """From the loss so far, each hour continues the curve of its own temperature."""
    mixed = replace(DUTY, temperatures={14: 12.0, 39: 12.0})
    lost = 0.0
    for hour in range(24 * 60):
        k = calendar(kind, replace(DUTY, temperatures={39 if hour % 24 < 12 else 14: 1.0}), 1.0)  # % after a day
        lost = k * ((lost / k) ** (1 / power) + 1 / 24) ** power
    assert calendar(kind, mixed, 60.0) == pytest.approx(lost, rel=1e-6)


def test_lfp_in_closed_form():
    """Both parts go with the root of time: L = K·√t, so from L0 to 20 % it takes (20² − L0²) / K²."""
    k = 100 * K_CAL * sqrt(86_400) + K_CYC  # % per root of a day
    found, why = life(LFP, DUTY, 93.0)
    assert why == ""
    assert found.left == pytest.approx((END**2 - 7.0**2) / k**2 / 365.25, rel=1e-6)
    assert found.low == pytest.approx((END**2 - (7 + SURE_SOH) ** 2) / (k * UNLIKE) ** 2 / 365.25, rel=1e-6)
    assert found.high == pytest.approx((END**2 - (7 - SURE_SOH) ** 2) / (k / UNLIKE) ** 2 / 365.25, rel=1e-6)
    assert not found.is_own
    at = (7.0 / k) ** 2
    assert found.cycles == pytest.approx(K_CYC * (sqrt(at + 365.25) - sqrt(at)), rel=1e-5)


def test_a_known_age_scales_the_model_to_the_battery():
    """Twice the model's loss at its age: four times as fast to the end."""
    k = 100 * K_CAL * sqrt(86_400) + K_CYC
    age = (4.0 / k) ** 2
    found, _ = life(LFP, DUTY, 92.0, age)
    assert found.scale == pytest.approx(2.0)
    assert found.is_own
    assert found.left == pytest.approx((END**2 - 8.0**2) / (2 * k) ** 2 / 365.25, rel=1e-6)
    unscaled, _ = life(LFP, DUTY, 92.0)
    assert found.high is not None and found.high - found.low < 50.0 - unscaled.low  # it knows more


def test_heat_depth_and_wear_shorten_life():
    base, _ = life(NMC, DUTY, 95.0)
    for worse in (replace(DUTY, temperatures={35: 1.0}), replace(DUTY, depth=90.0), replace(DUTY, cycles=2.0), replace(DUTY, soc=95.0)):
        assert life(NMC, worse, 95.0)[0].left < base.left
    assert life(NMC, DUTY, 90.0)[0].left < base.left


@pytest.mark.parametrize(
    ("kind", "duty", "soh", "why"),
    [
        (None, DUTY, 95.0, "chemistry"),
        (CHEMISTRIES["LCO"], DUTY, 95.0, "model"),
        (LFP, None, 95.0, "duty"),
        (LFP, replace(DUTY, days=LEAST_DAYS - 1), 95.0, "duty"),
        (LFP, replace(DUTY, temperatures={}), 95.0, "duty"),
        (LFP, DUTY, None, "soh"),
        (LFP, DUTY, float("nan"), "soh"),
        (LFP, DUTY, 79.9, "over"),
    ],
)
def test_what_cannot_be_told_is_not_told(kind, duty, soh, why):
    assert life(kind, duty, soh) == (None, why)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([LFP, NMC]), st.floats(80.01, 110.0), st.floats(0, 100), st.floats(0, 100), st.floats(0, 3), st.floats(0, 5),
    st.integers(-20, 60), st.one_of(st.none(), st.floats(0, 9000)),
)  # fmt: skip
def test_the_interval_holds_the_figure(kind, soh, soc, depth, rate, cycles, warm, age):
    found, _ = life(kind, Duty({warm: 10.0}, soc, depth, rate, cycles, 9), soh, age)
    assert found.low >= 0.0
    assert found.left is None or found.low <= found.left + 1e-9
    assert found.high is None or (found.left is not None and found.left <= found.high + 1e-9)
